package meter

import (
	"fmt"
	"iter"
	"unicode/utf8"
)

// reader decodes the module strictly: whatever it accepts has one reading
// only, the one wazero makes of it. Where wazero is loose (a sixth byte in a
// block type, a SIMD opcode cut to eight bits) the reader refuses, because a
// second reading could hide a loop from the meter.
//
// Its first error is final: from then on it is at its end and reads zeros, so
// callers check err once a section instead of once a byte.
type reader struct {
	b       []byte // the whole file, so that p is the offset to report
	p, end  int
	section string
	fn      int // index of the function being read, or -1
	err     *Error
}

func (r *reader) fail(kind error, at int, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Offset: at, Section: r.section, Func: r.fn, Err: kind, Detail: fmt.Sprintf(format, args...)}
	}
	r.end = r.p
}

func (r *reader) more() bool { return r.p < r.end && r.err == nil }

func (r *reader) byte() byte {
	if r.p >= r.end {
		r.fail(ErrMalformed, r.p, "unexpected end")
		return 0
	}
	c := r.b[r.p]
	r.p++
	return c
}

// zero reads a reserved byte.
func (r *reader) zero() {
	if at := r.p; r.byte() != 0 {
		r.fail(ErrMalformed, at, "reserved byte is not zero")
	}
}

func (r *reader) u32() uint32 {
	if r.p < r.end && r.b[r.p] < 0x80 {
		r.p++
		return uint32(r.b[r.p-1])
	}
	at := r.p
	var v uint64
	for s := 0; s < 35; s += 7 {
		c := r.byte()
		v |= uint64(c&0x7f) << s
		if c < 0x80 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	r.fail(ErrMalformed, at, "integer does not fit 32 bits")
	return 0
}

// signed reads a signed LEB128 integer of the given width.
func (r *reader) signed(bits int) int64 {
	at := r.p
	var v int64
	for s := 0; s < bits; {
		c := r.byte()
		v |= int64(c&0x7f) << s
		s += 7
		if c >= 0x80 {
			continue
		}
		if s < 64 {
			v = v << (64 - s) >> (64 - s)
		} else if c != 0 && c != 0x7f { // the tenth byte holds one bit and its sign
			break
		}
		if v>>(bits-1) != 0 && v>>(bits-1) != -1 {
			break
		}
		return v
	}
	r.fail(ErrMalformed, at, "integer does not fit %d bits", bits)
	return 0
}

func (r *reader) take(n uint32) []byte {
	if int64(n) > int64(r.end-r.p) {
		r.fail(ErrMalformed, r.p, "%d bytes claimed, %d left", n, r.end-r.p)
		return nil
	}
	s := r.b[r.p : r.p+int(n)]
	r.p += int(n)
	return s
}

func (r *reader) name() string {
	at := r.p
	s := r.take(r.u32())
	if !utf8.Valid(s) {
		r.fail(ErrMalformed, at, "name is not UTF-8")
	}
	return string(s)
}

// count reads the length of a vector whose entries take at least size bytes
// each. wazero allocates by this number before it reads an entry, so a claim
// that cannot be true is refused here.
func (r *reader) count(size int) uint32 {
	at := r.p
	n := r.u32()
	if int64(n)*int64(size) > int64(r.end-r.p) {
		r.fail(ErrMalformed, at, "%d entries claimed in %d bytes", n, r.end-r.p)
		return 0
	}
	return n
}

// upto yields 0 to n-1, and stops at the first error.
func (r *reader) upto(n uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i := uint32(0); i < n && r.err == nil && yield(i); i++ {
		}
	}
}

// enter narrows the reader to the next size bytes; leave widens it again.
func (r *reader) enter(size uint32) (outer int) {
	outer = r.end
	if int64(size) > int64(r.end-r.p) {
		r.fail(ErrMalformed, r.p, "%d bytes claimed, %d left", size, r.end-r.p)
		return outer
	}
	r.end = r.p + int(size)
	return outer
}

func (r *reader) leave(outer int) {
	if r.more() {
		r.fail(ErrMalformed, r.p, "%d bytes too many", r.end-r.p)
	}
	if r.err == nil {
		r.end = outer
	}
}

func appendU(o []byte, v uint32) []byte {
	for v >= 0x80 {
		o = append(o, byte(v)|0x80)
		v >>= 7
	}
	return append(o, byte(v))
}

func appendS(o []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(o, c)
		}
		o = append(o, c|0x80)
	}
}

func appendName(o []byte, s string) []byte { return append(appendU(o, uint32(len(s))), s...) }
