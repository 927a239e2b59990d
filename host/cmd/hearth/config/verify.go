package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Verify is [verify]: how the code is compiled and run that members post. Sizes
// are in bytes.
type Verify struct {
	Enabled   bool
	Fuel      int           // of a run, about an instruction each
	Wall      time.Duration // of a run
	Memory    int           // of a run
	Output    int           // of a run
	Sleep     time.Duration // of a run, on its own clock
	Workers   int           // submissions under way at once; 0 for half of the processors
	Queue     int           // submissions that may wait
	PerMember PerMember
	Share     int      // of Queue, that one community or outside source may have; 0 for half
	Toolchain string   // directory with a pack of Go's compiler; "" for where hearth is
	Compiler  string   // sandbox or native
	Cache     int      // of results that are kept
	Run       bool     // serve the page /run to everybody
	Imports   []string // packages beside the standard library that may be imported, or all below one: "PATH/..."
}

// PerMember bounds how fast one member may submit: once in Every on average, and
// Burst times at once after a rest. Every 0 is no bound.
type PerMember struct {
	Every time.Duration
	Burst int
}

func defaultVerify() Verify {
	return Verify{Enabled: true, Fuel: 40_000_000_000, Wall: 8 * time.Second, Memory: 64 << 20, Output: 64 << 10, Sleep: 24 * time.Hour,
		Queue: 256, PerMember: PerMember{Every: 3 * time.Second, Burst: 20}, Compiler: "sandbox", Cache: 32 << 20, Run: true}
}

func (v *Verify) keys() []key {
	return []key{
		{name: "verify.enabled", set: boolean(&v.Enabled)},
		{name: "verify.fuel", set: number(&v.Fuel, 1_000_000, 10_000_000_000_000)},
		{name: "verify.wall", set: duration(&v.Wall, 100*time.Millisecond, 5*time.Minute)},
		{name: "verify.memory", set: size(&v.Memory, 16<<20, 1<<30)},
		{name: "verify.output", set: size(&v.Output, 1<<10, 1<<20)},
		{name: "verify.sleep", set: duration(&v.Sleep, time.Second, 366*24*time.Hour)},
		{name: "verify.workers", set: number(&v.Workers, 0, 64)},
		{name: "verify.queue", set: number(&v.Queue, 1, 500)},
		{name: "verify.per_member", set: perMember(&v.PerMember)},
		{name: "verify.community_share", set: number(&v.Share, 0, 500)},
		{name: "verify.toolchain", set: text(&v.Toolchain, 0, 4096)},
		{name: "verify.compiler", set: choice(&v.Compiler, "sandbox", "native")},
		{name: "verify.cache", set: size(&v.Cache, 1<<20, 4<<30)},
		{name: "verify.run", set: boolean(&v.Run)},
		{name: "verify.imports", set: texts(&v.Imports)},
	}
}

func perMember(p *PerMember) func(any) error {
	return func(v any) error {
		table, ok := v.(map[string]any)
		if !ok {
			return wrong(`a table such as { every = "3s", burst = 20 }`, v)
		}
		out := *p
		set := map[string]func(any) error{"every": duration(&out.Every, 0, 24*time.Hour), "burst": number(&out.Burst, 1, 1000)}
		for _, name := range slices.Sorted(maps.Keys(table)) {
			f, ok := set[name]
			if !ok {
				known := []string{"burst", "every"}
				return fmt.Errorf("has %q, which there is not%s; there are %s", name, suggest(name, known), strings.Join(known, ", "))
			}
			if err := f(table[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		*p = out
		return nil
	}
}

var units = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// size reads "64MiB".
func size(p *int, least, most int) func(any) error {
	return func(v any) error {
		s, err := asText(v, "64MiB")
		if err != nil {
			return err
		}
		for _, u := range units {
			digits, ok := strings.CutSuffix(s, u.name)
			if !ok {
				continue
			}
			n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 31)
			if err != nil {
				break
			}
			if n > uint64(most/u.bytes) || int(n)*u.bytes < least {
				return fmt.Errorf("is %q; %s to %s are possible", s, inUnits(least), inUnits(most))
			}
			*p = int(n) * u.bytes
			return nil
		}
		return fmt.Errorf("%q is no size; write 64KiB, 64MiB or 1GiB", s)
	}
}

// inUnits writes n as the file has it.
func inUnits(n int) string {
	for _, u := range units {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.Itoa(n/u.bytes) + u.name
		}
	}
	return strconv.Itoa(n) + " bytes"
}
