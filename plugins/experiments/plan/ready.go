package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk/experiment"
)

// Ready is a definition made ready to assign members. It is safe for concurrent
// use.
type Ready struct {
	*Definition
	exp    *experiment.Experiment // as its status has it
	target target
}

// Ready makes the definition ready, or says what is wrong with it.
func (d *Definition) Ready() (*Ready, error) {
	if ps := d.Validate(); len(ps) > 0 {
		return nil, ps
	}
	t, p := compile(d.Target)
	if p != nil {
		return nil, Problems{*p}
	}
	r := &Ready{Definition: d, exp: &d.Experiment, target: t}
	if d.Status != Running {
		e := d.Experiment
		r.exp = &e
		switch d.Status {
		case Settled:
			e.Start, e.Stop, e.Ramp, e.Coverage, e.Namespace = time.Time{}, time.Time{}, nil, nil, nil
			e.Weights = make([]float64, len(e.Variations))
			e.Weights[slices.Index(e.Variations, d.Winner)] = 1
		case Stopped:
			e.Start, e.Stop = time.Time{}, time.Unix(1, 0) // its time is over
		default:
			e.Start, e.Stop = time.Unix(1<<40, 0), time.Time{} // it never comes
		}
	}
	return r, nil
}

// Live says whether anybody can have a variation: of one that is neither running
// nor settled testers alone do.
func (r *Ready) Live() bool {
	return r.Status == Running || r.Status == Settled || len(r.Forced) > 0
}

// Given is what a member was first given of an experiment.
type Given struct {
	Key       string    `json:"k"`
	Variation string    `json:"v"`
	At        time.Time `json:"at"`
}

// Assignment is what a member gets of an experiment.
type Assignment struct {
	Key string
	experiment.Assignment
	Counted bool // once they were shown it they are in the results
	First   bool // by the hash and for the first time: it is to be kept
}

// Assign says what a member gets. given is what they were first given of this
// experiment, nil if nothing was, or what was given before it began.
func (r *Ready) Assign(k *Known, given *Given, now time.Time) Assignment {
	m := experiment.Member{ID: k.ID}
	if given != nil && r.Status != Settled && !given.At.Before(r.Began.Truncate(time.Millisecond)) {
		m.Sticky = given.Variation
	}
	if m.Sticky == "" {
		m.Excluded = !r.target.takes(k)
	}
	a := r.exp.Assign(m, now)
	return Assignment{Key: r.Key, Assignment: a, Counted: a.Counts() && r.Status == Running,
		First: a.Why == experiment.Assigned && r.Status == Running}
}

// Changes says what a change of an experiment does to members who are in it and
// to its results, for whoever is about to make it; nil if it has not begun, or
// nothing of that kind changes.
func Changes(old, now *Definition) Problems {
	if !old.Started() {
		return nil
	}
	var found Problems
	warn := func(field, code string, args ...any) { found = append(found, problem(field, code, args...)) }
	hash := func(d *Definition) (string, int) {
		seed, version := d.Seed, d.Version
		if seed == "" {
			seed = d.Key
		}
		if version == 0 {
			version = 2
		}
		return seed, version
	}
	s1, v1 := hash(old)
	if s2, v2 := hash(now); s1 != s2 || v1 != v2 {
		warn("seed", "change.seed")
	}
	for _, v := range old.Variations {
		if !slices.Contains(now.Variations, v) {
			warn("variations", "change.gone", v)
		}
	}
	for i, v := range now.Variations {
		if !slices.Contains(old.Variations, v) {
			warn(index("variations", i), "change.variation", v)
		}
	}
	if len(old.Variations) > 0 && len(now.Variations) > 0 && old.Variations[0] != now.Variations[0] {
		warn("variations", "change.control", now.Variations[0], old.Variations[0])
	}
	if !sameWeights(old, now) {
		warn("weights", "change.weights")
	}
	if share(now) < share(old) {
		warn("coverage", "change.coverage")
	}
	return found
}

func share(d *Definition) float64 {
	if d.Coverage == nil {
		return 1
	}
	return *d.Coverage
}

// sameWeights compares the weights of variations that both have, by name.
func sameWeights(a, b *Definition) bool {
	weight := func(d *Definition, i int) float64 {
		if len(d.Weights) != len(d.Variations) {
			return 1 / float64(len(d.Variations))
		}
		return d.Weights[i]
	}
	for i, v := range a.Variations {
		if j := slices.Index(b.Variations, v); j >= 0 && weight(a, i) != weight(b, j) {
			return false
		}
	}
	return true
}

// Sort puts definitions in order: what runs first, then by key.
func Sort(all []*Definition) {
	rank := map[Status]int{Running: 0, Draft: 1, Settled: 2, Stopped: 3}
	slices.SortFunc(all, func(a, b *Definition) int {
		if x, y := rank[a.Status], rank[b.Status]; x != y {
			return x - y
		}
		return strings.Compare(a.Key, b.Key)
	})
}

// Forget takes a member out of the definition, and says whether that changed it:
// they are no tester any more, and a target that names them names nobody.
func (d *Definition) Forget(id string) bool {
	_, tester := d.Forced[id]
	if tester {
		delete(d.Forced, id)
	}
	target := d.Target
	for _, quote := range []string{`"`, `'`, "`"} {
		target = strings.ReplaceAll(target, quote+id+quote, quote+"forgotten"+quote)
	}
	named := target != d.Target
	d.Target = target
	return tester || named
}
