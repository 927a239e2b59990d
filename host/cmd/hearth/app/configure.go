package app

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/settings"
	"github.com/hearthbot/hearth/web"
)

// isConfig says whether a setting of a plugin is of its schema: it is neither a
// text nor a secret, nor whether the plugin runs.
func (b *board) isConfig(key string) bool {
	_, _, text := config.TextOf(key)
	name := config.PluginOf(key)
	return name != "" && !text && !b.file.IsSecret(key) && key != "plugins."+name+".enabled"
}

// configure changes fields of a plugin's config, from what they are now; null
// takes one back to its default. With preview it says what that would change. Its
// errors are those of Change.
func (b *board) configure(ctx context.Context, who audit.Who, plugin string, fields map[string]json.RawMessage, why string, preview bool) ([]web.SettingDifference, error) {
	leave, err := b.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	was := b.now.Load()
	var list []settings.Change
	var refused web.SettingsRefused
	out := []web.SettingDifference{}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		key := "plugins." + plugin + "." + field
		v := was.values[key]
		c := settings.Change{Key: key, Value: fields[field], Base: v.Rev}
		fault := error(nil)
		switch {
		case !b.isConfig(key):
			fault = config.Say("is no part of the plugin's config", "不是插件配置的一部分")
		case string(c.Value) == "null":
			c.Value = nil
		default:
			c.Value, fault = config.Normal(c.Value)
		}
		if fault != nil {
			refused.Faults = append(refused.Faults, web.SettingFault{Key: key, Text: web.Words(config.Explain(fault))})
			continue
		}
		if bytes.Equal(was.plain[key], c.Value) {
			continue
		}
		list = append(list, c)
		out = append(out, web.SettingDifference{Key: key, Before: was.plain[key], After: c.Value})
	}
	if len(refused.Faults) > 0 {
		return nil, &refused
	}
	if preview || len(list) == 0 {
		return out, b.check(was, who, list)
	}
	return out, b.change(ctx, who, why, list)
}
