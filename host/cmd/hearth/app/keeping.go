package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/host/rollout"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
)

// keeping is the life of the engine's plugins as the web sees it.
type keeping struct{ app *App }

var _ web.Plugins = (*keeping)(nil)

// Plugins implements web.Plugins: those that run, and those that could.
func (k *keeping) Plugins(ctx context.Context) ([]web.Plugin, error) {
	e := k.app.engine
	versions, err := e.Versions(ctx, "")
	if err != nil {
		return nil, err
	}
	by := map[string][]host.VersionInfo{}
	for _, v := range versions {
		by[v.Name] = append(by[v.Name], v)
	}
	var out []web.Plugin
	dead := e.GivenUp()
	for _, p := range e.Plugins() {
		out = append(out, plugin(&p))
	}
	for name, list := range by {
		if !slices.ContainsFunc(out, func(p web.Plugin) bool { return p.Name == name }) {
			out = append(out, resting(list))
		}
	}
	for i := range out {
		if err := k.complete(ctx, &out[i], by[out[i].Name]); err != nil {
			return nil, err
		}
		out[i].Failures = dead[out[i].Name]
	}
	slices.SortFunc(out, func(a, b web.Plugin) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// resting is a plugin of which nothing runs: it is disabled, or was never made
// live. It is described by the version that would run, else by the newest.
func resting(list []host.VersionInfo) web.Plugin {
	v := list[0]
	status := "staged"
	for _, x := range list {
		if x.Status == host.StatusLive {
			v, status = x, "disabled"
		}
	}
	p := plugin(&host.PluginInfo{Name: v.Name, Version: v.Version, SHA256: v.SHA256, Manifest: v.Manifest, Missing: v.Missing})
	p.Status = status
	if status == "staged" {
		p.Version, p.SHA256 = "", ""
	}
	return p
}

// complete adds what is known of a plugin beside the version that runs.
func (k *keeping) complete(ctx context.Context, p *web.Plugin, list []host.VersionInfo) error {
	e := k.app.engine
	var live *host.VersionInfo
	for i := range list {
		v := &list[i]
		switch {
		case v.SHA256 == p.SHA256:
			live, p.Bundled = v, v.Bundled
		case v.Status == host.StatusShadow:
			p.Shadow = v.SHA256
		}
		if v.Place == 1 {
			p.Previous = v.SHA256
		}
	}
	for i := range list { // the newest comes first
		if v := &list[i]; v.Status == host.StatusStaged && (live == nil || v.Uploaded.After(live.Uploaded)) {
			p.Newest = v.SHA256
			break
		}
	}
	granted, err := e.Granted(ctx, p.Name)
	if err != nil {
		return err
	}
	for _, n := range granted {
		g := web.Grant{Name: n.Cap, Param: n.Param, Reason: n.Reason, Granted: true}
		if i := slices.IndexFunc(p.Grants, func(a web.Grant) bool { return a.Name == n.Cap && a.Param == n.Param && a.Reason == n.Reason }); i >= 0 {
			g.ReasonIn = p.Grants[i].ReasonIn
		}
		p.Allowed = append(p.Allowed, g)
	}
	if h, ok := e.Health(p.Name); ok {
		w := &web.Health{Since: h.Since.UTC(), Minutes: make([]web.Minute, len(h.Minutes))}
		for i, m := range h.Minutes {
			w.Minutes[i] = web.Minute{Events: m.Events, Failed: m.Failed}
			w.Events, w.Failed = w.Events+m.Events, w.Failed+m.Failed
		}
		p.Health = w
	}
	if m, ok := e.Migration(p.Name); ok && m.Ended.IsZero() {
		p.Migration = &web.Migration{From: m.From, To: m.To, Done: int(m.Rows), Total: int(max(m.Rows, m.Total))}
	}
	if r, err := k.Rollout(ctx, p.Name); err == nil && r.Ended == "" {
		p.Rollout = &r
	} else if err != nil && !errors.Is(err, web.ErrNotFound) {
		return err
	}
	return nil
}

// Plugin implements web.Plugins.
func (k *keeping) Plugin(ctx context.Context, name string) (web.Plugin, error) {
	list, err := k.Plugins(ctx)
	if err != nil {
		return web.Plugin{}, err
	}
	i := slices.IndexFunc(list, func(p web.Plugin) bool { return p.Name == name })
	if i < 0 {
		return web.Plugin{}, fmt.Errorf("%w: plugin %q", web.ErrNotFound, name)
	}
	p := list[i]
	p.Since, err = k.since(ctx, name)
	return p, err
}

// lastChanges is how many changes of a plugin are looked at for when its version
// became live.
const lastChanges = 50

// since is when the version that is live became that, nil if it is too long ago.
func (k *keeping) since(ctx context.Context, name string) (*time.Time, error) {
	list, err := k.app.audit.List(ctx, audit.Filter{On: "plugin/" + name, Limit: lastChanges})
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if e.Did == "plugin.promote" || e.Did == "plugin.rollback" {
			return moment(e.At), nil
		}
	}
	return nil, nil
}

// Versions implements web.Plugins. A plugin that runs without the registry, such
// as hearth's own, has none.
func (k *keeping) Versions(ctx context.Context, name string) ([]web.PluginVersion, error) {
	list, err := k.app.engine.Versions(ctx, name)
	if errors.Is(err, host.ErrUnknown) {
		_, err := k.Plugin(ctx, name)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	out := make([]web.PluginVersion, len(list))
	for i := range list {
		out[i] = versionOf(&list[i])
	}
	return out, nil
}

func versionOf(v *host.VersionInfo) web.PluginVersion {
	p := plugin(&host.PluginInfo{Manifest: v.Manifest, Missing: v.Missing})
	out := web.PluginVersion{Name: v.Name, Version: v.Version, SHA256: v.SHA256, Status: v.Status, Size: v.Size, Uploaded: v.Uploaded.UTC(), By: v.By.Name, Why: v.Why, Bundled: v.Bundled,
		Signature: v.Signature.String(), SelfTest: v.SelfTest, StateVersion: v.StateVersion, About: words(v.Manifest.About), Events: p.Events, Commands: p.Commands, Grants: p.Grants, Missing: []web.Grant{}}
	for _, g := range p.Grants {
		if !g.Granted {
			out.Missing = append(out.Missing, g)
		}
	}
	return out
}

// Upload implements web.Plugins.
func (k *keeping) Upload(ctx context.Context, who audit.Who, up web.PluginUpload) (web.PluginVersion, error) {
	v, err := k.app.engine.Stage(ctx, host.Upload{Code: up.Code, Signature: up.Signature, Who: who, Why: up.Why})
	return versionOf(&v), refused(err)
}

// Grant implements web.Plugins.
func (k *keeping) Grant(ctx context.Context, who audit.Who, name string, all []web.Grant, why string) error {
	needs := make([]abi.Need, len(all))
	for i, g := range all {
		needs[i] = abi.Need{Cap: g.Name, Param: g.Param, Reason: g.Reason}
	}
	return refused(k.app.engine.Grant(ctx, who, name, needs, why))
}

// Promote implements web.Plugins.
func (k *keeping) Promote(ctx context.Context, who audit.Who, name, sha string, o web.PluginPromotion) (web.PluginVersion, error) {
	p := host.PromoteOptions{Grant: o.Grant}
	if g := o.Gate; g != nil {
		p.Gate = &host.Gate{Last: g.Last, P95: time.Duration(g.P95MS) * time.Millisecond, FailEvery: g.FailEvery}
		if g.LatencyMS > 0 {
			p.Gate.Latency = replay.Fixed(time.Duration(g.LatencyMS) * time.Millisecond)
		}
	}
	v, err := k.app.engine.Promote(ctx, who, name, sha, o.Why, p)
	return versionOf(&v), refused(err)
}

// Rollback implements web.Plugins.
func (k *keeping) Rollback(ctx context.Context, who audit.Who, name, why string) (web.PluginVersion, error) {
	v, err := k.app.engine.Rollback(ctx, who, name, why)
	return versionOf(&v), refused(err)
}

// Disable implements web.Plugins.
func (k *keeping) Disable(ctx context.Context, who audit.Who, name, why string) error {
	return refused(k.app.engine.Disable(ctx, who, name, why))
}

// Enable implements web.Plugins.
func (k *keeping) Enable(ctx context.Context, who audit.Who, name, why string) error {
	_, err := k.app.engine.Enable(ctx, who, name, why)
	return refused(err)
}

// Remove implements web.Plugins.
func (k *keeping) Remove(ctx context.Context, who audit.Who, name, sha, why string) error {
	return refused(k.app.engine.Remove(ctx, who, name, sha, why))
}

// BeginRollout implements web.Plugins.
func (k *keeping) BeginRollout(ctx context.Context, who audit.Who, name string, s web.RolloutSpec, why string) error {
	spec := rollout.Spec{SHA256: s.SHA256, Share: s.Share, Channels: s.Channels, Window: time.Duration(s.WindowS) * time.Second, MinEvents: s.MinEvents,
		PromoteAfter: rollout.PromoteAfter{Events: s.AfterEvents, Duration: time.Duration(s.AfterMinutes) * time.Minute}}
	for _, l := range s.Labels {
		spec.Labels = append(spec.Labels, rollout.Label(l))
	}
	g := s.Guardrails
	spec.Guardrails = rollout.Guardrails{ErrorRate: rollout.Bound(g.ErrorRate), P95: rollout.Bound(g.P95MS), Fuel: rollout.Bound(g.Fuel), Refused: rollout.Bound(g.Refused),
		DeliveryFailures: rollout.Bound(g.Delivery), Messages: rollout.Bound(g.Messages)}
	return refused(k.app.engine.Rollout(ctx, who, name, spec, why))
}

// EndRollout implements web.Plugins.
func (k *keeping) EndRollout(ctx context.Context, who audit.Who, name string, promote bool, why string) error {
	return refused(k.app.engine.EndRollout(ctx, who, name, promote, why))
}

// Rollout implements web.Plugins.
func (k *keeping) Rollout(_ context.Context, name string) (web.Rollout, error) {
	r, err := k.app.engine.RolloutState(name)
	if err != nil {
		return web.Rollout{}, known(err)
	}
	s := r.Spec
	spec := web.RolloutSpec{SHA256: s.SHA256, Share: s.Share, Channels: s.Channels, WindowS: int(s.Window / time.Second), MinEvents: s.MinEvents,
		AfterEvents: s.PromoteAfter.Events, AfterMinutes: int(s.PromoteAfter.Duration / time.Minute)}
	for _, l := range s.Labels {
		spec.Labels = append(spec.Labels, web.RolloutLabel(l))
	}
	g := s.Guardrails
	spec.Guardrails = web.Guardrails{ErrorRate: web.Guardrail(g.ErrorRate), P95MS: web.Guardrail(g.P95), Fuel: web.Guardrail(g.Fuel), Refused: web.Guardrail(g.Refused),
		Delivery: web.Guardrail(g.DeliveryFailures), Messages: web.Guardrail(g.Messages)}
	out := web.Rollout{Spec: spec, Began: r.Began.UTC(), By: r.By, Live: arm(&r.Live), New: arm(&r.Candidate), Bars: []web.GuardrailBar{}, Ended: r.Ended, Why: r.Reason}
	for _, b := range r.Guardrails {
		out.Bars = append(out.Bars, web.GuardrailBar{Name: b.Name, Now: b.Now, Live: b.Live, Most: b.Most, Known: b.Known})
	}
	return out, nil
}

func arm(a *host.RolloutArm) web.RolloutArm {
	return web.RolloutArm{SHA256: a.SHA256, Version: a.Version, Share: a.Share, Events: a.Window.Events, Failed: a.Window.Failed}
}

// Shadow implements web.Plugins.
func (k *keeping) Shadow(ctx context.Context, who audit.Who, name, sha, why string) error {
	return refused(k.app.engine.Shadow(ctx, who, name, sha, why))
}

// ShadowReport implements web.Plugins.
func (k *keeping) ShadowReport(_ context.Context, name string) (web.ShadowReport, error) {
	r, err := k.app.engine.ShadowReport(name)
	if err != nil {
		return web.ShadowReport{}, known(err)
	}
	out := web.ShadowReport{SHA256: r.SHA256, Version: r.Version, Began: r.Began.UTC(), Events: r.Events, Same: r.Same, Changed: r.Changed, Inexact: r.Inexact, Failed: r.Failed, Dropped: r.Dropped,
		Kinds: map[string]int{}, List: []web.ShadowedEvent{}}
	for _, s := range r.Sums {
		out.Kinds[string(s.What)+" "+string(s.How)] = s.Count
	}
	for _, e := range r.List {
		x := web.ShadowedEvent{Number: e.Number, Kind: e.Kind, Differences: []string{}}
		if e.Error != "" {
			x.Differences = append(x.Differences, "it fails: "+e.Error)
		}
		for i := range e.Differences {
			x.Differences = append(x.Differences, e.Differences[i].String())
		}
		out.List = append(out.List, x)
	}
	return out, nil
}

// Config implements web.Plugins.
func (k *keeping) Config(ctx context.Context, name string) (web.PluginConfig, error) {
	s := k.app.settings.now.Load()
	m := s.manifests[name]
	if m == nil {
		return web.PluginConfig{}, fmt.Errorf("%w: plugin %q", web.ErrNotFound, name)
	}
	out := web.PluginConfig{Schema: m.Schema, Config: map[string]json.RawMessage{}}
	for _, set := range s.config.PluginSettings(m) {
		field, own := strings.CutPrefix(set.Name, "plugins."+name+".")
		if own && k.app.settings.isConfig(set.Name) && set.Value != nil {
			out.Config[field] = set.Value
		}
	}
	return out, nil
}

// Configure implements web.Plugins.
func (k *keeping) Configure(ctx context.Context, who audit.Who, name string, fields map[string]json.RawMessage, why string, preview bool) ([]web.SettingDifference, error) {
	if k.app.settings.now.Load().manifests[name] == nil {
		return nil, fmt.Errorf("%w: plugin %q", web.ErrNotFound, name)
	}
	return k.app.settings.configure(ctx, who, name, fields, why, preview)
}

// mostValue is how many bytes of a row's value are shown.
const mostValue = 4 << 10

// State implements web.Plugins.
func (k *keeping) State(ctx context.Context, name string, f web.StateFilter) (web.StatePage, error) {
	rows, next, err := k.app.engine.Rows(ctx, name, f.Prefix, f.After, f.Limit)
	if err != nil {
		return web.StatePage{}, known(err)
	}
	out := web.StatePage{Rows: make([]web.StateRow, len(rows)), Next: next}
	for i, r := range rows {
		out.Rows[i] = web.StateRow{Scope: scope(r.Key), Key: r.Key, Size: r.Size, Value: string(r.JSON)}
		if v := &out.Rows[i]; len(v.Value) > mostValue {
			n := mostValue
			for !utf8.RuneStart(v.Value[n]) {
				n--
			}
			v.Value, v.Cut = v.Value[:n], true
		}
	}
	return out, nil
}

// scope is whose a row is: a member's or a conversation's id, "" for the
// community's.
func scope(key string) string {
	kind, rest, _ := strings.Cut(key, "/")
	if id, _, ok := strings.Cut(rest, "/"); ok && (kind == "m" || kind == "v") {
		return id
	}
	return ""
}

// notAPlugin are the errors of code that is no plugin, or none that can be run.
var notAPlugin = []error{host.ErrManifest, host.ErrConfig, wasm.ErrABI, wasm.ErrFuel, wasm.ErrDeadline, wasm.ErrSleep, wasm.ErrMemory, wasm.ErrTrap, wasm.ErrExit, wasm.ErrOutput}

// refused makes of the engine's error about a plugin what the web tells of it.
func refused(err error) error {
	if err == nil {
		return nil
	}
	e := &web.PluginError{Err: errors.New(plainly(err))}
	var missing *host.MissingGrants
	switch {
	case errors.As(err, &missing):
		e.Code = web.PluginMissing
		for i, n := range missing.Missing {
			e.Missing = append(e.Missing, web.Grant{Name: n.Cap, Param: n.Param, Reason: n.Reason, ReasonIn: words(missing.Reasons[i])})
		}
	case errors.Is(err, host.ErrTooLarge):
		e.Code = web.PluginTooLarge
	case errors.Is(err, host.ErrSignature):
		e.Code = web.PluginSignature
	case errors.Is(err, host.ErrSelfTest):
		e.Code = web.PluginSelfTest
	case errors.Is(err, host.ErrStateVersion), errors.Is(err, host.ErrMigration):
		e.Code = web.PluginState
	case errors.Is(err, host.ErrGate):
		e.Code = web.PluginGated
	case errors.Is(err, host.ErrChanging):
		e.Code = web.PluginChanging
	case errors.Is(err, host.ErrInUse):
		e.Code = web.PluginInUse
	case errors.Is(err, host.ErrNothingBefore):
		e.Code = web.PluginNoWay
	case errors.Is(err, rollout.ErrSpec):
		e.Code = web.PluginSpec
	case slices.ContainsFunc(notAPlugin, func(is error) bool { return errors.Is(err, is) }):
		e.Code = web.PluginInvalid
	default:
		return known(err)
	}
	return e
}

// plainly is an error without where in hearth it came from.
func plainly(err error) string {
	s := err.Error()
	for {
		rest, ok := strings.CutPrefix(s, "host: ")
		if !ok {
			return s
		}
		s = rest
	}
}
