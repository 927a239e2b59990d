package book

import (
	"errors"
	"fmt"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/plugins/digest/cluster"
	"github.com/hearthbot/hearth/plugins/digest/text"
)

func ask(r *rand.Rand, n int) Question {
	subject := []string{"a nil map", "go.mod replace", "context cancellation", "goroutine leaks", "generics constraints", "slices of slices"}[r.Intn(6)]
	verb := []string{"how do I write to", "why does the compiler refuse", "what is the best way to debug", "when should I use"}[r.Intn(4)]
	s := fmt.Sprintf("%s %s in case %d?", verb, subject, r.Intn(40))
	return Question{Source: Source{Place: fmt.Sprintf("test:c%d", r.Intn(9)), Message: fmt.Sprint("m", n), At: int64(n)}, Title: s, Analysis: text.Analyse(s)}
}

// TestFollows has a book change in every way, and compares it with one that gets
// its deltas and with those that are loaded from parts of several ages.
func TestFollows(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	b, follower := New(), New()
	var deltas, segments []cluster.Part
	head := cluster.Part{Data: b.Encode(cluster.Head)}
	n := 0
	var all []Question
	for step := range uint64(60) {
		for range 12 {
			n++
			all = append(all, ask(r, n))
			b.Add(all[len(all)-1])
		}
		for range 3 {
			q := all[r.Intn(len(all))]
			if item, ok := b.Forget(q.Place, q.Message); ok {
				if _, there := b.Index.Topic(item); there {
					b.Retitle(item, "another wording", q.Place)
				}
			}
			q = all[r.Intn(len(all))]
			b.Answered(q.Place, q.Message, true)
		}
		p := cluster.Part{At: step + 1, Data: b.Delta()}
		b.Clean(p.At)
		deltas = append(deltas, p)
		if err := follower.Apply(p); err != nil {
			t.Fatal(err)
		}
		alike(t, b, follower)
		if step%9 == 8 {
			segments = nil
			for k := range b.Index.Segments() {
				segments = append(segments, cluster.Part{At: p.At, Data: b.Encode(k + 1)})
			}
		}
		if step%20 == 19 {
			head = cluster.Part{At: p.At, Data: b.Encode(cluster.Head)}
		}
		loaded, err := Load(head, segments, deltas)
		if err != nil {
			t.Fatal(err)
		}
		alike(t, b, loaded)
	}
}

func alike(t *testing.T, a, b *Book) {
	t.Helper()
	if !reflect.DeepEqual(a.entries, b.entries) || !reflect.DeepEqual(a.where, b.where) || !reflect.DeepEqual(a.places, b.places) || a.At != b.At {
		t.Fatalf("at %d there are %d entries of %d messages, at %d %d of %d", a.At, len(a.entries), len(a.where), b.At, len(b.entries), len(b.where))
	}
	if !reflect.DeepEqual(a.Index.Topics(), b.Index.Topics()) {
		t.Fatal("topics differ")
	}
}

func TestSources(t *testing.T) {
	b := New()
	q := Question{Source: Source{Place: "test:a"}, Title: strings.Repeat("长", 99), Analysis: text.Analyse("how do I write to a nil map")}
	var item uint32
	for i := range MaxSources + 2 {
		q.Message, q.At = fmt.Sprint(i), int64(i)
		item = b.Add(q)[0]
		if i == 0 {
			b.Answered("test:a", "0", true)
		}
	}
	e := b.Entry(item)
	if len(e.Sources) != MaxSources || e.Sources[0].Message != "0" || len(b.Dropped()) != 2 {
		t.Errorf("kept %v, dropped %v", e.Sources, b.Dropped())
	}
	if len(e.Title) > MaxTitle || !strings.HasPrefix(q.Title, e.Title) {
		t.Errorf("the title is %q", e.Title)
	}
	if again := b.Add(q); again[0] != item || len(b.Entry(item).Sources) != MaxSources {
		t.Error("one message counts twice")
	}
	if asked, _ := b.Index.Of(item); asked != MaxSources+2 {
		t.Errorf("asked %d times", asked)
	}
	b.Forget("test:a", "0")
	if _, ok := b.Item("test:a", "0"); ok || func() bool { title, _ := b.Title(item); return title != "" }() {
		t.Error("a forgotten message is still there")
	}
}

func TestBadParts(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	b := New()
	for i := range 40 {
		b.Add(ask(r, i))
	}
	good := b.Delta()
	b.Clean(1)
	part := b.Encode(1)
	for range 500 {
		bad, seg := append([]byte(nil), good...), append([]byte(nil), part...)
		for range 3 {
			bad[r.Intn(len(bad))], seg[r.Intn(len(seg))] = byte(r.Intn(256)), byte(r.Intn(256))
		}
		for _, err := range []error{New().Apply(cluster.Part{At: 1, Data: bad}), func() error {
			_, err := Load(cluster.Part{At: 1, Data: b.Encode(cluster.Head)}, []cluster.Part{{At: 1, Data: seg}}, nil)
			return err
		}()} {
			if err != nil && !errors.Is(err, ErrPart) && !errors.Is(err, cluster.ErrSegment) {
				t.Fatal(err)
			}
		}
	}
}
