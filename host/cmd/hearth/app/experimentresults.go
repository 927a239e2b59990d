package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/measure/stats"
	"github.com/hearthbot/hearth/plugins/experiments/plan"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web"
)

// usualEffect is the smallest difference of rates that matters where nobody says
// another one.
const usualEffect = 0.05

// plannedDays is how far back the community's own rates and newcomers are looked
// for; the newest of them are not known yet for some metrics.
const plannedDays = 60

func metricOf(m *measure.Metric) web.ExperimentMetric {
	return web.ExperimentMetric{Name: m.Name, Day: m.Day, By: m.By, WithinS: int(m.Within / time.Second)}
}

// since are the days on which members may have been shown an experiment.
func since(m *measure.Model, d *plan.Definition, now time.Time) measure.Query {
	q := measure.Query{To: m.Calendar().Of(now)}
	if q.From = q.To + 1; !d.Began.IsZero() { // else none
		q.From = m.Calendar().Of(d.Began)
	}
	return q
}

// weights are those by which members of an experiment were divided; nil for equal
// ones.
func weights(d *plan.Definition) []float64 {
	if len(d.Weights) != len(d.Variations) {
		return nil
	}
	return d.Weights
}

// chosen is the metric of a name, else the first of the definition's that is
// measured, else the first there is.
func chosen(m *measure.Model, d *plan.Definition, name string) (measure.Metric, error) {
	all := m.Metrics()
	find := func(name string) int {
		return slices.IndexFunc(all, func(x measure.Metric) bool { return x.Name == name })
	}
	if name != "" {
		i := find(name)
		if i < 0 {
			return measure.Metric{}, fmt.Errorf("%w: nothing is measured by the name %q", chat.ErrRefused, name)
		}
		return all[i], nil
	}
	for _, name := range d.Metrics {
		if i := find(name); i >= 0 {
			return all[i], nil
		}
	}
	if len(all) == 0 {
		return measure.Metric{}, fmt.Errorf("%w: no metric is measured", chat.ErrRefused)
	}
	return all[0], nil
}

// Results implements web.Experiments.
func (x *trials) Results(ctx context.Context, key string, q web.ResultsQuery) (web.ExperimentResults, error) {
	d, err := x.definition(ctx, key)
	if err != nil {
		return web.ExperimentResults{}, err
	}
	var out web.ExperimentResults
	err = x.engine.Measured(ctx, func(m *measure.Model, snap store.Snapshot, now time.Time) error {
		metric, err := chosen(m, d, q.Metric)
		if err != nil {
			return err
		}
		out = web.ExperimentResults{Key: key, Metric: metricOf(&metric), Effect: cmp.Or(q.Effect, usualEffect), Counted: now.UTC(), Counting: x.engine.Measuring().Counted >= 0}
		if out.Platforms, err = measure.Segments(ctx, snap); err != nil {
			return err
		}
		days := since(m, d, now)
		if q.Platform != "" {
			days.Segments = []string{q.Platform}
		}
		for _, h := range x.engine.Coverage() {
			if q.Platform == "" || q.Platform == h.Platform {
				out.Hidden = append(out.Hidden, web.Hidden{Platform: h.Platform, What: h.What})
			}
		}
		got, err := m.Arms(ctx, snap, days, key, d.Variations, metric.Name, now)
		if err != nil {
			return err
		}
		if err := arms(&out, d, &got); err != nil {
			return err
		}
		out.Guards, err = harms(ctx, m, snap, days, d, now)
		return err
	})
	return out, err
}

// arms puts the counts and what they prove into the results.
func arms(out *web.ExperimentResults, d *plan.Definition, got *measure.Arms) error {
	out.Several, out.PerDay = got.Several, got.PerDay
	if got.Since != 0 {
		out.Since = got.Since.String()
	}
	var list []stats.Arm
	var shown []int
	for _, a := range got.Arms {
		list = append(list, stats.Arm{Name: a.Variation, Count: stats.Count{N: a.N, X: a.Met}})
		shown = append(shown, a.Shown)
	}
	share := weights(d)
	divided := share == nil
	for i, w := range share {
		divided = divided || w > 0 && slices.ContainsFunc(share[i+1:], func(o float64) bool { return o > 0 })
	}
	if !divided {
		shown = nil // all are meant for one arm: no ratio to check
	}
	report, err := stats.Analyse(list, shown, share, 0, 0)
	if err != nil {
		return err
	}
	for i, a := range report.Arms {
		r := web.ExperimentResult{Name: a.Name, Control: i == 0, Shown: got.Arms[i].Shown, N: a.N, Met: a.X}
		if a.Known {
			r.Rate, r.Low, r.High = &a.Rate, a.Interval.Low, a.Interval.High
		}
		if got.Arms[i].MedianKnown {
			s := got.Arms[i].Median.Seconds()
			r.MedianS = &s
		}
		out.Arms = append(out.Arms, r)
	}
	switch {
	case report.RatioMissing != nil:
		out.Ratio.Missing = miss(report.RatioMissing)
	case divided:
		out.Ratio.P, out.Ratio.Alarm = &report.Ratio.P, report.Ratio.Alarmed()
	}
	for i, c := range report.Comparisons {
		v := web.ExperimentDiff{Name: c.Name, Verdict: string(c.Verdict), Difference: c.Difference, Low: c.Interval.Low, High: c.Interval.High, ChanceToWin: c.ChanceToWin,
			AlwaysLow: c.Sequential.Low, AlwaysHigh: c.Sequential.High, P: c.P}
		if c.Missing != nil {
			v.Missing = miss(c.Missing)
		}
		needed(&v, out, d, i+1)
		out.Against = append(out.Against, v)
	}
	return nil
}

// needed says what the variation's members could find, and how long it takes until
// they find the effect: each comparison is held to its part of the level.
func needed(v *web.ExperimentDiff, out *web.ExperimentResults, d *plan.Definition, arm int) {
	p := stats.Plan{Level: level(len(d.Variations))}
	control, other := &out.Arms[0], &out.Arms[arm]
	if control.Rate == nil {
		return
	}
	if e, ok := p.SmallestEffect(*control.Rate, control.N, other.N); ok {
		v.Smallest = &e
	}
	// Those who were shown it and whose time has not passed will count in time.
	days, ok := p.Days(*control.Rate, min(out.Effect, 1-*control.Rate), control.N, other.N, out.PerDay*weight(d, 0), out.PerDay*weight(d, arm))
	if ok {
		v.DaysNeeded = &days
	}
}

// level is that of each comparison of so many variations with the control.
func level(variations int) stats.Level {
	return stats.Level(float64(stats.DefaultLevel) / float64(max(1, variations-1)))
}

func miss(n *stats.NotEnough) *web.ExperimentMiss {
	return &web.ExperimentMiss{Have: n.Have, Need: n.Need, What: n.What}
}

// missed is what an error says there is too little of; nil with an error that says
// something else.
func missed(err error) (*web.ExperimentMiss, error) {
	var n stats.NotEnough
	if errors.As(err, &n) {
		return miss(&n), nil
	}
	return nil, err
}

// harms says where the guardrails of an experiment stand. Those by what is not
// measured any more are left out.
func harms(ctx context.Context, m *measure.Model, snap store.Snapshot, q measure.Query, d *plan.Definition, now time.Time) ([]web.GuardResult, error) {
	var out []web.GuardResult
	for _, g := range d.Guardrails {
		if !slices.ContainsFunc(m.Metrics(), func(x measure.Metric) bool { return x.Name == g.Metric }) {
			continue
		}
		got, err := m.Counts(ctx, snap, q, d.Key, d.Variations, g.Metric, now)
		if err != nil {
			return nil, err
		}
		rail := stats.Guardrail{Name: g.Metric, Margin: g.Margin, Fewer: g.Fewer, Level: level(len(d.Variations))}
		for _, a := range got.Arms[1:] {
			w := rail.Watch(stats.Count{N: got.Arms[0].N, X: got.Arms[0].Met}, stats.Count{N: a.N, X: a.Met})
			r := web.GuardResult{Metric: g.Metric, Variation: a.Variation, Margin: g.Margin, Harm: w.Harm, Low: w.Interval.Low, High: w.Interval.High, Broken: w.Stop,
				N: a.N, Met: a.Met, ControlN: got.Arms[0].N, ControlMet: got.Arms[0].Met}
			if r.Missing, err = missed(w.Err); err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// independence tests each two experiments that run.
func independence(ctx context.Context, m *measure.Model, snap store.Snapshot, all []*plan.Definition, now time.Time) ([]web.ExperimentPair, error) {
	var running []*plan.Definition
	for _, d := range all {
		if d.Status == plan.Running {
			running = append(running, d)
		}
	}
	var err error
	list := stats.Pairwise(len(running), func(a, b int) [][]int {
		x, y := running[a], running[b]
		q, other := since(m, x, now), since(m, y, now)
		q.From = max(q.From, other.From)
		table, e := m.Table(ctx, snap, q, x.Key, y.Key, x.Variations, y.Variations)
		err = errors.Join(err, e)
		return table
	})
	if err != nil {
		return nil, err
	}
	var out []web.ExperimentPair
	for _, p := range list {
		v := web.ExperimentPair{A: running[p.A].Key, B: running[p.B].Key}
		if v.Missing, err = missed(p.Err); err != nil {
			return nil, err
		}
		if v.Missing == nil {
			v.P, v.Alarm = &p.P, p.Alarmed()
		}
		out = append(out, v)
	}
	return out, nil
}

// Needs implements web.Experiments.
func (x *trials) Needs(ctx context.Context, q web.NeedsQuery) (web.ExperimentNeeds, error) {
	d := &plan.Definition{}
	if q.Key != "" {
		var err error
		if d, err = x.definition(ctx, q.Key); err != nil {
			return web.ExperimentNeeds{}, err
		}
	}
	out := web.ExperimentNeeds{Effect: cmp.Or(q.Effect, usualEffect), PerDay: q.PerDay, Arms: cmp.Or(q.Arms, max(2, len(d.Variations)))}
	err := x.engine.Measured(ctx, func(m *measure.Model, snap store.Snapshot, now time.Time) error {
		metric, err := chosen(m, d, q.Metric)
		if err != nil {
			return err
		}
		if err := own(ctx, m, snap, metric, now, q.Base, &out); err != nil {
			return err
		}
		return needs(&out, metricOf(&metric), q.Share)
	})
	return out, err
}

// own fills in what nobody said from what the community has seen: the rate of
// members who joined lately, and how many come.
func own(ctx context.Context, m *measure.Model, snap store.Snapshot, metric measure.Metric, now time.Time, base float64, out *web.ExperimentNeeds) error {
	today := m.Calendar().Of(now)
	q := measure.Query{From: today - plannedDays, To: today - 1}
	t, err := m.Retention(ctx, snap, q, measure.Days, measure.OnDay, max(1, metric.Day), now)
	if err != nil {
		return err
	}
	if out.PerDay == 0 {
		n, days := 0, 0
		for _, c := range t.Cohorts {
			if n += c.N; n > 0 { // days before the first newcomer were before hearth
				days++
			}
		}
		if days > 0 {
			out.PerDay = float64(n) / float64(days)
		}
	}
	if base > 0 {
		out.Base = &base
		return nil
	}
	cell := measure.Cell{}
	if metric.Day > 0 && metric.Day < len(t.Mean) {
		cell = t.Mean[metric.Day]
	} else if metric.Day == 0 {
		steps, err := m.Funnel(ctx, snap, q, now)
		if err != nil {
			return err
		}
		for i, s := range steps {
			if s.Name == metric.Name && i > 0 {
				// Of all who joined and have no time left, or came so far.
				n := s.Reached
				for _, before := range steps[1 : i+1] {
					n += before.Lost
				}
				cell = measure.Cell{N: n, Active: s.Reached, Known: n > 0}
			}
		}
	}
	if share, ok := cell.Share(); ok {
		out.Base, out.BaseN = &share, cell.N
	}
	return nil
}

// needs works out members and days.
func needs(out *web.ExperimentNeeds, metric web.ExperimentMetric, coverage float64) error {
	if out.Base == nil || *out.Base+out.Effect > 1 {
		return nil
	}
	p := stats.Plan{Level: level(out.Arms)}
	n, err := p.Members(*out.Base, *out.Base+out.Effect)
	if err != nil {
		return fmt.Errorf("%w: %w", chat.ErrRefused, err)
	}
	p.Once = true
	once, err := p.Members(*out.Base, *out.Base+out.Effect)
	if err != nil {
		return fmt.Errorf("%w: %w", chat.ErrRefused, err)
	}
	out.PerArm, out.Once = n, once
	if coverage == 0 {
		coverage = 1
	}
	perArm := out.PerDay * coverage / float64(out.Arms)
	if perArm <= 0 {
		return nil
	}
	span := metric.Span()
	if days := math.Ceil(float64(n)/perArm) + math.Ceil(span.Hours()/24); days <= 3650 {
		whole := int(days)
		out.Days = &whole
	}
	return nil
}
