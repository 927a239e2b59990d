package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	printing "golang.org/x/text/message"
)

// ConfigError says what of a config does not fit its plugin's schema. It wraps
// [ErrConfig].
type ConfigError struct {
	Misfits []Misfit // at least one

	text string
}

// Misfit is a value that a schema does not allow.
type Misfit struct {
	At      []string // where it stands: names and places of list items
	Keyword string   // of JSON Schema: "type", "enum", "minimum", "required" …
	Got     string   // what there is, "" if it does not matter
	Want    string   // what there may be
	Text    string   // all of that in English
}

func (e *ConfigError) Error() string { return e.text }

func (e *ConfigError) Unwrap() error { return ErrConfig }

func newConfigError(plugin string, err error) error {
	// The first line names the schema; the others say what is wrong where.
	_, what, _ := strings.Cut(err.Error(), "\n")
	out := &ConfigError{text: fmt.Sprintf("%v: plugin %s: %s", ErrConfig, plugin, strings.TrimSpace(what))}
	var top *jsonschema.ValidationError
	if !errors.As(err, &top) {
		return fmt.Errorf("%w: plugin %s: %v", ErrConfig, plugin, err)
	}
	out.add(top, printing.NewPrinter(language.English))
	return out
}

// add adds the innermost reasons: the others say that there are these.
func (e *ConfigError) add(v *jsonschema.ValidationError, p *printing.Printer) {
	for _, cause := range v.Causes {
		e.add(cause, p)
	}
	if len(v.Causes) > 0 {
		return
	}
	m := Misfit{At: v.InstanceLocation, Text: v.ErrorKind.LocalizedString(p)}
	if path := v.ErrorKind.KeywordPath(); len(path) > 0 {
		m.Keyword = path[len(path)-1]
	}
	number := func(n *big.Rat) string { return strings.TrimSuffix(strings.TrimRight(n.FloatString(6), "0"), ".") }
	switch k := v.ErrorKind.(type) {
	case *kind.Type:
		m.Got, m.Want = k.Got, strings.Join(k.Want, ", ")
	case *kind.Enum:
		var all []string
		for _, w := range k.Want {
			all = append(all, bare(w))
		}
		m.Got, m.Want = bare(k.Got), strings.Join(all, ", ")
	case *kind.Minimum:
		m.Got, m.Want = number(k.Got), number(k.Want)
	case *kind.Maximum:
		m.Got, m.Want = number(k.Got), number(k.Want)
	case *kind.MinLength:
		m.Got, m.Want = fmt.Sprint(k.Got), fmt.Sprint(k.Want)
	case *kind.MaxLength:
		m.Got, m.Want = fmt.Sprint(k.Got), fmt.Sprint(k.Want)
	case *kind.MinItems:
		m.Got, m.Want = fmt.Sprint(k.Got), fmt.Sprint(k.Want)
	case *kind.MaxItems:
		m.Got, m.Want = fmt.Sprint(k.Got), fmt.Sprint(k.Want)
	case *kind.Pattern:
		m.Got, m.Want = k.Got, k.Want
	case *kind.Required:
		m.Want = strings.Join(k.Missing, ", ")
	case *kind.AdditionalProperties:
		m.Got = strings.Join(k.Properties, ", ")
	}
	e.Misfits = append(e.Misfits, m)
}

func bare(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
