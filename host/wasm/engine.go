package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sync/semaphore"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// Options say how an Engine works. The zero value is ready to use.
type Options struct {
	// CacheDir keeps compiled code between runs; "" keeps none. Whoever can
	// write there can run code as hearth: it is made with mode 0700, and
	// refused if others can write to it.
	CacheDir string

	// CacheSize is how many bytes CacheDir may grow to; 0 means 1 GiB. What was
	// not compiled for longest goes first.
	CacheSize int64

	// Limits of plugins that are compiled without; zero fields are
	// DefaultLimits'.
	Limits Limits

	// Sandboxes is how many calls run at once in one image; 0 means one for
	// each processor. Each takes what memory it has touched, and at most
	// Limits.Memory.
	Sandboxes int

	// Queue is how many more calls may wait for a sandbox of an image before
	// ErrBusy; 0 means 1,024.
	Queue int

	// Workers is how many processors one compilation may take; 0 means one, which
	// leaves the others to events. It is for programs that do nothing meanwhile;
	// see SetWorkers for one that does so at first.
	Workers int

	// Logger takes what plugins log while their images are made, and what goes
	// wrong off the path; nil throws it away.
	Logger *slog.Logger

	tracking tracking // tests choose
}

// Engine compiles plugins. It is safe for concurrent use.
type Engine struct {
	options Options
	pager   *pager
	slots   *semaphore.Weighted // of compilations: they take all the time they can get
	workers atomic.Int64        // of those that begin now

	mu       sync.Mutex
	programs map[programKey]*program
	plugins  map[*Plugin]struct{}
	open     int // programs that are not freed
	closed   bool
}

// New returns an engine with nothing in it. It fails if the compile cache cannot
// be used safely.
func New(o Options) (*Engine, error) {
	o.Limits = o.Limits.or(DefaultLimits())
	if err := o.Limits.check(); err != nil {
		return nil, err
	}
	o.CacheSize = orValue(o.CacheSize, 1<<30)
	o.Sandboxes = orValue(o.Sandboxes, runtime.GOMAXPROCS(0))
	o.Queue = orValue(o.Queue, 1024)
	if o.Sandboxes < 0 || o.Queue < 0 || o.CacheSize < 0 || o.Workers < 0 {
		return nil, fmt.Errorf("wasm: negative option: %d sandboxes, a queue of %d, a cache of %d bytes, %d workers", o.Sandboxes, o.Queue, o.CacheSize, o.Workers)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CacheDir != "" {
		if err := openCache(o.CacheDir); err != nil {
			return nil, err
		}
		if err := purgeCache(o.CacheDir, o.CacheSize); err != nil {
			o.Logger.Warn("the compile cache could not be purged", "dir", o.CacheDir, "error", err)
		}
	}
	p, err := newPager(o.tracking)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		options:  o,
		pager:    p,
		slots:    semaphore.NewWeighted(int64(compilers())),
		programs: map[programKey]*program{},
		plugins:  map[*Plugin]struct{}{},
	}
	e.SetWorkers(o.Workers)
	return e, nil
}

// SetWorkers changes Options.Workers for compilations of plugins that begin from
// now on. Fewer than one is one.
func (e *Engine) SetWorkers(n int) { e.workers.Store(int64(n)) }

// compilers leaves half of the machine to events.
func compilers() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// Compile makes a plugin of a wasm file: it meters it, checks that it keeps to
// the ABI, compiles it in a runtime of its own and asks it for its version and
// its manifest. Callers with the same code and limits share one compilation;
// each gets a Plugin to close. ErrABI says that it is no plugin for this host.
// The compilation goes on when ctx has ended, so code must not be changed ever.
func (e *Engine) Compile(ctx context.Context, code []byte, l Limits) (*Plugin, error) {
	return e.CompileSum(ctx, sha256.Sum256(code), func() ([]byte, error) { return code, nil }, l)
}

// CompileSum is Compile for whoever has worked out the code's SHA-256 already, and
// answers for it. read returns the code; it is called where that was not compiled
// before, if need be after ctx has ended.
func (e *Engine) CompileSum(ctx context.Context, sum [sha256.Size]byte, read func() ([]byte, error), l Limits) (*Plugin, error) {
	l = l.or(e.options.Limits)
	if err := l.check(); err != nil {
		return nil, err
	}
	key := programKey{sum, l}
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, fmt.Errorf("wasm: compile: %w", ErrClosed)
	}
	p := e.programs[key]
	if p == nil {
		p = &program{key: key, pager: e.pager, log: e.options.Logger, host: noHost{e.options.Logger}, slots: e.slots, ready: make(chan struct{})}
		p.sha, p.limits = key.sha, l
		e.programs[key] = p
		e.open++
		go e.build(p, read)
	}
	p.refs++
	e.mu.Unlock()

	select {
	case <-p.ready:
	case <-ctx.Done():
		e.drop(p)
		return nil, fmt.Errorf("wasm: compile: %w", context.Cause(ctx))
	}
	if p.err != nil {
		e.drop(p)
		return nil, p.err
	}
	plugin := &Plugin{engine: e, program: p, images: map[*Image]struct{}{}}
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.plugins[plugin] = struct{}{}
	}
	e.mu.Unlock()
	if closed {
		e.drop(p)
		return nil, fmt.Errorf("wasm: compile: %w", ErrClosed)
	}
	return plugin, nil
}

// build compiles p for all that wait for it, and goes on when they have gone:
// another will come for it, or it is thrown away.
func (e *Engine) build(p *program, read func() ([]byte, error)) {
	ctx := experimental.WithCompilationWorkers(context.Background(), int(e.workers.Load()))
	offered := slices.Concat(pluginFuncs(), wasiFuncs())
	p.err = p.build(ctx, &source{read: read, bounds: meter.Options{MemoryPages: p.limits.Memory, Pristine: true}, offered: offered, plugin: true,
		check: func(about *facts) error { return checkABI(about, offered) }}, e.options.CacheDir)
	if e.options.CacheDir != "" {
		if err := purgeCache(e.options.CacheDir, e.options.CacheSize); err != nil {
			p.log.Warn("the compile cache could not be purged", "dir", e.options.CacheDir, "error", err)
		}
	}
	e.mu.Lock()
	p.built = true
	if p.err != nil {
		delete(e.programs, p.key) // the next to ask tries again
	}
	unused := e.unusedLocked(p)
	e.mu.Unlock()
	e.free(p, unused)
	close(p.ready)
}

// retain keeps a plugin's program for an image.
func (e *Engine) retain(p *Plugin) (release func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.plugins[p]; !ok {
		return nil, fmt.Errorf("wasm: make an image: %w", ErrClosed)
	}
	p.program.refs++
	return func() { e.drop(p.program) }, nil
}

// forget ends a plugin's own hold on its program.
func (e *Engine) forget(p *Plugin) {
	e.mu.Lock()
	delete(e.plugins, p)
	e.mu.Unlock()
	e.drop(p.program)
}

// drop gives up one hold on p; the last one frees it.
func (e *Engine) drop(p *program) {
	e.mu.Lock()
	p.refs--
	unused := e.unusedLocked(p)
	e.mu.Unlock()
	e.free(p, unused)
}

// unusedLocked says whether nobody holds p, and takes it out of the engine then.
func (e *Engine) unusedLocked(p *program) bool {
	if !p.built || p.refs > 0 {
		return false
	}
	if e.programs[p.key] == p {
		delete(e.programs, p.key)
	}
	return true
}

func (e *Engine) free(p *program, unused bool) {
	if !unused {
		return
	}
	if err := p.close(); err != nil {
		p.log.Error("a plugin's runtime could not be closed", "error", err)
	}
	e.mu.Lock()
	e.open--
	last := e.closed && e.open == 0
	e.mu.Unlock()
	if last {
		_ = e.pager.close() // opened for reading
	}
}

// Close closes every plugin and waits until the last call has ended; if ctx ends
// first Close returns its error, and the rest happens when the calls end.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	first := !e.closed && e.open == 0
	e.closed = true
	var plugins []*Plugin
	for p := range e.plugins {
		plugins = append(plugins, p)
	}
	var programs []*program
	for _, p := range e.programs {
		programs = append(programs, p)
	}
	e.mu.Unlock()
	if first {
		return e.pager.close()
	}
	var err error
	for _, p := range plugins {
		err = errors.Join(err, p.Close(ctx))
	}
	for _, p := range programs {
		select {
		case <-p.ready:
		case <-ctx.Done():
			return errors.Join(err, fmt.Errorf("wasm: close: a plugin is still being compiled: %w", context.Cause(ctx)))
		}
	}
	return err
}
