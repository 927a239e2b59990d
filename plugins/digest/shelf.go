package main

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/hearthbot/hearth/plugins/digest/best"
	"github.com/hearthbot/hearth/plugins/digest/book"
	"github.com/hearthbot/hearth/plugins/digest/cluster"
	"github.com/hearthbot/hearth/plugins/digest/text"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// The book is stored as its head, its segments and the deltas since. A segment may
// have 256 KiB and a row 64, so each part is cut into pieces; the rows under one
// warm prefix have a MiB together, so segments are spread over eleven of them.
//
// Each step of the lane writes a delta, which is small. When there are many, or
// they are large, the parts are written anew, a few in each step, and then the
// deltas go. The image has parts and deltas of one moment, whichever it is; what
// came after it the lane lays over it before it goes on.
const (
	maxPiece   = 60 << 10
	perShelf   = 3         // segments under one prefix
	shelves    = 11        // for cluster.MaxItems
	maxDelta   = 150 << 10 // bytes of a step's delta: beside it there is room in what an invocation may return
	manyDeltas = 80        // rows,
	largeDelta = 640 << 10 // or bytes of them, after which parts are written anew
	perStep    = 190 << 10 // bytes of parts that a step writes
	fullBook   = 5 << 20   // bytes of all parts from which the book grows no more
	maxStep    = 1024      // items that come between two images before memory for the index is taken anew
)

// piece is a row of a part.
type piece struct {
	At uint64 `json:"at"` // of the book that it is a part of
	N  int    `json:"n"`  // how many pieces the part has
	D  []byte `json:"d"`
}

var (
	heads  = sdk.CommunityMap[piece]("ix")
	deltas = sdk.CommunityMap[piece]("ixd")
	shelf  = func() (all [shelves]sdk.Map[piece]) {
		for i := range all {
			all[i] = sdk.CommunityMap[piece](fmt.Sprintf("ix%d", i))
		}
		return all
	}()
	places = sdk.PerCommunity[namesRow]("places")
)

// warmed are the prefixes of the rows that the image has.
func warmed() []string {
	all := []string{heads.Prefix(), deltas.Prefix(), places.Prefix()}
	for i := range shelf {
		all = append(all, shelf[i].Prefix())
	}
	return all
}

// shared is the book as of the image, and names what conversations are called. Of
// the image nothing may be changed but by the lane in its sandbox, where nothing
// of it is left when it ends.
var (
	shared = book.New()
	names  namesRow
	broken bool // the rows make no book
)

func takeIn(v *sdk.View[Config]) (err error) {
	_, _ = sdk.Note(given{}), sdk.Note(goingOn{})
	rehearse()
	names, broken = places.Get(v), false
	if where, err = time.LoadLocation(v.Community().TimeZone); err != nil {
		where = time.UTC
	}
	if shared, err = loadBook(v); err != nil {
		v.Warn("the index cannot be read, and is made anew from what is asked from now on: %v", err)
		shared, broken = book.New(), true
	}
	if shared.Index.Len() > 1000 {
		runtime.GC() // what loading has left behind events can use
	}
	shared.Index.Reserve(maxStep)
	return nil
}

// rehearse has texts be looked at while the image is made: what is made ready
// when it is first needed (tables, regular expressions' machines) every event
// would make ready anew, as it has forgotten that by the next. That is most of
// what looking at a message costs.
func rehearse() {
	for _, s := range []string{
		"Hello, how do I write to a nil map, it's 0x1f in main.go:12:5 of httpServer? Please don't say **no**.",
		"Thanks, that works now! See <https://go.dev|Go> and <@test:ann> :wave:", "你好，怎么向 nil map 写入？谢谢，解决了。",
		"panic: assignment to entry in nil map\n\tmain.go:3 +0x1d\n```go\nvar m map[string]int\n```", "cafe\u0301 \u2026 ﬁ",
	} {
		text.Recognise(s)
		text.Analyse(s)
		title(s)
		best.Choose(best.Message{ID: "1", Author: "a", Text: s}, []best.Message{
			{ID: "2", Author: "b", Text: s, Reactions: []best.Reaction{{Name: "+1", By: "c"}}},
			{ID: "3", Author: "b", Text: "make it"}, {ID: "4", Author: "a", Text: s},
		})
		t := thread{People: []person{{Name: "a"}}}
		t.shown(t.plain(s))
	}
}

// loadBook makes the book of all rows.
func loadBook(r sdk.Reader) (*book.Book, error) {
	head, err := join(all(r, heads))
	if err != nil {
		return nil, err
	}
	var hp cluster.Part
	if len(head) > 0 {
		hp = head[0]
	}
	var segments []cluster.Part
	for i := range shelf {
		parts, err := joinAt(all(r, shelf[i]))
		if err != nil {
			return nil, err
		}
		for k := range perShelf {
			segments = append(segments, parts[i*perShelf+k+1])
		}
	}
	for len(segments) > 0 && segments[len(segments)-1].Data == nil {
		segments = segments[:len(segments)-1]
	}
	later, err := join(all(r, deltas))
	if err != nil {
		return nil, err
	}
	return book.Load(hp, segments, later)
}

// all are the entries of a map that an image has, or that a relaxed scan reads.
func all(r sdk.Reader, m sdk.Map[piece]) []sdk.Entry[piece] {
	entries, _ := m.Scan(r, sdk.Range{Limit: 1000, Relaxed: true})
	return entries
}

// join puts parts together: the keys of a part's pieces are its name, a dot and
// the piece's number.
func join(entries []sdk.Entry[piece]) (parts []cluster.Part, err error) {
	for i := 0; i < len(entries); {
		p := entries[i].Value
		if p.N < 1 || i+p.N > len(entries) {
			return nil, errors.New("a piece is missing")
		}
		var data []byte
		for k := range p.N {
			if entries[i+k].Value.At != p.At {
				return nil, errors.New("pieces are of several times")
			}
			data = append(data, entries[i+k].Value.D...)
		}
		parts = append(parts, cluster.Part{At: p.At, Data: data})
		i += p.N
	}
	return parts, nil
}

// joinAt is join by the parts' numbers.
func joinAt(entries []sdk.Entry[piece]) (map[int]cluster.Part, error) {
	by := map[int]cluster.Part{}
	for len(entries) > 0 {
		n := min(max(entries[0].Value.N, 1), len(entries))
		part, err := join(entries[:n])
		if err != nil {
			return nil, err
		}
		number := 0
		if _, err := fmt.Sscanf(entries[0].Key, "%d.", &number); err != nil {
			return nil, err
		}
		by[number] = part[0]
		entries = entries[n:]
	}
	return by, nil
}

// errOld is returned when the image is from before the deltas that are left.
var errOld = errors.New("the image is too old")

// current is the book as the lane left it. In the sandbox it is the image's,
// brought up to date; elsewhere, where memory stays as it is left, a new one.
func current(c *ctx, l *laneRow) (*book.Book, error) {
	if !pristine {
		b, err := loadBook(c)
		if err != nil || b.At < l.Seq {
			b = book.New()
			b.Clean(l.Seq)
		}
		return b, nil
	}
	b := shared
	if b.At < l.Base || b.At > l.Seq {
		return nil, errOld
	}
	if b.At == l.Seq {
		return b, nil
	}
	entries, _ := deltas.Scan(c, sdk.Range{After: deltaKey(b.At, 999), Limit: 1000, Relaxed: true})
	later, err := join(entries)
	if err != nil {
		return nil, err
	}
	for _, d := range later {
		if err := b.Apply(d); err != nil {
			return nil, err
		}
	}
	b.At = max(b.At, l.Seq)
	return b, nil
}

// mend deletes the rows of a book that cannot be read, some in each step, so that
// a new one can begin.
func mend(c *ctx) {
	n := 0
	for _, m := range append([]sdk.Map[piece]{heads, deltas}, shelf[:]...) {
		entries, _ := m.Scan(c, sdk.Range{Limit: 45, Relaxed: true})
		for _, e := range entries {
			if n++; n > 40 {
				c.Continue(sdk.Note(goingOn{What: "lane", Most: maxLines}))
				return
			}
			m.Delete(c, e.Key)
		}
	}
	progress.Set(c, laneRow{})
	wake(c, c.Now().Add(every))
}

func deltaKey(at uint64, n int) string { return fmt.Sprintf("%012d.%03d", at, n) }

// keep writes what changed in the book. It has to be known to fit.
func keep(c *ctx, l *laneRow, b *book.Book, d []byte) {
	if d == nil {
		b.Clean(l.Seq)
		return
	}
	l.Seq++
	pieces := slices.Collect(slices.Chunk(d, maxPiece))
	for i, p := range pieces {
		deltas.Set(c, deltaKey(l.Seq, i), piece{l.Seq, len(pieces), p})
	}
	l.Rows += len(pieces)
	l.writes += len(pieces)
	l.Bytes += len(d)
	b.Clean(l.Seq)
}

// crowded says whether the parts should be written anew.
func (l *laneRow) crowded() bool { return l.Rows >= manyDeltas || l.Bytes >= largeDelta || l.Part > 0 }

// tidy writes some parts of the book anew, and at last deletes the deltas that
// they make needless.
func tidy(c *ctx, l *laneRow, b *book.Book) {
	segments := b.Index.Segments()
	size, writes := 0, 0
	for l.Part = max(l.Part, 1); l.Part <= segments; l.Part++ {
		data := b.Encode(l.Part)
		n := (len(data) + maxPiece - 1) / maxPiece
		if size > 0 && (size+len(data) > perStep || writes+n > 30) {
			return
		}
		size, writes = size+len(data), writes+n
		l.store(c, shelf[(l.Part-1)/perShelf], l.Part, data)
	}
	if size > perStep/2 {
		return
	}
	data := b.Encode(cluster.Head)
	if size > 0 && size+len(data) > perStep {
		return
	}
	l.store(c, heads, 0, data)
	entries, _ := deltas.Scan(c, sdk.Range{Limit: 1000, Relaxed: true})
	for i, e := range entries {
		if i == 36 {
			return // the others in the next step
		}
		deltas.Delete(c, e.Key)
	}
	l.Base, l.Rows, l.Bytes, l.Part = l.Seq, 0, 0, 0
	if total := sum(l.Sizes); total > fullBook {
		l.Held = true
	}
}

// store writes a part, and deletes the pieces that it had more before.
func (l *laneRow) store(c *ctx, m sdk.Map[piece], number int, data []byte) {
	for len(l.Sizes) <= number {
		l.Sizes = append(l.Sizes, 0)
	}
	pieces := slices.Collect(slices.Chunk(data, maxPiece))
	for i, p := range pieces {
		m.Set(c, partKey(number, i), piece{l.Seq, len(pieces), p})
	}
	for i := len(pieces); i < (l.Sizes[number]+maxPiece-1)/maxPiece; i++ {
		m.Delete(c, partKey(number, i))
	}
	l.Sizes[number] = len(data)
}

func partKey(number, piece int) string { return fmt.Sprintf("%03d.%03d", number, piece) }

func sum(all []int) (n int) {
	for _, v := range all {
		n += v
	}
	return n
}

// maxNames is how many conversations have their names kept.
const maxNames = 800

// noteName keeps what a conversation is called, and whether it is open to all.
func noteName(c *ctx) {
	v := c.Event.Conversation
	now := "-" + text.Clip(v.Name, 60)
	if v.Kind == abi.Channel {
		now = "+" + now[1:]
	}
	if names[v.ID] == now {
		return
	}
	known := places.Get(c)
	if known[v.ID] == now || len(known) >= maxNames {
		return
	}
	more := maps.Clone(known)
	if more == nil {
		more = namesRow{}
	}
	more[v.ID] = now
	places.Set(c, more)
}

// nameOf is what a conversation is called, its own id where that is not known.
func nameOf(place string) string {
	if n := names[place]; len(n) > 1 {
		return n[1:]
	}
	return abi.LocalID(place)
}

// opened says whether a conversation is open to the community.
func opened(place string) bool { return len(names[place]) > 0 && names[place][0] == '+' }

// public says whether what is asked in a conversation may be shown to anybody.
func (g *Config) public(place string) bool {
	name := ""
	if n := names[place]; n != "" {
		name = n[1:]
	}
	return opened(place) && slices.Contains(g.Public, "*") || named(g.Public, place, name)
}
