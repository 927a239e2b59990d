package measure

import (
	"fmt"
	"slices"
	"time"
)

// Day is a calendar day, counted from 1970-01-01, in no time zone of its own:
// which day a moment falls on is the [Calendar]'s to say.
type Day int32

// DateOf is the day of a date.
func DateOf(year int, month time.Month, day int) Day {
	return Day(floor(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix(), daySeconds))
}

// ParseDay reads what Day.String wrote.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("measure: %q is no day; write it as 2026-03-01", s)
	}
	return Day(floor(t.Unix(), daySeconds)), nil
}

const daySeconds = 24 * 60 * 60

// floor is a/b rounded down, b > 0.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (d Day) utc() time.Time { return time.Unix(int64(d)*daySeconds, 0).UTC() }

// String is the day as 2026-03-01.
func (d Day) String() string { return d.utc().Format(time.DateOnly) }

// Unit is how days are grouped into periods.
type Unit uint8

// The units. Weeks begin on Monday (ISO 8601).
const (
	Days Unit = iota
	Weeks
	Months
)

var units = [...]Unit{Days, Weeks, Months}

// letter names a unit in keys.
func (u Unit) letter() string { return "dwm"[u : u+1] }

// Index numbers the period that d lies in. The numbers of periods that follow one
// another do too, so their difference is an age.
func (u Unit) Index(d Day) int {
	switch u {
	case Weeks:
		return int(floor(int64(d)+3, 7)) // 1970-01-01 was a Thursday
	case Months:
		y, m, _ := d.utc().Date()
		return y*12 + int(m) - 1
	}
	return int(d)
}

// First is the first day of period i.
func (u Unit) First(i int) Day {
	switch u {
	case Weeks:
		return Day(i*7 - 3)
	case Months:
		return DateOf(int(floor(int64(i), 12)), time.Month(i-int(floor(int64(i), 12))*12+1), 1)
	}
	return Day(i)
}

// Last is the last day of period i.
func (u Unit) Last(i int) Day { return u.First(i+1) - 1 }

// Name is the period as 2026-03-01, 2026-W09 or 2026-03.
func (u Unit) Name(i int) string {
	t := u.First(i).utc()
	switch u {
	case Weeks:
		y, w := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", y, w)
	case Months:
		return t.Format("2006-01")
	}
	return t.Format(time.DateOnly)
}

// Zone is the time zone of a community from a time on.
type Zone struct {
	From time.Time // zero for always
	Loc  *time.Location
}

// Calendar says on which day a moment falls where a community is. A community that
// moves to another time zone keeps its past: a moment falls on the day of the zone
// in force then, so that a rebuild gives the numbers that were counted. The day of
// the change is longer or shorter, may come twice, or not at all.
//
// A local day is what clocks and calendars on a wall say, whatever they are set to:
// it has 23, 24 or 25 hours where clocks change, may lack its midnight, and may be
// missing (2011-12-30 in Samoa) or come back for an hour (St. John's put clocks
// back at one minute past midnight).
//
// The zero Calendar is UTC's. It is safe for concurrent use.
type Calendar struct {
	zones []Zone // by From
}

// NewCalendar returns a calendar of the time zones of a community, one after the
// other in any order; of UTC before the first. A nil Loc is UTC.
func NewCalendar(zones ...Zone) Calendar {
	c := Calendar{slices.Clone(zones)}
	for i := range c.zones {
		if c.zones[i].Loc == nil {
			c.zones[i].Loc = time.UTC
		}
	}
	slices.SortStableFunc(c.zones, func(a, b Zone) int { return a.From.Compare(b.From) })
	return c
}

// zone is the time zone in force at t, and until when; the zero time for ever.
func (c Calendar) zone(t time.Time) (loc *time.Location, until time.Time) {
	loc = time.UTC
	for _, z := range c.zones {
		if t.Before(z.From) {
			return loc, z.From
		}
		loc = z.Loc
	}
	return loc, time.Time{}
}

func (c Calendar) local(t time.Time) time.Time {
	loc, _ := c.zone(t)
	return t.In(loc)
}

// Of is the day on which t falls.
func (c Calendar) Of(t time.Time) Day {
	_, offset := c.local(t).Zone()
	return Day(floor(t.Unix()+int64(offset), daySeconds))
}

// Hour is the hour of the local day, 0 to 23.
func (c Calendar) Hour(t time.Time) int { return c.local(t).Hour() }

// Bounds is from when to when d lasts: from its first moment to the end of its
// last. False for a day that does not exist; both are then the first moment of the
// next that does.
func (c Calendar) Bounds(d Day) (start, end time.Time, exists bool) {
	// Offsets are within a day of UTC, so the day lies within these.
	t, limit := (d - 2).utc(), (d + 3).utc()
	for t.Before(limit) {
		loc, until := c.zone(t)
		in := t.In(loc)
		_, offset := in.Zone()
		if _, change := in.ZoneBounds(); !change.IsZero() && (until.IsZero() || change.Before(until)) {
			until = change
		}
		if until.IsZero() || until.After(limit) {
			until = limit
		}
		from := later(t, d.utc().Add(-time.Duration(offset)*time.Second))
		to := (d + 1).utc().Add(-time.Duration(offset) * time.Second)
		if to.After(until) {
			to = until
		}
		if from.Before(to) {
			if !exists {
				start, exists = from, true
			}
			end = to
		}
		t = until
	}
	if !exists {
		next, _, ok := c.Bounds(d + 1)
		_ = ok // if that is missing too, it has the one behind it
		return next, next, false
	}
	return start.UTC(), end.UTC(), true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Over says whether d has passed at now, so that nothing that happens can fall on
// it any more.
func (c Calendar) Over(d Day, now time.Time) bool {
	if n := c.Of(now); d > n+2 || d < n-2 { // no need to look closer
		return d < n
	}
	_, end, _ := c.Bounds(d)
	return !end.After(now)
}
