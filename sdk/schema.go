package sdk

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// schema is the config's JSON Schema, 2020-12. The catalogue's text
// "config.NAME" is what a manager reads of a setting in other languages.
func (c configType) schema(texts *catalogue) ([]byte, error) {
	if c.t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("config: %s is no struct", c.t)
	}
	s, err := schemaOf(c.t, "", "config", texts)
	if err != nil {
		return nil, err
	}
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	return json.Marshal(s)
}

type jsonSchema = map[string]any

func schemaOf(t reflect.Type, tag reflect.StructTag, at string, texts *catalogue) (jsonSchema, error) {
	s := jsonSchema{}
	var lower, upper string // keywords for min and max
	switch k := t.Kind(); {
	case t == durationType:
		s["type"], s["format"], s["pattern"] = "string", "go-duration", durationPattern
		lower, upper = "x-minimum", "x-maximum"
	case k == reflect.String:
		s["type"] = "string"
		lower, upper = "minLength", "maxLength"
	case k == reflect.Bool:
		s["type"] = "boolean"
	case k >= reflect.Int && k <= reflect.Uint64:
		s["type"] = "integer"
		lower, upper = "minimum", "maximum"
		if k >= reflect.Uint {
			s[lower] = 0
		}
		if bits := t.Bits(); bits < 64 && k < reflect.Uint {
			s[lower], s[upper] = -int64(1)<<(bits-1), int64(1)<<(bits-1)-1
		} else if bits < 64 {
			s[upper] = int64(1)<<bits - 1
		}
	case k == reflect.Float32, k == reflect.Float64:
		s["type"] = "number"
		lower, upper = "minimum", "maximum"
	case k == reflect.Slice:
		items, err := schemaOf(t.Elem(), "", at+"[]", texts)
		if err != nil {
			return nil, err
		}
		s["type"], s["items"] = "array", items
		lower, upper = "minItems", "maxItems"
	case k == reflect.Map && t.Key().Kind() == reflect.String:
		values, err := schemaOf(t.Elem(), "", at+".*", texts)
		if err != nil {
			return nil, err
		}
		s["type"], s["additionalProperties"] = "object", values
	case k == reflect.Struct:
		properties := jsonSchema{}
		var order []string
		for _, f := range settings(t) {
			name := settingName(f)
			p, err := schemaOf(f.Type, f.Tag, at+"."+name, texts)
			if err != nil {
				return nil, err
			}
			properties[name] = p
			order = append(order, name)
		}
		s["type"], s["properties"], s["additionalProperties"] = "object", properties, false
		s["x-order"] = order // as declared, for forms
	default:
		return nil, fmt.Errorf("%s: a config cannot have a %s", at, t)
	}
	return s, annotate(s, t, tag, at, lower, upper, texts)
}

// annotate adds what a field's tags say.
func annotate(s jsonSchema, t reflect.Type, tag reflect.StructTag, at, lower, upper string, texts *catalogue) error {
	if h := tag.Get("help"); h != "" {
		s["description"] = h
	}
	if l := texts.localized(at); l != nil {
		help := map[string]string{}
		for _, w := range l {
			help[w.Locale] = w.Text
		}
		s["description"], s["x-help"] = help["en"], help
	}
	if def, ok := tag.Lookup("default"); ok {
		v := reflect.New(t).Elem()
		if err := setText(v, def, at); err != nil {
			return fmt.Errorf("%w (in its default tag)", err)
		}
		s["default"] = plainValue(v)
	}
	for keyword, text := range map[string]string{lower: tag.Get("min"), upper: tag.Get("max")} {
		if text == "" {
			continue
		}
		switch {
		case keyword == "":
			return fmt.Errorf("%s: a %s has no min or max", at, t)
		case t == durationType:
			if _, err := parseDuration(text); err != nil {
				return fmt.Errorf("%s: min and max of a duration are durations, not %q", at, text)
			}
			s[keyword] = text
		default:
			f, err := strconv.ParseFloat(text, 64)
			if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("%s: %q is no bound", at, text)
			}
			s[keyword] = json.Number(text)
		}
	}
	if list := tag.Get("enum"); list != "" {
		var values []any
		for e := range strings.SplitSeq(list, ",") {
			v := reflect.New(t).Elem()
			if err := setText(v, strings.TrimSpace(e), at); err != nil {
				return fmt.Errorf("%w (in its enum tag)", err)
			}
			values = append(values, plainValue(v))
		}
		s["enum"] = values
	}
	return nil
}

// plainValue is v as JSON has it.
func plainValue(v reflect.Value) any {
	switch k := v.Kind(); {
	case v.Type() == durationType:
		return showDuration(durationOf(v))
	case k == reflect.Struct:
		m := map[string]any{}
		for _, f := range settings(v.Type()) {
			m[settingName(f)] = plainValue(v.FieldByIndex(f.Index))
		}
		return m
	case k == reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plainValue(v.Index(i))
		}
		return list
	case k == reflect.Map:
		m := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			m[it.Key().String()] = plainValue(it.Value())
		}
		return m
	}
	return v.Interface()
}
