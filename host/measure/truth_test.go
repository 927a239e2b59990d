package measure

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/hearthbot/hearth/store"
	"pgregory.net/rapid"
)

// happening is an event of a member, as a test knows it.
type happening struct {
	member string
	Fact
}

// community folds what happens to members into a store.
type community struct {
	t interface {
		Helper()
		Fatal(...any)
		Fatalf(string, ...any)
	}
	m *Model
	s *store.Mem
}

func newCommunity(t testing.TB, c Config) *community {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &community{t, m, new(store.Mem)}
}

// fold is what the engine does with an event; it returns how many writes that took.
func (c *community) fold(h happening) int {
	c.t.Helper()
	ctx := context.Background()
	snap := c.snap()
	defer snap.Close()
	stored, err := snap.Get(ctx, Key(h.member))
	if err != nil {
		c.t.Fatal(err)
	}
	b := new(store.Batch)
	_, changed, err := c.m.Fold(b, h.member, stored, &h.Fact)
	if err != nil {
		c.t.Fatal(err)
	}
	if changed == (len(b.Writes()) == 0) {
		c.t.Fatalf("changed %v, and %d writes", changed, len(b.Writes()))
	}
	if _, err := c.s.Commit(ctx, b); err != nil {
		c.t.Fatal(err)
	}
	return len(b.Writes())
}

func (c *community) snap() store.Snapshot {
	c.t.Helper()
	snap, err := c.s.Snapshot(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	return snap
}

// counters are all counters that are not 0.
func (c *community) counters() map[store.Key]int64 {
	c.t.Helper()
	snap := c.snap()
	defer snap.Close()
	sums := map[store.Key]int64{}
	for row, err := range snap.Scan(context.Background(), store.Prefix(counters.Prefix())) {
		if err != nil {
			c.t.Fatal(err)
		}
		n, err := store.Counter(row)
		if err != nil {
			c.t.Fatal(err)
		}
		if n != 0 {
			sums[row.Key] = n
		}
	}
	return sums
}

// truth is what one member is worth, by the definitions and from all that happened.
type truth struct {
	joined   time.Time
	active   []time.Time
	marks    map[string]time.Time
	actions  []early
	gone     bool
	lastJoin int64
	lastGone int64
}

func truths(list []happening) map[string]*truth {
	all := map[string]*truth{}
	for _, h := range list {
		x := all[h.member]
		if x == nil {
			x = &truth{marks: map[string]time.Time{}}
			all[h.member] = x
		}
		at := time.UnixMilli(h.At)
		if h.Join {
			if x.joined.IsZero() || at.Before(x.joined) {
				x.joined = at
			}
			x.lastJoin = max(x.lastJoin, h.At)
		}
		if h.Leave {
			x.lastGone = max(x.lastGone, h.At)
		}
		if h.Active {
			x.active = append(x.active, at)
		}
		for _, name := range h.Marks {
			if first, ok := x.marks[name]; !ok || at.Before(first) {
				x.marks[name] = at
			}
		}
		if h.Action != NoAction {
			x.actions = append(x.actions, early{h.At, h.Action})
		}
	}
	for _, x := range all {
		x.gone = x.lastGone > x.lastJoin
		slices.SortFunc(x.actions, compareEarly)
	}
	return all
}

// draw makes up what happens to a few members in two months, and when it comes in.
func draw(t *rapid.T, begin time.Time) []happening {
	var list []happening
	for i := range rapid.IntRange(1, 5).Draw(t, "members") {
		id := fmt.Sprintf("%s:U%d", rapid.SampledFrom([]string{"slack", "telegram"}).Draw(t, "platform"), i)
		join := begin.Add(time.Duration(rapid.Int64Range(0, 40*24*3600).Draw(t, "join")) * time.Second)
		happen := func(at time.Time, f Fact) {
			late := time.Duration(rapid.SampledFrom([]int64{0, 0, 0, 60, 86400, 6 * 86400}).Draw(t, "late")) * time.Second
			f.At, f.Received = at.UnixMilli(), at.Add(late).UnixMilli()
			list = append(list, happening{id, f})
		}
		if rapid.IntRange(0, 9).Draw(t, "unseen") > 0 {
			happen(join, Fact{Join: true, Marks: []string{"member.joined"}})
			if rapid.Bool().Draw(t, "twice") {
				happen(join.Add(time.Duration(rapid.Int64Range(-3600, 20*86400).Draw(t, "again"))*time.Second), Fact{Join: true})
			}
		}
		for range rapid.IntRange(0, 12).Draw(t, "actions") {
			f := Fact{Active: true, Action: rapid.SampledFrom([]Action{Message, Command, Click, Reaction, Run}).Draw(t, "action")}
			if f.Action == Message {
				f.Marks = []string{"message.posted"}
			}
			after := rapid.OneOf(rapid.Int64Range(0, 360), rapid.Int64Range(-86400, 45*86400)).Draw(t, "after")
			happen(join.Add(time.Duration(after)*time.Second), f)
		}
		for _, name := range []string{"path.first_task", "path.done", "pr.opened", "pr.merged"} {
			if rapid.Bool().Draw(t, name) {
				happen(join.Add(time.Duration(rapid.Int64Range(-86400, 100*86400).Draw(t, "when"))*time.Second), Fact{Marks: []string{name}})
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "shown") {
			happen(join.Add(time.Duration(rapid.Int64Range(0, 20*86400).Draw(t, "show"))*time.Second), Fact{Shown: &Shown{
				Experiment: rapid.SampledFrom([]string{"pace", "script"}).Draw(t, "experiment"), Variation: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "variation"),
			}})
		}
		if rapid.Bool().Draw(t, "leaves") {
			happen(join.Add(time.Duration(rapid.Int64Range(-86400, 40*86400).Draw(t, "leave"))*time.Second), Fact{Leave: true})
		}
	}
	return list
}

var begin = time.Date(2026, 2, 10, 0, 0, 0, 0, time.UTC)

// TestFiguresAreTrue has facts come in late, twice and out of order, and compares
// every figure with what follows from the definitions and all that happened.
func TestFiguresAreTrue(t *testing.T) {
	cal := NewCalendar(Zone{Loc: zone(t, "America/New_York")}) // clocks change on 2026-03-08
	rapid.Check(t, func(rt *rapid.T) {
		list := draw(rt, begin)
		c := newCommunity(t, Config{Calendar: cal})
		c.t = rt
		arriving := slices.Clone(list)
		slices.SortStableFunc(arriving, func(a, b happening) int { return int(a.Received - b.Received) })
		for i, h := range arriving {
			c.fold(h)
			if i%3 == 0 {
				if n := c.fold(h); n != 0 {
					rt.Fatalf("the same again made %d writes", n)
				}
			}
		}
		if _, err := Settle(context.Background(), c.s); err != nil {
			rt.Fatal(err)
		}
		checkRebuild(rt, c)

		// In the order in which it happened it is the same.
		punctual := newCommunity(t, Config{Calendar: cal})
		slices.SortStableFunc(list, func(a, b happening) int { return int(a.At - b.At) })
		for _, h := range list {
			punctual.fold(h)
		}
		if a, b := c.counters(), punctual.counters(); !maps.Equal(a, b) {
			rt.Fatalf("late: %v\npunctual: %v", a, b)
		}

		all := truths(list)
		q := Query{From: cal.Of(begin) - 2, To: cal.Of(begin) + 50}
		for _, now := range []time.Time{begin.AddDate(0, 0, 25), begin.AddDate(0, 0, 300)} {
			checkRetention(rt, c, all, q, now)
			checkActive(rt, c, all, q, now)
			checkFunnel(rt, c, all, q, now)
			checkRequests(rt, c, all, q, now)
		}
		checkFirst(rt, c, all, q)
	})
}

func checkRebuild(t *rapid.T, c *community) {
	snap := c.snap()
	defer snap.Close()
	sums, err := c.m.Rebuild(context.Background(), snap)
	if err != nil || !maps.Equal(sums, c.counters()) {
		t.Fatalf("counted anew: %v, %v\ncounted: %v", sums, err, c.counters())
	}
	for k, n := range sums {
		if names := k.Segments(); n < 0 && (names[2] != famActive || names[3] == "d") {
			t.Fatalf("%s is %d", k, n)
		}
	}
}

func checkRetention(t *rapid.T, c *community, all map[string]*truth, q Query, now time.Time) {
	snap := c.snap()
	defer snap.Close()
	cal := c.m.calendar
	for _, u := range units {
		for _, def := range []Definition{OnDay, OrAfter, Rolling} {
			got, err := c.m.Retention(context.Background(), snap, q, u, def, 40, now)
			if err != nil {
				t.Fatal(err)
			}
			sum := make([]Cell, len(got.Mean))
			for _, x := range got.Cohorts {
				cohort := u.Index(x.First)
				want := Cohort{Name: u.Name(cohort), First: x.First, Cells: make([]Cell, len(x.Cells))}
				for _, m := range all {
					if m.joined.IsZero() || u.Index(cal.Of(m.joined)) != cohort {
						continue
					}
					want.N++
					for age := range want.Cells {
						if slices.ContainsFunc(m.active, func(at time.Time) bool {
							switch period := u.Index(cal.Of(at)) - cohort; {
							case def == Rolling:
								return !at.Before(m.joined) && int(at.Sub(m.joined)/(24*time.Hour)) == age
							case cal.Of(at) < cal.Of(m.joined):
								return false
							case def == OnDay:
								return period == age
							default:
								return period >= age
							}
						}) {
							want.Cells[age].Active++
						}
					}
				}
				for age := range want.Cells {
					w := &want.Cells[age]
					w.N = want.N
					end := u.Last(cohort + age)
					w.Known = want.N > 0 && cal.Of(now) > end
					if _, last, _ := cal.Bounds(u.Last(cohort)); def == Rolling {
						w.Known = want.N > 0 && !now.Before(last.Add(time.Duration(age+1)*24*time.Hour))
					}
					if !w.Known {
						w.Active = 0
						continue
					}
					sum[age] = Cell{sum[age].N + w.N, sum[age].Active + w.Active, true}
				}
				if x.N != want.N || x.Name != want.Name || !slices.Equal(x.Cells, want.Cells) {
					t.Fatalf("unit %d, definition %d at %v: %+v\nwant %+v", u, def, now, x, want)
				}
			}
			if !slices.Equal(got.Mean, sum) {
				t.Fatalf("unit %d, definition %d: mean %v, want %v", u, def, got.Mean, sum)
			}
			for _, x := range got.Mean {
				if x.Active > x.N {
					t.Fatalf("%d of %d are retained", x.Active, x.N)
				}
			}
		}
	}
}

func checkActive(t *rapid.T, c *community, all map[string]*truth, q Query, now time.Time) {
	snap := c.snap()
	defer snap.Close()
	got, err := c.m.ActiveMembers(context.Background(), snap, q, now)
	if err != nil {
		t.Fatal(err)
	}
	among := func(d Day, days int) (n int) {
		for _, m := range all {
			if slices.ContainsFunc(m.active, func(at time.Time) bool { x := c.m.calendar.Of(at); return x <= d && x > d-Day(days) }) {
				n++
			}
		}
		return n
	}
	for i, x := range got {
		d := q.From + Day(i)
		if want := (ActiveDay{d, among(d, 1), among(d, 7), among(d, 30), c.m.calendar.Of(now) > d}); x != want {
			t.Fatalf("%v: %+v, want %+v", d, x, want)
		}
	}
}

// times are when a member came to the steps of the funnel in time.
func (x *truth) times(m *Model) []time.Time {
	if x.joined.IsZero() {
		return nil
	}
	list := []time.Time{x.joined}
	for _, s := range m.funnel[1:] {
		var first time.Time
		for _, name := range s.By {
			if at, ok := x.marks[name]; ok && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
		if first.IsZero() {
			break
		}
		if first = later(first, list[len(list)-1]); first.Sub(x.joined) > m.window {
			break
		}
		list = append(list, first)
	}
	return list
}

func checkFunnel(t *rapid.T, c *community, all map[string]*truth, q Query, now time.Time) {
	snap := c.snap()
	defer snap.Close()
	got, err := c.m.Funnel(context.Background(), snap, q, now)
	if err != nil {
		t.Fatal(err)
	}
	behind := map[int][]string{}
	for id, x := range all {
		if list := x.times(c.m); len(list) > 0 {
			behind[len(list)-1] = append(behind[len(list)-1], id)
		}
	}
	for i, s := range got {
		reached, progress, lost := 0, 0, 0
		var hours [24]int
		var took []time.Duration
		for _, x := range all {
			list := x.times(c.m)
			switch {
			case len(list) > i:
				reached++
				took = append(took, list[i].Sub(x.joined))
			case len(list) == i && i > 0:
				_, end, _ := c.m.calendar.Bounds(c.m.calendar.Of(x.joined))
				if end.Add(c.m.window).After(now) {
					progress++
				} else {
					lost++
					hours[c.m.calendar.Hour(list[i-1])]++
				}
			}
		}
		if s.Reached != reached || s.InProgress != progress || s.Lost != lost || s.LostAt != hours {
			t.Fatalf("step %s: %+v, want %d, %d, %d, %v", s.Name, s, reached, progress, lost, hours)
		}
		if s.MedianKnown != (i > 0 && reached > 0) {
			t.Fatalf("step %s: %+v", s.Name, s)
		}
		if s.MedianKnown {
			slices.Sort(took)
			want := max(time.Second, took[(len(took)-1)/2])
			if r := s.Median.Seconds() / want.Seconds(); r < 0.91 || r > 1.1 {
				t.Fatalf("step %s: median %v, want %v", s.Name, s.Median, want)
			}
		}
		list, err := c.m.StandingMembers(context.Background(), snap, q, i, 100)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(list)
		slices.Sort(behind[i])
		if !slices.Equal(list, behind[i]) {
			t.Fatalf("at step %s stand %v, want %v", s.Name, list, behind[i])
		}
	}
}

func checkRequests(t *rapid.T, c *community, all map[string]*truth, q Query, now time.Time) {
	snap := c.snap()
	defer snap.Close()
	for _, name := range requests {
		got, err := c.m.PullRequests(context.Background(), snap, q, name, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range got {
			var want Within
			want.Days = w.Days
			window := time.Duration(w.Days) * 24 * time.Hour
			for _, x := range all {
				if x.joined.IsZero() {
					continue
				}
				if _, end, _ := c.m.calendar.Bounds(c.m.calendar.Of(x.joined)); end.Add(window).After(now) {
					continue
				}
				first, ok := x.marks[name]
				switch {
				case ok && first.Before(x.joined):
					want.Before++
					continue
				case ok && first.Sub(x.joined) <= window:
					want.Active++
				}
				want.N++
			}
			want.Known = want.N > 0
			if w != want {
				t.Fatalf("%s: %+v, want %+v", name, w, want)
			}
		}
	}
}

func checkFirst(t *rapid.T, c *community, all map[string]*truth, q Query) {
	snap := c.snap()
	defer snap.Close()
	got, err := c.m.Heat(context.Background(), snap, q)
	if err != nil {
		t.Fatal(err)
	}
	var want Heat
	paths := map[string]int{}
	gone := 0
	for _, x := range all {
		if x.joined.IsZero() {
			continue
		}
		want.N++
		if x.gone {
			gone++
		}
		var did Minutes
		path := "-"
		for _, a := range x.actions {
			after := a.At - x.joined.UnixMilli()
			if after < 0 || after >= earlySpan.Milliseconds() {
				continue
			}
			if minute := after / 60_000; !did[a.Action-1][minute] {
				did[a.Action-1][minute] = true
				want.Cells[a.Action-1][minute]++
			}
			if l := a.Action.letter(); path[len(path)-1] != l && len(path) <= pathLength {
				path += string(rune(l))
			}
		}
		paths[path]++
	}
	if got != want {
		t.Fatalf("first minutes: %+v, want %+v", got, want)
	}
	links, err := c.m.Paths(context.Background(), snap, q)
	if err != nil || !slices.Equal(links, sankey(paths)) {
		t.Fatalf("paths: %v, %v, want %v", links, err, sankey(paths))
	}
	n := 0
	if err := q.scan(context.Background(), snap, func(_ Day, _ []string, k int) error { n += k; return nil }, famGone); err != nil || n != gone {
		t.Fatalf("%d have left, %v, want %d", n, err, gone)
	}
}
