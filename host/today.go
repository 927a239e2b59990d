package host

import (
	"context"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Today is what was counted since midnight where the community is. What cannot
// be known is nil: the plugin that would count it is not installed.
type Today struct {
	Began time.Time // midnight, in the community's time zone; an hour later where clocks skip it

	Newcomers *Count // members seen to join for the first time; bots are none
	Greeted   *Count // of them and earlier ones, those whom welcome greeted
	FirstTask *Count // members who passed their first task
	Stuck     *Count // tasks that their members were reminded of for the first time
}

// Count is how many there were today, and whether there ever was one, as far
// back as [Keep.Track].
type Count struct {
	Today int
	Ever  bool
}

// Names of what is counted a day, and by whom.
const (
	trackJoined    = "joined" // by the host, as the house's plugin
	trackGreeted   = "welcome.greeted"
	trackFirstTask = "path.first_task"
	trackStuck     = "task.stuck"
)

// Today returns the day's counts. It reads a few rows, however many members
// there are.
func (e *Engine) Today(ctx context.Context) (Today, error) {
	now := e.clock.Now().In(e.tuned().Community.TimeZone)
	t := Today{Began: abi.OnClocks(now.Year(), now.Month(), now.Day(), 0, 0, now.Location())}
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return t, fmt.Errorf("host: counting the day: %w", err)
	}
	defer snap.Close()
	for _, c := range []struct {
		to           **Count
		plugin, name string
	}{{&t.Newcomers, house.Name, trackJoined}, {&t.Greeted, "welcome", trackGreeted}, {&t.FirstTask, "tasks", trackFirstTask}, {&t.Stuck, "tasks", trackStuck}} {
		if p := e.plugin(c.plugin); c.plugin != house.Name && (p == nil || p.version() == nil) {
			continue
		}
		n, err := dayCount(ctx, snap, c.plugin, c.name, now.Format(time.DateOnly))
		if err != nil {
			return t, fmt.Errorf("host: counting the day: %w", err)
		}
		*c.to = &n
	}
	return t, nil
}

func dayCount(ctx context.Context, snap store.Snapshot, plugin, name, day string) (c Count, err error) {
	row, err := snap.Get(ctx, kTrack.Join(plugin, name, day))
	if err != nil {
		return c, err
	}
	n, err := store.Counter(row)
	if err != nil {
		return c, err
	}
	c.Today, c.Ever = int(n), n > 0
	first := store.Prefix(kTrack.Join(plugin, name).Prefix())
	first.Limit = 1
	for _, err := range snap.Scan(ctx, first) {
		if err != nil {
			return c, err
		}
		c.Ever = true
	}
	return c, nil
}

// countJoin counts somebody who has joined for the first time, with the batch
// that notes it: was is what was known of them before. Joins are counted on the
// day on which they were seen, so that the count is exact without a look at all
// members.
func (e *Engine) countJoin(b *store.Batch, was, is *members.Profile, ev *abi.Event) {
	if ev.Kind == abi.MemberJoined && was.Joined == 0 && !is.Bot {
		day := e.clock.Now().In(e.tuned().Community.TimeZone).Format(time.DateOnly)
		b.Add(kTrack.Join(house.Name, trackJoined, day), 1)
	}
}
