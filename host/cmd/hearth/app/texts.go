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
		known, err := textOf(m, key)
		if err != nil {
			fault("%v", err)
			continue
		}
		def := abi.TextDef{Key: key}
		for _, locale := range slices.Sorted(maps.Keys(texts[key])) {
			wording := texts[key][locale]
			if err := fits(wording, known.Params); err != nil {
				fault("%s: %v", locale, err)
			}
			def.Text = append(def.Text, abi.Translation{Locale: locale, Text: wording})
		}
		out = append(out, def)
	}
	return out, errors.Join(faults...)
}

// wordingFits says what is wrong with a wording for a plugin's text.
func wordingFits(m *abi.Manifest, key, wording string) error {
	def, err := textOf(m, key)
	if err != nil {
		return err
	}
	return fits(wording, def.Params)
}

func textOf(m *abi.Manifest, key string) (abi.TextDef, error) {
	var keys []string
	for _, t := range m.Texts {
		if t.Key == key {
			return t, nil
		}
		keys = append(keys, t.Key)
	}
	if len(keys) == 0 {
		return abi.TextDef{}, config.Say("the plugin has no texts", "这个插件没有文案")
	}
	hint := ""
	if near := config.Nearest(key, keys); near != "" {
		hint = ", did you mean " + near + "?"
	}
	return abi.TextDef{}, config.Say("there is no such text%s; there are %s", "没有这条文案；可用：%[2]s", hint, strings.Join(keys, ", "))
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
			return config.Say("a brace without its other one: write {{ or }} for the character itself", "花括号不成对：要写花括号本身，请写 {{ 或 }}")
		}
		forms := strings.Split(inside, "|")
		switch {
		case !slices.Contains(params, forms[0]) && len(params) == 0:
			return config.Say("{%s} is no placeholder: this text has none", "{%s} 不是占位符：这条文案没有占位符", inside)
		case !slices.Contains(params, forms[0]):
			return config.Say("{%s} is no placeholder of this text; it has {%s}", "{%s} 不是这条文案的占位符；可用：{%s}", inside, strings.Join(params, "}, {"))
		case len(forms) != 1 && len(forms) != 3:
			return config.Say("{%s} wants a word for one and a word for more: {%s|one|more}", "{%s} 需要单数和复数两种写法：{%s|one|more}", inside, forms[0])
		}
		rest = after
	}
	return nil
}
