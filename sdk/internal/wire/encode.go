package wire

import (
	"slices"
	"unsafe"

	"github.com/tinylib/msgp/msgp"
)

// What a value begins with on the wire, and how long it may be for that.
const (
	shortMap  = 0x80
	shortList = 0x90
	shortText = 0xa0
	text8     = 0xd9
	binary8   = 0xc4

	maxShort = 15 // of maps and lists; texts have twice that, and names keep below
)

// Append appends v to b.
func (c Codec[T]) Append(b []byte, v *T) []byte { return c.table.append(b, unsafe.Pointer(v)) }

// append appends what lies at p.
func (n *table) append(b []byte, p unsafe.Pointer) []byte {
	switch n.kind {
	case text:
		return appendText(b, *(*string)(p))
	case flag:
		return msgp.AppendBool(b, *(*bool)(p))
	case integer:
		return msgp.AppendInt64(b, *(*int64)(p))
	case unsigned:
		return msgp.AppendUint64(b, *(*uint64)(p))
	case binary:
		return msgp.AppendBytes(b, *(*[]byte)(p))
	case pointer:
		if p = *(*unsafe.Pointer)(p); p == nil {
			return msgp.AppendNil(b)
		}
		return n.of.append(b, p)
	case list:
		l := *(*[]struct{})(p)
		if len(l) <= maxShort {
			b = append(b, shortList|byte(len(l)))
		} else {
			b = msgp.AppendArrayHeader(b, uint32(len(l)))
		}
		at := unsafe.Pointer(unsafe.SliceData(l))
		for i := range l {
			b = n.of.append(b, unsafe.Add(at, uintptr(i)*n.of.size))
		}
		return b
	}
	return n.appendObject(b, p)
}

func (n *table) appendObject(b []byte, p unsafe.Pointer) []byte {
	head, count := len(b), 0
	b = append(b, shortMap)
	for i := range n.fields {
		f := &n.fields[i]
		at := unsafe.Add(p, f.offset)
		switch {
		case !f.omit:
		case f.kind == flag:
			if !*(*bool)(at) {
				continue
			}
		case f.kind == integer || f.kind == unsigned:
			if *(*uint64)(at) == 0 {
				continue
			}
		case *(*uintptr)(unsafe.Add(at, f.test)) == 0:
			continue
		}
		count++
		b = append(b, f.key...)
		if f.kind == text {
			b = appendText(b, *(*string)(at))
		} else {
			b = f.table.append(b, at)
		}
	}
	if count <= maxShort {
		b[head] |= byte(count)
		return b
	}
	return slices.Replace(b, head, head+1, 0xde, byte(count>>8), byte(count))
}

func appendText(b []byte, s string) []byte {
	switch {
	case len(s) < 32:
		b = append(b, shortText|byte(len(s)))
	case len(s) < 256:
		b = append(b, text8, byte(len(s)))
	default:
		return msgp.AppendString(b, s)
	}
	return append(b, s...)
}
