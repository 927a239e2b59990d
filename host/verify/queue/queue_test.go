package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// enter takes tickets named SOURCE/MEMBER, in that order, and adds each to log
// when its turn comes.
func enter(t *testing.T, q *Queue, names ...string) map[string][]*Ticket {
	t.Helper()
	out := map[string][]*Ticket{}
	for _, n := range names {
		s, m, _ := strings.Cut(n, "/")
		k, err := q.Enter(Who{s, m}, nil)
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		out[n] = append(out[n], k)
	}
	return out
}

// turns ends one turn after the other and says whose the next were.
func turns(q *Queue, now *Ticket) (out []string) {
	for {
		q.mu.Lock()
		order := q.order()
		q.mu.Unlock()
		now.Done()
		if len(order) == 0 {
			return out
		}
		now = order[0]
		<-now.turn
		out = append(out, now.who.Source+"/"+now.who.Member)
	}
}

func TestTurns(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"one member", "a/x a/x a/x", "a/x a/x a/x"},
		{"two members take turns", "a/x a/x a/x a/y", "a/x a/y a/x a/x"},
		{"as they came", "a/x a/y a/z a/y", "a/x a/y a/z a/y"},
		{"sources take turns", "a/x a/y a/z b/u", "a/x b/u a/y a/z"},
		{"a source with one member, and one with many", "a/1 a/2 a/3 b/u b/u", "a/1 b/u a/2 b/u a/3"},
		{"nobody in particular", "a/ a/x a/", "a/ a/x a/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := New(Options{Workers: 1, Length: 10})
			first, err := q.Enter(Who{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			enter(t, q, strings.Fields(tt.in)...)
			if got := strings.Join(turns(q, first), " "); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if q.Waiting() != 0 || q.free != 1 || len(q.ring) != 0 {
				t.Errorf("left: %+v", q)
			}
		})
	}
}

// Fifty of one member do not delay another's first.
func TestManyOfOneMember(t *testing.T) {
	q := New(Options{Workers: 2, Length: 100})
	var names []string
	for range 52 {
		names = append(names, "a/greedy")
	}
	enter(t, q, names...)
	place := 0
	if _, err := q.Enter(Who{"a", "modest"}, func(p int) { place = p }); err != nil || place != 2 {
		t.Errorf("place %d (%v), want 2", place, err)
	}
}

func TestPlaces(t *testing.T) {
	q := New(Options{Workers: 1, Length: 10})
	var told []string
	take := func(m string) *Ticket {
		k, err := q.Enter(Who{"a", m}, func(p int) { told = append(told, fmt.Sprint(m, p)) })
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	at := func(want string) {
		t.Helper()
		if got := strings.Join(told, " "); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		told = nil
	}
	now := take("now")
	at("") // it did not wait
	x, y, again := take("x"), take("y"), take("x")
	at("x1 y2 x3")
	z := take("z") // before the second of x
	at("z3 x4")
	y.Done()
	at("z2 x3")
	now.Done()
	at("x0 z1 x2")
	x.Done()
	z.Done()
	at("z0 x1 x0")
	again.Done()
	again.Done()
	if q.free != 1 {
		t.Errorf("%d turns are free after a second Done", q.free)
	}
	at("")
}

func TestBounds(t *testing.T) {
	q := New(Options{Workers: 1, Length: 4, Share: 2})
	first := enter(t, q, "a/1", "a/2", "a/3", "b/1", "c/1")["a/1"][0]
	_, err := q.Enter(Who{"d", "1"}, nil)
	if !errors.Is(err, ErrFull) || strings.Contains(err.Error(), "source") {
		t.Errorf("a queue that is full: %v", err)
	}
	first.Done()
	// a has one of its two places left, b one.
	enter(t, q, "a/4")
	_, err = q.Enter(Who{"a", "5"}, nil)
	if !errors.Is(err, ErrFull) {
		t.Errorf("a full share: %v", err)
	}
}

func TestShare(t *testing.T) {
	q := New(Options{Workers: 1, Length: 10, Share: 2})
	enter(t, q, "a/1", "a/2", "a/3")
	if _, err := q.Enter(Who{"a", "4"}, nil); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "of the 2 that one") {
		t.Error(err)
	}
	enter(t, q, "b/1", "b/2")
}

func TestBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{Workers: 100, Length: 1, Every: 10 * time.Second, Burst: 3})
		ask := func(m string) time.Duration {
			_, err := q.Enter(Who{"a", m}, nil)
			var fast *TooFastError
			if errors.As(err, &fast) {
				return fast.Wait
			}
			if err != nil {
				t.Fatal(err)
			}
			return 0
		}
		for i, want := range []time.Duration{0, 0, 0, 10 * time.Second, 10 * time.Second} {
			if got := ask("x"); got != want {
				t.Errorf("ask %d: wait %v, want %v", i, got, want)
			}
		}
		if got := ask("y"); got != 0 {
			t.Errorf("another member waits %v", got)
		}
		time.Sleep(4 * time.Second)
		if got := ask("x"); got != 6*time.Second {
			t.Errorf("after 4 s: wait %v", got)
		}
		time.Sleep(6 * time.Second)
		if a, b := ask("x"), ask("x"); a != 0 || b != 10*time.Second {
			t.Errorf("after 10 s: %v, then %v", a, b)
		}
		time.Sleep(time.Hour)
		if a, b, c, d := ask("x"), ask("x"), ask("x"), ask("x"); a+b+c != 0 || d != 10*time.Second {
			t.Errorf("after an hour: %v %v %v %v", a, b, c, d)
		}
		for range 30 {
			if ask("") != 0 {
				t.Fatal("nobody in particular has a bucket")
			}
		}
	})
}

// Buckets of members who have gone are forgotten.
func TestBucketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{Workers: 1, Every: time.Second, Burst: 1})
		for i := range 100_000 {
			k, err := q.Enter(Who{"a", fmt.Sprint(i)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			k.Done()
			time.Sleep(10 * time.Millisecond)
		}
		if len(q.full) > 2*minPrune {
			t.Errorf("%d buckets", len(q.full))
		}
	})
}

// What is refused costs no token.
func TestFullIsFree(t *testing.T) {
	q := New(Options{Workers: 1, Length: 1, Every: time.Hour, Burst: 1})
	k := enter(t, q, "a/1", "a/2")
	for range 3 {
		if _, err := q.Enter(Who{"a", "3"}, nil); !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
	}
	k["a/1"][0].Done()
	if _, err := q.Enter(Who{"a", "3"}, nil); err != nil {
		t.Error(err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	q := New(Options{Workers: 1, Length: 10})
	k := enter(t, q, "a/1", "a/2", "a/3")
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if err := k["a/2"][0].Wait(ctx); err != gone || q.Waiting() != 1 {
		t.Errorf("%v, %d wait", err, q.Waiting())
	}
	k["a/1"][0].Done()
	if err := k["a/3"][0].Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestAnyOrder does at random what can be done: never more turns than there
// are, nobody is forgotten, places are what the turns turn out to be.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Workers: rapid.IntRange(1, 3).Draw(t, "workers"), Length: rapid.IntRange(0, 12).Draw(t, "length")}
		q := New(o)
		places := map[*Ticket]*int{}
		var open []*Ticket
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				who := Who{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source"), rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "member")}
				p := new(int)
				k, err := q.Enter(who, func(n int) { *p = n })
				if (err != nil) != (len(open) >= o.Workers+o.Length) {
					t.Fatalf("with %d open: %v", len(open), err)
				}
				if err == nil {
					places[k], open = p, append(open, k)
				}
			},
			"done": func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				k := open[i]
				open = slices.Delete(open, i, i+1)
				delete(places, k)
				k.Done()
			},
			"": func(t *rapid.T) {
				running := 0
				var seen []int
				for k, p := range places {
					select {
					case <-k.turn:
						running++
						if *p != 0 {
							t.Fatalf("one has its turn, and was told %d", *p)
						}
					default:
						seen = append(seen, *p)
					}
				}
				slices.Sort(seen)
				for i, p := range seen {
					if p != i+1 {
						t.Fatalf("places %v", seen)
					}
				}
				if running != min(len(open), o.Workers) || len(seen) != q.Waiting() {
					t.Fatalf("%d of %d have turns, %d wait", running, len(open), q.Waiting())
				}
			},
		})
	})
}

func TestAtOnce(t *testing.T) {
	q := New(Options{Workers: 3, Length: 200})
	var mu sync.Mutex
	var wg sync.WaitGroup
	now, most := 0, 0
	for i := range 200 {
		wg.Go(func() {
			k, err := q.Enter(Who{"a", fmt.Sprint(i % 7)}, func(int) {})
			if err != nil {
				t.Error(err)
				return
			}
			defer k.Done()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%5 == 0 {
				cancel()
			}
			if k.Wait(ctx) != nil {
				return
			}
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			defer func() { mu.Lock(); now--; mu.Unlock() }()
		})
	}
	wg.Wait()
	if most > 3 || q.free != 3 || q.Waiting() != 0 {
		t.Errorf("%d at once; %d turns are free, %d wait", most, q.free, q.Waiting())
	}
}
