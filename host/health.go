package host

import "time"

// Health is how a plugin has done in the last hour. It is in memory: a look at a
// page, not evidence.
type Health struct {
	Since   time.Time // what was before is not known
	Minutes []Minute  // the oldest first, the one under way last; at most 60
}

// Health is how a plugin has done; false if there is no such plugin.
func (e *Engine) Health(name string) (Health, bool) {
	p := e.plugin(name)
	if p == nil {
		return Health{}, false
	}
	now := e.clock.Now()
	h := Health{Since: p.pulse.began, Minutes: p.pulse.hour(now)}
	if first := now.Truncate(time.Minute).Add(-59 * time.Minute); first.After(h.Since) {
		h.Since = first
	}
	return h, true
}

// GivenUp is how many events of each plugin were given up and wait for a person.
func (e *Engine) GivenUp() map[string]int { return e.dead.count() }
