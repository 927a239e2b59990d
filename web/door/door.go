// Package door is the pages on which admins say who comes in: the tokens, the
// sessions and the sign-in links at /admin/tokens, and the way in by a provider
// of identities (OpenID Connect) at /login/oidc. It owns what those pages show
// and the talk with the provider. It must not know how a secret is kept, which
// is package access's, or what a role may do.
//
// It stores nothing; a sign-in that is under way lies in a cookie of the browser
// that began it.
package door

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web/page"
)

//go:embed html
var files embed.FS

// Options say what the pages work with. Frame and Access are required.
type Options struct {
	Frame  *page.Frame
	Access *access.Keeper

	// URL is how browsers reach the server, for links: without a slash at the end.
	URL func() string

	// Provider is who vouches for people, as it is set at present; nil, or one
	// without an Issuer, is nobody.
	Provider func() Provider

	HTTP *http.Client     // talks with the provider; nil is one with a timeout
	Now  func() time.Time // nil is time.Now
}

type pages struct {
	*page.Set
	o Options
}

// maxForm is more than any form here has.
const maxForm = 8 << 10

// Register registers the pages with the frame.
func Register(o Options) error {
	if o.Frame == nil || o.Access == nil {
		return errors.New("door: Options.Frame or Options.Access is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.URL == nil {
		o.URL = func() string { return "" }
	}
	set, err := o.Frame.NewSet(files, words, "html/*.html")
	if err != nil {
		return fmt.Errorf("door: %w", err)
	}
	p := &pages{set, o}
	set.Menu(page.Item{Path: "/admin/tokens", Key: "tokens", Need: access.Admin, Admin: true})
	f := o.Frame
	f.Get("/admin/tokens", access.Admin, p.list)
	f.Post("/admin/tokens", access.Admin, p.create)
	f.Post("/admin/tokens/link", access.Admin, p.link)
	f.Post("/admin/tokens/{id}/revoke", access.Admin, p.revoke)
	f.Post("/admin/tokens/sessions/{id}/end", access.Admin, p.end)
	if o.Provider != nil {
		p.oidcRoutes()
	}
	return nil
}

// listView is the page.
type listView struct {
	page.Head
	Done      string
	Name      string // that was typed
	Role      access.Role
	Days      int
	Sorry     string
	Secret    string // of what was made just now: it is shown this once
	SecretOf  string
	SecretWas string // "token" or "link"
	Roles     []access.Role
	Tokens    []tokenView
	Sessions  []sessionView
}

type tokenView struct {
	access.Token
	Made          page.Stamp
	Used, Expires *page.Stamp // nil for never
	Over          bool
}

type sessionView struct {
	access.Session
	Used, Ends  page.Stamp
	Mine        bool
	From, Agent string
}

// agent is what a browser calls itself, in two words where it is one of the
// common ones.
func agent(s string) string {
	find := func(list ...[2]string) string {
		for _, l := range list {
			if strings.Contains(s, l[0]) {
				return l[1]
			}
		}
		return ""
	}
	// All of them claim to be the older ones too.
	browser := find([2]string{"Edg/", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"Firefox/", "Firefox"}, [2]string{"Chrome/", "Chrome"}, [2]string{"Safari/", "Safari"})
	system := find([2]string{"Android", "Android"}, [2]string{"iPhone", "iPhone"}, [2]string{"iPad", "iPad"}, [2]string{"Windows", "Windows"}, [2]string{"Mac OS", "macOS"}, [2]string{"Linux", "Linux"})
	if browser == "" || system == "" {
		return s
	}
	return browser + " · " + system
}

func (p *pages) list(w http.ResponseWriter, r *page.Request) error {
	v := &listView{Role: access.Manager}
	if key := "done." + r.URL.Query().Get("done"); p.Texts(r).Has(key) {
		v.Done = p.Texts(r).Say(key)
	}
	return p.show(w, r, http.StatusOK, v)
}

func (p *pages) show(w http.ResponseWriter, r *page.Request, status int, v *listView) error {
	tokens, err := p.o.Access.Tokens(r.Context())
	if err != nil {
		return err
	}
	sessions, err := p.o.Access.Sessions(r.Context())
	if err != nil {
		return err
	}
	now := p.o.Now()
	for _, t := range tokens {
		v.Tokens = append(v.Tokens, tokenView{t, page.At(t.Made), page.Maybe(&t.Used), page.Maybe(&t.Expires), !t.Expires.IsZero() && !t.Expires.After(now)})
	}
	for _, s := range sessions {
		from := strings.TrimSuffix(s.Client.Address, "/32") // an IPv4 address alone
		v.Sessions = append(v.Sessions, sessionView{s, page.At(s.Used), page.At(s.Ends), s.ID == r.Session.ID, from, agent(s.Client.Agent)})
	}
	v.Title, v.Roles = p.Texts(r).Say("tokens"), access.Roles
	return p.Show(w, r, status, "tokens", v)
}

// create makes a token, and shows its secret this once.
func (p *pages) create(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	v := &listView{Name: form.Get("name"), Role: access.Role(form.Get("role"))}
	var expires time.Time
	if s := form.Get("days"); s != "" {
		if v.Days, err = strconv.Atoi(s); err != nil || v.Days < 1 || v.Days > 3650 {
			v.Days, v.Sorry = 0, p.Texts(r).Say("days.bad")
			return p.show(w, r, http.StatusUnprocessableEntity, v)
		}
		expires = p.o.Now().AddDate(0, 0, v.Days)
	}
	secret, token, err := p.o.Access.Create(r.Context(), r.Who(), v.Name, v.Role, expires)
	if err != nil {
		return p.refused(w, r, v, err)
	}
	return p.show(w, r, http.StatusOK, &listView{Role: v.Role, Secret: secret, SecretOf: token.Name, SecretWas: "token"})
}

// link makes a link that signs somebody in once.
func (p *pages) link(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	v := &listView{Name: form.Get("name"), Role: access.Role(form.Get("role"))}
	secret, err := p.o.Access.Link(r.Context(), r.Who(), v.Name, v.Role)
	if err != nil {
		return p.refused(w, r, v, err)
	}
	return p.show(w, r, http.StatusOK, &listView{Role: v.Role, Secret: p.address(r) + "/login/once?" + page.Query("key", secret), SecretOf: v.Name, SecretWas: "link"})
}

// refused shows what is wrong with what was typed.
func (p *pages) refused(w http.ResponseWriter, r *page.Request, v *listView, err error) error {
	switch {
	case errors.Is(err, access.ErrFull):
		v.Sorry = p.Texts(r).Say("full", access.MaxTokens)
	case errors.Is(err, access.ErrInvalid):
		v.Sorry = p.Texts(r).Say("name.bad", access.MaxName)
	default:
		return err
	}
	return p.show(w, r, http.StatusUnprocessableEntity, v)
}

// address is how browsers reach the server: as it is set, or as this one does.
func (p *pages) address(r *page.Request) string {
	if u := p.o.URL(); u != "" {
		return u
	}
	scheme := "http"
	if r.Secure() {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func (p *pages) revoke(w http.ResponseWriter, r *page.Request) error {
	return p.ended(w, r, "revoked", p.o.Access.Revoke(r.Context(), r.Who(), r.PathValue("id")))
}

func (p *pages) end(w http.ResponseWriter, r *page.Request) error {
	return p.ended(w, r, "ended", p.o.Access.End(r.Context(), r.Who(), r.PathValue("id")))
}

// ended leads back to the list. What is gone already was to go.
func (p *pages) ended(w http.ResponseWriter, r *page.Request, done string, err error) error {
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		return err
	}
	http.Redirect(w, r.Request, "/admin/tokens?"+page.Query("done", done), http.StatusSeeOther)
	return nil
}
