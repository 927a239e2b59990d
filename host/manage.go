package host

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Grant makes needs what a plugin may do, and nothing else: none takes back all.
// It holds at once for what begins from now on. A reason need not be given with
// them.
func (e *Engine) Grant(ctx context.Context, who audit.Who, name string, needs []abi.Need, why string) error {
	return e.manage(name, func() error {
		clean, err := cleanNeeds(needs)
		if err != nil {
			return err
		}
		e.refreshing.Lock() // what it makes has the grants of what it replaces
		defer e.refreshing.Unlock()
		for turn := 0; ; turn++ {
			err := e.grantOnce(ctx, who, name, clean, why)
			if errors.Is(err, store.ErrConflict) && turn < maxTurns {
				continue
			}
			if err != nil {
				return err
			}
			e.regrant(context.WithoutCancel(ctx), name, clean)
			return nil
		}
	})
}

// manage runs a change of a plugin, alone among those.
func (e *Engine) manage(name string, change func() error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("host: changing plugin %s: %w", name, oneLine(err))
		}
	}()
	end, err := e.changes.begin(name)
	if err != nil {
		return err
	}
	defer end()
	return change()
}

// cleanNeeds are needs that can be granted, none twice.
func cleanNeeds(needs []abi.Need) ([]abi.Need, error) {
	var out []abi.Need
	for _, n := range needs {
		if !slices.Contains(capabilities, n.Cap) {
			return nil, fmt.Errorf("%w: permission %q is unknown", ErrManifest, n.Cap)
		}
		if !slices.ContainsFunc(out, func(o abi.Need) bool { return o.Cap == n.Cap && o.Param == n.Param }) {
			out = append(out, n)
		}
	}
	return out, nil
}

func (e *Engine) grantOnce(ctx context.Context, who audit.Who, name string, needs []abi.Need, why string) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	if known, err := e.hasPlugin(ctx, snap, name); err != nil || !known {
		return errors.Join(err, fmt.Errorf("%w: plugin %s", ErrUnknown, name))
	}
	have, rev, err := e.grantsOf(ctx, snap, name)
	if err != nil {
		return err
	}
	b := new(store.Batch)
	if err := putGrants(b, name, needs, rev); err != nil {
		return err
	}
	if err := e.audit.Put(b, audit.Entry{Who: who, Did: "plugin.grant", On: pluginObject(name), Before: needsText(have), After: needsText(needs), Why: why}); err != nil {
		return err
	}
	_, err = e.store.Commit(ctx, b)
	return err
}

// hasPlugin says whether there is a plugin of that name, in the registry or running.
func (e *Engine) hasPlugin(ctx context.Context, snap store.Snapshot, name string) (bool, error) {
	if e.liveOf(e.plugin(name)) != nil {
		return true, nil
	}
	list, err := registry.Versions(ctx, snap, name)
	return len(list) > 0 && name != "", err
}

// regrant gives the versions that run the grants there are now.
func (e *Engine) regrant(ctx context.Context, name string, g grants) {
	p := e.plugin(name)
	if p == nil {
		return
	}
	for _, v := range p.lineup().all() {
		p.replace(v, v.with(g))
	}
	v := p.version()
	if v == nil {
		return
	}
	if err := e.timers.schedule(ctx, p, v); err != nil {
		e.o.Logger.Error("schedules of a plugin could not be set; the next start does it", "plugin", name, "err", err)
	}
	p.breaker.reset() // it may have failed for want of them
	p.lanes.resume()
}

// Disable has nothing of a plugin run until it is enabled: its events wait, and
// no new ones come to it. A rollout and a silent trial of it end.
func (e *Engine) Disable(ctx context.Context, who audit.Who, name, why string) error {
	return e.manage(name, func() error {
		err := e.decide(ctx, audit.Entry{Who: who, Did: "plugin.disable", On: pluginObject(name), Why: why}, name, func(row *registry.Plugin, _ *store.Batch) error {
			if row.Live == "" {
				return fmt.Errorf("%w: plugin %s has no live version", ErrUnknown, name)
			}
			row.Disabled, row.Rollout, row.RolloutOf, row.Shadow = true, nil, "", ""
			return nil
		})
		if err == nil {
			e.changes.at("disable: committed")
			e.rest(context.WithoutCancel(ctx), name)
		}
		return err
	})
}

// rest has nothing of a plugin run.
func (e *Engine) rest(ctx context.Context, name string) {
	p := e.plugin(name)
	if p == nil {
		return
	}
	was := p.change(func(l *lineup) { *l = lineup{} })
	e.rebuild()
	e.leave(ctx, p, was)
	e.o.Logger.Info("plugin is at rest", "plugin", name)
}

// decide makes one change of what is decided about a plugin, with its record: f
// changes the row, and may add to the batch. It is called again if the row has
// changed meanwhile. What the entry leaves out is filled in.
func (e *Engine) decide(ctx context.Context, entry audit.Entry, name string, f func(row *registry.Plugin, b *store.Batch) error) error {
	for turn := 0; ; turn++ {
		err := e.decideOnce(ctx, entry, name, f)
		if errors.Is(err, store.ErrConflict) && turn < maxTurns {
			continue
		}
		return err
	}
}

func (e *Engine) decideOnce(ctx context.Context, entry audit.Entry, name string, f func(row *registry.Plugin, b *store.Batch) error) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	row, err := registry.PluginOf(ctx, snap, name)
	if err = errors.Join(err, snap.Close()); err != nil {
		return err
	}
	before := e.liveText(ctx, &row) // before f: it may remove what is named
	b := new(store.Batch)
	if err := f(&row, b); err != nil {
		return err
	}
	if err := row.Put(b); err != nil {
		return err
	}
	def(&entry.On, pluginObject(name))
	if entry.Before == "" && entry.After == "" {
		entry.Before, entry.After = before, e.liveText(ctx, &row)
	}
	if err := e.audit.Put(b, entry); err != nil {
		return err
	}
	_, err = e.store.Commit(ctx, b)
	return err
}

// liveText says for the record what is live, and whether it runs.
func (e *Engine) liveText(ctx context.Context, row *registry.Plugin) string {
	live := e.nameOf(ctx, row.Name, row.Live)
	if row.Disabled {
		live += ", disabled"
	}
	return live
}

// Remove removes a version that does not run, or with the sha "" a whole plugin
// that is disabled: all its versions and permissions go. What runs is not removed:
// ErrInUse. The plugin's rows and what waits for it stay, for the day on which it
// comes again; what is bundled is not made live by itself any more.
func (e *Engine) Remove(ctx context.Context, who audit.Who, name, sha, why string) error {
	return e.manage(name, func() error {
		entry := audit.Entry{Who: who, Did: "plugin.remove", On: pluginObject(name), Why: why}
		if sha != "" {
			return e.removeVersion(ctx, entry, name, sha)
		}
		return e.removePlugin(ctx, entry, name)
	})
}

func (e *Engine) removeVersion(ctx context.Context, entry audit.Entry, name, sha string) error {
	v, err := e.versionRow(ctx, name, sha)
	if err != nil {
		return err
	}
	entry.Before = versionText(v.Version, sha)
	err = e.decide(ctx, entry, name, func(row *registry.Plugin, b *store.Batch) error {
		if slices.Contains(row.Runs(), sha) {
			return fmt.Errorf("%w: version %.12s of plugin %s; make another one live, or end its rollout or trial, first", ErrInUse, sha, name)
		}
		row.Forgo(v)
		v.Check(b)
		registry.Drop(b, v)
		return nil
	})
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("%w: version %.12s of plugin %s is gone", ErrUnknown, sha, name)
	}
	if err != nil {
		return err
	}
	if kept := e.changes.readyNow(name, sha); kept != nil {
		e.changes.keep(name, nil)
		return kept.close(context.WithoutCancel(ctx))
	}
	return nil
}

func (e *Engine) versionRow(ctx context.Context, name, sha string) (registry.Version, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return registry.Version{}, err
	}
	defer snap.Close()
	v, err := registry.VersionOf(ctx, snap, name, sha)
	return v, unknown(err)
}

func (e *Engine) removePlugin(ctx context.Context, entry audit.Entry, name string) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	list, err := registry.Versions(ctx, snap, name)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: plugin %s", ErrUnknown, name)
	}
	if err = errors.Join(err, snap.Close()); err != nil {
		return err
	}
	err = e.decide(ctx, entry, name, func(row *registry.Plugin, b *store.Batch) error {
		if row.Live != "" && !row.Disabled {
			return fmt.Errorf("%w: plugin %s handles events; disable it first", ErrInUse, name)
		}
		for _, v := range list {
			v.Check(b)
		}
		registry.Drop(b, list...)
		*row = registry.Plugin{Name: row.Name, Rev: row.Rev, Removed: true, Bundled: row.Bundled}
		b.Delete(kGrant.Join(name))
		return nil
	})
	if err != nil {
		return err
	}
	e.changes.at("remove: committed")
	e.rest(context.WithoutCancel(ctx), name)
	if kept := e.changes.keep(name, nil); kept != nil {
		return kept.close(context.WithoutCancel(ctx))
	}
	return nil
}
