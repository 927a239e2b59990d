package meter_test

import (
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// BenchmarkRewrite meters a program built by Go.
func BenchmarkRewrite(b *testing.B) {
	wasm := guest(b, "sortmap")
	b.SetBytes(int64(len(wasm)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := meter.Rewrite(wasm, meter.Options{MemoryPages: 1024, Pristine: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// sizes make each program run for some tenths of a second.
var sizes = map[string]string{
	"nbody": "200000", "fannkuch": "10", "spectral": "600", "sortmap": "150000", "hashes": "6000", "goroutines": "200",
}

// BenchmarkGuest runs programs built by Go: as they are, metered, and with the
// engine's own way of stopping a guest.
func BenchmarkGuest(b *testing.B) {
	for _, name := range programs {
		for _, mode := range []string{"plain", "metered", "closeonctx"} {
			b.Run(name+"/"+mode, func(b *testing.B) {
				wasm := guest(b, name)
				if mode == "metered" {
					wasm = rewrite(b, wasm, meter.Options{}).Wasm
				}
				fuel := &tank{slice: 1_000_000, budget: 1 << 60}
				ctx, r := newRuntime(b, wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(mode == "closeonctx"), fuel)
				c := compile(b, ctx, r, wasm)
				var burnt int64
				for b.Loop() {
					fuel.used, fuel.granted, fuel.fuel = 0, 0, nil
					runCommand(b, ctx, r, c, sizes[name])
					burnt = fuel.burnt()
				}
				if mode == "metered" {
					b.ReportMetric(float64(burnt), "fuel/op")
				}
			})
		}
	}
}
