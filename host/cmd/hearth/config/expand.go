package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// expand replaces ${…} in every string of v.
func (r *reader) expand(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return r.expandText(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			var err error
			if out[i], err = r.expand(e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []map[string]any:
		out := make([]any, len(v))
		for i, e := range v {
			var err error
			if out[i], err = r.expand(e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			var err error
			if out[k], err = r.expand(e); err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
		}
		return out, nil
	}
	return v, nil
}

// expandText goes over s once: what a variable holds is not looked into again.
func (r *reader) expandText(s string) (string, error) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		name, rest, ok := strings.Cut(s[i+2:], "}")
		if !ok {
			return "", errors.New("has ${ without a } behind it; write $${ for the characters themselves")
		}
		v, err := r.lookUp(name)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
		s = rest
	}
}

func (r *reader) lookUp(name string) (string, error) {
	if r.document {
		return "", errElsewhere
	}
	path, isFile := strings.CutPrefix(name, "file:")
	if !isFile {
		if name == "" || strings.ContainsAny(name, " :-/") {
			return "", fmt.Errorf("${%s} names no environment variable; a file is ${file:PATH}", name)
		}
		if r.env.Lookup != nil {
			if v, ok := r.env.Lookup(name); ok {
				return v, nil
			}
		}
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	if path == "" {
		return "", errors.New("${file:} lacks a path")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.config.File), path)
	}
	if r.env.ReadFile == nil {
		return "", fmt.Errorf("the file %s cannot be read", path)
	}
	data, err := r.env.ReadFile(path)
	if err != nil {
		return "", err // names the path
	}
	v := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if !utf8.ValidString(v) {
		return "", fmt.Errorf("the file %s is no text in UTF-8", path)
	}
	return v, nil
}

// readBounded reads a file that is not unreasonably large.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return data, err
}
