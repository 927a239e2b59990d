package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Start is what an engine begins with, beside what its registry holds.
type Start struct {
	// Bundled is the code that comes with hearth. What the registry lacks of it is
	// staged. It is made live where nothing was ever decided about its plugin, and
	// where what came with hearth before is live, unless it asks for more than was
	// granted: an upgraded hearth upgrades its plugins, and undoes nobody's choice.
	Bundled []Bundle

	// GrantAll grants what they ask for to bundled plugins that were never granted
	// or refused anything. Without it they run all the same, and fail where they
	// try.
	GrantAll bool

	// Skip says which plugins do not run this time; nil is none.
	Skip func(name string) bool

	// Known is told what the plugins say of themselves that will run, before their
	// images are taken, and may keep the engine from going on; nil is not.
	Known func(ctx context.Context, manifests []abi.Manifest) error
}

// Bundle is a plugin's file.
type Bundle struct {
	Name   string            // that it has to have
	SHA256 [sha256.Size]byte // of its code

	// Code reads it; nobody changes it. It is not called for what the registry knows
	// and was compiled before.
	Code func() ([]byte, error)
}

// Restore makes live what the registry says is, and sees to what is bundled; it
// is called once, before Run. Plugins are compiled, and their images taken, side
// by side; one that fails holds up no other. The answers are by name, one for
// each plugin that was to run. The error is the store's, or Known's.
func (e *Engine) Restore(ctx context.Context, s Start) ([]Installed, error) {
	r := &restoring{e: e, start: &s}
	for _, step := range []func(context.Context) error{r.look, r.compile, r.tell, r.image} {
		if err := step(ctx); err != nil {
			r.release(ctx)
			return nil, fmt.Errorf("host: restoring the plugins: %w", err)
		}
	}
	for _, n := range r.list {
		r.run(ctx, n)
	}
	for _, n := range r.list {
		r.upgrade(ctx, n)
	}
	r.release(ctx)
	_ = e.refresh(ctx) // logged; what was restored runs on with the image it has
	var out []Installed
	for _, n := range r.list {
		if n.idle {
			continue
		}
		done := Installed{PluginInfo: PluginInfo{Name: n.name}, Err: n.err}
		if p := e.plugin(n.name); e.liveOf(p) != nil {
			done.PluginInfo = e.describe(p)
		}
		out = append(out, done)
	}
	return out, nil
}

// restored is one plugin on its way.
type restored struct {
	name    string
	row     registry.Plugin
	version registry.Version // that is live; its Rev is 0 if nothing is
	known   bool             // the registry has what is bundled
	idle    bool             // it is not to run
	fresh   bool             // nothing was ever decided: what is bundled becomes live

	code func() ([]byte, error) // reads what is bundled; nil is none
	sum  [sha256.Size]byte

	live    *newcomer // compiled: what is to run
	bundled *newcomer // compiled: what is bundled, and to be staged; it may be the same
	err     error
}

type restoring struct {
	e     *Engine
	start *Start
	list  []*restored // by name
}

// look reads what there is, and decides what is to be done.
func (r *restoring) look(ctx context.Context) error {
	byName := map[string]*restored{}
	for _, b := range r.start.Bundled {
		byName[b.Name] = &restored{name: b.Name, row: registry.Plugin{Name: b.Name}, code: b.Code, sum: b.SHA256}
	}
	snap, err := r.e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	rows, err := registry.Plugins(ctx, snap)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if byName[row.Name] == nil {
			byName[row.Name] = &restored{name: row.Name}
		}
		byName[row.Name].row = row
	}
	for _, n := range byName {
		if n.row.Live != "" {
			if n.version, err = registry.VersionOf(ctx, snap, n.name, n.row.Live); errors.Is(err, registry.ErrUnknown) {
				n.err = unknown(err)
			} else if err != nil {
				return err
			}
		}
		if n.code != nil {
			_, err := registry.VersionOf(ctx, snap, n.name, n.sha())
			if err != nil && !errors.Is(err, registry.ErrUnknown) {
				return err
			}
			n.known = err == nil
		}
		skip := r.start.Skip != nil && r.start.Skip(n.name)
		n.fresh = n.row.Rev == 0 && n.code != nil && !skip
		n.idle = skip || n.row.Disabled || n.row.Live == "" && !n.fresh
		if skip {
			n.code = nil
		}
		r.list = append(r.list, n)
	}
	slices.SortFunc(r.list, func(a, b *restored) int { return compare(a.name, b.name) })
	return nil
}

func (n *restored) sha() string { return hex.EncodeToString(n.sum[:]) }

// compile compiles what is to run and what is to be staged, nothing twice.
func (r *restoring) compile(ctx context.Context) error {
	var work sync.WaitGroup
	for _, n := range r.list {
		if n.err != nil {
			continue
		}
		work.Go(func() {
			if n.code != nil && (!n.known || !n.idle && (n.fresh || n.row.Live == n.sha())) {
				if n.bundled, n.err = r.e.compile(ctx, n.sum, n.code); n.err == nil && n.bundled.manifest.Name != n.name {
					n.err = fmt.Errorf("%w: the file of plugin %s holds one that calls itself %q; name the file %s.wasm",
						ErrManifest, n.name, n.bundled.manifest.Name, n.bundled.manifest.Name)
				}
			}
			switch {
			case n.idle:
			case n.bundled != nil && (n.fresh || n.row.Live == n.sha()):
				n.live = n.bundled
			case !n.fresh:
				// What is bundled and cannot be compiled keeps nothing from running.
				if n.err != nil {
					r.e.o.Logger.Error("a bundled version cannot be taken in; the one that was live goes on", "plugin", n.name, "err", n.err)
				}
				var code []byte
				var sum [sha256.Size]byte
				if code, sum, n.err = r.e.codeOf(ctx, n.row.Live); n.err == nil {
					n.live, n.err = r.e.compile(ctx, sum, given(code))
				}
			}
		})
	}
	work.Wait()
	return ctx.Err()
}

// tell says what will run, so that config and texts can be held against it.
func (r *restoring) tell(ctx context.Context) error {
	if r.start.Known == nil {
		return nil
	}
	var all []abi.Manifest
	for _, n := range r.list {
		switch {
		case n.live != nil:
			all = append(all, n.live.manifest)
		case n.version.Rev != 0: // it does not run now, and may be set
			var m abi.Manifest
			if _, err := m.UnmarshalMsg(n.version.Manifest); err == nil {
				all = append(all, m)
			}
		}
	}
	return r.start.Known(ctx, all)
}

// image takes the images of what is to run. Each is told of the others' commands
// at once, so that none has to be taken twice.
func (r *restoring) image(ctx context.Context) error {
	var beside []abi.Manifest
	for _, n := range r.list {
		if n.live != nil && n.err == nil {
			beside = append(beside, n.live.manifest)
		}
	}
	var work sync.WaitGroup
	for _, n := range r.list {
		if n.live == nil || n.err != nil {
			continue
		}
		work.Go(func() {
			var o PluginOptions
			if o, n.err = r.e.optionsOf(&n.live.manifest); n.err == nil {
				n.live.version, n.err = r.e.image(ctx, n.live.compiled, &n.live.manifest, o, beside)
			}
		})
	}
	work.Wait()
	return ctx.Err()
}

// run has a plugin run that was live, or of which nothing was ever decided.
func (r *restoring) run(ctx context.Context, n *restored) {
	if n.live == nil || n.live.version == nil || n.err != nil {
		return
	}
	if n.fresh {
		n.err = r.first(ctx, n)
	} else {
		n.err = r.again(ctx, n, n.live.version)
	}
}

// again has the version run that the registry says is live.
func (r *restoring) again(ctx context.Context, n *restored, v *version) error {
	if v.manifest.Name != n.name {
		return fmt.Errorf("%w: the code of plugin %s calls itself %q", ErrManifest, n.name, v.manifest.Name)
	}
	if err := r.e.claimCommands(&v.manifest); err != nil {
		return err
	}
	g, err := r.e.loadGrants(ctx, &v.manifest, r.start.GrantAll && n.version.Bundled)
	if err != nil {
		return err
	}
	v.grants = g
	p := r.e.plugin(n.name)
	if p == nil {
		if p, err = r.e.newPlugin(ctx, n.name); err != nil {
			return err
		}
	}
	was := r.e.enter(p, v)
	r.e.settle(ctx, p, v, was)
	r.e.restoreTrials(ctx, p, &n.row)
	return nil
}

// first stages what is bundled and makes it live, with one change of the
// registry each, as nothing was ever decided about it.
func (r *restoring) first(ctx context.Context, n *restored) error {
	if !n.known {
		if err := r.stage(ctx, n, n.live.version.guest); err != nil {
			return err
		}
	}
	return r.promote(ctx, n, n.live.version)
}

// stage puts what is bundled into the registry.
func (r *restoring) stage(ctx context.Context, n *restored, g guest) (err error) {
	code, err := n.code()
	if err != nil {
		return err
	}
	b := n.bundled
	v := &registry.Version{Name: n.name, SHA256: n.sha(), Version: b.manifest.Version, StateVersion: b.manifest.State(), Manifest: b.compiled.Manifest(),
		Size: int64(len(code)), By: audit.Host, Why: bundledWhy, Bundled: true, Signature: registry.Signature{Status: registry.SignedNot}}
	if v.SelfTest, err = tryExamples(ctx, g, &b.manifest, r.e.clock.Now()); err != nil {
		return err
	}
	return r.e.putVersion(ctx, v, code, nil)
}

// bundledWhy is the reason in the record for what hearth does with its own
// plugins.
const bundledWhy = "it came with hearth"

// promote makes what is bundled live. made is a version of it that is ready, nil
// if there is none.
func (r *restoring) promote(ctx context.Context, n *restored, made *version) error {
	sha := n.sha()
	return r.e.turnOver(ctx, n.name, &liveChange{
		entry: audit.Entry{Who: audit.Host, Did: "plugin.promote", Why: bundledWhy}, made: made,
		first: r.start.GrantAll, lenient: n.fresh && !r.start.GrantAll,
		choose: func(row *registry.Plugin) error {
			row.Promote(sha)
			row.Bundled = sha
			return nil
		},
	})
}

// upgrade stages what is bundled and new, and makes it live if what came with
// hearth before is.
func (r *restoring) upgrade(ctx context.Context, n *restored) {
	if n.code == nil || n.fresh || n.known && n.row.Bundled == n.sha() {
		return
	}
	log := r.e.o.Logger.With("plugin", n.name, "sha256", n.sha())
	if !n.known && n.bundled != nil {
		if err := r.stageBeside(ctx, n); err != nil {
			log.Error("a bundled version failed; it is not taken in", "err", err)
			return
		}
		n.known = true
	}
	ours := n.version.Rev != 0 && n.version.Bundled && !n.row.Disabled
	if !n.known || !ours || n.row.Bundled == n.sha() || n.row.Live == n.sha() {
		return
	}
	begun := time.Now()
	if err := r.promote(ctx, n, nil); err != nil {
		log.Warn("the version that came with hearth is staged and not live; the one before goes on", "err", err)
		return
	}
	log.Info("the plugin is upgraded to the version that came with hearth", "took", time.Since(begun).Round(time.Millisecond).String())
}

// stageBeside tries what is bundled with an image of its own, as another runs.
func (r *restoring) stageBeside(ctx context.Context, n *restored) error {
	if n.bundled == n.live && n.live.version != nil {
		return r.stage(ctx, n, n.live.version.guest)
	}
	o, err := r.e.optionsOf(&n.bundled.manifest)
	if err != nil {
		return err
	}
	v, err := r.e.image(ctx, n.bundled.compiled, &n.bundled.manifest, o, nil)
	if err != nil {
		return err
	}
	return errors.Join(r.stage(ctx, n, v.guest), v.guest.Close())
}

// release closes what was compiled and does not run.
func (r *restoring) release(ctx context.Context) {
	for _, n := range r.list {
		for _, c := range []*newcomer{n.live, n.bundled} {
			if c == nil || r.e.holds(n.name, c.compiled) {
				continue
			}
			_ = c.compiled.Close(context.WithoutCancel(ctx)) // no call is under way
		}
	}
}

// holds says whether a module of a plugin runs or is kept ready.
func (e *Engine) holds(name string, m *wasm.Plugin) bool {
	v := &version{compiled: m}
	p := e.plugin(name)
	e.changes.mu.Lock()
	kept := e.changes.kept[name]
	e.changes.mu.Unlock()
	return p != nil && p.lineup().holds(v) || v.same(kept)
}

// sweepCode removes code that no version leads to.
func (e *Engine) sweepCode(ctx context.Context) (int, error) { return registry.Sweep(ctx, e.store) }
