package stats

import "math"

// Tuning is the number of members at which the always-valid interval is as narrow
// as it can be, relative to that of one look: GrowthBook's gbstats has 5,000.
// Another number than the default must be chosen before the experiment begins.
const Tuning = 5000

// Bounds below which a comparison of rates is not made, as the approximations
// behind it do not hold; of the smaller arm.
const (
	LeastMembers  = 25
	LeastOutcomes = 5 // of each kind, expected at the rate of both arms together (W. G. Cochran, 1954)
)

// Least says whether the counts are enough for [Sequential], [Watch] and what
// builds on them; else [NotEnough], with how many members the smaller arm needs,
// about, at the rate seen so far.
func Least(a, b Count) error {
	if err := check(a, b); err != nil {
		return err
	}
	n, need := min(a.N, b.N), LeastMembers
	x, all := a.X+b.X, a.N+b.N
	rare := min(x, all-x)
	if rare*n < LeastOutcomes*all {
		// One half more, so that none seen yet is not an infinite wait.
		need = max(need, n+1, int(math.Ceil(LeastOutcomes*float64(all+1)/(float64(rare)+0.5))))
	}
	if n < need {
		return NotEnough{n, need, "members in the smaller arm"}
	}
	return nil
}

// Sequential is the always-valid interval of the difference of two rates, b's
// less a's: it may be looked at after every member, and excludes the truth at any
// time in at most the level's share of experiments. It is the asymptotic
// confidence sequence of I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy and
// A. Ramdas, Time-uniform central limit theory and asymptotic confidence
// sequences, Annals of Statistics 52 (2024), 2613–2640 (arXiv:2103.06476), as
// GrowthBook's gbstats has it, with n all members of both arms, s² = n·Var(d) and
//
//	ρ² = (−2 ln α + ln(1 − 2 ln α)) / tuning
//	half-width = √s² · √( 2(nρ²+1) · ln(√(nρ²+1)/α) / (nρ)² )
//
// It differs from gbstats in Var(d), which is the larger of that of each arm's own
// rate (gbstats') and that of the rate of both together. The former is nothing
// while a small arm has no conversions: with one member in ten in the new arm and
// a rate of 1 %, 12 to 30 % of experiments without effect raise a false alarm by
// it, and 2 % at most by the larger; see TestPeekingEveryDay.
//
// A tuning of 0 is [Tuning]. [NotEnough] below the bounds of [Least].
func Sequential(a, b Count, level Level, tuning int) (Interval, error) {
	if err := Least(a, b); err != nil {
		return Interval{}, err
	}
	d, v := difference(a, b)
	half := sequentialHalf(v, float64(a.N+b.N), level.alpha(), tuning)
	return Interval{max(-1, d-half), min(1, d+half)}, nil
}

// SequentialP is the always-valid p-value of no difference: the smallest level
// whose [Sequential] interval, with ρ held, excludes 0; 1 if none does.
func SequentialP(a, b Count, level Level, tuning int) (float64, error) {
	if err := Least(a, b); err != nil {
		return 1, err
	}
	d, v := difference(a, b)
	n := float64(a.N + b.N)
	m := n*rho2(level.alpha(), tuning) + 1
	// half² = v·n·2m·ln(√m/α)/(n(m−1)) = d², solved for α.
	return min(1, math.Sqrt(m)*math.Exp(-d*d*(m-1)/(2*m*v))), nil
}

// difference is b's rate less a's, and its variance: the larger of that with each
// arm's own rate and that with the rate of both.
func difference(a, b Count) (d, v float64) {
	na, nb := float64(a.N), float64(b.N)
	pa, pb := float64(a.X)/na, float64(b.X)/nb
	both := float64(a.X+b.X) / (na + nb)
	return pb - pa, max(pa*(1-pa)/na+pb*(1-pb)/nb, both*(1-both)*(1/na+1/nb))
}

func rho2(alpha float64, tuning int) float64 {
	if tuning <= 0 {
		tuning = Tuning
	}
	l := -2 * math.Log(alpha)
	return (l + math.Log(1+l)) / float64(tuning)
}

// sequentialHalf is the half-width for a difference of variance v among n members.
func sequentialHalf(v, n, alpha float64, tuning int) float64 {
	r := rho2(alpha, tuning)
	m := n*r + 1
	return math.Sqrt(v * n * 2 * m * math.Log(math.Sqrt(m)/alpha) / (n * n * r))
}
