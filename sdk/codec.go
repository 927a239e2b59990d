package sdk

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/tinylib/msgp/msgp"
)

// Encode makes the bytes under which v is kept as state or in a note. They are
// MessagePack: by v's own codec if it has one (msgp.Marshaler), else by its
// type. A struct is a map from its exported fields' names, or their json tags,
// without those that are zero; so fields can be added, and removed. What has
// a JSON form of its own, and what is in an interface, is JSON in an extension
// of type 'J'.
//
// It works out T when it first meets it. Declaring state does that while the
// image is made; an event that does it has forgotten it by the next.
func Encode[T any](v T) ([]byte, error) {
	if b := encodeSimple(&v); b != nil {
		return b, nil
	}
	return encodeAny(v)
}

// encodeSimple is nil if what v points to is not of one of the most common types,
// for which it is ten times as fast.
func encodeSimple(v any) []byte {
	switch x := v.(type) {
	case *string:
		return msgp.AppendString(nil, *x)
	case *bool:
		return msgp.AppendBool(nil, *x)
	case *int64:
		return msgp.AppendInt64(nil, *x)
	case *int:
		return msgp.AppendInt(nil, *x)
	}
	return nil
}

func encodeAny[T any](v T) ([]byte, error) {
	c, err := codecOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	b, err := c.encode(nil, reflect.ValueOf(&v).Elem())
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return b, nil
}

// Decode reads what [Encode] wrote, of the same T or of one whose fields are
// compatible: it skips what T does not have, and what is missing is zero.
func Decode[T any](b []byte) (v T, err error) {
	rest, simple, err := decodeSimple(&v, b)
	if !simple {
		v, rest, err = decodeAny[T](b)
	}
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow it", len(rest))
	}
	if err != nil {
		return v, fmt.Errorf("decode %v: %w", reflect.TypeFor[T](), err)
	}
	return v, nil
}

func decodeSimple(v any, b []byte) (rest []byte, simple bool, err error) {
	switch x := v.(type) {
	case *string:
		*x, rest, err = msgp.ReadStringBytes(b)
	case *bool:
		*x, rest, err = msgp.ReadBoolBytes(b)
	case *int64:
		*x, rest, err = msgp.ReadInt64Bytes(b)
	case *int:
		*x, rest, err = msgp.ReadIntBytes(b)
	default:
		return nil, false, nil
	}
	return rest, true, err
}

func decodeAny[T any](b []byte) (v T, rest []byte, err error) {
	c, err := codecOf(reflect.TypeFor[T]())
	if err == nil {
		rest, err = c.decode(b, reflect.ValueOf(&v).Elem())
	}
	return v, rest, err
}

// codec encodes and decodes values of one type. The value to decode into is
// settable, and zero.
type codec struct {
	encode func([]byte, reflect.Value) ([]byte, error)
	decode func([]byte, reflect.Value) ([]byte, error)
}

// codecs are those that were worked out.
var codecs struct {
	sync.Mutex
	of map[reflect.Type]*codec
}

func codecOf(t reflect.Type) (*codec, error) {
	codecs.Lock()
	defer codecs.Unlock()
	return partOf(t)
}

// partOf is codecOf for what builds a codec of parts, and so has the lock.
func partOf(t reflect.Type) (*codec, error) {
	if c := codecs.of[t]; c != nil {
		return c, nil
	}
	if codecs.of == nil {
		codecs.of = map[reflect.Type]*codec{}
	}
	c := &codec{}
	codecs.of[t] = c // before its parts: a type may contain pointers to itself
	if err := c.build(t); err != nil {
		delete(codecs.of, t)
		return nil, err
	}
	return c, nil
}
