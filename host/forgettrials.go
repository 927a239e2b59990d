package host

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/store"
)

// forgetTrials takes a person out of the rollouts and silent trials: names says
// whether bytes hold one of their ids. A rollout that is about them by its very
// rule ends. It returns how many it has changed, and may be called again.
func (e *Engine) forgetTrials(ctx context.Context, names func([]byte) bool) (int, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	rows, err := registry.Plugins(ctx, snap)
	if err = errors.Join(err, snap.Close()); err != nil {
		return 0, err
	}
	changed := 0
	for _, row := range rows {
		if len(row.Rollout) == 0 || !names(row.Rollout) {
			continue
		}
		if err := e.dropRollout(ctx, row.Name); err != nil {
			return changed, err
		}
		changed++
	}
	plugins, _ := e.locked()
	for _, p := range plugins {
		changed += p.forgetIn(names)
	}
	return changed, nil
}

// dropRollout ends a rollout, whether its plugin runs or not.
func (e *Engine) dropRollout(ctx context.Context, name string) error {
	const why = "its rule named a member who is forgotten"
	err := e.endRollout(ctx, audit.Host, name, "", false, ending{how: EndedStopped, why: why})
	if !errors.Is(err, ErrUnknown) {
		return err
	}
	return e.decide(ctx, audit.Entry{Who: audit.Host, Did: "plugin.rollout.end", After: EndedStopped, Why: why}, name, func(r *registry.Plugin, _ *store.Batch) error {
		r.Rollout, r.RolloutOf = nil, ""
		return nil
	})
}

// forgetIn takes a person out of what is in memory of a plugin's trials.
func (p *plugin) forgetIn(names func([]byte) bool) (changed int) {
	has := func(v any) bool {
		raw, err := json.Marshal(v)
		return err != nil || names(raw)
	}
	if s := p.rolledOut.Load(); s != nil && has([]any{s.Spec, s.By, s.Why, s.Reason}) && p.rolledOut.CompareAndSwap(s, nil) {
		changed++
	}
	l := p.lineup()
	if t := l.trial; t != nil && has([]string{t.by, t.why}) {
		anonymous := &trial{release: t.release, rule: t.rule, guard: t.guard}
		anonymous.by, anonymous.why = audit.Forgotten, ""
		p.change(func(l *lineup) {
			if l.trial == t {
				l.trial = anonymous
			}
		})
		changed++
	}
	if s := l.shade; s != nil {
		changed += s.forget(has)
	}
	return changed
}

// forget drops the events that say something of a person.
func (s *shade) forget(has func(any) bool) (changed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []ShadowedEvent // the oldest first
	for i := range s.list {
		x := s.list[(s.next+i)%len(s.list)]
		if has(x) {
			changed++
		} else {
			rest = append(rest, x)
		}
	}
	if changed > 0 {
		s.list, s.next = rest, len(rest)%maxShown
	}
	return changed
}
