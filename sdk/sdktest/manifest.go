package sdktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
)

// locales are the languages in which everything that a member reads has to be
// there.
var locales = [...]string{"en", "zh-CN"}

// Complete fails the test unless the manifest has all that the host and the
// pages want, in English and in Chinese (zh-CN): what the plugin is about, why it
// asks for each capability (the text "can.CAP", such as can.dm), help, texts, and
// what each setting is for (the text "config.NAME").
func Complete(t testing.TB, o Options) {
	t.Helper()
	if err := complete(New(t, o).Manifest()); err != nil {
		t.Error(err)
	}
}

func complete(m abi.Manifest) error {
	var missing []error
	in := func(what string, l abi.Localized) {
		for _, locale := range locales {
			if !slices.ContainsFunc(l, func(t abi.Translation) bool { return t.Locale == locale && t.Text != "" }) {
				missing = append(missing, fmt.Errorf("%s: no wording for %s", what, locale))
			}
		}
	}
	in("about", m.About)
	for _, c := range m.Commands {
		in("help of the command "+c.Name, c.Help)
		if c.Args != nil {
			in("arguments of the command "+c.Name, c.Args)
		}
	}
	for _, x := range m.Texts {
		in("text "+x.Key, x.Text)
	}
	settings, err := settingHelp(m.Schema)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		in("setting "+name, settings[name])
	}
	for _, n := range m.Needs {
		in("reason for the capability "+n.Cap+", the text can."+n.Cap, m.Reason(n))
	}
	return errors.Join(missing...)
}

// settingHelp is what a config's schema says of each setting.
func settingHelp(schema []byte) (map[string]abi.Localized, error) {
	if len(schema) == 0 {
		return nil, nil
	}
	var s struct {
		Properties map[string]struct {
			Help map[string]string `json:"x-help"`
		}
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, fmt.Errorf("the schema of the config: %w", err)
	}
	out := map[string]abi.Localized{}
	for name, p := range s.Properties {
		out[name] = nil
		for locale, text := range p.Help {
			out[name] = append(out[name], abi.Translation{Locale: locale, Text: text})
		}
	}
	return out, nil
}
