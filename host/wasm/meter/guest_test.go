package meter_test

import (
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

var programs = []string{"nbody", "fannkuch", "spectral", "sortmap", "hashes", "goroutines"}

// Programs compiled by Go must say the same metered, and burn the same fuel
// each time. In -short mode only two of them run: building and compiling them
// takes seconds each.
func TestGuests(t *testing.T) {
	run := programs
	if testing.Short() {
		run = []string{"sortmap", "goroutines"}
	}
	for _, name := range run {
		t.Run(name, func(t *testing.T) {
			wasm := guest(t, name)
			fuel := &tank{budget: 1 << 40}
			ctx, r := newRuntime(t, wazero.NewRuntimeConfig(), fuel)
			want := runCommand(t, ctx, r, compile(t, ctx, r, wasm))
			m := rewrite(t, wasm, meter.Options{Pristine: true, MemoryPages: 1024})
			metered := compile(t, ctx, r, m.Wasm)
			shell, err := meter.Shell(m.Wasm)
			if err != nil {
				t.Fatal(err)
			}
			if c := compile(t, ctx, r, shell); len(c.ExportedFunctions()) != len(metered.ExportedFunctions()) || len(shell) > len(m.Wasm)*2/3 {
				t.Errorf("the shell has %d bytes of %d and exports %d functions of %d", len(shell), len(m.Wasm), len(c.ExportedFunctions()), len(metered.ExportedFunctions()))
			}
			var burnt int64
			// The slices differ: how often the host is asked must not matter.
			for i, slice := range []int64{1_000_000, 1_000_000, 123_457} {
				*fuel = tank{slice: slice, budget: fuel.budget}
				if got := runCommand(t, ctx, r, metered); got != want {
					t.Fatalf("metered: %q; plain: %q", got, want)
				}
				if i > 0 && fuel.burnt() != burnt {
					t.Errorf("fuel %d, then %d", burnt, fuel.burnt())
				}
				burnt = fuel.burnt()
			}
			t.Logf("%s%+v, +%.1f%%, fuel %d", want, m.Stats, float64(m.Stats.Out-m.Stats.In)*100/float64(m.Stats.In), burnt)
		})
	}
}
