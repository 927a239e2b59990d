package web

import (
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/host/verify/explain"
	"github.com/hearthbot/hearth/web/page"
)

func hint(code, message, lang string) string { return explain.Hint(code, message, lang) }

// resultView is a result as the page shows it.
type resultView struct {
	Verdict     string // its term: a class
	Mark        string // ✓, ✗, !
	Title, Text string
	Aloud       string // what a screen reader says when it has come
	Diagnostics []diagnosticView
	Stdout      []page.Span
	Stderr      []page.Span
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
	Message  []page.Span
	Excerpt  []page.Span
	Hint     []page.Span
}

type testView struct {
	Name   []page.Span
	Passed bool
	Word   string
	Output []page.Span
}

type figure struct{ Name, Value string }

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
			Message: page.Visible(d.Message), Excerpt: page.Visible(d.Excerpt), Hint: page.Quoted(d.Hint)}
		if d.File != "" {
			dv.Where = page.Printable(d.File)
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
		v.Tests = append(v.Tests, testView{page.Visible(test.Name), test.Passed, t.Say(word), page.Visible(test.Output)})
	}
	ran := res.Fuel > 0
	v.Stdout, v.Stderr = page.Visible(res.Stdout), page.Visible(res.Stderr)
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
