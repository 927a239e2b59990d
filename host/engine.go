package host

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/views"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Engine takes events in, has plugins handle them and delivers what they send.
// Make one with New, give it plugins (Install) and platforms (Attach), and let
// it Run. It is safe for concurrent use.
type Engine struct {
	o     Options
	store store.Store
	views *views.Cache // nil: none are kept
	clock Clock
	met   *metrics
	seq   sequence
	table atomic.Pointer[table]

	tuning   atomic.Pointer[Tuning] // what may change of the options; see tuned
	retuning sync.Mutex             // held by Reconfigure

	mu        sync.RWMutex
	plugins   map[string]*plugin
	platforms map[string]*platform

	refreshing sync.Mutex   // one refresh at a time
	erasing    sync.Mutex   // one space at a time; see eraseSpaces
	moving     sync.RWMutex // held for reading by what deletes rows of plugins beside their work, for writing while a space begins to hold
	followers  followers
	forgets    forgets
	audit      *audit.Log
	changes    changes // of plugins
	trials     trials  // rollouts under way
	replays    turns   // one after the other

	measuring measuring

	timers   *timers
	actions  *lanes // requests
	verifies *lanes

	forgetting *lanes // members who are being forgotten, one after the other

	underway underway
	dead     deadLetters
	pausing  sync.Mutex // held by Pause and Resume
	paused   atomic.Bool
	closing  atomic.Bool

	ctx  context.Context // of what is under way; ends after the drain
	stop context.CancelFunc
	run  context.Context // set by Run: new work is begun until it ends
	work sync.WaitGroup

	onCommit func(event string) // of the benchmarks; nil otherwise
}

var _ chat.Sink = (*Engine)(nil)

// ErrUnknown says that there is no plugin, event or platform of that name.
var ErrUnknown = errors.New("host: unknown")

// New returns an engine on the rows of o.Store. Nothing runs before Run.
func New(ctx context.Context, o Options) (*Engine, error) {
	if o.Store == nil {
		return nil, errors.New("host: Options.Store is missing")
	}
	o = o.withDefaults()
	tuning := o.tuning()
	e := &Engine{o: o, store: o.Store, clock: o.Clock, plugins: map[string]*plugin{}, platforms: map[string]*platform{}}
	e.tuning.Store(tuning)
	e.ctx, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	e.met = newMetrics(e)
	e.keepViews()
	e.table.Store(newTable(nil))
	e.actions = newLanes(o.Clock, maxActions, e.act)
	e.verifies = newLanes(o.Clock, maxVerifies, e.act)
	e.forgetting = newLanes(o.Clock, 1, e.forgetTurn)
	e.audit = audit.New(o.Store, o.Clock.Now)
	e.timers = newTimers(e)
	e.trials.woken = make(chan struct{}, 1)
	e.dead = deadLetters{most: o.DeadLetters.MaxRows, numbers: map[string][]uint64{}, unsaid: map[string]int{}}

	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("host: reading the store: %w", err)
	}
	defer snap.Close()
	if err := e.recoverSequence(ctx, snap); err != nil {
		return nil, fmt.Errorf("host: reading the store: %w", err)
	}
	if err := e.loadDead(ctx, snap); err != nil {
		return nil, fmt.Errorf("host: reading the store: %w", err)
	}
	row, err := snap.Get(ctx, kPaused)
	if err != nil {
		return nil, fmt.Errorf("host: reading the store: %w", err)
	}
	e.paused.Store(row.Exists())
	e.measuring.wake = make(chan struct{}, 1)
	if err := e.measureBy(ctx, tuning); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	if o.House {
		if err := e.moveIn(ctx); err != nil {
			return nil, fmt.Errorf("host: %w", err)
		}
	}
	return e, nil
}

// Run does the engine's work until ctx ends; then it lets what is under way
// finish, for at most grace, and returns nil. Rows that wait are taken up by
// the next Run.
func (e *Engine) Run(ctx context.Context, grace time.Duration) error {
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	e.mu.Lock()
	if e.run != nil {
		e.mu.Unlock()
		return errors.New("host: Run was called before")
	}
	e.run = run
	plugins, platforms := e.list()
	e.mu.Unlock()

	// What waited is in its lanes before anything runs: it comes first.
	err := errors.Join(e.recoverForgets(run), e.recoverWork(run))
	if err != nil {
		cancel()
	}
	for _, p := range plugins {
		p.lanes.start(run)
	}
	for _, p := range platforms {
		err = errors.Join(err, e.startPlatform(p))
	}
	e.actions.start(run)
	e.verifies.start(run)
	e.forgetting.start(run)
	e.work.Go(func() { e.timers.loop(run) })
	e.work.Go(func() { e.sweep(run) })
	e.work.Go(func() { e.keepMeasuring(run) })
	e.work.Go(func() { e.watchTrials(run) })
	e.work.Go(func() { e.recoverSpaces(run) })

	<-run.Done()
	e.mu.Lock() // no platform is being started
	e.closing.Store(true)
	e.mu.Unlock()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		plugins, platforms := e.locked()
		for _, p := range plugins {
			p.lanes.wait()
		}
		for _, p := range platforms {
			p.lanes.wait()
		}
		e.actions.wait()
		e.verifies.wait()
		e.forgetting.wait()
		e.work.Wait()
	}()
	select {
	case <-drained:
	case <-time.After(grace):
		e.o.Logger.Warn("drain took too long; what is under way is taken up at the next start", "grace", grace)
		e.stop()
		<-drained
	}
	e.stop()
	plugins, _ = e.locked()
	for _, p := range plugins {
		if err := p.retire(context.WithoutCancel(ctx)); err != nil {
			e.o.Logger.Warn("plugin did not close cleanly", "plugin", p.name, "err", err)
		}
	}
	if err := e.closeKept(context.WithoutCancel(ctx)); err != nil {
		e.o.Logger.Warn("a version that was kept did not close cleanly", "err", err)
	}
	if ctx.Err() != nil {
		return nil // it was told to end
	}
	return err
}

// list returns plugins and platforms in the order of their names. e.mu is held.
func (e *Engine) list() ([]*plugin, []*platform) {
	plugins := make([]*plugin, 0, len(e.plugins))
	for _, p := range e.plugins {
		plugins = append(plugins, p)
	}
	slices.SortFunc(plugins, func(a, b *plugin) int { return compare(a.name, b.name) })
	platforms := make([]*platform, 0, len(e.platforms))
	for _, p := range e.platforms {
		platforms = append(platforms, p)
	}
	slices.SortFunc(platforms, func(a, b *platform) int { return compare(a.name, b.name) })
	return plugins, platforms
}

func (e *Engine) locked() ([]*plugin, []*platform) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.list()
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (e *Engine) plugin(name string) *plugin {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.plugins[name]
}

func (e *Engine) platform(name string) *platform {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.platforms[name]
}

// now is the clock in Unix milliseconds, as rows have it.
func (e *Engine) now() int64 { return e.clock.Now().UnixMilli() }

// sequence hands out numbers that rise with time and over restarts, so that
// rows named by them sort in the order in which things happened.
type sequence struct{ last atomic.Uint64 }

func (s *sequence) next(now time.Time) uint64 {
	for {
		last := s.last.Load()
		n := max(last+1, uint64(max(now.UnixNano(), 0)))
		if s.last.CompareAndSwap(last, n) {
			return n
		}
	}
}

func (e *Engine) nextSeq() uint64 { return e.seq.next(e.clock.Now()) }

// recentRows is among how many of the last rows of each kind the largest
// number in use is looked for.
const recentRows = 4096

// recoverSequence starts behind every number in use, should the clock have
// gone back since.
func (e *Engine) recoverSequence(ctx context.Context, snap store.Snapshot) error {
	var last uint64
	for _, k := range []store.Key{kJournal, kSent, kDead, kWork, kOutbox, kAction, kTimer} {
		r := store.Prefix(k.Prefix())
		r.Reverse, r.Limit = true, recentRows
		for row, err := range snap.Scan(ctx, r) {
			if err != nil {
				return err
			}
			// A timer's row begins with its time; a delivery's has its event's number
			// and its own.
			s := row.Key.Segments()[1:]
			switch k {
			case kTimer:
				s = s[1:2]
			case kSent:
				s = s[:2]
			default:
				s = s[:1]
			}
			for _, part := range s {
				if n, err := store.ParseSeq(part); err == nil {
					last = max(last, n)
				}
			}
		}
	}
	e.seq.last.Store(last)
	return nil
}

// recoverWork puts into their lanes what an earlier run left waiting.
func (e *Engine) recoverWork(ctx context.Context) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("host: reading what waits: %w", err)
	}
	defer snap.Close()
	count := map[store.Key]int{}
	for _, k := range []store.Key{kWork, kOutbox, kAction} {
		for row, err := range snap.Scan(ctx, store.Prefix(k.Prefix())) {
			if err != nil {
				return fmt.Errorf("host: reading what waits: %w", err)
			}
			s := row.Key.Segments()
			n, err := keySeq(row.Key)
			if err != nil {
				e.o.Logger.Error("row with an unknown name left alone", "key", row.Key)
				continue
			}
			count[k]++
			switch k {
			case kWork:
				e.pushWork(s[2], s[3], n)
			case kOutbox:
				e.pushOut(s[2], s[3], n)
			case kAction:
				var a actionRow
				if _, err := a.UnmarshalMsg(row.Value); err != nil {
					e.o.Logger.Error("action that cannot be read left alone", "key", row.Key, "err", err)
					continue
				}
				e.pushAction(actPush{s[2], n, a.Action.Verify != nil})
			}
		}
	}
	if len(count) > 0 {
		e.o.Logger.Info("taking up what waited", "events", count[kWork], "messages", count[kOutbox], "actions", count[kAction])
	}
	return nil
}

// pushWork tells a plugin's lane of a row that has been committed. Without the
// plugin the row waits until it is installed.
func (e *Engine) pushWork(plugin, lane string, seq uint64) {
	if p := e.plugin(plugin); p != nil {
		p.lanes.push(lane, seq)
	}
}

func (e *Engine) pushOut(platform, lane string, seq uint64) {
	if p := e.platform(platform); p != nil {
		p.lanes.push(lane, seq)
	}
}

// backlog is how many events wait, of all plugins. Of what waits for one that fails
// or is at rest (its timers go on) no more is counted than its share: it must not
// keep events from those that work.
func (e *Engine) backlog() int {
	share := e.share()
	e.mu.RLock()
	defer e.mu.RUnlock()
	n := 0
	for _, p := range e.plugins {
		waiting := p.lanes.length()
		if waiting > share && p.stuck() {
			waiting = share
		}
		n += waiting
	}
	return n
}

// Commands lists the commands of every plugin that runs, by name.
func (e *Engine) Commands() []abi.CommandDef { return e.table.Load().commandList }

func defaultSandboxes() int { return max(2, runtime.GOMAXPROCS(0)) }
