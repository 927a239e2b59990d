package meter_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

func TestShell(t *testing.T) {
	before := types(typeVoid, typeI_I) + funcs("\x01", "\x00") + memory("\x00\x01") + globals(i32Global) + exports(exportFunc("answer", 0), exportFunc("run", 1))
	behind := section(11, vec("\x00\x41\x08\x0b"+str("data")))
	whole := module(before, code(fn("\x20\x00", leb(1)+"\x7e"), fn("\x01")), behind)
	shell, err := meter.Shell(whole)
	if err != nil {
		t.Fatal(err)
	}
	if want := module(before, code(fn("\x00"), fn("\x00")), behind); !bytes.Equal(shell, want) {
		t.Errorf("got  %q\nwant %q", shell, want)
	}
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	m, err := r.Instantiate(ctx, shell)
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]uint64{"answer": {42}, "run": nil} {
		if _, err := m.ExportedFunction(name).Call(ctx, args...); err == nil || !strings.Contains(err.Error(), "unreachable") {
			t.Errorf("%s does not trap: %v", name, err)
		}
	}
	if data, ok := m.Memory().Read(8, 4); !ok || string(data) != "data" {
		t.Errorf("the memory holds %q", data)
	}
	for _, short := range []int{len(header) + 1, len(whole) - 1} {
		if _, err := meter.Shell(whole[:short]); !errors.Is(err, meter.ErrMalformed) {
			t.Errorf("of the first %d bytes: %v", short, err)
		}
	}
}

// However segments lie, the shell's leave the same memory.
func TestShellData(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	filled := func(t interface{ Fatal(...any) }, wasm []byte) []byte {
		m, err := r.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close(ctx)
		all, _ := m.Memory().Read(0, m.Memory().Size())
		return bytes.Clone(all)
	}
	segment := func(at int, data string) string { return "\x00\x41" + sleb(at) + "\x0b" + str(data) }
	with := func(segments ...string) []byte {
		return module(types(typeVoid), funcs("\x00"), memory("\x00\x01"), code(fn("")), section(11, vec(segments...)))
	}
	rapid.Check(t, func(rt *rapid.T) {
		var segments []string
		at := 0
		for range rapid.IntRange(0, 40).Draw(rt, "segments") {
			if rapid.IntRange(0, 5).Draw(rt, "jumps") == 0 {
				at = rapid.IntRange(0, 2000).Draw(rt, "to")
			}
			at += rapid.IntRange(0, 80).Draw(rt, "gap")
			data := strings.Repeat(string(rune('a'+len(segments)%26)), rapid.IntRange(0, 40).Draw(rt, "length"))
			segments = append(segments, segment(at, data))
			at += len(data)
		}
		whole := with(segments...)
		shell, err := meter.Shell(whole)
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(filled(rt, whole), filled(rt, shell)) {
			rt.Fatal("the shell leaves other memory")
		}
	})

	// As Go's linker has them: ascending, but for one that goes back.
	near := func(from int) (segments []string) {
		for n := range 100 {
			segments = append(segments, segment(from+16*n, "12345678"))
		}
		return segments
	}
	shell, err := meter.Shell(with(append(near(30000), near(1000)...)...))
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.Repeat("12345678\x00\x00\x00\x00\x00\x00\x00\x00", 99) + "12345678"
	if want := section(11, vec(segment(30000, joined), segment(1000, joined))); !bytes.HasSuffix(shell, []byte(want)) {
		t.Errorf("segments that are near each other are not joined: %q", shell)
	}
	// What code refers to by its number, or has no constant place, stays as it is.
	for name, wasm := range map[string][]byte{
		"numbered": module(types(typeVoid), funcs("\x00"), memory("\x00\x01"), section(12, "\x02"), code(fn("\x00")), section(11, vec(near(8)[:2]...))),
		"passive":  module(types(typeVoid), funcs("\x00"), memory("\x00\x01"), code(fn("\x00")), section(11, vec(segment(8, "a"), "\x01"+str("b")))),
	} {
		if shell, err := meter.Shell(wasm); err != nil || !bytes.Equal(shell, wasm) {
			t.Errorf("%s: %q, %v, want %q", name, shell, err, wasm)
		}
	}
}
