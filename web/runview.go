package web

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/verify/explain"
	"github.com/hearthbot/hearth/host/verify/source"
)

func hint(code, message, lang string) string { return explain.Hint(code, message, lang) }

// resultView is a result as the page shows it.
type resultView struct {
	Verdict     string // its term: a class
	Mark        string // ✓, ✗, !
	Title, Text string
	Aloud       string // what a screen reader says when it has come
	Diagnostics []diagnosticView
	Stdout      []span
	Stderr      []span
	Cut         string // what was cut; "" if nothing
	Silent      bool   // it ran, and printed nothing
	Tests       []testView
	Exit        string // how it ended, if it ran
	Figures     []figure
}

// diagnosticView is a diagnostic as the page shows it.
type diagnosticView struct {
	Severity string
	Kind     string // the severity in words
	Where    string // main.go:3:7
	At       int    // the place in the editor's text, in UTF-16 units; -1 for none
	Line     int    // the line of the editor, from 1
	Message  []span
	Excerpt  []span
	Hint     []span
}

type testView struct {
	Name   []span
	Passed bool
	Word   string
	Output []span
}

type figure struct{ Name, Value string }

// A span is a part of a text. Odd ones are characters that are not seen, or
// that turn a text around, written out: \u202e.
type span struct {
	Text      string
	Odd, Code bool
}

// The marks of verdicts. All others failed.
var verdictMarks = map[string]string{"accepted": "✓", "goroutine_leak": "!", "vet_error": "!", "internal_error": "!"}

func newResultView(f *submitted, res *VerifyResult) *resultView {
	t := runTexts(f.Lang)
	v := &resultView{Verdict: res.Verdict, Mark: "✗", Title: t.Say("verdict." + res.Verdict), Text: t.Say("verdict." + res.Verdict + ".more")}
	if m := verdictMarks[res.Verdict]; m != "" {
		v.Mark = m
	}
	if len(res.Tests) > 0 && (res.Verdict == "accepted" || res.Verdict == "wrong_answer") {
		v.Title, v.Text = t.Say("tests."+res.Verdict), t.Tests(res.Tests)
	}
	begin := starts(f.Code)
	places := 0
	for _, d := range res.Diagnostics {
		dv := diagnosticView{Severity: d.Severity, Kind: t.Say("severity." + d.Severity), At: -1,
			Message: visible(d.Message), Excerpt: visible(d.Excerpt), Hint: quoted(d.Hint)}
		if d.File != "" {
			dv.Where = printable(d.File)
		}
		if d.Line > 0 {
			dv.Where = strings.TrimPrefix(dv.Where+fmt.Sprintf(":%d", d.Line), ":")
			if d.Column > 0 {
				dv.Where += fmt.Sprintf(":%d", d.Column)
			}
			at, ok := begin[d.File]
			if d.File == "" {
				at, ok = 0, true
			}
			if ok {
				if dv.At = offset(f.Code, at+d.Line, d.Column); dv.At >= 0 {
					dv.Line = at + d.Line
				}
			}
		}
		if dv.At >= 0 {
			places++
		}
		v.Diagnostics = append(v.Diagnostics, dv)
	}
	for _, test := range res.Tests {
		word := "tests.failed"
		if test.Passed {
			word = "tests.passed"
		}
		v.Tests = append(v.Tests, testView{visible(test.Name), test.Passed, t.Say(word), visible(test.Output)})
	}
	ran := res.Fuel > 0
	v.Stdout, v.Stderr = visible(res.Stdout), visible(res.Stderr)
	v.Silent = ran && len(v.Stdout) == 0 && len(v.Stderr) == 0 && len(v.Tests) == 0
	if res.Truncated {
		v.Cut = t.Say("cut", count(int64(len(res.Stdout))), count(int64(len(res.Stderr))))
	}
	v.Aloud = v.Title + " " + t.Found(len(v.Diagnostics), places)
	v.figures(t, res, ran)
	return v
}

// figures are for who wants to know more.
func (v *resultView) figures(t runTexts, res *VerifyResult, ran bool) {
	add := func(key, value string) { v.Figures = append(v.Figures, figure{t.Say("figure." + key), value}) }
	if ran {
		v.Exit = t.Say("exit", res.ExitCode)
		add("fuel", count(res.Fuel))
		add("memory", fmt.Sprintf("%.1f MiB", float64(res.PeakMemory)/(1<<20)))
		add("virtual", milliseconds(res.VirtualMS))
	}
	add("real", milliseconds(res.DurationMS))
	if res.GoVersion != "" {
		add("go", res.GoVersion)
	}
	cached := "no"
	if res.Cached {
		cached = "yes"
	}
	add("cached", t.Say("figure.cached."+cached))
}

func milliseconds(ms int64) string {
	if ms < 10_000 {
		return count(ms) + " ms"
	}
	return fmt.Sprintf("%.1f s", float64(ms)/1000)
}

// mostSpans bounds how many odd spans of a text are marked as such; the others
// are written out like the rest.
const mostSpans = 1000

// visible divides a text that came from a program into what can be read and
// what cannot. Line ends become "\n"; tabs stay.
func visible(s string) []span {
	var out []span
	var plain, odd strings.Builder
	flush := func(b *strings.Builder, isOdd bool) {
		if b.Len() > 0 {
			out = append(out, span{Text: b.String(), Odd: isOdd})
			b.Reset()
		}
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		esc := escape(r, s[i:i+n])
		i += n
		switch {
		case esc == "":
			flush(&odd, true)
			plain.WriteRune(r)
		case len(out) >= mostSpans:
			flush(&odd, true)
			plain.WriteString(esc)
		default:
			flush(&plain, false)
			odd.WriteString(esc)
		}
	}
	flush(&plain, false)
	flush(&odd, true)
	return out
}

// escape is how a character is written that is not seen; "" for others.
func escape(r rune, bytes string) string {
	switch {
	case r == '\n' || r == '\t':
		return ""
	case r == utf8.RuneError && len(bytes) <= 1:
		return fmt.Sprintf(`\x%02x`, bytes)
	case r < 0x80 && unicode.IsControl(r):
		return fmt.Sprintf(`\x%02x`, r)
	case r == '\u200d' || r == '\ufe0f':
		return "" // join what is one emoji
	case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co):
		if r > 0xffff {
			return fmt.Sprintf(`\U%08x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}
	return ""
}

// printable is visible as one text.
func printable(s string) string {
	var b strings.Builder
	for _, p := range visible(s) {
		b.WriteString(p.Text)
	}
	return b.String()
}

// quoted divides a text of ours at its backquotes.
func quoted(s string) []span {
	var out []span
	for i, part := range strings.Split(source.Cut(s, 2<<10), "`") {
		for _, p := range visible(part) {
			p.Code = i%2 == 1
			out = append(out, p)
		}
	}
	return out
}
