package measure

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Metric is what an experiment is judged by: whether a member was active on the
// local day that is so many behind the one on which they were shown their
// variation, or whether one of some names happened to them first after that, within
// a time.
type Metric struct {
	Name   string
	Day    int
	By     []string // event kinds and tracked names
	Within time.Duration
}

// DefaultMetrics are there for every experiment, and each step of the funnel is one
// beside them. left and muted are for guardrails.
var DefaultMetrics = []Metric{
	{Name: "day7", Day: 7},
	{Name: "first_task", By: []string{"path.first_task"}, Within: 7 * 24 * time.Hour},
	{Name: "first_pr", By: []string{string(abi.PROpened)}, Within: 30 * 24 * time.Hour},
	{Name: "left", By: []string{string(abi.MemberLeft)}, Within: 3 * 24 * time.Hour},
	{Name: "muted", By: []string{"member.muted"}, Within: 3 * 24 * time.Hour},
	{Name: "replied", By: []string{"icebreaker.replied"}, Within: 3 * 24 * time.Hour},
	{Name: "clicked", By: []string{"icebreaker.clicked"}, Within: 3 * 24 * time.Hour},
	{Name: "reused", By: []string{"icebreaker.reused"}, Within: 7 * 24 * time.Hour},
}

// Metrics are what experiments may be judged by.
func (m *Model) Metrics() []Metric { return slices.Clone(m.metrics) }

// met says whether a member who was shown s did what the metric is about, and how
// long after that (of activity on a day: 0). Who had done it before is a member of
// the arm all the same, and has not.
func (m *Model) met(r *Row, s *Shown, day Day, x *Metric) (after time.Duration, ok bool) {
	if x.Day > 0 {
		return 0, r.active(day + Day(x.Day))
	}
	first := int64(0)
	for _, name := range x.By {
		if at := r.Mark(name); at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	after = time.Duration(first-s.At) * time.Millisecond
	return after, first != 0 && after >= 0 && after <= x.Within
}

func (m *Model) tallyShown(r *Row, count func(cell, int64)) {
	for i := range r.Shown {
		s := &r.Shown[i]
		day := m.calendar.Of(time.UnixMilli(s.At))
		if s.Several {
			count(cell{family: famTwice, day: day, x: s.Experiment}, 1)
			continue
		}
		count(cell{family: famShown, day: day, x: s.Experiment, y: s.Variation}, 1)
		for k := range m.metrics {
			x := &m.metrics[k]
			after, ok := m.met(r, s, day, x)
			if !ok || r.Version != m.version {
				continue
			}
			c := cell{family: famMet, day: day, x: s.Experiment, y: s.Variation, z: x.Name, w: m.version}
			count(c, 1)
			if x.Day == 0 {
				c.family, c.a = famSoon, bucket(after)
				count(c, 1)
			}
		}
		for k := range r.Shown[:i] { // in the order of their keys
			if o := &r.Shown[k]; !o.Several {
				day := m.calendar.Of(time.UnixMilli(max(s.At, o.At)))
				count(cell{family: famPair, day: day, x: o.Experiment, y: s.Experiment, z: o.Variation, w: s.Variation}, 1)
			}
		}
	}
}

// Arm is a variation, as far as counters tell.
type Arm struct {
	Variation string
	Shown     int // members who were shown it, and no other
	N         int // of them, those for whom the metric's time has passed
	Met       int // of these, those who met it

	// Median is the time from being shown the variation to meeting the metric, of
	// those who met it, right to 5 %; MedianKnown is false if nobody did, and of
	// activity on a day.
	Median      time.Duration
	MedianKnown bool
}

// Arms are the variations of an experiment.
type Arms struct {
	Arms    []Arm   // those asked for, in that order
	Several int     // members who were shown more than one, and are in no arm
	PerDay  float64 // members shown a variation a day, over the last seven days that have passed, or as many as q has of them
	Since   Day     // the first on which somebody was; 0 if nobody was
}

// Arms reads what became of the members who were shown the variations of an
// experiment on the days of q, by one metric. Only members whose time for it has
// passed are in N and Met, by the day on which they were shown their variation.
func (m *Model) Arms(ctx context.Context, snap store.Snapshot, q Query, experiment string, variations []string, metric string, now time.Time) (Arms, error) {
	out, passed, err := m.arms(ctx, snap, q, experiment, variations, metric, now)
	if err == nil {
		err = m.medians(ctx, snap, q, experiment, metric, passed, out.Arms)
	}
	return out, err
}

// Counts is Arms without medians, which are most of what that reads.
func (m *Model) Counts(ctx context.Context, snap store.Snapshot, q Query, experiment string, variations []string, metric string, now time.Time) (Arms, error) {
	out, _, err := m.arms(ctx, snap, q, experiment, variations, metric, now)
	return out, err
}

// arms reads counts, and says of a day whether the metric's time has passed for all
// who were shown a variation on it.
func (m *Model) arms(ctx context.Context, snap store.Snapshot, q Query, experiment string, variations []string, metric string, now time.Time) (out Arms, passed func(Day) bool, err error) {
	k := slices.IndexFunc(m.metrics, func(x Metric) bool { return x.Name == metric })
	if k < 0 {
		return out, nil, fmt.Errorf("measure: there is no metric %q", metric)
	}
	x := m.metrics[k]
	for _, v := range variations {
		out.Arms = append(out.Arms, Arm{Variation: v})
	}
	passed = func(d Day) bool {
		if x.Day > 0 {
			return m.calendar.Over(d+Day(x.Day), now)
		}
		return m.windowOver(d, x.Within, now)
	}
	today, week := m.calendar.Of(now), 0
	if err := q.scan(ctx, snap, func(d Day, rest []string, n int) error {
		if d < today && d >= today-7 {
			week += n
		}
		if n > 0 && (out.Since == 0 || d < out.Since) {
			out.Since = d
		}
		if i := slices.Index(variations, rest[0]); i >= 0 {
			out.Arms[i].Shown += n
			if passed(d) {
				out.Arms[i].N += n
			}
		}
		return nil
	}, famShown, experiment); err != nil {
		return out, passed, err
	}
	if days := min(7, int(today-q.From)); days > 0 {
		out.PerDay = float64(week) / float64(days)
	}
	if err := q.scan(ctx, snap, func(d Day, rest []string, n int) error {
		if len(rest) != 2 {
			return fmt.Errorf("%d names behind the day, not 2", len(rest))
		}
		if i := slices.Index(variations, rest[0]); i >= 0 && rest[1] == metric && passed(d) {
			out.Arms[i].Met += n
		}
		return nil
	}, famMet, m.version, experiment); err != nil {
		return out, passed, err
	}
	err = q.scan(ctx, snap, func(_ Day, _ []string, n int) error { out.Several += n; return nil }, famTwice, experiment)
	return out, passed, err
}

// Shown is how many members were shown one of the variations of an experiment, and
// no other, on the days of q.
func (m *Model) Shown(ctx context.Context, snap store.Snapshot, q Query, experiment string, variations []string) (shown int, err error) {
	err = q.scan(ctx, snap, func(_ Day, rest []string, n int) error {
		if slices.Contains(variations, rest[0]) {
			shown += n
		}
		return nil
	}, famShown, experiment)
	return shown, err
}

// medians reads how long those who met a metric took to it.
func (m *Model) medians(ctx context.Context, snap store.Snapshot, q Query, experiment, metric string, passed func(Day) bool, arms []Arm) error {
	soon := make([]map[int]int, len(arms))
	if err := q.scan(ctx, snap, func(d Day, rest []string, n int) error {
		if len(rest) != 2 {
			return fmt.Errorf("%d names behind the day, not 2", len(rest))
		}
		i, b := slices.IndexFunc(arms, func(a Arm) bool { return a.Variation == rest[0] }), 0
		if i < 0 || !passed(d) {
			return nil
		}
		if soon[i] == nil {
			soon[i] = map[int]int{}
		}
		err := numbers(rest[1:], &b)
		soon[i][b] += n
		return err
	}, famSoon, m.version, experiment, metric); err != nil {
		return err
	}
	for i := range arms {
		arms[i].Median, arms[i].MedianKnown = quantile(soon[i], 0.5)
	}
	return nil
}

// Table is the contingency table of two experiments: how many members were shown
// variation i of a and j of b, the second of them on a day of q. Package stats says
// whether they are independent.
func (m *Model) Table(ctx context.Context, snap store.Snapshot, q Query, a, b string, as, bs []string) ([][]int, error) {
	table := make([][]int, len(as))
	for i := range table {
		table[i] = make([]int, len(bs))
	}
	swapped := a > b
	if swapped {
		a, b = b, a
	}
	err := q.scan(ctx, snap, func(_ Day, rest []string, n int) error {
		if len(rest) != 2 {
			return fmt.Errorf("%d names behind the day, not 2", len(rest))
		}
		if swapped {
			rest[0], rest[1] = rest[1], rest[0]
		}
		if i, j := slices.Index(as, rest[0]), slices.Index(bs, rest[1]); i >= 0 && j >= 0 {
			table[i][j] += n
		}
		return nil
	}, famPair, a, b)
	return table, err
}
