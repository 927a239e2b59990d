package measure

//go:generate go tool msgp -unexported -io=false -tests=false -file row.go -o row_gen.go

//msgp:limit arrays:4096 maps:256
//msgp:ignore Fact
//msgp:shim Day as:int32 using:int32/Day
//msgp:shim Action as:uint8 using:uint8/Action

import (
	"cmp"
	"slices"
	"time"
)

// Bounds of a Row.
const (
	maxMarks  = 32 // names; further ones are not kept
	maxShown  = 32 // experiments
	maxEarly  = 64 // actions around the join, those behind it first
	waitDays  = 9  // UTC days of activity kept of a member whose join was not seen
	earlySpan = FirstMinutes * time.Minute
)

// Row is all that is measured of one member: what they did first and on which days
// they were there. It is what the engine keeps under [Key], and the compact record
// that counters can be rebuilt from.
//
// A Row only ever learns ([Model.Learn]): times become earlier (or later, of the last
// join and leave), days are added, nothing is taken back. So facts may come late,
// twice and in any order, and the Row is the same in the end; and a copy that is
// out of date, and holds a fact already, proves that the current one does.
type Row struct {
	Joined int64 `msg:"j,omitempty"`  // first join, Unix milliseconds; 0: none was seen
	Back   int64 `msg:"jb,omitempty"` // last join
	Left   int64 `msg:"l,omitempty"`  // last leave; they are gone if that is behind Back

	Base  Day     `msg:"d,omitempty"` // the day of the lowest bit of Bits
	Bits  []byte  `msg:"a,omitempty"` // local days on which they were active
	Spans []span  `msg:"u,omitempty"` // of the first days behind the join: when they were active, by UTC day
	Marks []mark  `msg:"m,omitempty"` // first time of each name, by name
	Early []early `msg:"e,omitempty"` // first actions, by time
	Shown []Shown `msg:"x,omitempty"` // experiments, by key

	// Version is that of the definitions by which the row is counted.
	Version string `msg:"v,omitempty"`

	// Out is a member who does not count: a bot. Once that is known all that was
	// counted of them is taken back.
	Out bool `msg:"o,omitempty"`
}

// span is the first and the last activity on a UTC day, milliseconds of that day.
// A window of 24 hours from any join ends once within it, so these two tell in
// which windows there was activity, whenever the join turns out to have been.
type span struct {
	Day   Day    `msg:"d"`
	First uint32 `msg:"f"`
	Last  uint32 `msg:"l"`
}

type mark struct {
	Name string `msg:"n"`
	At   int64  `msg:"t"`
}

type early struct {
	At     int64  `msg:"t"`
	Action Action `msg:"a"`
}

// Shown is a member's variation of an experiment.
type Shown struct {
	Experiment string `msg:"x"`
	Variation  string `msg:"v"`
	At         int64  `msg:"t"` // first shown, Unix milliseconds

	// Several says that they were shown another variation too. They belong to no
	// result, and are counted apart.
	Several bool `msg:"s,omitempty"`
}

// Fact is what one event tells of its member.
type Fact struct {
	At       int64 // when it happened, by the platform's clock, Unix milliseconds
	Received int64 // when it came in, by ours

	Join, Leave bool
	Active      bool     // counts as activity
	Action      Action   // NoAction if it is none of those of the first minutes
	Marks       []string // names it is the first of, perhaps
	Shown       *Shown   // without its time
	Bot         bool
}

// Bounds of what is believed of a fact's time.
const (
	// Skew is how far a platform's clock may be ahead of ours. What is later than
	// that happened when it came in.
	Skew = 5 * time.Minute

	// Late is how late activity may come in and still count: as long as accepted
	// events are remembered, behind which a repetition could not be told from news.
	// First times (joins, marks) may come at any time: they are first ones or not.
	Late = 7 * 24 * time.Hour
)

// earliest is a time before which nothing is believed: there was no chat.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// Time is when the fact is taken to have happened: At, unless that is in the
// future, or none.
func (f *Fact) Time() int64 {
	if f.At < earliest || f.At > f.Received+Skew.Milliseconds() {
		return f.Received
	}
	return f.At
}

// Learn takes a fact into r, and says whether that changed it. Most do not: of a
// member's events of one day it is the first that adds something.
func (m *Model) Learn(r *Row, f *Fact) bool { return r.learn(f, m.calendar) }

func (r *Row) learn(f *Fact, c Calendar) bool {
	at := f.Time()
	changed := false
	set := func(to *int64, better bool) {
		if better {
			*to, changed = at, true
		}
	}
	if f.Join {
		set(&r.Joined, r.Joined == 0 || at < r.Joined)
		set(&r.Back, at > r.Back)
	}
	if f.Leave {
		set(&r.Left, at > r.Left)
	}
	if f.Bot && !r.Out {
		r.Out, changed = true, true
	}
	if fresh := f.Received-at <= Late.Milliseconds(); fresh {
		if f.Active {
			changed = r.addDay(c.Of(time.UnixMilli(at))) || changed
			changed = r.addSpan(at) || changed
		}
		if f.Action != NoAction {
			changed = r.addEarly(early{at, f.Action}) || changed
		}
	}
	for _, name := range f.Marks {
		changed = r.addMark(name, at) || changed
	}
	if f.Shown != nil {
		changed = r.addShown(f.Shown.Experiment, f.Shown.Variation, at) || changed
	}
	if changed {
		r.forgetFarAway()
	}
	return changed
}

// active says whether they were on day d.
func (r *Row) active(d Day) bool {
	i := int(d) - int(r.Base)
	return i >= 0 && i < 8*len(r.Bits) && r.Bits[i/8]&(1<<(i%8)) != 0
}

// ActiveDays are the local days on which they were active, in their order.
func (r *Row) ActiveDays() []Day {
	var days []Day
	for i := range 8 * len(r.Bits) {
		if d := r.Base + Day(i); r.active(d) {
			days = append(days, d)
		}
	}
	return days
}

// addDay keeps a day. Base is always a multiple of 8, so that equal sets are equal
// bytes whatever came first.
func (r *Row) addDay(d Day) bool {
	if r.active(d) {
		return false
	}
	base := Day(floor(int64(d), 8) * 8)
	switch {
	case len(r.Bits) == 0:
		r.Base = base
	case base < r.Base:
		r.Bits = append(make([]byte, int(r.Base-base)/8), r.Bits...)
		r.Base = base
	}
	i := int(d - r.Base)
	if n := i/8 + 1; n > len(r.Bits) {
		r.Bits = append(r.Bits, make([]byte, n-len(r.Bits))...)
	}
	r.Bits[i/8] |= 1 << (i % 8)
	return true
}

// firstDay and lastDay bound the days on which they were active; ok is false if
// there are none.
func (r *Row) firstDay() (d Day, ok bool) {
	for i := range 8 * len(r.Bits) {
		if d := r.Base + Day(i); r.active(d) {
			return d, true
		}
	}
	return 0, false
}

func (r *Row) lastDay() (d Day, ok bool) {
	for i := 8*len(r.Bits) - 1; i >= 0; i-- {
		if d := r.Base + Day(i); r.active(d) {
			return d, true
		}
	}
	return 0, false
}

func (r *Row) addSpan(at int64) bool {
	d := Day(floor(at, daySeconds*1000))
	if !r.near()(d) {
		return false
	}
	ms := uint32(at - int64(d)*daySeconds*1000)
	i, found := slices.BinarySearchFunc(r.Spans, d, func(s span, d Day) int { return cmp.Compare(s.Day, d) })
	if !found {
		r.Spans = slices.Insert(r.Spans, i, span{d, ms, ms})
		return true
	}
	s := &r.Spans[i]
	switch {
	case ms < s.First:
		s.First = ms
	case ms > s.Last:
		s.Last = ms
	default:
		return false
	}
	return true
}

// near says whether activity on a UTC day can be in a window that is shown, should
// the join turn out to be earlier than known by as much as events are late.
func (r *Row) near() func(Day) bool {
	if r.Joined == 0 {
		if len(r.Spans) == 0 {
			return func(Day) bool { return true }
		}
		newest := r.Spans[len(r.Spans)-1].Day
		return func(d Day) bool { return d > newest-waitDays }
	}
	join := Day(floor(r.Joined, daySeconds*1000))
	return func(d Day) bool { return d >= join-Day(Late.Hours()/24)-1 && d <= join+RollingDays+1 }
}

func (r *Row) addMark(name string, at int64) bool {
	i, found := slices.BinarySearchFunc(r.Marks, name, func(m mark, name string) int { return cmp.Compare(m.Name, name) })
	switch {
	case !found && len(r.Marks) < maxMarks:
		r.Marks = slices.Insert(r.Marks, i, mark{name, at})
	case found && at < r.Marks[i].At:
		r.Marks[i].At = at
	default:
		return false
	}
	return true
}

// Mark is when something happened first, 0 if it has not.
func (r *Row) Mark(name string) int64 {
	i, found := slices.BinarySearchFunc(r.Marks, name, func(m mark, name string) int { return cmp.Compare(m.Name, name) })
	if !found {
		return 0
	}
	return r.Marks[i].At
}

func (r *Row) addShown(experiment, variation string, at int64) bool {
	i, found := slices.BinarySearchFunc(r.Shown, experiment, func(s Shown, x string) int { return cmp.Compare(s.Experiment, x) })
	if !found {
		if len(r.Shown) == maxShown {
			return false
		}
		r.Shown = slices.Insert(r.Shown, i, Shown{Experiment: experiment, Variation: variation, At: at})
		return true
	}
	s := &r.Shown[i]
	was := *s
	if variation != s.Variation {
		s.Several = true
		s.Variation = min(s.Variation, variation) // one of them, whichever came first
	}
	s.At = min(s.At, at)
	return *s != was
}

func compareEarly(a, b early) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Action, b.Action))
}

func (r *Row) addEarly(a early) bool {
	if r.Joined != 0 && !r.isEarly(a.At) {
		return false
	}
	i, found := slices.BinarySearchFunc(r.Early, a, compareEarly)
	full := len(r.Early) == maxEarly
	if found || full && (r.Joined != 0 && i == maxEarly || r.Joined == 0 && i == 0) {
		return false
	}
	r.Early = slices.Insert(r.Early, i, a)
	return true
}

func (r *Row) isEarly(at int64) bool {
	return at >= r.Joined-Late.Milliseconds() && at < r.Joined+earlySpan.Milliseconds()
}

// forgetFarAway drops what the join, or that it has not come, makes needless.
func (r *Row) forgetFarAway() {
	near := r.near()
	r.Spans = slices.DeleteFunc(r.Spans, func(s span) bool { return !near(s.Day) })
	if r.Joined != 0 {
		r.Early = slices.DeleteFunc(r.Early, func(a early) bool { return !r.isEarly(a.At) })
		if over := len(r.Early) - maxEarly; over > 0 {
			// Those before the join are there for the case that it turns out earlier.
			before := 0
			for before < over && r.Early[before].At < r.Joined {
				before++
			}
			r.Early = slices.Delete(r.Early, 0, before)
			r.Early = r.Early[:maxEarly]
		}
	} else if over := len(r.Early) - maxEarly; over > 0 {
		r.Early = slices.Delete(r.Early, 0, over) // the newest: the join is about to come
	}
}

// ActiveAt is when the last activity was, of that on the first days behind the
// join; Unix milliseconds, 0 if none is known.
func (r *Row) ActiveAt() int64 {
	if len(r.Spans) == 0 {
		return 0
	}
	s := r.Spans[len(r.Spans)-1]
	return int64(s.Day)*daySeconds*1000 + int64(s.Last)
}

// clone is a copy that shares nothing with r.
func (r *Row) clone() Row {
	c := *r
	c.Bits, c.Spans, c.Marks = slices.Clone(r.Bits), slices.Clone(r.Spans), slices.Clone(r.Marks)
	c.Early, c.Shown = slices.Clone(r.Early), slices.Clone(r.Shown)
	return c
}

// Gone says whether the member has left: their last leave is behind their last
// join. Who leaves and joins in one millisecond is here.
func (r *Row) Gone() bool { return r.Left > r.Back }
