package sdktest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
)

// locales are the languages in which everything that a member reads has to be
// there.
var locales = [...]string{"en", "zh-CN"}

// Complete fails the test unless the manifest has all that the host and the
// pages want: what the plugin is about, a reason for every capability, and help
// and texts in English and in Chinese (zh-CN).
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
	for _, n := range m.Needs {
		if n.Reason == "" {
			missing = append(missing, fmt.Errorf("the capability %s has no reason", n.Cap))
		}
	}
	return errors.Join(missing...)
}
