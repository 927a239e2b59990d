package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/tidwall/btree"
	"go.etcd.io/bbolt"

	"github.com/hearthbot/hearth/store"
)

// fill is how full a leaf that is split is left. Much of what is written is
// appended (journal, outbox), and half-full leaves would never be filled;
// measured, the file is a quarter smaller than with bbolt's 0.5, and fewer
// pages are written. Full ones would split again at the first insertion.
const fill = 0.75

// group is what a transaction will leave: the rows its batches have read or
// written so far, over the rows of the last one. It is used again for the next.
type group struct {
	s      *Store
	cursor *bbolt.Cursor // of the rows as the last group left them
	state  state
	room   int64 // bytes that may be added still, if the store has a limit
	rows   btree.Map[store.Key, *entry]
	slab   []entry // where entries come from
	key    []byte  // room for a key

	written []store.Key // set by write: the keys written, in order
	buf     []byte      // set by write: the rows as stored
}

// entry is one row of a group.
type entry struct {
	value []byte
	rev   store.Rev // 0: there is no such row
	dirty bool      // to be written, or deleted
	was   bool      // it was there before the group,
	sum   uint32    // with this checksum

	counter [8]byte // value of an Add; it spares an allocation
}

func (g *group) begin(s *Store, tx *bbolt.Tx) error {
	st, err := readState(tx)
	if err != nil {
		return err
	}
	g.s = s
	g.cursor = tx.Bucket(rowsBucket).Cursor()
	g.state = st
	if s.limit > 0 {
		stats := s.db.Load().Stats()
		free := int64(stats.FreePageN+stats.PendingPageN) * int64(s.db.Load().Info().PageSize)
		g.room = s.limit - (tx.Size() - free)
	}
	g.rows.Clear()
	clear(g.slab)
	g.slab = g.slab[:0]
	return nil
}

// fold carries out the batches of rs in memory, each of which then has its
// result, and says whether there is anything to write.
func (g *group) fold(s *Store, tx *bbolt.Tx, rs []*request) (dirty bool, err error) {
	if err := g.begin(s, tx); err != nil {
		return false, err
	}
	before := g.state.rev
	for _, r := range rs {
		r.rev, r.err = g.apply(r.batch)
		if r.err != nil && !isRefusal(r.err) {
			return false, r.err
		}
	}
	return g.state.rev != before, nil
}

// isRefusal says whether err befell one batch, not the group.
func isRefusal(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrFull)
}

// row is what the group knows of k; it reads the file at most once.
func (g *group) row(k store.Key) (*entry, error) {
	if e, ok := g.rows.Get(k); ok {
		return e, nil
	}
	if len(g.slab) == cap(g.slab) {
		g.slab = make([]entry, 0, 1024) // the old one lives on in rows
	}
	g.slab = append(g.slab, entry{})
	e := &g.slab[len(g.slab)-1]
	g.key = append(g.key[:0], k...)
	if found, b := g.cursor.Seek(g.key); string(found) == string(k) {
		rev, value, sum, err := parseRow(found, b)
		if err != nil {
			return nil, g.s.corruptAt(b, err)
		}
		e.rev, e.value, e.sum, e.was = rev, value, sum, true
	}
	g.rows.Set(k, e)
	return e, nil
}

// apply carries out b in memory, or refuses it and leaves the group as it was.
// Any other error ends the group.
func (g *group) apply(b *store.Batch) (store.Rev, error) {
	for _, c := range b.Checks() {
		if ok, err := g.holds(c); err != nil {
			return 0, err
		} else if !ok {
			return 0, store.ErrConflict
		}
	}
	writes := b.Writes()
	if len(writes) == 0 {
		return g.state.rev, nil
	}
	grows := int64(0)
	for _, w := range writes {
		e, err := g.row(w.Key)
		if err != nil {
			return 0, err
		}
		grows -= e.size(w.Key)
		switch w.Op {
		case store.Put:
			grows += rowSize(w.Key, len(w.Value))
		case store.Add:
			if _, err := e.count(w.Key); err != nil {
				return 0, err
			}
			grows += rowSize(w.Key, len(e.counter))
		}
	}
	if g.s.limit > 0 && grows > max(g.room, 0) {
		return 0, fmt.Errorf("%w: %s has the %d bytes it may have in use", store.ErrFull, g.s.path, g.s.limit)
	}
	g.room -= grows
	rev := g.state.rev + 1
	for _, w := range writes {
		e, err := g.row(w.Key)
		if err != nil {
			return 0, err
		}
		e.dirty = true
		e.rev = rev
		switch w.Op {
		case store.Put:
			e.value = w.Value
		case store.Delete:
			e.value, e.rev = nil, 0
		case store.Add:
			n, _ := e.count(w.Key)
			binary.BigEndian.PutUint64(e.counter[:], uint64(n+w.Delta))
			e.value = e.counter[:]
		}
	}
	g.state.rev = rev
	return rev, nil
}

// size is how many bytes of the file the row takes, and rowSize those of one
// with a value of n bytes.
func (e *entry) size(k store.Key) int64 {
	if e.rev == 0 {
		return 0
	}
	return rowSize(k, len(e.value))
}

func rowSize(k store.Key, n int) int64 { return int64(elementSize + len(k) + rowHeader + n) }

func (e *entry) count(k store.Key) (int64, error) {
	return store.Counter(store.Row{Key: k, Value: e.value, Rev: e.rev})
}

func (g *group) holds(c store.Check) (bool, error) {
	if !c.Span {
		e, err := g.row(c.Key)
		return err == nil && e.rev == c.Rev, err
	}
	r := store.Range{From: c.Key, To: c.To}
	g.key = append(g.key[:0], c.Key...)
	for key, b := g.cursor.Seek(g.key); key != nil && (c.To == "" || string(key) < string(c.To)); key, b = g.cursor.Next() {
		rev, _, _, err := parseRow(key, b)
		if err != nil {
			return false, g.s.corruptAt(b, err)
		}
		if rev <= c.Rev {
			continue
		}
		// A row of the file counts only if the group has not replaced it.
		if e, ok := g.rows.Get(store.Key(key)); !ok || !e.dirty {
			return false, nil
		}
	}
	holds := true
	g.rows.Ascend(c.Key, func(k store.Key, e *entry) bool {
		holds = !r.Contains(k) || e.rev <= c.Rev
		return holds && r.Contains(k)
	})
	return holds, nil
}

// write brings the group into tx, in the order of the keys: neighbours share
// pages, and bbolt finds them in its caches.
func (g *group) write(tx *bbolt.Tx) error {
	rows := tx.Bucket(rowsBucket)
	rows.FillPercent = fill
	size := stateLen
	g.written = g.written[:0]
	g.rows.Scan(func(k store.Key, e *entry) bool {
		if e.dirty {
			g.written = append(g.written, k)
			size += rowHeader + len(e.value)
		}
		return true
	})
	// bbolt keeps the values until the commit: they must not move.
	g.buf = slices.Grow(g.buf[:0], size)
	for _, k := range g.written {
		e, _ := g.rows.Get(k)
		if e.was {
			g.state.rows--
			g.state.sum -= uint64(e.sum)
		}
		g.key = append(g.key[:0], k...)
		if e.rev == 0 {
			if err := rows.Delete(g.key); err != nil {
				return fmt.Errorf("delete %q: %w", k, err)
			}
			continue
		}
		at, sum := len(g.buf), uint32(0)
		g.buf, sum = appendRow(g.buf, g.key, e.rev, e.value)
		g.state.rows++
		g.state.sum += uint64(sum)
		if err := rows.Put(g.key, g.buf[at:]); err != nil {
			return fmt.Errorf("put %q: %w", k, err)
		}
	}
	at := len(g.buf)
	g.buf = g.state.encode(g.buf)
	return tx.Bucket(metaBucket).Put(stateKey, g.buf[at:])
}
