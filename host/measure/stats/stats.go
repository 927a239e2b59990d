// Package stats says what counts of members prove: intervals of rates and of
// their differences, whether members were divided as they should have been,
// whether dimensions are independent, how long is still to wait, and when an
// experiment must stop.
//
// It knows counts and probabilities, never members, experiments or rows, and is
// pure: the same counts give the same answer, without simulation and without a
// seed. Every formula names its source; the tests hold them to published
// examples and to values computed with R.
//
// # Peeking
//
// People look at results every day, and stop when they like what they see. An
// interval made for one look is then wrong far more often than it says: under no
// effect, sixty daily looks at a 95 % interval raise a false alarm in about a
// third of experiments. So what decides here is always-valid ([Sequential],
// [Watch]): it may be looked at as often as one likes. [Newcombe] and [Wilson]
// are for reading the size of an effect at one time, and [ChanceToWin] for saying
// it in words; nothing stops by them.
//
// # Not enough
//
// The formulas are approximations for many members. Below a bound each says
// [NotEnough] where a number would be taken for one: see [Least].
package stats

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/stat/distuv"
)

// ErrCounts says that counts contradict themselves: fewer than no members, or
// more conversions than members.
var ErrCounts = errors.New("stats: impossible counts")

// NotEnough says that there are too few members for an answer.
type NotEnough struct {
	Have, Need int // of what What says
	What       string
}

func (n NotEnough) Error() string {
	return fmt.Sprintf("stats: not enough %s: %d, and %d are needed", n.What, n.Have, n.Need)
}

// Count is how many members there were and how many of them converted.
type Count struct {
	N int // members
	X int // of them, those who converted
}

// Rate is the share that converted; false for no members, whose rate is not 0 but
// unknown.
func (c Count) Rate() (float64, bool) {
	if c.N <= 0 {
		return 0, false
	}
	return float64(c.X) / float64(c.N), true
}

func (c Count) check() error {
	if c.N < 0 || c.X < 0 || c.X > c.N {
		return fmt.Errorf("%w: %d of %d", ErrCounts, c.X, c.N)
	}
	return nil
}

func check(counts ...Count) error {
	for _, c := range counts {
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

// Interval is the values that the counts are compatible with.
type Interval struct {
	Low, High float64
}

// Excludes says whether v lies outside.
func (i Interval) Excludes(v float64) bool { return v < i.Low || v > i.High }

// Level is how sure an answer must be: a false alarm at most in this share of
// experiments without effect. It lies between 0 and 1; 0 means [DefaultLevel].
type Level float64

// DefaultLevel is the level of a 95 % interval.
const DefaultLevel Level = 0.05

func (l Level) alpha() float64 {
	if l > 0 && l < 1 {
		return float64(l)
	}
	return float64(DefaultLevel)
}

// z is the normal deviate of a two-sided interval at the level.
func (l Level) z() float64 { return distuv.UnitNormal.Quantile(1 - l.alpha()/2) }
