package verify

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/hearthbot/hearth/host/wasm"
)

// headStart is how long the interpreter runs before the compiler is begun beside
// it: most programs have ended by then.
const headStart = 250 * time.Millisecond

// outcome is a run's, and what the watch package said in it.
type outcome struct {
	wasm.Outcome
	err     error
	watcher *watcher
}

// run runs a module: interpreted at once and, if that takes long, compiled as
// well. What ends first counts; the other is stopped. An interpreter that gave up
// at its shallow stack has said nothing.
//
// A compilation cannot be stopped: one that was overtaken goes on after its
// submission has its verdict and the next has its turn. And what is computed for
// nothing keeps the processors from the chat. So compilations are counted; until
// one has ended, the interpreter goes on alone.
func (v *Verifier) run(ctx context.Context, module []byte, s *Submission) outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan outcome, 2)
	begin := func(interpret bool) {
		v.running.Go(func() {
			o := v.runWith(ctx, module, s, interpret)
			if !interpret {
				<-v.compiling
			}
			ends <- o
		})
	}
	begin(true)
	running, compiled := 1, false
	wait := time.NewTimer(headStart)
	defer wait.Stop()
	var compile chan<- struct{} // nil while it need not be compiled
	gone := ctx.Done()
	for {
		select {
		case <-wait.C:
			if !compiled && ctx.Err() == nil {
				compile = v.compiling
			}
		case compile <- struct{}{}:
			compile, compiled = nil, true
			running++
			begin(false)
		case <-gone:
			if running == 0 {
				return outcome{err: context.Cause(ctx)}
			}
			gone, compile = nil, nil
		case o := <-ends:
			running--
			if ctx.Err() != nil {
				return o
			}
			if errors.Is(o.err, wasm.ErrStack) || errors.Is(o.err, wasm.ErrDeadline) {
				if !compiled {
					compile = v.compiling
					continue
				}
				if running > 0 {
					continue // the other knows more
				}
			}
			return o
		}
	}
}

// compilations are how many programs are compiled at once, or run so: those for
// which there are processors beside the interpreters, and at least one.
func compilations(workers int) int {
	return min(workers, max(1, runtime.GOMAXPROCS(0)-workers))
}

func (v *Verifier) runWith(ctx context.Context, module []byte, s *Submission, interpret bool) outcome {
	o := &v.o
	limits := wasm.Limits{Fuel: o.Fuel, Wall: o.Wall, Memory: uint32(o.Memory >> 16), Output: o.Output, Sleep: o.Sleep}
	c, err := v.o.Engine.Command(ctx, module, wasm.CommandOptions{Limits: limits, Interpret: interpret})
	if err != nil {
		return outcome{err: err}
	}
	defer c.Close() // the run has ended, so there is nothing to tell
	w := newWatcher()
	out, err := c.Run(ctx, wasm.Run{
		Args: append([]string{"main"}, s.Args...), Stdin: []byte(s.Stdin), Report: w.hear,
		Now: epoch, Rate: clockRate, Seed: seed, Limits: limits,
	})
	return outcome{out, err, w}
}

// A program's clock begins when Go was first shown to the world, and goes a
// nanosecond every eight units: about as fast as compiled code.
var epoch = time.Date(2009, time.November, 10, 23, 0, 0, 0, time.UTC)

const (
	clockRate = 8
	seed      = 20091110
)
