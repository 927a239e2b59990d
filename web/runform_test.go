package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Without script the form brings a whole page with what came of it.
func TestRunForm(t *testing.T) {
	broken := VerifyResult{Verdict: "compile_error", Diagnostics: []Diagnostic{{Severity: "error", File: "b.go", Line: 2, Column: 9, Code: "UnusedVar",
		Message: "declared and not used: x<script>", Excerpt: "\tx := 1\n\t^", Hint: "Use `x`, or leave it out."}}}
	for _, tc := range []struct {
		name   string
		v      *runner
		form   string
		status int
		has    []string
		not    []string
	}{
		{"works", answers(VerifyResult{Verdict: "accepted", Stdout: "hi\n", Fuel: 1234567, GoVersion: "go1.26"}, nil), fill("code", hi), 200,
			[]string{"It works.", ">hi\n</pre>", "1\u202f234\u202f567", "Exit code 0", "func main() { println(&#34;hi&#34;) }"}, nil},
		{"in Chinese", answers(VerifyResult{Verdict: "deadlock"}, nil), fill("code", hi, "lang", "zh-CN"), 200, []string{"程序永远在等待。"}, nil},
		{"broken", answers(broken, nil), fill("code", "package a\n-- b.go --\npackage a\nx世😀 := 1\n"), 200,
			[]string{"It does not compile yet.", `data-line="4"`, `data-at="35"`, "b.go:2:9", "x&lt;script&gt;", "<code>x</code>"}, []string{"x<script>", "Exit code"}},
		{"line ends of browsers", &runner{VerifyStatus{Ready: true}, func(_ context.Context, s Submission, _ Submitter) (VerifyResult, error) {
			return VerifyResult{Verdict: "accepted", Stdout: fmt.Sprintf("%q %q %q", s.Files, s.Stdin, s.Args)}, nil
		}}, fill("code", "a\r\nb\r\n", "stdin", "1\r\n2", "args", ` a "b c" d\ e '' `), 200, []string{`map[&#34;main.go&#34;:&#34;a\nb\n&#34;] &#34;1\n2&#34; [&#34;a&#34; &#34;b c&#34; &#34;d e&#34; &#34;&#34;]`}, nil},
		{"control characters", answers(VerifyResult{Verdict: "accepted", Stdout: "\x1b[31mred\x00\u202etxt.exe\ufeff<img src=x>", Stderr: "\xff", Fuel: 1}, nil), fill("code", hi), 200,
			[]string{`<i class="odd">\x1b</i>[31mred<i class="odd">\x00\u202e</i>txt.exe<i class="odd">\ufeff</i>&lt;img src=x&gt;`, `<i class="odd">\xff</i>`}, []string{"\x1b", "\u202e", "\ufeff", "<img"}},
		{"cut", answers(VerifyResult{Verdict: "output_limit_exceeded", Stdout: strings.Repeat("x", 65536), Truncated: true, Fuel: 1}, nil), fill("code", hi), 200, []string{"Cut here", "65\u202f536 bytes"}, nil},
		{"tests", answers(VerifyResult{Verdict: "wrong_answer", Fuel: 1, Tests: []TestResult{{Name: "TestA", Passed: true}, {Name: "TestB", Output: "b_test.go:3: <b>"}}}, nil), fill("code", hi), 200,
			[]string{"A test failed.", "1 of 2 passed.", "b_test.go:3: &lt;b&gt;"}, []string{"It printed nothing"}},
		{"silent", answers(VerifyResult{Verdict: "accepted", Fuel: 1}, nil), fill("code", hi), 200, []string{"It printed nothing."}, nil},
		{"a quote left open", answers(VerifyResult{}, nil), fill("code", hi, "args", `"a`), 422, []string{"never closed"}, nil},
		{"no code", answers(VerifyResult{}, nil), fill("code", " \n"), 200, []string{"This cannot be run here."}, nil},
		{"a bad name", answers(VerifyResult{}, nil), fill("code", "-- ../<x>.go --\npackage a\n"), 200, []string{"no names here"}, []string{"../<x>"}},
		{"too much", answers(VerifyResult{}, nil), fill("code", strings.Repeat("世", 30000)), 200, []string{"more than 64 KiB"}, nil},
		{"far too much", answers(VerifyResult{}, nil), fill("code", strings.Repeat("世", 60000)), 413, []string{"at most 64 KiB"}, nil},
		{"no form", answers(VerifyResult{}, nil), "code=%zz", 400, []string{"could not be read"}, nil},
		{"too fast", answers(VerifyResult{}, &TooFastError{Wait: 2500 * time.Millisecond}), fill("code", hi), 429, []string{"begin in 3 s", "println"}, nil},
		{"full", answers(VerifyResult{}, fmt.Errorf("x: %w", ErrFull)), fill("code", hi), 503, []string{"Many programs wait"}, nil},
		{"off", &runner{VerifyStatus{Step: "off"}, nil}, fill("code", hi), 503, []string{"There is no compiler here yet"}, nil},
		{"failed", &runner{VerifyStatus{Step: "failed"}, nil}, fill("code", hi), 503, []string{"could not be prepared"}, nil},
		{"own mistake", answers(VerifyResult{}, errors.New("secret path /x")), fill("code", hi), 500, []string{"hearth made a mistake"}, []string{"secret"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := server(t, Options{Run: &RunOptions{}, Verifier: tc.v})
			w := openIt(s, "POST", "/run", tc.form, formType, "Accept: text/html")
			body := w.Body.String()
			if w.Code != tc.status || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
				t.Fatalf("%d %s\n%s", w.Code, w.Header(), body)
			}
			if (w.Code == 429 || w.Code == 503) != (w.Header().Get("Retry-After") != "") && tc.v.status.Ready {
				t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
			}
			for _, want := range tc.has {
				if !strings.Contains(body, want) {
					t.Errorf("there is no %q in\n%s", want, body[strings.Index(body, "<main>"):])
				}
			}
			for _, not := range tc.not {
				if strings.Contains(body, not) {
					t.Errorf("there is %q", not)
				}
			}
		})
	}
}

func TestRunFormat(t *testing.T) {
	for _, tc := range []struct{ name, code, want, sorry string }{
		{"a file", "package main\nfunc  main(){\nx:=1\n}", "package main\n\nfunc main() {\n\tx := 1\n}\n", ""},
		{"several", "-- a.go --\npackage a\nvar  x=1\n-- b.txt --\n  as it is\n", "-- a.go --\npackage a\n\nvar x = 1\n-- b.txt --\n  as it is\n", ""},
		{"one without a marker", "package a\nvar  x=1\n-- b.go --\npackage a\nvar  y=1\n", "package a\n\nvar x = 1\n-- b.go --\npackage a\n\nvar y = 1\n", ""},
		{"only a comment before", "// hi\n-- b.go --\npackage a\nvar  y=1\n", "// hi\n-- b.go --\npackage a\n\nvar y = 1\n", ""},
		{"what imports anything", "package a\nimport  \"github.com/x/y\"\n", "package a\n\nimport \"github.com/x/y\"\n", ""},
		{"broken", "package main\nfunc main( {", "", "main.go:2:12: "},
		{"braces", "package main\nfunc main() {" + strings.Repeat("{", 30000), "", "nested more than"},
		{"stars", "package main\nvar x " + strings.Repeat("*", 60000) + "int", "", "goes on for more than"},
		{"grown", "package main\nfunc main() {" + strings.Repeat("{", 200) + strings.Repeat("x()\n", 15000) + strings.Repeat("}", 201), "", "more than 64 KiB"},
		{"empty", "", "", "there is no code"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := server(t, Options{Run: &RunOptions{}})
			w := openIt(s, "POST", "/run/format", fill("code", tc.code), formType, "Accept: application/json")
			var a scriptAnswer
			if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
				t.Fatal(err)
			}
			if a.Code != tc.want || !strings.Contains(a.Sorry, tc.sorry) || (a.Sorry == "") != (tc.sorry == "") || (w.Code == 200) != (tc.sorry == "") {
				t.Errorf("%d %.300q", w.Code, a)
			}
		})
	}
}

// Changing the language keeps the program; an example changes its comments.
func TestRunLanguage(t *testing.T) {
	s, _ := server(t, Options{Run: &RunOptions{}})
	p := &s.examplesOf(t)[0]
	w := openIt(s, "POST", "/run/language", fill("to", "zh-CN", "code", p.program("en").Code, "example", p.ID), formType)
	if !strings.Contains(w.Body.String(), "每个程序都从 main 包开始") || w.Header().Get("Content-Language") != "zh-CN" {
		t.Error("the example does not speak Chinese")
	}
	w = openIt(s, "POST", "/run/language", fill("to", "zh-CN", "code", p.program("en").Code+"// mine", "example", p.ID), formType)
	if !strings.Contains(w.Body.String(), "// mine") || !strings.Contains(w.Body.String(), "Every program begins") {
		t.Error("what somebody wrote is lost")
	}
}

// examplesOf reads the examples as the server does.
func (s *Server) examplesOf(t *testing.T) []example {
	t.Helper()
	all, err := readExamples(runFiles)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSplitArgs(t *testing.T) {
	for _, tc := range []struct {
		line string
		want []string
		ok   bool
	}{
		{"", nil, true}, {"  ", nil, true}, {"a b", []string{"a", "b"}, true}, {`"a b"c 'd"e' ""`, []string{"a bc", `d"e`, ""}, true},
		{`a\ b \"`, []string{"a b", `"`}, true}, {`'\'`, []string{`\`}, true}, {`"`, nil, false}, {`a\`, nil, false}, {"世 界", []string{"世", "界"}, true},
	} {
		got, ok := splitArgs(tc.line)
		if ok != tc.ok || ok && fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tc.want) {
			t.Errorf("%s: %q %v", tc.line, got, ok)
		}
	}
}

func TestOffset(t *testing.T) {
	for _, tc := range []struct {
		text         string
		line, column int
		want         int
	}{
		{"abc", 1, 1, 0}, {"abc", 1, 3, 2}, {"abc", 1, 9, 3}, {"abc", 1, 0, 0}, {"abc", 2, 1, -1}, {"世\n😀b", 2, 5, 4}, {"世\n😀b", 2, 3, 2}, {"a\n", 2, 1, 2},
	} {
		if got := offset(tc.text, tc.line, tc.column); got != tc.want {
			t.Errorf("%q %d:%d: %d", tc.text, tc.line, tc.column, got)
		}
	}
}
