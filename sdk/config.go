package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// configType is the type of a plugin's config; [New] says what it may be.
type configType struct{ t reflect.Type }

func configOf[C any]() configType { return configType{reflect.TypeFor[C]()} }

var durationType = reflect.TypeFor[time.Duration]()

// durationPattern is what parseDuration takes.
const durationPattern = `^([0-9]+d)?([0-9]+(\.[0-9]+)?(h|m|s|ms))*$`

// decode reads a config into a new *C. What it does not set has its default.
func (c configType) decode(text []byte) (any, error) {
	v := reflect.New(c.t)
	if c.t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("config: %s is no struct", c.t)
	}
	if err := setDefaults(v.Elem(), "config"); err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return v.Interface(), nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var x any
	if err := d.Decode(&x); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("config: something follows the JSON object")
	}
	if err := assign(v.Elem(), x, "config"); err != nil {
		return nil, err
	}
	return v.Interface(), nil
}

// defaults is the config if nobody sets anything, as JSON.
func (c configType) defaults() ([]byte, error) {
	v := reflect.New(c.t).Elem()
	if err := setDefaults(v, "config"); err != nil {
		return nil, err
	}
	return json.Marshal(plainValue(v))
}

// settings lists the exported fields of a config struct.
func settings(t reflect.Type) []reflect.StructField {
	var fs []reflect.StructField
	for f := range t.Fields() {
		if f.IsExported() {
			fs = append(fs, f)
		}
	}
	return fs
}

// settingName is a field's name in snake case.
func settingName(f reflect.StructField) string {
	var b strings.Builder
	rs := []rune(f.Name)
	for i, r := range rs {
		if unicode.IsUpper(r) {
			if i > 0 && (unicode.IsLower(rs[i-1]) || i+1 < len(rs) && unicode.IsLower(rs[i+1])) {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

func setDefaults(v reflect.Value, at string) error {
	for _, f := range settings(v.Type()) {
		field, at := v.FieldByIndex(f.Index), at+"."+settingName(f)
		if def, ok := f.Tag.Lookup("default"); ok {
			if err := setText(field, def, at); err != nil {
				return fmt.Errorf("%w (in its default tag)", err)
			}
		} else if field.Kind() == reflect.Struct {
			if err := setDefaults(field, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// setText sets v to what a tag says.
func setText(v reflect.Value, s, at string) error {
	switch {
	case v.Type() == durationType, v.Kind() == reflect.String:
		return assign(v, s, at)
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%s: %q is neither true nor false", at, s)
		}
		return assign(v, b, at)
	case v.Kind() == reflect.Slice:
		var list []any
		for e := range strings.SplitSeq(s, ",") {
			elem := reflect.New(v.Type().Elem()).Elem()
			if err := setText(elem, strings.TrimSpace(e), at); err != nil {
				return err
			}
			list = append(list, plainValue(elem))
		}
		return assign(v, list, at)
	}
	return assign(v, json.Number(s), at)
}

// assign sets v to x, which comes from JSON: what is wrong is said with the
// place where it stands.
func assign(v reflect.Value, x any, at string) error {
	wrong := func(want string) error { return fmt.Errorf("%s: %s is not %s", at, show(x), want) }
	switch k := v.Kind(); {
	case v.Type() == durationType:
		s, ok := x.(string)
		d, err := parseDuration(s)
		if !ok || err != nil {
			return wrong(`a duration such as "90s", "24h" or "7d"`)
		}
		v.SetInt(int64(d))
	case k == reflect.String:
		s, ok := x.(string)
		if !ok {
			return wrong("a text")
		}
		v.SetString(s)
	case k == reflect.Bool:
		b, ok := x.(bool)
		if !ok {
			return wrong("true or false")
		}
		v.SetBool(b)
	case v.CanInt(), v.CanUint(), v.CanFloat():
		return assignNumber(v, fmt.Sprint(x), wrong)
	case k == reflect.Slice:
		list, ok := x.([]any)
		if !ok {
			return wrong("a list")
		}
		s := reflect.MakeSlice(v.Type(), len(list), len(list))
		for i, e := range list {
			if err := element(s.Index(i), e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		v.Set(s)
	case k == reflect.Map && v.Type().Key().Kind() == reflect.String:
		object, ok := x.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		m := reflect.MakeMapWithSize(v.Type(), len(object))
		for _, name := range slices.Sorted(maps.Keys(object)) {
			e := reflect.New(v.Type().Elem()).Elem()
			if err := element(e, object[name], at+"."+name); err != nil {
				return err
			}
			m.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), e)
		}
		v.Set(m)
	case k == reflect.Struct:
		object, ok := x.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			i := slices.IndexFunc(settings(v.Type()), func(f reflect.StructField) bool { return settingName(f) == name })
			if i < 0 {
				return fmt.Errorf("%s: there is no setting %q", at, name)
			}
			f := settings(v.Type())[i]
			if err := assign(v.FieldByIndex(f.Index), object[name], at+"."+name); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%s: a config cannot have a %s", at, v.Type())
	}
	return nil
}

// element is assign for a new element of a list or map, which starts with its
// type's defaults.
func element(v reflect.Value, x any, at string) error {
	if v.Kind() == reflect.Struct {
		if err := setDefaults(v, at); err != nil {
			return err
		}
	}
	return assign(v, x, at)
}

func assignNumber(v reflect.Value, s string, wrong func(string) error) error {
	switch {
	case v.CanInt():
		n, err := strconv.ParseInt(s, 10, v.Type().Bits())
		if err != nil {
			return wrong("a whole number in range")
		}
		v.SetInt(n)
	case v.CanUint():
		n, err := strconv.ParseUint(s, 10, v.Type().Bits())
		if err != nil {
			return wrong("a whole number in range")
		}
		v.SetUint(n)
	default:
		f, err := strconv.ParseFloat(s, v.Type().Bits())
		if err != nil {
			return wrong("a number")
		}
		v.SetFloat(f)
	}
	return nil
}

func show(x any) string {
	b, err := json.Marshal(x)
	if err != nil || len(b) > 60 {
		return "what is there"
	}
	return string(b)
}

// parseDuration is time.ParseDuration with days, which come first: "7d",
// "1d12h".
func parseDuration(s string) (time.Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("no duration: %q", s)
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	r, err := time.ParseDuration(rest)
	return d + r, err
}

func showDuration(d time.Duration) string {
	if d > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String() // "1h0m0s"
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func durationOf(v reflect.Value) time.Duration { return time.Duration(v.Int()) }
