package front

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// choice is one of those of a field.
type choice struct {
	Value, Text string
	Chosen      bool
}

// filterView is the form that says of whom and of when figures are.
type filterView struct {
	Communities, Units, Definitions, Within []choice
	From, To, Today                         string
	Ranges                                  []choice          // links to ranges that are often wanted; Value is the address
	Wrong                                   map[string]string // what is wrong, by field
	starts                                  []string          // the first day of each
	Query                                   string            // what was asked for, for links to the same figures elsewhere: "" or "?…"
}

// ranges are those that are often wanted: the days up to today.
var ranges = []int{28, 56, 182, 365}

// ask reads what a request asks for, and what is wrong with it.
func ask(t page.Texts, r *page.Request, sc *web.Scope) (web.DashboardFilter, *filterView) {
	q := r.URL.Query()
	d := web.DashboardFilter{Within: 30}
	v := &filterView{From: q.Get("from"), To: q.Get("to"), Today: sc.Today, Wrong: map[string]string{}}
	segment := q.Get("segment")
	if segment != "" {
		d.Segment = []string{segment}
		if !slices.Contains(sc.Platforms, segment) {
			v.Wrong["segment"] = t.Say("wrong.segment")
		}
	}
	d.From, d.To = v.From, v.To
	for _, x := range []struct{ field, day string }{{"from", d.From}, {"to", d.To}} {
		if _, err := time.Parse(time.DateOnly, x.day); x.day != "" && err != nil {
			v.Wrong[x.field] = t.Say("wrong.day")
		}
	}
	if d.From != "" && d.To != "" && len(v.Wrong) == 0 && d.From > d.To {
		v.Wrong["from"] = t.Say("wrong.order")
	}
	d.Unit, d.Definition = "week", "on_day"
	if s := q.Get("unit"); slices.Contains(web.Units, s) {
		d.Unit = s
	}
	if s := q.Get("definition"); slices.Contains(web.Definitions, s) {
		d.Definition = s
	}
	if n, err := strconv.Atoi(q.Get("within")); err == nil && slices.Contains(web.RequestDays, n) {
		d.Within = n
	}
	v.Communities = append(v.Communities, choice{"", t.Say("f.all"), segment == ""})
	for _, s := range sc.Platforms {
		v.Communities = append(v.Communities, choice{s, platformName(t, s), s == segment})
	}
	for _, u := range web.Units {
		v.Units = append(v.Units, choice{u, t.Say("unit." + u), u == d.Unit})
	}
	for _, s := range web.Definitions {
		v.Definitions = append(v.Definitions, choice{s, t.Say("def." + s), s == d.Definition})
	}
	for _, n := range web.RequestDays {
		v.Within = append(v.Within, choice{strconv.Itoa(n), t.Say("f.days", n), n == d.Within})
	}
	unit, definition, within := d.Unit, d.Definition, strconv.Itoa(d.Within)
	if today, err := time.Parse(time.DateOnly, sc.Today); err == nil {
		for _, n := range ranges {
			from := today.AddDate(0, 0, 1-n).Format(time.DateOnly)
			v.Ranges = append(v.Ranges, choice{"/?" + page.Query("segment", segment, "from", from, "unit", unit, "definition", definition, "within", within) + "#numbers",
				t.Say("f.range." + strconv.Itoa(n)), false})
			v.starts = append(v.starts, from)
		}
	}
	if len(v.Wrong) == 0 {
		if s := page.Query("segment", segment, "from", d.From, "to", d.To, "unit", unit, "definition", definition, "within", within); s != "" {
			v.Query = "?" + s
		}
	}
	return d, v
}

// settled shows the days that were shown.
func (v *filterView) settled(sc *web.Scope) {
	v.From, v.To = sc.From, sc.To
	for i, from := range v.starts {
		v.Ranges[i].Chosen = sc.From == from && sc.To == sc.Today
	}
}

// refused says that what was asked for cannot be, for a reason that only the host
// knows.
func (v *filterView) refused(t page.Texts, err error) bool {
	if !errors.Is(err, web.ErrAsked) {
		return false
	}
	v.Wrong["from"] = t.Say("wrong.range", web.MaxDays)
	return true
}

// platformName is what a platform is called.
func platformName(t page.Texts, name string) string {
	if key := "platform.name." + name; t.Has(key) {
		return t.Say(key)
	}
	return page.Printable(name)
}
