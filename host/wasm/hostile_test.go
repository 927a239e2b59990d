package wasm

import (
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// deed is one kind of event and how it must end.
type deed struct {
	act    string
	fuel   int64 // limit; 0 for the default
	want   error
	output string
	weight int
}

var deeds = []deed{
	{act: "echo hello", output: "hello", weight: 400},
	{act: "state", output: `calls 3, kept 0, warmed "set up"`, weight: 150},
	{act: "rand", output: "fcc78f", weight: 50}, // its beginning; the seed is the same every time
	{act: "leak", weight: 50},
	{act: "keep", weight: 50},
	{act: "panic x", want: ErrTrap, weight: 80},
	{act: "gopanic", want: ErrTrap, weight: 50},
	{act: "exit 3", want: ErrExit, weight: 50},
	{act: "deadlock", want: ErrTrap, weight: 50},
	{act: "loop", fuel: 2_000_000, want: ErrFuel, weight: 50},
	{act: "loopcall", fuel: 2_000_000, want: ErrFuel, weight: 50},
	{act: "recurse", fuel: 3_000_000, want: ErrFuel, weight: 30},
	{act: "sleep 1h", want: ErrSleep, weight: 20},
	{act: "wild", want: ErrABI, weight: 20},
	{act: "big 300000", want: ErrOutput, weight: 20},
	{act: "oom", want: ErrMemory, weight: 3}, // it and the next take as long as a hundred others,
	{act: "alloc 30", weight: 3},
	{act: "recurse", want: ErrMemory, weight: 1},
}

// events is how many are sent: all that is claimed only in the long run.
func events() int {
	switch {
	case os.Getenv("HEARTH_LONG") != "":
		return 100_000
	case testing.Short():
		return 500
	}
	return 3_000
}

// Ordinary events and all sorts of bad ones through one sandbox. Each finds
// pristine memory, ends as it must and takes the same fuel as the same one
// before; the host's memory and goroutines do not grow.
func TestHostileEvents(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{Fuel: 2_000_000_000}, "echo a", "echo b")
	fuel := hostile(t, i, events())

	// Another instance, as of another process, takes the same fuel.
	again := newImage(t, Options{Sandboxes: 1, tracking: trackCompare}, "acts", Limits{Fuel: 2_000_000_000}, "echo a", "echo b")
	for d, f := range hostile(t, again, 200) {
		if want, ok := fuel[d]; ok && f != want {
			t.Errorf("%s: %d units in one process, %d in another", deeds[d].act, want, f)
		}
	}
}

// hostile sends n events and returns what each deed costs.
func hostile(t *testing.T, i *Image, n int) map[int]int64 {
	t.Helper()
	var lots []int
	for d := range deeds {
		for range deeds[d].weight {
			lots = append(lots, d)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	fuel := map[int]int64{}
	counts := map[string]int{}
	goroutines, resident := 0, 0
	pages := 0
	start := time.Now()
	for k := range n {
		d := lots[random.IntN(len(lots))]
		e := deeds[d]
		c := Call{Export: abi.ExportHandle, Input: []byte(e.act), Now: time.Unix(1, 0), Seed: 1, Limits: Limits{Fuel: e.fuel}}
		r, err := i.Call(t.Context(), c)
		if e.want == nil && err != nil || !errors.Is(err, e.want) {
			t.Fatalf("event %d, %s: got %v, want %v", k, e.act, err, e.want)
		}
		if !strings.HasPrefix(string(r.Output), e.output) {
			t.Fatalf("event %d, %s: %q", k, e.act, r.Output)
		}
		if want, ok := fuel[d]; ok && r.Fuel != want {
			t.Fatalf("event %d, %s: %d units, before %d", k, e.act, r.Fuel, want)
		}
		fuel[d] = r.Fuel
		pages += r.Dirty
		counts[kindName(e.want)]++
		switch k {
		case n / 5:
			goroutines, resident = runtime.NumGoroutine(), residentMemory(t)
		case n - 1:
			g, m := runtime.NumGoroutine(), residentMemory(t)
			t.Logf("figure: %d events in %v, %d pages restored; goroutines %d → %d, resident memory %d → %d MiB; %v",
				n, time.Since(start).Round(time.Millisecond), pages, goroutines, g, resident>>20, m>>20, counts)
			if g > goroutines {
				t.Errorf("%d goroutines were left", g-goroutines)
			}
			if m > resident+resident/4+32<<20 {
				t.Errorf("resident memory went from %d to %d MiB", resident>>20, m>>20)
			}
		}
		switch every := max(97, n/200); {
		case k%(8*every) == 0 || k == n-1: // after looking at the memory in use: to compare it makes it resident on some kernels
			checkPristine(t, i, k)
		case k%every == 0:
			checkHolds(t, i, k)
		}
	}
	return fuel
}

func kindName(err error) string {
	if err == nil {
		return "fine"
	}
	return err.Error()
}

// checkPristine compares an idle sandbox with its image byte for byte.
func checkPristine(t *testing.T, i *Image, k int) {
	t.Helper()
	checkIdle(t, i, k, (*space).pristine)
}

// checkHolds is checkPristine for the pages that are in memory: see holds.
func checkHolds(t *testing.T, i *Image, k int) {
	t.Helper()
	checkIdle(t, i, k, func(s *space) bool { return s.holds(t) })
}

func checkIdle(t *testing.T, i *Image, k int, pristine func(*space) bool) {
	t.Helper()
	for _, s := range i.idle {
		if !pristine(s.guest.mem) {
			t.Fatalf("after event %d: the memory is not pristine", k)
		}
		for n, g := range s.globals {
			if g.Get() != i.snap.globals[n] {
				t.Fatalf("after event %d: global %d is %d, in the image %d", k, n, g.Get(), i.snap.globals[n])
			}
		}
		if left := s.guest.fuel.left(); left != 0 {
			t.Fatalf("after event %d: %d units of fuel are left", k, left)
		}
	}
}

// residentMemory of this process in bytes, 0 where it cannot be known.
func residentMemory(tb testing.TB) int {
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		tb.Fatal(err)
	}
	return n * os.Getpagesize()
}
