package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// maxPlugin is how many bytes a plugin's file may have.
const maxPlugin = 64 << 20

// bundled is a plugin's file, before it is installed.
type bundled struct {
	name     string
	code     []byte
	compiled *wasm.Plugin // held, so that installing it compiles nothing again
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

// enabledPlugins are the names in files that the config does not leave out. A
// table for a plugin that is not there is an error: it would do nothing.
func enabledPlugins(files fs.FS, c *config.Config) ([]string, error) {
	names, err := ListPlugins(files)
	if err != nil {
		return nil, fmt.Errorf("list the plugins: %w", err)
	}
	for _, n := range slices.Sorted(maps.Keys(c.Plugins)) {
		if n == ours.Name {
			if err := checkOurs(c); err != nil {
				return nil, err
			}
			continue
		}
		if len(names) > 0 && !slices.Contains(names, n) {
			hint := ""
			if near := config.Nearest(n, names); near != "" {
				hint = ", did you mean " + near + "?"
			}
			return nil, fmt.Errorf("%w: %s: plugins.%s: there is no such plugin%s; there are %s",
				config.ErrConfig, c.Where("plugins."+n), n, hint, strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(names, func(n string) bool { return !c.Plugin(n).Enabled }), nil
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
	file := b.name + ".wasm"
	info, err := fs.Stat(files, file)
	if err == nil && info.Size() > maxPlugin {
		return fmt.Errorf("%s has %d bytes, at most %d", file, info.Size(), maxPlugin)
	}
	if err == nil {
		b.code, err = fs.ReadFile(files, file)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	if b.compiled, err = engine.Compile(ctx, b.code, wasm.Limits{}); err != nil {
		return err
	}
	if _, err := b.manifest.UnmarshalMsg(b.compiled.Manifest()); err != nil {
		return fmt.Errorf("its manifest cannot be read: %w", err)
	}
	if b.manifest.Name != b.name {
		return fmt.Errorf("%s holds a plugin that calls itself %q; name the file %s.wasm", file, b.manifest.Name, b.manifest.Name)
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

// install puts the plugins into the engine. One that cannot be installed is
// named in NotReady and holds up no other; what is wrong with the config is an
// error.
func (a *App) install(ctx context.Context) error {
	names, err := enabledPlugins(a.o.Plugins, a.o.Config)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		a.log.Warn("no plugins are built: run make build; until then nothing is done about what comes in")
		return nil
	}
	a.log.Info("preparing plugins; the first time this takes a few seconds", "plugins", names)
	begun := time.Now()
	list := compile(ctx, a.wasm, a.o.Plugins, names)
	defer release(context.WithoutCancel(ctx), list)

	if err := a.settings.learn(ctx, list); err != nil {
		return err
	}
	var sound []*bundled
	var todo []host.Installation
	for _, b := range list {
		if b.err == nil {
			var o host.PluginOptions
			if o, b.err = b.options(a.o.Config); b.err == nil {
				o.GrantAll = a.o.GrantAll
				sound, todo = append(sound, b), append(todo, host.Installation{Code: b.code, Options: o})
			}
		}
		if errors.Is(b.err, config.ErrConfig) {
			return b.err
		}
	}
	for i, done := range a.engine.InstallAll(ctx, todo) {
		if sound[i].err = done.Err; done.Err == nil {
			a.ungranted(&done.PluginInfo)
		}
	}
	for _, b := range list {
		if errors.Is(b.err, config.ErrConfig) {
			return b.err
		}
		if b.err != nil {
			if ctx.Err() != nil {
				return nil
			}
			a.state.lack(b.name)
			a.log.Error("plugin could not be installed; the others go on", "plugin", b.name, "err", b.err)
		}
	}
	a.log.Info("plugins are ready", "plugins", len(names)-len(a.state.lacking()), "took", time.Since(begun).Round(time.Millisecond).String())
	return nil
}

// options are what the config says of the plugin, held against what the plugin
// says can be set.
func (b *bundled) options(c *config.Config) (host.PluginOptions, error) {
	o := host.PluginOptions{Config: c.Plugin(b.name).Config}
	if err := host.CheckConfig(&b.manifest, o.Config); errors.Is(err, host.ErrConfig) {
		return o, fmt.Errorf("%w: %s: %w", config.ErrConfig, c.Where("plugins."+b.name), err)
	} else if err != nil {
		return o, err
	}
	var err error
	o.Texts, err = wordings(c, &b.manifest)
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
			_, b.err = b.options(c)
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
