package verify

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify/queue"
	"github.com/hearthbot/hearth/host/verify/source"
)

// What people send to find out whether the walls hold. Each is named for what it
// tries.
var hostile = []struct {
	name string
	s    Submission
	want []Verdict
	says string
}{
	{"asm that reads a host file", files("main.go", "package main\nfunc main() {}", "evil.s", "#include \"/etc/passwd\""), just(Rejected), "evil.s"},
	{"go.mod that replaces", files("main.go", "package main\nfunc main() {}", "go.mod", "module m\nreplace a => /usr"), just(Rejected), "go.mod"},
	{"path above the root", files("../main.go", "package main\nfunc main() {}"), just(Rejected), "../main.go"},
	{"embedding a host file", program("import _ \"embed\"\n//go:embed /etc/passwd\nvar s string\nfunc main() { println(s) }"), just(Rejected), "embed"},
	{"embedding the hidden tests", tested("import _ \"embed\"\n//go:embed main_test.go\nvar s string\nfunc main() { println(s) }", "func TestX(t *testing.T) {}"), just(Rejected), "embed"},
	{"cgo", program("// #cgo LDFLAGS: -fplugin=x\nimport \"C\"\nfunc main() {}"), just(Rejected), "C"},
	{"linkname", program("import _ \"unsafe\"\n//go:linkname exit runtime.exit\nfunc exit(int32)\nfunc main() { exit(0) }"), just(Rejected), "linkname"},
	{"an unknown host function", program("//go:wasmimport env nope\nfunc nope()\nfunc main() { nope() }"), just(Rejected), "wasmimport"},
	{"forging the report's import", program("//go:wasmimport hearth_report report\nfunc report(p *byte, n uint32)\nfunc main() { report(nil, 0) }"), just(Rejected), "wasmimport"},
	{"the report's package", program("import \"hearth/watch\"\nfunc main() { watch.End(\"TestX\", true) }"), just(Rejected), "hearth/watch"},
	{"the standard library's inside", program("import \"internal/abi\"\nfunc main() { println(abi.FuncPCABI0(main)) }"), just(Rejected), "internal"},
	{"forging a position", program("//line /etc/passwd:1\nfunc main() { x := 1 }"), just(Rejected), "line"},
	{"an array of a terabyte", program("var a [1<<40]byte\nfunc main() { println(a[0]) }"), []Verdict{Rejected, CompileError}, ""},
	{"an array that fills memory", program("var a = [1<<28]byte{1<<28 - 1: 1}\nfunc main() { println(a[0]) }"), []Verdict{Rejected, CompileError, MemoryLimit}, ""},
	{"doubling generics", program(doubling(24)), []Verdict{Rejected, CompileError}, ""},
	{"100,000 nested blocks", program("func main() " + strings.Repeat("{", 30_000) + strings.Repeat("}", 30_000)), []Verdict{Rejected, CompileError}, ""},
	{"reading host files", program(`import ("fmt"; "os"); func main() { _, a := os.ReadFile("/etc/passwd"); _, b := os.ReadDir("/"); c := os.WriteFile("/tmp/x", nil, 0o644); fmt.Println(a, b, c, len(os.Environ())) }`), just(Accepted), "Bad file number open /: Bad file number open /tmp/x: Bad file number 0"},
	{"the network", program(`import ("fmt"; "net"); func main() { _, err := net.Dial("tcp", "127.0.0.1:22"); fmt.Println(err) }`), just(Accepted), "refused"},
	{"a shell", program(`import ("fmt"; "os/exec"); func main() { fmt.Println(exec.Command("/bin/sh", "-c", "id").Run()) }`), []Verdict{Accepted, Rejected}, ""},
	{"a wild pointer", program("import \"unsafe\"\nfunc main() { *(*int)(unsafe.Pointer(uintptr(1<<31 - 8))) = 1 }"), []Verdict{RuntimeError, Rejected}, ""},
	{"sleeping for ever", program(`import "time"; func main() { for { time.Sleep(time.Hour) } }`), just(TimeLimit), "verdict/time_limit_exceeded"},
	{"a hog that its collector fights", program("import \"runtime/debug\"\nfunc main() { debug.SetGCPercent(1); var s []*[64]byte; for { s = append(s, new([64]byte)) } }"), just(MemoryLimit), ""},
	{"goroutines without end", program("func main() { for { go func() { select {} }() } }"), []Verdict{MemoryLimit, TimeLimit}, ""},
	{"recursion on a huge stack", program("import \"runtime/debug\"\nfunc f(n int) int { return 1 + f(n+1) }\nfunc main() { debug.SetMaxStack(1 << 30); println(f(0)) }"), []Verdict{RuntimeError, MemoryLimit}, ""},
	{"output with control characters", program(`import "fmt"; func main() { fmt.Print("\x00\x1b[2J\xff@everyone") }`), just(Accepted), "@everyone"},
	{"a test that is told to pass", tested("import \"fmt\"\nfunc Sum() int { fmt.Println(\"--- PASS: TestSum (0.00s)\\nPASS\"); return 0 }\nfunc main() {}", "func TestSum(t *testing.T) { if Sum() != 1 { t.Fail() } }"), just(WrongAnswer), ""},
	{"os.Exit(0) in the function that is tested", tested("import \"os\"\nfunc Sum() int { os.Exit(0); return 0 }\nfunc main() {}", "func TestSum(t *testing.T) { if Sum() != 1 { t.Fail() } }"), just(RuntimeError), "run/exit_in_test"},
	{"os.Exit(0) in init", tested("import \"os\"\nfunc init() { os.Exit(0) }\nfunc Sum() int { return 0 }\nfunc main() {}", "func TestSum(t *testing.T) { if Sum() != 1 { t.Fail() } }"), just(RuntimeError), "run/exit_in_test"},
	{"Goexit in the function that is tested", tested("import \"runtime\"\nfunc Sum() int { runtime.Goexit(); return 0 }\nfunc main() {}", "func TestSum(t *testing.T) { if Sum() != 1 { t.Fail() } }"), []Verdict{WrongAnswer, RuntimeError}, ""},
	{"a panic that is swallowed", tested("func Sum() int { panic(1) }\nfunc main() {}", "func TestSum(t *testing.T) { if Sum() != 1 { t.Fail() } }"), []Verdict{WrongAnswer, RuntimeError}, ""},
	{"tests of its own that say the hidden ones passed", withFile(tested("func Sum() int { return 0 }\nfunc main() {}", "func TestSum(t *testing.T) { if Sum() != 1 { t.Fail() } }"), "own_test.go", "package main\nimport (\"os\"; \"testing\")\nfunc TestMain(m *testing.M) { os.Exit(0) }"), []Verdict{WrongAnswer, Rejected}, ""},
	{"a name of the hidden tests", tested("func TestSum() {}\nfunc main() {}", "func TestSum(t *testing.T) {}"), just(CompileError), "task/"},
	{"flags that leave tests out", tested("import \"flag\"\nfunc Sum() int { flag.Set(\"test.run\", \"none\"); flag.Set(\"test.failfast\", \"true\"); return 0 }\nfunc main() {}", "func TestOne(t *testing.T) { Sum() }\nfunc TestSum(t *testing.T) { if Sum() != 1 { t.Fail() } }"), just(WrongAnswer), ""},
}

func just(v Verdict) []Verdict { return []Verdict{v} }

func files(namesAndTexts ...string) (s Submission) {
	for i := 0; i < len(namesAndTexts); i += 2 {
		s.Files = append(s.Files, source.File{Name: namesAndTexts[i], Text: namesAndTexts[i+1]})
	}
	return s
}

func withFile(s Submission, name, text string) Submission {
	s.Files = append(slices.Clip(s.Files), source.File{Name: name, Text: text})
	return s
}

func doubling(n int) string {
	var b strings.Builder
	b.WriteString("type P[A, B any] struct { a A; b B }\ntype T0 = int\n")
	for i := range n {
		b.WriteString("type T")
		b.WriteString(strconv.Itoa(i + 1))
		b.WriteString(" = P[T" + strconv.Itoa(i) + ", T" + strconv.Itoa(i) + "]\n")
	}
	b.WriteString("func main() { var x T" + strconv.Itoa(n) + "; _ = x }\n")
	return b.String()
}

// Each has the verdict it must have, hidden tests are not shown, and the host is
// as it was before: its files, its goroutines, its memory.
func TestHostileSubmissions(t *testing.T) {
	v := newVerifier(t)
	warm := program("func main() {}")
	if _, err := v.Verify(t.Context(), warm); err != nil {
		t.Fatal(err)
	}
	goroutines, descriptors := settled(), openFiles(t)
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			r, err := v.Verify(t.Context(), tt.s)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(tt.want, r.Verdict) || !strings.Contains(said(&r), tt.says) {
				t.Errorf("%s, want %v that says %q\n%.2000s", r.Verdict, tt.want, tt.says, said(&r))
			}
			if len(r.Stdout)+len(r.Stderr) > v.o.Output*3 { // replaced bytes take three
				t.Errorf("%d bytes of output", len(r.Stdout)+len(r.Stderr))
			}
			if len(tt.s.Tests) > 0 && strings.Contains(said(&r), "Sum() != 1") {
				t.Errorf("the hidden test's text is shown:\n%s", said(&r))
			}
		})
	}
	v.running.Wait()
	if now := settled(); now > goroutines {
		t.Errorf("%d goroutines were left", now-goroutines)
	}
	if now := openFiles(t); now > descriptors {
		t.Errorf("%d open files were left", now-descriptors)
	}
}

// settled counts goroutines when those that are ending have ended: a program that
// was overtaken runs to the end of its compilation.
func settled() int {
	for range 200 {
		n := runtime.NumGoroutine()
		time.Sleep(10 * time.Millisecond)
		if runtime.NumGoroutine() >= n {
			return n
		}
	}
	return runtime.NumGoroutine()
}

func openFiles(t *testing.T) int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Log("open files are not counted on this system")
		return 0
	}
	return len(names)
}

// The same submission, run again and not remembered, has the same result to the
// letter, whatever ran it.
func TestResultsRepeat(t *testing.T) {
	v := newVerifier(t)
	r := v.state.Load()
	for name, s := range map[string]Submission{
		"maps, time and randomness": program(`import ("fmt"; "math/rand"; "time"); func main() { m := map[int]int{1: 1, 2: 2, 3: 3, 4: 4}; for k := range m { fmt.Print(k) }; fmt.Println(rand.Int(), time.Now()) }`),
		"a select of many":          program(`import "fmt"; func main() { a, b := make(chan int, 9), make(chan int, 9); for range 9 { select { case a <- 1: case b <- 1: } }; fmt.Println(len(a), len(b)) }`),
		"a crash":                   program("type T struct{ p *T }\nfunc main() { var t T; println(t.p.p) }"),
		"a hog":                     program("func main() { var s [][]byte; for { s = append(s, make([]byte, 1<<20)) } }"),
		"long work":                 program(`import "fmt"; func main() { n := 0; for i := range 80_000_000 { n += i & 3 }; fmt.Println(n) }`),
	} {
		t.Run(name, func(t *testing.T) {
			var first string
			for i := range 3 {
				res, _, err := v.verify(t.Context(), r, &s)
				if err != nil {
					t.Fatal(err)
				}
				res.DurationMS = 0
				if got := string(mustJSON(t, res)); i == 0 {
					first = got
				} else if got != first {
					t.Errorf("once\n%.3000s\nand again\n%.3000s", first, got)
				}
			}
		})
	}
}

// Equal submissions share one run; one that nobody waits for any more is stopped
// and leaves nothing; too many are refused.
func TestSharedAndCancelled(t *testing.T) {
	v := newVerifier(t)
	t.Run("shared", func(t *testing.T) {
		s := program(`import "fmt"; func main() { fmt.Println("shared by many") }`)
		runs := 0
		var group sync.WaitGroup
		var mu sync.Mutex
		for range 20 {
			group.Go(func() {
				r, err := v.Verify(t.Context(), s)
				if err != nil || r.Verdict != Accepted {
					t.Errorf("%v, %v", r.Verdict, err)
				}
				mu.Lock()
				if !r.Cached {
					runs++
				}
				mu.Unlock()
			})
		}
		group.Wait()
		if runs == 0 {
			t.Error("nobody ran it")
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		before := settled()
		cause := errors.New("the member deleted the message")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(500*time.Millisecond, func() { cancel(cause) })
		if _, err := v.Verify(ctx, program("func main() { for { } }\n// nobody waits for it")); !errors.Is(err, cause) {
			t.Errorf("Verify = %v", err)
		}
		// It gives its turn to the next, who waits no longer than for a compilation.
		if r, err := v.Verify(t.Context(), program("func main() { println(\"next\") }")); err != nil || r.Verdict != Accepted {
			t.Errorf("the next: %v, %v", r.Verdict, err)
		}
		v.running.Wait()
		if now := settled(); now > before {
			t.Errorf("%d goroutines were left", now-before)
		}
	})
	t.Run("too many", func(t *testing.T) {
		few, err := New(Options{Engine: v.o.Engine, Workers: 1, Queue: 1, Wall: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		few.state.Store(v.state.Load()) // shares what the other has prepared, so it is not closed
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		busy, err := few.queue.Enter(queue.Who{}, nil) // somebody has the turn
		if err != nil {
			t.Fatal(err)
		}
		defer busy.Done()
		places, waits := make(chan int, 1), make(chan error, 2)
		second := program("func main() { println(1) }")
		second.Moved = func(n int) { places <- n }
		for range 2 { // equal ones have one place
			go func() {
				_, err := few.Verify(ctx, second)
				waits <- err
			}()
			if n := <-places; n != 1 {
				t.Errorf("its place is %d", n)
			}
		}
		if n := few.Status().Waiting; n != 1 {
			t.Errorf("%d wait", n)
		}
		if _, err := few.Verify(ctx, program("func main() { println(2) }")); !errors.Is(err, ErrFull) {
			t.Errorf("the third: %v, want ErrFull", err)
		}
		cancel()
		for range 2 {
			if err := <-waits; !errors.Is(err, context.Canceled) {
				t.Errorf("the second: %v", err)
			}
		}
	})
	t.Run("too fast", func(t *testing.T) {
		slow, err := New(Options{Engine: v.o.Engine, Every: time.Hour, Wall: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		slow.state.Store(v.state.Load())
		by := func(member string, s Submission) Submission {
			s.By = queue.Who{Source: "chat", Member: member}
			return s
		}
		for _, c := range []struct {
			what, member, text string
			want               Verdict // "" for too fast
		}{
			{"the first", "ann", "func main() { println(3) }", Accepted},
			{"the next", "ann", "func main() { println(4) }", ""},
			{"what is known", "ann", "func main() { println(3) }", Accepted},
			{"what is refused at once", "ann", "import \"C\"\nfunc main() {}", Rejected},
			{"another member's", "bea", "func main() { println(4) }", Accepted},
		} {
			r, err := slow.Verify(t.Context(), by(c.member, program(c.text)))
			var fast *TooFastError
			if r.Verdict != c.want || errors.As(err, &fast) != (c.want == "") || fast != nil && fast.Wait < 59*time.Minute {
				t.Errorf("%s: %v, %v", c.what, r.Verdict, err)
			}
		}
	})
	t.Run("not ready", func(t *testing.T) {
		young, err := New(Options{Engine: v.o.Engine})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := young.Verify(t.Context(), program("func main() {}")); !errors.Is(err, ErrNotReady) || young.Status().Ready {
			t.Errorf("%v, %+v", err, young.Status())
		}
		if err := young.Close(); err != nil {
			t.Error(err)
		}
		if _, err := young.Verify(t.Context(), program("func main() {}")); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// While others are being compiled a program is interpreted alone; one that needs
// the compiler waits for it, or until nobody wants to know any more.
func TestCompilationsAreCounted(t *testing.T) {
	v0 := newVerifier(t)
	v, err := New(Options{Engine: v0.o.Engine, Workers: 2, Wall: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	v.state.Store(v0.state.Load()) // shares what the other has prepared, so it is not closed
	for range cap(v.compiling) {
		v.compiling <- struct{}{}
	}
	r, err := v.Verify(t.Context(), program("func main() { n := 0; for i := range 3_000_000 { n += i }; println(n) }"))
	if err != nil || r.Verdict != Accepted {
		t.Errorf("interpreted alone: %s, %v", r.Verdict, err)
	}
	deep := program("func f(n int) int { if n == 0 { return 0 }; return 1 + f(n-1) }\nfunc main() { println(f(50001)) }")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := v.Verify(ctx, deep); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a compiler: %v", err)
	}
	if n := len(v.compiling); n != cap(v.compiling) {
		t.Errorf("%d are being compiled", n)
	}
	<-v.compiling
	if r, err := v.Verify(t.Context(), deep); err != nil || r.Verdict != Accepted {
		t.Errorf("with one: %s, %v", r.Verdict, err)
	}
	v.running.Wait()
	if n := len(v.compiling); n != cap(v.compiling)-1 {
		t.Errorf("%d are still being compiled", n)
	}
}
