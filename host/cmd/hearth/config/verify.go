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
		{"verify.enabled", Start, boolean(&v.Enabled)},
		{"verify.fuel", Start, number(&v.Fuel, 1_000_000, 10_000_000_000_000)},
		{"verify.wall", Start, duration(&v.Wall, 100*time.Millisecond, 5*time.Minute)},
		{"verify.memory", Start, size(&v.Memory, 16<<20, 1<<30)},
		{"verify.output", Start, size(&v.Output, 1<<10, 1<<20)},
		{"verify.sleep", Start, duration(&v.Sleep, time.Second, 366*24*time.Hour)},
		{"verify.workers", Start, number(&v.Workers, 0, 64)},
		{"verify.queue", Start, number(&v.Queue, 1, 500)},
		{"verify.per_member", Start, perMember(&v.PerMember)},
		{"verify.community_share", Start, number(&v.Share, 0, 500)},
		{"verify.toolchain", File, text(&v.Toolchain, 0, 4096)},
		{"verify.compiler", File, choice(&v.Compiler, "sandbox", "native")},
		{"verify.cache", Start, size(&v.Cache, 1<<20, 4<<30)},
		{"verify.run", Start, boolean(&v.Run)},
		{"verify.imports", Start, texts(&v.Imports)},
	}
}

func perMember(p *PerMember) field {
	get := func() any { return map[string]any{"every": inWords(p.Every), "burst": int64(p.Burst)} }
	return field{kind: JSONKind, get: get, set: func(v any) error {
		table, ok := v.(map[string]any)
		if !ok {
			return wrong(`a table such as { every = "3s", burst = 20 }`, v)
		}
		out := *p
		set := map[string]field{"every": duration(&out.Every, 0, 24*time.Hour), "burst": number(&out.Burst, 1, 1000)}
		for _, name := range slices.Sorted(maps.Keys(table)) {
			f, ok := set[name]
			if !ok {
				known := []string{"burst", "every"}
				return Say("has %q, which there is not%s; there are %s", "没有 %[1]q 这一项，可用：%[3]s", name, suggest(name, known), strings.Join(known, ", "))
			}
			if err := f.set(table[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		*p = out
		return nil
	}}
}

var units = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// size reads "64MiB".
func size(p *int, least, most int) field {
	return field{kind: SizeKind, get: func() any { return inUnits(*p) }, set: func(v any) error {
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
				return Say("is %q; %s to %s are possible", "是 %q，应在 %s 到 %s 之间", s, inUnits(least), inUnits(most))
			}
			*p = int(n) * u.bytes
			return nil
		}
		return Say("%q is no size; write 64KiB, 64MiB or 1GiB", "%q 不是大小，请写成 64KiB、64MiB 或 1GiB", s)
	}}
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
