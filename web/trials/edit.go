package trials

import (
	"errors"
	"net/http"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// editView is the form of a definition.
type editView struct {
	page.Head
	Sorry      *sorry
	Path, At   string // of the experiment, and of the form
	Form       *form
	Attributes []attrView
}

type attrView struct{ Name, About, Example string }

// Nth counts from 1, for templates.
func (v *editView) Nth(i int) int { return i + 1 }

// blank is the form of a new experiment, perhaps with a ready example in it.
func (p *pages) blank(w http.ResponseWriter, r *page.Request) error {
	l, err := p.o.Experiments.Experiments(r.Context())
	if err != nil {
		return p.lacking(err)
	}
	e := example(&l, r.URL.Query().Get("example"))
	f := shown(p.Texts(r), &e, &l)
	f.New, f.Fixed, f.Example = true, false, e.Key
	return p.showForm(w, r, http.StatusOK, &editView{Form: f}, &l)
}

// example is the ready one of that key, else an empty one with what is sound.
func example(l *web.ExperimentList, key string) web.Experiment {
	for i := range l.Examples {
		if e := l.Examples[i]; e.Key == key && key != "" {
			e.Base, e.Status = "", ""
			return e
		}
	}
	return web.Experiment{Coverage: 1, Metrics: []string{"day7"}, Guardrails: []web.ExperimentGuard{{Metric: "left", Margin: 0.02}, {Metric: "muted", Margin: 0.02}}}
}

func (p *pages) showForm(w http.ResponseWriter, r *page.Request, status int, v *editView, l *web.ExperimentList) error {
	t := p.Texts(r)
	v.Head.Title, v.At = t.Say("new"), base+"/_new"
	if !v.Form.New {
		v.Path = path(v.Form.Key)
		v.Head.Title, v.At = t.Say("edit.of", v.Form.Key), v.Path+"/edit"
	}
	for _, a := range l.Attributes {
		v.Attributes = append(v.Attributes, attrView{page.Printable(a.Name), page.Printable(t.In(a.About)), page.Printable(a.Example)})
	}
	return p.Show(w, r, status, "experiment.form", v)
}

func (p *pages) create(w http.ResponseWriter, r *page.Request) error {
	return p.save(w, r, true)
}

func (p *pages) change(w http.ResponseWriter, r *page.Request) error {
	return p.save(w, r, false)
}

// edit is the form of an experiment that is there.
func (p *pages) edit(w http.ResponseWriter, r *page.Request) error {
	l, err := p.o.Experiments.Experiments(r.Context())
	if err != nil {
		return p.lacking(err)
	}
	d, err := p.o.Experiments.Experiment(r.Context(), r.PathValue("key"))
	if err != nil {
		return p.lacking(err)
	}
	return p.showForm(w, r, http.StatusOK, &editView{Form: shown(p.Texts(r), &d.Experiment, &l)}, &l)
}

// save makes of what was typed a new experiment, or a change of one.
func (p *pages) save(w http.ResponseWriter, r *page.Request, fresh bool) error {
	v, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	r.Patience(w, changeTime)
	t := p.Texts(r)
	l, err := p.o.Experiments.Experiments(r.Context())
	if err != nil {
		return p.lacking(err)
	}
	var e web.Experiment
	if fresh {
		e = example(&l, v.Get("example"))
	} else {
		d, err := p.o.Experiments.Experiment(r.Context(), r.PathValue("key"))
		if err != nil {
			return p.lacking(err)
		}
		e = d.Experiment
	}
	f := shown(t, &e, &l)
	if f.New = fresh; fresh {
		f.Fixed, f.Example = false, v.Get("example")
	}
	want := f.read(t, v, e)
	if f.Base = ""; !fresh {
		f.Base = v.Get("base")
	}
	view := &editView{Form: f}
	if len(f.Wrong) > 0 {
		return p.showForm(w, r, http.StatusUnprocessableEntity, view, &l)
	}
	_, err = p.o.Experiments.SetExperiment(r.Context(), r.Who(), web.ExperimentChange{Key: want.Key, Want: &want, Base: f.Base, Why: reason(v)})
	if err == nil {
		if fresh {
			return p.to(w, r, path(want.Key), "made")
		}
		return p.to(w, r, path(want.Key), "changed")
	}
	var x *web.ExperimentError
	if !errors.As(err, &x) {
		return p.lacking(err)
	}
	view.Sorry = &sorry{Title: t.Say("refused." + x.Code), Text: f.refuse(t, x.Faults)}
	switch x.Code {
	case web.TrialExists:
		f.Wrong["key"] = t.Say("wrong.exists")
	case web.TrialFaster:
		if x.Now == nil {
			return p.Sorry(http.StatusConflict, base, "error.gone")
		}
		// To save once more is to know of the other change.
		f.Base = x.Now.Base
		view.Sorry.Diff = page.Diff(lines(t, x.Now), lines(t, &want))
	}
	return p.showForm(w, r, web.TrialStatus(x.Code), view, &l)
}
