// Package storetest holds every backend of [store.Store] to one behaviour: the
// contract point by point, random histories against a plain map, concurrent
// histories against serial order, and, with [Crash], a process that is killed
// while it commits. It knows the contract only, no backend.
//
// A backend's test reads:
//
//	func TestStore(t *testing.T) { storetest.Run(t, backend) }
//	func TestCrash(t *testing.T) { storetest.Crash(t, backend) }
//	func TestMain(m *testing.M)  { storetest.Main(m, backend) }
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/store"
)

// Backend is what is tested.
type Backend struct {
	// Open opens the store in dir, which is empty the first time, and a second
	// time what a closed store or a killed process has left there.
	Open func(ctx context.Context, dir string) (store.Store, error)

	// Forgets says that a store begins empty each time it is opened.
	Forgets bool
}

// Run tests b in every way but crashes. It takes some ten seconds where a
// commit takes a millisecond, and a third of that with -short.
func Run(t *testing.T, b Backend) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Backend)
	}{
		{"Checks", testChecks},
		{"Writes", testWrites},
		{"Bounds", testBounds},
		{"Scans", testScans},
		{"Snapshots", testSnapshots},
		{"Context", testContext},
		{"Close", testClose},
		{"CloseUnderWay", testCloseUnderWay},
		{"Watch", testWatch},
		{"WatchMissesNothing", testWatchMissesNothing},
		{"Blobs", testBlobs},
		{"BlobOrphans", testBlobOrphans},
		{"Model", testModel},
		{"Serial", testSerial},
		{"Counters", testCounters},
	} {
		t.Run(test.name, func(t *testing.T) {
			// The first clean-up is the last: stores are closed by then.
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, before) })
			test.run(t, b)
		})
	}
}

// open opens a new store, which is closed when the test ends.
func (b Backend) open(t *testing.T) store.Store {
	t.Helper()
	s, err := b.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// batch makes a batch of the steps.
func batch(steps ...func(*store.Batch)) *store.Batch {
	b := new(store.Batch)
	for _, step := range steps {
		step(b)
	}
	return b
}

func put(k store.Key, v string) func(*store.Batch) {
	return func(b *store.Batch) { b.Put(k, []byte(v)) }
}

func del(k store.Key) func(*store.Batch) { return func(b *store.Batch) { b.Delete(k) } }

func add(k store.Key, n int64) func(*store.Batch) { return func(b *store.Batch) { b.Add(k, n) } }

func check(k store.Key, rev store.Rev) func(*store.Batch) {
	return func(b *store.Batch) { b.Check(k, rev) }
}

func checkRange(r store.Range, rev store.Rev) func(*store.Batch) {
	return func(b *store.Batch) { b.CheckRange(r, rev) }
}

// commit commits and fails the test if that fails.
func commit(t testing.TB, s store.Store, steps ...func(*store.Batch)) store.Rev {
	t.Helper()
	rev, err := s.Commit(context.Background(), batch(steps...))
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return rev
}

// refuse commits and fails the test if that does not fail with want.
func refuse(t testing.TB, s store.Store, want error, steps ...func(*store.Batch)) {
	t.Helper()
	if rev, err := s.Commit(context.Background(), batch(steps...)); !errors.Is(err, want) || rev != 0 {
		t.Fatalf("commit: revision %d, error %v; want 0, %v", rev, err, want)
	}
}

func snapshot(t testing.TB, s store.Store) store.Snapshot {
	t.Helper()
	snap, err := s.Snapshot(context.Background())
	if err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	return snap
}

// rows reads a range, values copied; bytes of a row are gone with its snapshot.
func rows(snap store.Snapshot, r store.Range) ([]store.Row, error) {
	var all []store.Row
	for row, err := range snap.Scan(context.Background(), r) {
		if err != nil {
			return nil, err
		}
		row.Value = bytes.Clone(row.Value)
		all = append(all, row)
	}
	return all, nil
}

// dump is rows as text, one a line, for comparison.
func dump(t testing.TB, s store.Store, r store.Range) string {
	t.Helper()
	snap := snapshot(t, s)
	defer snap.Close()
	all, err := rows(snap, r)
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return format(all)
}

func format(all []store.Row) string {
	var b bytes.Buffer
	for _, r := range all {
		fmt.Fprintf(&b, "%q@%d=%q\n", r.Key, r.Rev, r.Value)
	}
	return b.String()
}

func get(t testing.TB, s store.Store, k store.Key) store.Row {
	t.Helper()
	snap := snapshot(t, s)
	defer snap.Close()
	row, err := snap.Get(context.Background(), k)
	if err != nil {
		t.Fatalf("get %q: %v", k, err)
	}
	row.Value = bytes.Clone(row.Value)
	return row
}

func counter(t testing.TB, s store.Store, k store.Key) int64 {
	t.Helper()
	n, err := store.Counter(get(t, s, k))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
