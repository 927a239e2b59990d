package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/host/verify/toolchain"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if v, err := shared(); made && err == nil {
		if err := v.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		if err := engine.Close(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var (
	engine *wasm.Engine
	made   bool
)

// shared is one verifier for all tests of a run: making it ready takes seconds,
// and half a minute the first time. It uses the pack that `make toolchain` made,
// or makes one.
var shared = sync.OnceValues(func() (*Verifier, error) {
	made = true
	ctx := context.Background()
	pack, err := verifytest.PackOrMake(ctx)
	if err != nil {
		return nil, err
	}
	if engine, err = wasm.New(wasm.Options{CacheDir: verifytest.Compiled()}); err != nil {
		return nil, err
	}
	v, err := New(Options{Engine: engine, Wall: time.Minute, Fuel: 12_000_000_000}) // the machine may be busy; fuel is what counts
	if err != nil {
		return nil, err
	}
	chain, err := toolchain.Open(pack, verifytest.Toolchain())
	if err != nil {
		return nil, err
	}
	return v, v.Prepare(ctx, chain)
})

func newVerifier(tb testing.TB) *Verifier {
	tb.Helper()
	if testing.Short() {
		tb.Skip("skipped with -short: it needs the compiler in the sandbox")
	}
	v, err := shared()
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// program is a submission of one file, its package clause added.
func program(text string) Submission {
	if !strings.HasPrefix(text, "package ") {
		text = "package main\n" + text
	}
	return Submission{Files: []source.File{{Name: "main.go", Text: text}}}
}

// tested is a program with hidden tests.
func tested(text, tests string) Submission {
	s := program(text)
	s.Tests = []source.File{{Name: "main_test.go", Text: "package main\nimport \"testing\"\n" + tests}}
	return s
}

func TestVerdicts(t *testing.T) {
	v := newVerifier(t)
	for _, tt := range []struct {
		name string
		s    Submission
		want Verdict
		says string // in stdout, or a diagnostic as file:line: code: message
	}{
		{"hello", program(`import "fmt"; func main() { fmt.Println("hello, 世界") }`), Accepted, "hello, 世界\n"},
		{"stdin", Submission{Files: program(`import ("fmt"; "io"; "os"); func main() { b, _ := io.ReadAll(os.Stdin); fmt.Printf("%s %v", b, os.Args) }`).Files, Stdin: "in", Args: []string{"a"}}, Accepted, "in [main a]"},
		{"two files", Submission{Files: []source.File{{Name: "main.go", Text: "package main\nfunc main() { hi() }"}, {Name: "hi.go", Text: "package main\nfunc hi() { println(1) }"}}}, Accepted, ""},
		{"wanted", Submission{Files: program(`import "fmt"; func main() { fmt.Println("a \nb") }`).Files, Want: "a\nb"}, Accepted, ""},
		{"not wanted", Submission{Files: program(`import "fmt"; func main() { fmt.Println("a\nc") }`).Files, Want: "a\nb"}, WrongAnswer, `run/output_differs: line 2 is "c", and "b" was expected`},
		{"syntax", program("func main() {"), CompileError, "main.go:2: screen/syntax"},
		{"types", program("func main() {\n\tx := 1\n}"), CompileError, "main.go:3: UnusedVar: declared and not used: x"},
		{"vet", program("import \"fmt\"\nfunc main() {\n\tfmt.Printf(\"%d\\n\", \"x\")\n}"), VetError, "main.go:4: vet/printf"},
		{"exit", program(`import "os"; func main() { os.Exit(259) }`), RuntimeError, "runtime/exit: exit status 3"},
		{"panic", program("func main() {\n\tvar m map[string]int\n\tm[\"a\"] = 1\n}"), RuntimeError, "main.go:4: runtime/nil_map"},
		{"deadlock", program("func main() {\n\t<-make(chan int)\n}"), Deadlock, "main.go:3: runtime/deadlock"},
		{"leak", program("func main() {\n\tc := make(chan int)\n\tgo func() {\n\t\tc <- 1\n\t}()\n\tfor range 10 {\n\t\tyield()\n\t}\n}\nfunc yield() { done := make(chan int); go func() { close(done) }(); <-done }"), GoroutineLeak, "main.go:5: verdict/goroutine_leak: a goroutine waits here for ever (chan send)"},
		{"no leak", program(`import "time"; func main() { go func() { time.Sleep(time.Hour) }(); time.Sleep(time.Millisecond) }`), Accepted, ""},
		{"spin", program("func main() { for {} }"), TimeLimit, "verdict/time_limit_exceeded"},
		{"starved", program("import \"time\"\nfunc main() {\n\tgo func() {\n\t\tfor {}\n\t}()\n\ttime.Sleep(1); println(1) }"), TimeLimit, "verdict/one_thread"},
		{"sleep", program(`import ("fmt"; "time"); func main() { s := time.Now(); time.Sleep(3*time.Hour); fmt.Println(time.Since(s).Round(time.Minute), s.UTC()) }`), Accepted, "3h0m0s 2009-11-10 23:00:00"},
		{"hog", program("func main() { var s [][]byte; for { s = append(s, make([]byte, 1<<20)) } }"), MemoryLimit, "verdict/memory_limit_exceeded"},
		{"flood", program(`import "fmt"; func main() { for { fmt.Println("flood") } }`), OutputLimit, "verdict/output_limit_exceeded"},
		{"recursion", program("func f(n int) int { return 1 + f(n+1) }\nfunc main() { println(f(0)) }"), RuntimeError, "runtime/stack_overflow"},
		{"deep", program("func f(n int) int { if n == 0 { return 0 }; return 1 + f(n-1) }\nfunc main() { println(f(50000)) }"), Accepted, ""},
		{"rejected", program("import \"C\"\nfunc main() {}"), Rejected, "main.go:2: screen/"},
		{"tests", tested("func Add(a, b int) int { return a + b }\nfunc main() {}", `func TestAdd(t *testing.T) { if Add(1, 2) != 3 { t.Error("wrong") } }`), Accepted, ""},
		{"failed", tested("func Add(a, b int) int { return a - b }\nfunc main() {}", `func TestAdd(t *testing.T) { if got := Add(1, 2); got != 3 { t.Errorf("Add(1, 2) = %d, want 3", got) } }`), WrongAnswer, ""},
		{"missing", tested("func main() {}", `func TestAdd(t *testing.T) { Add(1, 2) }`), CompileError, "task/undefined: the tests of the task use Add"},
		{"own tests", Submission{Files: []source.File{{Name: "a.go", Text: "package a\nfunc One() int { return 1 }"}, {Name: "a_test.go", Text: "package a\nimport \"testing\"\nfunc TestOne(t *testing.T) { if One() != 1 { t.Fail() } }"}}}, Accepted, ""},
		{"a test that takes no pointer", Submission{Files: []source.File{{Name: "a.go", Text: "package main\nfunc One() int { return 1 }"}, {Name: "a_test.go", Text: "package main\nimport \"testing\"\nfunc TestOne(t testing.T) {}"}}}, Rejected, "screen/tests: there is no test to run"},
		{"a test of no such name", Submission{Files: []source.File{{Name: "a.go", Text: "package a\nfunc One() int { return 1 }"}, {Name: "a_test.go", Text: "package a\nimport \"testing\"\nfunc testOne(t *testing.T) {}"}}}, Rejected, "screen/tests: there is no test to run"},
		{"a program beside what is no test", Submission{Files: []source.File{{Name: "main.go", Text: "package main\nfunc main() { println(1) }"}, {Name: "a_test.go", Text: "package main\nimport \"testing\"\nfunc BenchmarkOne(b *testing.B) {}"}}}, Accepted, ""},
		{"a task without a test", tested("func main() {}", "func check(t *testing.T) {}"), Rejected, "screen/tests: there is no test to run"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := v.Verify(t.Context(), tt.s)
			if err != nil {
				t.Fatal(err)
			}
			if r.Verdict != tt.want || !strings.Contains(said(&r), tt.says) {
				t.Errorf("%s, want %s that says %q\n%s", r.Verdict, tt.want, tt.says, said(&r))
			}
			if r.GoVersion == "" || r.Cached {
				t.Errorf("%+v", r)
			}
			again, err := v.Verify(t.Context(), tt.s)
			if err != nil || again.Verdict != r.Verdict || said(&again) != said(&r) || r.Fuel > 0 && !again.Cached {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

// said is all of a result that has words.
func said(r *Result) string {
	var b strings.Builder
	b.WriteString(r.Stdout)
	b.WriteString(r.Stderr)
	for _, d := range r.Diagnostics {
		if d.File != "" {
			fmt.Fprintf(&b, "%s:%d: ", d.File, d.Line)
		}
		fmt.Fprintf(&b, "%s: %s\n%s", d.Code, d.Message, d.Excerpt)
	}
	for _, t := range r.Tests {
		fmt.Fprintf(&b, "%s %v %s\n", t.Name, t.Passed, t.Output)
	}
	return b.String()
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
