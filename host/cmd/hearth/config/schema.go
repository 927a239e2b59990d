package config

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/hearthbot/hearth/sdk/abi"
)

// schema is what is read of a plugin's JSON Schema to show a setting.
type schema struct {
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Help        map[string]string `json:"x-help"` // Description by language
	Type        json.RawMessage   `json:"type"`   // a text, or a list of them
	Format      string            `json:"format"`
	Enum        []json.RawMessage `json:"enum"`
	Default     json.RawMessage   `json:"default"`
	Items       *schema           `json:"items"`
	Properties  map[string]schema `json:"properties"`
	Order       []string          `json:"x-order"` // of the properties, as a form has them
}

// PluginSettings lists what can be set of a plugin: whether it is used, what its
// schema describes, its secrets, and each of its texts in hearth's languages and
// in those that there are wordings for.
func (c *Config) PluginSettings(m *abi.Manifest) []Setting {
	prefix := "plugins." + m.Name + "."
	p := c.Plugin(m.Name)
	out := []Setting{{Name: prefix + "enabled", Kind: BooleanKind, Value: encode(p.Enabled), Default: encode(true), When: Start, Help: enabledHelp, Admin: true}}
	out = append(out, schemaSettings(prefix, m, p.Config)...)
	for _, name := range slices.Sorted(maps.Keys(p.Secrets)) {
		out = append(out, Setting{Name: prefix + "secrets." + name, Kind: SecretKind, Set: p.Secrets[name].Set(), When: Now, Help: secretHelp, Admin: true})
	}
	out = append(out, textSettings(m, p.Texts)...)
	for i := range out {
		out[i].Plugin, out[i].Where = m.Name, c.Where(out[i].Name)
	}
	return out
}

// schemaSettings are the settings that the schema describes, in its order.
func schemaSettings(prefix string, m *abi.Manifest, set json.RawMessage) []Setting {
	var s schema
	_ = json.Unmarshal(m.Schema, &s) // what it does not say is not shown
	var values, defaults map[string]json.RawMessage
	_ = json.Unmarshal(set, &values)
	_ = json.Unmarshal(m.Defaults, &defaults)
	names := s.Order
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var out []Setting
	for _, name := range names {
		f, ok := s.Properties[name]
		if !ok {
			continue
		}
		o := Setting{Name: prefix + name, When: Now, Help: f.help(), Default: defaults[name]}
		o.Kind, o.Choices = f.kind()
		if o.Default == nil {
			o.Default = f.Default
		}
		if o.Default == nil {
			o.Default = json.RawMessage("null")
		}
		if o.Value = values[name]; o.Value == nil {
			o.Value = o.Default
		}
		out = append(out, o)
	}
	return out
}

func (s *schema) help() Text {
	t := Text{"en": s.Description}
	if s.Description == "" {
		t["en"] = s.Title
	}
	for locale, text := range s.Help {
		t[locale] = text
	}
	return t
}

// kind is the field by which a form takes a value of the schema.
func (s *schema) kind() (Kind, []string) {
	var choices []string
	for _, e := range s.Enum {
		var text string
		if json.Unmarshal(e, &text) != nil {
			return JSONKind, nil
		}
		choices = append(choices, text)
	}
	var is string
	_ = json.Unmarshal(s.Type, &is) // several types at once are JSON
	switch {
	case choices != nil:
		return ChoiceKind, choices
	case is == "string" && s.Format == "go-duration":
		return DurationKind, nil
	case is == "string":
		return TextKind, nil
	case is == "integer", is == "number":
		return NumberKind, nil
	case is == "boolean":
		return BooleanKind, nil
	case is == "array" && s.Items != nil:
		if k, _ := s.Items.kind(); k == TextKind || k == DurationKind {
			return ListKind, nil
		}
	}
	return JSONKind, nil
}

// textSettings are the texts, one for each language.
func textSettings(m *abi.Manifest, set map[string]Text) []Setting {
	var out []Setting
	for _, t := range m.Texts {
		own := Text{}
		for _, w := range t.Text {
			own[w.Locale] = w.Text
		}
		languages := slices.Concat(locales, slices.Collect(maps.Keys(own)), slices.Collect(maps.Keys(set[t.Key])))
		for _, locale := range inOrder(languages) {
			o := Setting{Name: TextKey(m.Name, t.Key, locale), Kind: WordingKind, When: Now, Help: Text{"en": t.Help}, Placeholders: t.Params,
				Default: json.RawMessage("null")}
			if s, ok := own[locale]; ok {
				o.Default = encode(s)
			}
			o.Value = o.Default
			if s, ok := set[t.Key][locale]; ok {
				o.Value = encode(s)
			}
			out = append(out, o)
		}
	}
	return out
}
