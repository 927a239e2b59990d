package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/text/language"
)

// SignInOptions say how people sign in on the pages that are not everybody's.
// Zero values are sound.
type SignInOptions struct {
	// Locale is for those whose browser asks for no language that there is: "en",
	// "zh-CN" or another; "" is "en".
	Locale string

	// PublicURL is how browsers reach the server, without a slash at the end; ""
	// if only as the request says.
	PublicURL string

	// Proxies are the addresses of which X-Forwarded-For and X-Forwarded-Proto are
	// believed, beside this machine's own.
	Proxies []netip.Prefix
}

// How often a token may be tried that is wrong, or right.
var (
	loginRate    = pace{1.0 / 10, 5} // of an address
	loginRateAll = pace{1, 30}       // of all addresses
)

const maxLoginForm = 8 << 10

//go:embed tasks
var tasksFiles embed.FS

// pageAssets are the style of the pages of those who are signed in.
var pageAssets = newAssets(tasksFiles, "tasks/assets", "/login/assets/")

// pagePolicy lets the pages have nothing that is not ours, and no script at all.
const pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// langCookie keeps the language that somebody has chosen.
const langCookie = "hearth_lang"

// signIn is the page /login, and what all pages behind it share: their dress,
// their language, and who may come in.
type signIn struct {
	s        *Server
	o        SignInOptions
	page     *template.Template
	sessions sessions
	limits   runLimits
	sameSite *http.CrossOriginProtection
}

// signIn registers the page.
func (s *Server) signIn(r chi.Router, o SignInOptions) (*signIn, error) {
	p := &signIn{s: s, o: o, sameSite: http.NewCrossOriginProtection()}
	p.limits.now, p.sessions.now = s.now, s.now
	var err error
	// Of /run they have what stands in all pages: the flame, and texts with code.
	if p.page, err = template.New("").ParseFS(runFiles, "run/*.html"); err == nil {
		p.page, err = p.page.ParseFS(tasksFiles, "tasks/*.html")
	}
	if err != nil {
		return nil, fmt.Errorf("web: the page /login: %w", err)
	}
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err == nil { // a proxy may give the request another host than the browser's
			err = p.sameSite.AddTrustedOrigin(u.Scheme + "://" + u.Host)
		}
		if err != nil {
			return nil, fmt.Errorf("web: SignInOptions.PublicURL: %w", err)
		}
	}
	p.sameSite.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.show(w, r, http.StatusForbidden, "login.told", &loginView{Told: p.text(r).Say("error.cross")})
	}))
	get, post := r.With(p.dress), r.With(p.dress, p.sameSite.Handler)
	get.Get("/login", p.ask)
	get.Get("/login/assets/{digest}/{name}", pageAssets.ServeHTTP)
	post.Post("/login", p.enter)
	post.Post("/logout", p.leave)
	get.Get("/logout", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusSeeOther) })
	return p, nil
}

// dress sets what every answer has.
func (p *signIn) dress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("X-Robots-Tag", "noindex")
		h.Set("Vary", "Accept-Language, Cookie")
		h.Set("Cache-Control", "no-store")
		if l := r.URL.Query().Get("lang"); l != "" && r.Method == http.MethodGet {
			http.SetCookie(w, &http.Cookie{Name: langCookie, Value: knownLanguage(l), Path: "/", MaxAge: 400 * 24 * 3600, HttpOnly: true,
				SameSite: http.SameSiteLaxMode, Secure: p.https(r)})
		}
		next.ServeHTTP(w, r)
	})
}

// text is the language that a request asks for: by name, by what was chosen
// before, by its browser's wish, else the community's.
func (p *signIn) text(r *http.Request) pageTexts {
	if l := r.URL.Query().Get("lang"); l != "" {
		return pageTexts(knownLanguage(l))
	}
	if c, err := r.Cookie(langCookie); err == nil {
		return pageTexts(knownLanguage(c.Value))
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err == nil && len(tags) > 0 {
		if _, i, c := runLanguages.Match(tags...); c != language.No {
			return [...]pageTexts{"en", "zh-CN"}[i]
		}
	}
	return pageTexts(knownLanguage(p.o.Locale))
}

// frame is what every page has around its own.
type frame struct {
	T         pageTexts
	Community string
	Assets    string
	Other     string // the same page in the other language; "" if it is the answer to a form
	In        bool   // whether one is signed in
}

func (f *frame) framed() *frame { return f }

// show writes the page that a template makes. Of v is given what is of this
// answer alone.
func (p *signIn) show(w http.ResponseWriter, r *http.Request, status int, name string, v interface{ framed() *frame }) {
	f := v.framed()
	f.T, f.Community, f.Assets, f.In = p.text(r), p.s.o.Community, pageAssets.base, p.session(r) != nil
	if r.Method == http.MethodGet {
		q := r.URL.Query()
		q.Set("lang", f.T.Other())
		f.Other = r.URL.Path + "?" + q.Encode()
	}
	var b bytes.Buffer
	if err := p.page.ExecuteTemplate(&b, name, v); err != nil {
		p.s.log.ErrorContext(r.Context(), "a request failed", "doing", name, "err", err)
		problem(w, http.StatusInternalServerError, "the page could not be made")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(f.T))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // an error says that the browser has gone
}

// loginView is the sign-in, and what is told in its place.
type loginView struct {
	frame
	Next  string // where to go from here
	Sorry string // why not
	Told  string
}

func (p *signIn) ask(w http.ResponseWriter, r *http.Request) {
	next := local(r.URL.Query().Get("next"))
	if p.session(r) != nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	p.show(w, r, http.StatusOK, "login.page", &loginView{Next: next})
}

// enter begins a session for who knows the admin token. Right and wrong tokens
// count alike, so that nothing is learned from the bound.
func (p *signIn) enter(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLoginForm)
	if err := r.ParseForm(); err != nil {
		p.show(w, r, http.StatusBadRequest, "login.told", &loginView{Told: p.text(r).Say("error.form")})
		return
	}
	v := &loginView{Next: local(r.PostForm.Get("next"))}
	who := clientOf(r, p.o.Proxies)
	wait, ok := p.limits.take("login", who, loginRate)
	if ok {
		wait, ok = p.limits.take("login", everybody, loginRateAll)
	}
	if !ok {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(wait)))
		v.Sorry = p.text(r).Say("login.often", seconds(wait))
		p.show(w, r, http.StatusTooManyRequests, "login.page", v)
		return
	}
	token := strings.TrimSpace(r.PostForm.Get("token"))
	if !p.s.isToken(token) {
		p.s.log.WarnContext(r.Context(), "a sign-in with a wrong token", "from", who)
		v.Sorry = p.text(r).Say("login.wrong")
		p.show(w, r, http.StatusForbidden, "login.page", v)
		return
	}
	p.setCookie(w, r, p.sessions.begin("admin", token))
	p.s.log.InfoContext(r.Context(), "signed in", "who", "admin", "from", who)
	http.Redirect(w, r, v.Next, http.StatusSeeOther)
}

func (p *signIn) leave(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		p.sessions.end(c.Value)
	}
	p.setCookie(w, r, "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// home is where one goes who has not said where to.
const home = "/tasks"

// local is next if it is a path of this server, else home: a link to the sign-in
// must lead nobody elsewhere.
func local(next string) string {
	u, err := url.Parse(next)
	bad := func(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f }
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsFunc(next, bad) || strings.ContainsFunc(u.Path, bad) || strings.HasPrefix(path.Clean(u.Path), "//") ||
		strings.HasPrefix(u.Path, "/login") || strings.HasPrefix(u.Path, "/logout") {
		return home
	}
	return next
}

func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q.Encode()
}

// patience lets a form take its time to be answered.
func patience(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + writeTimeout)) // not every connection has deadlines
}
