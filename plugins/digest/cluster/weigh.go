package cluster

import (
	"math"
	"slices"

	"github.com/hearthbot/hearth/plugins/digest/text"
)

// weights are what each of an item's terms counts: how often it is said, and by
// how few of the questions. Of a word that every question has, a few questions
// more are taken to have been there before, as with few of them nobody could tell.
// The next call uses the result again.
//
// It is what adding and looking for questions does most.
func (x *Index) weights(it *item) []float32 {
	l := x.ready(it.script)
	n := len(it.terms)
	to := slices.Grow(x.s.weights[:0], n)[:n]
	x.s.weights = to
	df := (*[text.Space]uint32)(l.df)
	for i, p := range it.terms {
		seen := df[p>>9%text.Space]
		d, w := seen, l.plain
		if p&(1<<8) != 0 {
			d, w = seen+20, l.common
		}
		if d < uint32(len(logs)) {
			w -= logs[d]
		} else {
			w -= log1p(d)
		}
		if seen <= 1 {
			w *= l.lone // what nobody else has said tells little of what is alike
		}
		to[i] = float32(p&255) * w
	}
	return to
}

// ready is the tally of a script, whose total has not changed since ready.
func (x *Index) ready(s text.Script) *tally {
	l := &x.langs[s]
	if l.total != l.of {
		l.weigh()
	}
	return l
}

// weigh works out what a term weighs that no question has.
func (l *tally) weigh() {
	n := l.total
	l.of = n
	// Without those before, of the first questions what each has would say more than
	// what it is about.
	l.plain, l.common = float32(math.Log(1+n+before))+1, float32(math.Log(1+n+60))+1
	l.lone = float32((n + 20) / (2*n + 20)) // all at first, half in the end
}

// logs are the logarithms of 1+d: to look one up takes a fifth of the time, and of
// the words that every question has all are needed all the time.
var logs = func() (l [1 << 14]float32) {
	for d := range l {
		l[d] = log1p(uint32(d))
	}
	return l
}()

func log1p(d uint32) float32 { return float32(math.Log(1 + float64(d))) }

// rarest are the ids of an item's n terms that weigh most. The next call uses the result again.
func (x *Index) rarest(it *item, n int) []uint32 {
	ids := x.s.ids[:0]
	if len(it.terms) <= n {
		for _, p := range it.terms {
			ids = append(ids, p>>9)
		}
		x.s.ids = ids
		return ids
	}
	all := x.s.order[:0]
	for i, w := range x.weights(it) {
		all = append(all, descending(w, it.terms[i]>>9))
	}
	slices.Sort(all)
	for _, o := range all[:n] {
		ids = append(ids, uint32(o))
	}
	x.s.ids, x.s.order = ids, all
	return ids
}

// descending is a number that is less than another's if w is more, or if id is less
// where both weigh the same. Numbers are sorted in a fifth of the time that it takes
// to ask a function which comes first. w is not negative.
func descending(w float32, id uint32) uint64 {
	return uint64(^math.Float32bits(w))<<32 | uint64(id)
}
