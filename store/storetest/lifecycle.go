package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hearthbot/hearth/store"
)

func testSnapshots(t *testing.T, b Backend) {
	s := b.open(t)
	empty := snapshot(t, s)
	defer empty.Close()
	rev := commit(t, s, put("a", "1"), add("n", 1))
	one := snapshot(t, s)
	defer one.Close()
	commit(t, s, put("a", "2"), put("b", "2"), add("n", 1))
	two := snapshot(t, s)
	defer two.Close()
	commit(t, s, del("a"), del("b"), del("n"))

	if empty.Rev() != 0 || one.Rev() != rev || two.Rev() != rev+1 {
		t.Errorf("revisions %d, %d, %d", empty.Rev(), one.Rev(), two.Rev())
	}
	for _, test := range []struct {
		snap store.Snapshot
		want string
	}{
		{empty, ""},
		{one, fmt.Sprintf("\"a\"@%d=\"1\"\n\"n\"@%d=\"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01\"\n", rev, rev)},
		{two, fmt.Sprintf("\"a\"@%d=\"2\"\n\"b\"@%d=\"2\"\n\"n\"@%d=\"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\"\n", rev+1, rev+1, rev+1)},
	} {
		all, err := rows(test.snap, store.Range{})
		if err != nil || format(all) != test.want {
			t.Errorf("snapshot %d has\n%s(%v), want\n%s", test.snap.Rev(), format(all), err, test.want)
		}
	}

	if err := errors.Join(one.Close(), one.Close()); err != nil {
		t.Errorf("close twice: %v", err)
	}
	if one.Rev() != rev {
		t.Errorf("a closed snapshot is at revision %d", one.Rev())
	}
	if _, err := one.Get(t.Context(), "a"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("get from a closed snapshot: %v", err)
	}
	if _, err := rows(one, store.Range{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("scan a closed snapshot: %v", err)
	}

	t.Run("closed during a scan", func(t *testing.T) {
		var last error
		n := 0
		for _, err := range two.Scan(t.Context(), store.Range{}) {
			n, last = n+1, err
			two.Close()
		}
		if n != 2 || !errors.Is(last, store.ErrClosed) {
			t.Errorf("%d steps, then %v", n, last)
		}
	})
	t.Run("by many at once", func(t *testing.T) {
		commit(t, s, put("x/1", "1"), put("x/2", "2"))
		snap := snapshot(t, s)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					if row, err := snap.Get(t.Context(), "x/1"); err != nil || string(row.Value) != "1" {
						t.Errorf("get: %+v, %v", row, err)
					}
					if all, err := rows(snap, store.Prefix("x/")); err != nil || len(all) != 2 {
						t.Errorf("scan: %v, %v", all, err)
					}
				}
			})
		}
		wg.Wait()
		snap.Close()
	})
}

func testContext(t *testing.T, b Backend) {
	s := b.open(t)
	commit(t, s, put("a", "1"), put("b", "2"))
	before := dump(t, s, store.Range{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, err := s.Commit(ctx, batch(put("a", "x"))); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
	if _, err := s.Snapshot(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("snapshot: %v", err)
	}
	snap := snapshot(t, s)
	defer snap.Close()
	if _, err := snap.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	for row, err := range snap.Scan(ctx, store.Range{}) {
		if row.Exists() || !errors.Is(err, context.Canceled) {
			t.Errorf("scan: %+v, %v", row, err)
		}
	}
	ctx, cancel = context.WithCancel(t.Context())
	n := 0
	for _, err := range snap.Scan(ctx, store.Range{}) {
		if n++; n == 1 {
			cancel()
		} else if !errors.Is(err, context.Canceled) {
			t.Errorf("scan, on the way: %v", err)
		}
	}
	if n != 2 {
		t.Errorf("scan, on the way: %d steps", n)
	}
	if after := dump(t, s, store.Range{}); after != before {
		t.Errorf("rows were\n%sand are\n%s", before, after)
	}

	// With a context that ends while batches are on their way, each is either
	// committed or refused, and the caller is told which.
	ctx, cancel = context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var committed atomic.Int64
	defer cancel()
	for range 16 {
		wg.Go(func() {
			for {
				_, err := s.Commit(ctx, batch(add("n", 1)))
				switch {
				case err == nil:
					if committed.Add(1) == 50 {
						cancel()
					}
				case errors.Is(err, context.Canceled):
					return
				default:
					t.Errorf("commit: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := counter(t, s, "n"); got != committed.Load() {
		t.Errorf("%d commits were answered, and the counter says %d", committed.Load(), got)
	}
}

func testClose(t *testing.T, b Backend) {
	dir := t.TempDir()
	s, err := b.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	rev := commit(t, s, put("a", "1"))
	snap := snapshot(t, s)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatalf("close: %v", err)
	}
	if _, err := s.Commit(t.Context(), batch(put("a", "2"))); !errors.Is(err, store.ErrClosed) {
		t.Errorf("commit: %v", err)
	}
	if _, err := s.Snapshot(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("snapshot: %v", err)
	}
	for _, err := range s.Watch(t.Context(), "") {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("watch: %v", err)
		}
	}
	if row, err := snap.Get(t.Context(), "a"); err != nil || string(row.Value) != "1" {
		t.Errorf("a snapshot that is still open: %+v, %v", row, err)
	}
	if err := snap.Close(); err != nil {
		t.Errorf("close the last snapshot: %v", err)
	}
	if b.Forgets {
		return
	}
	s, err = b.Open(t.Context(), dir)
	if err != nil {
		t.Fatalf("open again: %v", err)
	}
	defer s.Close()
	if row := get(t, s, "a"); string(row.Value) != "1" || row.Rev != rev {
		t.Errorf("a is %+v", row)
	}
	if next := commit(t, s, put("b", "")); next != rev+1 {
		t.Errorf("revision %d follows %d", next, rev)
	}
}

// testCloseUnderWay closes a store that is in use: every commit is either
// there afterwards or was refused.
func testCloseUnderWay(t *testing.T, b Backend) {
	dir := t.TempDir()
	s, err := b.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var committed atomic.Int64
	enough := make(chan struct{})
	for range 16 {
		wg.Go(func() {
			for {
				_, err := s.Commit(t.Context(), batch(add("n", 1)))
				switch {
				case err == nil:
					if committed.Add(1) == 100 {
						close(enough)
					}
				case errors.Is(err, store.ErrClosed):
					return
				default:
					t.Errorf("commit: %v", err)
					return
				}
			}
		})
		wg.Go(func() {
			for {
				snap, err := s.Snapshot(t.Context())
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("snapshot: %v", err)
					return
				}
				if _, err := snap.Get(t.Context(), "n"); err != nil {
					t.Errorf("get: %v", err)
				}
				snap.Close()
			}
		})
	}
	<-enough
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	wg.Wait()
	if b.Forgets {
		return
	}
	s, err = b.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := counter(t, s, "n"); got != committed.Load() {
		t.Errorf("%d commits were answered, and the counter says %d", committed.Load(), got)
	}
}
