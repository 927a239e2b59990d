package house

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

//go:embed messages
var files embed.FS

// locales are the languages of the texts, English first: it is there for all.
var locales = []string{"en", "zh-CN"}

// catalogue is every text, by key.
var catalogue = load()

func load() map[string]abi.Localized {
	all := map[string]abi.Localized{}
	for _, l := range locales {
		raw, err := files.ReadFile("messages/" + l + ".json")
		var texts map[string]string
		if err == nil {
			err = json.Unmarshal(raw, &texts)
		}
		if err != nil {
			panic(fmt.Sprintf("house: texts in %s: %v", l, err)) // they are part of the program
		}
		for key, text := range texts {
			all[key] = append(all[key], abi.Translation{Locale: l, Text: text})
		}
	}
	return all
}

func localized(key string) abi.Localized { return catalogue[key] }

// placeholder is {name}, or {name|one|many}: a word for one and one for others.
var placeholder = regexp.MustCompile(`\{([a-z]+)(?:\|([^|{}]*)\|([^|{}]*))?\}`)

// defs are the texts as managers see them.
func defs() (list []abi.TextDef) {
	for _, key := range slices.Sorted(maps.Keys(catalogue)) {
		d := abi.TextDef{Key: key, Text: catalogue[key]}
		for _, m := range placeholder.FindAllStringSubmatch(catalogue[key].In("en"), -1) {
			if !slices.Contains(d.Params, m[1]) {
				d.Params = append(d.Params, m[1])
			}
		}
		list = append(list, d)
	}
	return list
}

// text is the wording of a key in a locale: a manager's own, else the
// catalogue's. Args are names and values in turn; texts among the values are
// escaped.
func text(own []abi.TextDef, locale, key string, args ...any) string {
	w := catalogue[key].In(locale)
	for _, d := range own {
		if d.Key != key {
			continue
		}
		for _, tr := range d.Text {
			if tr.Text != "" && (tr.Locale == locale || abi.SameLanguage(tr.Locale, locale)) {
				w = tr.Text
			}
		}
	}
	return fill(w, args)
}

// fill puts values in the place of placeholders. Texts among them are escaped,
// but in code, where a backslash would be one.
func fill(w string, args []any) string {
	var out strings.Builder
	end := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(w, -1) {
		out.WriteString(w[end:m[0]])
		end = m[1]
		i := slices.Index(args, any(w[m[2]:m[3]]))
		if i < 0 || i%2 != 0 {
			out.WriteString(w[m[0]:m[1]])
			continue
		}
		switch n, number := args[i+1].(int); {
		case m[4] >= 0 && number && n == 1:
			out.WriteString(w[m[4]:m[5]])
		case m[4] >= 0:
			out.WriteString(w[m[6]:m[7]])
		case number:
			fmt.Fprint(&out, n)
		case strings.HasSuffix(w[:m[0]], "`"):
			out.WriteString(strings.ReplaceAll(fmt.Sprint(args[i+1]), "`", ""))
		default:
			out.WriteString(string(sdk.Escape(fmt.Sprint(args[i+1]))))
		}
	}
	return out.String() + w[end:]
}
