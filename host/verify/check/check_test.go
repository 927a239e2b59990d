package check_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/hearthbot/hearth/host/verify/check"
	"github.com/hearthbot/hearth/host/verify/source"
)

// archives opens the standard library's export data, as the go command has it.
var archives = sync.OnceValues(func() (func(path string) (io.ReadCloser, error), error) {
	cmd := exec.Command("go", "list", "-export", "-f", "{{.ImportPath}}={{.Export}}", "std")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fs.ErrNotExist
		}
		return os.Open(files[path])
	}, nil
})

func checker(t testing.TB) *check.Checker {
	t.Helper()
	open, err := archives()
	if err != nil {
		t.Skipf("there is no go command to list the standard library: %v", err)
	}
	return check.New(open)
}

func program(text string) []source.File { return []source.File{{Name: "main.go", Text: text}} }

func TestReport(t *testing.T) {
	c := checker(t)
	files := []source.File{
		{Name: "add.go", Text: "package add\n\nimport \"cmp\"\n\nfunc Add[T cmp.Ordered](a, b T) T { return a + b }\n"},
		{Name: "notes.txt", Text: "not Go"},
	}
	tests := []source.File{{Name: "add_test.go", Text: `package add

import (
	"os"
	"testing"
	u "unsafe"
)

var _ = u.Sizeof(os.Args)

func TestAdd(t *testing.T)       { Add(1, 2) }
func TestB(t *testing.T)         {}
func TestlowerCase(t *testing.T, x int) {}
func Test(t *testing.T)          {}
func helper(t *testing.T)        {}
func BenchmarkX(b *testing.B)    {}
func (x typ) TestM(t *testing.T) {}

type typ int
`}}
	rep, err := c.Check("demo", files, tests)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Package != "add" {
		t.Errorf("package %q", rep.Package)
	}
	if got := strings.Join(rep.Imports, " "); got != "cmp os testing unsafe" {
		t.Errorf("imports %q", got)
	}
	if got := strings.Join(rep.Tests, " "); got != "TestAdd TestB Test" {
		t.Errorf("tests %q", got)
	}
	for _, d := range rep.Diagnostics {
		if d.Code != "vet/tests" || d.Excerpt != "" {
			t.Errorf("%+v", d)
		}
	}
}

// The submission's own tests are named when nobody else brings any.
func TestOwnTests(t *testing.T) {
	own := []source.File{{Name: "a.go", Text: "package a"}, {Name: "a_test.go", Text: "package a\nimport \"testing\"\nfunc TestA(t *testing.T) {}\n"}}
	rep, err := checker(t).Check("a", own, nil)
	if err != nil || len(rep.Tests) != 1 || rep.Tests[0] != "TestA" {
		t.Errorf("%v %v", rep.Tests, err)
	}
	theirs := []source.File{{Name: "b_test.go", Text: "package a\nimport \"testing\"\nfunc TestB(t *testing.T) {}\n"}}
	rep, err = checker(t).Check("a", own, theirs)
	if err != nil || len(rep.Tests) != 1 || rep.Tests[0] != "TestB" {
		t.Errorf("%v %v", rep.Tests, err)
	}
}

func TestDiagnostics(t *testing.T) {
	c := checker(t)
	for _, tc := range []struct {
		name  string
		files []source.File
		tests []source.File
		want  []string // severity file:line:column code
	}{
		{"clean", program("package main\nfunc main() {}\n"), nil, nil},
		{"place", program("package main\n\nfunc main() {\n\tvar s string = 5\n\tprintln(s)\n}\n"), nil, []string{"error main.go:4:17 IncompatibleAssign"}},
		{"in order", program("package main\nimport \"os\"\nfunc main() {\n\tx := 1\n\ty()\n}\n"), nil,
			[]string{"error main.go:2:8 UnusedImport", "error main.go:4:2 UnusedVar", "error main.go:5:2 UndeclaredName"}},
		{"a name once", program("package main\nfunc main() {\n\tx()\n\tx()\n}\n"), nil, []string{"error main.go:3:2 UndeclaredName"}},
		{"unused for a reason", program("package main\nfunc main() {\n\tvar s string = 5\n}\n"), nil, []string{"error main.go:3:17 IncompatibleAssign"}},
		{"ten", program("package main\nfunc main() {\n" + lines(30) + "}\n"), nil, nil},
		{"syntax", program("package main\nfunc main() {\n\tx :=\n}\n"), nil, []string{"error main.go:4:1 screen/syntax"}},
		{"line directives", program("package main\n//line evil.go:1\nfunc main() { x }\n"), nil, []string{"error main.go:3:15 UndeclaredName"}},
		{"no such package", program("package main\nimport \"nowhere\"\nfunc main() { nowhere.X() }\n"), nil, []string{"error main.go:2:8 BrokenImport"}},
		{"vet", program("package main\nimport \"fmt\"\nfunc main() {\n\tx := 1\n\tx = x\n\tfmt.Printf(\"%d\\n\", \"a\")\n\tfmt.Println(x)\n}\n"), nil,
			[]string{"error main.go:6:14 vet/printf", "warning main.go:5:2 vet/assign"}},
		{"vet only what is right", program("package main\nimport \"fmt\"\nfunc main() {\n\tfmt.Printf(\"%d\\n\", \"a\")\n\tx()\n}\n"), nil, []string{"error main.go:5:2 UndeclaredName"}},
		{"wrappers are known by their facts", program("package main\nimport \"fmt\"\nfunc main() { logf(\"%d\", \"a\") }\nfunc logf(f string, a ...any) { fmt.Printf(f, a...) }\n"), nil,
			[]string{"error main.go:3:21 vet/printf"}},
		{"an analyser that breaks", program("package main\nfunc f() (m map[int]int, k int) { return }\nfunc main() { delete(f()) }\n"), nil, []string{"note :0:0 vet/printf"}},
		{"the member's declaration is the one too many", []source.File{{Name: "a.go", Text: "package a\nfunc helper() {}\n"}},
			[]source.File{{Name: "z_test.go", Text: "package a\nfunc helper() {}\n"}}, []string{"error a.go:2:6 DuplicateDecl"}},
		{"in tests", []source.File{{Name: "a.go", Text: "package a\n"}}, []source.File{{Name: "a_test.go", Text: "package a\nvar _ = Add\n"}}, []string{"error a_test.go:2:9 UndeclaredName"}},
		{"pointers to anything", []source.File{{Name: "a.go", Text: "package a\nimport \"reflect\"\nfunc f(v reflect.Value) any { return reflect.NewAt(v.Type(), v.UnsafePointer()) }\n"}},
			[]source.File{{Name: "a_test.go", Text: "package a\n"}}, []string{"error a.go:3:46 check/unsafe", "error a.go:3:64 check/unsafe"}},
		{"pointers to anything by another name", []source.File{{Name: "a.go", Text: "package a\nimport . \"reflect\"\nvar f = ValueOf(NewAt)\nvar g = Value.UnsafePointer\n"}},
			[]source.File{{Name: "a_test.go", Text: "package a\n"}}, []string{"error a.go:3:17 check/unsafe", "error a.go:4:15 check/unsafe"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rep, err := c.Check("main", tc.files, tc.tests)
			if err != nil {
				t.Fatal(err)
			}
			if tc.name == "ten" {
				if len(rep.Diagnostics) != check.MaxErrors {
					t.Errorf("%d diagnostics", len(rep.Diagnostics))
				}
				return
			}
			if got := brief(rep.Diagnostics); strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			for _, d := range rep.Diagnostics {
				if own := d.File == tc.files[0].Name; d.Line > 0 && (d.Excerpt != "") != own {
					t.Errorf("excerpt %q in %s", d.Excerpt, d.File)
				}
			}
		})
	}
}

// lines is n wrong statements.
func lines(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("\t_ = undefined" + strings.Repeat("x", i) + "\n")
	}
	return b.String()
}

func brief(ds []source.Diagnostic) (out []string) {
	for _, d := range ds {
		out = append(out, fmt.Sprintf("%s %s:%d:%d %s", d.Severity, d.File, d.Line, d.Column, d.Code))
	}
	return out
}

// What the second declaration says of the first is part of one message.
func TestContinued(t *testing.T) {
	rep, err := checker(t).Check("main", program("package main\nfunc f() {}\nfunc f() {}\nfunc main() {}\n"), nil)
	if err != nil || len(rep.Diagnostics) != 1 {
		t.Fatalf("%v %v", rep.Diagnostics, err)
	}
	d := rep.Diagnostics[0]
	if want := "f redeclared in this block\n\tmain.go:2:6: other declaration of f"; d.Message != want || d.Excerpt != "func f() {}\n     ^" {
		t.Errorf("%q %q", d.Message, d.Excerpt)
	}
}

func TestPackagesThatCannotBeRead(t *testing.T) {
	broken := errors.New("the disk is gone")
	c := check.New(func(string) (io.ReadCloser, error) { return nil, broken })
	if _, err := c.Check("main", program("package main\nimport \"fmt\"\nfunc main() { fmt.Println() }\n"), nil); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	for _, data := range []string{"", "garbage", "!<arch>\n", "!<arch>\n__.PKGDEF       0           0     0     644     20        `\ngo object wasip1 wasm"} {
		c := check.New(func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(data)), nil })
		if _, err := c.Check("main", program("package main\nimport \"fmt\"\nfunc main() { fmt.Println() }\n"), nil); err == nil {
			t.Errorf("export data %q was taken", data)
		}
	}
}

// One checker, many checks at once, packages imported meanwhile.
func TestConcurrently(t *testing.T) {
	c := checker(t)
	var wg sync.WaitGroup
	for i := range 8 {
		for _, im := range []string{"fmt", "net/http", "encoding/json", "os", "text/template", "go/types", "reflect", "database/sql"} {
			wg.Go(func() {
				files := program("package main\nimport x \"" + im + "\"\nimport \"fmt\"\nfunc main() { fmt.Println(x.Nothing) }\n")
				rep, err := c.Check("main", files, nil)
				if err != nil || len(rep.Diagnostics) != 1 || rep.Diagnostics[0].Code != "UndeclaredImportedName" {
					t.Errorf("%d %s: %v %v", i, im, rep.Diagnostics, err)
				}
			})
		}
	}
	wg.Wait()
}

// The numbers of the type checker's codes are not its API: a new Go that gave
// one of them to another error would be noticed here.
func TestCodes(t *testing.T) {
	c := checker(t)
	for code, body := range map[string]string{
		"UnusedVar":              "x := 1",
		"UndeclaredName":         "x()",
		"NoNewVar":               "x := 1; x := 2; _ = x",
		"WrongAssignCount":       "x, y := 1; _, _ = x, y",
		"MismatchedTypes":        "_ = 1 + true",
		"DivByZero":              "_ = 1 / 0",
		"UnusedExpr":             "1 + 2",
		"InvalidCond":            "if 1 {}",
		"MisplacedBreak":         "break",
		"UnusedLabel":            "L: for {}",
		"InvalidIndex":           "var a [1]int; _ = a[2]",
		"WrongArgCount":          "func() {}(1)",
		"WrongResultCount":       "return 1",
		"CannotInferTypeArgs":    "f()",
		"InvalidTypeArg":         "g(true)",
		"InvalidClear":           "clear(1)",
		"TypeTooLarge":           "_ = unsafe.Sizeof([1 << 62]int{})",
		"InvalidMinMaxOperand":   "_ = min(true)",
		"UndeclaredImportedName": "_ = unsafe.X",
	} {
		text := "package main\nimport \"unsafe\"\nvar _ unsafe.Pointer\nfunc f[T any]() {}\nfunc g[T ~int](T) {}\nfunc main() {\n" + body + "\n}\n"
		rep, err := c.Check("main", program(text), nil)
		if err != nil || len(rep.Diagnostics) == 0 || rep.Diagnostics[0].Code != code {
			t.Errorf("%s: %v %v", code, rep.Diagnostics, err)
		}
	}
}
