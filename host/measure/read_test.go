package measure

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/store"
)

func TestArms(t *testing.T) {
	ctx := context.Background()
	c := newCommunity(t, Config{})
	show := func(i int, v string, at time.Time) {
		h := on(at, Fact{Shown: &Shown{Experiment: "pace", Variation: v}})
		h.member = fmt.Sprint("slack:U", i)
		c.fold(h)
	}
	act := func(i int, at time.Time, f Fact) {
		h := on(at, f)
		h.member = fmt.Sprint("slack:U", i)
		c.fold(h)
	}
	for i := range 10 {
		show(i, []string{"fast", "slow"}[i%2], noon)
		show(i, []string{"fast", "slow"}[i%2], noon.AddDate(0, 0, 1)) // again: the first counts
	}
	act(0, noon.AddDate(0, 0, 7), Fact{Active: true})
	act(1, noon.AddDate(0, 0, 8), Fact{Active: true})                              // a day late
	act(2, noon.AddDate(0, 0, 7), Fact{Active: true})                              // who will be shown both
	act(4, noon.AddDate(0, 0, -1), Fact{Marks: []string{"path.first_task"}})       // before
	act(6, noon.AddDate(0, 0, 3), Fact{Marks: []string{"path.first_task"}})        // in time
	act(8, noon.AddDate(0, 0, 7).Add(1), Fact{Marks: []string{"path.first_task"}}) // within a millisecond of it
	act(3, noon.AddDate(0, 0, 9), Fact{Marks: []string{"path.first_task"}})        // too late
	show(2, "slow", noon.AddDate(0, 0, 2))
	show(11, "fast", noon.AddDate(0, 0, 5)) // whose time is not over
	q := Query{From: DateOf(2026, 2, 1), To: DateOf(2026, 3, 1)}
	for _, x := range []struct {
		metric string
		now    time.Time
		want   []Arm
	}{
		{"day7", noon.AddDate(0, 0, 7), []Arm{{"fast", 5, 0, 0, 0, false}, {"slow", 5, 0, 0, 0, false}}}, // that day is not over
		{"day7", noon.AddDate(0, 0, 8), []Arm{{"fast", 5, 4, 1, 0, false}, {"slow", 5, 5, 0, 0, false}}},
		{"day7", noon.AddDate(0, 0, 20), []Arm{{"fast", 5, 5, 1, 0, false}, {"slow", 5, 5, 0, 0, false}}},
		{"first_task", noon.AddDate(0, 0, 20), []Arm{{"fast", 5, 5, 2, 72 * time.Hour, true}, {"slow", 5, 5, 0, 0, false}}},
		{"first_pr", noon.AddDate(0, 0, 20), []Arm{{"fast", 5, 0, 0, 0, false}, {"slow", 5, 0, 0, 0, false}}},
	} {
		snap := c.snap()
		got, err := c.m.Arms(ctx, snap, q, "pace", []string{"fast", "slow"}, x.metric, x.now)
		snap.Close()
		for i := range got.Arms {
			if a := &got.Arms[i]; a.MedianKnown && math.Abs(float64(a.Median-x.want[i].Median)) < 0.05*float64(a.Median) {
				a.Median = x.want[i].Median
			}
		}
		if err != nil || !reflect.DeepEqual(got.Arms, x.want) || got.Several != 1 {
			t.Errorf("%s at %v: %+v, %v; want %+v", x.metric, x.now, got, err, x.want)
		}
	}
	if _, err := c.m.Arms(ctx, c.snap(), q, "pace", nil, "nothing", noon); err == nil {
		t.Error("there is a metric of no name")
	}
}

// TestArmsPerDay has an experiment that is younger than a week.
func TestArmsPerDay(t *testing.T) {
	c := newCommunity(t, Config{Calendar: NewCalendar(Zone{Loc: zone(t, "Asia/Shanghai")})})
	for i := range 60 {
		h := on(noon.AddDate(0, 0, i%12), Fact{Shown: &Shown{Experiment: "pace", Variation: "fast"}})
		h.member = fmt.Sprint("slack:U", i)
		c.fold(h)
	}
	began := c.m.Today(noon)
	for days, want := range map[int]float64{0: 0, 1: 5, 3: 5, 7: 5, 11: 5, 15: 20. / 7} {
		snap := c.snap()
		got, err := c.m.Arms(t.Context(), snap, Query{From: began, To: began + Day(days)}, "pace", []string{"fast"}, "day7", noon.AddDate(0, 0, days))
		snap.Close()
		if err != nil || got.PerDay != want {
			t.Errorf("after %d days: %v members a day, %v; want %v", days, got.PerDay, err, want)
		}
	}
}

func TestTable(t *testing.T) {
	c := newCommunity(t, Config{})
	show := func(i int, x, v string, at time.Time) {
		h := on(at, Fact{Shown: &Shown{Experiment: x, Variation: v}})
		h.member = fmt.Sprint("slack:U", i)
		c.fold(h)
	}
	for i := range 12 {
		show(i, "script", []string{"baseline", "v2", "v3"}[i%3], noon)
		if i != 5 { // v3, who is shown no pace
			show(i, "pace", []string{"fast", "slow"}[i/6], noon.AddDate(0, 0, 1))
		}
	}
	show(11, "script", "baseline", noon.AddDate(0, 0, 2)) // v3 and slow before: in no table
	q := Query{From: DateOf(2026, 2, 1), To: DateOf(2026, 3, 1)}
	snap := c.snap()
	defer snap.Close()
	scripts, paces := []string{"baseline", "v2", "v3"}, []string{"fast", "slow"}
	got, err := c.m.Table(context.Background(), snap, q, "script", "pace", scripts, paces)
	if want := [][]int{{2, 2}, {2, 2}, {1, 1}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	got, err = c.m.Table(context.Background(), snap, q, "pace", "script", paces, scripts)
	if want := [][]int{{2, 2, 1}, {2, 2, 1}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the other way: %v, %v; want %v", got, err, want)
	}
}

// TestOtherDefinitions changes the funnel of a community, and back: rows are counted
// by the new one as they change, the rest by Recount, and nothing is mixed in.
func TestOtherDefinitions(t *testing.T) {
	ctx := context.Background()
	c := newCommunity(t, Config{})
	q := Query{From: DateOf(2026, 2, 1), To: DateOf(2026, 3, 1)}
	now := noon.AddDate(0, 0, 10)
	act := func(i int, f Fact) {
		h := on(noon.Add(time.Duration(i)*time.Minute), f)
		h.member = fmt.Sprint("slack:U", i)
		c.fold(h)
	}
	for i := range 10 {
		act(i, Fact{Join: true, Shown: &Shown{Experiment: "pace", Variation: "fast"}, Marks: []string{"member.joined"}})
		act(i, Fact{Active: true, Marks: []string{"message.posted"}})
	}
	counts := func(want ...int) {
		t.Helper()
		snap := c.snap()
		defer snap.Close()
		steps, err := c.m.Funnel(ctx, snap, q, now)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range steps {
			if s.Reached != want[i] {
				t.Errorf("%s: %d, want %d", s.Name, s.Reached, want[i])
			}
		}
		sums, err := c.m.Rebuild(ctx, snap)
		if err != nil {
			t.Fatal(err)
		}
		got := c.counters()
		for k, n := range sums {
			if got[k] != n {
				t.Errorf("%s is %d, want %d", k, got[k], n)
			}
		}
	}
	become := func(config Config) {
		t.Helper()
		m, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		c.m = m
	}
	recount := func() (n int) {
		t.Helper()
		snap := c.snap()
		defer snap.Close()
		for row, err := range snap.Scan(ctx, Rows()) {
			if err != nil {
				t.Fatal(err)
			}
			names := row.Key.Segments()
			b := new(store.Batch)
			changed, err := c.m.Recount(b, names[len(names)-1], row)
			if err != nil {
				t.Fatal(err)
			}
			if changed {
				n++
			}
			if _, err := c.s.Commit(ctx, b); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	counts(10, 10, 0, 0, 0)
	become(Config{Generation: 1, Funnel: []Step{{"joined", []string{"member.joined"}}, {"merged", []string{"pr.merged"}}}})
	counts(0, 0)
	act(3, Fact{Marks: []string{"pr.merged"}}) // is counted by the new one when it changes
	counts(1, 1)
	if n := recount(); n != 9 {
		t.Errorf("%d rows were counted anew, want 9", n)
	}
	counts(10, 1)
	if list, err := c.m.StandingMembers(ctx, c.snap(), q, 0, 100); err != nil || len(list) != 9 {
		t.Errorf("at the first step stand %v, %v", list, err)
	}
	become(Config{Generation: 2}) // as it was in the beginning
	if n := recount(); n != 10 || recount() != 0 {
		t.Errorf("%d rows were counted anew, want 10 and then none", n)
	}
	counts(10, 10, 0, 0, 0)
	keys, err := c.m.Stale(ctx, c.snap(), 1000)
	if err != nil || len(keys) == 0 {
		t.Fatalf("nothing is stale: %v", err)
	}
	b := new(store.Batch)
	for _, k := range keys {
		if strings.Contains(string(k), c.m.Version()) {
			t.Errorf("%s is stale", k)
		}
		b.Delete(k)
	}
	if _, err := c.s.Commit(ctx, b); err != nil {
		t.Fatal(err)
	}
	counts(10, 10, 0, 0, 0)
	snap := c.snap()
	defer snap.Close()
	if sums, err := c.m.Rebuild(ctx, snap); err != nil || !reflect.DeepEqual(sums, c.counters()) {
		t.Errorf("left are %v\nwant %v, %v", c.counters(), sums, err)
	}
	if few, err := c.m.Stale(ctx, snap, 1000); err != nil || len(few) != 0 {
		t.Errorf("still stale: %v, %v", few, err)
	}
}

func TestEmpty(t *testing.T) {
	ctx := context.Background()
	c := newCommunity(t, Config{})
	snap := c.snap()
	defer snap.Close()
	q := Query{From: DateOf(2026, 2, 1), To: DateOf(2026, 2, 3)}
	tri, err := c.m.Retention(ctx, snap, q, Days, OnDay, 7, noon)
	if err != nil || len(tri.Cohorts) != 3 {
		t.Fatalf("%+v, %v", tri, err)
	}
	for _, x := range tri.Cohorts {
		for age, cell := range x.Cells {
			if share, ok := cell.Share(); ok || cell.Known || x.N != 0 {
				t.Errorf("%s at %d of nobody: %v", x.Name, age, share)
			}
		}
	}
	if steps, err := c.m.Funnel(ctx, snap, q, noon); err != nil || len(steps) != len(DefaultFunnel) || steps[0].Biggest {
		t.Errorf("%+v, %v", steps, err)
	} else if r, ok := steps[1].Rate(); ok {
		t.Errorf("the rate of nobody is %v", r)
	}
	if list, err := c.m.PullRequests(ctx, snap, q, "pr.opened", noon); err != nil || list[0].Known {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := c.m.ActiveMembers(ctx, snap, q, noon); err != nil || len(list) != 3 || list[0].Monthly != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	q.To = q.From - 1
	if tri, err := c.m.Retention(ctx, snap, q, Days, OnDay, 7, noon); err != nil || len(tri.Cohorts) != 0 {
		t.Errorf("of no days: %+v, %v", tri, err)
	}
}

// TestDayThatWasNot has Samoa's 2011-12-30: no cohort's cell of that day is ever known.
func TestDayThatWasNot(t *testing.T) {
	c := newCommunity(t, Config{Calendar: NewCalendar(Zone{Loc: zone(t, "Pacific/Apia")})})
	join := time.Date(2011, 12, 29, 20, 0, 0, 0, time.UTC) // the 29th, 10:00
	c.fold(on(join, Fact{Join: true}))
	c.fold(on(join.Add(24*time.Hour), Fact{Active: true})) // the 31st
	snap := c.snap()
	defer snap.Close()
	d := DateOf(2011, 12, 29)
	tri, err := c.m.Retention(context.Background(), snap, Query{From: d, To: d}, Days, OnDay, 3, join.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := []Cell{{1, 0, true}, {1, 0, false}, {1, 1, true}, {1, 0, true}}
	if !reflect.DeepEqual(tri.Cohorts[0].Cells, want) {
		t.Errorf("%+v, want %+v", tri.Cohorts[0].Cells, want)
	}
}

func TestSankey(t *testing.T) {
	links := sankey(map[string]int{"-": 5, "-m": 3, "-mc": 2, "-mcmc": 1, "-c": 4, "bad": 9, "": 1})
	type node struct {
		depth int
		a     Action
	}
	into, out := map[node]int{}, map[node]int{}
	for _, l := range links {
		out[node{l.Depth, l.From}] += l.N
		if l.To != NoAction {
			into[node{l.Depth + 1, l.To}] += l.N
		}
	}
	if n := out[node{0, NoAction}]; n != 15 {
		t.Errorf("%d members joined, want 15: %v", n, links)
	}
	for x, n := range into {
		if x.depth < pathLength && out[x] != n {
			t.Errorf("%+v has %d coming and %d going: %v", x, n, out[x], links)
		}
	}
}
