package screen_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify/screen"
	"github.com/hearthbot/hearth/host/verify/source"
	"pgregory.net/rapid"
)

// files makes a submission of names and texts.
func files(pairs ...string) (out []source.File) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, source.File{Name: pairs[i], Text: pairs[i+1]})
	}
	return out
}

const hello = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello\") }\n"

func TestScreen(t *testing.T) {
	task := files("a_test.go", "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n")
	for _, c := range []struct {
		name         string
		files, tests []source.File
		rules        screen.Rules
		want         string // place, code and message of the first diagnostic
	}{
		{"hello", files("main.go", hello), nil, screen.Rules{}, ""},
		{"two files and others", files("main.go", hello, "b.go", "package main\n", "notes.txt", "x", "d/data.json", "{}"), nil, screen.Rules{}, ""},
		{"a task", files("a.go", "package a\n"), task, screen.Rules{}, ""},
		{"own tests", files("a.go", "package a\n", "a_test.go", "package a\n"), nil, screen.Rules{}, ""},
		{"a library", files("a.go", "package a\n"), nil, screen.Rules{Library: true}, ""},
		{"nothing", nil, nil, screen.Rules{}, ":0:0 screen/empty there is no code"},
		{"no Go", files("a.txt", "x"), nil, screen.Rules{}, ":0:0 screen/empty there is no Go file"},
		{"not UTF-8", files("main.go", "\xff"), nil, screen.Rules{}, "main.go:1:1 source/utf8 a byte that is not UTF-8"},

		{"A13 go.mod", files("main.go", hello, "go.mod", "module x"), nil, screen.Rules{}, "go.mod:0:0 screen/module no go.mod is needed here: leave it out, the standard library is there without one"},
		{"A13 vendor", files("main.go", hello, "vendor/modules.txt", "x"), nil, screen.Rules{}, "vendor/modules.txt:0:0 screen/module no vendored packages can be brought along: leave the directory vendor out"},
		{"A14 assembly", files("main.go", hello, "x.s", "#include \"/etc/passwd\"\n"), nil, screen.Rules{}, "x.s:0:0 screen/file files here end in .go, .txt or .json"},
		{"A14 a linked object", files("main.go", hello, "x.syso", "x"), nil, screen.Rules{}, "x.syso:0:0 screen/file files here end in .go, .txt or .json"},
		{"A15 another system", files("main_linux.go", hello), nil, screen.Rules{}, "main_linux.go:0:0 screen/name this name says that the file is for another system (the part after the last _): rename it, say to main.go"},
		{"A15 this system", files("main_wasip1.go", hello, "b_wasm.go", "package main", "linux.go", "package main"), nil, screen.Rules{}, ""},
		{"another system's test", files("main.go", hello, "a_windows_test.go", "package main"), nil, screen.Rules{}, "a_windows_test.go:0:0 screen/name this name says that the file is for another system (the part after the last _): rename it, say to a.go"},
		{"A15 a build constraint", files("main.go", "//go:build linux\n\n"+hello), nil, screen.Rules{}, "main.go:0:0 screen/build its //go:build line leaves this file out here, where the system is wasip1 and the processor wasm: take the line out"},
		{"a build constraint that holds", files("main.go", "//go:build go1.20 && !windows\n\n"+hello), nil, screen.Rules{}, ""},
		{"A15 tests only", files("main_test.go", "package main\n"), nil, screen.Rules{}, ""},
		{"ignored names", files("_x.go", hello), nil, screen.Rules{}, "_x.go:0:0 screen/name Go ignores files whose names begin with _ or a dot: rename it"},
		{"directories", files("main.go", hello, "d/d.go", "package d"), nil, screen.Rules{}, "d/d.go:0:0 screen/directory all Go files are one package here: put d.go beside the others, without a directory"},

		{"B3 embed", files("main.go", hello+"\n//go:embed /etc/passwd\nvar s string\n"), nil, screen.Rules{}, "main.go:7:1 screen/directive //go:embed: there are no files to embed; write the text as a constant between backquotes"},
		{"B6 cgo", files("main.go", "package main\nimport \"C\"\nfunc main() {}\n"), nil, screen.Rules{}, "main.go:2:8 screen/cgo import \"C\" needs a C compiler, and there is none here: write it in Go"},
		{"B8 line", files("main.go", "package main\n//line /etc/passwd:1\nfunc main() {}\n"), nil, screen.Rules{}, "main.go:2:1 screen/directive //line: it changes where errors are said to be"},
		{"B8 line in a comment", files("main.go", "package main\nfunc /*line x.go:1:1*/ main() {}\n"), nil, screen.Rules{}, "main.go:2:6 screen/directive /*line: it changes where errors are said to be"},
		{"a comment about a line", files("main.go", "package main\n//line by line\nfunc main() {}\n"), nil, screen.Rules{}, ""},
		{"B9 generate", files("main.go", hello+"\n//go:generate sh -c x\n"), nil, screen.Rules{}, ""},
		{"B13 linkname", files("main.go", hello+"\n//go:linkname f\truntime.exit\nfunc f()\n"), nil, screen.Rules{}, "main.go:7:1 screen/directive //go:linkname: it reaches into other packages"},
		{"B16 wasmimport", files("main.go", hello+"\n//go:wasmimport env nope\nfunc f()\n"), nil, screen.Rules{}, "main.go:7:1 screen/directive //go:wasmimport: a program here talks to nobody but its standard input and output"},
		{"cgo by directive", files("main.go", hello+"\n//go:cgo_import_dynamic x\n"), nil, screen.Rules{}, "main.go:7:1 screen/directive //go:cgo_import_dynamic: there is no C here"},
		{"B14 internal", imports("internal/abi"), nil, screen.Rules{}, "main.go:2:8 screen/import use of internal package internal/abi not allowed"},
		{"B15 third party", imports("github.com/x/y"), nil, screen.Rules{}, "main.go:2:8 screen/import package github.com/x/y is not part of the standard library, and nothing is downloaded here"},
		{"useless", imports("os/exec"), nil, screen.Rules{}, "main.go:2:8 screen/import package os/exec cannot be used here: it starts other programs, and there are none here"},
		{"tools", imports("cmd/go"), nil, screen.Rules{}, "main.go:2:8 screen/import package cmd/go is part of the Go tools and cannot be imported"},
		{"last element", imports("json"), nil, screen.Rules{}, "main.go:2:8 screen/import package json is not in std; did you mean encoding/json?"},
		{"mistyped", imports("ftm"), nil, screen.Rules{}, "main.go:2:8 screen/import package ftm is not in std; did you mean fmt?"},
		{"capital letter", imports("Strings"), nil, screen.Rules{}, "main.go:2:8 screen/import package Strings is not in std; did you mean strings?"},
		{"unheard of", imports("telepathy"), nil, screen.Rules{}, "main.go:2:8 screen/import package telepathy is not in std"},
		{"relative", imports("./x"), nil, screen.Rules{}, "main.go:2:8 screen/import all files are one package here: what ./x declares can be used without an import if its file is there"},
		{"no path", imports(""), nil, screen.Rules{}, "main.go:2:8 screen/import invalid import path \"\""},
		{"more by rule", imports("example.com/x"), nil, screen.Rules{Imports: func(p string) bool { return p == "example.com/x" }}, ""},
		{"less by rule", imports("fmt"), nil, screen.Rules{Imports: func(string) bool { return false }}, "main.go:2:8 screen/import package fmt may not be imported here"},
		{"unsafe", imports("unsafe"), nil, screen.Rules{}, "main.go:2:8 screen/unsafe package unsafe cannot be used here"},
		{"unsafe by rule", imports("unsafe"), nil, screen.Rules{Unsafe: true}, ""},
		{"never unsafe in a task", files("a.go", "package a\nimport \"unsafe\"\n"), task, screen.Rules{Unsafe: true}, "a.go:2:8 screen/unsafe package unsafe cannot be used here"},

		{"B31 NUL", files("main.go", hello+"\x00"), nil, screen.Rules{}, "main.go:6:1 source/nul a NUL byte"},
		{"B33 BOM", files("main.go", "package main\n\ufefffunc main() {}\n"), nil, screen.Rules{}, "main.go:2:1 screen/syntax illegal byte order mark"},
		{"B34 BOM at the start", files("main.go", "\ufeff"+hello), nil, screen.Rules{}, ""},
		{"B35 bidi", files("main.go", hello+"// \u202e\n"), nil, screen.Rules{}, `main.go:6:4 source/bidi the character \u202e changes the direction of the text, which may do something else than it seems to`},
		{"B36 not main", files("main.go", "package hello\nfunc main() {}\n"), nil, screen.Rules{}, "main.go:1:9 screen/package package hello is not a main package: a program begins with package main"},
		{"B36 no main", files("main.go", "package main\n"), nil, screen.Rules{}, "main.go:0:0 screen/main function main is undeclared in the main package"},
		{"B36 a test in a file of the wrong name", files("main.go", "package main\nimport \"testing\"\nfunc TestA(t *testing.T) {}\n"), nil, screen.Rules{}, "main.go:3:1 screen/main function main is undeclared in the main package: to run TestA as a test, its file's name must end in _test.go (write -- main_test.go --"},
		{"B36 a test and main", files("main.go", "package main\nimport \"testing\"\nfunc TestA(t *testing.T) {}\nfunc main() {}\n"), nil, screen.Rules{}, ""},
		{"B37 no package", files("main.go", "func main() {}\n"), nil, screen.Rules{}, "main.go:1:1 screen/syntax expected 'package', found 'func'"},
		{"two packages", files("a.go", "package main\nfunc main() {}\n", "b.go", "package b\n"), nil, screen.Rules{}, "b.go:1:9 screen/package found packages main (a.go) and b (b.go): all files are one package"},
		{"an outer test", files("a.go", "package a\n", "a_test.go", "package a_test\n"), nil, screen.Rules{}, "a_test.go:1:9 screen/package tests stand in the package they test: write package a"},
		{"another package than the task's", files("b.go", "package b\n"), task, screen.Rules{}, "b.go:1:9 screen/package the task's tests are in package a: begin the file with package a"},
		{"C24 a file of the task", files("a.go", "package a\n", "A_test.go", "package a\n"), task, screen.Rules{}, "A_test.go:0:0 screen/clash the task brings a file of this name: rename yours"},
		{"C23 TestMain", files("a.go", "package a\nimport \"testing\"\nfunc TestMain(m *testing.M) {}\n"), task, screen.Rules{}, "a.go:3:6 screen/clash the task runs its own tests: leave TestMain out"},
		{"no body", files("main.go", hello+"func f()\n"), nil, screen.Rules{}, "main.go:6:6 screen/body missing function body"},
		{"syntax", files("main.go", "package main\nfunc main() {\n\tx := \n}\n"), nil, screen.Rules{}, "main.go:4:1 screen/syntax expected operand, found '}'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ds := screen.Screen(c.files, c.tests, c.rules)
			got := ""
			if len(ds) > 0 {
				d := ds[0]
				got = fmt.Sprintf("%s:%d:%d %s %s", d.File, d.Line, d.Column, d.Code, d.Message)
			}
			if got != c.want && !(c.want != "" && strings.HasSuffix(c.want, "--") && strings.HasPrefix(got, c.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func imports(path string) []source.File {
	return files("main.go", "package main\nimport \""+path+"\"\nfunc main() {}\n")
}

// Errors come first, follow-ups of a lost parser not at all, and never too many.
func TestOrder(t *testing.T) {
	ds := screen.Screen(files("a.go", "package main\n// \u202e\nfunc main() {", "b.go", "package main\nfunc f() {\n\tx := 1 2\n"), nil, screen.Rules{})
	var got []string
	for _, d := range ds {
		got = append(got, fmt.Sprintf("%s %s:%d %s", d.Severity, d.File, d.Line, d.Code))
	}
	if want := "error a.go:3 screen/syntax,error b.go:3 screen/syntax,warning a.go:2 source/bidi"; strings.Join(got, ",") != want {
		t.Errorf("got %s", got)
	}
	if ds := screen.Screen(files("a.go", "package main\n"+strings.Repeat("import \"C\"\n", 100)+"func main() {}\n"), nil, screen.Rules{}); len(ds) != screen.MaxDiagnostics {
		t.Errorf("%d diagnostics", len(ds))
	}
}

// What people write stays far below the bounds.
func TestOrdinary(t *testing.T) {
	for name, text := range map[string]string{
		"a long table":     "var t = []struct{ a, b int }{\n" + strings.Repeat("\t{1, 2},\n", 5000) + "}\n",
		"a long text":      "const s = \"a\" +\n" + strings.Repeat("\t\"some text\\n\" +\n", 1000) + "\t\"\"\n",
		"many cases":       "func f(x int) int {\n\tswitch x {\n" + strings.Repeat("\tcase 1:\n\t\treturn 2\n", 1000) + "\t}\n\treturn 0\n}\n",
		"many else-ifs":    "func f(x int) int {\n\tif x == 1 {\n\t\treturn 1\n" + strings.Repeat("\t} else if x == 2 && x != 3 {\n\t\treturn 2\n", 200) + "\t}\n\treturn 0\n}\n",
		"a long chain":     "type T struct{}\nfunc (t T) M(int) T { return t }\nvar x = T{}.\n" + strings.Repeat("\tM(1).\n", 300) + "\tM(2)\n",
		"a megabyte":       "var a [1 << 20]int\n",
		"a linked list":    "type List[T any] struct { head, tail *node[T]; n int }\ntype node[T any] struct { next, prev *node[T]; value T }\nfunc (l *List[T]) Push(v T) *List[T] { return l }\nvar l List[int]\nvar _ = l.\n" + strings.Repeat("\tPush(1).\n", 100) + "\tPush(2)\n",
		"mapping":          "func Map[T, U any](xs []T, f func(T) U) []U { return nil }\nfunc Reduce[T, A any](xs []T, a A, f func(A, T) A) A { return a }\nfunc Filter[T any](xs []T, f func(T) bool) []T { return xs }\nfunc f() {\n" + strings.Repeat("\t_ = Reduce(Filter(Map([]int{1}, func(x int) int { return x }), func(x int) bool { return true }), 0, func(a, x int) int { return a })\n", 50) + "}\n",
		"pairs":            "type Pair[A, B any] struct { First A; Second B }\nfunc Zip[A, B any](as []A, bs []B) []Pair[A, B] { return nil }\nfunc Swap[A, B any](p Pair[A, B]) Pair[B, A] { return Pair[B, A]{p.Second, p.First} }\nfunc f() {\n" + strings.Repeat("\t_ = Swap(Zip([]int{1}, []string{\"\"})[0])\n", 100) + "}\n",
		"a heap":           "type Heap[T any] struct { xs []T; less func(a, b T) bool }\nfunc NewHeap[T any](less func(a, b T) bool) *Heap[T] { return &Heap[T]{less: less} }\nfunc (h *Heap[T]) up(i int) {\n" + strings.Repeat("\t_ = h.less(h.xs[0], h.xs[1])\n", 40) + "}\nvar h = NewHeap(func(a, b int) bool { return a < b })\n",
		"composition":      "func Compose[T any](fs ...func(T) T) func(T) T { return fs[0] }\nfunc f(g func(int) int) {\n" + strings.Repeat("\t_ = Compose(g, g)\n", 5) + "}\n",
		"constants":        "const (\n\tKB = 1 << (10 * (iota + 1))\n\tMB\n\tGB\n\tTB\n)\nvar _ = [KB]int{}\n",
		"recursive values": "type T struct{ kids []T; m map[string]T; p *T }\n",
	} {
		if ds := screen.Screen(files("main.go", hello+text), nil, screen.Rules{}); len(ds) > 0 {
			t.Errorf("%s: %s %s", name, ds[0].Code, ds[0].Message)
		}
	}
}

// The list is what the go command says the standard library is.
func TestStandard(t *testing.T) {
	cmd := exec.Command("go", "list", "std")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("there is no go command to list the standard library: %v", err)
	}
	for _, p := range strings.Fields(string(out)) {
		internal := p == "unsafe" || strings.HasPrefix(p, "vendor/") || strings.Contains("/"+p+"/", "/internal/")
		refused := len(screen.Screen(imports(p), nil, screen.Rules{})) > 0
		if !internal && refused != (!screen.Standard(p)) || internal && screen.Standard(p) {
			t.Errorf("%s: standard is %v, refused %v", p, screen.Standard(p), refused)
		}
		if ds := screen.Screen(imports(p), nil, screen.Rules{}); !internal && len(ds) > 0 && !strings.Contains(ds[0].Message, "cannot be used here") {
			t.Errorf("%s: %s", p, ds[0].Message)
		}
	}
}

func FuzzScreen(f *testing.F) {
	f.Add("main.go", hello, "package main\n", true)
	f.Add("a_test.go", "package a\ntype P[A, B any] struct { a A; p *P[B, A] }\nfunc (p P[A, B]) M() P[A, A] { return }\n", "package a\nvar x P[int, [1 << 3]int]\n", false)
	f.Add("x.go", "package main\nconst (\na = \"x\" + \"y\"\nb = a + a\nc = 1 << iota\nd\n)\nvar e = [...]int{c: 1}\ntype T = struct{ a, b [d]T }\ntype I interface{ I; ~int | T }\n", "", false)
	f.Fuzz(func(t *testing.T, name, text, test string, unsafe bool) {
		if len(text)+len(test) > source.MaxSize {
			return
		}
		var tests []source.File
		if test != "" {
			tests = files("z_test.go", test)
		}
		start := time.Now()
		ds := screen.Screen(files(name, text), tests, screen.Rules{Unsafe: unsafe})
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("took %v", d)
		}
		if len(ds) > screen.MaxDiagnostics {
			t.Errorf("%d diagnostics", len(ds))
		}
		for i, d := range ds {
			if d.Code == "" || d.Message == "" || d.Line < 0 || d.Column < 0 || i > 0 && d.Severity == source.Error && ds[i-1].Severity != source.Error {
				t.Errorf("%+v", d)
			}
		}
	})
}

// A valid program stays valid whatever is around it in comments and strings.
func TestScreenProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		junk := rapid.StringMatching(`[ -!#-\[\]-~]{0,60}`).Draw(t, "junk")
		text := hello + "// " + junk + "\nvar _ = \"" + junk + "\"\n"
		if ds := screen.Screen(files("main.go", text), nil, screen.Rules{}); len(ds) > 0 {
			t.Fatalf("%q: %+v", text, ds[0])
		}
	})
}

func BenchmarkHello(b *testing.B) {
	for b.Loop() {
		screen.Screen(files("main.go", hello), nil, screen.Rules{})
	}
}
