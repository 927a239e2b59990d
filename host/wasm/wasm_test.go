package wasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/sdk/abi"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// guests are built once for all tests of a run.
var guests sync.Map

// buildGuest compiles testdata/guests/name as a plugin.
func buildGuest(tb testing.TB, name string) []byte {
	tb.Helper()
	build, _ := guests.LoadOrStore(name, sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "guest")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		out := filepath.Join(dir, name+".wasm")
		cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", out, "./testdata/guests/"+name)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%v\n%s", err, text)
		}
		return os.ReadFile(out)
	}))
	code, err := build.(func() ([]byte, error))()
	if err != nil {
		tb.Fatalf("build guest %s: %v", name, err)
	}
	return code
}

// cacheDir is kept between runs: compiling a guest takes a second.
var cacheDir = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("hearth-wasm-test-%d", os.Getuid()))
	return dir, os.MkdirAll(dir, 0o700)
})

func newEngine(tb testing.TB, o Options) *Engine {
	tb.Helper()
	if o.CacheDir == "" {
		dir, err := cacheDir()
		if err != nil {
			tb.Fatal(err)
		}
		o.CacheDir = dir
	}
	e, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return e
}

func newPlugin(tb testing.TB, o Options, guest string, l Limits) *Plugin {
	tb.Helper()
	if l.Wall == 0 {
		l.Wall = time.Hour // the machine may be busy; tests of the deadline have their own
	}
	p, err := newEngine(tb, o).Compile(context.Background(), buildGuest(tb, guest), l)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func newImage(tb testing.TB, o Options, guest string, l Limits, warmup ...string) *Image {
	tb.Helper()
	events := make([][]byte, len(warmup))
	for i, w := range warmup {
		events[i] = []byte(w)
	}
	i, err := newPlugin(tb, o, guest, l).Image(context.Background(), []byte("set up"), events)
	if err != nil {
		tb.Fatal(err)
	}
	return i
}

func act(input string) Call { return Call{Export: abi.ExportHandle, Input: []byte(input)} }

// do runs an act that must succeed.
func do(tb testing.TB, i *Image, input string) string {
	tb.Helper()
	r, err := i.Call(context.Background(), act(input))
	if err != nil {
		tb.Fatalf("%s: %v", input, err)
	}
	return string(r.Output)
}

// fails runs an act that must fail with want.
func fails(tb testing.TB, i *Image, input string, want error) *Error {
	tb.Helper()
	_, err := i.Call(context.Background(), act(input))
	var e *Error
	if !errors.Is(err, want) || !errors.As(err, &e) {
		tb.Fatalf("%.60s: got %v, want %v", input, err, want)
	}
	return e
}
