package abi_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
)

func say(blocks ...abi.Block) abi.Effects {
	return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Member: "web:1"}, Content: abi.Content{Blocks: blocks}}}}}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	text := abi.Block{Text: "hi"}
	note := bytes.Repeat([]byte("n"), abi.MaxNote+1)
	many := func(n int) []abi.Effect { return make([]abi.Effect, n) }
	for _, c := range []struct {
		name string
		abi.Effects
		want string // "" if nothing is
	}{
		{"nothing", abi.Effects{}, ""},
		{"a message", say(text), ""},
		{"a row of a member", abi.Effects{Writes: []abi.Write{{Key: "m/web:1/x", Value: []byte("v")}}}, ""},
		{"too many effects", abi.Effects{Out: many(abi.MaxEffects + 1)}, "65 effects in one invocation, at most 64"},
		{"an empty effect", abi.Effects{Out: many(1)}, "effect 1: 0 of its fields are set"},
		{"two in one", abi.Effects{Out: []abi.Effect{{Track: &abi.Track{Name: "a"}, Cancel: &abi.Cancel{Name: "b"}}}}, "2 of its fields"},
		{"a key of no scope", abi.Effects{Writes: []abi.Write{{Key: "x/y"}}}, `state key "x/y" is none of c/NAME`},
		{"a member without a name", abi.Effects{Writes: []abi.Write{{Key: "m/web:1"}}}, "is none of"},
		{"a key with a space", abi.Effects{Writes: []abi.Write{{Key: "c/a b"}}}, "escape it as %20"},
		{"a long key", abi.Effects{Writes: []abi.Write{{Key: "c/" + strings.Repeat("k", abi.MaxKey)}}}, "258 bytes, at most 256"},
		{"a long value", abi.Effects{Writes: []abi.Write{{Key: "c/a", Value: make([]byte, abi.MaxValue+1)}}}, "65537 bytes, at most 65536"},
		{"a row twice", abi.Effects{Writes: []abi.Write{{Key: "c/a"}, {Key: "c/a", Delete: true}}}, "row c/a is written twice"},
		{"a counter that is written", abi.Effects{Writes: []abi.Write{{Key: "c/a"}}, Adds: []abi.Add{{Key: "c/a", Delta: 1}}}, "row c/a is written and added to"},
		{"no blocks", say(), "a message of 0 blocks"},
		{"not UTF-8", say(abi.Block{Text: "\xff"}), "not UTF-8"},
		{"much text", say(abi.Block{Text: strings.Repeat("x", abi.MaxText+1)}), "32769 bytes, at most 32768"},
		{"a button without a label", say(abi.Block{Buttons: []abi.Button{{Action: "a"}}}), "block 1: a button without a label"},
		{"a button that does nothing", say(abi.Block{Buttons: []abi.Button{{Label: "x"}}}), "the button's action has no name"},
		{"a link that is none", say(abi.Block{Buttons: []abi.Button{{Label: "x", URL: "javascript:alert(1)"}}}), "no https address"},
		{"a link", say(abi.Block{Buttons: []abi.Button{{Label: "x", URL: "https://go.dev/"}}}), ""},
		{"a long note", say(abi.Block{Buttons: []abi.Button{{Label: "x", Action: "a", Note: note}}}), "a note of 4097 bytes"},
		{"a form without inputs", say(abi.Block{Form: &abi.Form{Name: "f", Title: "F"}}), "has 0 inputs"},
		{"two forms", say(form(), form()), "2 forms in one message"},
		{"a ragged table", say(abi.Block{Table: &abi.Table{Header: []string{"a", "b"}, Rows: [][]string{{"1"}}}}), "1 cells under a header of 2"},
		{"to nobody", abi.Effects{Out: []abi.Effect{{Send: &abi.Send{Content: abi.Content{Blocks: []abi.Block{text}}}}}}, "to nobody"},
		{"a timer without a name", abi.Effects{Out: []abi.Effect{{Timer: &abi.Timer{}}}}, "the timer has no name"},
		{"an abort of nothing in particular", abi.Effects{Out: []abi.Effect{{Abort: &abi.Abort{Name: "a"}}}}, "without its key"},
		{"a long key of an action", abi.Effects{Out: []abi.Effect{{Abort: &abi.Abort{Name: "a", Key: strings.Repeat("k", 129)}}}}, "129 bytes"},
		{"an action that asks for nothing", abi.Effects{Out: []abi.Effect{{Action: &abi.Action{Name: "a"}}}}, "asks for 0 of HTTP, Verify and Host"},
		{"a long cursor", abi.Effects{Out: []abi.Effect{{Continue: &abi.Continue{Cursor: note}}}}, "a note of 4097 bytes"},
	} {
		err := c.Effects.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func form() abi.Block {
	return abi.Block{Form: &abi.Form{Name: "f", Title: "F", Inputs: []abi.Input{{Name: "i", Label: "I"}}}}
}

func TestLocalizedIn(t *testing.T) {
	l := abi.Localized{{Locale: "en", Text: "en"}, {Locale: "zh-CN", Text: "简"}, {Locale: "pt-BR", Text: "br"}}
	for locale, want := range map[string]string{"en": "en", "zh-CN": "简", "zh-Hans-SG": "简", "zh": "简", "zh-TW": "en", "zh-Hant": "en",
		"pt": "br", "PT-pt": "br", "fr": "en", "": "en"} {
		if got := l.In(locale); got != want {
			t.Errorf("In(%q) = %q, want %q", locale, got, want)
		}
	}
}

func TestCounterValue(t *testing.T) {
	for _, c := range []struct {
		row  []byte
		want int64
		ok   bool
	}{
		{[]byte{0, 0, 0, 0, 0, 0, 1, 0}, 256, true},
		{bytes.Repeat([]byte{0xff}, 8), -1, true},
		{nil, 0, false},
		{[]byte{1}, 0, false},
	} {
		if n, err := abi.CounterValue(c.row); n != c.want || (err == nil) != c.ok {
			t.Errorf("CounterValue(%x) = %d, %v", c.row, n, err)
		}
	}
}
