package host

import (
	"context"
	"errors"
)

// lineup is which versions of a plugin run at present. It is never changed but
// replaced whole, so that whoever loads it sees one moment.
type lineup struct {
	live      *version // nil while the plugin is disabled
	candidate *version // of a rollout, which some of the work goes to; nil if there is none
	shadow    *version // runs beside the live one and does nothing; nil if there is none

	trial *trial // how work is shared out with the candidate; nil without one
	shade *shade // what the shadow does otherwise; nil without one
}

// nobody is the lineup of a plugin that has no version yet.
var nobody lineup

// all are the versions that run, the live one first.
func (l *lineup) all() []*version {
	var out []*version
	for _, v := range []*version{l.live, l.candidate, l.shadow} {
		if v != nil {
			out = append(out, v)
		}
	}
	return out
}

// pick chooses the version that handles a row: the one that began it while that
// runs, so that a retry is no other version's; else the live one, or where there
// is a candidate what its rule says. It is called once for each time the row's
// turn comes.
func (l *lineup) pick(w *workRow) *version {
	if l.candidate == nil {
		return l.live
	}
	switch {
	case l.trial.stopped.Load(), w.Version == l.live.sha:
		return l.live
	case w.Version == l.candidate.sha, l.trial.rule.Candidate(&w.Event):
		return l.candidate
	}
	return l.live
}

// lineup is what runs now; never nil.
func (p *plugin) lineup() *lineup {
	if l := p.runs.Load(); l != nil {
		return l
	}
	return &nobody
}

// version is the live version, nil while there is none.
func (p *plugin) version() *version { return p.lineup().live }

// change puts what edit makes of the lineup in its place, and returns the one
// that was there. It is one change of a pointer: edit is called again if another
// came in between, and must do nothing but write to its argument.
func (p *plugin) change(edit func(l *lineup)) (was *lineup) {
	for {
		old := p.runs.Load()
		now := nobody
		if old != nil {
			now = *old
		}
		edit(&now)
		if p.runs.CompareAndSwap(old, &now) {
			if old == nil {
				return &nobody
			}
			return old
		}
	}
}

// swap makes v live and returns the version that was, nil if there was none.
func (p *plugin) swap(v *version) (old *version) {
	return p.change(func(l *lineup) { l.live = v }).live
}

// promote makes v the live version of l: a rollout ends, of whatever version it
// is, and so does a silent trial of v.
func (l *lineup) promote(v *version) {
	l.live, l.candidate, l.trial = l.current(v), nil, nil
	if l.shadow != nil && (l.shadow.sha == v.sha || l.shadow.manifest.State() != v.manifest.State()) {
		l.shadow, l.shade = nil, nil
	}
}

// replace puts v, another image of the same version, where old stands. It says
// false, and does nothing, if old does not run any more.
func (p *plugin) replace(old, v *version) (replaced bool) {
	p.change(func(l *lineup) {
		replaced = false
		for _, at := range []**version{&l.live, &l.candidate, &l.shadow} {
			if *at == old {
				*at, replaced = v, true
			}
		}
	})
	return replaced
}

// current is v with the image that its module has in l, if it runs there: that
// may have been taken anew since v was got ready, and v's closed.
func (l *lineup) current(v *version) *version {
	for _, w := range l.all() {
		if w.same(v) {
			return w.with(v.grants)
		}
	}
	return v
}

// has says whether v is in the lineup.
func (p *plugin) has(v *version) bool {
	for _, w := range p.lineup().all() {
		if w == v {
			return true
		}
	}
	return false
}

// retire closes the plugin's versions; its lanes have ended.
func (p *plugin) retire(ctx context.Context) error {
	var err error
	for _, v := range p.change(func(l *lineup) { *l = lineup{} }).all() {
		err = errors.Join(err, v.close(ctx))
	}
	return err
}
