package host

import (
	"sync"
	"time"
)

// breaker holds a plugin back that fails event after event, so that it wastes
// neither the machine nor its events' attempts. Open, it lets nothing through;
// then half-open, one event at a time; a success closes it.
//
//	closed ──(limit different events fail in a row)──► open
//	   ▲                                                │ pause
//	   └──(success)── half-open ◄───────────────────────┘
//	                    └──(failure)──► open
type breaker struct {
	limit int
	pause time.Duration

	mu      sync.Mutex
	failing map[uint64]struct{} // events that failed since the last success
	until   time.Time           // open until then; zero if closed
	probe   uint64              // half-open, and this event is on its way; 0 for none
}

func newBreaker(r Retries) *breaker {
	return &breaker{limit: r.Breaker, pause: r.Pause, failing: map[uint64]struct{}{}}
}

// enter says whether an event may be handled now, and otherwise for how long
// to wait before asking again. Whoever enters calls succeed, fail or leave with
// the same event. Events that entered before the breaker opened may end after
// it: they say nothing of the probe, and neither end it nor close the breaker.
func (b *breaker) enter(event uint64, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return 0
	case now.Before(b.until):
		return b.until.Sub(now)
	case b.probe != 0:
		return time.Second
	}
	b.probe = event
	return 0
}

// leave takes back an enter that led to neither success nor failure.
func (b *breaker) leave(event uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.probe == event {
		b.probe = 0
	}
}

func (b *breaker) succeed(event uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() || b.probe == event {
		b.close()
	}
}

// fail counts a failed event, and says whether that opened the breaker. The
// same event failing again says nothing new of the plugin.
func (b *breaker) fail(event uint64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.failing) < b.limit {
		b.failing[event] = struct{}{}
	}
	opened := b.until.IsZero() && len(b.failing) >= b.limit
	if b.probe == event {
		b.probe, opened = 0, true
	}
	if opened {
		b.until = now.Add(b.pause)
	}
	return opened
}

// tune changes the limits. What has failed already counts on.
func (b *breaker) tune(r Retries) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit, b.pause = r.Breaker, r.Pause
}

// reset closes the breaker: another version of the plugin is live.
func (b *breaker) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close()
}

// close forgets what failed. b.mu is held.
func (b *breaker) close() {
	clear(b.failing)
	b.until, b.probe = time.Time{}, 0
}

func (b *breaker) state(now time.Time) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return "closed"
	case now.Before(b.until):
		return "open"
	}
	return "half-open"
}
