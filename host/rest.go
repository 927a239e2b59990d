package host

import (
	"context"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/store"
)

// Resting says whether nothing is being worked at and nothing is due: what waits,
// waits for the clock. next is when the first timer is due, the zero time if none
// is set. It is for whoever moves the engine's clock by hand and feeds it alone
// (a simulation): after Accept has returned it is true once everything that
// follows from the event has been done.
func (e *Engine) Resting(ctx context.Context) (resting bool, next time.Time, err error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return false, next, fmt.Errorf("host: looking whether all is done: %w", err)
	}
	defer snap.Close()
	first := store.Prefix(kTimer.Prefix())
	first.Limit = 1
	for row, err := range snap.Scan(ctx, first) {
		if err != nil {
			return false, next, fmt.Errorf("host: looking whether all is done: %w", err)
		}
		at, err := store.ParseSeq(splitKey(row.Key, 2)[0])
		if err != nil {
			return false, next, fmt.Errorf("host: looking whether all is done: row %s: %w", row.Key, err)
		}
		next = time.UnixMilli(int64(at))
	}
	if !next.IsZero() && !next.After(e.clock.Now()) {
		return false, next, nil
	}
	return e.timers.asleep.Load() && len(e.timers.woken) == 0 && e.quiet(), next, nil
}

// quiet says whether no lane's head is being run or about to be. What runs may
// put something into another lane before it ends, so all are looked at in one
// moment.
func (e *Engine) quiet() bool {
	plugins, platforms := e.locked()
	all := []*lanes{e.actions, e.verifies, e.forgetting}
	for _, p := range plugins {
		all = append(all, p.lanes)
	}
	for _, p := range platforms {
		all = append(all, p.lanes)
	}
	busy := false
	for _, l := range all {
		l.mu.Lock()
		defer l.mu.Unlock()
		busy = busy || l.workers > 0 || len(l.ready) > 0
	}
	return !busy
}
