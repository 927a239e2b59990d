package host

import (
	"context"
	"errors"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// hydrate fills in what the directory knows of an event's member.
func (e *Engine) hydrate(ctx context.Context, snap store.Snapshot, ev *abi.Event) error {
	if ev.Member.ID == "" {
		return nil
	}
	if pf := e.platform(abi.Platform(ev.Member.ID)); pf != nil && !pf.adapter.Features().DM {
		ev.Member.NoDM = true
	}
	p, rev, err := members.Get(ctx, snap, ev.Member.ID)
	if err != nil || rev == 0 {
		return err
	}
	m := p.Member(ev.Member.ID)
	if m.Name == "" {
		m.Name = ev.Member.Name
	}
	if m.Locale == "" {
		m.Locale = ev.Member.Locale
	}
	if m.TimeZone == "" {
		m.TimeZone = ev.Member.TimeZone
	}
	m.Bot, m.Guest = m.Bot || ev.Member.Bot, m.Guest || ev.Member.Guest
	m.NoDM = m.NoDM || ev.Member.NoDM
	ev.Member = m
	return e.recall(ctx, snap, ev)
}

// recall tells a timer when its member last did something. Plugins hear of little
// of that, and would have to hear and keep every event to know.
func (e *Engine) recall(ctx context.Context, snap store.Snapshot, ev *abi.Event) error {
	if ev.Kind != abi.TimerFired {
		return nil
	}
	stored, err := snap.Get(ctx, measure.Key(ev.Member.ID))
	if err != nil {
		return err
	}
	row, err := measure.ReadRow(stored)
	ev.Member.ActiveAt = row.ActiveAt()
	return err
}

// stranger is the error of an attempt that should first ask the platform who
// the event's member is.
type stranger struct{ id string }

func (s stranger) Error() string { return "host: member " + s.id + " is not known yet" }

// profileTimeout bounds how long an event waits for the name of its member;
// askAgain is how long a member stays nameless after a question was in vain.
const (
	profileTimeout = 2 * time.Second
	askAgain       = time.Hour
)

// canAsk says whether the platform can be asked about a member, and was not
// asked lately.
func (e *Engine) canAsk(id string, now time.Time) bool {
	p := e.platform(abi.Platform(id))
	if p == nil || e.forgets.has(id) {
		return false
	}
	_, ok := p.adapter.(chat.Profiler)
	return ok && p.askable(id, now)
}

// introduce asks the platform who a member is and keeps the answer in the
// directory. No event fails for want of a name.
func (e *Engine) introduce(s stranger) {
	p := e.platform(abi.Platform(s.id))
	if p == nil || !e.forgets.enter(s.id) {
		return
	}
	defer e.forgets.leave()
	if !p.ask(s.id, e.clock.Now()) {
		return
	}
	ctx, cancel := context.WithTimeout(e.ctx, profileTimeout)
	defer cancel()
	m, err := p.adapter.(chat.Profiler).Profile(ctx, s.id)
	if err == nil && m.Bot {
		err = e.learnOf(ctx, s.id, &measure.Fact{At: e.now(), Received: e.now(), Bot: true})
	}
	if err == nil {
		err = e.keepProfile(ctx, s.id, m)
	}
	if err != nil && !errors.Is(err, store.ErrConflict) {
		e.o.Logger.Warn("member stays nameless for now", "member", s.id, "err", err)
	}
}

// keepProfile writes down who a member is. The member may do something at that
// moment of which the directory learns, too.
func (e *Engine) keepProfile(ctx context.Context, id string, m abi.Member) (err error) {
	for range maxConflicts {
		if err = e.keepProfileOnce(ctx, id, m); !errors.Is(err, store.ErrConflict) {
			break
		}
	}
	return err
}

func (e *Engine) keepProfileOnce(ctx context.Context, id string, m abi.Member) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	p, rev, err := members.Get(ctx, snap, id)
	if err != nil {
		return err
	}
	p.Learn(&abi.Event{Member: m})
	p.Bot, p.Guest = m.Bot, m.Guest
	b := new(store.Batch)
	if err := members.Put(b, id, &p, rev); err != nil {
		return err
	}
	_, err = e.store.Commit(ctx, b)
	return err
}

// noteNoDM remembers that a member cannot be written to directly, so that
// plugins choose another way at once.
func (e *Engine) noteNoDM(id string) {
	if !e.forgets.enter(id) {
		return
	}
	defer e.forgets.leave()
	snap, err := e.store.Snapshot(e.ctx)
	if err != nil {
		return
	}
	defer snap.Close()
	p, rev, err := members.Get(e.ctx, snap, id)
	if err != nil || p.NoDM {
		return
	}
	p.NoDM = true
	b := new(store.Batch)
	if members.Put(b, id, &p, rev) == nil {
		// Lost to a conflict it is learnt again from the next message.
		_, _ = e.store.Commit(e.ctx, b)
	}
}
