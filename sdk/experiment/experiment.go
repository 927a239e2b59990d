package experiment

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Bounds of an experiment.
const (
	MaxVariations = 16
	MaxKey        = 64   // bytes of a key, of a seed and of a variation's name
	MaxForced     = 1000 // members with a forced variation
	MaxRamp       = 100  // steps
)

// Experiment says who gets which variation. The zero values of its optional
// fields are: everybody, equal weights, hash version 2, no namespace, no holdout,
// running at all times. An Experiment is read only once it is used, and is safe
// for concurrent use then.
type Experiment struct {
	Key        string    `json:"key"`
	Seed       string    `json:"seed,omitempty"`         // what is hashed with the member's id; "" for Key
	Variations []string  `json:"variations"`             // at least two; the first is the control
	Weights    []float64 `json:"weights,omitempty"`      // of the variations, sum 1; nil for equal ones
	Coverage   *float64  `json:"coverage,omitempty"`     // share of members that are in it, 0 to 1; nil for all
	Version    int       `json:"hash_version,omitempty"` // 1 or 2; 0 for 2

	Namespace *Namespace `json:"namespace,omitempty"`
	Holdout   *Holdout   `json:"holdout,omitempty"`

	// Forced are testers: the variation's name by the member's id. They get it at
	// any time, before the start and after the stop too, and their exposures must
	// not be counted.
	Forced map[string]string `json:"forced,omitempty"`

	Start time.Time `json:"start,omitzero"` // nobody gets a variation before; zero for always
	Stop  time.Time `json:"stop,omitzero"`  // nor from then on; zero for never

	// Ramp changes the coverage at set times, in their order: the last step whose
	// time has come counts, and Coverage before the first.
	Ramp []Step `json:"ramp,omitempty"`
}

// Namespace is the part [Start, End) of a division of all members. Experiments
// that take different parts of the same one never share a member.
type Namespace struct {
	ID    string  `json:"id"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// Holdout is a share of all members whom no experiment with a holdout of that
// name touches, so that what all experiments together do can be measured.
type Holdout struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // 0 to 1
}

// Step is a coverage from a time on.
type Step struct {
	At       time.Time `json:"at"`
	Coverage float64   `json:"coverage"`
}

// Member is who is to be assigned.
type Member struct {
	ID string

	// Sticky is the name of the variation that the member was first shown, "" if
	// none was: they stay with it though weights or coverage have changed.
	Sticky string

	// Excluded says that the experiment's targeting does not take the member.
	Excluded bool
}

// Why is the reason of an assignment: a word for records and the API, not for
// readers.
type Why string

// Reasons, in the order in which they are looked at: the first that applies
// counts. The first three come with a variation.
const (
	Assigned    Why = "assigned"     // by the hash
	Sticky      Why = "sticky"       // as first shown
	Forced      Why = "forced"       // a tester: not to be counted
	Invalid     Why = "invalid"      // the experiment cannot be carried out
	NotStarted  Why = "not_started"  // its time has not come
	Stopped     Why = "stopped"      // its time is over
	Nobody      Why = "no_id"        // the member has no id
	HeldOut     Why = "holdout"      // kept out of all experiments
	OutOfSpace  Why = "namespace"    // in another part of the namespace
	NotTargeted Why = "not_targeted" // Member.Excluded
	Gone        Why = "gone"         // the variation they were shown is no more
	NotCovered  Why = "not_covered"  // outside the coverage
)

// Assignment is what a member gets.
type Assignment struct {
	Variation int    // its number, −1 for none
	Name      string // "" for none
	Why       Why
}

// In says whether the member has a variation.
func (a Assignment) In() bool { return a.Variation >= 0 }

// Counts says whether the member belongs into the results once they were shown
// their variation.
func (a Assignment) Counts() bool { return a.In() && a.Why != Forced }

func none(why Why) Assignment { return Assignment{-1, "", why} }

// Assign returns the variation of m at a time, and why. It is a pure function of
// the experiment, m and now. Forced comes first and works at any time; a member
// in the holdout has no variation, whatever they were shown before; sticky comes
// before namespace, targeting and coverage, which only keep newcomers out. An
// experiment without a key or with fewer than two variations, or with a hash
// version that there is not, has nobody in it.
func (e *Experiment) Assign(m Member, now time.Time) Assignment {
	if e.Key == "" || len(e.Variations) < 2 {
		return none(Invalid)
	}
	if name, ok := e.Forced[m.ID]; ok {
		if i := slices.Index(e.Variations, name); i >= 0 {
			return Assignment{i, name, Forced}
		}
	}
	switch {
	case !e.Start.IsZero() && now.Before(e.Start):
		return none(NotStarted)
	case !e.Stop.IsZero() && !now.Before(e.Stop):
		return none(Stopped)
	case m.ID == "":
		return none(Nobody)
	case e.Holdout != nil && e.Holdout.holds(m.ID):
		return none(HeldOut)
	}
	if m.Sticky != "" {
		if i := slices.Index(e.Variations, m.Sticky); i >= 0 {
			return Assignment{i, m.Sticky, Sticky}
		}
		return none(Gone) // another one would make them a member of two
	}
	switch n := e.Namespace; {
	case n != nil && !InNamespace(m.ID, n.ID, n.Start, n.End):
		return none(OutOfSpace)
	case m.Excluded:
		return none(NotTargeted)
	}
	n, ok := Hash(e.seed(), m.ID, e.version())
	if !ok {
		return none(Invalid)
	}
	i := ChooseVariation(n, BucketRanges(len(e.Variations), e.CoverageAt(now), e.Weights))
	if i < 0 {
		return none(NotCovered)
	}
	return Assignment{i, e.Variations[i], Assigned}
}

// CoverageAt is the share of members that the experiment takes at a time.
func (e *Experiment) CoverageAt(now time.Time) float64 {
	c := 1.0
	if e.Coverage != nil {
		c = *e.Coverage
	}
	for _, s := range e.Ramp {
		if now.Before(s.At) {
			break
		}
		c = s.Coverage
	}
	return c
}

func (e *Experiment) seed() string {
	if e.Seed != "" {
		return e.Seed
	}
	return e.Key
}

func (e *Experiment) version() int {
	if e.Version == 0 {
		return 2
	}
	return e.Version
}

// holds hashes by version 2 and a seed that no experiment has by chance.
func (h *Holdout) holds(id string) bool {
	n, _ := Hash("__holdout/"+h.Name, id, 2)
	return n < h.Share
}

// Validate says everything that is wrong with the experiment, nil if nothing is.
// Assign works with what is not an error of principle (weights become equal,
// shares are clamped), so that a live experiment never fails a member; nobody
// should start one that does not validate.
func (e *Experiment) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("experiment %q: "+format, append([]any{e.Key}, args...)...))
	}
	share := func(what string, f float64) {
		if !(f >= 0 && f <= 1) {
			bad("%s is %v; it is a share, from 0 to 1", what, f)
		}
	}
	if e.Key == "" || len(e.Key) > MaxKey || len(e.Seed) > MaxKey {
		bad("key and seed have at most %d bytes, and a key at least one", MaxKey)
	}
	if n := len(e.Variations); n < 2 || n > MaxVariations {
		bad("%d variations; there are 2 to %d", n, MaxVariations)
	}
	for i, v := range e.Variations {
		if v == "" || len(v) > MaxKey || slices.Index(e.Variations, v) != i {
			bad("variation %d, %q: names are different, and have 1 to %d bytes", i+1, v, MaxKey)
		}
	}
	if e.Weights != nil {
		if len(e.Weights) != len(e.Variations) {
			bad("%d weights for %d variations; equal ones are used", len(e.Weights), len(e.Variations))
		} else if err := checkWeights(e.Weights); err != nil {
			bad("%v; equal ones are used", err)
		}
	}
	if e.Version < 0 || e.Version > 2 {
		bad("there is no hash version %d; use 2", e.Version)
	}
	if e.Coverage != nil {
		share("coverage", *e.Coverage)
	}
	if n := e.Namespace; n != nil && (n.ID == "" || !(n.Start >= 0 && n.Start < n.End && n.End <= 1)) {
		bad("namespace %q [%v, %v): it has an id, and a part of [0, 1)", n.ID, n.Start, n.End)
	}
	if e.Holdout != nil {
		share("holdout", e.Holdout.Share)
	}
	if len(e.Forced) > MaxForced {
		bad("%d members have a forced variation; at most %d", len(e.Forced), MaxForced)
	}
	for _, id := range slices.Sorted(maps.Keys(e.Forced)) {
		if !slices.Contains(e.Variations, e.Forced[id]) {
			bad("member %s is forced into %q, which is no variation", id, e.Forced[id])
		}
	}
	if !e.Start.IsZero() && !e.Stop.IsZero() && !e.Start.Before(e.Stop) {
		bad("it stops (%v) before it starts (%v)", e.Stop, e.Start)
	}
	if len(e.Ramp) > MaxRamp {
		bad("%d steps of the ramp; at most %d", len(e.Ramp), MaxRamp)
	}
	for i, s := range e.Ramp {
		share(fmt.Sprintf("coverage of step %d of the ramp", i+1), s.Coverage)
		if i > 0 && !e.Ramp[i-1].At.Before(s.At) {
			bad("step %d of the ramp is not after the one before it", i+1)
		}
	}
	return errors.Join(errs...)
}

// checkWeights says what is wrong with weights.
func checkWeights(weights []float64) error {
	sum := 0.0
	for _, w := range weights {
		if !(w >= 0) || math.IsInf(w, 0) {
			return fmt.Errorf("weight %v is not a share", w)
		}
		sum += w
	}
	if sum < 0.99 || sum > 1.01 {
		return fmt.Errorf("the weights sum to %v, not to 1", sum)
	}
	return nil
}
