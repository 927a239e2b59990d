package people

import (
	"errors"
	"net/http"
	"strings"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// way is how far a member has come, as a person reads it.
type way struct {
	Steps   []wayStep
	Reached int
	Minutes []int // the minutes of the first actions, from 1
	First   []firstRow
	Quiet   bool // they did nothing in them
	Badges  []badge
	Days    int
	Newest  string
	Trials  []trial
}

type wayStep struct {
	Name  string
	At    *page.Stamp
	Class string // of the page's list of steps
}

type firstRow struct {
	Name  string
	Cells []bool
}

type badge struct {
	Name string
	At   *page.Stamp
	Bad  bool // it is nothing to be proud of, but to be helped with
}

type trial struct {
	web.Trial
	Path string
	At   *page.Stamp
}

// wayOf is nil of somebody of whom nothing was measured.
func wayOf(l page.Texts, j *web.Journey) *way {
	if j == nil {
		return nil
	}
	say := func(kind, name string) string {
		if l.Has(kind + name) {
			return l.Say(kind + name)
		}
		return page.Printable(name)
	}
	v := &way{Days: j.Days, Newest: j.Newest, Quiet: true}
	next := true
	for _, s := range j.Steps {
		w := wayStep{Name: say("step.", s.Name), At: page.Maybe(s.At)}
		switch {
		case s.At != nil:
			w.Class, v.Reached = "good", v.Reached+1
		case next:
			w.Class, next = "now", false
		}
		v.Steps = append(v.Steps, w)
	}
	for _, a := range j.First {
		row := firstRow{Name: say("action.", a.Action), Cells: a.Minutes}
		for i, did := range a.Minutes {
			v.Quiet = v.Quiet && !did
			if len(v.Minutes) <= i {
				v.Minutes = append(v.Minutes, i+1)
			}
		}
		v.First = append(v.First, row)
	}
	for _, d := range j.Done {
		v.Badges = append(v.Badges, badge{say("badge.", d.Name), page.Maybe(d.At), d.Name == "go_import_resolve_fail"})
	}
	for _, t := range j.Trials {
		v.Trials = append(v.Trials, trial{t, "/experiments/" + t.Experiment, page.Maybe(&t.Since)})
	}
	return v
}

// linkGitHub takes an admin's word for whose a GitHub account is.
func (p *pages) linkGitHub(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	l := p.Texts(r)
	f := gitHubForm{Handle: strings.TrimSpace(form.Get("handle")), Why: strings.TrimSpace(form.Get("why"))}
	if form.Get("off") != "" {
		f.Handle = ""
	} else if f.Handle == "" {
		f.Wrong = l.Say("github.empty")
		return p.show(w, r, http.StatusUnprocessableEntity, "", &f)
	}
	if len(f.Why) > maxWhy {
		f.Wrong = l.Say("github.long")
		return p.show(w, r, http.StatusUnprocessableEntity, "", &f)
	}
	err = p.link(r.Context(), r.Who(), id(r), f.Handle, form.Get("move") == "yes", f.Why)
	var taken *TakenError
	switch {
	case errors.As(err, &taken):
		f.Wrong, f.Taken, f.TakenPath = l.Say("github.taken"), taken.Member, Path(taken.Member)
		return p.show(w, r, http.StatusUnprocessableEntity, "", &f)
	case errors.Is(err, ErrHandle):
		f.Wrong = l.Say("github.wrong")
		return p.show(w, r, http.StatusUnprocessableEntity, "", &f)
	case errors.Is(err, web.ErrNotFound):
		return p.Sorry(http.StatusNotFound, "/members", "nobody")
	case err != nil:
		return err
	}
	done := "linked"
	if f.Handle == "" {
		done = "unlinked"
	}
	http.Redirect(w, r.Request, Path(id(r))+"?done="+done+"#github", http.StatusSeeOther)
	return nil
}
