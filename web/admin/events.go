package admin

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// perPage is how many events a page has.
const perPage = 50

// maxField is how many characters of a filter's field are looked at.
const maxField = 256

var eventNumber = regexp.MustCompile(`^[0-9a-f]{16}$`)

// eventsView is the page /admin/events.
type eventsView struct {
	page.Head
	Done     string
	Tab      string // "failed", or "" for all
	Failed   int    // that wait for a person
	Dropped  int    // of those that were deleted before anybody looked
	Filter   filterView
	Rows     []rowView
	Empty    string // what is said where there are none
	Failures []failureView
	Older    string      // the address of what is further back; "" at the end
	Newest   string      // of the first page; "" on it
	Looked   *page.Stamp // how far back was looked, if that is why the page is short
	Live     string      // the address of the stream; "" if it is off
	LiveOn   string      // the address of this page with it; "" if it cannot be, or is
	LiveOff  string      // and without it
}

// filterView is the filter as the form has it.
type filterView struct {
	Plugin, Member, Channel, Kind string
	Only                          bool // those alone of which something failed
	Plugins                       []string
	Kinds                         []choice
	On                            bool // it leaves something out
}

type choice struct{ Value, Text string }

// rowView is an event as the list shows it.
type rowView struct {
	web.Event
	At       page.Stamp
	Who      string // the member's name, or id
	People   bool   // there is a page of theirs
	Where    string
	Title    string // what happened
	Subtitle string // the code of its kind
	What     []page.Span
	State    string // good, bad
	Says     string // how it went
	Took     string
}

type failureView struct {
	web.Failure
	At     page.Stamp
	Title  string
	What   []page.Span
	Error  []page.Span
	Advice string
	Times  string
}

func (p *pages) filter(r *page.Request) (web.EventFilter, filterView) {
	q := r.URL.Query()
	v := filterView{Plugin: cutTo(q.Get("plugin"), 32), Member: cutTo(q.Get("member"), maxField), Channel: cutTo(q.Get("channel"), maxField),
		Kind: cutTo(q.Get("kind"), 64), Only: q.Get("only") == "failed"}
	v.On = v.Plugin != "" || v.Member != "" || v.Channel != "" || v.Kind != "" || v.Only
	f := web.EventFilter{Plugin: v.Plugin, Member: v.Member, Conversation: v.Channel, Kind: v.Kind, Failed: v.Only, Limit: perPage}
	t := p.Texts(r)
	for _, k := range kinds {
		v.Kinds = append(v.Kinds, choice{k, t.Say("kind." + k)})
	}
	return f, v
}

// query is the filter as an address has it.
func (v *filterView) query(more ...string) string {
	only := ""
	if v.Only {
		only = "failed"
	}
	q := page.Query(append([]string{"plugin", v.Plugin, "member", v.Member, "channel", v.Channel, "kind", v.Kind, "only", only}, more...)...)
	if q != "" {
		q = "?" + q
	}
	return q
}

func (p *pages) events(w http.ResponseWriter, r *page.Request) error {
	st, err := p.o.Host.Status(r.Context())
	if err != nil {
		return err
	}
	t := p.Texts(r)
	f, fv := p.filter(r)
	for _, pl := range st.Plugins {
		fv.Plugins = append(fv.Plugins, pl.Name)
	}
	v := &eventsView{Head: page.Head{Title: t.Say("events"), Wide: true}, Done: p.Done(r), Failed: st.Failed, Filter: fv}
	if st.Dropped != nil {
		v.Dropped = *st.Dropped
	}
	if r.URL.Query().Get("tab") == "failed" {
		v.Tab = "failed"
		return p.failures(w, r, v)
	}
	before := r.URL.Query().Get("before")
	if before != "" && !eventNumber.MatchString(before) {
		return p.Sorry(http.StatusBadRequest, "/admin/events", "error.number")
	}
	pg, err := p.o.Host.Browse(r.Context(), f, before)
	if err != nil {
		return err
	}
	v.Rows, v.Empty = p.rows(t, pg.Events, p.people(r.Person.Role)), empty(t, fv)
	if pg.Next != "" {
		v.Older = "/admin/events" + fv.query("before", pg.Next)
	}
	if pg.Looked {
		s := page.At(pg.Back)
		v.Looked = &s
	}
	switch {
	case before != "":
		v.Newest = "/admin/events" + fv.query()
	case r.URL.Query().Get("live") == "off":
		v.LiveOn = "/admin/events" + fv.query()
	default:
		v.Live, v.LiveOff = "/admin/events/live"+fv.query(), "/admin/events"+fv.query("live", "off")
	}
	return p.Show(w, r, http.StatusOK, "events", v)
}

func empty(t page.Texts, f filterView) string {
	if f.On {
		return t.Say("events.nothing")
	}
	return t.Say("events.none")
}

func (p *pages) rows(t page.Texts, list []web.Event, people bool) []rowView {
	out := make([]rowView, len(list))
	for i := range list {
		e := &list[i]
		v := rowView{Event: *e, At: page.At(e.Handled), Who: e.MemberName, People: people && e.Member != "", Title: kindName(t, e.Kind), Subtitle: e.Kind,
			What: page.Visible(e.What), State: "good", Says: t.Say("row.done"), Took: took(e.DurationMS)}
		if v.Who == "" {
			v.Who = e.Member
		}
		v.Where = where(t, e)
		switch {
		case e.Error != "":
			v.State, v.Says = "bad", t.Say("row.failed", e.Attempt)
		case e.Messages > 0:
			v.Says = t.Count("row.messages", e.Messages)
		}
		out[i] = v
	}
	return out
}

// where is where an event happened.
func where(t page.Texts, e *web.Event) string {
	if e.Direct {
		return t.Say("place.direct")
	}
	return cmp.Or(e.Place, e.Conversation)
}

// took is a time in the sandbox, as people read it.
func took(ms float64) string {
	switch {
	case ms <= 0:
		return "–"
	case ms < 1:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// failures is the tab of those that wait for a person, the oldest first.
func (p *pages) failures(w http.ResponseWriter, r *page.Request, v *eventsView) error {
	after := r.URL.Query().Get("after")
	if after != "" && !eventNumber.MatchString(after) {
		return p.Sorry(http.StatusBadRequest, "/admin/events?tab=failed", "error.number")
	}
	list, err := p.o.Host.Failures(r.Context(), web.FailureFilter{Plugin: v.Filter.Plugin, After: after, Limit: perPage})
	if err != nil {
		return err
	}
	t := p.Texts(r)
	for i := range list {
		v.Failures = append(v.Failures, failure(t, &list[i]))
	}
	if after != "" {
		v.Newest = "/admin/events?" + page.Query("tab", "failed", "plugin", v.Filter.Plugin)
	}
	if len(list) >= perPage {
		v.Older = "/admin/events?" + page.Query("tab", "failed", "plugin", v.Filter.Plugin, "after", list[len(list)-1].Number)
	}
	return p.Show(w, r, http.StatusOK, "events", v)
}

func failure(t page.Texts, f *web.Failure) failureView {
	v := failureView{Failure: *f, At: page.At(f.At), Title: kindName(t, f.Kind), What: page.Visible(f.What), Error: page.Visible(f.Error),
		Advice: advice(t, f.Error), Times: t.Count("failed.tried", f.Attempts)}
	if f.Attempts == 0 {
		v.Times = t.Say("failed.untried")
	}
	return v
}

// retry hands a failed event to its plugin again.
func (p *pages) retry(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	number, plugin := r.PathValue("number"), form.Get("plugin")
	back := "/admin/events/" + number
	if form.Get("back") == "list" {
		back = "/admin/events?tab=failed"
	}
	if !eventNumber.MatchString(number) || plugin == "" || len(plugin) > 32 {
		return p.Sorry(http.StatusBadRequest, "/admin/events?tab=failed", "error.number")
	}
	err = p.o.Host.Retry(r.Context(), r.Who(), number, plugin)
	if errors.Is(err, web.ErrNotFound) {
		return p.Sorry(http.StatusNotFound, back, "error.retried")
	}
	if err != nil {
		return err
	}
	return p.to(w, r, back, "retried")
}

// before is the number just below one, so that what is behind it begins with it.
func before(number string) string {
	n, err := strconv.ParseUint(number, 16, 64)
	if err != nil || n == 0 {
		return ""
	}
	return fmt.Sprintf("%016x", n-1)
}

// kinds are those that a filter offers, the commonest first.
var kinds = strings.Fields(`member.joined message.posted command.invoked button.clicked form.submitted reaction.added timer.fired verify.finished
	http.responded custom.tracked plugin.event member.left message.edited message.deleted file.shared home.opened link.clicked pr.opened pr.merged
	host.answered member.forgotten hearth.continued`)

func kindName(t page.Texts, kind string) string {
	if key := "kind." + kind; t.Has(key) {
		return t.Say(key)
	}
	return page.Printable(kind)
}
