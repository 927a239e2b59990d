package trials

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// oneView is the page of an experiment.
type oneView struct {
	page.Head
	Done           string
	Sorry          *sorry
	Key, Path      string
	About          []page.Span
	Badge, Says    string
	Draft, Running bool
	Settled        bool
	Broke          string // the guardrail that stopped it
	Base           string

	Arms       []shareView
	Coverage   string
	Steps      []stepView
	Target     string
	Start      *page.Stamp
	Stop       *page.Stamp
	Began      *page.Stamp
	Ended      *page.Stamp
	Namespace  string
	Holdout    string
	GuardNames []string

	Choice  choiceView
	Result  *resultView // nil: nobody was shown anything yet
	Glance  *glance     // likewise
	Guards  []guardView
	Pairs   []pairView
	Needs   *needsView // nil: it runs
	Ramp    rampForm
	Testers []testerView
	Tester  testerForm
	History []changeView
}

type shareView struct {
	Name, Share string
	Control     bool
}

type stepView struct {
	At       page.Stamp
	Coverage string
}

// choiceView is what is looked at.
type choiceView struct {
	Metrics   []option
	Platforms []option
	Effect    string
}

type option struct {
	Value, Says string
	On          bool
}

type testerView struct{ ID, Path, Variation string }

type testerForm struct {
	ID, Variation, Wrong string
	Variations           []option
}

type changeView struct {
	At  page.Stamp
	By  []page.Span
	Did string
	Why []page.Span
}

// rampForm is how many members are in it, now and later.
type rampForm struct {
	Now, Steps           string
	WrongNow, WrongSteps string
	Zone                 string
}

// needsView is what it takes to find an effect.
type needsView struct {
	Base, Effect, PerDay string // as typed, or worked out
	Metric               string
	From                 string // whence the base is
	Known                bool
	PerArm, All, Once    string
	Days, Until          string
	Metrics              []option
}

const (
	maxGlance  = 8
	maxHistory = 20
)

func (p *pages) one(w http.ResponseWriter, r *page.Request) error {
	return p.showOne(w, r, http.StatusOK, &oneView{})
}

// showOne shows the page; v has what a form that was refused adds to it.
func (p *pages) showOne(w http.ResponseWriter, r *page.Request, status int, v *oneView) error {
	key := r.PathValue("key")
	d, err := p.o.Experiments.Experiment(r.Context(), key)
	if err != nil {
		return p.lacking(err)
	}
	l, err := p.o.Experiments.Experiments(r.Context())
	if err != nil {
		return p.lacking(err)
	}
	t, e, now := p.Texts(r), &d.Experiment, p.o.Now()
	zone := zoneOf(l.Zone)
	v.Head, v.Done = page.Head{Title: name(t, e)}, p.Done(r)
	v.Key, v.Path, v.Base, v.About = e.Key, path(e.Key), e.Base, page.Visible(t.In(e.About))
	v.Badge, v.Says = state(t, e, now)
	v.Draft, v.Running = e.Status == web.TrialDraft || e.Status == "", e.Status == web.TrialRunning
	v.Settled = e.Status == web.TrialSettled
	if metric, ok := strings.CutPrefix(e.Reason, "guardrail:"); ok && e.Status == web.TrialStopped {
		v.Broke = t.Say("broke", metricName(t, metric))
	}
	v.define(t, e, now, zone)
	if err := p.results(r, v, e, &l); err != nil {
		return err
	}
	v.Pairs = pairs(t, l.Independent, namesOf(t, l.Experiments), e.Key)
	if !v.Running {
		if v.Needs, err = p.needs(r, t, e, l.Metrics); err != nil {
			return err
		}
	}
	for i, c := range d.History {
		if i == maxHistory {
			break
		}
		x := changeView{At: page.At(c.At), By: page.Visible(c.By), Did: page.Printable(c.Did), Why: page.Visible(c.Why)}
		if key := "did." + strings.TrimPrefix(c.Did, "experiment."); t.Has(key) {
			x.Did = t.Say(key)
		}
		v.History = append(v.History, x)
	}
	return p.Show(w, r, status, "experiment", v)
}

func namesOf(t page.Texts, list []web.ExperimentSummary) map[string]string {
	out := map[string]string{}
	for i := range list {
		out[list[i].Key] = name(t, &list[i].Experiment)
	}
	return out
}

// define shows the definition.
func (v *oneView) define(t page.Texts, e *web.Experiment, now time.Time, zone *time.Location) {
	for i, a := range e.Variations {
		v.Arms = append(v.Arms, shareView{a.Name, percent(a.Weight), i == 0})
		v.Tester.Variations = append(v.Tester.Variations, option{a.Name, a.Name, a.Name == v.Tester.Variation})
	}
	v.Coverage, v.Target = percent(e.CoverageAt(now)), e.Target
	v.Start, v.Stop = page.Maybe(e.Start), page.Maybe(e.Stop)
	v.Began, v.Ended = page.Maybe(e.Began), page.Maybe(e.Ended)
	if n := e.Namespace; n != nil {
		v.Namespace = page.Printable(n.ID) + ": " + percent(n.Start) + " – " + percent(n.End)
	}
	if h := e.Holdout; h != nil {
		v.Holdout = page.Printable(h.Name) + ": " + percent(h.Share)
	}
	for _, g := range e.Guardrails {
		v.GuardNames = append(v.GuardNames, t.Say("guard.rule", metricName(t, g.Metric), points(g.Margin)))
	}
	var lines []string
	for _, s := range e.Ramp {
		if s.At.After(now) {
			v.Steps = append(v.Steps, stepView{page.At(s.At), percent(s.Coverage)})
			lines = append(lines, s.At.In(zone).Format(lineTime)+" "+short(s.Coverage*100))
		}
	}
	if v.Ramp.WrongNow == "" && v.Ramp.WrongSteps == "" {
		v.Ramp.Now, v.Ramp.Steps = short(e.CoverageAt(now)*100), strings.Join(lines, "\n")
	}
	v.Ramp.Zone = zone.String()
	for _, id := range slices.Sorted(maps.Keys(e.Forced)) {
		v.Testers = append(v.Testers, testerView{id, "/members/" + url.PathEscape(id), e.Forced[id]})
	}
}

// results reads what came of it, by the metric that is asked for and at a glance
// by the others.
func (p *pages) results(r *page.Request, v *oneView, e *web.Experiment, l *web.ExperimentList) error {
	t, q := p.Texts(r), r.URL.Query()
	metric := q.Get("metric")
	if !slices.ContainsFunc(l.Metrics, func(m web.ExperimentMetric) bool { return m.Name == metric }) {
		metric = ""
	}
	effect, err := decimal(q.Get("effect"), 100)
	if err != nil {
		effect = 0
	}
	ask := web.ResultsQuery{Metric: metric, Platform: q.Get("platform"), Effect: effect / 100}
	main, err := p.o.Experiments.Results(r.Context(), e.Key, ask)
	if err != nil {
		return p.lacking(err)
	}
	v.Choice.Effect = points(main.Effect)
	for _, m := range l.Metrics {
		v.Choice.Metrics = append(v.Choice.Metrics, option{m.Name, metricName(t, m.Name), m.Name == main.Metric.Name})
	}
	for _, name := range main.Platforms {
		v.Choice.Platforms = append(v.Choice.Platforms, option{name, page.Printable(name), name == ask.Platform})
	}
	if !slices.ContainsFunc(main.Arms, func(a web.ExperimentResult) bool { return a.Shown > 0 }) {
		return nil
	}
	v.Result = newResult(t, &main)
	v.Guards = guards(t, main.Guards)
	v.Glance = &glance{}
	at := func(m string) string {
		return v.Path + "?" + page.Query("metric", m, "platform", ask.Platform, "effect", q.Get("effect")) + "#results"
	}
	for _, m := range e.Metrics {
		if len(v.Glance.Rows) == maxGlance {
			break
		}
		if !slices.ContainsFunc(l.Metrics, func(x web.ExperimentMetric) bool { return x.Name == m }) {
			continue // it was measured once, and is not any more
		}
		one := main
		if m != main.Metric.Name {
			ask.Metric = m
			if one, err = p.o.Experiments.Results(r.Context(), e.Key, ask); err != nil {
				return p.lacking(err)
			}
		}
		v.Glance.add(t, at(m), m == main.Metric.Name, &one)
	}
	if len(v.Glance.Rows) < 2 {
		v.Glance = nil // it says no more than the page
	}
	return nil
}

// needs works out what it takes.
func (p *pages) needs(r *page.Request, t page.Texts, e *web.Experiment, metrics []web.ExperimentMetric) (*needsView, error) {
	q := r.URL.Query()
	v := &needsView{Base: q.Get("base"), Effect: q.Get("rise"), PerDay: q.Get("perday"), Metric: q.Get("by")}
	if v.Metric == "" && len(e.Metrics) > 0 {
		v.Metric = e.Metrics[0]
	}
	ask := web.NeedsQuery{Key: e.Key, Metric: v.Metric, Arms: len(e.Variations), Share: e.CoverageAt(p.o.Now())}
	for _, n := range []struct {
		text string
		to   *float64
		most float64
		unit float64
	}{{v.Base, &ask.Base, 100, 100}, {v.Effect, &ask.Effect, 100, 100}, {v.PerDay, &ask.PerDay, 1e6, 1}} {
		if x, err := decimal(n.text, n.most); err == nil {
			*n.to = x / n.unit
		}
	}
	got, err := p.o.Experiments.Needs(r.Context(), ask)
	if err != nil {
		return nil, p.lacking(err)
	}
	for _, m := range metrics {
		v.Metrics = append(v.Metrics, option{m.Name, metricName(t, m.Name), m.Name == v.Metric})
	}
	v.Effect, v.PerDay = points(got.Effect), short(got.PerDay)
	if got.Base == nil {
		return v, nil
	}
	v.Base = points(*got.Base)
	if got.BaseN > 0 {
		v.From = t.Say("needs.own", thousands(got.BaseN))
	}
	if got.PerArm == 0 {
		return v, nil
	}
	v.Known = true
	v.PerArm, v.All, v.Once, v.Days = thousands(got.PerArm), thousands(got.PerArm*got.Arms), thousands(got.Once), "–"
	v.Until = t.Say("needs.never")
	if got.Days != nil {
		v.Days, v.Until = thousands(*got.Days), t.Say("needs.days")
	}
	return v, nil
}

// zoneOf is the community's time zone.
func zoneOf(name string) *time.Location {
	if z, err := time.LoadLocation(name); err == nil {
		return z
	}
	return time.UTC
}

// decimal reads a number that is not negative; "" is 0.
func decimal(s string, most float64) (float64, error) {
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
	if err == nil && !(n >= 0 && n <= most) {
		err = strconv.ErrRange
	}
	return n, err
}
