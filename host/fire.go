package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

const (
	maxDue   = 1000        // rows fired in one go
	maxFires = 32          // at once: their commits are one write of the disk
	tryAgain = time.Second // after a row could not be fired
	lookBack = time.Minute // between looks whether a schedule's plugin is back
)

// fireDue fires every timer that is due and returns when the next one is. A row
// that cannot be fired holds up no other: it is let be for a while.
func (t *timers) fireDue(ctx context.Context) (next int64, err error) {
	for ctx.Err() == nil {
		now := t.e.clock.Now()
		due, next, err := t.due(ctx, now)
		if err != nil || len(due) == 0 {
			return next, err
		}
		t.fireAll(ctx, due, now)
	}
	return 0, ctx.Err()
}

// dueTimer is a row whose time has come.
type dueTimer struct {
	row store.Row
	timerRow
}

// lane is within what timers fire one after the other: events of one lane are
// numbered and committed in the order in which they were due.
func (d *dueTimer) lane() string {
	if d.Vanish != "" {
		return d.Lane
	}
	return laneOf(&abi.Event{Conversation: d.Conversation, Member: abi.Member{ID: d.Member}})
}

// due reads the rows that are due, and when the first of the others is.
func (t *timers) due(ctx context.Context, now time.Time) (due []store.Row, next int64, err error) {
	for key, at := range t.later {
		if !at.After(now) {
			delete(t.later, key)
		}
	}
	snap, err := t.e.store.Snapshot(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer snap.Close()
	next = now.Add(maxSleep).UnixMilli()
	for row, err := range snap.Scan(ctx, store.Prefix(kTimer.Prefix())) {
		if err != nil {
			return nil, 0, err
		}
		at, err := store.ParseSeq(splitKey(row.Key, 2)[0])
		if err != nil {
			t.e.o.Logger.Error("row with an unknown name left alone", "key", row.Key)
			continue
		}
		if int64(at) > now.UnixMilli() || len(due) == maxDue {
			next = min(next, int64(at))
			break
		}
		if until, ok := t.later[row.Key]; ok {
			next = min(next, until.UnixMilli()+1)
			continue
		}
		row.Key = store.Key(strings.Clone(string(row.Key))) // both outlive the snapshot
		row.Value = append([]byte(nil), row.Value...)
		due = append(due, row)
	}
	return due, next, nil
}

// fireAll fires rows of different lanes at once.
func (t *timers) fireAll(ctx context.Context, rows []store.Row, now time.Time) {
	byLane := map[string][]*dueTimer{}
	var mu sync.Mutex // of what follows and t.later
	var failed []error
	fail := func(key store.Key, err error) {
		mu.Lock()
		defer mu.Unlock()
		t.later[key] = now.Add(tryAgain)
		failed = append(failed, fmt.Errorf("row %s: %w", key, err))
	}
	for _, row := range rows {
		d := &dueTimer{row: row}
		if _, err := d.UnmarshalMsg(row.Value); err != nil {
			if err := t.discard(ctx, d, err); err != nil {
				fail(row.Key, err)
			}
			continue
		}
		byLane[d.lane()] = append(byLane[d.lane()], d)
	}
	var g errgroup.Group
	g.SetLimit(maxFires)
	for _, lane := range byLane {
		g.Go(func() error {
			for _, d := range lane {
				err := t.fire(ctx, d, now.UnixMilli())
				if hopeless(err) {
					err = t.discard(ctx, d, err)
				}
				if err != nil && !errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
					fail(d.row.Key, err)
				}
			}
			return nil
		})
	}
	_ = g.Wait() // each says by itself what became of it
	if len(failed) > 0 {
		t.e.o.Logger.Error("timers could not be fired; they are tried again", "timers", len(failed), "err", failed[0])
	}
}

// hopeless says that firing the same row again will end the same way.
func hopeless(err error) bool {
	return errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrInvalid) || errors.Is(err, chat.ErrRefused)
}

// discard deletes a timer that can never fire.
func (t *timers) discard(ctx context.Context, d *dueTimer, cause error) error {
	t.e.o.Logger.Error("timer can never fire; it is deleted", "plugin", d.Plugin, "timer", d.Name, "key", d.Key, "err", cause)
	return t.drop(ctx, d)
}

// drop deletes a timer without its event.
func (t *timers) drop(ctx context.Context, d *dueTimer) error {
	b, err := t.take(ctx, d)
	if err != nil {
		return err
	}
	if _, err := t.e.store.Commit(ctx, b); err != nil {
		return err
	}
	t.uncount(d)
	return nil
}

// uncount takes a timer that is gone off its plugin's quota.
func (t *timers) uncount(d *dueTimer) {
	if p := t.e.plugin(d.Plugin); p != nil && d.Cron == "" && d.Vanish == "" {
		p.timers.Add(-1)
	}
}

// take begins a batch with the deletion of a timer's row, and of the row by
// which its plugin finds it if that is still this timer's.
func (t *timers) take(ctx context.Context, d *dueTimer) (*store.Batch, error) {
	b := new(store.Batch)
	b.Check(d.row.Key, d.row.Rev)
	b.Delete(d.row.Key)
	if d.Ref == "" {
		return b, nil
	}
	snap, err := t.e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	ref, err := snap.Get(ctx, store.Key(d.Ref))
	if err != nil {
		return nil, err
	}
	if ref.Exists() && string(ref.Value) == string(d.row.Key) {
		b.Check(store.Key(d.Ref), ref.Rev)
		b.Delete(store.Key(d.Ref))
	}
	return b, nil
}

// fire replaces a due timer by its event, in one batch: it fires once.
func (t *timers) fire(ctx context.Context, d *dueTimer, now int64) error {
	switch {
	case d.Vanish != "":
		return t.vanish(ctx, d)
	case d.Cron != "":
		return t.fireSchedule(ctx, d, now)
	}
	b, err := t.take(ctx, d)
	if err != nil {
		return err
	}
	if err := t.event(ctx, b, d, now); err != nil {
		return err
	}
	t.uncount(d)
	return nil
}

// event commits b with the event of a timer that fires.
func (t *timers) event(ctx context.Context, b *store.Batch, d *dueTimer, now int64) error {
	seq := t.e.nextSeq()
	ev := abi.Event{ID: store.Seq(seq), Source: "timer", Kind: abi.TimerFired, Time: now, Conversation: d.Conversation,
		Member: abi.Member{ID: d.Member}, Note: d.Note, Cause: d.Cause, Depth: d.Depth,
		Timer: &abi.TimerData{Name: d.Name, Key: d.Key, Due: d.Due, Late: now-d.Due > maxSleep.Milliseconds()}}
	w := workRow{Event: ev, Seq: seq, Answers: d.Answers}
	middle, then := t.e.table.Load().route(&ev, d.Plugin)
	pushes, err := stage(b, &w, middle, then)
	if err != nil {
		return err
	}
	if _, err := t.e.store.Commit(ctx, b); err != nil {
		return err
	}
	for _, w := range pushes {
		t.e.pushWork(w.plugin, w.lane, w.seq)
	}
	return nil
}

// fireSchedule fires a plugin's schedule and sets it for its next run. While
// the plugin has no live version nobody knows whether it still has the
// schedule: it stays due, so that what was missed can be made up for.
func (t *timers) fireSchedule(ctx context.Context, d *dueTimer, now int64) error {
	p := t.e.plugin(d.Plugin)
	var v *version
	if p != nil {
		v = p.version()
	}
	next, at, fires := d.timerRow, now+lookBack.Milliseconds(), false
	if v != nil {
		s, ok := v.schedule(d.Name)
		if !ok || !v.grants.has(abi.CapTimers) {
			return t.drop(ctx, d)
		}
		var late bool
		next.Due, late = t.nextRun(s, d.Due, now)
		next.Cron, at = s.Cron, next.Due
		fires = !late || !s.Skip
	}
	b := new(store.Batch)
	b.Check(d.row.Key, d.row.Rev)
	b.Delete(d.row.Key)
	if err := t.put(b, at, &next); err != nil {
		return err
	}
	if fires {
		return t.event(ctx, b, d, now)
	}
	_, err := t.e.store.Commit(ctx, b)
	return err
}

// vanish queues the deletion of a message whose time has come. Whether its key is
// still known says nothing of it: it may have come to stand for another message,
// which has been deleted. One that its plugin has deleted is deleted twice, which
// changes nothing.
func (t *timers) vanish(ctx context.Context, d *dueTimer) error {
	b, err := t.take(ctx, d)
	if err != nil {
		return err
	}
	seq := t.e.nextSeq()
	platform := abi.Platform(strings.TrimPrefix(d.Lane, "@"))
	out := outRow{ID: store.Seq(seq), Plugin: d.Plugin, Op: string(chat.OpDelete), Ref: d.Vanish, Made: t.e.now(), Asked: true,
		Of: d.Out, In: d.In, Messages: d.Messages}
	v, err := out.MarshalMsg(nil)
	if err != nil {
		return err
	}
	b.Put(outKey(platform, d.Lane, seq), v)
	if _, err := t.e.store.Commit(ctx, b); err != nil {
		return err
	}
	t.e.pushOut(platform, d.Lane, seq)
	return nil
}
