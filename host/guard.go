package host

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/host/rollout"
	"github.com/hearthbot/hearth/sdk/abi"
)

// What the versions of a rollout do is measured where an attempt or a delivery
// ends, and looked at beside the work: an event waits for no verdict.

// counts says whether an invocation says something of its plugin as a whole: a
// candidate's is held against the candidate, whose guardrails are its breaker.
func (inv *invocation) counts() bool { return inv.version != inv.lineup.candidate }

// arm is whose an invocation is.
func (inv *invocation) arm() rollout.Arm {
	if inv.version == inv.lineup.candidate {
		return rollout.Candidate
	}
	return rollout.Live
}

// measure takes note of an attempt that was committed; failure is why it failed,
// nil if it did not.
func (inv *invocation) measure(failure error) {
	e, l := inv.engine, inv.lineup
	refused := errors.Is(failure, errRefused)
	if refused {
		e.met.effectsRefused.WithLabelValues(inv.plugin.name).Inc()
	}
	if !inv.first {
		return
	}
	if l.shade != nil && inv.version == l.live {
		l.shade.offer(e, inv)
	}
	t := l.trial
	if t == nil {
		return
	}
	s := rollout.Sample{Failed: failure != nil && !refused, Refused: refused, Took: inv.took, Fuel: inv.fuel}
	result := "ok"
	switch {
	case refused:
		result = "refused"
	case failure != nil:
		result = "failed"
	default:
		for i := range inv.effects.Out {
			if inv.effects.Out[i].Send != nil {
				s.Messages++
			}
		}
	}
	t.guard.Add(inv.now, inv.arm(), s)
	e.met.rolledOut.WithLabelValues(inv.plugin.name, armNames[inv.arm()], result).Inc()
}

// armNames are the arms' on the metrics, and in outRow.Trial behind the
// rollout's id.
var armNames = [...]string{rollout.Live: "live", rollout.Candidate: "new"}

// mark says under which rollout and by which arm a message is sent; "" under
// none.
func (inv *invocation) mark() string {
	if inv.lineup == nil || inv.lineup.trial == nil {
		return ""
	}
	return inv.lineup.trial.ID + " " + armNames[inv.arm()]
}

// measureDelivery takes note of a message whose way has ended.
func (e *Engine) measureDelivery(o *outRow, now time.Time, status string) {
	if o.Trial == "" || status != statusSent && status != statusFailed {
		return
	}
	id, arm, _ := strings.Cut(o.Trial, " ")
	p := e.plugin(o.Plugin)
	if p == nil {
		return
	}
	if t := p.lineup().trial; t != nil && t.ID == id {
		a := rollout.Live
		if arm == armNames[rollout.Candidate] {
			a = rollout.Candidate
		}
		t.guard.Delivered(now, a, status == statusSent)
	}
}

// progress is how far the rollout has come.
func (t *trial) progress(now time.Time) rollout.Progress {
	return rollout.Progress{Events: t.guard.Total(rollout.Candidate), Age: now.Sub(time.UnixMilli(t.Began))}
}

// trials wakes who looks at rollouts.
type trials struct{ woken chan struct{} }

func (t *trials) wake() {
	select {
	case t.woken <- struct{}{}:
	default: // it is about to look
	}
}

// Bounds of how often a rollout is looked at: twenty times in its window.
const (
	looks     = 20
	leastLook = 50 * time.Millisecond
	mostLook  = 5 * time.Second
)

// watchTrials looks at every rollout, again and again, until ctx ends. While
// there is none it sleeps.
func (e *Engine) watchTrials(ctx context.Context) {
	for ctx.Err() == nil {
		wait := e.judgeAll(ctx)
		var up chan struct{}
		stop := func() bool { return false }
		if wait > 0 {
			up = make(chan struct{})
			stop = e.clock.AfterFunc(wait, func() { close(up) })
		}
		select {
		case <-ctx.Done():
		case <-up:
		case <-e.trials.woken:
		}
		stop()
	}
}

// judgeAll looks at every rollout and says after how long to look again; 0 if
// there is none.
func (e *Engine) judgeAll(ctx context.Context) (again time.Duration) {
	plugins, _ := e.locked()
	for _, p := range plugins {
		l := p.lineup()
		if l.trial == nil {
			continue
		}
		e.judge(ctx, p, l)
		look := min(max(l.trial.Spec.Window/looks, leastLook), mostLook)
		if again == 0 || look < again {
			again = look
		}
	}
	return again
}

// judge decides about one rollout, and has it carried out.
func (e *Engine) judge(ctx context.Context, p *plugin, l *lineup) {
	t, now := l.trial, e.clock.Now()
	live, candidate := t.guard.Figures(now, rollout.Live), t.guard.Figures(now, rollout.Candidate)
	v := t.last.Load()
	if v == nil || v.Do != rollout.RollBack { // else it was decided, and could not be carried out yet
		d := rollout.Decide(&t.Spec, &live, &candidate, t.progress(now))
		v = &d
		t.last.Store(v)
	}
	var err error
	switch v.Do {
	case rollout.Keep:
		return
	case rollout.Promote:
		err = e.endRollout(ctx, audit.Host, p.name, t.ID, true, ending{why: v.Why})
	case rollout.RollBack:
		// From now on it gets nothing, whatever else of the plugin is being changed.
		t.stopped.Store(true)
		err = e.endRollout(ctx, audit.Host, p.name, t.ID, false, ending{EndedRolledBack, v.Which, v.Why})
	}
	log := e.o.Logger.With("plugin", p.name, "version", l.candidate.manifest.Version, "sha256", l.candidate.sha, "guardrail", v.Which, "why", v.Why)
	switch {
	case errors.Is(err, ErrChanging), ctx.Err() != nil:
		return // the next look does it
	case errors.Is(err, ErrUnknown):
		return // it has ended otherwise
	case err != nil:
		if t.failed != err.Error() { // once is enough
			t.failed = err.Error()
			log.Error("a rollout could not be ended; it is tried again", "err", err)
		}
		return
	case v.Do == rollout.RollBack:
		log.Error("a new version broke a guardrail and is rolled back; the one before has all the work")
	default:
		log.Info("a new version went well and is live")
	}
	told := house.Rollout{Plugin: p.name, Version: l.candidate.manifest.Version, Promoted: v.Do == rollout.Promote, Which: v.Which}
	for _, b := range v.Bars {
		if b.Name == v.Which {
			told.Now, told.Most = b.Now, b.Most
		}
	}
	e.tellManagers(ctx, "how a rollout ended", func(locale string) abi.Content { return house.TellRollout(e.household(), locale, &told) })
}

// TellTrial writes to the community's managers, in private, that an experiment was
// stopped by a guardrail, and why.
func (e *Engine) TellTrial(ctx context.Context, t house.Trial) {
	e.tellManagers(ctx, "that an experiment was stopped", func(locale string) abi.Content { return house.TellTrial(e.household(), locale, &t) })
}

// tellManagers writes to the community's managers, in private, what happened of
// which nobody told it to. Whom it cannot reach it passes over: the record and the
// pages have it.
func (e *Engine) tellManagers(ctx context.Context, what string, content func(locale string) abi.Content) {
	if !e.o.House {
		return
	}
	for _, id := range e.tuned().Community.Managers {
		seq, to := e.nextSeq(), abi.Target{Member: id}
		if err := e.queueSaid(ctx, audit.Host, to, content(e.localeOf(ctx, id)), seq); err != nil {
			e.o.Logger.Warn("a manager could not be told "+what, "member", id, "err", err)
			continue
		}
		e.pushOut(abi.Platform(id), laneTo(to), seq)
	}
}
