package trials

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// act answers a form of an experiment's page: do makes of the experiment what is
// wanted, and says what was wrong with the form, with what is shown then; why not
// is told there. A form is of the state that it names.
func (p *pages) act(w http.ResponseWriter, r *page.Request, done string, do func(e *web.Experiment, form url.Values, v *oneView) (ok bool)) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	r.Patience(w, changeTime)
	key := r.PathValue("key")
	d, err := p.o.Experiments.Experiment(r.Context(), key)
	if err != nil {
		return p.lacking(err)
	}
	e, v := d.Experiment, &oneView{}
	e.Forced = maps.Clone(e.Forced)
	if !do(&e, form, v) {
		return p.showOne(w, r, http.StatusUnprocessableEntity, v)
	}
	if _, err := p.o.Experiments.SetExperiment(r.Context(), r.Who(), web.ExperimentChange{Key: key, Want: &e, Base: form.Get("base"), Why: reason(form)}); err != nil {
		return p.refusedAct(w, r, err, v)
	}
	return p.to(w, r, path(key), done)
}

func (p *pages) refusedAct(w http.ResponseWriter, r *page.Request, err error, v *oneView) error {
	why, status, err := p.refused(p.Texts(r), err)
	if err != nil {
		return err
	}
	v.Sorry = why
	return p.showOne(w, r, status, v)
}

func (p *pages) start(w http.ResponseWriter, r *page.Request) error {
	return p.act(w, r, "started", func(e *web.Experiment, _ url.Values, _ *oneView) bool {
		e.Status, e.Winner = web.TrialRunning, ""
		return true
	})
}

func (p *pages) stop(w http.ResponseWriter, r *page.Request) error {
	return p.act(w, r, "stopped", func(e *web.Experiment, _ url.Values, _ *oneView) bool {
		e.Status, e.Winner = web.TrialStopped, ""
		return true
	})
}

// settle gives all whom it is for the winner.
func (p *pages) settle(w http.ResponseWriter, r *page.Request) error {
	t := p.Texts(r)
	return p.act(w, r, "settled", func(e *web.Experiment, form url.Values, v *oneView) bool {
		e.Status, e.Winner = web.TrialSettled, form.Get("winner")
		if !slices.ContainsFunc(e.Variations, func(a web.ExperimentArm) bool { return a.Name == e.Winner }) {
			v.Sorry = &sorry{Title: t.Say("wrong.variation")}
			return false
		}
		return true
	})
}

// ramp says how many newcomers are in it, now and later.
func (p *pages) ramp(w http.ResponseWriter, r *page.Request) error {
	l, err := p.o.Experiments.Experiments(r.Context())
	if err != nil {
		return p.lacking(err)
	}
	t, zone, now := p.Texts(r), zoneOf(l.Zone), p.o.Now()
	return p.act(w, r, "ramped", func(e *web.Experiment, form url.Values, v *oneView) bool {
		v.Ramp.Now, v.Ramp.Steps = form.Get("coverage"), strings.ReplaceAll(form.Get("steps"), "\r\n", "\n")
		n, err := decimal(v.Ramp.Now, 100)
		if err != nil || strings.TrimSpace(v.Ramp.Now) == "" {
			v.Ramp.WrongNow = t.Say("wrong.share")
		}
		e.Coverage, e.Ramp = n/100, nil
		for i, line := range strings.Split(v.Ramp.Steps, "\n") {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			at, share, ok := step(line, zone)
			switch {
			case !ok:
				v.Ramp.WrongSteps = t.Say("wrong.step", i+1)
			case !at.After(now) || len(e.Ramp) > 0 && !e.Ramp[len(e.Ramp)-1].At.Before(at):
				v.Ramp.WrongSteps = t.Say("wrong.steporder", i+1)
			}
			e.Ramp = append(e.Ramp, web.ExperimentStep{At: at, Coverage: share})
		}
		return v.Ramp.WrongNow == "" && v.Ramp.WrongSteps == ""
	})
}

// step reads "2026-12-01 09:00 50".
func step(line string, zone *time.Location) (at time.Time, share float64, ok bool) {
	line = strings.TrimSpace(strings.TrimSuffix(line, "%"))
	i := strings.LastIndexAny(line, " \t")
	if i < 0 {
		return at, 0, false
	}
	at, err := time.ParseInLocation(lineTime, strings.TrimSpace(line[:i]), zone)
	if err != nil {
		return at, 0, false
	}
	n, err := decimal(line[i:], 100)
	return at.UTC(), n / 100, err == nil
}

// force gives a tester a variation.
func (p *pages) force(w http.ResponseWriter, r *page.Request) error {
	t := p.Texts(r)
	return p.act(w, r, "forced", func(e *web.Experiment, form url.Values, v *oneView) bool {
		id, variation := strings.TrimSpace(form.Get("member")), form.Get("variation")
		v.Tester = testerForm{ID: id, Variation: variation}
		if id == "" || len(id) > 256 || !strings.Contains(id, ":") {
			v.Tester.Wrong = t.Say("wrong.member")
			return false
		}
		if !slices.ContainsFunc(e.Variations, func(a web.ExperimentArm) bool { return a.Name == variation }) {
			v.Tester.Wrong = t.Say("wrong.variation")
			return false
		}
		if e.Forced == nil {
			e.Forced = map[string]string{}
		}
		e.Forced[id] = variation
		return true
	})
}

// free makes a tester a member like others.
func (p *pages) free(w http.ResponseWriter, r *page.Request) error {
	return p.act(w, r, "freed", func(e *web.Experiment, form url.Values, _ *oneView) bool {
		delete(e.Forced, form.Get("member"))
		return true
	})
}

// remove deletes an experiment, whose key has to be typed.
func (p *pages) remove(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	r.Patience(w, changeTime)
	key := r.PathValue("key")
	if strings.TrimSpace(form.Get("key")) != key {
		return p.showOne(w, r, http.StatusUnprocessableEntity, &oneView{Sorry: &sorry{Title: p.Texts(r).Say("delete.key", key)}})
	}
	if _, err := p.o.Experiments.SetExperiment(r.Context(), r.Who(), web.ExperimentChange{Key: key, Base: form.Get("base"), Why: reason(form)}); err != nil {
		return p.refusedAct(w, r, err, &oneView{})
	}
	return p.to(w, r, base, "deleted")
}
