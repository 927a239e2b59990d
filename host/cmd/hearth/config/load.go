package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// DefaultFile is what Load reads where no file is named, if it is there.
const DefaultFile = "hearth.toml"

// maxFile bounds a config file, and each file that a ${file:…} names.
const maxFile = 256 << 10

// ErrConfig is wrapped by every error that is about what stands in the file.
var ErrConfig = errors.New("the config is not acceptable")

// Env is where ${…} looks things up. The zero Env knows nothing.
type Env struct {
	Lookup   func(name string) (string, bool)
	ReadFile func(path string) ([]byte, error)
}

// OS is the process's environment and the machine's files.
func OS() Env { return Env{Lookup: os.LookupEnv, ReadFile: readBounded} }

// Load reads a file and the environment. With an empty path it reads
// DefaultFile, and returns Default if there is none. Paths in the result are
// relative to the working directory.
func Load(path string, env Env) (*Config, error) {
	named := path != ""
	if !named {
		path = DefaultFile
	}
	data, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return Default(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the config: %w", err)
	}
	return Parse(path, data, env)
}

// Parse reads data as the file of that path. An error wraps ErrConfig and has a
// line FILE:LINE: KEY: what is wrong, for each thing that is.
func Parse(path string, data []byte, env Env) (*Config, error) {
	c := Default()
	c.File = path
	r := newReader(c, env)
	if err := r.read(string(data)); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(c.Server.Data) && c.lines["server.data"] != 0 {
		c.Server.Data = filepath.Join(filepath.Dir(path), c.Server.Data)
	}
	if dir := c.Verify.Toolchain; dir != "" && !filepath.IsAbs(dir) {
		c.Verify.Toolchain = filepath.Join(filepath.Dir(path), dir)
	}
	return c, nil
}

// reader takes a file apart and keeps what is wrong with it.
type reader struct {
	config *Config
	env    Env
	keys   map[string]key
	tables []string
	meta   toml.MetaData
	faults []fault

	document bool     // nothing is looked up; see ReadDocument
	kept     []string // secrets of it that stand as Kept
}

func newReader(c *Config, env Env) *reader {
	r := &reader{config: c, env: env, keys: map[string]key{}}
	for _, k := range c.keys() {
		r.keys[k.name] = k
		table, _, _ := strings.Cut(k.name, ".")
		r.tables = append(r.tables, table)
	}
	r.tables = append(slices.Compact(r.tables), "plugins")
	return r
}

type fault struct {
	line int
	text string
}

func (r *reader) fail(line int, format string, args ...any) {
	r.faults = append(r.faults, fault{line, fmt.Sprintf(format, args...)})
}

func (r *reader) read(data string) error {
	var top map[string]toml.Primitive
	meta, err := toml.Decode(data, &top)
	if err != nil {
		var p toml.ParseError
		if !errors.As(err, &p) {
			return fmt.Errorf("%w: %s: %w", ErrConfig, r.config.File, err)
		}
		// Not err itself: it may quote the line, and with it a secret.
		r.fail(p.Position.Line, "this is no TOML: %s", harmless(p.Message))
	}
	r.meta = meta
	for _, name := range slices.Sorted(maps.Keys(top)) {
		r.table(name, top[name])
	}
	if err := r.config.Analytics.fit(); err != nil {
		line := r.config.lines["analytics"]
		for _, k := range []string{"metrics", "funnel"} { // each is all right by itself
			line = cmp.Or(r.config.lines["analytics."+k], line)
		}
		r.fail(line, "analytics: %v", err)
	}
	return r.verdict()
}

// harmless is a parser's message without what it quotes from the file.
func harmless(s string) string {
	return quoted.ReplaceAllString(s, "…")
}

var quoted = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.){5,}"|'[^']{5,}'`)

func (r *reader) table(name string, p toml.Primitive) {
	at := r.spot(p)
	if !slices.Contains(r.tables, name) {
		if full := r.tableOf(name); full != "" {
			r.fail(at.line, "%s: this belongs into the table [%s]; write that line above it", name, full)
		} else {
			r.fail(at.line, "%s: there is no such table%s; there are %s", name, suggest(name, r.tables), strings.Join(r.tables, ", "))
		}
		return
	}
	if _, ok := at.value.(map[string]any); !ok {
		r.fail(at.line, "%s: %v", name, wrong("a table: write ["+name+"] on a line of its own", at.value))
		return
	}
	r.config.lines[name] = at.line
	var fields map[string]toml.Primitive
	if err := r.meta.PrimitiveDecode(p, &fields); err != nil {
		r.fail(at.line, "%s: cannot be read", name)
		return
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		full := name + "." + field
		if name == "plugins" {
			r.plugin(field, full, fields[field])
			continue
		}
		at := r.spot(fields[field])
		k, ok := r.keys[full]
		if !ok {
			known := r.fields(name)
			r.fail(at.line, "%s: there is no such key%s; there are %s", full, suggest(field, known), strings.Join(known, ", "))
			continue
		}
		if err := r.set(k, at.value); err != nil {
			r.fail(at.line, "%s: %v", full, err)
			continue
		}
		r.config.lines[full] = at.line
		if raw, ok := at.value.(string); ok && k.kind == SecretKind && raw != "" && !strings.Contains(raw, "${") {
			r.config.plain = append(r.config.plain, full)
		}
	}
}

// set gives a key its value. What a ${…} stands for may be a secret that was put
// in the wrong place: an error quotes what stands in the file.
func (r *reader) set(k key, raw any) error {
	if r.document && raw == Kept && k.kind == SecretKind {
		r.kept = append(r.kept, k.name)
		return nil
	}
	value, err := r.expand(raw)
	if err != nil {
		return err
	}
	if err = k.set(value); err == nil || reflect.DeepEqual(value, raw) {
		return err
	}
	if err = k.set(raw); err == nil {
		err = errors.New("cannot be what the ${…} stands for")
	}
	return err
}

// tableOf finds the table of a key that stands outside of any, "" if it is
// none or could be several.
func (r *reader) tableOf(field string) string {
	found := ""
	for _, t := range r.tables {
		if _, ok := r.keys[t+"."+field]; ok {
			if found != "" {
				return ""
			}
			found = t
		}
	}
	return found
}

func (r *reader) fields(table string) []string {
	var out []string
	for name := range r.keys {
		if f, ok := strings.CutPrefix(name, table+"."); ok {
			out = append(out, f)
		}
	}
	slices.Sort(out)
	return out
}

// pluginName is what a plugin may be called.
var pluginName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// plugin takes [plugins.NAME]. What may stand in it is the plugin's own
// schema's to say.
func (r *reader) plugin(name, full string, p toml.Primitive) {
	at := r.spot(p)
	fields, ok := at.value.(map[string]any)
	switch {
	case !ok:
		r.fail(at.line, "%s: %v", full, wrong("a table: write ["+full+"] on a line of its own", at.value))
		return
	case !pluginName.MatchString(name):
		r.fail(at.line, "%s: no plugin can have this name; write it like its file without .wasm", full)
		return
	}
	line := at.line
	r.config.lines[full] = line
	var spots map[string]toml.Primitive
	if err := r.meta.PrimitiveDecode(p, &spots); err != nil {
		r.fail(line, "%s: cannot be read", full)
		return
	}
	out := Plugin{Enabled: true}
	rest := map[string]any{}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		at := r.spot(spots[field])
		r.config.lines[full+"."+field] = at.line
		if field == "texts" {
			out.Texts = r.texts(full+".texts", spots[field])
			continue
		}
		v, err := r.expandField(field, fields[field])
		switch {
		case err != nil:
		case field == "enabled":
			err = boolean(&out.Enabled).set(v)
		case field == "secrets":
			err = secrets(&out.Secrets)(v)
			for s := range out.Secrets {
				r.config.lines[full+".secrets."+s] = at.line
			}
		}
		if err != nil {
			r.fail(at.line, "%s.%s: %v", full, field, err)
			continue
		}
		if field != "enabled" && field != "secrets" {
			rest[field] = v
		}
	}
	if len(rest) > 0 {
		doc, err := json.Marshal(rest)
		if err != nil {
			r.fail(line, "%s: holds a value that plugins cannot be given: inf and nan have no JSON", full)
			return
		}
		out.Config = doc
	}
	r.config.Plugins[name] = out
}

// expandField is expand; the secrets of a document may stay as they are.
func (r *reader) expandField(field string, v any) (any, error) {
	table, ok := v.(map[string]any)
	if !r.document || field != "secrets" || !ok {
		return r.expand(v)
	}
	out := map[string]any{}
	for name, v := range table {
		if v != Kept {
			var err error
			if v, err = r.expand(v); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		out[name] = v
	}
	return out, nil
}

// spot is a value and where it stands.
type spot struct {
	value any
	line  int
}

var errHere = errors.New("here")

// UnmarshalTOML fails on purpose: the decoder tells positions in errors only.
func (s *spot) UnmarshalTOML(v any) error {
	s.value = v
	return errHere
}

func (r *reader) spot(p toml.Primitive) spot {
	var s spot
	err := r.meta.PrimitiveDecode(p, &s)
	var at toml.ParseError
	if errors.As(err, &at) {
		s.line = at.Position.Line
	}
	// A table that is made by a key with dots, a.b.c = 1, stands where its first
	// key does.
	var inside map[string]toml.Primitive
	if _, ok := s.value.(map[string]any); ok && s.line == 0 && r.meta.PrimitiveDecode(p, &inside) == nil {
		for _, p := range inside {
			if line := r.spot(p).line; s.line == 0 || line < s.line {
				s.line = line
			}
		}
	}
	return s
}

// verdict is nil, or all faults in the order of their lines.
func (r *reader) verdict() error {
	if len(r.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(r.faults, func(a, b fault) int { return a.line - b.line })
	var b bytes.Buffer
	for i, f := range r.faults {
		if i == 20 {
			fmt.Fprintf(&b, "\n  … and %d more", len(r.faults)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s:%d: %s", r.config.File, f.line, f.text)
	}
	return fmt.Errorf("%w:%s", ErrConfig, b.String())
}
