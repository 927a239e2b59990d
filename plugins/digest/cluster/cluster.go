// Package cluster puts the questions of a community together that ask the same,
// as they come, in bounded memory, and finds the known question that is nearest
// to a new one. It owns what is alike, which topic a question belongs to, and
// how the index is stored; it must not know messages, chats or answers.
//
// A question that was not asked in nearly the same words before is an item: its
// terms and how often it was asked. Items make up topics. New items come in
// batches: each batch, with the topics that have anything near to it, makes up a
// region, and a region's items are put together anew by average linkage over
// TF-IDF cosines, less what is alike by chance, so that what was put together too
// early comes apart again once more is known. A topic keeps its number with the
// larger part. What maintainers joined or split is pinned, and stays so.
//
// Everything is bounded: an item's terms (text.MaxTerms), items (MaxItems; the
// ones that were asked least and longest ago go), how many items of one term are
// looked at (maxPosting), candidates, and a region (maxRegion). So an added
// question costs the same however many were added before.
//
// An index is not safe for concurrent use; reading alone (Nearest, Topics …) is
// not either, as it uses scratch memory of the index. It depends on nothing but
// what was added, in that order: no clock, no randomness.
package cluster

import (
	"cmp"
	"errors"
	"slices"

	"github.com/hearthbot/hearth/plugins/digest/text"
)

// Bounds of an index.
const (
	MaxItems = 12 << 10 // of different questions; those asked least and longest ago go first
	MaxBatch = 8        // questions that are put together in one step
	MaxName  = 120      // bytes of a topic's name

	maxPosting  = 64  // items of one term that are looked at, the newest
	maxPosted   = 48  // terms by which an item is found, the rarest
	maxAsked    = 12  // terms by which candidates are looked for, the rarest
	maxNear     = 8   // candidates that are compared in full
	maxRegion   = 112 // items that are put together anew in one step,
	maxCome     = 36  // of these from one topic, the newest
	maxCredit   = 7   // rounds that an item is kept which was asked often
	maxNames    = 1500
	maxRedirect = 6144

	before = 30 // questions that are taken to have been there before the first one
)

// How near is near. The numbers were chosen on the development halves of the
// labelled questions (README.md says which, and how). Questions have to be nearer
// while there are few, as nobody can tell then which words are rare: by young over
// the root of how many there are. Single questions have to be nearer by few than
// two large topics, whose average is surer. And what they have in common as any two
// questions would does not count, chance times. The Chinese ones were best with
// none of these three.
var (
	threshold = [text.Scripts]float32{text.Latin: 0.03, text.Han: 0.368}
	young     = [text.Scripts]float32{text.Latin: 0.5, text.Han: 0}
	few       = [text.Scripts]float32{text.Latin: 0.1, text.Han: 0}
	chance    = [text.Scripts]float32{text.Latin: 1.5, text.Han: 0}
)

const (
	same    = 0.72 // cosine from which a question is an item that is known
	related = 0.06 // cosine from which a topic belongs to a question's region
)

// ErrUnknown is returned for an item or a topic that an index does not have.
var ErrUnknown = errors.New("the index has no such")

// Topic says what an index knows of a topic.
type Topic struct {
	ID     uint32
	Name   string   // as Rename gave it
	Asked  uint32   // questions
	Items  []uint32 // ids, in the order they were added
	Pinned bool     // maintainers joined it or split it off
}

// item is a question and all that were asked in nearly the same words.
type item struct {
	id     uint32 // 0 for a free slot
	topic  uint32
	asked  uint32
	credit uint8 // rounds until it is forgotten for want of room
	pinned bool
	script text.Script
	terms  []uint32 // packed: id<<9 | common<<8 | weight, by id
}

// Index is the questions that are known. The zero Index is not usable; New is.
type Index struct {
	limit    int
	items    []item           // slots
	slots    map[uint32]int32 // by item id
	nextItem uint32
	next     uint32 // topic
	names    map[uint32]string
	redirect map[uint32]uint32 // topics that are gone, to those that have their questions
	members  map[uint32][]int32
	hand     int // of the clock that forgets
	used     int

	langs [text.Scripts]tally
	heads []int32 // by term: the newest node, -1 without any
	nodes []node
	stale int

	dirty     []bool // by segment
	dirtyHead bool
	since     changes // the last Clean

	work int // steps of its innermost loops
	s    scratch
}

// tally is how often terms are, in the questions of one script: what is rare is
// another thing in each, and neither should tell of the other.
type tally struct {
	total         float64  // questions
	df            []uint32 // of these with a term
	of            float64  // the total that these are of:
	plain, common float32  // what a term weighs that no question has,
	lone          float32  // and the part of it that counts where one question has it
}

// node is one item of a term, and the one before it.
type node struct{ slot, next int32 }

// New is an empty index of at most limit items; 0 means MaxItems.
func New(limit int) *Index {
	if limit <= 0 {
		limit = MaxItems
	}
	x := &Index{
		limit: limit, nextItem: 1, next: 1,
		slots: map[uint32]int32{}, names: map[uint32]string{}, redirect: map[uint32]uint32{}, members: map[uint32][]int32{},
		heads: make([]int32, text.Space), dirtyHead: true,
	}
	for s := range x.langs {
		x.langs[s].df, x.langs[s].of = make([]uint32, text.Space), -1
	}
	for i := range x.heads {
		x.heads[i] = -1
	}
	return x
}

// Add puts questions into the index, in the order asked, and returns the item of
// each. What topic an item belongs to Topic says, now and after later additions,
// which may move it. A question that has no terms is an item of its own.
func (x *Index) Add(questions ...text.Analysis) []uint32 {
	ids := make([]uint32, 0, len(questions))
	for batch := range slices.Chunk(questions, MaxBatch) {
		var fresh []int32
		for i := range batch {
			slot, known := x.place(&batch[i])
			if !known {
				fresh = append(fresh, slot)
			}
			ids = append(ids, x.items[slot].id)
		}
		x.settle(fresh)
	}
	return ids
}

// place finds the item of a question, or makes one.
func (x *Index) place(a *text.Analysis) (slot int32, known bool) {
	near := x.near(a)
	if len(near) > 0 && near[0].cos >= same {
		slot = near[0].slot
		it := &x.items[slot]
		it.asked++
		it.credit = min(it.credit+1, maxCredit)
		x.counts(it, 1)
		x.touch(slot)
		return slot, true
	}
	// Where it may belong: settle takes that up when the batch is in.
	for _, c := range near {
		if c.cos >= related {
			x.s.around = append(x.s.around, nearTopic{x.items[c.slot].topic, c.cos})
		}
	}
	slot = x.room()
	it := &x.items[slot]
	terms := it.terms[:0]
	for _, t := range a.Terms {
		terms = append(terms, pack(t))
	}
	*it = item{id: x.nextItem, asked: 1, script: a.Script, terms: slices.Clip(terms)} // settle gives it a topic
	x.nextItem++
	x.slots[it.id] = slot
	x.counts(it, 1)
	x.post(slot)
	x.touch(slot)
	x.dirtyHead = true
	return slot, false
}

// counts has an item's terms be in n more questions, or -n fewer.
func (x *Index) counts(it *item, n int) {
	l := &x.langs[it.script]
	for _, p := range it.terms {
		l.df[p>>9] += uint32(n)
	}
	l.total += float64(n)
}

func pack(t text.Term) uint32 {
	p := t.ID<<9 | uint32(t.Weight)
	if t.Common {
		p |= 1 << 8
	}
	return p
}

// room is a free slot. If there is none, the item goes that was asked least, of
// those whose turn it is.
func (x *Index) room() int32 {
	if len(x.items) < x.limit {
		x.items = append(x.items, item{})
		x.used++
		return int32(len(x.items) - 1)
	}
	for turns := 0; ; turns++ {
		slot := int32(x.hand)
		x.hand = (x.hand + 1) % len(x.items)
		it := &x.items[slot]
		switch {
		case it.id == 0:
			x.used++
			return slot
		case it.pinned && turns < 16*len(x.items):
		case it.credit > 0:
			it.credit--
		default:
			x.drop(slot)
			x.used++
			return slot
		}
	}
}

// drop takes an item out.
func (x *Index) drop(slot int32) {
	it := &x.items[slot]
	x.counts(it, -int(it.asked))
	x.stale += min(len(it.terms), maxPosted)
	x.leave(slot)
	delete(x.slots, it.id)
	x.since.gone = append(x.since.gone, it.id)
	*it = item{}
	x.used--
	x.touch(slot)
	if x.stale > len(x.nodes)/2 && x.stale > 1<<12 {
		x.repost()
	}
}

// leave takes an item out of its topic.
func (x *Index) leave(slot int32) {
	topic := x.items[slot].topic
	m := x.members[topic]
	if topic == 0 {
		return
	}
	if i := slices.Index(m, slot); i >= 0 {
		m = slices.Delete(m, i, i+1)
	}
	if len(m) == 0 {
		delete(x.members, topic)
		return
	}
	x.members[topic] = m
}

// post lets an item be found by its rarest terms.
func (x *Index) post(slot int32) {
	for _, id := range x.rarest(&x.items[slot], maxPosted) {
		x.nodes = append(x.nodes, node{slot, x.heads[id]})
		x.heads[id] = int32(len(x.nodes) - 1)
	}
}

// Work is how much adding has cost since the index was made or loaded, in steps of
// the innermost loops: the same for the same questions on every machine.
func (x *Index) Work() int { return x.work }

// Reserve takes memory for n more items, so that adding them moves nothing. An
// index that is begun with again and again, each time from the same image of
// memory, is moved only once.
func (x *Index) Reserve(n int) {
	x.items = slices.Grow(x.items, max(0, min(n, x.limit-len(x.items))))
	x.nodes = slices.Grow(x.nodes, n*maxPosted)
	s := &x.s
	if len(s.sums) < x.limit {
		s.sums = make([]float32, x.limit)
	}
	s.found = slices.Grow(s.found, maxAsked*maxPosting)
	s.query = slices.Grow(s.query, text.MaxTerms)
	s.near, s.best = slices.Grow(s.near, 2*maxNear), slices.Grow(s.best, maxNear)
	// A region of questions of some length; longer ones take more.
	terms := maxRegion * 36
	s.sim, s.rows, s.posted, s.runs = grown(s.sim, maxRegion*maxRegion), grown(s.rows, 2*terms), grown(s.posted, terms), grown(s.runs, terms)
	s.terms.clear(terms)
	s.link.begin(maxRegion, nil)
}

// repost builds the postings anew, without those of items that are gone.
func (x *Index) repost() {
	for i := range x.heads {
		x.heads[i] = -1
	}
	x.nodes, x.stale = x.nodes[:0], 0
	order := make([]int32, 0, x.used)
	for slot := range x.items {
		if x.items[slot].id != 0 {
			order = append(order, int32(slot))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(x.items[a].id, x.items[b].id) })
	for _, slot := range order {
		x.post(slot)
	}
}
