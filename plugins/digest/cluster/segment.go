package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/hearthbot/hearth/plugins/digest/text"
)

// An index is stored in segments: one head, and SegmentItems slots in each of
// the others. Head is the head's number, the others count from 1.
//
// All numbers are varints (encoding/binary) unless a size is given.
//
//	head     "hd" version:1 | limit, next item, next topic, the clock's hand,
//	         how many segments of items
//	         | names: how many, of each topic and text (length, bytes)
//	         | redirects: how many, of each from and to
//	items    "hi" version:1 | number | how many slots are in use
//	         | of each: slot in the segment, id, topic, asked,
//	           credit:1, flags:1 (1 pinned, 2 Han)
//	           | how many terms, of each: distance from the one before, then
//	             weight:1, the distance's lowest bit being whether it is common
//
// What can be counted from the items (how rare terms are, postings, topics'
// questions) is not stored.
const (
	Head         = 0
	SegmentItems = 384
	MaxSegment   = 256 << 10 // no segment is longer

	// It rises with every change of the form, and of what text.Analyse makes of a
	// text: terms that were made otherwise would stand beside new ones and match none.
	segmentVersion = 2
	flagPinned     = 1
	flagHan        = 2
)

// ErrSegment is returned for bytes that are no segment of this version, or that
// contradict others.
var ErrSegment = errors.New("a segment of the index cannot be read")

func (x *Index) touch(slot int32) {
	n := int(slot)/SegmentItems + 1
	for len(x.dirty) <= n {
		x.dirty = append(x.dirty, false)
	}
	x.dirty[n] = true
	x.since.slots = append(x.since.slots, slot)
}

// Dirty are the numbers of the segments that changed since New, Load or the last
// Clean. The head is first.
func (x *Index) Dirty() []int {
	var numbers []int
	if x.dirtyHead {
		numbers = append(numbers, Head)
	}
	for n, d := range x.dirty {
		if d {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// Clean says that all segments are stored as they are.
func (x *Index) Clean() {
	x.dirtyHead = false
	clear(x.dirty)
	x.since = changes{from: x.nextItem}
}

// Encode is the segment of a number, at most MaxSegment long.
func (x *Index) Encode(number int) []byte {
	if number == Head {
		return x.encodeHead()
	}
	from := min((number-1)*SegmentItems, len(x.items))
	slots := x.items[from:min(from+SegmentItems, len(x.items))]
	used := 0
	for i := range slots {
		if slots[i].id != 0 {
			used++
		}
	}
	b := append(make([]byte, 0, 32<<10), 'h', 'i', segmentVersion)
	b = binary.AppendUvarint(b, uint64(number))
	b = binary.AppendUvarint(b, uint64(used))
	for i := range slots {
		it := &slots[i]
		if it.id == 0 {
			continue
		}
		for _, v := range []uint32{uint32(i), it.id, it.topic, it.asked} {
			b = binary.AppendUvarint(b, uint64(v))
		}
		b = appendTerms(append(b, it.credit, it.flags()), it.terms)
	}
	return b
}

func (x *Index) encodeHead() []byte {
	b := []byte{'h', 'd', segmentVersion}
	segments := (len(x.items) + SegmentItems - 1) / SegmentItems
	for _, v := range []int{x.limit, int(x.nextItem), int(x.next), x.hand, segments} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	b = binary.AppendUvarint(b, uint64(len(x.names)))
	for _, t := range slices.Sorted(maps.Keys(x.names)) {
		b = binary.AppendUvarint(b, uint64(t))
		b = binary.AppendUvarint(b, uint64(len(x.names[t])))
		b = append(b, x.names[t]...)
	}
	b = binary.AppendUvarint(b, uint64(len(x.redirect)))
	for _, t := range slices.Sorted(maps.Keys(x.redirect)) {
		b = binary.AppendUvarint(b, uint64(t))
		b = binary.AppendUvarint(b, uint64(x.redirect[t]))
	}
	return b
}

// Load makes an index of its segments: the head first, then those of items by
// number, without a gap. An index without segments is New(0). Errors wrap
// ErrSegment.
func Load(segments ...[]byte) (*Index, error) {
	if len(segments) == 0 {
		return New(0), nil
	}
	x := New(0)
	want, err := x.decodeHead(segments[0])
	if err != nil {
		return nil, fmt.Errorf("%w: the head: %w", ErrSegment, err)
	}
	if want != len(segments)-1 {
		return nil, fmt.Errorf("%w: there are %d of items, and the head tells of %d", ErrSegment, len(segments)-1, want)
	}
	if err := x.load(segments[1:], nil); err != nil {
		return nil, err
	}
	for slot := range x.items {
		if it := &x.items[slot]; it.id >= x.nextItem || it.topic >= x.next {
			return nil, fmt.Errorf("%w: question %d of topic %d cannot be", ErrSegment, it.id, it.topic)
		}
	}
	return x, nil
}

// load takes in the segments of items, and lays deltas over them.
func (x *Index) load(segments [][]byte, over func() error) error {
	x.items = make([]item, min(len(segments)*SegmentItems, x.limit))
	for i, b := range segments {
		if b == nil {
			continue
		}
		if err := x.decodeItems(i+1, b); err != nil {
			return fmt.Errorf("%w: %d: %w", ErrSegment, i+1, err)
		}
	}
	if over != nil {
		if err := over(); err != nil {
			return err
		}
	}
	if err := x.count(); err != nil {
		return fmt.Errorf("%w: %w", ErrSegment, err)
	}
	x.repost()
	x.dirty = make([]bool, len(segments)+1)
	x.Clean()
	return nil
}

// count makes what is counted from items.
func (x *Index) count() error {
	for slot := range x.items {
		it := &x.items[slot]
		if it.id == 0 {
			continue
		}
		if _, twice := x.slots[it.id]; twice {
			return fmt.Errorf("question %d is there twice", it.id)
		}
		x.used++
		x.slots[it.id] = int32(slot)
		x.counts(it, int(it.asked))
		x.members[it.topic] = append(x.members[it.topic], int32(slot))
	}
	for _, m := range x.members {
		slices.SortFunc(m, func(a, b int32) int { return int(x.items[a].id) - int(x.items[b].id) })
	}
	// The slots of the last segment that were never used are free.
	end := len(x.items)
	for end > 0 && x.items[end-1].id == 0 && end > len(x.items)-SegmentItems {
		end--
	}
	if end < x.limit {
		x.items = x.items[:end]
	}
	if x.hand >= max(1, len(x.items)) {
		x.hand = 0
	}
	return nil
}

// decoder takes a segment apart. After an error it gives zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
		d.b = nil
	}
}

// number is the next varint, at most most.
func (d *decoder) number(what string, most uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	switch {
	case n <= 0:
		d.fail("it ends before %s", what)
		return 0
	case v > most:
		d.fail("%s is %d, at most %d", what, v, most)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes(what string, n int) []byte {
	if len(d.b) < n {
		d.fail("it ends before %s", what)
		return make([]byte, n)
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) magic(kind string) {
	switch b := d.bytes("its version", 3); {
	case d.err != nil:
	case string(b[:2]) != kind:
		d.fail("it does not begin with %q", kind)
	case b[2] != segmentVersion:
		d.fail("it has version %d, this is version %d", b[2], segmentVersion)
	}
}

func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("there are %d bytes behind its end", len(d.b))
	}
	return d.err
}

const maxUint32 = 1<<32 - 1

func (x *Index) decodeHead(b []byte) (segments int, err error) {
	d := &decoder{b: b}
	d.magic("hd")
	x.limit = max(1, int(d.number("the limit", 1<<16)))
	x.nextItem = uint32(d.number("the next question", maxUint32))
	x.next = uint32(d.number("the next topic", maxUint32))
	x.hand = int(d.number("the hand", 1<<16))
	segments = int(d.number("the number of segments", uint64((x.limit+SegmentItems-1)/SegmentItems)))
	for range d.number("the number of names", maxNames) {
		t := uint32(d.number("a topic", maxUint32))
		name := string(d.bytes("a name", int(d.number("a name's length", MaxName))))
		if d.err == nil && (name == "" || !utf8.ValidString(name)) {
			d.fail("the name of topic %d is no text", t)
		}
		x.names[t] = name
	}
	for range d.number("the number of redirects", maxRedirect) {
		from := uint32(d.number("a topic", maxUint32))
		x.redirect[from] = uint32(d.number("a topic", maxUint32))
	}
	return segments, d.end()
}

func (x *Index) decodeItems(number int, b []byte) error {
	d := &decoder{b: b}
	d.magic("hi")
	if n := d.number("its number", maxUint32); d.err == nil && int(n) != number {
		d.fail("it is number %d", n)
	}
	from := (number - 1) * SegmentItems
	room := min(SegmentItems, len(x.items)-from)
	last := -1
	for range d.number("the number of its questions", uint64(room)) {
		i := int(d.number("a slot", uint64(room-1)))
		if d.err != nil {
			break
		}
		if i <= last {
			d.fail("slot %d comes after slot %d", i, last)
			break
		}
		last = i
		it := &x.items[from+i]
		it.id = uint32(d.number("a question's number", maxUint32))
		it.topic = uint32(d.number("its topic", maxUint32))
		it.asked = uint32(d.number("how often it was asked", 1<<30))
		more := d.bytes("its flags", 2)
		it.credit = more[0]
		it.flagged(more[1])
		if d.err == nil && (it.id == 0 || it.topic == 0 || it.asked == 0) {
			d.fail("question %d of topic %d, asked %d times, cannot be", it.id, it.topic, it.asked)
		}
		it.terms = x.decodeTerms(d)
		if d.err != nil {
			break
		}
	}
	return d.end()
}

func (x *Index) decodeTerms(d *decoder) []uint32 {
	n := d.number("the number of its terms", text.MaxTerms)
	terms := make([]uint32, 0, n)
	id := uint64(0)
	for k := range n {
		v := d.number("a term", 2*text.Space)
		w := d.bytes("a weight", 1)[0]
		id += v >> 1
		if d.err != nil || id >= text.Space || w == 0 || k > 0 && v>>1 == 0 {
			d.fail("term %d cannot be", id)
			return nil
		}
		terms = append(terms, uint32(id)<<9|uint32(v&1)<<8|uint32(w))
	}
	return terms
}
