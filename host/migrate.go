package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// A migration makes a space of the rows that a plugin has, in the state version
// of the version that is to be live, while the one that is live goes on:
//
//	passes   row ─► migrate ─► what it becomes, and a movedRow that says what that is   migratepass.go
//	         again for rows that changed or went since, until there are few
//	hold     no work of the plugin begins; the last few rows;
//	         one batch: this space holds, that version is live                        migratehold.go
//	erase    the old space, off the path                                              space.go
//
// A row is as it should be if its movedRow has a larger revision than the row
// itself. Every row is migrated under the condition that it is still as it was
// read, so nothing that was deleted comes back. Nothing in the new space is seen
// by anybody before it holds, and after a crash it is erased.

// Bounds of a migration, beside those of each of its steps, which are an event's.
const (
	maxHold      = time.Second // in which no work of the plugin begins
	maxHolds     = 5           // tries to end within maxHold
	maxPasses    = 20          // over all rows, before it is held for whatever there is
	fewRows      = 100         // that may be left for the hold
	migratePage  = 128 << 10   // bytes of rows in one step
	migrateWave  = 384         // rows that are carried together
	migrateBytes = 1 << 20     // likewise, bytes, but for the last row of them
	maxLate      = 1000        // rows whose place another has
	maxNotes     = 20_000      // rows that change during one pass
	migrateScan  = 10_000      // rows looked at from one snapshot
	migrateOps   = store.MaxOps - 8
	migrateBatch = store.MaxBatch / 2
)

// ErrMigration says that a plugin's rows could not be brought to another state
// version. The version that was live goes on with the rows as they are.
var ErrMigration = errors.New("host: the plugin's rows could not be migrated")

// What a migration is at.
const (
	MigrationCopies  = "copying"
	MigrationFollows = "catching up"
	MigrationHolds   = "swapping"
	MigrationDone    = "done"
	MigrationFailed  = "failed"
)

// MigrationState is how far a migration has come.
type MigrationState struct {
	Plugin   string
	Version  string // that is to be live
	From, To int    // state versions
	Phase    string
	Rows     int64         // migrated so far, what changed meanwhile included
	Total    int64         // rows there were when it began
	Began    time.Time     //
	Ended    time.Time     // zero while it is under way
	Held     time.Duration // the longest that the plugin's work was held
	Holds    int           // how often it was
	Error    string        // if it failed
}

// Migration is the migration of a plugin that is under way, or the last one since
// hearth was started. It says false if there was none.
func (e *Engine) Migration(plugin string) (MigrationState, bool) {
	p := e.plugin(plugin)
	if p == nil {
		return MigrationState{}, false
	}
	if c := p.copying.Load(); c != nil {
		return c.snapshot(), true
	}
	if s := p.moved.Load(); s != nil {
		return *s, true
	}
	return MigrationState{}, false
}

// migration is one on its way.
type migration struct {
	e        *Engine
	p        *plugin
	target   *version
	by       *version // who knows the way: target, or the one that is live
	from, to int
	old, new string // spaces
	quota    int64
	now      time.Time

	bytes atomic.Int64 // of the rows in the new space
	ready atomic.Bool  // they are complete but for what changes
	image *version     // of target, with those rows in it; nil if it needs none

	late map[string]bool // rows whose place another has
	busy map[string]bool // rows that changed while this pass carried them

	mu      sync.Mutex
	state   MigrationState
	changed map[string]bool // rows that changed since the last pass began
	spilled bool            // there were more
}

// changeover makes to live: live is called with the plugin's work held if its
// rows are of another state version, and then has found them brought to that of
// to. What put adds is committed in the same batch; put may be called again. From
// is the version that runs, nil if none does. It returns ErrStateVersion if
// nobody knows the way, ErrMigration if something came in between, and then
// nothing has changed.
func (e *Engine) changeover(ctx context.Context, p *plugin, from, to *version, put func(*store.Batch) error, live func()) error {
	if p.copying.Load() != nil {
		return ErrChanging
	}
	if p.space.Load().state != to.manifest.State() {
		return e.migrate(ctx, p, from, to, put, live)
	}
	b := new(store.Batch)
	if err := put(b); err != nil {
		return err
	}
	if len(b.Writes())+len(b.Checks()) > 0 {
		if _, err := e.store.Commit(ctx, b); err != nil {
			return err
		}
	}
	live()
	return nil
}

// claim is migrate for a plugin that nothing runs of and that has no rows: those
// that are to come are of the version's own state version. It says false, and
// does nothing, for any other.
func (e *Engine) claim(ctx context.Context, p *plugin, from, to *version, put func(*store.Batch) error, live func()) (bool, error) {
	if from != nil {
		return false, nil
	}
	if n, err := e.count(ctx, kState.Join(p.space.Load().name)); err != nil || n > 0 {
		return false, err
	}
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	s, rev, err := spaceOf(ctx, snap, p.name)
	snap.Close()
	if err != nil {
		return false, err
	}
	s.State = to.manifest.State()
	b := new(store.Batch)
	if err := putSpace(b, p.name, &s, rev); err != nil {
		return false, err
	}
	if err := put(b); err != nil {
		return false, err
	}
	if _, err := e.store.Commit(ctx, b); err != nil {
		return false, err
	}
	p.space.Store(&space{s.Space, s.State})
	live()
	return true, nil
}

// migrate is changeover between different state versions.
func (e *Engine) migrate(ctx context.Context, p *plugin, from, to *version, put func(*store.Batch) error, live func()) error {
	if done, err := e.claim(ctx, p, from, to, put, live); done || err != nil {
		return err
	}
	c := &migration{e: e, p: p, target: to, from: p.space.Load().state, to: to.manifest.State(), old: p.space.Load().name,
		quota: to.grants.quota(), now: e.clock.Now(), late: map[string]bool{}, busy: map[string]bool{}, changed: map[string]bool{}}
	c.state = MigrationState{Plugin: p.name, Version: to.manifest.Version, From: c.from, To: c.to, Phase: MigrationCopies, Began: c.now}
	if !p.copying.CompareAndSwap(nil, c) {
		return ErrChanging
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if run := e.running(); run != nil {
		defer context.AfterFunc(run, cancel)()
	}
	err := c.run(ctx, from, put, live)
	c.end(ctx, err)
	return err
}

func (c *migration) run(ctx context.Context, from *version, put func(*store.Batch) error, live func()) error {
	total, err := c.e.count(ctx, kState.Join(c.old))
	if err != nil {
		return c.fault(err)
	}
	c.update(func(s *MigrationState) { s.Total = int64(total) })
	switch {
	case c.target.manifest.Knows(c.from, c.to):
		c.by = c.target
	case from != nil && from.manifest.Knows(c.from, c.to):
		c.by = from
	case total > 0:
		return c.noWay(from)
	}
	if err := c.begin(ctx); err != nil {
		return c.fault(err)
	}
	c.e.changes.at("migrate: begun")
	for n := 0; ; n++ {
		rows, err := c.pass(ctx)
		if err != nil {
			return c.fault(err)
		}
		c.update(func(s *MigrationState) { s.Phase = MigrationFollows })
		if rows <= fewRows || n >= maxPasses {
			break
		}
	}
	c.e.changes.at("migrate: copied")
	if err := c.retake(ctx); err != nil {
		return c.fault(err)
	}
	for n := 1; ; n++ {
		if _, err := c.pass(ctx); err != nil {
			return c.fault(err)
		}
		err := c.swap(ctx, put, live)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errHeldTooLong) && n == maxHolds:
			return c.fault(fmt.Errorf("in %d tries of %v, in which its events waited, what had changed was not done; try again when there are fewer", n, maxHold))
		case errors.Is(err, errHeldTooLong):
		case errors.Is(err, store.ErrConflict) && n < maxHolds:
		default:
			return c.fault(err)
		}
	}
}

func (c *migration) noWay(from *version) error {
	why := "nor does another version run that knows it"
	if from != nil {
		why = fmt.Sprintf("nor does %s, which runs", from.manifest.Version)
	}
	back := ""
	if c.to < c.from {
		back = ": an old copy has forgotten whom it greeted"
	}
	return fmt.Errorf("%w: those of %s are of %d, and %s reads %d. It does not know the way between them, %s%s; the way is sdk.Plugin.Migrate(%d, %d)",
		ErrStateVersion, c.p.name, c.from, c.target.manifest.Version, c.to, why, back, c.from, c.to)
}

// fault is an error of the migration as it is shown.
func (c *migration) fault(err error) error {
	return fmt.Errorf("%w: plugin %s, from state version %d to %d: %w", ErrMigration, c.p.name, c.from, c.to, err)
}

// begin names the space that is to be filled.
func (c *migration) begin(ctx context.Context) error {
	return c.e.changeSpace(ctx, c.p.name, func(s *spaceRow) {
		if s.Making != "" {
			s.Erase = append(s.Erase, s.Making)
		}
		s.Count++
		c.new = fmt.Sprintf("%s@%d", c.p.name, s.Count)
		s.Making = c.new
	})
}

// end has the space erased that is not needed any more.
func (c *migration) end(ctx context.Context, err error) {
	e := c.e
	if err != nil && c.new != "" {
		err := e.changeSpace(context.WithoutCancel(ctx), c.p.name, func(s *spaceRow) {
			if s.Making == c.new {
				s.Making = ""
				s.Erase = append(s.Erase, c.new)
			}
		})
		if err != nil && e.ctx.Err() == nil {
			e.o.Logger.Error("a migration that failed could not be cleared away; the next start does", "plugin", c.p.name, "err", err)
		}
	}
	if c.image != nil { // the one that was not needed
		if err := c.image.guest.Close(); err != nil {
			e.o.Logger.Warn("an image did not close cleanly", "plugin", c.p.name, "err", err)
		}
	}
	c.update(func(s *MigrationState) {
		s.Phase, s.Ended = MigrationDone, e.clock.Now()
		if err != nil {
			s.Phase, s.Error = MigrationFailed, err.Error()
		}
	})
	last := c.snapshot()
	c.p.moved.Store(&last)
	c.p.copying.Store(nil)
	log := e.o.Logger.With("plugin", c.p.name, "from", c.from, "to", c.to, "rows", last.Rows, "took", last.Ended.Sub(last.Began), "held", last.Held)
	if err != nil {
		log.Error("the plugin's rows stay as they are", "err", err)
	} else {
		log.Info("the plugin's rows have been migrated")
	}
	if run := e.running(); run != nil && run.Err() == nil { // else the next Run erases them
		e.work.Go(func() {
			if err := e.eraseSpaces(run, c.p.name); err != nil && run.Err() == nil {
				e.o.Logger.Error("rows that are not needed any more could not be erased; it is tried again at the next start", "plugin", c.p.name, "err", err)
			}
		})
	}
}

// retake takes the image of the version that is to be live anew, if it has rows
// in it: now they are there.
func (c *migration) retake(ctx context.Context) (err error) {
	c.ready.Store(true)
	v := c.target
	if v.compiled == nil || len(v.manifest.Warm) == 0 {
		return nil
	}
	age := c.p.aged.Load()
	if c.image, err = c.e.image(ctx, v.compiled, &v.manifest, v.options, nil); err == nil {
		c.image.age.Store(age)
	}
	return err
}

// enter gives the version that is to be live its new image.
func (c *migration) enter() {
	if v := c.image; v != nil {
		v.guest, c.target.guest = c.target.guest, v.guest
		c.target.config = v.config
		c.target.age.Store(v.age.Load())
	}
}

// warm is the space that the image of the version that is to be live has rows
// of; "" before they are all there.
func (c *migration) warm() string {
	if c.ready.Load() {
		return c.new
	}
	return ""
}

func (c *migration) update(f func(*MigrationState)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.state)
}

func (c *migration) snapshot() MigrationState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// note remembers that a row of a space changed. It is called after the commit
// that changed it, and before p.alone is let go.
func (c *migration) note(space, key string) {
	if space != c.old {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.changed) >= maxNotes {
		c.spilled = true
		return
	}
	c.changed[key] = true
}

// noteWork is note for all that an invocation writes.
func (c *migration) noteWork(space string, ef *abi.Effects) {
	for i := range ef.Writes {
		c.note(space, ef.Writes[i].Key)
	}
	for i := range ef.Adds {
		c.note(space, ef.Adds[i].Key)
	}
}

// notes begins to remember anew and returns what was: sorted, and whether it is
// all.
func (c *migration) notes() (keys []string, whole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.changed {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	whole = !c.spilled
	clear(c.changed)
	c.spilled = false
	return keys, whole
}

// step asks what rows become. A page that is too much for one step, or in which
// something is wrong, is halved until that is one row, which the error names.
func (c *migration) step(ctx context.Context, rows []abi.Pair) ([][]abi.Pair, error) {
	out, err := c.ask(ctx, rows)
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case len(rows) == 1:
		return nil, fmt.Errorf("row %s: %w", rows[0].Key, err)
	}
	half := len(rows) / 2
	first, err := c.step(ctx, rows[:half])
	if err != nil {
		return nil, err
	}
	second, err := c.step(ctx, rows[half:])
	return append(first, second...), err
}

func (c *migration) ask(ctx context.Context, rows []abi.Pair) ([][]abi.Pair, error) {
	in, err := (&abi.Migration{From: c.from, To: c.to, Rows: rows}).MarshalMsg(nil)
	if err != nil {
		return nil, err
	}
	call := wasm.Call{Export: abi.ExportMigrate, Input: in, Now: c.now, Seed: 1}
	g := c.guest()
	res, err := g.Call(ctx, call)
	if errors.Is(err, wasm.ErrClosed) {
		if now := c.guest(); now != g { // its image was taken anew
			res, err = now.Call(ctx, call)
		}
	}
	if err != nil {
		return nil, err
	}
	var done abi.Migrated
	if _, err := done.UnmarshalMsg(res.Output); err != nil {
		return nil, fmt.Errorf("what migrate returned: %w", err)
	}
	if done.Error != "" {
		return nil, errors.New(done.Error)
	}
	return done.Rows, done.Check(len(rows))
}

// guest is who knows the way.
func (c *migration) guest() guest {
	if v := c.p.version(); c.by != c.target && v != nil && v.sha == c.by.sha {
		return v.guest
	}
	return c.by.guest
}
