package wasm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// Fuel is granted in slices. A call begins with a large one, which most never use
// up; after that each is made to last about sliceTime, which is how late a
// deadline is noticed, and how long the host's other goroutines may have to wait
// for their turn: its garbage collector asks for hundreds of turns a cycle.
// What a call spends does not depend on the slices.
const (
	firstSlice = 1 << 20
	minSlice   = 1 << 15
	sliceTime  = 30 * time.Microsecond
)

// account is the fuel of the call under way in one instance. The guest counts
// its global down and calls refuel when it is below zero.
//
//	limit ├──── used ────┼─ granted ─┼───── not granted yet ─────┤
//	                         ▲ the global: what is left of granted
type account struct {
	mem      *space
	global   api.MutableGlobal
	limit    int64
	used     int64 // of the slices that are settled
	granted  int64
	slice    int64     // the next to grant
	since    time.Time // when the guest got the last
	ctx      context.Context
	deadline time.Time
	wall     time.Duration
}

// start gives the first slice of a call.
func (a *account) start(ctx context.Context, l *Limits, now time.Time) {
	a.ctx, a.limit, a.wall, a.deadline = ctx, l.Fuel, l.Wall, now.Add(l.Wall)
	a.used = 0
	a.grant(firstSlice)
}

// bind finds the global: not before the instance exists, and a start function
// runs while it comes to exist.
func (a *account) bind(mod api.Module) {
	a.global, _ = mod.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	if a.global != nil {
		a.set(a.granted)
	}
}

func (a *account) set(n int64) {
	if a.global != nil {
		a.global.Set(uint64(n))
	}
}

func (a *account) left() int64 {
	if a.global == nil {
		return a.granted
	}
	return int64(a.global.Get())
}

func (a *account) grant(n int64) {
	a.granted = min(n, a.limit-a.used)
	a.set(a.granted)
}

// clear takes back what is left.
func (a *account) clear() {
	a.used, a.granted = 0, 0
	a.set(0)
}

// spent is exact between calls and inside host functions.
func (a *account) spent() int64 { return a.used + a.granted - a.left() }

// refuel settles a slice and grants the next, or ends the call. It is the one
// place where a guest can be stopped and where the host's other goroutines,
// its garbage collector among them, get their turn beside a guest.
func (a *account) refuel() {
	a.used = a.spent()
	a.granted = 0
	a.set(0)
	if a.used >= a.limit {
		halt(ErrFuel, "%d units are spent, the limit is %d", a.used, a.limit)
	}
	a.checkTime()
	a.pace()
	a.mem.pause(runtime.Gosched)
	a.since = time.Now()
	a.grant(a.slice)
}

// pace chooses the next slice by how long the last one took. A call's first is
// not looked at.
func (a *account) pace() {
	switch took := time.Since(a.since); {
	case a.slice == 0:
		a.slice = firstSlice / 8
	case took > 2*sliceTime:
		a.slice = max(a.slice/2, minSlice)
	case took < sliceTime/2:
		a.slice = min(a.slice*2, firstSlice)
	}
}

// charge takes n units for what the host does for the guest.
func (a *account) charge(n int64) {
	left := a.left() - n
	a.set(left)
	if left < 0 {
		a.refuel()
	}
}

// checkTime ends the call if its context has ended or its time is over.
func (a *account) checkTime() {
	if a.ctx.Err() != nil {
		cause := context.Cause(a.ctx)
		s := &stop{kind: cause, message: fmt.Sprintf("stopped by the caller after %d units", a.spent())}
		if errors.Is(a.ctx.Err(), context.DeadlineExceeded) {
			s.kind, s.cause = ErrDeadline, cause
		}
		panic(s)
	}
	if !time.Now().Before(a.deadline) {
		panic(&stop{kind: ErrDeadline, cause: context.DeadlineExceeded,
			message: fmt.Sprintf("it ran for more than %v, and spent %d units of fuel", a.wall, a.spent())})
	}
}
