package front

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// standingPath is where those are listed who stand at a step.
func standingPath(step string) string { return "/funnel/" + url.PathEscape(step) }

// shown is how many of them a page has at most.
const shown = 200

// standingView is who stands at a step of the funnel.
type standingView struct {
	page.Head
	Lead  string
	Tabs  []choice
	Rows  []standing
	More  string
	Query string
	Step  string
	Back  string
}

type standing struct {
	web.StandingOf
	Path   string
	Joined *page.Stamp
}

// cohorts are those of a request's query, as the host takes them: it says what is
// wrong with them.
func cohorts(r *page.Request) web.Cohorts {
	q := r.URL.Query()
	c := web.Cohorts{From: q.Get("from"), To: q.Get("to")}
	if s := q.Get("segment"); s != "" {
		c.Segment = []string{s}
	}
	return c
}

// behind lists the members behind a drop-off.
func (p *pages) behind(w http.ResponseWriter, r *page.Request) error {
	t := p.Texts(r)
	q := r.URL.Query()
	f := web.StandingFilter{Cohorts: cohorts(r), Step: unescaped(r, "step"), State: q.Get("state"), Limit: shown}
	if f.State != "lost" && f.State != "in_progress" {
		f.State = ""
	}
	got, err := p.o.Analytics.Standing(r.Context(), f)
	if errors.Is(err, web.ErrAsked) {
		return p.Sorry(http.StatusNotFound, "/", "behind.nothing")
	}
	if err != nil {
		return err
	}
	step := stepName(t, got.Step)
	v := &standingView{Head: page.Head{Title: t.Say("behind", step)}, Step: got.Step, Back: "/?" + page.Query("segment", q.Get("segment"), "from", got.From, "to", got.To) + "#funnel"}
	v.Lead = t.Say("behind.lead", got.From, got.To, step)
	if got.Next != "" {
		v.Lead = t.Say("behind.next", got.From, got.To, step, stepName(t, got.Next))
		for _, s := range []string{"", "lost", "in_progress"} {
			v.Tabs = append(v.Tabs, choice{standingPath(got.Step) + "?" + page.Query("segment", q.Get("segment"), "from", got.From, "to", got.To, "state", s), t.Say("behind.tab." + s), s == f.State})
		}
	}
	v.Query = "?" + page.Query("segment", q.Get("segment"), "from", got.From, "to", got.To, "state", f.State)
	for _, m := range got.Members {
		v.Rows = append(v.Rows, standing{m, "/members/" + url.PathEscape(m.ID), page.Maybe(m.Joined)})
	}
	if got.More {
		v.More = t.Say("behind.more", len(v.Rows))
	}
	return p.Show(w, r, http.StatusOK, "behind", v)
}

// unescaped is a part of the path. What an address cannot have, the browser has
// escaped.
func unescaped(r *page.Request, name string) string {
	v := r.PathValue(name)
	if r.URL.RawPath == "" {
		return v
	}
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}

// figures answers with the figures of a chart as a file: the same as the API's, for
// who is signed in.
func (p *pages) figures(w http.ResponseWriter, r *page.Request) error {
	name, ending, _ := strings.Cut(r.PathValue("file"), ".")
	if ending != "csv" && ending != "json" {
		return p.Sorry(http.StatusNotFound, "/", "figures.nothing")
	}
	sc, err := p.o.Analytics.Scope(r.Context(), web.Cohorts{})
	if err != nil {
		return err
	}
	q, v := ask(p.Texts(r), r, &sc)
	if len(v.Wrong) > 0 {
		return p.Sorry(http.StatusUnprocessableEntity, "/", "figures.wrong")
	}
	report, err := p.report(r, name, q)
	switch {
	case errors.Is(err, web.ErrAsked):
		return p.Sorry(http.StatusUnprocessableEntity, "/", "figures.wrong")
	case err != nil:
		return err
	case report == nil:
		return p.Sorry(http.StatusNotFound, "/", "figures.nothing")
	}
	return p.send(w, report, "hearth-"+name+"-"+sc.Today+"."+ending)
}

// report reads one chart's figures; nil if there is none of that name.
func (p *pages) report(r *page.Request, name string, q web.DashboardFilter) (web.Report, error) {
	ctx, a := r.Context(), p.o.Analytics
	switch name {
	case "dau":
		x, err := a.Active(ctx, q.Cohorts)
		return &x, err
	case "retention":
		x, err := a.Retention(ctx, q.RetentionFilter)
		return &x, err
	case "funnel":
		x, err := a.Funnel(ctx, q.Cohorts)
		return &x, err
	case "drop-off":
		x, err := a.Funnel(ctx, q.Cohorts)
		return web.DropOff{Funnel: &x}, err
	case "heatmap":
		x, err := a.FirstMinutes(ctx, q.Cohorts)
		return &x, err
	case "paths":
		x, err := a.Paths(ctx, q.Cohorts)
		return &x, err
	case "first-pr":
		x, err := a.PullRequests(ctx, web.RequestFilter{Cohorts: q.Cohorts, Within: q.Within})
		return &x, err
	}
	return nil, nil
}

// standingFile is the list of a step as a file, for managers as the page is.
func (p *pages) standingFile(w http.ResponseWriter, r *page.Request) error {
	file := r.PathValue("file")
	if file != "members.csv" && file != "members.json" {
		return p.Sorry(http.StatusNotFound, "/", "figures.nothing")
	}
	f := web.StandingFilter{Cohorts: cohorts(r), Step: unescaped(r, "step"), State: r.URL.Query().Get("state"), Limit: 1000}
	got, err := p.o.Analytics.Standing(r.Context(), f)
	if errors.Is(err, web.ErrAsked) {
		return p.Sorry(http.StatusNotFound, "/", "behind.nothing")
	}
	if err != nil {
		return err
	}
	return p.send(w, &got, "hearth-"+file)
}

func (p *pages) send(w http.ResponseWriter, report web.Report, file string) error {
	kind, body, err := web.Write(report, strings.HasSuffix(file, ".csv"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+file+`"`)
	if strings.HasSuffix(file, ".csv") {
		body = append([]byte("\ufeff"), body...) // by this spreadsheets know UTF-8
	}
	_, _ = w.Write(body) // an error says that the browser has gone
	return nil
}
