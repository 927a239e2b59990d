package app

import (
	"errors"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
)

const mostMisfits = 3 // that are told of one setting

// misfits says in both languages why a plugin's schema does not take a setting's
// value. What is rare is told in the words of the schema's reader.
func misfits(err error) error {
	var e *host.ConfigError
	if !errors.As(err, &e) {
		return err
	}
	var out error
	for _, m := range e.Misfits[:min(len(e.Misfits), mostMisfits)] {
		said := misfit(&m)
		if at := within(m.At); at != "" {
			said = config.Say("%s: %v", "%s：%v", at, said)
		}
		if out != nil {
			said = config.Say("%v; %v", "%v；%v", out, said)
		}
		out = said
	}
	return out
}

// within is where something stands in a setting, whose name is the first.
func within(at []string) string {
	var b strings.Builder
	for i, name := range at {
		switch _, err := strconv.Atoi(name); {
		case i == 0:
		case err == nil:
			b.WriteString("[" + name + "]")
		default:
			b.WriteString("." + name)
		}
	}
	return strings.TrimPrefix(b.String(), ".")
}

// sorts are the types of JSON values.
var sorts = map[string][2]string{"string": {"a text", "文本"}, "number": {"a number", "数字"}, "integer": {"a whole number", "整数"}, "boolean": {"true or false", "true 或 false"},
	"array": {"a list", "列表"}, "object": {"an object", "对象"}, "null": {"nothing", "空值"}}

func sort(name string) error {
	if s, ok := sorts[name]; ok {
		return config.Say(s[0], s[1])
	}
	return config.Say("%s", "%s", name)
}

func misfit(m *host.Misfit) error {
	switch m.Keyword {
	case "type":
		return config.Say("it is %v, and has to be %v", "现在是%v，应该是%v", sort(m.Got), sort(m.Want))
	case "enum":
		return config.Say("it is %s; there are %s", "现在是 %s；可以用 %s", m.Got, m.Want)
	case "minimum":
		return config.Say("it is %s, at least %s", "现在是 %s，最小 %s", m.Got, m.Want)
	case "maximum":
		return config.Say("it is %s, at most %s", "现在是 %s，最大 %s", m.Got, m.Want)
	case "minLength":
		return config.Say("it has %s characters, at least %s", "现在有 %s 个字符，至少 %s 个", m.Got, m.Want)
	case "maxLength":
		return config.Say("it has %s characters, at most %s", "现在有 %s 个字符，最多 %s 个", m.Got, m.Want)
	case "minItems":
		return config.Say("it has %s entries, at least %s", "现在有 %s 项，至少 %s 项", m.Got, m.Want)
	case "maxItems":
		return config.Say("it has %s entries, at most %s", "现在有 %s 项，最多 %s 项", m.Got, m.Want)
	case "pattern":
		return config.Say("%s is not of the form %s", "%s 不符合格式 %s", m.Got, m.Want)
	case "required":
		return config.Say("%s is missing", "缺少 %s", m.Want)
	case "additionalProperties":
		return config.Say("there is no %s", "没有 %s", m.Got)
	}
	return config.Say("%s", "校验的原话是 %s", m.Text)
}
