package trials

import (
	"strings"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// resultView is what came of the members, by one metric.
type resultView struct {
	Metric, About string
	Counts        string // who is in the figures
	Since         string // the first day
	Counted       page.Stamp
	Rows          []armView
	Medians       bool
	Diffs         []diffView
	Forest        *forest
	Void          bool
	Ratio         *checkView
	Several       string
	PerDay        string
	Hidden        []hiddenView
	Counting      bool
	Effect        string
}

// armView is a variation by itself.
type armView struct {
	Name                string
	Control             bool
	Shown, N, Met, Rate string
	Interval            string
	Median              string
	Waiting             string // those whose time has not passed
}

// diffView is a variation beside the control.
type diffView struct {
	Name                                    string
	Known                                   bool
	Missing                                 string
	Difference, Interval, Chance, Always, P string
	Badge, Says, Tells                      string
	Smallest, Days                          string
}

// checkView is a check of how members were divided.
type checkView struct {
	Badge, Says, P string
	Bad            bool
}

type hiddenView struct {
	Platform string
	What     []page.Span
}

// metricName is what a metric is called.
func metricName(t page.Texts, name string) string {
	if key := "metric." + name; t.Has(key) {
		return t.Say(key)
	}
	return page.Printable(name)
}

// metricAbout says what a metric counts.
func metricAbout(t page.Texts, m *web.ExperimentMetric) string {
	if m.Day > 0 {
		return t.Say("about.day", m.Day)
	}
	var list []string
	for _, by := range m.By {
		if key := "kind." + by; t.Has(key) {
			by = t.Say(key)
		}
		list = append(list, page.Printable(by))
	}
	return t.Say("about.by", strings.Join(list, t.Say("or")), lasting(t, time.Duration(m.WithinS)*time.Second))
}

func newResult(t page.Texts, r *web.ExperimentResults) *resultView {
	v := &resultView{Metric: metricName(t, r.Metric.Name), About: metricAbout(t, &r.Metric), Counted: page.At(r.Counted), Effect: points(r.Effect), Counting: r.Counting, Since: r.Since}
	shown, counted, control := 0, 0, ""
	for i := range r.Arms {
		a := &r.Arms[i]
		row := armView{Name: a.Name, Control: a.Control, Shown: thousands(a.Shown), N: thousands(a.N), Met: thousands(a.Met), Rate: "–", Interval: "–", Median: "–", Waiting: thousands(a.Shown - a.N)}
		if a.Rate != nil {
			row.Rate, row.Interval = rate(*a.Rate), rate(a.Low)+" – "+rate(a.High)
		} else {
			row.Met = "–"
		}
		if a.MedianS != nil {
			row.Median, v.Medians = lasting(t, time.Duration(*a.MedianS*float64(time.Second))), true
		}
		if a.Control {
			control = a.Name
		}
		shown, counted = shown+a.Shown, counted+a.N
		v.Rows = append(v.Rows, row)
	}
	v.Counts = t.Say("counts", thousands(shown), thousands(counted), lasting(t, r.Metric.Span()))
	for i := range r.Against {
		d := newDiff(t, control, &r.Against[i], len(r.Arms) > 0 && r.Arms[0].Rate != nil)
		v.Void = v.Void || r.Against[i].Verdict == "void"
		v.Diffs = append(v.Diffs, d)
	}
	v.Forest = newForest(t, control, r.Against)
	v.Ratio = ratio(t, &r.Ratio)
	if r.Several > 0 {
		v.Several = t.Count("several", r.Several)
	}
	v.PerDay = short1(r.PerDay)
	for _, h := range r.Hidden {
		v.Hidden = append(v.Hidden, hiddenView{page.Printable(h.Platform), page.Visible(strings.Join(h.What, "; "))})
	}
	return v
}

func newDiff(t page.Texts, control string, d *web.ExperimentDiff, rated bool) diffView {
	v := diffView{Name: d.Name, Known: d.Missing == nil, Badge: "plain", Says: t.Say("verdict." + d.Verdict), Tells: t.Say("tells."+d.Verdict, d.Name, control), Smallest: "–", Days: t.Say("never")}
	switch d.Verdict {
	case "better":
		v.Badge = "good"
	case "worse", "void":
		v.Badge = "bad"
	case "open":
		v.Badge = "wait"
	}
	if !rated { // nobody knows what would have to rise
		v.Days = "–"
	}
	if d.Smallest != nil {
		v.Smallest = short1(*d.Smallest * 100)
	}
	if d.DaysNeeded != nil {
		v.Days = t.Count("days", *d.DaysNeeded)
		if *d.DaysNeeded == 0 {
			v.Days = t.Say("enough")
		}
	}
	if d.Verdict == "better" || d.Verdict == "worse" {
		v.Days = t.Say("decided")
	}
	if !v.Known {
		v.Missing = missing(t, d.Missing)
		return v
	}
	v.Difference, v.Interval = signed(d.Difference), between(d.Low, d.High)
	v.Always, v.Chance, v.P = between(d.AlwaysLow, d.AlwaysHigh), chance(d.ChanceToWin), probability(d.P)
	return v
}

func between(low, high float64) string { return signed(low) + " … " + signed(high) }

// chance writes a probability so that it never claims to be certain.
func chance(p float64) string {
	switch {
	case p > 0.999:
		return "> 99.9" + unit
	case p < 0.001:
		return "< 0.1" + unit
	}
	return rate(p)
}

func ratio(t page.Texts, r *web.ExperimentRatio) *checkView {
	switch {
	case r.P == nil:
		return &checkView{Badge: "plain", Says: missing(t, r.Missing)}
	case r.Alarm:
		return &checkView{Badge: "bad", Says: t.Say("ratio.bad"), P: probability(*r.P), Bad: true}
	}
	return &checkView{Badge: "good", Says: t.Say("ratio.good"), P: probability(*r.P)}
}

// guardView is how near a guardrail is to stopping the experiment.
type guardView struct {
	Label, Now, Most, Range string
	Percent                 int // 0 to 100
	State                   string
}

func guards(t page.Texts, list []web.GuardResult) []guardView {
	var out []guardView
	for i := range list {
		g := &list[i]
		v := guardView{Label: t.Say("guard.of", metricName(t, g.Metric), g.Variation), Most: points(g.Margin), State: "plain"}
		if g.Missing != nil {
			if v.Now = missing(t, g.Missing); g.Met+g.ControlMet == 0 && g.N > 0 {
				v.Now, v.State = t.Say("guard.nobody", thousands(g.N)), "good"
			}
			out = append(out, v)
			continue
		}
		v.Now, v.Range, v.State = t.Say("guard.now", signed(g.Harm), points(g.Margin)), between(g.Low, g.High), "good"
		if g.Margin > 0 { // what stops it is the low end of the interval
			v.Percent = max(0, min(100, int(g.Harm/g.Margin*100)))
		} else if g.Harm > 0 {
			v.Percent = 100
		}
		switch {
		case g.Broken:
			v.State, v.Percent = "bad", 100
		case v.Percent >= 75:
			v.State = "wait"
		}
		out = append(out, v)
	}
	return out
}

// glance is all metrics of an experiment beside one another.
type glance struct {
	Arms []string
	Rows []glanceRow
}

type glanceRow struct {
	Metric, At string
	Here       bool
	Cells      []glanceCell
}

type glanceCell struct{ Arm, Rate, N, Median string }

func (g *glance) add(t page.Texts, at string, here bool, r *web.ExperimentResults) {
	row := glanceRow{Metric: metricName(t, r.Metric.Name), At: at, Here: here}
	g.Arms = nil
	for i := range r.Arms {
		a := &r.Arms[i]
		g.Arms = append(g.Arms, a.Name)
		c := glanceCell{Arm: a.Name, Rate: "–", N: t.Say("of", thousands(a.Met), thousands(a.N))}
		if a.Rate != nil {
			c.Rate = rate(*a.Rate)
		} else {
			c.N = t.Say("nobody")
		}
		if a.MedianS != nil {
			c.Median = t.Say("median.of", lasting(t, time.Duration(*a.MedianS*float64(time.Second))))
		}
		row.Cells = append(row.Cells, c)
	}
	g.Rows = append(g.Rows, row)
}
