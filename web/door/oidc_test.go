package door_test

import (
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/hearthbot/hearth/web/door"
)

func copyBounded(to io.Writer, resp *http.Response) (int64, error) {
	return io.Copy(to, io.LimitReader(resp.Body, 4<<20))
}

// provider is a real one, certified as such, on this machine: it signs its
// words, and checks the client, its secret, where it leads back to, and the
// verifier.
func provider(t *testing.T) (issuer string, register func(back string)) {
	t.Helper()
	was := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // it logs every request there
	t.Cleanup(func() { slog.SetDefault(was) })
	var h http.Handler
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	issuer = "http://" + s.Listener.Addr().String()
	h = exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer)), nil, false)
	s.Start()
	t.Cleanup(s.Close)
	return issuer, func(back string) { storage.RegisterClients(storage.WebClient("hearth", "the client’s secret", back)) }
}

var authRequest = regexp.MustCompile(`name="id" value="([^"]+)"`)

// signIn goes the whole way of a person: the button, the provider's own form, and
// back.
func (b *browser) signIn(t *testing.T, issuer, user string) (int, string) {
	t.Helper()
	_, body := b.get("/login?next=/")
	if !strings.Contains(body, "Sign in with Acme") {
		t.Fatalf("there is no button: %s", body)
	}
	code, body := b.get("/login/oidc?next=/")
	m := authRequest.FindStringSubmatch(body)
	if m == nil {
		return code, body
	}
	return b.send("POST", issuer+"/login/username", url.Values{"username": {user}, "password": {"verysecure"}, "id": {html.UnescapeString(m[1])}})
}

func TestOIDC(t *testing.T) {
	issuer, register := provider(t)
	at := door.Provider{Name: "Acme", Issuer: issuer, ClientID: "hearth", ClientSecret: "the client’s secret", Managers: []string{"Test-User@zitadel.ch", "gophers"}}
	h := open(t, door.Options{Provider: func() door.Provider { return at }})
	register(h.url + "/login/oidc/back")

	code, body := h.browser().signIn(t, issuer, "test-user@127.0.0.1")
	if code != 200 || !strings.HasPrefix(body, "the front page of manager Test User oidc/id1") {
		t.Fatalf("%d %s", code, body)
	}
	code, body = h.browser().signIn(t, issuer, "test-user2")
	if code != 403 || !strings.Contains(body, "Acme knows you as test-user2@zitadel.ch, and nobody has let that address in") {
		t.Errorf("who is on no list: %d %s", code, body)
	}
	at.Admins = []string{"test-user2@zitadel.ch"} // as it is changed while hearth runs
	if code, body = h.browser().signIn(t, issuer, "test-user2"); code != 200 || !strings.HasPrefix(body, "the front page of admin") {
		t.Errorf("who was put on a list: %d %s", code, body)
	}
	at.ClientSecret = "wrong"
	if code, body = h.browser().signIn(t, issuer, "test-user2"); code != 403 || !strings.Contains(body, "could not be trusted") || strings.Contains(body, "wrong") {
		t.Errorf("with a wrong secret of the client: %d %s", code, body)
	}
	at.Issuer = "http://127.0.0.1:1"
	if code, body = h.browser().signIn(t, issuer, "test-user2"); code != 502 || !strings.Contains(body, "Acme cannot be reached at the moment") {
		t.Errorf("with nobody there: %d %s", code, body)
	}
	at.Issuer = ""
	if code, body := h.browser().get("/login/oidc"); code != 404 || !strings.Contains(body, "No provider") {
		t.Errorf("switched off: %d %s", code, body)
	}
	if _, body := h.browser().get("/login"); strings.Contains(body, "Acme") {
		t.Error("the button is there all the same")
	}
}

// TestOIDCForged shows that an answer which was not asked for signs nobody in.
func TestOIDCForged(t *testing.T) {
	issuer, register := provider(t)
	at := door.Provider{Name: "Acme", Issuer: issuer, ClientID: "hearth", ClientSecret: "the client’s secret", Viewers: []string{"test-user@zitadel.ch"}}
	h := open(t, door.Options{Provider: func() door.Provider { return at }})
	register(h.url + "/login/oidc/back")

	// The attacker's own answer, caught before it is used, in another's browser.
	attacker := h.browser()
	var caught string
	attacker.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.Path, "/login/oidc/back") {
			caught = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	attacker.signIn(t, issuer, "test-user@127.0.0.1")
	if caught == "" {
		t.Fatal("there was no answer")
	}
	victim := h.browser()
	if code, body := victim.get(caught); code != 400 || !strings.Contains(body, "begun in another browser") {
		t.Errorf("another's answer: %d %s", code, body)
	}
	if code, _ := victim.get("/login/oidc"); code != 200 {
		t.Fatal(code)
	}
	if code, _ := victim.get(caught); code != 400 {
		t.Errorf("another's answer to one's own beginning: %d", code)
	}
	for _, q := range []string{"", "?state=", "?state=x&code=y", "?error=access_denied"} {
		if code, _ := victim.get("/login/oidc/back" + q); code != 400 {
			t.Errorf("%q: %d", q, code)
		}
	}
	if s, err := h.access.Sessions(t.Context()); err != nil || len(s) != 0 {
		t.Errorf("somebody is signed in: %+v, %v", s, err)
	}
	attacker.CheckRedirect = nil
	if code, body := attacker.get(caught); code != 200 || !strings.HasPrefix(body, "the front page of viewer") {
		t.Errorf("in its own browser it works: %d %s", code, body)
	}
	if code, _ := attacker.get(caught); code != 400 {
		t.Error("it works twice")
	}
}
