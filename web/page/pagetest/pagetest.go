// Package pagetest is a frame for the tests of pages: all that there is to sign
// in to lies in memory, and there is a browser for each role. It must not know
// any page.
package pagetest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web/page"
)

// House is a frame, and who may come in. Pages are registered with Frame before
// the first request.
type House struct {
	Frame  *page.Frame
	Access *access.Keeper
	Audit  *audit.Log

	t       testing.TB
	mux     *http.ServeMux
	cookies map[access.Role]string
}

// New returns a house that ends with the test. A nil now is time.Now.
func New(t testing.TB, now func() time.Time) *House {
	t.Helper()
	s := new(store.Mem)
	t.Cleanup(func() { _ = s.Close() }) // nothing is kept
	h := &House{t: t, Audit: audit.New(s, now), cookies: map[access.Role]string{}}
	h.Access = access.New(access.Options{Store: s, Audit: h.Audit, Admin: func() string { return "an-admin-token-of-some-length" }, Now: now})
	var err error
	if h.Frame, err = page.New(page.Options{Access: h.Access, Now: now}); err != nil {
		t.Fatal(err)
	}
	return h
}

// Do answers a request of somebody who is signed in as a role; as page.Everybody
// nobody is.
func (h *House) Do(role access.Role, r *http.Request) *httptest.ResponseRecorder {
	h.t.Helper()
	if role != page.Everybody {
		r.AddCookie(h.Cookie(role))
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	return w
}

// Handler serves the frame's routes.
func (h *House) Handler() http.Handler {
	if h.mux == nil {
		h.mux = http.NewServeMux()
		for _, route := range h.Frame.Routes() {
			pattern := strings.TrimSuffix(route.Pattern, "/") // chi's is one page, not all below it
			if pattern == "" {
				pattern = "/{$}"
			}
			if pattern == route.Pattern || route.Pattern == "/" {
				h.mux.Handle(route.Method+" "+pattern, route.Handler)
			}
		}
	}
	return h.mux
}

// Cookie is what the browser has of somebody who is signed in as a role, under
// the name "<role>".
func (h *House) Cookie(role access.Role) *http.Cookie {
	h.t.Helper()
	if h.cookies[role] == "" {
		cookie, _, err := h.Access.SignInAs(h.t.Context(), access.Person{ID: "test/" + string(role), Name: "<" + string(role) + ">", Role: role}, access.Client{})
		if err != nil {
			h.t.Fatal(err)
		}
		h.cookies[role] = cookie
	}
	return &http.Cookie{Name: "hearth_session", Value: h.cookies[role]}
}
