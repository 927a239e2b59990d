package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/hearthbot/hearth/store"
)

var _ store.Compacter = (*Store)(nil)

const (
	compactSuffix = ".compact"
	compactFill   = 0.9      // of a leaf: what is copied comes in order
	compactGrow   = 64 << 10 // bytes by which the new file grows, where bbolt takes 16 MiB
	compactRows   = 20_000   // of one transaction,
	compactBytes  = 8 << 20  // and bytes
	compactRest   = 2_000    // keys that may be left for when nothing else is written
	compactRounds = 8        // of catching up, before it is left as it is
)

// Compact implements [store.Compacter]: it copies the rows into a new file while
// commits go on, and puts that in the place of the old one.
//
//	rows, in order, from short snapshots ──► new file
//	keys written meanwhile, noted by the committer ──► new file, until they are few
//	committer, between two groups: the last keys ─► checked ─► synced ─► renamed ─► new snapshots are of it
//
// The old file is whole until the new one has its name, and the new one from
// then on: a crash at any point loses nothing. Snapshots that are open go on
// reading the old file, which is closed with the last of them. It needs as much
// room again as the rows take. On Windows, where a file that is open cannot be
// replaced, it returns errors.ErrUnsupported.
func (s *Store) Compact(ctx context.Context) error {
	if runtime.GOOS == "windows" {
		return fmt.Errorf("store: compact %s: %w: a file that is open cannot be replaced here", s.path, errors.ErrUnsupported)
	}
	select {
	case s.compacting <- struct{}{}:
		defer func() { <-s.compacting }()
	case <-ctx.Done():
		return ctx.Err()
	}
	c := &compaction{s: s, path: s.path + compactSuffix}
	err := c.run(ctx)
	s.changed.stop()
	if err != nil {
		return fmt.Errorf("store: compact %s: %w", s.path, errors.Join(err, c.discard()))
	}
	return nil
}

// changes are the keys that were written since start. Without one they are not
// noted.
type changes struct {
	mu   sync.Mutex
	keys map[store.Key]struct{}
}

func (c *changes) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = map[store.Key]struct{}{}
}

func (c *changes) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = nil
}

// add notes keys. Whoever takes a snapshot after take sees what they now hold.
func (c *changes) add(keys []store.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		return
	}
	for _, k := range keys {
		c.keys[k] = struct{}{}
	}
}

// take returns the keys noted since the last take.
func (c *changes) take() map[store.Key]struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := c.keys
	c.keys = map[store.Key]struct{}{}
	return keys
}

// compaction is one new file.
type compaction struct {
	s     *Store
	path  string
	db    *bbolt.DB // nil once it has taken the old one's place
	grow  int       // what its AllocSize was
	state state     // what of it is in the new file: rows and sum
}

func (c *compaction) run(ctx context.Context) error {
	if err := os.Remove(c.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	o := c.s.options.bbolt()
	o.NoSync, o.NoGrowSync = true, true // until it is whole
	db, err := bbolt.Open(c.path, 0o600, o)
	if err != nil {
		return err
	}
	c.db = db
	c.grow, db.AllocSize = db.AllocSize, compactGrow
	if err := db.Update(createBuckets); err != nil {
		return err
	}
	c.s.changed.start()
	if err := c.copy(ctx); err != nil {
		return err
	}
	for range compactRounds {
		keys := c.s.changed.take()
		if err := c.catchUp(ctx, keys); err != nil {
			return err
		}
		if len(keys) <= compactRest {
			break
		}
	}
	if err := db.Sync(); err != nil { // so that little is left to write while commits wait
		return err
	}
	done := make(chan error, 1)
	if !c.s.queue.pushAlone(func(broken error) (fatal error) {
		if broken != nil {
			done <- broken
			return nil
		}
		err, fatal := c.swap()
		done <- errors.Join(err, fatal)
		return fatal
	}) {
		return store.ErrClosed
	}
	return <-done
}

// copy brings all rows into the new file, from a snapshot of its own for each
// transaction, so that none is open for long.
func (c *compaction) copy(ctx context.Context) error {
	from := []byte{}
	for from != nil {
		next, err := c.copySome(ctx, from)
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// copySome copies rows from a key on and returns where to go on; nil at the end.
func (c *compaction) copySome(ctx context.Context, from []byte) (next []byte, err error) {
	snap, err := c.s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	tx, err := c.db.Begin(true)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // does nothing once it is committed
	rows := tx.Bucket(rowsBucket)
	rows.FillPercent = compactFill
	err = c.guarded(func() error {
		cursor := snap.view.rows.Cursor()
		n, bytes := 0, 0
		for key, b := cursor.Seek(from); key != nil; key, b = cursor.Next() {
			if n == compactRows || bytes > compactBytes {
				next = append([]byte{}, key...)
				return nil
			}
			_, _, sum, err := parseRow(key, b)
			if err != nil {
				return c.s.corruptAt(b, err)
			}
			if err := rows.Put(key, b); err != nil {
				return err
			}
			c.state.rows++
			c.state.sum += uint64(sum)
			n, bytes = n+1, bytes+len(key)+len(b)
		}
		return nil
	})
	if err == nil {
		err = tx.Commit()
	}
	if err == nil && c.s.options.Compacting != nil {
		c.s.options.Compacting(int64(c.state.rows), int64(max(c.state.rows, snap.view.state.rows)))
	}
	return next, err
}

// catchUp brings the rows of keys into the new file as a snapshot taken now has
// them.
func (c *compaction) catchUp(ctx context.Context, keys map[store.Key]struct{}) error {
	snap, err := c.s.snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	return c.apply(snap.view, keys)
}

func (c *compaction) apply(v *view, keys map[store.Key]struct{}) error {
	tx, err := c.db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	rows := tx.Bucket(rowsBucket)
	err = c.guarded(func() error {
		for k := range keys {
			key := []byte(k)
			if old := rows.Get(key); old != nil {
				_, _, sum, err := parseRow(key, old)
				if err != nil {
					return err
				}
				c.state.rows--
				c.state.sum -= uint64(sum)
			}
			b := v.rows.Get(key)
			if b == nil {
				if err := rows.Delete(key); err != nil {
					return err
				}
				continue
			}
			_, _, sum, err := parseRow(key, b)
			if err != nil {
				return c.s.corruptAt(b, err)
			}
			if err := rows.Put(key, b); err != nil {
				return err
			}
			c.state.rows++
			c.state.sum += uint64(sum)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}

// guarded runs f, which steps through both files, under the guard: what befalls
// the new one is no harm to the store.
func (c *compaction) guarded(f func() error) (err error) {
	defer c.s.guard("compact", &err, debug.SetPanicOnFault(true))
	return f()
}

// swap makes the new file the store's. The committer calls it, so nothing is
// written meanwhile. fatal says that what is on disk is not known.
func (c *compaction) swap() (err, fatal error) {
	s := c.s
	s.mu.Lock()
	v := s.view
	s.mu.Unlock()
	if v == nil {
		return s.failed, nil
	}
	if err := c.apply(v, s.changed.take()); err != nil {
		return err, nil
	}
	c.state.rev = v.state.rev
	if c.state != v.state {
		return fmt.Errorf("%w: it has %d rows with the sum %x, and ought to have %d with %x", store.ErrCorrupt,
			c.state.rows, c.state.sum, v.state.rows, v.state.sum), nil
	}
	if err := c.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(stateKey, c.state.encode(nil)) }); err != nil {
		return err, nil
	}
	if err := c.db.Sync(); err != nil {
		return err, nil
	}
	c.db.NoSync, c.db.NoGrowSync, c.db.AllocSize = false, false, c.grow
	if err := os.Rename(c.path, s.path); err != nil {
		return err, nil
	}
	s.db.Store(c.db)
	c.db = nil
	s.size = mapped(int64(s.options.MapSize))
	if err := errors.Join(syncDir(filepath.Dir(s.path)), s.advance()); err != nil {
		return nil, fmt.Errorf("store: no more writes until the store is opened again, since this failed: %w", err)
	}
	return nil, nil
}

// discard removes a new file that has not become the store's.
func (c *compaction) discard() error {
	if c.db == nil {
		return nil
	}
	err := c.db.Close()
	c.db = nil
	return errors.Join(err, os.Remove(c.path))
}
