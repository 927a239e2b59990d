package wasm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Image is a plugin's pristine memory and a pool of sandboxes that hold it. It
// is safe for concurrent use.
type Image struct {
	program *program
	release func() // of the program
	snap    *snapshot
	prime   []byte // an event for a new sandbox, to have its pages ready
	slots   *semaphore.Weighted
	most    int // calls inside, running and waiting

	mu     sync.Mutex
	idle   []*sandbox // the last used last: its memory is the warmest
	inside int
	closed bool
	gone   chan struct{} // closed when the last call has ended after Close
}

// Call is one call of an export.
type Call struct {
	Export string // abi.ExportHandle, ExportQuery or ExportMigrate
	Input  []byte // at most abi.MaxInput bytes
	Host   Host   // nil: there are no rows, and log lines go to Options.Logger
	Now    time.Time
	Seed   uint64
	Limits Limits // zero fields: the plugin's
	Buf    []byte // Result.Output is appended to it
}

// Result is what a call gave and took. Of a call that failed, Output is nil and
// the rest is filled in.
type Result struct {
	Output   []byte
	Fuel     int64
	Duration time.Duration // in the sandbox, restoring it included
	Dirty    int           // pages that were restored
	Stdio    []byte        // what the guest wrote to stdout and stderr, cut at Limits.Stdio
}

// Image makes an image: _initialize, then warm with setup (an encoded
// abi.Setup; skipped if the plugin has no warm), then handle with each warm-up
// event in turn. What the warm-ups return is thrown away, their reads find
// nothing, and one that fails leaves no trace but a line in the log. The same
// code, limits, setup and warm-ups give the same image, byte for byte.
//
// It may use ten times the plugin's limits for each step; its errors are those
// of Call.
func (p *Plugin) Image(ctx context.Context, setup []byte, warmup [][]byte) (*Image, error) {
	if len(setup) > abi.MaxSetup {
		return nil, fmt.Errorf("wasm: %w: a setup of %d bytes, at most %d are allowed", ErrInput, len(setup), abi.MaxSetup)
	}
	release, err := p.engine.retain(p)
	if err != nil {
		return nil, err
	}
	o := &p.engine.options
	i := &Image{
		program: p.program,
		release: release,
		slots:   semaphore.NewWeighted(int64(o.Sandboxes)),
		most:    o.Sandboxes + o.Queue,
		gone:    make(chan struct{}),
	}
	s, err := i.take(ctx, setup, warmup)
	if err != nil {
		release()
		return nil, err
	}
	i.idle = append(i.idle, s)
	p.mu.Lock()
	closed := p.images == nil
	if !closed {
		p.images[i] = struct{}{}
	}
	p.mu.Unlock()
	if closed {
		return nil, errors.Join(fmt.Errorf("wasm: make an image: %w", ErrClosed), i.Close())
	}
	return i, nil
}

// take runs what comes before the image and leaves a sandbox that holds it. A
// warm-up hardly ever fails, so only the end is kept at first; where one does, all
// is run again with an image after each step, to go back to. Both are the same.
func (i *Image) take(ctx context.Context, setup []byte, warmup [][]byte) (*sandbox, error) {
	s, err := i.run(ctx, setup, warmup, false)
	if errors.Is(err, errWarmup) {
		s, err = i.run(ctx, setup, warmup, true)
	}
	return s, err
}

// errWarmup says that a warm-up failed, and nothing was kept to go back to.
var errWarmup = errors.New("wasm: a warm-up failed")

func (i *Image) run(ctx context.Context, setup []byte, warmup [][]byte, each bool) (_ *sandbox, err error) {
	p := i.program
	l := p.limits.setup()
	s, err := p.newSandbox(ctx, &l)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
			if i.snap != nil {
				err = errors.Join(err, i.snap.close())
			}
		}
	}()
	if err := p.initialize(ctx, s, &l); err != nil {
		return nil, err
	}
	kept := uint64(0)
	step := func(export string, input []byte) (addr uint64, err error) {
		if s.from != nil { // as a call begins
			s.guest.clock.reset(time.Unix(0, 0), s.from.mono, l.Sleep)
			s.guest.rand.reset(eventSeed(kept))
		}
		s.guest.plug.begin(p.host, l.LogLines)
		s.guest.begin(ctx, &l, time.Now())
		defer s.guest.end()
		if export != "" {
			if _, err := s.run(export, input, nil, l.Output); err != nil {
				return 0, err
			}
		}
		if len(input) <= inputRoom && s.from != nil {
			return s.from.input, nil
		}
		return s.buffer(inputRoom)
	}
	keep := i.keep
	if !each {
		keep = func(s *sandbox, input uint64) error { s.note(input); return nil }
	}
	export := abi.ExportWarm
	if _, ok := p.module.ExportedFunctions()[export]; !ok {
		export = ""
	}
	addr, err := step(export, setup)
	if err != nil {
		return nil, fmt.Errorf("wasm: make an image: %w", err)
	}
	if err := keep(s, addr); err != nil {
		return nil, err
	}
	for n, event := range warmup {
		addr, err := step(abi.ExportHandle, event)
		if err != nil && !each {
			return nil, errWarmup
		}
		if err != nil {
			p.log.WarnContext(ctx, "a warm-up event failed", "n", n, "error", err)
			if _, err := s.restore(false); err != nil {
				return nil, err
			}
			continue
		}
		if err := keep(s, addr); err != nil {
			return nil, err
		}
		i.prime = event
		kept++
	}
	if !each {
		if err := i.keep(s, s.from.input); err != nil {
			return nil, err
		}
	}
	return s, i.ready(ctx, s)
}

// keep makes what s holds the image.
func (i *Image) keep(s *sandbox, input uint64) error {
	snap, err := s.snapshot(input)
	if err != nil {
		return err
	}
	if err := s.mount(snap); err != nil {
		return errors.Join(err, snap.close())
	}
	if i.snap != nil {
		if err := i.snap.close(); err != nil {
			return errors.Join(err, snap.close())
		}
	}
	i.snap = snap
	return nil
}

// ready pays a new sandbox's page faults before an event has to.
func (i *Image) ready(ctx context.Context, s *sandbox) error {
	if i.prime == nil {
		return nil
	}
	l := i.program.limits.setup()
	c := Call{Export: abi.ExportHandle, Input: i.prime, Host: i.program.host, Now: time.Unix(0, 0)}
	_, _, broken := s.call(ctx, &c, &l) // its own failure is no matter: nothing of it stays
	return broken
}

// Call runs one call in a pristine sandbox. If all are busy it waits for one,
// until ctx ends; if too many are waiting already it fails with ErrBusy.
// A guest that fails is an *Error, and the sandbox is pristine again.
func (i *Image) Call(ctx context.Context, c Call) (Result, error) {
	if len(c.Input) > abi.MaxInput {
		return Result{}, fmt.Errorf("wasm: %s: %w: %d bytes, at most %d are allowed", c.Export, ErrInput, len(c.Input), abi.MaxInput)
	}
	l := c.Limits.or(i.program.limits)
	if err := l.check(); err != nil {
		return Result{}, err
	}
	if c.Host == nil {
		c.Host = i.program.host
	}
	if c.Now.IsZero() {
		c.Now = time.Unix(0, 0)
	}
	s, err := i.acquire(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("wasm: %s: %w", c.Export, err)
	}
	pristine := false
	defer func() {
		if !pristine { // the Host's panic, too, comes by here
			s.close()
			s = nil
		}
		i.put(s)
	}()
	r, err, broken := s.call(ctx, &c, &l)
	if pristine = broken == nil; !pristine {
		i.program.log.ErrorContext(ctx, "a sandbox could not be restored and was thrown away", "error", broken)
	}
	if err != nil {
		return r, fmt.Errorf("wasm: %w", err)
	}
	return r, nil
}

// acquire takes a sandbox out of the pool, or makes one.
func (i *Image) acquire(ctx context.Context) (*sandbox, error) {
	i.mu.Lock()
	switch {
	case i.closed:
		i.mu.Unlock()
		return nil, ErrClosed
	case i.inside == i.most:
		i.mu.Unlock()
		return nil, ErrBusy
	}
	i.inside++
	i.mu.Unlock()
	if err := i.slots.Acquire(ctx, 1); err != nil {
		i.leave()
		return nil, fmt.Errorf("wait for a sandbox: %w", context.Cause(ctx))
	}
	i.mu.Lock()
	if n := len(i.idle); n > 0 {
		s := i.idle[n-1]
		i.idle = i.idle[:n-1]
		i.mu.Unlock()
		return s, nil
	}
	i.mu.Unlock()
	s, err := i.another(ctx)
	if err != nil {
		i.put(nil)
		return nil, err
	}
	return s, nil
}

// another makes one more sandbox that holds the image.
func (i *Image) another(ctx context.Context) (*sandbox, error) {
	l := i.program.limits.setup()
	s, err := i.program.newSandbox(ctx, &l)
	if err != nil {
		return nil, err
	}
	if err = s.mount(i.snap); err == nil {
		err = i.ready(ctx, s)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// put gives a slot back, and its sandbox if it still has one.
func (i *Image) put(s *sandbox) {
	if s != nil {
		i.mu.Lock()
		i.idle = append(i.idle, s)
		i.mu.Unlock()
	}
	i.slots.Release(1)
	i.leave()
}

func (i *Image) leave() {
	i.mu.Lock()
	i.inside--
	last := i.closed && i.inside == 0
	i.mu.Unlock()
	if last {
		i.free()
	}
}

// Close refuses new calls. Those under way, and those that wait for a sandbox,
// end as if nothing had happened; Plugin.Close waits for them. Memory is given
// back when the last has ended. Closing again does nothing.
func (i *Image) Close() error {
	i.mu.Lock()
	last := !i.closed && i.inside == 0
	i.closed = true
	i.mu.Unlock()
	if last {
		return i.free()
	}
	return nil
}

func (i *Image) free() error {
	for _, s := range i.idle {
		s.close()
	}
	i.idle = nil
	err := i.snap.close()
	i.release()
	close(i.gone)
	return err
}

// Memory is how many bytes of the guest's memory the image fills.
func (i *Image) Memory() int { return len(i.snap.memory.data) }
