package cluster

import (
	"math"
	"slices"
	"unicode/utf8"

	"github.com/hearthbot/hearth/plugins/digest/text"
)

// scratch is memory that calls use again.
type scratch struct {
	sums       []float32 // by slot: what candidates have in common with what is looked for
	found      []int32   // the slots whose sums are not zero
	asked      []uint32  // the terms of what is looked for,
	query      []weighted
	weights    []float32 // of an item's terms,
	ids        []uint32  // and the rarest of them
	order      []uint64
	near, best []candidate
	around     []nearTopic // of the batch
	topics     []nearTopic // these, each once

	// Of a region.
	region  []int32
	sim     []float32 // row by row
	chances []float32
	terms   table
	posted  []posting
	rows    []int32 // of each posting its term, and of each term how many it has
	runs    []run
	weighed []weighted
	link    linkage
	claims  []claim
	numbers []uint32 // of each cluster its topic
	claimed []int32  // and its first claim
}

// weighted is a term as it counts now.
type weighted struct {
	packed uint32
	w      float32
}

// candidate is an item that has something in common with what is looked for.
type candidate struct {
	slot int32
	cos  float32
}

// weigh appends an item's terms as they count now, by id, to a vector of length 1.
func (x *Index) weigh(to []weighted, it *item) []weighted {
	from, sum := len(to), float32(0)
	for i, w := range x.weights(it) {
		sum += w * w
		to = append(to, weighted{it.terms[i], w})
	}
	if sum > 0 {
		scale := float32(1 / math.Sqrt(float64(sum)))
		v := to[from:]
		for i := range v {
			v[i].w *= scale
		}
	}
	return to
}

// cosine is how alike an item and a vector are.
func (x *Index) cosine(q []weighted, it *item) float32 {
	dot, sum := float32(0), float32(0)
	i := 0
	for k, w := range x.weights(it) {
		sum += w * w
		id := it.terms[k] >> 9
		for i < len(q) && q[i].packed>>9 < id {
			i++
		}
		if i < len(q) && q[i].packed>>9 == id {
			dot += q[i].w * w
		}
	}
	if sum == 0 {
		return 0
	}
	return dot / float32(math.Sqrt(float64(sum)))
}

// nearTopic is a topic that has an item near to a new one.
type nearTopic struct {
	topic uint32
	cos   float32
}

// near are the items that are nearest to a question, at most maxNear, nearest
// first. The next call uses the result again.
func (x *Index) near(a *text.Analysis) []candidate {
	s := &x.s
	s.asked = s.asked[:0]
	for _, t := range a.Terms {
		s.asked = append(s.asked, pack(t))
	}
	s.query = x.weigh(s.query[:0], &item{script: a.Script, terms: s.asked})
	q := s.query
	if len(s.sums) < len(x.items) {
		s.sums = append(s.sums, make([]float32, max(len(x.items), 2*len(s.sums))-len(s.sums))...)
	}
	found, nodes, sums := s.found[:0], x.nodes, s.sums
	asked := s.order[:0]
	for i := range q {
		if x.heads[q[i].packed>>9] >= 0 { // what nobody has said leads nowhere
			asked = append(asked, descending(q[i].w, uint32(i)))
		}
	}
	slices.Sort(asked)
	s.order = asked
	for _, order := range asked[:min(len(asked), maxAsked)] {
		i := uint32(order)
		w := q[i].w * q[i].w
		n := x.heads[q[i].packed>>9]
		for k := 0; n >= 0 && k < maxPosting; k++ {
			at := &nodes[n]
			n = at.next
			sum := &sums[at.slot]
			if *sum == 0 {
				found = append(found, at.slot)
			}
			*sum += w
		}
	}
	// Of those that have most in common, the nearest.
	s.found = found
	near, least := s.near[:0], float32(0)
	for _, slot := range found {
		c := candidate{slot, sums[slot]}
		sums[slot] = 0
		if c.cos < least || x.items[slot].id == 0 {
			continue // most are too far
		}
		if near = x.insert(near, c, 2*maxNear); len(near) == 2*maxNear {
			least = near[len(near)-1].cos
		}
	}
	s.near = near
	best := s.best[:0]
	for _, c := range near {
		c.cos = x.cosine(q, &x.items[c.slot])
		best = x.insert(best, c, maxNear)
	}
	s.best = best
	return best
}

// insert puts c where it belongs among the nearest, of which n are kept. Of two
// that are equally near the older one comes first.
func (x *Index) insert(list []candidate, c candidate, n int) []candidate {
	before := func(a, b candidate) bool {
		return a.cos > b.cos || a.cos == b.cos && x.items[a.slot].id < x.items[b.slot].id
	}
	if len(list) == n {
		if !before(c, list[n-1]) {
			return list
		}
		list = list[:n-1]
	}
	i := len(list)
	list = append(list, c)
	for i > 0 && before(c, list[i-1]) {
		list[i] = list[i-1]
		i--
	}
	list[i] = c
	return list
}

// Match is the known question that is nearest to a new one.
type Match struct {
	Item, Topic uint32
	Cosine      float32 // how alike both are
	Content     float32 // how much of what either is about is in both
	Margin      float32 // by how much it is nearer than any of another topic

	// Score is the share of questions as near as this that were found to ask the
	// same, from 0 to 1; Nearest's is more careful than Known's, as it knows no
	// wordings. README.md says how it was measured.
	Score float64

	like likeness // as Known compared them
}

// Nearest is the known question nearest to another, which is not added. It
// reports false if none has anything in common with it.
func (x *Index) Nearest(a text.Analysis) (Match, bool) {
	near := x.near(&a)
	if len(near) == 0 || near[0].cos <= 0 {
		return Match{}, false
	}
	it := &x.items[near[0].slot]
	m := Match{Item: it.id, Topic: it.topic, Cosine: near[0].cos, Margin: near[0].cos}
	for _, c := range near[1:] {
		if x.items[c.slot].topic != it.topic {
			m.Margin = near[0].cos - c.cos
			break
		}
	}
	m.Content = x.content(x.s.query, it)
	m.Score = calibrated(a.Script, &m)
	return m, true
}

// content is how much of what either question is about is in both: of each one's
// weight without the words that any question has, the share that the other has
// too, and of the two shares the smaller. Two questions that differ in a word
// that matters are not the same, however alike they are else.
func (x *Index) content(q []weighted, it *item) float32 {
	var all, both, itsAll, itsBoth float32
	item := x.weigh(nil, it)
	i := 0
	for _, t := range q {
		if t.packed>>8&1 == 0 {
			all += t.w * t.w
		}
	}
	for _, t := range item {
		if t.packed>>8&1 != 0 {
			continue
		}
		itsAll += t.w * t.w
		for i < len(q) && q[i].packed>>9 < t.packed>>9 {
			i++
		}
		if i < len(q) && q[i].packed>>9 == t.packed>>9 {
			both += q[i].w * q[i].w
			itsBoth += t.w * t.w
		}
	}
	if all == 0 || itsAll == 0 {
		return 0
	}
	return min(both/all, itsBoth/itsAll)
}

// Of two questions that have less in common than mostContent, or for which less
// than nearEnough speaks, it stays doubtful whether they are the same.
const (
	mostContent = 0.75
	nearEnough  = 0.9
	doubtful    = 0.8
)

// calibrated turns how near a match is into how often such a match is right.
func calibrated(s text.Script, m *Match) float64 {
	c := calibration[s]
	score := 1 / (1 + math.Exp(-(c.bias + c.cos*float64(m.Cosine) + c.content*float64(m.Content) + c.margin*float64(m.Margin))))
	if m.Content < mostContent || score < nearEnough {
		return min(score, doubtful)
	}
	return score
}

// calibration is a logistic regression, fitted on the development answers. What
// came out below zero for want of data is zero.
var calibration = [text.Scripts]struct{ bias, cos, content, margin float64 }{
	text.Latin: {bias: -3.5, cos: 6.1, margin: 2.9},
	text.Han:   {bias: -4.2, content: 3.8, margin: 12.5},
}

// validEnd says whether a string ends with a whole rune.
func validEnd(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return r != utf8.RuneError || n > 1
}
