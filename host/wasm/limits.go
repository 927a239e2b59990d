package wasm

import (
	"fmt"
	"math"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Limits of one call. A field that is zero means DefaultLimits' value.
type Limits struct {
	// Fuel is the deterministic limit, in units of about one instruction: a
	// million of them take 40–170 µs. The same call always takes the same fuel.
	Fuel int64

	// Wall is the limit in time, from when the call has got its sandbox. It is
	// looked at about every 30 µs, and after every answer of the Host.
	Wall time.Duration

	// Memory is the guest's linear memory in pages of 64 KiB: its size from the
	// beginning and for ever. It belongs to the plugin (Engine.Compile); in a
	// Call it is ignored.
	Memory uint32

	// Output is the most bytes a call may return.
	Output int

	// Stdio is how many bytes of stdout and stderr are kept; the rest is lost.
	Stdio int

	// Sleep is how long a call may sleep in all. It costs no time: the guest's
	// clock jumps.
	Sleep time.Duration

	// LogLines is how many lines are handed to Host.Log; a last one says how
	// many more there were.
	LogLines int
}

// DefaultLimits are the limits of a plugin that has none of its own.
func DefaultLimits() Limits {
	return Limits{
		Fuel:     1_000_000_000,
		Wall:     2 * time.Second,
		Memory:   1024, // 64 MiB
		Output:   abi.MaxOutput,
		Stdio:    16 << 10,
		Sleep:    10 * time.Second,
		LogLines: abi.MaxLogLines,
	}
}

// MaxMemory is the most pages Limits.Memory may ask for: 1 GiB.
const MaxMemory = 16 << 10

// maxOutput is where an output's length ends in what an export returns.
const maxOutput = 1<<32 - 1

// setupFactor is how many times the limits of a call _initialize, describe,
// warm and each warm-up may use: they run once, off the path.
const setupFactor = 10

// or fills l's zero fields from d.
func (l Limits) or(d Limits) Limits {
	return Limits{
		Fuel:     orValue(l.Fuel, d.Fuel),
		Wall:     orValue(l.Wall, d.Wall),
		Memory:   orValue(l.Memory, d.Memory),
		Output:   orValue(l.Output, d.Output),
		Stdio:    orValue(l.Stdio, d.Stdio),
		Sleep:    orValue(l.Sleep, d.Sleep),
		LogLines: orValue(l.LogLines, d.LogLines),
	}
}

func orValue[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

func (l Limits) check() error {
	switch {
	case l.Fuel < 0, l.Wall < 0, l.Output < 0, l.Stdio < 0, l.Sleep < 0, l.LogLines < 0:
		return fmt.Errorf("wasm: negative limit in %+v", l)
	case l.Memory > MaxMemory:
		return fmt.Errorf("wasm: a memory of %d pages is more than MaxMemory, %d", l.Memory, MaxMemory)
	case int64(l.Output) > maxOutput:
		return fmt.Errorf("wasm: an output of %d bytes is more than an export can return, %d", l.Output, int64(maxOutput))
	}
	return nil
}

// setup are the limits of what runs before the image is taken.
func (l Limits) setup() Limits {
	l.Fuel = min(l.Fuel, math.MaxInt64/setupFactor) * setupFactor
	l.Wall = min(l.Wall, math.MaxInt64/setupFactor) * setupFactor
	return l
}
