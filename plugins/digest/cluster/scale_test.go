package cluster

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hearthbot/hearth/plugins/digest/text"
)

// TestScale adds 100,000 questions in the plugin's batches and compares what one
// costs after 10,000 and after 90,000. It takes a minute or more: with
// HEARTH_LONG=1. It is the same under wasip1; README.md says how.
func TestScale(t *testing.T) {
	if os.Getenv("HEARTH_LONG") == "" {
		t.Skip("with HEARTH_LONG=1 this adds 100,000 questions")
	}
	m := newMaker(9)
	x := New(0)
	var took []time.Duration
	begun := time.Now()
	for range 100_000 / MaxBatch {
		asked := make([]string, MaxBatch)
		for i := range asked {
			asked[i] = m.question()
		}
		from := time.Now()
		questions := make([]text.Analysis, MaxBatch)
		for i, q := range asked {
			questions[i] = text.Analyse(q)
		}
		x.Add(questions...)
		took = append(took, time.Since(from))
	}
	all := time.Since(begun)
	per := func(from, to int) time.Duration { // the median batch, as others use the machine too
		part := slices.Sorted(slices.Values(took[from/MaxBatch : to/MaxBatch]))
		return part[len(part)/2] / MaxBatch
	}
	early, late := per(10_000, 20_000), per(89_000, 99_000)
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	t.Logf("%v; a question %v after 10,000, %v after 90,000; %d items, %d topics, %.1f MiB in use, %.1f MiB of the system",
		all.Round(time.Millisecond), early, late, x.Len(), len(x.Topics()), float64(mem.HeapAlloc)/(1<<20), float64(mem.Sys)/(1<<20))
	if late > 2*early {
		t.Errorf("a question costs %v after 10,000 and %v after 90,000", early, late)
	}
}
