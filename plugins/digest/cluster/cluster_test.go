package cluster

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/plugins/digest/score"
	"github.com/hearthbot/hearth/plugins/digest/text"
)

func analysed(questions ...string) []text.Analysis {
	all := make([]text.Analysis, len(questions))
	for i, q := range questions {
		all[i] = text.Analyse(q)
	}
	return all
}

// topicsOf are the topics of items; 0 for one that is gone.
func topicsOf(x *Index, items []uint32) []uint32 {
	topics := make([]uint32, len(items))
	for i, id := range items {
		topics[i], _ = x.Topic(id)
	}
	return topics
}

var asked6 = []string{
	"how do I cancel a context", "协程泄漏怎么排查", "how can i cancel a context?", "怎么排查协程泄漏",
	"all goroutines are asleep - deadlock!", "how do I cancel a context",
}

func TestAdd(t *testing.T) {
	x := New(0)
	items := x.Add(analysed(asked6...)...)
	topics := topicsOf(x, items)
	if topics[0] != topics[2] || topics[1] != topics[3] || topics[0] == topics[1] || topics[4] == topics[0] || topics[4] == topics[1] {
		t.Errorf("topics %v", topics)
	}
	if items[0] != items[5] {
		t.Error("what is asked in the same words is another question")
	}
	all := x.Topics()
	if len(all) != 3 || all[0].Asked+all[1].Asked+all[2].Asked != 6 || x.Asked() != 6 {
		t.Errorf("%+v", all)
	}
	// One at a time it comes to the same.
	y := New(0)
	var one []uint32
	for _, q := range analysed(asked6...) {
		one = append(one, y.Add(q)...)
	}
	if got := topicsOf(y, one); got[0] != got[2] || got[1] != got[3] || len(y.Topics()) != 3 {
		t.Errorf("one at a time: %v", got)
	}
	// Nothing to go by is alone.
	if ids := x.Add(analysed("", "?!")...); topicsOf(x, ids)[0] == 0 {
		t.Error("a question without words has no topic")
	}
}

// TestKeepsNumbers holds a topic to its number while it grows, and the number of
// one that was joined to leading on.
func TestKeepsNumbers(t *testing.T) {
	x := New(0)
	first := x.Add(analysed("how do I cancel a context")...)
	was := topicsOf(x, first)[0]
	for _, q := range []string{"how can one cancel a context", "cancel a context how", "cancel the context of a request"} {
		x.Add(text.Analyse(q))
		if now := topicsOf(x, first)[0]; x.Current(was) != now {
			t.Errorf("the topic was %d, is %d, and the number leads to %d", was, now, x.Current(was))
		}
	}
}

func TestMaintainers(t *testing.T) {
	x := New(0)
	items := x.Add(analysed("how to find a goroutine leak", "协程泄漏怎么排查", "goroutine leak, what tool could find where?", "unrelated words about docker images")...)
	topics := topicsOf(x, items)
	en, zh := topics[0], topics[1]
	if err := x.Rename(zh, "协程泄漏"); err != nil {
		t.Fatal(err)
	}
	if err := x.Merge(en, zh); err != nil {
		t.Fatal(err)
	}
	if topic, ok := x.Lookup(zh); !ok || topic.ID != en || topic.Name != "协程泄漏" || len(topic.Items) != 3 || !topic.Pinned {
		t.Errorf("merged: %+v", topic)
	}
	// It stays so whatever comes, and what is near to either joins it.
	more := x.Add(analysed("怎么排查协程泄漏", "finding a goroutine leak, how?", "请问协程泄漏要怎么排查呢")...)
	for _, got := range topicsOf(x, slices.Concat(items[:3], more)) {
		if got != en {
			t.Errorf("after more questions: %v", topicsOf(x, slices.Concat(items[:3], more)))
		}
	}
	// What was split off stays apart, though it is alike.
	apart, err := x.Split(items[2])
	if err != nil {
		t.Fatal(err)
	}
	x.Add(analysed("how would I find a goroutine leak", "how to find the goroutine leak")...)
	if got := topicsOf(x, items); got[2] != apart || got[0] != en || got[1] != en {
		t.Errorf("after the split: %v", got)
	}
	// And can be joined again.
	if err := x.Merge(apart, en); err != nil || x.Current(en) != apart {
		t.Errorf("joined again: %v, %d leads to %d", err, en, x.Current(en))
	}

	for _, err := range []error{x.Merge(en, 999), x.Rename(999, "x"), func() error { _, err := x.Split(items[0], 999); return err }()} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("what is not there: %v", err)
		}
	}
	if _, err := x.Split(); err == nil {
		t.Error("nothing was split off")
	}
	if _, err := x.Split(items[0], items[3]); err == nil {
		t.Error("two topics were split at once")
	}
	if err := x.Rename(apart, strings.Repeat("炉", 80)); err != nil {
		t.Fatal(err)
	}
	if topic, _ := x.Lookup(apart); topic.Name != strings.Repeat("炉", MaxName/3) {
		t.Errorf("a long name is %q", topic.Name)
	}
}

// TestFirstQuestions adds a community's first questions one by one: few as they
// are, what each has ("how do I") must not put them together.
func TestFirstQuestions(t *testing.T) {
	x := New(0)
	var got []uint32
	for _, q := range []string{
		"How do I write to a nil map in Go?", "why does my program panic: assignment to entry in nil map",
		"how can I stop a goroutine from the outside", "what is the best way to learn generics?", "如何停止一个 goroutine？",
		"怎么安装 Go", "go mod tidy 报错怎么办", "how to cancel a goroutine from outside", "How do I cancel a context after a timeout?",
		"Where do I find the slides of the last meetup?",
	} {
		got = append(got, x.Add(text.Analyse(q))...)
	}
	topics := topicsOf(x, got)
	want := score.Compare([]string{"map", "map", "stop", "learn", "stop.zh", "install", "mod", "stop", "context", "slides"}, topics)
	if want.F1 < 1 {
		t.Errorf("pair-F1 is %.2f: %v", want.F1, topics)
	}
}

func TestForget(t *testing.T) {
	x := New(0)
	items := x.Add(analysed(asked6...)...)
	x.Forget(items[0])
	if _, ok := x.Topic(items[0]); !ok || x.Asked() != 5 {
		t.Errorf("asked twice and forgotten once: %v, %d", ok, x.Asked())
	}
	for _, id := range append(items, items...) {
		x.Forget(id)
	}
	if x.Len() != 0 || x.Asked() != 0 || len(x.Topics()) != 0 {
		t.Errorf("%d left, asked %d times, %v", x.Len(), x.Asked(), x.Topics())
	}
	for _, l := range x.langs {
		if slices.ContainsFunc(l.df, func(n uint32) bool { return n != 0 }) {
			t.Error("terms are still counted")
		}
	}
	if m, ok := x.Nearest(text.Analyse(asked6[0])); ok {
		t.Errorf("what is forgotten is still found: %+v", m)
	}
}

// maker makes questions of words that come as often as words do: seldom, mostly.
type maker struct {
	r     *rand.Rand
	words *rand.Zipf
}

func newMaker(seed int64) maker {
	r := rand.New(rand.NewSource(seed))
	return maker{r, rand.NewZipf(r, 1.2, 20, 20_000)}
}

func (m maker) question() string {
	var b strings.Builder
	if m.r.Intn(3) == 0 {
		for range 6 + m.r.Intn(14) {
			b.WriteRune(rune(0x4e00 + m.words.Uint64()))
		}
		return b.String()
	}
	for range 4 + m.r.Intn(12) {
		b.WriteString(word(m.words.Uint64()) + " ")
	}
	return b.String()
}

func made(n int, seed int64) []text.Analysis {
	m := newMaker(seed)
	all := make([]text.Analysis, n)
	for i := range all {
		all[i] = text.Analyse(m.question())
	}
	return all
}

// word is the n-th of a made-up language.
func word(n uint64) string {
	s := []byte{}
	for n += 40; n > 0; n /= 40 {
		s = append(s, "bdfgklmnprstvwz"[n%15], "aeiou"[n/15%5])
		if n%3 == 0 {
			s = append(s, 'n')
		}
	}
	return string(s)
}

// TestBounds holds an index to its bounds while far more is added.
func TestBounds(t *testing.T) {
	x := New(500)
	pinned := x.Add(analysed("how to find a goroutine leak", "协程泄漏怎么排查")...)
	if err := x.Merge(topicsOf(x, pinned)[0], topicsOf(x, pinned)[1]); err != nil {
		t.Fatal(err)
	}
	for batch := range slices.Chunk(made(5000, 1), 10) {
		x.Add(batch...)
	}
	if x.Len() > 500 || len(x.items) > 500 || len(x.slots) != x.Len() {
		t.Errorf("%d items", x.Len())
	}
	if len(x.nodes) > 3*500*maxPosted {
		t.Errorf("%d postings", len(x.nodes))
	}
	if len(x.redirect) > maxRedirect {
		t.Errorf("%d redirects", len(x.redirect))
	}
	if got := topicsOf(x, pinned); got[0] == 0 || got[0] != got[1] {
		t.Error("what maintainers joined was forgotten")
	}
	in := 0
	for _, topic := range x.Topics() {
		in += len(topic.Items)
	}
	if in != x.Len() {
		t.Errorf("topics have %d items, there are %d", in, x.Len())
	}
	tiny := New(1)
	tiny.Add(made(50, 2)...)
	if tiny.Len() != 1 || len(tiny.Topics()) != 1 {
		t.Errorf("with room for one there are %d, in %d topics", tiny.Len(), len(tiny.Topics()))
	}
}

func TestSegments(t *testing.T) {
	x := New(2000)
	questions := made(1500, 3)
	for batch := range slices.Chunk(questions, 100) {
		x.Add(batch...)
	}
	topics := x.Topics()
	if err := x.Merge(topics[0].ID, topics[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := x.Rename(topics[0].ID, "a name 名"); err != nil {
		t.Fatal(err)
	}
	y := stored(t, x)
	compare(t, x, y)
	if got := y.Dirty(); len(got) != 0 {
		t.Errorf("what was just loaded has changed segments: %v", got)
	}
	// Both go on alike, and few segments change.
	x.Clean()
	more := made(3, 4)
	if a, b := x.Add(more...), y.Add(more...); !slices.Equal(a, b) {
		t.Errorf("added to both: %v and %v", a, b)
	}
	compare(t, x, y)
	if a, b := x.Dirty(), y.Dirty(); !slices.Equal(a, b) || len(a) == 0 || a[0] != Head {
		t.Errorf("changed segments: %v and %v", a, b)
	}
	if z, err := Load(); err != nil || z.Len() != 0 {
		t.Errorf("no segments: %v", err)
	}
}

// stored is an index written and read.
func stored(t testing.TB, x *Index) *Index {
	t.Helper()
	segments := [][]byte{x.Encode(Head)}
	for n := 1; (n-1)*SegmentItems < len(x.items); n++ {
		segments = append(segments, x.Encode(n))
	}
	for n, s := range segments {
		if len(s) > MaxSegment {
			t.Errorf("segment %d has %d bytes", n, len(s))
		}
	}
	y, err := Load(segments...)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func compare(t testing.TB, x, y *Index) {
	t.Helper()
	a, b := x.Topics(), y.Topics()
	if len(a) != len(b) || x.Len() != y.Len() || x.Asked() != y.Asked() || !slices.Equal(x.langs[text.Latin].df, y.langs[text.Latin].df) {
		t.Fatalf("%d and %d topics, %d and %d items, asked %d and %d times", len(a), len(b), x.Len(), y.Len(), x.Asked(), y.Asked())
	}
	for i := range a {
		if a[i].ID != b[i].ID || a[i].Name != b[i].Name || a[i].Asked != b[i].Asked || a[i].Pinned != b[i].Pinned || !slices.Equal(a[i].Items, b[i].Items) {
			t.Errorf("topic %+v is %+v", a[i], b[i])
		}
	}
}

// TestLargestSegment fills segments with the longest questions there can be.
func TestLargestSegment(t *testing.T) {
	x := New(0)
	x.items = make([]item, SegmentItems)
	for i := range x.items {
		it := &x.items[i]
		*it = item{id: 1<<32 - 1 - uint32(i), topic: 1<<32 - 1, asked: 1 << 30, pinned: true, credit: 255}
		for k := range text.MaxTerms {
			it.terms = append(it.terms, uint32(k*(text.Space/text.MaxTerms)+i%7)<<9|255)
		}
	}
	if n := len(x.Encode(1)); n > MaxSegment {
		t.Errorf("a segment of items may have %d bytes", n)
	}
	for i := range uint32(maxNames) {
		x.names[1<<31+i] = strings.Repeat("n", MaxName)
	}
	for i := range uint32(maxRedirect) {
		x.redirect[1<<31+i] = 1<<32 - 1
	}
	if n := len(x.Encode(Head)); n > MaxSegment {
		t.Errorf("the head may have %d bytes", n)
	}
}

func FuzzLoad(f *testing.F) {
	x := New(20)
	x.Add(analysed(asked6...)...)
	f.Add(x.Encode(Head), x.Encode(1))
	x.Rename(1, "a name")
	f.Add(x.Encode(Head), []byte("hi\x01"))
	f.Fuzz(func(t *testing.T, head, items []byte) {
		x, err := Load(head, items)
		if err != nil {
			if !errors.Is(err, ErrSegment) {
				t.Errorf("%v is no ErrSegment", err)
			}
			return
		}
		compare(t, x, stored(t, x))
		ids := x.Add(analysed(asked6...)...)
		x.Nearest(text.Analyse(asked6[1]))
		for _, topic := range x.Topics() {
			x.Current(topic.ID)
		}
		x.Forget(ids[0])
		stored(t, x)
	})
}

// FuzzOps does what plugin and maintainers do, in any order.
func FuzzOps(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50})
	questions := made(64, 5)
	f.Fuzz(func(t *testing.T, ops []byte) {
		x := New(12)
		var ids []uint32
		for i, op := range ops[:min(len(ops), 60)] {
			one := func(k int) uint32 {
				if len(ids) == 0 {
					return 0
				}
				return ids[(int(op)/8+k)%len(ids)]
			}
			switch op % 8 {
			case 0, 1, 2:
				ids = append(ids, x.Add(questions[(int(op)/8*7+i)%64])...)
			case 3:
				ids = append(ids, x.Add(questions[op/8:op/8+9]...)...)
			case 4:
				a, _ := x.Topic(one(0))
				b, _ := x.Topic(one(3))
				_ = x.Merge(a, b) // either may be gone
			case 5:
				_, _ = x.Split(one(0)) // may be gone
			case 6:
				x.Forget(one(0))
			case 7:
				compare(t, x, stored(t, x))
			}
			n := 0
			for _, topic := range x.Topics() {
				n += len(topic.Items)
			}
			if n != x.Len() || x.Len() > 12 {
				t.Fatalf("after %v: topics have %d items, there are %d", ops[:i+1], n, x.Len())
			}
		}
	})
}

// BenchmarkAdd puts questions into an index that has had 20,000 before and is
// full, one by one and in batches as the plugin does.
func BenchmarkAdd(b *testing.B) {
	x := New(0)
	x.Add(made(20_000, 6)...)
	more := made(256, 7)
	for _, batch := range []int{1, MaxBatch, 64} {
		b.Run("batch="+strconv.Itoa(batch), func(b *testing.B) {
			n := 0
			for b.Loop() {
				x.Add(more[n : n+batch]...)
				n = (n + batch) % len(more)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "µs/question")
		})
	}
}

func BenchmarkNearest(b *testing.B) {
	x := New(0)
	x.Add(made(20_000, 6)...)
	q := made(64, 8)
	for i := 0; b.Loop(); i++ {
		x.Nearest(q[i%64])
	}
}

func BenchmarkLoad(b *testing.B) {
	x := New(0)
	x.Add(made(14_000, 6)...)
	segments := [][]byte{x.Encode(Head)}
	size := 0
	for n := 1; (n-1)*SegmentItems < len(x.items); n++ {
		segments = append(segments, x.Encode(n))
		size += len(segments[n])
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(segments...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size)/(1<<20), "MiB-stored")
	b.ReportMetric(float64(x.Len()), "items")
}

// TestVersion holds what text.Analyse makes of a text to the version of stored
// segments: when this fails, segmentVersion has to rise, so that no index mixes terms
// of both.
func TestVersion(t *testing.T) {
	h := fnv.New64a()
	for _, a := range analysed(append(asked6, "main.go:12:5: undefined: httpClient2, isn't it?", "怎么安装 Go 1.26")...) {
		for _, term := range a.Terms {
			fmt.Fprintln(h, term.ID, term.Weight, term.Common, a.Script)
		}
	}
	if got := fmt.Sprintf("%d %x", segmentVersion, h.Sum64()); got != "2 a2538a1f1a2f79fd" {
		t.Errorf("the version and what texts are analysed into are %s", got)
	}
}
