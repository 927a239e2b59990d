package host

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Promote makes a version of the registry the live one of its plugin. Whatever
// can fail comes first: its permissions (ErrMissingGrants), its gate (ErrGate),
// its image under the present config, the rows that another state version needs.
// Then one batch says so, and one change of a pointer does it: calls that are
// under way end on the version that was. That stays ready for Rollback. A rollout
// of the plugin ends. A version that is live is left as it is.
func (e *Engine) Promote(ctx context.Context, who audit.Who, name, sha, why string, o PromoteOptions) (VersionInfo, error) {
	return e.makeLive(ctx, name, &liveChange{
		entry: audit.Entry{Who: who, Did: "plugin.promote", Why: why}, grant: o.Grant, gate: o.Gate,
		choose: func(row *registry.Plugin) error {
			row.Promote(sha)
			row.Disabled = false
			return nil
		},
	})
}

// Rollback makes live what was before, without a question about permissions: it
// has run. Another Rollback goes back further; ErrNothingBefore ends that.
func (e *Engine) Rollback(ctx context.Context, who audit.Who, name, why string) (VersionInfo, error) {
	return e.makeLive(ctx, name, &liveChange{
		entry: audit.Entry{Who: who, Did: "plugin.rollback", Why: why}, lenient: true,
		choose: func(row *registry.Plugin) error {
			if !row.RollBack() {
				return fmt.Errorf("%w: plugin %s", ErrNothingBefore, name)
			}
			row.Disabled = false
			return nil
		},
	})
}

// Enable has the live version of a plugin run again that was disabled.
func (e *Engine) Enable(ctx context.Context, who audit.Who, name, why string) (VersionInfo, error) {
	return e.makeLive(ctx, name, &liveChange{
		entry: audit.Entry{Who: who, Did: "plugin.enable", Why: why}, lenient: true,
		choose: func(row *registry.Plugin) error {
			if row.Live == "" {
				return fmt.Errorf("%w: plugin %s has no live version; make one live", ErrUnknown, name)
			}
			row.Disabled = false
			return nil
		},
	})
}

// liveChange is a change after which some version is live.
type liveChange struct {
	entry   audit.Entry                      // without object, before and after
	choose  func(row *registry.Plugin) error // sets what is live
	grant   bool                             // what the version lacks
	first   bool                             // likewise, if the plugin was never granted or refused anything
	lenient bool                             // runs without what it lacks
	gate    *Gate
	made    *version                   // of the version that will be live, if there is one; closed if it is not used
	put     func(b *store.Batch) error // what else goes into the batch; nil is nothing
	sha     string                     // which version that came to
}

// makeLive carries a liveChange out, alone among the changes of its plugin.
func (e *Engine) makeLive(ctx context.Context, name string, c *liveChange) (VersionInfo, error) {
	if err := e.manage(name, func() error { return e.turnOver(ctx, name, c) }); err != nil {
		return VersionInfo{}, err
	}
	if v := e.liveOf(e.plugin(name)); e.o.Live != nil && v != nil {
		e.o.Live(ctx, &v.manifest)
	}
	_ = e.refresh(ctx) // logged; others are told of the commands there are now
	return e.Version(ctx, name, c.sha)
}

// turnState is what a change of a plugin is decided by, read at one moment.
type turnState struct {
	row      registry.Plugin  // as it will be
	was      registry.Plugin  // as it is
	version  registry.Version // that is to be live
	manifest abi.Manifest
	grants   grants
	granted  store.Rev
}

// readTurn reads what a liveChange is decided by, and has it decide.
func (e *Engine) readTurn(ctx context.Context, name string, c *liveChange) (*turnState, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	t := new(turnState)
	if t.row, err = registry.PluginOf(ctx, snap, name); err != nil {
		return nil, err
	}
	t.was = t.row
	if err := c.choose(&t.row); err != nil {
		return nil, err
	}
	if t.version, err = registry.VersionOf(ctx, snap, name, t.row.Live); err != nil {
		return nil, unknown(err)
	}
	if _, err := t.manifest.UnmarshalMsg(t.version.Manifest); err != nil {
		return nil, fmt.Errorf("its stored manifest: %w", err)
	}
	t.grants, t.granted, err = e.grantsOf(ctx, snap, name)
	return t, err
}

// turnOver makes the version live that c chooses. The caller sees to it that
// nobody else changes the plugin meanwhile; rows that change all the same have it
// begin anew.
func (e *Engine) turnOver(ctx context.Context, name string, c *liveChange) (err error) {
	next := c.made
	defer func() {
		if err != nil && next != nil {
			err = errors.Join(err, e.discard(ctx, name, next))
		}
	}()
	for turn := 0; ; turn++ {
		t, err := e.readTurn(ctx, name, c)
		if err != nil {
			return err
		}
		c.sha = t.row.Live
		p := e.plugin(name)
		if v := e.liveOf(p); v != nil && v.sha == t.row.Live && t.was.Live == t.row.Live && !t.was.Disabled && c.put == nil {
			return nil // it is live
		}
		missing := t.grants.missing(t.manifest.Needs)
		grant := c.grant && len(missing) > 0 || c.first && t.granted == 0
		if len(missing) > 0 && !grant && !c.lenient {
			return missingGrants(name, &t.manifest, missing)
		}
		if err := e.claimCommands(&t.manifest); err != nil {
			return err
		}
		if p == nil {
			if p, err = e.newPlugin(ctx, name); err != nil {
				return err
			}
		}
		if next != nil && next.sha != t.row.Live { // the row has changed meanwhile
			if err := e.discard(ctx, name, next); err != nil {
				return err
			}
			next = nil
		}
		if next == nil {
			if next, err = e.ready(ctx, p, &t.version); err != nil {
				return err
			}
		}
		e.changes.at("live: ready")
		if c.gate != nil {
			if _, err := e.gate(ctx, next, c.gate); err != nil {
				return err
			}
			c.gate = nil // once is enough
		}
		if grant {
			t.grants = withAll(t.grants, missing)
		}
		if p.has(next) || e.changes.readyNow(name, next.sha) == next {
			next = next.with(t.grants) // its calls have the grants they began with
		} else {
			next.grants = t.grants
		}
		t.row.Rollout, t.row.RolloutOf = nil, ""
		if t.row.Shadow == t.row.Live || p.space.Load().state != next.manifest.State() { // it would read rows that are not its own
			t.row.Shadow = ""
		}
		was, err := e.commitTurn(ctx, p, next, t, c, grant)
		if errors.Is(err, store.ErrConflict) && turn < maxTurns {
			continue
		}
		if err != nil {
			return err
		}
		e.changes.at("live: swapped")
		e.settle(context.WithoutCancel(ctx), p, next, was)
		return nil
	}
}

// commitTurn writes what t has come to, in one batch, and has next run. It
// returns what ran before. Rows that next could not read are moved first.
func (e *Engine) commitTurn(ctx context.Context, p *plugin, next *version, t *turnState, c *liveChange, grant bool) (was *lineup, err error) {
	put := func(b *store.Batch) error {
		entry := c.entry
		entry.On = pluginObject(p.name)
		entry.Before = e.liveText(ctx, &t.was)
		entry.After = versionText(t.version.Version, t.version.SHA256)
		t.version.Check(b)
		if err := t.row.Put(b); err != nil {
			return err
		}
		if grant {
			entry.After += ", granted " + needsText(t.grants)
			if err := putGrants(b, p.name, t.grants, t.granted); err != nil {
				return err
			}
		} else {
			b.Check(kGrant.Join(p.name), t.granted)
		}
		if c.put != nil {
			if err := c.put(b); err != nil {
				return err
			}
		}
		return e.audit.Put(b, entry)
	}
	live := func() {
		e.changes.at("live: committed")
		was = e.enter(p, next)
	}
	err = e.changeover(ctx, p, p.version(), next, put, live)
	return was, err
}

// nameOf names a version for the record; "" if there is none.
func (e *Engine) nameOf(ctx context.Context, name, sha string) string {
	if sha == "" {
		return ""
	}
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return sha
	}
	defer snap.Close()
	v, err := registry.VersionOf(ctx, snap, name, sha)
	if err != nil {
		return sha
	}
	return versionText(v.Version, sha)
}

// withAll are grants and those that were missing.
func withAll(g grants, missing []abi.Need) grants {
	return append(slices.Clone(g), missing...)
}

func (e *Engine) liveOf(p *plugin) *version {
	if p == nil {
		return nil
	}
	return p.version()
}

// ready returns a version of the registry as it can run at once, under what is
// set of its plugin now: the one that runs beside the live one, or is kept, if
// nothing has changed since; else its code is compiled (or was, and is in the
// cache) and its image taken. Whoever has no use for it calls discard.
func (e *Engine) ready(ctx context.Context, p *plugin, v *registry.Version) (*version, error) {
	var m abi.Manifest
	if _, err := m.UnmarshalMsg(v.Manifest); err != nil {
		return nil, fmt.Errorf("its stored manifest: %w", err)
	}
	if e.changes.guest != nil {
		if g := e.changes.guest(v, &m); g != nil {
			return &version{manifest: m, sha: v.SHA256, guest: g}, nil
		}
	}
	o, err := e.optionsOf(&m)
	if err != nil {
		return nil, err
	}
	age := p.aged.Load()
	there := e.changes.readyNow(p.name, v.SHA256)
	if there == nil {
		for _, r := range p.lineup().all() {
			if r.sha == v.SHA256 {
				there = r
			}
		}
	}
	if there != nil {
		setup, err := e.setup(ctx, &m, o, nil)
		if err != nil {
			return nil, err
		}
		if digest(setup) == there.config {
			return there, nil
		}
	}
	code, sum, err := e.codeOf(ctx, v.SHA256)
	if err != nil {
		return nil, err
	}
	n, err := e.compile(ctx, sum, given(code))
	if err != nil {
		return nil, err
	}
	made, err := e.image(ctx, n.compiled, &n.manifest, o, nil)
	if err != nil {
		return nil, errors.Join(err, n.compiled.Close(context.WithoutCancel(ctx)))
	}
	made.age.Store(age)
	return made, nil
}

// codeOf reads code from the registry, whose SHA-256 that looks at.
func (e *Engine) codeOf(ctx context.Context, sha string) (code []byte, sum [32]byte, err error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, sum, err
	}
	defer snap.Close()
	if code, err = registry.ReadCode(ctx, snap, sha); err != nil {
		return nil, sum, unknown(err)
	}
	_, err = hex.Decode(sum[:], []byte(sha))
	return code, sum, err
}

// discard closes a version that ready returned, unless it runs or is kept.
func (e *Engine) discard(ctx context.Context, name string, v *version) error {
	if e.holds(name, v.compiled) {
		return nil
	}
	return v.close(context.WithoutCancel(ctx))
}

// enter has v run as the live version, which rows say already, and returns what
// ran before.
func (e *Engine) enter(p *plugin, v *version) (was *lineup) {
	if v.same(e.changes.readyNow(p.name, v.sha)) {
		e.changes.keep(p.name, nil)
	}
	was = p.change(func(l *lineup) { l.promote(v) })
	e.rebuild()
	e.mu.RLock()
	run := e.run
	e.mu.RUnlock()
	if run != nil {
		p.lanes.start(run) // does nothing if they run
	}
	p.breaker.reset()
	p.lanes.resume()
	return was
}

// settle does what comes after enter and may take its time.
func (e *Engine) settle(ctx context.Context, p *plugin, v *version, was *lineup) {
	if err := e.timers.schedule(ctx, p, v); err != nil {
		e.o.Logger.Error("schedules of a plugin could not be set; the next start does it", "plugin", p.name, "err", err)
	}
	e.leave(ctx, p, was)
	e.o.Logger.Info("plugin is live", "plugin", p.name, "version", v.manifest.Version, "sha256", v.sha)
}

// same says whether v and w are one module in memory, with one image or two.
func (v *version) same(w *version) bool {
	return v == w || w != nil && v.compiled != nil && v.compiled == w.compiled
}

// holds says whether the module of v runs.
func (l *lineup) holds(v *version) bool { return slices.ContainsFunc(l.all(), v.same) }

// leave closes the versions of a former lineup that do not run any more, when
// their last call has ended; the one that was live is kept.
func (e *Engine) leave(ctx context.Context, p *plugin, was *lineup) {
	e.trialsOver(p, was)
	for _, old := range was.all() {
		if p.lineup().holds(old) {
			continue
		}
		if old == was.live {
			if old = e.changes.keep(p.name, old); old == nil {
				continue
			}
		}
		if err := old.close(ctx); err != nil {
			e.o.Logger.Warn("old version did not close cleanly", "plugin", p.name, "err", err)
		}
	}
}
