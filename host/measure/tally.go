package measure

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/hearthbot/hearth/store"
)

// The rows, under [Key] and [Counters].
const (
	rows     = store.Key("measured")
	counters = store.Key("measure")
)

// Rows is the range of all members' rows; the member's id is the last segment of a
// key.
func Rows() store.Range { return store.Prefix(rows.Prefix()) }

// Key is where a member's Row lies.
func Key(member string) store.Key { return rows.Join(member) }

// Families of counters; see the package comment.
const (
	famActive = "active"
	famJoined = "joined"
	famKept   = "kept"
	famLast   = "last"
	famRoll   = "roll"
	famGone   = "gone"
	famStand  = "stand"
	famTook   = "took"
	famFirst  = "first"
	famPath   = "path"
	famWithin = "within"
	famShown  = "shown"
	famMet    = "met"
	famSoon   = "soon"
	famTwice  = "several"
	famPair   = "pair"
)

// cell is a counter: a family, the day that it is of, and up to four names.
type cell struct {
	family     string
	unit       Unit
	day        Day
	a, b       int
	x, y, z, w string
}

// Add is a change of a counter.
type Add struct {
	Key   store.Key
	Delta int64
}

// key is where a cell is kept. Days come before what divides them further, so that
// a page scans the days it shows and no others.
func (c cell) key(segment string) store.Key {
	k := counters.Join(segment, c.family)
	n := strconv.Itoa
	switch c.family {
	case famActive:
		return k.Join(c.unit.letter(), c.day.String())
	case famJoined:
		return k.Join(c.unit.letter(), c.day.String())
	case famKept, famLast:
		return k.Join(c.unit.letter(), c.day.String(), n(c.a))
	case famRoll:
		return k.Join(c.day.String(), n(c.a))
	case famGone:
		return k.Join(c.day.String())
	case famStand, famTook:
		return k.Join(c.x, c.day.String(), n(c.a), n(c.b))
	case famFirst:
		return k.Join(c.day.String(), n(c.a), n(c.b))
	case famPath:
		return k.Join(c.day.String(), c.x)
	case famWithin:
		return k.Join(c.x, c.day.String(), n(c.a))
	case famShown:
		return k.Join(c.x, c.day.String(), c.y)
	case famTwice:
		return k.Join(c.x, c.day.String())
	case famPair:
		return k.Join(c.x, c.y, c.day.String(), c.z, c.w)
	case famSoon:
		return k.Join(c.w, c.x, c.z, c.day.String(), c.y, n(c.a))
	}
	return k.Join(c.w, c.x, c.day.String(), c.y, c.z) // famMet
}

// Changes are what a member's row being after, and no more before, does to the
// counters: nil for none. before is the zero Row for a member who is new; funnel and
// metrics are counted of a row that has the model's Version alone. The
// engine adds them in the batch that writes the row, conditional on before still
// being what is stored; so a member is counted once in every cell, whatever is
// delivered twice.
//
// The counters are at any time the sum of what each row is worth by itself. So they
// can be counted anew from the rows alone, and the order in which events came in
// cannot be told from them.
func (m *Model) Changes(member string, before, after *Row) []Add {
	p := changed(before, after)
	if p == (parts{lo: math.MaxInt32, hi: math.MinInt32}) {
		return nil
	}
	was, is := make([]worth, 0, 32), make([]worth, 0, 32)
	m.tally(before, &p, func(c cell, n int64) { was = append(was, worth{c, n}) })
	m.tally(after, &p, func(c cell, n int64) { is = append(is, worth{c, n}) })
	slices.SortFunc(was, compareWorth)
	slices.SortFunc(is, compareWorth)
	segment := Segment(member)
	var adds []Add
	for len(was) > 0 || len(is) > 0 { // each has a cell once
		order := 0
		switch {
		case len(was) == 0:
			order = 1
		case len(is) == 0:
			order = -1
		default:
			order = compareWorth(was[0], is[0])
		}
		var c cell
		n := int64(0)
		if order <= 0 {
			c, n, was = was[0].cell, n-was[0].n, was[1:]
		}
		if order >= 0 {
			c, n, is = is[0].cell, n+is[0].n, is[1:]
		}
		if n != 0 {
			adds = append(adds, Add{c.key(segment), n})
		}
	}
	return adds
}

// worth is what a row adds to a cell.
type worth struct {
	cell
	n int64
}

func compareWorth(a, b worth) int {
	return cmp.Or(cmp.Compare(a.family, b.family), cmp.Compare(a.unit, b.unit), cmp.Compare(a.day, b.day), cmp.Compare(a.a, b.a), cmp.Compare(a.b, b.b),
		cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y), cmp.Compare(a.z, b.z), cmp.Compare(a.w, b.w))
}

// Worth is all that a row adds to the counters.
func (m *Model) Worth(member string, r *Row) []Add { return m.Changes(member, &Row{}, r) }

// parts are those parts of a row whose worth may differ from that of another row:
// the rest is left out of the comparison, as it is most of the work.
type parts struct {
	lo, hi                     Day // bound the days whose activity differs; lo is behind hi if none does
	days                       bool
	spans, marks, early, shown bool
	gone                       bool
}

func changed(before, after *Row) parts {
	if before.Joined != after.Joined || before.Out != after.Out {
		return parts{math.MinInt32, math.MaxInt32, true, true, true, true, true, true}
	}
	p := parts{
		lo: math.MaxInt32, hi: math.MinInt32,
		spans: windows(before) != windows(after), marks: !slices.Equal(before.Marks, after.Marks),
		early: !slices.Equal(before.Early, after.Early), shown: !slices.Equal(before.Shown, after.Shown),
		gone: before.Gone() != after.Gone(),
	}
	if before.Version != after.Version {
		p.marks, p.shown = true, true // funnel and metrics
	}
	if before.Base == after.Base && slices.Equal(before.Bits, after.Bits) {
		return p
	}
	for _, r := range []*Row{before, after} {
		for i := range 8 * len(r.Bits) {
			if d := r.Base + Day(i); before.active(d) != after.active(d) {
				p.lo, p.hi, p.days = min(p.lo, d), max(p.hi, d), true
			}
		}
	}
	return p
}

// tally counts what the parts p of r are worth, each cell once: of the days of
// activity only what changes between lo and hi reach.
func (m *Model) tally(r *Row, p *parts, count func(cell, int64)) {
	if r.Out {
		return
	}
	if p.days {
		tallyActive(r, p.lo, p.hi, count)
	}
	if p.shown || p.marks || p.days {
		m.tallyShown(r, count)
	}
	if r.Joined == 0 {
		return
	}
	day := m.calendar.Of(time.UnixMilli(r.Joined))
	if p.days || p.lo == math.MinInt32 {
		tallyRetention(r, day, p.lo, p.hi, count)
	}
	if p.spans {
		tallyRolling(r, day, count)
	}
	if p.gone && r.Gone() {
		count(cell{family: famGone, day: day}, 1)
	}
	if p.marks {
		if r.Version == m.version {
			m.tallyFunnel(r, day, count)
		}
		for _, name := range requests {
			if at := r.Mark(name); at != 0 {
				count(cell{family: famWithin, day: day, x: name, a: bound(at - r.Joined)}, 1)
			}
		}
	}
	if p.early {
		tallyFirst(r, day, count)
	}
}

// spansOf are how many days, from an activity on, a member is among the active of
// the day, the week and the month.
var spansOf = [...]int{Days: 1, Weeks: 7, Months: 30}

// tallyActive counts those active on a day, and in the 7 and 30 days that end with
// it. The latter two are kept as changes: +1 on the day on which a member comes to
// be among them and −1 on that on which they are no more, so that an event changes
// two rows and not thirty; the number of a day is the sum of all up to it.
func tallyActive(r *Row, lo, hi Day, count func(cell, int64)) {
	first, ok := r.firstDay()
	if !ok || lo > hi {
		return
	}
	last, _ := r.lastDay()
	for d := max(first, lo); d <= min(last, hi); d++ {
		if r.active(d) {
			count(cell{family: famActive, unit: Days, day: d}, 1)
		}
	}
	for _, u := range [...]Unit{Weeks, Months} {
		length := Day(spansOf[u])
		begin, end := max(first, lo), last+length
		if hi < last {
			end = hi + length
		}
		among, until := false, Day(math.MinInt32) // on the day before d; they are up to before until
		for d := begin - length; d < begin; d++ {
			if r.active(d) {
				among, until = true, d+length
			}
		}
		for d := begin; d <= end; d++ {
			if r.active(d) {
				until = d + length
			}
			if now := until > d; now != among {
				n := int64(-1)
				if now {
					n = 1
				}
				count(cell{family: famActive, unit: u, day: d}, n)
				among = now
			}
		}
	}
}

// tallyRetention counts the cohort, and the periods that days between lo and hi lie
// in.
func tallyRetention(r *Row, joined, lo, hi Day, count func(cell, int64)) {
	last, active := r.lastDay()
	for _, u := range units {
		cohort := u.Index(joined)
		day := u.First(cohort)
		if lo == math.MinInt32 { // else it is the same in both rows
			count(cell{family: famJoined, unit: u, day: day}, 1)
		}
		if !active || last < joined {
			continue
		}
		count(cell{family: famLast, unit: u, day: day, a: min(u.Index(last)-cohort, u.oldest())}, 1)
		from, to := max(joined, lo), hi // the same periods of both rows, whatever their last day
		if to == math.MaxInt32 {
			to = last
		}
		if from > to {
			continue
		}
		for i := u.Index(from); i <= min(u.Index(to), cohort+u.oldest()); i++ {
			for d := max(joined, u.First(i)); d <= min(last, u.Last(i)); d++ {
				if r.active(d) {
					count(cell{family: famKept, unit: u, day: day, a: i - cohort}, 1)
					break
				}
			}
		}
	}
}

func tallyRolling(r *Row, joined Day, count func(cell, int64)) {
	active := windows(r)
	for n := range RollingDays + 1 {
		if active&(1<<n) != 0 {
			count(cell{family: famRoll, day: joined, a: n}, 1)
		}
	}
}

// windows has a bit for each window of 24 hours from the join in which a member was
// active. What a newcomer does after their first message of a day moves the end of
// a span, and hardly ever one of these.
func windows(r *Row) (active uint64) {
	if r.Joined == 0 {
		return 0
	}
	for _, s := range r.Spans {
		for _, ms := range [...]uint32{s.First, s.Last} {
			after := int64(s.Day)*daySeconds*1000 + int64(ms) - r.Joined
			if n := floor(after, daySeconds*1000); n >= 0 && n <= RollingDays {
				active |= 1 << n
			}
		}
	}
	return active
}

// bound is the number of the first of RequestDays within which something happened;
// −1 if it did before the join, and their number if it did later.
func bound(after int64) int {
	if after < 0 {
		return -1
	}
	for i, n := range RequestDays {
		if after <= int64(n)*daySeconds*1000 {
			return i
		}
	}
	return len(RequestDays)
}
