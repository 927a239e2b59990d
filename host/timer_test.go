package host

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

func TestTimersFireOnceAndSurvive(t *testing.T) {
	in(t, func(t *testing.T) {
		var rec record
		plugin := func(b *bot) {
			b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted, abi.MemberLeft}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				timer := func(name string, d time.Duration) abi.Effect {
					return abi.Effect{Timer: &abi.Timer{Name: name, Key: "k", Due: c.Now + d.Milliseconds(), Note: []byte("note of " + name)}}
				}
				switch c.Event.Kind {
				case abi.TimerFired:
					rec.add(fmt.Sprintf("%s %s %s late=%v in %s", c.Event.Timer.Name, c.Event.Note, c.Event.Member.ID, c.Event.Timer.Late, c.Event.Conversation.ID))
					return abi.Effects{}, nil
				case abi.MemberLeft:
					return abi.Effects{Out: []abi.Effect{{Cancel: &abi.Cancel{Name: "hour", Key: "k"}}, {Cancel: &abi.Cancel{Name: "never set"}}}}, nil
				}
				return abi.Effects{Out: []abi.Effect{timer("minute", time.Minute), timer("hour", time.Hour), timer("day", 24*time.Hour)}}, nil
			})
		}
		b := newBot(t, Options{})
		plugin(b)
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(59 * time.Second)
		if fired := rec.all(); len(fired) != 0 {
			t.Fatalf("fired early: %q", fired)
		}
		later(2 * time.Second)
		b.accept(b.event(abi.MemberLeft), chat.Accepted) // cancels the hour
		later(2 * time.Hour)
		if fired := rec.all(); len(fired) != 1 || fired[0] != "minute note of minute fake:ada late=false in fake:general" {
			t.Fatalf("fired %q, want the minute only", fired)
		}
		// Setting a timer again moves it.
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(30 * time.Second)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(45 * time.Second)
		if fired := rec.all(); len(fired) != 1 {
			t.Fatalf("fired %q although it was moved", fired)
		}
		later(30 * time.Second)
		if fired := rec.all(); len(fired) != 2 {
			t.Fatalf("fired %q, want the moved minute", fired)
		}
		b.halt()
		later(48 * time.Hour)
		again := newBot(t, Options{Store: b.store})
		plugin(again)
		again.start()
		later(time.Second)
		if fired := rec.all(); len(fired) != 4 || fired[2] != "hour note of hour fake:ada late=true in fake:general" {
			t.Errorf("fired %q after downtime, want hour and day, late", fired)
		}
		if n := again.Engine.plugin("p").timers.Load(); n != 0 {
			t.Errorf("%d timers are counted, want none", n)
		}
		if rows := append(again.rows(kTimer), again.rows(kTimerRef)...); len(rows) != 0 {
			t.Errorf("rows remain: %v", rows[0].Key)
		}
	})
}

func TestSchedulesCatchUp(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	in(t, func(t *testing.T) {
		var rec record
		plugin := func(b *bot) {
			b.plugin(abi.Manifest{Name: "p", Schedules: []abi.Schedule{
				{Name: "each", Cron: "0 9 * * *"}, {Name: "once", Cron: "0 9 * * *", Once: true}, {Name: "skip", Cron: "0 9 * * *", Skip: true}}},
				func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
					tm := c.Event.Timer
					rec.add(tm.Name + " " + time.UnixMilli(tm.Due).In(berlin).Format("Jan 2 15:04"))
					return abi.Effects{}, nil
				})
		}
		o := Options{Community: Community{TimeZone: berlin}}
		b := newBot(t, o)
		plugin(b)
		b.start()
		later(36 * time.Hour) // Jan 1 and 2, 09:00
		for _, name := range []string{"each", "once", "skip"} {
			if got := rec.with(name); got != "Jan 1 09:00, Jan 2 09:00" {
				t.Errorf("%s fired %s", name, got)
			}
		}
		b.halt()
		rec.clear()
		later(3*24*time.Hour + time.Hour)
		o.Store = b.store
		again := newBot(t, o)
		plugin(again)
		again.start()
		later(time.Minute)
		if got := rec.with("each") + "; " + rec.with("once") + "; " + rec.with("skip"); got != "Jan 3 09:00, Jan 4 09:00, Jan 5 09:00; Jan 3 09:00; " {
			t.Errorf("after three days away: %s", got)
		}
		later(24 * time.Hour)
		if got := rec.with("skip"); got != "Jan 6 09:00" {
			t.Errorf("skip goes on with %s", got)
		}
	})
}

// timersIn are the timers of an engine whose community has a time zone, to
// compute with alone.
func timersIn(zone *time.Location) *timers {
	e := &Engine{}
	e.tuning.Store(&Tuning{Community: Community{TimeZone: zone}})
	return &timers{e: e}
}

func TestScheduleOverDaylightSaving(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	tm := timersIn(berlin)
	// 02:30 does not exist on 29 March 2026 and exists twice on 25 October.
	for _, day := range []string{"2026-03-28T02:30:00+01:00", "2026-10-24T02:30:00+02:00"} {
		at, err := time.Parse(time.RFC3339, day)
		if err != nil {
			t.Fatal(err)
		}
		next := at.UnixMilli()
		for range 4 {
			n, _ := tm.nextRun(abi.Schedule{Cron: "30 2 * * *"}, next, next)
			if n <= next {
				t.Fatalf("the run after %v is %v", time.UnixMilli(next).In(berlin), time.UnixMilli(n).In(berlin))
			}
			next = n
			t.Log(time.UnixMilli(n).In(berlin).Format(time.RFC3339))
		}
		if days := time.UnixMilli(next).Sub(at).Hours() / 24; days > 4.1 {
			t.Errorf("four runs after %s took %.1f days: one was skipped", day, days)
		}
	}
}

func TestCatchingUpLooksBackNoFurtherThanItMust(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	tm := timersIn(zone)
	now := time.Date(2026, time.November, 1, 12, 0, 30, 0, zone)
	for _, tc := range []struct {
		cron       string
		away       time.Duration
		once, skip bool
		want       string
	}{
		{cron: "* * * * *", away: 400 * 24 * time.Hour, want: "2026-11-01 11:37"},
		{cron: "* * * * *", away: 5 * time.Minute, want: "2026-11-01 11:56"},
		{cron: "* * * * *", away: 400 * 24 * time.Hour, once: true, want: "2026-11-01 12:01"},
		{cron: "* * * * *", away: 400 * 24 * time.Hour, skip: true, want: "2026-11-01 12:01"},
		{cron: "0 9 * * *", away: 400 * 24 * time.Hour, want: "2026-10-09 09:00"},
		{cron: "30 2 * * *", away: 10 * 24 * time.Hour, want: "2026-10-23 02:30"}, // over the change to winter time
		{cron: "0 12 1 * *", away: 31 * 24 * time.Hour, want: "2026-11-01 12:00"},
		{cron: "0 0 29 2 *", away: 24 * time.Hour, want: "2028-02-29 00:00"},
	} {
		s := abi.Schedule{Cron: tc.cron, Once: tc.once, Skip: tc.skip}
		due, err := lastTick(tc.cron, now.Add(-tc.away))
		if err != nil {
			t.Fatal(err)
		}
		next, _ := tm.nextRun(s, due.UnixMilli(), now.UnixMilli())
		if got := time.UnixMilli(next).In(zone).Format("2006-01-02 15:04"); got != tc.want {
			t.Errorf("%q (once %v, skip %v) after %v away goes on at %s, want %s", tc.cron, tc.once, tc.skip, tc.away, got, tc.want)
		}
	}
}

func TestAScheduleEndsWithItsManifestOrGrant(t *testing.T) {
	for name, m := range map[string]abi.Manifest{
		"gone from the manifest": {},
		"grant taken back":       {Schedules: []abi.Schedule{{Name: "daily", Cron: "0 9 * * *"}}, Needs: []abi.Need{}},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				b := newBot(t, Options{})
				fired := 0
				h := func(*abi.Call, wasm.Host) (abi.Effects, error) { fired++; return abi.Effects{}, nil }
				b.plugin(abi.Manifest{Name: "p", Schedules: []abi.Schedule{{Name: "daily", Cron: "0 9 * * *"}}}, h)
				b.start()
				if m.Needs != nil {
					v, err := (&grantRow{}).MarshalMsg(nil)
					if err != nil {
						t.Fatal(err)
					}
					batch := new(store.Batch)
					batch.Put(kGrant.Join("p"), v)
					if _, err := b.store.Commit(t.Context(), batch); err != nil {
						t.Fatal(err)
					}
				}
				m.Name, m.Version = "p", "2.0.0"
				b.plugin(m, h)
				later(48 * time.Hour)
				if rows := append(b.rows(kTimer), b.rows(kTimerRef)...); fired != 0 || len(rows) != 0 {
					t.Errorf("fired %d times, %d rows left, want neither", fired, len(rows))
				}
			})
		})
	}
}

// TestTicksBackAndForth holds the way back against the way there.
func TestTicksBackAndForth(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	field := func(name string, low, high int) *rapid.Generator[string] {
		return rapid.OneOf(rapid.Just("*"), rapid.Map(rapid.IntRange(low, high), strconv.Itoa))
	}
	rapid.Check(t, func(t *rapid.T) {
		expr := strings.Join([]string{field("minute", 0, 59).Draw(t, "minute"), field("hour", 4, 23).Draw(t, "hour"),
			field("day", 1, 28).Draw(t, "day"), field("month", 1, 12).Draw(t, "month"), field("weekday", 0, 6).Draw(t, "weekday")}, " ")
		from := time.Date(2026, time.January, 1, 4, 0, 0, 0, zone).Add(time.Duration(rapid.IntRange(0, 366*24*60).Draw(t, "from")) * time.Minute)
		next, err := nextTick(expr, from)
		if err != nil {
			t.Skip("it does not come up soon")
		}
		back, err := lastTick(expr, next.Add(time.Minute))
		if err != nil || !back.Equal(next) {
			t.Fatalf("%q: %v comes after %v, and on the way back %v, %v", expr, next, from, back, err)
		}
	})
}

func TestContinue(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		var rec record
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			rec.add(string(c.Event.Kind) + string(c.Event.Note))
			if n := len(rec.all()); n < 40 {
				return abi.Effects{Out: []abi.Effect{{Continue: &abi.Continue{Cursor: fmt.Append(nil, " ", n)}}}}, nil
			}
			return abi.Effects{}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Second)
		if order := rec.all(); len(order) != 40 || order[39] != "hearth.continued 39" {
			t.Errorf("went on %d times: %q", len(order), order)
		}
	})
}
