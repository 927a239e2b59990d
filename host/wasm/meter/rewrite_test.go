package meter_test

import (
	"bytes"
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// Functions 1 to 4 return their own number plus 10, after one import (0). Each
// export gets at one of them by another kind of reference; an index that was
// shifted wrongly, or not, gives another number.
func TestFunctionIndices(t *testing.T) {
	ret := func(n int) string { return fn("\x41" + sleb(n)) }
	main := "\x00" // type () -> i32
	// decimals calls the first four entries of table 0 and three of table 1 and
	// makes a digit of each result.
	decimals := "\x41\x00"
	for _, entry := range []string{"\x00\x11\x00\x00", "\x01\x11\x00\x00", "\x02\x11\x00\x00", "\x03\x11\x00\x00",
		"\x00\x11\x00\x01", "\x01\x11\x00\x01", "\x02\x11\x00\x01"} {
		decimals += "\x41\x0a\x6c\x41" + entry + "\x41\x0a\x6b\x6a" // sum*10 + (f() - 10)
	}
	wasm := module(
		types(type_I, typeVoid),
		imports(str("env")+str("ten")+"\x00\x00"),
		funcs(main, main, main, main, main, main, main, main, "\x01", main),
		tables("\x70\x00\x08", "\x70\x00\x04"),
		globals("\x70\x00\xd2\x04\x0b", i32Global), // (ref.func 4); a mutable i32
		exports(exportFunc("direct", 1), exportFunc("call", 5), exportFunc("table", 6), exportFunc("import", 7),
			exportFunc("tail", 8), exportFunc("global", 10), exportFunc("ten", 0), str("g")+"\x03\x01"),
		section(8, leb(9)),
		elems(
			"\x00\x41\x00\x0b"+vec("\x01", "\x02"),                 // active: 0, 1
			"\x02\x00\x41\x02\x0b\x00"+vec("\x03"),                 // active, with table: 2
			"\x04\x41\x03\x0b"+vec("\xd2\x04\x0b", "\xd0\x70\x0b"), // active expressions: 3, 4
			"\x06\x01\x41\x00\x0b\x70"+vec("\xd2\x03\x0b"),         // the same with table
			"\x01\x00"+vec("\x02"),                                 // passive
			"\x05\x70"+vec("\xd2\x01\x0b"),                         // passive expressions
			"\x03\x00"+vec("\x04"),                                 // declared
			"\x07\x70"+vec("\xd2\x02\x0b"),                         // declared expressions
		),
		code(ret(11), ret(12), ret(13), ret(14),
			fn("\x10\x02"), // call 2
			fn("\x41\x00\x41\x00\x41\x01\xfc\x0c\x05\x01"+ // table.init segment 5 → table 1 at 0
				"\x41\x01\x41\x00\x41\x01\xfc\x0c\x04\x01"+ // segment 4 → table 1 at 1
				"\x41\x02\xd2\x04\x26\x01"+ // table.set 1 at 2: ref.func 4
				decimals),
			fn("\x10\x00"), // call the import
			fn("\x12\x03"), // return_call 3
			fn("\x41"+sleb(77)+"\x24\x01"),
			fn("\x41\x03\x23\x00\x26\x01\x41\x03\x11\x00\x01"), // table.set from global 0, call it
		),
		section(0, str("name")+"\x00"+str("\x05guest")+"\x01"+str(vec("\x00"+str("ten"), "\x01"+str("one")))+
			"\x02"+str(vec("\x01"+vec("\x00"+str("local"))))),
		section(0, str(".debug_info")+"wrong by now"),
	)
	m := rewrite(t, wasm, meter.Options{})
	if bytes.Contains(m.Wasm, []byte(".debug_info")) {
		t.Error("DWARF is kept")
	}
	ctx := withTank(context.Background(), &tank{slice: 1000, budget: 100_000})
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(features))
	defer r.Close(ctx)
	installRefuel(t, ctx, r)
	if _, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(func() uint32 { return 10 }).Export("ten").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	c, err := r.CompileModule(ctx, m.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name() != "guest" {
		t.Errorf("module name %q", c.Name())
	}
	mod, err := r.InstantiateModule(ctx, c, wazero.NewModuleConfig())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint64{
		"direct": 11, "call": 12, "table": 1234124, "import": 10, "tail": 13, "global": 14, "ten": 10,
	} {
		got, err := mod.ExportedFunction(name).Call(ctx)
		if err != nil || got[0] != want {
			t.Errorf("%s: %v, %v; want %d", name, got, err, want)
		}
	}
	if name := mod.ExportedFunction("direct").Definition().Name(); name != "one" {
		t.Errorf("name section: export direct is called %q", name)
	}
	if got := mod.ExportedGlobal(meter.GlobalPrefix + "1").Get(); got != 77 {
		t.Errorf("start function did not run on the exported global: %d", got)
	}
}

// What the sandbox reads from a Module.
func TestModule(t *testing.T) {
	wasm := module(
		types(typeVoid, typeI_I, "\x60\x02\x7e\x7d\x02\x7c\x7b"),
		imports(str("hearth")+str("log")+"\x00\x02", str("env")+str("g")+"\x03\x7f\x00"),
		funcs("\x01"), tables("\x70\x00\x01"), memory("\x01\x02\x05"),
		globals("\x7f\x00\x41\x01\x0b", i32Global, "\x7c\x01\x44"+strings.Repeat("\x00", 8)+"\x0b"),
		exports(str("memory")+"\x02\x00", exportFunc("f", 1), str("t")+"\x01\x00", str("g")+"\x03\x02"),
		code(fn("\x20\x00\x40\x00")), // memory.grow of the parameter
	)
	m := rewrite(t, wasm, meter.Options{MemoryPages: 8, Pristine: true})
	want := meter.Module{
		Wasm:     m.Wasm,
		Globals:  []string{"hearth_global_2", "hearth_global_3"},
		MinPages: 2,
		Imports: []meter.Import{
			{Module: "hearth", Name: "log", Kind: meter.KindFunc, Type: "(i64 f32) -> (f64 v128)"},
			{Module: "env", Name: "g", Kind: meter.KindGlobal},
		},
		Exports: []meter.Export{
			{Name: "memory", Kind: meter.KindMemory},
			{Name: "f", Kind: meter.KindFunc, Type: "(i32) -> (i32)"},
			{Name: "t", Kind: meter.KindTable},
			{Name: "g", Kind: meter.KindGlobal},
		},
		Stats: meter.Stats{Functions: 1, Checks: 2, In: len(wasm), Out: len(m.Wasm)},
	}
	if !reflect.DeepEqual(*m, want) {
		t.Errorf("got  %+v\nwant %+v", *m, want)
	}
}

// With a fixed memory, memory.grow fails as the specification lets it, and
// memory.size never changes.
func TestFixedMemory(t *testing.T) {
	wasm := module(types(typeI_I, type_I), funcs("\x00", "\x01"), memory("\x00\x01"),
		exports(exportFunc("grow", 0), exportFunc("size", 1)),
		code(fn("\x20\x00\x40\x00"), fn("\x3f\x00")))
	m := rewrite(t, wasm, meter.Options{MemoryPages: 3})
	ctx := withTank(context.Background(), &tank{slice: 1000, budget: 100_000})
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	installRefuel(t, ctx, r)
	mod, err := r.Instantiate(ctx, m.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f    string
		arg  []uint64
		want uint32
	}{{"size", nil, 3}, {"grow", []uint64{1}, 1<<32 - 1}, {"grow", []uint64{0}, 3}, {"size", nil, 3}} {
		got, err := mod.ExportedFunction(c.f).Call(ctx, c.arg...)
		if err != nil || uint32(got[0]) != c.want {
			t.Errorf("%s%v = %v, %v; want %d", c.f, c.arg, got, err, int32(c.want))
		}
	}
}

// A long bulk operation is charged by its length before it starts; a short one
// costs next to nothing.
func TestBulkCharge(t *testing.T) {
	wasm := module(types(typeI_), funcs("\x00"), memory("\x00\x80\x02"), exports(exportFunc("fill", 0)),
		code(fn("\x41\x00\x41\x01\x20\x00\xfc\x0b\x00")))
	m := rewrite(t, wasm, meter.Options{})
	fuel := &tank{slice: 1 << 30, budget: 1 << 40}
	ctx := withTank(context.Background(), fuel)
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	installRefuel(t, ctx, r)
	mod, err := r.Instantiate(ctx, m.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	fill := func(n uint64) int64 {
		before := fuel.burnt()
		if _, err := mod.ExportedFunction("fill").Call(ctx, n); err != nil && n <= 16<<20 {
			t.Fatal(err)
		}
		return fuel.burnt() - before
	}
	fill(0) // the first call has the tank find its global
	short := fill(1024)
	for n, want := range map[uint64]int64{0: short, 1: short, 1025: short + 128, 16 << 20: short + 2<<20, 1<<32 - 1: short + 1<<29 - 1} {
		if got := fill(n); got != want {
			t.Errorf("%d bytes cost %d, want %d", n, got, want)
		}
	}
}

// A guest that knows the names still has no way to its fuel: neither is there
// an index for it nor does another instance's export reach this one.
func TestFuelIsExportedOnce(t *testing.T) {
	m := rewrite(t, module(globals(i32Global, "\x7e\x00\x42\x00\x0b")), meter.Options{})
	ctx := withTank(context.Background(), &tank{})
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	installRefuel(t, ctx, r)
	mod, err := r.Instantiate(ctx, m.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := mod.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal); !ok || g.Type() != api.ValueTypeI64 || g.Get() != 0 {
		t.Errorf("fuel global: %v", g)
	}
	if mod.ExportedGlobal(meter.GlobalPrefix+"1") != nil {
		t.Error("a constant global is exported")
	}
	if n := len(mod.ExportedFunctionDefinitions()); n != 0 {
		t.Errorf("%d functions exported", n)
	}
}
