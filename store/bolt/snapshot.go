package bolt

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/hearthbot/hearth/store"
)

// view is a durable state of the rows: one read-only transaction that the
// snapshots of that state share. Reading through cursors of their own, they
// share what bbolt only reads, its counters aside, which are atomic.
type view struct {
	db    *bbolt.DB // whose it is
	tx    *bbolt.Tx
	rows  *bbolt.Bucket
	state state
	refs  int // under Store.mu
}

// newView begins a view of the last durable state, with one reference.
func (s *Store) newView() (*view, error) {
	v := &view{refs: 1, db: s.db.Load()}
	err := s.guarded("read", func() (err error) {
		if v.tx, err = v.db.Begin(false); err != nil {
			return err
		}
		v.rows = v.tx.Bucket(rowsBucket)
		if v.state, err = readState(v.tx); err != nil {
			return errors.Join(err, v.tx.Rollback())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	s.held[v.db]++
	return v, nil
}

func readState(tx *bbolt.Tx) (state, error) {
	st, err := parseState(tx.Bucket(metaBucket).Get(stateKey))
	if err != nil {
		return state{}, fmt.Errorf("%w: %s: %w", store.ErrCorrupt, tx.DB().Path(), err)
	}
	return st, nil
}

// drop gives up one reference to v, and with the last one of a closed store,
// the file.
func (s *Store) drop(v *view) error {
	if v == nil {
		return nil
	}
	s.mu.Lock()
	v.refs--
	last := v.refs == 0
	s.mu.Unlock()
	if !last {
		return nil
	}
	if !s.wedged.Load() {
		if err := v.tx.Rollback(); err != nil {
			return fmt.Errorf("store: end a snapshot: %w", err)
		}
	}
	s.mu.Lock()
	s.open--
	s.held[v.db]--
	left := s.held[v.db] == 0 && v.db != s.db.Load() // another file has taken its place
	if s.held[v.db] == 0 {
		delete(s.held, v.db)
	}
	end := s.closed && s.open == 0
	s.mu.Unlock()
	if left && !s.wedged.Load() {
		if err := v.db.Close(); err != nil {
			return fmt.Errorf("store: close the file of before: %w", err)
		}
	}
	if end {
		return s.release()
	}
	return nil
}

// Snapshot returns the rows as of the last commit that was answered, or a later
// one. It waits for nothing but, rarely, the file being mapped anew.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return snap, nil
}

func (s *Store) snapshot(ctx context.Context) (*snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil && !s.closed {
		stop := context.AfterFunc(ctx, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.remap.Broadcast()
		})
		defer stop()
	}
	for s.view == nil {
		if s.closed {
			return nil, store.ErrClosed
		}
		if s.failed != nil {
			return nil, s.failed
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.remap.Wait()
	}
	s.view.refs++
	return &snapshot{store: s, view: s.view, rev: s.view.state.rev}, nil
}

// snapshot is one reference to a view.
type snapshot struct {
	store *Store
	rev   store.Rev

	mu   sync.Mutex
	view *view         // nil once closed
	get  *bbolt.Cursor // of Get; made when first needed
	key  []byte        // room for Get's key
}

func (s *snapshot) Rev() store.Rev { return s.rev }

func (s *snapshot) Get(ctx context.Context, k store.Key) (row store.Row, err error) {
	if err := ctx.Err(); err != nil {
		return store.Row{}, err
	}
	if err := k.Validate(); err != nil {
		return store.Row{}, fmt.Errorf("get: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil {
		return store.Row{}, store.ErrClosed
	}
	defer s.store.guard("get", &err, debug.SetPanicOnFault(true))
	if s.get == nil {
		s.get = s.view.rows.Cursor()
	}
	s.key = append(s.key[:0], k...)
	found, b := s.get.Seek(s.key)
	if string(found) != string(k) {
		return store.Row{}, nil
	}
	return s.store.row(k, found, b)
}

// row is the row of k, which lies in the file as key and b.
func (s *Store) row(k store.Key, key, b []byte) (store.Row, error) {
	rev, value, _, err := parseRow(key, b)
	if err != nil {
		return store.Row{}, s.corruptAt(b, err)
	}
	return store.Row{Key: k, Value: value, Rev: rev}, nil
}

func (s *snapshot) Scan(ctx context.Context, r store.Range) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		sc := scan{snapshot: s, r: r}
		for n := 0; r.Limit <= 0 || n < r.Limit; n++ {
			err := ctx.Err()
			var row store.Row
			if err == nil {
				row, err = sc.next()
			}
			if err != nil {
				yield(store.Row{}, err)
				return
			}
			if !row.Exists() || !yield(row, nil) {
				return
			}
		}
	}
}

// scan is one pass over a range.
type scan struct {
	*snapshot
	r      store.Range
	cursor *bbolt.Cursor // nil before the first row
}

// next returns the next row, or the zero Row when there are no more. The lock
// and the guard cover one step only: what the caller does with the row is its
// own.
func (sc *scan) next() (row store.Row, err error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.view == nil {
		return store.Row{}, store.ErrClosed
	}
	defer sc.store.guard("scan", &err, debug.SetPanicOnFault(true))
	key, b := sc.step()
	if len(key) > store.MaxKey { // a damaged page may claim gigabytes
		return store.Row{}, sc.store.corruptAt(key, fmt.Errorf("a key has %d bytes", len(key)))
	}
	k := store.Key(key)
	if key == nil || !sc.r.Contains(k) {
		return store.Row{}, nil
	}
	return sc.store.row(k, key, b)
}

func (sc *scan) step() (k, b []byte) {
	switch {
	case sc.cursor != nil && sc.r.Reverse:
		return sc.cursor.Prev()
	case sc.cursor != nil:
		return sc.cursor.Next()
	}
	sc.cursor = sc.view.rows.Cursor()
	switch {
	case !sc.r.Reverse:
		return sc.cursor.Seek([]byte(sc.r.From))
	case sc.r.To == "":
		return sc.cursor.Last()
	}
	if k, _ := sc.cursor.Seek([]byte(sc.r.To)); k == nil {
		return sc.cursor.Last()
	}
	return sc.cursor.Prev()
}

func (s *snapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view
	s.view, s.get = nil, nil
	return s.store.drop(v)
}
