package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Bounds of the χ² tests.
const (
	// Alarm is the p-value below which members were not divided as they should
	// have been, or dimensions are not independent: so small that a healthy
	// experiment looked at for weeks does not reach it.
	Alarm = 0.001

	LeastPerArm  = 8 // members that an arm should have, for SRM
	LeastPerCell = 5 // members expected in every cell, for Independence (W. G. Cochran, 1954)
)

// ChiSquared is the outcome of a χ² test.
type ChiSquared struct {
	Statistic float64
	Freedom   int     // degrees of freedom
	P         float64 // probability of that much by chance
}

// Alarmed says that chance does not explain it: p below [Alarm].
func (c ChiSquared) Alarmed() bool { return c.P < Alarm }

func chiSquared(obs, exp []float64, freedom int) ChiSquared {
	x := stat.ChiSquare(obs, exp)
	return ChiSquared{x, freedom, distuv.ChiSquared{K: float64(freedom)}.Survival(x)}
}

// SRM asks whether members were divided among the arms by the weights, which need
// not sum to one; nil for equal ones: Pearson's χ² test of goodness of fit (K.
// Pearson, 1900). A mismatch of the sample ratio says that something loses or adds
// members, and that no result of the experiment is to be believed (A. Fabijan et
// al., Diagnosing sample ratio mismatch in online controlled experiments, KDD
// 2019). Arms whose weight is 0 must be empty, and are left out. [NotEnough] if an
// arm should have fewer than [LeastPerArm] members.
func SRM(members []int, weights []float64) (ChiSquared, error) {
	if weights != nil && len(weights) != len(members) {
		return ChiSquared{}, fmt.Errorf("%w: %d arms and %d weights", ErrCounts, len(members), len(weights))
	}
	sum, total := 0.0, 0
	weight := func(i int) float64 {
		if weights == nil {
			return 1
		}
		return weights[i]
	}
	for i, n := range members {
		w := weight(i)
		if n < 0 || !(w >= 0) || math.IsInf(w, 0) {
			return ChiSquared{}, fmt.Errorf("%w: %d members at weight %v", ErrCounts, n, w)
		}
		if w == 0 && n > 0 {
			return ChiSquared{}, fmt.Errorf("%w: %d members in an arm of weight 0", ErrCounts, n)
		}
		sum += w
		total += n
	}
	var obs, exp []float64
	for i, n := range members {
		if w := weight(i); w > 0 {
			e := float64(total) * w / sum
			if e < LeastPerArm {
				return ChiSquared{}, NotEnough{total, int(math.Ceil(LeastPerArm * sum / w)), "members"}
			}
			obs, exp = append(obs, float64(n)), append(exp, e)
		}
	}
	if len(obs) < 2 {
		return ChiSquared{}, fmt.Errorf("%w: %d arms with a weight, of at least two", ErrCounts, len(obs))
	}
	return chiSquared(obs, exp, len(obs)-1), nil
}

// Independence asks whether two dimensions are independent: Pearson's χ² test of
// a contingency table, whose cell [i][j] counts the members with variation i of
// one and j of the other. Rows and columns without a member say nothing and are
// left out. [NotEnough] if fewer than [LeastPerCell] members are expected in a
// cell, or fewer than two rows or columns are left.
func Independence(table [][]int) (ChiSquared, error) {
	rows, cols, total := make([]float64, len(table)), []float64(nil), 0.0
	for i, row := range table {
		if cols == nil {
			cols = make([]float64, len(row))
		}
		if len(row) != len(cols) {
			return ChiSquared{}, fmt.Errorf("%w: row %d has %d columns, the first %d", ErrCounts, i, len(row), len(cols))
		}
		for j, n := range row {
			if n < 0 {
				return ChiSquared{}, fmt.Errorf("%w: %d members", ErrCounts, n)
			}
			rows[i] += float64(n)
			cols[j] += float64(n)
			total += float64(n)
		}
	}
	var obs, exp []float64
	r, c, least := 0, 0, math.Inf(1)
	for i, row := range table {
		if rows[i] == 0 {
			continue
		}
		r, c = r+1, 0
		for j, n := range row {
			if cols[j] == 0 {
				continue
			}
			c++
			e := rows[i] * cols[j] / total
			least = min(least, e)
			obs, exp = append(obs, float64(n)), append(exp, e)
		}
	}
	switch {
	case r < 2 || c < 2:
		return ChiSquared{}, NotEnough{min(r, c), 2, "variations with members in both dimensions"}
	case least < LeastPerCell:
		return ChiSquared{}, NotEnough{int(total), int(math.Ceil(total * LeastPerCell / least)), "members"}
	}
	return chiSquared(obs, exp, (r-1)*(c-1)), nil
}

// Pair is the test of two of several dimensions, by their numbers.
type Pair struct {
	A, B int
	ChiSquared
	Err error // [NotEnough], or what is wrong with the counts
}

// Pairwise tests each two of some dimensions. table returns the contingency table
// of dimensions a and b, a < b.
func Pairwise(dimensions int, table func(a, b int) [][]int) []Pair {
	var pairs []Pair
	for a := range dimensions {
		for b := a + 1; b < dimensions; b++ {
			p := Pair{A: a, B: b}
			p.ChiSquared, p.Err = Independence(table(a, b))
			pairs = append(pairs, p)
		}
	}
	return pairs
}
