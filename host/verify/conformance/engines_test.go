package conformance

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/wasm"
)

// TestEnginesAgree runs programs of the grammar interpreted and compiled: they
// print the same, end the same and spend the same fuel, to the unit. The verifier
// relies on that when it races one against the other.
func TestEnginesAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it compiles a dozen programs")
	}
	goEnv(t, "GOVERSION")
	var ps []program
	var predicted []prediction
	for seed := uint64(1000); len(ps) < 10; seed++ {
		text, p := makeProgram(seeded(seed, 1200))
		if p.known {
			ps, predicted = append(ps, program{name: fmt.Sprintf("seed%d/main.go", seed), text: text}), append(predicted, p)
		}
	}
	modules, err := goBuild(ps)
	if err != nil {
		t.Fatal(err)
	}
	e, err := wasm.New(wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	limits := wasm.Limits{Fuel: 2_000_000_000, Wall: 10 * time.Minute, Memory: 1024, Output: 64 << 10, Sleep: 24 * time.Hour}
	run := func(code []byte, interpret bool) (wasm.Outcome, error) {
		c, err := e.Command(t.Context(), code, wasm.CommandOptions{Limits: limits, Interpret: interpret})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		out, err := c.Run(t.Context(), wasm.Run{Args: []string{"main"}, Now: time.Unix(1_700_000_000, 0), Rate: 8, Seed: 3})
		out.Took = 0
		return out, err
	}
	agreed := 0
	for i, m := range modules {
		if m.failure != "" {
			t.Errorf("%s: %s\n%s", ps[i].name, m.failure, ps[i].text)
			continue
		}
		a, errA := run(m.code, true)
		if errors.Is(errA, wasm.ErrStack) || errors.Is(errA, wasm.ErrFuel) {
			continue // it recurses, or spins, on purpose
		}
		b, errB := run(m.code, false)
		if fmt.Sprint(a, errA) != fmt.Sprint(b, errB) {
			t.Errorf("%s: interpreted\n%.3000s\ncompiled\n%.3000s\n%s", ps[i].name, fmt.Sprint(a, errA), fmt.Sprint(b, errB), ps[i].text)
		}
		if string(a.Stdout) != predicted[i].stdout || a.ExitCode != predicted[i].exit {
			t.Errorf("%s: exit code %d, want %d\n%s\nwant\n%s\n%s", ps[i].name, a.ExitCode, predicted[i].exit, a.Stdout, predicted[i].stdout, ps[i].text)
		}
		agreed++
	}
	t.Logf("figure: programs of a grammar: interpreter and compiler agree on %d of %d, to the unit of fuel; the rest recurse or spin on purpose", agreed, len(ps))
	if agreed < len(ps)/2 {
		t.Errorf("only %d of %d came to an end", agreed, len(ps))
	}
}
