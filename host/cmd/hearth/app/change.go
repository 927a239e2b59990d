package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/settings"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
)

// applyTime is how long it may take to put a change to use, and as long again to
// take it back.
const applyTime = 30 * time.Second

// Change implements web.Settings.
//
//	checked ─► stored with its audit, one batch ─► put to use ─► done
//	                                                   └─ fails ─► the former values stored, and in use
func (b *board) Change(ctx context.Context, who audit.Who, why string, changes []web.SettingChange) error {
	leave, err := b.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	list, err := b.typed(changes)
	if err != nil {
		return err
	}
	return b.change(ctx, who, why, list)
}

// typed are the changes with their values as they are stored.
func (b *board) typed(changes []web.SettingChange) ([]settings.Change, error) {
	kinds := map[string]config.Kind{}
	for _, s := range b.list(b.now.Load()) {
		kinds[s.Name] = s.Kind
	}
	var refused web.SettingsRefused
	out := make([]settings.Change, 0, len(changes))
	for _, c := range changes {
		var err error
		o := settings.Change{Key: c.Key, Value: c.Value, Secret: b.file.IsSecret(c.Key), Base: c.Base}
		if c.Text != nil {
			kind, known := kinds[c.Key]
			if _, _, text := config.TextOf(c.Key); text && !known {
				kind = config.WordingKind
			}
			o.Value, err = config.Read(kind, *c.Text)
		}
		if err == nil && o.Value != nil {
			o.Value, err = config.Normal(o.Value)
		}
		if err != nil {
			refused.Faults = append(refused.Faults, web.SettingFault{Key: c.Key, Text: web.Words(config.Explain(err))})
			continue
		}
		if string(o.Value) == "null" || o.Secret && string(o.Value) == `""` {
			o.Value = nil
		}
		out = append(out, o)
	}
	if len(refused.Faults) > 0 {
		return nil, &refused
	}
	return out, nil
}

// change is Change; the caller has its turn.
func (b *board) change(ctx context.Context, who audit.Who, why string, list []settings.Change) error {
	if !b.app.state.is(running) {
		return fmt.Errorf("%w: %w", chat.ErrBusy, errBusy)
	}
	was := b.now.Load()
	if err := b.check(was, who, list); err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(c settings.Change) bool { return unchanged(was.values[c.Key], c) })
	if len(list) == 0 {
		return nil
	}
	// More than go into one batch come of an import. If one part is refused, those
	// before it are taken back.
	for part := range slices.Chunk(list, settings.MaxChanges) {
		if _, err := b.stored.Set(ctx, who, why, part); err != nil {
			back := context.WithoutCancel(ctx) // or what was stored would stay where whoever asked has gone
			return errors.Join(b.told(ctx, err), b.putBack(back, was, "not all of it could be stored"))
		}
	}
	next, err := b.read(ctx, was.manifests)
	if err == nil {
		err = b.use(context.WithoutCancel(ctx), was, next) // it is stored: who asked for it need not wait for it
	}
	if err == nil {
		b.app.log.Info("settings were changed", "by", who.Name, "via", who.Via, "settings", keysOf(list))
		return nil
	}
	b.app.log.Error("settings could not be put to use, and are taken back", "by", who.Name, "settings", keysOf(list), "err", err)
	failed := &web.SettingsFailed{}
	for _, c := range list {
		failed.Faults = append(failed.Faults, web.SettingFault{Key: c.Key, Text: web.Words(config.Explain(err))})
	}
	if back := b.putBack(context.WithoutCancel(ctx), was, "could not be put to use"); back != nil {
		b.app.log.Error("and could not be taken back", "err", back)
		failed.Faults = append(failed.Faults, web.SettingFault{Text: web.Words{
			"en":    "and they could not all be taken back: " + back.Error(),
			"zh-CN": "而且没能全部恢复：" + back.Error()}})
	}
	return failed
}

func keysOf(list []settings.Change) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = c.Key
	}
	return out
}

// unchanged says whether a change changes nothing: what is stored stays, and its
// author.
func unchanged(v settings.Value, c settings.Change) bool {
	return v.Rev == c.Base && !v.Secret && bytes.Equal(v.JSON, c.Value)
}

// check says what is wrong with changes, all of it.
func (b *board) check(was *situation, who audit.Who, list []settings.Change) error {
	var refused web.SettingsRefused
	fault := func(key string, err error) {
		refused.Faults = append(refused.Faults, web.SettingFault{Key: key, Text: web.Words(config.Explain(err))})
	}
	admins := map[string]bool{}
	for _, s := range b.list(was) {
		admins[s.Name] = s.Admin
	}
	plain := maps.Clone(was.plain)
	for _, c := range list {
		admin, known := admins[c.Key]
		if !known { // a secret or a wording that there has been none of
			admin = c.Secret
		}
		err := b.file.CheckStorable(c.Key)
		if c.Value == nil && was.values[c.Key].Rev != 0 {
			err = nil // whatever is stored can be taken away
		}
		switch {
		case err != nil:
			fault(c.Key, err)
		case admin && who.Role != "admin", who.Role != "admin" && who.Role != "manager":
			fault(c.Key, config.Say("is for admins to change", "只有管理员可以修改"))
		case len(c.Value) > settings.MaxValue:
			fault(c.Key, config.Say("has %d bytes; at most %d are possible", "有 %d 个字节，最多 %d 个", len(c.Value), settings.MaxValue))
		case c.Value == nil:
			delete(plain, c.Key)
		default:
			plain[c.Key] = c.Value
		}
	}
	if len(refused.Faults) > 0 {
		return &refused
	}
	next := b.situation(plain, was.manifests)
	for _, key := range slices.Sorted(maps.Keys(next.faults)) {
		// What was wrong before is not the fault of this change.
		changed := slices.ContainsFunc(list, func(c settings.Change) bool { return c.Key == key })
		if changed || was.faults[key] == nil {
			fault(key, next.faults[key])
		}
	}
	for key, err := range slackTokens(next.config) {
		fault(key, err)
	}
	if len(refused.Faults) > 0 {
		return &refused
	}
	return nil
}

// told is an error of the store as those who asked for the change are told it.
func (b *board) told(ctx context.Context, err error) error {
	var conflict *settings.Conflict
	switch {
	case errors.As(err, &conflict):
		now, rerr := b.read(ctx, b.now.Load().manifests)
		if rerr != nil {
			return errors.Join(err, rerr)
		}
		out := &web.SettingsConflict{}
		for _, v := range conflict.Now {
			s := b.shown(now, v.Key)
			s.Base = v.Rev
			out.Now = append(out.Now, s)
		}
		return out
	case errors.Is(err, settings.ErrInvalid), errors.Is(err, settings.ErrKey):
		return &web.SettingsRefused{Faults: []web.SettingFault{{Text: web.Words{"en": err.Error(), "zh-CN": "无法保存：" + err.Error()}}}}
	}
	return err
}

// use makes a situation the one that holds: the engine, the plugins and the
// platforms go by it when it returns.
func (b *board) use(ctx context.Context, was, next *situation) error {
	ctx, cancel := context.WithTimeout(ctx, applyTime)
	defer cancel()
	b.now.Store(next)
	a, from, to := b.app, was.config, next.config
	if t := tuning(to); !reflect.DeepEqual(tuning(from), t) {
		if err := a.engine.Reconfigure(ctx, t); err != nil {
			return err
		}
	}
	for _, p := range a.engine.Plugins() {
		m := next.manifests[p.Name]
		if m == nil {
			continue // it is none of ours
		}
		before, err := pluginOptions(from, m)
		if err != nil {
			return err
		}
		after, err := pluginOptions(to, m)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(before, after) {
			if err := a.engine.Configure(ctx, p.Name, after); err != nil {
				return err
			}
		}
	}
	return a.platforms.follow(ctx, to)
}

// pluginOptions are what a config says of a plugin.
func pluginOptions(c *config.Config, m *abi.Manifest) (host.PluginOptions, error) {
	texts, err := wordings(c, m)
	return host.PluginOptions{Config: c.Plugin(m.Name).Config, Texts: texts}, err
}

// putBack stores what was stored, where it is something else now, and puts that
// to use.
func (b *board) putBack(ctx context.Context, was *situation, why string) error {
	now, err := b.read(ctx, was.manifests)
	if err != nil {
		return err
	}
	var list []settings.Change
	for key, v := range was.values {
		n := now.values[key]
		if n.Rev == v.Rev {
			continue
		}
		c := settings.Change{Key: key, Value: v.JSON, Secret: v.Secret, Base: n.Rev}
		if v.Secret {
			if c.Value = was.plain[key]; c.Value == nil {
				continue // it could not be read before either
			}
		}
		list = append(list, c)
	}
	for key, n := range now.values {
		if _, was := was.values[key]; !was {
			list = append(list, settings.Change{Key: key, Base: n.Rev})
		}
	}
	for part := range slices.Chunk(list, settings.MaxChanges) {
		if _, err := b.stored.Set(ctx, audit.Host, why, part); err != nil {
			return err
		}
	}
	back, err := b.read(ctx, was.manifests)
	if err != nil {
		return err
	}
	return b.use(ctx, b.now.Load(), back)
}
