package measure

import (
	"context"
	"math"
	"time"

	"github.com/hearthbot/hearth/store"
)

// Definition is what retained means.
type Definition uint8

// The definitions. People mean each of them by the word, and they differ by a
// factor of two: a page says which one it shows.
const (
	// OnDay: active in the period that is so many behind the one of the join, in
	// local days, weeks or months. Day 7 is the calendar day join+7.
	OnDay Definition = iota

	// OrAfter: active in that period or any later one. Figures may still rise after
	// their period has passed, and always cover the same members.
	OrAfter

	// Rolling: active in the window of 24 hours that begins so many times 24 hours
	// after the moment of the join. No time zone is in it.
	Rolling
)

// Cell is a share of a cohort.
type Cell struct {
	N      int  // members of the cohort, or cohorts
	Active int  // of them, those retained
	Known  bool // false: blank. The period has not passed for all, or there is no member
}

// Share is the retained part; false where the cell is blank.
func (c Cell) Share() (float64, bool) {
	if !c.Known || c.N == 0 {
		return 0, false
	}
	return float64(c.Active) / float64(c.N), true
}

// Cohort is the members who joined in one period.
type Cohort struct {
	Name  string // "2026-03-01", "2026-W09", "2026-03"
	First Day
	N     int
	Cells []Cell // by age, from 0 on
}

// Triangle is retention by cohort and age, and how it is on average.
type Triangle struct {
	Unit       Unit
	Definition Definition
	Cohorts    []Cohort

	// Mean is by age the share of all members of those cohorts for whom it is known:
	// each cohort by its size.
	Mean []Cell
}

// Retention reads the triangle of the cohorts whose periods hold the days of q, the
// periods at its ends whole, up to an age. It reads counters alone: a row for each
// cohort and age that has somebody.
//
// Ages are periods of the unit; of Rolling they are windows of 24 hours whatever
// the unit, which then only groups cohorts. Ages beyond what is kept (90 days, 26
// weeks, 12 months, 30 windows) are cut off.
//
// A cell is known once its period has passed for every member of the cohort; a
// calendar day that does not exist is never.
func (m *Model) Retention(ctx context.Context, snap store.Snapshot, q Query, u Unit, def Definition, ages int, now time.Time) (Triangle, error) {
	oldest := u.oldest()
	if def == Rolling {
		oldest = RollingDays
	}
	ages = max(0, min(ages, oldest))
	t := Triangle{Unit: u, Definition: def, Mean: make([]Cell, ages+1)}
	first, last := u.Index(q.From), u.Index(q.To)
	q.From, q.To = u.First(first), u.Last(last)
	active := make([][]int, max(0, last-first+1))
	for i := range active {
		t.Cohorts = append(t.Cohorts, Cohort{Name: u.Name(first + i), First: u.First(first + i), Cells: make([]Cell, ages+1)})
		active[i] = make([]int, oldest+1)
	}
	if err := q.scan(ctx, snap, func(d Day, _ []string, n int) error {
		t.Cohorts[u.Index(d)-first].N += n
		return nil
	}, famJoined, u.letter()); err != nil {
		return t, err
	}
	family := map[Definition][]string{OnDay: {famKept, u.letter()}, OrAfter: {famLast, u.letter()}, Rolling: {famRoll}}[def]
	if err := q.scan(ctx, snap, func(d Day, rest []string, n int) error {
		age := 0
		if err := numbers(rest, &age); err != nil {
			return err
		}
		if age >= 0 && age <= oldest {
			active[u.Index(d)-first][age] += n
		}
		return nil
	}, family...); err != nil {
		return t, err
	}
	for i := range t.Cohorts {
		c := &t.Cohorts[i]
		if def == OrAfter { // last active at an age is active at it or after for all before
			for age := oldest - 1; age >= 0; age-- {
				active[i][age] += active[i][age+1]
			}
		}
		for age := range c.Cells {
			if c.Cells[age] = (Cell{c.N, active[i][age], c.N > 0 && m.passed(u, def, first+i, age, now)}); c.Cells[age].Known {
				t.Mean[age].N += c.N
				t.Mean[age].Active += active[i][age]
				t.Mean[age].Known = true
			} else {
				c.Cells[age].Active = 0
			}
		}
	}
	return t, nil
}

// passed says whether the period of an age is over for all of a cohort.
func (m *Model) passed(u Unit, def Definition, cohort, age int, now time.Time) bool {
	if def == Rolling {
		return m.windowOver(u.Last(cohort), time.Duration(age+1)*24*time.Hour, now)
	}
	if u == Days {
		if _, _, exists := m.calendar.Bounds(Day(cohort + age)); !exists {
			return false
		}
	}
	return m.calendar.Over(u.Last(cohort+age), now)
}

// windowOver says whether a window has passed for all that happened on d.
func (m *Model) windowOver(d Day, window time.Duration, now time.Time) bool {
	if !m.calendar.Over(d, now) {
		return false
	}
	_, end, _ := m.calendar.Bounds(d)
	return !end.Add(window).After(now)
}

// ActiveDay is how many members were active on a local day, and in the 7 and 30
// days that end with it.
type ActiveDay struct {
	Day             Day
	Daily           int
	Weekly, Monthly int
	Over            bool // the day has passed; before that the figures still rise
}

// ActiveMembers reads the days of q, exactly: each member is counted once in each
// figure. It reads a row for each day there ever was.
func (m *Model) ActiveMembers(ctx context.Context, snap store.Snapshot, q Query, now time.Time) ([]ActiveDay, error) {
	list := make([]ActiveDay, max(0, int(q.To-q.From)+1))
	for i := range list {
		list[i].Day = q.From + Day(i)
		list[i].Over = m.calendar.Over(list[i].Day, now)
	}
	for _, f := range []struct {
		u     Unit
		field func(*ActiveDay) *int
	}{
		{Days, func(a *ActiveDay) *int { return &a.Daily }},
		{Weeks, func(a *ActiveDay) *int { return &a.Weekly }},
		{Months, func(a *ActiveDay) *int { return &a.Monthly }},
	} {
		all := q
		if f.u != Days {
			all.From = beginning
		}
		before := 0
		if err := all.scan(ctx, snap, func(d Day, _ []string, n int) error {
			if d < q.From {
				before += n
			} else {
				*f.field(&list[d-q.From]) += n
			}
			return nil
		}, famActive, f.u.letter()); err != nil {
			return nil, err
		}
		if f.u == Days {
			continue
		}
		for i := range list { // from changes to numbers
			before += *f.field(&list[i])
			*f.field(&list[i]) = before
		}
	}
	return list, nil
}

// ActiveOn is how many members were active on the days of q, each counted once a
// day. It reads those days alone.
func (m *Model) ActiveOn(ctx context.Context, snap store.Snapshot, q Query) (n int, err error) {
	err = q.scan(ctx, snap, func(_ Day, _ []string, k int) error { n += k; return nil }, famActive, Days.letter())
	return n, err
}

// Today is the day on which a moment falls.
func (m *Model) Today(now time.Time) Day { return m.calendar.Of(now) }

// beginning is before all days that have counters, and written like them.
var beginning = DateOf(1000, 1, 1)

// Within is how many of a cohort had their first pull request within days of the
// join.
type Within struct {
	Days   int
	Cell       // N: members of the cohorts for whom that has passed
	Before int // further members of theirs, who had one before they joined, and are not in N
}

// PullRequests reads for each of [RequestDays] the share of the members who joined
// on the days of q whose first pull request was opened (abi.PROpened) or merged
// (abi.PRMerged) in time. Only days of which it has passed for all members count,
// each by itself, so a longer time has fewer members.
func (m *Model) PullRequests(ctx context.Context, snap store.Snapshot, q Query, name string, now time.Time) ([]Within, error) {
	joined := map[Day]int{}
	if err := q.scan(ctx, snap, func(d Day, _ []string, n int) error {
		joined[d] += n
		return nil
	}, famJoined, Days.letter()); err != nil {
		return nil, err
	}
	list := make([]Within, len(RequestDays))
	passed := func(d Day, i int) bool {
		return m.windowOver(d, time.Duration(RequestDays[i])*24*time.Hour, now)
	}
	for i, days := range RequestDays {
		list[i].Days = days
		for d, n := range joined {
			if passed(d, i) {
				list[i].N += n
			}
		}
	}
	if err := q.scan(ctx, snap, func(d Day, rest []string, n int) error {
		at := 0
		if err := numbers(rest, &at); err != nil {
			return err
		}
		for i := range list {
			switch {
			case !passed(d, i):
			case at < 0:
				list[i].Before += n
				list[i].N -= n
			case at <= i:
				list[i].Active += n
			}
		}
		return nil
	}, famWithin, name); err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Known = list[i].N > 0
	}
	return list, nil
}

// Buckets of durations: eight to a doubling, from a second on, so that a median is
// right to 5 %.
const perDoubling = 8

func bucket(d time.Duration) int {
	return int(math.Floor(perDoubling * math.Log2(max(1, d.Seconds()))))
}

// quantile is the q-quantile of durations counted by bucket, the middle of its
// bucket; false if there is none.
func quantile(counts map[int]int, q float64) (time.Duration, bool) {
	total, most := 0, 0
	for b, n := range counts {
		total += n
		most = max(most, b)
	}
	if total <= 0 {
		return 0, false
	}
	rank := max(1, int(math.Ceil(q*float64(total))))
	for b := 0; b <= most; b++ {
		if rank -= counts[b]; rank <= 0 {
			return time.Duration(math.Exp2((float64(b)+0.5)/perDoubling) * float64(time.Second)), true
		}
	}
	return 0, false
}
