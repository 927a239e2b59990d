package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// bundled is a plugin's file, compiled to see what it says of itself.
type bundled struct {
	name     string
	compiled *wasm.Plugin
	manifest abi.Manifest
	err      error
}

// ListPlugins names the plugins in files: NAME.wasm each.
func ListPlugins(files fs.FS) ([]string, error) {
	paths, err := fs.Glob(files, "*.wasm")
	if err != nil {
		return nil, err
	}
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = strings.TrimSuffix(path.Base(p), ".wasm")
	}
	return names, nil
}

// registered names the plugins that the registry knows.
func (a *App) registered(ctx context.Context) ([]string, error) {
	snap, err := a.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the registry: %w", err)
	}
	defer snap.Close()
	list, err := registry.Plugins(ctx, snap)
	if err != nil {
		return nil, fmt.Errorf("read the registry: %w", err)
	}
	var names []string
	for _, p := range list {
		if !p.Removed {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

// enabledPlugins are the names in files that the config does not leave out. A
// table for a plugin that is neither there nor among others is an error: it
// would do nothing.
func enabledPlugins(files fs.FS, c *config.Config, others ...string) ([]string, error) {
	names, err := ListPlugins(files)
	if err != nil {
		return nil, fmt.Errorf("list the plugins: %w", err)
	}
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(names, others))))
	for _, n := range slices.Sorted(maps.Keys(c.Plugins)) {
		if n == ours.Name {
			if err := checkOurs(c); err != nil {
				return nil, err
			}
			continue
		}
		if len(all) > 0 && !slices.Contains(all, n) {
			hint := ""
			if near := config.Nearest(n, all); near != "" {
				hint = ", did you mean " + near + "?"
			}
			return nil, fmt.Errorf("%w: %s: plugins.%s: there is no such plugin%s; there are %s",
				config.ErrConfig, c.Where("plugins."+n), n, hint, strings.Join(all, ", "))
		}
	}
	return slices.DeleteFunc(names, func(n string) bool { return !c.Plugin(n).Enabled }), nil
}

// openPlugin looks at a plugin's file. Its code is read for the sum and not kept:
// a start that has compiled it before needs no more of it.
func openPlugin(files fs.FS, name string) (host.Bundle, error) {
	b := host.Bundle{Name: name}
	name += ".wasm"
	sum, err := sumPlugin(files, name)
	if err != nil {
		return b, fmt.Errorf("read %s: %w", name, err)
	}
	b.SHA256 = sum
	b.Code = func() ([]byte, error) {
		code, err := fs.ReadFile(files, name)
		if err == nil && sha256.Sum256(code) != sum {
			err = errors.New("it was changed while hearth started; start again")
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		return code, nil
	}
	return b, nil
}

func sumPlugin(files fs.FS, name string) (sum [sha256.Size]byte, err error) {
	f, err := files.Open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, host.MaxPlugin+1))
	if err == nil && n > host.MaxPlugin {
		err = fmt.Errorf("%w: it has more than %d bytes", host.ErrTooLarge, host.MaxPlugin)
	}
	h.Sum(sum[:0])
	return sum, err
}

// compile reads and compiles plugins, as many at once as the engine allows. A
// plugin's own error is kept with it.
func compile(ctx context.Context, engine *wasm.Engine, files fs.FS, names []string) []*bundled {
	list := make([]*bundled, len(names))
	var g errgroup.Group
	for i, n := range names {
		b := &bundled{name: n}
		list[i] = b
		g.Go(func() error {
			b.err = b.compile(ctx, engine, files)
			return nil
		})
	}
	_ = g.Wait() // each keeps its own
	return list
}

func (b *bundled) compile(ctx context.Context, engine *wasm.Engine, files fs.FS) error {
	file, err := openPlugin(files, b.name)
	if err != nil {
		return err
	}
	if b.compiled, err = engine.CompileSum(ctx, file.SHA256, file.Code, wasm.Limits{}); err != nil {
		return err
	}
	if _, err := b.manifest.UnmarshalMsg(b.compiled.Manifest()); err != nil {
		return fmt.Errorf("its manifest cannot be read: %w", err)
	}
	if b.manifest.Name != b.name {
		return fmt.Errorf("%s.wasm holds a plugin that calls itself %q; name the file %s.wasm", b.name, b.manifest.Name, b.manifest.Name)
	}
	return nil
}

func release(ctx context.Context, list []*bundled) {
	for _, b := range list {
		if b.compiled != nil {
			_ = b.compiled.Close(ctx) // it has no image, so nothing to wait for
		}
	}
}

// install has the engine take up what its registry says is live, and what this
// hearth brings along. One that cannot run is named in NotReady and holds up no
// other; what is wrong with the config is an error.
func (a *App) install(ctx context.Context) error {
	known, err := a.registered(ctx)
	if err != nil {
		return err
	}
	names, err := enabledPlugins(a.o.Plugins, a.o.Config, known...)
	if err != nil {
		return err
	}
	if len(names)+len(known) == 0 {
		a.log.Warn("no plugins are built: run make build; until then nothing is done about what comes in")
		return nil
	}
	a.log.Info("preparing plugins; the first time this takes a few seconds", "bundled", names, "registered", known)
	begun := time.Now()
	a.wasm.SetWorkers(max(a.o.Workers, runtime.GOMAXPROCS(0))) // no event is handled before they are ready
	defer a.wasm.SetWorkers(a.o.Workers)
	start := host.Start{GrantAll: a.o.GrantAll, Known: a.settings.learn, Skip: func(name string) bool { return !a.o.Config.Plugin(name).Enabled }}
	files := make([]host.Bundle, len(names))
	errs := make([]error, len(names))
	var reading sync.WaitGroup
	for i, n := range names {
		reading.Go(func() { files[i], errs[i] = openPlugin(a.o.Plugins, n) })
	}
	reading.Wait()
	for i, n := range names {
		if errs[i] != nil {
			a.lack(n, errs[i])
			continue
		}
		start.Bundled = append(start.Bundled, files[i])
	}
	list, err := a.engine.Restore(ctx, start)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	for _, done := range list {
		if errors.Is(done.Err, config.ErrConfig) {
			return done.Err
		}
		if done.Err != nil {
			a.lack(done.Name, done.Err)
			continue
		}
		a.ungranted(&done.PluginInfo)
	}
	a.log.Info("plugins are ready", "plugins", len(list)-len(a.state.lacking()), "took", time.Since(begun).Round(time.Millisecond).String())
	return nil
}

// lack notes a plugin that does not run, and why.
func (a *App) lack(name string, err error) {
	a.state.lack(name)
	a.log.Error("plugin could not be installed; the others go on", "plugin", name, "err", err)
}

// options are what the config says of a plugin, held against what the plugin
// says can be set.
func options(c *config.Config, m *abi.Manifest) (host.PluginOptions, error) {
	o := host.PluginOptions{Config: c.Plugin(m.Name).Config}
	if err := host.CheckConfig(m, o.Config); errors.Is(err, host.ErrConfig) {
		return o, fmt.Errorf("%w: %s: %w", config.ErrConfig, c.Where("plugins."+m.Name), err)
	} else if err != nil {
		return o, err
	}
	var err error
	o.Texts, err = wordings(c, m)
	return o, err
}

// ungranted says what a plugin asks for and may not do.
func (a *App) ungranted(p *host.PluginInfo) {
	if len(p.Missing) == 0 {
		return
	}
	var lacks, why []string
	for _, n := range p.Missing {
		name := strings.TrimSpace(n.Cap + " " + n.Param)
		lacks, why = append(lacks, name), append(why, name+": "+n.Reason)
	}
	advice := "if you trust it, start hearth once with --grant-all"
	if len(p.Missing) < len(p.Manifest.Needs) {
		advice = "this version asks for more than the one that was granted; only plugins that were never granted anything can be by --grant-all"
	}
	a.lacks = append(a.lacks, p.Name+": "+strings.Join(lacks, ", "))
	a.log.Warn("plugin may not do all that it asks for, and fails where it tries", "plugin", p.Name, "lacks", why, "what to do", advice)
}

// Manifests compiles the enabled plugins, holds the config against them, and
// returns what they say of themselves, without running anything. cache may be "".
func Manifests(ctx context.Context, files fs.FS, c *config.Config, cache string) ([]abi.Manifest, error) {
	names, err := enabledPlugins(files, c)
	if err != nil {
		return nil, err
	}
	engine, err := wasm.New(wasm.Options{CacheDir: cache})
	if err != nil {
		return nil, err
	}
	defer engine.Close(context.WithoutCancel(ctx))
	list := compile(ctx, engine, files, names)
	defer release(context.WithoutCancel(ctx), list)
	var out []abi.Manifest
	for _, b := range list {
		if b.err == nil {
			_, b.err = options(c, &b.manifest)
		}
		if errors.Is(b.err, config.ErrConfig) {
			return nil, b.err
		}
		if b.err != nil {
			return nil, fmt.Errorf("plugin %s: %w", b.name, b.err)
		}
		out = append(out, b.manifest)
	}
	return out, nil
}
