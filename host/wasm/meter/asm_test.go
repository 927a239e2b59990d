package meter_test

import "strings"

// A few words of assembler: binary modules are strings put together.

const header = "\x00asm\x01\x00\x00\x00"

func leb(n int) string {
	var o []byte
	for n >= 0x80 {
		o = append(o, byte(n)|0x80)
		n >>= 7
	}
	return string(append(o, byte(n)))
}

func sleb(n int) string {
	var o []byte
	for {
		c := byte(n & 0x7f)
		n >>= 7
		if n == 0 && c&0x40 == 0 || n == -1 && c&0x40 != 0 {
			return string(append(o, c))
		}
		o = append(o, c|0x80)
	}
}

func vec(entries ...string) string { return leb(len(entries)) + strings.Join(entries, "") }

func str(s string) string { return leb(len(s)) + s }

func section(id byte, body string) string { return string([]byte{id}) + str(body) }

func types(ts ...string) string    { return section(1, vec(ts...)) }
func imports(is ...string) string  { return section(2, vec(is...)) }
func funcs(types ...string) string { return section(3, vec(types...)) }
func tables(ts ...string) string   { return section(4, vec(ts...)) }
func memory(limits string) string  { return section(5, vec(limits)) }
func globals(gs ...string) string  { return section(6, vec(gs...)) }
func exports(xs ...string) string  { return section(7, vec(xs...)) }
func elems(es ...string) string    { return section(9, vec(es...)) }
func code(bodies ...string) string { return section(10, vec(bodies...)) }

// fn is a body with no locals but the given groups, without its final end.
func fn(code string, locals ...string) string { return str(vec(locals...) + code + "\x0b") }

func exportFunc(name string, i int) string { return str(name) + "\x00" + leb(i) }

func module(sections ...string) []byte { return []byte(header + strings.Join(sections, "")) }

const (
	typeVoid  = "\x60\x00\x00"         // () -> ()
	typeI_I   = "\x60\x01\x7f\x01\x7f" // (i32) -> (i32)
	typeI_    = "\x60\x01\x7f\x00"     // (i32) -> ()
	type_I    = "\x60\x00\x01\x7f"     // () -> (i32)
	i32Global = "\x7f\x01\x41\x07\x0b" // mutable, 7
)

// one is a module of one exported function without parameters or results.
func one(instrs string, locals ...string) []byte {
	return module(types(typeVoid), funcs("\x00"), exports(exportFunc("run", 0)), code(fn(instrs, locals...)))
}
