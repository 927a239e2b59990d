package check

import (
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/appends"
	"golang.org/x/tools/go/analysis/passes/assign"
	"golang.org/x/tools/go/analysis/passes/atomic"
	"golang.org/x/tools/go/analysis/passes/bools"
	"golang.org/x/tools/go/analysis/passes/composite"
	"golang.org/x/tools/go/analysis/passes/copylock"
	"golang.org/x/tools/go/analysis/passes/defers"
	"golang.org/x/tools/go/analysis/passes/directive"
	"golang.org/x/tools/go/analysis/passes/errorsas"
	"golang.org/x/tools/go/analysis/passes/httpresponse"
	"golang.org/x/tools/go/analysis/passes/ifaceassert"
	"golang.org/x/tools/go/analysis/passes/lostcancel"
	"golang.org/x/tools/go/analysis/passes/nilfunc"
	"golang.org/x/tools/go/analysis/passes/printf"
	"golang.org/x/tools/go/analysis/passes/shift"
	"golang.org/x/tools/go/analysis/passes/sigchanyzer"
	"golang.org/x/tools/go/analysis/passes/slog"
	"golang.org/x/tools/go/analysis/passes/stdmethods"
	"golang.org/x/tools/go/analysis/passes/stringintconv"
	"golang.org/x/tools/go/analysis/passes/structtag"
	"golang.org/x/tools/go/analysis/passes/testinggoroutine"
	"golang.org/x/tools/go/analysis/passes/tests"
	"golang.org/x/tools/go/analysis/passes/timeformat"
	"golang.org/x/tools/go/analysis/passes/unmarshal"
	"golang.org/x/tools/go/analysis/passes/unreachable"
	"golang.org/x/tools/go/analysis/passes/unusedresult"
	"golang.org/x/tools/go/analysis/passes/waitgroup"

	"github.com/hearthbot/hearth/host/verify/source"
)

// fatal are the analysers that go test runs and fails for.
func fatal() []*analysis.Analyzer {
	return []*analysis.Analyzer{atomic.Analyzer, bools.Analyzer, directive.Analyzer, errorsas.Analyzer, ifaceassert.Analyzer,
		nilfunc.Analyzer, printf.Analyzer, slog.Analyzer, stringintconv.Analyzer, tests.Analyzer}
}

// advisory are those of go vet beyond that which speak to what beginners write.
// Left out: loopclosure, whose mistake Go 1.22 made impossible, and what is
// about assembly, cgo, unsafe, build tags and network addresses.
func advisory() []*analysis.Analyzer {
	return []*analysis.Analyzer{appends.Analyzer, assign.Analyzer, composite.Analyzer, copylock.Analyzer, defers.Analyzer, httpresponse.Analyzer,
		lostcancel.Analyzer, shift.Analyzer, sigchanyzer.Analyzer, stdmethods.Analyzer, structtag.Analyzer, testinggoroutine.Analyzer,
		timeformat.Analyzer, unmarshal.Analyzer, unreachable.Analyzer, unusedresult.Analyzer, waitgroup.Analyzer}
}

// harmless are parts of messages by which a fatal analyser says that something
// looks odd, not that it is wrong: the program does what its author meant.
var harmless = []string{"possible Printf formatting directive", "non-constant format string", "redundant or:", "redundant and:"}

// vet runs the analysers and returns what they found: errors before warnings.
// Where an analyser breaks, a note says so, and the others go on.
func (p *program) vet() []source.Diagnostic {
	r := &analysed{p: p, results: map[*analysis.Analyzer]any{}, broken: map[*analysis.Analyzer]bool{}, facts: map[fact]analysis.Fact{}}
	for _, a := range fatal() {
		r.severity = source.Error
		r.run(a)
	}
	for _, a := range advisory() {
		r.severity = source.Warning
		r.run(a)
	}
	errs := slices.DeleteFunc(slices.Clone(r.found), func(d source.Diagnostic) bool { return d.Severity != source.Error })
	rest := slices.DeleteFunc(r.found, func(d source.Diagnostic) bool { return d.Severity == source.Error })
	return append(p.tidy(errs), p.tidy(rest)...)
}

// analysed is one package under analysis, without go/packages and its driver.
type analysed struct {
	p        *program
	severity source.Severity
	results  map[*analysis.Analyzer]any
	broken   map[*analysis.Analyzer]bool
	facts    map[fact]analysis.Fact
	found    []source.Diagnostic
}

// A fact is known of an object, or of the package if that is nil.
type fact struct {
	object types.Object
	kind   reflect.Type
}

// run runs an analyser after those it requires, once.
func (r *analysed) run(a *analysis.Analyzer) {
	if _, done := r.results[a]; done {
		return
	}
	r.results[a] = nil
	in := map[*analysis.Analyzer]any{}
	for _, need := range a.Requires {
		r.run(need)
		if r.broken[need] {
			r.broken[a] = true
			return
		}
		in[need] = r.results[need]
	}
	out, err := r.guarded(a, r.pass(a, in))
	if err != nil {
		r.broken[a] = true
		r.found = append(r.found, r.p.diagnostic(source.Note, token.NoPos, "vet/"+a.Name, "vet could not look at this program: "+err.Error()))
	}
	r.results[a] = out
}

func (r *analysed) guarded(a *analysis.Analyzer, pass *analysis.Pass) (out any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	return a.Run(pass)
}

func (r *analysed) pass(a *analysis.Analyzer, in map[*analysis.Analyzer]any) *analysis.Pass {
	p := r.p
	get := func(o types.Object, f analysis.Fact) bool {
		known, ok := r.facts[fact{o, reflect.TypeOf(f)}]
		if ok {
			reflect.ValueOf(f).Elem().Set(reflect.ValueOf(known).Elem())
		}
		return ok
	}
	set := func(o types.Object, f analysis.Fact) { r.facts[fact{o, reflect.TypeOf(f)}] = f }
	return &analysis.Pass{
		Analyzer: a, Fset: p.fset, Files: p.syntax(), Pkg: p.pkg, TypesInfo: p.info, TypesSizes: sizes(), ResultOf: in,
		Module:            &analysis.Module{Path: p.path, GoVersion: strings.TrimPrefix(GoVersion, "go")},
		Report:            func(d analysis.Diagnostic) { r.report(a, d) },
		ImportObjectFact:  get,
		ExportObjectFact:  set,
		ImportPackageFact: func(pkg *types.Package, f analysis.Fact) bool { return pkg == p.pkg && get(nil, f) },
		ExportPackageFact: func(f analysis.Fact) { set(nil, f) },
		AllObjectFacts:    func() []analysis.ObjectFact { return nil },
		AllPackageFacts:   func() []analysis.PackageFact { return nil },
		ReadFile: func(name string) ([]byte, error) {
			for _, u := range p.asts {
				if u.name == name {
					return []byte(u.text), nil
				}
			}
			return nil, errors.ErrUnsupported
		},
	}
}

func (r *analysed) report(a *analysis.Analyzer, d analysis.Diagnostic) {
	s := r.severity
	if slices.ContainsFunc(harmless, func(part string) bool { return strings.Contains(d.Message, part) }) {
		s = source.Warning
	}
	if len(r.found) < 50*MaxErrors {
		r.found = append(r.found, r.p.diagnostic(s, d.Pos, "vet/"+a.Name, d.Message))
	}
}
