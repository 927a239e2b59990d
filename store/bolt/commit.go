package bolt

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"time"

	berrors "go.etcd.io/bbolt/errors"

	"github.com/hearthbot/hearth/store"
)

// Commit carries out all of b or nothing, and returns when it is durable.
//
// If the file cannot be written (the disk is full, or broken), the store takes
// no more batches until it is opened again: what the system then says of the
// file is not to be relied on. Snapshots go on.
func (s *Store) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	if err := b.Validate(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return s.queue.do(ctx, b)
}

// Watch yields a revision whenever a row under prefix may have changed.
func (s *Store) Watch(ctx context.Context, prefix store.Key) iter.Seq2[store.Rev, error] {
	return s.watch.Watch(ctx, prefix)
}

// run is the committer: the one goroutine that writes.
func (s *Store) run() {
	defer close(s.finished)
	var (
		g      group
		rs     []*request
		broken error
	)
	for {
		clear(rs)
		// Let those that have just been answered come back with their next batch:
		// measured, it makes groups a quarter larger, and costs nothing if there
		// is nobody.
		runtime.Gosched()
		var alone func(broken error) error
		rs, alone = s.queue.take(rs[:0])
		if alone != nil {
			broken = errors.Join(broken, alone(broken))
			continue
		}
		if len(rs) == 0 {
			return
		}
		if broken == nil {
			began, n := time.Now(), len(rs)
			if broken = s.commit(&g, rs); broken == nil && s.observe != nil {
				s.observe(n, time.Since(began))
			}
		} else {
			answer(rs, broken)
		}
	}
}

// answer ends the requests; with an error that befell all of them, or each with
// its own result.
func answer(rs []*request, err error) {
	for _, r := range rs {
		if err != nil {
			r.rev, r.err = 0, err
		}
		r.done <- struct{}{}
	}
}

// commit carries out the group rs and answers it. It returns an error after
// which nothing more can be written.
func (s *Store) commit(g *group, rs []*request) error {
	var keys []store.Key // that were written
	err := s.guarded("commit", func() (err error) {
		keys, err = s.write(g, rs)
		return err
	})
	switch {
	case err != nil:
		if !errors.Is(err, store.ErrCorrupt) { // which says where
			err = fmt.Errorf("store: commit to %s: %w", s.path, err)
		}
		answer(rs, err)
		return errors.Join(fmt.Errorf("no more writes until the store is opened again, since this failed: %w", err), s.keepView())
	case len(keys) > 0:
		err = s.advance()
		s.changed.add(keys)
		s.watch.Notify(g.state.rev, keys)
	}
	answer(rs, nil)
	return err
}

// write brings the group to disk and returns the keys it wrote, in order, none
// if there was nothing to write. Each request has its own result then.
func (s *Store) write(g *group, rs []*request) ([]store.Key, error) {
	tx, err := s.db.Load().Begin(true)
	if err != nil {
		return nil, err
	}
	dirty, err := g.fold(s, tx, rs)
	if err == nil && dirty {
		if err = g.write(tx); err == nil {
			s.makeRoom(tx.Size(), int64(len(g.buf)))
			if err = tx.Commit(); err == nil {
				return g.written, nil
			}
		}
	}
	if e := tx.Rollback(); !errors.Is(e, berrors.ErrTxClosed) {
		err = errors.Join(err, e)
	}
	return nil, err
}

// makeRoom gives up the view if the file, of which used bytes are in use, might
// have to be mapped anew to take the bytes of a group: bbolt waits for its
// readers then, and the view would be one for ever. At most every page is
// written again, and the new rows lie four to a page at worst half filled.
func (s *Store) makeRoom(used, bytes int64) {
	if need := 2*used + 4*bytes + 1<<20; need > s.size {
		s.mu.Lock()
		v := s.view
		s.view = nil
		s.mu.Unlock()
		s.drop(v)
	}
}

// advance lets new snapshots see the state that is durable now.
func (s *Store) advance() error {
	var v *view
	err := error(store.ErrCorrupt)
	if !s.wedged.Load() {
		v, err = s.newView()
	}
	s.mu.Lock()
	old := s.view
	s.view, s.failed = v, err
	s.remap.Broadcast()
	s.mu.Unlock()
	if v != nil {
		s.size = max(s.size, mapped(v.tx.Size()))
	}
	return errors.Join(err, s.drop(old))
}

// keepView sees to it that there is a view, if need be a new one.
func (s *Store) keepView() error {
	s.mu.Lock()
	v := s.view
	s.mu.Unlock()
	if v != nil {
		return nil
	}
	return s.advance()
}

// mapped is how many bytes bbolt maps for a file of size bytes, or more.
func mapped(size int64) int64 {
	const least, step = 32 << 10, 1 << 30
	for n := int64(least); n <= step; n *= 2 {
		if size <= n {
			return n
		}
	}
	return (size + step - 1) / step * step
}
