// Package screen looks at a member's Go before anything else is done with it:
// is it Go at all, may it be run here, and will the type checker and the
// compiler come to an end with it. It reads the text and the syntax; types and
// meaning are for package check.
//
// # What is refused
//
// Files a program here has no use for (go.mod, assembly, C), directives that
// reach outside it (//go:embed, //go:linkname, //line, //go:wasmimport and
// their like, cgo), imports that are not allowed or cannot work, and what the
// go command would refuse before it compiles: mixed packages, no func main.
//
// # What would take too long
//
// Compilers recurse, and a few hundred bytes can describe a type of a billion
// fields. Before a file is parsed its tokens are counted, which bounds how deep
// any recursion over its syntax can go; then the sizes of types and constants
// are computed from the syntax, with each declaration counted out in full, and
// compared with the bounds below. They are far above what people write by hand.
// What passes is type-checked in well under a second. It may still be too dear
// for the compiler, which therefore has a budget of its own.
//
// Screen is a function of its arguments and may be called concurrently. It
// takes milliseconds for the largest submission.
package screen

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/verify/source"
)

// Bounds on a program. Where a figure is given, it is what the type checker or
// the compiler took at or beyond the bound.
const (
	// MaxNesting is how deep brackets of any kind may nest. Code people write
	// stays below 30; the strangest of Go's own tests has 254.
	MaxNesting = 256

	// MaxDepth is how many tokens may lie open at once: those since the last
	// comma or semicolon, on every level of nesting. No recursion over the syntax
	// is deeper, be it of 100,000 stars, a sum of as many terms or a chain of
	// else-ifs. A sum of 2,000 terms is allowed.
	MaxDepth = 4_000

	// MaxNames is how many names a package may declare.
	MaxNames = 2_000

	// MaxStatements is how many statements a function may have. The compiler's
	// time grows faster than their number: 60,000 take it more than 40 s.
	MaxStatements = 4_000

	// MaxLeaves is how many fields a value may have, all structs in it counted
	// out. Twenty-six structs of two fields in each other have 2^26.
	MaxLeaves = 1 << 13

	// MaxTree is how many parts a type's full name may have, all aliases and type
	// arguments counted out. The type checker's time grows with the third power of
	// how deep they nest: 2,000 in each other take it 20 s.
	MaxTree = 400

	// MaxBytes is the size of a type: more than a program here has memory for.
	MaxBytes = 64 << 20

	// MaxConstant is how many bytes constant strings may have together: doubled
	// forty times, one of a byte has 2^40.
	MaxConstant = 8 << 20

	// MaxGrowth is how much work generic code may make by growing types, as a
	// function from T to Pair[T, T] does with each call: parts of a type × its
	// depth × calls. At 100 million the type checker takes 2 to 3 s.
	MaxGrowth = 32_000_000

	// MaxMethodWork bounds methods demanded by interfaces × methods and fields
	// declared × statements: the type checker may compare each with each.
	MaxMethodWork = 100_000_000

	// MaxInitWork bounds the graph of what initialises what: package variables
	// with an initial value and functions × variables and functions. 900 variables
	// that each depend on 900 others take 2 to 3 s to be put in order.
	MaxInitWork = 400_000

	// MaxDiagnostics is how many diagnostics Screen returns.
	MaxDiagnostics = 20
)

// Rules are what a submission may do.
type Rules struct {
	// Imports says whether a package may be imported; nil is [Standard]. It is not
	// asked about "C" and "unsafe".
	Imports func(path string) bool

	// Unsafe allows to import unsafe. With tests it is never allowed: a program
	// that can write anywhere could write the tests' results.
	Unsafe bool

	// Library allows a package other than main, and a main without func main. So
	// do tests, the submission's own or others.
	Library bool
}

// Screen says what is wrong with a submission, errors first, each kind in the
// order of the files; nothing if it can be type-checked. files are the member's,
// tests are files of the same package that come from elsewhere. Codes are
// "screen/…", or "source/…" for what [source.Check] and [source.Bidi] say.
// Excerpts are filled in for places in files.
func Screen(files, tests []source.File, r Rules) []source.Diagnostic {
	s := &screener{rules: r, tests: len(tests) > 0}
	if s.rules.Imports == nil {
		s.rules.Imports = Standard
	}
	if s.text(files, false) && s.text(tests, true) && s.parse(files, tests) {
		s.packages()
		s.imports()
		s.declarations()
		s.sizes()
	}
	for _, f := range files {
		s.found = append(s.found, source.Bidi(f)...)
	}
	out := s.found
	slices.SortStableFunc(out, func(a, b source.Diagnostic) int { return rank(a) - rank(b) })
	out = out[:min(len(out), MaxDiagnostics)]
	source.Show(files, out)
	return out
}

func rank(d source.Diagnostic) int {
	if d.Severity == source.Error {
		return 0
	}
	return 1
}

// A screener is one run of Screen.
type screener struct {
	rules Rules
	tests bool
	large bool    // a type is too large
	files []*file // those that are Go, the member's before the tests'
	found []source.Diagnostic
}

// add reports an error at a place; the line is 0 for the file as a whole.
func (s *screener) add(at place, code, format string, args ...any) {
	if len(s.found) >= 4*MaxDiagnostics {
		return
	}
	s.found = append(s.found, source.Diagnostic{Severity: source.Error, File: at.file, Line: at.line, Column: at.column,
		Code: "screen/" + code, Message: fmt.Sprintf(format, args...)})
}

type place struct {
	file         string
	line, column int
}

// text checks what needs no syntax: bounds, and the names of files. Only if it
// returns true is the rest worth reading.
func (s *screener) text(files []source.File, tests bool) bool {
	if len(files) == 0 {
		if !tests {
			s.add(place{}, "empty", "there is no code")
		}
		return tests
	}
	if e := (*source.ParseError)(nil); errors.As(source.Check(files), &e) {
		s.found = append(s.found, e.Diagnostic)
		return false
	}
	ok := true
	for _, f := range files {
		if code, why := refusedName(f.Name); why != "" {
			s.add(place{file: f.Name}, code, "%s", why)
			ok = false
		}
	}
	return ok
}

// goFile says whether a file is Go source.
func goFile(name string) bool { return strings.HasSuffix(name, ".go") }

func testFile(name string) bool { return strings.HasSuffix(name, "_test.go") }
