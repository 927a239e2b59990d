package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/hearthbot/hearth/store"
)

func testWatch(t *testing.T, b Backend) {
	s := b.open(t)
	commit(t, s, put("other/1", ""))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	next, stop := iter.Pull2(s.Watch(ctx, "w/"))
	defer stop()
	wait := func(least store.Rev) {
		t.Helper()
		rev, err, ok := next()
		if err != nil || !ok || rev < least {
			t.Fatalf("watch: revision %d, %v, %v; want at least %d", rev, err, ok, least)
		}
	}
	wait(1) // at once
	for _, write := range []func(*store.Batch){put("w/1", "x"), add("w/n", 1), del("w/1"), put("w/\xff", "x"), put("w/1", "y")} {
		// What lies beside the prefix wakes nobody: the hint that comes is of
		// the second commit.
		commit(t, s, put("w", ""), put("w.", ""), put("w0", ""), put("v/1", ""), put("\xff", ""))
		wait(commit(t, s, put("a", ""), write, put("z", "")))
	}
	commit(t, s, put("w/1", ""))
	last := commit(t, s, put("w/2", ""))
	wait(last - 1) // two hints may have become one, never none

	if rev := commit(t, s, put("a", "")); rev <= last {
		t.Fatalf("revision %d after %d", rev, last)
	}
	cancel()
	// What is left of the last two commits may come first.
	for {
		_, err, ok := next()
		if err == nil && ok {
			continue
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("watch ends with %v", err)
		}
		break
	}
	if _, _, ok := next(); ok {
		t.Fatal("watch goes on after its error")
	}

	t.Run("everything", func(t *testing.T) {
		next, stop := iter.Pull2(s.Watch(t.Context(), ""))
		defer stop()
		next()
		want := commit(t, s, put("anything", ""))
		if rev, err, _ := next(); rev < want || err != nil {
			t.Fatalf("revision %d, %v; want %d", rev, err, want)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		for range s.Watch(t.Context(), "") {
			break
		}
	})
	t.Run("closed", func(t *testing.T) {
		s, err := b.Open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		ready := make(chan struct{}, 4)
		for range cap(ready) {
			wg.Go(func() {
				var last error
				for _, last = range s.Watch(t.Context(), "w/") {
					if last == nil {
						ready <- struct{}{}
					}
				}
				if !errors.Is(last, store.ErrClosed) {
					t.Errorf("watch ends with %v", last)
				}
			})
		}
		for range cap(ready) {
			<-ready
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
}

// testWatchMissesNothing has consumers that only scan when woken take every row
// that producers put: a wake-up that is lost leaves a row, and the test hanging.
func testWatchMissesNothing(t *testing.T, b Backend) {
	s := b.open(t)
	const producers, each = 4, 40
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	fail := func(doing string, err error) {
		t.Errorf("%s: %v", doing, err)
		cancel() // the others would wait for what does not come
	}
	var wg sync.WaitGroup
	for p := range producers {
		mine := store.Join("job", fmt.Sprint(p)).Prefix()
		wg.Go(func() {
			for i := range each {
				k := mine + store.Key(store.Seq(uint64(i)))
				if _, err := s.Commit(ctx, batch(put(k, "x"), put("noise", fmt.Sprint(p, i)))); err != nil {
					fail("put a job", err)
					return
				}
			}
		})
		wg.Go(func() {
			taken := 0
			for _, err := range s.Watch(ctx, mine) {
				n := 0
				if err == nil {
					n, err = takeAll(ctx, s, mine)
				}
				if err != nil {
					fail("take jobs", err)
					return
				}
				if taken += n; taken == each {
					return
				}
			}
		})
	}
	wg.Wait()
	if n := counter(t, s, "taken"); n != producers*each {
		t.Errorf("%d jobs were taken, want %d", n, producers*each)
	}
}

// takeAll deletes the rows under prefix, each in a batch of its own.
func takeAll(ctx context.Context, s store.Store, prefix store.Key) (n int, err error) {
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	for job, err := range snap.Scan(ctx, store.Prefix(prefix)) {
		if err != nil {
			return n, err
		}
		if _, err := s.Commit(ctx, batch(check(job.Key, job.Rev), del(job.Key), add("taken", 1))); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
