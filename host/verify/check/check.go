// Package check type-checks a member's Go in process, as the compiler would,
// and vets it as go vet would. It needs no go command and no files: imported
// packages come from the export data in archives that somebody opens for it.
//
// What it is given has passed package screen, whose bounds keep the time and
// memory of a check within a second and some megabytes; nothing here can be
// cancelled. Should the type checker panic on what a member wrote, that is an
// error, not a crash; if an analyser does, a note says that it is missing.
package check

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/verify/source"
)

const (
	// GoVersion is the language that is checked.
	GoVersion = "go1.26"

	// MaxErrors is how many errors of types, errors of vet and warnings a report
	// has, each; the compiler also stops at ten.
	MaxErrors = 10

	// reserved is the room for positions of imported packages, which lie in a file
	// set of their own: a place of theirs is none in a submission.
	reserved = 1 << 30
)

// A Checker checks submissions against one set of packages. Each is imported
// once and kept, some 20 MiB for the whole standard library. It may be used
// concurrently; its methods do not block each other but while a package is
// imported for the first time.
type Checker struct {
	// Importing a package may add to those that others refer to, so it is done
	// under the lock, and checking under the lock for reading.
	mu       sync.RWMutex
	importer types.Importer
	packages map[string]*types.Package // those that have been imported as a whole
}

// New returns a checker of programs that import what open opens: for an import
// path, the package's archive (.a) with export data, as the compiler writes it
// for GOOS=wasip1 GOARCH=wasm. For a package that does not exist open's error
// is [fs.ErrNotExist]. It is called by one goroutine at a time.
func New(open func(path string) (io.ReadCloser, error)) *Checker {
	return &Checker{importer: importer.ForCompiler(token.NewFileSet(), "gc", open), packages: map[string]*types.Package{}}
}

// A Report says what was found, and what the compiler has to be told.
type Report struct {
	// Diagnostics are the errors of the first stage that has any (syntax, types,
	// vet), and vet's warnings, in the order of files, tests and lines. Codes are
	// the type checker's names ("UnusedVar"), "vet/…", "screen/syntax" and
	// "check/unsafe". Excerpts are filled in for places in files, never in tests.
	Diagnostics []source.Diagnostic
	Imports     []string // of files and tests, sorted, "unsafe" among them
	Tests       []string // test functions, in order: of tests, or of files' own _test.go if there are none
	Package     string   // the name in the package clause
	Main        bool     // there is a func main
}

// Warm imports packages before they are asked for. It returns the first error;
// packages that do not exist are none.
func (c *Checker) Warm(paths ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range paths {
		if err := c.load(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// load imports a package; the lock is held.
func (c *Checker) load(path string) (err error) {
	if path == "unsafe" || c.packages[path] != nil {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("check: importing %s: %v", path, r)
		}
	}()
	pkg, err := c.importer.Import(path)
	if err != nil {
		return fmt.Errorf("check: importing %s: %w", path, err)
	}
	c.packages[path] = pkg
	return nil
}

// imported are a checker's packages as the type checker asks for them; the lock
// is held for reading.
type imported struct{ c *Checker }

func (i imported) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if pkg := i.c.packages[path]; pkg != nil {
		return pkg, nil
	}
	return nil, errors.New("there is no such package here")
}

// Check checks a submission, one package of the given import path: files are
// the member's, tests belong to the same package and come from elsewhere. What
// is wrong with them is in the report. An error means that the check itself
// failed: a package could not be read, or a tool broke.
func (c *Checker) Check(path string, files, tests []source.File) (rep Report, err error) {
	p := &program{path: path, fset: token.NewFileSet()}
	p.fset.AddFile("", 1, reserved)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("check: %v", r)
		}
		source.Show(files, rep.Diagnostics)
	}()
	// Tests go first: of two declarations of a name, the type checker calls the
	// later one wrong.
	theirs := p.parse(tests, true)
	if rep.Diagnostics = append(p.parse(files, false), theirs...); len(rep.Diagnostics) > 0 {
		return rep, nil
	}
	if len(p.asts) == 0 {
		return rep, errors.New("check: there is no Go file")
	}
	rep.Package = p.asts[0].Name.Name
	rep.Imports = p.imports()
	rep.Tests = p.tests()
	if err := c.prepare(rep.Imports); err != nil {
		return rep, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if rep.Diagnostics = p.check(imported{c}); len(rep.Diagnostics) > 0 {
		return rep, nil
	}
	_, rep.Main = p.pkg.Scope().Lookup("main").(*types.Func)
	rep.Diagnostics = append(p.unsafe(), p.vet()...)
	return rep, nil
}

// prepare imports what is not yet there.
func (c *Checker) prepare(paths []string) error {
	c.mu.RLock()
	missing := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return c.packages[p] != nil })
	c.mu.RUnlock()
	if len(missing) == 0 {
		return nil
	}
	return c.Warm(missing...)
}

// A program is one submission under check.
type program struct {
	path string
	fset *token.FileSet
	asts []*unit // tests first
	pkg  *types.Package
	info *types.Info
}

// A unit is the syntax of one file.
type unit struct {
	*ast.File
	name string
	text string
	test bool // it comes from elsewhere
}

func (p *program) syntax() []*ast.File {
	out := make([]*ast.File, len(p.asts))
	for i, u := range p.asts {
		out[i] = u.File
	}
	return out
}

// parse reads Go files and returns their syntax errors.
func (p *program) parse(files []source.File, test bool) (out []source.Diagnostic) {
	for _, f := range files {
		if !strings.HasSuffix(f.Name, ".go") {
			continue
		}
		// Some analysers rely on the parser's resolution of names.
		tree, err := parser.ParseFile(p.fset, f.Name, f.Text, parser.ParseComments)
		if err == nil {
			p.asts = append(p.asts, &unit{File: tree, name: f.Name, text: f.Text, test: test})
			continue
		}
		// The screen says all that is wrong with the syntax, if it is asked.
		d := source.Diagnostic{Severity: source.Error, File: f.Name, Code: "screen/syntax", Message: err.Error()}
		if list, ok := err.(scanner.ErrorList); ok && len(list) > 0 {
			d.Line, d.Column = source.Place(f.Text, list[0].Pos.Offset)
			d.Message = list[0].Msg
		}
		out = append(out, d)
	}
	return out
}

func (p *program) imports() []string {
	set := map[string]bool{}
	for _, u := range p.asts {
		for _, im := range u.Imports {
			if path, err := strconv.Unquote(im.Path.Value); err == nil {
				set[path] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// tests are the names of test functions.
func (p *program) tests() (out []string) {
	given := slices.ContainsFunc(p.asts, func(u *unit) bool { return u.test })
	for _, u := range p.asts {
		if given && !u.test || !strings.HasSuffix(u.name, "_test.go") {
			continue
		}
		for _, d := range u.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && isTest(fn) {
				out = append(out, fn.Name.Name)
			}
		}
	}
	return out
}

// isTest says whether go test would run fn: func TestXxx(t *testing.T), where
// Xxx does not begin with a small letter.
func isTest(fn *ast.FuncDecl) bool {
	rest, ok := strings.CutPrefix(fn.Name.Name, "Test")
	if !ok || fn.Recv != nil || fn.Type.TypeParams != nil || fn.Type.Params.NumFields() != 1 || fn.Type.Results.NumFields() != 0 {
		return false
	}
	if r, _ := utf8.DecodeRuneInString(rest); unicode.IsLower(r) {
		return false
	}
	star, ok := fn.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	switch x := star.X.(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name == "T"
	case *ast.Ident: // testing imported with a dot
		return x.Name == "T"
	}
	return false
}
