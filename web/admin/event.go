package admin

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// Bounds of what the page of one event shows; an event may have 64 effects in
// each of its plugins.
const (
	maxMessages = 200
	maxLogs     = 100 // lines of one plugin
)

// eventView is the page of one event.
type eventView struct {
	page.Head
	Done    string
	Number  string
	Title1  string // what happened
	State   string
	Says    string
	Event   *web.Event // what is known of it; nil if it was given up at once
	Who     []page.Span
	People  bool
	Place   []page.Span
	What    []page.Span
	At      page.Stamp
	Wide    []drawing // the way, for windows that are wide, and that are not
	Handled []handledView
	More    int // messages that are not shown
}

type handledView struct {
	Plugin   string
	State    string // good, bad, wait
	Says     string
	Event    *web.Event // nil if it never ran
	At       *page.Stamp
	Took     string
	Fuel     string
	Error    []page.Span
	Advice   string
	GivenUp  bool // it waits for a person
	Again    bool // it is tried again by itself
	Effects  []effectView
	Withheld [][]page.Span
	Log      []page.Span // all lines
	LogMore  int
	Messages []messageView
}

type effectView struct {
	Name string
	Text []page.Span
}

type messageView struct {
	web.Message
	T        page.Texts
	Title    string
	To       []page.Span
	State    string
	Says     string
	Made     page.Stamp
	Ended    *page.Stamp
	Why      []page.Span
	Advice   string
	Blocks   []blockView
	Attempts []attemptView
}

type blockView struct {
	HTML, Small template.HTML
	Heading     []page.Span
	Code        []page.Span
	IsCode      bool
	Fields      []fieldView
	Buttons     []string
	Header      []string
	Rows        [][]string
	Divider     bool
}

type fieldView struct {
	Label string
	Value template.HTML
}

type attemptView struct {
	At    page.Stamp
	State string
	Says  string
	Error []page.Span
}

func (p *pages) event(w http.ResponseWriter, r *page.Request) error {
	number := r.PathValue("number")
	if !eventNumber.MatchString(number) {
		return p.Sorry(http.StatusNotFound, "/admin/events", "error.event")
	}
	e, err := p.o.Host.Event(r.Context(), number)
	if err != nil && !errors.Is(err, web.ErrNotFound) {
		return err
	}
	given, failErr := p.o.Host.Failures(r.Context(), web.FailureFilter{After: before(number), Limit: 1})
	if failErr != nil {
		return failErr
	}
	given = slices.DeleteFunc(given, func(f web.Failure) bool { return f.Number != number })
	if err != nil && len(given) == 0 {
		return p.Sorry(http.StatusNotFound, "/admin/events", "error.event")
	}
	v := newEventView(p.Texts(r), number, &e, given)
	v.Done, v.People = p.Done(r), v.People && p.people(r.Person.Role)
	return p.Show(w, r, http.StatusOK, "event", v)
}

func newEventView(t page.Texts, number string, e *Event, given []web.Failure) *eventView {
	v := &eventView{Number: number}
	v.Head.Wide = true
	byPlugin := map[string]*web.Failure{}
	for i := range given {
		byPlugin[given[i].Plugin] = &given[i]
	}
	for i := range e.Handled {
		h := &e.Handled[i]
		v.Handled = append(v.Handled, handled(t, h, byPlugin[h.Plugin]))
		delete(byPlugin, h.Plugin)
	}
	for i := range given { // what was given up at once has no journal
		if f := &given[i]; byPlugin[f.Plugin] != nil {
			v.Handled = append(v.Handled, handledView{Plugin: f.Plugin, State: "bad", Says: t.Say("state.given"), Error: page.Visible(f.Error),
				Advice: advice(t, f.Error), GivenUp: true, At: page.Maybe(&f.At)})
		}
	}
	if len(e.Handled) > 0 {
		v.Event = &e.Handled[0].Event
		v.Title1, v.At, v.People = kindName(t, v.Event.Kind), page.At(v.Event.Time), v.Event.Member != ""
		v.Who, v.Place, v.What = page.Visible(cmp.Or(v.Event.MemberName, v.Event.Member)), page.Visible(where(t, v.Event)), page.Visible(v.Event.What)
	} else {
		f := &given[0]
		v.Event = &web.Event{Source: f.Source, Kind: f.Kind, Member: f.Member}
		v.Title1, v.At, v.People = kindName(t, f.Kind), page.At(arrived(number)), f.Member != ""
		v.Who, v.What = page.Visible(f.Member), page.Visible(f.What)
	}
	v.Title = v.Title1
	messages := e.Messages
	if v.More = len(messages) - maxMessages; v.More > 0 {
		messages = messages[:maxMessages]
	}
	for i := range messages {
		m := message(t, &messages[i])
		if m.Member != "" && m.Member == v.Event.Member && v.Event.MemberName != "" {
			m.To = v.Who
		}
		h := slices.IndexFunc(v.Handled, func(h handledView) bool { return h.Plugin == m.Plugin })
		if h < 0 { // its plugin's row has been deleted since
			v.Handled = append(v.Handled, handledView{Plugin: m.Plugin, State: "plain", Says: t.Say("state.gone")})
			h = len(v.Handled) - 1
		}
		v.Handled[h].Messages = append(v.Handled[h].Messages, m)
	}
	v.State, v.Says = "good", t.Say("state.done")
	for _, h := range v.Handled {
		if h.State == "bad" || h.State == "wait" && v.State == "good" {
			v.State, v.Says = h.State, h.Says
		}
	}
	way := newWay(t, v, arrived(number))
	v.Wide = []drawing{way.wide(t), way.narrow(t)}
	return v
}

// arrived is when the event of a number came in: numbers are times.
func arrived(number string) time.Time {
	n, err := strconv.ParseInt(number, 16, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func handled(t page.Texts, h *Handled, given *web.Failure) handledView {
	v := handledView{Plugin: h.Plugin, Event: &h.Event, Took: took(h.DurationMS), Fuel: fuel(h.Fuel), State: "good", Says: t.Say("state.done")}
	s := page.At(h.Handled)
	v.At = &s
	switch {
	case h.Error != "" && given != nil:
		v.State, v.Says, v.GivenUp = "bad", t.Say("state.given"), true
	case h.Error != "":
		v.State, v.Says, v.Again = "wait", t.Say("state.again"), true
	}
	if h.Error != "" {
		v.Error, v.Advice = page.Visible(h.Error), advice(t, h.Error)
	} else {
		for _, e := range h.Effects {
			v.Effects = append(v.Effects, effectView{effectName(t, e.Kind), page.Visible(e.Text)})
		}
	}
	for _, w := range h.Withheld {
		v.Withheld = append(v.Withheld, page.Visible(w))
	}
	lines := h.Log
	if v.LogMore = max(0, len(lines)-maxLogs); v.LogMore > 0 {
		lines = lines[:maxLogs]
	}
	v.Log = page.Visible(strings.Join(lines, "\n"))
	return v
}

func effectName(t page.Texts, kind string) string {
	if key := "effect." + kind; t.Has(key) {
		return t.Say(key)
	}
	return kind
}

// fuel is a number of instructions, as people read it.
func fuel(n int64) string {
	switch {
	case n <= 0:
		return "–"
	case n < 10_000:
		return strconv.FormatInt(n, 10)
	case n < 10_000_000:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprintf("%dM", n/1_000_000)
}

// states of a message's status.
var states = map[string]string{"waiting": "wait", "sent": "good", "failed": "bad", "expired": "wait", "withheld": "plain", "skipped": "plain"}

func message(t page.Texts, m *Message) messageView {
	v := messageView{Message: m.Message, T: t, Title: t.Say("op." + m.Op), State: cmp.Or(states[m.Status], "plain"), Says: m.Status, Made: page.At(m.Made),
		Ended: page.Maybe(&m.Ended), Why: page.Visible(m.Why)}
	if key := "status." + m.Status; t.Has(key) {
		v.Says = t.Say(key)
	}
	v.To = page.Visible(cmp.Or(m.Member, m.Conversation))
	if m.Status == "failed" {
		v.Advice = deliveryAdvice(t, m.Why)
	}
	for i := range m.Content {
		v.Blocks = append(v.Blocks, block(&m.Content[i]))
	}
	for i := range m.Attempts {
		a := &m.Attempts[i]
		x := attemptView{At: page.At(a.Began), State: "good", Says: t.Say("attempt.arrived"), Error: page.Visible(a.Error)}
		switch {
		case a.Unknown:
			x.State, x.Says = "wait", t.Say("attempt.unknown")
		case a.Error != "":
			x.State, x.Says = "bad", t.Say("attempt.refused")
		case a.Ended.IsZero():
			x.State, x.Says = "wait", t.Say("attempt.open")
		}
		if a.Duplicate {
			x.Says += " · " + t.Say("attempt.duplicate")
		}
		v.Attempts = append(v.Attempts, x)
	}
	return v
}

func block(b *Block) blockView {
	v := blockView{Heading: page.Visible(b.Heading), Code: page.Visible(b.Code), IsCode: b.Code != "", Buttons: b.Buttons, Header: b.Header, Rows: b.Rows, Divider: b.Divider}
	if b.Text != "" {
		v.HTML = page.Markdown(b.Text)
	}
	if b.Small != "" {
		v.Small = page.Markdown(b.Small)
	}
	for _, f := range b.Fields {
		v.Fields = append(v.Fields, fieldView{f[0], page.Markdown(f[1])})
	}
	return v
}
