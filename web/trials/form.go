package trials

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// lineTime is how a time is written in a line, fieldTime how a browser's field
// has it; both are the community's own time.
const (
	lineTime  = "2006-01-02 15:04"
	fieldTime = "2006-01-02T15:04"
)

// form is what stands in the form of a definition, as it was typed.
type form struct {
	Key, NameEn, NameZh, AboutEn, AboutZh string
	Arms                                  []armForm
	Coverage, Target                      string
	Metrics                               []metricForm
	Guards                                []guardForm
	Start, Stop, Zone                     string
	Namespace, From, To                   string
	Holdout, Share                        string
	Why, Base                             string
	New                                   bool
	Fixed                                 bool   // who gets what does not change any more: members may have been shown it
	Example                               string // the ready one that it was made of
	More                                  bool   // what is seldom needed is open
	Wrong                                 map[string]string
}

type armForm struct{ Name, Weight string }

type metricForm struct {
	Name, Says, About string
	Main, On          bool
}

type guardForm struct {
	Metric, Says, Margin string
	On                   bool
}

const (
	spareArms = 2 // empty lines for further variations
	maxArms   = 16
)

// shown fills the form with a definition.
func shown(t page.Texts, e *web.Experiment, l *web.ExperimentList) *form {
	zone := zoneOf(l.Zone)
	f := &form{Key: e.Key, NameEn: e.Name["en"], NameZh: e.Name["zh-CN"], AboutEn: e.About["en"], AboutZh: e.About["zh-CN"], Coverage: short(e.Coverage * 100),
		Target: e.Target, Zone: zone.String(), Base: e.Base, Fixed: e.Started(), Wrong: map[string]string{}}
	equal := !slices.ContainsFunc(e.Variations, func(a web.ExperimentArm) bool { return a.Weight != e.Variations[0].Weight })
	for _, a := range e.Variations {
		x := armForm{Name: a.Name}
		if !equal {
			x.Weight = short(a.Weight * 100)
		}
		f.Arms = append(f.Arms, x)
	}
	if !f.Fixed {
		for range spareArms {
			f.Arms = append(f.Arms, armForm{})
		}
		f.Arms = f.Arms[:min(len(f.Arms), maxArms)]
	}
	for _, m := range l.Metrics {
		i := slices.Index(e.Metrics, m.Name)
		f.Metrics = append(f.Metrics, metricForm{m.Name, metricName(t, m.Name), metricAbout(t, &m), i == 0, i > 0})
		g := guardForm{Metric: m.Name, Says: metricName(t, m.Name), Margin: "2"}
		for _, have := range e.Guardrails {
			if have.Metric == m.Name && !have.Fewer {
				g.On, g.Margin = true, points(have.Margin)
			}
		}
		if g.On || m.Name == "left" || m.Name == "muted" {
			f.Guards = append(f.Guards, g)
		}
	}
	f.Start, f.Stop = inField(e.Start, zone), inField(e.Stop, zone)
	if n := e.Namespace; n != nil {
		f.Namespace, f.From, f.To = n.ID, short(n.Start*100), short(n.End*100)
	}
	if h := e.Holdout; h != nil {
		f.Holdout, f.Share = h.Name, short(h.Share*100)
	}
	f.More = f.Target != "" || f.Start != "" || f.Stop != "" || f.Namespace != "" || f.Holdout != ""
	return f
}

func inField(at *time.Time, zone *time.Location) string {
	if at == nil {
		return ""
	}
	return at.In(zone).Format(fieldTime)
}

// read lays what was typed over a definition. What cannot be read is in Wrong, by
// the name of its field.
func (f *form) read(t page.Texts, v url.Values, e web.Experiment) web.Experiment {
	wrong := func(field, key string, args ...any) { f.Wrong[field] = t.Say(key, args...) }
	text := func(field string, most int) string {
		s := strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(v.Get(field), "\ufffd"), "\r\n", "\n"))
		if utf8.RuneCountInString(s) > most {
			wrong(field, "wrong.long", most)
		}
		return s
	}
	share := func(field string) float64 {
		n, err := decimal(v.Get(field), 100)
		if err != nil {
			wrong(field, "wrong.share")
		}
		return n / 100
	}
	f.NameEn, f.NameZh, f.AboutEn, f.AboutZh, f.Why = text("name_en", 200), text("name_zh", 200), text("about_en", 500), text("about_zh", 500), v.Get("why")
	e.Name, e.About = in(f.NameEn, f.NameZh), in(f.AboutEn, f.AboutZh)
	if f.New {
		if f.Key = text("key", 64); f.Key == "" {
			wrong("key", "wrong.key")
		}
		e.Key = f.Key
	}
	if !f.Fixed {
		f.readArms(v, &e, wrong)
		f.Coverage = v.Get("coverage")
		e.Coverage, e.Ramp = share("coverage"), nil
		f.Target = text("target", 1000)
		e.Target = f.Target
		f.readShares(v, &e, wrong, share)
	}
	zone := zoneOf(f.Zone)
	when := func(field string, to **time.Time) string {
		s := strings.TrimSpace(v.Get(field))
		if s == inField(*to, zone) {
			return s // as it was: a field has no seconds, nor says which of an hour that comes twice
		}
		if *to = nil; s == "" {
			return s
		}
		at, err := time.ParseInLocation(fieldTime, strings.Replace(s, " ", "T", 1), zone)
		if err != nil {
			wrong(field, "wrong.time")
			return s
		}
		at = at.UTC()
		*to = &at
		return s
	}
	f.Start, f.Stop = when("start", &e.Start), when("stop", &e.Stop)
	if e.Start != nil && e.Stop != nil && !e.Start.Before(*e.Stop) {
		wrong("stop", "wrong.order")
	}
	f.readMetrics(v, &e, wrong)
	f.More = true
	return e
}

func in(en, zh string) web.Words {
	w := web.Words{}
	if en != "" {
		w["en"] = en
	}
	if zh != "" {
		w["zh-CN"] = zh
	}
	if len(w) == 0 {
		return nil
	}
	return w
}

// readArms reads the variations: lines with a name. Weights that are all empty are
// equal ones.
func (f *form) readArms(v url.Values, e *web.Experiment, wrong func(string, string, ...any)) {
	names, weights := v["arm"], v["weight"]
	f.Arms, e.Variations = nil, nil
	sum, said := 0.0, false
	for i, n := range names[:min(len(names), maxArms)] {
		a := armForm{Name: strings.TrimSpace(n)}
		if i < len(weights) {
			a.Weight = strings.TrimSpace(weights[i])
		}
		f.Arms = append(f.Arms, a)
		if a.Name == "" {
			continue
		}
		w, err := decimal(a.Weight, 100)
		if err != nil {
			wrong("arms", "wrong.share")
		}
		said = said || a.Weight != ""
		sum += w
		if slices.ContainsFunc(e.Variations, func(o web.ExperimentArm) bool { return o.Name == a.Name }) {
			wrong("arms", "wrong.arm")
		}
		e.Variations = append(e.Variations, web.ExperimentArm{Name: a.Name, Weight: w / 100})
	}
	switch n := len(e.Variations); {
	case n < 2:
		wrong("arms", "wrong.arms")
	case !said:
		for i := range e.Variations {
			e.Variations[i].Weight = 1 / float64(n)
		}
	case math.Abs(sum-100) > 1 && f.Wrong["arms"] == "":
		wrong("arms", "wrong.sum", short(sum))
	}
}

// readShares reads the namespace and the holdout.
func (f *form) readShares(v url.Values, e *web.Experiment, wrong func(string, string, ...any), share func(string) float64) {
	f.Namespace, f.From, f.To = strings.TrimSpace(v.Get("namespace")), v.Get("from"), v.Get("to")
	f.Holdout, f.Share = strings.TrimSpace(v.Get("holdout")), v.Get("share")
	e.Namespace, e.Holdout = nil, nil
	if f.Namespace != "" {
		n := &web.ExperimentNamespace{ID: f.Namespace, Start: share("from"), End: share("to")}
		if n.Start >= n.End || len(n.ID) > 64 {
			wrong("to", "wrong.part")
		}
		e.Namespace = n
	}
	if f.Holdout != "" {
		h := &web.ExperimentHoldout{Name: f.Holdout, Share: share("share")}
		if h.Share <= 0 || h.Share >= 1 || len(h.Name) > 64 {
			wrong("share", "wrong.holdout")
		}
		e.Holdout = h
	}
}

func (f *form) readMetrics(v url.Values, e *web.Experiment, wrong func(string, string, ...any)) {
	e.Metrics = nil
	main := v.Get("main")
	for i := range f.Metrics {
		m := &f.Metrics[i]
		m.Main, m.On = m.Name == main, slices.Contains(v["metric"], m.Name) && m.Name != main
	}
	for _, which := range []func(metricForm) bool{func(m metricForm) bool { return m.Main }, func(m metricForm) bool { return m.On }} {
		for _, m := range f.Metrics {
			if which(m) {
				e.Metrics = append(e.Metrics, m.Name)
			}
		}
		if len(e.Metrics) == 0 {
			wrong("main", "wrong.main")
		}
	}
	var all []web.ExperimentGuard
	for _, g := range e.Guardrails { // what the form does not show stays
		if g.Fewer || !slices.ContainsFunc(f.Guards, func(x guardForm) bool { return x.Metric == g.Metric }) {
			all = append(all, g)
		}
	}
	for i := range f.Guards {
		g := &f.Guards[i]
		g.On, g.Margin = slices.Contains(v["guard"], g.Metric), v.Get("margin."+g.Metric)
		if !g.On {
			continue
		}
		n, err := decimal(g.Margin, 100)
		if err != nil {
			wrong("guards", "wrong.margin")
		}
		all = append(all, web.ExperimentGuard{Metric: g.Metric, Margin: n / 100})
	}
	e.Guardrails = all
}

// fields are those of a definition by those of the form, for what is found wrong
// behind it.
var fields = map[string]string{"key": "key", "name": "name_en", "about": "about_en", "variations": "arms", "weights": "arms", "coverage": "coverage", "target": "target", "start": "start", "stop": "stop",
	"metrics": "main", "guardrails": "guards", "namespace": "to", "holdout": "share"}

// refuse says beside its fields what was found wrong with a definition, and
// returns what is of none of them.
func (f *form) refuse(t page.Texts, faults []web.ExperimentFault) (rest [][]page.Span) {
	for _, x := range faults {
		whole, _, _ := strings.Cut(x.Field, ".")
		whole, _, _ = strings.Cut(whole, "[")
		if field := fields[whole]; field != "" && f.Wrong[field] == "" {
			f.Wrong[field] = page.Printable(said(t, x))
			continue
		}
		rest = append(rest, page.Visible(said(t, x)))
	}
	return rest
}

// said is a fault in the reader's language, if it can be.
func said(t page.Texts, x web.ExperimentFault) string {
	if s := t.In(x.In); s != "" {
		return s
	}
	return x.Text
}

// lines writes a definition so that two of them can be compared.
func lines(t page.Texts, e *web.Experiment) string {
	var b strings.Builder
	line := func(key, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s: %s\n", t.Say(key), text)
		}
	}
	line("col.state", e.Status)
	line("f.name_en", e.Name["en"])
	line("f.name_zh", e.Name["zh-CN"])
	line("f.about_en", e.About["en"])
	line("f.about_zh", e.About["zh-CN"])
	line("arms", arms(t, e))
	line("f.coverage", percent(e.Coverage))
	for _, s := range e.Ramp {
		line("ramp", s.At.UTC().Format(lineTime)+" UTC "+percent(s.Coverage))
	}
	line("f.target", e.Target)
	for _, m := range e.Metrics {
		line("metric", metricName(t, m))
	}
	for _, g := range e.Guardrails {
		line("guards", t.Say("guard.rule", metricName(t, g.Metric), points(g.Margin)))
	}
	if e.Start != nil {
		line("f.start", e.Start.UTC().Format(lineTime)+" UTC")
	}
	if e.Stop != nil {
		line("f.stop", e.Stop.UTC().Format(lineTime)+" UTC")
	}
	if n := e.Namespace; n != nil {
		line("f.namespace", fmt.Sprintf("%s %s – %s", n.ID, percent(n.Start), percent(n.End)))
	}
	if h := e.Holdout; h != nil {
		line("f.holdout", h.Name+" "+percent(h.Share))
	}
	line("testers", fmt.Sprint(len(e.Forced)))
	return b.String()
}
