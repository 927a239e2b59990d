package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/chat"
)

// visitor is the member a request comes from.
type visitor struct {
	id    string
	row   memberRow
	seats []seat // all that the browser is signed in as
	ui    *ui
}

// handler answers a member's request, or fails with what to tell them.
type handler func(w http.ResponseWriter, r *http.Request, me *visitor) error

// pagePolicy lets the page have nothing that is not ours: no inline script or
// style, no other host, no frame around it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (a *Adapter) routes() (http.Handler, error) {
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	m := http.NewServeMux()
	m.Handle("GET "+assets.base, assets)
	m.HandleFunc("GET /chat", a.page)
	m.HandleFunc("/chat", a.nowhere)
	m.HandleFunc("GET /chat/{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/chat", http.StatusSeeOther)
	})
	m.HandleFunc("POST /chat/join", a.join)
	m.HandleFunc("/chat/join", a.misdirected)
	m.HandleFunc("/chat/", a.nowhere)

	l := &a.limits
	get := func(path string, h handler) { m.HandleFunc("GET /chat/"+path, a.signed("read", l.Reads, h)) }
	get("live", a.stream)
	get("complete", a.complete)
	get("message", a.oneMessage)
	get("files/{id}/{name}", a.serveFile)

	post := func(path, what string, r Rate, h handler) {
		m.HandleFunc("POST /chat/"+path, a.signed(what, r, h))
		m.HandleFunc("/chat/"+path, a.misdirected)
	}
	post("send", "post", l.Posts, a.send)
	post("edit", "post", l.Posts, a.editMessage)
	post("delete", "act", l.Acts, a.deleteMessage)
	post("react", "act", l.Acts, a.reactTo)
	post("press", "act", l.Acts, a.pressButton)
	post("read", "read", l.Reads, a.markRead)
	post("channel", "make", l.Makes, a.newChannel)
	post("enter", "act", l.Acts, a.enterChannel)
	post("leave", "act", l.Acts, a.exitChannel)
	post("dm", "act", l.Acts, a.openDM)
	post("me", "act", l.Acts, a.changeMe)
	post("depart", "act", l.Acts, a.departNow)

	// Browsers say where a request comes from; a form on another site is refused.
	cross := http.NewCrossOriginProtection()
	if a.base != "" {
		u, err := url.Parse(a.base)
		if err != nil {
			return nil, err
		}
		if err := cross.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, err
		}
	}
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.tell(w, r, a.newUI(r, nil), fail(http.StatusForbidden, "error.cross"))
	}))
	return bounded(cross.Handler(m)), nil
}

// nowhere answers for addresses at which there is nothing.
func (a *Adapter) nowhere(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, http.StatusNotFound)
}

// misdirected answers for addresses that only forms are sent to.
func (a *Adapter) misdirected(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", http.MethodPost)
	a.refuse(w, r, http.StatusMethodNotAllowed)
}

func (a *Adapter) refuse(w http.ResponseWriter, r *http.Request, status int) {
	me, _ := a.visitor(r) // a stranger is answered in the language of their browser
	a.tell(w, r, a.newUI(r, me), fail(status, "error.nowhere"))
}

// bounded sets what every answer has, and how much any request may bring.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		most := int64(maxForm)
		if r.URL.Path == "/chat/send" && multipartForm(r) {
			most = maxUpload
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		next.ServeHTTP(w, r)
	})
}

// signed lets members in, within their rate, and tells them what went wrong.
func (a *Adapter) signed(what string, rate Rate, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		me, err := a.visitor(r)
		if err == nil {
			err = a.take(what, me.id, rate, 1)
		}
		if err == nil {
			err = h(w, r, me)
		}
		if err != nil {
			a.tell(w, r, a.newUI(r, me), err)
		}
	}
}

// slow is a problem that passes with time.
type slow struct {
	problem
	wait time.Duration
}

func (a *Adapter) take(what, member string, rate Rate, n int) error {
	wait, ok := a.rates.take(what, member, rate, n, a.now())
	if ok {
		return nil
	}
	return &slow{problem{http.StatusTooManyRequests, "error.slow", nil}, wait}
}

func (s *slow) Unwrap() error { return &s.problem }

// visitor finds the member a request comes from: the one that "as" names, else
// the first the browser is signed in as.
func (a *Adapter) visitor(r *http.Request) (*visitor, error) {
	seats := a.seats(r)
	if len(seats) == 0 {
		return nil, fail(http.StatusUnauthorized, "error.unknown")
	}
	s := seats[0]
	as := r.URL.Query().Get("as")
	if as != "" {
		i := slices.IndexFunc(seats, func(s seat) bool { return s.ID == as })
		if i < 0 {
			return nil, fail(http.StatusUnauthorized, "error.unknown")
		}
		s = seats[i]
	}
	me := &visitor{id: s.ID, seats: seats}
	if err := a.read(r.Context(), func(v *view) (err error) {
		me.row, err = v.present(s.ID)
		return err
	}); errors.Is(err, errNotFound) {
		return nil, fail(http.StatusUnauthorized, "error.unknown")
	} else if err != nil {
		return nil, err
	}
	me.ui = a.newUI(r, me)
	return me, nil
}

// wantsJSON says whether the page's script asks, which puts answers into the
// page itself; without it whole pages go back and forth.
func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

// answer is what the page's script learns of what it asked for.
type answer struct {
	Say  string `json:"say,omitempty"`  // to tell the member
	Tone string `json:"tone,omitempty"` // "": it worked; "sorry": it did not
	Go   string `json:"go,omitempty"`   // where to go now
	HTML string `json:"html,omitempty"` // the message, as it is now
	ID   string `json:"id,omitempty"`
	Conv string `json:"conv,omitempty"`
	Used bool   `json:"used,omitempty"` // the button or form cannot be used again

	key string // of Say, for a page without script
}

const reload = "reload" // as answer.Go: the page as a whole is another

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an error says that the browser has gone
}

// reply ends a POST that worked: JSON for the script, else a redirect to where.
// What there is to say, a page that is loaded as a whole says itself.
func (a *Adapter) reply(w http.ResponseWriter, r *http.Request, me *visitor, ans answer, where string) error {
	if ans.key != "" {
		ans.Say = me.ui.T(ans.key)
	}
	if ans.key != "" && (!wantsJSON(r) || ans.Go == reload) {
		a.sayNext(w, r, ans.key)
	}
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, ans)
		return nil
	}
	http.Redirect(w, r, where, http.StatusSeeOther)
	return nil
}

// tell answers with what went wrong, in the member's language.
func (a *Adapter) tell(w http.ResponseWriter, r *http.Request, u *ui, err error) {
	var p *problem
	var s *slow
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &s):
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(s.wait.Seconds()))))
		p = &s.problem
	case errors.As(err, &p):
	case errors.As(err, &big):
		p = &problem{http.StatusRequestEntityTooLarge, "error.large", nil}
	case errors.Is(err, errNotFound):
		p = &problem{http.StatusNotFound, "error.gone", nil}
	case errors.Is(err, chat.ErrBusy):
		w.Header().Set("Retry-After", "2")
		p = &problem{http.StatusServiceUnavailable, "error.busy", nil}
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return // nobody waits for the answer
	default:
		a.log.Error("webchat: request failed", "path", r.URL.Path, "error", err)
		p = &problem{http.StatusInternalServerError, "error.own", nil}
	}
	text := u.T(p.key, p.args...)
	if wantsJSON(r) {
		writeJSON(w, p.status, answer{Say: text, Tone: "sorry"})
		return
	}
	if p.status == http.StatusUnauthorized && r.Method == http.MethodGet {
		http.Redirect(w, r, "/chat", http.StatusSeeOther)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.status)
	a.render(w, "sorry", &pageView{U: u, Title: a.community, Community: a.community, Problem: text, Assets: assetBase, Where: whence(r, u)})
}

// whence is the page of the chat that r comes from, else the first one.
func whence(r *http.Request, u *ui) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || from.Path != "/chat" {
		return u.Link("", "")
	}
	return from.RequestURI()
}

// readForm parses a form of either encoding. The bytes of its files are in
// memory: what may come in is bounded before.
func readForm(r *http.Request) error {
	var err error
	if multipartForm(r) {
		err = r.ParseMultipartForm(maxUpload)
	} else {
		err = r.ParseForm()
	}
	var big *http.MaxBytesError
	if err != nil && !errors.As(err, &big) {
		err = fail(http.StatusBadRequest, "error.form")
	}
	return err
}

func multipartForm(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data")
}

// field is a short field of a form; what is too long for any is cut to nothing.
func field(r *http.Request, name string) string {
	if v := r.PostForm.Get(name); len(v) <= maxLine {
		return v
	}
	return ""
}

// sinceRev reads where a stream resumes.
func sinceRev(r *http.Request) (uint64, error) {
	s := r.Header.Get("Last-Event-ID")
	if s == "" {
		s = r.URL.Query().Get("since")
	}
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fail(http.StatusBadRequest, "error.form")
	}
	return n, nil
}

func (a *Adapter) render(w http.ResponseWriter, name string, data any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	}
	if err := a.pages.ExecuteTemplate(w, name, data); err != nil {
		a.log.Debug("webchat: page cut short", "page", name, "error", err)
	}
}

// fragment is a template as a string, for the page's script.
func (a *Adapter) fragment(name string, data any) (string, error) {
	var b strings.Builder
	if err := a.pages.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("render %s: %w", name, err)
	}
	return b.String(), nil
}
