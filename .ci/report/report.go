package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Bounds of what is shown of a test, a package or a build that failed: the
// beginning says what came first, the end why it stopped.
const (
	headLines = 40
	tailLines = 80
	lineBytes = 400
)

// quiet is how long nothing stands there before it is said what runs.
const quiet = time.Minute

// event is a line of `go test -json`; see `go doc test2json`.
type event struct {
	Time                          time.Time
	Action, Package, Test, Output string
	ImportPath, FailedBuild       string
	Elapsed                       float64 // seconds
}

// test is one of a package; its name is "" for what the package says outside of
// tests, and for a build.
type test struct{ pkg, name string }

// report is what was heard so far. Not safe for concurrent use.
type report struct {
	out                     io.Writer
	said                    map[test][]string // of what has not ended, in lines
	failed                  []string          // what was shown of what failed, to be shown again
	blamed                  map[string]bool   // the packages in which something failed
	runs                    map[string]string // the newest test of each package that has not ended
	wrote                   time.Time         // when a line was last printed
	skips                   map[string]int    // how many, by their reason
	figures                 []string
	passed, skipped, faults int
}

func newReport(out io.Writer) *report {
	return &report{out: out, said: map[test][]string{}, runs: map[string]string{}, blamed: map[string]bool{}, skips: map[string]int{}}
}

// read takes all that go test says, until it ends.
func (r *report) read(in io.Reader) error {
	b := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := b.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if line[0] != '{' || json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(r.out, "%s\n", strings.TrimRight(string(line), "\n")) // go test's own word
			} else {
				r.hear(e)
			}
		}
		if errors.Is(err, io.EOF) {
			for _, pkg := range slices.Sorted(maps.Keys(r.runs)) { // go test itself was ended
				r.end(event{Action: "fail", Package: pkg})
			}
			return nil
		} else if err != nil {
			return err
		}
	}
}

var (
	framing = regexp.MustCompile(`^\s*(=== (RUN|PAUSE|CONT|NAME)\s|--- (PASS|SKIP): )`)
	logged  = regexp.MustCompile(`^\s*[a-zA-Z0-9_]+\.go:[0-9]+: `)
)

// hear takes one event.
func (r *report) hear(e event) {
	t := test{e.Package, e.Test}
	if r.wrote.IsZero() {
		r.wrote = e.Time
	}
	if e.Time.Sub(r.wrote) > quiet && len(r.runs) > 0 {
		r.wrote = e.Time
		var at []string
		for pkg, name := range r.runs {
			at = append(at, strings.TrimSpace(name+" in "+pkg))
		}
		slices.Sort(at)
		fmt.Fprintln(r.out, "running:", strings.Join(at, ", "))
	}
	switch e.Action {
	case "start":
		r.runs[e.Package] = "tests"
	case "run":
		r.runs[e.Package] = e.Test
	case "build-output":
		b := test{pkg: e.ImportPath}
		r.said[b] = append(r.said[b], e.Output)
	case "build-fail":
		r.show(e.ImportPath, "cannot be built: "+e.ImportPath, r.take(test{pkg: e.ImportPath}))
	case "output":
		r.said[t] = append(r.said[t], e.Output)
		if at := logged.FindString(e.Output); at != "" && strings.HasPrefix(e.Output[len(at):], "figure: ") {
			r.figures = append(r.figures, cut(strings.TrimSpace(strings.TrimPrefix(e.Output[len(at):], "figure: "))))
		}
	case "pass", "skip", "fail":
		if e.Test == "" {
			r.end(e)
			return
		}
		lines := r.take(t)
		switch e.Action {
		case "pass":
			r.passed++
		case "skip":
			r.skipped++
			r.skips[reason(lines)]++
		case "fail":
			lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "--- FAIL: "+e.Test+" (") })
			r.show(e.Package, fmt.Sprintf("--- FAIL: %s in %s (%.2fs)", e.Test, e.Package, e.Elapsed), lines)
		}
	}
}

// end closes a package: with go test's own line of it if there is one.
func (r *report) end(e event) {
	own := r.take(test{pkg: e.Package})
	var open []string // what tests said that did not end: a panic's stack is among it
	for t := range r.said {
		if t.pkg == e.Package {
			open = append(open, t.name)
		}
	}
	slices.Sort(open)
	// go test's own line, which says whether there are tests at all.
	last := fmt.Sprintf("%s\t%s\t%.3fs", map[string]string{"pass": "ok  ", "skip": "?   ", "fail": "FAIL"}[e.Action], e.Package, e.Elapsed)
	for _, line := range own {
		if strings.Contains(line, "\t"+e.Package) {
			last = strings.TrimSpace(line)
		}
	}
	delete(r.runs, e.Package)
	r.wrote = e.Time
	fmt.Fprintln(r.out, last)
	for _, name := range open {
		lines := r.take(test{e.Package, name})
		if e.Action == "fail" {
			r.show(e.Package, fmt.Sprintf("--- FAIL: %s in %s did not end", name, e.Package), lines)
		}
	}
	// A package may fail though none of its tests did: what it says then is why.
	own = slices.DeleteFunc(own, func(line string) bool {
		line = strings.TrimSpace(line)
		return line == "" || line == "FAIL" || line == "PASS" || line == last || strings.HasPrefix(line, "coverage: ")
	})
	if e.Action == "fail" && e.FailedBuild == "" && (len(own) > 0 || !r.blamed[e.Package]) {
		r.show(e.Package, "FAIL: "+e.Package, own)
	}
}

// take returns what was said, and forgets it.
func (r *report) take(t test) []string {
	lines := strings.Split(strings.TrimRight(strings.Join(r.said[t], ""), "\n"), "\n")
	delete(r.said, t)
	return lines
}

// show prints what failed in a package, now and in the end.
func (r *report) show(pkg, what string, lines []string) {
	r.faults++
	r.blamed[pkg] = true
	lines = slices.DeleteFunc(lines, func(line string) bool { return framing.MatchString(line) || strings.TrimSpace(line) == "" })
	if n := len(lines) - headLines - tailLines; n > 0 {
		lines = slices.Concat(lines[:headLines], []string{fmt.Sprintf("… %d lines …", n)}, lines[len(lines)-tailLines:])
	}
	text := what
	for _, line := range lines {
		text += "\n    " + cut(line)
	}
	fmt.Fprintln(r.out, text)
	r.failed = append(r.failed, text)
}

// reason is why a test was skipped, in its own words.
func reason(lines []string) string {
	for _, line := range slices.Backward(lines) {
		if at := logged.FindString(line); at != "" {
			return cut(line[len(at):])
		}
	}
	return "no reason given"
}

func cut(line string) string {
	if len(line) > lineBytes {
		return strings.ToValidUTF8(line[:lineBytes], "") + "…"
	}
	return line
}

// sum says at the end what is worth knowing of it all.
func (r *report) sum() {
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(r.out, "\n%s:\n%s\n", title, strings.Join(lines, "\n"))
		}
	}
	list("What failed", r.failed)
	var skips []string
	for why, n := range r.skips {
		skips = append(skips, fmt.Sprintf("%4d %s", n, why))
	}
	slices.SortFunc(skips, func(a, b string) int { return strings.Compare(a[5:], b[5:]) })
	list("Skipped", skips)
	list("Figures", r.figures)
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.faults, r.skipped)
}
