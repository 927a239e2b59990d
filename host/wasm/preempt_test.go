package wasm

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// An endless loop ends soon after its deadline, and the host's garbage
// collector need not wait for it: measured with as many spinning guests as there
// are processors. The figures are printed; the bounds are generous, for the
// machine may be busy with other things.
func TestPreemption(t *testing.T) {
	n := 40
	if testing.Short() {
		n = 10
	}
	procs := runtime.GOMAXPROCS(0)
	i := newImage(t, Options{Sandboxes: procs}, "acts", Limits{Fuel: 1 << 60, Wall: time.Hour}, "echo a")
	const wall = 20 * time.Millisecond

	var late []time.Duration
	for k := range n {
		c := act([]string{"loop", "loopcall"}[k%2])
		c.Limits.Wall = wall
		r, err := i.Call(t.Context(), c)
		if !errors.Is(err, ErrDeadline) {
			t.Fatal(err)
		}
		late = append(late, r.Duration-wall)
	}
	report(t, "one guest stops after its deadline", late, time.Second)

	late = late[:0]
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range procs {
		wg.Go(func() {
			for k := range n {
				c := act([]string{"loop", "loopcall"}[k%2])
				c.Limits.Wall = wall
				r, err := i.Call(t.Context(), c)
				if !errors.Is(err, ErrDeadline) {
					t.Error(err)
				}
				mu.Lock()
				late = append(late, r.Duration-wall)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	report(t, "as many guests as processors stop after their deadlines", late, time.Second)

	collect := func() (gc []time.Duration) {
		for range n {
			start := time.Now()
			runtime.GC()
			gc = append(gc, time.Since(start))
		}
		return gc
	}
	report(t, "runtime.GC with no guest", collect(), 3*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	for k := range procs {
		wg.Go(func() {
			if _, err := i.Call(ctx, act([]string{"loop", "loopcall"}[k%2])); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	waitFor(t, i, procs)
	gc := collect()
	cancel()
	wg.Wait()
	report(t, "runtime.GC beside as many spinning guests as processors", gc, 3*time.Second)
}

func report(t *testing.T, what string, d []time.Duration, most time.Duration) {
	t.Helper()
	slices.Sort(d)
	p50, p99 := d[len(d)/2], d[len(d)*99/100]
	t.Logf("%s: p50 %v, p99 %v (%d times)", what, p50, p99, len(d))
	if p99 > most {
		t.Errorf("%s: p99 %v", what, p99)
	}
}
