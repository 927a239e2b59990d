package cluster

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/hearthbot/hearth/plugins/digest/text"
)

// What a batch changes is little, though it may be in every segment. A delta says
// what changed since the last Clean: the items that did, without their terms
// unless they are new, and what is new in the head. An index is stored as
// segments that are some time old, and the deltas since.
//
//	delta    "dl" version:1 | next item, next topic, the clock's hand, slots
//	         | names that changed: how many, of each topic and text (length,
//	         bytes; 0 takes it away)
//	         | redirects that came: how many, of each from and to
//	         | slots that changed: how many, of each: slot, id (0: free), and if
//	           there is one topic, asked, credit:1, flags:1 (1 pinned, 2 Han,
//	           4 its terms follow), as in a segment
const flagTerms = 4

// changes are what is different since a Clean.
type changes struct {
	from       uint32  // items from this one on are new
	slots      []int32 // perhaps more than once
	gone       []uint32
	moved      []uint32 // items that were in another topic
	named      []uint32
	redirected [][2]uint32
}

// Gone are the items that were taken out since the last Clean: forgotten, or
// given up for want of room.
func (x *Index) Gone() []uint32 { return x.since.gone }

// Moved are the items that came from one topic into another since the last Clean,
// perhaps more than once.
func (x *Index) Moved() []uint32 { return x.since.moved }

// Redirected are the topics that went into others since the last Clean: from and
// to, in the order in which they did.
func (x *Index) Redirected() [][2]uint32 { return x.since.redirected }

// Delta is what changed since the last Clean; nil if nothing did.
func (x *Index) Delta() []byte {
	if !x.dirtyHead && len(x.since.slots) == 0 {
		return nil
	}
	b := append(make([]byte, 0, 16<<10), 'd', 'l', segmentVersion)
	for _, v := range []int{int(x.nextItem), int(x.next), x.hand, len(x.items)} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	named := slices.Compact(slices.Sorted(slices.Values(x.since.named)))
	b = binary.AppendUvarint(b, uint64(len(named)))
	for _, t := range named {
		b = binary.AppendUvarint(b, uint64(t))
		b = binary.AppendUvarint(b, uint64(len(x.names[t])))
		b = append(b, x.names[t]...)
	}
	b = binary.AppendUvarint(b, uint64(len(x.since.redirected)))
	for _, r := range x.since.redirected {
		b = binary.AppendUvarint(b, uint64(r[0]))
		b = binary.AppendUvarint(b, uint64(r[1]))
	}
	slots := slices.Compact(slices.Sorted(slices.Values(x.since.slots)))
	b = binary.AppendUvarint(b, uint64(len(slots)))
	for _, slot := range slots {
		it := &x.items[slot]
		b = binary.AppendUvarint(b, uint64(slot))
		b = binary.AppendUvarint(b, uint64(it.id))
		if it.id == 0 {
			continue
		}
		b = binary.AppendUvarint(b, uint64(it.topic))
		b = binary.AppendUvarint(b, uint64(it.asked))
		flags := it.flags()
		if it.id >= x.since.from {
			flags |= flagTerms
		}
		b = append(b, it.credit, flags)
		if flags&flagTerms != 0 {
			b = appendTerms(b, it.terms)
		}
	}
	return b
}

// Part is a piece of a stored index, and when it was stored: numbers that rise
// with each delta.
type Part struct {
	At   uint64
	Data []byte
}

// LoadParts makes an index of a head and segments, each as old as it may be, and
// of the deltas that were stored since the oldest of them, in their order. A
// segment without data is empty as of its time.
func LoadParts(head Part, segments, deltas []Part) (*Index, error) {
	x := New(0)
	if head.Data != nil {
		if _, err := x.decodeHead(head.Data); err != nil {
			return nil, fmt.Errorf("%w: the head: %w", ErrSegment, err)
		}
	}
	data, at := make([][]byte, len(segments)), make([]uint64, len(segments))
	for i, s := range segments {
		data[i], at[i] = s.Data, s.At
	}
	err := x.load(data, func() error {
		for _, d := range deltas {
			older := func(segment int) bool { return segment >= len(at) || at[segment] < d.At }
			if err := x.lay(d.Data, head.At < d.At, older, false); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

// Apply lays a delta over an index that has all before it. The index is clean
// afterwards: what Apply brought is stored already. It returns the items that are
// gone with it.
func (x *Index) Apply(delta []byte) (gone []uint32, err error) {
	if err := x.lay(delta, true, func(int) bool { return true }, true); err != nil {
		return nil, err
	}
	gone = x.since.gone
	x.Clean()
	return gone, nil
}

// lay puts into the index what a delta has: into the head if that is older, and
// into the segments that are. With live, what is counted from items is kept up;
// else that is done when all deltas are in.
func (x *Index) lay(delta []byte, head bool, older func(segment int) bool, live bool) error {
	d := &decoder{b: delta}
	d.magic("dl")
	nextItem, next := uint32(d.number("the next question", maxUint32)), uint32(d.number("the next topic", maxUint32))
	hand, slots := int(d.number("the hand", 1<<16)), int(d.number("the number of slots", uint64(x.limit)))
	if d.err == nil && head {
		x.nextItem, x.next, x.hand = nextItem, next, hand
	}
	for len(x.items) < slots && d.err == nil {
		x.items = append(x.items, item{})
	}
	for range d.number("the number of names", maxNames*2) {
		t := uint32(d.number("a topic", maxUint32))
		name := string(d.bytes("a name", int(d.number("a name's length", MaxName))))
		if d.err == nil && !utf8.ValidString(name) {
			d.fail("the name of topic %d is no text", t)
		}
		if d.err == nil && head {
			x.name(t, name)
		}
	}
	for range d.number("the number of redirects", maxRedirect*2) {
		from, to := uint32(d.number("a topic", maxUint32)), uint32(d.number("a topic", maxUint32))
		if d.err == nil && head {
			x.redirects(from, to)
		}
	}
	for range d.number("the number of slots that changed", uint64(x.limit)) {
		slot := int(d.number("a slot", uint64(max(0, len(x.items)-1))))
		it := item{id: uint32(d.number("a question's number", maxUint32))}
		terms := false
		if it.id != 0 {
			it.topic = uint32(d.number("its topic", maxUint32))
			it.asked = uint32(d.number("how often it was asked", 1<<30))
			more := d.bytes("its flags", 2)
			it.credit = more[0]
			it.flagged(more[1])
			if terms = more[1]&flagTerms != 0; terms {
				it.terms = x.decodeTerms(d)
			}
			if d.err == nil && (it.topic == 0 || it.asked == 0) {
				d.fail("question %d of topic %d, asked %d times, cannot be", it.id, it.topic, it.asked)
			}
		}
		if d.err != nil || slot >= len(x.items) {
			break
		}
		if older(slot / SegmentItems) {
			x.put(int32(slot), it, terms, live, d)
		}
	}
	if err := d.end(); err != nil {
		return fmt.Errorf("%w: a delta: %w", ErrSegment, err)
	}
	return nil
}

// put has an item be what a delta says of it.
func (x *Index) put(slot int32, it item, terms, live bool, d *decoder) {
	old := &x.items[slot]
	if it.id != 0 && !terms {
		if old.id != it.id {
			d.fail("question %d has no terms, and was not there before", it.id)
			return
		}
		it.terms, it.script = old.terms, old.script
	}
	if !live {
		*old = it
		return
	}
	if old.id != it.id {
		if old.id != 0 {
			x.drop(slot)
		}
		if it.id == 0 {
			return
		}
		x.items[slot] = it
		x.items[slot].topic = 0
		x.used++
		x.slots[it.id] = slot
		x.counts(&it, int(it.asked))
		x.post(slot)
	} else if old.id != 0 {
		x.counts(old, int(it.asked)-int(old.asked))
	}
	if old = &x.items[slot]; old.topic != it.topic {
		x.leave(slot)
		x.members[it.topic] = append(x.members[it.topic], slot)
	}
	*old = it
}

func (it *item) flags() (f byte) {
	if it.pinned {
		f |= flagPinned
	}
	if it.script == text.Han {
		f |= flagHan
	}
	return f
}

func (it *item) flagged(f byte) {
	it.pinned = f&flagPinned != 0
	if f&flagHan != 0 {
		it.script = text.Han
	}
}

func appendTerms(b []byte, terms []uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(terms)))
	last := uint32(0)
	for _, p := range terms {
		b = binary.AppendUvarint(b, uint64((p>>9-last)<<1|p>>8&1))
		b = append(b, byte(p))
		last = p >> 9
	}
	return b
}

// In are the items in the slots of a segment, by slot.
func (x *Index) In(segment int) (items []uint32) {
	from := min((segment-1)*SegmentItems, len(x.items))
	for _, it := range x.items[from:min(from+SegmentItems, len(x.items))] {
		if it.id != 0 {
			items = append(items, it.id)
		}
	}
	return items
}

// Segments is how many segments of items there are.
func (x *Index) Segments() int { return (len(x.items) + SegmentItems - 1) / SegmentItems }

// Segment is the number of the segment that an item is in, 0 if there is no such
// item.
func (x *Index) Segment(item uint32) int {
	slot, ok := x.slots[item]
	if !ok {
		return 0
	}
	return int(slot)/SegmentItems + 1
}

// Hold keeps the index from growing: new items take the place of old ones.
func (x *Index) Hold() { x.limit = max(1, len(x.items)) }

// Of says how often an item was asked and what it is written in.
func (x *Index) Of(item uint32) (asked int, script text.Script) {
	if slot, ok := x.slots[item]; ok {
		return int(x.items[slot].asked), x.items[slot].script
	}
	return 0, text.Latin
}
