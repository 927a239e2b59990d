package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// DefaultPower is how often an effect of the size looked for is to be found.
const DefaultPower = 0.8

// Plan says what an experiment is to find, and how sure it must be.
type Plan struct {
	Level  Level   // 0 for DefaultLevel
	Power  float64 // 0 for DefaultPower
	Tuning int     // as of Sequential; 0 for Tuning

	// Once plans for one look at the end, by the classical test, in the place of
	// the always-valid interval: about a third fewer members, and no peeking.
	Once bool
}

func (p Plan) zPower() float64 {
	if p.Power > 0 && p.Power < 1 {
		return distuv.UnitNormal.Quantile(p.Power)
	}
	return distuv.UnitNormal.Quantile(DefaultPower)
}

// margin is the difference that members na and nb find, of rates p1 in the first
// and p2 in the second arm.
func (p Plan) margin(p1, p2, na, nb float64) float64 {
	both := (p1*na + p2*nb) / (na + nb)
	own := p1*(1-p1)/na + p2*(1-p2)/nb
	pooled := both * (1 - both) * (1/na + 1/nb)
	if p.Once {
		return p.Level.z()*math.Sqrt(pooled) + p.zPower()*math.Sqrt(own)
	}
	return sequentialHalf(max(own, pooled), na+nb, p.Level.alpha(), p.Tuning) + p.zPower()*math.Sqrt(own)
}

// Members is how many members each of two arms of one size needs to find that the
// rate is p2 and not p1. Planned for one look that is the sample size of J. L.
// Fleiss, Statistical Methods for Rates and Proportions (2nd ed. 1981), chapter 3,
// without continuity correction, as R's power.prop.test has it:
//
//	n = (z_{1−α/2} √(2p̄(1−p̄)) + z_power √(p1(1−p1) + p2(1−p2)))² / (p2 − p1)²
//
// Otherwise it is the smallest n at which the half-width of [Sequential], and
// z_power standard errors, are within the difference.
func (p Plan) Members(p1, p2 float64) (int, error) {
	if !(p1 >= 0 && p1 <= 1 && p2 >= 0 && p2 <= 1) || p1 == p2 {
		return 0, fmt.Errorf("%w: rates %v and %v; they are different shares", ErrCounts, p1, p2)
	}
	return p.search(func(n float64) bool { return p.margin(p1, p2, n, n) <= math.Abs(p2-p1) })
}

// maxMembers ends a search for a number of members, or of days.
const maxMembers = 1 << 40

// search is the smallest whole number for which ok says yes; it must say no below
// that and yes above.
func (p Plan) search(ok func(float64) bool) (int, error) {
	high := 1.0
	for !ok(high) {
		if high *= 2; high > maxMembers {
			return 0, NotEnough{0, maxMembers, "members on earth"}
		}
	}
	low := math.Floor(high / 2)
	for high-low > 1 {
		if mid := math.Floor((low + high) / 2); ok(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return int(high), nil
}

// SmallestEffect is the smallest rise of the rate above base that na members of
// the first and nb of the second arm would find; false if there is none up to a
// rate of 1.
func (p Plan) SmallestEffect(base float64, na, nb int) (float64, bool) {
	if !(base >= 0 && base < 1) || na <= 0 || nb <= 0 {
		return 0, false
	}
	found := func(e float64) bool { return p.margin(base, base+e, float64(na), float64(nb)) <= e }
	low, high := 0.0, 1-base
	if !found(high) {
		return 0, false
	}
	for range 60 { // to the last bit
		if mid := (low + high) / 2; found(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high, true
}

// Days is how many more days it takes to find a rise of effect above base, with
// na and nb members now and so many more a day; 0 if they would find it already.
// False says never, or not within ten years: nobody comes, or nobody could see
// that little.
func (p Plan) Days(base, effect float64, na, nb int, perDayA, perDayB float64) (int, bool) {
	if !(base >= 0 && effect > 0 && base+effect <= 1) || na < 0 || nb < 0 || !(perDayA >= 0 && perDayB >= 0) {
		return 0, false
	}
	found := func(days float64) bool {
		a, b := float64(na)+days*perDayA, float64(nb)+days*perDayB
		return a >= 1 && b >= 1 && p.margin(base, base+effect, a, b) <= effect
	}
	const most = 3650
	switch {
	case found(0):
		return 0, true
	case !found(most):
		return 0, false
	}
	n, err := p.search(found)
	return n, err == nil
}
