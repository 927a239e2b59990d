// Package known is the pages about what the community has asked and answered: the
// archive at /knowledge, a topic, the digests that were posted, a feed, and for
// managers what is to be looked at. It owns what those pages show, and how a topic
// is joined, split, named, answered or hidden there. It must not know how questions
// are recognised or where they are kept.
//
// Who is signed in sees the archive; everybody does while the community has it
// open, without what was not asked in public.
//
// It stores nothing.
package known

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

//go:embed html
var files embed.FS

// Options say what the pages work with. Frame and Knowledge are required.
type Options struct {
	Frame     *page.Frame
	Knowledge web.Knowledge

	// Open says whether everybody may read the archive, who is not signed in too;
	// nil is never.
	Open func() bool

	// URL is how browsers reach the server, without a slash at the end: for the feed.
	URL func() string

	// Community is its name; nil is "hearth".
	Community func() string
}

type pages struct {
	*page.Set
	o Options
}

const (
	perPage   = 30
	maxSearch = 200
	maxForm   = 32 << 10
)

// Register registers the pages with the frame.
func Register(o Options) error {
	if o.Frame == nil || o.Knowledge == nil {
		return errors.New("known: Options.Frame or Options.Knowledge is missing")
	}
	if o.Open == nil {
		o.Open = func() bool { return false }
	}
	if o.URL == nil {
		o.URL = func() string { return "" }
	}
	if o.Community == nil {
		o.Community = func() string { return "hearth" }
	}
	set, err := o.Frame.NewSet(files, words, "html/*.html")
	if err != nil {
		return fmt.Errorf("known: %w", err)
	}
	p := &pages{set, o}
	set.Menu(page.Item{Path: "/knowledge", Key: "knowledge", Need: access.Viewer})
	f := o.Frame
	f.Open("/knowledge", access.Viewer, o.Open, p.list)
	f.Open("/knowledge/feed.xml", access.Viewer, o.Open, p.feed)
	f.Open("/knowledge/digests", access.Viewer, o.Open, p.editions)
	f.Get("/knowledge/queue", access.Manager, p.queue)
	f.Post("/knowledge/queue", access.Manager, p.decide)
	f.Open("/knowledge/{id}", access.Viewer, o.Open, p.topic)
	f.Post("/knowledge/{id}", access.Manager, p.change)
	return nil
}

// tab is one of the pages, on top of each.
type tab struct {
	Path, Text string
	Here       bool
}

func (p *pages) tabs(r *page.Request, here string) []tab {
	l := p.Texts(r)
	out := []tab{{"/knowledge", l.Say("tab.topics"), here == "topics"}, {"/knowledge/digests", l.Say("tab.digests"), here == "digests"}}
	if r.Person.Role.Covers(access.Manager) {
		out = append(out, tab{"/knowledge/queue", l.Say("tab.queue"), here == "queue"})
	}
	return out
}

// none answers where nothing is collected.
func (p *pages) none(w http.ResponseWriter, r *page.Request, err error) error {
	if errors.Is(err, web.ErrNotFound) {
		return p.Sorry(http.StatusNotFound, "/knowledge", "none")
	}
	return err
}

// card is a topic as a list shows it.
type card struct {
	Path    string
	Title   []page.Span
	Asked   string
	Updated *page.Stamp
	Answer  *answer
	Private bool
	Hidden  bool
	Lang    string
}

// answer is an answer as a page shows it.
type answer struct {
	HTML   template.HTML
	Author string
	Why    string
	Sure   string
	Source string // an address; "" if there is none
	Where  []page.Span
	At     *page.Stamp
}

func (p *pages) card(l page.Texts, t *web.KnownTopic) card {
	return card{Path: path(t.ID), Title: page.Visible(t.Title), Asked: l.Count("asked", t.Asked), Updated: moment(t.Updated), Answer: p.answer(l, t.Answer),
		Private: !t.Public, Hidden: t.Hidden, Lang: lang(t.Lang)}
}

func (p *pages) answer(l page.Texts, a *web.KnownAnswer) *answer {
	if a == nil {
		return nil
	}
	out := &answer{HTML: page.Markdown(page.Printable(a.Text)), Author: page.Printable(a.Author), Sure: l.Say("sure", strconv.Itoa(int(math.Round(100*a.Confidence)))+" %"),
		Source: safeURL(a.Source.URL), At: moment(a.Source.At)}
	if a.Source.Channel != "" {
		out.Where = page.Visible("#" + a.Source.Channel)
	}
	if l.Has("why." + a.Why) {
		out.Why = l.Say("why." + a.Why)
	}
	if a.By != "" {
		out.Why = l.Say("why.by", out.Why, page.Printable(a.By))
	}
	return out
}

// safeURL is an address that may stand in a link: https alone.
func safeURL(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return s
}

// lang is the language of a text as HTML has it.
func lang(s string) string {
	if s == "zh" {
		return "zh-CN"
	}
	return "en"
}

func path(id uint32) string { return "/knowledge/" + strconv.FormatUint(uint64(id), 10) }

// moment is a time of the API's; nil for none.
func moment(ms int64) *page.Stamp {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms)
	return page.Maybe(&t)
}

type listView struct {
	page.Head
	Tabs         []tab
	Query        string
	Orders       []tab
	Order        string
	Says         string
	Sorry        string
	Cards        []card
	First, Next  string
	None, Nobody bool
}

func (p *pages) list(w http.ResponseWriter, r *page.Request) error {
	l, q := p.Texts(r), r.URL.Query()
	v := &listView{Head: page.Head{Title: l.Say("knowledge")}, Tabs: p.tabs(r, "topics"), Query: strings.TrimSpace(q.Get("q"))}
	orders := []string{"", "asked", "waiting"}
	if o := q.Get("order"); slices.Contains(orders, o) {
		v.Order = o
	}
	for _, o := range orders {
		v.Orders = append(v.Orders, tab{strings.TrimSuffix("/knowledge?"+page.Query("order", o), "?"), l.Say("order." + o), o == v.Order && v.Query == ""})
	}
	if len(v.Query) > maxSearch {
		v.Sorry = l.Say("search.long")
		return p.Show(w, r, http.StatusUnprocessableEntity, "knowledge", v)
	}
	after := q.Get("after")
	got, err := p.o.Knowledge.Topics(r.Context(), web.KnowledgeFilter{Text: v.Query, Order: v.Order, After: after, Limit: perPage, Role: r.Person.Role})
	if errors.Is(err, web.ErrNotFound) {
		v.None = true
		return p.Show(w, r, http.StatusOK, "knowledge", v)
	}
	if err != nil {
		return err
	}
	for i := range got.Topics {
		v.Cards = append(v.Cards, p.card(l, &got.Topics[i]))
	}
	v.Says = l.Say("sum", l.Count("topics", got.Total), l.Count("questions", got.Asked))
	if got.Next != "" {
		v.Next = "/knowledge?" + page.Query("q", v.Query, "order", v.Order, "after", got.Next)
	}
	if after != "" {
		v.First = "/knowledge?" + page.Query("q", v.Query, "order", v.Order)
	}
	return p.Show(w, r, http.StatusOK, "knowledge", v)
}

type editionsView struct {
	page.Head
	Tabs        []tab
	Editions    []edition
	First, Next string
}

type edition struct {
	Title  string
	Posted *page.Stamp
	Asked  string
	Rows   []editionRow
}

type editionRow struct {
	Path   string
	Title  []page.Span
	Asked  int
	Author string
	Source string
	Has    bool
}

func (p *pages) editions(w http.ResponseWriter, r *page.Request) error {
	l, after := p.Texts(r), r.URL.Query().Get("after")
	v := &editionsView{Head: page.Head{Title: l.Say("digests")}, Tabs: p.tabs(r, "digests")}
	got, err := p.o.Knowledge.Editions(r.Context(), after, r.Person.Role)
	if err != nil && !errors.Is(err, web.ErrNotFound) {
		return err
	}
	if err == nil {
		for i := range got.Editions {
			e := &got.Editions[i]
			kind, day, _ := strings.Cut(e.Key, ":")
			out := edition{Title: page.Printable(day), Posted: moment(e.Posted), Asked: l.Count("questions", e.Questions)}
			if l.Has("edition." + kind) {
				out.Title = l.Say("edition."+kind, out.Title)
			}
			for j := range e.Rows {
				row := &e.Rows[j]
				line := editionRow{Path: path(row.Topic), Title: page.Visible(row.Title), Asked: row.Asked}
				if a := row.Answer; a != nil {
					line.Has, line.Author, line.Source = true, page.Printable(a.Author), safeURL(a.Source.URL)
				}
				out.Rows = append(out.Rows, line)
			}
			v.Editions = append(v.Editions, out)
		}
		if got.Next != "" {
			v.Next = "/knowledge/digests?" + page.Query("after", got.Next)
		}
	}
	if after != "" {
		v.First = "/knowledge/digests"
	}
	return p.Show(w, r, http.StatusOK, "digests", v)
}
