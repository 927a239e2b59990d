package wasm

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// Preparation makes an image of a command, which then is a library, built with
// -buildmode=c-shared: _initialize and Prepare are called once, and each run
// begins with the memory and the globals that they left. What reads its arguments
// when it is initialised has those of First for ever: a run has to ask for its
// own. Files that Prepare opens have to be closed when it returns.
type Preparation struct {
	Prepare string // an export, func (): it may do what every run would do first
	Run     string // an export, func (): it runs the command; one that returns has exited with 0
	First   Run    // what _initialize and Prepare are run with
}

// prepared is the image of a command, and the instances that hold it. Each has
// the whole memory that a run may have, of which only what is touched takes
// room: the image, and what runs have touched behind it.
//
//	0          len(memory)            top of what was touched
//	├── image ──────┤── zeros, cleared ───┤── never touched ──
//
// A run writes tens of MiB, so an instance is not restored page by page as a
// plugin's is: all is copied and cleared, by a goroutine of its own, while the
// caller goes on with what the run made. It is safe for concurrent use.
type prepared struct {
	command *Command
	how     *Preparation
	pager   *pager
	memory  []byte
	globals []uint64

	restoring sync.WaitGroup

	mu     sync.Mutex
	idle   []*instance
	dirty  int           // being restored
	freed  chan struct{} // closed, and made anew, when one has been
	closed bool
}

// instance is an instance of the module that holds the image when it is taken.
type instance struct {
	heap    *heap
	mod     api.Module
	globals []api.MutableGlobal
}

// prepare makes the image. Its errors are those of a run.
func (c *Command) prepare(ctx context.Context, how *Preparation, pages *pager) (*prepared, error) {
	l := how.First.Limits.or(c.program.limits)
	if err := l.check(); err != nil {
		return nil, err
	}
	p := &prepared{command: c, how: how, pager: pages, freed: make(chan struct{})}
	s, err := p.instantiate(ctx, func(g *guest, s *instance) error {
		for _, export := range []string{exportInitialize, how.Prepare} {
			if err := s.call(g, export); err != nil {
				failed := g.failure(export, err)
				return fmt.Errorf("wasm: prepare a command: %w\n%s", failed, g.proc.out.streams[1])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	top, _ := pages.top(s.heap.all, 0)
	top = imageLen(s.heap.all, top)
	if p.memory, err = reserve(top, false); err != nil {
		s.close(c)
		return nil, err
	}
	copy(p.memory, s.heap.all)
	for _, g := range s.globals {
		p.globals = append(p.globals, g.Get())
	}
	p.idle = append(p.idle, s)
	return p, nil
}

// instantiate makes an instance and calls then in it.
func (p *prepared) instantiate(ctx context.Context, then func(*guest, *instance) error) (_ *instance, err error) {
	c := p.command
	h, err := c.heaps.take()
	if err != nil {
		return nil, err
	}
	s := &instance{heap: h}
	defer func() {
		if err != nil {
			s.close(c)
		}
	}()
	l := p.how.First.Limits.or(c.program.limits)
	g := newProcess(ctx, h, &p.how.First, &l, c.program.log, time.Now())
	defer g.end()
	if s.mod, err = c.instantiate(g, h); err != nil {
		return nil, fmt.Errorf("wasm: instantiate: %w", g.failure("start", err))
	}
	for _, name := range c.program.about.Globals {
		global, ok := s.mod.ExportedGlobal(name).(api.MutableGlobal)
		if !ok {
			return nil, fmt.Errorf("wasm: the metered module does not export %s", name)
		}
		s.globals = append(s.globals, global)
	}
	return s, then(g, s)
}

// call calls an export, func (). The function is got anew each time: wazero's
// stack belongs to it and only grows.
func (s *instance) call(g *guest, export string) error {
	_, err := s.mod.ExportedFunction(export).Call(&g.ctx)
	return err
}

func (s *instance) close(c *Command) {
	if s.mod != nil {
		_ = s.mod.Close(context.Background()) // has no error to tell
	}
	c.heaps.drop(s.heap)
}

// take returns an instance that holds the image. It waits for one that is being
// restored rather than making another.
func (p *prepared) take(ctx context.Context) (*instance, error) {
	for {
		p.mu.Lock()
		if n := len(p.idle); n > 0 {
			s := p.idle[n-1]
			p.idle = p.idle[:n-1]
			p.mu.Unlock()
			return s, nil
		}
		wait, freed := p.dirty > 0, p.freed
		p.mu.Unlock()
		if !wait {
			return p.another(ctx)
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, fmt.Errorf("wasm: run: %w", context.Cause(ctx))
		}
	}
}

// another makes one more instance that holds the image.
func (p *prepared) another(ctx context.Context) (*instance, error) {
	return p.instantiate(ctx, func(_ *guest, s *instance) error {
		copy(s.heap.all, p.memory) // behind it nothing was touched
		s.reset(p)
		return nil
	})
}

func (s *instance) reset(p *prepared) {
	for i, v := range p.globals {
		s.globals[i].Set(v)
	}
}

// put takes back an instance, whatever a run has left in it.
func (p *prepared) put(s *instance) {
	p.mu.Lock()
	p.dirty++
	p.mu.Unlock()
	p.restoring.Go(func() {
		kept := p.restore(s)
		p.mu.Lock()
		p.dirty--
		if kept = kept && !p.closed; kept {
			p.idle = append(p.idle, s)
		}
		close(p.freed)
		p.freed = make(chan struct{})
		p.mu.Unlock()
		if !kept {
			s.close(p.command)
		}
	})
}

// restore makes s hold the image; false says that another has to be made.
func (p *prepared) restore(s *instance) bool {
	all := s.heap.all
	top, ok := p.pager.top(all, len(p.memory))
	if !ok {
		return false
	}
	if most := max(maxKept, len(p.memory)); top > most {
		if !discard(all[most:top]) {
			return false
		}
		top = most
	}
	clear(all[copy(all, p.memory):top])
	s.reset(p)
	return true
}

// close frees the image when no run is under way.
func (p *prepared) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.restoring.Wait()
	for _, s := range p.idle {
		s.close(p.command)
	}
	p.idle = nil
	release(p.memory)
	p.memory = nil
}
