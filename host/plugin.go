package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// guest is one version of a plugin, ready to be called: a *wasm.Image, or in
// the engine's own tests a Go function.
type guest interface {
	Call(ctx context.Context, c wasm.Call) (wasm.Result, error)
	Close() error
}

// plugin is a name under which versions come and go.
type plugin struct {
	name    string
	runs    atomic.Pointer[lineup] // which versions; see lineup
	lanes   *lanes
	breaker *breaker

	rolledOut atomic.Pointer[RolloutState] // the last rollout that has ended
	calls     chan struct{}                // one for each event in the sandbox

	// Invocations read their snapshot and commit under alone's read lock. One
	// that met conflicts too often takes the write lock, and meets none.
	alone sync.RWMutex
	hold  atomic.Pointer[held] // nil unless no work is to begin

	space   atomic.Pointer[space]     // where its rows are; changed under alone
	copying atomic.Pointer[migration] // that is under way
	moved   atomic.Pointer[MigrationState]

	failing    atomic.Bool  // the last attempt failed
	aged       atomic.Int64 // how often rows that are part of the image have changed
	stateBytes atomic.Int64 // of its rows, about
	timers     atomic.Int64
	names      trackNames
	pulse      pulse // of the last hour
}

// version is a plugin as it runs: code, config, grants.
type version struct {
	manifest abi.Manifest
	sha      string // of the code, hex
	config   string // sha256 of what warm was given, hex
	grants   grants
	guest    guest

	age atomic.Int64 // what the plugin's aged was when the image was taken, at least

	// What the image was made of, to make it anew; nil for a Go function.
	compiled *wasm.Plugin
	options  PluginOptions
}

// close releases the version once its last call has ended.
func (v *version) close(ctx context.Context) error {
	err := v.guest.Close()
	if v.compiled != nil {
		err = errors.Join(err, v.compiled.Close(ctx))
	}
	return err
}

// PluginInfo describes a plugin that is installed.
type PluginInfo struct {
	Name     string
	Version  string
	SHA256   string
	Manifest abi.Manifest
	Missing  []abi.Need // asked for and not granted
	Breaker  string     // closed, half-open or open
	Waiting  int        // events
}

// PluginOptions say how a plugin is installed.
type PluginOptions struct {
	Config []byte        // JSON; what it leaves out is the manifest's default
	Texts  []abi.TextDef // wordings that replace the plugin's own

	// GrantAll grants what the manifest asks for if nothing was granted or
	// refused to this plugin before. The bundled plugins are installed so.
	GrantAll bool
}

var pluginName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// ErrManifest says that what describe returned cannot be installed.
var ErrManifest = errors.New("host: the plugin's manifest is not acceptable")

// newPlugin adds a plugin that has no version yet, with the rows that wait for
// it in its lanes.
func (e *Engine) newPlugin(ctx context.Context, name string) (*plugin, error) {
	p := &plugin{name: name, calls: make(chan struct{}, e.o.Sandboxes)}
	p.pulse.began = e.clock.Now()
	p.breaker = newBreaker(e.tuned().Retries)
	p.lanes = newLanes(e.clock, maxLanes, func(lane string, seq uint64) turn { return e.handle(p, lane, seq) })
	if err := e.measurePlugin(ctx, p); err != nil {
		return nil, err
	}
	there, running := e.enrol(p)
	if there != p || !running { // else Run finds them
		return there, nil
	}
	if err := e.recoverPlugin(ctx, p); err != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.plugins, name)
		return nil, err
	}
	return p, nil
}

// enrol makes a plugin known by its name, unless one is, which it returns; and says
// whether the engine runs. What comes for it from now on waits in its lanes, so
// older rows are looked for after that: nothing falls between.
func (e *Engine) enrol(p *plugin) (known *plugin, running bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if there := e.plugins[p.name]; there != nil {
		return there, false
	}
	p.breaker.tune(e.tuned().Retries) // Reconfigure has seen to those it found in the list
	e.plugins[p.name] = p
	return p, e.run != nil
}

// maxLanes is how many lanes of one plugin are under way at once: most of that
// time a lane waits for its commit, and many commits share one write to disk.
const maxLanes = 512

// rebuild makes the routing table of what is live.
func (e *Engine) rebuild() {
	e.mu.Lock()
	defer e.mu.Unlock()
	plugins, _ := e.list()
	var ms []*abi.Manifest
	for _, p := range plugins {
		if v := p.version(); v != nil {
			ms = append(ms, &v.manifest)
		}
	}
	e.table.Store(newTable(ms))
}

// mergeConfig lays the given config over the manifest's defaults and checks it.
func mergeConfig(m *abi.Manifest, given []byte) ([]byte, error) {
	merged := map[string]json.RawMessage{}
	for _, layer := range []struct {
		name string
		doc  []byte
	}{{"default config", m.Defaults}, {"config", given}} {
		if len(layer.doc) == 0 {
			continue
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(layer.doc, &fields); err != nil {
			return nil, fmt.Errorf("%s of plugin %s: %w", layer.name, m.Name, err)
		}
		for k, v := range fields {
			merged[k] = v
		}
	}
	out, err := json.Marshal(merged)
	if err != nil {
		return nil, fmt.Errorf("config of plugin %s: %w", m.Name, err)
	}
	if err := checkConfig(m, out); err != nil {
		return nil, err
	}
	return out, nil
}

// warmups are events handled before the image is taken, so that what a Go
// program builds at first use is in it.
func warmups() [][]byte { return [][]byte{selfTestCall(), selfTestCall()} }

var selfTestEvent = abi.Event{ID: "warm-up", Source: "hearth", Kind: abi.SelfTest}

func selfTestCall() []byte {
	in, err := (&abi.Call{Event: selfTestEvent, Seed: 1}).MarshalMsg(nil)
	if err != nil {
		panic(err) // it is always the same
	}
	return in
}

// ErrSelfTest says that a version failed an event that is there to be failed by
// nobody.
var ErrSelfTest = errors.New("host: the plugin fails its self-test")

// selfTest has a version handle an event that asks for nothing, before it is
// made live. Its rows are not there, and what it returns is thrown away.
func selfTest(ctx context.Context, g guest) error {
	if err := try(ctx, g, &abi.Call{Event: selfTestEvent, Seed: 1}); err != nil {
		return fmt.Errorf("%w: %w", ErrSelfTest, err)
	}
	return nil
}

// checkManifest refuses what the engine could not route, render or bound.
func checkManifest(m *abi.Manifest) error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%w: %s", ErrManifest, fmt.Sprintf(format, a...))
	}
	switch {
	case m.ABI != abi.Version:
		return bad("it was built for ABI %d, this hearth has %d; build it with a matching sdk", m.ABI, abi.Version)
	case !pluginName.MatchString(m.Name):
		return bad("name %.40q does not match %s", m.Name, pluginName)
	case m.Version == "" || len(m.Version) > 64 || !utf8.ValidString(m.Version):
		return bad("version %.64q: it is a text of 1 to 64 bytes", m.Version)
	}
	for _, k := range m.Events {
		if !slices.Contains(abi.Kinds(), k) {
			return bad("event kind %q is unknown", k)
		}
	}
	for _, c := range m.Commands {
		if !pluginName.MatchString(c.Name) {
			return bad("command %q does not match %s", c.Name, pluginName)
		}
		if c.Help.In("en") == "" || c.Help.In("zh-CN") == "" {
			return bad("command %q needs help in en and zh-CN", c.Name)
		}
	}
	for _, s := range m.Schedules {
		if s.Name == "" || !validCron(s.Cron) {
			return bad("schedule %q: %q is no cron expression of five fields", s.Name, s.Cron)
		}
	}
	if m.StateVersion < 0 {
		return bad("state version %d: they begin with 1", m.StateVersion)
	}
	for _, s := range m.Migrates {
		if s.From < 1 || s.To < 1 || s.From == s.To || s.From != m.State() && s.To != m.State() {
			return bad("a migration from state version %d to %d: it leads to the plugin's own, %d, or from it", s.From, s.To, m.State())
		}
	}
	for _, n := range m.Needs {
		if !slices.Contains(capabilities, n.Cap) {
			return bad("capability %q is unknown", n.Cap)
		}
		if n.Reason == "" {
			return bad("capability %q needs a reason that an admin can judge", n.Cap)
		}
	}
	if len(m.Examples) > abi.MaxExamples {
		return bad("it has %d examples, at most %d are tried", len(m.Examples), abi.MaxExamples)
	}
	for _, x := range m.Examples {
		if !slices.Contains(abi.Kinds(), x.Event.Kind) {
			return bad("example %.80q is of event kind %q, which is unknown", x.Name, x.Event.Kind)
		}
	}
	return nil
}

// measurePlugin counts what a plugin holds, for its quotas.
func (e *Engine) measurePlugin(ctx context.Context, p *plugin) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	s, _, err := spaceOf(ctx, snap, p.name)
	if err != nil {
		return err
	}
	var bytes int64
	for row, err := range snap.Scan(ctx, store.Prefix(kState.Join(s.Space).Prefix())) {
		if err != nil {
			return err
		}
		bytes += int64(len(row.Key) + len(row.Value))
	}
	var n int64
	for _, err := range snap.Scan(ctx, store.Prefix(kTimerRef.Join(p.name).Prefix())) {
		if err != nil {
			return err
		}
		n++
	}
	names, err := readNames(ctx, snap, p.name)
	if err != nil {
		return err
	}
	p.space.Store(&space{s.Space, s.State})
	p.stateBytes.Store(bytes)
	p.timers.Store(n)
	p.names.set(names)
	return nil
}

// recoverPlugin puts the rows that waited for the plugin into its lanes.
func (e *Engine) recoverPlugin(ctx context.Context, p *plugin) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	for row, err := range snap.Scan(ctx, store.Prefix(kWork.Prefix())) {
		if err != nil {
			return err
		}
		s := splitKey(row.Key, 3)
		if n, err := store.ParseSeq(s[0]); err == nil && s[1] == p.name {
			p.lanes.restore(s[2], n)
		}
	}
	return nil
}

// Plugins describes what is installed, by name.
func (e *Engine) Plugins() []PluginInfo {
	plugins, _ := e.locked()
	var out []PluginInfo
	for _, p := range plugins {
		if p.version() != nil {
			out = append(out, e.describe(p))
		}
	}
	return out
}

func (e *Engine) describe(p *plugin) PluginInfo {
	info := PluginInfo{Name: p.name, Breaker: p.breaker.state(e.clock.Now()), Waiting: p.lanes.length()}
	if v := p.version(); v != nil {
		info.Version, info.SHA256, info.Manifest = v.manifest.Version, v.sha, v.manifest
		info.Missing = v.grants.missing(v.manifest.Needs)
	}
	return info
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
