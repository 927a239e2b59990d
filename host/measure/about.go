package measure

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/store"
)

// Calendar is the community's.
func (m *Model) Calendar() Calendar { return m.calendar }

// Zone is the name of the time zone in force at t.
func (c Calendar) Zone(t time.Time) string {
	loc, _ := c.zone(t)
	return loc.String()
}

// Steps are those of the funnel, in their order.
func (m *Model) Steps() []Step { return slices.Clone(m.funnel) }

// Window is how long members have for the funnel, from their join.
func (m *Model) Window() time.Duration { return m.window }

// Actives are the kinds of event that count as activity.
func (m *Model) Actives() []string {
	var list []string
	for _, k := range m.active {
		list = append(list, string(k))
	}
	return list
}

// Lost says whether the members who joined on a day have no time left for the
// funnel: who stands before its end then does not go on.
func (m *Model) Lost(joined Day, now time.Time) bool { return m.windowOver(joined, m.window, now) }

// Since is the first day of which the segments of q have anything; false if there
// is none. It reads two rows of each.
func Since(ctx context.Context, snap store.Snapshot, q Query) (first Day, ok bool, err error) {
	segments := q.Segments
	if segments == nil {
		if segments, err = Segments(ctx, snap); err != nil {
			return 0, false, err
		}
	}
	for _, s := range segments {
		for _, family := range [...]string{famActive, famJoined} {
			base := counters.Join(s, family, Days.letter())
			span := store.Prefix(base.Prefix())
			span.Limit = 1
			for row, err := range snap.Scan(ctx, span) {
				if err != nil {
					return 0, false, fmt.Errorf("measure: %w", err)
				}
				names := row.Key.Segments()
				d, err := ParseDay(names[len(names)-1])
				if err != nil {
					return 0, false, fmt.Errorf("measure: row %s: %w", row.Key, err)
				}
				if !ok || d < first {
					first, ok = d, true
				}
			}
		}
	}
	return first, ok, nil
}

// PullRequestDays is [Model.PullRequests] of each day on which members joined, of
// those within so many days, which are one of [RequestDays]; by day.
func (m *Model) PullRequestDays(ctx context.Context, snap store.Snapshot, q Query, name string, days int, now time.Time) (map[Day]Cell, error) {
	at := slices.Index(RequestDays, days)
	if at < 0 {
		return nil, fmt.Errorf("measure: first pull requests are not looked for within %d days", days)
	}
	list := map[Day]Cell{}
	passed := func(d Day) bool { return m.windowOver(d, time.Duration(days)*24*time.Hour, now) }
	if err := q.scan(ctx, snap, func(d Day, _ []string, n int) error {
		c := list[d]
		c.N += n
		c.Known = passed(d)
		list[d] = c
		return nil
	}, famJoined, Days.letter()); err != nil {
		return nil, err
	}
	if err := q.scan(ctx, snap, func(d Day, rest []string, n int) error {
		bound := 0
		if err := numbers(rest, &bound); err != nil {
			return err
		}
		c, ok := list[d]
		if !ok || !c.Known {
			return nil
		}
		switch {
		case bound < 0:
			c.N -= n
		case bound <= at:
			c.Active += n
		}
		list[d] = c
		return nil
	}, famWithin, name); err != nil {
		return nil, err
	}
	for d, c := range list {
		c.Known = c.Known && c.N > 0
		list[d] = c
	}
	return list, nil
}
