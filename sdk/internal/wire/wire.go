// Package wire reads and writes package abi's types as their generated codecs
// do, in a quarter of the time: those are some hundred kilobytes of code that
// every event walks through once, and they copy every text. Here one small loop
// goes by a table for each type, and texts are parts of one string.
//
//	Call ── event ── object ─┬─ id ───── text      at offset 0
//	                         ├─ src ──── text      at offset 16
//	                         ├─ conv ─── object ── …
//	                         └─ message  pointer ─ object ── …
//
// The tables are worked out from the msg tags, while a plugin's image is made.
// The generated codecs stay the measure of what is right: tests compare, and
// what Decode does not know is theirs to read, or to refuse.
package wire

import (
	"fmt"
	"reflect"
	"strings"
	"unsafe"
)

// kind says how a value lies in memory and on the wire.
type kind uint8

const (
	text kind = iota
	flag
	integer
	unsigned
	binary
	object  // a struct; on the wire a map
	pointer // to an object, or nil
	list
)

// table is a type.
type table struct {
	kind   kind
	typ    reflect.Type
	size   uintptr
	fields []field // of an object
	of     *table  // what a pointer points to, what a list lists
}

// field is a field of an object.
type field struct {
	key    string // as on the wire, its header before it
	offset uintptr
	kind   kind
	omit   bool    // if it is zero
	test   uintptr // where that shows in a text, which is zero if it is empty, and in a list or pointer, if it is nil
	table  *table
}

// Codec reads and writes T. It is safe for concurrent use.
type Codec[T any] struct{ table *table }

// Of works out T, a struct of package abi. It panics if T has what none of those
// has that an event meets.
func Of[T any]() Codec[T] {
	return Codec[T]{tableOf(reflect.TypeFor[T](), map[reflect.Type]*table{})}
}

func tableOf(t reflect.Type, known map[reflect.Type]*table) *table {
	if n := known[t]; n != nil {
		return n
	}
	n := &table{typ: t, size: t.Size()}
	known[t] = n // before its parts: a type may lead to itself
	switch k := t.Kind(); {
	case k == reflect.String:
		n.kind = text
	case k == reflect.Bool:
		n.kind = flag
	case k == reflect.Int64, k == reflect.Int && t.Size() == 8:
		n.kind = integer
	case k == reflect.Uint64:
		n.kind = unsigned
	case k == reflect.Struct:
		n.kind = object
		n.add(t, 0, known)
	case k == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		n.kind, n.of = pointer, tableOf(t.Elem(), known)
	case k == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		n.kind = binary
	case k == reflect.Slice:
		n.kind, n.of = list, tableOf(t.Elem(), known)
	default:
		panic(fmt.Sprintf("wire: %v is not a type of an event", t))
	}
	return n
}

// add adds the fields of t, which lies at base in an object.
func (n *table) add(t reflect.Type, base uintptr, known map[reflect.Type]*table) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("msg"), ",")
		if name == "" && options == "flatten" {
			n.add(f.Type, base+f.Offset, known)
			continue
		}
		if name == "" || name == "-" || len(name) > maxShort || !f.IsExported() {
			panic(fmt.Sprintf("wire: %v.%s has no short name on the wire", t, f.Name))
		}
		of, test := tableOf(f.Type, known), uintptr(0)
		if of.kind == text {
			test = unsafe.Sizeof(uintptr(0)) // the length, behind the pointer
		}
		n.fields = append(n.fields, field{
			key:    string([]byte{byte(shortText | len(name))}) + name,
			offset: base + f.Offset,
			kind:   of.kind,
			// A struct is always written, as the generated codecs do.
			omit:  strings.HasPrefix(options, "omitempty") && of.kind != object,
			test:  test,
			table: of,
		})
	}
}
