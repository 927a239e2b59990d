package sdk

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
)

func files(en, zh string) fstest.MapFS {
	return fstest.MapFS{"messages/en.json": {Data: []byte(en)}, "messages/zh-CN.json": {Data: []byte(zh)}}
}

func TestTemplate(t *testing.T) {
	for _, c := range []struct {
		text string
		args []any
		want string
	}{
		{"plain", nil, "plain"},
		{"{a} and {b} and {a}", []any{"x", 2}, "x and 2 and x"},
		{"{n} {n|task|tasks}", []any{1}, "1 task"},
		{"{n} {n|task|tasks}", []any{int64(3)}, "3 tasks"},
		{"{n||s}", []any{2}, "s"},
		{"func main() {{}}", nil, "func main() {}"},
		{"{a}", []any{"*b* [l](u) <@x:1>"}, `\*b\* \[l\](u) \<@x:1\>`},
		{"{a}", []any{Markup("*b*")}, "*b*"},
		{"{a}", []any{"- item\n1. one\n> quote"}, "\\- item\n1\\. one\n\\> quote"},
		{"`{a}`", []any{"x`y\nz*"}, "`x'y z*`"},
		{"[here]({a})", []any{"https://e.com/a_(b)c d"}, `[here](https://e.com/a_\(b\)c%20d)`},
		{"[{a}](https://e.com)", []any{"]("}, `[\](](https://e.com)`},
		{"{a}", []any{time.Date(2024, 6, 3, 1, 2, 3, 0, time.UTC)}, "2024-06-03"},
		{"{a}", []any{errors.New("*no*")}, `\*no\*`},
		{"{a}", []any{90 * time.Second}, "1m30s"},
		{"{a}", []any{2.5}, "2.5"},
	} {
		tpl, err := parse(c.text)
		if err != nil {
			t.Errorf("parse(%q): %v", c.text, err)
			continue
		}
		if got := tpl.render(tpl.params(), c.args); string(got) != c.want {
			t.Errorf("%q of %v = %q, want %q", c.text, c.args, got, c.want)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	for _, text := range []string{"{", "a {b", "}", "{}", "{A}", "{a b}", "{a|b}", "{a|b|c|d}", "{1a}"} {
		if tpl, err := parse(text); err == nil {
			t.Errorf("parse(%q) = %+v, want an error", text, tpl)
		}
	}
}

// TestEscapeIsTheTextItself: where no markup is shown, what was escaped is what
// it was.
func TestEscapeIsTheTextItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom([]rune("ab1. -+#*_~`[]()<>\\\n小!"))).Draw(t, "s")
		e := Escape(s)
		if got := e.plain(); got != s {
			t.Fatalf("%q escaped is %q, plain %q", s, e, got)
		}
		// Whatever marks is escaped: taken out with its backslash, none is left.
		var rest strings.Builder
		for i := 0; i < len(e); i++ {
			if e[i] == '\\' {
				i++
				continue
			}
			rest.WriteByte(e[i])
		}
		if i := strings.IndexAny(rest.String(), "*~`[]<>\\"); i >= 0 {
			t.Fatalf("%q escaped is %q: %q marks", s, e, rest.String()[i])
		}
		for line := range strings.SplitSeq(string(e), "\n") {
			if l := strings.TrimLeft(line, " "); strings.HasPrefix(l, "- ") || strings.HasPrefix(l, "1. ") {
				t.Fatalf("%q escaped has the line %q", s, line)
			}
		}
	})
}

func TestLanguageChain(t *testing.T) {
	p := New[struct{}]("chain", "1.0.0", Texts(files(`{"k": "english {n}", "only": "x"}`, `{"k": "中文 {n}", "only": "y"}`)))
	for _, c := range []struct{ community, member, want string }{
		{"en", "", "english 1"},
		{"en", "zh-CN", "中文 1"},
		{"en", "zh", "中文 1"},
		{"zh-CN", "", "中文 1"},
		{"zh-CN", "fr", "中文 1"}, // the community's comes before English
		{"zh-CN", "en-GB", "english 1"},
		{"fr", "de", "english 1"},
		{"en", "zh-Hant-TW", "english 1"},
	} {
		if err := p.p.Warm(&abi.Setup{Locale: c.community}, rowsHost{}); err != nil {
			t.Fatal(err)
		}
		b := &Base{p: p.p, locale: c.member}
		if got := b.T("k", 1); string(got) != c.want {
			t.Errorf("community %q, member %q: %q, want %q", c.community, c.member, got, c.want)
		}
	}
}

func TestManagersWordingsComeFirst(t *testing.T) {
	p := New[struct{}]("override", "1.0.0", Texts(files(`{"k": "hi {name} {n}"}`, `{"k": "{n} 你好 {name}"}`)))
	err := p.p.Warm(&abi.Setup{Locale: "en", Texts: []abi.TextDef{
		{Key: "k", Text: abi.Localized{{Locale: "en", Text: "{n} times hello, {name}, {unknown}"}, {Locale: "fr", Text: "salut {name}"}, {Locale: "zh-CN", Text: "{broken"}}},
		{Key: "gone", Text: abi.Localized{{Locale: "en", Text: "x"}}},
	}}, rowsHost{})
	if err != nil {
		t.Fatal(err)
	}
	for locale, want := range map[string]string{"en": "2 times hello, Ann, {unknown}", "fr": "salut Ann", "zh-CN": "2 你好 Ann"} {
		b := &Base{p: p.p, locale: locale}
		if got := b.T("k", "Ann", 2); string(got) != want {
			t.Errorf("%s: %q, want %q", locale, got, want)
		}
	}
	b := &Base{p: p.p}
	if got := b.TOr(Wordings{"en": "own {name}"}, "k", "Ann", 2); got != "own Ann" {
		t.Errorf("TOr: %q", got)
	}
	if got := b.TOr(Wordings{"en": "{broken *"}, "k", "Ann", 2); got != `{broken \*` {
		t.Errorf("TOr of a broken wording: %q", got)
	}
	if got := b.TOr(nil, "k", "Ann", 2); got != "2 times hello, Ann, {unknown}" {
		t.Errorf("TOr of nothing: %q", got)
	}
}

func TestCatalogueFaultsAreAllNamed(t *testing.T) {
	p := New[struct{}]("faults", "1.0.0", Texts(files(
		`{"a": "x {n}", "b": "y", "c": "ok"}`,
		`{"a": "x {m}", "c": "{", "d": "z"}`)))
	_, err := p.p.Describe()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"zh-CN.json", "a: placeholders differ from en.json's: missing [n], not there [m]", "b: missing", "c: a { without", "d: not in en.json"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if _, err := loadTexts(fstest.MapFS{"messages/zh-CN.json": {Data: []byte("{}")}}); err == nil || !strings.Contains(err.Error(), "no messages/en.json") {
		t.Errorf("without English: %v", err)
	}
}

func TestWrongUseOfTextsIsSaid(t *testing.T) {
	for _, c := range []struct {
		use  func(*Ctx[struct{}])
		want string
	}{
		{func(c *Ctx[struct{}]) { c.T("nope") }, `text "nope" is not in messages/en.json`},
		{func(c *Ctx[struct{}]) { c.T("k") }, `text "k" takes 1 arguments (n), got 0`},
	} {
		p := New[struct{}]("use", "1.0.0", Texts(files(`{"k": "{n}"}`, `{"k": "{n}"}`))).
			OnJoin(func(x *Ctx[struct{}]) error { c.use(x); return nil })
		if e := p.p.Handle(join("web:1", "Ann", ""), rowsHost{}); !strings.HasPrefix(e.Error, c.want) {
			t.Errorf("%q, want %q", e.Error, c.want)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("{a} `{b}` [x]({c}) {n|one|other} {{}}", "*x*")
	f.Fuzz(func(t *testing.T, text, arg string) {
		tpl, err := parse(text)
		if err != nil {
			return
		}
		args := make([]any, len(tpl.params()))
		for i := range args {
			args[i] = arg
		}
		tpl.render(tpl.params(), args)
	})
}
