package wasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// buildTool compiles testdata/guests/tool as a command.
var buildTool = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "tool")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "tool.wasm")
	cmd := exec.Command("go", "build", "-o", out, "./testdata/guests/tool")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%v\n%s", err, text)
	}
	return os.ReadFile(out)
})

var toolLimits = Limits{Fuel: 1_000_000_000, Wall: time.Hour, Memory: 1024, Output: 64 << 10, Sleep: 24 * time.Hour}

// newTool is the command, interpreted or compiled.
func newTool(tb testing.TB, interpret bool) *Command {
	tb.Helper()
	code, err := buildTool()
	if err != nil {
		tb.Fatal(err)
	}
	// Trusted, so that the tests' cache has it.
	c, err := newEngine(tb, Options{}).Command(tb.Context(), code, CommandOptions{Limits: toolLimits, Interpret: interpret, Trusted: !interpret})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

func engines(t *testing.T, test func(t *testing.T, c *Command)) {
	for _, interpret := range []bool{false, true} {
		t.Run(map[bool]string{false: "compiled", true: "interpreted"}[interpret], func(t *testing.T) { test(t, newTool(t, interpret)) })
	}
}

func TestCommand(t *testing.T) {
	type outcome struct {
		stdout, stderr string // stderr: contained
		exit           int
		want           error
	}
	for _, tt := range []struct {
		args string
		run  Run
		want outcome
	}{
		{"args a b c", Run{Env: []string{"COLOUR=blue", "X=1"}}, outcome{stdout: "5 args|a|b|c blue 2\n"}},
		{"stdin", Run{Stdin: []byte("one\ntwo\nthree")}, outcome{stdout: "ONE\nTWO\nTHREE\n", stderr: "3 lines"}},
		{"stdin", Run{}, outcome{stderr: "0 lines"}},
		{"exit 0", Run{}, outcome{stdout: "going\n"}},
		{"exit 259", Run{}, outcome{stdout: "going\n", exit: 259}},
		{"panic ouch", Run{}, outcome{stdout: "before\n", stderr: "panic: ouch", exit: 2, want: ErrTrap}},
		{"deadlock", Run{}, outcome{stderr: "all goroutines are asleep - deadlock!", exit: 2, want: ErrTrap}},
		{"hog", Run{}, outcome{stderr: "out of memory", exit: 2, want: ErrMemory}},
		{"spin", Run{Limits: Limits{Fuel: 5_000_000}}, outcome{want: ErrFuel}},
		{"sleep 3h", Run{}, outcome{stdout: "slept 3h0m0s\n"}},
		{"sleep 25h", Run{}, outcome{want: ErrSleep}},
		{"wild", Run{}, outcome{want: ErrABI}},
	} {
		engines(t, func(t *testing.T, c *Command) {
			tt.run.Args = append([]string{"tool"}, strings.Fields(tt.args)...)
			out, err := c.Run(t.Context(), tt.run)
			if tt.want.want == nil && err != nil || !errors.Is(err, tt.want.want) {
				t.Errorf("%s: %v, want %v", tt.args, err, tt.want.want)
			}
			if string(out.Stdout) != tt.want.stdout || !strings.Contains(string(out.Stderr), tt.want.stderr) || out.ExitCode != tt.want.exit {
				t.Errorf("%s: exit code %d, %q, %q", tt.args, out.ExitCode, out.Stdout, out.Stderr)
			}
			if out.Fuel == 0 || out.Memory == 0 || out.Memory > int64(toolLimits.Memory)*wasmPage {
				t.Errorf("%s: %d units, %d bytes", tt.args, out.Fuel, out.Memory)
			}
		})
	}
}

// Whatever runs it, and however often: the same run is the same.
func TestCommandIsDeterministic(t *testing.T) {
	first := map[string]Outcome{}
	engines(t, func(t *testing.T, c *Command) {
		for range 2 {
			for _, act := range []string{"clock", "panic x", "hog", "deep 1000", "sleep 1h", "flood", "dump"} {
				out, _ := c.Run(t.Context(), Run{Args: append([]string{"tool"}, strings.Fields(act)...), Now: time.Unix(1_700_000_000, 0), Rate: 8, Seed: 3})
				out.Took = 0
				want, ok := first[act]
				if !ok {
					first[act] = out
				} else if fmt.Sprint(out) != fmt.Sprint(want) {
					t.Errorf("%s:\n%.300s\nand before\n%.300s", act, fmt.Sprint(out), fmt.Sprint(want))
				}
			}
		}
	})
	if out := first["clock"]; !strings.HasPrefix(string(out.Stdout), "2023-11-14T22:13:20Z true") || out.Virtual < time.Millisecond {
		t.Errorf("%q in %v of its own time", out.Stdout, out.Virtual)
	}
}

func TestCommandOutput(t *testing.T) {
	c := newTool(t, false)
	out, err := c.Run(t.Context(), Run{Args: []string{"tool", "flood"}})
	if !errors.Is(err, ErrOutput) || len(out.Stdout) != toolLimits.Output || !out.Cut {
		t.Errorf("%v, %d bytes, cut %v: want ErrOutput and all that was allowed", err, len(out.Stdout), out.Cut)
	}
	// A crash says why first; what follows is cut, and is not why it ended.
	out, err = c.Run(t.Context(), Run{Args: []string{"tool", "dump"}, Env: []string{"GOTRACEBACK=all"}})
	if !errors.Is(err, ErrTrap) || !out.Cut || !strings.HasPrefix(string(out.Stderr), "panic: with a thousand goroutines") {
		t.Errorf("%v, cut %v, %.60q", err, out.Cut, out.Stderr)
	}
}

func TestCommandFiles(t *testing.T) {
	tree := NewTree(map[string][]byte{"std/a.txt": []byte("shared")})
	const want = `/std/a.txt false 6
/std true 0
/w true 0
/none stat /none: No such file or directory
/std/../w/in.txt false 5
w/in.txt false 5
"shared" <nil>
open /std/a.txt: Read-only file system
open /none/x: No such file or directory
<nil>
<nil> mkdir /w/sub: File exists <nil>
"tten more"
<nil> <nil>
<nil> <nil> <nil> remove /w/gone: No such file or directory
open /w/out.txt: File exists
write /w/big: No space left on device
`
	engines(t, func(t *testing.T, c *Command) {
		f := NewFiles(tree, 64<<10)
		f.Write("w/in.txt", []byte("input"))
		out, err := c.Run(t.Context(), Run{Args: []string{"tool", "files"}, Env: []string{"PWD=/"}, Files: f})
		if err != nil || string(out.Stdout) != want {
			t.Errorf("%v\n%s%s", err, out.Stdout, out.Stderr)
		}
		for name, want := range map[string]string{"w/out.txt": "writ", "w/sub/f": "deep", "std/a.txt": "shared", "w/in.txt": "input"} {
			if b, ok := f.Read(name); !ok || string(b) != want {
				t.Errorf("%s is %q, %v", name, b, ok)
			}
		}
		if _, ok := f.Read("w/gone"); ok {
			t.Error("a removed file is there")
		}
		// Without files there is nothing to find.
		out, _ = c.Run(t.Context(), Run{Args: []string{"tool", "files"}})
		if !strings.Contains(string(out.Stdout), "/std/a.txt stat /std/a.txt: Bad file number") {
			t.Errorf("%s", out.Stdout)
		}
	})
}

func TestCommandReports(t *testing.T) {
	c := newTool(t, false)
	var heard []string
	_, err := c.Run(t.Context(), Run{Args: []string{"tool", "report", "all is well"}, Report: func(b []byte, _ int) { heard = append(heard, string(b)) }})
	if err != nil || !slices.Equal(heard, []string{"all is well"}) {
		t.Errorf("heard %q, %v", heard, err)
	}
}

// A program that recurses is stopped early by the interpreter, which is told
// from a crash, and runs on compiled.
func TestCommandDepth(t *testing.T) {
	args := []string{"tool", "deep", "20000"}
	if _, err := newTool(t, true).Run(t.Context(), Run{Args: args}); !errors.Is(err, ErrStack) {
		t.Errorf("interpreted: %v, want ErrStack", err)
	}
	out, err := newTool(t, false).Run(t.Context(), Run{Args: args})
	if err != nil || string(out.Stdout) != "20000\n" {
		t.Errorf("compiled: %q, %v", out.Stdout, err)
	}
}

// Runs at once, one after the other, cancelled and late: none sees another.
func TestCommandRunsApart(t *testing.T) {
	c := newTool(t, false)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5 {
				out, err := c.Run(t.Context(), Run{Args: []string{"tool", "mark"}})
				if err != nil || len(out.Stdout) > 0 {
					t.Errorf("%q, %v", out.Stdout, err)
				}
				_, _ = c.Run(t.Context(), Run{Args: []string{"tool", "hog"}, Limits: Limits{Fuel: 20_000_000}})
			}
		})
	}
	group.Wait()
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New("nobody waits any more")) })
	if _, err := c.Run(ctx, Run{Args: []string{"tool", "spin"}, Limits: Limits{Fuel: 1 << 60}}); err == nil || !strings.Contains(err.Error(), "nobody waits any more") {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := c.Run(t.Context(), Run{Args: []string{"tool", "spin"}, Limits: Limits{Fuel: 1 << 60, Wall: 20 * time.Millisecond}}); !errors.Is(err, ErrDeadline) {
		t.Errorf("late: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Run(t.Context(), Run{}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestNoCommand(t *testing.T) {
	e := newEngine(t, Options{})
	plugin := buildGuest(t, "acts")
	for name, code := range map[string][]byte{"a plugin": plugin, "no wasm": []byte("ELF"), "an unknown import": importing("env", "nope")} {
		if c, err := e.Command(t.Context(), code, CommandOptions{}); !errors.Is(err, ErrABI) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// importing is a module of nothing but an import, () -> ().
func importing(module, name string) []byte {
	b := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x02")
	body := append([]byte{1, byte(len(module))}, module...)
	body = append(append(body, byte(len(name))), name...)
	body = append(body, byte(meter.KindFunc), 0)
	return append(append(b, byte(len(body))), body...)
}

// BenchmarkCommand is a small program from its module to its end, and its run
// alone.
func BenchmarkCommand(b *testing.B) {
	code, err := buildTool()
	if err != nil {
		b.Fatal(err)
	}
	e := newEngine(b, Options{})
	args := Run{Args: []string{"tool", "args"}}
	for _, interpret := range []bool{true, false} {
		name := map[bool]string{false: "compiled", true: "interpreted"}[interpret]
		b.Run(name+"/whole", func(b *testing.B) {
			for b.Loop() {
				c, err := e.Command(b.Context(), code, CommandOptions{Limits: toolLimits, Interpret: interpret})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := c.Run(b.Context(), args); err != nil {
					b.Fatal(err)
				}
				if err := c.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/run", func(b *testing.B) {
			c := newTool(b, interpret)
			for b.Loop() {
				if _, err := c.Run(b.Context(), args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
