package bolt

import (
	"context"
	"slices"
	"sync"

	"github.com/hearthbot/hearth/store"
)

// A group is bounded, so that the first of its batches does not wait long for
// the last, and its pages fit in memory.
const (
	groupBatches = 256
	groupBytes   = 8 << 20
)

// request is one batch on its way.
type request struct {
	batch *store.Batch
	rev   store.Rev
	err   error
	done  chan struct{} // a token when rev and err are set
}

var requests = sync.Pool{New: func() any { return &request{done: make(chan struct{}, 1)} }}

// queue holds the batches that wait for the committer. It is as long as there
// are callers, each waiting with one batch.
type queue struct {
	mu      sync.Mutex
	changed *sync.Cond
	waiting []*request
	alone   []func(broken error) error
	closed  bool
}

func (q *queue) init() { q.changed = sync.NewCond(&q.mu) }

// do has b committed and waits for the answer.
func (q *queue) do(ctx context.Context, b *store.Batch) (store.Rev, error) {
	r := requests.Get().(*request)
	r.batch = b
	if !q.push(r) {
		return 0, store.ErrClosed
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if q.withdraw(r) {
			return 0, ctx.Err()
		}
		// It has been taken up: the committer reads b, and what comes of it is
		// worth waiting for.
		<-r.done
	}
	rev, err := r.rev, r.err
	r.batch, r.err = nil, nil
	requests.Put(r)
	return rev, err
}

func (q *queue) push(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, r)
	q.changed.Signal()
	return true
}

// withdraw takes r back if the committer has not taken it.
func (q *queue) withdraw(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, r)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// pushAlone has the committer call f between two groups; if false comes back, it
// will not. What f returns is why nothing can be written any more.
func (q *queue) pushAlone(f func(broken error) error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.alone = append(q.alone, f)
	q.changed.Signal()
	return true
}

// take appends the next group to rs, waiting for the first of it, or returns
// what is to be called alone. It does neither when the queue is closed and empty.
func (q *queue) take(rs []*request) ([]*request, func(broken error) error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && len(q.alone) == 0 && !q.closed {
		q.changed.Wait()
	}
	if len(q.alone) > 0 {
		f := q.alone[0]
		q.alone = slices.Delete(q.alone, 0, 1)
		return rs, f
	}
	n, bytes := 0, 0
	for n < len(q.waiting) && n < groupBatches {
		bytes += q.waiting[n].batch.Size()
		if n > 0 && bytes > groupBytes {
			break
		}
		n++
	}
	rs = append(rs, q.waiting[:n]...)
	q.waiting = slices.Delete(q.waiting, 0, n)
	return rs, nil
}

// close refuses new batches; those that wait are still taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}
