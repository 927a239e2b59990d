package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hearthbot/hearth/sdk/abi"
)

// program is one version of a plugin, compiled: a wazero runtime of its own and
// what every instance needs. It lives as long as anybody holds it.
type program struct {
	key    programKey
	sha    [sha256.Size]byte
	limits Limits
	pager  *pager
	host   Host // while an image is made
	log    *slog.Logger
	machine
	about facts

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
func (p *Plugin) Manifest() []byte { return p.program.about.Manifest }

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
	if p.about.Manifest, err = s.run(abi.ExportDescribe, nil, nil, l.Output); err != nil {
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
