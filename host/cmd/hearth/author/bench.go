package author

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest/tape"
)

// Cost is what an event of a transcript takes in the sandbox.
type Cost struct {
	Transcript string        `json:"transcript"`
	Line       int           `json:"line"`
	Input      string        `json:"input"` // that line of the transcript
	Kind       string        `json:"kind"`  // of the event; "query" and "migration" for those
	Runs       int           `json:"runs"`
	P50        time.Duration `json:"p50_ns"` // in the sandbox, restoring it included
	P95        time.Duration `json:"p95_ns"`
	Fuel       int64         `json:"fuel"`         // the same in every run
	Pages      int           `json:"pages"`        // of the system, that it dirtied and that were restored; the most
	Memory     int           `json:"memory_bytes"` // those pages
	In         int           `json:"input_bytes"`  // of the call
	Out        int           `json:"output_bytes"` // of its effects
	Error      string        `json:"error,omitempty"`
}

// Costs are those of all the transcripts.
type Costs struct {
	Events []Cost `json:"events"`
	Image  int    `json:"image_bytes"` // of the plugin's memory, when it has been made ready
	Most   int    `json:"most_bytes"`  // that the memory may have

	// What an event may take: beyond it, it is ended.
	Fuel int64         `json:"most_fuel"`
	Wall time.Duration `json:"most_ns"`
}

// Bench runs each call of the tapes so long, at least ten times, and at most
// ten thousand.
func Bench(ctx context.Context, plugin *wasm.Plugin, tapes []tape.Tape, long time.Duration, each func(Cost)) (Costs, error) {
	p := &player{plugin: plugin}
	defer p.close()
	l := plugin.Limits()
	out := Costs{Most: int(l.Memory) * wasmPage, Fuel: l.Fuel, Wall: l.Wall, Events: []Cost{}}
	for i := range tapes {
		t := &tapes[i]
		err := p.play(ctx, t, func(s *tape.Step, i *wasm.Image, r *rows) error {
			c, err := measure(ctx, s, i, r, long)
			if err != nil {
				return fmt.Errorf("%s%s: %w", t.Transcript, at(s), err)
			}
			c.Transcript = t.Transcript
			out.Image = max(out.Image, i.Memory())
			out.Events = append(out.Events, c)
			each(c)
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

const (
	wasmPage = 64 << 10
	minRuns  = 10
	maxRuns  = 10_000
)

func measure(ctx context.Context, s *tape.Step, i *wasm.Image, r *rows, long time.Duration) (Cost, error) {
	c := Cost{Line: s.Line, Input: s.Input, Kind: kindOf(s)}
	var took []time.Duration
	var buf []byte
	for begun := time.Now(); len(took) < minRuns || time.Since(begun) < long && len(took) < maxRuns; {
		call, err := callOf(s, r, buf[:0])
		if err != nil {
			return c, err
		}
		res, err := i.Call(ctx, call)
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		if err != nil {
			c.Error = firstLine(err.Error())
		}
		if res.Output != nil {
			buf = res.Output
		}
		took = append(took, res.Duration)
		c.Fuel, c.Pages = res.Fuel, max(c.Pages, res.Dirty)
		c.In, c.Out = len(call.Input), len(res.Output)
		if c.Error != "" && time.Since(begun) > long {
			break // what runs into a bound takes all the time that there is
		}
	}
	slices.Sort(took)
	c.Runs = len(took)
	c.P50, c.P95 = took[len(took)/2], took[len(took)*95/100]
	c.Memory = c.Pages * os.Getpagesize()
	return c, nil
}

func kindOf(s *tape.Step) string {
	switch {
	case s.Query != nil:
		return "query"
	case s.Migration != nil:
		return "migration"
	}
	var call abi.Call
	if _, err := call.UnmarshalMsg(s.Call); err != nil {
		return "" // callOf says what is wrong
	}
	return string(call.Event.Kind)
}
