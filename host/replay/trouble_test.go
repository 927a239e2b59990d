package replay

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

type silent struct{}

func (silent) Get(context.Context, string) ([]byte, bool, error) { return []byte("v"), true, nil }
func (silent) Scan(context.Context, *abi.Scan) ([]byte, error)   { return nil, nil }
func (silent) Log(int, string)                                   {}

func TestLatency(t *testing.T) {
	l := Latency{P50: 2 * time.Millisecond, P95: 20 * time.Millisecond, Max: 100 * time.Millisecond}
	var all []time.Duration
	for seed := range uint64(200) {
		x := Trouble{Latency: l}.Over(silent{}, seed, 0)
		for range 50 {
			before := x.Waited
			if _, _, err := x.Get(t.Context(), "c/x"); err != nil {
				t.Fatal(err)
			}
			all = append(all, x.Waited-before)
		}
	}
	slices.Sort(all)
	for q, want := range map[float64]time.Duration{0.5: l.P50, 0.95: l.P95, 1: l.Max} {
		if got := quantile(all, q); got < want*8/10 || got > want*12/10 || got > l.Max {
			t.Errorf("quantile %v of 10,000 is %v, want about %v", q, got, want)
		}
	}
	x, y := Trouble{Latency: Fixed(3 * time.Millisecond)}.Over(silent{}, 7, 0), Trouble{Latency: Latency{P50: 3 * time.Millisecond}}.Over(silent{}, 7, 0)
	for range 10 {
		x.Get(t.Context(), "c/x")
		y.Get(t.Context(), "c/x")
	}
	if x.Waited != 30*time.Millisecond || y.Waited > 30*time.Millisecond || y.Waited == 0 {
		t.Errorf("ten reads of 3 ms are late by %v; of up to 3 ms, by %v", x.Waited, y.Waited)
	}
}

// TestTheClockIsVirtual waits for hours in no time, and stops a call that would
// have taken too long.
func TestTheClockIsVirtual(t *testing.T) {
	begun := time.Now()
	x := Trouble{Latency: Fixed(time.Hour)}.Over(silent{}, 1, 3*time.Hour)
	for i := range 4 {
		_, _, err := x.Get(t.Context(), "c/x")
		if (err != nil) != (i == 3) {
			t.Errorf("read %d: %v", i+1, err)
		}
		if i == 3 && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read %d: %v", i+1, err)
		}
	}
	x.Again(silent{})
	if _, err := x.Scan(t.Context(), &abi.Scan{}); err != nil {
		t.Errorf("another try has the time of the first: %v", err)
	}
	if x.Waited != 5*time.Hour || time.Since(begun) > time.Minute {
		t.Errorf("waited %v in %v", x.Waited, time.Since(begun))
	}
}

func TestFailEvery(t *testing.T) {
	for _, every := range []int{0, 1, 2, 3, 5} {
		firsts := map[int]bool{}
		for seed := range uint64(10) {
			x := Trouble{FailEvery: every}.Over(silent{}, seed, 0)
			var failed []int
			for i := range 30 {
				if _, _, err := x.Get(t.Context(), "c/x"); errors.Is(err, ErrInjected) {
					failed = append(failed, i)
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if every == 0 && len(failed) > 0 || every > 0 && len(failed) != 30/every || len(failed) != x.Failed {
				t.Fatalf("each %d.: %v failed, counted %d", every, failed, x.Failed)
			}
			for i := 1; i < len(failed); i++ {
				if failed[i]-failed[i-1] != every {
					t.Errorf("each %d.: %v failed", every, failed)
				}
			}
			if len(failed) > 0 {
				firsts[failed[0]] = true
			}
		}
		if len(firsts) != every {
			t.Errorf("each %d.: events begin with %v", every, firsts)
		}
	}
}
