package change

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/web/page"
)

// TestBuiltIn holds every text of the bundled plugins and of hearth's own against
// what the page takes, in English and in Chinese, and looks for placeholders of
// which nobody has thought of an example.
func TestBuiltIn(t *testing.T) {
	files, err := filepath.Glob("../../plugins/*/messages/*.json")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "../../host/house/messages/en.json", "../../host/house/messages/zh-CN.json")
	n := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]string
		if err := json.Unmarshal(raw, &texts); err != nil {
			t.Fatal(err)
		}
		for key, text := range texts {
			n++
			params := named(text)
			for _, f := range check(text, params) {
				t.Errorf("%s: %s: %s %v", file, key, f.key, f.args)
			}
			pieces, _ := takeApart(text, params)
			if shown := newFiller(pieces, strings.TrimSuffix(filepath.Base(file), ".json"), "Gophers").fill(pieces, many); strings.Contains(shown, "‹") {
				t.Errorf("%s: %s: there is no example for a placeholder, add one to samples: %s", file, key, shown)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d texts", n)
	}
}

// named are the placeholders of a text, whatever they are called.
func named(text string) (params []string) {
	for {
		_, faults := takeApart(text, params)
		i := slices.IndexFunc(faults, func(f fault) bool { return f.key == "fault.none" || f.key == "fault.unknown" })
		if i < 0 {
			return params
		}
		name, _, _ := strings.Cut(text[faults[i].from+1:faults[i].to-1], "|")
		params = append(params, name)
	}
}

// TestAnyText takes whatever somebody may type: every fault lies within the text
// and can be shown, and a text without one comes out as its pieces.
func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"{", "}", "{{", "}}", "{name}", "{n|a|b}", "|", "\n", "\t", "x", "水", "\u202e", "\x00", "\xff", "é", "{nme}", " "}), 0, 12).Draw(t, "parts")
		text := strings.Join(parts, "")
		params := []string{"name", "n"}
		faults := check(text, params)
		for _, f := range faults {
			if f.from < 0 || f.to <= f.from || f.to > len(text) {
				t.Fatalf("%q: a fault from %d to %d", text, f.from, f.to)
			}
		}
		for _, p := range problems(page.Texts{}, text, faults) {
			if p.Line < 1 || p.Column < 1 || !utf8.ValidString(p.Before+p.Wrong+p.After) || !strings.Contains(p.Caret, "^") {
				t.Fatalf("%q: %+v", text, p)
			}
		}
		if len(faults) > 0 {
			return
		}
		pieces, _ := takeApart(text, params)
		var b strings.Builder
		for _, p := range pieces {
			b.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(p.text))
			if p.param != "" {
				b.WriteString("{" + strings.Join(append([]string{p.param}, p.forms...), "|") + "}")
			}
		}
		if b.String() != text {
			t.Fatalf("%q was read as %q", text, b.String())
		}
	})
}
