package check_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify/screen"
	"github.com/hearthbot/hearth/host/verify/source"
	"pgregory.net/rapid"
)

// FuzzCheck looks for programs that pass the screen and then make the type
// checker or an analyser panic or take long.
func FuzzCheck(f *testing.F) {
	for _, b := range bombs {
		if len(b.text) < 4096 {
			f.Add(b.text, "")
		}
	}
	f.Add("package a\nfunc Add(a, b int) int { return a + b }\n", "package a\nimport \"testing\"\nfunc TestAdd(t *testing.T) { if Add(1, 2) != 3 { t.Fatalf(\"%d\", 1) } }\n")
	f.Add("package main\nimport \"fmt\"\ntype T[A any] struct{ a A; t *T[A] }\nfunc (t T[A]) M() (A, error) { return t.a, nil }\nfunc main() { defer fmt.Println(T[int]{}.M()); go func() { select {} }() }\n", "")
	c := checker(f)
	if err := c.Warm("fmt", "testing", "sync", "context", "errors", "os", "time"); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, test string) {
		defer time.AfterFunc(30*time.Second, func() { panic("stuck") }).Stop()
		files := program(text)
		var tests []source.File
		if test != "" {
			tests = []source.File{{Name: "z_test.go", Text: test}}
		}
		if ds := screen.Screen(files, tests, screen.Rules{}); len(ds) > 0 && ds[0].Severity == source.Error {
			return
		}
		start := time.Now()
		rep, err := c.Check("main", files, tests)
		if err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("took %v", d)
		}
		for _, d := range rep.Diagnostics {
			if d.Code == "" || d.Message == "" || len(d.Message) > 4000 || d.File == "" && d.Severity != source.Note {
				t.Errorf("%+v", d)
			}
		}
	})
}

// A grammar of small programs. They are Go; whether their types fit is chance.
type grammar struct {
	t     *rapid.T
	depth int
}

func (g *grammar) pick(options ...string) string { return rapid.SampledFrom(options).Draw(g.t, "pick") }

func (g *grammar) name() string { return g.pick("a", "b", "c", "f", "T", "U", "I", "fmt", "_", "int") }

func (g *grammar) typ() string {
	if g.depth > 4 {
		return g.name()
	}
	g.depth++
	defer func() { g.depth-- }()
	switch rapid.IntRange(0, 11).Draw(g.t, "type") {
	case 0:
		return "[]" + g.typ()
	case 1:
		return "*" + g.typ()
	case 2:
		return "map[" + g.typ() + "]" + g.typ()
	case 3:
		return "chan " + g.typ()
	case 4:
		return "func(" + g.typ() + ") " + g.typ()
	case 5:
		return "struct{ a, b " + g.typ() + " }"
	case 6:
		return "[3]" + g.typ()
	case 7:
		return "interface{ a(" + g.typ() + ") }"
	case 8:
		return "U[" + g.typ() + "]"
	}
	return g.pick("int", "string", "float64", "error", "any", "T", "bool", "I")
}

func (g *grammar) expr() string {
	if g.depth > 5 {
		return g.name()
	}
	g.depth++
	defer func() { g.depth-- }()
	switch rapid.IntRange(0, 14).Draw(g.t, "expression") {
	case 0:
		return g.expr() + g.pick(" + ", " == ", " && ", " % ", " << ", " < ") + g.expr()
	case 1:
		return g.name() + "(" + g.expr() + ")"
	case 2:
		return g.pick("-", "!", "&", "*", "<-") + g.name()
	case 3:
		return g.name() + "." + g.name()
	case 4:
		return g.name() + "[" + g.expr() + "]"
	case 5:
		return "func(a " + g.typ() + ") " + g.typ() + " {\n" + g.stmts() + "}"
	case 6:
		return "(" + g.typ() + ")(" + g.expr() + ")"
	case 7:
		return "fmt." + g.pick("Println", "Sprint", "Sprintf", "Printf", "Errorf") + "(" + g.expr() + ", " + g.expr() + ")"
	case 8:
		return "[]" + g.typ() + "{" + g.expr() + "}"
	case 9:
		return g.name() + ".(" + g.typ() + ")"
	case 10:
		return g.pick("len", "append", "make", "new", "cap", "copy", "min", "delete", "close") + "(" + g.expr() + ", " + g.expr() + ")"
	}
	return g.pick("1", "2.5", "\"%d\"", "nil", "'x'", "true", "a", "b", "T{}", "iota")
}

func (g *grammar) stmts() string {
	var b strings.Builder
	for range rapid.IntRange(0, 3).Draw(g.t, "statements") {
		b.WriteString(g.stmt() + "\n")
	}
	return b.String()
}

func (g *grammar) stmt() string {
	if g.depth > 4 {
		return "_ = " + g.expr()
	}
	g.depth++
	defer func() { g.depth-- }()
	switch rapid.IntRange(0, 15).Draw(g.t, "statement") {
	case 0:
		return g.name() + " := " + g.expr()
	case 1:
		return g.name() + ", " + g.name() + " := " + g.expr()
	case 2:
		return "if " + g.name() + " == " + g.name() + " {\n" + g.stmts() + "} else {\n" + g.stmts() + "}"
	case 3:
		return "for " + g.name() + " := range " + g.name() + " {\n" + g.stmts() + "}"
	case 4:
		return "switch " + g.name() + " {\ncase " + g.expr() + ":\n" + g.stmts() + "default:\n" + g.stmts() + "}"
	case 5:
		return g.pick("go", "defer") + " func() {\n" + g.stmts() + "}()"
	case 6:
		return "return " + g.expr()
	case 7:
		return "var " + g.name() + " " + g.typ()
	case 8:
		return "type " + g.pick("T", "V") + " " + g.typ()
	case 9:
		return "select {\ncase " + g.name() + " <- " + g.expr() + ":\n" + g.stmts() + "}"
	case 10:
		return "L:\nfor {\n" + g.stmts() + g.pick("break L", "continue L", "goto L", "break") + "\n}"
	case 11:
		return "switch " + g.name() + " := " + g.name() + ".(type) {\ncase " + g.typ() + ":\n" + g.stmts() + "}"
	}
	return "_ = " + g.expr()
}

func (g *grammar) program() string {
	return "package main\n\nimport \"fmt\"\n\ntype T " + g.typ() + "\n\ntype U[A any] struct{ a A; b " + g.typ() + " }\n\nfunc (u U[A]) c(a A) " + g.typ() +
		" {\n" + g.stmts() + "}\n\ntype I interface{ a(" + g.typ() + ") }\n\nfunc f[A, B " + g.pick("any", "comparable", "I", "~int | string") + "](a A, b B) " + g.typ() +
		" {\n" + g.stmts() + "}\n\nvar a, b = " + g.expr() + ", " + g.expr() + "\n\nfunc main() {\n" + g.stmts() + g.stmts() + "fmt.Println(a, b)\n}\n"
}

// Whatever the grammar makes is told apart by the screen and the check, without
// a panic, and is either fine or explained by a place.
func TestGrammar(t *testing.T) {
	c := checker(t)
	rapid.Check(t, func(t *rapid.T) {
		text := (&grammar{t: t}).program()
		files := program(text)
		ds := screen.Screen(files, nil, screen.Rules{})
		if len(ds) > 0 {
			if ds[0].Code != "screen/size" && ds[0].Code != "screen/syntax" {
				t.Fatalf("%+v in\n%s", ds[0], text)
			}
			return
		}
		rep, err := c.Check("main", files, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		for _, d := range rep.Diagnostics {
			if d.Severity == source.Error && (d.Line == 0 || d.Excerpt == "") {
				t.Fatalf("%+v in\n%s", d, text)
			}
		}
	})
}

// Go's own run tests, which no one here wrote: the checker finds nothing wrong
// with those that pass the screen.
func TestRealPrograms(t *testing.T) {
	c := checker(t)
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("there is no go command to ask for GOROOT: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "test", "*.go"))
	if err != nil || len(files) == 0 {
		t.Skip("there are no programs in GOROOT/test")
	}
	checked := 0
	for i, name := range files {
		text, err := os.ReadFile(name)
		if err != nil || !strings.HasPrefix(string(text), "// run\n") || i%5 != 0 && testing.Short() {
			continue
		}
		if ds := screen.Screen(program(string(text)), nil, screen.Rules{Unsafe: true}); len(ds) > 0 {
			continue
		}
		checked++
		rep, err := c.Check("main", program(string(text)), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, d := range rep.Diagnostics {
			if d.Severity == source.Error && !strings.HasPrefix(d.Code, "vet/") {
				t.Errorf("%s:%d: %s", name, d.Line, d.Message)
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d programs passed the screen", checked)
	}
}

// program300 is about what a member of some weeks writes, 300 lines long.
func program300() string {
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n\t\"errors\"\n\t\"fmt\"\n\t\"sort\"\n\t\"strings\"\n)\n\nvar ErrEmpty = errors.New(\"empty\")\n")
	for i := range 12 {
		fmt.Fprintf(&b, `
type Shape%d struct {
	Name string
	W, H float64
	Tags map[string]int
}

func (s *Shape%d) Area() (float64, error) {
	if s == nil || s.W == 0 {
		return 0, fmt.Errorf("shape %%q: %%w", "x", ErrEmpty)
	}
	for k, v := range s.Tags {
		if strings.HasPrefix(k, "a") && v > %d {
			return s.W * s.H * float64(v), nil
		}
	}
	keys := make([]string, 0, len(s.Tags))
	for k := range s.Tags {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return s.W * s.H, nil
}
`, i, i, i)
	}
	b.WriteString("\nfunc main() {\n\ts := &Shape0{}\n\tfmt.Println(s.Area())\n}\n")
	return b.String()
}

func BenchmarkCheck(b *testing.B) {
	c := checker(b)
	for name, text := range map[string]string{"hello": "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello\") }\n", "300 lines": program300()} {
		files := program(text)
		b.Run("screen "+name, func(b *testing.B) {
			for b.Loop() {
				if ds := screen.Screen(files, nil, screen.Rules{}); len(ds) > 0 {
					b.Fatal(ds)
				}
			}
		})
		b.Run("check "+name, func(b *testing.B) {
			for b.Loop() {
				if rep, err := c.Check("main", files, nil); err != nil || len(rep.Diagnostics) > 0 {
					b.Fatal(rep, err)
				}
			}
		})
	}
}
