package web

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web/page"
)

// RunOptions say how /run is served: the page on which anybody writes Go and
// runs it, without an account. Zero values are sound.
type RunOptions struct {
	// Shares keeps what people share; nil leaves sharing out.
	Shares Shares

	// Locale is for those whose browser asks for no language that there is: "en",
	// "zh-CN" or another; "" is "en". With [Options.Pages] it is theirs.
	Locale string

	// PublicURL is how browsers reach the server, without a slash at the end; ""
	// if only as the request says.
	PublicURL string

	// Proxies are the addresses of which X-Forwarded-For is believed, beside this
	// machine's own.
	Proxies []netip.Prefix
}

//go:embed run
var runFiles embed.FS

// runAssets are the page's style and scripts.
var runAssets = page.NewAssets(runFiles, "run/assets", "/run/assets/")

// runPolicy lets the page have nothing that is not ours, and nothing inline.
const runPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// themeCookie is written by the page's script, as the chat's is, and read here
// so that the first paint is right.
const themeCookie = "hearth_theme"

// runPage is the page /run.
type runPage struct {
	s        *Server
	o        RunOptions
	page     *template.Template
	examples []example
	limits   *page.Limits
	sameSite *http.CrossOriginProtection

	formatting chan struct{}
}

// run registers the page below /run.
func (s *Server) run(r chi.Router, o RunOptions) error {
	p := &runPage{s: s, o: o, sameSite: http.NewCrossOriginProtection(), formatting: make(chan struct{}, 1)}
	p.limits = page.NewLimits(s.now)
	var err error
	if p.page, err = template.New("").ParseFS(runFiles, "run/*.html"); err != nil {
		return fmt.Errorf("web: the page /run: %w", err)
	}
	if p.examples, err = readExamples(runFiles); err != nil {
		return fmt.Errorf("web: the page /run: %w", err)
	}
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err != nil {
			return fmt.Errorf("web: RunOptions.PublicURL: %w", err)
		}
		// A proxy may give the request another host than the browser's.
		if err := p.sameSite.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return fmt.Errorf("web: RunOptions.PublicURL: %w", err)
		}
	}
	p.sameSite.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fail(w, r, &submitted{Lang: p.language(w, r)}, refused(http.StatusForbidden, "error.cross"))
	}))

	get, post := r.With(p.dress), r.With(p.dress, p.sameSite.Handler, p.bound)
	get.Get("/run", p.open)
	get.Get("/run/", p.home)
	get.Get("/run/assets/{digest}/{name}", runAssets.ServeHTTP)
	post.Post("/run", p.verify)
	post.Post("/run/format", p.format)
	post.Post("/run/language", p.translate)
	for _, form := range []string{"format", "language", "share"} {
		get.Get("/run/"+form, p.home) // who loads the page again after a form without script
	}
	if o.Shares != nil {
		post.Post("/run/share", p.share)
		get.Get("/run/s/{id}", p.shared)
		r.With(s.only(access.Manager)).Delete("/run/s/{id}", p.unshare)
	}
	return nil
}

func (p *runPage) home(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/run", http.StatusSeeOther)
}

// dress sets what every answer below /run has.
func (p *runPage) dress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", runPolicy)
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("X-Robots-Tag", "noindex")
		h.Set("Vary", "Accept, Accept-Language, Cookie")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// language is that of the page a form comes from; else what a request asks for: by
// name, by what was chosen on any page, by its browser's wish, else the community's.
func (p *runPage) language(w http.ResponseWriter, r *http.Request) string {
	if l := r.PostForm.Get("lang"); l != "" { // PostForm is there once bound has read it
		return page.KnownLanguage(l)
	}
	if f := p.s.o.Pages; f != nil {
		return f.Language(w, r)
	}
	if l := r.URL.Query().Get("lang"); l != "" {
		return page.KnownLanguage(l)
	}
	return page.WishedLanguage(r, p.o.Locale)
}

// runView is what the page shows.
type runView struct {
	T         runTexts
	Community string
	Theme     string // "light", "dark" or "" for the system's
	Assets    string
	Chat      bool

	Program  submitted
	Examples []exampleLink
	Example  *exampleLink // that is open; nil for another program
	Shares   bool
	Shared   *sharedView // that is open
	Gone     bool        // what was to be opened was shared once, or never

	// What came of the form, one of them at most.
	Result *resultView
	Link   *linkView
	Sorry  string
}

// exampleLink is an example in the list.
type exampleLink struct {
	URL, Title, About string
	Number            int
	Current           bool
}

// open shows the editor, with an example in it.
func (p *runPage) open(w http.ResponseWriter, r *http.Request) {
	lang := p.language(w, r)
	id := r.URL.Query().Get("example")
	e := p.example(id)
	if e == nil {
		if id != "" {
			p.home(w, r)
			return
		}
		e = &p.examples[0]
	}
	p.show(w, r, http.StatusOK, &runView{Program: submitted{program: e.program(lang), Example: e.ID, Lang: lang}})
}

// show writes the page. Of v are given what is of this answer alone.
func (p *runPage) show(w http.ResponseWriter, r *http.Request, status int, v *runView) {
	v.T = runTexts(v.Program.Lang)
	v.Community, v.Assets, v.Chat, v.Shares = p.s.o.Community(), runAssets.Base(), p.s.o.Mounts["/chat"] != nil, p.o.Shares != nil
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "dark" || c.Value == "light") {
		v.Theme = c.Value
	}
	for i := range p.examples {
		e := &p.examples[i]
		lang := v.Program.Lang
		if p.s.o.Pages != nil {
			lang = "" // is kept
		}
		l := exampleLink{URL: "/run?" + page.Query("example", e.ID, "lang", lang),
			Title: e.title(v.Program.Lang), About: e.about(v.Program.Lang), Number: i + 1, Current: e.ID == v.Program.Example}
		v.Examples = append(v.Examples, l)
		if l.Current {
			v.Example = &l
		}
	}
	var b bytes.Buffer
	if err := p.page.ExecuteTemplate(&b, "page", v); err != nil {
		p.s.log.ErrorContext(r.Context(), "a request failed", "doing", "the page /run", "err", err)
		problem(w, http.StatusInternalServerError, "the page could not be made")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.Program.Lang)
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // an error says that the browser has gone
}

// fragment is a part of the page, for its script.
func (p *runPage) fragment(name string, v *runView) (string, error) {
	v.T = runTexts(v.Program.Lang)
	var b strings.Builder
	if err := p.page.ExecuteTemplate(&b, name, v); err != nil {
		return "", fmt.Errorf("web: %s of /run: %w", name, err)
	}
	return b.String(), nil
}

// address is how browsers reach a path of the server.
func (p *runPage) address(r *http.Request, path string) string {
	if p.o.PublicURL != "" {
		return p.o.PublicURL + path
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + cmp.Or(r.Host, "localhost") + path
}

// day is a date as people say it.
func day(t time.Time, lang string) string {
	if lang == "zh-CN" {
		return t.Format("2006年1月2日")
	}
	return t.Format("2 January 2006")
}
