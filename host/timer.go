package host

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// timers turns due timer rows into events. The rows are the truth; in memory
// there is only when to look at them next.
type timers struct {
	e      *Engine
	woken  chan int64              // a due time that may be before the next look
	asleep atomic.Bool             // until the clock, or a timer that is set, wakes the loop
	later  map[store.Key]time.Time // of the loop alone: rows that could not be fired, and before when they are let be
}

func newTimers(e *Engine) *timers {
	return &timers{e: e, woken: make(chan int64, 1), later: map[store.Key]time.Time{}}
}

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
			next = t.e.now() + tryAgain.Milliseconds()
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
		t.asleep.Store(true)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-up:
			t.asleep.Store(false)
			return
		case due := <-t.woken:
			t.asleep.Store(false)
			stop()
			next = min(next, due)
		}
	}
}

// put adds a timer's row, and the row by which it is found, to b. It is looked
// at at that time, which is when it is due or later.
func (t *timers) put(b *store.Batch, at int64, tr *timerRow) error {
	key := timerKey(at, t.e.nextSeq())
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

// maxTimer is how far ahead a timer may be set.
const maxTimer = 2 * 366 * 24 * time.Hour

func (inv *invocation) planTimer(s *abi.Timer) error {
	if err := inv.need(abi.CapTimers); err != nil {
		return err
	}
	if s.Due-inv.call.Now > maxTimer.Milliseconds() {
		return refuse("timer %q is due in more than two years", s.Name)
	}
	if n := inv.plugin.timers.Load() + inv.timers; n >= int64(inv.engine.tuned().MaxTimers) {
		return refuse("the plugin has %d timers already", n)
	}
	w := inv.work
	tr := timerRow{Plugin: inv.plugin.name, Name: s.Name, Key: s.Key, Due: max(s.Due, inv.call.Now), Note: s.Note,
		Conversation: w.Event.Conversation, Member: w.Event.Member.ID, Cause: inv.cause(), Answers: w.Answers}
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
	if err := inv.engine.timers.put(inv.batch, tr.Due, &tr); err != nil {
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
