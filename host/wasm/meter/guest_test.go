package meter_test

import (
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

var programs = []string{"nbody", "fannkuch", "spectral", "sortmap", "hashes", "goroutines"}

// Programs compiled by Go must say the same metered, and burn the same fuel
// each time.
func TestGuests(t *testing.T) {
	for _, name := range programs {
		t.Run(name, func(t *testing.T) {
			wasm := guest(t, name)
			cfg := wazero.NewRuntimeConfig()
			want, err := runCommand(t, cfg, wasm, nil)
			if err != nil {
				t.Fatal(err)
			}
			m := rewrite(t, wasm, meter.Options{Pristine: true, MemoryPages: 1024})
			var burnt int64
			for i := range 2 {
				// The slices differ: how often the host is asked must not matter.
				fuel := &tank{slice: 1_000_000 - int64(i)*300_001, budget: 1 << 40}
				got, err := runCommand(t, cfg, m.Wasm, fuel)
				if err != nil || got != want {
					t.Fatalf("metered: %q, %v; plain: %q", got, err, want)
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
