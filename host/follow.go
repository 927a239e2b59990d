package host

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/store"
)

// ErrBehind ends a Follow whose reader was so slow that something was left out.
var ErrBehind = errors.New("host: the follower fell behind")

// maxBehind is how many attempts a follower may lag behind.
const maxBehind = 1024

// followers are those who watch attempts as they are committed. With nobody
// there an attempt costs one atomic load.
type followers struct {
	n  atomic.Int32
	mu sync.Mutex
	to map[chan Handled]struct{}
}

// Follow yields every attempt to handle an event that matches f as it is
// committed, failed ones included, until ctx ends. After and Limit of f are
// ignored. It never holds the engine up: a reader that is too slow gets
// ErrBehind at the end.
func (e *Engine) Follow(ctx context.Context, f EventFilter) iter.Seq2[Handled, error] {
	ch := e.followers.join()
	return func(yield func(Handled, error) bool) {
		defer e.followers.leave(ch)
		for {
			select {
			case <-ctx.Done():
				return
			case h, ok := <-ch:
				if !ok {
					yield(Handled{}, ErrBehind)
					return
				}
				if f.matches(&h) && !yield(h, nil) {
					return
				}
			}
		}
	}
}

func (f *followers) join() chan Handled {
	ch := make(chan Handled, maxBehind)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.to == nil {
		f.to = map[chan Handled]struct{}{}
	}
	f.to[ch] = struct{}{}
	f.n.Add(1)
	return ch
}

func (f *followers) leave(ch chan Handled) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, in := f.to[ch]; in {
		delete(f.to, ch)
		f.n.Add(-1)
	}
}

// tell hands an attempt to everybody who follows.
func (f *followers) tell(inv *invocation, failure string) {
	if f.n.Load() == 0 {
		return
	}
	h := Handled{Number: store.Seq(inv.work.Seq), Plugin: inv.plugin.name, Version: inv.version.sha, Event: inv.call.Event,
		Now: time.UnixMilli(inv.call.Now), Effects: inv.effects, Fuel: inv.fuel, Duration: inv.took, Attempt: inv.work.Attempts,
		Error: failure, Withheld: inv.withheld, Log: inv.reads.lines}
	if failure == "" {
		h.Attempt++
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch := range f.to {
		select {
		case ch <- h:
		default:
			delete(f.to, ch)
			f.n.Add(-1)
			close(ch)
		}
	}
}
