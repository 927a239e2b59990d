package stats

// Guardrail is harm that ends an experiment: members who left, said stop or muted.
type Guardrail struct {
	Name string

	// Margin is how much the rate may rise above the control's, or fall below it if
	// Fewer is bad, and still be borne: 0.01 is one member in a hundred.
	Margin float64
	Fewer  bool // fewer are worse: the rate is of something good

	Level  Level // a false stop at most in this share of experiments; 0 for DefaultLevel
	Tuning int   // as of Sequential
}

// Watched is where a guardrail stands.
type Watched struct {
	Name     string
	Stop     bool     // harm beyond the margin is proved
	Harm     float64  // how much worse the variation's rate is than the control's, margin aside
	Interval Interval // of Harm, always-valid; [−1, 1] if Err is not nil
	Err      error    // NotEnough: not known yet
}

// Watch decides whether a variation does so much more harm than the control that
// it must stop: once the whole always-valid interval of the harm lies beyond the
// margin. It may be asked after every member; an experiment with no more harm than
// the margin is stopped in at most half the level's share of cases, as only one
// side is harm.
func (g Guardrail) Watch(control, variation Count) Watched {
	w := Watched{Name: g.Name, Interval: Interval{-1, 1}}
	i, err := Sequential(control, variation, g.Level, g.Tuning)
	if err != nil {
		w.Err = err
		return w
	}
	d, _ := difference(control, variation)
	if g.Fewer {
		d, i = -d, Interval{-i.High, -i.Low}
	}
	w.Harm, w.Interval = d, i
	w.Stop = i.Low > max(0, g.Margin)
	return w
}
