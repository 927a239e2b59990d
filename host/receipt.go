package host

import (
	"errors"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/store"
)

// commit ends or moves the row with what write puts into the batch. What the
// platform said must not be lost because a plugin used the message's key again
// meanwhile, or the member's measured row changed: then what is written to is read
// again, and write called anew.
func (d *dispatch) commit(write func(b *store.Batch) error) error {
	for {
		b := new(store.Batch)
		b.Check(d.key, d.rev)
		b.Delete(d.key)
		if err := write(b); err != nil {
			return err
		}
		_, err := d.e.store.Commit(d.ctx, b)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if changed, again := d.refresh(); again != nil || !changed {
			return errors.Join(err, again)
		}
	}
}

// refresh reads the key's row again, and says whether nothing but that has
// changed.
func (d *dispatch) refresh() (bool, error) {
	snap, err := d.e.store.Snapshot(d.ctx)
	if err != nil {
		return false, err
	}
	defer snap.Close()
	row, err := snap.Get(d.ctx, d.key)
	if err != nil || row.Rev != d.rev {
		return false, err
	}
	moved, err := d.shown.moved(d.ctx, d.e, snap)
	if err != nil {
		return false, err
	}
	before := d.refs
	err = d.readRef(snap)
	return moved || d.refs != before, err
}

// move puts the row into another lane of the same platform.
func (d *dispatch) move(lane string) (turn, bool, error) {
	v, err := d.out.MarshalMsg(nil)
	if err != nil {
		return done, true, err
	}
	err = d.commit(func(b *store.Batch) error {
		b.Put(outKey(d.p.name, lane, d.seq), v)
		return d.rebase(b, lane)
	})
	if err != nil {
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
	return d.putRef(b, &r)
}

func (d *dispatch) putRef(b *store.Batch, r *refRow) error {
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
	sent := sentRow{Out: *o, Status: status, Why: why, At: now, Conversation: r.Conversation, Messages: r.Messages}
	v, err := sent.MarshalMsg(nil)
	if err != nil {
		return done, err
	}
	shown := d.exposes(status, now)
	if shown != nil {
		defer e.forgets.leave()
	}
	d.shown = shown
	var due int64
	err = d.commit(func(b *store.Batch) error {
		b.Put(sentKey(o.Event, d.seq), v)
		if status != statusSent {
			return nil
		}
		if d.capped() {
			b.Add(d.capKey(), 1)
		}
		if err := d.meet(b, r); err != nil {
			return err
		}
		if err := d.settle(b, r, now); err != nil {
			return err
		}
		if due, err = d.expire(b, r, now); err != nil {
			return err
		}
		return d.expose(b, shown)
	})
	if err != nil {
		return done, err
	}
	if shown != nil {
		e.keep(shown.folded)
	}
	if due != 0 {
		e.timers.wake(due)
	}
	e.met.delivered.WithLabelValues(d.p.name, status).Inc()
	d.p.tally.add(d.now, status)
	e.measureDelivery(o, d.now, status)
	if n := len(o.Attempts); n > 0 && o.Attempts[n-1].Duplicate {
		e.met.duplicates.WithLabelValues(d.p.name).Inc()
	}
	if status == statusSent {
		e.met.age.WithLabelValues(d.p.name).Observe(float64(now-o.Made) / 1000)
	}
	return done, nil
}

// settle writes down where a keyed message lies, or that it is gone. A key that
// has come to stand for another message since the row's turn came is let be.
func (d *dispatch) settle(b *store.Batch, r chat.Receipt, now int64) error {
	o := &d.out
	if o.Ref == "" || d.refs == 0 {
		return nil
	}
	about := d.about
	switch {
	case o.Op == string(chat.OpSend):
		about = d.seq
	case o.Of != 0:
		about = o.Of
	}
	if d.ref.Out != about {
		return nil
	}
	switch chat.Op(o.Op) {
	case chat.OpDelete:
		b.Check(store.Key(o.Ref), d.refs)
		b.Delete(store.Key(o.Ref))
	case chat.OpEdit, chat.OpSend:
		ref := d.ref
		ref.Used = now
		if len(r.Messages) > 0 {
			ref.Messages = r.Messages
		}
		if r.Conversation != "" {
			ref.Conversation = r.Conversation
		}
		return d.putRef(b, &ref)
	}
	return nil
}

// expire sets the timer of a message that deletes itself. It holds the message
// itself: the key may lead to another by then.
func (d *dispatch) expire(b *store.Batch, r chat.Receipt, now int64) (due int64, err error) {
	o := &d.out
	if o.Vanish <= 0 || o.Op != string(chat.OpSend) || len(r.Messages) == 0 {
		return 0, nil
	}
	due = now + o.Vanish
	return due, d.e.timers.put(b, due, &timerRow{Plugin: o.Plugin, Due: due, Vanish: o.Ref, Lane: d.lane,
		In: r.Conversation, Out: d.seq, Messages: r.Messages})
}

// meet remembers with whom a direct conversation is: what is written there by
// the conversation's id is for that member too.
func (d *dispatch) meet(b *store.Batch, r chat.Receipt) error {
	o := &d.out
	if !o.direct() || o.To.Ephemeral || o.Mention || r.Conversation == "" {
		return nil
	}
	snap, err := d.e.store.Snapshot(d.ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	key := kDirect.Join(r.Conversation)
	row, err := snap.Get(d.ctx, key)
	if err != nil || row.Exists() {
		return err
	}
	b.Put(key, []byte(o.To.Member)) // unchecked: whoever else writes it writes the same
	return nil
}

// direct says whether the message is for one member's eyes and attention.
func (o *outRow) direct() bool { return o.To.Member != "" && o.Op == string(chat.OpSend) }
