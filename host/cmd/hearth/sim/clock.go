package sim

import (
	"container/heap"
	"sync"
	"time"
)

// clock is a [host.Clock] that stands still until it is set. It is safe for
// concurrent use.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	wakes wakes
}

type wake struct {
	at    time.Time
	f     func()
	index int // in wakes, −1 once it is not there
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &wake{at: c.now.Add(d), f: f}
	if d <= 0 {
		w.index = -1
		go f()
	} else {
		heap.Push(&c.wakes, w)
	}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if w.index < 0 {
			return false
		}
		heap.Remove(&c.wakes, w.index)
		return true
	}
}

// next is when the first function is to be called; false for none.
func (c *clock) next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wakes) == 0 {
		return time.Time{}, false
	}
	return c.wakes[0].at, true
}

// set moves the clock, and calls what is due by then.
func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	for len(c.wakes) > 0 && !c.wakes[0].at.After(now) {
		go heap.Pop(&c.wakes).(*wake).f()
	}
}

// hurry calls everything that waits. Whoever waits looks at the time itself, and
// waits on.
func (c *clock) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.wakes) > 0 {
		go heap.Pop(&c.wakes).(*wake).f()
	}
}

type wakes []*wake

func (w wakes) Len() int           { return len(w) }
func (w wakes) Less(i, j int) bool { return w[i].at.Before(w[j].at) }
func (w wakes) Swap(i, j int)      { w[i], w[j] = w[j], w[i]; w[i].index, w[j].index = i, j }
func (w *wakes) Push(x any)        { x.(*wake).index = len(*w); *w = append(*w, x.(*wake)) }
func (w *wakes) Pop() any {
	old := *w
	x := old[len(old)-1]
	x.index = -1
	*w = old[:len(old)-1]
	return x
}
