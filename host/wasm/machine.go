package wasm

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// machine is a module in a wazero runtime of its own, with the host functions
// that it imports. The zero value is none.
type machine struct {
	runtime wazero.Runtime
	cache   wazero.CompilationCache
	module  wazero.CompiledModule
}

// facts are what hearth knows of a module beside its code.
type facts struct {
	Globals  []string       // export names of those that can change, but the fuel
	MinPages uint32         // of memory that it asks for itself
	Imports  []meter.Import // without what the meter added
	Exports  []meter.Export
	Manifest []byte `json:",omitempty"` // of a plugin: what describe returned
}

// source is code on its way to a program.
type source struct {
	read    func() ([]byte, error) // the code, if it is needed
	bounds  meter.Options
	offered []hostFunc
	check   func(*facts) error // refuses what is no plugin, or no command
	plugin  bool               // it is to be asked for its manifest
}

// build makes the machine of s and asks it what it is. What was built before is
// taken from the cache in dir; "" is none. A cache that cannot be read or written
// costs time, not the program.
func (p *program) build(ctx context.Context, s *source, dir string) error {
	if dir == "" || p.interpret {
		_, err := p.compile(ctx, s, nil)
		return err
	}
	entry := newEntry(dir, p, s)
	err := p.load(ctx, s, entry)
	if err == nil {
		return nil
	}
	draft, err := entry.draft()
	if err != nil {
		p.log.Warn("the compile cache cannot be used", "dir", dir, "error", err)
		_, err := p.compile(ctx, s, nil)
		return err
	}
	defer draft.discard()
	module, err := p.compile(ctx, s, draft)
	if err != nil {
		return err
	}
	if err := draft.keep(ctx, p, module); err != nil {
		p.log.Warn("the compile cache cannot be used", "dir", dir, "error", err)
		return nil
	}
	// What runs is what was kept: it takes less memory, and no start is the first
	// to find out that it cannot be read.
	compiled := p.machine
	if err := p.load(ctx, s, entry); err != nil {
		p.machine = compiled
		p.log.Warn("the compile cache cannot be read", "dir", dir, "error", err)
		return nil
	}
	return compiled.close()
}

// compile reads, meters and compiles code, and leaves the machine code in draft if that
// is not nil. It returns the metered module.
func (p *program) compile(ctx context.Context, s *source, d *draft) (module []byte, err error) {
	code, err := s.read()
	if err != nil {
		return nil, fmt.Errorf("wasm: compile: %w", err)
	}
	m, err := meter.Rewrite(code, s.bounds)
	if err != nil {
		return nil, fmt.Errorf("wasm: %w: %w", ErrABI, err)
	}
	p.about = facts{Globals: m.Globals, MinPages: m.MinPages, Imports: m.Imports, Exports: m.Exports}
	if err := s.check(&p.about); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("wasm: compile: %w", context.Cause(ctx))
	}
	over := p.turn()
	if d != nil {
		if p.machine, err = d.machine(ctx, p, m.Wasm); err != nil { // it is the code, or the cache
			p.log.Debug("compiled without the cache", "error", err)
		}
	}
	if p.module == nil {
		p.machine, err = newMachine(ctx, p.config(), m.Wasm)
	}
	over()
	if err != nil {
		return nil, err
	}
	if err := p.provide(ctx, s.offered, &p.about); err != nil {
		return nil, err
	}
	if s.plugin {
		err = p.describe(ctx)
	}
	return m.Wasm, err
}

// turn waits until a processor may be kept busy.
func (p *program) turn() (over func()) {
	if p.slots == nil {
		return func() {}
	}
	_ = p.slots.Acquire(context.Background(), 1) // fails only with its context
	return func() { p.slots.Release(1) }
}

// load makes the machine of what is kept in an entry, and nothing of p if that is
// not whole. Nothing is compiled: wazero gets a context that has ended, which it
// does not look at when it finds the machine code.
func (p *program) load(ctx context.Context, s *source, e entry) error {
	about, shell, err := e.open()
	if err != nil {
		return err
	}
	if err := s.check(about); err != nil {
		return err
	}
	ended, end := context.WithCancelCause(experimental.WithCompilationWorkers(context.WithoutCancel(ctx), 2))
	end(errNotKept)
	m, err := e.machine(ended, p, shell)
	if err != nil {
		return err
	}
	if err := m.provide(ctx, s.offered, about); err != nil {
		return errors.Join(err, m.close())
	}
	p.machine, p.about = m, *about
	return nil
}

// errNotKept says that wazero does not find the machine code where it was kept:
// it was compiled for another processor, or by another wazero.
var errNotKept = errors.New("wasm: the machine code is not of this wazero and this processor")

func (p *program) config() wazero.RuntimeConfig {
	if p.interpret {
		return wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(p.limits.Memory).WithDebugInfoEnabled(false)
	}
	return wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(p.limits.Memory).WithDebugInfoEnabled(false)
}

// newMachine makes a runtime with module in it.
func newMachine(ctx context.Context, c wazero.RuntimeConfig, module []byte) (m machine, err error) {
	m.runtime = wazero.NewRuntimeWithConfig(ctx, c)
	if m.module, err = m.runtime.CompileModule(ctx, module); err != nil {
		return machine{}, errors.Join(fmt.Errorf("wasm: %w: compile: %w", ErrABI, err), m.close())
	}
	return m, nil
}

// cachedMachine is newMachine with the machine code in dir, where it is looked
// for first.
func cachedMachine(ctx context.Context, c wazero.RuntimeConfig, module []byte, dir string) (machine, error) {
	cache, err := newCodeCache(dir)
	if err != nil {
		return machine{}, err
	}
	m, err := newMachine(ctx, c.WithCompilationCache(cache), module)
	if err != nil {
		return machine{}, errors.Join(err, cache.Close(ctx))
	}
	m.cache = cache
	return m, nil
}

// provide makes the host functions that the module imports.
func (m *machine) provide(ctx context.Context, offered []hostFunc, about *facts) error {
	wanted := map[[2]string]bool{{meter.ImportModule, meter.ImportRefuel}: true}
	for _, i := range about.Imports {
		wanted[[2]string{i.Module, i.Name}] = true
	}
	builders := map[string]wazero.HostModuleBuilder{}
	for _, f := range offered {
		if !wanted[[2]string{f.module, f.name}] {
			continue
		}
		b := builders[f.module]
		if b == nil {
			b = m.runtime.NewHostModuleBuilder(f.module)
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

// close frees what there is of m.
func (m *machine) close() error {
	ctx := context.Background()
	var err error
	if m.runtime != nil {
		err = m.runtime.Close(ctx)
	}
	if m.cache != nil {
		err = errors.Join(err, m.cache.Close(ctx))
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
