package host

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// lanes runs numbered work: of one lane in order, of different lanes at once,
// by at most max workers. It holds numbers only; what a number means is read
// from the store when its turn comes, so a backlog costs little memory and a
// restart only has to push the numbers again.
//
//	push ──► lane "C1": 7 9 12 ─┐
//	push ──► lane "C2": 8       ├─ ready ──► workers ──► run(lane, number)
//	         lane "C3": (waits) ┘
type lanes struct {
	clock Clock
	max   int
	run   func(lane string, seq uint64) turn

	mu      sync.Mutex
	ctx     context.Context // set by start; nil before, when nothing runs
	byKey   map[string]*lane
	ready   []*lane
	stalled []*lane // until resume
	stalls  uint64  // counts resumes, so that a stall decided before one is not kept after it
	workers int
	queued  int
	idle    sync.WaitGroup
}

// turn says what becomes of the number that was run.
type turn struct {
	again bool          // it stays at the head of its lane …
	after time.Duration // … and is run again after so long,
	stall bool          // … or not before resume is called
}

var done = turn{}

type lane struct {
	key     string
	queue   []uint64
	running bool // its head is being run: nothing is put before it
	active  bool // in ready, being run, waiting or stalled: not to be made ready again
}

func newLanes(clock Clock, max int, run func(lane string, seq uint64) turn) *lanes {
	return &lanes{clock: clock, max: max, run: run, byKey: map[string]*lane{}}
}

// start lets work begin. When ctx ends no further run is begun; those under
// way are let finish.
func (l *lanes) start(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ctx = ctx
	l.spawn()
}

// push appends seq to a lane. Numbers of one lane have to be pushed in order.
func (l *lanes) push(key string, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(key, seq)
}

// put is push. l.mu is held.
func (l *lanes) put(key string, seq uint64) {
	ln := l.byKey[key]
	if ln == nil {
		ln = &lane{key: key}
		l.byKey[key] = ln
	}
	// Commits of one lane may be told in another order than they were made.
	i := len(ln.queue)
	for i > 0 && ln.queue[i-1] > seq && (i > 1 || !ln.running) {
		i--
	}
	ln.queue = append(ln.queue, 0)
	copy(ln.queue[i+1:], ln.queue[i:])
	ln.queue[i] = seq
	l.queued++
	if !ln.active {
		ln.active = true
		l.ready = append(l.ready, ln)
		l.spawn()
	}
}

// restore pushes seq unless it is there. The lanes have not been started.
func (l *lanes) restore(key string, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ln := l.byKey[key]; ln != nil {
		if _, there := slices.BinarySearch(ln.queue, seq); there {
			return
		}
	}
	l.put(key, seq)
}

// resume makes every stalled lane ready.
func (l *lanes) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stalls++
	l.ready = append(l.ready, l.stalled...)
	l.stalled = nil
	l.spawn()
}

// length is how many numbers wait or run.
func (l *lanes) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queued
}

// lane is how many numbers of one lane wait or run.
func (l *lanes) lane(key string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ln := l.byKey[key]; ln != nil {
		return len(ln.queue)
	}
	return 0
}

// oldest is the smallest number that waits or runs, 0 if none does.
func (l *lanes) oldest() (seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ln := range l.byKey {
		if seq == 0 || ln.queue[0] < seq {
			seq = ln.queue[0]
		}
	}
	return seq
}

// under is how many numbers wait or run in lanes whose keys have a prefix, and
// the smallest of them, 0 if there is none.
func (l *lanes) under(prefix string) (n int, oldest uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, ln := range l.byKey {
		if strings.HasPrefix(key, prefix) {
			n += len(ln.queue)
			if oldest == 0 || ln.queue[0] < oldest {
				oldest = ln.queue[0]
			}
		}
	}
	return n, oldest
}

// head is the number at the head of a lane, 0 if it is empty.
func (l *lanes) head(key string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ln := l.byKey[key]; ln != nil {
		return ln.queue[0]
	}
	return 0
}

// wait returns when no worker runs any more; the context has to have ended.
func (l *lanes) wait() {
	l.mu.Lock() // a worker that is being added has been
	//lint:ignore SA2001 nothing else is to be done meanwhile
	l.mu.Unlock()
	l.idle.Wait()
}

// spawn starts workers for ready lanes. l.mu is held.
func (l *lanes) spawn() {
	if l.ctx == nil || l.ctx.Err() != nil {
		return
	}
	for n := len(l.ready); n > 0 && l.workers < l.max; n-- {
		l.workers++
		l.idle.Add(1)
		go l.work(l.ctx)
	}
}

func (l *lanes) work(ctx context.Context) {
	defer l.idle.Done()
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.ready) > 0 && ctx.Err() == nil {
		ln := l.ready[0]
		l.ready[0] = nil
		l.ready = l.ready[1:]
		seq, stalls := ln.queue[0], l.stalls

		ln.running = true
		l.mu.Unlock()
		t := l.run(ln.key, seq)
		l.mu.Lock()
		ln.running = false

		switch {
		case !t.again:
			ln.queue = ln.queue[1:]
			l.queued--
			if len(ln.queue) == 0 {
				delete(l.byKey, ln.key)
			} else {
				l.ready = append(l.ready, ln)
			}
		case t.stall && stalls == l.stalls:
			l.stalled = append(l.stalled, ln)
		case t.stall || t.after <= 0:
			l.ready = append(l.ready, ln)
		default:
			l.clock.AfterFunc(t.after, func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.ready = append(l.ready, ln)
				l.spawn()
			})
		}
	}
	l.workers--
}
