package host

import (
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
)

// module is a plugin assembled by hand, so that a test can have one in a
// millisecond, and one that no compiler would make.
//
//	4096       manifest
//	256 KiB    what handle returns
//	1 MiB      input
type module struct {
	manifest abi.Manifest
	effects  abi.Effects

	describe, handle, start []byte      // code in the place of the usual; start is none by default
	locals                  uint64      // that handle declares
	imports                 [][2]string // functions () -> (), of module and name
	behind                  []byte      // sections behind the last
}

const (
	manifestAt = 4096
	effectsAt  = 256 << 10
	inputAt    = 1 << 20
)

// Instructions, as much as the tests need.
var (
	wasmLoop = []byte{0x03, 0x40, 0x0c, 0x00, 0x0b} // loop br 0 end
	wasmTrap = []byte{0x00}
	wasmI64  = []byte{0x42} // number
)

func uleb(v uint64) (b []byte) {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func sleb(v int64) (b []byte) {
	for ; v >= 64 || v < -64; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v)&0x7f)
}

func sized(b []byte) []byte { return append(uleb(uint64(len(b))), b...) }

func vec(items ...[]byte) []byte {
	b := uleb(uint64(len(items)))
	for _, i := range items {
		b = append(b, i...)
	}
	return b
}

func section(id byte, body []byte) []byte { return append([]byte{id}, sized(body)...) }

// output is code that returns n bytes at an address.
func output(at, n int) []byte { return append(wasmI64[:1:1], sleb(int64(at)<<32|int64(n))...) }

// code is the module as bytes.
func (m module) code(tb testing.TB) []byte {
	tb.Helper()
	manifest, err := m.manifest.MarshalMsg(nil)
	if err != nil {
		tb.Fatal(err)
	}
	effects, err := m.effects.MarshalMsg(nil)
	if err != nil {
		tb.Fatal(err)
	}
	if m.describe == nil {
		m.describe = output(manifestAt, len(manifest))
	}
	if m.handle == nil {
		m.handle = output(effectsAt, len(effects))
	}
	i32 := func(v int64) []byte { return append([]byte{0x41}, sleb(v)...) }
	body := func(code []byte) []byte { return sized(append(append([]byte{0}, code...), 0x0b)) }
	data := func(at int64, b []byte) []byte {
		return append(append(append([]byte{0}, i32(at)...), 0x0b), sized(b)...)
	}

	var imports [][]byte
	for _, i := range m.imports {
		imports = append(imports, append(append(sized([]byte(i[0])), sized([]byte(i[1]))...), 0, 3))
	}
	first := byte(len(imports))
	functions, bodies := [][]byte{{0}, {1}, {2}, {2}}, [][]byte{body(i32(abi.Version)), body(i32(inputAt)), body(m.describe), body(m.handle)}
	if m.locals > 0 {
		bodies[3] = sized(append(append(append([]byte{1}, uleb(m.locals)...), 0x7f), append(m.handle, 0x0b)...))
	}
	if m.start != nil {
		functions, bodies = append(functions, []byte{3}), append(bodies, body(m.start))
	}
	exports := [][]byte{append(sized([]byte("memory")), 2, 0)}
	for i, name := range []string{abi.ExportVersion, abi.ExportBuffer, abi.ExportDescribe, abi.ExportHandle} {
		exports = append(exports, append(sized([]byte(name)), 0, first+byte(i)))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, vec([]byte{0x60, 0, 1, 0x7f}, []byte{0x60, 1, 0x7f, 1, 0x7f}, []byte{0x60, 1, 0x7f, 1, 0x7e}, []byte{0x60, 0, 0}))...)
	out = append(out, section(2, vec(imports...))...)
	out = append(out, section(3, vec(functions...))...)
	out = append(out, section(5, []byte{1, 0, 40})...)
	out = append(out, section(7, vec(exports...))...)
	if m.start != nil {
		out = append(out, section(8, []byte{first + 4})...)
	}
	out = append(out, section(10, vec(bodies...))...)
	out = append(out, section(11, vec(data(manifestAt, manifest), data(effectsAt, effects)))...)
	return append(out, m.behind...)
}

// countingModule is a module that counts every message under its version, and asks
// for nothing.
func countingModule(name, version string) module {
	return module{
		manifest: abi.Manifest{ABI: abi.Version, Name: name, Version: version, Events: []abi.Kind{abi.MessagePosted}},
		effects:  abi.Effects{Adds: []abi.Add{{Key: "c/" + version, Delta: 1}}},
	}
}
