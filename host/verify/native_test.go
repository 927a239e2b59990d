package verify

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify/native"
)

// TestNative has programs compiled by the Go installation of this machine: the
// verdicts are those of the sandbox, to the byte of what is printed.
func TestNative(t *testing.T) {
	sandboxed := newVerifier(t)
	chain := sandboxed.state.Load().chain
	v, err := New(Options{Engine: engine, Native: true, Dir: t.TempDir(), Wall: time.Minute, Fuel: 12_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	// It is not closed: that would close the toolchain, which is the other's.
	if err := v.Prepare(t.Context(), chain); errors.Is(err, native.ErrVersion) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Submission{
		"hello":    program(`import "fmt"; func main() { fmt.Println("hello, 世界") }`),
		"types":    program("func main() {\n\tx := 1\n}"),
		"panic":    program("func main() {\n\tvar m map[string]int\n\tm[\"a\"] = 1\n}"),
		"deadlock": program("func main() {\n\t<-make(chan int)\n}"),
		"leak":     program("import \"time\"\nfunc main() {\n\tc := make(chan int)\n\tgo func() {\n\t\tc <- 1\n\t}()\n\ttime.Sleep(1)\n}"),
		"tests":    tested("func Add(a, b int) int { return a + b }\nfunc main() {}", `func TestAdd(t *testing.T) { if Add(1, 2) != 3 { t.Error("wrong") } }`),
		"failed":   tested("func Add(a, b int) int { return a - b }\nfunc main() {}", `func TestAdd(t *testing.T) { if got := Add(1, 2); got != 3 { t.Errorf("Add(1, 2) = %d, want 3", got) } }`),
		"missing":  tested("func main() {}", `func TestAdd(t *testing.T) { Add(1, 2) }`),
		"cgo":      program("import \"C\"\nfunc main() {}"),
	} {
		s.Files[0].Text += "\n// not in the other tests' cache\n"
		want, err := sandboxed.Verify(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Verify(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		if got.Verdict != want.Verdict || got.Stdout != want.Stdout || said(&got) != said(&want) {
			t.Errorf("%s: %s, %q, %s\nin the sandbox: %s, %q, %s", name, got.Verdict, got.Stdout, said(&got), want.Verdict, want.Stdout, said(&want))
		}
	}
	left, err := filepath.Glob(filepath.Join(v.o.Dir, "native", "w*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
