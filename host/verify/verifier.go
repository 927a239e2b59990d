package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/hearthbot/hearth/host/verify/check"
	"github.com/hearthbot/hearth/host/verify/queue"
	"github.com/hearthbot/hearth/host/verify/screen"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/host/verify/toolchain"
	"github.com/hearthbot/hearth/host/wasm"
)

// Options say how a Verifier works. Engine is needed; zero values of the others
// are sound defaults.
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

	Workers int           // submissions under way at once; 0 means half of the processors
	Queue   int           // submissions that may wait; 0 means 256
	Share   int           // of those, of one source; 0 means half of them
	Every   time.Duration // a member may have a submission taken in this time, on average; 0 means that there is no bound
	Burst   int           // and so many at once, after a rest; 0 means 1
	Cache   uint64        // bytes of results that are kept; 0 means 32 MiB

	Rules screen.Rules

	// Imports are packages beside the standard library that may be imported, if
	// the toolchain has them: import paths, or all below one as "PATH/...". With
	// Rules.Imports they are not looked at.
	Imports []string

	// VetWarns lets a program run of which vet is certain that it is mistaken, and
	// warns of it beside the run. Unset, it ends in vet_error, as with go test.
	VetWarns bool

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
	if o.Share == 0 {
		o.Share = (o.Queue + 1) / 2
	}
	if o.Cache == 0 {
		o.Cache = 32 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Rules.Imports == nil && len(o.Imports) > 0 {
		o.Rules.Imports = func(path string) bool { return screen.Standard(path) || allowed(o.Imports, path) }
	}
	return o
}

// allowed says whether one of patterns is path, or is "PATH/..." of what is above it.
func allowed(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		above, all := strings.CutSuffix(p, "/...")
		return path == above || all && strings.HasPrefix(path, above+"/")
	})
}

// Verifier verifies submissions once Prepare has made it ready. It is safe for
// concurrent use.
type Verifier struct {
	o       Options
	queue   *queue.Queue
	results *otter.Cache[key, Result]
	flights flights

	state     atomic.Pointer[ready]
	step      atomic.Pointer[string]
	running   sync.WaitGroup // programs
	compiling chan struct{}  // has one for each program that is being compiled, or run so
	closed    atomic.Bool
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
	turns := queue.New(queue.Options{Workers: o.Workers, Length: o.Queue, Share: o.Share, Every: o.Every, Burst: o.Burst})
	v := &Verifier{o: o, queue: turns, results: results, compiling: make(chan struct{}, compilations(o.Workers))}
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
	s := Status{Step: *v.step.Load(), Waiting: v.queue.Waiting()}
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
	for _, p := range v.o.Imports {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(archives)), func(path string) bool { return allowed([]string{p}, path) }) {
			v.o.Logger.Warn("members may import a package that the toolchain does not have; pack it with mktoolchain -with", "package", p)
		}
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

// Verify takes a submission the whole way. It waits for its turn, in the order
// that package queue has; what is refused at once or known already needs none.
// ErrNotReady says that Prepare has not ended, ErrFull that too many wait, a
// *TooFastError that this submitter has to. If ctx ends first, what nobody else
// waits for is stopped.
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
	enter := func(moved func(int)) (*queue.Ticket, error) { return v.queue.Enter(s.By, moved) }
	res, err := v.flights.do(ctx, k, s.Moved, enter, func(ctx context.Context, t *queue.Ticket) (Result, error) { return v.turn(ctx, t, r, &s, k) })
	if err != nil {
		return Result{}, fmt.Errorf("verify: %w", err)
	}
	res.DurationMS = time.Since(start).Milliseconds()
	return res, nil
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

// turn waits for the ticket's turn and takes it.
func (v *Verifier) turn(ctx context.Context, t *queue.Ticket, r *ready, s *Submission, k key) (Result, error) {
	defer t.Done()
	if err := t.Wait(ctx); err != nil {
		return Result{}, fmt.Errorf("wait for a turn: %w", err)
	}
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
	if v.o.VetWarns {
		vetWarns(res.Diagnostics)
	}
	if hasErrors(res.Diagnostics) {
		res.Verdict = checkVerdict(res.Diagnostics)
		return res, true, nil
	}
	if len(report.Tests) == 0 && (len(s.Tests) > 0 || !report.Main) {
		res.Verdict = Rejected
		none := refusal("screen/tests", "there is no test to run: a test is a func TestXxx(t *testing.T)")
		res.Diagnostics = append(none, res.Diagnostics...)
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
		return res, false, context.Cause(ctx)
	}
	if err != nil {
		res.judgeBuild(err, s)
		v.complain(&res)
		return res, res.Verdict != InternalError && !errors.Is(err, wasm.ErrDeadline), nil
	}
	o := v.run(ctx, module, s)
	if ctx.Err() != nil {
		return res, false, context.Cause(ctx)
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
		if ofVet(d) {
			return VetError
		}
		return CompileError
	}
	return CompileError
}

func ofVet(d source.Diagnostic) bool { return strings.HasPrefix(d.Code, "vet/") }

// vetWarns makes warnings of vet's errors.
func vetWarns(ds []source.Diagnostic) {
	for i := range ds {
		if ofVet(ds[i]) && ds[i].Severity == source.Error {
			ds[i].Severity = source.Warning
		}
	}
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
