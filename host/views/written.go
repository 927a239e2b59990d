package views

import (
	"slices"
	"sync"
	"sync/atomic"
)

// remembered is how many writes of a space are remembered. An answer that is
// asked for after so many others is taken to be no longer good.
const remembered = 1024

// written are the last writes of a space.
type written struct {
	next atomic.Uint64 // number of the next write
	mu   sync.RWMutex  // of ring; next is raised under it
	ring [remembered]string
}

func (w *written) note(keys []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.next.Load()
	for _, k := range keys {
		w.ring[n%remembered] = k
		n++
	}
	w.next.Store(n)
}

// spared says whether nothing that a was made of was written since.
func (w *written) spared(a *answer) bool {
	from, to := a.good.Load(), w.next.Load()
	if from == to {
		return true
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	to = w.next.Load()
	if to-from > remembered {
		return false
	}
	for i := from; i < to; i++ {
		if a.reads.have(w.ring[i%remembered]) {
			return false
		}
	}
	a.good.Store(to) // or an earlier one, if two look at once: it costs another look
	return true
}

// Reads is what was read for an answer. The zero value is nothing. It is for one
// goroutine, until the answer is made.
type Reads struct {
	keys  []string
	spans []span
}

// span is a range of keys, the second not in it; "" has no end.
type span struct{ from, to string }

// Key notes that a row was looked for, whether or not there is one.
func (r *Reads) Key(k string) { r.keys = append(r.keys, k) }

// Range notes that the rows from one key to another, not included, were looked
// at. An empty end is none.
func (r *Reads) Range(from, to string) { r.spans = append(r.spans, span{from, to}) }

func (r *Reads) have(k string) bool {
	return slices.Contains(r.keys, k) || slices.ContainsFunc(r.spans, func(s span) bool { return k >= s.from && (s.to == "" || k < s.to) })
}

func (r *Reads) size() int {
	n := 0
	for _, k := range r.keys {
		n += len(k) + 16
	}
	for _, s := range r.spans {
		n += len(s.from) + len(s.to) + 32
	}
	return n
}
