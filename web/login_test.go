package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/web/page"
)

// policy is what all pages have.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// hand is a clock that a test moves.
type hand struct {
	mu sync.Mutex
	at time.Time
}

func (h *hand) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hand) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// enter signs in and returns what the browser is to send from then on.
func enter(t *testing.T, s http.Handler) (cookie string) {
	t.Helper()
	w := openIt(s, "POST", "/login", page.Query("token", token), formType)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("signing in: %d %s", w.Code, w.Body)
	}
	c := w.Result().Cookies()[0]
	return "Cookie: " + c.Name + "=" + c.Value
}

func TestSignIn(t *testing.T) {
	clock := &hand{at: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
	now := token
	s, _ := server(t, paged(t, Options{Tasks: newShop(), Clock: clock.now, Access: keeper(t, func() string { return now }, clock.now)}, page.Options{}))

	if w := openIt(s, "GET", "/tasks?a=b", "", "Accept-Language: en"); w.Code != 303 || w.Header().Get("Location") != "/login?next=%2Ftasks%3Fa%3Db" {
		t.Fatalf("who is not signed in: %d %s", w.Code, w.Header())
	}
	w := openIt(s, "GET", "/login?next=%2Ftasks%3Fa%3Db", "", "Accept-Language: en")
	if !strings.Contains(w.Body.String(), `name="next" value="/tasks?a=b"`) || w.Header().Get("Content-Security-Policy") != policy {
		t.Errorf("%s %s", w.Header(), w.Body)
	}
	for _, wrong := range []string{"", token + "x", token[1:], "Bearer " + token} {
		clock.move(time.Hour)
		w := openIt(s, "POST", "/login", "token="+url.QueryEscape(wrong), formType, "Accept-Language: zh")
		if w.Code != 403 || !strings.Contains(w.Body.String(), "这个令牌无效") || w.Header().Get("Set-Cookie") != "" || strings.Contains(w.Body.String(), token) {
			t.Errorf("%q: %d %s", wrong, w.Code, w.Header())
		}
	}
	clock.move(time.Hour)
	w = openIt(s, "POST", "/login", page.Query("token", " "+token+"\n", "next", "/tasks?a=b"), formType)
	if w.Code != 303 || w.Header().Get("Location") != "/tasks?a=b" {
		t.Fatalf("%d %s", w.Code, w.Header())
	}
	c := w.Result().Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/" || len(c.Value) != 43 || c.MaxAge != 12*3600 {
		t.Errorf("the cookie is %+v", c)
	}
	cookie := "Cookie: " + c.Name + "=" + c.Value
	in := func() bool { return openIt(s, "GET", "/tasks", "", cookie).Code == 200 }
	if !in() {
		t.Error("signed in, and not let in")
	}
	if w := openIt(s, "GET", "/login?next=/tasks/x", "", cookie); w.Code != 303 || w.Header().Get("Location") != "/tasks/x" {
		t.Errorf("who is signed in already: %d %s", w.Code, w.Header())
	}
	clock.move(12*time.Hour - time.Second)
	if !in() {
		t.Error("signed out too soon")
	}
	clock.move(time.Second)
	if in() {
		t.Error("still signed in after 12 hours")
	}
	if w := openIt(s, "POST", "/tasks/hello", "name=x", formType, cookie, "Accept-Language: en"); w.Code != 401 || !strings.Contains(w.Body.String(), "nothing is lost") {
		t.Errorf("a form after that: %d %s", w.Code, w.Body)
	}

	clock.move(time.Hour)
	cookie = enter(t, s)
	if w := openIt(s, "POST", "/logout", "", cookie); w.Code != 303 || !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") || in() {
		t.Errorf("signing out: %d %s", w.Code, w.Header())
	}
	cookie = enter(t, s)
	now = "another token, since this one was reset"
	if in() {
		t.Error("still signed in with a token that is not the admin's any more")
	}
	now = ""
	clock.move(time.Hour)
	if w := openIt(s, "POST", "/login", "token=", formType); w.Code != 403 {
		t.Errorf("without any token: %d", w.Code)
	}
}

func TestSignInSecure(t *testing.T) {
	s, _ := server(t, paged(t, Options{Tasks: newShop()}, page.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}))
	for _, c := range []struct {
		from, proto string
		tls, want   bool
	}{
		{"203.0.113.1:99", "", false, false}, {"203.0.113.1:99", "https", false, false}, {"203.0.113.2:99", "", true, true},
		{"127.0.0.1:99", "https", false, true}, {"10.1.2.3:99", "https", false, true}, {"10.1.2.3:99", "http", false, false},
	} {
		scheme := "http://"
		if c.tls {
			scheme = "https://"
		}
		r := httptest.NewRequest("POST", scheme+"hearth.example/login", strings.NewReader(page.Query("token", token)))
		r.RemoteAddr = c.from
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-Proto", c.proto)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 303 || strings.Contains(w.Header().Get("Set-Cookie"), "Secure") != c.want {
			t.Errorf("%+v: %d %s", c, w.Code, w.Header()["Set-Cookie"])
		}
	}
}

func TestSignInIsBounded(t *testing.T) {
	clock := &hand{at: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
	s, _ := server(t, paged(t, Options{Tasks: newShop(), Clock: clock.now}, page.Options{}))
	try := func(from, tok string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/login", strings.NewReader(page.Query("token", tok)))
		r.RemoteAddr = from + ":99"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	for i := range 5 {
		if w := try("203.0.113.1", "guess"); w.Code != 403 {
			t.Fatalf("try %d: %d", i, w.Code)
		}
	}
	if w := try("203.0.113.1", token); w.Code != 429 || w.Header().Get("Retry-After") != "10" {
		t.Errorf("the sixth, though it is right: %d %s", w.Code, w.Header())
	}
	if w := try("203.0.113.2", token); w.Code != 303 {
		t.Errorf("from elsewhere: %d", w.Code)
	}
	clock.move(10 * time.Second)
	if w := try("203.0.113.1", token); w.Code != 303 {
		t.Errorf("ten seconds later: %d", w.Code)
	}
	refused := 0
	for i := range 100 {
		if try("198.51.100."+string(rune('0'+i%10))+string(rune('0'+i/10)), "guess").Code == 429 {
			refused++
		}
	}
	if refused < 60 {
		t.Errorf("of a hundred guesses from everywhere %d were refused", refused)
	}
}

// A form from another site is refused, signed in or not.
func TestCrossSite(t *testing.T) {
	shop := newShop()
	s, _ := server(t, paged(t, Options{Tasks: shop}, page.Options{PublicURL: "https://hearth.example"}))
	cookie := enter(t, s)
	for _, path := range []string{"/login", "/logout", "/tasks/hello", "/tasks/hello/move", "/tasks/hello/restore", "/tasks/_pack", "/tasks/_pack/apply"} {
		for _, header := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://evil.example"} {
			if w := openIt(s, "POST", path, page.Query("to", "down", "token", token), formType, cookie, header); w.Code != 403 || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s, %s: %d %s", path, header, w.Code, w.Header())
			}
		}
	}
	if len(shop.applied) > 0 {
		t.Errorf("%+v was done", shop.applied)
	}
	for _, header := range []string{"Sec-Fetch-Site: same-origin", "Origin: https://hearth.example"} {
		if w := openIt(s, "POST", "/tasks/hello/move", "to=down", formType, cookie, header); w.Code != 303 {
			t.Errorf("%s: %d", header, w.Code)
		}
	}
}
