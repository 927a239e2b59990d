package sdk

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Wordings is a text by locale, for configs: a manager's own words in the place
// of the catalogue's. See [Base.TOr].
type Wordings map[string]string

// T is the text of the catalogue under key, in the language of the event's
// member (of a query's viewer): in their locale, else their language, else the
// community's language, else English. Managers' own wordings come before the
// plugin's.
//
// Args are bound to the placeholders in the order in which the English text
// first names them, whatever their order in another language. A string is
// escaped; [Markup] is not.
func (b *Base) T(key string, args ...any) Markup { return b.p.texts.text(b.locale, nil, key, args) }

// TIn is T in a language that the caller chooses; "" is the community's, for
// what is said to everyone.
func (b *Base) TIn(locale, key string, args ...any) Markup {
	return b.p.texts.text(cmp.Or(locale, b.p.community.Locale), nil, key, args)
}

// TOr is T, unless own has a wording that the member can read: then that one,
// with the same placeholders.
func (b *Base) TOr(own Wordings, key string, args ...any) Markup {
	return b.p.texts.text(b.locale, own, key, args)
}

// Locale is the language of T: the event's member's, else the community's.
func (b *Base) Locale() string { return cmp.Or(b.locale, b.p.community.Locale) }

// catalogue is the plugin's texts.
type catalogue struct {
	community string // locale
	texts     map[string]*text
}

type text struct {
	params   []string
	wordings []wording
}

// wording is a text in one language.
type wording struct {
	locale string
	source string
	template
}

func (c *catalogue) text(locale string, own Wordings, key string, args []any) Markup {
	t := c.texts[key]
	if t == nil {
		panic(mistakef("text %q is not in messages/en.json", key))
	}
	if len(args) != len(t.params) {
		panic(mistakef("text %q takes %d arguments (%s), got %d", key, len(t.params), strings.Join(t.params, ", "), len(args)))
	}
	if len(own) > 0 {
		if w, ok := own.pick(locale, c.community); ok {
			if tpl, err := parse(w); err == nil {
				return tpl.render(t.params, args)
			}
			return Escape(w)
		}
	}
	return pick(t.wordings, locale, c.community).render(t.params, args)
}

// pick chooses among wordings, of which one is English.
func pick(ws []wording, locale, community string) template {
	for _, want := range [...]string{locale, community, "en"} {
		if want == "" {
			continue
		}
		for i := range ws {
			if ws[i].locale == want {
				return ws[i].template
			}
		}
		for i := range ws {
			if abi.SameLanguage(ws[i].locale, want) {
				return ws[i].template
			}
		}
	}
	return nil
}

func (o Wordings) pick(locale, community string) (string, bool) {
	for _, want := range [...]string{locale, community, "en"} {
		if w := o[want]; w != "" {
			return w, true
		}
		for _, l := range slices.Sorted(maps.Keys(o)) {
			if want != "" && o[l] != "" && abi.SameLanguage(l, want) {
				return o[l], true
			}
		}
	}
	return "", false
}

// override puts managers' wordings before the plugin's. One that cannot be
// parsed is left out: the plugin's own then stands.
func (c *catalogue) override(defs []abi.TextDef) {
	for _, d := range defs {
		t := c.texts[d.Key]
		if t == nil {
			continue
		}
		for _, tr := range d.Text {
			tpl, err := parse(tr.Text)
			if err != nil || tr.Text == "" {
				continue
			}
			w := wording{locale: tr.Locale, source: tr.Text, template: tpl}
			if i := slices.IndexFunc(t.wordings, func(w wording) bool { return w.locale == tr.Locale }); i >= 0 {
				t.wordings[i] = w
			} else {
				t.wordings = append(t.wordings, w)
			}
		}
	}
}

// loadTexts reads messages/LOCALE.json, or LOCALE.json.
func loadTexts(files fs.FS) (*catalogue, error) {
	c := &catalogue{texts: map[string]*text{}}
	if files == nil {
		return c, nil
	}
	names, err := fs.Glob(files, "messages/*.json")
	if err == nil && len(names) == 0 {
		names, err = fs.Glob(files, "*.json")
	}
	if err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	if i := slices.IndexFunc(names, func(n string) bool { return path.Base(n) == "en.json" }); i < 0 {
		return nil, errors.New("texts: there is no messages/en.json")
	} else { // English first: it says which texts there are
		names[0], names[i] = names[i], names[0]
	}
	for _, name := range names {
		if err := c.load(files, name); err != nil {
			return nil, fmt.Errorf("texts: %s: %w", name, err)
		}
	}
	return c, nil
}

func (c *catalogue) load(files fs.FS, name string) error {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	var texts map[string]string
	if err := json.Unmarshal(raw, &texts); err != nil {
		return fmt.Errorf("not an object from key to text: %w", err)
	}
	locale := strings.TrimSuffix(path.Base(name), ".json")
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		tpl, err := parse(texts[key])
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", key, err))
			continue
		}
		t := c.texts[key]
		switch {
		case locale == "en":
			t = &text{params: tpl.params()}
			c.texts[key] = t
		case t == nil:
			problems = append(problems, fmt.Errorf("%s: not in en.json", key))
			continue
		default:
			if missing, extra := difference(t.params, tpl.params()); missing != "" || extra != "" {
				problems = append(problems, fmt.Errorf("%s: placeholders differ from en.json's: missing [%s], not there [%s]", key, missing, extra))
			}
		}
		t.wordings = append(t.wordings, wording{locale: locale, source: texts[key], template: tpl})
	}
	for _, key := range slices.Sorted(maps.Keys(c.texts)) {
		if _, ok := texts[key]; !ok {
			problems = append(problems, fmt.Errorf("%s: missing", key))
		}
	}
	return errors.Join(problems...)
}

// difference lists what only want has, and what only got has.
func difference(want, got []string) (missing, extra string) {
	without := func(a, b []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) }), " ")
	}
	return without(want, got), without(got, want)
}

// defs lists the texts for the manifest, sorted by key.
func (c *catalogue) defs() []abi.TextDef {
	var defs []abi.TextDef
	for _, key := range slices.Sorted(maps.Keys(c.texts)) {
		defs = append(defs, abi.TextDef{Key: key, Params: c.texts[key].params, Text: c.localized(key)})
	}
	return defs
}

// localized is a text's wordings as the wire has them; nil if there is no such text.
func (c *catalogue) localized(key string) abi.Localized {
	t := c.texts[key]
	if t == nil {
		return nil
	}
	var l abi.Localized
	for _, w := range t.wordings {
		l = append(l, abi.Translation{Locale: w.locale, Text: w.source})
	}
	return l
}
