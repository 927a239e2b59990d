package verify

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	"github.com/hearthbot/hearth/host/verify/queue"
	"github.com/hearthbot/hearth/host/verify/source"
)

// key is a submission's content.
type key [sha256.Size]byte

// keyOf hashes all of a submission that its result depends on, each part with its
// length before it.
func keyOf(s *Submission) key {
	h := sha256.New()
	files := func(fs []source.File) {
		number(h, len(fs))
		for _, f := range fs {
			text(h, f.Name)
			text(h, f.Text)
		}
	}
	files(s.Files)
	files(s.Tests)
	text(h, s.Stdin)
	text(h, s.Want)
	number(h, len(s.Args))
	for _, a := range s.Args {
		text(h, a)
	}
	return key(h.Sum(nil))
}

func number(h hash.Hash, n int) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}

func text(h hash.Hash, s string) {
	number(h, len(s))
	h.Write([]byte(s))
}

// weigh is about what a result takes in memory.
func weigh(_ key, r Result) uint32 {
	n := 512 + len(r.Stdout) + len(r.Stderr)
	for _, d := range r.Diagnostics {
		n += 200 + len(d.Message) + len(d.Excerpt)
	}
	for _, t := range r.Tests {
		n += 100 + len(t.Output)
	}
	return uint32(n)
}

// flights lets equal submissions share one run, and its place in the queue. A run
// is stopped when the last that waits for it has gone. The zero value is ready to
// use.
type flights struct {
	mu     sync.Mutex
	flying map[key]*flight
}

type flight struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{}
	res     Result
	err     error
	place   places
}

// do runs what is not under way yet, once enter has given it a ticket. An error
// of enter is its caller's alone.
func (f *flights) do(ctx context.Context, k key, moved func(int), enter func(moved func(int)) (*queue.Ticket, error),
	run func(context.Context, *queue.Ticket) (Result, error)) (Result, error) {
	f.mu.Lock()
	fl := f.flying[k]
	if fl == nil {
		fl = &flight{done: make(chan struct{})}
		t, err := enter(fl.place.move)
		if err != nil {
			f.mu.Unlock()
			return Result{}, err
		}
		fctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		fl.cancel = cancel
		if f.flying == nil {
			f.flying = map[key]*flight{}
		}
		f.flying[k] = fl
		go func() {
			defer cancel()
			fl.res, fl.err = run(fctx, t)
			f.mu.Lock()
			if f.flying[k] == fl {
				delete(f.flying, k)
			}
			f.mu.Unlock()
			close(fl.done)
		}()
	}
	fl.waiting++
	f.mu.Unlock()
	defer fl.place.listen(moved)()
	select {
	case <-fl.done:
		return fl.res, fl.err
	case <-ctx.Done():
	}
	f.mu.Lock()
	if fl.waiting--; fl.waiting == 0 {
		fl.cancel()
		if f.flying[k] == fl {
			delete(f.flying, k) // who comes now begins anew
		}
	}
	f.mu.Unlock()
	return Result{}, context.Cause(ctx)
}

// places tell a place in the queue to all that share it.
type places struct {
	mu    sync.Mutex
	place int
	told  map[int]func(int)
	n     int
}

func (p *places) move(place int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.place = place
	for _, f := range p.told {
		f(place)
	}
}

// listen has f told the place, now if there is one, until stop is called.
func (p *places) listen(f func(int)) (stop func()) {
	if f == nil {
		return func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told == nil {
		p.told = map[int]func(int){}
	}
	p.n++
	n := p.n
	p.told[n] = f
	if p.place > 0 {
		f(p.place)
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.told, n)
	}
}
