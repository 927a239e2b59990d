package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/hearthbot/hearth/store"
)

// history is what happened to a store that many used at once, as they saw it.
type history struct {
	mu      sync.Mutex
	commits []committed
	seen    []seen
}

type committed struct {
	rev   store.Rev
	batch *store.Batch
}

type seen struct {
	rev  store.Rev
	rows string
}

// testSerial has many commit checked batches over few keys at once, and replays
// what was committed in the order of the revisions: each check must hold there,
// each snapshot must show that state, and the end must be the end. The
// revisions must also keep to the order in time: a snapshot shows what was
// committed before it was asked for.
func testSerial(t *testing.T, b Backend) {
	s := b.open(t)
	var h history
	var wg sync.WaitGroup
	n := 150
	if testing.Short() {
		n = 40
	}
	for who := range 16 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(who)))
			var last store.Rev
			for range n {
				last = h.step(t, s, rng, last)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	h.replay(t, s)
}

// step reads, decides and commits, as the engine does.
func (h *history) step(t *testing.T, s store.Store, rng *rand.Rand, last store.Rev) store.Rev {
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Errorf("snapshot: %v", err)
		return last
	}
	defer snap.Close()
	if snap.Rev() < last {
		t.Errorf("a snapshot at revision %d, after a commit at %d", snap.Rev(), last)
	}
	b := new(store.Batch)
	for range rng.IntN(3) {
		k := store.Join("k", fmt.Sprint(rng.IntN(6)))
		row, err := snap.Get(t.Context(), k)
		if err != nil {
			t.Errorf("get: %v", err)
			return last
		}
		b.Check(k, row.Rev)
	}
	if rng.IntN(3) == 0 {
		from, to := store.Join("k", fmt.Sprint(rng.IntN(3))), store.Join("k", fmt.Sprint(3+rng.IntN(3)))
		b.CheckRange(store.Range{From: from, To: to}, snap.Rev())
	}
	for _, i := range rng.Perm(6)[:rng.IntN(4)] {
		k := store.Join("k", fmt.Sprint(i))
		if rng.IntN(4) == 0 {
			b.Delete(k)
		} else {
			b.Put(k, noise(rng.IntN(400)))
		}
	}
	b.Add("n", 1)
	b.Add(store.Join("sum", fmt.Sprint(rng.IntN(3))), rng.Int64N(100))

	if rng.IntN(8) == 0 {
		all, err := rows(snap, store.Range{})
		if err != nil {
			t.Errorf("scan: %v", err)
			return last
		}
		h.mu.Lock()
		h.seen = append(h.seen, seen{snap.Rev(), format(all)})
		h.mu.Unlock()
	}
	rev, err := s.Commit(t.Context(), b)
	switch {
	case errors.Is(err, store.ErrConflict):
		return max(last, snap.Rev())
	case err != nil:
		t.Errorf("commit: %v", err)
		return last
	case rev <= snap.Rev():
		t.Errorf("a commit at revision %d, after a snapshot at %d", rev, snap.Rev())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commits = append(h.commits, committed{rev, b})
	return rev
}

func (h *history) replay(t *testing.T, s store.Store) {
	slices.SortFunc(h.commits, func(a, b committed) int { return cmp.Compare(a.rev, b.rev) })
	m := model{rows: make(map[store.Key]store.Row)}
	states := map[store.Rev]string{0: ""}
	for i, c := range h.commits {
		if c.rev != store.Rev(i+1) {
			t.Fatalf("commit %d has revision %d", i+1, c.rev)
		}
		if rev, err := m.commit(c.batch); err != nil {
			t.Fatalf("commit %d, replayed alone: %v", rev, err)
		}
		states[c.rev] = format(m.scan(store.Range{}))
	}
	for _, seen := range h.seen {
		if want := states[seen.rev]; seen.rows != want {
			t.Fatalf("a snapshot at revision %d had\n%swant\n%s", seen.rev, seen.rows, want)
		}
	}
	if got, want := dump(t, s, store.Range{}), states[m.rev]; got != want {
		t.Fatalf("in the end there is\n%swant\n%s", got, want)
	}
	if len(h.commits) == 0 || len(h.seen) == 0 {
		t.Fatal("nothing happened")
	}
	t.Logf("%d commits, %d snapshots", len(h.commits), len(h.seen))
}

// testCounters has many add to one counter: none conflicts, none is lost.
func testCounters(t *testing.T, b Backend) {
	s := b.open(t)
	const who, each = 32, 25
	var wg sync.WaitGroup
	for range who {
		wg.Go(func() {
			for i := range int64(each) {
				if _, err := s.Commit(t.Context(), batch(add("n", 1), add("sum", i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n, sum := counter(t, s, "n"), counter(t, s, "sum"); n != who*each || sum != who*each*(each-1)/2 {
		t.Errorf("n is %d, sum is %d", n, sum)
	}
}
