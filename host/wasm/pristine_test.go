package wasm

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
)

// After any sequence of calls, in each way of restoring, the next finds the
// image: byte for byte, and in what it answers and spends.
func TestAnySequence(t *testing.T) {
	const probe = "state"
	acts := []string{
		"echo x", "state", "keep", "leak", "rand", "now", "print x", "flood 50", "alloc 1", "alloc 5", "sleep 1s", "work 5000",
		"get x", "room", "panic x", "gopanic", "nil", "exit 1", "deadlock", "loop", "loopcall", "recurse", "sleep 1h", "big 999999", "wild", "wildget",
	}
	for _, way := range ways {
		t.Run(way.String(), func(t *testing.T) {
			testPager(t, way)
			i := newImage(t, Options{Sandboxes: 1, tracking: way}, "acts", Limits{Fuel: 1_500_000}, "echo a", "echo b")
			first, err := i.Call(t.Context(), act(probe))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			rapid.Check(t, func(rt *rapid.T) {
				n++
				for _, a := range rapid.SliceOfN(rapid.SampledFrom(acts), 1, 3).Draw(rt, "acts") {
					_, err := i.Call(context.Background(), act(a))
					var e *Error
					if err != nil && !errors.As(err, &e) {
						rt.Fatal(err)
					}
					checkHolds(t, i, n)
				}
				r, err := i.Call(context.Background(), act(probe))
				if err != nil || !bytes.Equal(r.Output, first.Output) || r.Fuel != first.Fuel {
					rt.Fatalf("%q for %d units, first %q for %d; %v", r.Output, r.Fuel, first.Output, first.Fuel, err)
				}
				if n%16 == 0 {
					checkPristine(t, i, n) // what is not in memory either
				}
			})
		})
	}
}

// An image is a function of the code, the setup and the warm-ups.
func TestImageIsAFunction(t *testing.T) {
	image := func(setup string, warmup ...string) *snapshot {
		var events [][]byte
		for _, w := range warmup {
			events = append(events, []byte(w))
		}
		i, err := newPlugin(t, Options{}, "acts", Limits{}).Image(t.Context(), []byte(setup), events)
		if err != nil {
			t.Fatal(err)
		}
		return i.snap
	}
	one := image("a", "echo x", "rand", "sleep 1s")
	same := image("a", "echo x", "rand", "sleep 1s")
	if !bytes.Equal(one.memory.data, same.memory.data) || one.mono != same.mono || one.input != same.input {
		t.Error("the same image twice differs")
	}
	if other := image("b", "echo x", "rand", "sleep 1s"); bytes.Equal(one.memory.data, other.memory.data) {
		t.Error("another setup gives the same image")
	}
	// A warm-up that fails leaves nothing behind.
	failed := image("a", "echo x", "panic x", "rand", "exit 0", "sleep 1s")
	if !bytes.Equal(one.memory.data, failed.memory.data) || !slices.Equal(one.globals, failed.globals) || one.mono != failed.mono || one.input != failed.input {
		t.Error("failed warm-ups left something in the image")
	}
}

// What does the same spends the same, whatever else stands in the module: an
// image's randomness is not the file's.
func TestImageOfTheSameCode(t *testing.T) {
	e := newEngine(t, Options{})
	code := buildGuest(t, "acts")
	var first []byte
	for n := range 3 {
		// A section of that name's length, the name, and nothing: runtimes pass over it.
		p, err := e.Compile(t.Context(), append(slices.Clone(code), 0, 2, 1, byte('a'+n)), Limits{Wall: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		i, err := p.Image(t.Context(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			first = i.snap.memory.data
		}
		if !bytes.Equal(i.snap.memory.data, first) {
			t.Errorf("image %d differs from the first", n)
		}
	}
}

// A plugin whose warm fails has no image, and says why.
func TestWarmFails(t *testing.T) {
	p := newPlugin(t, Options{}, "acts", Limits{})
	_, err := p.Image(t.Context(), []byte("panic"), nil)
	var e *Error
	if !errors.As(err, &e) || e.Export != "warm" || e.Message != "panic: cold" {
		t.Errorf("got %v", err)
	}
	if _, err := p.Image(t.Context(), make([]byte, abi.MaxSetup+1), nil); !errors.Is(err, ErrInput) {
		t.Errorf("a setup that is too long: %v", err)
	}
}

// Time goes on from what it was in the image, and never back.
func TestTimeGoesOn(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{}, "sleep 5s")
	if i.snap.mono < int64(5*time.Second) {
		t.Fatalf("the image's clock is at %d", i.snap.mono)
	}
	for range 2 {
		if got := do(t, i, "sleep 1s"); got != "1s" {
			t.Errorf("a second takes %s", got)
		}
	}
}
