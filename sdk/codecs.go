package sdk

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// jsonExt marks a MessagePack extension whose bytes are JSON.
const jsonExt = 'J'

var (
	marshaler     = reflect.TypeFor[msgp.Marshaler]()
	unmarshaler   = reflect.TypeFor[msgp.Unmarshaler]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	timeType      = reflect.TypeFor[time.Time]()
)

func (c *codec) build(t reflect.Type) error {
	ptr := reflect.PointerTo(t)
	switch k := t.Kind(); {
	case ptr.Implements(marshaler) && ptr.Implements(unmarshaler):
		c.own()
	case t == timeType:
		c.time()
	case k == reflect.Pointer:
		return c.pointer(t)
	case ptr.Implements(jsonMarshaler), ptr.Implements(textMarshaler), k == reflect.Interface:
		c.json()
	case k == reflect.Struct:
		return c.fields(t)
	case k == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		c.bytes()
	case k == reflect.Slice:
		return c.list(t)
	case k == reflect.Map && t.Key().Kind() == reflect.String:
		return c.dictionary(t)
	default:
		return c.scalar(t)
	}
	return nil
}

// own leaves it to the type's generated codec.
func (c *codec) own() {
	c.encode = func(b []byte, v reflect.Value) ([]byte, error) {
		if !v.CanAddr() {
			w := reflect.New(v.Type()).Elem()
			w.Set(v)
			v = w
		}
		return v.Addr().Interface().(msgp.Marshaler).MarshalMsg(b)
	}
	c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
		b = bytes.Clone(b) // it may keep parts of it
		return v.Addr().Interface().(msgp.Unmarshaler).UnmarshalMsg(b)
	}
}

func (c *codec) time() {
	c.encode = func(b []byte, v reflect.Value) ([]byte, error) {
		return msgp.AppendTime(b, v.Interface().(time.Time)), nil
	}
	c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
		t, b, err := msgp.ReadTimeBytes(b)
		v.Set(reflect.ValueOf(t.UTC()))
		return b, err
	}
}

func (c *codec) json() {
	c.encode = func(b []byte, v reflect.Value) ([]byte, error) {
		text, err := json.Marshal(v.Interface())
		if err != nil {
			return nil, err
		}
		return msgp.AppendExtension(b, &msgp.RawExtension{Type: jsonExt, Data: text})
	}
	c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
		raw := msgp.RawExtension{Type: jsonExt}
		b, err := msgp.ReadExtensionBytes(b, &raw)
		if err != nil {
			return nil, err
		}
		return b, json.Unmarshal(raw.Data, v.Addr().Interface())
	}
}

func (c *codec) pointer(t reflect.Type) error {
	to, err := partOf(t.Elem())
	if err != nil {
		return err
	}
	c.encode = func(b []byte, v reflect.Value) ([]byte, error) {
		if v.IsNil() {
			return msgp.AppendNil(b), nil
		}
		return to.encode(b, v.Elem())
	}
	c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
		if msgp.IsNil(b) {
			return msgp.ReadNilBytes(b)
		}
		v.Set(reflect.New(t.Elem()))
		return to.decode(b, v.Elem())
	}
	return nil
}

func (c *codec) bytes() {
	c.encode = func(b []byte, v reflect.Value) ([]byte, error) { return msgp.AppendBytes(b, v.Bytes()), nil }
	c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
		x, b, err := msgp.ReadBytesBytes(b, nil)
		v.SetBytes(x)
		return b, err
	}
}

func (c *codec) list(t reflect.Type) error {
	of, err := partOf(t.Elem())
	if err != nil {
		return err
	}
	c.encode = func(b []byte, v reflect.Value) (_ []byte, err error) {
		b = msgp.AppendArrayHeader(b, uint32(v.Len()))
		for i := 0; i < v.Len() && err == nil; i++ {
			b, err = of.encode(b, v.Index(i))
		}
		return b, err
	}
	c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
		n, b, err := msgp.ReadArrayHeaderBytes(b)
		if err != nil || int(n) > len(b) {
			return nil, orShort(err)
		}
		v.Set(reflect.MakeSlice(t, int(n), int(n)))
		for i := 0; i < int(n) && err == nil; i++ {
			b, err = of.decode(b, v.Index(i))
		}
		return b, err
	}
	return nil
}

func (c *codec) dictionary(t reflect.Type) error {
	of, err := partOf(t.Elem())
	if err != nil {
		return err
	}
	c.encode = func(b []byte, v reflect.Value) (_ []byte, err error) {
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
		b = msgp.AppendMapHeader(b, uint32(len(keys)))
		for _, k := range keys {
			if b, err = of.encode(msgp.AppendString(b, k.String()), v.MapIndex(k)); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
		n, b, err := msgp.ReadMapHeaderBytes(b)
		if err != nil || int(n) > len(b) {
			return nil, orShort(err)
		}
		v.Set(reflect.MakeMapWithSize(t, int(n)))
		for ; n > 0; n-- {
			var key string
			if key, b, err = msgp.ReadStringBytes(b); err != nil {
				return nil, err
			}
			e := reflect.New(t.Elem()).Elem()
			if b, err = of.decode(b, e); err != nil {
				return nil, err
			}
			v.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), e)
		}
		return b, nil
	}
	return nil
}

// field is an exported field of a struct.
type field struct {
	index int
	name  string
	*codec
}

func (c *codec) fields(t reflect.Type) error {
	var fs []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		of, err := partOf(f.Type)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		fs = append(fs, field{i, name, of})
	}
	if len(fs) == 0 && t.NumField() > 0 {
		return fmt.Errorf("%s has no exported fields: nothing of it would be kept", t)
	}
	c.encode = func(b []byte, v reflect.Value) (_ []byte, err error) {
		n := 0
		for i := range fs {
			if !v.Field(fs[i].index).IsZero() {
				n++
			}
		}
		b = msgp.AppendMapHeader(b, uint32(n))
		for i := range fs {
			if x := v.Field(fs[i].index); !x.IsZero() {
				if b, err = fs[i].encode(msgp.AppendString(b, fs[i].name), x); err != nil {
					return nil, fmt.Errorf("%s: %w", fs[i].name, err)
				}
			}
		}
		return b, nil
	}
	c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
		n, b, err := msgp.ReadMapHeaderBytes(b)
		if err != nil {
			return nil, err
		}
		for ; n > 0; n-- {
			var key []byte
			if key, b, err = msgp.ReadMapKeyZC(b); err != nil {
				return nil, err
			}
			i := slices.IndexFunc(fs, func(f field) bool { return f.name == string(key) })
			if i < 0 {
				b, err = msgp.Skip(b)
			} else if b, err = fs[i].decode(b, v.Field(fs[i].index)); err != nil {
				err = fmt.Errorf("%s: %w", fs[i].name, err)
			}
			if err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return nil
}

func (c *codec) scalar(t reflect.Type) error {
	switch v := reflect.Zero(t); {
	case t.Kind() == reflect.String:
		c.encode = func(b []byte, v reflect.Value) ([]byte, error) { return msgp.AppendString(b, v.String()), nil }
		c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
			x, b, err := msgp.ReadStringBytes(b)
			v.SetString(x)
			return b, err
		}
	case t.Kind() == reflect.Bool:
		c.encode = func(b []byte, v reflect.Value) ([]byte, error) { return msgp.AppendBool(b, v.Bool()), nil }
		c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
			x, b, err := msgp.ReadBoolBytes(b)
			v.SetBool(x)
			return b, err
		}
	case v.CanInt():
		c.encode = func(b []byte, v reflect.Value) ([]byte, error) { return msgp.AppendInt64(b, v.Int()), nil }
		c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
			x, b, err := msgp.ReadInt64Bytes(b)
			if err == nil && v.OverflowInt(x) {
				return nil, fmt.Errorf("%d does not fit into %s", x, t)
			}
			v.SetInt(x)
			return b, err
		}
	case v.CanUint():
		c.encode = func(b []byte, v reflect.Value) ([]byte, error) { return msgp.AppendUint64(b, v.Uint()), nil }
		c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
			x, b, err := msgp.ReadUint64Bytes(b)
			if err == nil && v.OverflowUint(x) {
				return nil, fmt.Errorf("%d does not fit into %s", x, t)
			}
			v.SetUint(x)
			return b, err
		}
	case v.CanFloat():
		c.encode = func(b []byte, v reflect.Value) ([]byte, error) { return msgp.AppendFloat64(b, v.Float()), nil }
		c.decode = func(b []byte, v reflect.Value) ([]byte, error) {
			x, b, err := msgp.ReadFloat64Bytes(b)
			v.SetFloat(x)
			return b, err
		}
	default:
		return fmt.Errorf("a %s cannot be kept", t)
	}
	return nil
}

func orShort(err error) error {
	if err != nil {
		return err
	}
	return msgp.ErrShortBytes
}
