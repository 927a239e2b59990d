package host

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// TestNewDefinitionsCountEverybodyAnew changes the funnel while members are there,
// stops in the middle, and goes on.
func TestNewDefinitionsCountEverybodyAnew(t *testing.T) {
	in(t, func(t *testing.T) {
		s := &between{Store: new(store.Mem)}
		b := newBot(t, Options{Store: s})
		milestones(b)
		b.start()
		const members = 700
		for i := range members {
			id := fmt.Sprintf("fake:m%03d", i)
			b.accept(by(b.event(abi.MemberJoined), id), chat.Accepted)
			if i%2 == 0 {
				b.accept(by(b.posting("path.first_task"), id), chat.Accepted)
			}
		}
		later(time.Minute)
		b.wantStanding("active:350 engaged:350 first_task:350 joined:700")
		before := b.Measuring()

		short := *b.tuned()
		short.Measure.Funnel = []measure.Step{{Name: "here", By: []string{"member.joined"}}, {Name: "done", By: []string{"path.first_task"}}}
		wrong := short
		wrong.Measure.Funnel = short.Measure.Funnel[:1]
		if err := b.Reconfigure(t.Context(), wrong); err == nil || b.Measuring() != before {
			t.Errorf("a funnel of one step: %v, %+v", err, b.Measuring())
		}
		// The engine stops while it counts.
		stopped := 0
		run := func(batch *store.Batch) {
			if slices.ContainsFunc(batch.Writes(), func(w store.Write) bool { return w.Key == kCounting && w.Op == store.Put }) {
				if stopped++; stopped == 2 {
					b.stop()
				}
			}
		}
		s.before.Store(&run)
		if err := b.Reconfigure(t.Context(), short); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.before.Store(nil)
		<-b.ended
		if m := b.Measuring(); m.Counted < 0 || m.Counted > members || m.Version == before.Version {
			t.Errorf("while it counts: %+v", m)
		}
		again := newBot(t, Options{Store: s, Measure: short.Measure})
		milestones(again)
		again.n = b.n
		again.start()
		later(time.Minute)
		if m := again.Measuring(); m.Counted != -1 {
			t.Errorf("in the end %+v", m)
		}
		again.wantStanding("active:350 done:350 here:700")
		// Of what was before nothing is left, and going back is new too.
		version := again.Measuring().Version
		for _, r := range again.rows("") {
			if strings.Contains(string(r.Key), before.Version) {
				t.Fatalf("left over: %s", r.Key)
			}
		}
		back := *again.tuned()
		back.Measure = Measure{}
		if err := again.Reconfigure(t.Context(), back); err != nil {
			t.Fatal(err)
		}
		again.accept(by(again.posting("path.first_task"), "fake:m001"), chat.Accepted)
		later(time.Minute)
		if v := again.Measuring().Version; v == version || v == before.Version {
			t.Errorf("version %s after %s and %s", v, before.Version, version)
		}
		again.wantStanding("active:351 engaged:351 first_task:351 joined:700")
	})
}

// TestForgottenWhileTheyAreCountedAnew has a member of an earlier definition
// forgotten.
func TestForgottenWhileTheyAreCountedAnew(t *testing.T) {
	in(t, func(t *testing.T) {
		s := new(store.Mem)
		b := newBot(t, Options{Store: s})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		b.halt()
		again := newBot(t, Options{Store: s, Measure: Measure{Funnel: []measure.Step{{Name: "here", By: []string{"member.joined"}}, {Name: "done", By: []string{"path.done"}}}}})
		if again.Measuring().Counted != 0 {
			t.Fatal("control: they are not to be counted anew")
		}
		again.start()
		if _, err := again.Forget(t.Context(), "fake:ada"); err != nil {
			t.Fatal(err)
		}
		later(time.Minute)
		for _, r := range again.rows("") {
			if strings.Contains(string(r.Key), "ada") {
				t.Errorf("a row still names her: %s", r.Key)
			}
		}
		again.wantStanding("here:1")
	})
}

func TestTimeZonesAreHistory(t *testing.T) {
	in(t, func(t *testing.T) {
		s := new(store.Mem)
		shanghai, berlin := location(t, "Asia/Shanghai"), location(t, "Europe/Berlin")
		b := newBot(t, Options{Store: s})
		b.start()
		move := func(to *time.Location) {
			t.Helper()
			tuning := *b.tuned()
			tuning.Community.TimeZone = to
			if err := b.Reconfigure(t.Context(), tuning); err != nil {
				t.Fatal(err)
			}
		}
		zones := func() (names []string) {
			for _, z := range b.measures().row.Zones {
				names = append(names, z.Name)
			}
			return names
		}
		// Where nobody is counted yet the zone was never another.
		move(shanghai)
		if got := fmt.Sprint(zones()); got != "[Asia/Shanghai]" {
			t.Errorf("zones %s", got)
		}
		version := b.Measuring().Version
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		move(berlin)
		move(berlin)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		if got := fmt.Sprint(zones()); got != "[Asia/Shanghai Europe/Berlin]" || b.Measuring().Version != version {
			t.Errorf("zones %s, version %s", got, b.Measuring().Version)
		}
		b.halt()
		again := newBot(t, Options{Store: s, Community: Community{TimeZone: berlin}})
		if got := len(again.measures().row.Zones); got != 2 {
			t.Errorf("%d zones after a restart", got)
		}
		third := newBot(t, Options{Store: s, Community: Community{TimeZone: shanghai}})
		if got := len(third.measures().row.Zones); got != 3 {
			t.Errorf("%d zones after a start with another", got)
		}
		third.exact()
	})
}

// TestRebuildWhileEventsFlow breaks counters, and has them put right in the middle
// of what comes in.
func TestRebuildWhileEventsFlow(t *testing.T) {
	in(t, func(t *testing.T) {
		s := &between{Store: new(store.Mem)}
		b := newBot(t, Options{Store: s})
		b.start()
		for i := range 20 {
			b.accept(by(b.event(abi.MemberJoined), fmt.Sprint("fake:m", i)), chat.Accepted)
		}
		who := audit.Who{ID: "t", Name: "Tess", Role: "admin", Via: "cli"}
		if x, err := b.RebuildAnalytics(t.Context(), who, nil); err != nil || x.Rows != 20 || x.Changed != 0 || x.Counters == 0 {
			t.Fatalf("with nothing wrong %+v, %v", x, err)
		}
		wrong, broken := new(store.Batch), 0
		for _, r := range b.rows(measure.Counters) {
			if wrong.Add(r.Key, 5); broken < 9 {
				broken++
			}
		}
		wrong.Add(measure.Counters.Join("fake", "joined", "d", "1999-01-01"), 3)
		broken = len(wrong.Writes())
		if _, err := s.Commit(t.Context(), wrong); err != nil {
			t.Fatal(err)
		}
		once := false
		run := func(batch *store.Batch) { // before what puts it right
			if w := batch.Writes(); len(w) > 0 && w[0].Op == store.Add && !once {
				once = true
				b.accept(by(b.event(abi.MemberJoined), "fake:late"), chat.Accepted)
			}
		}
		s.before.Store(&run)
		var told []int
		x, err := b.RebuildAnalytics(t.Context(), who, func(done, all int) { told = append(told, done, all) })
		s.before.Store(nil)
		if err != nil || x.Changed != broken || len(x.Examples) != min(broken, maxExamples) || x.Examples[0].Is-x.Examples[0].Ought == 0 {
			t.Errorf("%+v, %v; %d were broken", x, err, broken)
		}
		if !once || fmt.Sprint(told) != "[20 20]" {
			t.Errorf("progress %v, in between %v", told, once)
		}
		b.wantStanding("joined:21")
		list, err := b.audit.List(t.Context(), audit.Filter{Limit: 1})
		if err != nil || len(list) != 1 || list[0].Did != "analytics.rebuild" || list[0].Who.Name != "Tess" {
			t.Errorf("on record is %+v, %v", list, err)
		}
		later(2 * sweepEvery) // counters in which nobody is left go
		for _, r := range b.rows(measure.Counters) {
			if n, err := store.Counter(r); err != nil || n == 0 {
				t.Errorf("%s is %d, %v", r.Key, n, err)
			}
		}
		b.exact()
	})
}

// TestReplaysMeasureNothing runs the journal again, by a version that tracks.
func TestReplaysMeasureNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		tracks := func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			if c.Event.Message == nil {
				return abi.Effects{}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Track: &abi.Track{Name: "path.done"}}}}, nil
		}
		b.other("1.0.0", func(*abi.Call, wasm.Host) (abi.Effects, error) { return abi.Effects{}, nil })
		b.start()
		b.postsTexts(5, func(i int) string { return fmt.Sprint("text ", i) })
		row, _, err := b.MeasuredMember(t.Context(), "fake:ada")
		if err != nil || row.Mark("path.done") != 0 {
			t.Fatalf("%+v, %v", row, err)
		}
		b.other("2.0.0", tracks)
		if r := b.replay(ReplayOptions{Plugin: "p", Last: 10}); r.Changed != 5 {
			t.Fatalf("control: %+v", r)
		}
		row, _, err = b.MeasuredMember(t.Context(), "fake:ada")
		if err != nil || row.Mark("path.done") != 0 {
			t.Errorf("a replay was measured: %+v, %v", row, err)
		}
		b.exact()
	})
}

func TestBotsAreTakenBack(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		b.wantStanding("active:1 engaged:1 joined:1")
		now := b.now()
		if err := b.learnOf(t.Context(), "fake:ada", &measure.Fact{At: now, Received: now, Bot: true}); err != nil {
			t.Fatal(err)
		}
		later(time.Second)
		b.wantStanding("")
	})
}

func TestCommunityFigures(t *testing.T) {
	in(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		s := new(store.Mem)
		b := newBot(t, Options{Store: s, Metrics: reg})
		milestones(b)
		b.start()
		month := time.Now().UTC().Format("200601")
		series := func(status, step string) string {
			return "new_user_funnel_steps_total cohort=" + month + " status=" + status + " step=" + step
		}
		got := figures(t, reg)
		for _, step := range []string{"joined", "engaged", "first_task", "all_tasks", "first_pr"} {
			for _, status := range []string{"entered", "completed"} {
				if n, ok := got[series(status, step)]; !ok || n != 0 {
					t.Errorf("%s is %v, %v at the start, want 0", series(status, step), n, ok)
				}
			}
		}
		if _, ok := got["hearth_retention_d7_ratio "]; ok || got["hearth_dau "] != 0 {
			t.Errorf("at the start there is a retention %v, or %v are active", ok, got["hearth_dau "])
		}
		for i := range 4 {
			id := fmt.Sprint("fake:m", i)
			b.accept(by(b.event(abi.MemberJoined), id), chat.Accepted)
			if i > 0 {
				later(100 * time.Second)
				b.accept(by(b.posting("path.first_task"), id), chat.Accepted)
			}
		}
		later(2 * time.Minute)
		got = figures(t, reg)
		for s, want := range map[string]float64{
			series("entered", "joined"): 4, series("completed", "joined"): 4, series("entered", "engaged"): 4, series("completed", "engaged"): 3,
			series("entered", "first_task"): 3, series("completed", "first_task"): 3, series("entered", "all_tasks"): 3, series("completed", "all_tasks"): 0,
			"hearth_dau ": 3, "user_journey_duration_seconds_count cohort=" + month + " step=first_task": 3,
		} {
			if got[s] != want {
				t.Errorf("%s is %v, want %v", s, got[s], want)
			}
		}
		if sum := got["user_journey_duration_seconds_sum cohort="+month+" step=first_task"]; sum < 300*0.95 || sum > 300*1.05 {
			t.Errorf("three times 100 s to the first task are %v", sum)
		}
		later(7 * 24 * time.Hour)
		b.accept(by(b.posting("hi"), "fake:m1"), chat.Accepted)
		later(24 * time.Hour)
		b.halt()
		// They survive a restart, as they are the store's.
		reg = prometheus.NewRegistry()
		again := newBot(t, Options{Store: s, Metrics: reg})
		got = figures(t, reg)
		if got["hearth_retention_d7_ratio "] != 0.25 || got["hearth_dau "] != 0 || got[series("completed", "engaged")] != 3 {
			t.Errorf("after a restart %v, %v and %v", got["hearth_retention_d7_ratio "], got["hearth_dau "], got[series("completed", "engaged")])
		}
		again.exact()
		later(400 * 24 * time.Hour)
		cohorts := map[string]bool{}
		for s := range figures(t, reg) {
			if rest, ok := strings.CutPrefix(s, "new_user_funnel_steps_total cohort="); ok {
				cohorts[rest[:6]] = true
			}
		}
		if len(cohorts) != 12 {
			t.Errorf("%d cohorts after 400 days", len(cohorts))
		}
	})
}

func TestCoverage(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.platform.health.Hidden = []string{"channels that it is not in"}
		b.start()
		later(time.Minute)
		if got := fmt.Sprint(b.Coverage()); got != "[{fake [channels that it is not in]}]" {
			t.Errorf("%s", got)
		}
	})
}

func TestMeasuredCopies(t *testing.T) {
	var c measuredRows
	row := func(n int64) *measure.Row { return &measure.Row{Joined: n} }
	_, epoch := c.get("a")
	c.put("a", row(1), epoch)
	if r, _ := c.get("a"); r == nil || r.Joined != 1 {
		t.Fatalf("a is %+v", r)
	}
	// What was read before somebody was forgotten is not kept after it.
	_, epoch = c.get("a")
	c.drop("a")
	c.put("a", row(2), epoch)
	if r, _ := c.get("a"); r != nil && r.Joined != 0 {
		t.Errorf("a copy of a forgotten member: %+v", r)
	}
	for i := range 3 * maxMeasured {
		_, epoch := c.get("x")
		c.put(fmt.Sprint(i), row(int64(i)), epoch)
	}
	if len(c.rows) > maxMeasured || len(c.ring) > maxMeasured {
		t.Errorf("%d copies in %d places, at most %d", len(c.rows), len(c.ring), maxMeasured)
	}
	if r, _ := c.get(fmt.Sprint(3*maxMeasured - 1)); r == nil {
		t.Error("the newest is gone")
	}
}
