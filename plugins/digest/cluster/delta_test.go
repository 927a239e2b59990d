package cluster

import (
	"errors"
	"math/rand"
	"reflect"
	"testing"
)

// TestDeltas has an index change in every way there is, and follows it by its
// deltas: on one that was loaded at the beginning, and by loading segments that
// are each as old as they happen to be.
func TestDeltas(t *testing.T) {
	const limit = 1000 // so that items are given up as well
	r := rand.New(rand.NewSource(4))
	x, follower := New(limit), New(limit)
	at := uint64(0)
	head := Part{Data: x.Encode(Head)}
	segments := make([]Part, (limit+SegmentItems-1)/SegmentItems)
	var deltas []Part
	for step := range 120 {
		at++
		switch topics := x.Topics(); {
		case step%7 == 3:
			a, b := topics[r.Intn(len(topics))], topics[r.Intn(len(topics))]
			if err := x.Merge(a.ID, b.ID); err != nil {
				t.Fatal(err)
			}
		case step%7 == 4:
			a := topics[r.Intn(len(topics))]
			if _, err := x.Split(a.Items[0]); err != nil {
				t.Fatal(err)
			}
		case step%7 == 5:
			if err := x.Rename(topics[r.Intn(len(topics))].ID, []string{"a name", ""}[step/7%2]); err != nil {
				t.Fatal(err)
			}
		case step%7 == 6:
			for range 5 {
				a := topics[r.Intn(len(topics))]
				x.Forget(a.Items[0])
			}
		default:
			batch := made(30, int64(step))
			x.Add(batch...)
		}
		d := x.Delta()
		if d == nil {
			continue
		}
		x.Clean()
		deltas = append(deltas, Part{At: at, Data: d})
		if _, err := follower.Apply(d); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		alike(t, x, follower)
		// Some segments are stored anew.
		if step%5 == 0 {
			i := r.Intn(len(segments))
			segments[i] = Part{At: at, Data: x.Encode(i + 1)}
		}
		if step == 60 {
			head = Part{At: at, Data: x.Encode(Head)}
		}
		if step%10 == 9 {
			loaded, err := LoadParts(head, segments, deltas)
			if err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			loaded.limit = limit
			alike(t, x, loaded)
			if loaded.Delta() != nil || len(loaded.Dirty()) > 0 {
				t.Fatal("what was loaded is taken to have changed")
			}
			follower = loaded
		}
	}
}

// alike compares what two indexes say.
func alike(t *testing.T, a, b *Index) {
	t.Helper()
	if !reflect.DeepEqual(a.Topics(), b.Topics()) || a.Len() != b.Len() || a.Asked() != b.Asked() || a.next != b.next || a.nextItem != b.nextItem {
		t.Fatalf("%d items asked %d times in %d topics, and %d, %d, %d", a.Len(), a.Asked(), len(a.Topics()), b.Len(), b.Asked(), len(b.Topics()))
	}
	if !reflect.DeepEqual(a.redirect, b.redirect) || !reflect.DeepEqual(a.names, b.names) {
		t.Fatal("names or redirects differ")
	}
	for i := range a.langs {
		if !reflect.DeepEqual(a.langs[i].df, b.langs[i].df) {
			t.Fatal("terms are counted otherwise")
		}
	}
	for _, q := range made(20, 99) {
		ma, _ := a.Nearest(q)
		mb, _ := b.Nearest(q)
		// By which terms an item is found is settled when it comes in: what is far may differ.
		if (ma.Cosine > 0.3 || mb.Cosine > 0.3) && (ma.Item != mb.Item || ma.Topic != mb.Topic) {
			t.Fatalf("nearest are %+v and %+v", ma, mb)
		}
	}
}

// TestBadDeltas changes bytes: nothing worse than an error comes of it.
func TestBadDeltas(t *testing.T) {
	x := New(0)
	x.Add(made(40, 3)...)
	first := x.Delta()
	x.Clean()
	x.Add(made(10, 4)...)
	_ = x.Merge(1, 2)
	_ = x.Rename(1, "one")
	second := x.Delta()
	r := rand.New(rand.NewSource(1))
	for range 300 {
		b := append([]byte(nil), second...)
		for range 1 + r.Intn(4) {
			b[r.Intn(len(b))] = byte(r.Intn(256))
		}
		b = b[:len(b)-r.Intn(2)*r.Intn(len(b))]
		y, err := LoadParts(Part{}, nil, []Part{{At: 1, Data: first}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := y.Apply(b); err != nil && !errors.Is(err, ErrSegment) {
			t.Fatal(err)
		}
		if _, err := LoadParts(Part{}, nil, []Part{{At: 1, Data: first}, {At: 2, Data: b}}); err != nil && !errors.Is(err, ErrSegment) {
			t.Fatal(err)
		}
	}
}
