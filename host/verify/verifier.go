package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/semaphore"

	"github.com/hearthbot/hearth/host/verify/check"
	"github.com/hearthbot/hearth/host/verify/screen"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/host/verify/toolchain"
	"github.com/hearthbot/hearth/host/wasm"
)

// Options say how a Verifier works. Engine is needed; zero
// values of the others are sound defaults.
type Options struct {
	Engine *wasm.Engine // its compile cache keeps the tools

	// Native has programs compiled and linked by the Go installation of this
	// machine, in a restricted child process (package native), instead of in the
	// sandbox: quicker, and only as safe as Go's compiler. It runs them in the
	// sandbox all the same. The installation has to be of the toolchain's version.
	Native bool
	Dir    string // where Native puts what it needs; required with it, and hearth's alone

	Fuel   int64         // of a run: the limit that is the same on every machine; 0 means 40 G
	Wall   time.Duration // of a run, the backstop; 0 means 8 s
	Memory int64         // bytes of a run, at most 1 GiB; 0 means 64 MiB
	Output int           // bytes of stdout and stderr together; 0 means 64 KiB
	Sleep  time.Duration // that a run may sleep in all, on its own clock; 0 means a day

	Workers int    // submissions under way at once; 0 means half of the processors
	Queue   int    // submissions that may wait; 0 means 256
	Cache   uint64 // bytes of results that are kept; 0 means 32 MiB

	Rules  screen.Rules
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Fuel == 0 {
		o.Fuel = 40_000_000_000
	}
	if o.Wall == 0 {
		o.Wall = 8 * time.Second
	}
	if o.Memory == 0 {
		o.Memory = 64 << 20
	}
	if o.Output == 0 {
		o.Output = 64 << 10
	}
	if o.Sleep == 0 {
		o.Sleep = 24 * time.Hour
	}
	if o.Workers == 0 {
		o.Workers = workers()
	}
	if o.Queue == 0 {
		o.Queue = 256
	}
	if o.Cache == 0 {
		o.Cache = 32 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Verifier verifies submissions once Prepare has made it ready. It is safe for
// concurrent use.
type Verifier struct {
	o       Options
	slots   *semaphore.Weighted
	results *otter.Cache[key, Result]
	flights flights

	state   atomic.Pointer[ready]
	step    atomic.Pointer[string]
	waiting atomic.Int64
	running sync.WaitGroup // programs
	closed  atomic.Bool
}

// ready is what Prepare made.
type ready struct {
	tools   *tools
	checker *check.Checker
	chain   *toolchain.Toolchain
}

// New returns a verifier that answers ErrNotReady until Prepare has ended.
func New(o Options) (*Verifier, error) {
	if o.Engine == nil {
		return nil, errors.New("verify: Options.Engine is missing")
	}
	if o.Native && o.Dir == "" {
		return nil, errors.New("verify: Options.Dir is missing, and Native needs it")
	}
	o = o.withDefaults()
	results, err := otter.New(&otter.Options[key, Result]{MaximumWeight: o.Cache, Weigher: weigh})
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	v := &Verifier{o: o, slots: semaphore.NewWeighted(int64(o.Workers)), results: results}
	v.at("waiting")
	return v, nil
}

func (v *Verifier) at(step string) { v.step.Store(&step) }

// Status says how far the verifier is.
type Status struct {
	Ready     bool   `json:"ready"`
	Step      string `json:"step"` // what is being prepared: waiting, compile, link, library, ready, failed
	GoVersion string `json:"go_version,omitempty"`
	Waiting   int    `json:"waiting"` // submissions that wait for their turn
}

// Status is safe to ask at any time.
func (v *Verifier) Status() Status {
	s := Status{Step: *v.step.Load(), Waiting: int(v.waiting.Load())}
	if r := v.state.Load(); r != nil {
		s.Ready, s.GoVersion = true, r.chain.Version()
	}
	return s
}

// warmed are packages that programs of beginners import.
var warmed = []string{"fmt", "strings", "strconv", "errors", "sort", "slices", "maps", "os", "bufio", "time", "sync", "context", "math",
	"math/rand", "unicode", "bytes", "io", "encoding/json", "testing"}

// Prepare makes the toolchain's tools ready to run: half a minute the first time,
// some seconds when the engine's cache has them. The verifier closes t in the
// end. It is called once.
func (v *Verifier) Prepare(ctx context.Context, t *toolchain.Toolchain) error {
	archives := t.Archives()
	failed := func(err error) error {
		v.at("failed")
		return errors.Join(fmt.Errorf("verify: %w", err), t.Close())
	}
	checker := check.New(func(path string) (io.ReadCloser, error) {
		if a, ok := archives[path]; ok {
			return io.NopCloser(bytes.NewReader(a)), nil
		}
		return nil, fs.ErrNotExist
	})
	if err := checker.Warm(warmed...); err != nil {
		return failed(err)
	}
	ts, err := prepare(ctx, &v.o, t, v.at)
	if err != nil {
		return failed(err)
	}
	v.state.Store(&ready{ts, checker, t})
	v.at("ready")
	return nil
}

// Verify takes a submission the whole way. It waits for its turn; ErrBusy says
// that too many wait already, ErrNotReady that Prepare has not ended. If ctx ends
// first, what nobody else waits for is stopped.
func (v *Verifier) Verify(ctx context.Context, s Submission) (Result, error) {
	if v.closed.Load() {
		return Result{}, ErrClosed
	}
	r := v.state.Load()
	if r == nil {
		return Result{}, ErrNotReady
	}
	start := time.Now()
	if refused := v.refuse(&s); refused != nil {
		refused.GoVersion = r.chain.Version()
		refused.DurationMS = time.Since(start).Milliseconds()
		return *refused, nil
	}
	k := keyOf(&s)
	if known, ok := v.results.GetIfPresent(k); ok {
		known.Cached, known.DurationMS = true, time.Since(start).Milliseconds()
		return known, nil
	}
	res, err := v.flights.do(ctx, k, func(ctx context.Context) (Result, error) { return v.turn(ctx, r, &s, k) })
	res.DurationMS = time.Since(start).Milliseconds()
	return res, err
}

// refuse ends a submission that need not wait for a turn.
func (v *Verifier) refuse(s *Submission) *Result {
	ds := s.check()
	if ds == nil {
		ds = screen.Screen(s.Files, s.Tests, v.o.Rules)
	}
	if !hasErrors(ds) {
		return nil
	}
	source.Show(s.Files, ds)
	res := &Result{Verdict: Rejected, Diagnostics: discreet(ds, s.Tests)}
	if syntax(ds) {
		res.Verdict = CompileError
	}
	return res
}

// syntax says whether the first error is one of syntax: the compiler would have
// said so too.
func syntax(ds []source.Diagnostic) bool {
	for _, d := range ds {
		if d.Severity == source.Error {
			return d.Code == "screen/syntax"
		}
	}
	return false
}

// turn waits for a turn and takes it.
func (v *Verifier) turn(ctx context.Context, r *ready, s *Submission, k key) (Result, error) {
	if n := v.waiting.Add(1); n > int64(v.o.Queue) {
		v.waiting.Add(-1)
		return Result{}, ErrBusy
	}
	err := v.slots.Acquire(ctx, 1)
	v.waiting.Add(-1)
	if err != nil {
		return Result{}, fmt.Errorf("verify: wait for a turn: %w", context.Cause(ctx))
	}
	defer v.slots.Release(1)
	res, keep, err := v.verify(ctx, r, s)
	if err != nil {
		return Result{}, err
	}
	res.GoVersion = r.chain.Version()
	if keep {
		v.results.Set(k, res)
	}
	return res, nil
}

// verify checks, builds, runs and judges. keep says that the result is the same
// whenever it is asked for.
func (v *Verifier) verify(ctx context.Context, r *ready, s *Submission) (res Result, keep bool, err error) {
	report, err := r.checker.Check(packagePath(s), s.Files, s.Tests)
	if err != nil {
		v.o.Logger.Error("a submission could not be checked", "err", err)
		res.Verdict = InternalError
		res.say(source.Error, "internal", firstLine(err.Error()))
		return res, false, nil
	}
	res.Diagnostics = discreet(report.Diagnostics, s.Tests)
	if hasErrors(res.Diagnostics) {
		res.Verdict = checkVerdict(res.Diagnostics)
		return res, true, nil
	}
	b, err := r.tools.newBuild(ctx)
	if err != nil {
		res.judgeBuild(err, s)
		v.complain(&res)
		return res, false, nil
	}
	defer b.close()
	var module []byte
	if len(report.Tests) > 0 {
		module, err = b.test(s, report.Package, report.Tests)
	} else {
		module, err = b.program(s)
	}
	if ctx.Err() != nil {
		return res, false, fmt.Errorf("verify: %w", context.Cause(ctx))
	}
	if err != nil {
		res.judgeBuild(err, s)
		v.complain(&res)
		return res, res.Verdict != InternalError && !errors.Is(err, wasm.ErrDeadline), nil
	}
	o := v.run(ctx, module, s)
	if ctx.Err() != nil {
		return res, false, fmt.Errorf("verify: %w", context.Cause(ctx))
	}
	res.judgeRun(&o, s, report.Tests, &v.o)
	v.complain(&res)
	return res, res.Verdict != InternalError && !errors.Is(o.err, wasm.ErrDeadline), nil
}

func (v *Verifier) complain(res *Result) {
	if res.Verdict == InternalError {
		v.o.Logger.Error("a submission could not be verified", "diagnostics", res.Diagnostics)
	}
}

// checkVerdict: vet speaks only of what compiles.
func checkVerdict(ds []source.Diagnostic) Verdict {
	for _, d := range ds {
		if d.Severity != source.Error {
			continue
		}
		if len(d.Code) > 4 && d.Code[:4] == "vet/" {
			return VetError
		}
		return CompileError
	}
	return CompileError
}

// packagePath is what the submission is compiled as.
func packagePath(s *Submission) string {
	if len(s.Tests) > 0 {
		return taskPath
	}
	return "main"
}

// Close refuses new submissions, and waits for the programs that still run;
// their submissions should have ended before.
func (v *Verifier) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	v.running.Wait()
	r := v.state.Load()
	if r == nil {
		return nil
	}
	return errors.Join(r.tools.close(), r.chain.Close())
}
