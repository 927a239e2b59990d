package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Kept stands in a document for a secret: the one that is stored stays.
const Kept = "${secret:kept}"

// WriteDocument writes stored values as a config file has them, to be read by
// ReadDocument; of secrets, which are named apart, it says only that there are
// some. It writes the same values to the same bytes.
func WriteDocument(stored map[string]json.RawMessage, secrets []string) ([]byte, error) {
	top := map[string]any{}
	put := func(path []string, v any) {
		table := top
		for _, p := range path[:len(path)-1] {
			next, ok := table[p].(map[string]any)
			if !ok {
				next = map[string]any{}
				table[p] = next
			}
			table = next
		}
		table[path[len(path)-1]] = v
	}
	for name, value := range stored {
		v, err := decode(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		put(pathOf(name), unexpand(v))
	}
	for _, name := range secrets {
		put(pathOf(name), Kept)
	}
	var b bytes.Buffer
	e := toml.NewEncoder(&b)
	e.Indent = ""
	if err := e.Encode(top); err != nil {
		return nil, fmt.Errorf("write the config: %w", err)
	}
	return b.Bytes(), nil
}

// pathOf is a key as the tables of a file have it.
func pathOf(name string) []string {
	if k, err := parsePluginKey(name); err == nil {
		path := []string{"plugins", k.plugin}
		switch k.part {
		case "enabled":
			return append(path, "enabled")
		case "secrets":
			return append(path, "secrets", k.name)
		case "texts":
			return append(path, "texts", k.name, k.locale)
		}
		return append(path, k.name)
	}
	return strings.SplitN(name, ".", 2)
}

// unexpand writes ${ so that it is read as it is.
func unexpand(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "${", "$${")
	case []any:
		for i := range v {
			v[i] = unexpand(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = unexpand(v[k])
		}
	}
	return v
}

// ReadDocument reads what WriteDocument wrote, or what a person wrote like it,
// as strictly as Parse: JSON by key, and the secrets that are to stay as they
// are. It looks nothing up: a ${…} but Kept is an error, because the environment
// and the files here are not whose who sent the document. name is for errors,
// which wrap ErrConfig.
func ReadDocument(name string, data []byte) (stored map[string]json.RawMessage, kept []string, err error) {
	if len(data) > maxFile {
		return nil, nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrConfig, name, maxFile)
	}
	c := Default()
	c.File = name
	r := newReader(c, Env{})
	r.document = true
	if err := r.read(string(data)); err != nil {
		return nil, nil, err
	}
	stored = map[string]json.RawMessage{}
	for _, k := range c.keys() {
		if _, ok := c.lines[k.name]; ok && !slices.Contains(r.kept, k.name) {
			stored[k.name] = encode(k.get())
		}
	}
	for plugin, p := range c.Plugins {
		prefix := "plugins." + plugin + "."
		if _, ok := c.lines[prefix+"enabled"]; ok {
			stored[prefix+"enabled"] = encode(p.Enabled)
		}
		for s, v := range p.Secrets {
			if v.Reveal() == Kept {
				r.kept = append(r.kept, prefix+"secrets."+s)
				continue
			}
			stored[prefix+"secrets."+s] = encode(v.Reveal())
		}
		for t, wordings := range p.Texts {
			for locale, wording := range wordings {
				key := TextKey(plugin, t, locale)
				if text, l, ok := TextOf(key); !ok || text != t || l != locale {
					return nil, nil, fmt.Errorf("%w: %s: plugins.%s: no text can be called %q", ErrConfig, name, plugin, shorten(t))
				}
				stored[key] = encode(wording)
			}
		}
		var fields map[string]json.RawMessage
		if len(p.Config) > 0 {
			if err := json.Unmarshal(p.Config, &fields); err != nil {
				return nil, nil, fmt.Errorf("%w: %s: %w", ErrConfig, name, err)
			}
		}
		for f, v := range fields {
			if k, err := parsePluginKey(prefix + f); err != nil || k.part != "" || k.name != f {
				return nil, nil, fmt.Errorf("%w: %s: plugins.%s: no setting of a plugin can be called %q", ErrConfig, name, plugin, shorten(f))
			}
			stored[prefix+f] = v
		}
	}
	slices.Sort(r.kept)
	return stored, r.kept, nil
}

// errElsewhere is what a document says that wants something looked up.
var errElsewhere = errors.New("has ${…}, which is looked up in a config file and not here: write the value itself, or " + Kept + " for a secret that is to stay; $${ is the characters themselves")
