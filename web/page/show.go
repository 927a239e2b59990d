package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat"
)

// Set is the templates and the texts of some pages. It is safe for concurrent
// use.
type Set struct {
	f         *Frame
	templates *template.Template
	words     []Words
}

// NewSet parses the templates that the patterns name in files, on top of the
// frame's own, and adds texts. Of two with one name the set's is taken. A text that
// is not there in both languages is an error.
func (f *Frame) NewSet(files fs.FS, texts Words, patterns ...string) (*Set, error) {
	if err := texts.check(); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	base, err := f.own.templates.Clone()
	if err == nil && len(patterns) > 0 {
		base, err = base.ParseFS(files, patterns...)
	}
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return &Set{f: f, templates: base, words: []Words{texts, words}}, nil
}

// Texts are the set's texts in the language of a request.
func (s *Set) Texts(r *Request) Texts { return Texts{r.T.lang, s.words} }

// Head is what every page has around its own. A view embeds it, and sets Title,
// and Wide or Narrow if it likes.
type Head struct {
	Title  string
	Wide   bool // needs all the width there is
	Narrow bool // is a form, or a few words

	// The frame sets the rest.
	T         Texts
	Community string
	Assets    string // the beginning of the addresses of what a browser loads
	Theme     string // "light", "dark" or "" for what the system says
	Other     string // the same page in the other language; "" if it is the answer to a form
	Here      string // the address of this page, for coming back to
	Person    access.Person
	Menu      []Line
}

// Line is a line of the menu as it is shown.
type Line struct {
	Path, Text string
	Here       bool // one is there, or below
	Admin      bool
}

func (h *Head) head() *Head { return h }

// Again is the sign-in that leads back here.
func (h *Head) Again() string { return "/login?" + Query("next", h.Here) }

// May says whether who looks at the page may do what a role may.
func (h *Head) May(role access.Role) bool { return h.Person.Role.Covers(role) }

// View is what a template is given: a struct that embeds Head.
type View interface{ head() *Head }

// Show answers with the page that a template makes of v.
func (s *Set) Show(w http.ResponseWriter, r *Request, status int, name string, v View) error {
	s.show(w, r, status, name, v)
	return nil
}

func (s *Set) show(w http.ResponseWriter, r *Request, status int, name string, v View) {
	f, h := s.f, v.head()
	h.T, h.Community, h.Assets, h.Theme, h.Person = s.Texts(r), f.o.Community(), f.assets.base, f.theme(r.Request), r.Person
	h.Here = "/"
	if r.Method == http.MethodGet {
		q := r.URL.Query()
		q.Del("lang")
		q.Del("done")               // was told
		path := r.URL.EscapedPath() // an id in it may have a slash
		h.Here = path
		if len(q) > 0 {
			h.Here += "?" + q.Encode()
		}
		q.Set("lang", h.T.Other())
		h.Other = path + "?" + q.Encode()
	}
	for _, i := range f.menu {
		if r.Person.Role.Covers(i.Need) {
			here := r.URL.Path == i.Path || i.Path != "/" && strings.HasPrefix(r.URL.Path, i.Path+"/")
			h.Menu = append(h.Menu, Line{i.Path, i.set.Texts(r).Say(i.Key), here, i.Admin})
		}
	}
	s.write(w, r, status, name, v)
}

// Done is what the last form did, which has led here with ?done=KEY: the set's
// text done.KEY, "" if there is none.
func (s *Set) Done(r *Request) string {
	key := "done." + r.URL.Query().Get("done")
	if l := s.Texts(r); l.Has(key) {
		return l.Say(key)
	}
	return ""
}

// Log says what those who look after hearth should know of a request.
func (s *Set) Log(r *Request, msg string, args ...any) { s.f.Log(r, msg, args...) }

// Part answers with a template alone, for what is live on a page.
func (s *Set) Part(w http.ResponseWriter, r *Request, status int, name string, v any) error {
	s.write(w, r, status, name, v)
	return nil
}

func (s *Set) write(w http.ResponseWriter, r *Request, status int, name string, v any) {
	var b bytes.Buffer
	if err := s.templates.ExecuteTemplate(&b, name, v); err != nil {
		s.f.o.Logger.ErrorContext(r.Context(), "a request failed", "doing", name, "err", err)
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", r.T.lang)
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // an error says that the browser has gone
}

// Render makes a template's text, for a stream.
func (s *Set) Render(name string, v any) (string, error) {
	var b strings.Builder
	if err := s.templates.ExecuteTemplate(&b, name, v); err != nil {
		return "", fmt.Errorf("page: %w", err)
	}
	return b.String(), nil
}

// told is a page that says one thing.
type told struct {
	Head
	Text string
	Back string
	Do   string // what going there is called
	Also string // where there is more to find; "" for nowhere
	Told bool   // a login view has none of these
}

// Unanswered is the error of a plugin that does not show what it was asked for: it
// took longer than it may, or failed.
type Unanswered struct {
	Plugin string
	Slow   bool
	Err    error
}

func (e *Unanswered) Error() string { return e.Err.Error() }

func (e *Unanswered) Unwrap() error { return e.Err }

// sorry is what is told of it, and where those who may look after plugins find
// more.
func (e *Unanswered) sorry(f *Frame, r *Request) (p *Problem, also string) {
	p = Sorry(http.StatusBadGateway, "error.broken", Printable(e.Plugin))
	if e.Slow {
		p = Sorry(http.StatusServiceUnavailable, "error.slow", Printable(e.Plugin))
	}
	const pages = "/admin/plugins/{name}"
	for i := range f.routes {
		if f.routes[i].Pattern == pages && r.Person.Role.Covers(f.routes[i].Need) {
			return p, strings.Replace(pages, "{name}", url.PathEscape(e.Plugin), 1)
		}
	}
	return p, ""
}

// tell shows an error. What is nobody's mistake on the page is logged, and not
// told in detail.
func (f *Frame) tell(w http.ResponseWriter, r *Request, err error) {
	var p *Problem
	var from *Unanswered
	also := ""
	switch {
	case errors.As(err, &p):
	case errors.As(err, &from):
		f.o.Logger.WarnContext(r.Context(), "a plugin did not show what it was asked for", "plugin", from.Plugin, "doing", r.Method+" "+r.URL.Path, "err", err)
		p, also = from.sorry(f, r)
	case errors.Is(err, chat.ErrBusy), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		p = Sorry(http.StatusServiceUnavailable, "error.retry")
	default:
		f.o.Logger.ErrorContext(r.Context(), "a request failed", "doing", r.Method+" "+r.URL.Path, "err", err)
		p = Sorry(http.StatusInternalServerError, "error.own")
	}
	set := p.set
	if set == nil {
		set = f.own
	}
	v := &told{Text: set.Texts(r).Say(p.Key, p.Args...), Back: p.Back, Also: also}
	v.Do = r.T.Say("error.back")
	switch {
	case v.Back != "":
	case (p.Key == "error.retry" || from != nil) && r.Method == http.MethodGet:
		v.Back, v.Do = Local(r.URL.RequestURI()), r.T.Say("error.again")
	default:
		v.Back = "/"
	}
	if r.Live() {
		set.write(w, r, p.Status, "told.part", v)
		return
	}
	v.Head = Head{Title: set.Texts(r).Say("error"), Narrow: true}
	set.show(w, r, p.Status, "told", v)
}
