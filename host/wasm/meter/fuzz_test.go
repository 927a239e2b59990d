package meter_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// FuzzRewrite looks for modules on which the rewriter panics or takes long, for
// accepted ones that make the engine take long, and for those whose metered
// form the engine judges differently from the plain one.
func FuzzRewrite(f *testing.F) {
	for _, wasm := range endless() {
		f.Add(wasm)
	}
	for i, file := range specFiles() {
		if wasm, err := os.ReadFile(file); err == nil && i%97 == 0 && len(wasm) < 4096 {
			f.Add(wasm)
		}
	}
	cfg := wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features).WithMemoryLimitPages(256)
	f.Fuzz(func(t *testing.T, wasm []byte) {
		defer time.AfterFunc(20*time.Second, func() { panic("stuck") }).Stop()
		start := time.Now()
		m, err := meter.Rewrite(wasm, meter.Options{MaxSize: 1 << 20, MaxCompile: 200 * time.Millisecond})
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("rewriting took %v", d)
		}
		if err != nil {
			if e := (*meter.Error)(nil); !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(wasm) || e.Section == "" {
				t.Errorf("error without a place: %#v", err)
			}
			return
		}
		for _, o := range []meter.Options{{Pristine: true}, {MemoryPages: 64}} {
			if n, err := meter.Rewrite(wasm, o); err == nil && o.MemoryPages == 0 && string(n.Wasm) != string(m.Wasm) {
				t.Error("Pristine changed the output")
			}
		}
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, cfg)
		defer r.Close(ctx)
		start = time.Now()
		_, meteredErr := r.CompileModule(ctx, m.Wasm)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("compiling took %v", d)
		}
		_, plainErr := r.CompileModule(ctx, wasm)
		if (meteredErr == nil) != (plainErr == nil) && !aboutWhatIsDropped(plainErr) {
			t.Errorf("engine on the plain module: %v; on the metered one: %v", plainErr, meteredErr)
		}
	})
}

// aboutWhatIsDropped tells whether the engine refused a module for something
// that its metered form no longer has.
func aboutWhatIsDropped(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "section custom") || strings.Contains(err.Error(), "custom section"))
}

// FuzzBudget runs what the fuzzer makes of endless loops: a call may trap, but
// must end, by its budget at the latest.
func FuzzBudget(f *testing.F) {
	for _, wasm := range endless() {
		f.Add(wasm)
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		defer time.AfterFunc(20*time.Second, func() { panic("stuck") }).Stop()
		m, err := meter.Rewrite(wasm, meter.Options{MaxSize: 1 << 16, MaxCompile: 50 * time.Millisecond, MemoryPages: 16})
		if err != nil || len(m.Imports) > 0 {
			return
		}
		fuel := &tank{slice: 10_000, budget: 100_000}
		ctx := withTank(context.Background(), fuel)
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features).WithMemoryLimitPages(64))
		defer r.Close(ctx)
		installRefuel(t, ctx, r)
		mod, err := r.InstantiateWithConfig(ctx, m.Wasm, wazero.NewModuleConfig().WithStartFunctions())
		if err != nil {
			return
		}
		for _, x := range m.Exports {
			if x.Kind != meter.KindFunc || x.Type != "() -> ()" {
				continue
			}
			fuel.budget = fuel.burnt() + 100_000
			start := time.Now()
			_, err := mod.ExportedFunction(x.Name).Call(ctx)
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("%s ran for %v on 100,000 units: %v", x.Name, d, err)
			}
		}
	})
}
