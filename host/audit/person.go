package audit

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Person finds somebody who is forgotten in what is kept, by their ids.
type Person interface {
	// In says whether b has one of their ids.
	In(b []byte) bool

	// Is says whether s is one, and nothing else.
	Is(s string) bool

	// Blur is b with as many other letters in the place of each.
	Blur(b []byte) []byte
}

// Without is JSON without a person: lists come without the elements that are
// them, and objects without what stands under their id or is their id; in other
// texts other letters stand in the place of it. nil says that nothing is left, or
// that raw is no JSON.
func Without(p Person, raw []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil
	}
	v, keep := without(p, v)
	if !keep {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func without(p Person, v any) (any, bool) {
	switch v := v.(type) {
	case string:
		// As platforms write it, too: <@U012AB3CD>.
		return string(p.Blur([]byte(v))), !p.Is(strings.Trim(v, "<@> "))
	case []any:
		rest := []any{}
		for _, e := range v {
			if e, keep := without(p, e); keep {
				rest = append(rest, e)
			}
		}
		return rest, true
	case map[string]any:
		rest := map[string]any{}
		for name, e := range v {
			if e, keep := without(p, e); keep && !p.In([]byte(name)) {
				rest[name] = e
			}
		}
		return rest, true
	}
	return v, true
}
