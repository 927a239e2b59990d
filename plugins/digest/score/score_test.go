package score

import (
	"math"
	"strings"
	"testing"
)

// near compares to the two digits that the sources print.
func near(a, b float64) bool { return math.Abs(a-b) < 0.005 }

// TestPublished holds the measures to what others have printed.
func TestPublished(t *testing.T) {
	// Manning, Raghavan, Schütze: Introduction to Information Retrieval,
	// figure 16.4 and section 16.3: P = 20/40, R = 20/44, F1 = 0.48.
	m := Compare(strings.Split("xxxxxoxooooвxxввв", ""), strings.Split("11111122222233333", ""))
	if !near(m.Precision, 0.5) || !near(m.Recall, 20./44) || !near(m.F1, 0.476) {
		t.Errorf("figure 16.4: precision %v, recall %v, F1 %v", m.Precision, m.Recall, m.F1)
	}

	// scikit-learn: the examples of adjusted_rand_score, homogeneity_score,
	// completeness_score and v_measure_score, and of its tests
	// (sklearn/metrics/cluster/tests/test_supervised.py,
	// test_non_consecutive_labels).
	for _, c := range []struct {
		truth, found     []int
		ari, hom, com, v float64
	}{
		{[]int{0, 0, 1, 1}, []int{0, 0, 1, 1}, 1, 1, 1, 1},
		{[]int{0, 0, 1, 1}, []int{1, 1, 0, 0}, 1, 1, 1, 1},
		{[]int{0, 0, 1, 2}, []int{0, 0, 1, 1}, 0.57, 0.67, 1, 0.80},
		{[]int{0, 0, 1, 1}, []int{0, 0, 1, 2}, 0.57, 1, 0.67, 0.80},
		{[]int{0, 0, 0, 0}, []int{0, 1, 2, 3}, 0, 1, 0, 0},
		{[]int{0, 0, 1, 1}, []int{0, 1, 0, 1}, -0.5, 0, 0, 0},
		{[]int{0, 1, 2, 3}, []int{0, 0, 1, 1}, 0, 0.5, 1, 0.67},
		{[]int{0, 0, 1, 1}, []int{0, 1, 2, 3}, 0, 1, 0.5, 0.67},
		{[]int{0, 0, 1, 1}, []int{0, 0, 0, 0}, 0, 0, 1, 0},
		{[]int{0, 0, 0, 2, 2, 2}, []int{0, 1, 0, 1, 2, 2}, 0.24, 0.67, 0.42, 0.52},
		{[]int{0, 0, 0, 1, 1, 1}, []int{0, 4, 0, 4, 2, 2}, 0.24, 0.67, 0.42, 0.52},
	} {
		m := Compare(c.truth, c.found)
		if !near(m.Rand, c.ari) || !near(m.Homogeneity, c.hom) || !near(m.Completeness, c.com) || !near(m.V, c.v) {
			t.Errorf("%v %v: ARI %.3f, homogeneity %.3f, completeness %.3f, V %.3f; want %v", c.truth, c.found, m.Rand, m.Homogeneity, m.Completeness, m.V, c)
		}
	}
}

// TestEdges: nothing, one item, and nothing that belongs together.
func TestEdges(t *testing.T) {
	for _, c := range []struct {
		truth, found []int
		f1           float64
	}{
		{nil, nil, 1},
		{[]int{7}, []int{1}, 1},
		{[]int{1, 2, 3}, []int{4, 5, 6}, 1},
		{[]int{1, 2, 3}, []int{4, 4, 4}, 0},
		{[]int{1, 1, 1}, []int{4, 5, 6}, 0},
	} {
		m := Compare(c.truth, c.found)
		if m.F1 != c.f1 || math.IsNaN(m.Rand) || math.IsNaN(m.V) || m.Items != len(c.truth) {
			t.Errorf("%v %v: %+v", c.truth, c.found, m)
		}
	}
}
