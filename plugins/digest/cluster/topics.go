package cluster

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Topic is the topic of an item, by its present number; false if the item is
// not in the index, or no more.
func (x *Index) Topic(item uint32) (uint32, bool) {
	slot, ok := x.slots[item]
	if !ok {
		return 0, false
	}
	return x.items[slot].topic, true
}

// Current is the number that a topic has now: another one if it was joined with
// a larger one.
func (x *Index) Current(topic uint32) uint32 {
	for range maxRedirect {
		to, ok := x.redirect[topic]
		if !ok {
			break
		}
		topic = to
	}
	return topic
}

// Topics are all topics, by number.
func (x *Index) Topics() []Topic {
	ids := make([]uint32, 0, len(x.members))
	for id := range x.members {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	all := make([]Topic, len(ids))
	for i, id := range ids {
		all[i], _ = x.Lookup(id)
	}
	return all
}

// Lookup is a topic by its present number, or by one it had.
func (x *Index) Lookup(topic uint32) (Topic, bool) {
	topic = x.Current(topic)
	members := x.members[topic]
	t := Topic{ID: topic, Name: x.names[topic]}
	for _, slot := range members {
		it := &x.items[slot]
		t.Asked += it.asked
		t.Items = append(t.Items, it.id)
		t.Pinned = t.Pinned || it.pinned
	}
	slices.Sort(t.Items)
	return t, len(members) > 0
}

// Len is how many items there are.
func (x *Index) Len() int { return x.used }

// Asked is how many questions those items were asked as.
func (x *Index) Asked() int {
	n := 0.0
	for s := range x.langs {
		n += x.langs[s].total
	}
	return int(n)
}

// Forget takes one question of an item out, as its message was deleted; with
// the last one the item is gone. An item that is not there is gone already.
func (x *Index) Forget(item uint32) {
	slot, ok := x.slots[item]
	if !ok {
		return
	}
	it := &x.items[slot]
	if it.asked <= 1 {
		x.drop(slot)
		x.dirtyHead = true
		return
	}
	it.asked--
	x.counts(it, -1)
	x.touch(slot)
}

// Merge joins topic b with a for good: their questions stay together whatever is
// asked later, and b's number leads to a's.
func (x *Index) Merge(a, b uint32) error {
	a, b = x.Current(a), x.Current(b)
	for _, t := range []uint32{a, b} {
		if len(x.members[t]) == 0 {
			return fmt.Errorf("%w topic: %d", ErrUnknown, t)
		}
	}
	if a == b {
		return nil
	}
	x.members[a] = append(x.members[a], x.members[b]...)
	delete(x.members, b)
	for _, slot := range x.members[a] {
		x.items[slot].topic, x.items[slot].pinned = a, true
		x.touch(slot)
	}
	if x.names[a] == "" && x.names[b] != "" {
		x.name(a, x.names[b])
	}
	x.name(b, "")
	x.redirects(b, a)
	return nil
}

// Split takes items out of the topic that they are in, into a new one, whose
// number it returns. Both stay apart whatever is asked later.
func (x *Index) Split(items ...uint32) (uint32, error) {
	if len(items) == 0 {
		return 0, errors.New("which questions are to be split off?")
	}
	from := uint32(0)
	for _, id := range items {
		slot, ok := x.slots[id]
		if !ok {
			return 0, fmt.Errorf("%w question: %d", ErrUnknown, id)
		}
		if t := x.items[slot].topic; from == 0 {
			from = t
		} else if t != from {
			return 0, fmt.Errorf("questions %d and %d are in two topics already", items[0], id)
		}
	}
	to := x.next
	x.next++
	x.dirtyHead = true
	for _, id := range items {
		slot := x.slots[id]
		if x.items[slot].topic == to {
			continue // named twice
		}
		x.leave(slot)
		x.items[slot].topic = to
		x.members[to] = append(x.members[to], slot)
	}
	for _, t := range []uint32{from, to} {
		for _, slot := range x.members[t] {
			x.items[slot].pinned = true
			x.touch(slot)
		}
	}
	return to, nil
}

// Rename names a topic; "" takes the name away. A name keeps at most MaxName
// bytes, and the index at most 1500 names.
func (x *Index) Rename(topic uint32, name string) error {
	topic = x.Current(topic)
	if len(x.members[topic]) == 0 {
		return fmt.Errorf("%w topic: %d", ErrUnknown, topic)
	}
	x.dirtyHead = true
	if name == "" {
		x.name(topic, "")
		return nil
	}
	if _, ok := x.names[topic]; !ok && len(x.names) >= maxNames {
		for _, t := range slices.Sorted(maps.Keys(x.names)) { // of topics that are gone
			if len(x.members[t]) == 0 {
				x.name(t, "")
			}
		}
		if len(x.names) >= maxNames {
			return fmt.Errorf("%d topics have names of their own; take one away first", maxNames)
		}
	}
	for len(name) > MaxName {
		name = name[:len(name)-1]
	}
	for len(name) > 0 && name[len(name)-1] >= 0x80 && !validEnd(name) {
		name = name[:len(name)-1]
	}
	x.name(topic, name)
	return nil
}

// name gives a topic a name, or takes it away.
func (x *Index) name(topic uint32, name string) {
	if x.names[topic] == name {
		return
	}
	if name == "" {
		delete(x.names, topic)
	} else {
		x.names[topic] = name
	}
	x.since.named = append(x.since.named, topic)
}

// redirects has the number of a topic that is gone lead to another.
func (x *Index) redirects(from, to uint32) {
	x.dirtyHead = true
	x.since.redirected = append(x.since.redirected, [2]uint32{from, to})
	x.redirect[from] = to
	if len(x.redirect) <= maxRedirect {
		return
	}
	// The oldest half goes.
	old := make([]uint32, 0, len(x.redirect))
	for t := range x.redirect {
		old = append(old, t)
	}
	slices.Sort(old)
	for _, t := range old[:len(old)/2] {
		delete(x.redirect, t)
	}
}
