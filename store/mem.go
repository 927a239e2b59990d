package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/tidwall/btree"
)

// Mem is a Store in memory, for tests and for trying things out: it observes
// every bound and every rule of the others, and forgets everything when the
// process ends. The zero Mem is empty and ready; it must not be copied.
//
// The rows are a copy-on-write B-tree. A snapshot is the tree as it was; a
// commit after it copies the few nodes it changes.
type Mem struct {
	watch Watchers

	mu     sync.Mutex
	rows   btree.Map[Key, memRow]
	view   *memView // of rows as they are now; nil when they have changed since
	rev    Rev
	closed bool
}

var _ Store = (*Mem)(nil)

// memRow is immutable: its value is never written to again.
type memRow struct {
	value []byte
	rev   Rev
}

type memView struct {
	rows *btree.Map[Key, memRow]
	rev  Rev
}

// Snapshot returns the rows as they are now. It never blocks longer than a
// commit takes.
func (m *Mem) Snapshot(ctx context.Context) (Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	if m.view == nil {
		m.view = &memView{rows: m.rows.IsoCopy(), rev: m.rev}
	}
	return &memSnapshot{view: m.view}, nil
}

// Commit carries out all of b or nothing.
func (m *Mem) Commit(ctx context.Context, b *Batch) (Rev, error) {
	if err := b.Validate(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, ErrClosed
	}
	for _, c := range b.checks {
		if !m.holds(c) {
			return 0, ErrConflict
		}
	}
	if len(b.writes) == 0 {
		return m.rev, nil
	}

	// All that can fail comes before the first change.
	sums := make([][]byte, len(b.writes))
	for i, w := range b.writes {
		if w.Op != Add {
			continue
		}
		sum, err := AddTo(m.row(w.Key), w.Delta)
		if err != nil {
			return 0, err
		}
		sums[i] = sum
	}

	m.view = nil
	m.rev++
	for i, w := range b.writes {
		switch w.Op {
		case Put:
			m.rows.Set(w.Key, memRow{value: slices.Clone(w.Value), rev: m.rev})
		case Delete:
			m.rows.Delete(w.Key)
		case Add:
			m.rows.Set(w.Key, memRow{value: sums[i], rev: m.rev})
		}
	}
	m.notify(b.writes)
	return m.rev, nil
}

func (m *Mem) notify(writes []Write) {
	var keys []Key
	if !m.watch.Idle() {
		for _, w := range writes {
			keys = append(keys, w.Key)
		}
		slices.Sort(keys)
	}
	m.watch.Notify(m.rev, keys)
}

func (m *Mem) row(k Key) Row {
	r, ok := m.rows.Get(k)
	if !ok {
		return Row{}
	}
	return Row{Key: k, Value: r.value, Rev: r.rev}
}

func (m *Mem) holds(c Check) bool {
	if !c.Span {
		return m.row(c.Key).Rev == c.Rev
	}
	holds := true
	m.rows.Ascend(c.Key, func(k Key, r memRow) bool {
		if c.To != "" && k >= c.To {
			return false
		}
		holds = r.rev <= c.Rev
		return holds
	})
	return holds
}

// Watch yields a revision whenever a row under prefix may have changed.
func (m *Mem) Watch(ctx context.Context, prefix Key) iter.Seq2[Rev, error] {
	return m.watch.Watch(ctx, prefix)
}

// Close lets go of the rows; snapshots still open stay readable.
func (m *Mem) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.rows = btree.Map[Key, memRow]{}
	m.view = nil
	m.watch.Close()
	return nil
}

// memSnapshot points at a view that nobody changes; view is nil once closed.
type memSnapshot struct {
	mu   sync.RWMutex
	view *memView
	rev  Rev // kept when closed
}

func (s *memSnapshot) open() (*memView, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return nil, ErrClosed
	}
	return s.view, nil
}

func (s *memSnapshot) Rev() Rev {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return s.rev
	}
	return s.view.rev
}

func (s *memSnapshot) Get(ctx context.Context, k Key) (Row, error) {
	if err := ctx.Err(); err != nil {
		return Row{}, err
	}
	if err := k.Validate(); err != nil {
		return Row{}, fmt.Errorf("get: %w", err)
	}
	v, err := s.open()
	if err != nil {
		return Row{}, err
	}
	r, ok := v.rows.Get(k)
	if !ok {
		return Row{}, nil
	}
	return Row{Key: k, Value: r.value, Rev: r.rev}, nil
}

func (s *memSnapshot) Scan(ctx context.Context, r Range) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		v, err := s.open()
		if err != nil {
			yield(Row{}, err)
			return
		}
		n := 0
		step := func(k Key, row memRow) bool {
			if !r.Contains(k) {
				// Behind the near end of a reverse scan only; else it is over.
				return r.Reverse && k >= r.From
			}
			if _, err := s.open(); err != nil {
				yield(Row{}, err)
				return false
			}
			if err := ctx.Err(); err != nil {
				yield(Row{}, err)
				return false
			}
			n++
			return yield(Row{Key: k, Value: row.value, Rev: row.rev}, nil) && (r.Limit <= 0 || n < r.Limit)
		}
		switch {
		case !r.Reverse:
			v.rows.Ascend(r.From, step)
		case r.To == "":
			v.rows.Reverse(step)
		default:
			v.rows.Descend(r.To, step)
		}
	}
}

func (s *memSnapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view != nil {
		s.rev, s.view = s.view.rev, nil
	}
	return nil
}
