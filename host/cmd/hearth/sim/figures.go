package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/store"
)

// span is of which days a world's figures are read.
func (w *world) span(now time.Time) measure.Query {
	return measure.Query{From: measure.Day(w.day(w.begin) - 40), To: measure.Day(w.day(now))}
}

// read asks hearth for the same figures as truth.figures counts, by what its pages
// and its API ask.
func (w *world) read(ctx context.Context, m *measure.Model, snap store.Snapshot, platform string, now time.Time) (figures, error) {
	q := w.span(now)
	if platform != "" {
		q.Segments = []string{platform}
	}
	f := figures{}
	active, err := m.ActiveMembers(ctx, snap, q, now)
	if err != nil {
		return nil, err
	}
	for _, a := range active {
		for name, n := range map[string]int{"active, day": a.Daily, "active, 7 days": a.Weekly, "active, 30 days": a.Monthly} {
			f.add(name, a.Day.String(), n)
		}
	}
	for i, u := range []measure.Unit{measure.Days, measure.Weeks, measure.Months} {
		if err := w.readRetention(ctx, f, m, snap, q, u, &units[i], now); err != nil {
			return nil, err
		}
	}
	if err := readFunnel(ctx, f, m, snap, q, now); err != nil {
		return nil, err
	}
	heat, err := m.Heat(ctx, snap, q)
	if err != nil {
		return nil, err
	}
	for a := range heat.Cells {
		for minute, n := range heat.Cells[a] {
			f.add("first five minutes", fmt.Sprintf("%s, minute %d", measure.Action(a+1), minute+1), n)
		}
	}
	links, err := m.Paths(ctx, snap, q)
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		from, to := l.From.String(), l.To.String()
		if l.Depth == 0 {
			from = "joined"
		}
		if l.To == measure.NoAction {
			to = "nothing more"
		}
		f.add("first paths", fmt.Sprintf("%d %s > %s", l.Depth, from, to), l.N)
	}
	for _, name := range []string{"pr.opened", "pr.merged"} {
		list, err := m.PullRequests(ctx, snap, q, name, now)
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			cell := fmt.Sprintf("%s in %d days: ", name, x.Days)
			f.add("pull requests", cell+"before", x.Before)
			f.add("pull requests", cell+"of", x.N)
			f.add("pull requests", cell+"had one", x.Active)
		}
	}
	return f, w.readArms(ctx, f, m, snap, q, now)
}

func (w *world) readRetention(ctx context.Context, f figures, m *measure.Model, snap store.Snapshot, q measure.Query, u measure.Unit, as *unit, now time.Time) error {
	for def, name := range map[measure.Definition]string{
		measure.OnDay: "retained by " + as.name, measure.OrAfter: "retained by " + as.name + " or after",
		measure.Rolling: "retained by 24 hours, cohorts by " + as.name,
	} {
		t, err := m.Retention(ctx, snap, q, u, def, as.ages, now)
		if err != nil {
			return err
		}
		for _, c := range t.Cohorts {
			if def == measure.OnDay {
				f.add("cohorts by "+as.name, c.Name, c.N)
			}
			for age, cell := range c.Cells {
				if cell.Known {
					f.add(name, fmt.Sprintf("%s +%d", c.Name, age), cell.Active)
				}
			}
		}
	}
	return nil
}

func readFunnel(ctx context.Context, f figures, m *measure.Model, snap store.Snapshot, q measure.Query, now time.Time) error {
	list, err := m.Funnel(ctx, snap, q, now)
	if err != nil {
		return err
	}
	for i, s := range list {
		f.add("funnel", s.Name+" reached", s.Reached)
		if i == 0 {
			continue
		}
		f.add("funnel", s.Name+" lost", s.Lost)
		f.add("funnel", s.Name+" in progress", s.InProgress)
		for hour, n := range s.LostAt {
			f.add("drop-off by hour", fmt.Sprintf("%s %02d", s.Name, hour), n)
		}
		behind, err := m.StandingMembers(ctx, snap, q, i-1, 1_000_000)
		if err != nil {
			return err
		}
		f.add("members behind a drop-off", s.Name, len(behind))
	}
	return nil
}

func (w *world) readArms(ctx context.Context, f figures, m *measure.Model, snap store.Snapshot, q measure.Query, now time.Time) error {
	if len(w.variations) == 0 {
		return nil
	}
	group := "experiment " + greeting
	for i, x := range metrics {
		arms, err := m.Arms(ctx, snap, q, greeting, w.variations, x, now)
		if err != nil {
			return err
		}
		for _, a := range arms.Arms {
			if i == 0 {
				f.add(group, a.Variation+" shown", a.Shown)
			}
			f.add(group, fmt.Sprintf("%s %s of", a.Variation, x), a.N)
			f.add(group, fmt.Sprintf("%s %s met", a.Variation, x), a.Met)
		}
	}
	return nil
}
