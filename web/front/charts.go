package front

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// refreshEvery is after how long the page's script asks for the figures again.
const refreshEvery = time.Minute

// charts is how the community does, as the page shows it. The tables are the truth:
// the page's script draws its pictures from them.
type charts struct {
	Filter   *filterView
	Every    int // seconds
	Known    bool
	Soon     []string // what will be here once there is something
	Since    string
	About    string // of whom and of when all of it is
	At       page.Stamp
	Hidden   []hiddenLine
	Tiles    []tile
	Trend    *grid
	Stay     *stay
	Funnel   *funnelView
	First    *grid
	Paths    *grid
	Counting bool   // the funnel is defined anew
	Joined   int    // members who joined in these days
	Nobody   string // why there are none
}

// hiddenLine is what a platform does not show.
type hiddenLine struct {
	Platform string
	What     []string
	Own      bool // the adapter's own words, in English
}

// grid is figures in rows and columns.
type grid struct {
	ID, Name string // of the table; what it shows, for those who do not see it
	Of       string // what it counts
	Cols     []col
	Rows     []line
	File     string // of its figures, without the ending: "dau"
	Query    string
}

type col struct{ Key, Text string }

type line struct {
	Key, Text, Note string
	Cells           []cell
	All             bool // of all rows together
	Open            bool // may still rise
}

// cell is a figure: Value as the chart reads it, "" for one that is not known.
type cell struct {
	Value, Text, Note string
	Heat              string // its class, by how much it is

}

const blank = "–"

func count(n *int) cell {
	if n == nil {
		return cell{Text: blank}
	}
	return cell{Value: strconv.Itoa(*n), Text: strconv.Itoa(*n)}
}

// part is a share with those it is of; blank as long as it is not known.
func part(p web.Part) cell {
	if p.Share == nil {
		return cell{Text: blank}
	}
	return cell{Value: strconv.FormatFloat(*p.Share, 'f', 6, 64), Text: percent(*p.Share), Note: fmt.Sprintf("%d/%d", *p.Active, p.N), Heat: heat(*p.Share)}
}

// percent is a share as it is read: to the tenth of a percent where it is small, or
// where it would be all. Some are never none, and not all never all.
func percent(share float64) string {
	v := share * 100
	switch {
	case v > 0 && v < 0.05:
		return "<0.1%"
	case v < 100 && v >= 99.95:
		return ">99.9%"
	case v > 0 && v < 9.95, v < 100 && v >= 99.5:
		return strconv.FormatFloat(v, 'f', 1, 64) + "%"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + "%"
}

// heat is the class of a share from 0 to 1: small ones are told apart better than
// large ones.
func heat(share float64) string {
	if share <= 0 {
		return ""
	}
	return "h" + strconv.Itoa(int(math.Ceil(math.Sqrt(min(share, 1))*10)))
}

// window is how long newcomers have: in days if it is whole ones.
func window(t page.Texts, hours float64) string {
	switch {
	case math.Mod(hours, 24) == 0:
		return t.Count("window.days", int(hours/24))
	case hours == math.Trunc(hours):
		return t.Count("window.hours", int(hours))
	}
	return t.Say("window.hours.part", strconv.FormatFloat(math.Round(hours*100)/100, 'f', -1, 64))
}

// took is a time as it is read.
func took(t page.Texts, seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	switch {
	case d < time.Minute:
		return t.Say("took.s", int(d.Seconds()))
	case d < time.Hour:
		return t.Say("took.m", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return t.Say("took.h", strings.TrimSuffix(strconv.FormatFloat(d.Hours(), 'f', 1, 64), ".0"))
	}
	return t.Say("took.d", strings.TrimSuffix(strconv.FormatFloat(d.Hours()/24, 'f', 1, 64), ".0"))
}

// chartsView is what the page shows of d.
func (p *pages) chartsView(t page.Texts, f *filterView, q web.DashboardFilter, d *web.Dashboard, members bool) *charts {
	sc := &d.Active.Scope
	v := &charts{Filter: f, Every: int(refreshEvery / time.Second), Known: sc.Since != "", Since: sc.Since, At: page.At(sc.At), Hidden: hidden(t, sc.Hidden), Counting: sc.Counting}
	for _, c := range d.DayByDay.Cohorts {
		v.Joined += c.N
	}
	who := t.Say("f.all")
	if len(sc.Segments) > 0 {
		var names []string
		for _, s := range sc.Segments {
			names = append(names, platformName(t, s))
		}
		who = strings.Join(names, t.Say("list.and"))
	}
	v.About = t.Say("about", who, sc.From, sc.To, sc.TimeZone, sc.Since)
	f.settled(sc)
	if !v.Known {
		v.Soon = []string{"trend", "stay", "funnel", "first", "paths"}
		return v
	}
	v.Tiles = headlines(t, d)
	switch {
	case sc.To < sc.Since:
		v.Nobody = t.Say("nobody.before", sc.Since)
		for i := range v.Tiles {
			v.Tiles[i].Of = t.Say("n.before", sc.Since)
		}
	case v.Joined == 0:
		v.Nobody = t.Say("nobody")
		for i := range v.Tiles {
			if v.Tiles[i].Of == t.Say("n.later") {
				v.Tiles[i].Of = t.Say("n.nobody")
			}
		}
	}
	v.Trend = trend(t, q, d, f.Query)
	if v.Joined == 0 {
		return v
	}
	v.Stay = stays(t, &d.Retention, f.Query)
	v.Funnel = p.funnel(t, &d.Funnel, f.Query, members)
	v.First = firstMinutes(t, &d.First, f.Query)
	v.Paths = paths(t, &d.Paths, f.Query)
	return v
}

// hidden says what platforms do not show, in the reader's language where it is
// known what the adapter means.
func hidden(t page.Texts, list []web.Hidden) []hiddenLine {
	var out []hiddenLine
	for _, h := range list {
		l := hiddenLine{Platform: platformName(t, h.Platform), What: h.What, Own: true}
		if key := "hidden." + h.Platform; t.Has(key) {
			l.What, l.Own = []string{t.Say(key)}, false
		}
		if len(l.What) > 0 {
			out = append(out, l)
		}
	}
	return out
}

// headlines are the figures that one looks for first.
func headlines(t page.Texts, d *web.Dashboard) []tile {
	number := func(key string, n *int) tile {
		return tile{Number: count(n).Text, Label: t.Say("n." + key), Of: t.Say("n." + key + ".of")}
	}
	share := func(key string, p web.Part, args ...any) tile {
		x := tile{Number: blank, Label: t.Say("n."+key, args...), Of: t.Say("n.later")}
		if p.Share != nil {
			x.Number, x.Of = percent(*p.Share), t.Say("n."+key+".of", *p.Active, p.N)
		}
		return x
	}
	var last web.ActiveDay
	if n := len(d.Active.Days); n > 0 {
		last = d.Active.Days[n-1]
	}
	today := number("active", last.Daily)
	today.Of = t.Say("n.active.of", last.Day)
	if !last.Over {
		today.Of = t.Say("n.active.sofar", last.Day)
	}
	var day7, opened, merged web.Part
	if len(d.DayByDay.Mean) > 7 {
		day7 = d.DayByDay.Mean[7]
	}
	for i, w := range d.Requests.Opened {
		if w.Days == d.Requests.Within {
			opened = w.Part
			if i < len(d.Requests.Merged) {
				merged = d.Requests.Merged[i].Part
			}
		}
	}
	return []tile{today, number("weekly", last.Weekly), number("monthly", last.Monthly), share("day7", day7), share("opened", opened, d.Requests.Within), share("merged", merged, d.Requests.Within)}
}

// trend is the days one after the other: who was active, and what became of those
// who joined on each.
func trend(t page.Texts, q web.DashboardFilter, d *web.Dashboard, query string) *grid {
	g := &grid{ID: "t-trend", Name: t.Say("trend"), File: "dau", Query: query, Of: t.Say("trend.of", t.Say("def7."+q.Definition), d.Requests.Within),
		Cols: []col{{"daily", t.Say("trend.daily")}, {"weekly", t.Say("trend.weekly")}, {"monthly", t.Say("trend.monthly")}, {"joined", t.Say("trend.joined")},
			{"day7", t.Say("trend.day7")}, {"pr", t.Say("trend.pr", d.Requests.Within)}}}
	for i := len(d.Active.Days) - 1; i >= 0; i-- {
		a := d.Active.Days[i]
		l := line{Key: a.Day, Text: a.Day, Cells: []cell{count(a.Daily), count(a.Weekly), count(a.Monthly), {Text: blank}, {Text: blank}, {Text: blank}}}
		if !a.Over {
			l.Note, l.Open = t.Say("trend.sofar"), true
		}
		if i < len(d.DayByDay.Cohorts) && a.Daily != nil {
			c := &d.DayByDay.Cohorts[i]
			l.Cells[3] = count(&c.N)
			if len(c.Ages) > 7 {
				l.Cells[4] = part(c.Ages[7])
			}
		}
		if i < len(d.Requests.Days) {
			l.Cells[5] = part(d.Requests.Days[i].Part)
		}
		g.Rows = append(g.Rows, l)
	}
	return g
}

// stay is the triangle, and its mean as a curve.
type stay struct {
	Grid             *grid
	Unit, Definition string
}

func stays(t page.Texts, r *web.Retention, query string) *stay {
	g := &grid{ID: "t-stay", Name: t.Say("stay"), File: "retention", Query: query, Of: t.Say("stay.of."+r.Definition, t.Say("per."+r.Unit), t.Say("in."+r.Unit))}
	ages := len(r.Mean) // but those that nobody can have yet
	for ages > 2 && r.Mean[ages-1].Share == nil {
		ages--
	}
	for age := range ages {
		g.Cols = append(g.Cols, col{strconv.Itoa(age), strconv.Itoa(age)})
	}
	add := func(key, text string, n int, parts []web.Part, all bool) {
		l := line{Key: key, Text: text, Note: t.Say("stay.n", n), All: all}
		for _, p := range parts[:ages] {
			l.Cells = append(l.Cells, part(p))
		}
		g.Rows = append(g.Rows, l)
	}
	n := 0
	for _, c := range r.Cohorts {
		n += c.N
	}
	add("all", t.Say("stay.all"), n, r.Mean, true)
	for i := len(r.Cohorts) - 1; i >= 0; i-- {
		c := &r.Cohorts[i]
		add(c.First, c.Name, c.N, c.Ages, false)
	}
	return &stay{g, r.Unit, r.Definition}
}

// funnelView is the funnel, and when those are lost who are.
type funnelView struct {
	Of    string
	Query string
	Steps []stepView
	Hours *grid // nil if nobody is lost
}

type stepView struct {
	Name, Key                           string
	By                                  []string
	Reached                             int
	OfJoined, Rate, Median              string
	InProgress, Lost                    int
	DropOff                             bool
	InProgressLink, LostLink, StandLink string
}

func stepName(t page.Texts, name string) string {
	if key := "step.name." + name; t.Has(key) {
		return t.Say(key)
	}
	return page.Printable(name)
}

func (p *pages) funnel(t page.Texts, f *web.Funnel, query string, members bool) *funnelView {
	v := &funnelView{Of: t.Say("funnel.of", window(t, f.Window)), Query: query}
	link := func(step, state string) string {
		if !members {
			return ""
		}
		return standingPath(step) + "?" + page.Query("segment", strings.Join(f.Segments, ","), "from", f.From, "to", f.To, "state", state)
	}
	hours := &grid{ID: "t-hours", Name: t.Say("hours"), File: "drop-off", Query: query, Of: t.Say("hours.of", f.TimeZone)}
	for h := range 24 {
		hours.Cols = append(hours.Cols, col{strconv.Itoa(h), fmt.Sprintf("%02d", h)})
	}
	lost, most := 0, 1
	for _, s := range f.Steps {
		for _, n := range s.LostAt {
			lost, most = lost+n, max(most, n)
		}
	}
	for i, s := range f.Steps {
		x := stepView{Name: stepName(t, s.Name), Key: s.Name, By: s.By, Reached: s.Reached, OfJoined: blank, Rate: blank, Median: blank,
			InProgress: s.InProgress, Lost: s.Lost, DropOff: s.DropOff}
		if s.OfJoined != nil {
			x.OfJoined = percent(*s.OfJoined)
		}
		if i > 0 {
			if s.Rate != nil {
				x.Rate = percent(*s.Rate)
			}
			if s.Median != nil {
				x.Median = took(t, *s.Median)
			}
			before := f.Steps[i-1].Name
			if s.Lost > 0 {
				x.LostLink = link(before, "lost")
			}
			if s.InProgress > 0 {
				x.InProgressLink = link(before, "in_progress")
			}
			l := line{Key: s.Name, Text: t.Say("hours.before", x.Name), Note: t.Say("hours.n", s.Lost)}
			for _, n := range s.LostAt {
				c := count(&n)
				if n == 0 {
					c.Text = ""
				}
				c.Heat = heat(float64(n) / float64(most))
				l.Cells = append(l.Cells, c)
			}
			hours.Rows = append(hours.Rows, l)
		}
		v.Steps = append(v.Steps, x)
	}
	if lost > 0 {
		v.Hours = hours
	}
	return v
}

func firstMinutes(t page.Texts, f *web.FirstMinutes, query string) *grid {
	g := &grid{ID: "t-first", Name: t.Say("first"), File: "heatmap", Query: query, Of: t.Say("first.of", f.N)}
	for i := range 5 {
		g.Cols = append(g.Cols, col{strconv.Itoa(i + 1), t.Say("first.minute", i+1)})
	}
	for _, a := range f.Actions {
		l := line{Key: a.Name, Text: actionName(t, a.Name)}
		for _, n := range a.Minutes {
			l.Cells = append(l.Cells, part(web.PartOf(f.N, n, true)))
		}
		g.Rows = append(g.Rows, l)
	}
	return g
}

func actionName(t page.Texts, name string) string {
	if key := "action." + name; t.Has(key) {
		return t.Say(key)
	}
	return page.Printable(name)
}

func paths(t page.Texts, f *web.Paths, query string) *grid {
	g := &grid{ID: "t-paths", Name: t.Say("paths"), File: "paths", Query: query, Of: t.Say("paths.of"),
		Cols: []col{{"to", t.Say("paths.to")}, {"members", t.Say("paths.members")}}}
	for _, l := range f.Links {
		from := l.From
		g.Rows = append(g.Rows, line{Key: fmt.Sprintf("%d:%s", l.Depth, from), Text: actionName(t, from), Note: t.Say("paths.step", l.Depth+1),
			Cells: []cell{{Value: fmt.Sprintf("%d:%s", l.Depth+1, l.To), Text: actionName(t, l.To)}, count(&l.N)}})
	}
	return g
}
