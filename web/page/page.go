// Package page is what all pages have in common on which people run their
// community: the look and its few components, the language, who may see what,
// and how a form is answered. It owns /login, the cookies, and the files that
// browsers load. It must not know what any page shows.
//
//	request ─► dress: headers, language, look ─► who is it? ─► may they? ─► same origin? ─► the page's Handler
//	                                                 └ no: /login and back      └ no: 403         └ no: 403
//
// Each route says which role it needs when it is registered ([Frame.Get],
// [Frame.Post]), so there is none that says nothing, and a test can try all of
// them as everybody ([Frame.Routes]). A package of pages makes a [Set] of its
// templates and texts, and answers with [Set.Show]. All works without scripts;
// htmx makes live what is better live.
//
// It stores nothing.
package page

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/access"
)

// Options say how the pages are served. Access is required; other zero values
// are sound.
type Options struct {
	Access *access.Keeper

	// Community is the community's name, Locale the language for those whose
	// browser asks for none that there is: "en", "zh-CN" or another. nil is
	// "hearth", and "en".
	Community, Locale func() string

	// PublicURL is how browsers reach the server, without a slash at the end; ""
	// if only as the request says.
	PublicURL string

	// Proxies are the addresses of which X-Forwarded-For and X-Forwarded-Proto are
	// believed, beside this machine's own.
	Proxies []netip.Prefix

	// NotReady says why events are not handled; nil is always ready.
	NotReady func() []string

	Logger *slog.Logger     // nil discards
	Now    func() time.Time // nil is time.Now
}

// Everybody is the role that needs none: a page for who is not signed in.
const Everybody access.Role = ""

//go:embed html assets
var files embed.FS

// Frame is what stands around every page. Routes and menu are registered before
// it serves; then it is safe for concurrent use.
type Frame struct {
	o        Options
	own      *Set
	assets   *Assets
	routes   []Route
	menu     []Item
	limits   *Limits
	sameSite *http.CrossOriginProtection

	providers func(r *Request) []Provider

	streams atomic.Int32
	closing sync.Once
	closed  chan struct{} // ends the streams
	beat    time.Duration // between signs of life in a stream
}

// Route is an address and who may come there.
type Route struct {
	Method, Pattern string // the pattern as net/http and chi have it: /tasks/{id}
	Need            access.Role
	Handler         http.Handler // checks all that there is to check
}

// Handler answers a request of somebody who may make it. An error is shown as a
// page: a *Problem with its text and status, any other as what is nobody's
// business, and in the log.
type Handler func(w http.ResponseWriter, r *Request) error

// Item is a line of the menu.
type Item struct {
	Path  string
	Key   string // of its text in a Set's words
	Need  access.Role
	Admin bool // below the others
	set   *Set
}

// New returns a frame with the pages /login and /look.
func New(o Options) (*Frame, error) {
	if o.Access == nil {
		return nil, errors.New("page: Options.Access is missing")
	}
	if o.Community == nil {
		o.Community = func() string { return "hearth" }
	}
	if o.Locale == nil {
		o.Locale = func() string { return "en" }
	}
	if o.NotReady == nil {
		o.NotReady = func() []string { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Frame{o: o, limits: NewLimits(o.Now), sameSite: http.NewCrossOriginProtection(), closed: make(chan struct{}), beat: heartbeat, assets: NewAssets(files, "assets", "/assets/")}
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err == nil { // a proxy may give the request another host than the browser's
			err = f.sameSite.AddTrustedOrigin(u.Scheme + "://" + u.Host)
		}
		if err != nil {
			return nil, fmt.Errorf("page: Options.PublicURL: %w", err)
		}
	}
	base, err := template.New("").ParseFS(files, "html/*.html")
	if err = errors.Join(err, words.check()); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	f.own = &Set{f: f, templates: base, words: []Words{words}}
	f.routes = append(f.routes, Route{http.MethodGet, "/assets/{digest}/{name}", Everybody, f.assets})
	f.signInRoutes()
	return f, nil
}

// Get registers a page for those whom need covers.
func (f *Frame) Get(pattern string, need access.Role, h Handler) {
	f.routes = append(f.routes, Route{http.MethodGet, pattern, need, f.guarded(need, nil, h)})
}

// Open registers a page for those whom need covers, and for everybody while open
// says so.
func (f *Frame) Open(pattern string, need access.Role, open func() bool, h Handler) {
	f.routes = append(f.routes, Route{http.MethodGet, pattern, need, f.guarded(need, open, h)})
}

// Post registers what a form does, for those whom need covers. Forms of other
// sites do not reach it.
func (f *Frame) Post(pattern string, need access.Role, h Handler) {
	f.routes = append(f.routes, Route{http.MethodPost, pattern, need, f.guarded(need, nil, h)})
}

// Log says what those who look after hearth should know of a request.
func (f *Frame) Log(r *Request, msg string, args ...any) {
	f.o.Logger.WarnContext(r.Context(), msg, args...)
}

// Routes are all that was registered.
func (f *Frame) Routes() []Route { return f.routes }

// Menu adds lines to the menu, in their order; they are shown to those whom Need
// covers. Keys are of the set's words.
func (s *Set) Menu(items ...Item) {
	for _, i := range items {
		i.set = s
		s.f.menu = append(s.f.menu, i)
	}
}

// policy lets the pages have nothing that is not ours, and no script that stands
// in a page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guarded checks all that there is to check before h. open says whether everybody
// may come, nil that they may not.
func (f *Frame) guarded(need access.Role, open func() bool, h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		hd := w.Header()
		hd.Set("Content-Security-Policy", policy)
		hd.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		hd.Set("X-Robots-Tag", "noindex")
		hd.Set("Vary", "Accept-Language, Cookie")
		hd.Set("Cache-Control", "no-store")
		r := &Request{Request: hr, f: f, T: f.language(hr)}
		f.keepLanguage(w, r)
		if err := f.sameSite.Check(hr); err != nil {
			f.tell(w, r, Sorry(http.StatusForbidden, "error.cross"))
			return
		}
		s, err := f.session(r)
		switch {
		case err == nil:
			r.Session, r.Person = s, s.Person
		case !errors.Is(err, access.ErrUnknown):
			f.tell(w, r, err)
			return
		}
		switch {
		case need == Everybody || r.Person.Role.Covers(need) || open != nil && open():
			if err := h(w, r); err != nil {
				f.tell(w, r, err)
			}
		case r.In():
			f.tell(w, r, Sorry(http.StatusForbidden, "error.role", r.T.Say("role."+string(need)), r.T.Say("role."+string(r.Person.Role))))
		case r.Live():
			// A part of a page is in no place for another page.
			f.own.write(w, r, http.StatusUnauthorized, "ended.part", &Head{T: r.T, Here: r.from()})
		case hr.Method == http.MethodGet || hr.Method == http.MethodHead:
			http.Redirect(w, hr, "/login?"+url.Values{"next": {hr.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		default:
			// Who sends something is told, so that it can be sent again.
			f.own.show(w, r, http.StatusUnauthorized, "ended", &told{Head: Head{Title: r.T.Say("login")}})
		}
	})
}

// Door leads who is signed in to the page h, and others to what is for everybody
// at the same address.
func (f *Frame) Door(h, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := f.cookie(r, sessionCookie); c != "" {
			if _, err := f.o.Access.Session(r.Context(), c); err == nil {
				h.ServeHTTP(w, r)
				return
			}
		}
		others.ServeHTTP(w, r)
	})
}

// Problem is an error that is told on a page.
type Problem struct {
	Status int
	Key    string // of its text in the frame's words, or in those of the set that shows it
	Args   []any
	Back   string // where to go from here; "" is the front page
	set    *Set
}

// Sorry is an error with a text of the frame's.
func Sorry(status int, key string, args ...any) *Problem {
	return &Problem{Status: status, Key: key, Args: args}
}

// Sorry is an error with a text of the set's, and where to go from there.
func (s *Set) Sorry(status int, back, key string, args ...any) *Problem {
	return &Problem{Status: status, Key: key, Args: args, Back: back, set: s}
}

func (e *Problem) Error() string { return "page: " + strings.TrimSpace(fmt.Sprint(e.Key, " ", e.Args)) }
