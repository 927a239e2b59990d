package pack

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/tools/txtar"

	"github.com/hearthbot/hearth/plugins/tasks/paste"
)

// code reads code.txtar and holds it to what the task's kind needs.
func (l *loader) code(t *Task) {
	name := t.ID + "/code.txtar"
	text, ok := l.read(name)
	if !ok {
		l.wrong(name, 0, "there is none; write starter/, solution/ and how an answer is checked into it")
		return
	}
	a := txtar.Parse([]byte(text))
	seen := map[string]bool{}
	var want, accept *string
	for _, f := range a.Files {
		line := lineOf(text, f.Name)
		body := string(f.Data)
		switch dir, rest, below := strings.Cut(f.Name, "/"); {
		case seen[f.Name]:
			l.wrong(name, line, "%.60s is there twice", f.Name)
		case below && !goodName(rest):
			l.wrong(name, line, "%.60q is no name for a file of a program", f.Name)
		case below && dir == "starter":
			t.Starter = append(t.Starter, File{rest, body})
		case below && dir == "solution":
			t.Solution = append(t.Solution, File{rest, body})
		case below && dir == "tests":
			if !strings.HasSuffix(rest, ".go") {
				l.wrong(name, line, "%.60s is no Go file; hidden tests are", f.Name)
			}
			t.Tests = append(t.Tests, File{rest, body})
		case f.Name == "want":
			want = &body
		case f.Name == "stdin":
			t.Stdin = body
		case f.Name == "accept.json":
			accept = &body
		default:
			l.wrong(name, line, "%.60q has no place here; there are starter/…, solution/…, tests/…, want, stdin and accept.json", f.Name)
		}
		seen[f.Name] = true
	}
	bad := func(format string, args ...any) { l.wrong(name, 0, format, args...) }
	switch n := 0; {
	case len(t.Starter) == 0:
		bad("there is no starter/; give the member something to begin with")
	case len(t.Solution) == 0:
		bad("there is no solution/; it shows that the task can be done")
	default:
		for _, f := range t.Starter {
			n += utf8.RuneCountInString(f.Text)
		}
		if n > maxStarter {
			bad("the starter has %d characters, at most %d fit into a form; make it shorter", n, maxStarter)
		}
	}
	if len(text) > maxCode {
		bad("it has %d KiB, at most %d", len(text)>>10, maxCode>>10)
	}
	switch t.Kind {
	case Program:
		if (want == nil) == (len(t.Tests) == 0) {
			bad("a program has the file want, what it prints, or tests/: one of them")
		}
	case Test:
		if len(t.Tests) == 0 || want != nil {
			bad("a task of kind test has tests/ and no want")
		}
	case Paste:
		if len(t.Tests) > 0 || want != nil || t.Stdin != "" {
			bad("nothing is run for a paste; take tests/, want and stdin out")
		}
		l.paste(t, name, text, accept)
		return
	}
	if want != nil {
		t.Want = *want
	}
	if accept != nil {
		bad("accept.json is for tasks of kind paste")
	}
}

// paste reads a paste's rules and tries them on the two examples.
func (l *loader) paste(t *Task, name, text string, accept *string) {
	if accept == nil {
		l.wrong(name, 0, "a paste has rules in accept.json; there is none")
		return
	}
	rules, err := paste.Parse([]byte(*accept))
	if err != nil {
		l.wrong(name, lineOf(text, "accept.json"), "accept.json: %v", err)
		return
	}
	t.Accept = rules
	for _, files := range [][]File{t.Starter, t.Solution} {
		if len(files) != 1 || files[0].Name != "paste.txt" {
			l.wrong(name, 0, "a paste has one starter/paste.txt and one solution/paste.txt")
			return
		}
	}
	if rules.Check(t.Starter[0].Text).OK {
		l.wrong(name, lineOf(text, "starter/paste.txt"), "the rules accept starter/paste.txt; it is to show what they do not")
	}
	if !rules.Check(t.Solution[0].Text).OK {
		l.wrong(name, lineOf(text, "solution/paste.txt"), "the rules do not accept solution/paste.txt")
	}
}

// lineOf is the line of a file's mark in an archive; 0 if it is not found.
func lineOf(text, file string) int {
	n := 1
	for line := range strings.SplitSeq(text, "\n") {
		if mark, ok := strings.CutPrefix(line, "-- "); ok && strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(mark), "--")) == file {
			return n
		}
		n++
	}
	return 0
}
