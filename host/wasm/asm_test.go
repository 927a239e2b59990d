package wasm

import (
	"strings"
)

// assembly puts small modules together, for what no compiler would write.
type assembly struct {
	types, imports, funcs, exports, bodies [][]byte
	imported                               byte
	start, data                            []byte // bodies of these sections
	noMemory                               bool
}

func vec(items [][]byte) []byte {
	b := uleb(uint32(len(items)))
	for _, i := range items {
		b = append(b, i...)
	}
	return b
}

func uleb(v uint32) (b []byte) {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func sized(b []byte) []byte { return append(uleb(uint32(len(b))), b...) }

func (a *assembly) typ(t string) byte {
	params, results := valueTypes(t)
	enc := append([]byte{0x60}, sized(params)...)
	a.types = append(a.types, append(enc, sized(results)...))
	return byte(len(a.types) - 1)
}

// imp imports a function; before all others.
func (a *assembly) imp(module, name, typ string) {
	b := append(sized([]byte(module)), sized([]byte(name))...)
	a.imports = append(a.imports, append(b, 0, a.typ(typ)))
	a.imported++
}

// fn defines a function without locals, and exports it if it has a name.
func (a *assembly) fn(name, typ, code string) byte {
	index := a.imported + byte(len(a.funcs))
	a.funcs = append(a.funcs, []byte{a.typ(typ)})
	a.bodies = append(a.bodies, sized([]byte("\x00"+code+"\x0b")))
	if name != "" {
		a.exports = append(a.exports, append(sized([]byte(name)), 0, index))
	}
	return index
}

func (a *assembly) module() []byte {
	m := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, body []byte) { m = append(append(m, id), sized(body)...) }
	section(1, vec(a.types))
	section(2, vec(a.imports))
	section(3, vec(a.funcs))
	exports := a.exports
	if !a.noMemory {
		section(5, []byte{1, 0, 1})
		exports = append([][]byte{append(sized([]byte("memory")), 2, 0)}, exports...)
	}
	section(7, vec(exports))
	if a.start != nil {
		section(8, a.start)
	}
	section(10, vec(a.bodies))
	if a.data != nil {
		section(11, a.data)
	}
	return m
}

// WebAssembly instructions, as much as the tests need.
const (
	unreachable = "\x00"
	loop        = "\x03\x40" // … br0 end
	br0         = "\x0c\x00"
	end         = "\x0b"
	call        = "\x10" // index
	drop        = "\x1a"
	get0        = "\x20\x00"
	i32         = "\x41" // number
	i64         = "\x42" // number
	div32       = "\x6d"
	load32      = "\x28\x02\x00"
	store32     = "\x36\x02\x00"
)

// plugin is an assembly that keeps to the ABI: handle does what code says.
func plugin(handle string) *assembly {
	a := &assembly{}
	a.abi(handle)
	return a
}

func (a *assembly) abi(handle string) {
	a.fn("hearth_abi", "() -> (i32)", i32+"\x01")
	a.fn("hearth_buffer", "(i32) -> (i32)", i32+"\x80\x08")
	a.fn("describe", "(i32) -> (i64)", i64+"\x00")
	a.fn("handle", "(i32) -> (i64)", handle)
}

// described is a plugin whose manifest is text, which lies at 4096 in memory.
func described(text string) *assembly {
	a := plugin(i64 + "\x00")
	a.data = append(append([]byte("\x01\x00"+i32+"\x80\x20"+end), uleb(uint32(len(text)))...), text...)
	at := append([]byte(i64), sleb(4096<<32|int64(len(text)))...)
	a.bodies[2] = sized(append(append([]byte{0}, at...), end...))
	return a
}

func sleb(v int64) (b []byte) {
	for ; v >= 64 || v < -64; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v)&0x7f)
}

// renamed gives an export another name, or takes it away.
func (a *assembly) renamed(from, to string) *assembly {
	for i, e := range a.exports {
		if strings.HasPrefix(string(e), string(sized([]byte(from)))) {
			if to == "" {
				a.exports = append(a.exports[:i:i], a.exports[i+1:]...)
			} else {
				a.exports[i] = append(sized([]byte(to)), e[1+len(from):]...)
			}
			return a
		}
	}
	panic("no export " + from)
}
