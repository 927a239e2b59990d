package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/source"
)

// seeded are choices that are always the same.
func seeded(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// verified takes a text the whole way and says what is wrong with how it ended,
// whatever the program is. The error is that of ctx if it ended first.
func verified(ctx context.Context, v *verify.Verifier, text string) (verify.Result, error) {
	r, err := v.Verify(ctx, verify.Submission{Files: []source.File{{Name: "main.go", Text: text}}})
	if err != nil {
		return r, err
	}
	errs := 0
	for _, d := range r.Diagnostics {
		if d.Severity == source.Error {
			errs++
		}
		if d.Code == "" || d.Message == "" || d.Line < 0 || d.Column < 0 {
			return r, fmt.Errorf("a diagnostic %+v", d)
		}
	}
	switch {
	case !slices.Contains(verdicts, r.Verdict):
		return r, fmt.Errorf("the verdict is %q: %+v", r.Verdict, r.Diagnostics)
	case (r.Verdict == verify.Accepted) != (errs == 0):
		return r, fmt.Errorf("%s with %d errors: %+v", r.Verdict, errs, r.Diagnostics)
	case len(r.Stdout)+len(r.Stderr) > 3*(64<<10), r.PeakMemory > 64<<20, r.Fuel > 41_000_000_000:
		return r, fmt.Errorf("it had %d bytes of output, %d of memory, %d units of fuel", len(r.Stdout)+len(r.Stderr), r.PeakMemory, r.Fuel)
	}
	return r, nil
}

// verdicts are those that a program without tests and an expected output may
// have.
var verdicts = []verify.Verdict{verify.Accepted, verify.CompileError, verify.VetError, verify.RuntimeError, verify.Deadlock,
	verify.GoroutineLeak, verify.TimeLimit, verify.MemoryLimit, verify.OutputLimit, verify.Rejected}

// valid holds a program to what it was made to do.
func valid(ctx context.Context, v *verify.Verifier, bytes []byte) (r verify.Result, known bool, err error) {
	text, p := makeProgram(bytes)
	r, err = verified(ctx, v, text)
	switch {
	case err != nil:
		return r, false, fmt.Errorf("%w\n%s", err, text)
	case len(text) > source.MaxSize && r.Verdict == verify.Rejected:
		return r, false, nil
	case r.Verdict == verify.CompileError || r.Verdict == verify.Rejected:
		return r, false, fmt.Errorf("%s: %+v\n%s", r.Verdict, r.Diagnostics, text)
	case p.known && (r.Verdict != p.verdict || r.ExitCode != p.exit || r.Stdout != p.stdout):
		return r, true, fmt.Errorf("%s with exit code %d: %+v\nstdout %s\nwant %s with %d\nstdout %s\n%s",
			r.Verdict, r.ExitCode, r.Diagnostics, r.Stdout, p.verdict, p.exit, p.stdout, text)
	}
	return r, p.known, nil
}

// tally counts verdicts.
type tally struct {
	mu    sync.Mutex
	of    map[verify.Verdict]int
	known int
}

func (y *tally) add(v verify.Verdict, known bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.of == nil {
		y.of = map[verify.Verdict]int{}
	}
	y.of[v]++
	if known {
		y.known++
	}
}

func (y *tally) String() string {
	out := ""
	for _, v := range slices.Sorted(maps.Keys(y.of)) {
		out += fmt.Sprintf(", %d %s", y.of[v], v)
	}
	return out
}

// TestPrograms takes programs of the grammar through the verifier: the valid
// print what they were made to print, and the broken end in a verdict. With
// HEARTH_LONG=1 there are eight times as many.
func TestPrograms(t *testing.T) {
	v := newVerifier(t)
	n := uint64(24)
	if os.Getenv("HEARTH_LONG") != "" {
		n *= 8
	}
	var good, bad tally
	each := func(test func(seed uint64)) {
		var group sync.WaitGroup
		turns := make(chan struct{}, workers)
		for seed := range n {
			group.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				test(seed)
			})
		}
		group.Wait()
	}
	each(func(seed uint64) {
		r, known, err := valid(t.Context(), v, seeded(seed, 1200))
		if err != nil {
			t.Error(err)
		}
		good.add(r.Verdict, known)
	})
	each(func(seed uint64) {
		text := brokenProgram(seeded(seed, 1200), seeded(seed+1<<32, 32))
		r, err := verified(t.Context(), v, text)
		if err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		bad.add(r.Verdict, false)
	})
	t.Logf("figure: programs of a grammar: %d valid, %d of them predicted to the letter%v", n, good.known, &good)
	t.Logf("figure: programs of a grammar: %d broken%v", n, &bad)
	if good.known < int(n)/2 || bad.of[verify.CompileError] < int(n)/4 {
		t.Errorf("the grammar is one-sided: %v; %v", &good, &bad)
	}
}

// FuzzPrograms looks for programs that the verifier makes something else of than
// Go would, and for broken ones that it does not come to a verdict with.
func FuzzPrograms(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seeded(seed, 300), []byte(nil))
		f.Add(seeded(seed, 300), seeded(seed+1<<32, 32))
	}
	v := newVerifier(f)
	f.Fuzz(func(t *testing.T, bytes, damage []byte) {
		if len(bytes) > 2000 {
			return
		}
		// An input that takes ten seconds counts as one that hangs; on a busy machine
		// the compiler's alone may.
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		var err error
		if len(damage) == 0 {
			_, _, err = valid(ctx, v, bytes)
		} else {
			text := brokenProgram(bytes, damage)
			if _, err = verified(ctx, v, text); err != nil {
				err = fmt.Errorf("%w\n%s", err, text)
			}
		}
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			t.Skip("the machine is too busy to fuzz the verifier")
		case err != nil:
			t.Error(err)
		}
	})
}
