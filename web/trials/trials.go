// Package trials is the pages on which people who are no programmers try
// something on newcomers and see what came of it: /experiments, and one page for
// each. It owns how experiments and their results are shown and what each form
// says. It must not know the engine, a plugin or a formula: it meets them as
// [web.Experiments], which host/cmd/hearth joins.
//
//	/experiments                     all of them, ready examples, whether they disturb each other   list.go
//	/experiments/_new                one is made                                                    edit.go, form.go
//	/experiments/{key}               what came of it, and what it would take                        one.go, results.go, draw.go
//	/experiments/{key}/edit          its definition                                                 edit.go, form.go
//	/experiments/{key}/start …       ramp, stop, force, delete                                      act.go
//
// It stores nothing.
package trials

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// Options say what the pages work with. Frame and Experiments are required.
type Options struct {
	Frame       *page.Frame
	Experiments web.Experiments

	Now func() time.Time // nil is time.Now
}

//go:embed html
var files embed.FS

type pages struct {
	*page.Set
	o Options
}

const base = "/experiments"

const (
	maxForm    = 64 << 10
	maxWhy     = 500         // characters
	changeTime = time.Minute // for the plugin to have taken in a change
)

// Register registers the pages with the frame.
func Register(o Options) error {
	if o.Frame == nil || o.Experiments == nil {
		return errors.New("trials: Options.Frame or Options.Experiments is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	set, err := o.Frame.NewSet(files, words, "html/*.html")
	if err != nil {
		return fmt.Errorf("trials: %w", err)
	}
	p := &pages{set, o}
	set.Menu(page.Item{Path: base, Key: "experiments", Need: access.Viewer})
	f := o.Frame
	const one = base + "/{key}"
	f.Get(base, access.Viewer, p.list)
	f.Get(base+"/_new", access.Manager, p.blank)
	f.Post(base+"/_new", access.Manager, p.create)
	f.Get(one, access.Viewer, p.one)
	f.Get(one+"/edit", access.Manager, p.edit)
	f.Post(one+"/edit", access.Manager, p.change)
	for form, h := range map[string]page.Handler{"start": p.start, "stop": p.stop, "settle": p.settle, "ramp": p.ramp, "force": p.force, "free": p.free, "delete": p.remove} {
		f.Post(one+"/"+form, access.Manager, h)
		f.Get(one+"/"+form, access.Viewer, func(w http.ResponseWriter, r *page.Request) error { // who loads the answer to the form again
			http.Redirect(w, r.Request, path(r.PathValue("key")), http.StatusSeeOther)
			return nil
		})
	}
	return nil
}

func path(key string) string { return base + "/" + url.PathEscape(key) }

// reason is why, as somebody wrote it, for the record.
func reason(form url.Values) string {
	s := []rune(strings.TrimSpace(strings.ToValidUTF8(form.Get("why"), "\ufffd")))
	return string(s[:min(len(s), maxWhy)])
}

// to leads on after a form, and tells what it did.
func (p *pages) to(w http.ResponseWriter, r *page.Request, path, done string) error {
	http.Redirect(w, r.Request, path+"?done="+done, http.StatusSeeOther)
	return nil
}

// lacking is an error as a page tells it: that there is no such thing, if so.
func (p *pages) lacking(err error) error {
	switch {
	case errors.Is(err, web.ErrNotFound):
		return p.Sorry(http.StatusNotFound, base, "error.none")
	case errors.Is(err, web.ErrNoExperiments):
		return p.Sorry(http.StatusNotFound, "/", "error.plugin")
	}
	return err
}

// sorry is why something was not done, as a page tells it at its top.
type sorry struct {
	Title string
	Text  [][]page.Span // in hearth's own words, in English
	Diff  []page.DiffLine
}

// refused makes a sorry of an error; one that is nobody's on the page is returned
// as it is. The status is the page's.
func (p *pages) refused(t page.Texts, err error) (*sorry, int, error) {
	var e *web.ExperimentError
	if !errors.As(err, &e) {
		return nil, 0, p.lacking(err)
	}
	s := &sorry{Title: t.Say("refused." + e.Code)}
	for _, f := range e.Faults {
		s.Text = append(s.Text, page.Visible(said(t, f)))
	}
	if len(e.Faults) == 0 && (e.Code == web.TrialInvalid || e.Code == web.TrialFixed) {
		s.Text = append(s.Text, page.Visible(e.Error()))
	}
	return s, web.TrialStatus(e.Code), nil
}

// name is what an experiment is called, in the reader's language if it can be.
func name(t page.Texts, e *web.Experiment) string {
	if s := strings.TrimSpace(t.In(e.Name)); s != "" {
		return s
	}
	return e.Key
}

// state is how an experiment is at a time: the badge, and what it says.
func state(t page.Texts, e *web.Experiment, now time.Time) (badge, says string) {
	switch {
	case e.Status == web.TrialRunning && e.Start != nil && now.Before(*e.Start):
		return "wait", t.Say("state.waits")
	case e.Status == web.TrialRunning && e.Stop != nil && !now.Before(*e.Stop):
		return "plain", t.Say("state.over")
	case e.Status == web.TrialRunning:
		return "good", t.Say("state.running")
	case e.Status == web.TrialStopped:
		return "plain", t.Say("state.stopped")
	case e.Status == web.TrialSettled:
		return "good", t.Say("state.settled", e.Winner)
	}
	return "wait", t.Say("state.draft")
}
