package app

import (
	"errors"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/plugins/experiments/plan"
	"github.com/hearthbot/hearth/sdk/experiment"
	"github.com/hearthbot/hearth/web"
)

// whole is a definition that says all there is to say.
func whole() *plan.Definition {
	half, at := 0.5, time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	return &plan.Definition{Experiment: experiment.Experiment{Key: "pace", Seed: "s", Variations: []string{"normal", "fast"}, Weights: []float64{0.7, 0.3}, Coverage: &half, Version: 1,
		Namespace: &experiment.Namespace{ID: "n", Start: 0.1, End: 0.6}, Holdout: &experiment.Holdout{Name: "h", Share: 0.05}, Forced: map[string]string{"slack:U1": "fast"},
		Start: at, Stop: at.AddDate(0, 1, 0), Ramp: []experiment.Step{{At: at.AddDate(0, 0, 1), Coverage: 1}}},
		Name: plan.Text{"en": "Pace", "zh-CN": "节奏"}, About: plan.Text{"en": "About"}, Target: `platform == "slack"`, Metrics: []string{"day7"}, Guardrails: []plan.Guardrail{{Metric: "left", Margin: 0.02, Fewer: true}},
		Status: plan.Running, Began: at, Reason: "manager", Ended: at}
}

// TestTrialAndBack has what the web is told make the definition that it was.
func TestTrialAndBack(t *testing.T) {
	for _, d := range append(plan.Samples(), whole()) {
		if ps := d.Validate(); len(ps) > 0 {
			t.Errorf("%s: %v", d.Key, ps)
		}
		e := trialOf(d)
		if got, want := encoded(definitionOf(&e, d)), encoded(d); got != want {
			t.Errorf("%s comes back as %s", want, got)
		}
		if e.Base == "" || e.Base == trialOf(nextOf(d)).Base {
			t.Errorf("%s and its change have one digest", d.Key)
		}
	}
}

func nextOf(d *plan.Definition) *plan.Definition {
	o := *d
	o.Metrics = []string{"first_task", "left"}
	return &o
}

func TestDid(t *testing.T) {
	change := func(f func(*plan.Definition)) *plan.Definition {
		d := whole()
		f(d)
		return d
	}
	for want, c := range map[string][2]*plan.Definition{
		"make": {nil, whole()}, "remove": {whole(), nil}, "stop": {whole(), change(func(d *plan.Definition) { d.Status = plan.Stopped })},
		"settle": {whole(), change(func(d *plan.Definition) { d.Status, d.Winner = plan.Settled, "fast" })},
		"start":  {change(func(d *plan.Definition) { d.Status = plan.Draft }), whole()},
		"ramp":   {whole(), change(func(d *plan.Definition) { d.Coverage, d.Ramp = nil, nil })},
		"force":  {whole(), change(func(d *plan.Definition) { d.Forced = map[string]string{"slack:U2": "fast"} })},
		"set":    {whole(), change(func(d *plan.Definition) { d.Name = plan.Text{"en": "Tempo"} })},
	} {
		if got := did(c[0], c[1]); got != want {
			t.Errorf("it is called %q, want %q", got, want)
		}
	}
}

func TestFaster(t *testing.T) {
	was := whole()
	e := trialOf(was)
	for name, c := range map[string]struct {
		was    *plan.Definition
		change web.ExperimentChange
		code   string // "" is right
	}{
		"a new one":               {nil, web.ExperimentChange{Key: "pace", Want: &e}, ""},
		"one that is there":       {was, web.ExperimentChange{Key: "pace", Want: &e}, web.TrialExists},
		"a change":                {was, web.ExperimentChange{Key: "pace", Want: &e, Base: e.Base}, ""},
		"a change of what was":    {was, web.ExperimentChange{Key: "pace", Want: &e, Base: "older"}, web.TrialFaster},
		"a change of what is not": {nil, web.ExperimentChange{Key: "pace", Want: &e, Base: e.Base}, web.TrialFaster},
		"a deletion":              {was, web.ExperimentChange{Key: "pace", Base: e.Base}, ""},
		"a deletion of what was":  {was, web.ExperimentChange{Key: "pace"}, web.TrialFaster},
	} {
		err := faster(c.was, &c.change)
		var x *web.ExperimentError
		if c.code == "" && err != nil || c.code != "" && (!errors.As(err, &x) || x.Code != c.code) {
			t.Errorf("%s is answered %v, want %q", name, err, c.code)
		}
	}
	if err := faster(nil, &web.ExperimentChange{Key: "pace"}); !errors.Is(err, web.ErrNotFound) {
		t.Errorf("a deletion of nothing is answered %v", err)
	}
}

// TestArms has counts become what they prove: a difference, no verdict from too few,
// and none where members were not divided by the weights.
func TestArms(t *testing.T) {
	d := whole()
	d.Variations, d.Weights = []string{"normal", "fast", "slow"}, nil
	results := func(counts ...[3]int) *web.ExperimentResults {
		t.Helper()
		got := &measure.Arms{PerDay: 30, Since: measure.DateOf(2026, 11, 1), Several: 1}
		for i, c := range counts {
			got.Arms = append(got.Arms, measure.Arm{Variation: d.Variations[i], Shown: c[0], N: c[1], Met: c[2], Median: time.Hour, MedianKnown: c[2] > 0})
		}
		out := &web.ExperimentResults{Effect: 0.05}
		if err := arms(out, d, got); err != nil {
			t.Fatal(err)
		}
		return out
	}
	r := results([3]int{1000, 900, 270}, [3]int{1010, 900, 390}, [3]int{990, 10, 2})
	if x := r.Against[0]; x.Verdict != "better" || x.AlwaysLow <= 0 || x.ChanceToWin < 0.99 || x.Smallest == nil || x.DaysNeeded == nil {
		t.Errorf("a better one is %+v", x)
	}
	if x := r.Against[1]; x.Verdict != "not_enough" || x.Missing == nil || x.Missing.Have != 10 {
		t.Errorf("one of few is %+v", x)
	}
	if r.Since != "2026-11-01" || r.Several != 1 || !r.Arms[0].Control || *r.Arms[0].Rate != 0.3 || *r.Arms[0].MedianS != 3600 || r.Ratio.P == nil || r.Ratio.Alarm {
		t.Errorf("the results are %+v", r)
	}
	r = results([3]int{1000, 900, 270}, [3]int{700, 600, 390}, [3]int{990, 900, 300})
	if x := r.Against[0]; x.Verdict != "void" || !r.Ratio.Alarm {
		t.Errorf("what was not divided by the weights is %+v with %+v", x, r.Ratio)
	}
	d.Weights = []float64{1, 0, 0} // nobody is divided
	r = results([3]int{1000, 900, 270}, [3]int{}, [3]int{})
	if x := r.Against[0]; x.Verdict != "not_enough" || r.Arms[0].Shown != 1000 || r.Ratio.Alarm || r.Ratio.P != nil {
		t.Errorf("one arm alone comes to %+v, %+v", x, r.Ratio)
	}
	d.Weights = nil
	r = results([3]int{}, [3]int{}, [3]int{})
	if x := r.Against[0]; x.Verdict != "not_enough" || x.DaysNeeded != nil || r.Arms[0].Rate != nil || r.Ratio.Missing == nil {
		t.Errorf("nobody comes to %+v, %+v", x, r)
	}
}

func TestNeeds(t *testing.T) {
	base := 0.3
	out := web.ExperimentNeeds{Base: &base, Effect: 0.05, PerDay: 60, Arms: 3}
	if err := needs(&out, web.ExperimentMetric{Name: "day7", Day: 7}, 0.5); err != nil {
		t.Fatal(err)
	}
	if out.PerArm < out.Once || out.Once < 1000 || out.Days == nil || *out.Days != (out.PerArm+9)/10+8 {
		t.Errorf("it takes %+v and %d days", out, *out.Days)
	}
	for name, n := range map[string]web.ExperimentNeeds{"no rate": {Effect: 0.05, PerDay: 60, Arms: 2}, "more than all": {Base: &base, Effect: 0.8, PerDay: 60, Arms: 2}} {
		if err := needs(&n, web.ExperimentMetric{}, 0); err != nil || n.PerArm != 0 || n.Days != nil {
			t.Errorf("%s takes %+v, %v", name, n, err)
		}
	}
	nobody := web.ExperimentNeeds{Base: &base, Effect: 0.05, Arms: 2}
	if err := needs(&nobody, web.ExperimentMetric{}, 0); err != nil || nobody.PerArm == 0 || nobody.Days != nil {
		t.Errorf("where nobody comes it takes %+v, %v", nobody, err)
	}
}
