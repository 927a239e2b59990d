package host

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/store"
)

// queues reads what waits when it is asked for, from memory but for the first
// name among the timers.
type queues struct {
	e                        *Engine
	depth, age, state, pause *prometheus.Desc
}

func (q *queues) Describe(ch chan<- *prometheus.Desc) {
	ch <- q.depth
	ch <- q.age
	ch <- q.state
	ch <- q.pause
}

func (q *queues) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	now := q.e.clock.Now()
	// waits shows a queue whose oldest row has a number, which is a time.
	waits := func(n int, oldest uint64, queue, name string) {
		gauge(q.depth, float64(n), queue, name)
		if n > 0 && oldest != 0 {
			gauge(q.age, max(0, now.Sub(time.Unix(0, int64(oldest))).Seconds()), queue, name)
		}
	}
	plugins, platforms := q.e.locked()
	for _, p := range plugins {
		waits(p.lanes.length(), p.lanes.oldest(), "events", p.name)
		n, oldest := q.e.waitingActions(p.name)
		waits(n, oldest, "actions", p.name)
		gauge(q.depth, float64(p.timers.Load()), "timers", p.name)
		open := 0.0
		if p.breaker.state(now) != "closed" {
			open = 1
		}
		gauge(q.state, open, p.name)
	}
	for _, p := range platforms {
		waits(p.lanes.length(), p.lanes.oldest(), "messages", p.name)
	}
	for plugin, n := range q.e.dead.count() {
		waits(n, q.e.dead.oldest(plugin), "failed", plugin)
	}
	if due, ok := q.e.timers.overdue(now); ok {
		gauge(q.age, due.Seconds(), "timers", "all")
	}
	paused := 0.0
	if q.e.Paused() {
		paused = 1
	}
	gauge(q.pause, paused)
}

// figureTimeout bounds how long the figures wait for the store.
const figureTimeout = time.Second

// overdue is for how long the first timer has been due, and whether one is.
func (t *timers) overdue(now time.Time) (time.Duration, bool) {
	ctx, cancel := context.WithTimeout(t.e.ctx, figureTimeout)
	defer cancel()
	snap, err := t.e.store.Snapshot(ctx)
	if err != nil {
		return 0, false // not known: not shown
	}
	defer snap.Close()
	first := store.Prefix(kTimer.Prefix())
	first.Limit = 1
	for row, err := range snap.Scan(ctx, first) {
		if err != nil {
			return 0, false
		}
		at, err := store.ParseSeq(splitKey(row.Key, 2)[0])
		if late := now.UnixMilli() - int64(at); err == nil && late >= 0 {
			return time.Duration(late) * time.Millisecond, true
		}
	}
	return 0, false
}
