package store

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Key names a row. Keys are ordered by their bytes.
type Key string

// sep stands between the segments of a key, and esc before two hex digits in
// a segment.
const (
	sep = '/'
	esc = '%'
)

// Join makes a key of segments: "work", "welcome", "C1" → "work/welcome/C1".
// Bytes of a segment that would be taken for structure or are hard to read
// ('/', '%', control characters, punctuation below '-') are escaped as %XX, so
// any text from outside may be a segment, and distinct segments make distinct
// keys.
func Join(segments ...string) Key {
	if len(segments) == 0 {
		return ""
	}
	var b strings.Builder // of the key's very size: keys are made for every row of every event
	b.Grow(sizeOf(segments))
	writeSegment(&b, segments[0])
	writeBelow(&b, segments[1:])
	return Key(b.String())
}

// Join appends segments to k, as the function Join does.
func (k Key) Join(segments ...string) Key {
	if len(segments) == 0 {
		return k.Prefix()
	}
	var b strings.Builder
	b.Grow(len(k) + 1 + sizeOf(segments))
	b.WriteString(string(k))
	writeBelow(&b, segments)
	return Key(b.String())
}

// sizeOf is how many bytes segments have in a key, with what stands between them.
func sizeOf(segments []string) int {
	n := len(segments) - 1
	for _, s := range segments {
		n += len(s) + 2*escapes(s)
	}
	return n
}

func writeBelow(b *strings.Builder, segments []string) {
	for _, s := range segments {
		b.WriteByte(sep)
		writeSegment(b, s)
	}
}

const sep2 = Key(sep)

// Prefix is the prefix of all keys below k: "work" → "work/".
func (k Key) Prefix() Key { return k + sep2 }

// Segments takes a key apart again; it is the inverse of Join.
func (k Key) Segments() []string {
	parts := strings.Split(string(k), string(sep))
	for i, p := range parts {
		parts[i] = unescape(p)
	}
	return parts
}

const hexDigits = "0123456789abcdef"

func escaped(c byte) bool { return c <= sep && c != '-' && c != '.' || c == esc || c == 0x7f }

func escapes(s string) (n int) {
	for i := 0; i < len(s); i++ {
		if escaped(s[i]) {
			n++
		}
	}
	return n
}

func writeSegment(b *strings.Builder, s string) {
	from := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; escaped(c) {
			b.WriteString(s[from:i])
			b.WriteByte(esc)
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
			from = i + 1
		}
	}
	b.WriteString(s[from:])
}

func unescape(s string) string {
	if strings.IndexByte(s, esc) < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == esc && i+2 < len(s) {
			hi, lo := strings.IndexByte(hexDigits, s[i+1]), strings.IndexByte(hexDigits, s[i+2])
			if hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// Seq is n as a segment of 16 hex digits, so that keys sort as their numbers do.
func Seq(n uint64) string {
	var b [16]byte
	for i := range b {
		b[i] = hexDigits[n>>(60-4*i)&15]
	}
	return string(b[:])
}

// ParseSeq is the inverse of Seq.
func ParseSeq(s string) (uint64, error) {
	if len(s) != 16 {
		return 0, fmt.Errorf("store: sequence %q has %d digits, not 16", s, len(s))
	}
	var n uint64
	for i := 0; i < 16; i++ {
		d := strings.IndexByte(hexDigits, s[i])
		if d < 0 {
			return 0, fmt.Errorf("store: sequence %q: %q is no hex digit", s, s[i])
		}
		n = n<<4 | uint64(d)
	}
	return n, nil
}

// after is the first key behind every key that starts with k; "" if none is.
func (k Key) after() Key {
	b := []byte(k)
	for len(b) > 0 {
		if b[len(b)-1] != 0xff {
			b[len(b)-1]++
			return Key(b)
		}
		b = b[:len(b)-1]
	}
	return ""
}

// parent is k without its last segment, and base is that segment as it stands.
func (k Key) parent() Key { return k[:max(strings.LastIndexByte(string(k), sep), 0)] }
func (k Key) base() Key   { return k[strings.LastIndexByte(string(k), sep)+1:] }

// Validate returns ErrInvalid for the empty key and ErrTooLarge for one beyond
// MaxKey; every call that takes the key of a row checks this.
func (k Key) Validate() error { return k.validate(false) }

func (k Key) validate(emptyOK bool) error {
	if k == "" && !emptyOK {
		return fmt.Errorf("%w: empty key", ErrInvalid)
	}
	if len(k) > MaxKey {
		return fmt.Errorf("%w: key %q… has %d bytes, at most %d", ErrTooLarge, k[:32], len(k), MaxKey)
	}
	return nil
}

// counterLen is the length of a stored counter: a big-endian int64.
const counterLen = 8

// Counter reads the value of a row that Add has written; a row that does not
// exist is 0. It returns ErrInvalid if r is no counter.
func Counter(r Row) (int64, error) {
	if !r.Exists() {
		return 0, nil
	}
	if len(r.Value) != counterLen {
		return 0, fmt.Errorf("%w: %q is no counter: it has %d bytes", ErrInvalid, r.Key, len(r.Value))
	}
	return int64(binary.BigEndian.Uint64(r.Value)), nil
}

// AddTo is the value that r has after an Add of delta, for backends. It
// returns ErrInvalid if r is no counter.
func AddTo(r Row, delta int64) ([]byte, error) {
	n, err := Counter(r)
	if err != nil {
		return nil, err
	}
	return binary.BigEndian.AppendUint64(make([]byte, 0, counterLen), uint64(n+delta)), nil
}
