package host

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"
	"go.etcd.io/bbolt"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
)

// bench is an engine with a real store and sandbox whose messages stay in the
// outbox.
func benchEngine(tb testing.TB, s store.Store, plugin string) *Engine {
	tb.Helper()
	w, err := wasm.New(wasm.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { w.Close(context.Background()) })
	e, err := New(tb.Context(), Options{Store: s, Wasm: w, MaxBacklog: 1 << 30, MaxOutbox: 1 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	code, err := os.ReadFile(buildPlugin(tb, plugin))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := e.Install(tb.Context(), code, PluginOptions{GrantAll: true}); err != nil {
		tb.Fatal(err)
	}
	if err := e.Attach(tb.Context(), newFakePlatform("fake")); err != nil {
		tb.Fatal(err)
	}
	if err := e.Pause(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); e.Run(ctx, time.Minute) }()
	tb.Cleanup(func() { cancel(); <-ended })
	return e
}

const benchMembers = 100_000

// fillMembers writes the rows that the writer plugin keeps of each member.
func fillMembers(tb testing.TB, s store.Store, n int) {
	tb.Helper()
	value := msgp.AppendString(nil, strings.Repeat("x", 297)) // as the sdk stores a string
	var wg sync.WaitGroup
	for part := range 16 {
		wg.Go(func() {
			for i := part * 40; i < n; i += 16 * 40 {
				b := new(store.Batch)
				for m := i; m < min(i+40, n); m++ {
					for _, row := range []string{"seen", "profile", "history"} {
						b.Put(stateKey("writer", fmt.Sprintf("m/fake:m%06d/%s", m, row)), value)
					}
				}
				if _, err := s.Commit(context.Background(), b); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func benchEvent(i int, r *rand.Rand) abi.Event {
	return abi.Event{ID: fmt.Sprint("e", i), Source: "fake", Kind: abi.MessagePosted, Time: 1_700_000_000_000,
		Conversation: abi.Conversation{ID: fmt.Sprint("fake:c", r.IntN(5000)), Kind: abi.Channel},
		Member:       abi.Member{ID: fmt.Sprintf("fake:m%06d", r.IntN(benchMembers))},
		Message:      &abi.Message{ID: fmt.Sprint("m", i), Text: "How do I read a file line by line in Go, and close it again when an error comes in between?"}}
}

// BenchmarkDurable measures the durable way of an event from acceptance to the
// outbox, with 256 callers at once and 100,000 members, and beside it bbolt
// itself, writing the same rows in the same groups. Run it with a fixed count:
// -benchtime 20000x.
func BenchmarkDurable(b *testing.B) {
	dir := b.TempDir()
	s, err := bolt.Open(b.Context(), dir, bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	fillMembers(b, s, benchMembers)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	rec := &recorder{}
	var rate float64
	b.Run("hearth", func(b *testing.B) {
		rec.reset()
		s, err := bolt.Open(b.Context(), copyDir(b, dir), bolt.Options{Observe: rec.group})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		e := benchEngine(b, rec.wrap(s), "writer")
		rec.reset()
		b.ResetTimer()
		var next atomic.Int64
		var wg sync.WaitGroup
		for c := range 256 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(c), 1))
				for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
					if _, err := e.Accept(context.Background(), chat.Incoming{Event: benchEvent(int(i), r)}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for e.backlog() > 0 {
			time.Sleep(time.Millisecond)
		}
		rate = float64(b.N) / b.Elapsed().Seconds()
		b.ReportMetric(rate, "events/s")
		b.ReportMetric(float64(len(rec.batches))/float64(len(rec.groups)), "batches/group")
		b.ReportMetric(100*rec.writing.Seconds()/b.Elapsed().Seconds(), "%writing")
	})
	b.Run("bbolt", func(b *testing.B) {
		db, err := bbolt.Open(filepath.Join(copyDir(b, dir), "store.db"), 0o600, &bbolt.Options{InitialMmapSize: 1 << 32, FreelistType: bbolt.FreelistMapType})
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		b.ResetTimer()
		rec.replay(b, db)
		raw := float64(b.N) / b.Elapsed().Seconds()
		b.ReportMetric(raw, "events/s")
		b.ReportMetric(rate/raw, "hearth/bbolt")
	})
}

// recorder keeps what an engine commits, and in which groups it came to disk.
type recorder struct {
	store.Store
	mu      sync.Mutex
	batches [][]store.Write
	groups  []int
	writing time.Duration // in the store's own writes
}

func (r *recorder) wrap(s store.Store) store.Store { r.Store = s; return r }

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches, r.groups, r.writing = nil, nil, 0
}

func (r *recorder) group(batches int, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.groups = append(r.groups, batches)
	r.writing += took
}

func (r *recorder) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	rev, err := r.Store.Commit(ctx, b)
	if err == nil {
		ws := slices.Clone(b.Writes())
		for i := range ws {
			ws[i].Value = slices.Clone(ws[i].Value)
		}
		r.mu.Lock()
		r.batches = append(r.batches, ws)
		r.mu.Unlock()
	}
	return rev, err
}

// replay writes what was recorded, a transaction for every group.
func (r *recorder) replay(b *testing.B, db *bbolt.DB) {
	left := r.batches
	for _, n := range r.groups {
		n = min(n, len(left))
		err := db.Update(func(tx *bbolt.Tx) error {
			rows, err := tx.CreateBucketIfNotExists([]byte("rows"))
			if err != nil {
				return err
			}
			for _, batch := range left[:n] {
				for _, w := range batch {
					if w.Op == store.Delete {
						err = rows.Delete([]byte(w.Key))
					} else {
						err = rows.Put([]byte(w.Key), w.Value)
					}
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		left = left[n:]
	}
}

func copyDir(b *testing.B, dir string) string {
	b.Helper()
	to := b.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		b.Fatal(err)
	}
	return to
}

// BenchmarkLatency measures the time from the beginning of Accept until the
// effects are committed, at a thousand events a second.
func BenchmarkLatency(b *testing.B) {
	s, err := bolt.Open(b.Context(), b.TempDir(), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	fillMembers(b, s, benchMembers)
	e := benchEngine(b, s, "writer")
	const rate = 1000
	r := rand.New(rand.NewPCG(1, 1))
	var mu sync.Mutex
	var took []time.Duration
	began := map[string]time.Time{}
	e.onCommit = func(event string) {
		mu.Lock()
		took = append(took, time.Since(began[event]))
		mu.Unlock()
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	start := time.Now()
	for i := range b.N {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / rate)))
		ev := benchEvent(i, r)
		mu.Lock()
		began[ev.ID] = time.Now()
		mu.Unlock()
		wg.Go(func() {
			if _, err := e.Accept(context.Background(), chat.Incoming{Event: ev}); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	for e.backlog() > 0 {
		time.Sleep(time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
