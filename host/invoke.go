package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// handle runs one work row of p: the way of an event from snapshot to commit.
//
//	work row ─► snapshot ─► sandbox ─► effects ─► plan ─► one batch ─► lanes are told
//	               ▲                                          │
//	               └────────────── conflict ──────────────────┘
func (e *Engine) handle(p *plugin, lane string, seq uint64) turn {
	l := p.lineup()
	v := l.live
	if v == nil {
		return turn{again: true, stall: true} // until a version is live
	}
	if v.manifest.Middleware && p.breaker.state(e.clock.Now()) == "open" {
		// What only annotates must not hold up those who act.
		if err := e.passOn(p, lane, seq); err != nil {
			e.o.Logger.Error("event could not be passed on by a middleware that is held back", "plugin", p.name, "event", store.Seq(seq), "err", err)
		}
	}
	if wait := p.breaker.enter(seq, e.clock.Now()); wait > 0 {
		return turn{again: true, after: wait}
	}

	for try := 0; ; try++ {
		t, err := e.attempt(p, l, lane, seq, try >= maxTries)
		switch {
		case err == nil:
			return t
		case errors.Is(err, store.ErrConflict):
			e.met.conflicts.WithLabelValues(p.name).Inc()
			continue
		case errors.As(err, new(stranger)):
			e.introduce(err.(stranger))
			continue
		case errors.Is(err, wasm.ErrClosed), errors.Is(err, errMoved):
			// Another version has become live since.
			p.breaker.leave(seq)
			return turn{again: true, after: time.Millisecond}
		}
		// Not the plugin's fault: the store, the sandbox pool, the end of the
		// process. The row is as it was.
		p.breaker.leave(seq)
		if e.ctx.Err() == nil {
			e.o.Logger.Error("event could not be handled; it is tried again", "plugin", p.name, "event", store.Seq(seq), "err", err)
		}
		return turn{again: true, after: time.Second}
	}
}

// passOn hands an event to its next stage before the middleware has seen it,
// which then sees it for itself alone.
func (e *Engine) passOn(p *plugin, lane string, seq uint64) error {
	snap, err := e.store.Snapshot(e.ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	row, err := snap.Get(e.ctx, workKey(p.name, lane, seq))
	if err != nil || !row.Exists() {
		return err
	}
	var w workRow
	if _, err := w.UnmarshalMsg(row.Value); err != nil {
		return fmt.Errorf("row %s: %w", row.Key, err)
	}
	b := new(store.Batch)
	pushes, err := skipAhead(b, &w)
	if err != nil || len(pushes) == 0 {
		return err
	}
	v, err := w.MarshalMsg(nil)
	if err != nil {
		return err
	}
	b.Check(row.Key, row.Rev)
	b.Put(row.Key, v)
	if _, err := e.store.Commit(e.ctx, b); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return nil // it was handled, or passed on, meanwhile
		}
		return err
	}
	for _, n := range pushes {
		e.pushWork(n.plugin, n.lane, n.seq)
	}
	return nil
}

// skipAhead writes the next stage of a middleware's row without its
// annotations, and leaves the row without a stage behind it.
func skipAhead(b *store.Batch, w *workRow) ([]workPush, error) {
	if len(w.Middle)+len(w.Then) == 0 {
		return nil, nil
	}
	next := *w
	next.Attempts, next.First, next.Retry, next.Error, next.Version = 0, 0, 0, "", ""
	pushes, err := stage(b, &next, w.Middle, w.Then)
	w.Middle, w.Then = nil, nil
	return pushes, err
}

// maxTries is how often an invocation that met a conflict is run again beside
// others; then it is run alone in its plugin.
const maxTries = 3

// buffers are reused from one invocation to the next.
var buffers = sync.Pool{New: func() any { return &scratch{} }}

type scratch struct {
	in, out []byte
	batch   store.Batch
}

// attempt handles the row once. Its error is a conflict or an infrastructure
// failure; a failure of the plugin's own is committed and is no error.
func (e *Engine) attempt(p *plugin, l *lineup, lane string, seq uint64, alone bool) (turn, error) {
	p.pass(e.ctx)
	if alone {
		p.alone.Lock()
		defer p.alone.Unlock()
	} else {
		p.alone.RLock()
		defer p.alone.RUnlock()
	}
	space, err := p.serves(l.live)
	if err != nil {
		return done, err
	}
	p.calls <- struct{}{}
	inSandbox := true
	leave := func() {
		if inSandbox {
			<-p.calls
			inSandbox = false
		}
	}
	defer leave()

	ctx := e.ctx
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return done, err
	}
	defer snap.Close()
	key := workKey(p.name, lane, seq)
	row, err := snap.Get(ctx, key)
	if err != nil {
		return done, err
	}
	if !row.Exists() {
		p.breaker.leave(seq)
		return done, nil // handled before, or taken back
	}
	var w workRow
	if _, err := w.UnmarshalMsg(row.Value); err != nil {
		return done, fmt.Errorf("row %s: %w", key, err)
	}
	now := e.clock.Now()
	if wait := w.Retry - now.UnixMilli(); wait > 0 {
		p.breaker.leave(seq)
		return turn{again: true, after: time.Duration(wait) * time.Millisecond}, nil
	}
	if e.forgets.holds(&w.Event) {
		p.breaker.leave(seq)
		return turn{again: true, after: holdTime}, nil
	}
	if err := e.hydrate(ctx, snap, &w.Event); err != nil {
		return done, err
	}

	if m := &w.Event.Member; m.ID != "" && m.Name == "" && e.canAsk(m.ID, now) {
		return done, stranger{id: m.ID}
	}

	s := buffers.Get().(*scratch)
	defer buffers.Put(s)
	v := l.pick(&w)
	inv := &invocation{
		engine: e, plugin: p, version: v, lineup: l, first: w.Attempts == 0, work: &w, key: key, lane: lane, rev: row.Rev, now: now, snap: snap, batch: &s.batch,
		reads: reads{snap: snap, space: space},
		call:  abi.Call{Event: w.Event, Now: now.UnixMilli(), Seed: seed(p.name, w.Seq)},
	}
	if !v.grants.has(abi.CapMembers) {
		inv.reads.own = "m/" + abi.KeySegment(w.Event.Member.ID) + "/"
	}
	defer inv.hush()
	inv.batch.Reset()
	if s.in, err = inv.call.MarshalMsg(s.in[:0]); err != nil {
		return done, fmt.Errorf("encoding the call: %w", err)
	}
	res, err := v.guest.Call(ctx, wasm.Call{Export: abi.ExportHandle, Input: s.in, Host: &inv.reads, Now: time.UnixMilli(inv.call.Now), Seed: inv.call.Seed, Buf: s.out[:0]})
	leave()
	if err != nil && !pluginsFault(err) {
		return done, err
	}
	s.out = res.Output
	inv.fuel, inv.took = res.Fuel, res.Duration
	e.met.invoked(p.name, v.manifest.Version, err == nil, res.Duration, res.Fuel)
	if err == nil {
		_, err = inv.effects.UnmarshalMsg(res.Output)
		if err == nil && inv.effects.Error != "" {
			err = errors.New(inv.effects.Error)
		}
	}
	if err == nil {
		err = inv.plan()
	}
	if err == nil {
		err = inv.batch.Validate()
	}
	if err != nil {
		if errors.Is(err, errInfrastructure) {
			return done, err
		}
		return inv.fail(err)
	}
	return inv.commit()
}

// errInfrastructure marks an error of a plan that is not the plugin's fault.
var errInfrastructure = errors.New("the store could not be read")

// pluginsFault tells what a guest did from what befell it.
func pluginsFault(err error) bool {
	for _, kind := range []error{wasm.ErrFuel, wasm.ErrDeadline, wasm.ErrSleep, wasm.ErrMemory, wasm.ErrTrap, wasm.ErrExit, wasm.ErrOutput,
		wasm.ErrInput, wasm.ErrABI, errReads} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// invocation is one attempt to handle one event.
type invocation struct {
	engine  *Engine
	plugin  *plugin
	version *version
	lineup  *lineup // of which version was chosen
	first   bool    // it is the event's first attempt
	work    *workRow
	key     store.Key
	lane    string
	rev     store.Rev
	now     time.Time
	snap    store.Snapshot
	reads   reads
	call    abi.Call
	effects abi.Effects
	fuel    int64
	took    time.Duration

	// What the plan makes of the effects.
	batch    *store.Batch
	works    []workPush
	outs     []outPush
	timerDue int64 // the earliest timer that was set, 0 if none
	timers   int64 // timers set less timers cancelled
	acts     []actPush
	aborts   []uint64
	grown    int64    // bytes of state
	withheld []string // effects left out by the host's rules, and why
	refs     map[string]refRow
	tracked  []string
	facts    map[string]*measure.Fact // by member, what was tracked
	folded   []*folded
	quiet    bool            // until hush nobody begins to be forgotten
	fresh    map[string]bool // of tracked, names the plugin has not tracked before
	evidence []byte          // the journal's row

	continued bool
}

type outPush struct {
	platform, lane string
	seq            uint64
}

// commit carries out the plan: all of it, or a conflict.
func (inv *invocation) commit() (turn, error) {
	e, p, b := inv.engine, inv.plugin, inv.batch
	b.Check(inv.key, inv.rev)
	b.Delete(inv.key)
	inv.reads.pin(b)
	if err := inv.journal(""); err != nil {
		return done, err
	}
	if err := b.Validate(); err != nil {
		return inv.fail(err)
	}
	_, err := e.store.Commit(e.ctx, b)
	if c := p.copying.Load(); c != nil {
		c.noteWork(inv.reads.space, &inv.effects) // whatever the error: it may have been committed
	}
	if err != nil {
		if errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrInvalid) {
			return inv.fail(err)
		}
		return done, err
	}
	e.keep(inv.folded...)
	inv.measure(nil)
	p.pulse.add(inv.now, false)
	if inv.counts() {
		p.breaker.succeed(inv.work.Seq)
		p.failing.Store(false)
	} else {
		p.breaker.leave(inv.work.Seq)
	}
	p.stateBytes.Add(inv.grown)
	p.timers.Add(inv.timers)
	for _, w := range inv.works {
		e.pushWork(w.plugin, w.lane, w.seq)
	}
	for _, o := range inv.outs {
		e.pushOut(o.platform, o.lane, o.seq)
	}
	for _, a := range inv.aborts {
		e.underway.abort(a)
	}
	for _, a := range inv.acts {
		e.pushAction(a)
	}
	if inv.timerDue != 0 {
		e.timers.wake(inv.timerDue)
	}
	if inv.ages() {
		e.renew(p)
	}
	for _, name := range inv.tracked {
		p.names.add(name)
		e.met.tracked.WithLabelValues(p.name, e.met.trackLabel(p.name, name)).Inc()
	}
	e.met.committed.WithLabelValues(p.name).Inc()
	e.followers.tell(inv, "")
	if e.onCommit != nil {
		e.onCommit(inv.work.Event.ID)
	}
	e.met.batchOps.Observe(float64(len(b.Writes())))
	return done, nil
}

// fail commits the failed attempt and nothing else of the invocation, and says
// when the event is tried again.
func (inv *invocation) fail(cause error) (turn, error) {
	e, p, w, b := inv.engine, inv.plugin, inv.work, inv.batch
	now := inv.now.UnixMilli()
	b.Reset()
	inv.hush()
	w.Attempts++
	w.Error, w.Version = firstLine(cause.Error(), 2<<10), inv.version.sha
	if w.First == 0 {
		w.First = now
	}
	b.Check(inv.key, inv.rev)
	if err := inv.journal(w.Error); err != nil {
		return done, err
	}
	log := e.o.Logger.With("plugin", p.name, "event", store.Seq(w.Seq), "kind", w.Event.Kind, "attempt", w.Attempts, "err", w.Error)

	retries := e.tuned().Retries
	dead := w.Attempts > len(retries.Delays)
	parked := inv.lane != w.Lane
	var delay time.Duration
	if !dead {
		delay = retries.Delays[w.Attempts-1]
		w.Retry = now + delay.Milliseconds()
	}
	park := !dead && !parked && time.Duration(w.Retry-w.First)*time.Millisecond > retries.Hold
	inv.works = nil
	var given []burial
	if dead || park {
		next, err := skipAhead(b, w)
		if err != nil {
			return done, err
		}
		inv.works = next
	}
	switch {
	case dead:
		x, err := e.bury(b, p.name, w)
		if err != nil {
			return done, err
		}
		b.Delete(inv.key)
		given = append(given, x)
	default:
		row, err := w.MarshalMsg(nil)
		if err != nil {
			return done, err
		}
		if park {
			b.Delete(inv.key)
			b.Put(workKey(p.name, parkedLane(w.Lane, w.Seq), w.Seq), row)
			inv.works = append(inv.works, workPush{p.name, parkedLane(w.Lane, w.Seq), w.Seq})
		} else {
			b.Put(inv.key, row)
		}
	}
	_, err := e.store.Commit(e.ctx, b)
	e.buried(err, given...)
	if err != nil {
		return done, err
	}
	inv.measure(cause)
	p.pulse.add(inv.now, true)
	e.followers.tell(inv, w.Error)
	if !inv.counts() {
		p.breaker.leave(w.Seq)
	} else if p.failing.Store(true); p.breaker.fail(w.Seq, inv.now) {
		log.Error("plugin is held back: too many events in a row failed", "pause", retries.Pause)
	}
	for _, n := range inv.works {
		e.pushWork(n.plugin, n.lane, n.seq)
	}
	if !dead {
		e.met.retried.WithLabelValues(p.name).Inc()
	}
	switch {
	case dead:
		log.Error("event given up; `hearth events failed` shows it, `hearth events retry` runs it again")
		return done, nil
	case park:
		log.Warn("event failed; parked, so that its conversation goes on", "again_in", delay)
		return done, nil
	}
	log.Warn("event failed", "again_in", delay)
	return turn{again: true, after: delay}, nil
}

// maxJournal is how many bytes a journal row may have; what an invocation
// returned is left out of a larger one.
const maxJournal = 320 << 10

// journal adds the evidence of this attempt to the batch.
func (inv *invocation) journal(failure string) error {
	j := journalRow{
		Call: inv.call, Version: inv.version.sha, Config: inv.version.config, Grants: inv.version.grants,
		Reads: inv.reads.log, NoReplay: inv.reads.lost, Effects: inv.effects,
		Fuel: inv.fuel, Nanos: inv.took.Nanoseconds(), Attempt: inv.work.Attempts, Error: failure,
		Withheld: inv.withheld, Log: inv.reads.lines,
	}
	if failure == "" {
		j.Attempt++
	}
	v, err := j.MarshalMsg(nil)
	if err == nil && len(v) > maxJournal {
		// Evidence must not keep the event itself from being ended.
		j.Effects, j.Reads, j.Withheld, j.Log, j.NoReplay = abi.Effects{}, nil, nil, nil, true
		v, err = j.MarshalMsg(nil)
	}
	if err != nil {
		return fmt.Errorf("encoding the journal: %w", err)
	}
	inv.batch.Put(journalKey(inv.work.Seq, inv.plugin.name), v)
	inv.evidence = v
	return nil
}

// seed is the randomness of an invocation: the same whenever it is run again.
func seed(plugin string, event uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(plugin))
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], event)
	h.Write(b[:])
	return h.Sum64()
}

// firstLine cuts s after its first lines that fit in n bytes.
func firstLine(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
