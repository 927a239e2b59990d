package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
	"github.com/hearthbot/hearth/store/storetest"
)

// restless is a store that is compacted all the time.
type restless struct {
	*bolt.Store
	stop func()
}

func (r *restless) Close() error {
	r.stop()
	return r.Store.Close()
}

var restlessBackend = storetest.Backend{
	Open: func(ctx context.Context, dir string) (store.Store, error) {
		s, err := bolt.Open(ctx, dir, bolt.Options{})
		if err != nil {
			return nil, err
		}
		run, cancel := context.WithCancel(context.WithoutCancel(ctx))
		var wg sync.WaitGroup
		wg.Go(func() {
			for run.Err() == nil {
				if err := s.Compact(run); err != nil && run.Err() == nil && !errors.Is(err, store.ErrClosed) {
					panic(err)
				}
				select { // so that on a slow machine the test gets its turn
				case <-run.Done():
				case <-time.After(2 * time.Millisecond):
				}
			}
		})
		return &restless{s, sync.OnceFunc(func() { cancel(); wg.Wait() })}, nil
	},
}

// TestStoreCompacting holds the store to its contract while it is compacted all
// the time.
func TestStoreCompacting(t *testing.T) {
	compacts(t)
	storetest.Run(t, restlessBackend)
}

// compacts skips a test where no store can be compacted.
func compacts(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be replaced on Windows")
	}
}

// TestCrashCompacting kills it while it commits and compacts.
func TestCrashCompacting(t *testing.T) {
	compacts(t)
	storetest.CrashCompacting(t, backend)
}

// files are the bytes of all files below dir.
func files(t *testing.T, dir string) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(all, b...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCompactLeavesNothing deletes most of what was there: after Compact the
// files do not hold it, and are as small as what is left; a snapshot of before
// sees all of it still.
func TestCompactLeavesNothing(t *testing.T) {
	compacts(t)
	ctx, dir := t.Context(), t.TempDir()
	var told [][2]int64
	s, err := bolt.Open(ctx, dir, bolt.Options{Compacting: func(done, rows int64) { told = append(told, [2]int64{done, rows}) }})
	if err != nil {
		t.Fatal(err)
	}
	const rows = 30_000
	for at := 0; at < rows; at += 100 {
		b := new(store.Batch)
		for i := at; i < at+100; i++ {
			b.Put(store.Join("row", store.Seq(uint64(i))), fmt.Appendf(nil, "secret %d of a row that is to go, and some more of it", i))
		}
		if _, err := s.Commit(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < rows; at += 100 {
		b := new(store.Batch)
		for i := at; i < at+100; i++ {
			if i%100 != 0 {
				b.Delete(store.Join("row", store.Seq(uint64(i))))
			}
		}
		if _, err := s.Commit(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	was := files(t, dir)
	if !bytes.Contains(was, []byte("secret 12345 of")) {
		t.Fatal("control: what was deleted is not in the files before")
	}
	if err := s.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	is := files(t, dir)
	if bytes.Contains(is, []byte("secret 12345 of")) || !bytes.Contains(is, []byte("secret 12300 of")) {
		t.Error("the files hold what was deleted, or not what is left")
	}
	if len(is) > len(was)/4 {
		t.Errorf("the files have %d bytes, and had %d with a hundred times the rows", len(is), len(was))
	}
	if last := told[len(told)-1]; last != [2]int64{rows / 100, rows / 100} {
		t.Errorf("it was told of %d", told)
	}
	n := 0
	for row, err := range before.Scan(ctx, store.Range{}) {
		if err != nil || !row.Exists() {
			t.Fatal(err)
		}
		n++
	}
	if n != rows {
		t.Errorf("the snapshot of before has %d rows, want %d", n, rows)
	}
	if err := before.Close(); err != nil {
		t.Error(err)
	}

	// It goes on, and what it then writes is there after opening it again.
	b := new(store.Batch)
	b.Put("after", []byte("1"))
	rev, err := s.Commit(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = bolt.Open(ctx, dir, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	snap, err := s.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if row, err := snap.Get(ctx, "after"); err != nil || row.Rev != rev {
		t.Errorf("after opening it again: %+v, %v", row, err)
	}
}

// TestCompactBrokenOff ends a compaction in its middle: nothing has changed, and
// nothing is left lying about.
func TestCompactBrokenOff(t *testing.T) {
	compacts(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := bolt.Open(t.Context(), dir, bolt.Options{Compacting: func(int64, int64) { cancel() }})
	if err != nil {
		t.Fatal(err)
	}
	b := new(store.Batch)
	b.Put("k", []byte("v"))
	if _, err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Compact: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "store.db.compact")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the new file: %v", err)
	}
	b.Reset()
	b.Put("k", []byte("w"))
	if _, err := s.Commit(t.Context(), b); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Compact(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Compact of a closed store: %v", err)
	}
}
