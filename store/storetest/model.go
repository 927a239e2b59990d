package storetest

import (
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/store"
)

// model is a store as the contract describes it, and nothing else.
type model struct {
	rows map[store.Key]store.Row
	rev  store.Rev
}

func (m model) clone() model { return model{maps.Clone(m.rows), m.rev} }

func (m model) holds(c store.Check) bool {
	if !c.Span {
		return m.rows[c.Key].Rev == c.Rev
	}
	for k, row := range m.rows {
		if k >= c.Key && (c.To == "" || k < c.To) && row.Rev > c.Rev {
			return false
		}
	}
	return true
}

// commit carries out b and returns what Commit ought to.
func (m *model) commit(b *store.Batch) (store.Rev, error) {
	for _, c := range b.Checks() {
		if !m.holds(c) {
			return 0, store.ErrConflict
		}
	}
	if len(b.Writes()) == 0 {
		return m.rev, nil
	}
	next := m.clone()
	next.rev++
	for _, w := range b.Writes() {
		row := store.Row{Key: w.Key, Rev: next.rev}
		switch w.Op {
		case store.Put:
			row.Value = slices.Clone(w.Value)
		case store.Add:
			n, err := store.Counter(m.rows[w.Key])
			if err != nil {
				return 0, store.ErrInvalid
			}
			row.Value = binary.BigEndian.AppendUint64(nil, uint64(n+w.Delta))
		}
		if w.Op == store.Delete {
			delete(next.rows, w.Key)
		} else {
			next.rows[w.Key] = row
		}
	}
	*m = next
	return m.rev, nil
}

func (m model) scan(r store.Range) []store.Row {
	var all []store.Row
	for k, row := range m.rows {
		if r.Contains(k) {
			all = append(all, row)
		}
	}
	slices.SortFunc(all, func(a, b store.Row) int {
		if r.Reverse {
			a, b = b, a
		}
		return cmp.Compare(a.Key, b.Key)
	})
	if r.Limit > 0 && len(all) > r.Limit {
		all = all[:r.Limit]
	}
	return all
}

// Few keys, so that batches meet; of all kinds of bytes, lengths and neighbours.
var (
	keys = rapid.SampledFrom([]store.Key{
		"a", "a/", "a/1", "a/2", "a/2/x", "a0", "b", "b\x00", "b\xff", "\x00", "\xff", "\xff\xff", "n/1", "n/2",
	})
	bounds  = rapid.OneOf(keys, rapid.Just(store.Key("")), rapid.SampledFrom([]store.Key{"a/0", "c", "\xff\xff\xff"}))
	values  = rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 12), rapid.Map(rapid.IntRange(0, 9000), noise))
	deltas  = rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64())
	scanned = rapid.Custom(func(t *rapid.T) store.Range {
		return store.Range{
			From:    bounds.Draw(t, "from"),
			To:      bounds.Draw(t, "to"),
			Reverse: rapid.Bool().Draw(t, "reverse"),
			Limit:   rapid.IntRange(0, 5).Draw(t, "limit"),
		}
	})
)

// Batch draws a batch over a small set of keys that conflicts now and then,
// given the revision each key has now.
func Batch(t *rapid.T, now func(store.Key) store.Rev, last store.Rev) *store.Batch {
	b := new(store.Batch)
	revs := rapid.Uint64Range(0, uint64(last)+1)
	for range rapid.IntRange(0, 3).Draw(t, "checks") {
		switch k := keys.Draw(t, "key"); rapid.IntRange(0, 9).Draw(t, "check") {
		case 0:
			b.Check(k, store.Rev(revs.Draw(t, "rev")))
		case 1:
			b.CheckRange(scanned.Draw(t, "range"), store.Rev(revs.Draw(t, "rev")))
		case 2:
			b.CheckRange(scanned.Draw(t, "range"), last)
		default:
			b.Check(k, now(k))
		}
	}
	for _, k := range rapid.SliceOfNDistinct(keys, 0, 5, rapid.ID).Draw(t, "writes") {
		switch rapid.IntRange(0, 5).Draw(t, "op") {
		case 0:
			b.Delete(k)
		case 1, 2:
			b.Add(k, deltas.Draw(t, "delta"))
		default:
			b.Put(k, values.Draw(t, "value"))
		}
	}
	return b
}

// held is a snapshot and what it ought to show.
type held struct {
	snap store.Snapshot
	want model
}

// machine runs a store beside the model.
type machine struct {
	b     Backend
	dir   string
	s     store.Store
	model model
	held  []held
}

func testModel(t *testing.T, b Backend) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "storetest")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &machine{b: b, dir: dir, model: model{rows: make(map[store.Key]store.Row)}}
		m.open(rt)
		defer m.close(rt)
		actions := map[string]func(*rapid.T){
			"":        m.invariant,
			"commit":  m.commit,
			"commit ": m.commit, // as often as all the others
			"hold":    m.hold,
			"read":    m.read,
			"release": m.release,
		}
		if !b.Forgets {
			actions["reopen"] = func(rt *rapid.T) {
				m.close(rt)
				m.open(rt)
			}
		}
		rt.Repeat(actions)
	})
}

func (m *machine) open(t *rapid.T) {
	s, err := m.b.Open(t.Context(), m.dir)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	m.s = s
}

func (m *machine) close(t *rapid.T) {
	for _, h := range m.held {
		if err := h.snap.Close(); err != nil {
			t.Fatalf("close a snapshot: %v", err)
		}
	}
	m.held = nil
	if err := m.s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func (m *machine) commit(t *rapid.T) {
	b := Batch(t, func(k store.Key) store.Rev { return m.model.rows[k].Rev }, m.model.rev)
	wantRev, wantErr := m.model.commit(b)
	rev, err := m.s.Commit(t.Context(), b)
	if rev != wantRev || !errors.Is(err, wantErr) {
		t.Fatalf("commit %+v: %d, %v; want %d, %v", b, rev, err, wantRev, wantErr)
	}
}

func (m *machine) hold(t *rapid.T) {
	if len(m.held) == 4 {
		t.Skip("enough")
	}
	snap, err := m.s.Snapshot(t.Context())
	if err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	m.held = append(m.held, held{snap, m.model.clone()})
}

func (m *machine) pick(t *rapid.T) int {
	if len(m.held) == 0 {
		t.Skip("none")
	}
	return rapid.IntRange(0, len(m.held)-1).Draw(t, "snapshot")
}

func (m *machine) release(t *rapid.T) {
	i := m.pick(t)
	if err := m.held[i].snap.Close(); err != nil {
		t.Fatalf("close a snapshot: %v", err)
	}
	m.held = slices.Delete(m.held, i, i+1)
}

func (m *machine) read(t *rapid.T) {
	h := m.held[m.pick(t)]
	k := keys.Draw(t, "key")
	row, err := h.snap.Get(t.Context(), k)
	if err != nil {
		t.Fatalf("get %q: %v", k, err)
	}
	if got, want := format([]store.Row{row}), format([]store.Row{h.want.rows[k]}); got != want {
		t.Fatalf("get gave\n%swant\n%s", got, want)
	}
	r := scanned.Draw(t, "range")
	all, err := rows(h.snap, r)
	if err != nil {
		t.Fatalf("scan %+v: %v", r, err)
	}
	if got, want := format(all), format(h.want.scan(r)); got != want {
		t.Fatalf("scan %+v gave\n%swant\n%s", r, got, want)
	}
}

// invariant compares everything.
func (m *machine) invariant(t *rapid.T) {
	snap, err := m.s.Snapshot(t.Context())
	if err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	defer snap.Close()
	if snap.Rev() != m.model.rev {
		t.Fatalf("revision %d, want %d", snap.Rev(), m.model.rev)
	}
	all, err := rows(snap, store.Range{})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	if got, want := format(all), format(m.model.scan(store.Range{})); got != want {
		t.Fatalf("the store has\n%swant\n%s", got, want)
	}
}
