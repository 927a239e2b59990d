package door_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web/door"
	"github.com/hearthbot/hearth/web/page"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const adminToken = "an-admin-token-of-some-length"

// house is a server of the pages, and who may come in.
type house struct {
	t      *testing.T
	url    string
	access *access.Keeper
	audit  *audit.Log
}

func open(t *testing.T, o door.Options) *house {
	t.Helper()
	m := new(store.Mem)
	log := audit.New(m, nil)
	h := &house{t: t, audit: log, access: access.New(access.Options{Store: m, Audit: log, Admin: func() string { return adminToken }})}
	f, err := page.New(page.Options{Access: h.access})
	if err != nil {
		t.Fatal(err)
	}
	f.Get("/", access.Viewer, func(w http.ResponseWriter, r *page.Request) error {
		_, err := w.Write([]byte("the front page of " + string(r.Person.Role) + " " + r.Person.Name + " " + r.Person.ID))
		return err
	})
	o.Frame, o.Access = f, h.access
	if err := door.Register(o); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, r := range f.Routes() {
		pattern := r.Pattern
		if pattern == "/" {
			pattern = "/{$}"
		}
		mux.Handle(r.Method+" "+pattern, r.Handler)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(func() {
		s.Close()
		_ = m.Close()
	})
	h.url = s.URL
	return h
}

// browser keeps cookies and follows redirects.
func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	t := new(http.Transport)
	h.t.Cleanup(t.CloseIdleConnections)
	return &browser{h, &http.Client{Jar: jar, Transport: t}}
}

type browser struct {
	*house
	*http.Client
}

func (b *browser) get(address string) (int, string) { return b.send("GET", address, nil) }

func (b *browser) send(method, address string, form url.Values) (int, string) {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.url + address
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", "en")
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body strings.Builder
	if _, err := copyBounded(&body, resp); err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, body.String()
}

// signedIn is a browser of somebody with a token.
func (h *house) signedIn(token string) *browser {
	h.t.Helper()
	b := h.browser()
	if code, body := b.send("POST", "/login", url.Values{"token": {token}}); code != 200 || !strings.Contains(body, "the front page of") {
		h.t.Fatalf("signing in: %d %s", code, body)
	}
	return b
}

var shown = regexp.MustCompile(`<code id="secret">([^<]+)</code>`)

// TestTokens makes a token on the page, comes in with it, and takes it away.
func TestTokens(t *testing.T) {
	h := open(t, door.Options{})
	admin := h.signedIn(adminToken)
	code, body := admin.get("/admin/tokens")
	if code != 200 || !strings.Contains(body, "None yet") || !strings.Contains(body, "this one") {
		t.Fatalf("%d %s", code, body)
	}
	code, body = admin.send("POST", "/admin/tokens", url.Values{"name": {"Anna’s <laptop>"}, "role": {"viewer"}, "days": {"30"}})
	m := shown.FindStringSubmatch(body)
	if code != 200 || m == nil || !strings.Contains(body, "Anna’s &lt;laptop&gt;") || strings.Contains(body, "<laptop>") {
		t.Fatalf("%d %s", code, body)
	}
	if _, body := admin.get("/admin/tokens"); strings.Contains(body, m[1]) {
		t.Error("the secret is shown a second time")
	}
	anna := h.signedIn(m[1])
	if code, body := anna.get("/admin/tokens"); code != 403 || !strings.Contains(body, "This needs the role admin; you are signed in as viewer") {
		t.Errorf("a viewer: %d %s", code, body)
	}
	tokens, err := h.access.Tokens(t.Context())
	if err != nil || len(tokens) != 1 || tokens[0].By != "admin token" || tokens[0].Expires.Before(time.Now().AddDate(0, 0, 29)) {
		t.Fatalf("%+v, %v", tokens, err)
	}
	if code, _ := anna.send("POST", "/admin/tokens/"+tokens[0].ID+"/revoke", url.Values{}); code != 403 {
		t.Errorf("a viewer revokes: %d", code)
	}
	if code, body := admin.send("POST", "/admin/tokens/"+tokens[0].ID+"/revoke", url.Values{}); code != 200 || !strings.Contains(body, "The token is revoked") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := anna.get("/"); code != 200 || !strings.Contains(body, `action="/login"`) {
		t.Errorf("with a revoked token: %d %s", code, body)
	}
	list, err := h.audit.List(t.Context(), audit.Filter{Did: "token"})
	if err != nil || len(list) != 2 || list[0].Did != "token.revoke" || list[0].Who.Via != "page" {
		t.Errorf("on record is %+v, %v", list, err)
	}
}

func TestRefused(t *testing.T) {
	h := open(t, door.Options{})
	admin := h.signedIn(adminToken)
	for name, form := range map[string]url.Values{
		"no name": {"name": {" "}, "role": {"viewer"}}, "bidi": {"name": {"a\u202eb"}, "role": {"viewer"}}, "NUL": {"name": {"a\x00"}, "role": {"viewer"}},
		"no role": {"name": {"x"}, "role": {"root"}}, "days": {"name": {"x"}, "role": {"viewer"}, "days": {"0"}}, "many days": {"name": {"x"}, "role": {"viewer"}, "days": {"9999"}},
		"days as words": {"name": {"x"}, "role": {"viewer"}, "days": {"<b>"}}, "long": {"name": {strings.Repeat("x", 61)}, "role": {"viewer"}},
	} {
		code, body := admin.send("POST", "/admin/tokens", form)
		if code != 422 || !strings.Contains(body, `role="alert"`) || shown.MatchString(body) {
			t.Errorf("%s: %d", name, code)
		}
	}
	if code, _ := admin.send("POST", "/admin/tokens", url.Values{"name": {strings.Repeat("x", 1<<20)}, "role": {"viewer"}}); code != 413 {
		t.Errorf("a megabyte: %d", code)
	}
	for _, path := range []string{"/admin/tokens/nothing/revoke", "/admin/tokens/sessions/0123456789ab/end", "/admin/tokens/..%2f..%2fx/revoke"} {
		if code, _ := admin.send("POST", path, url.Values{}); code != 200 {
			t.Errorf("%s: %d", path, code)
		}
	}
	if tokens, err := h.access.Tokens(t.Context()); err != nil || len(tokens) != 0 {
		t.Errorf("%+v, %v", tokens, err)
	}
}

// TestLinkAndSession makes a link, comes in by it, and is signed out by an admin.
func TestLinkAndSession(t *testing.T) {
	h := open(t, door.Options{})
	admin := h.signedIn(adminToken)
	_, body := admin.send("POST", "/admin/tokens/link", url.Values{"name": {"Ben"}, "role": {"manager"}})
	m := shown.FindStringSubmatch(body)
	if m == nil || !strings.HasPrefix(m[1], h.url+"/login/once?key=") {
		t.Fatalf("%s", body)
	}
	ben := h.browser()
	if code, body := ben.get(m[1]); code != 200 || !strings.Contains(body, "signs you in once") {
		t.Fatalf("%d %s", code, body)
	}
	_, key, _ := strings.Cut(m[1], "key=")
	if code, body := ben.send("POST", "/login/once", url.Values{"key": {key}}); code != 200 || !strings.Contains(body, "the front page of manager Ben") {
		t.Fatalf("%d %s", code, body)
	}
	sessions, err := h.access.Sessions(t.Context())
	if err != nil || len(sessions) != 2 {
		t.Fatalf("%+v, %v", sessions, err)
	}
	for _, s := range sessions {
		if s.Person.Name == "Ben" {
			if code, body := admin.send("POST", "/admin/tokens/sessions/"+s.ID+"/end", url.Values{}); code != 200 || !strings.Contains(body, "The session is ended") {
				t.Errorf("%d %s", code, body)
			}
		}
	}
	if _, body := ben.get("/"); !strings.Contains(body, `action="/login"`) {
		t.Errorf("Ben is in still: %s", body)
	}
	if err := h.access.SignOut(context.Background(), "nothing"); err != nil {
		t.Error(err)
	}
}
