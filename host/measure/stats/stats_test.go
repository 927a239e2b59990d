package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func TestWilson(t *testing.T) {
	for _, c := range []struct {
		x, n      int
		level     Level
		low, high float64
		tolerance float64
	}{
		// R. G. Newcombe, Statistics in Medicine 17 (1998), 857–872, table I, method 3.
		{81, 263, 0, 0.2553, 0.3662, 5e-5}, {15, 148, 0, 0.0624, 0.1605, 5e-5}, {0, 20, 0, 0, 0.1611, 5e-5}, {1, 29, 0, 0.0061, 0.1718, 5e-5},
		// R 4.2.2: prop.test(x, n, correct = FALSE, conf.level = 1 - level)$conf.int
		{81, 263, 0.05, 0.255288519878274, 0.3662095769828, 1e-12}, {15, 148, 0.05, 0.0623863995307363, 0.160487241723308, 1e-12},
		{0, 20, 0.05, 0, 0.161125158052819, 1e-12}, {1, 29, 0.05, 0.00611321429276266, 0.171755218793203, 1e-12},
		{10, 10, 0.05, 0.722467200137111, 1, 1e-12}, {1, 1, 0.05, 0.206549314377238, 1, 1e-12},
		{81, 263, 0.01, 0.240136902687608, 0.38528250231823, 1e-12}, {0, 20, 0.01, 0, 0.249105401098753, 1e-12},
	} {
		got, err := Wilson(Count{c.n, c.x}, c.level)
		if err != nil || !near(got.Low, c.low, c.tolerance) || !near(got.High, c.high, c.tolerance) {
			t.Errorf("Wilson(%d of %d, %v) = %v, %v; want %v to %v", c.x, c.n, c.level, got, err, c.low, c.high)
		}
	}
}

// TestNewcombe is table II of R. G. Newcombe, Statistics in Medicine 17 (1998),
// 873–890, method 10: all eight examples, (a) to (h).
func TestNewcombe(t *testing.T) {
	for _, c := range []struct {
		x1, n1, x2, n2 int
		low, high      float64
	}{
		{56, 70, 48, 80, 0.0524, 0.3339}, {9, 10, 3, 10, 0.1705, 0.8090}, {6, 7, 2, 7, 0.0582, 0.8062}, {5, 56, 0, 29, -0.0381, 0.1926},
		{0, 10, 0, 20, -0.1611, 0.2775}, {0, 10, 0, 10, -0.2775, 0.2775}, {10, 10, 0, 20, 0.6791, 1}, {10, 10, 0, 10, 0.6075, 1},
	} {
		first, second := Count{c.n1, c.x1}, Count{c.n2, c.x2}
		got, err := Newcombe(second, first, 0)
		if err != nil || !near(got.Low, c.low, 5e-5) || !near(got.High, c.high, 5e-5) {
			t.Errorf("%d/%d − %d/%d = %v, %v; want %v to %v", c.x1, c.n1, c.x2, c.n2, got, err, c.low, c.high)
		}
		if back, _ := Newcombe(first, second, 0); !near(back.Low, -got.High, 1e-15) || !near(back.High, -got.Low, 1e-15) {
			t.Errorf("the other way round: %v and %v", got, back)
		}
	}
}

// TestChanceToWin has values of R 4.2.2:
//
//	integrate(function(p) dbeta(p, 1+xb, 1+nb-xb) * pbeta(p, 1+xa, 1+na-xa), 0, 1, rel.tol = 1e-12, subdivisions = 5000)
func TestChanceToWin(t *testing.T) {
	for _, c := range []struct {
		xa, na, xb, nb int
		want           float64
	}{
		{40, 100, 50, 100, 0.921426248506418}, {0, 10, 1, 10, 0.761904761904762}, {300, 1000, 330, 1000, 0.925529740795085},
		{12, 400, 9, 410, 0.240075572101289}, {0, 0, 0, 0, 0.5}, {5, 5, 4, 5, 0.227272727272727}, {1396, 3000, 1500, 3100, 0.926367435308368},
		{50_000, 1_000_000, 50_300, 1_000_000, 0.834460768620204}, // from 0.048 to 0.0525, outside of which there is nothing
	} {
		a, b := Count{c.na, c.xa}, Count{c.nb, c.xb}
		fail := func(c Count) Count { return Count{c.N, c.N - c.X} }
		got, err := ChanceToWin(a, b)
		other, _ := ChanceToWin(b, a)
		failures, _ := ChanceToWin(fail(b), fail(a))
		if err != nil || !near(got, c.want, 2e-9) {
			t.Errorf("ChanceToWin(%v, %v) = %v, %v; want %v", a, b, got, err, c.want)
		}
		if !near(got+other, 1, 1e-9) || !near(got, failures, 1e-9) {
			t.Errorf("ChanceToWin(%v, %v) = %v; the other way %v, of failures %v", a, b, got, other, failures)
		}
	}
	if p, err := ChanceToWin(Count{1000, 0}, Count{1000, 1000}); err != nil || p != 1 {
		t.Errorf("all against nothing: %v, %v", p, err)
	}
}

// TestSequentialPublished has the test values of GrowthBook's gbstats, in
// packages/stats/tests/frequentist/test_tests.py (TestSequentialTTest): intervals
// of relative differences, to five places.
func TestSequentialPublished(t *testing.T) {
	relative := func(ma, va, na, mb, vb, nb float64) (d, v float64) { // their delta method
		return mb/ma - 1, vb/nb/(ma*ma) + va/na*mb*mb/math.Pow(ma, 4)
	}
	variance := func(sum, squares, n float64) float64 { return (squares - sum*sum/n) / (n - 1) }
	pa, pb := 1396.0/3000, 2422.0/3461
	dp, vp := relative(pa, pa*(1-pa), 3000, pb, pb*(1-pb), 3461)
	dm, vm := relative(1396.87/3000, variance(1396.87, 52377.9767, 3000), 3000, 2422.7/3461, variance(2422.7, 134698.29, 3461), 3461)
	for _, c := range []struct {
		d, v      float64
		tuning    int
		low, high float64
	}{
		{dp, vp, 0, 0.40098, 0.60675},
		{dm, vm, 1000, -0.55844, 1.56516},
	} {
		h := sequentialHalf(c.v, 6461, 0.05, c.tuning)
		if !near(c.d-h, c.low, 6e-6) || !near(c.d+h, c.high, 6e-6) {
			t.Errorf("%v to %v, want %v to %v", c.d-h, c.d+h, c.low, c.high)
		}
	}
}

func TestSequentialP(t *testing.T) {
	for _, c := range []struct{ a, b Count }{
		{Count{3000, 1396}, Count{3461, 1700}}, {Count{500, 100}, Count{500, 160}}, {Count{900, 60}, Count{100, 15}}, {Count{50, 25}, Count{50, 24}},
	} {
		p, err := SequentialP(c.a, c.b, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		i, err := Sequential(c.a, c.b, 0, 0)
		if err != nil || i.Excludes(0) != (p < 0.05) {
			t.Errorf("%v and %v: p %v, interval %v, %v", c.a, c.b, p, i, err)
		}
		d, v := difference(c.a, c.b)
		n := float64(c.a.N + c.b.N)
		if m := n*rho2(0.05, 0) + 1; p < 1 && !near(math.Sqrt(v*2*m*math.Log(math.Sqrt(m)/p)/(m-1)), math.Abs(d), 1e-9) {
			t.Errorf("%v and %v: the interval at level %v does not end at 0", c.a, c.b, p)
		}
	}
}

// experimentsPeekedAt simulates experiments without effect, looked at every day
// for sixty days, and returns in how many an interval excluded 0 on any of them.
func experimentsPeekedAt(seed uint64, runs int, rate float64, perDayA, perDayB int) (sequential, newcombe float64) {
	r := rand.New(rand.NewPCG(seed, 1))
	draw := func(n int) (x int) {
		for range n {
			if r.Float64() < rate {
				x++
			}
		}
		return x
	}
	for range runs {
		var a, b Count
		s, o := false, false
		for range 60 {
			a.N, b.N = a.N+perDayA, b.N+perDayB
			a.X, b.X = a.X+draw(perDayA), b.X+draw(perDayB)
			if i, err := Sequential(a, b, 0, 0); err == nil && i.Excludes(0) {
				s = true
			}
			if i, err := Newcombe(a, b, 0); err == nil && i.Excludes(0) {
				o = true
			}
		}
		if s {
			sequential++
		}
		if o {
			newcombe++
		}
	}
	return sequential / float64(runs), newcombe / float64(runs)
}

// TestPeekingEveryDay is what the always-valid interval is for. The seeds are
// fixed, so the shares are the same in every run.
func TestPeekingEveryDay(t *testing.T) {
	for i, c := range []struct {
		rate             float64
		perDayA, perDayB int
		runs             int
	}{
		{0.3, 20, 20, 2000},
		{0.02, 60, 60, 2000},
		{0.01, 180, 20, 2000}, // one member in ten in the new arm, few convert
		{0.5, 3, 3, 2000},
		{0.97, 76, 4, 500},
		{0.3, 500, 500, 200},
	} {
		if testing.Short() && i > 0 {
			break
		}
		sequential, newcombe := experimentsPeekedAt(uint64(i), c.runs, c.rate, c.perDayA, c.perDayB)
		t.Logf("rate %v, %d and %d a day: a false alarm in %.2f %% of %d; by an interval for one look in %.1f %%",
			c.rate, c.perDayA, c.perDayB, 100*sequential, c.runs, 100*newcombe)
		if sequential > 0.05 {
			t.Errorf("rate %v, %d and %d a day: a false alarm in %.1f %%", c.rate, c.perDayA, c.perDayB, 100*sequential)
		}
		if i == 0 && newcombe < 0.15 {
			t.Errorf("peeking at an interval for one look raised a false alarm in %.1f %% only: the simulation does not peek", 100*newcombe)
		}
	}
}

// TestEffectsAreFound: what never raises an alarm would pass the test above.
func TestEffectsAreFound(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	n, err := Plan{}.Members(0.3, 0.4)
	if err != nil {
		t.Fatal(err)
	}
	found, runs := 0, 1000
	for range runs {
		a, b := Count{N: n}, Count{N: n}
		for range n {
			if r.Float64() < 0.3 {
				a.X++
			}
			if r.Float64() < 0.4 {
				b.X++
			}
		}
		if i, err := Sequential(a, b, 0, 0); err == nil && i.Low > 0 {
			found++
		}
	}
	// Four standard errors around the power it is planned for.
	if share := float64(found) / float64(runs); !near(share, 0.8, 4*math.Sqrt(0.8*0.2/float64(runs))) {
		t.Errorf("%d members an arm found a rise from 0.3 to 0.4 in %.1f %%, want 80 %%", n, 100*share)
	}
}

func TestBadCounts(t *testing.T) {
	good := Count{100, 50}
	for _, bad := range []Count{{-1, 0}, {1, 2}, {1, -1}} {
		_, w := Wilson(bad, 0)
		_, n := Newcombe(good, bad, 0)
		_, c := ChanceToWin(bad, good)
		_, s := Sequential(bad, good, 0, 0)
		_, p := SequentialP(good, bad, 0, 0)
		for i, err := range []error{w, n, c, s, p} {
			if !errors.Is(err, ErrCounts) {
				t.Errorf("%v: error %d is %v, want ErrCounts", bad, i, err)
			}
		}
	}
	if r, ok := (Count{}).Rate(); ok {
		t.Errorf("the rate of nobody is %v", r)
	}
}

func TestLeast(t *testing.T) {
	for _, c := range []struct {
		a, b Count
		need int // 0: enough
	}{
		{Count{25, 12}, Count{25, 13}, 0},
		{Count{24, 12}, Count{25, 13}, 25},
		{Count{0, 0}, Count{100, 50}, 25},
		{Count{100, 2}, Count{100, 2}, 224}, // 5·201/4.5: at a rate of 2 %, one outcome each is not enough
		{Count{100, 5}, Count{100, 5}, 0},
		{Count{100, 100}, Count{100, 100}, 2010},
		{Count{900, 90}, Count{40, 4}, 50},
	} {
		err := Least(c.a, c.b)
		var missing NotEnough
		if c.need == 0 && err == nil {
			continue
		}
		if !errors.As(err, &missing) || missing.Need != c.need || missing.Have != min(c.a.N, c.b.N) || c.need == 0 {
			t.Errorf("Least(%v, %v) = %v, want %d needed", c.a, c.b, err, c.need)
		}
		if i, err := Sequential(c.a, c.b, 0, 0); err == nil || i != (Interval{}) {
			t.Errorf("Sequential(%v, %v) = %v, %v", c.a, c.b, i, err)
		}
	}
}

func BenchmarkChanceToWin(b *testing.B) {
	x, y := Count{100_000, 5_000}, Count{100_000, 5_100}
	for b.Loop() {
		if _, err := ChanceToWin(x, y); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAnalyse(b *testing.B) {
	arms := []Arm{{"baseline", Count{3000, 900}}, {"v2", Count{3010, 950}}, {"v3", Count{2990, 990}}}
	for b.Loop() {
		if _, err := Analyse(arms, []int{3100, 3100, 3100}, nil, 0, 0); err != nil {
			b.Fatal(err)
		}
	}
}
