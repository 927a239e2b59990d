package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

const (
	holdTime    = 100 * time.Millisecond // between looks whether a member is forgotten
	tellTime    = 30 * time.Second       // for the plugins to rewrite what they share
	tellLook    = 20 * time.Millisecond
	forgetTries = 5 // rounds over all rows; what comes after so many is not theirs
)

// goodbye is one forgetting on its way: its row as it was read.
type goodbye struct {
	e   *Engine
	ctx context.Context
	f   forgetRow
	key store.Key
	rev store.Rev
	t   *traces

	snap store.Snapshot // of the step that goes over rows
}

// forgetStep is one part of a forgetting. A step may be begun again after a
// crash. again says that it is to be looked at again in a while.
type forgetStep func(g *goodbye) (again time.Duration, err error)

// The steps, in this order. Those between the first round's begin and its end
// are gone through until a round finds nothing.
var forgetSteps = slices.Concat(
	[]forgetStep{(*goodbye).settle, (*goodbye).tell},
	forgetRows,
	[]forgetStep{(*goodbye).adapter, (*goodbye).audit, (*goodbye).round, (*goodbye).farewell, (*goodbye).finish})

// firstRows is the step at which a round begins.
const firstRows = 2

// forgetTurn takes a forgetting on until it is done or has to wait.
func (e *Engine) forgetTurn(lane string, _ uint64) turn {
	g := &goodbye{e: e, ctx: e.ctx, key: kForget.Join(lane)}
	for e.running().Err() == nil {
		if err := g.load(); err != nil {
			e.o.Logger.Error("a member could not be forgotten yet; it is tried again", "err", err)
			return turn{again: true, after: time.Second}
		}
		if g.rev == 0 {
			return done
		}
		again, err := forgetSteps[g.f.Step](g)
		switch {
		case errors.Is(err, store.ErrConflict):
			continue
		case err != nil && e.ctx.Err() == nil:
			e.o.Logger.Error("a member could not be forgotten yet; it is tried again", "step", g.f.Step, "err", err)
			return turn{again: true, after: time.Second}
		case again > 0:
			return turn{again: true, after: again}
		}
	}
	return turn{again: true, stall: true} // the next start goes on
}

func (g *goodbye) load() error {
	snap, err := g.e.store.Snapshot(g.ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	row, err := snap.Get(g.ctx, g.key)
	if err != nil {
		return err
	}
	g.f, g.rev = forgetRow{}, row.Rev
	if !row.Exists() {
		return nil
	}
	if _, err := g.f.UnmarshalMsg(row.Value); err != nil {
		return fmt.Errorf("row %s: %w", g.key, err)
	}
	if g.f.Counts == nil {
		g.f.Counts = map[string]int{}
	}
	g.t = newTraces(&g.f)
	return nil
}

// save commits b with the row as it is now.
func (g *goodbye) save(b *store.Batch) error {
	v, err := g.f.MarshalMsg(nil)
	if err != nil {
		return err
	}
	b.Check(g.key, g.rev)
	b.Put(g.key, v)
	g.rev, err = g.e.store.Commit(g.ctx, b)
	return err
}

// next goes on to the step behind this one.
func (g *goodbye) next() (time.Duration, error) {
	g.f.Step, g.f.From = g.f.Step+1, ""
	return 0, g.save(new(store.Batch))
}

func (g *goodbye) count(kind string, n int) {
	if n > 0 {
		g.f.Counts[kind] += n
		g.f.Found += n
	}
}

// settle waits for what was under way when it began. What begins later sees that
// the member is being forgotten.
func (g *goodbye) settle() (time.Duration, error) {
	plugins, platforms := g.e.locked()
	for _, p := range plugins {
		p.alone.Lock()
		//lint:ignore SA2001 whoever held it has committed
		p.alone.Unlock()
	}
	for _, p := range platforms {
		p.unask(g.f.ID)
	}
	if _, err := g.e.settleOwed(g.ctx); err != nil { // under their name
		return 0, err
	}
	if err := g.begin(); err != nil {
		return 0, err
	}
	return g.next()
}

// begin has the plugins hear of it: now that nothing older is under way, what
// they are told waits for nobody, and nobody for that. To begin again what has
// begun does nothing.
func (g *goodbye) begin() error {
	snap, err := g.e.store.Snapshot(g.ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	for row, err := range snap.Scan(g.ctx, store.Prefix(kWork.Join(store.Seq(g.f.Seq)).Prefix())) {
		if err != nil {
			return err
		}
		at := splitKey(row.Key, 2)
		g.e.pushWork(at[0], at[1], g.f.Seq)
	}
	return nil
}

// tell waits until the plugins have been told, and what they then said is
// delivered; but not for ever, as the rows are erased in any case.
func (g *goodbye) tell() (time.Duration, error) {
	if g.e.now()-g.f.Began < tellTime.Milliseconds() {
		waiting, err := g.untold()
		if err != nil {
			return 0, err
		}
		if waiting {
			return tellLook, nil
		}
	}
	return g.next()
}

func (g *goodbye) untold() (bool, error) {
	snap, err := g.e.store.Snapshot(g.ctx)
	if err != nil {
		return false, err
	}
	defer snap.Close()
	// Both kinds of row begin with a number, and none of these has a smaller one.
	from := store.Seq(g.f.Seq)
	for row, err := range snap.Scan(g.ctx, store.Range{From: kWork.Join(from), To: store.Prefix(kWork.Prefix()).To}) {
		if err != nil {
			return false, err
		}
		var w workRow
		if _, err := w.UnmarshalMsg(row.Value); err == nil && w.Event.Member.ID == g.f.ID && !g.e.forgets.holds(&w.Event) && w.Attempts == 0 {
			return true, nil
		}
	}
	if g.e.paused.Load() {
		return false, nil
	}
	for row, err := range snap.Scan(g.ctx, store.Range{From: kOutbox.Join(from), To: store.Prefix(kOutbox.Prefix()).To}) {
		if err != nil {
			return false, err
		}
		var o outRow
		if _, err := o.UnmarshalMsg(row.Value); err == nil && o.Event == g.f.Seq && len(o.Attempts) == 0 {
			return true, nil
		}
	}
	return false, nil
}

// adapter has the member's platform erase what it keeps of them, and what they
// have elsewhere be erased.
func (g *goodbye) adapter() (time.Duration, error) {
	if o := g.e.o.Outside; o != nil {
		counts, err := o.Forget(g.ctx, g.f.ID, g.t)
		if errors.Is(err, chat.ErrBusy) {
			return holdTime, nil // hearth is starting or stopping
		}
		if err != nil {
			return 0, err
		}
		for kind, n := range counts {
			g.count(kind, n)
		}
	}
	if pf := g.e.platform(abi.Platform(g.f.ID)); pf != nil {
		if a, ok := pf.adapter.(chat.Forgetter); ok {
			counts, err := a.Forget(g.ctx, g.f.ID)
			if err != nil {
				return 0, fmt.Errorf("platform %s: %w", pf.name, err)
			}
			for kind, n := range counts {
				g.count(kind, n)
			}
		}
	}
	return g.next()
}

// audit has the record of changes say what was done, and no more by whom, and
// the versions of plugins no more who brought them; rollouts and silent trials
// are rid of their name.
func (g *goodbye) audit() (time.Duration, error) {
	n, err := g.e.audit.Forget(g.ctx, g.t)
	if err != nil {
		return 0, err
	}
	brought, err := registry.Forget(g.ctx, g.e.store, g.t.in)
	if err != nil {
		return 0, err
	}
	trials, err := g.e.forgetTrials(g.ctx, g.t.in)
	if err != nil {
		return 0, err
	}
	g.count("audit", n+brought+trials)
	return g.next()
}

// round goes over the rows again until there are none: something may have been
// on its way to them.
func (g *goodbye) round() (time.Duration, error) {
	if g.f.Rounds++; g.f.Found == 0 || g.f.Rounds >= forgetTries {
		return g.next()
	}
	g.f.Step, g.f.From, g.f.Found = firstRows, "", 0
	return 0, g.save(new(store.Batch))
}

// farewell tells who asked in chat what was erased: the last thing said to them,
// and of which nothing is kept.
func (g *goodbye) farewell() (time.Duration, error) {
	pf := g.e.platform(abi.Platform(g.f.ID))
	if g.f.Farewell && pf != nil && pf.hold() == nil && !g.e.paused.Load() {
		ctx, cancel := context.WithTimeout(g.ctx, deliverTimeout)
		defer cancel()
		locale := g.f.Locale
		def(&locale, g.e.tuned().Community.Locale)
		d := &chat.Delivery{ID: store.Seq(g.f.Seq), Op: chat.OpSend, Member: g.f.ID, Content: g.e.farewell(locale, g.f.Counts, g.left()),
			Locale: locale, Attempt: 1}
		if _, err := pf.adapter.Deliver(ctx, d); err != nil {
			g.e.o.Logger.Warn("a member who was forgotten could not be told so", "platform", pf.name, "err", err)
		}
		// What the platform had to learn for that goes too.
		if a, ok := pf.adapter.(chat.Forgetter); ok {
			if _, err := a.Forget(ctx, g.f.ID); err != nil {
				return 0, err
			}
		}
	}
	return g.next()
}

// left are the places outside the data directory that name the member.
func (g *goodbye) left() []string {
	if g.e.o.Outside == nil {
		return nil
	}
	return g.e.o.Outside.Named(g.t)
}

// finish erases the id itself. The files are rewritten with the next sweep.
func (g *goodbye) finish() (time.Duration, error) {
	g.e.forgets.one.Lock()
	defer g.e.forgets.one.Unlock()
	b := new(store.Batch)
	b.Check(g.key, g.rev)
	b.Delete(g.key)
	b.Put(kCompact, stamp(g.e.now()))
	if by := g.f.By; len(by) == 4 {
		entry := audit.Entry{Who: audit.Who{ID: by[0], Name: by[1], Role: by[2], Via: by[3]}, Did: "member.forget",
			On: "member/" + audit.Forgotten, After: fmt.Sprintf("%d rows erased", Erased{Kinds: g.f.Counts}.Total()), Why: g.f.Why}
		if why := []byte(entry.Why); g.t.in(why) || g.t.called(why) {
			entry.Why = "" // it says whom
		}
		if err := g.e.audit.Put(b, entry); err != nil {
			return 0, err
		}
	}
	if _, err := g.e.store.Commit(g.ctx, b); err != nil {
		return 0, err
	}
	g.e.o.Logger.Info("a member was forgotten", "erased", g.f.Counts)
	g.e.forgets.end(g.f.ID, g.f.Counts, g.left())
	return 0, nil
}
