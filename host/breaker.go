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
	probing bool                // half-open, and one event is on its way
}

func newBreaker(r Retries) *breaker {
	return &breaker{limit: r.Breaker, pause: r.Pause, failing: map[uint64]struct{}{}}
}

// enter says whether an event may be handled now, and otherwise for how long
// to wait before asking again. Whoever enters calls succeed, fail or leave.
func (b *breaker) enter(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return 0
	case now.Before(b.until):
		return b.until.Sub(now)
	case b.probing:
		return time.Second
	}
	b.probing = true
	return 0
}

// leave takes back an enter that led to neither success nor failure.
func (b *breaker) leave() {
	b.mu.Lock()
	b.probing = false
	b.mu.Unlock()
}

func (b *breaker) succeed() {
	b.mu.Lock()
	clear(b.failing)
	b.until, b.probing = time.Time{}, false
	b.mu.Unlock()
}

// fail counts a failed event, and says whether that opened the breaker. The
// same event failing again says nothing new of the plugin.
func (b *breaker) fail(event uint64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.failing) < b.limit {
		b.failing[event] = struct{}{}
	}
	opened := b.probing || b.until.IsZero() && len(b.failing) >= b.limit
	b.probing = false
	if opened {
		b.until = now.Add(b.pause)
	}
	return opened
}

func (b *breaker) reset() { b.succeed() }

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
