package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/store"
)

// What became of a delivery, in sentRow.Status and on the metrics.
const (
	statusSent     = "sent"
	statusFailed   = "failed"   // the platform refused it, or was tried often enough
	statusExpired  = "expired"  // its time had passed
	statusWithheld = "withheld" // a rule of the host's forbade it
	statusSkipped  = "skipped"  // the message it was to change is not there
)

// deliverTimeout bounds one call of a platform.
const deliverTimeout = 30 * time.Second

// deliver takes one row of the outbox a step further.
//
//	row ─► allowed? ─► in the budget? ─► attempt recorded ─► platform ─► receipt and row's end, one batch
func (e *Engine) deliver(p *platform, lane string, seq uint64) turn {
	if e.paused.Load() || p.hold() != nil {
		return turn{again: true, stall: true}
	}
	t, err := e.deliverRow(p, lane, seq)
	if err != nil {
		if e.ctx.Err() == nil && !errors.Is(err, store.ErrConflict) {
			e.o.Logger.Error("message could not be delivered; it is tried again", "platform", p.name, "message", store.Seq(seq), "err", err)
		}
		return turn{again: true, after: time.Second}
	}
	return t
}

// dispatch is one row of the outbox on its way.
type dispatch struct {
	e    *Engine
	p    *platform
	lane string
	seq  uint64
	key  store.Key
	rev  store.Rev
	out  outRow
	now  time.Time
	ref  refRow // of out.Ref
	refs store.Rev
	lang string
	zone *time.Location // of the member
}

func (e *Engine) deliverRow(p *platform, lane string, seq uint64) (turn, error) {
	d := &dispatch{e: e, p: p, lane: lane, seq: seq, key: outKey(p.name, lane, seq), now: e.clock.Now()}
	snap, err := e.store.Snapshot(e.ctx)
	if err != nil {
		return done, err
	}
	defer snap.Close()
	row, err := snap.Get(e.ctx, d.key)
	if err != nil || !row.Exists() {
		return done, err
	}
	d.rev = row.Rev
	if _, err := d.out.UnmarshalMsg(row.Value); err != nil {
		return done, fmt.Errorf("row %s: %w", d.key, err)
	}
	if wait := d.out.NotBefore - d.now.UnixMilli(); wait > 0 {
		return turn{again: true, after: time.Duration(wait) * time.Millisecond}, nil
	}
	if err := d.readRef(snap); err != nil {
		return done, err
	}
	if t, decided, err := d.policy(snap); decided || err != nil {
		return t, err
	}
	if t, decided, err := d.change(); decided || err != nil {
		return t, err
	}
	snap.Close() // the platform may take its time

	if wait := p.pace(lane, d.now); wait > 0 {
		return turn{again: true, after: wait}, nil
	}
	return d.attempt()
}

func (d *dispatch) readRef(snap store.Snapshot) error {
	if d.out.Ref == "" {
		return nil
	}
	row, err := snap.Get(d.e.ctx, store.Key(d.out.Ref))
	if err != nil || !row.Exists() {
		return err
	}
	d.refs = row.Rev
	if _, err := d.ref.UnmarshalMsg(row.Value); err != nil {
		return fmt.Errorf("row %s: %w", row.Key, err)
	}
	return nil
}

// change looks whether the message that an edit or deletion is about is there.
func (d *dispatch) change() (turn, bool, error) {
	op := chat.Op(d.out.Op)
	if op != chat.OpEdit && op != chat.OpDelete || len(d.ref.Messages) > 0 {
		return done, false, nil
	}
	if d.refs != 0 && d.ref.Lane != d.lane {
		return d.move(d.ref.Lane) // its message waits in another lane: wait behind it
	}
	t, err := d.finish(statusSkipped, "the message it was to change was not sent", chat.Receipt{})
	return t, true, err
}

// attempt records that the platform is called, calls it, and records what came
// of it.
func (d *dispatch) attempt() (turn, error) {
	f := d.p.adapter.Features()
	if n := len(d.out.Attempts); n > 0 {
		last := &d.out.Attempts[n-1]
		if last.Ended == 0 {
			last.Unknown = true
			last.Error = "hearth ended while it was under way"
		}
		if last.Unknown {
			r, ok, asked, err := d.find(time.UnixMilli(last.Began))
			d.keepParts(r)
			switch {
			case err != nil:
				return turn{again: true, after: d.backoff(0)}, nil
			case ok:
				return d.finish(statusSent, "found on the platform after an attempt of unknown outcome", r)
			}
			if !asked && !f.Idempotent {
				d.out.Attempts = append(d.out.Attempts, attempt{Duplicate: true})
			} else {
				d.out.Attempts = append(d.out.Attempts, attempt{})
			}
		} else {
			d.out.Attempts = append(d.out.Attempts, attempt{})
		}
	} else {
		d.out.Attempts = append(d.out.Attempts, attempt{})
	}
	d.out.Attempts[len(d.out.Attempts)-1].Began = d.now.UnixMilli()
	if err := d.save(); err != nil {
		return done, err
	}
	// Pause holds within a second: look again before the platform is called.
	if d.e.paused.Load() {
		if err := d.withdraw(); err != nil {
			return done, err
		}
		return turn{again: true, stall: true}, nil
	}

	ctx, cancel := context.WithTimeout(d.e.ctx, deliverTimeout)
	defer cancel()
	began := time.Now()
	receipt, err := d.p.adapter.Deliver(ctx, d.delivery())
	d.e.met.delivery.WithLabelValues(d.p.name).Observe(time.Since(began).Seconds())
	if err == nil {
		return d.finish(statusSent, "", receipt)
	}
	return d.failed(err, receipt)
}

// keepParts remembers which parts of a split message have arrived: the next
// attempt goes on behind them.
func (d *dispatch) keepParts(r chat.Receipt) {
	for _, m := range r.Messages {
		if !slices.Contains(d.out.Parts, m) {
			d.out.Parts = append(d.out.Parts, m)
		}
	}
}

// find asks the platform whether an attempt of unknown outcome arrived.
func (d *dispatch) find(since time.Time) (r chat.Receipt, ok, asked bool, err error) {
	finder, can := d.p.adapter.(chat.Finder)
	if !can || chat.Op(d.out.Op) != chat.OpSend {
		return r, false, false, nil
	}
	ctx, cancel := context.WithTimeout(d.e.ctx, deliverTimeout)
	defer cancel()
	r, ok, err = finder.Find(ctx, d.delivery(), since)
	return r, ok, err == nil, nilIfPermanent(err)
}

// nilIfPermanent keeps an error after which asking again may help.
func nilIfPermanent(err error) error {
	var de *chat.DeliveryError
	if errors.As(err, &de) && de.Retry {
		return err
	}
	return nil
}

// withdraw takes back an attempt that was recorded but not begun.
func (d *dispatch) withdraw() error {
	d.out.Attempts = d.out.Attempts[:len(d.out.Attempts)-1]
	return d.save()
}

// save writes the row back.
func (d *dispatch) save() error {
	v, err := d.out.MarshalMsg(nil)
	if err != nil {
		return err
	}
	b := new(store.Batch)
	b.Check(d.key, d.rev)
	b.Put(d.key, v)
	d.rev, err = d.e.store.Commit(d.e.ctx, b)
	return err
}

// delivery is the row as the adapter gets it.
func (d *dispatch) delivery() *chat.Delivery {
	o := &d.out
	out := &chat.Delivery{ID: o.ID, Op: chat.Op(o.Op), Conversation: o.To.Conversation, Member: o.To.Member, Thread: o.To.Thread,
		Ephemeral: o.To.Ephemeral, Mention: o.Mention, Content: o.Content, Reaction: o.Reaction, Locale: d.locale(),
		Attempt: len(o.Attempts), Parts: o.Parts}
	switch out.Op {
	case chat.OpSend:
		if o.To.Member != "" && !o.To.Ephemeral && !o.Mention {
			out.Conversation = "" // direct: the adapter knows their conversation
		}
	case chat.OpEdit, chat.OpDelete:
		out.Conversation, out.Messages = d.ref.Conversation, d.ref.Messages
	case chat.OpReact:
		out.Messages = []string{o.Message}
	}
	return out
}

func (d *dispatch) locale() string {
	if d.lang != "" {
		return d.lang
	}
	return d.e.o.Community.Locale
}

// failed records a failed attempt and says when the next one is.
func (d *dispatch) failed(err error, r chat.Receipt) (turn, error) {
	de := &chat.DeliveryError{}
	if !errors.As(err, &de) {
		de = &chat.DeliveryError{Code: "error", Retry: true, Unknown: true, Err: err}
	}
	e, o := d.e, &d.out
	last := &o.Attempts[len(o.Attempts)-1]
	last.Ended, last.Error, last.Unknown = e.now(), firstLine(de.Error(), 1<<10), de.Unknown
	d.keepParts(r)
	log := e.o.Logger.With("platform", d.p.name, "message", o.ID, "plugin", o.Plugin, "attempt", len(o.Attempts), "err", de)
	e.met.deliveryRetried.WithLabelValues(d.p.name).Inc()
	if de.NoDM && o.To.Member != "" {
		e.noteNoDM(o.To.Member)
	}
	switch {
	case de.Hold:
		e.holdPlatform(d.p, de)
		// The platform refused hearth, not the message: that was no attempt.
		return turn{again: true, stall: true}, d.withdraw()
	case de.NoDM && o.To.Conversation != "" && o.To.Member != "" && !o.Mention:
		o.Mention = true
		log.Info("member cannot be written to directly; posting in the conversation")
		t, _, err := d.move(o.To.Conversation)
		return t, err
	case !de.Retry:
		log.Warn("message refused by the platform")
		return d.finish(statusFailed, last.Error, chat.Receipt{})
	case len(o.Attempts) >= e.o.Retries.Deliveries:
		log.Error("message given up")
		return d.finish(statusFailed, last.Error, chat.Receipt{})
	}
	wait := d.backoff(de.After)
	o.NotBefore = e.now() + wait.Milliseconds()
	log.Warn("message not delivered", "again_in", wait)
	return turn{again: true, after: wait}, d.save()
}

// backoff is how long to wait after a failed attempt: what the platform asks
// for, else twice as long each time from a second to five minutes.
func (d *dispatch) backoff(asked time.Duration) time.Duration {
	if asked > 0 {
		return asked
	}
	n := min(len(d.out.Attempts), 10)
	return min(time.Second<<max(n-1, 0), 5*time.Minute)
}

// move puts the row into another lane of the same platform.
func (d *dispatch) move(lane string) (turn, bool, error) {
	v, err := d.out.MarshalMsg(nil)
	if err != nil {
		return done, true, err
	}
	b := new(store.Batch)
	b.Check(d.key, d.rev)
	b.Delete(d.key)
	b.Put(outKey(d.p.name, lane, d.seq), v)
	if err := d.rebase(b, lane); err != nil {
		return done, true, err
	}
	if _, err := d.e.store.Commit(d.e.ctx, b); err != nil {
		return done, true, err
	}
	d.p.lanes.push(lane, d.seq)
	return done, true, nil
}

// rebase tells the ref of a message that moves where its changes have to wait.
func (d *dispatch) rebase(b *store.Batch, lane string) error {
	if d.refs == 0 || d.ref.Out != d.seq {
		return nil
	}
	r := d.ref
	r.Lane = lane
	v, err := r.MarshalMsg(nil)
	if err != nil {
		return err
	}
	b.Check(store.Key(d.out.Ref), d.refs)
	b.Put(store.Key(d.out.Ref), v)
	return nil
}

// finish ends the row's way: what became of it is recorded, and where the
// message lies is kept for later edits.
func (d *dispatch) finish(status, why string, r chat.Receipt) (turn, error) {
	e, o := d.e, &d.out
	now := e.now()
	if n := len(o.Attempts); n > 0 && o.Attempts[n-1].Ended == 0 && status == statusSent {
		o.Attempts[n-1].Ended = now
	}
	b := new(store.Batch)
	b.Check(d.key, d.rev)
	b.Delete(d.key)
	sent := sentRow{Out: *o, Status: status, Why: why, At: now, Conversation: r.Conversation, Messages: r.Messages}
	v, err := sent.MarshalMsg(nil)
	if err != nil {
		return done, err
	}
	b.Put(sentKey(o.Event, d.seq), v)
	var due int64
	if status == statusSent {
		if due, err = d.settle(b, r, now); err != nil {
			return done, err
		}
		if d.capped() {
			b.Add(d.capKey(), 1)
		}
	}
	if _, err := e.store.Commit(e.ctx, b); err != nil {
		return done, err
	}
	if due != 0 {
		e.timers.wake(due)
	}
	e.met.delivered.WithLabelValues(d.p.name, status).Inc()
	if n := len(o.Attempts); n > 0 && o.Attempts[n-1].Duplicate {
		e.met.duplicates.WithLabelValues(d.p.name).Inc()
	}
	if status == statusSent {
		e.met.age.WithLabelValues(d.p.name).Observe(float64(now-o.Made) / 1000)
	}
	return done, nil
}

// settle writes down where a keyed message lies, or that it is gone, and when
// it deletes itself.
func (d *dispatch) settle(b *store.Batch, r chat.Receipt, now int64) (due int64, err error) {
	o := &d.out
	if o.Ref == "" || d.refs == 0 {
		return 0, nil
	}
	key := store.Key(o.Ref)
	switch op := chat.Op(o.Op); {
	case op == chat.OpDelete:
		b.Check(key, d.refs)
		b.Delete(key)
	case op == chat.OpEdit, op == chat.OpSend && d.ref.Out == d.seq:
		ref := d.ref
		if len(r.Messages) > 0 {
			ref.Messages = r.Messages
		}
		if r.Conversation != "" {
			ref.Conversation = r.Conversation
		}
		v, err := ref.MarshalMsg(nil)
		if err != nil {
			return 0, err
		}
		b.Check(key, d.refs)
		b.Put(key, v)
		if o.Vanish > 0 && op == chat.OpSend {
			due = now + o.Vanish
			return due, d.e.timers.put(b, &timerRow{Plugin: o.Plugin, Due: due, Vanish: o.Ref})
		}
	}
	return due, nil
}

// direct says whether the message is for one member's eyes and attention.
func (o *outRow) direct() bool { return o.To.Member != "" && o.Op == string(chat.OpSend) }
