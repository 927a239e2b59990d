// Package explain tells a beginner what a diagnostic means and what to do about
// it, in their language; and it reads what a Go program says when it dies.
//
// Texts are in messages, one file for each locale, all with the same keys; which
// text belongs to which diagnostic is in rules. Everything here is a function of
// its arguments and may be called concurrently.
package explain

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed messages/*.json
var messages embed.FS

// fallback is the locale of those who speak none of the others.
const fallback = "en"

// maxValue bounds what is taken out of a message into a text, in bytes.
const maxValue = 80

// A rule says which text explains a diagnostic.
type rule struct {
	key     string
	code    string
	pattern string // of the message
}

// catalogue is all that can be explained.
type catalogue struct {
	rules map[string][]compiled        // by code, in order
	texts map[string]map[string]string // by locale and key
}

type compiled struct {
	key     string
	pattern *regexp.Regexp
}

// load reads the catalogue, once. What is embedded is whole: the tests see to it.
var load = sync.OnceValue(func() *catalogue {
	c := &catalogue{rules: map[string][]compiled{}, texts: map[string]map[string]string{}}
	for _, r := range rules {
		// Go's names have letters of any script.
		pattern := strings.ReplaceAll(r.pattern, `\w`, `[\pL\pN_]`)
		c.rules[r.code] = append(c.rules[r.code], compiled{r.key, regexp.MustCompile(pattern)})
	}
	entries, err := messages.ReadDir("messages")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		data, err := messages.ReadFile(path.Join("messages", e.Name()))
		if err != nil {
			panic(err)
		}
		var texts map[string]string
		if err := json.Unmarshal(data, &texts); err != nil {
			panic(fmt.Errorf("explain: %s: %w", e.Name(), err))
		}
		c.texts[strings.TrimSuffix(e.Name(), ".json")] = texts
	}
	return c
})

// Hint explains a diagnostic to a beginner, in at most two sentences with the
// fix in backquotes; it is empty if there is nothing to say. code and message
// are a diagnostic's. The locale is "en", "zh-CN" or any other: one of the same
// language is taken for it, else English.
//
// Beside the codes of diagnostics there are "verdict/time_limit_exceeded",
// "verdict/one_thread", "verdict/memory_limit_exceeded",
// "verdict/output_limit_exceeded" and "verdict/goroutine_leak", which need no
// message.
func Hint(code, message, locale string) string {
	c := load()
	key, values := c.find(code, message)
	if key == "" {
		return ""
	}
	return fill(c.texts[c.locale(locale)][key], values)
}

// find is the key of the first rule that fits, and what it takes out of the
// message.
func (c *catalogue) find(code, message string) (key string, values map[string]string) {
	for _, r := range c.rules[code] {
		m := r.pattern.FindStringSubmatch(message)
		if m == nil {
			continue
		}
		values = map[string]string{}
		for i, name := range r.pattern.SubexpNames() {
			if name != "" && m[i] != "" {
				values[name] = quotable(m[i])
			}
		}
		return r.key, values
	}
	return "", nil
}

// quotable is s as it may stand between backquotes in one line of chat.
func quotable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '`':
			return '\''
		case r < ' ' || r == utf8.RuneError:
			return ' '
		}
		return r
	}, s)
	if len(s) <= maxValue {
		return s
	}
	end := maxValue
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// locale is the catalogue's locale for what somebody speaks.
func (c *catalogue) locale(want string) string {
	if c.texts[want] != nil {
		return want
	}
	language, _, _ := strings.Cut(strings.ReplaceAll(want, "_", "-"), "-")
	for have := range c.texts {
		if l, _, _ := strings.Cut(have, "-"); strings.EqualFold(l, language) {
			return have
		}
	}
	return fallback
}

// fill puts values into the {placeholders} of a text. What is in braces and no
// placeholder stays: texts have Go in them.
func fill(text string, values map[string]string) string {
	var pairs []string
	for name, v := range values {
		pairs = append(pairs, "{"+name+"}", v)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
