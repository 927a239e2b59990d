// Package queue shares a few turns out among many who want one, so that nobody
// waits long behind somebody who wants much.
//
//	Enter ─► bucket of the member ─► share of the source ─► its place ─► Wait ─► turn ─► Done
//
// Turns go round the sources that wait, within a source round its members, and
// of one member in the order in which they came: with fifty of one member
// waiting, another's first comes next but one at the latest.
//
// It owns who may wait, and who comes next. It must not know what is done in a
// turn, nor who the names stand for. It keeps all in memory.
package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Options say how much there is to share out.
type Options struct {
	Workers int           // turns at once; at least 1
	Length  int           // tickets that may wait
	Share   int           // of those, of one source; 0 is Length
	Every   time.Duration // a member has one ticket in this time, on average; 0 is no bound
	Burst   int           // tickets a member may have at once who has had none for long; at least 1
}

// Who names whose a turn is. Both names are opaque. Without a member there is no
// bucket to take from, and all of the source without one are alike.
type Who struct{ Source, Member string }

// ErrFull says that too many wait already, of all or of one source.
var ErrFull = errors.New("too many are waiting already")

// TooFastError says that a member has used up their tickets.
type TooFastError struct {
	Wait time.Duration // until there is another
}

func (e *TooFastError) Error() string {
	return fmt.Sprintf("too many in a short time; the next is taken in %v", e.Wait.Round(time.Millisecond))
}

// Queue is safe for concurrent use.
type Queue struct {
	o Options

	mu      sync.Mutex
	free    int
	waiting int
	ring    []*source
	full    map[Who]time.Time // when a member's bucket will be full; those that are full are not in it
	prune   int               // len(full) at which those that have become full are looked for
}

// source and member are in their rings while something of theirs waits.
type source struct {
	name    string
	waiting int
	ring    []*member
}

type member struct {
	name    string
	tickets []*Ticket
}

// New returns a queue in which nobody waits.
func New(o Options) *Queue {
	o.Workers, o.Burst = max(o.Workers, 1), max(o.Burst, 1)
	if o.Share <= 0 {
		o.Share = o.Length
	}
	return &Queue{o: o, free: o.Workers, full: map[Who]time.Time{}, prune: minPrune}
}

const minPrune = 1024

// Ticket is a place in the queue, and then a turn.
type Ticket struct {
	q     *Queue
	who   Who
	moved func(place int)
	place int           // as last told; 0 before and when it has its turn
	turn  chan struct{} // closed when it has its turn
	gone  bool
}

// Enter takes a ticket. Its error is ErrFull, or a *TooFastError, which takes
// nothing. What moved, if not nil, is told is the ticket's place while it waits,
// from 1 and whenever that changes, and 0 when its turn has come: it is not
// called for one that need not wait. It is called with the queue locked, so it
// returns at once and does not use the queue.
func (q *Queue) Enter(who Who, moved func(place int)) (*Ticket, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waits := q.free == 0 // else nobody does
	i := slices.IndexFunc(q.ring, func(s *source) bool { return s.name == who.Source })
	switch {
	case !waits:
	case q.waiting >= q.o.Length:
		return nil, ErrFull
	case i >= 0 && q.ring[i].waiting >= q.o.Share:
		return nil, fmt.Errorf("%w, of the %d that one community or source may have", ErrFull, q.o.Share)
	}
	if err := q.charge(who, time.Now()); err != nil {
		return nil, err
	}
	t := &Ticket{q: q, who: who, moved: moved, turn: make(chan struct{})}
	if !waits {
		q.free--
		close(t.turn)
		return t, nil
	}
	q.add(t)
	q.tell()
	return t, nil
}

// charge takes from a member's bucket. The bucket is the time at which it will
// be full again.
func (q *Queue) charge(who Who, now time.Time) error {
	if q.o.Every <= 0 || who.Member == "" {
		return nil
	}
	full := q.full[who]
	if full.Before(now) {
		full = now
	}
	if wait := full.Sub(now) - time.Duration(q.o.Burst-1)*q.o.Every; wait > 0 {
		return &TooFastError{wait}
	}
	q.full[who] = full.Add(q.o.Every)
	if len(q.full) >= q.prune {
		for w, at := range q.full {
			if !at.After(now) {
				delete(q.full, w)
			}
		}
		q.prune = max(minPrune, 2*len(q.full))
	}
	return nil
}

func (q *Queue) add(t *Ticket) {
	i := slices.IndexFunc(q.ring, func(s *source) bool { return s.name == t.who.Source })
	if i < 0 {
		i = len(q.ring)
		q.ring = append(q.ring, &source{name: t.who.Source})
	}
	s := q.ring[i]
	j := slices.IndexFunc(s.ring, func(m *member) bool { return m.name == t.who.Member })
	if j < 0 {
		j = len(s.ring)
		s.ring = append(s.ring, &member{name: t.who.Member})
	}
	s.ring[j].tickets = append(s.ring[j].tickets, t)
	s.waiting++
	q.waiting++
}

// pop takes out what comes next: of the first source the first member's first.
// Who has more goes behind the others.
func pop(ring []*source) ([]*source, *Ticket) {
	s := ring[0]
	m := s.ring[0]
	t := m.tickets[0]
	m.tickets = m.tickets[1:]
	s.waiting--
	ring, s.ring = ring[1:], s.ring[1:]
	if len(m.tickets) > 0 {
		s.ring = append(s.ring, m)
	}
	if len(s.ring) > 0 {
		ring = append(ring, s)
	}
	return ring, t
}

// order is who comes after whom if nobody else came.
func (q *Queue) order() []*Ticket {
	ring := make([]*source, len(q.ring))
	for i, s := range q.ring {
		ring[i] = &source{waiting: s.waiting, ring: make([]*member, len(s.ring))}
		for j, m := range s.ring {
			ring[i].ring[j] = &member{tickets: m.tickets}
		}
	}
	out := make([]*Ticket, 0, q.waiting)
	for len(ring) > 0 {
		var t *Ticket
		ring, t = pop(ring)
		out = append(out, t)
	}
	return out
}

// tell tells whose place has changed.
func (q *Queue) tell() {
	for i, t := range q.order() {
		if t.place != i+1 {
			t.place = i + 1
			if t.moved != nil {
				t.moved(t.place)
			}
		}
	}
}

// next gives free turns to those that wait.
func (q *Queue) next() {
	for q.free > 0 && q.waiting > 0 {
		var t *Ticket
		q.ring, t = pop(q.ring)
		q.waiting--
		q.free--
		t.place = 0
		close(t.turn)
		if t.moved != nil {
			t.moved(0)
		}
	}
}

// Wait returns when the ticket's turn has come. If ctx ends before, the place is
// given up and ctx's cause returned.
func (t *Ticket) Wait(ctx context.Context) error {
	select {
	case <-t.turn:
		return nil
	case <-ctx.Done():
		t.Done()
		return context.Cause(ctx)
	}
}

// Done ends the turn, or gives up the place. A second Done does nothing.
func (t *Ticket) Done() {
	q := t.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.gone {
		return
	}
	t.gone = true
	select {
	case <-t.turn:
		q.free++
		q.next()
	default:
		q.drop(t)
	}
	q.tell()
}

func (q *Queue) drop(t *Ticket) {
	i := slices.IndexFunc(q.ring, func(s *source) bool { return s.name == t.who.Source })
	s := q.ring[i]
	j := slices.IndexFunc(s.ring, func(m *member) bool { return m.name == t.who.Member })
	m := s.ring[j]
	m.tickets = slices.DeleteFunc(slices.Clone(m.tickets), func(o *Ticket) bool { return o == t })
	s.waiting--
	q.waiting--
	if len(m.tickets) == 0 {
		s.ring = slices.Delete(s.ring, j, j+1)
	}
	if len(s.ring) == 0 {
		q.ring = slices.Delete(q.ring, i, i+1)
	}
}

// Waiting is how many tickets wait.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}
