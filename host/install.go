package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Installation is a plugin to be installed.
type Installation struct {
	Code    []byte // not to be changed any more
	Options PluginOptions
}

// Installed is what became of an Installation.
type Installed struct {
	PluginInfo
	Err error // why the version that ran, if any, goes on
}

// Install compiles code, checks what it says of itself, takes its image and
// makes it the plugin's live version. Until that last step the version that
// runs goes on undisturbed; if any step fails it stays. The registry learns
// nothing of it, so the next start does not know it: Stage and Promote are for
// what is to stay.
func (e *Engine) Install(ctx context.Context, code []byte, o PluginOptions) (PluginInfo, error) {
	done := e.InstallAll(ctx, []Installation{{code, o}})[0]
	return done.PluginInfo, done.Err
}

// InstallAll installs plugins together, each as Install does: one that fails
// holds up no other. They are compiled and their images taken side by side, and
// as each is told of the others' commands at once, no image has to be taken
// twice. The answers are in the order of the list.
func (e *Engine) InstallAll(ctx context.Context, list []Installation) []Installed {
	out := make([]Installed, len(list))
	news := make([]*newcomer, len(list))
	var work sync.WaitGroup
	for i := range list {
		work.Go(func() {
			if news[i], out[i].Err = e.compile(ctx, sha256.Sum256(list[i].Code), given(list[i].Code)); news[i] != nil {
				news[i].options = list[i].Options
			}
			if out[i].Err != nil {
				out[i].Err = fmt.Errorf("host: installing a plugin: %w", out[i].Err)
			}
		})
	}
	work.Wait()
	var beside []abi.Manifest
	for _, n := range news {
		if n != nil {
			beside = append(beside, n.manifest)
		}
	}
	for _, n := range news {
		if n != nil {
			work.Go(func() { n.version, n.err = e.image(ctx, n.compiled, &n.manifest, n.options, beside) })
		}
	}
	work.Wait()
	for i, n := range news {
		if n == nil {
			continue
		}
		if n.err == nil {
			if n.err = e.install(ctx, n.version, n.options.GrantAll); n.err != nil {
				n.version.guest.Close()
			}
		}
		if n.err != nil {
			n.compiled.Close(ctx)
			out[i].Err = fmt.Errorf("host: installing plugin %s: %w", n.manifest.Name, n.err)
		}
	}
	_ = e.refresh(ctx) // logged; what was installed runs on with the image it has
	for i, n := range news {
		if n != nil && n.err == nil {
			out[i].PluginInfo = e.describe(e.plugin(n.manifest.Name))
		}
	}
	return out
}

// newcomer is a plugin on its way to be installed.
type newcomer struct {
	options  PluginOptions
	compiled *wasm.Plugin
	manifest abi.Manifest
	version  *version
	err      error
}

// given is code that was read already.
func given(code []byte) func() ([]byte, error) { return func() ([]byte, error) { return code, nil } }

// compile is the part of an installation that needs no other plugin. sum is the
// code's SHA-256; read returns it, if it was not compiled before.
func (e *Engine) compile(ctx context.Context, sum [sha256.Size]byte, read func() ([]byte, error)) (*newcomer, error) {
	if e.o.Wasm == nil {
		return nil, errors.New("host: Options.Wasm is missing")
	}
	compiled, err := e.o.Wasm.CompileSum(ctx, sum, read, wasm.Limits{})
	if err != nil {
		return nil, err
	}
	n := &newcomer{compiled: compiled}
	if _, err = n.manifest.UnmarshalMsg(compiled.Manifest()); err != nil {
		err = fmt.Errorf("%w: %v", ErrManifest, err)
	} else if err = checkManifest(&n.manifest); err == nil && n.manifest.Name == house.Name {
		err = fmt.Errorf("%w: %s is the name of hearth's own plugin; give yours another", ErrManifest, house.Name)
	}
	if err != nil {
		_ = compiled.Close(ctx) // it has no image, so nothing to wait for
		return nil, err
	}
	return n, nil
}

// image takes the image of a compiled plugin under its config: a version that
// is ready to be made live, with the plugins beside that are installed with it.
func (e *Engine) image(ctx context.Context, compiled *wasm.Plugin, m *abi.Manifest, o PluginOptions, beside []abi.Manifest) (*version, error) {
	setup, err := e.setup(ctx, m, o, beside)
	if err != nil {
		return nil, err
	}
	img, err := compiled.Image(ctx, setup, warmups())
	if err != nil {
		return nil, err
	}
	if err := selfTest(ctx, img); err != nil {
		img.Close()
		return nil, err
	}
	sum := compiled.SHA256()
	return &version{manifest: *m, sha: hex.EncodeToString(sum[:]), config: digest(setup), guest: img, compiled: compiled, options: o}, nil
}

// refresh takes the images anew of the plugins that are told what commands
// there are and whom they serve, or that keep rows in them, if those have changed
// since. One whose image cannot be taken runs on with the one it has, which is
// logged, and is an error.
func (e *Engine) refresh(ctx context.Context) error {
	e.refreshing.Lock()
	defer e.refreshing.Unlock()
	plugins, _ := e.locked()
	var errs []error
	for _, p := range plugins {
		for _, old := range p.lineup().all() {
			if err := e.refreshOne(ctx, p, old); err != nil {
				errs = append(errs, fmt.Errorf("plugin %s: %w", p.name, err))
			}
			if ctx.Err() != nil {
				return errors.Join(errs...) // the next start takes the others
			}
		}
	}
	return errors.Join(errs...)
}

// refreshOne takes the image of one version anew if that is needed. e.refreshing
// is held.
func (e *Engine) refreshOne(ctx context.Context, p *plugin, old *version) error {
	if old.compiled == nil {
		return nil
	}
	age := p.aged.Load()
	setup, err := e.setup(ctx, &old.manifest, old.options, nil)
	if err == nil && digest(setup) == old.config {
		old.age.Store(age)
		return nil
	}
	var v *version
	if err == nil {
		v, err = e.image(ctx, old.compiled, &old.manifest, old.options, nil)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		old.age.Store(age) // trying again would change nothing
		e.o.Logger.Error("plugin runs on with the image that it had", "plugin", p.name, "version", old.manifest.Version, "err", err)
		return err
	}
	v.grants = old.grants
	v.age.Store(age)
	if p.replace(old, v) {
		old.guest.Close()
	} else {
		v.guest.Close() // a newer version is live
	}
	return nil
}

// install makes v live.
func (e *Engine) install(ctx context.Context, v *version, grantAll bool) error {
	g, err := e.loadGrants(ctx, &v.manifest, grantAll)
	if err != nil {
		return err
	}
	v.grants = g
	if err := e.claimCommands(&v.manifest); err != nil {
		return err
	}

	// All that can fail comes before the swap.
	name := v.manifest.Name
	p := e.plugin(name)
	if p == nil {
		if p, err = e.newPlugin(ctx, name); err != nil {
			return err
		}
	}
	if err := e.timers.schedule(ctx, p, v); err != nil {
		return err
	}
	var old *version
	if err := e.changeover(ctx, p, p.version(), v, func(*store.Batch) error { return nil }, func() { old = p.swap(v) }); err != nil {
		return err
	}
	e.rebuild()
	e.mu.RLock()
	run := e.run
	e.mu.RUnlock()
	if run != nil {
		p.lanes.start(run) // does nothing if they run
	}
	p.breaker.reset()
	p.lanes.resume()
	if old != nil {
		if err := old.close(context.WithoutCancel(ctx)); err != nil {
			e.o.Logger.Warn("old version did not close cleanly", "plugin", name, "err", err)
		}
	}
	e.o.Logger.Info("plugin is live", "plugin", name, "version", v.manifest.Version, "sha256", v.sha)
	return nil
}

// claimCommands refuses a command that another plugin has.
func (e *Engine) claimCommands(m *abi.Manifest) error {
	for _, c := range m.Commands {
		if owner, taken := e.table.Load().commands[c.Name]; taken && owner != m.Name {
			return fmt.Errorf("%w: command %q belongs to plugin %s; rename one of them", ErrManifest, c.Name, owner)
		}
	}
	return nil
}

// setup is what warm is given, with the commands of all that is live when m and
// the manifests beside it are.
func (e *Engine) setup(ctx context.Context, m *abi.Manifest, o PluginOptions, beside []abi.Manifest) ([]byte, error) {
	config, err := mergeConfig(m, o.Config)
	if err != nil {
		return nil, err
	}
	whom := e.tuned().Community
	s := abi.Setup{Config: config, Locale: whom.Locale, TimeZone: whom.TimeZone.String(), Name: whom.Name, Texts: o.Texts}
	newer := map[string]bool{} // whose live version goes
	add := func(c abi.CommandDef) {
		if !slices.ContainsFunc(s.Commands, func(d abi.CommandDef) bool { return d.Name == c.Name }) {
			s.Commands = append(s.Commands, c)
		}
	}
	for _, m := range append([]abi.Manifest{*m}, beside...) {
		if newer[m.Name] {
			continue
		}
		newer[m.Name] = true
		for _, c := range m.Commands {
			c.Plugin = m.Name
			add(c)
		}
	}
	for _, c := range e.Commands() {
		if !newer[c.Plugin] {
			add(c)
		}
	}
	slices.SortFunc(s.Commands, func(a, b abi.CommandDef) int { return compare(a.Name, b.Name) })
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	space, err := e.warmSpace(ctx, snap, m)
	if err != nil {
		return nil, err
	}
	for _, prefix := range m.Warm {
		if space == "" {
			break
		}
		r := &reads{snap: snap, space: space}
		rows, err := r.scan(ctx, &abi.Scan{Prefix: prefix, Limit: maxWarmRows, Relaxed: true})
		if err != nil {
			return nil, fmt.Errorf("reading warm rows under %q: %w", prefix, err)
		}
		s.Rows = append(s.Rows, rows.Rows...)
	}
	return s.MarshalMsg(nil)
}

const maxWarmRows = 10_000
