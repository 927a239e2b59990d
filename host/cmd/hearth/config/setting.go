package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a value is, and so by which field a form takes it.
type Kind string

// The kinds. A value of each is a text in JSON unless it says otherwise.
const (
	TextKind     Kind = "text"
	NumberKind   Kind = "number" // a number
	DurationKind Kind = "duration"
	SizeKind     Kind = "size"
	BooleanKind  Kind = "boolean" // true or false
	ChoiceKind   Kind = "choice"
	ListKind     Kind = "list" // a list of texts
	SecretKind   Kind = "secret"
	LocaleKind   Kind = "locale"
	ZoneKind     Kind = "time zone"
	HoursKind    Kind = "hours"
	AddressKind  Kind = "address"
	URLKind      Kind = "url"
	WordingKind  Kind = "wording" // a text with placeholders, and with lines
	JSONKind     Kind = "json"    // anything
)

// When says when a change of a setting works.
type When string

// The times at which a change works.
const (
	Now   When = "now"
	Start When = "start" // at the next start
	File  When = "file"  // it can be set in the file alone; Setting.Why says why
)

// Setting is a key with all that a page shows of it.
type Setting struct {
	Name    string
	Kind    Kind
	Choices []string // of a ChoiceKind

	// Value is what holds, and Default what does where nothing is set, as JSON.
	// They are nil of a secret, and null where there is none.
	Value, Default json.RawMessage
	Set            bool // of a secret: there is one

	Where string // FILE:LINE, if the file sets it: then nothing else can
	When  When
	Why   Text // it can be set in the file alone; by locale
	Help  Text // one line; "en" always, and "zh-CN" of hearth's own
	Admin bool // for admins, not for managers

	Plugin       string   // of which plugin it is
	Placeholders []string // of a WordingKind
}

// In is a text in a language, or else in English.
func (t Text) In(locale string) string {
	if s, ok := t[locale]; ok {
		return s
	}
	if strings.HasPrefix(locale, "zh") && t["zh-CN"] != "" {
		return t["zh-CN"]
	}
	return t["en"]
}

// Settings lists hearth's own keys in the order of the example file, with what
// holds now. Those of plugins are [Config.PluginSettings].
func (c *Config) Settings() []Setting {
	defaults := Default().keys()
	var out []Setting
	for i, k := range c.keys() {
		s := Setting{Name: k.name, Kind: k.kind, Choices: k.choices, Where: c.Where(k.name), When: k.when, Help: help[k.name], Admin: !forManagers(k.name)}
		if k.kind == SecretKind {
			s.Set = k.get() != ""
		} else {
			s.Value, s.Default = encode(k.get()), encode(defaults[i].get())
		}
		if k.when == File {
			s.Why = fileOnly[k.name]
		}
		out = append(out, s)
	}
	return out
}

// forManagers says whether a key is a community's own affair. Those who may
// come in, what leads elsewhere and what guards the machine are the admins'.
func forManagers(name string) bool {
	table, _, _ := strings.Cut(name, ".")
	return (table == "community" || table == "policy" || table == "analytics") && name != "community.managers"
}

// encode is a value as JSON. It is of the kinds that TOML has, so it has one.
func encode(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return data
}

// Normal is JSON written in the one way in which values are kept and compared.
func Normal(value json.RawMessage) (json.RawMessage, error) {
	v, err := decode(value)
	if err != nil {
		return nil, err
	}
	return encode(v), nil
}

// decode is JSON as TOML has it: whole numbers are int64.
func decode(data json.RawMessage) (any, error) {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, Say("is no JSON", "不是 JSON") // not err: it may quote a secret
	}
	return numbers(v)
}

func numbers(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, nil
		}
		return v.Float64()
	case []any:
		for i := range v {
			var err error
			if v[i], err = numbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			var err error
			if v[k], err = numbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// Show is a value as a person writes it into a form: a list has a line for each.
func Show(kind Kind, value json.RawMessage) string {
	v, err := decode(value)
	if err != nil || v == nil {
		return ""
	}
	switch v := v.(type) {
	case string:
		if kind != JSONKind {
			return v
		}
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		if kind != ListKind {
			break
		}
		lines := make([]string, len(v))
		for i, e := range v {
			lines[i] = fmt.Sprint(e)
		}
		return strings.Join(lines, "\n")
	}
	return string(value)
}

// Read is the inverse of Show. Whether the value is acceptable is
// [Config.Overlay]'s to say.
func Read(kind Kind, text string) (json.RawMessage, error) {
	trimmed := strings.TrimSpace(text)
	switch kind {
	case BooleanKind:
		b, err := strconv.ParseBool(trimmed)
		if err != nil {
			return nil, Say("%.40q is neither true nor false", "%.40q 既不是 true 也不是 false", trimmed)
		}
		return encode(b), nil
	case NumberKind:
		if n, err := strconv.ParseInt(trimmed, 10, 64); err == nil {
			return encode(n), nil
		}
		f, err := strconv.ParseFloat(trimmed, 64)
		if err != nil || f-f != 0 {
			return nil, Say("%.40q is no number", "%.40q 不是数字", trimmed)
		}
		return encode(f), nil
	case ListKind:
		list := []any{}
		for l := range strings.Lines(text) {
			if l = strings.TrimSpace(l); l != "" {
				list = append(list, l)
			}
		}
		return encode(list), nil
	case JSONKind:
		v, err := decode(json.RawMessage(trimmed))
		if err != nil {
			return nil, Say(`%v; write a text in quotes, a list as ["a", "b"], a table as {"key": "value"}`, `%v；文字要加引号，列表写成 ["a", "b"]，表写成 {"key": "value"}`, err)
		}
		return encode(v), nil
	case WordingKind:
		return encode(strings.ReplaceAll(text, "\r\n", "\n")), nil
	}
	return encode(trimmed), nil
}

// locales are the languages in which hearth speaks.
var locales = []string{"en", "zh-CN"}

// inOrder lists keys with hearth's own languages first.
func inOrder(list []string) []string {
	slices.SortFunc(list, func(a, b string) int {
		if i, j := rank(a), rank(b); i != j {
			return i - j
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(list)
}

func rank(locale string) int {
	if i := slices.Index(locales, locale); i >= 0 {
		return i
	}
	return len(locales)
}
