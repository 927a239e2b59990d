package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Analytics is [analytics]: what is measured of a community.
type Analytics struct {
	Active  []string      // kinds of event that count as activity
	Funnel  []FunnelStep  // that newcomers take
	Window  time.Duration // from the join, within which they take them
	Metrics []Metric      // that experiments are judged by, beside the funnel's steps

	Events map[string]string // what events from outside are here: a step of the funnel or a tracked name, by theirs
}

// FunnelStep is a step of the funnel: the first of these kinds and names.
type FunnelStep struct {
	Name string
	By   []string // kinds of event, and names that plugins track
}

// Metric is what an experiment is judged by: activity on the day that is so many
// behind the one on which a member was shown their variation, or the first of these
// kinds and names within a time.
type Metric struct {
	Name   string
	Day    int
	By     []string
	Within time.Duration
}

func defaultAnalytics() Analytics {
	a := Analytics{Window: measure.DefaultWindow, Events: map[string]string{}}
	for _, k := range measure.DefaultActive {
		a.Active = append(a.Active, string(k))
	}
	for _, s := range measure.DefaultFunnel {
		a.Funnel = append(a.Funnel, FunnelStep(s))
	}
	for _, m := range measure.DefaultMetrics {
		a.Metrics = append(a.Metrics, Metric(m))
	}
	return a
}

func (a *Analytics) keys() []key {
	return []key{
		{"analytics.active", Now, activeKinds(&a.Active)},
		{"analytics.funnel", Now, list(&a.Funnel, stepOf, FunnelStep.table, `a list of steps, such as [{ name = "first_task", by = ["path.first_task"] }]`)},
		{"analytics.window", Now, duration(&a.Window, time.Hour, 90*day)},
		{"analytics.metrics", Now, list(&a.Metrics, metricOf, Metric.table, `a list of metrics, such as [{ name = "day7", day = 7 }, { name = "first_pr", by = ["pr.opened"], within = "30d" }]`)},
		{"analytics.events", Now, eventNames(&a.Events)},
	}
}

// Measure is the settings as package measure has them.
func (a Analytics) Measure() measure.Config {
	c := measure.Config{Window: a.Window, Active: []abi.Kind{}, Funnel: []measure.Step{}, Metrics: []measure.Metric{}}
	for _, k := range a.Active {
		c.Active = append(c.Active, abi.Kind(k))
	}
	for _, s := range a.Funnel {
		c.Funnel = append(c.Funnel, measure.Step(s))
	}
	for _, m := range a.Metrics {
		c.Metrics = append(c.Metrics, measure.Metric(m))
	}
	return c
}

// fit says what is wrong with settings that are all right by themselves.
func (a Analytics) fit() error {
	_, err := measure.New(a.Measure())
	if err == nil {
		return nil
	}
	why := strings.ReplaceAll(err.Error(), "measure: ", "")
	return Say("%s", "%s", strings.ReplaceAll(why, "\n", "; "))
}

// fitAnalytics sees that what is stored of analytics goes together with what the
// file says; if it does not, all that is stored of it is left out.
func (c *Config) fitAnalytics(file *Config, stored []string) []Fault {
	err := c.Analytics.fit()
	if err == nil {
		return nil
	}
	c.Analytics.Active, c.Analytics.Funnel, c.Analytics.Window, c.Analytics.Metrics =
		file.Analytics.Active, file.Analytics.Funnel, file.Analytics.Window, file.Analytics.Metrics
	var faults []Fault
	for _, k := range c.Analytics.keys() {
		if slices.Contains(stored, k.name) && file.Where(k.name) == "" && k.name != "analytics.events" { // which stands by itself
			faults = append(faults, Fault{k.name, err})
		}
	}
	return faults
}

// activeKinds takes the kinds of event by which members are active.
func activeKinds(p *[]string) field {
	f := texts(p)
	f.set = func(v any) error {
		var list []string
		if err := texts(&list).set(v); err != nil {
			return err
		}
		var known []string
		for _, k := range abi.Kinds() {
			known = append(known, string(k))
		}
		for _, k := range list {
			if !slices.Contains(known, k) {
				return Say("has %q, which is no kind of event%s", "%[1]q 不是事件类型", k, suggest(k, known))
			}
		}
		if len(list) == 0 {
			return Say("is empty: then nobody would ever be active", "为空：这样就没有人会算作活跃")
		}
		*p = list
		return nil
	}
	return f
}

// list takes a list of tables.
func list[T any](p *[]T, read func(map[string]any) (T, error), write func(T) map[string]any, example string) field {
	get := func() any {
		out := make([]any, len(*p))
		for i, e := range *p {
			out[i] = write(e)
		}
		return out
	}
	return field{kind: JSONKind, get: get, set: func(v any) error {
		rows, ok := v.([]any)
		if !ok {
			return wrong(example, v)
		}
		out := make([]T, 0, len(rows))
		for i, row := range rows {
			table, ok := row.(map[string]any)
			if !ok {
				return wrong(example, v)
			}
			e, err := read(table)
			if err != nil {
				return Say("number %d: %v", "第 %d 项：%v", i+1, err)
			}
			out = append(out, e)
		}
		*p = out
		return nil
	}}
}

// fieldsOf takes the values of a table, and none that it does not know.
func fieldsOf(table map[string]any, set map[string]func(any) error) error {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		f, ok := set[name]
		if !ok {
			known := slices.Sorted(maps.Keys(set))
			return Say("has %q, which there is not%s; there are %s", "没有 %[1]q 这一项，可用：%[3]s", name, suggest(name, known), strings.Join(known, ", "))
		}
		if err := f(table[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func stepOf(table map[string]any) (s FunnelStep, err error) {
	err = fieldsOf(table, map[string]func(any) error{"name": nameOf(&s.Name), "by": namesOf(&s.By)})
	switch {
	case err != nil:
	case s.Name == "":
		err = Say("it has no name", "没有名字（name）")
	case len(s.By) == 0:
		err = Say(`it lacks what makes it: by = ["pr.opened"], kinds of event and names that plugins track`, `缺少由什么构成：by = ["pr.opened"]，写事件类型或插件记录的名字`)
	}
	return s, err
}

func (s FunnelStep) table() map[string]any {
	return map[string]any{"name": s.Name, "by": listOf(s.By, func(s string) string { return s })}
}

func metricOf(table map[string]any) (m Metric, err error) {
	err = fieldsOf(table, map[string]func(any) error{"name": nameOf(&m.Name), "by": namesOf(&m.By),
		"day": number(&m.Day, 1, 90).set, "within": duration(&m.Within, time.Minute, 90*day).set})
	onDay, after := m.Day > 0, len(m.By) > 0 && m.Within > 0
	switch {
	case err != nil:
	case m.Name == "":
		err = Say("it has no name", "没有名字（name）")
	case onDay == after || onDay && (len(m.By) > 0 || m.Within > 0):
		err = Say(`it is either a day = 7 of activity, or by = ["pr.opened"] and within = "30d"`, `要么写 day = 7（第 7 天活跃），要么写 by = ["pr.opened"] 和 within = "30d"`)
	}
	return m, err
}

func (m Metric) table() map[string]any {
	t := map[string]any{"name": m.Name}
	if m.Day > 0 {
		t["day"] = int64(m.Day)
		return t
	}
	t["by"], t["within"] = listOf(m.By, func(s string) string { return s }), inWords(m.Within)
	return t
}

func nameOf(p *string) func(any) error { return text(p, 1, 60).set }

// namesOf takes kinds of event and tracked names.
func namesOf(p *[]string) func(any) error {
	return func(v any) error {
		var list []string
		if err := texts(&list).set(v); err != nil {
			return err
		}
		for _, s := range list {
			if s == "" || len(s) > 64 {
				return Say("has %q, which is no kind of event and no tracked name", "%q 不是事件类型，也不是插件记录的名字", s)
			}
		}
		*p = list
		return nil
	}
}
