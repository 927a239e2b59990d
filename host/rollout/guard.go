package rollout

import (
	"math"
	"math/bits"
	"sync"
	"time"
)

// Arm is one of the two versions between which a release shares work out.
type Arm int

// The arms.
const (
	Live Arm = iota
	Candidate
)

// Sample is what is measured of one event: of its first attempt, so that one
// which is tried again counts once.
type Sample struct {
	Failed   bool          // the version failed, in a way that is not Refused
	Refused  bool          // an effect was refused: it lacks a permission, or went beyond a bound
	Took     time.Duration // in the sandbox
	Fuel     int64
	Messages int // that it sent
}

// slots is how many parts a window has: it moves on by one at a time.
const slots = 20

// Guard measures both arms of a release over its window. Adding to it takes a
// lock and a few additions, and allocates nothing; it has some 40 KiB. It is safe
// for concurrent use.
type Guard struct {
	step time.Duration // of a slot

	mu    sync.Mutex
	slots [2][slots]slot
	total [2]int // events since it was made
}

// slot is what was measured within a part of the window.
type slot struct {
	at int64 // which part, since 1970
	counts
}

// counts are sums, so that those of slots add up.
type counts struct {
	events, failed, refused int
	sent, undelivered       int // messages whose way ended
	fuel, messages          moments
	took                    histogram
}

// moments are enough to know a mean, and how sure it is.
type moments struct{ n, sum, squares float64 }

func (m *moments) add(x float64) {
	m.n++
	m.sum += x
	m.squares += x * x
}

func (m *moments) join(o *moments) {
	m.n += o.n
	m.sum += o.sum
	m.squares += o.squares
}

func (m *moments) mean() float64 {
	if m.n == 0 {
		return 0
	}
	return m.sum / m.n
}

// doubt is the standard error of the mean.
func (m *moments) doubt() float64 {
	if m.n < 2 {
		return 0
	}
	mean := m.mean()
	return math.Sqrt(max(m.squares/m.n-mean*mean, 0) / m.n)
}

// perOctave is how many buckets of a histogram a doubling has: what is read from
// it is at most an eighth too large.
const (
	perOctave = 8
	octaves   = 28 // from a microsecond to some minutes
)

// histogram counts durations by their size.
type histogram [octaves * perOctave]uint32

// bucket is the one that a duration falls into: those of perOctave microseconds
// and less are exact, then each is an eighth of a doubling.
func bucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < perOctave {
		return int(us)
	}
	octave := bits.Len64(us) - 1 // at least 3
	part := int(us>>(octave-3)) - perOctave
	return min((octave-2)*perOctave+part, len(histogram{})-1)
}

// edge is the smallest duration of a bucket.
func edge(b int) time.Duration {
	if b < perOctave {
		return time.Duration(b) * time.Microsecond
	}
	octave, part := b/perOctave+2, b%perOctave
	return time.Duration(uint64(perOctave+part)<<(octave-3)) * time.Microsecond
}

// p95 is within what 95 of 100 are, rounded up to a bucket.
func (h *histogram) p95() time.Duration {
	n := 0
	for _, c := range h {
		n += int(c)
	}
	if n == 0 {
		return 0
	}
	rest := int(math.Ceil(float64(n) * 0.95))
	for b, c := range h {
		if rest -= int(c); rest <= 0 {
			return edge(b + 1)
		}
	}
	return edge(len(h))
}

// above is how many are certainly longer than d.
func (h *histogram) above(d time.Duration) (n int) {
	for b := bucket(d) + 1; b < len(h); b++ {
		n += int(h[b])
	}
	return n
}

func (c *counts) join(o *counts) {
	c.events += o.events
	c.failed += o.failed
	c.refused += o.refused
	c.sent += o.sent
	c.undelivered += o.undelivered
	c.fuel.join(&o.fuel)
	c.messages.join(&o.messages)
	for i, n := range o.took {
		c.took[i] += n
	}
}

// NewGuard returns a Guard of a window; 0 means DefaultWindow.
func NewGuard(window time.Duration) *Guard {
	if window <= 0 {
		window = DefaultWindow
	}
	return &Guard{step: max(window/slots, 1)}
}

// Add counts an event that an arm has handled.
func (g *Guard) Add(now time.Time, a Arm, s Sample) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total[a]++
	c := g.slot(now, a)
	c.events++
	if s.Failed {
		c.failed++
	}
	if s.Refused {
		c.refused++
	}
	c.took[bucket(s.Took)]++
	c.fuel.add(float64(s.Fuel))
	c.messages.add(float64(s.Messages))
}

// Delivered counts a message of an arm whose way has ended.
func (g *Guard) Delivered(now time.Time, a Arm, arrived bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.slot(now, a)
	c.sent++
	if !arrived {
		c.undelivered++
	}
}

// slot is the one of now, empty if it was another's. g.mu is held.
func (g *Guard) slot(now time.Time, a Arm) *slot {
	at := now.UnixNano() / int64(g.step)
	s := &g.slots[a][at%slots]
	if s.at != at {
		*s = slot{at: at}
	}
	return s
}

// Figures are what an arm has done in the window.
type Figures struct {
	Events, Failed, Refused int
	Messages, Undelivered   int // whose way ended
	P95                     time.Duration
	Fuel, Sent              float64 // of an event, on average

	counts counts
}

// Figures returns those of an arm in the window that ends now.
func (g *Guard) Figures(now time.Time, a Arm) Figures {
	g.mu.Lock()
	defer g.mu.Unlock()
	var f Figures
	first := now.UnixNano()/int64(g.step) - slots
	for i := range g.slots[a] {
		if s := &g.slots[a][i]; s.at > first {
			f.counts.join(&s.counts)
		}
	}
	c := &f.counts
	f.Events, f.Failed, f.Refused, f.Messages, f.Undelivered = c.events, c.failed, c.refused, c.sent, c.undelivered
	f.P95, f.Fuel, f.Sent = c.took.p95(), c.fuel.mean(), c.messages.mean()
	return f
}

// Total is how many events an arm has handled since the Guard was made.
func (g *Guard) Total(a Arm) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total[a]
}
