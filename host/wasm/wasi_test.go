package wasm

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// newGuest is a guest with a page of memory and no instance behind it.
func newGuest(tb testing.TB) *guest {
	mem := &space{buf: make([]byte, wasmPage)}
	g := &guest{mem: mem, fuel: account{mem: mem}}
	l := DefaultLimits()
	g.clock.reset(time.Unix(1_000, 0), 50, l.Sleep)
	g.plug.begin(rows{}, l.LogLines)
	g.begin(tb.Context(), &l, time.Now())
	tb.Cleanup(g.end)
	return g
}

func function(tb testing.TB, name string) hostFunc {
	for _, f := range append(wasiFuncs(), pluginFuncs()...) {
		if f.name == name {
			return f
		}
	}
	tb.Fatalf("no function %s", name)
	return hostFunc{}
}

// ask calls a host function and gives its result, or why it ended the call.
func ask(tb testing.TB, g *guest, name string, args ...uint64) (result uint64, err error) {
	stack := make([]uint64, max(1, len(args)))
	copy(stack, args)
	defer func() {
		if r := recover(); r != nil {
			s, ok := r.(*stop)
			if !ok {
				panic(r)
			}
			err = s
		}
	}()
	function(tb, name).call(g, stack)
	return stack[0], nil
}

func TestClockStandsStill(t *testing.T) {
	g := newGuest(t)
	for _, tt := range []struct{ id, want uint64 }{{clockReal, 1_000e9}, {clockMonotonic, 50}} {
		for range 3 {
			if r, err := ask(t, g, "clock_time_get", tt.id, 1, 64); r != wasiOK || err != nil {
				t.Fatal(r, err)
			}
			if got := binary.LittleEndian.Uint64(g.mem.buf[64:]); got != tt.want {
				t.Errorf("clock %d: %d, want %d", tt.id, got, tt.want)
			}
		}
	}
	if r, _ := ask(t, g, "clock_time_get", 2, 1, 64); r != wasiInval {
		t.Errorf("the processor's clock: %d", r)
	}
	if r, _ := ask(t, g, "clock_time_get", 0, 1, wasmPage-7); r != wasiFault {
		t.Errorf("a result outside of memory: %d", r)
	}
}

// subscription writes one to the guest's memory.
func (g *guest) subscription(n int, mark uint64, kind byte, what uint32, timeout uint64, flags uint16) {
	s := g.mem.buf[n*subscriptionSize:]
	binary.LittleEndian.PutUint64(s, mark)
	s[8] = kind
	binary.LittleEndian.PutUint32(s[16:], what)
	binary.LittleEndian.PutUint64(s[24:], timeout)
	binary.LittleEndian.PutUint16(s[40:], flags)
}

func TestPoll(t *testing.T) {
	const out, count = 4096, 8192
	marks := func(g *guest) (m []uint64) {
		for i := range binary.LittleEndian.Uint32(g.mem.buf[count:]) {
			m = append(m, binary.LittleEndian.Uint64(g.mem.buf[out+i*eventSize:]))
		}
		return m
	}
	g := newGuest(t)
	g.subscription(0, 7, subscribeClock, clockMonotonic, uint64(time.Second), 0)
	g.subscription(1, 8, subscribeClock, clockReal, 1_002e9, clockAbsoluteTime)
	g.subscription(2, 9, subscribeClock, clockReal, 1_001e9, clockAbsoluteTime)
	if r, err := ask(t, g, "poll_oneoff", 0, out, 3, count); r != wasiOK || err != nil {
		t.Fatal(r, err)
	}
	if m := marks(g); len(m) != 2 || m[0] != 7 || m[1] != 9 || g.clock.wall != 1_001e9 || g.clock.mono != 50+1e9 {
		t.Errorf("marks %v, clock %+v", m, g.clock)
	}
	g.subscription(0, 1, subscribeRead, 0, 0, 0)
	g.subscription(1, 2, subscribeRead, 5, 0, 0)
	g.subscription(2, 3, subscribeClock, clockMonotonic, 1, 0)
	if r, err := ask(t, g, "poll_oneoff", 0, out, 3, count); r != wasiOK || err != nil {
		t.Fatal(r, err)
	}
	if m := marks(g); len(m) != 2 || g.mem.buf[out+8] != 0 || g.mem.buf[out+eventSize+8] != wasiBadF || g.clock.slept != time.Second {
		t.Errorf("streams: marks %v, clock %+v", m, g.clock)
	}
	g.subscription(0, 1, subscribeClock, clockMonotonic, uint64(9*time.Second), 0)
	if _, err := ask(t, g, "poll_oneoff", 0, out, 1, count); err != nil {
		t.Errorf("a sleep up to the limit: %v", err)
	}
	g.subscription(0, 1, subscribeClock, clockMonotonic, 1, 0)
	if _, err := ask(t, g, "poll_oneoff", 0, out, 1, count); !errors.Is(err, ErrSleep) {
		t.Errorf("a sleep beyond the limit: %v", err)
	}
	for _, args := range [][]uint64{{0, out, 0, count}, {0, out, maxSubscriptions + 1, count}} {
		if r, _ := ask(t, g, "poll_oneoff", args...); r != wasiInval {
			t.Errorf("%v: %d", args, r)
		}
	}
	if r, _ := ask(t, g, "poll_oneoff", wasmPage-10, out, 1, count); r != wasiFault {
		t.Errorf("outside of memory: %d", r)
	}
}

func TestRandomFollowsSeed(t *testing.T) {
	draw := func(seed uint64) string {
		g := newGuest(t)
		g.rand.reset(eventSeed(seed))
		for _, at := range []uint64{0, 16} {
			if r, err := ask(t, g, "random_get", at, 16); r != wasiOK || err != nil {
				t.Fatal(r, err)
			}
		}
		if string(g.mem.buf[:16]) == string(g.mem.buf[16:32]) {
			t.Error("the same bytes twice")
		}
		g.rand.reset(eventSeed(seed))
		_, _ = ask(t, g, "random_get", 32, 16)
		if string(g.mem.buf[:16]) != string(g.mem.buf[32:48]) {
			t.Error("the same seed gave other bytes")
		}
		return string(g.mem.buf[:32])
	}
	if one, two, again := draw(1), draw(2), draw(1); one == two || one != again {
		t.Error("random bytes do not follow the seed")
	}
}

// Whatever a guest passes, a host function answers or ends the call: it neither
// panics otherwise nor writes outside of memory, which Go would notice.
func TestHostFunctionsTakeAnything(t *testing.T) {
	all := append(wasiFuncs(), pluginFuncs()...)
	numbers := rapid.OneOf(
		rapid.Uint64Range(0, 64), rapid.Uint64Range(wasmPage-64, wasmPage+64), rapid.Uint64Range(1<<32-64, 1<<32-1),
		rapid.Uint64(), rapid.Just(uint64(math.MaxUint32)),
	)
	rapid.Check(t, func(rt *rapid.T) {
		g := newGuest(t)
		copy(g.mem.buf, rapid.SliceOfN(rapid.Byte(), 0, 256).Draw(rt, "memory"))
		for range rapid.IntRange(1, 8).Draw(rt, "calls") {
			f := rapid.SampledFrom(all).Draw(rt, "function")
			if f.module == meter.ImportModule {
				continue
			}
			params, _ := valueTypes(f.typ)
			args := rapid.SliceOfN(numbers, len(params), len(params)).Draw(rt, "arguments")
			if _, err := ask(t, g, f.name, args...); err != nil {
				return
			}
		}
	})
}

func TestStdio(t *testing.T) {
	for _, tt := range []struct {
		name          string
		writes        []string
		crash, tail   string
		all, truncate int
	}{
		{name: "nothing"},
		{name: "no crash", writes: []string{"one\n", "two"}, tail: "one\ntwo", all: 7},
		{
			name: "a panic in pieces", writes: []string{"before\n", "pan", "ic: ", "boom", "\n\n", "goroutine 1 [running]:\nmain.f()\n", "\ngoroutine 2 [select]:\nmain.g()\n"},
			crash: "panic: boom", tail: "panic: boom\n\ngoroutine 1 [running]:\nmain.f()\n… 33 bytes more", all: 84,
		},
		{
			name: "a fatal error with dumps", writes: []string{"fatal error: bad\n\nruntime stack:\n0000 1111\n\ngoroutine 3 [running]:\nmain.f()\n"},
			crash: "fatal error: bad", tail: "fatal error: bad\n\ngoroutine 3 [running]:\nmain.f()\n… 27 bytes more", all: 76,
		},
		{name: "the last crash counts", writes: []string{"panic: one\npanic: two\n"}, crash: "panic: two", tail: "panic: two", all: 22},
		{name: "within a line", writes: []string{"no panic: here\n"}, tail: "no panic: here\n", all: 15},
		{name: "a flood", writes: []string{strings.Repeat("x", 100_000)}, tail: "… 95904 bytes before\n" + strings.Repeat("x", 4096), all: 1000, truncate: 99_000},
		{name: "bad UTF-8", writes: []string{"panic: \xff\xfe\n"}, crash: "panic: �", tail: "panic: �", all: 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s stdio
			s.reset(1000)
			for _, w := range tt.writes {
				s.write(true, []byte(w))
			}
			if s.crash() != tt.crash || s.tail() != tt.tail || len(s.all) != tt.all || s.lost != tt.truncate {
				t.Errorf("crash %q, tail %.200q, kept %d, lost %d", s.crash(), s.tail(), len(s.all), s.lost)
			}
		})
	}
	// Byte by byte is the same as at once.
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"panic: ", "fatal error: ", "x", "\n", "goroutine 1", strings.Repeat("y", 3000)})).Draw(t, "text"), "")
		var a, b stdio
		a.reset(100)
		b.reset(100)
		a.write(true, []byte(text))
		for i := range len(text) {
			b.write(true, []byte{text[i]})
		}
		if a.crash() != b.crash() || a.crashed != b.crashed || string(a.all) != string(b.all) {
			t.Errorf("at once %q, byte by byte %q", a.crash(), b.crash())
		}
	})
}
