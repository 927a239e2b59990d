package wasm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hearthbot/hearth/sdk/abi"
)

// asked is a Host that counts what it is asked.
type asked struct {
	get  func(ctx context.Context, key string) ([]byte, bool, error)
	scan func(ctx context.Context, s *abi.Scan) ([]byte, error)
	log  func(level int, line string)
	n    int
}

func (a *asked) Get(ctx context.Context, key string) ([]byte, bool, error) {
	a.n++
	return a.get(ctx, key)
}
func (a *asked) Scan(ctx context.Context, s *abi.Scan) ([]byte, error) {
	a.n++
	return a.scan(ctx, s)
}
func (a *asked) Log(level int, line string) { a.log(level, line) }

func (a *asked) call(input string) Call {
	c := act(input)
	c.Host = a
	return c
}

func TestHostAnswers(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{})
	long := strings.Repeat("v", abi.MaxValue)
	h := &asked{
		get: func(_ context.Context, key string) ([]byte, bool, error) {
			switch key {
			case "long":
				return []byte(long), true, nil
			case "empty":
				return nil, true, nil
			}
			return []byte("of " + key), key != "none", nil
		},
		scan: func(_ context.Context, s *abi.Scan) ([]byte, error) {
			return fmt.Appendf(nil, "%+v", *s), nil
		},
	}
	request, err := (&abi.Scan{Prefix: "c/", Limit: 500, Relaxed: true}).MarshalMsg(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ act, want string }{
		{"get c/name", "true of c/name"},
		{"get none", "false "},
		{"get empty", "true "},
		{"get long", "true " + long}, // longer than the guest's first buffer
		{"scan " + string(request), "{Prefix:c/ After: Limit:500 Reverse:false Relaxed:true}"},
	} {
		h.n = 0
		r, err := i.Call(t.Context(), h.call(tt.act))
		if err != nil || string(r.Output) != tt.want {
			t.Errorf("%s: %.100q, %v", tt.act, r.Output, err)
		}
		if h.n != 1 {
			t.Errorf("%s: the host was asked %d times", tt.act, h.n)
		}
	}
}

func TestHostFails(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{})
	broken := errors.New("the store is closed")
	h := &asked{}
	h.get = func(context.Context, string) ([]byte, bool, error) { return nil, false, broken }
	if _, err := i.Call(t.Context(), h.call("get x")); !errors.Is(err, broken) || !errors.Is(err, ErrHost) {
		t.Errorf("an error of the host: %v", err)
	}
	h.get = func(context.Context, string) ([]byte, bool, error) { panic("a bug of ours") }
	if _, err := i.Call(t.Context(), h.call("get x")); !errors.Is(err, ErrHost) || errors.Is(err, ErrTrap) || !strings.Contains(err.Error(), "a bug of ours") {
		t.Errorf("a panic of the host: %v", err)
	}
	// A host that waits is told when the call's time is over.
	h.get = func(ctx context.Context, _ string) ([]byte, bool, error) {
		<-ctx.Done()
		return nil, false, ctx.Err()
	}
	c := h.call("get x")
	c.Limits.Wall = time.Millisecond
	if _, err := i.Call(t.Context(), c); !errors.Is(err, ErrDeadline) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a slow host: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	h.get = func(ctx context.Context, _ string) ([]byte, bool, error) {
		cancel(broken)
		<-ctx.Done()
		return nil, false, ctx.Err()
	}
	if _, err := i.Call(ctx, h.call("get x")); !errors.Is(err, broken) || errors.Is(err, ErrDeadline) {
		t.Errorf("a caller that gave up: %v", err)
	}
	if got := do(t, i, "state"); !strings.HasPrefix(got, "calls 1,") {
		t.Errorf("afterwards: %s", got)
	}
}

// The caller's context ends a call that asks the host nothing.
func TestCallerGivesUp(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{Fuel: 1 << 50, Wall: time.Hour})
	gaveUp := errors.New("gave up")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Millisecond, func() { cancel(gaveUp) })
	if _, err := i.Call(ctx, act("loop")); !errors.Is(err, gaveUp) {
		t.Errorf("got %v", err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	if _, err := i.Call(ctx, act("loop")); !errors.Is(err, ErrDeadline) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestLog(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{LogLines: 3})
	var lines []string
	h := &asked{log: func(level int, line string) { lines = append(lines, fmt.Sprint(level, " ", line)) }}
	if _, err := i.Call(t.Context(), h.call("log 5")); err != nil {
		t.Fatal(err)
	}
	want := []string{"1 5", "1 5", "1 5", "2 2 more lines were left out: a call may log 3"}
	if fmt.Sprint(lines) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	for _, text := range []string{strings.Repeat("é", 2000), strings.Repeat("\xff", 2000), strings.Repeat("x", abi.MaxLog)} {
		lines = nil
		if _, err := i.Call(t.Context(), h.call("log "+text)); err != nil {
			t.Fatal(err)
		}
		line := strings.TrimPrefix(lines[0], "1 ")
		if len(line) > abi.MaxLog || len(line) < abi.MaxLog-8 && text[0] != 0xff || !utf8.ValidString(line) {
			t.Errorf("%d bytes of %.10q: %.10q…", len(line), text, line)
		}
	}
}

// A Host that panics where no guest runs any more takes its sandbox with it, not
// the pool.
func TestHostPanics(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{LogLines: 1})
	h := &asked{log: func(level int, _ string) {
		if level == abi.LogWarn {
			panic("a bug of ours")
		}
	}}
	for range 3 {
		func() {
			defer func() {
				if r := recover(); r != "a bug of ours" {
					t.Errorf("recovered %v", r)
				}
			}()
			_, _ = i.Call(t.Context(), h.call("log 2"))
		}()
		if do(t, i, "echo x") != "x" {
			t.Error("the pool is broken")
		}
	}
}

func TestStdioKept(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{Stdio: 250})
	r, err := i.Call(t.Context(), act("flood 30"))
	if err != nil || len(r.Stdio) != 250 {
		t.Errorf("%d bytes, %v", len(r.Stdio), err)
	}
	if r, err = i.Call(t.Context(), act("print hello")); err != nil || string(r.Stdio) != "hello" {
		t.Errorf("%q, %v", r.Stdio, err)
	}
}

func TestInputs(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{Output: abi.MaxInput})
	for _, n := range []int{0, 1, inputRoom - 6, inputRoom, abi.MaxInput - 5} {
		text := strings.Repeat("x", n)
		if got := do(t, i, "echo "+text); got != text {
			t.Errorf("%d bytes come back as %d", n, len(got))
		}
	}
	if got := do(t, i, "room"); got != "\x00\x00\x01\x00" {
		t.Errorf("room for input after long events: %q", got)
	}
	if _, err := i.Call(t.Context(), act(strings.Repeat("x", abi.MaxInput+1))); !errors.Is(err, ErrInput) {
		t.Errorf("input that is too long: %v", err)
	}
	if _, err := i.Call(t.Context(), Call{Export: "migrate"}); !errors.Is(err, ErrABI) {
		t.Errorf("an export that is not there: %v", err)
	}
}
