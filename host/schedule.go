package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// schedule sees to it that each of a version's schedules has its timer, and
// that a changed one is computed anew.
func (t *timers) schedule(ctx context.Context, p *plugin, v *version) error {
	if len(v.manifest.Schedules) > 0 && !v.grants.has(abi.CapTimers) {
		return nil // it waits for the grant
	}
	return t.scheduleAll(ctx, p, v, false)
}

// reschedule computes anew when a version's schedules run next: the community
// has another time zone.
func (t *timers) reschedule(ctx context.Context, p *plugin, v *version) error {
	if !v.grants.has(abi.CapTimers) {
		return nil
	}
	return t.scheduleAll(ctx, p, v, true)
}

func (t *timers) scheduleAll(ctx context.Context, p *plugin, v *version, anew bool) error {
	for _, s := range v.manifest.Schedules {
		err := t.scheduleOne(ctx, p.name, s, anew)
		for try := 0; errors.Is(err, store.ErrConflict) && try < maxTries; try++ {
			err = t.scheduleOne(ctx, p.name, s, anew) // it fired meanwhile
		}
		if err != nil {
			return fmt.Errorf("schedule %q: %w", s.Name, err)
		}
	}
	return nil
}

// scheduleOne keeps the timer that a schedule has, unless it was computed for
// another expression, or anew is set and it is not due yet.
func (t *timers) scheduleOne(ctx context.Context, plugin string, s abi.Schedule, anew bool) error {
	snap, err := t.e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	ref := timerRef(plugin, "", "schedule", s.Name)
	row, err := snap.Get(ctx, ref)
	if err != nil {
		return err
	}
	b := new(store.Batch)
	b.Check(ref, row.Rev)
	if row.Exists() {
		old, err := snap.Get(ctx, store.Key(row.Value))
		if err != nil {
			return err
		}
		var tr timerRow
		if old.Exists() {
			if _, err := tr.UnmarshalMsg(old.Value); err != nil {
				return fmt.Errorf("row %s: %w", old.Key, err)
			}
			if tr.Cron == s.Cron && (!anew || tr.Due <= t.e.now()) {
				return nil // what is due stays due, also if it was due while the host was down
			}
			b.Delete(store.Key(row.Value))
		}
	}
	next, _ := t.nextRun(s, t.e.now(), t.e.now())
	if err := t.put(b, next, &timerRow{Plugin: plugin, Name: s.Name, Due: next, Cron: s.Cron, Ref: string(ref)}); err != nil {
		return err
	}
	if _, err := t.e.store.Commit(ctx, b); err != nil {
		return err
	}
	t.wake(next)
	return nil
}

func (v *version) schedule(name string) (abi.Schedule, bool) {
	for _, s := range v.manifest.Schedules {
		if s.Name == name {
			return s, true
		}
	}
	return abi.Schedule{}, false
}

// maxCatchUp is how many missed runs of a schedule are made up for.
const maxCatchUp = 24

// nextRun is when a schedule that was due at due runs next, and whether due is
// so long past that later runs have been missed too. A schedule that asks for
// it makes up for each of the last maxCatchUp, one after the other.
func (t *timers) nextRun(s abi.Schedule, due, now int64) (next int64, late bool) {
	after := func(ms int64) int64 {
		at, err := nextTick(s.Cron, time.UnixMilli(ms).In(t.e.tuned().Community.TimeZone))
		if err != nil {
			return now + 24*time.Hour.Milliseconds() // checked at install: cannot happen
		}
		return at.UnixMilli()
	}
	next = after(due)
	switch {
	case next > now:
		return next, now-due > maxSleep.Milliseconds()
	case s.Once || s.Skip:
		return after(now), true
	}
	// Back from now, so that a year of missed minutes costs no more than a day.
	next = now + 1
	for range maxCatchUp {
		at, err := lastTick(s.Cron, time.UnixMilli(next).In(t.e.tuned().Community.TimeZone))
		if err != nil || at.UnixMilli() <= due {
			break
		}
		next = at.UnixMilli()
	}
	if next > now {
		return after(now), true
	}
	return next, true
}

// nextTick is the first time after from at which expr's clock time comes up in
// from's zone. The search is made on a calendar without time zones and its find
// is put into the zone afterwards: so a time that a change to daylight saving
// leaves out comes an hour later instead of not at all, and one that the change
// back repeats comes once.
func nextTick(expr string, from time.Time) (time.Time, error) {
	zone := from.Location()
	y, mo, d := from.Date()
	wall := time.Date(y, mo, d, from.Hour(), from.Minute(), from.Second(), 0, time.UTC)
	for {
		next, err := gronx.NextTickAfter(expr, wall, false)
		if err != nil {
			return time.Time{}, err
		}
		at := abi.OnClocks(next.Year(), next.Month(), next.Day(), next.Hour(), next.Minute(), zone)
		if at.After(from) {
			return at, nil
		}
		wall = next
	}
}

// lastTick is the last time before from at which expr's clock time came up in
// from's zone: the way back of nextTick.
func lastTick(expr string, from time.Time) (time.Time, error) {
	zone := from.Location()
	y, mo, d := from.Date()
	// The tick of this very second is before from if from is within it.
	wall := time.Date(y, mo, d, from.Hour(), from.Minute(), from.Second(), 0, time.UTC).Add(time.Second)
	for {
		last, err := gronx.PrevTickBefore(expr, wall, false)
		if err != nil {
			return time.Time{}, err
		}
		at := abi.OnClocks(last.Year(), last.Month(), last.Day(), last.Hour(), last.Minute(), zone)
		if at.Before(from) {
			return at, nil
		}
		wall = last
	}
}

// maxCronGap is within what time a schedule has to come up: the 29th of
// February does, the 31st does not.
const maxCronGap = 5 * 366 * 24 * time.Hour

// cronEpoch is a day from which schedules are tried out.
var cronEpoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// validCron says whether expr is a cron expression of five fields that comes up.
func validCron(expr string) bool {
	if len(strings.Fields(expr)) != 5 || !gronx.IsValid(expr) {
		return false
	}
	next, err := nextTick(expr, cronEpoch)
	return err == nil && next.Sub(cronEpoch) <= maxCronGap
}
