package meter_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// A refused module is refused for the right reason, at the right offset and in
// the right section; nothing takes long.
func TestRefuse(t *testing.T) {
	rep := strings.Repeat
	void, one0 := types(typeVoid), funcs("\x00")
	memPage := memory("\x00\x01")
	pristine := meter.Options{Pristine: true, MemoryPages: 16}
	body := func(sections, instrs string) []byte { return module(void, one0, sections, code(fn(instrs))) }

	for _, c := range []struct {
		name    string
		wasm    []byte
		o       meter.Options
		err     error
		section string
		offset  int // from the end of the file if negative
	}{
		{"empty", nil, meter.Options{}, meter.ErrMalformed, "module", 0},
		{"text", []byte("(module)"), meter.Options{}, meter.ErrMalformed, "module", 0},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), meter.Options{}, meter.ErrMalformed, "module", 0},
		{"cut in a section", []byte(header + "\x01\x05\x01"), meter.Options{}, meter.ErrMalformed, "module", 10},
		{"section twice", module(void, void), meter.Options{}, meter.ErrMalformed, "module", 8 + 6},
		{"sections out of order", module(one0, void), meter.Options{}, meter.ErrMalformed, "module", 8 + 4},
		{"data count after code", module(section(10, "\x00"), section(12, "\x00")), meter.Options{}, meter.ErrMalformed, "module", 8 + 3},
		{"exception tags", module(section(13, "\x00")), meter.Options{}, meter.ErrUnsupported, "module", 8},
		{"second name section", module(section(0, str("name")), section(0, str("name"))), meter.Options{}, meter.ErrMalformed, "custom", 8 + 7},
		{"bytes after the last entry", module(section(1, "\x00\x00")), meter.Options{}, meter.ErrMalformed, "type", 11},

		{"8 Mi imports claimed", module(section(2, "\x80\x80\x80\x04")), meter.Options{}, meter.ErrMalformed, "import", 10},
		{"4 Gi types claimed", module(section(1, "\xff\xff\xff\xff\x0f")), meter.Options{}, meter.ErrMalformed, "type", 10},
		{"4 Gi parameters claimed", module(section(1, "\x01\x60\xff\xff\xff\xff\x0f")), meter.Options{}, meter.ErrMalformed, "type", 12},
		{"4 Gi elements claimed", module(section(9, "\x01\x01\x00\xff\xff\xff\xff\x0f")), meter.Options{}, meter.ErrMalformed, "element", 13},
		{"4 Gi data claimed", module(section(11, "\x01\x01\xff\xff\xff\xff\x0f")), meter.Options{}, meter.ErrMalformed, "data", 17},
		{"4 Gi names claimed", module(section(0, str("name")+"\x01\x05\xff\xff\xff\xff\x0f")), meter.Options{}, meter.ErrMalformed, "name", 17},
		{"4 Gi locals claimed", module(void, one0, code(fn("", "\xff\xff\xff\xff\x0f\x7f"))), meter.Options{}, meter.ErrTooLarge, "code", 22},
		{"4 Gi branch targets claimed", body("", "\x41\x00\x0e\xff\xff\xff\xff\x0f"), meter.Options{}, meter.ErrMalformed, "code", 26},
		{"10 million functions", module(void, section(3, leb(10_000_000)+rep("\x00", 10_000_000))), meter.Options{}, meter.ErrTooLarge, "function", 19},
		{"functions beyond the option", module(void, funcs("\x00", "\x00", "\x00")), meter.Options{MaxFunctions: 2}, meter.ErrTooLarge, "function", 16},
		{"input beyond the option", module(void, one0, code(fn(rep("\x01", 100)))), meter.Options{MaxSize: 100}, meter.ErrTooLarge, "module", 0},
		{"output beyond the option", module(void, one0, code(fn(rep("\x03\x40\x0b", 30)))), meter.Options{MaxSize: 200}, meter.ErrTooLarge, "code", 21},
		{"1,001 results", module(types("\x60\x00" + leb(1001) + rep("\x7f", 1001))), meter.Options{}, meter.ErrTooLarge, "type", 14},
		{"long function", module(void, one0, code(fn(rep("\x01", 2<<20)))), meter.Options{}, meter.ErrTooLarge, "code", 24},
		{"locals of all functions", module(void, funcs(strings.Split(rep("\x00", 400), "")...),
			code(strings.Split(rep(fn("", leb(50_000)+"\x7f")+"|", 399)+fn("", leb(50_000)+"\x7f"), "|")...)), meter.Options{}, meter.ErrTooLarge, "code", 8 + 6 + 405 + 5 + 335*7 + 1},
		{"too many blocks to compile", body("", rep("\x03\x40\x0b", 100_000)), meter.Options{}, meter.ErrTooLarge, "code", 26},
		{"nested too deep to compile", body("", rep("\x02\x40", 200_000)+rep("\x0b", 200_000)), meter.Options{}, meter.ErrTooLarge, "code", 26},
		{"nested loops with many locals", module(void, one0, code(fn(rep("\x03\x40", 200)+rep("\x20\x00\x1a", 1000)+rep("\x0b", 200), leb(1000)+"\x7f"))), meter.Options{}, meter.ErrTooLarge, "code", 24},
		{"many branches with many values", module(types(typeVoid, "\x60\x00"+leb(1000)+rep("\x7f", 1000)), one0, code(fn("\x00\x02\x01"+rep("\x0c\x00", 2000)+"\x0b\x00"))), meter.Options{}, meter.ErrTooLarge, "code", 1029},
		{"huge table", module(tables("\x70\x00\x80\x80\x80\x01")), meter.Options{}, meter.ErrTooLarge, "table", 12},
		{"tables huge together", module(tables("\x70\x00\x80\x80\x20", "\x70\x00\x80\x80\x21")), meter.Options{}, meter.ErrTooLarge, "table", 17},

		{"imports refuel", module(void, imports(str("hearth_meter")+str("refuel")+"\x00\x00")), meter.Options{}, meter.ErrReserved, "import", 17},
		{"imports from the meter", module(void, imports(str("hearth_meter")+str("")+"\x00\x00")), meter.Options{}, meter.ErrReserved, "import", 17},
		{"exports the fuel", module(globals(i32Global), exports(str("hearth_fuel")+"\x03\x00")), meter.Options{}, meter.ErrReserved, "export", 19},
		{"exports a metered global", module(globals(i32Global), exports(str("hearth_global_0")+"\x03\x00")), meter.Options{}, meter.ErrReserved, "export", 19},

		{"reads the fuel", body("", "\x23\x00\x1a"), meter.Options{}, meter.ErrMalformed, "code", 24},
		{"writes the fuel", body(globals(i32Global), "\x42\x7f\x24\x01"), meter.Options{}, meter.ErrMalformed, "code", -2},
		{"reads the fuel to start a global", module(globals("\x7e\x01\x23\x01\x0b")), meter.Options{}, meter.ErrMalformed, "global", -2},
		{"exports the fuel by index", module(globals(i32Global), exports(str("x")+"\x03\x01")), meter.Options{}, meter.ErrMalformed, "export", -1},
		{"calls refuel or its own helper", body("", "\x10\x01"), meter.Options{}, meter.ErrMalformed, "code", -2},
		{"tail-calls the helper", body("", "\x12\x01"), meter.Options{}, meter.ErrMalformed, "code", -2},
		{"refers to the helper", body("", "\xd2\x01\x1a"), meter.Options{}, meter.ErrMalformed, "code", -3},
		{"helper in a table", module(void, one0, tables("\x70\x00\x01"), elems("\x00\x41\x00\x0b"+vec("\x01")), code(fn(""))), meter.Options{}, meter.ErrMalformed, "element", -7},
		{"helper as a start function", module(void, one0, section(8, "\x01"), code(fn(""))), meter.Options{}, meter.ErrMalformed, "start", -7},
		{"exports the helper", module(void, one0, exports(exportFunc("x", 1)), code(fn(""))), meter.Options{}, meter.ErrMalformed, "export", -7},
		{"function of the helper's type", module(void, funcs("\x02"), code(fn(""))), meter.Options{}, meter.ErrMalformed, "function", -7},
		{"block of the helper's type", body("", "\x02\x02\x0b"), meter.Options{}, meter.ErrMalformed, "code", -3},
		{"indirect call of refuel's type", body("", "\x41\x00\x11\x01\x00"), meter.Options{}, meter.ErrMalformed, "code", -3},

		{"branch out of the function", body("", "\x0c\x01"), meter.Options{}, meter.ErrMalformed, "code", -3},
		{"code after the end", body("", "\x0b\x01"), meter.Options{}, meter.ErrMalformed, "code", -2},
		{"no end", module(void, one0, code("\x03\x00\x02\x40")), meter.Options{}, meter.ErrMalformed, "code", -0},
		{"bodies missing", module(void, one0, code()), meter.Options{}, meter.ErrMalformed, "code", -1},
		{"block type of six bytes", body("", "\x02\x80\x80\x80\x80\x80\x00\x0b"), meter.Options{}, meter.ErrMalformed, "code", 24},
		{"block type of a padded value", body("", "\x02\xff\x7f\x1a\x0b"), meter.Options{}, meter.ErrUnsupported, "code", 24},
		{"SIMD opcode of many readings", body("", "\xfd\x8c\x00"+rep("\x01", 16)), meter.Options{}, meter.ErrUnsupported, "code", 23},
		{"relaxed SIMD", body("", "\xfd\x80\x02"), meter.Options{}, meter.ErrUnsupported, "code", 23},
		{"atomic", body(memPage, "\xfe\x03\x00"), meter.Options{}, meter.ErrUnsupported, "code", -4},
		{"call_ref", body("", "\x14\x00"), meter.Options{}, meter.ErrUnsupported, "code", 23},
		{"try_table", body("", "\x1f\x40\x00\x0b"), meter.Options{}, meter.ErrUnsupported, "code", 23},
		{"unknown 0xfc", body("", "\xfc\x12"), meter.Options{}, meter.ErrUnsupported, "code", 23},
		{"second memory in a load", body(memPage, "\x41\x00\x28\x42\x00\x1a"), meter.Options{}, meter.ErrMalformed, "code", -4},
		{"two memories", module(section(5, "\x02\x00\x01\x00\x01")), meter.Options{}, meter.ErrTooLarge, "memory", 10},
		{"shared memory", module(memory("\x03\x01\x01")), meter.Options{}, meter.ErrUnsupported, "memory", 11},
		{"memory beyond 4 GiB", module(memory("\x00\x81\x80\x04")), meter.Options{}, meter.ErrMalformed, "memory", 11},
		{"extended constant", module(globals("\x7f\x00\x41\x01\x41\x01\x6a\x0b")), meter.Options{}, meter.ErrUnsupported, "global", -2},
		{"typed reference", module(types("\x60\x01\x64\x70\x00")), meter.Options{}, meter.ErrUnsupported, "type", 13},
		{"recursive type group", module(types("\x4e\x01" + typeVoid)), meter.Options{}, meter.ErrUnsupported, "type", 11},
		{"name that is not UTF-8", module(exports("\x01\xff\x00\x00")), meter.Options{}, meter.ErrMalformed, "export", 11},

		{"memory larger than allowed", module(memory("\x00\x11")), pristine, meter.ErrMemory, "memory", 11},
		{"imported memory", module(imports(str("a") + str("b") + "\x02\x00\x01")), meter.Options{MemoryPages: 16}, meter.ErrState, "import", 11},
		{"imported table", module(imports(str("a") + str("b") + "\x01\x70\x00\x01")), pristine, meter.ErrState, "import", 11},
		{"imported mutable global", module(imports(str("a") + str("b") + "\x03\x7f\x01")), pristine, meter.ErrState, "import", 11},
		{"mutable v128", module(globals("\x7b\x01\xfd\x0c" + rep("\x00", 16) + "\x0b")), pristine, meter.ErrState, "global", 11},
		{"mutable funcref", module(globals("\x70\x01\xd0\x70\x0b")), pristine, meter.ErrState, "global", 11},
		{"table.set", body(tables("\x70\x00\x01"), "\x41\x00\xd0\x70\x26\x00"), pristine, meter.ErrState, "code", -3},
		{"table.grow", body(tables("\x70\x00\x01"), "\xd0\x70\x41\x00\xfc\x0f\x00\x1a"), pristine, meter.ErrState, "code", -5},
		{"table.fill", body(tables("\x70\x00\x01"), "\x41\x00\xd0\x70\x41\x00\xfc\x11\x00"), pristine, meter.ErrState, "code", -4},
		{"table.copy", body(tables("\x70\x00\x01"), "\x41\x00\x41\x00\x41\x00\xfc\x0e\x00\x00"), pristine, meter.ErrState, "code", -5},
		{"table.init", body(tables("\x70\x00\x01"), "\x41\x00\x41\x00\x41\x00\xfc\x0c\x00\x00"), pristine, meter.ErrState, "code", -5},
		{"elem.drop", body("", "\xfc\x0d\x00"), pristine, meter.ErrState, "code", -4},
		{"data.drop", body("", "\xfc\x09\x00"), pristine, meter.ErrState, "code", -4},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			m, err := meter.Rewrite(c.wasm, c.o)
			if m != nil || !errors.Is(err, c.err) {
				t.Fatalf("accepted %v, error %v; want %v", m != nil, err, c.err)
			}
			var e *meter.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T is no *Error", err)
			}
			want := c.offset
			if want < 0 || c.name == "no end" {
				want += len(c.wasm)
			}
			if e.Offset != want || e.Section != c.section {
				t.Errorf("%v; want offset %#x, %s", err, want, c.section)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// The message says what, where and in which function.
func TestErrorMessage(t *testing.T) {
	_, err := meter.Rewrite(one("\x24\x00"), meter.Options{})
	const want = "meter: malformed module at offset 0x21 (code section, function 0): global 0 of 0"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// The same modules are fine where nothing has to be restored.
func TestNotPristine(t *testing.T) {
	for name, wasm := range map[string][]byte{
		"imported memory": module(imports(str("a") + str("b") + "\x02\x00\x01")),
		"imported table":  module(imports(str("a") + str("b") + "\x01\x70\x00\x01")),
		"mutable funcref": module(globals("\x70\x01\xd0\x70\x0b")),
		"elem.drop":       module(types(typeVoid), funcs("\x00"), elems("\x01\x00\x00"), code(fn("\xfc\x0d\x00"))),
	} {
		if _, err := meter.Rewrite(wasm, meter.Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
