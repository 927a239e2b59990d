package wasm

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/wasm/meter"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Host answers what a plugin asks for during one call. The methods are called
// one at a time, by the goroutine that called Image.Call, with a context that
// ends when the call is out of time. An error ends the call, and Call's error
// wraps it.
type Host interface {
	// Get reads one of the plugin's rows. value is copied before the next call.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)

	// Scan answers with encoded abi.Rows. The bounds of s are checked.
	Scan(ctx context.Context, s *abi.Scan) ([]byte, error)

	// Log takes a line of at most abi.MaxLog bytes of valid UTF-8; level is one
	// of abi's.
	Log(level int, line string)
}

const (
	fuelGet  = 2_000 // and 1 a byte
	fuelScan = 5_000 // and 1 a byte
	fuelLog  = 1_000 // and 1 a byte

	maxScanRequest = 4 * abi.MaxKey // encoded
	notFound       = 1<<32 - 1      // -1
)

// plug is what a plugin's call has beside any guest's.
type plug struct {
	host  Host
	time  *callTime // made by the first read
	lines int       // logged
	limit int

	// An answer that was longer than the guest's buffer is kept, for it asks
	// the same again: the Host is asked once.
	asking        string // the function that was called; "" if nothing is kept
	asked, answer []byte
}

func (p *plug) begin(h Host, lines int) {
	p.host, p.lines, p.limit, p.asking = h, 0, lines, ""
}

func (p *plug) end() {
	if p.time != nil {
		p.time.end()
		p.time = nil
	}
	if p.lines > p.limit {
		p.host.Log(abi.LogWarn, fmt.Sprintf("%d more lines were left out: a call may log %d", p.lines-p.limit, p.limit))
	}
	p.host, p.asking = nil, ""
}

// context gives the Host the call's deadline.
func (g *guest) context() context.Context {
	if g.plug.time == nil {
		g.plug.time = &callTime{caller: g.ctx.Context, deadline: g.fuel.deadline}
	}
	return g.plug.time
}

func pluginFuncs() []hostFunc {
	return []hostFunc{
		{abi.ImportModule, abi.ImportGet, "(i32 i32 i32 i32) -> (i32)", kvGet},
		{abi.ImportModule, abi.ImportScan, "(i32 i32 i32 i32) -> (i32)", kvScan},
		{abi.ImportModule, abi.ImportLog, "(i32 i32 i32) -> ()", logLine},
		refuelFunc,
	}
}

var refuelFunc = hostFunc{meter.ImportModule, meter.ImportRefuel, "() -> ()", func(g *guest, _ []uint64) { g.fuel.refuel() }}

// argument reads a pointer and a length that the guest passed to name.
func (g *guest) argument(name, what string, addr, n uint64, most int) []byte {
	if n := uint32(n); int64(n) > int64(most) {
		halt(ErrABI, "%s: a %s of %d bytes, at most %d are allowed", name, what, n, most)
	}
	b, ok := g.bytes(addr, n)
	if !ok {
		halt(ErrABI, "%s: the %s lies at %#x, outside of memory", name, what, uint32(addr))
	}
	return b
}

func kvGet(g *guest, st []uint64) {
	key := g.argument(abi.ImportGet, "key", st[0], st[1], abi.MaxKey)
	g.answer(abi.ImportGet, key, st, func() ([]byte, bool) {
		g.fuel.charge(fuelGet)
		var value []byte
		var ok bool
		var err error
		name := string(key)
		g.mem.aside(func() { value, ok, err = g.plug.host.Get(g.context(), name) })
		g.answered(abi.ImportGet, err)
		return value, ok
	})
}

func kvScan(g *guest, st []uint64) {
	request := g.argument(abi.ImportScan, "scan", st[0], st[1], maxScanRequest)
	g.answer(abi.ImportScan, request, st, func() ([]byte, bool) {
		g.fuel.charge(fuelScan)
		var s abi.Scan
		if rest, err := s.UnmarshalMsg(request); err != nil || len(rest) > 0 {
			halt(ErrABI, "%s: the scan is not one encoded Scan (%d bytes behind it): %v", abi.ImportScan, len(rest), err)
		}
		switch {
		case len(s.Prefix) > abi.MaxKey, len(s.After) > abi.MaxKey:
			halt(ErrABI, "%s: a prefix of %d and a key of %d bytes, at most %d are allowed", abi.ImportScan, len(s.Prefix), len(s.After), abi.MaxKey)
		case s.Limit < 0, s.Limit > abi.MaxScan && !s.Relaxed:
			halt(ErrABI, "%s: %d rows, a checked scan has 1 to %d", abi.ImportScan, s.Limit, abi.MaxScan)
		}
		var rows []byte
		var err error
		g.mem.aside(func() { rows, err = g.plug.host.Scan(g.context(), &s) })
		g.answered(abi.ImportScan, err)
		return rows, true
	})
}

// answered ends the call if the Host failed or took too long.
func (g *guest) answered(name string, err error) {
	if err != nil {
		g.fuel.checkTime() // late, or cancelled: that is why, then
		panic(&stop{kind: ErrHost, message: name + ": " + err.Error(), cause: err})
	}
	g.fuel.checkTime()
}

// answer copies what ask returns to the guest's buffer at st[2], st[3].
func (g *guest) answer(name string, asked []byte, st []uint64, ask func() ([]byte, bool)) {
	p := &g.plug
	var value []byte
	ok := true
	if p.asking == name && bytes.Equal(p.asked, asked) {
		g.fuel.charge(fuelGet)
		value = p.answer
	} else {
		value, ok = ask()
	}
	p.asking = ""
	if !ok {
		st[0] = notFound
		return
	}
	room := uint64(uint32(st[3]))
	if uint64(len(value)) > room {
		p.asking = name
		p.asked, p.answer = append(p.asked[:0], asked...), append(p.answer[:0], value...)
		st[0] = uint64(uint32(len(value)))
		return
	}
	g.fuel.charge(int64(len(value)))
	to, inside := g.bytes(st[2], room)
	if !inside {
		halt(ErrABI, "%s: the buffer lies at %#x, outside of memory", name, uint32(st[2]))
	}
	st[0] = uint64(uint32(copy(to, value)))
}

func logLine(g *guest, st []uint64) {
	level := int(int32(uint32(st[0])))
	line := g.argument(abi.ImportLog, "line", st[1], st[2], 1<<20)
	g.fuel.charge(fuelLog + int64(len(line)))
	if level < abi.LogDebug || level > abi.LogError {
		halt(ErrABI, "%s: level %d, the levels are %d to %d", abi.ImportLog, level, abi.LogDebug, abi.LogError)
	}
	if g.plug.lines++; g.plug.lines > g.plug.limit {
		return
	}
	g.plug.host.Log(level, clip(line, abi.MaxLog))
}

// clip is the first n bytes of line as valid UTF-8, no character cut in two.
func clip(line []byte, n int) string {
	s := strings.ToValidUTF8(string(line[:min(len(line), n+utf8.UTFMax)]), "�")
	if len(s) <= n {
		return s
	}
	const more = "…"
	end := n - len(more)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}

func exitMessage(code uint32) string { return fmt.Sprintf("with code %d", code) }

// noHost has no rows; it answers while an image is made.
type noHost struct{ log *slog.Logger }

func (noHost) Get(context.Context, string) ([]byte, bool, error) { return nil, false, nil }

// Scan answers with an empty abi.Rows: {"r": []}.
func (noHost) Scan(context.Context, *abi.Scan) ([]byte, error) { return []byte("\x81\xa1r\x90"), nil }

func (h noHost) Log(level int, line string) {
	h.log.Log(context.Background(), slogLevel(level), line)
}

func slogLevel(level int) slog.Level {
	return [...]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}[level]
}
