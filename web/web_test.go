package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web/page"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(tabtest.Tests{M: m}) }

const token = "an-admin-token-of-some-length"

// memory is a Host that keeps what it is told.
type memory struct {
	mu       sync.Mutex
	accepted []abi.Event
	seen     map[string]bool
	err      error
	paused   bool
	handled  chan Event
	asked    FailureFilter
}

func newMemory() *memory {
	return &memory{seen: map[string]bool{}, handled: make(chan Event)}
}

func (m *memory) Accept(_ context.Context, in chat.Incoming) (chat.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return 0, m.err
	}
	key := in.Event.Source + " " + in.Event.ID
	if m.seen[key] {
		return chat.Duplicate, nil
	}
	m.seen[key] = true
	m.accepted = append(m.accepted, in.Event)
	return chat.Accepted, nil
}

func (m *memory) Status(context.Context) (Status, error) {
	return Status{Paused: m.paused, Plugins: []Plugin{{Name: "welcome", Version: "1.0.0", Status: "live"}}, Platforms: []Platform{}}, m.err
}

func (m *memory) Events(_ context.Context, f EventFilter) ([]Event, error) {
	return []Event{{Number: "0000000000000001", Plugin: f.Plugin, Kind: f.Kind, Attempt: f.Limit}}, m.err
}

func (m *memory) Event(_ context.Context, n string) (EventDetail, error) {
	return EventDetail{}, fmt.Errorf("%w: event %q", ErrNotFound, n)
}

func (m *memory) Follow(ctx context.Context, _ EventFilter) (<-chan Event, error) {
	out := make(chan Event)
	go func() {
		defer close(out)
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-m.handled:
				out <- e
			}
		}
	}()
	return out, m.err
}

func (m *memory) Failures(_ context.Context, f FailureFilter) ([]Failure, error) {
	m.asked = f
	return nil, m.err
}

func (m *memory) Retry(_ context.Context, _ audit.Who, n, plugin string) error {
	return fmt.Errorf("%w: %s %s", ErrNotFound, n, plugin)
}
func (m *memory) Pause(context.Context, audit.Who, string) error  { m.paused = true; return m.err }
func (m *memory) Resume(context.Context, audit.Who, string) error { m.paused = false; return m.err }

func server(t *testing.T, o Options) (*Server, *memory) {
	t.Helper()
	m := newMemory()
	o.Host = m
	if o.Access == nil {
		o.Access = keeper(t, func() string { return token }, o.Clock)
	}
	if o.Mounts == nil {
		o.Mounts = map[string]http.Handler{
			"/chat":       http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "chat") }),
			"/chat/":      http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "below "+r.URL.Path) }),
			"/panic":      http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh dear") }),
			"/panic/late": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "so far"); panic("oh dear") }),
			"/body": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, err := io.Copy(io.Discard, r.Body)
				fmt.Fprintln(w, n, err)
			}),
		}
	}
	o.Platforms = []string{"webchat", "slack"}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

// named is a community of that name.
func named(name string) func() string { return func() string { return name } }

// keeper lets in who has the admin token, which is kept in memory.
func keeper(t testing.TB, admin func() string, clock func() time.Time) *access.Keeper {
	m := new(store.Mem)
	t.Cleanup(func() { _ = m.Close() })
	return access.New(access.Options{Store: m, Audit: audit.New(m, clock), Admin: admin, Now: clock})
}

// paged are o with pages, whose other options are p.
func paged(t *testing.T, o Options, p page.Options) Options {
	t.Helper()
	if o.Access == nil {
		o.Access = keeper(t, func() string { return token }, o.Clock)
	}
	p.Access, p.Now, p.NotReady = o.Access, o.Clock, o.NotReady
	if o.Community != nil {
		p.Community = o.Community
	}
	f, err := page.New(p)
	if err != nil {
		t.Fatal(err)
	}
	o.Pages = f
	return o
}

// do asks as the admin, unless a header says otherwise.
func do(s http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(method, path, nil)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestWhoMayAsk(t *testing.T) {
	for name, c := range map[string]struct {
		header, token string
		ok            bool
	}{
		"the token":             {"Bearer " + token, token, true},
		"another scheme's case": {"bearer " + token, token, true},
		"none":                  {"", token, false},
		"another":               {"Bearer " + token + "x", token, false},
		"a part":                {"Bearer " + token[:5], token, false},
		"another scheme":        {"Basic " + token, token, false},
		"no scheme":             {token, token, false},
		"nobody may":            {"Bearer ", "", false},
		"nobody may, nothing":   {"", "", false},
	} {
		s, _ := server(t, Options{Access: keeper(t, func() string { return c.token }, nil)})
		for _, path := range []string{"/api/v1/status", "/api/v1/events", "/api/v1/events/follow", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline"} {
			if c.ok && strings.HasSuffix(path, "/follow") {
				continue // it does not end
			}
			w := do(s, http.MethodGet, path, "", "Authorization: "+c.header)
			if ok := w.Code == http.StatusOK; ok != c.ok {
				t.Errorf("%s: %s answers %d", name, path, w.Code)
			}
			if !c.ok && (w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" || w.Header().Get("Content-Type") != "application/problem+json") {
				t.Errorf("%s: %s answers %d %v", name, path, w.Code, w.Header())
			}
			if strings.Contains(w.Body.String(), token) {
				t.Errorf("%s: %s tells the token", name, path)
			}
		}
	}
}

func TestEveryOperationNeedsTheToken(t *testing.T) {
	s, m := server(t, Options{})
	w := do(s, http.MethodGet, "/api/openapi.json", "", "Authorization: ")
	if w.Code != http.StatusOK {
		t.Fatalf("/api/openapi.json answers %d", w.Code)
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Summary  string
			Security []map[string][]string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 8 {
		t.Errorf("OpenAPI %s with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	secrets := map[access.Role]string{"": "x", access.Admin: token}
	for _, role := range []access.Role{access.Viewer, access.Manager} {
		secret, _, err := s.o.Access.Create(t.Context(), audit.Host, string(role), role, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		secrets[role] = secret
	}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			if op.Summary == "" || len(op.Security) != 1 || len(op.Security[0]["token"]) != 1 {
				t.Errorf("%s %s: security %v, summary %q", method, path, op.Security, op.Summary)
				continue
			}
			need := access.Role(op.Security[0]["token"][0])
			if method != "get" && need == access.Viewer && path != "/api/v1/verify" {
				t.Errorf("%s %s changes something, and is for viewers", method, path)
			}
			at := strings.NewReplacer("{number}", "0123456789abcdef", "{plugin}", "welcome", "{name}", "welcome", "{id}", "x:1", "{key}", "community.name").Replace(path)
			for role, secret := range secrets {
				if role.Covers(need) {
					continue // what it does then is tested elsewhere
				}
				want := http.StatusForbidden
				if role == "" {
					want = http.StatusUnauthorized
				}
				if w := do(s, strings.ToUpper(method), at, "", "Authorization: Bearer "+secret); w.Code != want {
					t.Errorf("%s %s as %q answers %d, and needs %s", method, path, role, w.Code, need)
				}
			}
		}
	}
	if len(m.accepted) > 0 || m.paused {
		t.Error("something was done all the same")
	}
	if w := do(s, "POST", "/api/v1/pause", "", "Authorization: Bearer "+secrets[access.Manager]); w.Code != http.StatusOK || !m.paused {
		t.Errorf("a manager pauses: %d", w.Code)
	}
}

func TestAPI(t *testing.T) {
	reasons := []string(nil)
	s, m := server(t, Options{NotReady: func() []string { return reasons }, Version: "v1.2.3"})
	for _, c := range []struct {
		method, path string
		code         int
		want         string
	}{
		{"GET", "/api/v1/status", 200, `"version":"v1.2.3"`},
		{"GET", "/api/v1/status", 200, `"ready":true,"reasons":[]`},
		{"GET", "/api/v1/plugins", 200, `{"plugins":[{"name":"welcome"`},
		{"GET", "/api/v1/plugins/welcome", 200, `"status":"live"`},
		{"GET", "/api/v1/plugins/nope", 404, `plugin \"nope\": not found`},
		{"POST", "/api/v1/pause", 200, `{"paused":true}`},
		{"GET", "/api/v1/status", 200, `"paused":true`},
		{"POST", "/api/v1/resume", 200, `{"paused":false}`},
		{"GET", "/api/v1/pause", 405, `GET is not possible here`},
		{"GET", "/api/v1/events?plugin=welcome&kind=member.joined", 200, `"plugin":"welcome"`},
		{"GET", "/api/v1/events", 200, `"attempt":50`},
		{"GET", "/api/v1/events?limit=1001", 422, `query.limit`},
		{"GET", "/api/v1/events?after=xyz", 422, `query.after`},
		{"GET", "/api/v1/events?plugn=welcome", 422, `plugn`},
		{"GET", "/api/v1/events/0123456789abcdef", 404, `not found: event`},
		{"GET", "/api/v1/events/12", 422, `16 hex digits`},
		{"GET", "/api/v1/dead-letters", 200, `{"failures":[]}`},
		{"POST", "/api/v1/dead-letters/0123456789abcdef/welcome/retry", 404, `not found`},
		{"GET", "/api/v1/nothing", 404, `openapi.json`},
		{"GET", "/nothing", 404, `there is nothing at this address`},
	} {
		w := do(s, c.method, c.path, "")
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %d %s\nwant %d %s", c.method, c.path, w.Code, w.Body, c.code, c.want)
		}
		if ct := w.Header().Get("Content-Type"); c.code >= 400 && ct != "application/problem+json" {
			t.Errorf("%s %s: Content-Type %s", c.method, c.path, ct)
		}
	}
	m.err = errors.New("the disk with the secret plans is gone")
	if w := do(s, "GET", "/api/v1/status", ""); w.Code != 500 || strings.Contains(w.Body.String(), "disk") {
		t.Errorf("an error within: %d %s", w.Code, w.Body)
	}
	m.err, reasons = nil, []string{"plugins are being prepared"}
	if w := do(s, "GET", "/readyz", ""); w.Code != 503 || !strings.Contains(w.Body.String(), reasons[0]) || w.Header().Get("Retry-After") == "" {
		t.Errorf("/readyz: %d %s", w.Code, w.Body)
	}
	if w := do(s, "GET", "/healthz", ""); w.Code != 200 {
		t.Errorf("/healthz: %d", w.Code)
	}
	if w := do(s, "GET", "/", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "not ready yet") || strings.Contains(w.Body.String(), reasons[0]) {
		t.Errorf("/: %d %s", w.Code, w.Body)
	}
}

func TestGuard(t *testing.T) {
	var log bytes.Buffer
	s, _ := server(t, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for _, path := range []string{"/", "/healthz", "/readyz", "/metrics", "/chat", "/nothing", "/api/v1/status", "/panic"} {
		w := do(s, "GET", path, "")
		for _, h := range []string{"X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Content-Security-Policy"} {
			if w.Header().Get(h) == "" {
				t.Errorf("%s lacks %s", path, h)
			}
		}
	}
	if w := do(s, "GET", "/chat/a/b?token=hush", ""); w.Body.String() != "below /chat/a/b" {
		t.Errorf("/chat/a/b: %s", w.Body)
	}
	if w := do(s, "GET", "/panic", ""); w.Code != 500 || strings.Contains(w.Body.String(), "oh dear") {
		t.Errorf("/panic: %d %s", w.Code, w.Body)
	}
	if w := do(s, "GET", "/panic/late", ""); w.Body.String() != "so far" {
		t.Errorf("/panic/late: %s", w.Body)
	}
	for _, want := range []string{"oh dear", "stack=", "path=/panic", "path=/chat/a/b", "status=500"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	for _, secret := range []string{"hush", token} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
	w := do(s, "POST", "/body", strings.Repeat("x", MaxBody+1))
	if !strings.Contains(w.Body.String(), "too large") {
		t.Errorf("a body that is too large: %s", w.Body)
	}
	m := do(s, "GET", "/metrics", "").Body.String()
	for _, want := range []string{`hearth_http_requests_total{code="200",method="GET",route="/chat/*"} 1`, "hearth_http_panics_total 3", `route="none"`} {
		if !strings.Contains(m, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if w := do(s, "WHATEVER", "/nothing", ""); w.Code != 405 && w.Code != 404 {
		t.Errorf("an unknown method: %d", w.Code)
	}
	if m := do(s, "GET", "/metrics", "").Body.String(); strings.Contains(m, "WHATEVER") {
		t.Error("a method from outside is a label")
	}
}

func TestHomeSpeaks(t *testing.T) {
	s, _ := server(t, Options{Community: named(`<b>Gophers</b>`)})
	for lang, want := range map[string]string{"": "hearth is running", "en-GB": "Come in", "zh-CN,zh;q=0.9": "进来坐坐", "zh-TW": "炉边", "fr": "Come in"} {
		w := do(s, "GET", "/", "", "Accept-Language: "+lang)
		if !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), "&lt;b&gt;Gophers") {
			t.Errorf("%q: %s", lang, w.Body)
		}
	}
	closed, _ := server(t, Options{Mounts: map[string]http.Handler{"/slack/events": http.NotFoundHandler()}})
	if w := do(closed, "GET", "/", ""); strings.Contains(w.Body.String(), "/chat") {
		t.Error("it points to a chat that is not there")
	}
}

// serve runs s on a real listener, with its real timeouts.
func serve(t *testing.T, s *Server, grace time.Duration) (url string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, grace) }()
	stop = sync.OnceValue(func() error {
		cancel()
		err := <-done
		http.DefaultClient.CloseIdleConnections()
		return err
	})
	t.Cleanup(func() { _ = stop() })
	return "http://" + l.Addr().String(), stop
}

func TestFollow(t *testing.T) {
	s, m := server(t, Options{})
	url, stop := serve(t, s, time.Minute)
	req, err := http.NewRequest(http.MethodGet, url+"/api/v1/events/follow?plugin=welcome", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("Content-Type %s", ct)
	}
	lines := bufio.NewScanner(resp.Body)
	for i := range 3 {
		m.handled <- Event{Number: fmt.Sprintf("%016x", i), Plugin: "welcome"}
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") {
		}
		if !strings.Contains(lines.Text(), fmt.Sprintf(`"number":"%016x"`, i)) {
			t.Errorf("event %d: %s", i, lines.Text())
		}
	}
	// A stream does not keep the server from stopping.
	begun := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("stopping took %s", took)
	}
	for lines.Scan() {
	}
}

func TestServeFinishesWhatIsUnderWay(t *testing.T) {
	entered, release := make(chan struct{}, 2), make(chan struct{})
	s, _ := server(t, Options{Mounts: map[string]http.Handler{"/slow": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		io.WriteString(w, "done")
	})}})
	url, stop := serve(t, s, time.Minute)
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get(url + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		answer <- string(b)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	select {
	case err := <-stopped:
		t.Fatalf("it stopped with a request under way: %v", err)
	case <-s.closed:
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestServeBreaksOffWhatTakesTooLong(t *testing.T) {
	entered := make(chan struct{})
	s, _ := server(t, Options{Mounts: map[string]http.Handler{"/endless": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})}})
	url, stop := serve(t, s, 10*time.Millisecond)
	ended := make(chan error, 1)
	go func() {
		resp, err := http.Get(url + "/endless")
		if err == nil {
			resp.Body.Close()
		}
		ended <- err
	}()
	<-entered
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("the request ended well")
	}
}
