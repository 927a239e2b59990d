package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// errHeldTooLong says that a hold was over before all was done.
var errHeldTooLong = errors.New("the plugin's work was held for as long as it may be")

// swap holds the plugin's work, carries the last rows over and has the new space
// hold, all within maxHold, or it returns errHeldTooLong and lets the work go on.
func (c *migration) swap(ctx context.Context, put func(*store.Batch) error, live func()) error {
	began := time.Now()
	c.update(func(s *MigrationState) { s.Phase = MigrationHolds; s.Holds++ })
	defer func() {
		took := time.Since(began)
		c.update(func(s *MigrationState) { s.Held = max(s.Held, took); s.Phase = MigrationFollows })
	}()
	// A commit under way is not broken off; there has to be time for one.
	hold, cancel := context.WithDeadlineCause(ctx, began.Add(maxHold-maxHold/5), errHeldTooLong)
	defer cancel()
	release, err := c.holdWork(hold)
	if err != nil {
		return c.tooLong(hold, err)
	}
	defer release()
	c.e.changes.at("migrate: held")
	if err := c.last(hold); err != nil {
		return c.tooLong(hold, err)
	}
	if hold.Err() != nil {
		return c.tooLong(hold, hold.Err())
	}
	if err := c.take(ctx, put); err != nil {
		return err
	}
	c.enter()
	live()
	c.p.space.Store(&space{c.new, c.to})
	c.p.stateBytes.Store(c.bytes.Load())
	if len(c.target.manifest.Warm) > 0 {
		c.e.renew(c.p) // for what was carried after its image was taken
	}
	return nil
}

// tooLong is err, or errHeldTooLong if that is what it comes from.
func (c *migration) tooLong(hold context.Context, err error) error {
	if context.Cause(hold) == errHeldTooLong {
		return errHeldTooLong
	}
	return err
}

// holdWork lets no work of the plugin begin and waits until what is under way has
// ended.
func (c *migration) holdWork(ctx context.Context) (release func(), err error) {
	h := &held{over: make(chan struct{})}
	c.p.hold.Store(h)
	release = func() {
		c.p.hold.Store(nil)
		close(h.over)
	}
	for _, l := range []interface {
		TryLock() bool
		Unlock()
	}{&c.e.moving, &c.p.alone} {
		// Lock would have others wait for it, for as long as an event may take.
		for !l.TryLock() {
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				release()
				return nil, context.Cause(ctx)
			}
		}
		before := release
		release = func() { l.Unlock(); before() }
	}
	return release, nil
}

// last carries over what has changed since the last pass began.
func (c *migration) last(ctx context.Context) error {
	keys, whole := c.notes()
	if !whole {
		return errHeldTooLong // a pass is needed
	}
	for key := range c.late {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for back := false; ; {
		before := len(keys)
		clear(c.late)
		for page := range slices.Chunk(keys, migrateWave) {
			if err := c.some(ctx, page, false); err != nil {
				return err
			}
		}
		if len(c.late) == 0 {
			return nil
		}
		keys = nil
		for key := range c.late {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		switch {
		case len(keys) < before:
		case back:
			return c.collision(ctx, keys[0])
		default: // perhaps each has another's place
			back = true
			for page := range slices.Chunk(keys, migrateWave) {
				if err := c.some(ctx, page, true); err != nil {
					return err
				}
			}
		}
	}
}

// some carries over the rows of these keys that are stale, or takes back what
// they have become.
func (c *migration) some(ctx context.Context, keys []string, back bool) error {
	snap, err := c.e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	var list []stale
	for _, key := range keys {
		s, err := c.look(ctx, snap, key)
		if err != nil {
			return err
		}
		s.back = back
		if !s.gone() && s.row.Rev < s.done.Rev || s.gone() && !s.done.Exists() {
			continue
		}
		list = append(list, s)
	}
	return c.carry(ctx, snap, list)
}

// collision says which row cannot be migrated because what it becomes is there.
func (c *migration) collision(ctx context.Context, key string) error {
	snap, err := c.e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	s, err := c.look(ctx, snap, key)
	if err != nil {
		return err
	}
	become, err := c.step(ctx, []abi.Pair{{Key: key, Value: s.row.Value}})
	if err != nil {
		return err
	}
	var keys []string
	for _, r := range become[0] {
		keys = append(keys, r.Key)
	}
	return fmt.Errorf("row %s becomes %s, as another row does; rows have to be kept apart", key, keys)
}

// take has the new space hold, in one batch with what put adds.
func (c *migration) take(ctx context.Context, put func(*store.Batch) error) error {
	snap, err := c.e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	s, rev, err := spaceOf(ctx, snap, c.p.name)
	snap.Close()
	if err != nil {
		return err
	}
	s.Erase = append(s.Erase, s.Space)
	s.Space, s.State, s.Making = c.new, c.to, ""
	b := new(store.Batch)
	if err := putSpace(b, c.p.name, &s, rev); err != nil {
		return err
	}
	if err := put(b); err != nil {
		return err
	}
	if err := b.Validate(); err != nil {
		return err
	}
	if _, err = c.e.store.Commit(ctx, b); err == nil || errors.Is(err, store.ErrConflict) {
		return err
	}
	// It may have been committed all the same. Nothing of the plugin may go on
	// before that is known: what the old version writes would be lost.
	for {
		holds, known := c.holds()
		switch {
		case known == nil && holds:
			return nil
		case known == nil:
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-c.e.ctx.Done():
			return err
		}
	}
}

// holds says whether the new space is the one that holds.
func (c *migration) holds() (bool, error) {
	snap, err := c.e.store.Snapshot(c.e.ctx)
	if err != nil {
		return false, err
	}
	defer snap.Close()
	s, _, err := spaceOf(c.e.ctx, snap, c.p.name)
	return s.Space == c.new, err
}
