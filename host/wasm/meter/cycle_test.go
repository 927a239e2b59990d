package meter_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// Every way to run for ever, or for far too long. Each exports "run".
func endless() map[string][]byte {
	run := exports(exportFunc("run", 0))
	void := types(typeVoid)
	funcRef := func(entries string) string { return tables("\x70\x00\x02") + entries }
	table := "\x00\x41\x00\x0b" // active segment of table 0 at 0
	// tree is f0 calls f1 twice calls f2 twice …: 2^40 calls and no loop.
	tree := func(call string) []byte {
		const depth = 40
		idx, bodies := make([]string, depth), make([]string, depth)
		for i := range depth {
			idx[i] = "\x00"
			bodies[i] = fn(strings.Repeat(call+leb((i+1)%depth), 2))
		}
		bodies[depth-1] = fn("")
		return module(void, funcs(idx...), run, code(bodies...))
	}
	// again runs a bulk operation on the whole first page, or table, for ever.
	again := func(sections string, bulk string) []byte {
		return module(void, funcs("\x00"), sections, run,
			code(fn("\x03\x40\x41\x00\x41\x00\x41\x80\x80\x04"+bulk+"\x0c\x00\x0b")))
	}
	go64 := func(jump string) []byte { // Go's dispatch loop with two cases
		return one("\x03\x40\x02\x40\x02\x40\x20\x00\x0e\x01\x00\x01\x0b"+
			"\x01"+"\x0b"+jump+"\x0b", "\x01\x7f")
	}
	mods := map[string][]byte{
		"br":                one("\x03\x40\x0c\x00\x0b"),
		"br_if":             one("\x03\x40\x41\x01\x0d\x00\x0b"),
		"br_table":          one("\x03\x40\x41\x05\x0e\x01\x00\x00\x0b"),
		"br_table to outer": one("\x03\x40\x02\x40\x41\x00\x0e\x01\x01\x00\x0b\x0b"),
		"if":                one("\x03\x40\x41\x01\x04\x40\x0c\x01\x0b\x0b"),
		"else":              one("\x03\x40\x41\x00\x04\x40\x05\x0c\x01\x0b\x0b"),
		"inner and outer":   one("\x03\x40\x03\x40\x41\x00\x0d\x00\x0b\x0c\x00\x0b"),
		"with work":         one("\x03\x40" + strings.Repeat("\x41\x01\x1a", 1000) + "\x0c\x00\x0b"),
		"with a parameter": module(types(typeVoid, typeI_), funcs("\x00"), run,
			code(fn("\x41\x01\x03\x01\x0c\x00\x0b"))),
		"with a result": one("\x03\x7f\x0c\x00\x0b\x1a"),

		"dispatch back to the header": go64("\x0c\x00"),
		"dispatch br_if":              go64("\x41\x01\x0d\x00"),
		"dispatch br_table":           go64("\x41\x00\x0e\x01\x00\x00"),
		"dispatch to case 0":          go64("\x41\x00\x21\x00\x0c\x00"),
		"dispatch to case 1":          go64("\x41\x01\x21\x00\x0c\x00"),
		"dispatch to default":         go64("\x41\x7f\x21\x00\x0c\x00"),
		"dispatch other local":        one("\x03\x40\x02\x40\x02\x40\x20\x00\x0e\x01\x00\x01\x0b\x41\x01\x21\x01\x0c\x01\x0b\x0b", "\x02\x7f"),
		"dispatch state as parameter": module(types(typeVoid, typeI_), funcs("\x00", "\x01"), run, code(
			fn("\x41\x00\x10\x01"),
			fn("\x03\x40\x02\x40\x02\x40\x20\x00\x0e\x01\x00\x01\x0b\x41\x02\x21\x00\x0c\x01\x0b\x0c\x00\x0b"))),
		"dispatch head on itself": one("\x03\x40\x02\x40\x20\x00\x0e\x00\x01\x0b\x0b", "\x01\x7f"),
		"dispatch case on header": one("\x03\x40\x02\x40\x20\x00\x0e\x01\x00\x01\x0b\x41\x01\x21\x00\x0c\x00\x0b", "\x01\x7f"),
		"dispatch constant before a block": one("\x03\x40\x02\x40\x02\x40\x20\x00\x0e\x02\x00\x01\x01\x0b"+
			"\x41\x01\x21\x00\x0b\x02\x40\x41\x00\x21\x00\x0b\x0c\x00\x0b", "\x01\x7f"),
		"dispatch in dispatch": one("\x03\x40\x02\x40\x20\x00\x0e\x01\x00\x00\x0b"+
			"\x03\x40\x02\x40\x20\x00\x0e\x01\x00\x00\x0b\x41\x00\x21\x00\x0c\x00\x0b\x0b", "\x01\x7f"),
		"loop in dispatch":   one("\x03\x40\x02\x40\x20\x00\x0e\x01\x00\x00\x0b\x03\x40\x0c\x00\x0b\x0b", "\x01\x7f"),
		"dispatch in a loop": one("\x03\x40\x03\x40\x02\x40\x20\x00\x0e\x01\x00\x00\x0b\x0b\x0c\x00\x0b", "\x01\x7f"),
		"loop out to dispatch": one("\x03\x40\x02\x40\x20\x00\x0e\x01\x00\x00\x0b"+
			"\x03\x40\x41\x00\x21\x00\x0c\x01\x0b\x0b", "\x01\x7f"),

		"call tree": tree("\x10"),
		"indirect recursion through a leaf's type": module(void, funcs("\x00", "\x00"), funcRef(""), run,
			elems(table+vec("\x01", "\x00")), code(fn("\x03\x40\x41\x00\x11\x00\x00\x0c\x00\x0b"), fn("\x01\x01\x01"))),
		"tail recursion": module(void, funcs("\x00"), run, code(fn("\x12\x00"))),
		"mutual tail recursion": module(void, funcs("\x00", "\x00"), run,
			code(fn("\x12\x01"), fn("\x12\x00"))),
		"indirect tail recursion": module(void, funcs("\x00"), funcRef(""), run,
			elems(table+vec("\x00")), code(fn("\x41\x00\x13\x00\x00"))),
		"start function": module(void, funcs("\x00"), run, section(8, "\x00"), code(fn("\x03\x40\x0c\x00\x0b"))),

		"memory.fill": again(memory("\x00\x01"), "\xfc\x0b\x00"),
		"memory.copy": again(memory("\x00\x01"), "\xfc\x0a\x00\x00"),
		"memory.grow": module(void, funcs("\x00"), memory("\x01\x01\x01"), run, code(fn("\x03\x40\x41\x01\x40\x00\x1a\x0c\x00\x0b"))),
		"table.fill": module(void, funcs("\x00"), tables("\x70\x00\x80\x80\x04"), run,
			code(fn("\x03\x40\x41\x00\xd0\x70\x41\x80\x80\x04\xfc\x11\x00\x0c\x00\x0b"))),
		"table.copy": again(tables("\x70\x00\x80\x80\x04"), "\xfc\x0e\x00\x00"),
	}
	return mods
}

// Whatever runs for ever is stopped by its budget. The interpreter counts the
// function calls it makes and the compiler's code is what runs in production,
// so both have to stop.
func TestEndless(t *testing.T) {
	engines := map[string]wazero.RuntimeConfig{
		"compiler":    wazero.NewRuntimeConfig(),
		"interpreter": wazero.NewRuntimeConfigInterpreter(),
	}
	for name, wasm := range endless() {
		t.Run(name, func(t *testing.T) {
			m := rewrite(t, wasm, meter.Options{})
			var burnt []int64
			for engine, cfg := range engines {
				fuel := &tank{slice: 10_000, budget: 1_000_000}
				err := callRun(t, cfg, m.Wasm, fuel)
				if !errors.Is(err, errBudget) {
					t.Fatalf("%s: ended with %v after %d units", engine, err, fuel.used)
				}
				if over := fuel.used - fuel.budget; over > 100_000 {
					t.Errorf("%s: overshot by %d", engine, over)
				}
				burnt = append(burnt, fuel.used)
			}
			if burnt[0] != burnt[1] {
				t.Errorf("the engines burnt %d and %d", burnt[0], burnt[1])
			}
		})
	}
}

// Recursion that is not in tail position ends by the engine's stack.
func TestRecursion(t *testing.T) {
	void, run := types(typeVoid), exports(exportFunc("run", 0))
	for name, wasm := range map[string][]byte{
		"direct":   module(void, funcs("\x00"), run, code(fn("\x10\x00"))),
		"mutual":   module(void, funcs("\x00", "\x00"), run, code(fn("\x10\x01"), fn("\x10\x00"))),
		"indirect": module(void, funcs("\x00"), tables("\x70\x00\x01"), run, elems("\x00\x41\x00\x0b"+vec("\x00")), code(fn("\x41\x00\x11\x00\x00"))),
	} {
		t.Run(name, func(t *testing.T) {
			m := rewrite(t, wasm, meter.Options{})
			fuel := &tank{slice: 1000, budget: 10_000}
			if err := callRun(t, wazero.NewRuntimeConfig(), m.Wasm, fuel); !errors.Is(err, errBudget) {
				t.Errorf("small budget: %v", err)
			}
			fuel = &tank{slice: 1000, budget: 1 << 40}
			if err := callRun(t, wazero.NewRuntimeConfig(), m.Wasm, fuel); err == nil || !strings.Contains(err.Error(), "stack overflow") {
				t.Errorf("large budget: %v", err)
			}
		})
	}
}

// callRun instantiates a metered module and calls its export "run".
func callRun(tb testing.TB, cfg wazero.RuntimeConfig, wasm []byte, fuel *tank) error {
	tb.Helper()
	ctx := withTank(context.Background(), fuel)
	r := wazero.NewRuntimeWithConfig(ctx, cfg.WithCoreFeatures(features))
	defer r.Close(ctx)
	installRefuel(tb, ctx, r)
	c, err := r.CompileModule(ctx, wasm)
	if err != nil {
		tb.Fatal(err)
	}
	mod, err := r.InstantiateModule(ctx, c, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		return err
	}
	_, err = mod.ExportedFunction("run").Call(ctx)
	return err
}
