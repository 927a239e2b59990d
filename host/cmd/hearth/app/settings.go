package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/settings"
	"github.com/hearthbot/hearth/sdk/abi"
)

// A setting is what the file says, or else what is stored, or else its default.
//
//	hearth.toml ──────────────────────────┐
//	store ─► Overlay ─► plugins' schemas ─┴─► situation ─► engine, plugins, platforms
//
// board is where all of that is known and changed. What is stored and cannot be
// used is named, and its default holds: nothing that is stored keeps hearth from
// starting.
type board struct {
	app     *App
	file    *config.Config           // and what flags set: this cannot be changed
	plugins atomic.Pointer[[]string] // that there are files or versions of, enabled or not
	stored  *settings.Settings
	turn    chan struct{}                 // holds one token: one change at a time
	started atomic.Pointer[config.Config] // what held at the start, and does for what works at the next
	now     atomic.Pointer[situation]
}

// situation is what is set at one moment. It is never changed, only replaced.
type situation struct {
	config    *config.Config            // that holds
	values    map[string]settings.Value // that are stored
	plain     map[string]json.RawMessage
	faults    map[string]error // of what is stored and not used
	manifests map[string]*abi.Manifest
}

// openSettings reads what is stored. From here on a.o.Config is what hearth is
// started with, and a.conf what holds.
func (a *App) openSettings(ctx context.Context) error {
	names, err := ListPlugins(a.o.Plugins)
	if err != nil {
		return fmt.Errorf("list the plugins: %w", err)
	}
	known, err := a.registered(ctx)
	if err != nil {
		return err
	}
	names = slices.Compact(slices.Sorted(slices.Values(slices.Concat(names, known))))
	key := settings.NewKey(a.data, os.Getenv(settings.KeyVariable))
	b := &board{app: a, file: a.o.Config, stored: settings.New(a.store, a.audit, key, nil), turn: make(chan struct{}, 1)}
	b.plugins.Store(&names)
	s, err := b.read(ctx, nil)
	if err != nil {
		return err
	}
	b.now.Store(s)
	b.started.Store(s.config)
	a.settings, a.o.Config = b, s.config
	a.access = access.New(access.Options{Store: a.store, Audit: a.audit, Admin: a.token, Session: s.config.Access.Session})
	return nil
}

// conf is the config that holds.
func (a *App) conf() *config.Config { return a.settings.now.Load().config }

// learn takes in what the plugins say of themselves, against which what is
// stored for them can now be held, and says what is wrong with any of it.
func (b *board) learn(ctx context.Context, list []abi.Manifest) error {
	manifests := map[string]*abi.Manifest{}
	for i := range list {
		manifests[list[i].Name] = &list[i]
	}
	s, err := b.read(ctx, manifests)
	if err != nil {
		return err
	}
	b.now.Store(s)
	b.started.Store(s.config)
	b.app.o.Config = s.config
	for _, key := range slices.Sorted(maps.Keys(s.faults)) {
		b.app.log.Warn("a stored setting cannot be used; its default holds", "setting", key, "why", s.faults[key],
			"what to do", "set it anew on the page of settings, or with `hearth config import`")
	}
	return nil
}

// options are what is set of a plugin, for a version of it that may take other
// settings than the one that runs: what is stored and does not fit it is left
// out, what the file says and does not is an error.
func (b *board) options(m *abi.Manifest) (host.PluginOptions, error) {
	return options(b.with(m).config, m)
}

// with is the situation with that version of a plugin.
func (b *board) with(m *abi.Manifest) *situation {
	s := b.now.Load()
	if have := s.manifests[m.Name]; have != nil && reflect.DeepEqual(have, m) {
		return s
	}
	manifests := maps.Clone(s.manifests)
	if manifests == nil {
		manifests = map[string]*abi.Manifest{}
	}
	manifests[m.Name] = m
	next := b.situation(s.plain, manifests)
	next.values = s.values
	return next
}

// live takes in what another version says of itself that has become live.
func (b *board) live(ctx context.Context, m *abi.Manifest) {
	leave, err := b.enter(ctx)
	if err != nil {
		return // hearth stops
	}
	defer leave()
	if !slices.Contains(b.names(), m.Name) {
		names := append(slices.Clone(b.names()), m.Name)
		slices.Sort(names)
		b.plugins.Store(&names)
	}
	b.now.Store(b.with(m))
}

// names are the plugins there are, enabled or not.
func (b *board) names() []string { return *b.plugins.Load() }

// read is the situation by what is stored now.
func (b *board) read(ctx context.Context, manifests map[string]*abi.Manifest) (*situation, error) {
	all, err := b.stored.All(ctx)
	if err != nil {
		return nil, err
	}
	values, plain := map[string]settings.Value{}, map[string]json.RawMessage{}
	unreadable := map[string]error{}
	for _, v := range all {
		values[v.Key] = v
		if !v.Secret {
			plain[v.Key] = v.JSON
			continue
		}
		text, err := b.stored.Reveal(v)
		if err != nil {
			unreadable[v.Key] = config.Say("%v", "无法读取：加密密钥不对。请恢复原来的密钥，或重新设置这一项（%v）", err)
			continue
		}
		if plain[v.Key], err = json.Marshal(text); err != nil {
			return nil, fmt.Errorf("read %s: %w", v.Key, err)
		}
	}
	s := b.situation(plain, manifests)
	s.values = values
	maps.Copy(s.faults, unreadable)
	return s, nil
}

// situation is what holds with these values stored. It does not know the values'
// authors.
func (b *board) situation(plain map[string]json.RawMessage, manifests map[string]*abi.Manifest) *situation {
	s := &situation{plain: plain, faults: map[string]error{}, manifests: manifests}
	use := maps.Clone(plain)
	for key := range plain {
		_, _, wording := config.TextOf(key)
		switch p := config.PluginOf(key); {
		case p == ours.Name && !wording:
			s.fault(use, key, errOurs)
		case p != "" && p != ours.Name && len(b.names()) > 0 && !slices.Contains(b.names(), p):
			s.fault(use, key, config.Say("there is no plugin %s", "没有插件 %s", p))
		}
	}
	for {
		c, faults := b.file.Overlay(use)
		for _, f := range faults {
			s.fault(use, f.Key, f.Err)
		}
		found := len(faults) > 0
		all := []*abi.Manifest{&ours}
		for _, name := range slices.Sorted(maps.Keys(manifests)) {
			all = append(all, manifests[name])
		}
		for _, m := range all {
			for key, err := range b.misfits(c, m, use) {
				s.fault(use, key, err)
				found = true
			}
		}
		if s.config = c; !found {
			return s
		}
	}
}

func (s *situation) fault(use map[string]json.RawMessage, key string, err error) {
	s.faults[key] = err
	delete(use, key)
}

// misfits are the stored settings of a plugin that its manifest does not allow,
// with why.
func (b *board) misfits(c *config.Config, m *abi.Manifest, use map[string]json.RawMessage) map[string]error {
	out := map[string]error{}
	var own []string // of the schema's
	for key := range use {
		text, locale, is := config.TextOf(key)
		switch {
		case config.PluginOf(key) != m.Name || b.file.Where(key) != "":
		case is:
			if err := wordingFits(m, text, c.Plugin(m.Name).Texts[text][locale]); err != nil {
				out[key] = err
			}
		case !c.IsSecret(key) && key != "plugins."+m.Name+".enabled":
			own = append(own, key)
		}
	}
	err := host.CheckConfig(m, c.Plugin(m.Name).Config)
	if err == nil || len(own) == 0 {
		return out
	}
	// Which of them? Each is tried with what the file says alone.
	for _, key := range own {
		alone, _ := b.file.Overlay(map[string]json.RawMessage{key: use[key]})
		if err := host.CheckConfig(m, alone.Plugin(m.Name).Config); err != nil {
			out[key] = schemaSays(err)
		}
	}
	if len(out) == 0 && host.CheckConfig(m, b.file.Plugin(m.Name).Config) == nil {
		for _, key := range own { // they do not go together
			out[key] = schemaSays(err)
		}
	}
	return out
}

func schemaSays(err error) error {
	return config.Say("the plugin does not take it: %v", "插件不接受这个值：%v", misfits(err))
}

// tuning is what of a config changes the engine while it runs.
func tuning(c *config.Config) host.Tuning {
	return host.Tuning{
		Community:  host.Community{Name: c.Community.Name, Locale: c.Community.Locale, TimeZone: c.Community.TimeZone, Managers: c.Community.Managers},
		Measure:    measureOf(c),
		Policy:     host.Policy{QuietFrom: c.Policy.QuietFrom, QuietTo: c.Policy.QuietTo, DailyCap: c.Policy.DailyCap, Expiry: c.Policy.Expiry},
		Journal:    host.Journal{MaxRows: c.Journal.MaxRows, MaxAge: c.Journal.MaxAge},
		Retries:    host.Retries{Delays: c.Retries.Delays, Deliveries: c.Retries.Deliveries},
		Keep:       host.Keep{Audit: c.Privacy.Audit, Seen: c.Privacy.Seen, Sent: c.Privacy.Sent, Buttons: c.Privacy.Buttons, Track: c.Privacy.Track, Versions: c.Registry.Keep},
		MaxBacklog: c.Limits.Backlog, MaxOutbox: c.Limits.Outbox, MaxTimers: c.Limits.Timers,
		HouseTexts: ourTexts(c),
	}
}

// measureOf is what of a config says what is measured.
func measureOf(c *config.Config) host.Measure {
	m := c.Analytics.Measure()
	return host.Measure{Active: m.Active, Funnel: m.Funnel, Window: m.Window, Metrics: m.Metrics}
}

// errBusy says that settings cannot be changed at this moment.
var errBusy = errors.New("hearth is starting or stopping; settings can be changed when it runs")

// enter waits for one's turn to change something; leave ends it.
func (b *board) enter(ctx context.Context) (leave func(), err error) {
	select {
	case b.turn <- struct{}{}:
		return func() { <-b.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// forget takes a person out of what is stored, and has what is left hold. What
// stands in hearth.toml is whose file that is to change; see named.
func (b *board) forget(ctx context.Context, p audit.Person) (int, error) {
	leave, err := b.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	if !b.app.state.is(running) {
		return 0, fmt.Errorf("%w: %w", chat.ErrBusy, errBusy)
	}
	n, err := b.stored.Forget(ctx, p)
	if n == 0 || err != nil {
		return n, err
	}
	was := b.now.Load()
	next, err := b.read(ctx, was.manifests)
	if err != nil {
		return n, err
	}
	if err := b.use(ctx, was, next); err != nil {
		// It is stored, so it holds at the next start at the latest.
		b.app.log.Error("settings that named a member who is forgotten are stored without them, and could not be put to use", "err", err)
	}
	return n, nil
}

// named are the settings of the config's file that name a person, each with where
// it stands.
func (b *board) named(p audit.Person) (out []string) {
	s := b.now.Load()
	for _, k := range b.list(s) {
		if where := b.file.Where(k.Name); where != "" && p.In(k.Value) {
			out = append(out, k.Name+" ("+where+")")
		}
	}
	return out
}
