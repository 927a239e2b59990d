package wasm

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/hearthbot/hearth/sdk/abi"
)

// inputRoom is how many bytes of input an image has room for: the guest is asked
// for more only when an event is longer.
const inputRoom = 64 << 10

// sandbox is one instance of a module: its memory, its globals and what the host
// functions know of it. One goroutine uses it at a time.
type sandbox struct {
	guest   guest
	mod     api.Module
	globals []api.MutableGlobal // all that can change but the fuel
	exports map[string]api.Function
	from    *snapshot // nil before there is one
}

// snapshot is what a sandbox is restored to.
type snapshot struct {
	memory  *backing
	globals []uint64
	mono    int64  // the guest's monotonic clock
	input   uint64 // where inputRoom bytes of input go
}

func (s *snapshot) close() error { return s.memory.close() }

// newSandbox makes an instance of p whose memory holds the module's data and
// nothing has run in but a start function, which hardly any module has.
func (p *program) newSandbox(ctx context.Context, l *Limits) (_ *sandbox, err error) {
	mem, err := p.pager.newSpace(int(p.limits.Memory) * wasmPage)
	if err != nil {
		return nil, err
	}
	s := &sandbox{guest: guest{mem: mem, fuel: account{mem: mem}}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	g := &s.guest
	g.rand.reset(imageSeed)
	g.clock.reset(time.Unix(0, 0), 1, l.Sleep)
	g.plug.begin(p.host, l.LogLines)
	g.begin(ctx, l, time.Now())
	defer g.end()
	ictx := experimental.WithMemoryAllocator(&g.ctx, experimental.MemoryAllocatorFunc(
		func(_, _ uint64) experimental.LinearMemory { return mem }))
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	if s.mod, err = p.runtime.InstantiateModule(ictx, p.module, config); err != nil {
		return nil, fmt.Errorf("wasm: instantiate: %w", g.failure("start", err))
	}
	if g.fuel.global == nil {
		g.fuel.bind(s.mod)
	}
	for _, name := range p.about.Globals {
		global, ok := s.mod.ExportedGlobal(name).(api.MutableGlobal)
		if !ok {
			return nil, fmt.Errorf("wasm: the metered module does not export %s", name)
		}
		s.globals = append(s.globals, global)
	}
	s.exports = map[string]api.Function{}
	return s, nil
}

func (s *sandbox) close() {
	if s.mod != nil {
		_ = s.mod.Close(context.Background()) // frees the memory; has no error to tell
	}
	s.guest.mem.Free()
}

// invoke calls an export by the limits that g has begun with.
func (s *sandbox) invoke(name string, args ...uint64) (uint64, error) {
	f := s.exports[name]
	if f == nil {
		if f = s.mod.ExportedFunction(name); f == nil {
			return 0, &Error{Kind: ErrABI, Export: name, Message: "the plugin does not export it"}
		}
		s.exports[name] = f
	}
	var stack [1]uint64
	copy(stack[:], args)
	if err := f.CallWithStack(&s.guest.ctx, stack[:]); err != nil {
		return 0, s.guest.failure(name, err)
	}
	return stack[0], nil
}

// pass writes input to where the guest wants it.
func (s *sandbox) pass(input []byte) error {
	if len(input) == 0 {
		return nil
	}
	addr, room := uint64(0), 0
	if s.from != nil {
		addr, room = s.from.input, inputRoom
	}
	if len(input) > room {
		var err error
		if addr, err = s.buffer(len(input)); err != nil {
			return err
		}
	}
	to, _ := s.guest.bytes(addr, uint64(len(input)))
	copy(to, input)
	return nil
}

// buffer asks the guest for room for n bytes of input.
func (s *sandbox) buffer(n int) (addr uint64, err error) {
	addr, err = s.invoke(abi.ExportBuffer, uint64(n))
	if err != nil {
		return 0, err
	}
	addr = uint64(uint32(addr))
	if _, ok := s.guest.bytes(addr, uint64(n)); !ok || addr == 0 {
		return 0, &Error{Kind: ErrABI, Export: abi.ExportBuffer, Fuel: s.guest.fuel.spent(),
			Message: fmt.Sprintf("%d bytes at %#x do not lie in memory", n, addr)}
	}
	return addr, nil
}

// run passes input to an export of the plugin ABI and appends what it returns to
// buf. The limits of g have begun.
func (s *sandbox) run(export string, input, buf []byte, most int) ([]byte, error) {
	if err := s.pass(input); err != nil {
		return nil, err
	}
	r, err := s.invoke(export, uint64(len(input)))
	if err != nil {
		return nil, err
	}
	addr, n := r>>32, uint64(uint32(r))
	if n > uint64(most) {
		return nil, &Error{Kind: ErrOutput, Export: export, Fuel: s.guest.fuel.spent(),
			Message: fmt.Sprintf("%d bytes, the limit is %d", n, most)}
	}
	out, ok := s.guest.bytes(addr, n)
	if !ok {
		return nil, &Error{Kind: ErrABI, Export: export, Fuel: s.guest.fuel.spent(),
			Message: fmt.Sprintf("its output, %d bytes at %#x, does not lie in memory", n, addr)}
	}
	s.guest.mem.aside(func() {
		buf = slices.Grow(buf, len(out))
		clear(buf[len(buf) : len(buf)+len(out)]) // touched here, it faults no more below
	})
	return append(buf, out...), nil
}

// call runs c from the image and restores the image. An error of the second
// return value says that the sandbox cannot be used again.
func (s *sandbox) call(ctx context.Context, c *Call, l *Limits) (r Result, err, broken error) {
	g := &s.guest
	start := time.Now()
	g.clock.reset(c.Now, s.from.mono, l.Sleep)
	g.rand.reset(eventSeed(c.Seed))
	g.plug.begin(c.Host, l.LogLines)
	g.begin(ctx, l, start)
	g.mem.watch()
	r.Output, err = s.run(c.Export, c.Input, c.Buf, l.Output)
	r.Fuel = g.fuel.spent()
	if len(g.stdio.all) > 0 {
		r.Stdio = append([]byte(nil), g.stdio.all...)
	}
	if err != nil || r.Fuel > firstSlice {
		// wazero's stack belongs to the function and only grows: up to 100 MB
		// after a deep recursion.
		clear(s.exports)
	}
	r.Dirty, broken = s.restore(r.Fuel >= longCall)
	r.Duration = time.Since(start)
	g.end() // last, for it may call the Host
	return r, err, broken
}

// snapshot keeps what s holds now.
func (s *sandbox) snapshot(input uint64) (*snapshot, error) {
	memory, err := s.guest.mem.keep()
	if err != nil {
		return nil, err
	}
	s.note(input)
	snap := *s.from
	snap.memory = memory
	return &snap, nil
}

// note has s go on as if it were mounted to a snapshot of what it holds now. It
// cannot be restored to that: the memory is not kept.
func (s *sandbox) note(input uint64) {
	s.from = &snapshot{mono: s.guest.clock.mono, input: input}
	for _, g := range s.globals {
		s.from.globals = append(s.from.globals, g.Get())
	}
	s.restoreGlobals()
}

// mount makes snap what s holds and goes back to.
func (s *sandbox) mount(snap *snapshot) error {
	if err := s.guest.mem.mount(snap.memory); err != nil {
		return err
	}
	s.from = snap
	s.restoreGlobals()
	return nil
}

func (s *sandbox) restore(long bool) (dirty int, err error) {
	dirty, err = s.guest.mem.restore(long)
	s.restoreGlobals()
	return dirty, err
}

func (s *sandbox) restoreGlobals() {
	for i, v := range s.from.globals {
		s.globals[i].Set(v)
	}
	s.guest.fuel.clear()
}
