package host

import (
	"sync"
	"time"
)

// Minute is what was counted in a minute: of a plugin attempts to handle an event,
// those of all versions that carry out what they do; of a platform deliveries.
type Minute struct{ Events, Failed int }

// pulse counts by the minute, for the last hour. It is in memory: a look at a page,
// not evidence.
type pulse struct {
	began time.Time // never changed once there is somebody who asks

	mu      sync.Mutex
	minutes [60]struct {
		minute int64 // since 1970
		Minute
	}
}

// add counts what is over.
func (p *pulse) add(now time.Time, failed bool) {
	n := now.Unix() / 60
	p.mu.Lock()
	defer p.mu.Unlock()
	m := &p.minutes[n%60]
	if m.minute != n {
		m.minute, m.Minute = n, Minute{}
	}
	m.Events++
	if failed {
		m.Failed++
	}
}

// hour is what was counted in the last sixty minutes, the one under way among
// them.
func (p *pulse) hour(now time.Time) []Minute {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := now.Unix() / 60
	first := max(last-59, p.began.Unix()/60)
	out := make([]Minute, 0, 60)
	for n := first; n <= last; n++ {
		m := Minute{}
		if at := &p.minutes[n%60]; at.minute == n {
			m = at.Minute
		}
		out = append(out, m)
	}
	return out
}

// tally counts deliveries.
type tally struct{ pulse }

// add counts a delivery that ended.
func (t *tally) add(now time.Time, status string) {
	if status == statusSent || status == statusFailed {
		t.pulse.add(now, status == statusFailed)
	}
}

// hour is what was counted in the last sixty minutes.
func (t *tally) hour(now time.Time) (sent, failed int) {
	for _, m := range t.pulse.hour(now) {
		sent, failed = sent+m.Events-m.Failed, failed+m.Failed
	}
	return sent, failed
}
