package stats

import "fmt"

// Verdict is what a comparison comes to: a word for records and the API.
type Verdict string

const (
	Unknown Verdict = "not_enough" // members
	Open    Verdict = "open"       // the always-valid interval has both signs: go on
	Better  Verdict = "better"     // than the control
	Worse   Verdict = "worse"
	Void    Verdict = "void" // the members were not divided by the weights
)

// Arm is a variation and its members whose time for the metric has passed.
type Arm struct {
	Name string
	Count
}

// ArmResult is an arm by itself.
type ArmResult struct {
	Arm
	Rate     float64
	Interval Interval // Wilson's
	Known    bool     // false without a member: Rate and Interval say nothing
}

// Comparison is a variation beside the control.
type Comparison struct {
	Name        string
	Difference  float64  // of the rates, variation less control
	Interval    Interval // Newcombe's, for one look
	ChanceToWin float64  // of the variation

	// Sequential and P may be looked at as often as one likes; the verdict is by
	// them. With several variations each is held to its part of the level, so that
	// the level is that of all together (C. E. Bonferroni, 1936).
	Sequential Interval
	P          float64
	Verdict    Verdict

	// Missing says what there is too little of; then nothing above but Name and
	// Verdict says anything.
	Missing *NotEnough
}

// Report is the result of an experiment for one metric.
type Report struct {
	Arms        []ArmResult
	Comparisons []Comparison // with the first arm; one less than Arms

	// Ratio tells whether members were divided by the weights; RatioMissing that it
	// is not known yet.
	Ratio        ChiSquared
	RatioMissing *NotEnough
}

// Analyse compares arms with the first one, the control. shown are all members
// shown each arm, those whose time has not passed among them, which tells whether
// they were divided by the weights (nil: equally); nil leaves that out. If they
// were not, every verdict is Void.
func Analyse(arms []Arm, shown []int, weights []float64, level Level, tuning int) (Report, error) {
	if len(arms) < 2 {
		return Report{}, fmt.Errorf("%w: %d arms, of at least two", ErrCounts, len(arms))
	}
	if shown != nil && len(shown) != len(arms) {
		return Report{}, fmt.Errorf("%w: %d arms, and members shown of %d", ErrCounts, len(arms), len(shown))
	}
	var r Report
	for i, a := range arms {
		if err := check(a.Count); err != nil {
			return Report{}, fmt.Errorf("arm %s: %w", a.Name, err)
		}
		if shown != nil && shown[i] < a.N {
			return Report{}, fmt.Errorf("arm %s: %w: %d members, of whom %d were shown it", a.Name, ErrCounts, a.N, shown[i])
		}
		x := ArmResult{Arm: a}
		if x.Rate, x.Known = a.Rate(); x.Known {
			x.Interval, _ = Wilson(a.Count, level)
		}
		r.Arms = append(r.Arms, x)
	}
	void := false
	if shown != nil {
		ratio, err := SRM(shown, weights)
		if missing, ok := err.(NotEnough); ok {
			r.RatioMissing = &missing
		} else if err != nil {
			return Report{}, err
		}
		r.Ratio = ratio
		void = err == nil && ratio.Alarmed()
	}
	part := Level(level.alpha() / float64(len(arms)-1))
	for _, b := range arms[1:] {
		r.Comparisons = append(r.Comparisons, compare(arms[0], b, level, part, tuning, void))
	}
	return r, nil
}

// compare takes counts that were checked.
func compare(a, b Arm, level, part Level, tuning int, void bool) Comparison {
	c := Comparison{Name: b.Name, Verdict: Unknown}
	s, err := Sequential(a.Count, b.Count, part, tuning)
	if missing, ok := err.(NotEnough); ok {
		c.Missing = &missing
		return c
	}
	c.Sequential = s
	c.Difference, _ = difference(a.Count, b.Count)
	c.Interval, _ = Newcombe(a.Count, b.Count, level)
	c.ChanceToWin, _ = ChanceToWin(a.Count, b.Count)
	c.P, _ = SequentialP(a.Count, b.Count, part, tuning)
	switch c.Verdict = Open; {
	case void:
		c.Verdict = Void
	case s.Low > 0:
		c.Verdict = Better
	case s.High < 0:
		c.Verdict = Worse
	}
	return c
}
