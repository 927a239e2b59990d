package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/plugins/experiments/plan"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/experiment"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web"
)

// trials are the experiments as the web sees them. The plugin keeps the
// definitions and says who gets what; what came of it is measured by the engine.
type trials struct {
	engine *host.Engine
	audit  *audit.Log
	log    *slog.Logger

	mu sync.Mutex // one change at a time
}

var _ web.Experiments = (*trials)(nil)

const experimentsPlugin = "experiments"

// on is an experiment as the record has it.
func on(key string) string { return "experiment/" + key }

// maxTrialHistory is how many changes of an experiment are shown.
const maxTrialHistory = 50

// definitions asks the plugin for all of them.
func (x *trials) definitions(ctx context.Context) ([]*plan.Definition, error) {
	v, err := x.engine.Query(ctx, experimentsPlugin, abi.Query{Path: "/experiments", Role: "manager"})
	switch {
	case errors.Is(err, host.ErrUnknown):
		return nil, web.ErrNoExperiments
	case err != nil:
		return nil, shown(experimentsPlugin, err)
	case v.Status != 0 && v.Status != 200:
		return nil, fmt.Errorf("the plugin experiments answers with %d: %.200s", v.Status, v.Body)
	}
	var list struct{ Experiments []*plan.Definition }
	if err := json.Unmarshal(v.Body, &list); err != nil {
		return nil, fmt.Errorf("read what the plugin experiments says: %w", err)
	}
	return list.Experiments, nil
}

// definition is the one of a key.
func (x *trials) definition(ctx context.Context, key string) (*plan.Definition, error) {
	all, err := x.definitions(ctx)
	if err != nil {
		return nil, err
	}
	if d := byKey(all, key); d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("%w: experiment %q", web.ErrNotFound, key)
}

func byKey(all []*plan.Definition, key string) *plan.Definition {
	if i := slices.IndexFunc(all, func(d *plan.Definition) bool { return d.Key == key }); i >= 0 {
		return all[i]
	}
	return nil
}

// Experiments implements web.Experiments.
func (x *trials) Experiments(ctx context.Context) (web.ExperimentList, error) {
	all, err := x.definitions(ctx)
	if err != nil {
		return web.ExperimentList{}, err
	}
	var out web.ExperimentList
	err = x.engine.Measured(ctx, func(m *measure.Model, snap store.Snapshot, now time.Time) error {
		out.Zone = m.Calendar().Zone(now)
		for _, y := range m.Metrics() {
			out.Metrics = append(out.Metrics, metricOf(&y))
		}
		for _, d := range all {
			s := web.ExperimentSummary{Experiment: trialOf(d)}
			var err error
			if s.Shown, err = m.Shown(ctx, snap, since(m, d, now), d.Key, d.Variations); err != nil {
				return err
			}
			out.Experiments = append(out.Experiments, s)
		}
		var err error
		out.Independent, err = independence(ctx, m, snap, all, now)
		return err
	})
	if err != nil {
		return out, err
	}
	for i := range out.Experiments {
		e := &out.Experiments[i]
		list, err := x.history(ctx, e.Key, 1)
		if err != nil {
			return out, err
		}
		if len(list) > 0 {
			e.Change = &list[0]
		}
	}
	for _, d := range plan.Samples() {
		if byKey(all, d.Key) == nil {
			out.Examples = append(out.Examples, trialOf(d))
		}
	}
	for _, a := range plan.Attributes() {
		out.Attributes = append(out.Attributes, web.ExperimentAttr{Name: a.Name, Type: a.Type, About: web.Words(a.About), Example: a.Example})
	}
	return out, nil
}

// Experiment implements web.Experiments.
func (x *trials) Experiment(ctx context.Context, key string) (web.ExperimentDetail, error) {
	d, err := x.definition(ctx, key)
	if err != nil {
		return web.ExperimentDetail{}, err
	}
	out := web.ExperimentDetail{Experiment: trialOf(d)}
	out.History, err = x.history(ctx, key, maxTrialHistory)
	return out, err
}

func (x *trials) history(ctx context.Context, key string, most int) ([]web.ExperimentChanged, error) {
	list, err := x.audit.List(ctx, audit.Filter{On: on(key), Limit: most})
	if err != nil {
		return nil, err
	}
	var out []web.ExperimentChanged
	for _, e := range list {
		out = append(out, web.ExperimentChanged{At: e.At, By: e.Who.Name, Did: e.Did, Why: e.Why, Own: e.Who.ID == audit.Host.ID})
	}
	return out, nil
}

// Assign implements web.Experiments. Who is in the directory and was never seen by
// the plugin gets what their first event would give them.
func (x *trials) Assign(ctx context.Context, member string) (map[string]string, error) {
	params := []abi.Annotation{{Name: "user", Value: member}}
	p, err := x.engine.Person(ctx, member)
	switch {
	case errors.Is(err, host.ErrUnknown):
	case err != nil:
		return nil, err
	case p.Bot:
		return map[string]string{}, nil
	default:
		params = append(params, abi.Annotation{Name: "locale", Value: p.Locale}, abi.Annotation{Name: "time_zone", Value: p.TimeZone},
			abi.Annotation{Name: "guest", Value: strconv.FormatBool(p.Guest)})
		joined := int64(0)
		if !p.Joined.IsZero() {
			joined = p.Joined.UnixMilli()
		}
		params = append(params, abi.Annotation{Name: "joined", Value: strconv.FormatInt(joined, 10)})
	}
	v, err := x.engine.Query(ctx, experimentsPlugin, abi.Query{Path: "/assign", Role: "manager", Params: params})
	switch {
	case errors.Is(err, host.ErrUnknown):
		return nil, web.ErrNoExperiments
	case err != nil:
		return nil, shown(experimentsPlugin, err)
	case v.Status == 404:
		return nil, fmt.Errorf("%w: member %q", web.ErrNotFound, member)
	case v.Status != 0 && v.Status != 200:
		return nil, fmt.Errorf("the plugin experiments answers with %d: %.200s", v.Status, v.Body)
	}
	var got struct{ Groups map[string]string }
	if err := json.Unmarshal(v.Body, &got); err != nil {
		return nil, fmt.Errorf("read what the plugin experiments says: %w", err)
	}
	return got.Groups, nil
}

// trialOf is a definition as the web has it.
func trialOf(d *plan.Definition) web.Experiment {
	e := web.Experiment{Key: d.Key, Name: web.Words(d.Name), About: web.Words(d.About), Status: string(d.Status), Winner: d.Winner, Coverage: 1, Start: moment(d.Start), Stop: moment(d.Stop),
		Target: d.Target, Metrics: d.Metrics, Forced: d.Forced, Seed: d.Seed, Version: d.Version, Began: moment(d.Began), Ended: moment(d.Ended), Reason: d.Reason, Base: web.TaskDigest(string(d.Encode()))}
	if d.Coverage != nil {
		e.Coverage = *d.Coverage
	}
	for i, v := range d.Variations {
		e.Variations = append(e.Variations, web.ExperimentArm{Name: v, Weight: weight(d, i)})
	}
	for _, s := range d.Ramp {
		e.Ramp = append(e.Ramp, web.ExperimentStep{At: s.At.UTC(), Coverage: s.Coverage})
	}
	for _, g := range d.Guardrails {
		e.Guardrails = append(e.Guardrails, web.ExperimentGuard(g))
	}
	if n := d.Namespace; n != nil {
		e.Namespace = &web.ExperimentNamespace{ID: n.ID, Start: n.Start, End: n.End}
	}
	if h := d.Holdout; h != nil {
		e.Holdout = &web.ExperimentHoldout{Name: h.Name, Share: h.Share}
	}
	return e
}

func weight(d *plan.Definition, i int) float64 {
	if len(d.Weights) != len(d.Variations) {
		return 1 / float64(len(d.Variations))
	}
	return d.Weights[i]
}

// definitionOf is what somebody wants, as the plugin has it. What is the host's to
// say is as it was.
func definitionOf(e *web.Experiment, was *plan.Definition) *plan.Definition {
	d := &plan.Definition{Name: plan.Text(e.Name), About: plan.Text(e.About), Target: e.Target, Metrics: e.Metrics, Status: plan.Status(e.Status), Winner: e.Winner}
	d.Key, d.Seed, d.Version, d.Forced = e.Key, e.Seed, e.Version, e.Forced
	if d.Status == "" {
		d.Status = plan.Draft
	}
	if e.Coverage != 1 {
		d.Coverage = &e.Coverage
	}
	equal := true
	for _, v := range e.Variations {
		d.Variations, d.Weights = append(d.Variations, v.Name), append(d.Weights, v.Weight)
		equal = equal && v.Weight == e.Variations[0].Weight
	}
	if equal {
		d.Weights = nil
	}
	for _, s := range e.Ramp {
		d.Ramp = append(d.Ramp, experiment.Step{At: s.At, Coverage: s.Coverage})
	}
	for _, g := range e.Guardrails {
		d.Guardrails = append(d.Guardrails, plan.Guardrail(g))
	}
	if e.Start != nil {
		d.Start = *e.Start
	}
	if e.Stop != nil {
		d.Stop = *e.Stop
	}
	if n := e.Namespace; n != nil {
		d.Namespace = &experiment.Namespace{ID: n.ID, Start: n.Start, End: n.End}
	}
	if h := e.Holdout; h != nil {
		d.Holdout = &experiment.Holdout{Name: h.Name, Share: h.Share}
	}
	if was != nil {
		d.Began, d.Ended, d.Reason = was.Began, was.Ended, was.Reason
	}
	return d
}

// SetExperiment implements web.Experiments.
func (x *trials) SetExperiment(ctx context.Context, who audit.Who, c web.ExperimentChange) (web.Experiment, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.set(ctx, who, c, "manager")
}

// set makes a change; reason is why an experiment stops, if it does. x.mu is held.
func (x *trials) set(ctx context.Context, who audit.Who, c web.ExperimentChange, reason string) (web.Experiment, error) {
	all, err := x.definitions(ctx)
	if err != nil {
		return web.Experiment{}, err
	}
	was := byKey(all, c.Key)
	if err := faster(was, &c); err != nil {
		return web.Experiment{}, err
	}
	var d *plan.Definition
	if c.Want != nil {
		d = definitionOf(c.Want, was)
		if err := x.check(ctx, all, was, d); err != nil {
			return web.Experiment{}, err
		}
		turn(d, was, reason)
	} else if was.Status == plan.Running || was.Status == plan.Settled {
		return web.Experiment{}, invalid("status", "stop it first: it runs", "请先停止，它正在进行")
	}
	e := audit.Entry{Who: who, Did: "experiment." + did(was, d), On: on(c.Key), Before: readable(was), After: readable(d), Why: c.Why}
	if e.Before == e.After {
		return trialOf(was), nil
	}
	// Who asked may go away: what is begun is brought to its end all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
	defer cancel()
	if err := x.engine.Tell(ctx, "experiments-"+rand.Text(), "experiments", []abi.Annotation{{Name: c.Key, Value: encoded(d)}}); err != nil {
		return web.Experiment{}, fmt.Errorf("change the experiment %s: %w", c.Key, err)
	}
	if all, err = x.definitions(ctx); err != nil { // and with that the new image is live
		return web.Experiment{}, err
	}
	now := byKey(all, c.Key)
	if (now == nil) != (d == nil) || d != nil && encoded(now) != encoded(d) {
		return web.Experiment{}, fmt.Errorf("the plugin experiments did not take the change of %s; its log says why", c.Key)
	}
	if err := x.audit.Add(ctx, e); err != nil { // the plugin commits the definition: its record comes beside it
		x.log.Error("a changed experiment is not on record", "experiment", c.Key, "by", who.Name, "err", err)
	}
	x.log.Info("an experiment was changed", "experiment", c.Key, "did", e.Did, "by", who.Name)
	if now == nil {
		return web.Experiment{}, nil
	}
	return trialOf(now), nil
}

// readable is a definition for the record, in lines that can be compared.
func readable(d *plan.Definition) string {
	if d == nil {
		return ""
	}
	var b bytes.Buffer
	if err := json.Indent(&b, d.Encode(), "", "  "); err != nil {
		return encoded(d)
	}
	return b.String()
}

func encoded(d *plan.Definition) string {
	if d == nil {
		return ""
	}
	return string(d.Encode())
}

// faster says whether somebody else has changed an experiment since.
func faster(was *plan.Definition, c *web.ExperimentChange) error {
	switch {
	case c.Base == "" && was == nil && c.Want != nil:
		return nil
	case c.Base == "" && was == nil:
		return fmt.Errorf("%w: experiment %q", web.ErrNotFound, c.Key)
	case c.Base == "" && c.Want != nil:
		return &web.ExperimentError{Code: web.TrialExists, Err: fmt.Errorf("there is an experiment %q already", c.Key)}
	case was == nil:
		return &web.ExperimentError{Code: web.TrialFaster, Err: fmt.Errorf("the experiment %q was deleted by somebody else meanwhile", c.Key)}
	case c.Base != web.TaskDigest(encoded(was)):
		now := trialOf(was)
		return &web.ExperimentError{Code: web.TrialFaster, Now: &now, Err: fmt.Errorf("the experiment %q was changed by somebody else meanwhile", c.Key)}
	}
	return nil
}

func invalid(field, en, zh string) error {
	return &web.ExperimentError{Code: web.TrialInvalid, Err: errors.New(en), Faults: []web.ExperimentFault{{Field: field, Text: en, In: web.Words{"en": en, "zh-CN": zh}}}}
}

// check says what is wrong with a definition, by itself, beside the others and
// beside what it was.
func (x *trials) check(ctx context.Context, all []*plan.Definition, was, d *plan.Definition) error {
	problems := d.Validate()
	if len(problems) == 0 {
		others := slices.DeleteFunc(slices.Clone(all), func(o *plan.Definition) bool { return o.Key == d.Key })
		problems = plan.Fits(append(others, d))
	}
	out := &web.ExperimentError{Code: web.TrialInvalid}
	add := func(field, en, zh string) {
		out.Faults = append(out.Faults, web.ExperimentFault{Field: field, Text: en, In: web.Words{"en": en, "zh-CN": zh}})
	}
	for _, p := range problems {
		add(p.Field, p.In("en"), p.In("zh-CN"))
	}
	metrics, err := x.metrics(ctx)
	if err != nil {
		return err
	}
	unknown := func(field, name string) {
		if was != nil && (slices.Contains(was.Metrics, name) || slices.ContainsFunc(was.Guardrails, func(g plan.Guardrail) bool { return g.Metric == name })) {
			return // it was measured once
		}
		if !slices.ContainsFunc(metrics, func(m measure.Metric) bool { return m.Name == name }) {
			add(field, fmt.Sprintf("nothing is measured by the name %q; see [analytics] metrics", name), fmt.Sprintf("没有名为 %q 的指标，见 [analytics] 的 metrics", name))
		}
	}
	for _, m := range d.Metrics {
		unknown("metrics", m)
	}
	for _, g := range d.Guardrails {
		unknown("guardrails", g.Metric)
	}
	if len(out.Faults) == 0 && was != nil && was.Started() {
		// Weights, variations and whom it is for make the groups: with others they
		// would be those of two experiments.
		for _, p := range plan.Changes(was, d) {
			if p.Code != "change.coverage" {
				add(p.Field, p.In("en"), p.In("zh-CN"))
			}
		}
		if was.Target != d.Target {
			add("target", "whom it is for is not changed once it has begun", "开始后不能再改适用成员")
		}
		if d.Status == plan.Draft {
			add("status", "what has begun is no draft any more; stop it", "已开始的实验不能再变回草稿，请停止它")
		}
		if len(out.Faults) > 0 {
			out.Code = web.TrialFixed
		}
	}
	if len(out.Faults) == 0 {
		return nil
	}
	lines := make([]error, len(out.Faults))
	for i, f := range out.Faults {
		lines[i] = fmt.Errorf("%s: %s", f.Field, f.Text)
	}
	out.Err = errors.Join(lines...)
	return out
}

func (x *trials) metrics(ctx context.Context) (list []measure.Metric, err error) {
	err = x.engine.Measured(ctx, func(m *measure.Model, _ store.Snapshot, _ time.Time) error {
		list = m.Metrics()
		return nil
	})
	return list, err
}

// turn has a definition begin, end or be settled, if that is the change.
func turn(d, was *plan.Definition, reason string) {
	before := plan.Draft
	if was != nil {
		before = was.Status
	}
	if d.Status == before {
		return
	}
	now := time.Now().Truncate(time.Millisecond)
	switch d.Status {
	case plan.Running:
		d.Begin(now)
	case plan.Stopped:
		d.End(now, reason)
	case plan.Settled:
		d.Settle(now, d.Winner)
	}
}

// did is what a change is, as a verb for the record.
func did(was, d *plan.Definition) string {
	switch {
	case d == nil:
		return "remove"
	case was == nil:
		return "make"
	case was.Status != d.Status:
		return map[plan.Status]string{plan.Running: "start", plan.Stopped: "stop", plan.Settled: "settle"}[d.Status]
	}
	a, b := *was, *d
	a.Coverage, a.Ramp, b.Coverage, b.Ramp = nil, nil, nil, nil
	if encoded(&a) == encoded(&b) {
		return "ramp"
	}
	a, b = *was, *d
	a.Forced, b.Forced = nil, nil
	if encoded(&a) == encoded(&b) {
		return "force"
	}
	return "set"
}
