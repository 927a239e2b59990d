package rollout

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestBucketsFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "ns"))
		b := bucket(d)
		if d < edge(b) || b < len(histogram{})-1 && d.Truncate(time.Microsecond) >= edge(b+1) {
			t.Fatalf("%v lies in bucket %d, from %v to %v", d, b, edge(b), edge(b+1))
		}
		if float64(edge(b+1)-edge(b)) > float64(max(edge(b)/perOctave, time.Microsecond))*1.001 {
			t.Fatalf("bucket %d is from %v to %v", b, edge(b), edge(b+1))
		}
	})
	var h histogram
	if h.p95() != 0 {
		t.Error("nothing has a p95")
	}
	for i := range 100 {
		h[bucket(time.Duration(i+1)*time.Millisecond)]++
	}
	if p := h.p95(); p < 95*time.Millisecond || p > 108*time.Millisecond {
		t.Errorf("the p95 of 1 to 100 ms is %v", p)
	}
	if n := h.above(50 * time.Millisecond); n > 50 || n < 43 {
		t.Errorf("%d of 100 are above 50 ms", n)
	}
	h[bucket(time.Hour)]++ // beyond the last
}

func TestAWindowForgets(t *testing.T) {
	g := NewGuard(time.Minute)
	for i := range 60 {
		g.Add(noon.Add(time.Duration(i)*time.Second), Candidate, Sample{Failed: i < 30, Took: time.Millisecond, Fuel: 10, Messages: 2})
	}
	now := noon.Add(59 * time.Second)
	g.Delivered(now, Candidate, true)
	g.Delivered(now, Candidate, false)
	g.Add(now, Live, Sample{Refused: true})
	f := g.Figures(now, Candidate)
	if f.Events != 60 || f.Failed != 30 || f.Messages != 2 || f.Undelivered != 1 || f.Fuel != 10 || f.Sent != 2 || f.P95 < time.Millisecond || f.P95 > 1200*time.Microsecond {
		t.Errorf("%+v", f)
	}
	if l := g.Figures(now, Live); l.Events != 1 || l.Refused != 1 {
		t.Errorf("live: %+v", l)
	}
	if f := g.Figures(now.Add(30*time.Second), Candidate); f.Events < 28 || f.Events > 33 || f.Failed > 3 {
		t.Errorf("half a minute later %+v", f)
	}
	if f := g.Figures(now.Add(time.Hour), Candidate); f.Events != 0 || f.P95 != 0 {
		t.Errorf("an hour later %+v", f)
	}
	g.Add(now.Add(time.Hour), Candidate, Sample{})
	if f := g.Figures(now.Add(time.Hour), Candidate); f.Events != 1 || f.Failed != 0 {
		t.Errorf("an hour later, with another: %+v", f)
	}
	if g.Total(Candidate) != 61 || g.Total(Live) != 1 {
		t.Errorf("in all %d and %d", g.Total(Candidate), g.Total(Live))
	}
}

// crowd is a version's behaviour.
type crowd struct {
	failed, refused, undelivered float64
	took                         time.Duration
	fuel                         float64
	messages                     float64 // on average
}

var well = crowd{failed: 0.002, undelivered: 0.01, took: 2 * time.Millisecond, fuel: 400_000, messages: 0.7}

func (c crowd) feed(g *Guard, r *rand.Rand, now time.Time, a Arm) {
	s := Sample{Failed: r.Float64() < c.failed, Took: time.Duration(r.ExpFloat64() * float64(c.took)), Fuel: int64(c.fuel * (0.5 + r.Float64()))}
	if !s.Failed {
		s.Refused = r.Float64() < c.refused
	}
	for m := c.messages; r.Float64() < m; m-- {
		s.Messages++
		g.Delivered(now, a, r.Float64() >= c.undelivered)
	}
	g.Add(now, a, s)
}

// TestWhatIsBadIsTakenBack releases versions that are worse in one way to a
// tenth of the members, and says after how many of their events that was seen.
func TestWhatIsBadIsTakenBack(t *testing.T) {
	with := func(change func(*crowd)) crowd { c := well; change(&c); return c }
	for _, c := range []struct {
		name, want string
		version    crowd
		most       int // events of the new version until then
	}{
		{"it always fails", ErrorRate, with(func(c *crowd) { c.failed = 1 }), 40},
		{"it traps on one of twenty", ErrorRate, with(func(c *crowd) { c.failed = 0.05 }), 2500},
		{"it writes what it may not", Refused, with(func(c *crowd) { c.refused = 0.3 }), 60},
		{"it is slow", P95, with(func(c *crowd) { c.took *= 10 }), 60},
		{"it sends ten times as much", Messages, with(func(c *crowd) { c.messages *= 10 }), 60},
		{"it takes ten times the fuel", Fuel, with(func(c *crowd) { c.fuel *= 10 }), 60},
		{"its messages do not arrive", DeliveryFailures, with(func(c *crowd) { c.undelivered = 0.5 }), 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			g, now := NewGuard(time.Minute), noon
			for n := 0; ; n++ {
				now = now.Add(time.Millisecond)
				if n%10 == 0 {
					c.version.feed(g, r, now, Candidate)
				} else {
					well.feed(g, r, now, Live)
				}
				if n%500 != 0 {
					continue
				}
				live, candidate := g.Figures(now, Live), g.Figures(now, Candidate)
				v := Decide(&Spec{}, &live, &candidate, Progress{Events: candidate.Events})
				if v.Do == Keep && candidate.Events < 6000 {
					continue
				}
				if v.Do != RollBack || v.Which != c.want || v.Why == "" || strings.Contains(v.Why, "\n") || candidate.Events > c.most+50 {
					t.Fatalf("after %d events %+v", candidate.Events, v)
				}
				t.Logf("figure: seen after %d of its events: %s", candidate.Events, v.Why)
				return
			}
		})
	}
}

// TestLuckIsNotHeldAgainstAVersion asks many times over about versions that are
// as good as the live one: hardly any is taken back.
func TestLuckIsNotHeldAgainstAVersion(t *testing.T) {
	const releases = 300
	taken := map[string]int{}
	for n := range releases {
		r := rand.New(rand.NewPCG(uint64(n), 7))
		g, now := NewGuard(time.Minute), noon
		for i := range 6000 { // ten minutes
			now = now.Add(100 * time.Millisecond)
			a := Live
			if i%10 == 0 {
				a = Candidate
			}
			well.feed(g, r, now, a)
			if i%30 != 0 { // every three seconds
				continue
			}
			live, candidate := g.Figures(now, Live), g.Figures(now, Candidate)
			if v := Decide(&Spec{}, &live, &candidate, Progress{}); v.Do == RollBack {
				taken[v.Which]++
				break
			}
		}
	}
	all := 0
	for _, n := range taken {
		all += n
	}
	if all > releases/100 {
		t.Errorf("%d of %d good releases were taken back: %v", all, releases, taken)
	}
	t.Logf("figure: %d of %d good releases were taken back, each asked about 200 times", all, releases)
}

func TestPromote(t *testing.T) {
	g := NewGuard(0)
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		well.feed(g, r, noon, Live)
		well.feed(g, r, noon, Candidate)
	}
	live, candidate := g.Figures(noon, Live), g.Figures(noon, Candidate)
	worse := candidate
	worse.Refused = 7 // 1.4 %, which may be chance
	for _, c := range []struct {
		name  string
		after PromoteAfter
		p     Progress
		f     *Figures
		want  Do
	}{
		{"never", PromoteAfter{}, Progress{1000, time.Hour}, &candidate, Keep},
		{"not yet", PromoteAfter{Events: 501}, Progress{500, time.Hour}, &candidate, Keep},
		{"events", PromoteAfter{Events: 500}, Progress{500, 0}, &candidate, Promote},
		{"time", PromoteAfter{Duration: time.Hour}, Progress{500, time.Hour}, &candidate, Promote},
		{"one of both", PromoteAfter{Events: 1000, Duration: time.Hour}, Progress{500, time.Hour}, &candidate, Promote},
		{"time without events", PromoteAfter{Duration: time.Hour}, Progress{3, time.Hour}, &Figures{}, Keep},
		{"while a guardrail is in question", PromoteAfter{Events: 500}, Progress{500, 0}, &worse, Keep},
	} {
		if v := Decide(&Spec{PromoteAfter: c.after}, &live, c.f, c.p); v.Do != c.want || (v.Why == "") != (c.want == Keep) || v.Which != "" {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

// TestBarsAreAllThere holds verdicts to what they always say.
func TestBarsAreAllThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		figures := func(name string) *Figures {
			g := NewGuard(time.Minute)
			for range rapid.IntRange(0, 60).Draw(t, name) {
				s := Sample{Failed: rapid.Bool().Draw(t, "failed"), Took: time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "took")),
					Fuel: rapid.Int64Range(0, 1e9).Draw(t, "fuel"), Messages: rapid.IntRange(0, 64).Draw(t, "messages")}
				s.Refused = !s.Failed && rapid.Bool().Draw(t, "refused")
				g.Add(noon, Live, s)
				g.Delivered(noon, Live, rapid.Bool().Draw(t, "arrived"))
			}
			f := g.Figures(noon, Live)
			return &f
		}
		live, candidate := figures("live"), figures("candidate")
		spec := &Spec{MinEvents: rapid.IntRange(0, 40).Draw(t, "enough"), PromoteAfter: PromoteAfter{Events: 1}}
		v := Decide(spec, live, candidate, Progress{Events: candidate.Events})
		if len(v.Bars) != len(Names()) {
			t.Fatalf("%+v", v)
		}
		broken := ""
		for i, b := range v.Bars {
			if b.Name != Names()[i] || b.Broken && (!b.Known || b.Now <= b.Most) || b.Known && candidate.Events < spec.WithDefaults().MinEvents {
				t.Fatalf("%+v", b)
			}
			if b.Broken && broken == "" {
				broken = b.Name
			}
		}
		if v.Which != broken || (v.Do == RollBack) != (broken != "") {
			t.Fatalf("%s is broken, and the verdict is %+v", broken, v)
		}
		if same := Decide(spec, candidate, candidate, Progress{}); same.Do == RollBack {
			for _, b := range same.Bars { // only what is absolute
				full := spec.WithDefaults()
				if b.Broken && full.Guardrails.list()[indexOf(b.Name)].Most == 0 {
					t.Fatalf("worse than itself: %+v", b)
				}
			}
		}
	})
}

func indexOf(name string) int {
	for i, n := range Names() {
		if n == name {
			return i
		}
	}
	panic(fmt.Sprint("no guardrail ", name))
}

func BenchmarkGuard(b *testing.B) {
	b.Run("add", func(b *testing.B) {
		g := NewGuard(time.Minute)
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			g.Add(noon.Add(time.Duration(n)*time.Microsecond), Candidate, Sample{Took: time.Millisecond, Fuel: 1000, Messages: 1})
		}
	})
	b.Run("decide", func(b *testing.B) {
		g := NewGuard(time.Minute)
		r := rand.New(rand.NewPCG(3, 4))
		for n := range 10_000 {
			well.feed(g, r, noon.Add(time.Duration(n)*time.Millisecond), Arm(n%2))
		}
		now := noon.Add(10 * time.Second)
		b.ReportAllocs()
		for b.Loop() {
			live, candidate := g.Figures(now, Live), g.Figures(now, Candidate)
			Decide(&Spec{}, &live, &candidate, Progress{})
		}
	})
}
