package host

import (
	"sync"
	"time"
)

// tally counts deliveries by the minute, for the last hour. It is in memory: a
// look at a page, not evidence.
type tally struct {
	began time.Time

	mu      sync.Mutex
	minutes [60]struct {
		minute       int64 // since 1970
		sent, failed int
	}
}

// add counts a delivery that ended.
func (t *tally) add(now time.Time, status string) {
	if status != statusSent && status != statusFailed {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := now.Unix() / 60
	m := &t.minutes[n%60]
	if m.minute != n {
		m.minute, m.sent, m.failed = n, 0, 0
	}
	if status == statusSent {
		m.sent++
	} else {
		m.failed++
	}
}

// hour is what was counted in the last sixty minutes, the one under way among
// them.
func (t *tally) hour(now time.Time) (sent, failed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.minutes {
		if m := &t.minutes[i]; now.Unix()/60-m.minute < 60 {
			sent, failed = sent+m.sent, failed+m.failed
		}
	}
	return sent, failed
}
