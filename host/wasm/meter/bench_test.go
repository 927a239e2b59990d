package meter_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

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

// BenchmarkGuest runs programs built by Go: as they are, metered, and with the
// engine's own way of stopping a guest.
func BenchmarkGuest(b *testing.B) {
	for _, name := range programs {
		for _, mode := range []string{"plain", "metered", "closeonctx"} {
			b.Run(name+"/"+mode, func(b *testing.B) {
				wasm := guest(b, name)
				if mode == "metered" {
					wasm = rewrite(b, wasm, meter.Options{MemoryPages: 1024}).Wasm
				}
				fuel := &tank{slice: 1_000_000, budget: 1 << 60}
				ctx, cancel := context.WithCancel(withTank(context.Background(), fuel))
				defer cancel()
				cfg := wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(mode == "closeonctx")
				r := wazero.NewRuntimeWithConfig(ctx, cfg)
				defer r.Close(ctx)
				wasi_snapshot_preview1.MustInstantiate(ctx, r)
				installRefuel(b, ctx, r)
				c, err := r.CompileModule(ctx, wasm)
				if err != nil {
					b.Fatal(err)
				}
				var burnt int64
				for b.Loop() {
					fuel.used, fuel.granted, fuel.fuel = 0, 0, nil
					_, err := r.InstantiateModule(ctx, c, wazero.NewModuleConfig().WithName("").WithArgs("guest").WithStdout(io.Discard))
					if exit := (*sys.ExitError)(nil); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 0) {
						b.Fatal(err)
					}
					burnt = fuel.burnt()
				}
				if mode == "metered" {
					b.ReportMetric(float64(burnt), "fuel/op")
				}
			})
		}
	}
}
