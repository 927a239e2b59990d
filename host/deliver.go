package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
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
//	row ─► arrived already? ─► allowed? ─► in the budget? ─► attempt recorded ─► platform ─► receipt and row's end, one batch
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
	e      *Engine
	p      *platform
	ctx    context.Context // the engine's, until the platform is called: what it says is written down in any case
	lane   string
	seq    uint64
	key    store.Key
	rev    store.Rev
	out    outRow
	now    time.Time
	ref    refRow // of out.Ref
	refs   store.Rev
	about  uint64 // ref.Out when the row's turn came
	member members.Profile
	zone   *time.Location // of the member

	reserved store.Key // the cap's row of which one is reserved

	shown *exposure // that goes with its receipt
}

func (e *Engine) deliverRow(p *platform, lane string, seq uint64) (turn, error) {
	d := &dispatch{e: e, p: p, ctx: e.ctx, lane: lane, seq: seq, key: outKey(p.name, lane, seq), now: e.clock.Now()}
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
	if wait := d.out.NotBefore - d.now.UnixMilli(); wait > 0 && (!d.expired() || d.unknown()) {
		return waiting(time.Duration(wait) * time.Millisecond), nil
	}
	if err := d.readRef(snap); err != nil {
		return done, err
	}
	d.about = d.ref.Out
	if err := d.readMember(snap); err != nil {
		return done, err
	}
	snap.Close() // the platform may take its time

	if t, decided, err := d.look(); decided || err != nil {
		return t, err
	}
	if t, decided, err := d.policy(); decided || err != nil {
		return t, err
	}
	if t, decided, err := d.change(); decided || err != nil {
		return t, err
	}
	if t, decided, err := d.budget(); decided || err != nil {
		return t, err
	}
	defer d.unreserve()
	if wait := p.pace(lane, d.now); wait > 0 {
		return waiting(wait), nil
	}
	return d.attempt()
}

// waiting makes the row's turn come again after d, or earlier to see how late
// it is: a clock does not run while its machine sleeps.
func waiting(d time.Duration) turn { return turn{again: true, after: min(d, maxSleep)} }

func (d *dispatch) readRef(snap store.Snapshot) error {
	d.ref, d.refs = refRow{}, 0
	if d.out.Ref == "" {
		return nil
	}
	row, err := snap.Get(d.ctx, store.Key(d.out.Ref))
	if err != nil || !row.Exists() {
		return err
	}
	d.refs = row.Rev
	if _, err := d.ref.UnmarshalMsg(row.Value); err != nil {
		return fmt.Errorf("row %s: %w", row.Key, err)
	}
	return nil
}

func (d *dispatch) readMember(snap store.Snapshot) (err error) {
	if d.out.To.Member == "" {
		return nil
	}
	d.member, _, err = members.Get(d.ctx, snap, d.out.To.Member)
	d.zone = d.e.zone(&d.member)
	return err
}

// change looks whether the message that an edit or deletion is about is there.
func (d *dispatch) change() (turn, bool, error) {
	op := chat.Op(d.out.Op)
	if op != chat.OpEdit && op != chat.OpDelete || len(d.ref.Messages)+len(d.out.Messages) > 0 {
		return done, false, nil
	}
	if d.refs != 0 && d.ref.Lane != d.lane {
		return d.move(d.ref.Lane) // its message waits in another lane: wait behind it
	}
	t, err := d.finish(statusSkipped, "the message it was to change was not sent", chat.Receipt{})
	return t, true, err
}

// unknown says whether nobody knows what became of the last attempt.
func (d *dispatch) unknown() bool {
	n := len(d.out.Attempts)
	if n == 0 {
		return false
	}
	last := &d.out.Attempts[n-1]
	return (last.Ended == 0 || last.Unknown) && !last.Absent
}

// look finds out what became of the last attempt if nobody knows: before
// anything else is decided, because a message that has arrived is neither
// expired nor withheld.
func (d *dispatch) look() (t turn, decided bool, err error) {
	n := len(d.out.Attempts)
	if n == 0 {
		return done, false, nil
	}
	last := &d.out.Attempts[n-1]
	if last.Ended == 0 && !last.Unknown {
		last.Unknown, last.Error = true, "hearth ended while it was under way"
	}
	if !d.unknown() {
		return done, false, nil
	}
	r, ok, asked, err := d.find(time.UnixMilli(last.Began))
	d.keepParts(r)
	switch {
	case err != nil:
		last.Looks++
		if d.p.ctx.Err() != nil {
			return turn{again: true}, true, nil
		}
		d.e.o.Logger.Warn("platform could not be asked whether a message arrived", "platform", d.p.name, "message", d.out.ID, "err", err)
		if last.Looks >= d.e.tuned().Retries.Deliveries {
			t, err = d.finish(statusFailed, "it may have arrived; the platform could not be asked: "+firstLine(err.Error(), 1<<10), chat.Receipt{})
			return t, true, err
		}
		wait := backoff(last.Looks)
		d.out.NotBefore = d.e.now() + wait.Milliseconds()
		return waiting(wait), true, d.save()
	case ok:
		t, err = d.finish(statusSent, "found on the platform after an attempt of unknown outcome", r)
		return t, true, err
	case asked:
		last.Absent = true
		return done, false, d.save()
	}
	return done, false, nil
}

// attempt records that the platform is called, calls it, and records what came
// of it.
func (d *dispatch) attempt() (turn, error) {
	next := attempt{Began: d.now.UnixMilli()}
	if n := len(d.out.Attempts); n > 0 {
		last := d.out.Attempts[n-1]
		next.Duplicate = last.Unknown && !last.Absent && !d.p.adapter.Features().Idempotent
	}
	d.out.Attempts = append(d.out.Attempts, next)
	if err := d.save(); err != nil {
		return done, err
	}
	// Pause holds within a second: look again before the platform is called.
	if d.e.paused.Load() {
		return turn{again: true, stall: true}, d.withdraw()
	}

	ctx, cancel := context.WithTimeout(d.p.ctx, deliverTimeout)
	defer cancel()
	d.ctx = context.WithoutCancel(d.e.ctx)
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
	ctx, cancel := context.WithTimeout(d.p.ctx, deliverTimeout)
	defer cancel()
	d.ctx = context.WithoutCancel(d.e.ctx)
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
	d.rev, err = d.e.store.Commit(d.ctx, b)
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
		if len(o.Messages) > 0 {
			out.Conversation, out.Messages = o.In, o.Messages
		}
	case chat.OpReact:
		out.Messages = []string{o.Message}
	}
	return out
}

func (d *dispatch) locale() string {
	if d.member.Locale != "" {
		return d.member.Locale
	}
	return d.e.tuned().Community.Locale
}

// failed records a failed attempt and says when the next one is.
func (d *dispatch) failed(err error, r chat.Receipt) (turn, error) {
	de := &chat.DeliveryError{}
	if !errors.As(err, &de) {
		de = &chat.DeliveryError{Code: "error", Retry: true, Unknown: true, Err: err}
	}
	e, o := d.e, &d.out
	if d.p.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return turn{again: true}, nil // hearth broke it off: the next start, or Attach, looks what came of it
	}
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
	case len(o.Attempts) >= e.tuned().Retries.Deliveries:
		log.Error("message given up")
		return d.finish(statusFailed, last.Error, chat.Receipt{})
	}
	wait := min(de.After, maxAfter) // what the platform asks for
	if wait <= 0 {
		wait = backoff(len(o.Attempts))
	}
	o.NotBefore = e.now() + wait.Milliseconds()
	log.Warn("message not delivered", "again_in", wait)
	return waiting(wait), d.save()
}

// maxAfter is how long a platform may ask to wait. One that asks for more, perhaps
// by mistake, is tried again then: others wait behind the message.
const maxAfter = time.Hour

// backoff is how long to wait after the nth failure: twice as long each time,
// from a second to five minutes.
func backoff(n int) time.Duration {
	return min(time.Second<<min(max(n-1, 0), 10), 5*time.Minute)
}
