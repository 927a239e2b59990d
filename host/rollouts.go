package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/rollout"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// A rollout gives some of a plugin's work to a candidate beside the live
// version. What is decided of it stands in the registry's row of the plugin, so
// that it goes on after a restart; what is measured is in memory, and begins
// anew then.
//
//	work row ─► lineup.pick ─► live or candidate ─► measure ─► guard ─► judge: keep on, promote, roll back
//	                 ▲                                                      │
//	                 └───────────────── another lineup ◄── one batch ◄──────┘

// trial is a rollout under way.
type trial struct {
	release
	rule    *rollout.Rule
	guard   *rollout.Guard
	stopped atomic.Bool // all work goes to the live version: it is about to end

	last   atomic.Pointer[rollout.Verdict] // when it was looked at last
	ending atomic.Pointer[ending]          // how it is about to end, once that is decided
	failed string                          // why it could not be ended; of who looks at it alone
}

// release is what is stored of a rollout, as JSON.
type release struct {
	ID    string       `json:"id"` // by which members are shared out
	Spec  rollout.Spec `json:"spec"`
	Began int64        `json:"began"` // Unix milliseconds

	by, why string // in the record of changes, and nowhere else
}

// ending is how a rollout ends.
type ending struct {
	how   string // one of the Ended constants
	which string // the guardrail that broke
	why   string
}

// How a rollout ended, RolloutState.Ended.
const (
	EndedPromoted   = "promoted"    // the candidate is live
	EndedRolledBack = "rolled_back" // a guardrail broke
	EndedStopped    = "stopped"     // somebody ended it, or changed the plugin otherwise
)

// RolloutState is a rollout and how it goes.
type RolloutState struct {
	Plugin string
	Spec   rollout.Spec // with its defaults filled in
	Began  time.Time
	By     string // name of who began it
	Why    string

	Live, Candidate RolloutArm
	Guardrails      []rollout.Bar // in the order of rollout.Names

	// Once it is over; its figures are the last ones then.
	Ended  string // one of the Ended constants, "" while it goes on
	At     time.Time
	Which  string // the guardrail that broke
	Reason string // in a line of English
}

// RolloutArm is what one of the two versions of a rollout has done.
type RolloutArm struct {
	SHA256  string
	Version string
	Share   float64         // percent of the events in the window that it handled
	Window  rollout.Figures // in the window
	Events  int             // since the rollout, or this process, began
}

// Rollout gives some of the work of a plugin to a version of the registry beside
// the live one: see [rollout.Spec] for whom, how it is watched, and when it is
// made live or taken back by itself. Of the version that is being rolled out
// already it changes that, and keeps each member on their side where the share
// allows it. The version needs the live one's state version (ErrStateVersion)
// and nothing that was not granted (ErrMissingGrants); a Spec that cannot be
// carried out is a rollout.ErrSpec. While another version is rolled out it is
// refused with ErrInUse.
//
// The events that come to the plugin are the live version's until the candidate
// is promoted: a command that only the candidate has is not there before.
func (e *Engine) Rollout(ctx context.Context, who audit.Who, name string, spec rollout.Spec, why string) error {
	return e.manage(name, func() error {
		p := e.plugin(name)
		live := e.liveOf(p)
		if live == nil {
			return fmt.Errorf("%w: plugin %s has no live version that another could run beside", ErrUnknown, name)
		}
		rel := release{ID: store.Seq(e.nextSeq()), Spec: spec, Began: e.now(), by: who.Name, why: why}
		if now := p.lineup(); now.candidate != nil && now.candidate.sha == spec.SHA256 {
			rel.ID = now.trial.ID
		}
		t, err := newTrial(rel)
		if err != nil {
			return err
		}
		v, g, err := e.fits(ctx, p, live, spec.SHA256)
		if err != nil {
			return err
		}
		next, err := e.ready(ctx, p, &v)
		if err != nil {
			return err
		}
		next = e.granted(p, next, g)
		row, err := json.Marshal(rel)
		if err != nil {
			return err
		}
		entry := audit.Entry{Who: who, Did: "plugin.rollout", After: describeRollout(&v, &spec), Why: why}
		err = e.decide(ctx, entry, name, func(r *registry.Plugin, b *store.Batch) error {
			if err := e.still(r, live); err != nil {
				return err
			}
			if r.RolloutOf != "" && r.RolloutOf != spec.SHA256 {
				return fmt.Errorf("%w: version %.12s of plugin %s is being rolled out; end that first", ErrInUse, r.RolloutOf, name)
			}
			if r.Rollout, r.RolloutOf = row, spec.SHA256; r.Shadow == spec.SHA256 {
				r.Shadow = "" // it is no trial any more
			}
			v.Check(b)
			return nil
		})
		if err != nil {
			return errors.Join(err, e.discard(ctx, name, next))
		}
		e.changes.at("rollout: committed")
		was := p.change(func(l *lineup) {
			l.candidate, l.trial = l.current(next), t
			if l.shadow != nil && l.shadow.sha == next.sha {
				l.shadow, l.shade = nil, nil
			}
		})
		e.leave(context.WithoutCancel(ctx), p, was)
		e.trials.wake()
		e.o.Logger.Info("a version is rolled out beside the live one", "plugin", name, "version", v.Version, "sha256", v.SHA256, "share", spec.Share)
		return nil
	})
}

// newTrial makes what a stored rollout runs by.
func newTrial(rel release) (*trial, error) {
	rule, err := rollout.New(rel.ID, rel.Spec)
	if err != nil {
		return nil, err
	}
	rel.Spec = rule.Spec()
	return &trial{release: rel, rule: rule, guard: rollout.NewGuard(rel.Spec.Window)}, nil
}

// fits reads a version that is to run beside the live one, with the grants that
// it will have, and says why it cannot.
func (e *Engine) fits(ctx context.Context, p *plugin, live *version, sha string) (v registry.Version, g grants, err error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return v, nil, err
	}
	defer snap.Close()
	if v, err = registry.VersionOf(ctx, snap, p.name, sha); err != nil {
		return v, nil, unknown(err)
	}
	var m abi.Manifest
	if _, err := m.UnmarshalMsg(v.Manifest); err != nil {
		return v, nil, fmt.Errorf("its stored manifest: %w", err)
	}
	if g, _, err = e.grantsOf(ctx, snap, p.name); err != nil {
		return v, nil, err
	}
	missing := g.missing(m.Needs)
	switch {
	case sha == live.sha:
		err = fmt.Errorf("%w: version %.12s of plugin %s is the live one", ErrInUse, sha, p.name)
	case m.State() != live.manifest.State():
		err = fmt.Errorf("%w: version %s keeps state version %d and the live one %d, and both would use the same rows; make it live, which moves them",
			ErrStateVersion, m.Version, m.State(), live.manifest.State())
	case m.Middleware != live.manifest.Middleware:
		err = fmt.Errorf("%w: of version %s and the live one only one annotates events for others", rollout.ErrSpec, m.Version)
	case len(missing) > 0:
		err = missingGrants(p.name, &m, missing)
	}
	return v, g, err
}

// granted is a version that ready returned, with the grants that it is to have.
func (e *Engine) granted(p *plugin, v *version, g grants) *version {
	if p.lineup().holds(v) || v.same(e.changes.readyNow(p.name, v.sha)) {
		return v.with(g) // its calls have the grants they began with
	}
	v.grants = g
	return v
}

// still says whether the live version is the one that something was decided by.
func (e *Engine) still(r *registry.Plugin, live *version) error {
	if r.Live != live.sha || r.Disabled {
		return fmt.Errorf("%w: plugin %s was changed meanwhile", ErrChanging, r.Name)
	}
	return nil
}

// describeRollout is a Spec for the record.
func describeRollout(v *registry.Version, s *rollout.Spec) string {
	text := versionText(v.Version, v.SHA256) + fmt.Sprintf(" for %v %% of the members", s.Share)
	for _, l := range s.Labels {
		text += fmt.Sprintf(", %v %% where %s", l.Weight, l.When)
	}
	if n := len(s.Channels); n > 0 {
		text += fmt.Sprintf(", all in %d channels", n)
	}
	return text
}

// EndRollout ends the rollout of a plugin: its version is made live, or the live
// one has all the work again. Events at which the candidate has failed are then
// tried again by the live version. ErrUnknown says that there is no rollout.
func (e *Engine) EndRollout(ctx context.Context, who audit.Who, name string, promote bool, why string) error {
	return e.endRollout(ctx, who, name, "", promote, ending{how: EndedStopped, why: why})
}

// endRollout is EndRollout; of the rollout with an id only, unless that is "".
func (e *Engine) endRollout(ctx context.Context, who audit.Who, name, id string, promote bool, how ending) error {
	p := e.plugin(name)
	l := &nobody
	if p != nil {
		l = p.lineup()
	}
	if l.trial == nil || id != "" && l.trial.ID != id {
		return fmt.Errorf("host: changing plugin %s: %w: nothing of it is being rolled out", name, ErrUnknown)
	}
	if promote {
		how.how = EndedPromoted
		l.trial.ending.Store(&how)
		_, err := e.makeLive(ctx, name, &liveChange{
			entry: audit.Entry{Who: who, Did: "plugin.promote", Why: how.why},
			choose: func(row *registry.Plugin) error {
				if row.RolloutOf != l.candidate.sha {
					return fmt.Errorf("%w: its rollout has ended", ErrUnknown)
				}
				row.Promote(l.candidate.sha)
				return nil
			},
		})
		if err != nil {
			l.trial.ending.CompareAndSwap(&how, nil) // it goes on, and ends otherwise
		}
		return err
	}
	return e.manage(name, func() error {
		entry := audit.Entry{Who: who, Did: "plugin.rollout.end", Before: versionText(l.candidate.manifest.Version, l.candidate.sha), After: how.how, Why: how.why}
		err := e.decide(ctx, entry, name, func(row *registry.Plugin, _ *store.Batch) error {
			if row.RolloutOf != l.candidate.sha {
				return fmt.Errorf("%w: its rollout has ended", ErrUnknown)
			}
			row.Rollout, row.RolloutOf = nil, ""
			return nil
		})
		if err != nil {
			return err
		}
		e.changes.at("rollout: ended")
		l.trial.ending.Store(&how)
		was := p.change(func(l *lineup) { l.candidate, l.trial = nil, nil })
		p.lanes.resume()
		e.leave(context.WithoutCancel(ctx), p, was)
		return nil
	})
}

// RolloutState says how the rollout of a plugin goes, or how the last one that
// this process has seen ended. ErrUnknown says that there was none.
func (e *Engine) RolloutState(name string) (RolloutState, error) {
	p := e.plugin(name)
	if p == nil {
		return RolloutState{}, fmt.Errorf("%w: plugin %q", ErrUnknown, name)
	}
	if l := p.lineup(); l.trial != nil {
		return e.stateOf(p, l), nil
	}
	if s := p.rolledOut.Load(); s != nil {
		return *s, nil
	}
	return RolloutState{}, fmt.Errorf("%w: nothing of plugin %s is being rolled out", ErrUnknown, name)
}

func (e *Engine) stateOf(p *plugin, l *lineup) RolloutState {
	t, now := l.trial, e.clock.Now()
	live, candidate := t.guard.Figures(now, rollout.Live), t.guard.Figures(now, rollout.Candidate)
	v := rollout.Decide(&t.Spec, &live, &candidate, t.progress(now))
	s := RolloutState{Plugin: p.name, Spec: t.Spec, Began: time.UnixMilli(t.Began).UTC(), By: t.by, Why: t.why, Guardrails: v.Bars,
		Live:      RolloutArm{SHA256: l.live.sha, Version: l.live.manifest.Version, Window: live, Events: t.guard.Total(rollout.Live)},
		Candidate: RolloutArm{SHA256: l.candidate.sha, Version: l.candidate.manifest.Version, Window: candidate, Events: t.guard.Total(rollout.Candidate)}}
	if all := live.Events + candidate.Events; all > 0 {
		s.Live.Share, s.Candidate.Share = 100*float64(live.Events)/float64(all), 100*float64(candidate.Events)/float64(all)
	}
	return s
}

// trialsOver sees to the rollout and the silent trial of a former lineup that
// have ended with it.
func (e *Engine) trialsOver(p *plugin, was *lineup) {
	now := p.lineup()
	if was.shade != nil && was.shade != now.shade {
		was.shade.over.Store(true)
	}
	if was.trial == nil || now.trial != nil && now.trial.ID == was.trial.ID {
		return
	}
	s := e.stateOf(p, was)
	if bars := was.trial.last.Load(); bars != nil && bars.Do == rollout.RollBack {
		s.Guardrails = bars.Bars // as they were when it broke
	}
	s.Ended, s.At = EndedStopped, e.clock.Now()
	if end := was.trial.ending.Load(); end != nil {
		s.Ended, s.Which, s.Reason = end.how, end.which, end.why
	}
	if promoted := now.live != nil && now.live.sha == was.candidate.sha; promoted != (s.Ended == EndedPromoted) {
		if s.Ended = EndedStopped; promoted { // somebody was faster
			s.Ended = EndedPromoted
		}
	}
	p.rolledOut.Store(&s)
	e.met.rollouts.WithLabelValues(p.name, s.Ended, s.Which).Inc()
	e.o.Logger.Info("a rollout has ended", "plugin", p.name, "version", s.Candidate.Version, "sha256", s.Candidate.SHA256,
		"how", s.Ended, "guardrail", s.Which, "why", s.Reason, "events", s.Candidate.Events)
}

// restoreTrials takes up the rollout and the silent trial that the registry has
// of a plugin whose live version runs. One that cannot be is ended, which is
// logged and on record.
func (e *Engine) restoreTrials(ctx context.Context, p *plugin, row *registry.Plugin) {
	if row.RolloutOf != "" {
		if err := e.restoreRollout(ctx, p, row); err != nil && ctx.Err() == nil {
			e.cannotRestore(ctx, p, "plugin.rollout.end", "rollout", err, func(r *registry.Plugin) { r.Rollout, r.RolloutOf = nil, "" })
		}
	}
	if row.Shadow != "" {
		if err := e.restoreShadow(ctx, p, row.Shadow); err != nil && ctx.Err() == nil {
			e.cannotRestore(ctx, p, "plugin.shadow", "silent trial", err, func(r *registry.Plugin) { r.Shadow = "" })
		}
	}
}

func (e *Engine) cannotRestore(ctx context.Context, p *plugin, did, what string, cause error, clear func(r *registry.Plugin)) {
	log := e.o.Logger.With("plugin", p.name)
	log.Error("a "+what+" cannot be taken up again and has ended; the live version has all the work", "err", cause)
	entry := audit.Entry{Who: audit.Host, Did: did, After: EndedStopped, Why: "it could not be taken up again at the start: " + firstLine(oneLine(cause).Error(), 1<<10)}
	err := e.decide(ctx, entry, p.name, func(r *registry.Plugin, _ *store.Batch) error {
		clear(r)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		log.Error("that could not be written down; the next start tries again", "err", err)
	}
}

func (e *Engine) restoreRollout(ctx context.Context, p *plugin, row *registry.Plugin) error {
	var rel release
	if err := json.Unmarshal(row.Rollout, &rel); err != nil {
		return fmt.Errorf("the stored rollout: %w", err)
	}
	begun, err := e.audit.List(ctx, audit.Filter{On: pluginObject(p.name), Did: "plugin.rollout", Limit: 1})
	if err != nil {
		return err
	}
	if len(begun) == 1 {
		rel.by, rel.why = begun[0].Who.Name, begun[0].Why
	}
	t, err := newTrial(rel)
	if err != nil {
		return err
	}
	next, err := e.takeBeside(ctx, p, row.RolloutOf)
	if err != nil {
		return err
	}
	p.change(func(l *lineup) { l.candidate, l.trial = l.current(next), t })
	e.trials.wake()
	return nil
}

// takeBeside has a version ready that is to run beside the live one.
func (e *Engine) takeBeside(ctx context.Context, p *plugin, sha string) (*version, error) {
	live := p.version()
	if live == nil {
		return nil, fmt.Errorf("%w: plugin %s has no live version that another could run beside", ErrUnknown, p.name)
	}
	v, g, err := e.fits(ctx, p, live, sha)
	if err != nil {
		return nil, err
	}
	next, err := e.ready(ctx, p, &v)
	if err != nil {
		return nil, err
	}
	return e.granted(p, next, g), nil
}

// others are the versions beside the live one.
func (l *lineup) others() []*version {
	return slices.DeleteFunc(l.all(), func(v *version) bool { return v == l.live })
}
