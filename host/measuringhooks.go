package host

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// tracks takes note of what a tracked event tells of its member, for planMeasured.
func (inv *invocation) tracks(ev *abi.Event) {
	ms := inv.engine.measures()
	f, told := ms.model.Fact(ev, inv.now)
	if !told {
		return
	}
	if inv.facts == nil {
		inv.facts = map[string]*measure.Fact{}
	}
	if had := inv.facts[ev.Member.ID]; had != nil {
		had.Marks = append(had.Marks, f.Marks...) // at the same time
	} else {
		f.Marks = slices.Clone(f.Marks)
		inv.facts[ev.Member.ID] = &f
	}
}

// planMeasured adds what was tracked to the batch, once all else is in it: in the
// room that is left. Of a member who is being forgotten nothing is measured; until
// the commit (see hush) nobody begins to be.
func (inv *invocation) planMeasured() error {
	e := inv.engine
	if len(inv.facts) == 0 {
		return nil
	}
	ms := e.measures()
	inv.quiet = true
	e.forgets.quiet.RLock()
	ids := make([]string, 0, len(inv.facts))
	for id := range inv.facts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for i, id := range ids {
		if f := inv.facts[id]; e.forgets.has(id) || e.isKnown(ms, id, f) {
			continue
		}
		// Beside this come the work row and the journal's, and four for each further member.
		room := store.MaxOps - len(inv.batch.Writes()) - 2 - 4*(len(ids)-1-i)
		x, err := e.fold(e.ctx, inv.snap, inv.batch, ms, id, room, inv.facts[id])
		if err != nil {
			return errors.Join(errInfrastructure, err)
		}
		if x != nil {
			inv.folded = append(inv.folded, x)
		}
	}
	return nil
}

// hush ends what planMeasured began.
func (inv *invocation) hush() {
	if inv.quiet {
		inv.quiet = false
		inv.engine.forgets.quiet.RUnlock()
	}
}

// ranCode adds to b that a member's code was run, and says what is to be kept once
// that is committed. leave is to be called then, or if it is not.
func (e *Engine) ranCode(ctx context.Context, b *store.Batch, row *actionRow, result *abi.Result) (x *folded, leave func(), err error) {
	ms := e.measures()
	ev := abi.Event{Kind: abi.VerifyFinished, Time: e.now(), Member: abi.Member{ID: row.Member}}
	f, told := ms.model.Fact(&ev, e.clock.Now())
	if !told || result.Error != "" || e.isKnown(ms, row.Member, &f) || !e.forgets.enter(row.Member) {
		return nil, func() {}, nil
	}
	snap, err := e.store.Snapshot(ctx)
	if err == nil {
		defer snap.Close()
		x, err = e.fold(ctx, snap, b, ms, row.Member, store.MaxOps/2, &f)
	}
	return x, e.forgets.leave, err
}

// exposure is what a message that was sent shows of experiments, on its way into
// what is measured of the member who sees it.
type exposure struct {
	member string
	facts  []*measure.Fact
	ms     *measures // by which it was folded last
	rev    store.Rev // of the member's row then
	folded *folded
}

// exposes is the exposure of the message, nil if there is none: it was not sent,
// shows nothing, or its member is being forgotten. d.e.forgets.leave is to be called
// once it is committed.
func (d *dispatch) exposes(status string, now int64) *exposure {
	o := &d.out
	if status != statusSent || o.Seer == "" || len(o.Shown) == 0 || !d.e.forgets.enter(o.Seer) {
		return nil
	}
	x := &exposure{member: o.Seer}
	for _, a := range o.Shown {
		x.facts = append(x.facts, &measure.Fact{At: now, Received: now, Shown: &measure.Shown{Experiment: a.Name, Variation: a.Value}})
	}
	return x
}

// expose adds an exposure to b.
func (d *dispatch) expose(b *store.Batch, x *exposure) error {
	if x == nil {
		return nil
	}
	x.folded = nil
	if x.ms = d.e.measures(); d.e.isKnown(x.ms, x.member, x.facts...) {
		return nil
	}
	snap, err := d.e.store.Snapshot(d.ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	row, err := snap.Get(d.ctx, measure.Key(x.member))
	if err != nil {
		return err
	}
	x.rev = row.Rev
	x.folded, err = d.e.fold(d.ctx, snap, b, x.ms, x.member, store.MaxOps/2, x.facts...)
	return err
}

// moved says whether what an exposure was folded into has changed since: then it
// is folded again, for what the platform said is not to be lost over that.
func (x *exposure) moved(ctx context.Context, e *Engine, snap store.Snapshot) (bool, error) {
	if x == nil || x.folded == nil {
		return false, nil
	}
	row, err := snap.Get(ctx, measure.Key(x.member))
	return row.Rev != x.rev || e.measures() != x.ms, err
}

// disown has what is measured of a member lie under a random name, in the batch by
// which they begin to be forgotten: totals stay, and what they do from here on is
// somebody new's. It says how many rows that are.
func (e *Engine) disown(ctx context.Context, snap store.Snapshot, b *store.Batch, ms *measures, id string) (int, error) {
	row, err := snap.Get(ctx, measure.Key(id))
	if err != nil || !row.Exists() {
		return 0, err
	}
	b.Check(kMeasuring, ms.rev)
	return 1, ms.model.Forget(b, id, strings.ToLower(rand.Text()), row)
}

// listed deletes the member from lists that earlier definitions made. There are
// such only while members are being counted by new ones.
func (g *goodbye) listed(r store.Row) (verdict, error) {
	old := measure.StandingOf(r.Key) != g.e.measures().row.Version
	return verdict{drop: old && g.t.inKey(r.Key), quiet: true}, nil
}

// whileCounting is a step that is left out once members are counted by the
// definitions in force.
func whileCounting(step forgetStep) forgetStep {
	return func(g *goodbye) (time.Duration, error) {
		counting, err := g.e.has(g.ctx, kCounting)
		if err != nil {
			return 0, err
		}
		if !counting {
			return g.next()
		}
		return step(g)
	}
}
