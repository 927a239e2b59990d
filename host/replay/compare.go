package replay

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// What says what a [Difference] is about.
type What string

// What may differ between two effects.
const (
	Message    What = "message"    // that is sent
	Edit       What = "edit"       // of a message
	Deletion   What = "deletion"   // of a message
	Reaction   What = "reaction"   //
	State      What = "state"      // a row that is written, deleted or added to
	Timer      What = "timer"      // that is set
	Cancel     What = "cancel"     // of a timer
	Action     What = "action"     // HTTP, verify or one of the host's
	Abort      What = "abort"      // of an action
	Event      What = "event"      // to other plugins
	Track      What = "track"      // what a member did, counted
	Profile    What = "profile"    // of the event's member
	Continue   What = "continue"   //
	Annotation What = "annotation" // of the event, by middleware
	Error      What = "error"      // why the attempt failed
	Order      What = "order"      // in which things come whose order is seen
	Unknown    What = "unknown"    // an effect without content
)

// Whats lists them all, in the order above: that in which reports have them.
func Whats() []What {
	return []What{Message, Edit, Deletion, Reaction, State, Timer, Cancel, Action, Abort, Event, Track, Profile, Continue, Annotation, Error, Order, Unknown}
}

// How says in what way something differs.
type How string

// How something differs.
const (
	Changes    How = "changes"
	Appears    How = "appears"    // only the version that is compared does it
	Disappears How = "disappears" // only the version that it is compared with does it
)

// Difference is one thing that the second of two effects does otherwise than
// the first. Its texts come from a plugin and from members: they may be
// anything, but are bounded.
type Difference struct {
	What   What   `json:"what" enum:"message,edit,deletion,reaction,state,timer,cancel,action,abort,event,track,profile,continue,annotation,error,order,unknown"`
	How    How    `json:"how" enum:"changes,appears,disappears"`
	Name   string `json:"name,omitempty" doc:"which one: a message's key and where it goes, a row's key, a timer's name"`
	Before string `json:"before,omitempty" doc:"what it was, in lines; not there if it appears"`
	After  string `json:"after,omitempty" doc:"what it is, in lines; not there if it disappears"`
}

// Compare lists what after does otherwise than before; nothing if both do the
// same. An effect whose Error is set does nothing else.
//
// Things are matched by what they are known by (the key of a message, row, timer
// or action), else by where they go, in their order. What is carried out
// together without an order (rows, counters, annotations) is compared without
// one: only where somebody sees an order, in one conversation or of one timer,
// is another order a difference. Counting a row up twice is the same as once
// with the sum. Neither is changed.
//
// Compare(b, a) has as many differences as Compare(a, b): what changes changes,
// what appears disappears. Effects within the ABI's bounds take microseconds if
// they are the same; what is longer than 8 KiB is cut in a Difference, around
// where the two differ.
func Compare(before, after *abi.Effects) []Difference {
	if same(before, after) {
		return nil
	}
	var out []Difference
	if before.Error != after.Error {
		out = append(out, difference(Error, "", before.Error, after.Error, before.Error != "", after.Error != ""))
	}
	a, b := items(before), items(after)
	pairs := match(a, b)
	for i := range a {
		if p := pairs.of[i]; p < 0 {
			out = append(out, difference(a[i].what, a[i].name, a[i].show(), "", true, false))
		} else if string(a[i].raw) != string(b[p].raw) {
			was, is := a[i].show(), b[p].show()
			if was == is { // they differ in what is not shown
				was, is = was+"\nencoded: "+hexed(a[i].raw), is+"\nencoded: "+hexed(b[p].raw)
			}
			out = append(out, difference(a[i].what, a[i].name, was, is, true, true))
		}
	}
	for i := range b {
		if !pairs.taken[i] {
			out = append(out, difference(b[i].what, b[i].name, "", b[i].show(), false, true))
		}
	}
	out = append(out, reordered(a, b, pairs.of)...)
	rank := Whats()
	slices.SortStableFunc(out, func(x, y Difference) int { return slices.Index(rank, x.What) - slices.Index(rank, y.What) })
	return out
}

// same compares the bytes, which is enough most of the time.
func same(before, after *abi.Effects) bool {
	if before == after {
		return true
	}
	return string(encoded(before)) == string(encoded(after))
}

func difference(what What, name, before, after string, was, is bool) Difference {
	how := Changes
	switch {
	case !was:
		how = Appears
	case !is:
		how = Disappears
	}
	before, after = clip(before, after)
	return Difference{What: what, How: how, Name: cut(name, maxName), Before: before, After: after}
}

// item is one thing that effects do.
type item struct {
	what  What
	ids   []string // by which it is found in the other effects, the closest first
	place string   // within which the order is seen; "" if it is not
	name  string
	raw   []byte // its encoding: equal bytes are equal things
	show  func() string
}

// pairing says which item of the second list belongs to which of the first.
type pairing struct {
	of    []int // -1: none
	taken []bool
}

// match pairs what is equal, then what has an id in common, the closest first,
// each in order. As either list is treated alike, as many are paired either way.
func match(a, b []item) pairing {
	p := pairing{of: make([]int, len(a)), taken: make([]bool, len(b))}
	for i := range p.of {
		p.of[i] = -1
	}
	depth := 0
	for _, list := range [][]item{a, b} {
		for i := range list {
			depth = max(depth, len(list[i].ids))
		}
	}
	for level := -1; level < depth; level++ {
		waiting := map[string][]int{}
		for j := range b {
			if id, ok := b[j].id(level); ok && !p.taken[j] {
				waiting[id] = append(waiting[id], j)
			}
		}
		for i := range a {
			id, ok := a[i].id(level)
			if !ok || p.of[i] >= 0 || len(waiting[id]) == 0 {
				continue
			}
			p.of[i] = waiting[id][0]
			p.taken[p.of[i]] = true
			waiting[id] = waiting[id][1:]
		}
	}
	return p
}

// id is what an item is matched by at a level; -1 is all of it.
func (it *item) id(level int) (string, bool) {
	switch {
	case level < 0:
		return string(it.what) + "\x00" + string(it.raw), true
	case level < len(it.ids):
		return string(it.what) + "\x00" + it.ids[level], true
	}
	return "", false
}

// reordered finds the places in which what both do comes in another order.
func reordered(a, b []item, of []int) []Difference {
	var places []string
	at := map[string][]int{} // of a, in order
	for i := range a {
		if j := of[i]; j >= 0 && a[i].place != "" && a[i].place == b[j].place {
			if at[a[i].place] == nil {
				places = append(places, a[i].place)
			}
			at[a[i].place] = append(at[a[i].place], i)
		}
	}
	var out []Difference
	for _, place := range places {
		was := at[place]
		is := slices.Clone(was)
		slices.SortFunc(is, func(x, y int) int { return of[x] - of[y] })
		if slices.Equal(was, is) {
			continue
		}
		list := func(order []int) string {
			var lines []string
			for n, i := range order {
				first, _, _ := strings.Cut(a[i].show(), "\n")
				line := strconv.Itoa(n+1) + ". " + string(a[i].what) + ": " + gist(first)
				if at := slices.Index(was, i); at != n {
					line += " (was " + strconv.Itoa(at+1) + ".)"
				}
				lines = append(lines, line)
			}
			return strings.Join(lines, "\n")
		}
		_, name, _ := strings.Cut(place, " ")
		out = append(out, difference(Order, name, list(was), list(is), true, true))
	}
	return out
}
