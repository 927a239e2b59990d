package trials

import (
	"net/http"
	"strings"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// listView is the page /experiments.
type listView struct {
	page.Head
	Done     string
	Rows     []rowView
	Examples []exampleView
	Pairs    []pairView
}

type rowView struct {
	Path, Name, Key string
	Badge, Says     string
	Arms            string
	Shown           string
	Coverage        string
	Changed         *page.Stamp
}

type exampleView struct {
	Name, Key, About, Use string
	Arms                  string
}

// pairView is whether two experiments disturb each other.
type pairView struct {
	A, B, AAt, BAt string
	Badge, Says    string
	P              string
}

func (p *pages) list(w http.ResponseWriter, r *page.Request) error {
	l, err := p.o.Experiments.Experiments(r.Context())
	if err != nil {
		return p.lacking(err)
	}
	t := p.Texts(r)
	v := &listView{Head: page.Head{Title: t.Say("experiments")}, Done: p.Done(r)}
	names := map[string]string{}
	for i := range l.Experiments {
		e := &l.Experiments[i]
		names[e.Key] = name(t, &e.Experiment)
		row := rowView{Path: path(e.Key), Name: names[e.Key], Key: e.Key, Arms: arms(t, &e.Experiment), Shown: thousands(e.Shown)}
		row.Badge, row.Says = state(t, &e.Experiment, p.o.Now())
		row.Coverage = percent(e.CoverageAt(p.o.Now()))
		if e.Change != nil {
			row.Changed = page.Maybe(&e.Change.At)
		}
		v.Rows = append(v.Rows, row)
	}
	for i := range l.Examples {
		e := &l.Examples[i]
		v.Examples = append(v.Examples, exampleView{Name: name(t, e), Key: e.Key, About: t.In(e.About), Use: base + "/_new?" + page.Query("example", e.Key), Arms: arms(t, e)})
	}
	v.Pairs = pairs(t, l.Independent, names, "")
	return p.Show(w, r, http.StatusOK, "experiments", v)
}

// arms are the variations in a few words: "baseline 50 %, v2 50 %".
func arms(t page.Texts, e *web.Experiment) string {
	var list []string
	for _, a := range e.Variations {
		list = append(list, a.Name+" "+percent(a.Weight))
	}
	return strings.Join(list, t.Say("and"))
}

// pairs are the tests of which one is of the experiment key; "" is all.
func pairs(t page.Texts, list []web.ExperimentPair, names map[string]string, key string) []pairView {
	var out []pairView
	called := func(key string) string {
		if n := names[key]; n != "" {
			return n
		}
		return key
	}
	for _, x := range list {
		if key != "" && x.A != key && x.B != key {
			continue
		}
		v := pairView{A: called(x.A), B: called(x.B), AAt: path(x.A), BAt: path(x.B)}
		switch {
		case x.P == nil:
			v.Badge, v.Says, v.P = "plain", missing(t, x.Missing), "–"
		case x.Alarm:
			v.Badge, v.Says, v.P = "bad", t.Say("pair.bad"), probability(*x.P)
		default:
			v.Badge, v.Says, v.P = "good", t.Say("pair.good"), probability(*x.P)
		}
		out = append(out, v)
	}
	return out
}

// missing is what there is too little of for an answer.
func missing(t page.Texts, m *web.ExperimentMiss) string {
	if m == nil {
		return t.Say("missing.unknown")
	}
	if key := "missing." + strings.ReplaceAll(m.What, " ", "_"); t.Has(key) {
		return t.Say(key, thousands(m.Have), thousands(m.Need))
	}
	return t.Say("missing.members", thousands(m.Have), thousands(m.Need))
}
