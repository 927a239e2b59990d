package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/sdk/abi"
)

// wordings are the community's own in place of a plugin's. One that the plugin
// would not use, or would show with its braces, is an error with its line.
func wordings(c *config.Config, m *abi.Manifest) ([]abi.TextDef, error) {
	texts := c.Plugin(m.Name).Texts
	var out []abi.TextDef
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		name := "plugins." + m.Name + ".texts." + key
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("%w: %s: %s: %s", config.ErrConfig, c.Where(name), name, fmt.Sprintf(format, args...)))
		}
		i := slices.IndexFunc(m.Texts, func(t abi.TextDef) bool { return t.Key == key })
		if i < 0 {
			fault("%s", noText(m, key))
			continue
		}
		def := abi.TextDef{Key: key}
		for _, locale := range slices.Sorted(maps.Keys(texts[key])) {
			wording := texts[key][locale]
			if err := fits(wording, m.Texts[i].Params); err != nil {
				fault("%s: %v", locale, err)
			}
			def.Text = append(def.Text, abi.Translation{Locale: locale, Text: wording})
		}
		out = append(out, def)
	}
	return out, errors.Join(faults...)
}

func noText(m *abi.Manifest, key string) string {
	var keys []string
	for _, t := range m.Texts {
		keys = append(keys, t.Key)
	}
	if len(keys) == 0 {
		return "the plugin has no texts"
	}
	hint := ""
	if near := config.Nearest(key, keys); near != "" {
		hint = ", did you mean " + near + "?"
	}
	return "there is no such text" + hint + "; there are " + strings.Join(keys, ", ")
}

// fits says what is wrong with the placeholders of a wording, which are written
// as package sdk has it: {name}, {n|one|other}, and {{ for a brace.
func fits(wording string, params []string) error {
	for rest := wording; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			return nil
		}
		c := rest[i]
		if rest = rest[i+1:]; strings.HasPrefix(rest, string(c)) {
			rest = rest[1:]
			continue
		}
		inside, after, closed := strings.Cut(rest, "}")
		if c == '}' || !closed {
			return errors.New("a brace without its other one: write {{ or }} for the character itself")
		}
		forms := strings.Split(inside, "|")
		switch {
		case !slices.Contains(params, forms[0]) && len(params) == 0:
			return fmt.Errorf("{%s} is no placeholder: this text has none", inside)
		case !slices.Contains(params, forms[0]):
			return fmt.Errorf("{%s} is no placeholder of this text; it has {%s}", inside, strings.Join(params, "}, {"))
		case len(forms) != 1 && len(forms) != 3:
			return fmt.Errorf("{%s} wants a word for one and a word for more: {%s|one|more}", inside, forms[0])
		}
		rest = after
	}
	return nil
}
