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
	in := map[int32]bool{}
	region := make([]int32, 0, maxRegion)
	take := func(slot int32) {
		if !in[slot] {
			in[slot] = true
			region = append(region, slot)
		}
	}
	for _, slot := range fresh {
		if x.items[slot].id != 0 { // not gone again within the same batch
			take(slot)
		}
	}
	var topics []nearTopic
	at := map[uint32]int{}
	for _, n := range x.s.around {
		if n.topic == 0 {
			continue // it is of this batch itself
		}
		i, ok := at[n.topic]
		if !ok {
			i = len(topics)
			at[n.topic] = i
			topics = append(topics, nearTopic{n.topic, 0})
		}
		topics[i].cos = max(topics[i].cos, n.cos)
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
		for _, slot := range members {
			take(slot)
		}
	}
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
	type posting struct {
		row int32
		w   float32
	}
	total := 0
	for _, slot := range region {
		total += len(x.items[slot].terms)
	}
	at := newTable(total)         // where the next posting of a term goes
	first := make([]int32, total) // of each posting's term, as the rows have them
	size := make([]int32, 0, total)
	k := 0
	for _, slot := range region {
		for _, p := range x.items[slot].terms {
			t := at.of(p >> 9)
			if *t < 0 {
				*t = int32(len(size))
				size = append(size, 0)
			}
			size[*t]++
			first[k] = *t
			k++
		}
	}
	begin, next := make([]int32, len(size)), make([]int32, len(size))
	sum := int32(0)
	for t, n := range size {
		begin[t], next[t] = sum, sum
		sum += n
	}
	all := make([]posting, total)
	chances := make([]float32, n)
	var v []weighted
	k = 0
	for row, slot := range region {
		it := &x.items[slot]
		v = x.weigh(v[:0], it)
		chances[row] = x.chance(v, it)
		mine := sim[row*n : row*n+row+1]
		for _, term := range v {
			t, w := first[k], term.w
			k++
			before := all[begin[t]:next[t]]
			for _, p := range before {
				mine[p.row] += w * p.w
			}
			x.work += termWork + len(before)
			all[next[t]] = posting{int32(row), w}
			next[t]++
		}
		mine[row] = 1
	}
	for i := range n {
		mine := sim[i*n : i*n+i]
		for j, w := range mine {
			if w > 0 {
				w = max(0, w-chances[i]*chances[j])
				mine[j], sim[j*n+i] = w, w
			}
		}
	}
	return sim
}

// chance is the root of what an item, whose vector is v, has in common with another one
// by chance: of each term as much as it weighs, by how many have it. It and the one
// that it is compared with are not among them.
func (x *Index) chance(v []weighted, it *item) float32 {
	l := &x.langs[it.script]
	others := float32(l.total) - float32(it.asked) - 1
	if others <= 0 || chance[it.script] == 0 {
		return 0
	}
	sum := float32(0)
	for _, t := range v {
		if df := l.df[t.packed>>9]; df > it.asked+1 {
			sum += t.w * t.w * float32(df-it.asked-1)
		}
	}
	return float32(math.Sqrt(float64(chance[it.script] * sum / others)))
}

// table has a number for each of some ids, -1 at first. It is a hash table that
// does not grow: as made, twice as large as it need be.
type table struct {
	ids  []uint32 // less one; 0 where there is none
	vals []int32
}

func newTable(most int) table {
	size := 16
	for size < 2*most {
		size *= 2
	}
	return table{make([]uint32, size), make([]int32, size)}
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

func grown(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// link puts a region together by average linkage, the nearest first, and returns
// the cluster of each: the row of one of its items. Items that are pinned to one
// topic are together from the start, those pinned to two never.
func (x *Index) link(region []int32, sim []float32) []int {
	n := len(region)
	l := linkage{n: n, sim: sim, size: make([]float32, n), best: make([]int, n), gain: make([]float32, n), into: make([]int, n), pin: make([]uint32, n), live: make([]int, n), need: make([]float32, n), few: make([]float32, n), script: make([]text.Script, n)}
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
	clusters, whole := make([]int, n), map[uint32]int{}
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
	n      int
	live   []int // rows that may still be joined, in order
	sim    []float32
	size   []float32
	best   []int     // the nearest row that may be joined with this one, -1 without any
	gain   []float32 // what that is worth; 0 without any
	into   []int
	pin    []uint32
	need   []float32 // what similarity a join needs,
	script []text.Script
	few    []float32 // and more if they are few
	work   int
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
	need := max(l.need[i]+l.few[i]/(l.size[i]*l.size[j]), l.need[j]+l.few[j]/(l.size[i]*l.size[j]))
	return (l.sim[i*l.n+j] - need) / (1 - need)
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
	l.need[i], l.few[i] = max(l.need[i], l.need[j]), max(l.few[i], l.few[j])
	if l.pin[i] == 0 {
		l.pin[i] = l.pin[j]
	}
}

// run joins whatever is worth most, until nothing is worth it. What a row's best
// is worth changes only when one of both is joined.
func (l *linkage) run() {
	// What nothing is near to stays alone: no average is above all that it is of.
	live := make([]int, 0, l.n)
	for _, i := range l.live {
		if l.find(i) {
			live = append(live, i)
		}
	}
	l.live = live
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
	type claim struct {
		cluster int
		topic   uint32
		pinned  bool
		items   int
		asked   uint32
	}
	var claims []claim
	at := map[[2]uint32]int{}
	for i, slot := range region {
		it := &x.items[slot]
		if it.topic == 0 {
			continue // it is new, and has no number to keep
		}
		k := [2]uint32{uint32(clusters[i]), it.topic}
		c, ok := at[k]
		if !ok {
			c = len(claims)
			at[k] = c
			claims = append(claims, claim{cluster: clusters[i], topic: it.topic})
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
	topicOf, taken := map[int]uint32{}, map[uint32]int{}
	for _, c := range claims {
		_, has := topicOf[c.cluster]
		_, gone := taken[c.topic]
		if !has && !gone {
			topicOf[c.cluster] = c.topic
			taken[c.topic] = c.cluster
		}
	}
	for i, c := range claims {
		// What there was no room for goes where all the others went.
		alone := !slices.ContainsFunc(claims, func(o claim) bool { return o.topic == c.topic && o.cluster != c.cluster })
		if to, ok := topicOf[c.cluster]; ok && alone && to != c.topic && claims[i].items < len(x.members[c.topic]) {
			for _, slot := range slices.Clone(x.members[c.topic]) {
				x.move(slot, to)
			}
		}
	}
	for i, slot := range region {
		to, ok := topicOf[clusters[i]]
		if !ok {
			to = x.next
			x.next++
			topicOf[clusters[i]] = to
			x.dirtyHead = true
		}
		x.move(slot, to)
	}
	for _, c := range claims {
		if to := topicOf[c.cluster]; len(x.members[c.topic]) == 0 && to != c.topic {
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
