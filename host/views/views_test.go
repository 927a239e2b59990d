package views

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"
	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
)

func view(body string) abi.View { return abi.View{Type: "text/plain", Body: []byte(body)} }

func key(path string) Key { return KeyOf("v", "c", "s", &abi.Query{Path: path}) }

// asked answers how often it was asked, having read what it is told to.
type asked struct {
	n      int
	keys   []string
	ranges [][2]string
}

func (a *asked) ask(_ context.Context, r *Reads) (abi.View, error) {
	a.n++
	for _, k := range a.keys {
		r.Key(k)
	}
	for _, s := range a.ranges {
		r.Range(s[0], s[1])
	}
	return view(fmt.Sprint(a.n)), nil
}

func get(t *testing.T, c *Cache, q *asked) string {
	t.Helper()
	v, err := c.Get(t.Context(), "s", key("/p"), q.ask)
	if err != nil {
		t.Fatal(err)
	}
	return string(v.Body)
}

func TestWhatWasReadDrops(t *testing.T) {
	many := make([]string, remembered+1)
	for i := range many {
		many[i] = fmt.Sprint("c/other/", i)
	}
	for _, c := range []struct {
		name, space string
		writes      []string
		drops       bool
	}{
		{"nothing", "s", nil, false},
		{"a row it read", "s", []string{"c/a"}, true},
		{"a row that there was not", "s", []string{"c/none"}, true},
		{"rows beside", "s", []string{"c/ab", "b"}, false},
		{"the range's first", "s", []string{"m/1/"}, true},
		{"within the range", "s", []string{"x", "m/1/path", "y"}, true},
		{"the range's end", "s", []string{"m/10"}, false},
		{"behind a range without an end", "s", []string{"zz"}, true},
		{"another space's row", "s@2", []string{"c/a"}, false},
		{"as many others as are remembered", "s", many[1:], false},
		{"more than are remembered", "s", many, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept := New(Options{})
			q := &asked{keys: []string{"c/a", "c/none"}, ranges: [][2]string{{"m/1/", "m/10"}, {"z", ""}}}
			get(t, kept, q)
			kept.Wrote(c.space, c.writes...)
			want := "1"
			if c.drops {
				want = "2"
			}
			for range 2 { // the second look finds what the first has found out
				if got := get(t, kept, q); got != want {
					t.Errorf("answer %s, want %s", got, want)
				}
			}
		})
	}
}

func TestTimeDrops(t *testing.T) {
	now := time.Unix(0, 0)
	c := New(Options{TTL: time.Minute, Now: func() time.Time { return now }})
	q := new(asked)
	get(t, c, q)
	now = now.Add(time.Minute - 1)
	if got := get(t, c, q); got != "1" {
		t.Errorf("just before its time: answer %s", got)
	}
	now = now.Add(1)
	if got := get(t, c, q); got != "2" {
		t.Errorf("at its time: answer %s", got)
	}
	if f := c.Figures(); f.Hits != 1 || f.Misses != 2 || f.Stale != 1 || f.Count != 1 {
		t.Errorf("figures: %+v", f)
	}
}

// A key stands for everything an answer depends on, and for nothing else.
func TestKeys(t *testing.T) {
	base := func() *abi.Query {
		return &abi.Query{Path: "/answers", Role: "viewer", Locale: "en", Params: []abi.Annotation{{Name: "a", Value: "1"}, {Name: "q", Value: "x"}}, Now: 1}
	}
	is := KeyOf("v", "c", "s", base())
	same, other := base(), map[string]Key{"version": KeyOf("w", "c", "s", base()), "config": KeyOf("v", "d", "s", base()), "space": KeyOf("v", "c", "s@2", base()),
		"shifted": KeyOf("vc", "", "s", base())}
	same.Now = 2
	slices.Reverse(same.Params)
	if KeyOf("v", "c", "s", same) != is {
		t.Error("time or the order of parameters makes another key")
	}
	for name, change := range map[string]func(*abi.Query){
		"path":   func(q *abi.Query) { q.Path = "/answer" },
		"role":   func(q *abi.Query) { q.Role = "manager" },
		"locale": func(q *abi.Query) { q.Locale = "zh-CN" },
		"value":  func(q *abi.Query) { q.Params[1].Value = "y" },
		"name":   func(q *abi.Query) { q.Params[1].Name = "p" },
		"less":   func(q *abi.Query) { q.Params = q.Params[:1] },
		"joined": func(q *abi.Query) { q.Params = []abi.Annotation{{Name: "a", Value: "1qx"}} },
	} {
		q := base()
		change(q)
		other[name] = KeyOf("v", "c", "s", q)
	}
	seen := map[Key]string{is: "itself"}
	for name, k := range other {
		if was, twice := seen[k]; twice {
			t.Errorf("%s has the key of %s", name, was)
		}
		seen[k] = name
	}
}

// However many come at once to an empty cache, what they want is asked for once.
func TestNoStampede(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{})
		var asks atomic.Int64
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				v, err := c.Get(t.Context(), "s", key(fmt.Sprint("/", i%10)), func(context.Context, *Reads) (abi.View, error) {
					asks.Add(1)
					time.Sleep(time.Second) // of the bubble: everybody is there
					return view(fmt.Sprint(i % 10)), nil
				})
				if err != nil || string(v.Body) != fmt.Sprint(i%10) {
					t.Errorf("%d: %q, %v", i, v.Body, err)
				}
			})
		}
		all.Wait()
		if n := asks.Load(); n != 10 {
			t.Errorf("asked %d times for 10 answers", n)
		}
	})
}

// Who asks after a commit sees it, though they join a question that was asked
// before it.
func TestJoiningSeesWhatWasCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{})
		var row atomic.Int64
		ask := func(_ context.Context, r *Reads) (abi.View, error) {
			r.Key("c/a")
			v := view(fmt.Sprint(row.Load()))
			time.Sleep(time.Second)
			return v, nil
		}
		go c.Get(context.Background(), "s", key("/p"), ask)
		synctest.Wait()
		row.Store(1)
		c.Wrote("s", "c/a")
		v, err := c.Get(t.Context(), "s", key("/p"), ask)
		if err != nil || string(v.Body) != "1" {
			t.Errorf("answer %q, %v: it is from before the commit", v.Body, err)
		}
	})
}

func TestOneWhoGoesTakesNobodyAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{})
		ask := func(ctx context.Context, _ *Reads) (abi.View, error) {
			time.Sleep(time.Second)
			return view("there"), ctx.Err()
		}
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := c.Get(hasty, "s", key("/p"), ask); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who went was told %v", err)
			}
		})
		synctest.Wait()
		if v, err := c.Get(t.Context(), "s", key("/p"), ask); err != nil || string(v.Body) != "there" {
			t.Errorf("who stayed was told %q, %v", v.Body, err)
		}
		all.Wait()
	})
}

func TestErrorsAreNotKept(t *testing.T) {
	c := New(Options{})
	broken := errors.New("broken")
	if _, err := c.Get(t.Context(), "s", key("/p"), func(context.Context, *Reads) (abi.View, error) { return abi.View{}, broken }); !errors.Is(err, broken) {
		t.Fatalf("told %v", err)
	}
	if got := get(t, c, new(asked)); got != "1" {
		t.Errorf("answer %s", got)
	}
}

func TestBounds(t *testing.T) {
	c := New(Options{Bytes: 1 << 20})
	for i := range 1000 {
		if _, err := c.Get(t.Context(), "s", key(fmt.Sprint(i)), func(context.Context, *Reads) (abi.View, error) {
			return abi.View{Body: make([]byte, 10<<10)}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	c.kept.CleanUp()
	if f := c.Figures(); f.Bytes > 1<<20 || f.Count < 80 {
		t.Errorf("%d answers of %d bytes, of at most %d", f.Count, f.Bytes, 1<<20)
	}
	large := func(context.Context, *Reads) (abi.View, error) { return abi.View{Body: make([]byte, maxView+1)}, nil }
	for range 2 {
		if _, err := c.Get(t.Context(), "s", key("large"), large); err != nil {
			t.Fatal(err)
		}
	}
	if f := c.Figures(); f.Hits != 0 {
		t.Error("an answer beyond the bound was kept")
	}
}

// Whatever is asked and written in any order, an answer is what the rows say.
func TestAlwaysTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		c := New(Options{Bytes: 4 << 10, Now: func() time.Time { return now }})
		rows := map[string]int{}
		names := []string{"c/a", "c/b", "m/1/a", "m/1/b", "m/2/a"}
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				k := rapid.SampledFrom(names).Draw(t, "key")
				rows[k]++
				c.Wrote("s", k)
			},
			"wait": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "s")) * time.Second) },
			"row": func(t *rapid.T) {
				k := rapid.SampledFrom(names).Draw(t, "key")
				v, err := c.Get(context.Background(), "s", key("row"+k), func(_ context.Context, r *Reads) (abi.View, error) {
					r.Key(k)
					return view(fmt.Sprint(rows[k])), nil
				})
				if err != nil || string(v.Body) != fmt.Sprint(rows[k]) {
					t.Fatalf("row %s is %d, answer %q, %v", k, rows[k], v.Body, err)
				}
			},
			"range": func(t *rapid.T) {
				from := rapid.SampledFrom([]string{"c/", "m/", "m/1/", "m/2/"}).Draw(t, "from")
				to := from[:len(from)-1] + "0"
				total := func() (n int) {
					for k, v := range rows {
						if k >= from && k < to {
							n += v
						}
					}
					return n
				}
				v, err := c.Get(context.Background(), "s", key("range"+from), func(_ context.Context, r *Reads) (abi.View, error) {
					r.Range(from, to)
					return view(fmt.Sprint(total())), nil
				})
				if err != nil || string(v.Body) != fmt.Sprint(total()) {
					t.Fatalf("rows under %s have %d, answer %q, %v", from, total(), v.Body, err)
				}
			},
		})
	})
}

// TestZipf holds the cache's hit ratio on questions as they are asked, few of
// them often, to otter's own: what is put around it costs no hits.
func TestZipf(t *testing.T) {
	const questions, room = 20_000, 1_000
	requests := 300_000
	if testing.Short() {
		requests = 30_000
	}
	ask := func(_ context.Context, r *Reads) (abi.View, error) {
		return abi.View{Type: "application/json", Body: make([]byte, 1000)}, nil
	}
	c := New(Options{})
	if _, err := c.Get(t.Context(), "s", key("one"), ask); err != nil {
		t.Fatal(err)
	}
	one := c.kept.WeightedSize()
	c = New(Options{Bytes: room * one})
	count := stats.NewCounter()
	own := otter.Must(&otter.Options[int, int]{MaximumSize: room, StatsRecorder: count})
	keys := make([]Key, questions)
	for i := range keys {
		keys[i] = key(fmt.Sprint(i))
	}
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.05, 10, questions-1)
	for range requests {
		i := int(z.Uint64())
		if _, err := c.Get(t.Context(), "s", keys[i], ask); err != nil {
			t.Fatal(err)
		}
		if _, ok := own.GetIfPresent(i); !ok {
			own.Set(i, i)
		}
	}
	ratio, _ := c.Figures().Ratio()
	theirs := count.Snapshot().HitRatio()
	t.Logf("figure: hit ratio on a Zipf trace (s = 1.05, %d questions, room for %d): %.2f %%, otter's own %.2f %%", questions, room, 100*ratio, 100*theirs)
	if ratio < theirs-0.02 {
		t.Errorf("hit ratio %.3f, otter's own %.3f: more than 2 points apart", ratio, theirs)
	}
}

func BenchmarkHit(b *testing.B) {
	c := New(Options{})
	q := &asked{keys: []string{"c/a"}}
	k := key("/p")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Get(b.Context(), "s", k, q.ask); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKey(b *testing.B) {
	q := &abi.Query{Path: "/answers", Role: "viewer", Locale: "en", Params: []abi.Annotation{{Name: "q", Value: "how do I read a file line by line in Go"}}}
	b.ReportAllocs()
	for b.Loop() {
		KeyOf("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "digest", q)
	}
}
