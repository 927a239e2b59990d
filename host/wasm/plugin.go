package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sync/semaphore"

	"github.com/hearthbot/hearth/host/wasm/meter"
	"github.com/hearthbot/hearth/sdk/abi"
)

// program is one version of a plugin, compiled: a wazero runtime of its own and
// what every instance needs. It lives as long as anybody holds it.
type program struct {
	key      programKey
	sha      [sha256.Size]byte
	limits   Limits
	pager    *pager
	host     Host // while an image is made
	runtime  wazero.Runtime
	cache    wazero.CompilationCache
	module   wazero.CompiledModule
	globals  []string
	manifest []byte
	log      *slog.Logger

	interpret bool                // with wazero's interpreter
	slots     *semaphore.Weighted // one is taken to compile, and not to load what was compiled; nil: none is needed

	ready chan struct{} // closed when build has ended; err is its error
	err   error

	refs  int  // who waits for it, its plugins, their images; under Engine.mu
	built bool // under Engine.mu
}

type programKey struct {
	sha    [sha256.Size]byte
	limits Limits
}

// Plugin is a compiled version of a plugin. It is safe for concurrent use.
type Plugin struct {
	engine  *Engine
	program *program

	mu     sync.Mutex
	images map[*Image]struct{} // nil when closed
}

// Manifest is what describe returned: an encoded abi.Manifest, not decoded or
// checked. Do not change it.
func (p *Plugin) Manifest() []byte { return p.program.manifest }

// SHA256 is the hash of the code given to Compile.
func (p *Plugin) SHA256() [sha256.Size]byte { return p.program.sha }

// Limits are the plugin's, with the defaults filled in.
func (p *Plugin) Limits() Limits { return p.program.limits }

// Exports says whether the plugin has an export of the ABI that it may leave
// out: abi.ExportWarm, ExportQuery, ExportMigrate.
func (p *Plugin) Exports(name string) bool {
	_, ok := p.program.module.ExportedFunctions()[name]
	return ok
}

// Close closes the plugin's images and waits until the last call in them has
// ended; if ctx ends first Close returns its error, and the rest happens when
// the calls end. Closing again waits again.
func (p *Plugin) Close(ctx context.Context) error {
	p.mu.Lock()
	images := p.images
	p.images = nil
	p.mu.Unlock()
	var err error
	for i := range images {
		err = errors.Join(err, i.Close())
	}
	if images != nil {
		p.engine.forget(p)
	}
	for i := range images {
		select {
		case <-i.gone:
		case <-ctx.Done():
			return errors.Join(err, fmt.Errorf("wasm: close a plugin: calls are still under way: %w", context.Cause(ctx)))
		}
	}
	return err
}

// build meters and compiles code and asks it for its manifest.
func (p *program) build(ctx context.Context, code []byte, cacheDir string) (err error) {
	m, err := meter.Rewrite(code, meter.Options{MemoryPages: p.limits.Memory, Pristine: true})
	if err != nil {
		return fmt.Errorf("wasm: %w: %w", ErrABI, err)
	}
	offered := slices.Concat(pluginFuncs(), wasiFuncs())
	if err := checkABI(m, offered); err != nil {
		return err
	}
	p.globals = m.Globals
	if err := p.compile(ctx, m.Wasm, cacheDir); err != nil {
		return err
	}
	if err := p.provide(ctx, m, offered); err != nil {
		return err
	}
	return p.describe(ctx)
}

// compile makes the runtime and the machine code. A compile cache that cannot be
// read or written costs time, not the plugin.
func (p *program) compile(ctx context.Context, module []byte, cacheDir string) error {
	if cacheDir != "" {
		err := p.compileCached(ctx, module, cacheDir)
		if err == nil {
			return nil
		}
		if err := p.close(); err != nil {
			return err
		}
		p.runtime, p.cache, p.module = nil, nil, nil
		defer func() {
			if p.module != nil { // so it was the cache
				p.log.Warn("the compile cache cannot be used", "dir", cacheDir, "error", err)
			}
		}()
	}
	defer p.turn()()
	return p.compileWith(ctx, module, p.config())
}

// turn waits until a processor may be kept busy.
func (p *program) turn() (over func()) {
	if p.slots == nil {
		return func() {}
	}
	_ = p.slots.Acquire(context.Background(), 1) // fails only with its context
	return func() { p.slots.Release(1) }
}

func (p *program) compileCached(ctx context.Context, module []byte, dir string) error {
	entry, whole, err := cacheEntry(dir, module)
	if err != nil {
		return err
	}
	if !whole {
		defer p.turn()()
	}
	if p.cache, err = wazero.NewCompilationCacheWithDir(entry); err != nil {
		return err
	}
	if err := p.compileWith(ctx, module, p.config().WithCompilationCache(p.cache)); err != nil {
		return err
	}
	return sealEntry(entry)
}

func (p *program) config() wazero.RuntimeConfig {
	if p.interpret {
		return wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(p.limits.Memory).WithDebugInfoEnabled(false)
	}
	return wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(p.limits.Memory).WithDebugInfoEnabled(false)
}

func (p *program) compileWith(ctx context.Context, module []byte, c wazero.RuntimeConfig) (err error) {
	p.runtime = wazero.NewRuntimeWithConfig(ctx, c)
	if p.module, err = p.runtime.CompileModule(ctx, module); err != nil {
		return fmt.Errorf("wasm: %w: compile: %w", ErrABI, err)
	}
	return nil
}

// provide makes the host functions that m imports.
func (p *program) provide(ctx context.Context, m *meter.Module, offered []hostFunc) error {
	wanted := map[[2]string]bool{{meter.ImportModule, meter.ImportRefuel}: true}
	for _, i := range m.Imports {
		wanted[[2]string{i.Module, i.Name}] = true
	}
	builders := map[string]wazero.HostModuleBuilder{}
	for _, f := range offered {
		if !wanted[[2]string{f.module, f.name}] {
			continue
		}
		b := builders[f.module]
		if b == nil {
			b = p.runtime.NewHostModuleBuilder(f.module)
			builders[f.module] = b
		}
		params, results := valueTypes(f.typ)
		b.NewFunctionBuilder().WithGoModuleFunction(f.bind(), params, results).Export(f.name)
	}
	for name, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return fmt.Errorf("wasm: make host module %s: %w", name, err)
		}
	}
	return nil
}

// describe initialises an instance and asks for the ABI version and the manifest.
func (p *program) describe(ctx context.Context) error {
	l := p.limits.setup()
	s, err := p.newSandbox(ctx, &l)
	if err != nil {
		return err
	}
	defer s.close()
	if err := p.initialize(ctx, s, &l); err != nil {
		return err
	}
	s.guest.plug.begin(p.host, l.LogLines)
	s.guest.begin(ctx, &l, time.Now())
	defer s.guest.end()
	v, err := s.invoke(abi.ExportVersion)
	if err != nil {
		return fmt.Errorf("wasm: %w", err)
	}
	if uint32(v) != abi.Version {
		return fmt.Errorf("wasm: %w: it is built for version %d, this host has version %d", ErrABI, uint32(v), abi.Version)
	}
	if p.manifest, err = s.run(abi.ExportDescribe, nil, nil, l.Output); err != nil {
		return fmt.Errorf("wasm: %w", err)
	}
	return nil
}

// initialize runs what the module has to run first.
func (p *program) initialize(ctx context.Context, s *sandbox, l *Limits) error {
	if _, ok := p.module.ExportedFunctions()[exportInitialize]; !ok {
		return nil
	}
	s.guest.plug.begin(p.host, l.LogLines)
	s.guest.begin(ctx, l, time.Now())
	defer s.guest.end()
	if _, err := s.invoke(exportInitialize); err != nil {
		return fmt.Errorf("wasm: %w", err)
	}
	return nil
}

func (p *program) close() error {
	ctx := context.Background()
	var err error
	if p.runtime != nil {
		err = p.runtime.Close(ctx)
	}
	if p.cache != nil {
		err = errors.Join(err, p.cache.Close(ctx))
	}
	return err
}

// valueTypes reads "(i32 i64) -> (i32)".
func valueTypes(typ string) (params, results []api.ValueType) {
	to := &params
	for i := 0; i < len(typ); i++ {
		switch typ[i] {
		case '>':
			to = &results
		case 'i':
			t := api.ValueTypeI32
			if typ[i+1] == '6' {
				t = api.ValueTypeI64
			}
			*to = append(*to, t)
		}
	}
	return params, results
}
