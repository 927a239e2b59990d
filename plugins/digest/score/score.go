// Package score says how near a clustering is to the one that people made, by
// the measures that are usual: pairs, the adjusted Rand index and V-measure. It
// must not know what was clustered. It keeps nothing.
package score

import "math"

// Measures compare a clustering with the true one. With many tiny clusters V
// is high whatever one does; Pairs and Rand are what to look at.
type Measures struct {
	Items    int `json:"items"`
	Clusters int `json:"clusters"` // found
	Classes  int `json:"classes"`  // true

	// Of the pairs that were put together, how many belong together, of those
	// that belong together how many were, and the harmonic mean of both. Without
	// a pair to find, or without one found, a share is 1 if there is no mistake
	// in it: nothing was missed, or nothing was wrong.
	Precision float64 `json:"pair_precision"`
	Recall    float64 `json:"pair_recall"`
	F1        float64 `json:"pair_f1"`

	// Rand is the Rand index adjusted for chance (Hubert and Arabie 1985): 1 if
	// both are the same, about 0 for a random clustering, less if worse.
	Rand float64 `json:"ari"`

	// V-measure (Rosenberg and Hirschberg 2007): homogeneity, completeness and
	// their harmonic mean.
	Homogeneity  float64 `json:"homogeneity"`
	Completeness float64 `json:"completeness"`
	V            float64 `json:"v_measure"`
}

// Compare measures found against truth: the cluster of each item, by any names.
// It panics if there are not as many of one as of the other.
func Compare[T, F comparable](truth []T, found []F) Measures {
	if len(truth) != len(found) {
		panic("score: as many clusters as items are needed")
	}
	type cell struct {
		t T
		f F
	}
	cells, classes, clusters := map[cell]int{}, map[T]int{}, map[F]int{}
	for i := range truth {
		cells[cell{truth[i], found[i]}]++
		classes[truth[i]]++
		clusters[found[i]]++
	}
	n := len(truth)
	m := Measures{Items: n, Clusters: len(clusters), Classes: len(classes)}

	var both, together, belong float64
	for _, c := range cells {
		both += pairs(c)
	}
	for _, c := range clusters {
		together += pairs(c)
	}
	for _, c := range classes {
		belong += pairs(c)
	}
	m.Precision, m.Recall = share(both, together), share(both, belong)
	m.F1 = harmonic(m.Precision, m.Recall)

	expected := 0.0
	if all := pairs(n); all > 0 {
		expected = together * belong / all
	}
	if most := (together + belong) / 2; most != expected {
		m.Rand = (both - expected) / (most - expected)
	} else {
		m.Rand = 1
	}

	var hClasses, hClusters, mutual float64
	for _, c := range classes {
		hClasses -= part(c, n) * math.Log(part(c, n))
	}
	for _, c := range clusters {
		hClusters -= part(c, n) * math.Log(part(c, n))
	}
	for k, c := range cells {
		mutual += part(c, n) * math.Log(part(c, n)/(part(classes[k.t], n)*part(clusters[k.f], n)))
	}
	m.Homogeneity, m.Completeness = 1, 1
	if hClasses > 0 {
		m.Homogeneity = clamp(mutual / hClasses)
	}
	if hClusters > 0 {
		m.Completeness = clamp(mutual / hClusters)
	}
	m.V = harmonic(m.Homogeneity, m.Completeness)
	return m
}

func pairs(n int) float64   { return float64(n) * float64(n-1) / 2 }
func part(c, n int) float64 { return float64(c) / float64(n) }

// clamp takes away what rounding has put outside.
func clamp(x float64) float64 { return min(max(x, 0), 1) }

func share(part, of float64) float64 {
	if of == 0 {
		return 1
	}
	return part / of
}

func harmonic(a, b float64) float64 {
	if a+b == 0 {
		return 0
	}
	return 2 * a * b / (a + b)
}
