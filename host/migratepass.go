package host

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// stale is a row that has changed since it was migrated, is new or is gone.
type stale struct {
	key  string
	row  store.Row // zero if it is gone
	done store.Row // its movedRow, zero if it was not migrated
	back bool      // what it became is to be taken back, whether it is gone or not
}

func (s *stale) gone() bool { return s.back || !s.row.Exists() }

// become are the keys of what a row has become.
func (m *movedRow) become(key string) []string {
	if !m.Is {
		return []string{key}
	}
	return m.To
}

// pass goes over all rows once and migrates those that are stale. It returns how
// many that were, but for those whose place another has.
func (c *migration) pass(ctx context.Context) (int, error) {
	c.notes()
	clear(c.late)
	clear(c.busy)
	total := 0
	for from, more := "", true; more; {
		list, next, again, err := c.page(ctx, from)
		if errors.Is(err, store.ErrConflict) {
			err = c.leave(ctx, list)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return total, err
		}
		total += len(list)
		from, more = next, again
	}
	return total - len(c.late) + len(c.busy), nil
}

// leave leaves the rows of a list that have changed since it was read to a later
// pass, or to the hold: a counter that moves with every event would keep the
// others from ever being carried.
func (c *migration) leave(ctx context.Context, list []stale) error {
	snap, err := c.e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	for i := range list {
		row, err := snap.Get(ctx, stateKey(c.old, list[i].key))
		if err != nil {
			return err
		}
		if row.Rev != list[i].row.Rev && len(c.busy) < maxNotes {
			c.busy[list[i].key] = true
		}
	}
	return nil
}

// page migrates the first stale rows from a key on, and returns them, the key to
// go on from, and whether there is more.
func (c *migration) page(ctx context.Context, from string) (list []stale, next string, more bool, err error) {
	snap, err := c.e.store.Snapshot(ctx)
	if err != nil {
		return nil, "", false, err
	}
	defer snap.Close()
	size, looked := 0, 0
	next = from
	for s, err := range c.beside(ctx, snap, from) {
		if err != nil {
			return nil, "", false, err
		}
		if (!s.row.Exists() || s.row.Rev > s.done.Rev) && !c.busy[s.key] {
			list = append(list, s)
			size += len(s.row.Value)
		}
		next = s.key + "\x00"
		if looked++; looked == migrateScan || len(list) == migrateWave || size >= migrateBytes {
			more = true
			break
		}
	}
	return list, next, more, c.carry(ctx, snap, list)
}

// beside yields every row of the old space together with its movedRow, in the
// order of their keys, and every movedRow whose row is gone.
func (c *migration) beside(ctx context.Context, snap store.Snapshot, from string) iter.Seq2[stale, error] {
	rows, moved := kState.Join(c.old).Prefix(), kMoved.Join(c.new).Prefix()
	side := func(prefix store.Key) (next func() (string, store.Row, bool, error), stop func()) {
		span := store.Prefix(prefix)
		span.From = max(span.From, prefix+store.Key(from))
		pull, stop := iter.Pull2(snap.Scan(ctx, span))
		return func() (string, store.Row, bool, error) {
			row, err, ok := pull()
			if !ok || err != nil {
				return "", store.Row{}, false, err
			}
			return strings.Clone(string(row.Key[len(prefix):])), row, true, nil
		}, stop
	}
	return func(yield func(stale, error) bool) {
		nextRow, stopRows := side(rows)
		defer stopRows()
		nextMoved, stopMoved := side(moved)
		defer stopMoved()
		key, row, ok, err := nextRow()
		mKey, mRow, mOK, mErr := nextMoved()
		for ok || mOK {
			if err := errors.Join(err, mErr); err != nil {
				yield(stale{}, err)
				return
			}
			var s stale
			switch {
			case ok && (!mOK || key < mKey):
				s = stale{key: key, row: row}
			case mOK && (!ok || mKey < key):
				s = stale{key: mKey, done: mRow}
			default:
				s = stale{key: key, row: row, done: mRow}
			}
			if s.row.Exists() {
				key, row, ok, err = nextRow()
			}
			if s.done.Exists() {
				mKey, mRow, mOK, mErr = nextMoved()
			}
			if !yield(s, nil) {
				return
			}
		}
		if err := errors.Join(err, mErr); err != nil {
			yield(stale{}, err)
		}
	}
}

// look is beside for one row.
func (c *migration) look(ctx context.Context, snap store.Snapshot, key string) (s stale, err error) {
	s.key = key
	if s.row, err = snap.Get(ctx, stateKey(c.old, key)); err != nil {
		return s, err
	}
	s.done, err = snap.Get(ctx, c.movedKey(key))
	return s, err
}

func (c *migration) movedKey(key string) store.Key {
	return kMoved.Join(c.new).Prefix() + store.Key(key)
}

// carry brings what is stale into the new space: what rows had become goes, what
// they become comes. All that is asked of the store is asked of snap, and has to
// be still so; it returns store.ErrConflict if it is not, and may have carried a
// part.
func (c *migration) carry(ctx context.Context, snap store.Snapshot, list []stale) error {
	become, err := c.become(ctx, list)
	if err != nil {
		return err
	}
	t := &carrier{c: c, snap: snap, made: map[string]bool{}}
	for i := range list {
		var news []abi.Pair
		if !list[i].gone() {
			news, become = become[0], become[1:]
		}
		if err := t.add(ctx, &list[i], news); err != nil {
			return err
		}
	}
	return t.commit(ctx)
}

// become asks what those rows become that are there.
func (c *migration) become(ctx context.Context, list []stale) (become [][]abi.Pair, err error) {
	var rows []abi.Pair
	size := 0
	ask := func() error {
		if len(rows) == 0 {
			return nil
		}
		if c.by == nil {
			return fmt.Errorf("row %s has come, and nobody knows the way", rows[0].Key)
		}
		more, err := c.step(ctx, rows)
		become = append(become, more...)
		rows, size = nil, 0
		return err
	}
	for i := range list {
		s := &list[i]
		if s.gone() {
			continue
		}
		if len(rows) == abi.MaxScan || size+len(s.row.Value) > migratePage {
			if err := ask(); err != nil {
				return nil, err
			}
		}
		rows = append(rows, abi.Pair{Key: s.key, Value: s.row.Value})
		size += len(s.row.Value)
	}
	return become, ask()
}

// carrier collects what is carried into batches.
type carrier struct {
	c       *migration
	snap    store.Snapshot
	batches []*wagon
	made    map[string]bool // by any of them
}

// wagon is a batch and what it comes to.
type wagon struct {
	store.Batch
	rows  int64
	bytes int64
}

func (t *carrier) add(ctx context.Context, s *stale, news []abi.Pair) error {
	c := t.c
	var former []string
	if s.done.Exists() {
		var m movedRow
		if _, err := m.UnmarshalMsg(s.done.Value); err != nil {
			return fmt.Errorf("row %s: %w", s.done.Key, err)
		}
		former = m.become(s.key)
	}
	for i := range news {
		taken := t.made[news[i].Key]
		if !taken && !slices.Contains(former, news[i].Key) {
			there, err := t.snap.Get(ctx, stateKey(c.new, news[i].Key))
			if err != nil {
				return err
			}
			taken = there.Exists()
		}
		if taken { // perhaps by a row that is stale itself
			if c.late[s.key] = true; len(c.late) > maxLate {
				return fmt.Errorf("row %s becomes %s, as another does, and so it is with %d more; rows have to be kept apart", s.key, news[i].Key, maxLate)
			}
			return nil
		}
	}
	size := 2*len(s.key) + len(news)*abi.MaxKey
	for i := range news {
		size += len(news[i].Value)
	}
	b := t.room(len(former)+len(news)+1, size)
	b.Check(stateKey(c.old, s.key), s.row.Rev)
	for _, key := range former {
		at := stateKey(c.new, key)
		there, err := t.snap.Get(ctx, at)
		if err != nil {
			return err
		}
		if there.Exists() {
			b.bytes -= int64(len(at) + len(there.Value))
		}
		if !slices.ContainsFunc(news, func(r abi.Pair) bool { return r.Key == key }) {
			b.Delete(at)
		}
	}
	m := movedRow{Is: len(news) != 1 || news[0].Key != s.key}
	for i := range news {
		at := stateKey(c.new, news[i].Key)
		b.bytes += int64(len(at) + len(news[i].Value))
		b.Put(at, news[i].Value)
		t.made[news[i].Key] = true
		if m.Is {
			m.To = append(m.To, news[i].Key)
		}
	}
	if s.gone() {
		b.Delete(c.movedKey(s.key))
		return nil
	}
	v, err := m.MarshalMsg(nil)
	if err != nil {
		return err
	}
	b.Put(c.movedKey(s.key), v)
	b.rows++
	return nil
}

// room is a batch with room for so many writes and bytes.
func (t *carrier) room(writes, size int) *wagon {
	if n := len(t.batches); n > 0 {
		b := t.batches[n-1]
		if len(b.Writes())+writes <= migrateOps && len(b.Checks()) < migrateOps && b.Size()+size <= migrateBatch {
			return b
		}
	}
	b := new(wagon)
	t.batches = append(t.batches, b)
	return b
}

// commit commits the batches side by side, so that they share a write to disk.
func (t *carrier) commit(ctx context.Context) error {
	errs := make([]error, len(t.batches))
	var work sync.WaitGroup
	for i, b := range t.batches {
		work.Go(func() {
			if _, errs[i] = t.c.e.store.Commit(ctx, &b.Batch); errs[i] == nil {
				t.c.bytes.Add(b.bytes)
				t.c.update(func(s *MigrationState) { s.Rows += b.rows })
			}
		})
	}
	work.Wait()
	conflict := false
	for _, err := range errs {
		switch {
		case errors.Is(err, store.ErrConflict):
			conflict = true
		case err != nil:
			return err
		}
	}
	if t.c.bytes.Load() > t.c.quota {
		return fmt.Errorf("the rows would pass the plugin's quota of %d MiB; ask for the capability %q with more", t.c.quota>>20, abi.CapState)
	}
	if conflict {
		return store.ErrConflict
	}
	return nil
}
