package cluster

import (
	"cmp"
	"math"
	"slices"

	"github.com/hearthbot/hearth/plugins/digest/text"
)

// settle finds the topics of new items: it puts them, and the topics that have
// anything near to them, together anew.
func (x *Index) settle(fresh []int32) {
	region := x.region(fresh)
	sim := x.similar(region)
	clusters := x.link(region, sim)
	x.number(region, clusters)
}

// region are new items and those of the topics that are near to them, nearest
// topics first, as many as there is room for.
func (x *Index) region(fresh []int32) []int32 {
	region := x.s.region[:0]
	for _, slot := range fresh {
		// Not gone again within the same batch, its place perhaps with another.
		if x.items[slot].id != 0 && !slices.Contains(region, slot) {
			region = append(region, slot)
		}
	}
	topics := x.s.topics[:0]
	for _, n := range x.s.around {
		if n.topic == 0 {
			continue // it is of this batch itself
		}
		i := 0
		for i < len(topics) && topics[i].topic != n.topic {
			i++
		}
		if i == len(topics) {
			topics = append(topics, nearTopic{n.topic, 0})
		}
		if n.cos > topics[i].cos {
			topics[i].cos = n.cos
		}
	}
	x.s.around = x.s.around[:0]
	slices.SortFunc(topics, func(a, b nearTopic) int {
		return cmp.Or(cmp.Compare(b.cos, a.cos), cmp.Compare(a.topic, b.topic))
	})
	for _, t := range topics {
		members := x.members[t.topic]
		// Of a topic that has very many, the newest stand for all.
		members = members[max(0, len(members)-maxCome):]
		if len(region)+len(members) > maxRegion {
			continue
		}
		region = append(region, members...) // each is in one topic
	}
	x.s.region, x.s.topics = region, topics
	return region
}

// termWork is what looking up one term of an item costs, in steps (see Work): it is
// weighed, and looked for twice.
const termWork = 20

// similar is how alike each pair of a region is, row by row: the cosine, less what
// two questions have in common whatever they are about. That is as much as either
// has in common with all the others in the mean; which of two is to have it says
// the geometric mean.
func (x *Index) similar(region []int32) []float32 {
	n := len(region)
	s := &x.s
	s.sim = grown(s.sim, n*n)
	sim := s.sim
	// Postings of the region alone, those of each term one behind the other. A pair
	// of rows is met at one term after the other by id, whatever their order here, so
	// that sums are the same to the last bit on each machine.
	total := 0
	for _, slot := range region {
		total += len(x.items[slot].terms)
	}
	s.terms.clear(total)
	s.rows = grown(s.rows, 2*total)
	first, size := s.rows[:total], s.rows[total:total] // of each posting its term, of each term how many it has
	k := 0
	for _, slot := range region {
		for _, p := range x.items[slot].terms {
			t := s.terms.of(p >> 9)
			if *t < 0 {
				*t = int32(len(size))
				size = append(size, 0)
			}
			size[*t]++
			first[k] = *t
			k++
		}
	}
	s.posted = grown(s.posted, total)
	s.runs = grown(s.runs, len(size))
	all, runs := s.posted, s.runs
	sum := int32(0)
	for t, n := range size {
		runs[t] = run{sum, sum}
		sum += n
	}
	s.chances = grown(s.chances, n)
	chances, v := s.chances, s.weighed
	k = 0
	for row, slot := range region {
		it := &x.items[slot]
		v = x.weigh(v[:0], it)
		chances[row] = x.chance(v, it)
		mine := sim[row*n : row*n+row+1]
		for _, term := range v {
			r, w := &runs[first[k]], term.w
			k++
			before := all[r.from:r.to]
			for i := range before {
				p := &before[i]
				mine[p.row] += w * p.w
			}
			x.work += termWork + len(before)
			all[r.to] = posting{int32(row), w}
			r.to++
		}
		mine[row] = 1
	}
	s.weighed = v
	for i := range n {
		mine := sim[i*n : i*n+i]
		for j, w := range mine {
			if w > 0 {
				if w -= chances[i] * chances[j]; w < 0 {
					w = 0
				}
				mine[j], sim[j*n+i] = w, w
			}
		}
	}
	return sim
}

// posting is a row of a region that has a term.
type posting struct {
	row int32
	w   float32
}

// run is where a term's postings are.
type run struct{ from, to int32 }

// chance is the root of what an item, whose vector is v, has in common with another one
// by chance: of each term as much as it weighs, by how many have it. It and the one
// that it is compared with are not among them.
func (x *Index) chance(v []weighted, it *item) float32 {
	l := &x.langs[it.script]
	others := float32(l.total) - float32(it.asked) - 1
	if others <= 0 || chance[it.script] == 0 {
		return 0
	}
	sum, own := float32(0), it.asked+1
	of := (*[text.Space]uint32)(l.df)
	for _, t := range v {
		if df := of[t.packed>>9%text.Space]; df > own {
			sum += t.w * t.w * float32(df-own)
		}
	}
	return float32(math.Sqrt(float64(chance[it.script] * sum / others)))
}

// table has a number for each of some ids, -1 at first. It is a hash table that
// does not grow: as cleared, twice as large as it need be.
type table struct {
	ids  []uint32 // less one; 0 where there is none
	vals []int32
}

// clear makes it one for at most so many ids.
func (t *table) clear(most int) {
	size := 16
	for size < 2*most {
		size *= 2
	}
	t.ids, t.vals = grown(t.ids, size), slices.Grow(t.vals[:0], size)[:size]
}

func (t *table) of(id uint32) *int32 {
	mask := uint32(len(t.ids) - 1)
	for i := id * 0x9e3779b1 >> 7 & mask; ; i = (i + 1) & mask {
		switch t.ids[i] {
		case id + 1:
			return &t.vals[i]
		case 0:
			t.ids[i], t.vals[i] = id+1, -1
			return &t.vals[i]
		}
	}
}

// grown is n zeros, in s if there is room.
func grown[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// link puts a region together by average linkage, the nearest first, and returns
// the cluster of each: the row of one of its items. Items that are pinned to one
// topic are together from the start, those pinned to two never.
func (x *Index) link(region []int32, sim []float32) []int {
	n := len(region)
	l := &x.s.link
	l.begin(n, sim)
	type part struct {
		pin    uint32
		script text.Script
	}
	var need [text.Scripts]float32
	for s := range need {
		need[s] = threshold[s] + young[s]/float32(math.Sqrt(x.langs[s].total+before))
	}
	first := map[part]int{}
	for i := range n {
		l.live[i] = i
	}
	for i, slot := range region {
		it := &x.items[slot]
		l.size[i], l.into[i], l.best[i] = 1, i, -1
		l.script[i] = it.script
		l.need[i], l.few[i] = need[it.script], few[it.script]
		if it.pinned {
			l.pin[i] = it.topic
		}
	}
	for i := range n {
		if l.pin[i] != 0 {
			p := part{l.pin[i], l.script[i]}
			if f, ok := first[p]; ok {
				l.join(f, i)
			} else {
				first[p] = i
			}
		}
	}
	l.run()
	x.work += l.work
	// A topic in two languages was two clusters until here: that its questions in
	// the one are unlike a new one in the other says nothing.
	clusters, whole := l.cluster, map[uint32]int{}
	for i := range n {
		c := i
		for l.into[c] != c {
			c = l.into[c]
		}
		if pin := l.pin[c]; pin != 0 {
			if w, ok := whole[pin]; ok {
				c = w
			} else {
				whole[pin] = c
			}
		}
		clusters[i] = c
	}
	return clusters
}

// linkage is average linkage under way. Rows that were joined into another have
// no size.
type linkage struct {
	n       int
	live    []int // rows that may still be joined, in order
	cluster []int
	sim     []float32
	size    []float32
	best    []int     // the nearest row that may be joined with this one, -1 without any
	gain    []float32 // what that is worth; 0 without any
	into    []int
	pin     []uint32
	need    []float32 // what similarity a join needs,
	script  []text.Script
	few     []float32 // and more if they are few
	work    int
}

// begin begins with n rows, and with zeros for all that is not known yet.
func (l *linkage) begin(n int, sim []float32) {
	l.n, l.sim, l.work = n, sim, 0
	for _, ints := range []*[]int{&l.live, &l.cluster, &l.best, &l.into} {
		*ints = grown(*ints, n)
	}
	for _, floats := range []*[]float32{&l.size, &l.gain, &l.need, &l.few} {
		*floats = grown(*floats, n)
	}
	l.pin, l.script = grown(l.pin, n), grown(l.script, n)
}

// worth is how much nearer two rows are than they have to be, less than 0 if they
// are not to be joined.
func (l *linkage) worth(i, j int) float32 {
	if l.pin[i] != 0 && l.pin[j] != 0 && l.pin[i] != l.pin[j] {
		return -1
	}
	if l.script[i] != l.script[j] {
		return -1 // what is rare is another thing in each; maintainers join them
	}
	both := l.size[i] * l.size[j]
	need := larger(l.need[i]+l.few[i]/both, l.need[j]+l.few[j]/both)
	return (l.sim[i*l.n+j] - need) / (1 - need)
}

// larger is max for what is a number: that asks about what is none first, which in
// WebAssembly is a call.
func larger(a, b float32) float32 {
	if a < b {
		return b
	}
	return a
}

// find finds what a row is best joined with, and reports whether anything is near
// enough, whatever else there is to say. Most are not.
func (l *linkage) find(i int) (near bool) {
	l.work += len(l.live)
	l.best[i], l.gain[i] = -1, 0
	need := l.need[i]
	row := l.sim[i*l.n : (i+1)*l.n]
	for _, j := range l.live {
		if row[j] <= need || j == i {
			continue
		}
		near = true
		if w := l.worth(i, j); w > l.gain[i] {
			l.gain[i], l.best[i] = w, j
		}
	}
	return near
}

// join puts row j into i.
func (l *linkage) join(i, j int) {
	l.work += len(l.live)
	a, b := l.size[i], l.size[j]
	ri, rj := l.sim[i*l.n:(i+1)*l.n], l.sim[j*l.n:(j+1)*l.n]
	for _, k := range l.live {
		if k == i || k == j {
			continue
		}
		if ri[k] == 0 && rj[k] == 0 {
			continue // they stay as far as can be
		}
		s := (a*ri[k] + b*rj[k]) / (a + b)
		ri[k], l.sim[k*l.n+i] = s, s
	}
	l.size[i], l.size[j] = a+b, 0
	l.into[j] = i
	if at, ok := slices.BinarySearch(l.live, j); ok {
		l.live = slices.Delete(l.live, at, at+1)
	}
	l.need[i], l.few[i] = larger(l.need[i], l.need[j]), larger(l.few[i], l.few[j])
	if l.pin[i] == 0 {
		l.pin[i] = l.pin[j]
	}
}

// run joins whatever is worth most, until nothing is worth it. What a row's best
// is worth changes only when one of both is joined.
func (l *linkage) run() {
	// What nothing is near to stays alone: no average is above all that it is of.
	near := l.cluster[:0] // not needed yet
	for _, i := range l.live {
		if l.find(i) {
			near = append(near, i)
		}
	}
	l.live = append(l.live[:0], near...)
	for {
		l.work += len(l.live)
		i, most := -1, float32(0)
		for _, k := range l.live {
			if l.gain[k] > most {
				i, most = k, l.gain[k]
			}
		}
		if i < 0 {
			return
		}
		j := l.best[i]
		l.join(i, j)
		for _, k := range l.live {
			b := l.best[k]
			switch {
			case k == i || b == i || b == j:
				l.find(k)
			case l.sim[k*l.n+i] > l.need[k]:
				if w := l.worth(k, i); w > l.gain[k] {
					l.gain[k], l.best[k] = w, i
				}
			}
		}
	}
}

// number gives clusters their topics: each topic's number goes to the cluster
// that has most of its questions, and a cluster without one gets a new number.
func (x *Index) number(region []int32, clusters []int) {
	n := len(region)
	claims := x.s.claims[:0]
	first := grown(x.s.claimed, n) // of each cluster, its last claim's number and one more
	for i, slot := range region {
		it := &x.items[slot]
		if it.topic == 0 {
			continue // it is new, and has no number to keep
		}
		c := first[clusters[i]] - 1
		for c >= 0 && claims[c].topic != it.topic {
			c = claims[c].before
		}
		if c < 0 {
			c = int32(len(claims))
			claims = append(claims, claim{cluster: clusters[i], topic: it.topic, before: first[clusters[i]] - 1})
			first[clusters[i]] = c + 1
		}
		claims[c].items++
		claims[c].asked += it.asked
		claims[c].pinned = claims[c].pinned || it.pinned
	}
	slices.SortFunc(claims, func(a, b claim) int {
		if a.pinned != b.pinned {
			if a.pinned {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.items, a.items), cmp.Compare(b.asked, a.asked), cmp.Compare(a.topic, b.topic))
	})
	topicOf := grown(x.s.numbers, n)
	for i, c := range claims {
		if topicOf[c.cluster] == 0 && !slices.ContainsFunc(claims[:i], func(o claim) bool { return o.topic == c.topic && o.took }) {
			topicOf[c.cluster], claims[i].took = c.topic, true
		}
	}
	for _, c := range claims {
		// What there was no room for goes where all the others went.
		to := topicOf[c.cluster]
		if to == 0 || to == c.topic || c.items >= len(x.members[c.topic]) ||
			slices.ContainsFunc(claims, func(o claim) bool { return o.topic == c.topic && o.cluster != c.cluster }) {
			continue
		}
		for _, slot := range slices.Clone(x.members[c.topic]) {
			x.move(slot, to)
		}
	}
	for i, slot := range region {
		to := topicOf[clusters[i]]
		if to == 0 {
			to = x.next
			x.next++
			topicOf[clusters[i]] = to
			x.dirtyHead = true
		}
		x.move(slot, to)
	}
	for _, c := range claims {
		if to := topicOf[c.cluster]; to != c.topic && len(x.members[c.topic]) == 0 {
			// All of it is elsewhere now.
			if _, ok := x.redirect[c.topic]; !ok {
				x.redirects(c.topic, to)
				if name := x.names[c.topic]; name != "" {
					x.name(c.topic, "")
					if x.names[to] == "" {
						x.name(to, name)
					}
				}
			}
		}
	}
	x.s.claims, x.s.claimed, x.s.numbers = claims, first, topicOf
}

// claim is what part of a topic a cluster has.
type claim struct {
	cluster int
	topic   uint32
	pinned  bool
	took    bool // the topic's number goes with it
	items   int
	asked   uint32
	before  int32 // another of its cluster's, -1 without any
}

// move puts an item into a topic.
func (x *Index) move(slot int32, to uint32) {
	it := &x.items[slot]
	if it.topic == to {
		return
	}
	if it.topic != 0 {
		x.since.moved = append(x.since.moved, it.id)
	}
	x.leave(slot)
	it.topic = to
	x.members[to] = append(x.members[to], slot)
	x.touch(slot)
}
