package stats

import (
	"errors"
	"math"
	"testing"
)

// TestSRM has values of R 4.2.2's chisq.test(members, p = weights,
// rescale.p = TRUE); the third is the example of its help page.
func TestSRM(t *testing.T) {
	for _, c := range []struct {
		members []int
		weights []float64
		want    ChiSquared
		alarm   bool
	}{
		{[]int{521, 479}, nil, ChiSquared{1.764, 1, 0.18412637278498}, false},
		{[]int{8000, 8500, 7900}, []float64{1, 1, 1}, ChiSquared{25.4098360655738, 2, 3.03615472755013e-06}, true},
		{[]int{89, 37, 30, 28, 2}, []float64{40, 20, 20, 15, 5}, ChiSquared{9.99014336917563, 4, 0.0405940433447812}, false},
		{[]int{500, 0, 500}, []float64{0.5, 0, 0.5}, ChiSquared{0, 1, 1}, false},
		{[]int{1000, 0}, nil, ChiSquared{1000, 1, 0}, true}, // an arm that nobody reaches
	} {
		got, err := SRM(c.members, c.weights)
		if err != nil || !near(got.Statistic, c.want.Statistic, 2e-6) || got.Freedom != c.want.Freedom || !near(got.P, c.want.P, 1e-9) || got.Alarmed() != c.alarm {
			t.Errorf("SRM(%v, %v) = %+v, %v; want %+v", c.members, c.weights, got, err, c.want)
		}
	}
	var missing NotEnough
	if _, err := SRM([]int{10, 5}, nil); !errors.As(err, &missing) || missing.Need != 16 {
		t.Errorf("15 members: %v", err)
	}
	if _, err := SRM([]int{900, 5}, []float64{0.99, 0.01}); !errors.As(err, &missing) || missing.Need < 799 || missing.Need > 801 {
		if err != nil { // 905 members are enough: an arm of one in a hundred has nine
			t.Errorf("905 members: %v", err)
		}
	}
	for _, c := range []struct {
		members []int
		weights []float64
	}{{[]int{1, 2}, []float64{1}}, {[]int{-1, 2}, nil}, {[]int{100, 200}, []float64{1, -1}}, {[]int{100, 200}, []float64{1, 0}}, {[]int{100}, nil}, {[]int{100, 100}, []float64{1, math.NaN()}}} {
		if _, err := SRM(c.members, c.weights); !errors.Is(err, ErrCounts) {
			t.Errorf("SRM(%v, %v): %v, want ErrCounts", c.members, c.weights, err)
		}
	}
}

// TestIndependence has values of R 4.2.2's chisq.test(table, correct = FALSE);
// the first is the example of its help page (A. Agresti, 2007, p. 39).
func TestIndependence(t *testing.T) {
	for _, c := range []struct {
		table [][]int
		want  ChiSquared
	}{
		{[][]int{{762, 327, 468}, {484, 239, 477}}, ChiSquared{30.0701490957547, 2, 2.95358918321176e-07}},
		{[][]int{{12, 7}, {5, 7}}, ChiSquared{1.37164602683179, 1, 0.241529274763687}},
		{[][]int{{12, 0, 7}, {0, 0, 0}, {5, 0, 7}}, ChiSquared{1.37164602683179, 1, 0.241529274763687}},
	} {
		got, err := Independence(c.table)
		if err != nil || !near(got.Statistic, c.want.Statistic, 1e-10) || got.Freedom != c.want.Freedom || !near(got.P, c.want.P, 1e-12) {
			t.Errorf("Independence(%v) = %+v, %v; want %+v", c.table, got, err, c.want)
		}
	}
	var missing NotEnough
	for _, table := range [][][]int{nil, {{}}, {{10, 20}}, {{10}, {20}}, {{10, 20}, {0, 0}}, {{10, 4}, {10, 4}}} {
		if _, err := Independence(table); !errors.As(err, &missing) {
			t.Errorf("Independence(%v): %v, want NotEnough", table, err)
		}
	}
	for _, table := range [][][]int{{{1, 2}, {3}}, {{1, -2}, {3, 4}}} {
		if _, err := Independence(table); !errors.Is(err, ErrCounts) {
			t.Errorf("Independence(%v): %v, want ErrCounts", table, err)
		}
	}
	pairs := Pairwise(3, func(a, b int) [][]int { return [][]int{{100 + a, 100}, {100, 100 + b}} })
	if len(pairs) != 3 || pairs[2].A != 1 || pairs[2].B != 2 || pairs[2].Err != nil || pairs[2].Freedom != 1 {
		t.Errorf("Pairwise: %+v", pairs)
	}
}

// TestMembers has values of R 4.2.2's power.prop.test, rounded up; the first two
// are the examples of its help page and of J. L. Fleiss.
func TestMembers(t *testing.T) {
	for _, c := range []struct {
		plan   Plan
		p1, p2 float64
		want   int
	}{
		{Plan{Once: true, Power: 0.9}, 0.5, 0.75, 77}, {Plan{Once: true, Power: 0.85}, 0.15, 0.30, 138},
		{Plan{Once: true}, 0.20, 0.22, 6510}, {Plan{Once: true, Level: 0.01}, 0.05, 0.04, 10_037},
	} {
		if n, err := c.plan.Members(c.p1, c.p2); err != nil || n != c.want {
			t.Errorf("%+v: %v and %v need %d, %v; want %d", c.plan, c.p1, c.p2, n, err, c.want)
		}
		once, _ := c.plan.Members(c.p1, c.p2)
		c.plan.Once = false
		if n, err := c.plan.Members(c.p1, c.p2); err != nil || n <= once || n > 4*once {
			t.Errorf("%v and %v need %d for one look and %d for many, %v", c.p1, c.p2, once, n, err)
		}
	}
	for _, p := range [][2]float64{{0.5, 0.5}, {-0.1, 0.5}, {0.5, 1.1}, {math.NaN(), 0.5}} {
		if n, err := (Plan{}).Members(p[0], p[1]); !errors.Is(err, ErrCounts) {
			t.Errorf("rates %v: %d, %v", p, n, err)
		}
	}
}

func TestSmallestEffect(t *testing.T) {
	// R 4.2.2: power.prop.test(n = 1000, p1 = 0.3, power = 0.8, tol = 1e-12)$p2 - p1
	for _, c := range []struct {
		n          int
		base, want float64
	}{{1000, 0.3, 0.058852537025756}, {200, 0.05, 0.079925219457327}} {
		if e, ok := (Plan{Once: true}).SmallestEffect(c.base, c.n, c.n); !ok || !near(e, c.want, 1e-9) {
			t.Errorf("%d members at %v see %v, %v; want %v", c.n, c.base, e, ok, c.want)
		}
	}
	e, ok := Plan{}.SmallestEffect(0.3, 2000, 2000)
	if n, err := (Plan{}).Members(0.3, 0.3+e); !ok || err != nil || n < 1999 || n > 2001 {
		t.Errorf("2,000 members see %v, %v, for which %d are needed, %v", e, ok, n, err)
	}
	for _, c := range []struct {
		base   float64
		na, nb int
	}{{0.3, 0, 10}, {0.99, 3, 3}, {1, 100, 100}, {math.NaN(), 100, 100}} {
		if e, ok := (Plan{}).SmallestEffect(c.base, c.na, c.nb); ok {
			t.Errorf("%+v sees %v", c, e)
		}
	}
}

func TestDays(t *testing.T) {
	n, err := Plan{}.Members(0.3, 0.35)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		base, effect float64
		na, nb       int
		perA, perB   float64
		want         int
		ok           bool
	}{
		{0.3, 0.05, n, n, 0, 0, 0, true},
		{0.3, 0.05, n - 1, n - 1, 10, 10, 1, true},
		{0.3, 0.05, 0, 0, float64(n) / 30, float64(n) / 30, 30, true},
		{0.3, 0.05, 10, 10, 0, 0, 0, false},      // nobody comes
		{0.3, 0.0001, 10, 10, 1, 1, 0, false},    // not within ten years
		{0.99, 0.05, 10, 10, 100, 100, 0, false}, // there is no such rate
		{0.3, 0.05, -1, 10, 100, 100, 0, false},
	} {
		if d, ok := (Plan{}).Days(c.base, c.effect, c.na, c.nb, c.perA, c.perB); d != c.want || ok != c.ok {
			t.Errorf("%+v: %d days, %v", c, d, ok)
		}
	}
}

func TestWatch(t *testing.T) {
	for _, c := range []struct {
		name               string
		g                  Guardrail
		control, variation Count
		stop               bool
		harm               float64
		missing            bool
	}{
		{"the same", Guardrail{}, Count{1000, 50}, Count{1000, 50}, false, 0, false},
		{"three times as many leave", Guardrail{}, Count{1000, 50}, Count{1000, 150}, true, 0.1, false},
		{"within the margin", Guardrail{Margin: 0.1}, Count{1000, 50}, Count{1000, 150}, false, 0.1, false},
		{"fewer leave", Guardrail{}, Count{1000, 150}, Count{1000, 50}, false, -0.1, false},
		{"fewer reply", Guardrail{Fewer: true}, Count{1000, 150}, Count{1000, 50}, true, 0.1, false},
		{"nobody yet", Guardrail{}, Count{0, 0}, Count{0, 0}, false, 0, true},
		{"one in ten, two left", Guardrail{}, Count{450, 0}, Count{50, 2}, false, 0, true},
	} {
		w := c.g.Watch(c.control, c.variation)
		if w.Stop != c.stop || !near(w.Harm, c.harm, 1e-12) || (w.Err != nil) != c.missing {
			t.Errorf("%s: %+v", c.name, w)
		}
	}
}

func TestAnalyse(t *testing.T) {
	arms := []Arm{{"baseline", Count{1000, 300}}, {"v2", Count{1000, 400}}, {"v3", Count{1000, 310}}, {"v4", Count{10, 5}}}
	r, err := Analyse(arms, []int{1100, 1100, 1100, 11}, []float64{1, 1, 1, 0.01}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Arms) != 4 || !r.Arms[1].Known || r.Arms[1].Rate != 0.4 || len(r.Comparisons) != 3 {
		t.Fatalf("%+v", r)
	}
	for i, want := range []Verdict{Better, Open, Unknown} {
		if c := r.Comparisons[i]; c.Verdict != want || (c.Missing != nil) != (want == Unknown) {
			t.Errorf("%+v, want %s", c, want)
		}
	}
	if c := r.Comparisons[0]; !near(c.Difference, 0.1, 1e-12) || c.Interval.Low <= c.Sequential.Low || c.ChanceToWin < 0.999 || c.P > 0.05/3 {
		t.Errorf("%+v", c)
	}
	if r.RatioMissing != nil || r.Ratio.Alarmed() {
		t.Errorf("ratio: %+v, %v", r.Ratio, r.RatioMissing)
	}

	// Members who were not divided by the weights make every verdict void.
	r, err = Analyse(arms[:2], []int{1300, 1000}, nil, 0, 0)
	if err != nil || r.Comparisons[0].Verdict != Void {
		t.Errorf("after a mismatch: %+v, %v", r.Comparisons, err)
	}
	// Nobody at all is an answer too.
	r, err = Analyse([]Arm{{Name: "a"}, {Name: "b"}}, []int{0, 0}, nil, 0, 0)
	if err != nil || r.Arms[0].Known || r.Comparisons[0].Verdict != Unknown || r.RatioMissing == nil {
		t.Errorf("of nobody: %+v, %v", r, err)
	}
	for _, c := range []struct {
		arms  []Arm
		shown []int
	}{{arms[:1], nil}, {arms[:2], []int{1}}, {arms[:2], []int{1000, 999}}, {[]Arm{{"a", Count{1, 2}}, {"b", Count{}}}, nil}} {
		if _, err := Analyse(c.arms, c.shown, nil, 0, 0); !errors.Is(err, ErrCounts) {
			t.Errorf("Analyse(%v, %v): %v", c.arms, c.shown, err)
		}
	}
}
