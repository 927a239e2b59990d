package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/storetest"
)

// dump is everything in s, as text.
func dump(s store.Store) (string, error) {
	snap, err := s.Snapshot(context.Background())
	if err != nil {
		return "", err
	}
	defer snap.Close()
	text := fmt.Sprintf("revision %d\n", snap.Rev())
	for row, err := range snap.Scan(context.Background(), store.Range{}) {
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf("%q@%d=%q\n", row.Key, row.Rev, row.Value)
	}
	return text, nil
}

// TestGroup holds a group of batches, committed at once, to what the same
// batches do one after the other in a store that knows no groups.
func TestGroup(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "bolt")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		s, err := newStore(rt.Context(), dir, Options{})
		if err != nil {
			rt.Fatal(err)
		}
		close(s.finished)
		defer s.Close()
		var (
			one store.Mem
			g   group
		)
		for range rapid.IntRange(1, 8).Draw(rt, "groups") {
			rs := make([]*request, rapid.IntRange(1, 12).Draw(rt, "batches"))
			want := make([]request, len(rs))
			for i := range rs {
				b := drawBatch(rt, &one)
				want[i].rev, want[i].err = one.Commit(rt.Context(), b)
				rs[i] = &request{batch: b, done: make(chan struct{}, 1)}
			}
			if err := s.commit(&g, rs); err != nil {
				rt.Fatal(err)
			}
			for i, r := range rs {
				<-r.done
				if r.rev != want[i].rev || fmt.Sprint(r.err) != fmt.Sprint(want[i].err) {
					rt.Fatalf("batch %d: %d, %v; want %d, %v", i, r.rev, r.err, want[i].rev, want[i].err)
				}
			}
			got, err := dump(s)
			if err != nil {
				rt.Fatal(err)
			}
			if want, _ := dump(&one); got != want {
				rt.Fatalf("the group left\n%swant\n%s", got, want)
			}
			if err := verify(rt.Context(), s.path, 1<<30); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

func drawBatch(t *rapid.T, s store.Store) *store.Batch {
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	return storetest.Batch(t, func(k store.Key) store.Rev {
		row, _ := snap.Get(t.Context(), k)
		return row.Rev
	}, snap.Rev())
}

// TestQueue shows that a caller whose context ends is let go as long as its
// batch waits, and not any more when it has been taken.
func TestQueue(t *testing.T) {
	s := prepare(t, t.TempDir(), Options{})
	commit := func(ctx context.Context, k store.Key, err chan<- error) {
		b := new(store.Batch)
		b.Put(k, nil)
		_, e := s.Commit(ctx, b)
		err <- e
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting, taken := make(chan error), make(chan error)
	go commit(ctx, "taken", taken)
	rs, _ := s.queue.take(nil) // waits for it
	go commit(ctx, "waiting", waiting)
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("the batch that waits: %v", err)
	}
	select {
	case err := <-taken:
		t.Fatalf("the batch that was taken is answered before it is committed: %v", err)
	default:
	}
	if err := s.commit(new(group), rs); err != nil {
		t.Fatal(err)
	}
	if err := <-taken; err != nil {
		t.Errorf("the batch that was taken: %v", err)
	}
	s.queue.close()
	if rs, _ := s.queue.take(nil); len(rs) != 0 {
		t.Errorf("%d batches are left", len(rs))
	}
	got, _ := dump(s)
	if want := "revision 1\n\"taken\"@1=\"\"\n"; got != want {
		t.Errorf("there is\n%swant\n%s", got, want)
	}
}

// TestQueueBounds shows that a group is bounded and the rest is left.
func TestQueueBounds(t *testing.T) {
	var q queue
	q.init()
	small, large := new(store.Batch), new(store.Batch)
	small.Put("k", nil)
	large.Put("k", make([]byte, store.MaxValue))
	for range groupBatches + 10 {
		q.push(&request{batch: small})
	}
	for _, want := range []int{groupBatches, 10} {
		if got, _ := q.take(nil); len(got) != want {
			t.Errorf("a group of %d batches, want %d", len(got), want)
		}
	}
	for range 15 {
		q.push(&request{batch: large})
	}
	for _, want := range []int{groupBytes / large.Size(), 5} {
		if got, _ := q.take(nil); len(got) != want {
			t.Errorf("a group of %d large batches, want %d", len(got), want)
		}
	}
}

// TestRemap has a file outgrow its map, again and again, while it is read.
func TestRemap(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{MapSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for last := store.Rev(0); ; {
				select {
				case <-stop:
					return
				default:
				}
				snap, err := s.Snapshot(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if snap.Rev() < last {
					t.Errorf("revision %d after %d", snap.Rev(), last)
				}
				last = snap.Rev()
				n := store.Rev(0)
				for _, err := range snap.Scan(t.Context(), store.Range{}) {
					if err != nil {
						t.Error(err)
					}
					n++
				}
				if n != last {
					t.Errorf("%d rows at revision %d", n, last)
				}
				snap.Close()
			}
		})
	}
	const writers, each = 8, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				b := new(store.Batch)
				b.Put(store.Join(fmt.Sprint(w), store.Seq(uint64(i))), make([]byte, 10_000))
				if _, err := s.Commit(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	readers.Wait()
	if s.size <= 1<<20 {
		t.Errorf("%d bytes are mapped: the file has not been mapped anew", s.size)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestFull shows that a store that may not grow refuses what does not fit, and
// goes on with what does.
func TestFull(t *testing.T) {
	s := prepare(t, t.TempDir(), Options{MaxSize: 1 << 20})
	var g group
	commit := func(bs ...*store.Batch) (errs []error) {
		rs := make([]*request, len(bs))
		for i, b := range bs {
			rs[i] = &request{batch: b, done: make(chan struct{}, 1)}
		}
		if err := s.commit(&g, rs); err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			<-r.done
			errs = append(errs, r.err)
		}
		return errs
	}
	fill := func(i int) *store.Batch {
		b := new(store.Batch)
		b.Put(store.Join("k", store.Seq(uint64(i))), make([]byte, 50_000))
		return b
	}
	kept := 0
	for ; ; kept++ {
		if err := commit(fill(kept))[0]; errors.Is(err, store.ErrFull) {
			break
		} else if err != nil || kept > 100 {
			t.Fatal(kept, err)
		}
	}
	tooMuch, one, same := fill(kept), new(store.Batch), fill(0)
	one.Add("n", 1)
	for i, err := range commit(tooMuch, one, one, tooMuch, one, same) {
		if full := i == 0 || i == 3; full != errors.Is(err, store.ErrFull) || !full && err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	for i := range kept {
		b := new(store.Batch)
		b.Delete(store.Join("k", store.Seq(uint64(i))))
		if err := commit(b)[0]; err != nil {
			t.Fatalf("make room: %v", err)
		}
	}
	if err := commit(tooMuch)[0]; err != nil {
		t.Errorf("after room was made: %v", err)
	}
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	row, err := snap.Get(t.Context(), "n")
	if n, _ := store.Counter(row); n != 3 || err != nil {
		t.Errorf("n is %d, %v; want 3", n, err)
	}
}
