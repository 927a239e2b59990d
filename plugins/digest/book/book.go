// Package book is the digest's index with where its questions stand: which
// message asked what, and how a wording begins. It owns that, and how it is
// stored beside the index; it must not know threads, answers or a store.
//
// A book is as bounded as its index: of each item it keeps a title and the last
// MaxSources messages that asked it, so that a message which is deleted can be
// forgotten, and answers can be looked for. It names conversations and messages,
// never members.
//
// A book is not safe for concurrent use.
package book

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"unicode/utf8"

	"github.com/hearthbot/hearth/plugins/digest/cluster"
	"github.com/hearthbot/hearth/plugins/digest/text"
)

// Bounds of a book.
const (
	MaxSources = 4   // of an item: the last ones, and those that have an answer
	MaxTitle   = 120 // bytes
	MaxPlaces  = 1000
	MaxID      = 200 // bytes of a conversation's or message's id

	version = 1
)

// ErrPart is returned for bytes that are no part of a book.
var ErrPart = errors.New("a part of the book cannot be read")

// Source is a message that asked something.
type Source struct {
	Place   string // conversation id
	Message string
	At      int64 // Unix seconds
	Has     bool  // its thread has an answer
}

// Question is one to be added.
type Question struct {
	Source
	Title    string
	Analysis text.Analysis
}

// Entry is what is known of an item beside its place in the index.
type Entry struct {
	Title   string
	From    string   // where the title was said, "" without one
	Sources []Source // the oldest first
}

// Book is an index and its sources.
type Book struct {
	Index *cluster.Index
	At    uint64 // the last delta that is in it

	places  []string
	placeOf map[string]uint32
	entries map[uint32]entry
	where   map[uint64]uint32 // items by the hash of their sources

	// Since the last Clean.
	touched map[uint32]bool
	fresh   int // places before it are stored
	dropped []Source
}

type entry struct {
	title   string
	from    uint32 // place of the title
	sources []source
}

type source struct {
	message string
	place   uint32
	at      uint32
	has     bool
}

// New is an empty book.
func New() *Book {
	return &Book{Index: cluster.New(0), placeOf: map[string]uint32{}, entries: map[uint32]entry{}, where: map[uint64]uint32{}, touched: map[uint32]bool{}}
}

func hash(place, message string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(place))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(message))
	return h.Sum64()
}

// Add puts questions into the book and returns the item of each: 0 for one that
// stands somewhere where there are too many places. One whose message is there
// already stays as it is.
func (b *Book) Add(questions ...Question) []uint32 {
	ids := make([]uint32, len(questions))
	var fresh []text.Analysis
	var at []int
	for i := range questions {
		q := &questions[i]
		h := hash(q.Place, q.Message)
		if item, ok := b.where[h]; ok {
			ids[i] = item
			continue
		}
		if _, ok := b.place(q.Place); !ok || len(q.Message) > MaxID {
			continue
		}
		fresh, at = append(fresh, q.Analysis), append(at, i)
	}
	for k, item := range b.Index.Add(fresh...) {
		i := at[k]
		q := &questions[i]
		ids[i] = item
		e := b.entries[item]
		place, _ := b.place(q.Place)
		if e.title == "" {
			e.title, e.from = text.Clip(q.Title, MaxTitle), place
		}
		if len(e.sources) >= MaxSources {
			e.sources = b.shed(e.sources)
		}
		e.sources = append(e.sources, source{message: q.Message, place: place, at: uint32(max(q.At, 0)), has: q.Has})
		b.entries[item] = e
		b.where[hash(q.Place, q.Message)] = item
		b.touched[item] = true
	}
	b.gone()
	return ids
}

// shed gives up the oldest source that has no answer, else the oldest.
func (b *Book) shed(all []source) []source {
	i := max(0, slices.IndexFunc(all, func(s source) bool { return !s.has }))
	s := b.source(all[i])
	delete(b.where, hash(s.Place, s.Message))
	b.dropped = append(b.dropped, s)
	return slices.Delete(slices.Clone(all), i, i+1)
}

// gone takes out what the index has given up.
func (b *Book) gone() {
	for _, item := range b.Index.Gone() {
		e, ok := b.entries[item]
		if !ok {
			continue
		}
		for _, s := range e.sources {
			full := b.source(s)
			delete(b.where, hash(full.Place, full.Message))
			b.dropped = append(b.dropped, full)
		}
		delete(b.entries, item)
		delete(b.touched, item)
	}
}

// Dropped are the sources that were given up since the last Clean, for want of
// room.
func (b *Book) Dropped() []Source { return b.dropped }

func (b *Book) place(id string) (uint32, bool) {
	if n, ok := b.placeOf[id]; ok {
		return n, true
	}
	if len(b.places) >= MaxPlaces || id == "" || len(id) > MaxID {
		return 0, false
	}
	n := uint32(len(b.places))
	b.places = append(b.places, id)
	b.placeOf[id] = n
	return n, true
}

func (b *Book) source(s source) Source {
	return Source{Place: b.places[s.place], Message: s.message, At: int64(s.at), Has: s.has}
}

// Item is the item that a message asked.
func (b *Book) Item(place, message string) (uint32, bool) {
	item, ok := b.where[hash(place, message)]
	return item, ok
}

// Topic is the topic that a message asked about.
func (b *Book) Topic(place, message string) (uint32, bool) {
	item, ok := b.Item(place, message)
	if !ok {
		return 0, false
	}
	return b.Index.Topic(item)
}

// Entry is what is known of an item.
func (b *Book) Entry(item uint32) Entry {
	e := b.entries[item]
	out := Entry{Title: e.title}
	if e.title != "" {
		out.From = b.places[e.from]
	}
	for _, s := range e.sources {
		out.Sources = append(out.Sources, b.source(s))
	}
	return out
}

// Title is how an item's wording begins, and where it was said.
func (b *Book) Title(item uint32) (title, place string) {
	e := b.entries[item]
	if e.title == "" {
		return "", ""
	}
	return e.title, b.places[e.from]
}

// Retitle has an item's wording be one that was said in a place.
func (b *Book) Retitle(item uint32, title, place string) {
	from, known := b.placeOf[place]
	if e, ok := b.entries[item]; ok && known {
		e.title, e.from = text.Clip(title, MaxTitle), from
		b.entries[item] = e
		b.touched[item] = true
	}
}

// Answered notes whether a message's thread has an answer.
func (b *Book) Answered(place, message string, has bool) {
	item, ok := b.Item(place, message)
	if !ok {
		return
	}
	e := b.entries[item]
	for i := range e.sources {
		if s := &e.sources[i]; s.message == message && b.places[s.place] == place && s.has != has {
			e.sources = slices.Clone(e.sources)
			e.sources[i].has = has
			b.entries[item] = e
			b.touched[item] = true
		}
	}
}

// HasAnswer says what Answered noted of a message.
func (b *Book) HasAnswer(place, message string) bool {
	item, ok := b.Item(place, message)
	return ok && slices.ContainsFunc(b.entries[item].sources, func(s source) bool {
		return s.has && s.message == message && b.places[s.place] == place
	})
}

// Forget takes a message out, as it was deleted, and returns what it asked. The
// item is still there if others asked it too: then it needs a new title, which
// it has not until Retitle.
func (b *Book) Forget(place, message string) (item uint32, ok bool) {
	item, ok = b.Item(place, message)
	if !ok {
		return 0, false
	}
	delete(b.where, hash(place, message))
	e := b.entries[item]
	e.sources = slices.DeleteFunc(slices.Clone(e.sources), func(s source) bool { return s.message == message && b.places[s.place] == place })
	e.title = ""
	b.entries[item] = e
	b.touched[item] = true
	b.Index.Forget(item)
	b.gone()
	return item, true
}

// The form in which a book is stored: what its index stores (see package
// cluster), and behind it
//
//	head   "bk" version:1 | length and bytes of the index's head | places: how
//	       many, of each length and bytes
//	items  "bk" version:1 | length and bytes of the index's segment | entries
//	delta  "bk" version:1 | length and bytes of the index's delta | places that
//	       came: the number of the first, how many, … | entries that changed
//
// entries being how many, of each: item, title (length, bytes) and its place, how
// many sources, of each: place, time, 1 if it has an answer, message (length, bytes).

func begin(inner []byte) []byte {
	b := append(make([]byte, 0, len(inner)+16<<10), 'b', 'k', version)
	b = binary.AppendUvarint(b, uint64(len(inner)))
	return append(b, inner...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (b *Book) appendEntries(to []byte, items []uint32) []byte {
	to = binary.AppendUvarint(to, uint64(len(items)))
	for _, item := range items {
		e := b.entries[item]
		to = binary.AppendUvarint(to, uint64(item))
		to = binary.AppendUvarint(appendString(to, e.title), uint64(e.from))
		to = binary.AppendUvarint(to, uint64(len(e.sources)))
		for _, s := range e.sources {
			to = binary.AppendUvarint(to, uint64(s.place))
			to = binary.AppendUvarint(to, uint64(s.at))
			has := byte(0)
			if s.has {
				has = 1
			}
			to = append(to, has)
			to = appendString(to, s.message)
		}
	}
	return to
}

// Encode is a part of the book: cluster.Head, or a segment by its number.
func (b *Book) Encode(number int) []byte {
	out := begin(b.Index.Encode(number))
	if number != cluster.Head {
		return b.appendEntries(out, b.Index.In(number))
	}
	return appendPlaces(out, b.places)
}

func appendPlaces(out []byte, places []string) []byte {
	out = binary.AppendUvarint(out, uint64(len(places)))
	for _, p := range places {
		out = appendString(out, p)
	}
	return out
}

// Delta is what changed since the last Clean; nil if nothing did.
func (b *Book) Delta() []byte {
	inner := b.Index.Delta()
	if inner == nil && len(b.touched) == 0 && b.fresh == len(b.places) {
		return nil
	}
	out := binary.AppendUvarint(begin(inner), uint64(b.fresh))
	out = appendPlaces(out, b.places[b.fresh:])
	items := make([]uint32, 0, len(b.touched))
	for item := range b.touched {
		items = append(items, item)
	}
	slices.Sort(items)
	return b.appendEntries(out, items)
}

// Clean says that all is stored, at the delta of this number.
func (b *Book) Clean(at uint64) {
	b.Index.Clean()
	b.At, b.fresh, b.dropped = at, len(b.places), nil
	clear(b.touched)
}

// Apply lays a delta over a book that has all before it.
func (b *Book) Apply(p cluster.Part) error {
	d, inner, err := open(p.Data)
	if err != nil {
		return err
	}
	var gone []uint32
	if len(inner) > 0 {
		if gone, err = b.Index.Apply(inner); err != nil {
			return err
		}
	}
	b.readPlaces(d, int(d.number()))
	b.readEntries(d, func(uint32) bool { return true })
	if d.err != nil {
		return d.err
	}
	for _, item := range gone {
		b.unlink(b.entries[item])
		delete(b.entries, item)
	}
	b.Clean(p.At)
	return nil
}

// tidy takes out entries whose items are gone.
func (b *Book) tidy() {
	for item, e := range b.entries {
		if _, ok := b.Index.Topic(item); ok {
			continue
		}
		b.unlink(e)
		delete(b.entries, item)
	}
}

func (b *Book) unlink(e entry) {
	for _, s := range e.sources {
		full := b.source(s)
		delete(b.where, hash(full.Place, full.Message))
	}
}

// Load makes a book of its parts: see [cluster.LoadParts].
func Load(head cluster.Part, segments, deltas []cluster.Part) (*Book, error) {
	b := New()
	at := head.At
	split := func(ps []cluster.Part) (inner []cluster.Part, rest []*decoder, err error) {
		for _, p := range ps {
			if p.Data == nil {
				inner, rest = append(inner, p), append(rest, nil)
				continue
			}
			d, in, err := open(p.Data)
			if err != nil {
				return nil, nil, err
			}
			inner, rest = append(inner, cluster.Part{At: p.At, Data: in}), append(rest, d)
			at = max(at, p.At)
		}
		return inner, rest, nil
	}
	heads, first, err := split([]cluster.Part{head})
	if err != nil {
		return nil, err
	}
	segs, entries, err := split(segments)
	if err != nil {
		return nil, err
	}
	ds, later, err := split(deltas)
	if err != nil {
		return nil, err
	}
	if b.Index, err = cluster.LoadParts(heads[0], segs, slices.DeleteFunc(slices.Clone(ds), func(p cluster.Part) bool { return len(p.Data) == 0 })); err != nil {
		return nil, err
	}
	if first[0] != nil {
		b.readPlaces(first[0], 0)
		if first[0].err != nil {
			return nil, first[0].err
		}
	}
	// Places that only deltas tell of, before the entries that name them.
	for _, d := range later {
		if b.readPlaces(d, int(d.number())); d.err != nil {
			return nil, d.err
		}
	}
	for i, d := range entries {
		if d == nil {
			continue
		}
		n := i + 1
		b.readEntries(d, func(item uint32) bool { return b.Index.Segment(item) == n })
		if d.err != nil {
			return nil, fmt.Errorf("segment %d: %w", n, d.err)
		}
	}
	for i, d := range later {
		b.readEntries(d, func(item uint32) bool {
			n := b.Index.Segment(item)
			return n > 0 && (n > len(segs) || segs[n-1].At < ds[i].At)
		})
		if d.err != nil {
			return nil, d.err
		}
	}
	b.tidy()
	b.Clean(at)
	return b, nil
}

// decoder takes a part apart. After an error it gives nothing.
type decoder struct {
	b   []byte
	err error
}

func open(p []byte) (*decoder, []byte, error) {
	if len(p) < 3 || p[0] != 'b' || p[1] != 'k' || p[2] != version {
		return nil, nil, fmt.Errorf("%w: it does not begin with its version", ErrPart)
	}
	d := &decoder{b: p[3:]}
	inner := d.bytes(int(d.number()))
	return d, inner, d.err
}

func (d *decoder) fail(why string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrPart, why)
	}
	d.b = nil
}

func (d *decoder) number() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > 1<<32-1 {
		d.fail("a number is missing or too large")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail("it ends too soon")
		return nil
	}
	s := d.b[:n]
	d.b = d.b[n:]
	return s
}

func (d *decoder) text(most int) string {
	s := d.bytes(int(d.number()))
	if len(s) > most || !utf8.Valid(s) {
		d.fail("a text is too long, or none")
		return ""
	}
	return string(s)
}

// readPlaces reads places, the first of which has that number.
func (b *Book) readPlaces(d *decoder, first int) {
	for i := range int(d.number()) {
		s := d.text(MaxID)
		if d.err != nil {
			return
		}
		switch n := first + i; {
		case n < len(b.places):
			if b.places[n] != s {
				d.fail("a place has two names")
			}
		case n > len(b.places) || n >= MaxPlaces || s == "":
			d.fail("a place is missing, or there are too many")
		default:
			b.places = append(b.places, s)
			b.placeOf[s] = uint32(n)
		}
	}
}

// readEntries reads entries, and takes in those that keep says.
func (b *Book) readEntries(d *decoder, keep func(item uint32) bool) {
	for range d.number() {
		item := uint32(d.number())
		e := entry{title: d.text(MaxTitle), from: uint32(d.number())}
		n := d.number()
		if int(e.from) >= len(b.places) {
			d.fail("a place is missing")
		}
		if n > MaxSources {
			d.fail("an item has too many sources")
		}
		if d.err != nil {
			return
		}
		for range n {
			s := source{place: uint32(d.number()), at: uint32(d.number())}
			has := d.bytes(1)
			s.message = d.text(MaxID)
			if d.err != nil {
				return
			}
			if int(s.place) >= len(b.places) {
				d.fail("a place is missing")
				return
			}
			s.has = has[0] == 1
			e.sources = append(e.sources, s)
		}
		if !keep(item) {
			continue
		}
		b.unlink(b.entries[item])
		b.entries[item] = e
		for _, s := range e.sources {
			full := b.source(s)
			b.where[hash(full.Place, full.Message)] = item
		}
	}
}
