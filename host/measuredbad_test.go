package host

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// incident is an event that comes in at one time and has happened, as its
// platform says, at another; both as "03-02 15:04" UTC of 2026.
type incident struct {
	comes, at string
	kind      abi.Kind
	bot       bool
	move      string // instead: the community moves to this time zone
}

// TestBadInputIsDefined has an engine take in what platforms do at their worst, and
// holds its figures to what package measure says of that.
func TestBadInputIsDefined(t *testing.T) {
	const join, leave, post, opened = abi.MemberJoined, abi.MemberLeft, abi.MessagePosted, abi.PROpened
	for name, tc := range map[string]struct {
		zone string // "" for UTC
		list []incident
		want string
	}{
		"in order": {"", []incident{{"03-02 10:00", "03-02 10:00", join, false, ""}, {"03-03 10:00", "03-03 10:00", post, false, ""}},
			"joined 03-02; active 03-03; +0 0/1, +1 1/1; joined 1, engaged 1"},
		"a clock that is three minutes ahead is believed": {"", []incident{{"03-02 23:58", "03-03 00:01", join, false, ""}, {"03-02 23:59", "03-03 00:02", post, false, ""}},
			"joined 03-03; active 03-03; +0 1/1; joined 1, engaged 1"},
		"one that is a day ahead is not: it happened when it came in": {"", []incident{{"03-02 10:00", "03-03 10:00", join, false, ""}, {"03-02 11:00", "03-04 11:00", post, false, ""}},
			"joined 03-02; active 03-02; +0 1/1; joined 1, engaged 1"},
		"nor is one that lost its time": {"", []incident{{"03-02 10:00", "1970", join, false, ""}, {"03-02 11:00", "1970", post, false, ""}},
			"joined 03-02; active 03-02; +0 1/1; joined 1, engaged 1"},
		"activity that is six days late counts on its day": {"", []incident{{"03-02 10:00", "03-02 10:00", join, false, ""}, {"03-09 09:00", "03-03 10:00", post, false, ""}},
			"joined 03-02; active 03-03; +0 0/1, +1 1/1; joined 1, engaged 1"},
		"eight days late it counts on none, and is a step of the funnel all the same": {"", []incident{{"03-02 10:00", "03-02 10:00", join, false, ""}, {"03-11 10:00", "03-03 10:00", post, false, ""}},
			"joined 03-02; active none; +0 0/1; joined 1, engaged 1"},
		"out of order: the message comes before the join": {"", []incident{{"03-03 10:00", "03-03 10:00", post, false, ""}, {"03-03 11:00", "03-02 10:00", join, false, ""}},
			"joined 03-02; active 03-03; +0 0/1, +1 1/1; joined 1, engaged 1"},
		"a leave before the join": {"", []incident{{"03-02 09:00", "03-02 09:00", leave, false, ""}, {"03-02 10:00", "03-02 10:00", join, false, ""}},
			"joined 03-02; active none; +0 0/1; joined 1, engaged 0"},
		"a leave that comes before the join, and happened behind it": {"", []incident{{"03-02 09:00", "03-02 10:00", leave, false, ""}, {"03-02 11:00", "03-02 08:00", join, false, ""}},
			"joined 03-02; gone; active none; +0 0/1; joined 1, engaged 0"},
		"a leave without a join": {"", []incident{{"03-02 09:00", "03-02 09:00", leave, false, ""}},
			"not seen to join; gone; active none; no cohort; joined 0, engaged 0"},
		"three joins are one member, of the first": {"", []incident{
			{"03-02 10:00", "03-02 10:00", join, false, ""}, {"03-03 10:00", "03-03 10:00", leave, false, ""}, {"03-04 10:00", "03-04 10:00", join, false, ""},
			{"03-05 10:00", "03-05 10:00", leave, false, ""}, {"03-06 10:00", "03-06 10:00", join, false, ""}, {"03-07 10:00", "03-07 10:00", post, false, ""}},
			"joined 03-02; active 03-07; +0 0/1, +5 1/1; joined 1, engaged 1"},
		"the last of three joins comes first": {"", []incident{
			{"03-06 10:00", "03-06 10:00", join, false, ""}, {"03-06 11:00", "03-04 10:00", join, false, ""}, {"03-06 12:00", "03-02 10:00", join, false, ""}},
			"joined 03-02; active none; +0 0/1; joined 1, engaged 0"},
		"a pull request from before the join is none of the cohort's": {"", []incident{{"03-02 10:00", "03-02 10:00", opened, false, ""}, {"03-03 10:00", "03-03 10:00", join, false, ""}},
			"joined 03-03; active none; +0 0/1; joined 1, engaged 0; 1 had a pull request before"},
		"a bot that is found out later is taken back": {"", []incident{{"03-02 10:00", "03-02 10:00", join, false, ""}, {"03-02 11:00", "03-02 11:00", post, false, ""}, {"03-05 10:00", "03-05 10:00", post, true, ""}},
			"not counted; active none; no cohort; joined 0, engaged 0"},
		"days of 23 hours where clocks go forward": {"America/New_York", []incident{{"03-08 04:30", "03-08 04:30", join, false, ""}, {"03-09 03:30", "03-09 03:30", post, false, ""}},
			"joined 03-07; active 03-08; +0 0/1, +1 1/1; joined 1, engaged 1"},
		"the hour that comes twice where they go back": {"America/New_York", []incident{{"11-01 05:30", "11-01 05:30", join, false, ""}, {"11-01 06:30", "11-01 06:30", post, false, ""}, {"11-02 04:59", "11-02 04:59", post, false, ""}},
			"joined 11-01; active 11-01; +0 1/1; joined 1, engaged 1"},
		"a community that moves keeps its past": {"America/New_York", []incident{
			{"03-03 03:00", "03-03 03:00", join, false, ""}, // the evening of the 2nd
			{"03-05 01:00", "", "", false, "Asia/Shanghai"},
			{"03-05 01:03", "03-05 01:03", post, false, ""}, // the evening of the 4th: days move six minutes later
			{"03-05 17:00", "03-05 17:00", post, false, ""}, // the 6th
			{"03-05 18:00", "03-04 02:00", post, false, ""}, // late, from before the move: the evening of the 3rd
		}, "joined 03-02; active 03-03 03-04 03-06; +0 0/1, +1 1/1, +2 1/1, +4 1/1; joined 1, engaged 1"},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				sleepUntil(t, "02-27 00:00")
				zone := time.UTC
				if tc.zone != "" {
					zone = location(t, tc.zone)
				}
				b := newBot(t, Options{Community: Community{TimeZone: zone}})
				b.start()
				for i, x := range tc.list {
					sleepUntil(t, x.comes)
					if x.move != "" {
						tuning := *b.tuned()
						tuning.Community.TimeZone = location(t, x.move)
						if err := b.Reconfigure(t.Context(), tuning); err != nil {
							t.Fatal(err)
						}
						continue
					}
					e := b.event(x.kind)
					e.Time, e.Member.Bot = moment2026(t, x.at).UnixMilli(), x.bot
					if x.kind == join || x.kind == leave || x.kind == opened {
						e.Conversation = abi.Conversation{}
					}
					if x.kind == opened {
						e.Custom = &abi.Custom{Name: "gophers/hearth"}
					}
					for range 2 { // each is delivered twice
						if _, err := b.Accept(t.Context(), chat.Incoming{Event: e}); err != nil {
							t.Fatalf("event %d: %v", i, err)
						}
					}
				}
				later(40 * 24 * time.Hour)
				if got := b.summary(t); got != tc.want {
					t.Errorf("%s\nwant %s", got, tc.want)
				}
				done, err := b.RebuildAnalytics(t.Context(), audit.Who{ID: "test", Name: "test"}, nil)
				if err != nil || done.Changed != 0 {
					t.Errorf("counted anew: %+v, %v", done, err)
				}
			})
		})
	}
}

func sleepUntil(t *testing.T, at string) {
	t.Helper()
	later(time.Until(moment2026(t, at)))
}

func moment2026(t *testing.T, s string) time.Time {
	t.Helper()
	if s == "1970" {
		return time.UnixMilli(1)
	}
	at, err := time.Parse("2006-01-02 15:04", "2026-"+s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func location(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// summary says what the figures are of a community with one member, ada.
func (b *bot) summary(t *testing.T) string {
	t.Helper()
	var said []string
	row, ok, err := b.MeasuredMember(t.Context(), "fake:ada")
	if err != nil || !ok {
		t.Fatal("ada is not measured: ", err)
	}
	err = b.Measured(t.Context(), func(m *measure.Model, snap store.Snapshot, now time.Time) error {
		ctx := context.Background()
		q := measure.Query{From: measure.DateOf(2026, 1, 1), To: measure.DateOf(2026, 12, 31)}
		joined := measure.Day(0)
		switch {
		case row.Out:
			said = append(said, "not counted")
		case row.Joined == 0:
			said = append(said, "not seen to join")
		default:
			joined = m.Calendar().Of(time.UnixMilli(row.Joined))
			said = append(said, "joined "+joined.String()[5:])
		}
		if row.Gone() {
			said = append(said, "gone")
		}
		days, err := m.ActiveMembers(ctx, snap, q, now)
		if err != nil {
			return err
		}
		active := "active"
		for _, d := range days {
			if d.Daily > 0 {
				active += " " + d.Day.String()[5:]
			}
		}
		if active == "active" {
			active += " none"
		}
		said = append(said, active)
		triangle, err := m.Retention(ctx, snap, q, measure.Days, measure.OnDay, 30, now)
		if err != nil {
			return err
		}
		var kept []string
		for _, c := range triangle.Cohorts {
			for age, cell := range c.Cells {
				if cell.Known != (c.N > 0) {
					t.Errorf("cohort %s of %d members: the cell of age %d is %+v; 40 days later all are known, and those of no member never", c.Name, c.N, age, cell)
				}
				if cell.Known && (age == 0 || cell.Active > 0) {
					kept = append(kept, fmt.Sprintf("+%d %d/%d", age, cell.Active, cell.N))
				}
			}
		}
		if kept == nil {
			kept = append(kept, "no cohort")
		}
		said = append(said, strings.Join(kept, ", "))
		steps, err := m.Funnel(ctx, snap, q, now)
		if err != nil {
			return err
		}
		said = append(said, fmt.Sprintf("joined %d, engaged %d", steps[0].Reached, steps[1].Reached))
		pulls, err := m.PullRequests(ctx, snap, q, string(abi.PROpened), now)
		if err == nil && pulls[0].Before > 0 {
			said = append(said, fmt.Sprintf("%d had a pull request before", pulls[0].Before))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(said, "; ")
}
