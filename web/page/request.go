package page

import (
	"cmp"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
)

// Request is a request of somebody, in their language.
type Request struct {
	*http.Request
	T       Texts
	Person  access.Person  // the zero Person is not signed in
	Session access.Session // likewise

	f *Frame
}

// In says whether somebody is signed in.
func (r *Request) In() bool { return r.Person.ID != "" }

// Who is the person as the record of changes has it.
func (r *Request) Who() audit.Who { return r.Person.Who("page") }

// Live says whether the request is htmx's, which wants a part of a page.
func (r *Request) Live() bool { return r.Header.Get("HX-Request") == "true" }

// from is the page that wants a part.
func (r *Request) from() string {
	u, err := url.Parse(r.Header.Get("HX-Current-URL"))
	if err != nil {
		return "/"
	}
	return Local(u.RequestURI())
}

// Secure says whether the browser speaks https to us, perhaps through a proxy
// that is believed.
func (r *Request) Secure() bool { return r.f.https(r.Request) }

// Fields reads a form of at most so many bytes; a *Problem if it cannot be read.
func (r *Request) Fields(w http.ResponseWriter, most int64) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, Sorry(http.StatusRequestEntityTooLarge, "error.large", most>>10)
		}
		return nil, Sorry(http.StatusBadRequest, "error.form")
	}
	return r.PostForm, nil
}

// Patience lets the answer take its time.
func (r *Request) Patience(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + time.Minute)) // not every connection has deadlines
}

// Client is where the request comes from.
func (r *Request) Client() access.Client {
	return access.Client{Address: r.address().String(), Agent: r.UserAgent()}
}

func (r *Request) address() netip.Prefix { return ClientOf(r.Request, r.f.o.Proxies) }

// The cookies. Where the browser speaks https, their names bind them to this
// host: none that another site of the same domain has set is taken for ours.
const (
	sessionCookie = "hearth_session"
	langCookie    = "hearth_lang"
	themeCookie   = "hearth_theme"
	cookiePrefix  = "hearth_"
	secureName    = "__Host-"
)

const lookTime = 400 * 24 * time.Hour // as long as browsers keep a cookie at most

func (f *Frame) setCookie(w http.ResponseWriter, r *http.Request, name, value string, keep time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(keep / time.Second)}
	if f.https(r) {
		c.Secure, c.Name = true, secureName+name
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (f *Frame) cookie(r *http.Request, name string) string {
	if f.https(r) {
		name = secureName + name
	}
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// Keep has the browser keep a value for a while, as a cookie that no script sees;
// "" takes it away. Kept reads it.
func (r *Request) Keep(w http.ResponseWriter, name, value string, d time.Duration) {
	r.f.setCookie(w, r.Request, cookiePrefix+name, value, d)
}

// Kept is what a browser was told to keep; "" if nothing is left of it. Whoever
// has the browser may have written it.
func (r *Request) Kept(name string) string { return r.f.cookie(r.Request, cookiePrefix+name) }

// https says whether the browser speaks to us by https, perhaps through a proxy
// that is believed.
func (f *Frame) https(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && isProxy(at.Addr().Unmap().WithZone(""), f.o.Proxies) && r.Header.Get("X-Forwarded-Proto") == "https"
}

var languages = language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese})

// KnownLanguage is the one of the two languages that is nearest to what a BCP 47
// name means: "en" or "zh-CN".
func KnownLanguage(name string) string {
	if _, i := language.MatchStrings(languages, name); i == 1 {
		return "zh-CN"
	}
	return "en"
}

// language is the one that a request asks for: by name, by what was chosen
// before, by its browser's wish, else the community's.
func (f *Frame) language(r *http.Request) Texts {
	name := cmp.Or(r.URL.Query().Get("lang"), f.Chosen(r))
	if name == "" {
		return Texts{WishedLanguage(r, f.o.Locale()), f.own.words}
	}
	return Texts{KnownLanguage(name), f.own.words}
}

// WishedLanguage is the one that a browser wishes for; if that is none of the two,
// the one nearest to the locale.
func WishedLanguage(r *http.Request, locale string) string {
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err == nil && len(tags) > 0 {
		if _, i, c := languages.Match(tags...); c != language.No {
			return [...]string{"en", "zh-CN"}[i]
		}
	}
	return KnownLanguage(locale)
}

// Chosen is the language that was chosen in this browser, on whichever page; "" if
// none was.
func (f *Frame) Chosen(r *http.Request) string {
	if name := f.cookie(r, langCookie); name != "" {
		return KnownLanguage(name)
	}
	return ""
}

// Choose has the browser keep a language for all pages.
func (f *Frame) Choose(w http.ResponseWriter, r *http.Request, name string) {
	f.setCookie(w, r, langCookie, KnownLanguage(name), lookTime)
}

// Language is the one that a page beside the frame's own is shown in, "en" or
// "zh-CN": the browser keeps one that was asked for by name.
func (f *Frame) Language(w http.ResponseWriter, hr *http.Request) string {
	r := &Request{Request: hr, f: f, T: f.language(hr)}
	f.keepLanguage(w, r)
	return r.T.lang
}

// keepLanguage keeps a language that was asked for by name.
func (f *Frame) keepLanguage(w http.ResponseWriter, r *Request) {
	if l := r.URL.Query().Get("lang"); l != "" && r.Method == http.MethodGet {
		f.Choose(w, r.Request, l)
	}
}

func (f *Frame) theme(r *http.Request) string {
	switch t := f.cookie(r, themeCookie); t {
	case "light", "dark":
		return t
	}
	return ""
}

// look keeps how somebody wants the pages to look, and leads back.
func (f *Frame) look(w http.ResponseWriter, r *Request) error {
	form, err := r.Fields(w, maxLoginForm)
	if err != nil {
		return err
	}
	theme := form.Get("theme")
	if theme != "light" && theme != "dark" {
		theme = ""
	}
	f.setCookie(w, r.Request, themeCookie, theme, lookTime)
	http.Redirect(w, r.Request, Local(form.Get("back")), http.StatusSeeOther)
	return nil
}

// Local is next if it is a path of this server, else the front page: a link to
// the sign-in must lead nobody elsewhere.
func Local(next string) string {
	u, err := url.Parse(next)
	bad := func(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f }
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsFunc(next, bad) || strings.ContainsFunc(u.Path, bad) || strings.HasPrefix(path.Clean(u.Path), "//") ||
		strings.HasPrefix(u.Path, "/login") || strings.HasPrefix(u.Path, "/logout") {
		return "/"
	}
	return next
}

// Query makes the part of an address behind "?" of pairs of names and values;
// pairs without a value are left out.
func Query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q.Encode()
}
