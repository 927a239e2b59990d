package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// timers turns due timer rows into events. The rows are the truth; in memory
// there is only when to look at them next.
type timers struct {
	e     *Engine
	woken chan int64 // a due time that may be before the next look
}

func newTimers(e *Engine) *timers { return &timers{e: e, woken: make(chan int64, 1)} }

// maxSleep is how long the loop sleeps at most: a machine's clock may jump.
const maxSleep = time.Minute

// wake makes the loop look again if due is before it would have.
func (t *timers) wake(due int64) {
	for {
		select {
		case t.woken <- due:
			return
		case old := <-t.woken: // the loop has not taken it yet: keep the earlier
			due = min(due, old)
		}
	}
}

func (t *timers) loop(ctx context.Context) {
	for ctx.Err() == nil {
		next, err := t.fireDue(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			t.e.o.Logger.Error("timers could not be fired; they are tried again", "err", err)
			next = t.e.now() + 1000
		}
		t.sleep(ctx, next)
	}
}

// sleep returns when it is next, or a timer that is due earlier was set.
func (t *timers) sleep(ctx context.Context, next int64) {
	for {
		wait := min(time.Duration(next-t.e.now())*time.Millisecond, maxSleep)
		if wait <= 0 {
			return
		}
		up := make(chan struct{})
		stop := t.e.clock.AfterFunc(wait, func() { close(up) })
		select {
		case <-ctx.Done():
			stop()
			return
		case <-up:
			return
		case due := <-t.woken:
			stop()
			next = min(next, due)
		}
	}
}

// fireDue fires every timer that is due and returns when the next one is.
func (t *timers) fireDue(ctx context.Context) (next int64, err error) {
	for {
		now := t.e.now()
		due, next, err := t.due(ctx, now)
		if err != nil || len(due) == 0 {
			return next, err
		}
		for _, row := range due {
			if err := t.fire(ctx, row, now); err != nil && !errors.Is(err, store.ErrConflict) {
				return 0, err
			}
		}
	}
}

// due reads the rows that are due, at most a hundred, and when the first of
// the others is.
func (t *timers) due(ctx context.Context, now int64) (due []store.Row, next int64, err error) {
	snap, err := t.e.store.Snapshot(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer snap.Close()
	next = now + maxSleep.Milliseconds()
	r := store.Prefix(kTimer.Prefix())
	r.Limit = 100
	for row, err := range snap.Scan(ctx, r) {
		if err != nil {
			return nil, 0, err
		}
		at, err := store.ParseSeq(splitKey(row.Key, 2)[0])
		if err != nil {
			return nil, 0, fmt.Errorf("row %s: %w", row.Key, err)
		}
		if int64(at) > now {
			return due, min(next, int64(at)), nil
		}
		row.Value = append([]byte(nil), row.Value...) // outlives the snapshot
		due = append(due, row)
	}
	return due, next, nil
}

// fire replaces a due timer by its event, in one batch: it fires once.
func (t *timers) fire(ctx context.Context, row store.Row, now int64) error {
	var tr timerRow
	if _, err := tr.UnmarshalMsg(row.Value); err != nil {
		return fmt.Errorf("row %s: %w", row.Key, err)
	}
	b := new(store.Batch)
	b.Check(row.Key, row.Rev)
	b.Delete(row.Key)
	if tr.Vanish != "" {
		return t.vanish(ctx, b, &tr)
	}
	if err := t.release(ctx, b, &tr, row.Key); err != nil {
		return err
	}
	p := t.e.plugin(tr.Plugin)
	fires := true
	if tr.Cron != "" {
		// A schedule that its plugin no longer has ends here.
		s, ok := t.scheduleOf(p, tr.Name)
		if !ok {
			_, err := t.e.store.Commit(ctx, b)
			return err
		}
		next, late := t.nextRun(s, tr.Due, now)
		fires = !late || !s.Skip
		if err := t.put(b, &timerRow{Plugin: tr.Plugin, Name: tr.Name, Due: next, Cron: s.Cron, Ref: tr.Ref}); err != nil {
			return err
		}
	}
	var pushes []workPush
	if fires {
		seq := t.e.nextSeq()
		ev := abi.Event{ID: store.Seq(seq), Source: "timer", Kind: abi.TimerFired, Time: now, Conversation: tr.Conversation,
			Member: abi.Member{ID: tr.Member}, Note: tr.Note, Cause: tr.Cause, Depth: tr.Depth,
			Timer: &abi.TimerData{Name: tr.Name, Key: tr.Key, Due: tr.Due, Late: now-tr.Due > maxSleep.Milliseconds()}}
		w := workRow{Event: ev, Seq: seq}
		middle, then := t.e.table.Load().route(&ev, tr.Plugin)
		var err error
		if pushes, err = stage(b, &w, middle, then); err != nil {
			return err
		}
	}
	if _, err := t.e.store.Commit(ctx, b); err != nil {
		return err
	}
	if p != nil && tr.Cron == "" {
		p.timers.Add(-1)
	}
	for _, w := range pushes {
		t.e.pushWork(w.plugin, w.lane, w.seq)
	}
	return nil
}

// release deletes the row by which the plugin finds the timer, if it is still
// this timer's.
func (t *timers) release(ctx context.Context, b *store.Batch, tr *timerRow, key store.Key) error {
	if tr.Ref == "" || tr.Cron != "" {
		return nil
	}
	snap, err := t.e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	ref, err := snap.Get(ctx, store.Key(tr.Ref))
	if err != nil {
		return err
	}
	if ref.Exists() && string(ref.Value) == string(key) {
		b.Check(store.Key(tr.Ref), ref.Rev)
		b.Delete(store.Key(tr.Ref))
	}
	return nil
}

// vanish queues the deletion of a message whose time has come.
func (t *timers) vanish(ctx context.Context, b *store.Batch, tr *timerRow) error {
	snap, err := t.e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	row, err := snap.Get(ctx, store.Key(tr.Vanish))
	if err != nil {
		return err
	}
	var push []outPush
	if row.Exists() {
		var ref refRow
		if _, err := ref.UnmarshalMsg(row.Value); err != nil {
			return fmt.Errorf("row %s: %w", row.Key, err)
		}
		seq := t.e.nextSeq()
		platform := abi.Platform(strings.TrimPrefix(ref.Lane, "@"))
		out := outRow{ID: store.Seq(seq), Plugin: tr.Plugin, Op: string(chat.OpDelete), Ref: tr.Vanish, Made: t.e.now(), Asked: true}
		v, err := out.MarshalMsg(nil)
		if err != nil {
			return err
		}
		b.Put(outKey(platform, ref.Lane, seq), v)
		push = append(push, outPush{platform, ref.Lane, seq})
	}
	if _, err := t.e.store.Commit(ctx, b); err != nil {
		return err
	}
	for _, o := range push {
		t.e.pushOut(o.platform, o.lane, o.seq)
	}
	return nil
}

// put adds a timer's row, and the row by which it is found, to b.
func (t *timers) put(b *store.Batch, tr *timerRow) error {
	key := timerKey(tr.Due, t.e.nextSeq())
	v, err := tr.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("encoding a timer: %w", err)
	}
	b.Put(key, v)
	if tr.Ref != "" {
		b.Put(store.Key(tr.Ref), []byte(key))
	}
	return nil
}

func timerRef(plugin, conversation, name, key string) store.Key {
	return kTimerRef.Join(plugin, conversation, name, key)
}

// schedule sees to it that each of a version's schedules has its timer, and
// that a changed one is computed anew.
func (t *timers) schedule(ctx context.Context, p *plugin, v *version) error {
	if len(v.manifest.Schedules) > 0 && !v.grants.has(abi.CapTimers) {
		return nil // it waits for the grant
	}
	for _, s := range v.manifest.Schedules {
		if err := t.scheduleOne(ctx, p.name, s); err != nil {
			return fmt.Errorf("schedule %q: %w", s.Name, err)
		}
	}
	return nil
}

func (t *timers) scheduleOne(ctx context.Context, plugin string, s abi.Schedule) error {
	snap, err := t.e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	ref := timerRef(plugin, "", "schedule", s.Name)
	row, err := snap.Get(ctx, ref)
	if err != nil {
		return err
	}
	b := new(store.Batch)
	b.Check(ref, row.Rev)
	if row.Exists() {
		old, err := snap.Get(ctx, store.Key(row.Value))
		if err != nil {
			return err
		}
		var tr timerRow
		if old.Exists() {
			if _, err := tr.UnmarshalMsg(old.Value); err != nil {
				return fmt.Errorf("row %s: %w", old.Key, err)
			}
			if tr.Cron == s.Cron {
				return nil // what is due stays due, also if it was due while the host was down
			}
			b.Delete(store.Key(row.Value))
		}
	}
	next, _ := t.nextRun(s, t.e.now(), t.e.now())
	if err := t.put(b, &timerRow{Plugin: plugin, Name: s.Name, Due: next, Cron: s.Cron, Ref: string(ref)}); err != nil {
		return err
	}
	if _, err := t.e.store.Commit(ctx, b); err != nil {
		return err
	}
	t.wake(next)
	return nil
}

func (t *timers) scheduleOf(p *plugin, name string) (abi.Schedule, bool) {
	if p == nil {
		return abi.Schedule{}, false
	}
	v := p.live.Load()
	if v == nil {
		return abi.Schedule{}, false
	}
	for _, s := range v.manifest.Schedules {
		if s.Name == name {
			return s, true
		}
	}
	return abi.Schedule{}, false
}

// maxCatchUp is how many missed runs of a schedule are made up for.
const maxCatchUp = 24

// nextRun is when a schedule that was due at due runs next, and whether due is
// so long past that later runs have been missed too. A schedule that asks for
// it makes up for each of the last maxCatchUp, one after the other.
func (t *timers) nextRun(s abi.Schedule, due, now int64) (next int64, late bool) {
	after := func(ms int64) int64 {
		at, err := nextTick(s.Cron, time.UnixMilli(ms).In(t.e.o.Community.TimeZone))
		if err != nil {
			return now + 24*time.Hour.Milliseconds() // checked at install: cannot happen
		}
		return at.UnixMilli()
	}
	next = after(due)
	if next > now {
		return next, now-due > maxSleep.Milliseconds()
	}
	missed := []int64{next}
	for n := after(next); n <= now; n = after(n) {
		missed = append(missed, n)
		if len(missed) > maxCatchUp {
			missed = missed[1:]
		}
	}
	if s.Once || s.Skip {
		return after(now), true
	}
	return missed[0], true
}

// nextTick is the first time after from at which expr's clock time comes up in
// from's zone. The search is made on a calendar without time zones and its find
// is put into the zone afterwards: so a time that a change to daylight saving
// leaves out comes an hour later instead of not at all, and one that the change
// back repeats comes once.
func nextTick(expr string, from time.Time) (time.Time, error) {
	zone := from.Location()
	y, mo, d := from.Date()
	wall := time.Date(y, mo, d, from.Hour(), from.Minute(), from.Second(), 0, time.UTC)
	for {
		next, err := gronx.NextTickAfter(expr, wall, false)
		if err != nil {
			return time.Time{}, err
		}
		at := time.Date(next.Year(), next.Month(), next.Day(), next.Hour(), next.Minute(), 0, 0, zone)
		if at.After(from) {
			return at, nil
		}
		wall = next
	}
}

func validCron(expr string) bool {
	return len(strings.Fields(expr)) == 5 && gronx.IsValid(expr)
}

// maxTimer is how far ahead a timer may be set.
const maxTimer = 2 * 366 * 24 * time.Hour

func (inv *invocation) planTimer(s *abi.Timer) error {
	if err := inv.need(abi.CapTimers); err != nil {
		return err
	}
	if s.Due-inv.call.Now > maxTimer.Milliseconds() {
		return refuse("timer %q is due in more than two years", s.Name)
	}
	if n := inv.plugin.timers.Load() + inv.timers; n >= int64(inv.engine.o.MaxTimers) {
		return refuse("the plugin has %d timers already", n)
	}
	w := inv.work
	tr := timerRow{Plugin: inv.plugin.name, Name: s.Name, Key: s.Key, Due: max(s.Due, inv.call.Now), Note: s.Note,
		Conversation: w.Event.Conversation, Member: w.Event.Member.ID, Cause: inv.cause()}
	if s.Conversation != "" && s.Conversation != w.Event.Conversation.ID {
		tr.Conversation = abi.Conversation{ID: s.Conversation}
	}
	if s.Member.ID != "" {
		tr.Member = s.Member.ID
	}
	// A timer that is due at once is a link in a chain; one that comes back
	// tomorrow, for ever, is not.
	if tr.Due-inv.call.Now < time.Minute.Milliseconds() {
		d, err := inv.deeper()
		if err != nil {
			return err
		}
		tr.Depth = d
	}
	tr.Ref = string(timerRef(inv.plugin.name, tr.Conversation.ID, s.Name, s.Key))
	if err := inv.dropTimer(store.Key(tr.Ref)); err != nil {
		return err
	}
	if err := inv.engine.timers.put(inv.batch, &tr); err != nil {
		return fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	inv.timers++
	if inv.timerDue == 0 || tr.Due < inv.timerDue {
		inv.timerDue = tr.Due
	}
	return nil
}

func (inv *invocation) planCancel(c *abi.Cancel) error {
	conv := c.Conversation
	if conv == "" {
		conv = inv.work.Event.Conversation.ID
	}
	ref := timerRef(inv.plugin.name, conv, c.Name, c.Key)
	before := inv.timers
	if err := inv.dropTimer(ref); err != nil {
		return err
	}
	if inv.timers < before {
		inv.batch.Delete(ref)
	}
	return nil
}

// dropTimer deletes the timer that ref leads to, if there is one.
func (inv *invocation) dropTimer(ref store.Key) error {
	for _, w := range inv.batch.Writes() {
		if w.Key == ref {
			return refuse("one timer is set or cancelled twice in one invocation")
		}
	}
	row, err := inv.snap.Get(inv.engine.ctx, ref)
	if err != nil {
		return fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	inv.batch.Check(ref, row.Rev)
	if row.Exists() {
		inv.batch.Delete(store.Key(row.Value))
		inv.timers--
	}
	return nil
}
