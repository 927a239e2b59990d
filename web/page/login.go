package page

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/host/access"
)

// How often somebody may try to sign in, whether it works or not.
var (
	loginRate    = Pace{1.0 / 10, 5} // of an address
	loginRateAll = Pace{1, 30}       // of all addresses
)

const maxLoginForm = 8 << 10

func (f *Frame) signInRoutes() {
	f.Get("/login", Everybody, f.ask)
	f.Post("/login", Everybody, f.enter)
	f.Get("/login/once", Everybody, f.once)
	f.Post("/login/once", Everybody, f.redeem)
	f.Post("/logout", Everybody, f.leave)
	f.Get("/logout", Everybody, func(w http.ResponseWriter, r *Request) error {
		http.Redirect(w, r.Request, "/login", http.StatusSeeOther)
		return nil
	})
	f.Post("/look", Everybody, f.look)
}

// session is that of a request; access.ErrUnknown if there is none.
func (f *Frame) session(r *Request) (access.Session, error) {
	c := f.cookie(r.Request, sessionCookie)
	if c == "" {
		return access.Session{}, access.ErrUnknown
	}
	return f.o.Access.Session(r.Context(), c)
}

// loginView is the sign-in.
type loginView struct {
	Head
	Next      string // where to go from here
	Sorry     string // why not
	Link      string // the secret of a link that signs in once
	Providers []Provider
}

// Provider is another way in: a link on the sign-in page to where it begins.
type Provider struct {
	Path string
	Name string // what the link says
}

// Providers has the sign-in page offer what list returns at that moment.
func (f *Frame) Providers(list func(r *Request) []Provider) { f.providers = list }

// Begin signs somebody in of whom a provider has made sure, and leads on.
func (f *Frame) Begin(w http.ResponseWriter, r *Request, p access.Person, next string) error {
	cookie, s, err := f.o.Access.SignInAs(r.Context(), p, r.Client())
	if err != nil {
		return err
	}
	f.begun(w, r, cookie, s, Local(next))
	return nil
}

func (f *Frame) ask(w http.ResponseWriter, r *Request) error {
	next := Local(r.URL.Query().Get("next"))
	if r.In() {
		http.Redirect(w, r.Request, next, http.StatusSeeOther)
		return nil
	}
	f.showLogin(w, r, http.StatusOK, &loginView{Next: next})
	return nil
}

func (f *Frame) showLogin(w http.ResponseWriter, r *Request, status int, v *loginView) {
	v.Head = Head{Title: r.T.Say("login"), Narrow: true}
	if f.providers != nil {
		v.Providers = f.providers(r)
		for i := range v.Providers {
			v.Providers[i].Path += "?" + Query("next", v.Next)
		}
	}
	f.own.show(w, r, status, "login", v)
}

// may counts a try to sign in. Right and wrong ones count alike, so that nothing
// is learned from the bound.
func (f *Frame) may(w http.ResponseWriter, r *Request) (sorry string) {
	wait, ok := f.limits.Take("login", r.address(), loginRate)
	if ok {
		wait, ok = f.limits.Take("login", AllAddresses, loginRateAll)
	}
	if ok {
		return ""
	}
	s := max(1, int(math.Ceil(wait.Seconds())))
	w.Header().Set("Retry-After", strconv.Itoa(s))
	return r.T.Say("login.often", s)
}

// enter begins a session for who shows a token.
func (f *Frame) enter(w http.ResponseWriter, r *Request) error {
	form, err := r.Fields(w, maxLoginForm)
	if err != nil {
		return err
	}
	v := &loginView{Next: Local(form.Get("next"))}
	if v.Sorry = f.may(w, r); v.Sorry != "" {
		f.showLogin(w, r, http.StatusTooManyRequests, v)
		return nil
	}
	cookie, s, err := f.o.Access.SignIn(r.Context(), strings.TrimSpace(form.Get("token")), r.Client())
	if errors.Is(err, access.ErrUnknown) {
		f.o.Logger.WarnContext(r.Context(), "a sign-in with a wrong token", "from", r.address())
		v.Sorry = r.T.Say("login.wrong")
		f.showLogin(w, r, http.StatusForbidden, v)
		return nil
	}
	if err != nil {
		return err
	}
	f.begun(w, r, cookie, s, v.Next)
	return nil
}

// begun hands a session to the browser, in the place of the one it may have had.
func (f *Frame) begun(w http.ResponseWriter, r *Request, cookie string, s access.Session, next string) {
	if old := f.cookie(r.Request, sessionCookie); old != "" {
		if err := f.o.Access.SignOut(r.Context(), old); err != nil { // it ends by itself
			f.o.Logger.WarnContext(r.Context(), "the session before could not be ended", "err", err)
		}
	}
	f.setCookie(w, r.Request, sessionCookie, cookie, s.Ends.Sub(s.Began))
	f.o.Logger.InfoContext(r.Context(), "signed in", "who", s.Person.Name, "role", s.Person.Role, "session", s.ID, "from", r.address())
	http.Redirect(w, r.Request, next, http.StatusSeeOther)
}

// once asks who follows a sign-in link to press a button: what looks at links
// before people do, such as a chat's preview, presses none.
func (f *Frame) once(w http.ResponseWriter, r *Request) error {
	f.showLogin(w, r, http.StatusOK, &loginView{Link: r.URL.Query().Get("key"), Next: Local(r.URL.Query().Get("next"))})
	return nil
}

func (f *Frame) redeem(w http.ResponseWriter, r *Request) error {
	form, err := r.Fields(w, maxLoginForm)
	if err != nil {
		return err
	}
	v := &loginView{Next: Local(form.Get("next"))}
	if v.Sorry = f.may(w, r); v.Sorry != "" {
		f.showLogin(w, r, http.StatusTooManyRequests, v)
		return nil
	}
	cookie, s, err := f.o.Access.Redeem(r.Context(), form.Get("key"), r.Client())
	if errors.Is(err, access.ErrUnknown) {
		v.Sorry = r.T.Say("once.gone")
		f.showLogin(w, r, http.StatusForbidden, v)
		return nil
	}
	if err != nil {
		return err
	}
	f.begun(w, r, cookie, s, v.Next)
	return nil
}

func (f *Frame) leave(w http.ResponseWriter, r *Request) error {
	if c := f.cookie(r.Request, sessionCookie); c != "" {
		if err := f.o.Access.SignOut(r.Context(), c); err != nil {
			return err
		}
	}
	f.setCookie(w, r.Request, sessionCookie, "", 0)
	http.Redirect(w, r.Request, "/login", http.StatusSeeOther)
	return nil
}
