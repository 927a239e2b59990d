package wasm

import (
	"encoding/binary"
	"math"
)

const wasiModule = "wasi_snapshot_preview1"

// Errors of WASI.
const (
	wasiOK     = 0
	wasiBadF   = 8
	wasiFault  = 21
	wasiInval  = 28
	wasiNotSup = 58
)

// What host functions cost beside the call itself, in units of fuel.
const (
	fuelClock  = 50
	fuelRandom = 200 // and 1 a byte
	fuelWrite  = 500 // and 1 a byte
	fuelPoll   = 500 // and 100 a subscription
	fuelYield  = 1_000
)

const (
	maxIOVecs         = 1_024
	maxSubscriptions  = 1_024
	iovecSize         = 8
	subscriptionSize  = 48
	eventSize         = 32
	characterDevice   = 2
	rightRead         = 1 << 1
	rightWrite        = 1 << 6
	subscribeClock    = 0
	subscribeRead     = 1
	clockReal         = 0
	clockMonotonic    = 1
	clockAbsoluteTime = 1 << 0
)

// wasiFuncs are what guests find of WASI: clocks, randomness, stdout and stderr,
// and the way out; a command also its arguments, its environment, its stdin and
// its files (wasifs.go). There is no network, and a plugin has none of the
// others: what asks for them is told that no such descriptor is open.
func wasiFuncs() []hostFunc {
	fs := []hostFunc{
		{name: "args_get", typ: "(i32 i32) -> (i32)", call: argsGet},
		{name: "args_sizes_get", typ: "(i32 i32) -> (i32)", call: argsSizes},
		{name: "environ_get", typ: "(i32 i32) -> (i32)", call: environGet},
		{name: "environ_sizes_get", typ: "(i32 i32) -> (i32)", call: environSizes},
		{name: "clock_res_get", typ: "(i32 i32) -> (i32)", call: clockResolution},
		{name: "clock_time_get", typ: "(i32 i64 i32) -> (i32)", call: clockTime},
		{name: "random_get", typ: "(i32 i32) -> (i32)", call: randomGet},
		{name: "fd_write", typ: "(i32 i32 i32 i32) -> (i32)", call: fdWrite},
		{name: "fd_read", typ: "(i32 i32 i32 i32) -> (i32)", call: fdRead},
		{name: "fd_fdstat_get", typ: "(i32 i32) -> (i32)", call: fdStat},
		{name: "poll_oneoff", typ: "(i32 i32 i32 i32) -> (i32)", call: poll},
		{name: "sched_yield", typ: "() -> (i32)", call: yield},
		{name: "proc_exit", typ: "(i32) -> ()", call: exit},
		{name: "proc_raise", typ: "(i32) -> (i32)", call: unsupported},
	}
	for _, f := range []struct{ name, typ string }{
		{"fd_advise", "(i32 i64 i64 i32) -> (i32)"},
		{"fd_allocate", "(i32 i64 i64) -> (i32)"},
		{"fd_datasync", "(i32) -> (i32)"},
		{"fd_fdstat_set_rights", "(i32 i64 i64) -> (i32)"},
		{"fd_filestat_set_times", "(i32 i64 i64 i32) -> (i32)"},
		{"fd_readdir", "(i32 i32 i32 i64 i32) -> (i32)"},
		{"fd_renumber", "(i32 i32) -> (i32)"},
		{"fd_tell", "(i32 i32) -> (i32)"},
		{"path_filestat_set_times", "(i32 i32 i32 i32 i64 i64 i32) -> (i32)"},
		{"path_link", "(i32 i32 i32 i32 i32 i32 i32) -> (i32)"},
		{"path_readlink", "(i32 i32 i32 i32 i32 i32) -> (i32)"},
		{"path_rename", "(i32 i32 i32 i32 i32 i32) -> (i32)"},
		{"path_symlink", "(i32 i32 i32 i32 i32) -> (i32)"},
		{"sock_accept", "(i32 i32 i32) -> (i32)"},
		{"sock_recv", "(i32 i32 i32 i32 i32 i32) -> (i32)"},
		{"sock_send", "(i32 i32 i32 i32 i32) -> (i32)"},
		{"sock_shutdown", "(i32 i32) -> (i32)"},
	} {
		fs = append(fs, hostFunc{name: f.name, typ: f.typ, call: notOpen})
	}
	for i := range fs {
		fs[i].module = wasiModule
	}
	return append(fs, wasiFiles()...)
}

func notOpen(_ *guest, st []uint64)     { st[0] = wasiBadF }
func unsupported(_ *guest, st []uint64) { st[0] = wasiNotSup }

func argsGet(g *guest, st []uint64)      { st[0] = g.list(g.arguments(), st) }
func argsSizes(g *guest, st []uint64)    { st[0] = g.listSizes(g.arguments(), st) }
func environGet(g *guest, st []uint64)   { st[0] = g.list(g.environment(), st) }
func environSizes(g *guest, st []uint64) { st[0] = g.listSizes(g.environment(), st) }

func (g *guest) arguments() []string {
	if g.proc == nil {
		return nil
	}
	return g.proc.args
}

func (g *guest) environment() []string {
	if g.proc == nil {
		return nil
	}
	return g.proc.env
}

// list writes strings, each with a zero byte behind it, to st[1], and where each
// of them begins to st[0].
func (g *guest) list(l []string, st []uint64) uint64 {
	at, to := st[0], st[1]
	for _, s := range l {
		b, ok := g.bytes(to, uint64(len(s))+1)
		if !ok || !g.put32(at, uint32(to)) {
			return wasiFault
		}
		b[copy(b, s)] = 0
		at, to = at+4, to+uint64(len(s))+1
	}
	return wasiOK
}

// listSizes writes how many strings there are, and how many bytes list needs.
func (g *guest) listSizes(l []string, st []uint64) uint64 {
	n := 0
	for _, s := range l {
		n += len(s) + 1
	}
	return fault(g.put32(st[0], uint32(len(l))) && g.put32(st[1], uint32(n)))
}

func fault(ok bool) uint64 {
	if ok {
		return wasiOK
	}
	return wasiFault
}

func clockResolution(g *guest, st []uint64) {
	if id := uint32(st[0]); id != clockReal && id != clockMonotonic {
		st[0] = wasiInval
		return
	}
	st[0] = fault(g.put64(st[1], 1))
}

// worked is how far the guest's own work has moved its clock, in nanoseconds: a
// plugin's clock stands still, a command's goes with the fuel it spends.
func (g *guest) worked() int64 {
	if g.clock.rate == 0 {
		return 0
	}
	return g.fuel.spent() / g.clock.rate
}

func clockTime(g *guest, st []uint64) {
	g.fuel.charge(fuelClock)
	switch uint32(st[0]) {
	case clockReal:
		st[0] = fault(g.put64(st[2], uint64(g.clock.wall+g.worked())))
	case clockMonotonic:
		st[0] = fault(g.put64(st[2], uint64(g.clock.mono+g.worked())))
	default:
		st[0] = wasiInval
	}
}

func randomGet(g *guest, st []uint64) {
	b, ok := g.bytes(st[0], st[1])
	g.fuel.charge(fuelRandom)
	for len(b) > 0 { // in pieces, for the deadline's sake
		n := min(len(b), wasmPage)
		g.fuel.charge(int64(n))
		g.rand.read(b[:n])
		b = b[n:]
	}
	st[0] = fault(ok)
}

// fdWrite keeps what goes to stdout and stderr.
func fdWrite(g *guest, st []uint64) {
	fd, count, result := uint32(st[0]), uint64(uint32(st[2])), st[3]
	if h := g.file(st[0]); h != nil {
		g.fileWrite(h, st)
		return
	}
	if fd != 1 && fd != 2 {
		st[0] = wasiBadF
		return
	}
	if count > maxIOVecs {
		st[0] = wasiInval
		return
	}
	vecs, ok := g.bytes(st[1], count*iovecSize)
	total := uint64(0)
	for ; ok && len(vecs) > 0; vecs = vecs[iovecSize:] {
		addr, n := binary.LittleEndian.Uint32(vecs), binary.LittleEndian.Uint32(vecs[4:])
		var p []byte
		if p, ok = g.bytes(uint64(addr), uint64(n)); !ok {
			break
		}
		g.fuel.charge(fuelWrite + int64(len(p)))
		g.stdio.write(fd == 2, p)
		if g.proc != nil {
			g.proc.out.write(fd, p, g.stdio.crashed)
		}
		total += uint64(n)
	}
	st[0] = fault(ok && total <= math.MaxUint32 && g.put32(result, uint32(total)))
}

// fdRead reads stdin, which is empty for a plugin.
func fdRead(g *guest, st []uint64) {
	switch h := g.file(st[0]); {
	case h != nil:
		g.fileRead(h, st)
	case uint32(st[0]) != 0:
		st[0] = wasiBadF
	case g.proc == nil:
		st[0] = fault(g.put32(st[3], 0))
	default:
		_, st[0] = g.vectors(st[1], st[2], st[3], func(p []byte) (int, bool) {
			n := copy(p, g.proc.stdin)
			g.proc.stdin = g.proc.stdin[n:]
			return n, len(g.proc.stdin) > 0
		})
	}
}

// fdStat says that the three standard streams are a terminal's, so that nobody
// seeks in them.
func fdStat(g *guest, st []uint64) {
	fd, h := uint32(st[0]), g.file(st[0])
	if fd > 2 && h == nil {
		st[0] = wasiBadF
		return
	}
	b, ok := g.bytes(st[1], 24)
	if ok && h != nil {
		clear(b)
		b[0] = typeRegular
		if h.dir {
			b[0] = typeDirectory
		}
		binary.LittleEndian.PutUint64(b[8:], allRights)
		binary.LittleEndian.PutUint64(b[16:], allRights)
	} else if ok {
		clear(b)
		b[0] = characterDevice
		rights := uint64(rightRead)
		if fd != 0 {
			rights = rightWrite
		}
		binary.LittleEndian.PutUint64(b[8:], rights)
	}
	st[0] = fault(ok)
}

// poll is how a guest sleeps. If only clocks are waited for the guest's time
// jumps to the first of them; a stream is ready at once.
func poll(g *guest, st []uint64) {
	count := uint64(uint32(st[2]))
	if count == 0 || count > maxSubscriptions {
		st[0] = wasiInval
		return
	}
	g.fuel.charge(fuelPoll + 100*int64(count))
	subs, ok1 := g.bytes(st[0], count*subscriptionSize)
	out, ok2 := g.bytes(st[1], count*eventSize)
	if !ok1 || !ok2 {
		st[0] = wasiFault
		return
	}
	wait := uint64(math.MaxUint64)
	for s := subs; len(s) > 0; s = s[subscriptionSize:] {
		if s[8] == subscribeClock {
			wait = min(wait, g.timeout(s))
		} else {
			wait = 0
		}
	}
	n := uint32(0)
	for s := subs; len(s) > 0; s = s[subscriptionSize:] {
		kind := s[8]
		if kind == subscribeClock && g.timeout(s) > wait {
			continue
		}
		var event [eventSize]byte
		copy(event[:8], s[:8]) // the guest's own mark
		if fd := binary.LittleEndian.Uint32(s[16:]); kind != subscribeClock && (fd > 2 || (fd == 0) != (kind == subscribeRead)) {
			event[8] = wasiBadF
		}
		event[10] = kind
		n += uint32(copy(out[n*eventSize:], event[:])) / eventSize
	}
	g.clock.sleep(wait)
	st[0] = fault(g.put32(st[3], n))
}

// timeout is how long the clock subscription s waits from now on.
func (g *guest) timeout(s []byte) uint64 {
	t := binary.LittleEndian.Uint64(s[24:])
	if binary.LittleEndian.Uint16(s[40:])&clockAbsoluteTime == 0 {
		return t
	}
	now := uint64(g.clock.mono + g.worked())
	if binary.LittleEndian.Uint32(s[16:]) == clockReal {
		now = uint64(g.clock.wall + g.worked())
	}
	return t - min(t, now)
}

func yield(g *guest, st []uint64) {
	g.fuel.charge(fuelYield)
	st[0] = wasiOK
}

// exit ends the call, and leaves the instance to be restored.
func exit(_ *guest, st []uint64) {
	code := uint32(st[0])
	panic(&stop{kind: ErrExit, message: exitMessage(code), code: code})
}
