package store

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
)

// Watchers is the Watch half of a backend: it wakes the readers whose prefix a
// commit has touched. The zero value is ready. It is safe for concurrent use.
type Watchers struct {
	mu     sync.Mutex
	rev    Rev
	all    map[*watcher]struct{}
	done   chan struct{} // closed by Close; made when first needed
	closed bool
}

type watcher struct {
	prefix Key
	wake   chan struct{} // holds one token: hints fold together
}

// Notify tells the watchers that rev is visible to new snapshots and has
// written keys, which are in ascending order.
func (w *Watchers) Notify(rev Rev, keys []Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rev = rev
	for x := range w.all {
		i, _ := slices.BinarySearch(keys, x.prefix)
		if i == len(keys) || !strings.HasPrefix(string(keys[i]), string(x.prefix)) {
			continue
		}
		select {
		case x.wake <- struct{}{}:
		default: // a token is there already
		}
	}
}

// Idle says whether nobody watches, so that a backend can spare itself the
// sorting of keys.
func (w *Watchers) Idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all) == 0
}

// Close ends every watch with ErrClosed.
func (w *Watchers) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.closed = true
		close(w.doneChan())
	}
}

// Watch is [Store].Watch.
func (w *Watchers) Watch(ctx context.Context, prefix Key) iter.Seq2[Rev, error] {
	return func(yield func(Rev, error) bool) {
		// The token for the first hint is there from the start, and the watcher
		// is known before that hint goes out: nothing falls between.
		x := &watcher{prefix: prefix, wake: make(chan struct{}, 1)}
		x.wake <- struct{}{}
		done := w.add(x)
		defer w.remove(x)
		for {
			// An ended context and a closed store win over a hint.
			select {
			case <-ctx.Done():
				yield(0, ctx.Err())
				return
			case <-done:
				yield(0, ErrClosed)
				return
			default:
			}
			select {
			case <-ctx.Done():
			case <-done:
			case <-x.wake:
				if !yield(w.last(), nil) {
					return
				}
			}
		}
	}
}

func (w *Watchers) add(x *watcher) (done <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[*watcher]struct{})
	}
	w.all[x] = struct{}{}
	return w.doneChan()
}

func (w *Watchers) remove(x *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, x)
}

func (w *Watchers) last() Rev {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rev
}

// doneChan is called with mu held.
func (w *Watchers) doneChan() chan struct{} {
	if w.done == nil {
		w.done = make(chan struct{})
	}
	return w.done
}
