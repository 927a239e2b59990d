package host

import (
	"testing"
	"time"
)

// TestBreaker walks the breaker of a plugin along every arrow of its picture.
func TestBreaker(t *testing.T) {
	const (
		limit = 3
		pause = 30 * time.Second
	)
	// Each step is one event at a time after the start.
	type step struct {
		at    time.Duration
		event uint64
		wait  time.Duration // what enter says; 0 lets the event in
		then  string        // what becomes of it: fail, succeed, leave or nothing yet
		state string        // afterwards
	}
	fail := func(event uint64, state string) step { return step{0, event, 0, "fail", state} }
	opened := []step{fail(1, "closed"), fail(2, "closed"), fail(3, "open")}
	for name, steps := range map[string][]step{
		"closed, and stays": {{0, 1, 0, "succeed", "closed"}, fail(2, "closed"), fail(3, "closed"), {0, 4, 0, "succeed", "closed"},
			fail(5, "closed"), fail(6, "closed")},
		"the same event says nothing new":  {fail(1, "closed"), fail(1, "closed"), fail(1, "closed"), fail(2, "closed")},
		"closed → open":                    opened,
		"open lets nothing through":        append(opened[:3:3], step{time.Second, 4, pause - time.Second, "", "open"}),
		"open → half-open":                 append(opened[:3:3], step{pause, 4, 0, "", "half-open"}),
		"half-open lets one event through": append(opened[:3:3], step{pause, 4, 0, "", "half-open"}, step{pause, 5, time.Second, "", "half-open"}),
		"half-open → closed": append(opened[:3:3], step{pause, 4, 0, "succeed", "closed"},
			fail(5, "closed"), fail(6, "closed"), fail(7, "open")),
		"half-open → open": append(opened[:3:3], step{pause, 4, 0, "fail", "open"}, step{pause + time.Second, 5, pause - time.Second, "", "open"},
			step{2 * pause, 5, 0, "succeed", "closed"}),
		"half-open, and the probe is taken back": append(opened[:3:3], step{pause, 4, 0, "leave", "half-open"}, step{pause, 5, 0, "succeed", "closed"}),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBreaker(Retries{Breaker: limit, Pause: pause})
			start := time.Unix(1000, 0)
			for i, s := range steps {
				now := start.Add(s.at)
				if wait := b.enter(s.event, now); wait != s.wait {
					t.Fatalf("step %d: event %d waits %v, want %v", i, s.event, wait, s.wait)
				}
				before := b.state(now)
				switch s.then {
				case "fail":
					if says := b.fail(s.event, now); says != (s.state == "open") {
						t.Errorf("step %d: fail says %v that it opened", i, says)
					}
				case "succeed":
					b.succeed(s.event)
				case "leave":
					b.leave(s.event)
				}
				if got := b.state(now); got != s.state {
					t.Fatalf("step %d: %s → %s, want %s", i, before, got, s.state)
				}
			}
			b.reset()
			if got := b.state(start); got != "closed" || b.enter(99, start) != 0 {
				t.Errorf("%s after another version became live, want closed", got)
			}
		})
	}
	t.Run("who entered before it opened says nothing of the probe", func(t *testing.T) {
		b := newBreaker(Retries{Breaker: limit, Pause: pause})
		start := time.Unix(1000, 0)
		b.enter(9, start) // takes long
		for event := range uint64(limit) {
			b.enter(event+1, start)
			b.fail(event+1, start)
		}
		if b.succeed(9); b.state(start) != "open" {
			t.Error("it closed an open breaker")
		}
		b.enter(4, start.Add(pause))
		if b.succeed(9); b.state(start.Add(pause)) != "half-open" {
			t.Error("it closed a half-open breaker")
		}
	})
}
