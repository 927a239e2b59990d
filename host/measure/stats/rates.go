package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Wilson is the score interval of a rate, without continuity correction: E. B.
// Wilson, Probable inference, the law of succession, and statistical inference,
// JASA 22 (1927), 209–212; method 3 of R. G. Newcombe, Two-sided confidence
// intervals for the single proportion, Statistics in Medicine 17 (1998), 857–872.
// It needs one member.
func Wilson(c Count, level Level) (Interval, error) {
	if err := check(c); err != nil {
		return Interval{}, err
	}
	if c.N == 0 {
		return Interval{}, NotEnough{0, 1, "members"}
	}
	z := level.z()
	n, p := float64(c.N), float64(c.X)/float64(c.N)
	mid := 2*n*p + z*z
	half := z * math.Sqrt(z*z+4*n*p*(1-p))
	i := Interval{(mid - half) / (2 * (n + z*z)), (mid + half) / (2 * (n + z*z))}
	// Exact at the ends, where rounding would leave 1e-17 of nothing.
	if c.X == 0 {
		i.Low = 0
	}
	if c.X == c.N {
		i.High = 1
	}
	return i, nil
}

// Newcombe is the interval of the difference of two rates, b's less a's: method
// 10, from the two Wilson intervals, of R. G. Newcombe, Interval estimation for
// the difference between independent proportions: comparison of eleven methods,
// Statistics in Medicine 17 (1998), 873–890. It is good from the first member on,
// and for one look only. It needs a member on both sides.
func Newcombe(a, b Count, level Level) (Interval, error) {
	if err := check(a, b); err != nil {
		return Interval{}, err
	}
	wa, err := Wilson(a, level)
	if err != nil {
		return Interval{}, err
	}
	wb, err := Wilson(b, level)
	if err != nil {
		return Interval{}, err
	}
	pa, pb := float64(a.X)/float64(a.N), float64(b.X)/float64(b.N)
	d := pb - pa
	return Interval{
		max(-1, d-math.Hypot(pb-wb.Low, wa.High-pa)),
		min(1, d+math.Hypot(wb.High-pb, pa-wa.Low)),
	}, nil
}

// ChanceToWin is the probability that b's rate is larger than a's, given the
// counts and that any rate was as likely as any other before: with Beta(1+x,
// 1+n−x) for both. No members at all make it 0.5.
//
// It is exact: the finite sum of E. Miller, Formulas for Bayesian A/B testing
// (evanmiller.org/bayesian-ab-testing.html, 2015),
//
//	P(B > A) = Σ_{i<αB} B(αA+i, βA+βB) / ((βB+i) B(1+i, βB) B(αA, βA))
//
// taken over the smallest of the four parameters, which may be had by exchanging
// a with b and conversions with their absence. So it takes as many steps as the
// rarer outcome of the smaller arm has members, about 20 ns each.
func ChanceToWin(a, b Count) (float64, error) {
	if err := check(a, b); err != nil {
		return 0, err
	}
	aa, ab := float64(1+a.X), float64(1+a.N-a.X)
	ba, bb := float64(1+b.X), float64(1+b.N-b.X)
	switch min(aa, ab, ba, bb) {
	case ba:
		return beats(aa, ab, ba, bb), nil
	case aa:
		return 1 - beats(ba, bb, aa, ab), nil
	case ab: // b's rate is larger: a's share of failures is
		return beats(bb, ba, ab, aa), nil
	}
	return 1 - beats(ab, aa, bb, ba), nil
}

// beats is P(Beta(ba, bb) > Beta(aa, ab)), summed over ba terms. The terms are
// kept as logarithms: the first may be far below what a float64 holds.
func beats(aa, ab, ba, bb float64) float64 {
	term := mathext.Lbeta(aa, ab+bb) - mathext.Lbeta(1, bb) - math.Log(bb) - mathext.Lbeta(aa, ab)
	sum := 0.0
	for i := 0.0; i < ba; i++ {
		sum += math.Exp(term)
		// B(aa+i+1, ab+bb)/B(aa+i, ab+bb), and 1/((bb+i)·B(1+i, bb)) likewise.
		term += math.Log((aa + i) / (aa + i + ab + bb) * (bb + i) / (1 + i))
	}
	return min(1, sum)
}
