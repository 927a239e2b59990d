package wire

import (
	"reflect"
	"unsafe"
)

// maxEntries is how many entries a list may have: no more than any of the
// generated codecs allows.
const maxEntries = 256

// Decode reads v, which is zero, from s, of which v then holds parts. False says
// that s is not what a host of this version writes; v is then of no use, and the
// generated codec is to be asked.
func (c Codec[T]) Decode(s string, v *T) bool {
	d := decoder{s: s}
	return d.object(c.table, unsafe.Pointer(v)) && d.at == len(s)
}

// decoder stands at s[at:].
type decoder struct {
	s  string
	at int
}

// value reads what then lies at p.
func (d *decoder) value(n *table, p unsafe.Pointer) bool {
	switch n.kind {
	case text:
		return d.text((*string)(p))
	case object:
		return d.object(n, p)
	case flag:
		b := d.take(1)
		*(*bool)(p) = b == "\xc3"
		return b == "\xc3" || b == "\xc2"
	case integer, unsigned:
		return d.number((*uint64)(p), n.kind == integer)
	case binary:
		var s string
		switch d.take(1) {
		case "\xc4":
			s = d.take(d.length(1))
		case "\xc5":
			s = d.take(d.length(2))
		default:
			return false
		}
		*(*[]byte)(p) = []byte(s)
		return d.at >= 0
	case pointer:
		to := reflect.New(n.of.typ).UnsafePointer()
		*(*unsafe.Pointer)(p) = to
		return d.object(n.of, to)
	}
	return d.list(n, p)
}

// object reads fields. They come in their order, some left out.
func (d *decoder) object(n *table, p unsafe.Pointer) bool {
	fields := n.fields
	for count := d.count(shortMap, "\xde"); count > 0; count-- {
		if uint(d.at) >= uint(len(d.s)) {
			return false
		}
		end := d.at + 1 + int(d.s[d.at]&^shortText)
		if end > len(d.s) {
			return false
		}
		key := d.s[d.at:end]
		for len(fields) > 0 && fields[0].key != key {
			fields = fields[1:]
		}
		if len(fields) == 0 {
			return false
		}
		f := &fields[0]
		fields = fields[1:]
		d.at = end
		ok := false
		if to := unsafe.Add(p, f.offset); f.kind == text {
			ok = d.text((*string)(to))
		} else {
			ok = d.value(f.table, to)
		}
		if !ok {
			return false
		}
	}
	return d.at >= 0
}

func (d *decoder) list(n *table, p unsafe.Pointer) bool {
	count := d.count(shortList, "\xdc")
	if count == 0 || count > min(maxEntries, len(d.s)-d.at) {
		return d.at >= 0 && count == 0
	}
	l := reflect.MakeSlice(n.typ, count, count).UnsafePointer()
	*(*[]struct{})(p) = unsafe.Slice((*struct{})(l), count)
	for i := range count {
		if !d.value(n.of, unsafe.Add(l, uintptr(i)*n.of.size)) {
			return false
		}
	}
	return true
}

func (d *decoder) text(to *string) bool {
	if uint(d.at) >= uint(len(d.s)) {
		return false
	}
	n := 0
	c := d.s[d.at]
	d.at++
	switch {
	case c&^31 == shortText:
		n = int(c & 31)
	case c == text8:
		n = d.length(1)
	case c == text8+1:
		n = d.length(2)
	default:
		return false
	}
	*to = d.take(n)
	return d.at >= 0
}

func (d *decoder) number(to *uint64, signed bool) bool {
	b := d.take(1)
	if b == "" {
		return false
	}
	c := b[0]
	switch {
	case c < 0x80:
		*to = uint64(c)
	case c >= 0xcc && c <= 0xcf:
		*to = d.big(1 << (c - 0xcc))
		if signed && int64(*to) < 0 {
			return false
		}
	case c >= 0xd0 && c <= 0xd3:
		n := 1 << (c - 0xd0)
		shift := 64 - 8*n
		*to = uint64(int64(d.big(n)<<shift) >> shift)
	case c >= 0xe0:
		*to = uint64(int64(int8(c)))
	default:
		return false
	}
	return d.at >= 0 && (signed || int64(*to) >= 0 || c == 0xcf)
}

// count reads the length of a map or list: below 16, or in two bytes behind wide.
func (d *decoder) count(short byte, wide string) int {
	switch b := d.take(1); {
	case b == "":
		return 0
	case b[0]&^maxShort == short:
		return int(b[0] & maxShort)
	case b == wide:
		return d.length(2)
	}
	d.at = lost
	return 0
}

// lost is where a decoder stands that has gone wrong: nothing is there.
const lost = -1

func (d *decoder) length(bytes int) int { return int(d.big(bytes)) }

func (d *decoder) big(bytes int) (n uint64) {
	b := d.take(bytes)
	for i := range len(b) {
		n = n<<8 | uint64(b[i])
	}
	return n
}

// take is the next n bytes; "" if there are not as many, or n is 0.
func (d *decoder) take(n int) string {
	if d.at < 0 || n > len(d.s)-d.at {
		d.at = lost
		return ""
	}
	s := d.s[d.at : d.at+n]
	d.at += n
	return s
}
