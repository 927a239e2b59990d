package door

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web/page"
)

// Provider is who vouches for people, and which of them may do what. An address
// or a group may stand in several lists: the highest role counts.
type Provider struct {
	Name         string // on the button; "" is the issuer's host
	Issuer       string // its address, as OpenID Connect Discovery 1.0 has it; "" is none
	ClientID     string
	ClientSecret string
	GroupsClaim  string // the claim with a person's groups; "" is "groups"

	Admins, Managers, Viewers []string // e-mail addresses that the provider has verified, and groups
}

func (p *Provider) name() string {
	if p.Name != "" {
		return p.Name
	}
	if u, err := url.Parse(p.Issuer); err == nil && u.Host != "" {
		return u.Host
	}
	return p.Issuer
}

// role is the highest one that somebody has by an address or a group; "" if none.
func (p *Provider) role(email string, groups []string) access.Role {
	in := func(list []string) bool {
		return slices.ContainsFunc(list, func(entry string) bool {
			return email != "" && strings.EqualFold(entry, email) || slices.Contains(groups, entry)
		})
	}
	switch {
	case in(p.Admins):
		return access.Admin
	case in(p.Managers):
		return access.Manager
	case in(p.Viewers):
		return access.Viewer
	}
	return ""
}

// The way in, as OpenID Connect Core 1.0, section 3.1, and RFC 7636 have it:
//
//	/login/oidc ─► the provider ─► /login/oidc/back ─► a session
//
// What was begun is kept by the browser alone, in a cookie for ten minutes: the
// state ties the answer to it, the nonce the provider's word to it, and the
// verifier proves that who changes the code into that word has begun it.
const (
	oidcPath   = "/login/oidc"
	oidcBack   = "/login/oidc/back"
	oidcCookie = "oidc"
	oidcTime   = 10 * time.Minute
	oidcWait   = 10 * time.Second // for each of the provider's answers
)

// begun is what the cookie has.
type begun struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Next     string `json:"x"`
}

// known keeps what a provider says of itself, until another is set.
type known struct {
	mu       sync.Mutex
	issuer   string
	provider *oidc.Provider
}

func (p *pages) oidcRoutes() {
	k := new(known)
	f := p.o.Frame
	f.Providers(func(r *page.Request) []page.Provider {
		at := p.o.Provider()
		if at.Issuer == "" {
			return nil
		}
		return []page.Provider{{Path: oidcPath, Name: p.Texts(r).Say("oidc", at.name())}}
	})
	f.Get(oidcPath, page.Everybody, func(w http.ResponseWriter, r *page.Request) error { return p.begin(w, r, k) })
	f.Get(oidcBack, page.Everybody, func(w http.ResponseWriter, r *page.Request) error { return p.back(w, r, k) })
}

// client is the way to the provider that is set, which is asked how to talk with
// it when it is first needed.
func (p *pages) client(ctx context.Context, r *page.Request, k *known) (*Provider, *oidc.Provider, *oauth2.Config, error) {
	at := p.o.Provider()
	if at.Issuer == "" {
		return nil, nil, nil, p.Sorry(http.StatusNotFound, "/login", "oidc.off")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.provider == nil || k.issuer != at.Issuer {
		provider, err := oidc.NewProvider(ctx, at.Issuer)
		if err != nil {
			p.o.Frame.Log(r, "the provider of identities cannot be reached", "issuer", at.Issuer, "err", err)
			return nil, nil, nil, p.Sorry(http.StatusBadGateway, "/login", "oidc.away", at.name())
		}
		k.issuer, k.provider = at.Issuer, provider
	}
	return &at, k.provider, &oauth2.Config{ClientID: at.ClientID, ClientSecret: at.ClientSecret, Endpoint: k.provider.Endpoint(),
		RedirectURL: p.address(r) + oidcBack, Scopes: []string{oidc.ScopeOpenID, "profile", "email", "groups"}}, nil
}

// bounded is a context for talking with the provider.
func (p *pages) bounded(r *page.Request) (context.Context, context.CancelFunc) {
	c := p.o.HTTP
	if c == nil {
		c = &http.Client{Timeout: oidcWait}
	}
	return context.WithTimeout(oidc.ClientContext(r.Context(), c), 2*oidcWait)
}

func (p *pages) begin(w http.ResponseWriter, r *page.Request, k *known) error {
	ctx, cancel := p.bounded(r)
	defer cancel()
	_, provider, client, err := p.client(ctx, r, k)
	if err != nil {
		return err
	}
	// Not every provider has the scope groups, and some refuse what they do not have.
	var says struct {
		Scopes []string `json:"scopes_supported"`
	}
	if err := provider.Claims(&says); err == nil && len(says.Scopes) > 0 {
		client.Scopes = slices.DeleteFunc(client.Scopes, func(s string) bool { return !slices.Contains(says.Scopes, s) })
	}
	b := begun{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), page.Local(r.URL.Query().Get("next"))}
	v, err := json.Marshal(b)
	if err != nil {
		return err
	}
	r.Keep(w, oidcCookie, url.QueryEscape(string(v)), oidcTime)
	http.Redirect(w, r.Request, client.AuthCodeURL(b.State, oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)), http.StatusSeeOther)
	return nil
}

// claims are what a provider says of somebody.
type claims struct {
	Subject  string `json:"sub"`
	Name     string `json:"name"`
	Username string `json:"preferred_username"`
	Email    string `json:"email"`
	Verified any    `json:"email_verified"` // a boolean; some write it as text
}

// verified is the address, if the provider has made sure that it is theirs.
func (c *claims) verified() string {
	if c.Verified == true || c.Verified == "true" {
		return c.Email
	}
	return ""
}

func (p *pages) back(w http.ResponseWriter, r *page.Request, k *known) error {
	var b begun
	kept, err := url.QueryUnescape(r.Kept(oidcCookie))
	if err == nil {
		err = json.Unmarshal([]byte(kept), &b)
	}
	r.Keep(w, oidcCookie, "", 0)
	q := r.URL.Query()
	if err != nil || b.State == "" || q.Get("state") != b.State {
		return p.Sorry(http.StatusBadRequest, "/login", "oidc.again")
	}
	ctx, cancel := p.bounded(r)
	defer cancel()
	at, provider, client, err := p.client(ctx, r, k)
	if err != nil {
		return err
	}
	if e := q.Get("error"); e != "" {
		return p.Sorry(http.StatusForbidden, "/login", "oidc.refused", at.name(), page.Printable(e+" "+q.Get("error_description")))
	}
	c, groups, err := p.vouched(ctx, at, provider, client, &b, q.Get("code"))
	if err != nil {
		p.o.Frame.Log(r, "a sign-in by the provider of identities failed", "issuer", at.Issuer, "err", err)
		return p.Sorry(http.StatusForbidden, "/login", "oidc.bad", at.name())
	}
	role := at.role(c.verified(), groups)
	if role == "" {
		who := c.Email
		if who == "" {
			who = c.Subject
		}
		return p.Sorry(http.StatusForbidden, "/login", "oidc.nobody", at.name(), page.Printable(who))
	}
	name := c.Name
	for _, other := range []string{c.verified(), c.Username, c.Subject} {
		if name == "" {
			name = other
		}
	}
	return p.o.Frame.Begin(w, r, access.Person{ID: "oidc/" + c.Subject, Name: page.Printable(name), Role: role}, b.Next)
}

// vouched changes a code into the provider's word on somebody, and checks that.
func (p *pages) vouched(ctx context.Context, at *Provider, provider *oidc.Provider, client *oauth2.Config, b *begun, code string) (c claims, groups []string, err error) {
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(b.Verifier))
	if err != nil {
		return c, nil, fmt.Errorf("exchange the code: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return c, nil, errors.New("there is no id_token in the answer")
	}
	word, err := provider.Verifier(&oidc.Config{ClientID: at.ClientID, Now: p.o.Now}).Verify(ctx, raw)
	if err != nil {
		return c, nil, fmt.Errorf("verify the id_token: %w", err)
	}
	if word.Nonce != b.Nonce {
		return c, nil, errors.New("the id_token is not of this sign-in: its nonce differs")
	}
	all := map[string]json.RawMessage{}
	if err := errors.Join(word.Claims(&c), word.Claims(&all)); err != nil {
		return c, nil, fmt.Errorf("read the id_token: %w", err)
	}
	// Many providers tell the address, the name and the groups only when asked.
	if info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token)); err == nil && info.Subject == word.Subject {
		more := map[string]json.RawMessage{}
		if err := errors.Join(info.Claims(&c), info.Claims(&more)); err != nil {
			return c, nil, fmt.Errorf("read what is known of the person: %w", err)
		}
		for k, v := range more {
			all[k] = v
		}
	}
	c.Subject = word.Subject
	claim := at.GroupsClaim
	if claim == "" {
		claim = "groups"
	}
	var one string
	switch v := all[claim]; {
	case json.Unmarshal(v, &groups) == nil:
	case json.Unmarshal(v, &one) == nil:
		groups = []string{one}
	}
	return c, groups, nil
}
