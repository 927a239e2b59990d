package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/BurntSushi/toml"
)

// texts takes [plugins.NAME.texts]. Which texts there are, and what they may
// name, is the plugin's to say.
func (r *reader) texts(full string, p toml.Primitive) map[string]Text {
	const example = `a table of wordings by language, such as hello = { en = "Hi {name}!" }`
	at := r.spot(p)
	var spots map[string]toml.Primitive
	if _, ok := at.value.(map[string]any); !ok || r.meta.PrimitiveDecode(p, &spots) != nil {
		r.fail(at.line, "%s: %v", full, wrong(example, at.value))
		return nil
	}
	out := map[string]Text{}
	for _, key := range slices.Sorted(maps.Keys(spots)) {
		name, at := full+"."+key, r.spot(spots[key])
		r.config.lines[name] = at.line
		wordings, ok := at.value.(map[string]any)
		if !ok {
			r.fail(at.line, "%s: %v", name, wrong(example, at.value))
			continue
		}
		out[key] = Text{}
		for _, l := range slices.Sorted(maps.Keys(wordings)) {
			if err := r.wording(out[key], l, wordings[l]); err != nil {
				r.fail(at.line, "%s.%s: %v", name, l, err)
			}
		}
		for as := range out[key] {
			r.config.lines[name+"."+as] = at.line
		}
	}
	return out
}

// maxWording is how many characters a text may have.
const maxWording = 4000

func (r *reader) wording(t Text, lang string, v any) error {
	if _, ok := v.(map[string]any); ok { // of a.b.en = "…"
		return errors.New(`a key with a dot in it wants quotes, such as "help.title" = { en = "…" }`)
	}
	var as, wording string
	if err := locale(&as).set(lang); err != nil {
		return err
	}
	if t[as] != "" {
		return fmt.Errorf("there is a wording for %s already", as)
	}
	v, err := r.expand(v)
	if err == nil {
		err = text(&wording, 1, maxWording).set(v)
	}
	t[as] = wording
	return err
}
