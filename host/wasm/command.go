package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// ErrStack says that a run went deeper than the engine's stack. Interpreted, that
// is so early that it says nothing: the same command may end well compiled.
var ErrStack = errors.New("calls too deep")

// ReportModule and ReportFunc name an import that commands may have, func (ptr,
// len i32): what they report goes to [Run.Report] and nowhere else.
const (
	ReportModule = "hearth_report"
	ReportFunc   = "report"
)

// maxReport bounds one report.
const maxReport = 64 << 10

// CommandOptions say how a command is compiled.
type CommandOptions struct {
	// Limits of a run; zero fields are DefaultLimits'. Memory is the most pages
	// a run may grow to; Output the most bytes of stdout and stderr together.
	Limits Limits

	// Interpret takes wazero's interpreter: ready in a tenth of the time, and
	// thirty times as slow from then on.
	Interpret bool

	// Trusted is for Go's own tools: it lifts the bounds on the size of a module
	// and keeps what was compiled in the engine's cache.
	Trusted bool

	// HugePages backs the memory of runs with large pages where the system has
	// them, and keeps it between runs: for what touches much of it every time.
	HugePages bool

	// Prepared is for a command that is prepared once; nil for one that starts
	// from nothing.
	Prepared *Preparation
}

// Command is a compiled WASI command: a program that starts, runs and ends. Each
// run is a new instance, or one restored to an image, so nothing of one is seen
// by another. It is safe for concurrent use.
type Command struct {
	program  *program
	heaps    *heaps
	prepared *prepared // nil but with CommandOptions.Prepared

	mu     sync.Mutex
	inside int
	closed bool
}

// Command meters and compiles a WASI command. It takes all the time of a
// processor that it can get, and notices the end of ctx only between its steps.
// ErrABI says that the module is no command, or asks for imports that hearth
// does not offer; ErrMemory that it begins with more than it may have. One that is
// prepared is run for that, and may fail as a run may.
func (e *Engine) Command(ctx context.Context, code []byte, o CommandOptions) (*Command, error) {
	l := o.Limits.or(DefaultLimits())
	if err := l.check(); err != nil {
		return nil, err
	}
	bounds := meter.Options{}
	if o.Trusted {
		bounds = meter.Options{MaxSize: 256 << 20, MaxFunctions: 1 << 20, MaxCompile: time.Hour}
	}
	if o.Prepared != nil {
		bounds.MemoryPages, bounds.Pristine = l.Memory, true
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("wasm: compile: %w", context.Cause(ctx))
	}
	offered := slices.Concat(wasiFuncs(), commandFuncs())
	check := func(about *facts) error {
		if about.MinPages > l.Memory {
			return fmt.Errorf("wasm: %w: it asks for %d pages of memory at start, the limit is %d", ErrMemory, about.MinPages, l.Memory)
		}
		if err := checkImports(about, offered); err != nil {
			return err
		}
		return checkCommand(about, o.Prepared)
	}
	p := &program{limits: l, log: e.options.Logger, interpret: o.Interpret}
	p.sha = sha256.Sum256(code)
	dir := ""
	if o.Trusted {
		dir = e.options.CacheDir
	}
	ctx = experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	if err := p.build(ctx, &source{read: func() ([]byte, error) { return code, nil }, bounds: bounds, offered: offered, check: check}, dir); err != nil {
		return nil, errors.Join(err, p.close())
	}
	c := &Command{program: p, heaps: newHeaps(int64(l.Memory)*wasmPage, o.HugePages)}
	if o.Prepared != nil {
		var err error
		if c.prepared, err = c.prepare(ctx, o.Prepared, e.pager); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// checkCommand refuses a module that does not export what it is run by.
func checkCommand(m *facts, prepared *Preparation) error {
	wanted := []string{exportStart}
	if prepared != nil {
		wanted = []string{exportInitialize, prepared.Prepare, prepared.Run}
	}
	memory := false
	for _, e := range m.Exports {
		memory = memory || e.Name == exportMemory && e.Kind == meter.KindMemory
		wanted = slices.DeleteFunc(wanted, func(name string) bool {
			return e.Name == name && e.Kind == meter.KindFunc && e.Type == "() -> ()"
		})
	}
	if !memory {
		wanted = append(wanted, exportMemory)
	}
	if len(wanted) > 0 {
		return fmt.Errorf("wasm: %w: it is no command: it does not export %s", ErrABI, strings.Join(wanted, " and "))
	}
	return nil
}

// Run says what a command is run with. The same run of the same command has the
// same outcome, but for Outcome.Took and what ends by its wall time.
type Run struct {
	Args   []string // the first is the command's name
	Env    []string // "NAME=value"
	Stdin  []byte
	Files  *Files    // nil: there is no file system
	Report Report    // nil: nobody hears what the guest reports
	Now    time.Time // the guest's clock at the start; zero: 1970
	Rate   int64     // units of fuel that move the clock by a nanosecond; 0: only sleep does
	Seed   uint64    // of the guest's randomness
	Limits Limits    // zero fields: the command's; Memory is ignored
}

// Report hears what a guest reports, and how many bytes it had written to stdout
// by then. It is called by the goroutine of the run, and must not keep data.
type Report func(data []byte, stdout int)

// Outcome is what a run left, however it ended.
type Outcome struct {
	ExitCode int
	Stdout   []byte
	Stderr   []byte
	Cut      bool          // there was more output than Limits.Output
	Fuel     int64         // spent
	Memory   int64         // bytes that the guest's memory grew to; with a Preparation, all that it may have
	Virtual  time.Duration // on the guest's clock
	Took     time.Duration
}

// Run runs the command once. A run that ended by itself, with whatever exit
// code, has no error; else it is an *Error and the outcome is what was there by
// then.
func (c *Command) Run(ctx context.Context, r Run) (out Outcome, err error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return Outcome{}, fmt.Errorf("wasm: run: %w", ErrClosed)
	}
	c.inside++
	c.mu.Unlock()
	defer c.leave()
	l := r.Limits.or(c.program.limits)
	if err := l.check(); err != nil {
		return Outcome{}, err
	}
	var h *heap
	var at *instance
	if c.prepared != nil {
		if at, err = c.prepared.take(ctx); err != nil {
			return Outcome{}, err
		}
		defer c.prepared.put(at)
		h = at.heap
	} else {
		if h, err = c.heaps.take(); err != nil {
			return Outcome{}, err
		}
		defer c.heaps.put(h)
	}
	start := time.Now()
	g := newProcess(ctx, h, &r, &l, c.program.log, start)
	defer g.end()
	export := exportStart
	if at != nil {
		export = c.prepared.how.Run
		g.fuel.bind(at.mod)
		err = at.call(g, export)
	} else {
		err = c.start(g, h)
	}
	proc := g.proc
	out = Outcome{Stdout: proc.out.streams[0], Stderr: proc.out.streams[1], Cut: proc.out.cut, Fuel: g.fuel.spent(),
		Memory: int64(h.most), Virtual: time.Duration(g.clock.mono - monoStart + g.worked()), Took: time.Since(start)}
	if err == nil {
		return out, nil
	}
	failed := g.failure(export, err)
	out.ExitCode = int(failed.ExitCode)
	if errors.Is(failed, ErrExit) {
		return out, nil
	}
	if errors.Is(failed, ErrTrap) && strings.Contains(err.Error(), "stack overflow") {
		failed.Kind = ErrStack
	}
	return out, fmt.Errorf("wasm: %w", failed)
}

// monoStart is a command's monotonic clock when it starts.
const monoStart = 1

// newProcess is what host functions know of a run in h. Its limits have begun.
func newProcess(ctx context.Context, h *heap, r *Run, l *Limits, log *slog.Logger, start time.Time) *guest {
	proc := &process{args: r.Args, env: r.Env, stdin: r.Stdin, files: r.Files, report: r.Report, out: console{limit: l.Output}}
	if r.Files != nil {
		proc.open = []*handle{{name: ".", dir: true}}
	}
	g := &guest{mem: &h.space, fuel: account{mem: &h.space}, proc: proc}
	g.rand.reset(eventSeed(r.Seed))
	now := r.Now
	if now.IsZero() {
		now = time.Unix(0, 0)
	}
	g.clock.reset(now, monoStart, l.Sleep)
	g.clock.rate = r.Rate
	g.plug.begin(noHost{log}, 0)
	l.Stdio = 0
	g.begin(ctx, l, start)
	return g
}

// start makes an instance and runs it to its end.
func (c *Command) start(g *guest, h *heap) error {
	m, err := c.instantiate(g, h)
	if err != nil {
		return err
	}
	defer m.Close(context.Background())
	_, err = m.ExportedFunction(exportStart).Call(&g.ctx)
	return err
}

// instantiate makes an instance with its memory in h; nothing of it has run.
func (c *Command) instantiate(g *guest, h *heap) (api.Module, error) {
	ictx := experimental.WithMemoryAllocator(&g.ctx, experimental.MemoryAllocatorFunc(
		func(_, _ uint64) experimental.LinearMemory { return h }))
	m, err := c.program.runtime.InstantiateModule(ictx, c.program.module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, err
	}
	if g.fuel.global == nil {
		g.fuel.bind(m)
	}
	return m, nil
}

// Close frees the command when the runs under way have ended. Closing again does
// nothing.
func (c *Command) Close() error {
	c.mu.Lock()
	last := !c.closed && c.inside == 0
	c.closed = true
	c.mu.Unlock()
	if last {
		return c.free()
	}
	return nil
}

func (c *Command) leave() {
	c.mu.Lock()
	c.inside--
	last := c.closed && c.inside == 0
	c.mu.Unlock()
	if last {
		if err := c.free(); err != nil {
			c.program.log.Error("a command could not be freed", slog.Any("error", err))
		}
	}
}

func (c *Command) free() error {
	if c.prepared != nil {
		c.prepared.close()
	}
	c.heaps.close()
	return c.program.close()
}

// commandFuncs are what commands are offered beside WASI.
func commandFuncs() []hostFunc {
	return []hostFunc{
		{ReportModule, ReportFunc, "(i32 i32) -> ()", hear},
		refuelFunc,
	}
}

func hear(g *guest, st []uint64) {
	b := g.argument(ReportFunc, "report", st[0], st[1], maxReport)
	g.fuel.charge(fuelWrite + int64(len(b)))
	if g.proc.report != nil {
		g.proc.report(b, len(g.proc.out.streams[0]))
	}
}
