package config

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Fault is a stored value that cannot be used: its default holds.
type Fault struct {
	Key string
	Err error
}

func (f Fault) Error() string { return f.Key + ": " + f.Err.Error() }

// Unwrap returns Err.
func (f Fault) Unwrap() error { return f.Err }

// ErrLocked says that the file sets a key, so that nothing else can.
var ErrLocked = Say("is set in the file", "由配置文件设定")

// Overlay returns the config with stored values where the file sets nothing, and
// what is wrong with any of them; c is not changed. Values are JSON by key, a
// secret's in clear. What stands in the file wins, without a fault. Whether a
// plugin's own setting is acceptable is its schema's to say.
func (c *Config) Overlay(stored map[string]json.RawMessage) (*Config, []Fault) {
	out := c.clone()
	keys := map[string]key{}
	for _, k := range out.keys() {
		keys[k.name] = k
	}
	var faults []Fault
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		if c.Where(name) != "" {
			continue
		}
		if err := out.store(keys, name, stored[name]); err != nil {
			faults = append(faults, Fault{name, err})
		}
	}
	return out, append(faults, out.fitAnalytics(c, slices.Sorted(maps.Keys(stored)))...)
}

// CheckStorable says why a key cannot be stored, nil if it can be. It wraps
// ErrLocked for what stands in the file.
func (c *Config) CheckStorable(name string) error {
	if err := c.checkKey(name); err != nil {
		return err
	}
	if at := c.Where(name); at != "" {
		return Say("%s %v: change it at %s", "%s %v：请在 %s 修改", name, ErrLocked, at)
	}
	return nil
}

// checkKey says why there is nothing that could be stored under a name.
func (c *Config) checkKey(name string) error {
	if strings.HasPrefix(name, "plugins.") {
		_, err := parsePluginKey(name)
		return err
	}
	var known []string
	for _, k := range c.keys() {
		switch {
		case k.name != name:
			known = append(known, k.name)
		case k.when == File:
			return Say("%[1]s can be set in the config's file alone: %[2]s", "%[1]s 只能在配置文件里设定：%[3]s", name, fileOnly[name]["en"], fileOnly[name]["zh-CN"])
		default:
			return nil
		}
	}
	return Say("%s: there is no such key%s", "%[1]s：没有这项设置", name, suggest(name, known))
}

// IsSecret says whether what a key holds is to be hidden.
func (c *Config) IsSecret(name string) bool {
	if k, err := parsePluginKey(name); err == nil {
		return k.part == "secrets"
	}
	return slices.ContainsFunc(c.keys(), func(k key) bool { return k.name == name && k.kind == SecretKind })
}

// clone is a copy of which every part that a key sets may be changed: setters
// replace what they set, but for the plugins' tables.
func (c *Config) clone() *Config {
	out := *c
	out.Plugins = maps.Clone(c.Plugins)
	for name, p := range out.Plugins {
		p.Secrets, p.Texts = maps.Clone(p.Secrets), maps.Clone(p.Texts)
		for k, t := range p.Texts {
			p.Texts[k] = maps.Clone(t)
		}
		out.Plugins[name] = p
	}
	return &out
}

// store sets one key of a clone.
func (c *Config) store(keys map[string]key, name string, value json.RawMessage) error {
	v, err := decode(value)
	if err != nil {
		return err
	}
	if strings.HasPrefix(name, "plugins.") {
		return c.storePlugin(name, v)
	}
	k, ok := keys[name]
	switch {
	case !ok:
		return Say("there is no such key", "没有这项设置")
	case k.when == File:
		return Say("can be set in the file alone", "只能在配置文件里设定")
	}
	return k.set(v)
}

// pluginKey is a key below plugins.NAME.
type pluginKey struct {
	plugin string
	part   string // enabled, secrets, texts, or "" for the plugin's own
	name   string // of the secret, of the text, or of the plugin's own setting
	locale string // of the text
}

// PluginOf is the plugin that a key is about, "" if it is about none.
func PluginOf(name string) string {
	k, err := parsePluginKey(name)
	if err != nil {
		return ""
	}
	return k.plugin
}

// TextOf takes apart the key of a plugin's text in a language; ok says that it
// is one.
func TextOf(name string) (text, locale string, ok bool) {
	k, err := parsePluginKey(name)
	return k.name, k.locale, err == nil && k.part == "texts"
}

// TextKey is the key of a plugin's text in a language.
func TextKey(plugin, text, locale string) string {
	return "plugins." + plugin + ".texts." + text + "." + locale
}

func parsePluginKey(name string) (pluginKey, error) {
	rest, ok := strings.CutPrefix(name, "plugins.")
	plugin, rest, more := strings.Cut(rest, ".")
	if !ok || !more || !pluginName.MatchString(plugin) || rest == "" {
		return pluginKey{}, Say("%s: there is no such key; a plugin's are plugins.NAME.SETTING, plugins.NAME.texts.TEXT.LANGUAGE, plugins.NAME.secrets.SECRET and plugins.NAME.enabled",
			"%s：没有这项设置；插件的设置写成 plugins.NAME.SETTING、plugins.NAME.texts.TEXT.LANGUAGE、plugins.NAME.secrets.SECRET 和 plugins.NAME.enabled", name)
	}
	k := pluginKey{plugin: plugin}
	first, tail, _ := strings.Cut(rest, ".")
	switch first {
	case "enabled":
		k.part = first
		if tail != "" {
			return k, Say("%s: there is no such key", "%s：没有这项设置", name)
		}
	case "secrets":
		k.part, k.name = first, tail
		if !secretName.MatchString(tail) {
			return k, Say("%s: no secret can be called %q: %s", "%s：密钥不能叫 %q：%s", name, tail, secretName)
		}
	case "texts":
		i := strings.LastIndexByte(tail, '.')
		if i < 1 {
			return k, Say("%s: a text's key is plugins.NAME.texts.TEXT.LANGUAGE", "%s：文案的名字写成 plugins.NAME.texts.TEXT.LANGUAGE", name)
		}
		k.part, k.name, k.locale = first, tail[:i], tail[i+1:]
		var as string
		if err := locale(&as).set(k.locale); err != nil || as != k.locale {
			return k, Say("%s: %q is no language tag as it is written; write en or zh-CN", "%s：%q 不是规范的语言代码，请写 en 或 zh-CN", name, k.locale)
		}
	default:
		k.name = rest
	}
	return k, nil
}

func (c *Config) storePlugin(name string, v any) error {
	k, err := parsePluginKey(name)
	if err != nil {
		return err
	}
	p := c.Plugin(k.plugin)
	switch k.part {
	case "enabled":
		err = boolean(&p.Enabled).set(v)
	case "secrets":
		var s Secret
		if err = secret(&s, 1).set(v); err == nil {
			if p.Secrets == nil {
				p.Secrets = map[string]Secret{}
			}
			p.Secrets[k.name] = s
		}
	case "texts":
		var wording string
		if err = text(&wording, 1, maxWording).set(v); err == nil {
			if p.Texts == nil {
				p.Texts = map[string]Text{}
			}
			if p.Texts[k.name] == nil {
				p.Texts[k.name] = Text{}
			}
			p.Texts[k.name][k.locale] = wording
		}
	default:
		p.Config, err = withField(p.Config, k.name, v)
	}
	if err == nil {
		c.Plugins[k.plugin] = p
	}
	return err
}

// hasNull says whether there is a null in a value, which a file could not have.
func hasNull(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(v, hasNull)
	case map[string]any:
		for _, e := range v {
			if hasNull(e) {
				return true
			}
		}
	}
	return false
}

// withField is a JSON object with one field more.
func withField(doc json.RawMessage, name string, v any) (json.RawMessage, error) {
	if hasNull(v) {
		return nil, Say("has a null, which is no value; leave it out, or take the setting away", "含有 null，它不是值；请去掉它，或移除这项设置")
	}
	fields := map[string]json.RawMessage{}
	if len(doc) > 0 {
		if err := json.Unmarshal(doc, &fields); err != nil {
			return nil, err
		}
	}
	fields[name] = encode(v)
	return json.Marshal(fields)
}
