package wasm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// blocking is a Host whose Get waits until it is let go.
type blocking struct {
	entered chan struct{}
	leave   chan struct{}
}

func newBlocking() *blocking {
	return &blocking{make(chan struct{}, 100), make(chan struct{})}
}

func (b *blocking) Get(ctx context.Context, _ string) ([]byte, bool, error) {
	b.entered <- struct{}{}
	select {
	case <-b.leave:
	case <-ctx.Done():
	}
	return nil, false, nil
}
func (b *blocking) Scan(context.Context, *abi.Scan) ([]byte, error) { return nil, nil }
func (b *blocking) Log(int, string)                                 {}

func (b *blocking) call() Call {
	return Call{Export: abi.ExportHandle, Input: []byte("get x"), Host: b}
}

// waitFor waits until n calls are inside.
func waitFor(t *testing.T, i *Image, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
		i.mu.Lock()
		inside := i.inside
		i.mu.Unlock()
		if inside == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d calls are inside, want %d", inside, n)
		}
	}
}

func TestBackPressure(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 2, Queue: 3}, "acts", Limits{}, "echo a")
	b := newBlocking()
	results := make(chan error, 5)
	for range 5 {
		go func() {
			_, err := i.Call(context.Background(), b.call())
			results <- err
		}()
	}
	waitFor(t, i, 5)
	<-b.entered
	<-b.entered
	if _, err := i.Call(t.Context(), act("echo x")); !errors.Is(err, ErrBusy) {
		t.Errorf("a call too many: %v", err)
	}
	if len(b.entered) > 0 {
		t.Error("more calls run than there are sandboxes")
	}
	close(b.leave)
	for range 5 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := len(i.idle); n != 2 {
		t.Errorf("%d sandboxes were made", n)
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{})
	b := newBlocking()
	done := make(chan error, 1)
	go func() {
		_, err := i.Call(context.Background(), b.call())
		done <- err
	}()
	<-b.entered
	gaveUp := errors.New("gave up")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gaveUp)
	if _, err := i.Call(ctx, act("echo x")); !errors.Is(err, gaveUp) {
		t.Errorf("got %v", err)
	}
	close(b.leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if do(t, i, "echo x") != "x" {
		t.Error("the pool is broken")
	}
}

// Close lets calls end that are under way or wait, and gives everything back.
func TestClose(t *testing.T) {
	p := newPlugin(t, Options{Sandboxes: 1}, "acts", Limits{})
	i, err := p.Image(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := newBlocking()
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := i.Call(context.Background(), b.call())
			results <- err
		}()
	}
	waitFor(t, i, 2)
	<-b.entered
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Call(t.Context(), act("echo x")); !errors.Is(err, ErrClosed) {
		t.Errorf("a call after Close: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close while calls are under way: %v", err)
	}
	if _, err := p.Image(t.Context(), nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("an image after Close: %v", err)
	}
	close(b.leave)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	<-i.gone
	if len(i.idle) != 0 || i.snap.memory.data != nil {
		t.Error("memory was kept")
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	if p.engine.open != 0 || len(p.engine.programs) != 0 || len(p.engine.plugins) != 0 {
		t.Errorf("the engine still holds %d programs", p.engine.open)
	}
}

func TestEngineClose(t *testing.T) {
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Compile(t.Context(), plugin(i64+"\x00").module(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	i, err := p.Image(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := i.Call(t.Context(), act("")); !errors.Is(err, ErrClosed) {
		t.Errorf("a call: %v", err)
	}
	if _, err := e.Compile(t.Context(), nil, Limits{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a compilation: %v", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("a plugin: %v", err)
	}
}

// Many callers, few sandboxes, images that come and go: every call has the
// answer of its own input, and none sees another's memory.
func TestConcurrent(t *testing.T) {
	p := newPlugin(t, Options{Sandboxes: 3}, "acts", Limits{Fuel: 3_000_000})
	var wg sync.WaitGroup
	for round := range 3 {
		i, err := p.Image(t.Context(), fmt.Append(nil, "round ", round), [][]byte{[]byte("echo warm")})
		if err != nil {
			t.Fatal(err)
		}
		var calls sync.WaitGroup
		for n := range 8 {
			calls.Go(func() {
				for k := range 20 {
					text := fmt.Sprint(n, k)
					switch (n + k) % 5 {
					case 0:
						_, err := i.Call(t.Context(), act("panic "+text))
						if !errors.Is(err, ErrTrap) || !strings.Contains(err.Error(), "boom: "+text) {
							t.Errorf("panic: %v", err)
						}
					case 1:
						_, err := i.Call(t.Context(), act("loop"))
						if !errors.Is(err, ErrFuel) {
							t.Errorf("loop: %v", err)
						}
					case 2:
						want := fmt.Sprintf(`calls 2, kept 0, warmed "round %d"`, round)
						if r, err := i.Call(t.Context(), act("state")); string(r.Output) != want {
							t.Errorf("state: %q, %v", r.Output, err)
						}
					default:
						if r, err := i.Call(t.Context(), act("echo "+text)); string(r.Output) != text {
							t.Errorf("echo: %q, %v", r.Output, err)
						}
					}
				}
			})
		}
		wg.Go(func() {
			calls.Wait()
			if err := i.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
