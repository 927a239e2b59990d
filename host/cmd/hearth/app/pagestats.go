package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web"
)

// statistics are what the engine measured, as pages and API show it.
type statistics struct{ engine *host.Engine }

var _ web.Analytics = statistics{}

// The days of a question that names none, up to today.
const (
	usualDays   = 56
	monthlyDays = 365 // if cohorts are months
)

// reading is one look at the figures: all of it is of one moment.
type reading struct {
	statistics
	ctx   context.Context
	m     *measure.Model
	snap  store.Snapshot
	now   time.Time
	q     measure.Query
	scope web.Scope
	since measure.Day // before it nothing is known; if scope.Since is set
}

// read calls f with what c asks for.
func (e statistics) read(ctx context.Context, c web.Cohorts, days int, f func(r *reading) error) error {
	var own error
	err := e.engine.Measured(ctx, func(m *measure.Model, snap store.Snapshot, now time.Time) error {
		r := &reading{statistics: e, ctx: ctx, m: m, snap: snap, now: now}
		if own = r.ask(c, days); own == nil {
			own = f(r)
		}
		return own
	})
	if errors.Is(own, web.ErrAsked) {
		return own // says it all
	}
	return err
}

// ask finds out what is asked for.
func (r *reading) ask(c web.Cohorts, days int) error {
	segments, err := measure.Segments(r.ctx, r.snap)
	if err != nil {
		return err
	}
	hidden := r.engine.Coverage()
	today := r.m.Calendar().Of(r.now)
	r.scope = web.Scope{Segments: []string{}, Platforms: append([]string{}, segments...), Today: today.String(), TimeZone: r.m.Calendar().Zone(r.now), At: r.now.UTC(), Hidden: []web.Hidden{},
		Counting: r.engine.Measuring().Counted >= 0}
	for _, s := range c.Segment {
		if !slices.Contains(segments, s) && !slices.ContainsFunc(hidden, func(h host.Hidden) bool { return h.Platform == s }) {
			return fmt.Errorf("%w: nothing is known of a platform %q; there is %q", web.ErrAsked, s, segments)
		}
		if !slices.Contains(r.scope.Segments, s) {
			r.scope.Segments = append(r.scope.Segments, s)
		}
	}
	if len(r.scope.Segments) > 0 {
		r.q.Segments = r.scope.Segments
	}
	for _, h := range hidden {
		if r.q.Segments == nil || slices.Contains(r.q.Segments, h.Platform) {
			r.scope.Hidden = append(r.scope.Hidden, web.Hidden{Platform: h.Platform, What: h.What})
		}
	}
	if r.q.From, r.q.To, err = between(c, today, days); err != nil {
		return err
	}
	r.scope.From, r.scope.To = r.q.From.String(), r.q.To.String()
	first, ok, err := measure.Since(r.ctx, r.snap, measure.Query{})
	if err != nil || !ok {
		return err
	}
	r.since = min(first, r.m.Calendar().Of(r.engine.Measuring().Since))
	r.scope.Since = r.since.String()
	return nil
}

// between are the days that c asks for.
func between(c web.Cohorts, today measure.Day, days int) (from, to measure.Day, err error) {
	to = today
	if c.To != "" {
		if to, err = measure.ParseDay(c.To); err != nil {
			return 0, 0, fmt.Errorf("%w: to: %q is no day", web.ErrAsked, c.To)
		}
	}
	from = to - measure.Day(days) + 1
	if c.From != "" {
		if from, err = measure.ParseDay(c.From); err != nil {
			return 0, 0, fmt.Errorf("%w: from: %q is no day", web.ErrAsked, c.From)
		}
	}
	switch {
	case from > to:
		return 0, 0, fmt.Errorf("%w: the first day, %v, is behind the last, %v", web.ErrAsked, from, to)
	case to-from >= web.MaxDays:
		return 0, 0, fmt.Errorf("%w: from %v to %v are %d days; at most %d at once", web.ErrAsked, from, to, to-from+1, web.MaxDays)
	case from < measure.DateOf(2000, 1, 1), to > today+366:
		return 0, 0, fmt.Errorf("%w: days are from 2000-01-01 to a year from now", web.ErrAsked)
	}
	return from, to, nil
}

func (e statistics) Scope(ctx context.Context, c web.Cohorts) (out web.Scope, err error) {
	err = e.read(ctx, c, usualDays, func(r *reading) error { out = r.scope; return nil })
	return out, err
}

func (e statistics) Coverage(context.Context) ([]web.Hidden, error) {
	out := []web.Hidden{}
	for _, h := range e.engine.Coverage() {
		out = append(out, web.Hidden{Platform: h.Platform, What: h.What})
	}
	return out, nil
}

func (e statistics) Active(ctx context.Context, c web.Cohorts) (out web.ActiveDays, err error) {
	err = e.read(ctx, c, usualDays, func(r *reading) (err error) { out, err = r.active(); return err })
	return out, err
}

func (e statistics) Retention(ctx context.Context, f web.RetentionFilter) (out web.Retention, err error) {
	err = e.read(ctx, f.Cohorts, daysBy(f.Unit), func(r *reading) (err error) { out, err = r.retention(f); return err })
	return out, err
}

func daysBy(unit string) int {
	if unit == "month" {
		return monthlyDays
	}
	return usualDays
}

func (e statistics) Funnel(ctx context.Context, c web.Cohorts) (out web.Funnel, err error) {
	err = e.read(ctx, c, usualDays, func(r *reading) (err error) { out, err = r.funnel(); return err })
	return out, err
}

func (e statistics) FirstMinutes(ctx context.Context, c web.Cohorts) (out web.FirstMinutes, err error) {
	err = e.read(ctx, c, usualDays, func(r *reading) (err error) { out, err = r.first(); return err })
	return out, err
}

func (e statistics) PullRequests(ctx context.Context, f web.RequestFilter) (out web.PullRequests, err error) {
	err = e.read(ctx, f.Cohorts, usualDays, func(r *reading) (err error) { out, err = r.requests(f.Within); return err })
	return out, err
}

func (e statistics) Paths(ctx context.Context, c web.Cohorts) (out web.Paths, err error) {
	err = e.read(ctx, c, usualDays, func(r *reading) (err error) { out, err = r.paths(); return err })
	return out, err
}

func (e statistics) Dashboard(ctx context.Context, f web.DashboardFilter) (d web.Dashboard, err error) {
	err = e.read(ctx, f.Cohorts, daysBy(f.Unit), func(r *reading) (err error) {
		if d.Active, err = r.active(); err != nil || r.scope.Since == "" {
			return err
		}
		daily := f.RetentionFilter
		daily.Unit, daily.Ages = "day", 7
		if d.DayByDay, err = r.retention(daily); err != nil {
			return err
		}
		if d.Retention, err = r.retention(f.RetentionFilter); err != nil {
			return err
		}
		if d.Requests, err = r.requests(f.Within); err != nil {
			return err
		}
		if d.Funnel, err = r.funnel(); err != nil {
			return err
		}
		if d.First, err = r.first(); err != nil {
			return err
		}
		d.Paths, err = r.paths()
		return err
	})
	return d, err
}

func (r *reading) active() (web.ActiveDays, error) {
	out := web.ActiveDays{Scope: r.scope, Kinds: r.m.Actives(), Days: []web.ActiveDay{}}
	days, err := r.m.ActiveMembers(r.ctx, r.snap, r.q, r.now)
	if err != nil {
		return out, err
	}
	today := r.m.Calendar().Of(r.now)
	for i := range days {
		d := &days[i]
		x := web.ActiveDay{Day: d.Day.String(), Over: d.Over}
		if r.scope.Since != "" && d.Day >= r.since && d.Day <= today {
			x.Daily, x.Weekly, x.Monthly = &d.Daily, &d.Weekly, &d.Monthly
		}
		out.Days = append(out.Days, x)
	}
	return out, nil
}

func partOf(c measure.Cell) web.Part { return web.PartOf(c.N, c.Active, c.Known) }

func partsOf(cells []measure.Cell) []web.Part {
	out := make([]web.Part, len(cells))
	for i, c := range cells {
		out[i] = partOf(c)
	}
	return out
}

func (r *reading) retention(f web.RetentionFilter) (web.Retention, error) {
	unit := measure.Unit(max(0, slices.Index(web.Units, f.Unit)))
	def := measure.Definition(max(0, slices.Index(web.Definitions, f.Definition)))
	ages := f.Ages
	if ages == 0 {
		ages = [...]int{30, 12, 12}[unit]
		if def == measure.Rolling {
			ages = measure.RollingDays
		}
	}
	out := web.Retention{Scope: r.scope, Unit: web.Units[unit], Definition: web.Definitions[def], Cohorts: []web.Cohort{}}
	t, err := r.m.Retention(r.ctx, r.snap, r.q, unit, def, ages, r.now)
	if err != nil {
		return out, err
	}
	for _, c := range t.Cohorts {
		out.Cohorts = append(out.Cohorts, web.Cohort{Name: c.Name, First: c.First.String(), N: c.N, Ages: partsOf(c.Cells)})
	}
	out.Mean = partsOf(t.Mean)
	return out, nil
}

func (r *reading) funnel() (web.Funnel, error) {
	out := web.Funnel{Scope: r.scope, Window: r.m.Window().Hours(), Steps: []web.Step{}}
	steps, err := r.m.Funnel(r.ctx, r.snap, r.q, r.now)
	if err != nil {
		return out, err
	}
	by := r.m.Steps()
	for i, s := range steps {
		x := web.Step{Name: s.Name, By: by[i].By, Reached: s.Reached, InProgress: s.InProgress, Lost: s.Lost, DropOff: s.Biggest, LostAt: s.LostAt[:]}
		if joined := steps[0].Reached; joined > 0 {
			share := float64(s.Reached) / float64(joined)
			x.OfJoined = &share
		}
		if rate, ok := s.Rate(); ok && i > 0 {
			x.Rate = &rate
		}
		if s.MedianKnown && i > 0 {
			seconds := s.Median.Seconds()
			x.Median = &seconds
		}
		out.Steps = append(out.Steps, x)
	}
	return out, nil
}

func (r *reading) first() (web.FirstMinutes, error) {
	h, err := r.m.Heat(r.ctx, r.snap, r.q)
	out := web.FirstMinutes{Scope: r.scope, N: h.N, Actions: []web.MinuteAction{}}
	for i := range h.Cells {
		out.Actions = append(out.Actions, web.MinuteAction{Name: (measure.Message + measure.Action(i)).String(), Minutes: slices.Clone(h.Cells[i][:])})
	}
	return out, err
}

func (r *reading) requests(within int) (web.PullRequests, error) {
	out := web.PullRequests{Scope: r.scope, Within: within, Days: []web.RequestDay{}}
	for _, x := range []struct {
		name string
		to   *[]web.RequestWithin
	}{{string(abi.PROpened), &out.Opened}, {string(abi.PRMerged), &out.Merged}} {
		list, err := r.m.PullRequests(r.ctx, r.snap, r.q, x.name, r.now)
		if err != nil {
			return out, err
		}
		*x.to = []web.RequestWithin{}
		for _, w := range list {
			*x.to = append(*x.to, web.RequestWithin{Days: w.Days, Part: partOf(w.Cell), Before: w.Before})
		}
	}
	days, err := r.m.PullRequestDays(r.ctx, r.snap, r.q, string(abi.PROpened), within, r.now)
	if err != nil {
		return out, err
	}
	for d := r.q.From; d <= r.q.To; d++ {
		out.Days = append(out.Days, web.RequestDay{Day: d.String(), Part: partOf(days[d])})
	}
	return out, nil
}

func (r *reading) paths() (web.Paths, error) {
	out := web.Paths{Scope: r.scope, Links: []web.PathLink{}}
	links, err := r.m.Paths(r.ctx, r.snap, r.q)
	for _, l := range links {
		from, to := l.From.String(), l.To.String()
		if l.From == measure.NoAction {
			from = "joined"
		}
		if l.To == measure.NoAction {
			to = "nothing"
		}
		out.Links = append(out.Links, web.PathLink{Depth: l.Depth, From: from, To: to, N: l.N})
	}
	return out, err
}

// Standing lists at most as many as are asked for, and 200 if that is 0.
func (e statistics) Standing(ctx context.Context, f web.StandingFilter) (out web.Standing, err error) {
	err = e.read(ctx, f.Cohorts, usualDays, func(r *reading) error {
		steps := r.m.Steps()
		at := slices.IndexFunc(steps, func(s measure.Step) bool { return s.Name == f.Step })
		if at < 0 {
			return fmt.Errorf("%w: the funnel has no step %q", web.ErrAsked, f.Step)
		}
		out = web.Standing{Scope: r.scope, Step: f.Step, State: f.State, Members: []web.StandingOf{}}
		last := at == len(steps)-1
		if !last {
			out.Next = steps[at+1].Name
		}
		// Who joined earlier is lost earlier: the days divide.
		q := r.q
		progress := q.From
		for progress <= q.To && r.m.Lost(progress, r.now) {
			progress++
		}
		switch f.State {
		case "lost":
			q.To = progress - 1
		case "in_progress":
			q.From = progress
		}
		if q.From > q.To || last && f.State != "" {
			return nil
		}
		limit := f.Limit
		if limit == 0 {
			limit = 200
		}
		list, err := r.m.StandingMembers(r.ctx, r.snap, q, at, limit+1)
		if err != nil {
			return err
		}
		if out.More = len(list) > limit; out.More {
			list = list[:limit]
		}
		for _, id := range list {
			x := web.StandingOf{ID: id}
			p, _, err := members.Get(r.ctx, r.snap, id)
			if err != nil {
				return err
			}
			x.Name = p.Name
			stored, err := r.snap.Get(r.ctx, measure.Key(id))
			if err != nil {
				return err
			}
			row, err := measure.ReadRow(stored)
			if err != nil {
				return err
			}
			if row.Joined != 0 {
				joined := time.UnixMilli(row.Joined).UTC()
				x.Joined = &joined
				x.Lost = !last && r.m.Lost(r.m.Calendar().Of(joined), r.now)
			}
			out.Members = append(out.Members, x)
		}
		return nil
	})
	return out, err
}
