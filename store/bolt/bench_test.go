package bolt

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/hearthbot/hearth/store"
)

// The benchmarks write what an event of hearth writes: a record of 500 bytes,
// three rows of 300 bytes among those of 100,000 members, and an outbox row of
// 250 bytes. "raw" is bbolt itself with the same rows in the same groups and the
// same options, "group" the store with groups of exactly that size, and
// "callers" the store with so many callers at once, each of which first reads
// the members' rows through a snapshot and has the batch check them.
//
//	go test ./store/bolt -run '^$' -bench Commit -benchtime 3s

const (
	members     = 100_000
	memberBytes = 300
)

func memberKey(i int) store.Key { return store.Join("member", store.Seq(uint64(i)*2654435761)) }

func seedRows(put func(k, v []byte) error) error {
	keys := make([]string, members)
	for i := range keys {
		keys[i] = string(memberKey(i))
	}
	slices.Sort(keys)
	for _, k := range keys {
		if err := put([]byte(k), make([]byte, memberBytes)); err != nil {
			return err
		}
	}
	return nil
}

// seeded opens a store with 100,000 members, without its committer.
func seeded(b *testing.B) *Store {
	b.Helper()
	s := prepare(b, b.TempDir(), Options{})
	st := state{rev: 1}
	var kept [][]byte
	err := s.db.Load().Update(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(rowsBucket)
		rows.FillPercent = 0.9
		err := seedRows(func(k, v []byte) error {
			v, sum := appendRow(nil, k, 1, v)
			kept = append(kept, v)
			st.rows++
			st.sum += uint64(sum)
			return rows.Put(k, v)
		})
		if err != nil {
			return err
		}
		return tx.Bucket(metaBucket).Put(stateKey, st.encode(nil))
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.advance(); err != nil {
		b.Fatal(err)
	}
	return s
}

// prepare opens a store whose committer does not run: the test is it.
func prepare(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := newStore(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	close(s.finished)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

type event struct {
	record, outbox store.Key
	members        [3]store.Key
}

func newEvent(rng *rand.Rand, n uint64) event {
	e := event{record: store.Join("journal", store.Seq(n)), outbox: store.Join("outbox", fmt.Sprint(rng.IntN(50)), store.Seq(n))}
	for i := range e.members {
		e.members[i] = memberKey(rng.IntN(members))
	}
	return e
}

func (e event) batch(payload []byte) *store.Batch {
	b := new(store.Batch)
	b.Put(e.record, payload[:500])
	for i, m := range e.members {
		if !slices.Contains(e.members[:i], m) {
			b.Put(m, payload[:memberBytes])
		}
	}
	b.Put(e.outbox, payload[:250])
	return b
}

func BenchmarkCommit(b *testing.B) {
	payload := make([]byte, 500)
	for i := range payload {
		payload[i] = byte(i)
	}
	for _, n := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("raw/%d", n), func(b *testing.B) { benchRaw(b, n, payload) })
		b.Run(fmt.Sprintf("group/%d", n), func(b *testing.B) { benchGroup(b, n, payload) })
		b.Run(fmt.Sprintf("callers/%d", n), func(b *testing.B) { benchCallers(b, n, payload) })
	}
}

func perSecond(b *testing.B, what string, n int) {
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), what+"/s")
}

func benchRaw(b *testing.B, n int, payload []byte) {
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "raw.db"), 0o600, Options{}.withDefaults().bbolt())
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		rows, err := tx.CreateBucket(rowsBucket)
		if err != nil {
			return err
		}
		rows.FillPercent = 0.9
		return seedRows(rows.Put)
	})
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	events := 0
	for b.Loop() {
		err := db.Update(func(tx *bbolt.Tx) error {
			rows := tx.Bucket(rowsBucket)
			for range n {
				events++
				for _, w := range newEvent(rng, uint64(events)).batch(payload).Writes() {
					if err := rows.Put([]byte(w.Key), w.Value); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, "events", events)
}

func benchGroup(b *testing.B, n int, payload []byte) {
	s := seeded(b)
	rng := rand.New(rand.NewPCG(1, 2))
	var g group
	rs := make([]*request, n)
	for i := range rs {
		rs[i] = &request{done: make(chan struct{}, 1)}
	}
	events := 0
	for b.Loop() {
		for _, r := range rs {
			events++
			r.batch = newEvent(rng, uint64(events)).batch(payload)
		}
		if err := s.commit(&g, rs); err != nil {
			b.Fatal(err)
		}
		for _, r := range rs {
			<-r.done
			if r.err != nil {
				b.Fatal(r.err)
			}
		}
	}
	perSecond(b, "events", events)
}

func benchCallers(b *testing.B, n int, payload []byte) {
	s := seeded(b)
	s.finished = make(chan struct{})
	go s.run()
	ctx := context.Background()
	var events, conflicts atomic.Uint64
	var wg sync.WaitGroup
	start, firstTx := s.view.state.rev, s.view.tx.ID()
	stop := make(chan struct{})
	b.ResetTimer()
	for who := range n {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(who)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				e := newEvent(rng, events.Add(1))
				batch := e.batch(payload)
				if err := checkMembers(ctx, s, e, batch); err != nil {
					b.Error(err)
					return
				}
				if _, err := s.Commit(ctx, batch); err != nil {
					conflicts.Add(1)
				}
			}
		})
	}
	// One iteration is n events, as above.
	for b.Loop() {
		want := events.Load() + uint64(n)
		for _, err := range s.Watch(ctx, "journal/") {
			if err != nil {
				b.Fatal(err)
			}
			if events.Load() >= want {
				break
			}
		}
	}
	close(stop)
	wg.Wait()
	snap, err := s.Snapshot(ctx)
	if err != nil {
		b.Fatal(err)
	}
	perSecond(b, "events", int(snap.Rev()-start))
	b.ReportMetric(float64(conflicts.Load())/float64(events.Load()), "conflicts/event")
	b.ReportMetric(float64(snap.Rev()-start)/float64(s.view.tx.ID()-firstTx), "events/group")
	snap.Close()
}

func checkMembers(ctx context.Context, s *Store, e event, b *store.Batch) error {
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	for _, m := range e.members {
		row, err := snap.Get(ctx, m)
		if err != nil {
			return err
		}
		b.Check(m, row.Rev)
	}
	return nil
}

func BenchmarkSnapshotGet(b *testing.B) {
	s := seeded(b)
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(1, 2))
	keys := make([]store.Key, 1024)
	for i := range keys {
		keys[i] = memberKey(rng.IntN(members))
	}
	b.Run("snapshot", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			snap, err := s.Snapshot(ctx)
			if err != nil {
				b.Fatal(err)
			}
			snap.Close()
		}
	})
	snap, err := s.Snapshot(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer snap.Close()
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			if row, err := snap.Get(ctx, keys[i%len(keys)]); err != nil || !row.Exists() {
				b.Fatal(row, err)
			}
		}
	})
	b.Run("scan48", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			n := 0
			for _, err := range snap.Scan(ctx, store.Range{From: keys[i%len(keys)], Limit: 48}) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := seeded(b)
	b.SetBytes(s.view.tx.Size())
	for b.Loop() {
		if err := verify(b.Context(), s.path, 1<<30); err != nil {
			b.Fatal(err)
		}
	}
}
