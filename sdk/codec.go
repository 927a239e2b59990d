package sdk

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// jsonExt marks a MessagePack extension whose bytes are JSON.
const jsonExt = 'J'

// Encode makes the bytes under which v is kept as state or in a note:
// MessagePack for strings, byte slices, numbers, booleans, times and durations
// and for what has generated codecs (msgp.Marshaler); anything else is JSON in
// an extension of type 'J'.
func Encode[T any](v T) ([]byte, error) {
	switch x := any(&v).(type) {
	case *string:
		return msgp.AppendString(nil, *x), nil
	case *[]byte:
		return msgp.AppendBytes(nil, *x), nil
	case *time.Time:
		return msgp.AppendTime(nil, *x), nil
	case msgp.Marshaler:
		return x.MarshalMsg(nil)
	}
	if m, ok := any(v).(msgp.Marshaler); ok {
		return m.MarshalMsg(nil)
	}
	switch r := reflect.ValueOf(&v).Elem(); r.Kind() {
	case reflect.String:
		return msgp.AppendString(nil, r.String()), nil
	case reflect.Bool:
		return msgp.AppendBool(nil, r.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return msgp.AppendInt64(nil, r.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return msgp.AppendUint64(nil, r.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return msgp.AppendFloat64(nil, r.Float()), nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return msgp.AppendExtension(nil, &msgp.RawExtension{Type: jsonExt, Data: text})
}

// Decode reads what [Encode] wrote.
func Decode[T any](b []byte) (v T, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("decode %T: %w", v, err)
		}
	}()
	switch x := any(&v).(type) {
	case *string:
		*x, _, err = msgp.ReadStringBytes(b)
		return v, err
	case *[]byte:
		*x, _, err = msgp.ReadBytesBytes(b, nil)
		return v, err
	case *time.Time:
		*x, _, err = msgp.ReadTimeBytes(b)
		*x = x.UTC()
		return v, err
	case msgp.Unmarshaler:
		_, err = x.UnmarshalMsg(b)
		return v, err
	}
	switch r := reflect.ValueOf(&v).Elem(); r.Kind() {
	case reflect.Pointer:
		if u, ok := reflect.New(r.Type().Elem()).Interface().(msgp.Unmarshaler); ok {
			_, err = u.UnmarshalMsg(b)
			r.Set(reflect.ValueOf(u))
			return v, err
		}
	case reflect.String:
		var s string
		s, _, err = msgp.ReadStringBytes(b)
		r.SetString(s)
		return v, err
	case reflect.Bool:
		var x bool
		x, _, err = msgp.ReadBoolBytes(b)
		r.SetBool(x)
		return v, err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var n int64
		if n, _, err = msgp.ReadInt64Bytes(b); err == nil && r.OverflowInt(n) {
			err = fmt.Errorf("%d does not fit", n)
		}
		r.SetInt(n)
		return v, err
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var n uint64
		if n, _, err = msgp.ReadUint64Bytes(b); err == nil && r.OverflowUint(n) {
			err = fmt.Errorf("%d does not fit", n)
		}
		r.SetUint(n)
		return v, err
	case reflect.Float32, reflect.Float64:
		var f float64
		f, _, err = msgp.ReadFloat64Bytes(b)
		r.SetFloat(f)
		return v, err
	}
	raw := msgp.RawExtension{Type: jsonExt}
	if _, err = msgp.ReadExtensionBytes(b, &raw); err != nil {
		return v, err
	}
	return v, json.Unmarshal(raw.Data, &v)
}
