package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/plugins/experiments/plan"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web"
)

// guardEvery is how often the guardrails of experiments are looked at. Their
// intervals may be looked at as often as one likes.
const guardEvery = 5 * time.Minute

// guard looks at the guardrails until ctx ends.
func (x *trials) guard(ctx context.Context) {
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	for {
		if err := x.look(ctx); err != nil && ctx.Err() == nil {
			x.log.Error("the guardrails of experiments could not be looked at; they are again in a while", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look stops each experiment of which a variation is proved to do more harm than
// is borne.
func (x *trials) look(ctx context.Context) error {
	all, err := x.definitions(ctx)
	if errors.Is(err, web.ErrNoExperiments) {
		return nil
	}
	if err != nil {
		return err
	}
	var failed error
	for _, d := range all {
		if d.Status != plan.Running || len(d.Guardrails) == 0 {
			continue
		}
		if err := x.judge(ctx, d); err != nil {
			failed = errors.Join(failed, fmt.Errorf("experiment %s: %w", d.Key, err))
		}
	}
	return failed
}

func (x *trials) judge(ctx context.Context, d *plan.Definition) error {
	if x.engine.Measuring().Counted >= 0 {
		return nil // the figures are not whole
	}
	var list []web.GuardResult
	err := x.engine.Measured(ctx, func(m *measure.Model, snap store.Snapshot, now time.Time) (err error) {
		list, err = harms(ctx, m, snap, since(m, d, now), d, now)
		return err
	})
	if err != nil {
		return err
	}
	for _, g := range list {
		if g.Broken {
			return x.stop(ctx, d, &g)
		}
	}
	return nil
}

// stop ends an experiment that did harm, on record, and has managers told.
func (x *trials) stop(ctx context.Context, d *plan.Definition, g *web.GuardResult) error {
	want := trialOf(d)
	want.Status = web.TrialStopped
	why := fmt.Sprintf("guardrail %s: with %s it is %.1f percentage points worse than with %s (%.1f to %.1f), and %.1f are borne",
		g.Metric, g.Variation, g.Harm*100, d.Variations[0], g.Low*100, g.High*100, g.Margin*100)
	x.mu.Lock()
	_, err := x.set(ctx, audit.Host, web.ExperimentChange{Key: d.Key, Want: &want, Base: want.Base, Why: why}, "guardrail:"+g.Metric)
	x.mu.Unlock()
	var e *web.ExperimentError
	if errors.As(err, &e) && e.Code == web.TrialFaster {
		return nil // somebody changes it at this moment: the next look judges what it is then
	}
	if err != nil {
		return err
	}
	x.log.Error("an experiment broke a guardrail and is stopped", "experiment", d.Key, "why", why)
	x.engine.TellTrial(ctx, house.Trial{Name: d.Name, Key: d.Key, Variation: g.Variation, Metric: g.Metric, Harm: g.Harm, Most: g.Margin})
	return nil
}
