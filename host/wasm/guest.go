package wasm

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// guest is what host functions know of one instance and of the call under way
// in it. One goroutine uses it at a time. Only plugins have plug, only commands
// proc.
type guest struct {
	mem   *space
	fuel  account
	clock clock
	rand  randomness
	stdio stdio
	plug  plug
	proc  *process // nil but for a command
	ctx   callContext
}

// begin readies g for a call.
func (g *guest) begin(ctx context.Context, l *Limits, now time.Time) {
	g.ctx = callContext{Context: ctx, guest: g}
	g.stdio.reset(l.Stdio)
	g.fuel.start(ctx, l, now)
}

// end lets go of the caller's things.
func (g *guest) end() {
	g.ctx.Context, g.fuel.ctx = context.Background(), context.Background()
	g.plug.end()
}

// callContext carries g through wazero to the host functions.
type callContext struct {
	context.Context
	guest *guest
}

type guestKey struct{}

func (c *callContext) Value(key any) any {
	if key == (guestKey{}) {
		return c.guest
	}
	return c.Context.Value(key)
}

// hostFunc is a function that guests may import. Its types are written as the
// meter writes them: "(i32 i32) -> (i32)".
type hostFunc struct {
	module, name string
	typ          string
	call         func(g *guest, stack []uint64)
}

// bind makes f what wazero calls.
func (f hostFunc) bind() api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		g := ctx.Value(guestKey{}).(*guest)
		if g.fuel.global == nil {
			g.fuel.bind(mod)
		}
		f.call(g, stack)
	}
}

// bytes is n bytes of the guest's memory at addr; false if they do not lie in it.
func (g *guest) bytes(addr, n uint64) ([]byte, bool) {
	addr, n = uint64(uint32(addr)), uint64(uint32(n))
	if addr+n > uint64(len(g.mem.buf)) {
		return nil, false
	}
	return g.mem.buf[addr : addr+n : addr+n], true
}

func (g *guest) put32(addr uint64, v uint32) bool {
	b, ok := g.bytes(addr, 4)
	if ok {
		binary.LittleEndian.PutUint32(b, v)
	}
	return ok
}

func (g *guest) put64(addr, v uint64) bool {
	b, ok := g.bytes(addr, 8)
	if ok {
		binary.LittleEndian.PutUint64(b, v)
	}
	return ok
}

// clock is the guest's time: it stands still, or goes with the fuel that is spent,
// and jumps when the guest sleeps.
type clock struct {
	wall  int64 // Unix nanoseconds
	mono  int64 // nanoseconds since some beginning; never 0, which Go's runtime refuses
	slept time.Duration
	limit time.Duration
	rate  int64 // units of fuel that move it by a nanosecond; 0: work does not
}

func (c *clock) reset(now time.Time, mono int64, limit time.Duration) {
	c.wall, c.mono, c.slept, c.limit = now.UnixNano(), mono, 0, limit
}

func (c *clock) sleep(d uint64) {
	if d > uint64(c.limit-c.slept) {
		halt(ErrSleep, "it slept %v and asks for %v more, the limit is %v", c.slept, duration(d), c.limit)
	}
	c.slept += time.Duration(d)
	c.wall += int64(d)
	c.mono += int64(d)
}

func duration(d uint64) time.Duration { return time.Duration(min(d, 1<<63-1)) }

// randomness answers the guest's questions for random bytes: the same bytes for
// the same seed.
type randomness struct {
	seed   [32]byte
	source *rand.ChaCha8
	fresh  bool // source has the seed
}

func (r *randomness) reset(seed [32]byte) { r.seed, r.fresh = seed, false }

func (r *randomness) read(p []byte) {
	switch {
	case r.source == nil:
		r.source = rand.NewChaCha8(r.seed)
	case !r.fresh:
		r.source.Seed(r.seed)
	}
	r.fresh = true
	_, _ = r.source.Read(p) // never fails
}

// imageSeed is the randomness of what runs before an image is taken. It is the same
// for all code: two versions that do the same then spend the same fuel, to the
// unit, and what a trial or a replay shows is the code's doing. Go's runtime draws
// there, among others, which goroutine's waits it will time, and that costs fuel.
var imageSeed = [32]byte([]byte("hearth: the random of an image. "))

// eventSeed spreads a call's seed over ChaCha8's key.
func eventSeed(seed uint64) (key [32]byte) {
	copy(key[:], "hearth: one call's random.")
	binary.LittleEndian.PutUint64(key[24:], seed)
	return key
}
