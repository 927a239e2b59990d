package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/settings"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
)

var _ web.Settings = (*board)(nil)

// list is everything that can be set, with what holds.
func (b *board) list(s *situation) []config.Setting {
	out := s.config.Settings()
	for _, name := range b.names() {
		m := s.manifests[name]
		if m == nil { // it is left out, and says nothing of itself
			m = &abi.Manifest{Name: name}
		}
		out = append(out, s.config.PluginSettings(m)...)
	}
	return append(out, ourSettings(s.config)...)
}

// Settings implements web.Settings.
func (b *board) Settings(context.Context) ([]web.Setting, error) {
	s, start := b.now.Load(), b.started.Load()
	started := map[string]json.RawMessage{}
	for _, k := range start.Settings() {
		started[k.Name] = k.Value
	}
	var out []web.Setting
	seen := map[string]bool{}
	for _, k := range b.list(s) {
		w := b.show(s, k)
		if k.When == config.Start && k.Plugin == "" {
			w.Waiting = !bytes.Equal(started[k.Name], k.Value)
		}
		if _, enabled := strings.CutSuffix(k.Name, ".enabled"); enabled && k.Plugin != "" {
			w.Waiting = start.Plugin(k.Plugin).Enabled != s.config.Plugin(k.Plugin).Enabled
		}
		out = append(out, w)
		seen[k.Name] = true
	}
	// What is stored for something that there is no more can be taken away at least.
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		if !seen[key] {
			out = append(out, b.shown(s, key))
		}
	}
	return out, nil
}

// show is a setting as the web has it.
func (b *board) show(s *situation, k config.Setting) web.Setting {
	w := web.Setting{Key: k.Name, Kind: string(k.Kind), Choices: k.Choices, Value: k.Value, Default: k.Default, Set: k.Set,
		Locked: b.file.Where(k.Name), When: string(k.When), Why: web.Words(k.Why), Help: web.Words(k.Help), Admin: k.Admin,
		Plugin: k.Plugin, Placeholders: k.Placeholders}
	if k.Kind != config.SecretKind {
		w.Text = config.Show(k.Kind, k.Value)
	}
	if v, ok := s.values[k.Name]; ok {
		w.Set, w.Base, w.Author, w.At = true, v.Rev, v.By.Name, &v.At
	}
	if w.Locked != "" {
		w.Set = true
	}
	if err := s.faults[k.Name]; err != nil {
		w.Problem = web.Words(config.Explain(err))
	}
	return w
}

// shown is the setting of a key, one that is not in the list too.
func (b *board) shown(s *situation, key string) web.Setting {
	for _, k := range b.list(s) {
		if k.Name == key {
			return b.show(s, k)
		}
	}
	k := config.Setting{Name: key, Kind: config.JSONKind, When: config.Now, Plugin: config.PluginOf(key), Value: s.values[key].JSON, Help: config.Text{"en": ""}}
	if b.file.IsSecret(key) {
		k.Kind = config.SecretKind
	}
	return b.show(s, k)
}

// History implements web.Settings.
func (b *board) History(ctx context.Context, key string, before uint64, limit int) ([]web.SettingVersion, error) {
	list, err := b.stored.History(ctx, key, before, limit)
	if err != nil {
		return nil, err
	}
	out := make([]web.SettingVersion, len(list))
	for i, e := range list {
		out[i] = web.SettingVersion{Number: e.Number, At: e.At, Author: e.By.Name, Via: e.By.Via, Why: e.Why, Secret: e.Secret, Before: e.Before, After: e.After}
	}
	return out, nil
}

// Undo implements web.Settings.
func (b *board) Undo(ctx context.Context, who audit.Who, why, key string, number, base uint64) error {
	leave, err := b.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	c, err := b.stored.Former(ctx, key, number, base)
	if errors.Is(err, settings.ErrUnknown) || errors.Is(err, settings.ErrSecret) {
		return fmt.Errorf("%w: %w", web.ErrNotFound, err)
	}
	if err != nil {
		return err
	}
	return b.change(ctx, who, why, []settings.Change{c})
}

// Export implements web.Settings.
func (b *board) Export(context.Context) ([]byte, error) {
	s := b.now.Load()
	stored := map[string]json.RawMessage{}
	var secrets []string
	for key, v := range s.values {
		if v.Secret {
			secrets = append(secrets, key)
		} else {
			stored[key] = v.JSON
		}
	}
	doc, err := config.WriteDocument(stored, secrets)
	if err != nil {
		return nil, err
	}
	return append([]byte("# What is set beside the config's file. To take it over: hearth config import FILE\n\n"), doc...), nil
}

// importName stands for the document in what is wrong with it.
const importName = "document"

// Import implements web.Settings.
func (b *board) Import(ctx context.Context, who audit.Who, why string, document []byte, dryRun bool) ([]web.SettingDifference, error) {
	leave, err := b.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	wanted, kept, err := config.ReadDocument(importName, document)
	if err != nil {
		_, what, _ := strings.Cut(err.Error(), ":")
		return nil, &web.SettingsRefused{Faults: []web.SettingFault{{Text: web.Words{"en": strings.TrimSpace(what), "zh-CN": "文件有问题：" + strings.TrimSpace(what)}}}}
	}
	s := b.now.Load()
	list, err := b.difference(s, wanted, kept)
	if err != nil {
		return nil, err
	}
	if err := b.check(s, who, list); err != nil {
		return nil, err
	}
	out := []web.SettingDifference{}
	for _, c := range list {
		d := web.SettingDifference{Key: c.Key, Secret: c.Secret || s.values[c.Key].Secret, Before: s.values[c.Key].JSON, After: c.Value}
		if d.Secret {
			d.Before, d.After = nil, nil
		}
		out = append(out, d)
	}
	if dryRun || len(list) == 0 {
		return out, nil
	}
	return out, b.change(ctx, who, why, list)
}

// difference are the changes that make what is stored what is wanted. What the
// file sets may be in a document as it is.
func (b *board) difference(s *situation, wanted map[string]json.RawMessage, kept []string) ([]settings.Change, error) {
	var list []settings.Change
	var refused web.SettingsRefused
	fixed := map[string]json.RawMessage{}
	for _, k := range b.list(s) {
		if k.When == config.File || b.file.Where(k.Name) != "" {
			fixed[k.Name] = k.Value
		}
	}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		value := wanted[key]
		if is, ok := fixed[key]; ok && is != nil && bytes.Equal(is, value) {
			continue
		}
		v := s.values[key]
		if bytes.Equal(s.plain[key], value) && v.Rev != 0 {
			continue
		}
		list = append(list, settings.Change{Key: key, Value: value, Secret: b.file.IsSecret(key), Base: v.Rev})
	}
	for _, key := range kept {
		if s.values[key].Rev == 0 && b.file.Where(key) == "" {
			refused.Faults = append(refused.Faults, web.SettingFault{Key: key, Text: web.Words(config.Explain(config.Say(
				"there is none stored that could be kept: write the secret itself in place of %s, or leave the line out",
				"没有可以保留的密钥：请把 %s 换成密钥本身，或删去这一行", config.Kept)))})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		if _, ok := wanted[key]; !ok && !slices.Contains(kept, key) {
			list = append(list, settings.Change{Key: key, Secret: s.values[key].Secret, Base: s.values[key].Rev})
		}
	}
	if len(refused.Faults) > 0 {
		return nil, &refused
	}
	return list, nil
}
