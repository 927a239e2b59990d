package measure

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// TestPullRequestDays holds the figures by day to those of all days together, and
// Since to the first of them.
func TestPullRequestDays(t *testing.T) {
	ctx := context.Background()
	c := newCommunity(t, Config{})
	snap := c.snap()
	if _, ok, err := Since(ctx, snap, Query{}); ok || err != nil {
		t.Errorf("something is known of nobody: %v", err)
	}
	snap.Close()
	for i := range 40 {
		member := fmt.Sprintf("%s:U%d", []string{"slack", "webchat"}[i%2], i)
		joined := noon.AddDate(0, 0, i%10)
		fold := func(at time.Time, f Fact) {
			h := on(at, f)
			h.member = member
			c.fold(h)
		}
		fold(joined, Fact{Join: true, Active: i%4 == 0})
		if i%3 == 0 { // some before they join, some on the last moment, some late
			fold(joined.AddDate(0, 0, i-2), Fact{Marks: []string{string(abi.PROpened)}})
		}
	}
	now := noon.AddDate(0, 0, 38) // the last days' 30 are not over
	snap = c.snap()
	defer snap.Close()
	q := Query{From: c.m.Calendar().Of(noon) - 3, To: c.m.Calendar().Of(now)}
	for _, q := range []Query{q, {Segments: []string{"slack"}, From: q.From, To: q.To}} {
		all, err := c.m.PullRequests(ctx, snap, q, string(abi.PROpened), now)
		if err != nil {
			t.Fatal(err)
		}
		for i, days := range RequestDays {
			list, err := c.m.PullRequestDays(ctx, snap, q, string(abi.PROpened), days, now)
			if err != nil {
				t.Fatal(err)
			}
			var sum Cell
			for d, x := range list {
				if x.Known {
					sum.N += x.N
					sum.Active += x.Active
				}
				if x.Known != (x.N > 0 && !c.m.calendarEnd(d).Add(time.Duration(days)*24*time.Hour).After(now)) {
					t.Errorf("%v within %d days: %+v", d, days, x)
				}
			}
			if sum.N != all[i].N || sum.Active != all[i].Active || days == 30 && sum.Active == 0 {
				t.Errorf("within %d days: %+v by day, %+v of all", days, sum, all[i])
			}
		}
	}
	if _, err := c.m.PullRequestDays(ctx, snap, q, string(abi.PROpened), 8, now); err == nil {
		t.Error("8 days are looked for")
	}
	first, ok, err := Since(ctx, snap, Query{})
	if !ok || err != nil || first != c.m.Calendar().Of(noon) {
		t.Errorf("it began on %v, %v", first, err)
	}
	if first, ok, err = Since(ctx, snap, Query{Segments: []string{"webchat"}}); !ok || err != nil || first != c.m.Calendar().Of(noon)+1 {
		t.Errorf("on webchat it began on %v, %v", first, err)
	}
	if !c.m.Lost(first, noon.AddDate(0, 0, 32)) || c.m.Lost(first, noon.AddDate(0, 0, 31)) {
		t.Error("who is lost, and when")
	}
}

func (m *Model) calendarEnd(d Day) time.Time {
	_, end, _ := m.calendar.Bounds(d)
	return end
}
