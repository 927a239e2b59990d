package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Bounds of sessions, which are kept in memory alone.
const (
	sessionTime   = 12 * time.Hour // from signing in on, whatever is done in it
	maxSessions   = 64             // of more the one that ends first is ended
	sessionCookie = "hearth_session"
)

// session is somebody who has signed in on the pages.
type session struct {
	name  string // for the log: who, and which of their sessions
	token [sha256.Size]byte
	ends  time.Time

	mu   sync.Mutex
	pack *TaskFiles // that was uploaded and not applied yet; nil if none
}

// sessions are those who are signed in, by a digest of what their cookie says:
// who reads the memory of the process cannot take a session over.
type sessions struct {
	now func() time.Time

	mu  sync.Mutex
	all map[[sha256.Size]byte]*session
}

// begin makes a session of who has shown a token, and returns the cookie's value.
func (x *sessions) begin(who, token string) string {
	var id [32]byte
	_, _ = rand.Read(id[:]) // never fails
	value := base64.RawURLEncoding.EncodeToString(id[:])
	key := sha256.Sum256([]byte(value))
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	if x.all == nil {
		x.all = map[[sha256.Size]byte]*session{}
	}
	var first [sha256.Size]byte
	for k, s := range x.all {
		if !s.ends.After(now) {
			delete(x.all, k)
		} else if f := x.all[first]; f == nil || s.ends.Before(f.ends) {
			first = k
		}
	}
	if len(x.all) >= maxSessions {
		delete(x.all, first)
	}
	x.all[key] = &session{name: who + " " + hex.EncodeToString(key[:4]), token: sha256.Sum256([]byte(token)), ends: now.Add(sessionTime)}
	return value
}

// find returns the session of a cookie's value that was begun with token; nil
// if there is none, or not any more. With another token all have ended.
func (x *sessions) find(value, token string) *session {
	key := sha256.Sum256([]byte(value))
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.all[key]
	if s == nil || token == "" {
		return nil
	}
	if !s.ends.After(x.now()) || s.token != sha256.Sum256([]byte(token)) {
		delete(x.all, key)
		return nil
	}
	return s
}

func (x *sessions) end(value string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.all, sha256.Sum256([]byte(value)))
}

// session is the session of a request, or nil.
func (p *signIn) session(r *http.Request) *session {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	return p.sessions.find(c.Value, p.s.o.Token())
}

type sessionKey struct{}

// signedIn is the session of a request that came past member.
func signedIn(r *http.Request) *session {
	s, _ := r.Context().Value(sessionKey{}).(*session)
	return s
}

// only lets nobody pass who is not signed in. Who only looks is led to the sign-in
// and back. Who sends something is told, so that it can be sent again.
func (p *signIn) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := p.session(r)
		switch {
		case s != nil:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, s)))
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			http.Redirect(w, r, "/login?"+query("next", r.URL.RequestURI()), http.StatusSeeOther)
		default:
			p.show(w, r, http.StatusUnauthorized, "login.ended", &loginView{})
		}
	})
}

// setCookie hands a session to the browser; no value takes it away.
func (p *signIn) setCookie(w http.ResponseWriter, r *http.Request, value string) {
	c := &http.Cookie{Name: sessionCookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: p.https(r)}
	if c.MaxAge = int(sessionTime / time.Second); value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// https says whether the browser speaks to us by https, perhaps through a proxy
// that is believed.
func (p *signIn) https(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && isProxy(at.Addr().Unmap().WithZone(""), p.o.Proxies) && r.Header.Get("X-Forwarded-Proto") == "https"
}
