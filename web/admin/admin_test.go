package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
	"github.com/hearthbot/hearth/web/page/pagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// memory is a Host that keeps what it is told.
type memory struct {
	mu       sync.Mutex
	status   web.Status
	page     Page
	events   map[string]Event
	failures []web.Failure
	handled  chan web.Event
	err      error
	asked    []string
}

func (m *memory) note(format string, a ...any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, fmt.Sprintf(format, a...))
	return m.err
}

func (m *memory) Status(context.Context) (web.Status, error) { return m.status, m.err }

func (m *memory) Browse(_ context.Context, f web.EventFilter, before string) (Page, error) {
	return m.page, m.note("browse %+v below %q", f, before)
}

func (m *memory) Event(_ context.Context, number string) (Event, error) {
	e, ok := m.events[number]
	if !ok && m.err == nil {
		return e, fmt.Errorf("%w: event %q", web.ErrNotFound, number)
	}
	return e, m.err
}

func (m *memory) Follow(ctx context.Context, f web.EventFilter) (<-chan web.Event, error) {
	out := make(chan web.Event)
	go func() {
		defer close(out)
		for {
			select {
			case e := <-m.handled:
				out <- e
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, m.note("follow %s", f.Member)
}

func (m *memory) Failures(_ context.Context, f web.FailureFilter) ([]web.Failure, error) {
	var out []web.Failure
	for _, x := range m.failures {
		if x.Number > f.After && (f.Plugin == "" || x.Plugin == f.Plugin) && len(out) < f.Limit {
			out = append(out, x)
		}
	}
	return out, m.err
}

func (m *memory) Retry(_ context.Context, who audit.Who, number, plugin string) error {
	if !slices.ContainsFunc(m.failures, func(f web.Failure) bool { return f.Number == number && f.Plugin == plugin }) {
		return fmt.Errorf("%w: %s", web.ErrNotFound, number)
	}
	return m.note("%s runs %s for %s", who.Name, number, plugin)
}

func (m *memory) Pause(_ context.Context, who audit.Who, why string) error {
	return m.note("%s pauses: %s", who.Name, why)
}

func (m *memory) Resume(_ context.Context, who audit.Who, why string) error {
	return m.note("%s resumes: %s", who.Name, why)
}

func (m *memory) Check(_ context.Context, platform string) error {
	if platform != "slack" {
		return fmt.Errorf("%w: %s", web.ErrNotFound, platform)
	}
	return m.note("check %s", platform)
}

const (
	one = "18eb786452b5b106"
	two = "18eb786452b5b107"
)

// house is the pages over a memory.
type house struct {
	*pagetest.House
	t    *testing.T
	host *memory
}

func newHouse(t *testing.T) *house {
	t.Helper()
	now := func() time.Time { return noon }
	h := &house{House: pagetest.New(t, now), t: t, host: &memory{handled: make(chan web.Event), events: map[string]Event{}}}
	if err := Register(Options{Frame: h.Frame, Host: h.host, Audit: h.Audit, Now: now}); err != nil {
		t.Fatal(err)
	}
	return h
}

// ask asks as a role, in English unless the path says otherwise.
func (h *house) ask(role access.Role, method, path, body string) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Accept-Language", "en")
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return h.Do(role, r)
}

// want fails unless a page answers so, says all of has, and none of what stands
// behind "!".
func (h *house) want(role access.Role, path string, code int, has ...string) {
	h.t.Helper()
	w := h.ask(role, "GET", path, "")
	if w.Code != code {
		h.t.Errorf("%s as %q answers %d, want %d", path, role, w.Code, code)
	}
	for _, s := range has {
		if not, ok := strings.CutPrefix(s, "!"); ok == strings.Contains(w.Body.String(), strings.TrimPrefix(s, "!")) {
			h.t.Errorf("%s as %q: %q, says it: %v\n%s", path, role, not, !ok, w.Body)
		}
	}
}

// post fails unless a form answers so, and leads there.
func (h *house) post(role access.Role, path, body string, code int, to string) {
	h.t.Helper()
	w := h.ask(role, "POST", path, body)
	if w.Code != code || w.Header().Get("Location") != to {
		h.t.Errorf("%s %q as %q answers %d to %q, want %d to %q", path, body, role, w.Code, w.Header().Get("Location"), code, to)
	}
}

func (h *house) told(want ...string) {
	h.t.Helper()
	if !slices.Equal(h.host.asked, want) {
		h.t.Errorf("the host was told %q, want %q", h.host.asked, want)
	}
	h.host.asked = nil
}

// routes are those of this package alone.
func (h *house) routes() []page.Route {
	var out []page.Route
	for _, r := range h.Frame.Routes() {
		if strings.HasPrefix(r.Pattern, "/admin/") {
			out = append(out, r)
		}
	}
	return out
}

// TestRoles tries every route as everybody.
func TestRoles(t *testing.T) {
	h := newHouse(t)
	for _, route := range h.routes() {
		if route.Pattern == "/admin/events/live" {
			continue // it does not end; TestLive tries it
		}
		path := strings.NewReplacer("{number}", one, "{name}", "slack").Replace(route.Pattern)
		body := ""
		if route.Method == "POST" {
			body = "x=y"
		}
		for _, role := range append([]access.Role{page.Everybody}, access.Roles...) {
			w := h.ask(role, route.Method, path, body)
			switch refused := w.Code == 403 || w.Code == 401 || w.Code == 303 && strings.HasPrefix(w.Header().Get("Location"), "/login"); {
			case refused == role.Covers(route.Need):
				t.Errorf("%s %s, for %s, answers %q with %d", route.Method, path, route.Need, role, w.Code)
			case w.Code >= 500:
				t.Errorf("%s %s answers %d", route.Method, path, w.Code)
			}
		}
	}
}

// TestHostFails shows that what the host cannot do is told in no detail.
func TestHostFails(t *testing.T) {
	h := newHouse(t)
	h.host.err = errors.New("secret detail")
	h.host.failures = []web.Failure{{Number: one, Plugin: "tasks"}}
	for _, path := range []string{"/admin/events", "/admin/events?tab=failed", "/admin/events/" + one, "/admin/platforms"} {
		h.want(access.Admin, path, 500, "!secret detail", "did not work")
	}
	for path, body := range map[string]string{"/admin/platforms/pause": "why=x", "/admin/platforms/resume": "why=x", "/admin/platforms/slack/check": "x=y", "/admin/events/" + one + "/retry": "plugin=tasks"} {
		if w := h.ask(access.Admin, "POST", path, body); w.Code != 500 || strings.Contains(w.Body.String(), "secret detail") {
			t.Errorf("%s answers %d", path, w.Code)
		}
	}
	if w := h.ask(access.Viewer, "GET", "/admin/events/live", ""); w.Code != 500 {
		t.Errorf("the stream answers %d", w.Code)
	}
}

// TestWords holds the texts to saying what the pages ask for.
func TestWords(t *testing.T) {
	h := newHouse(t)
	set, err := h.Frame.NewSet(files, words, "html/*.html")
	if err != nil {
		t.Fatal(err)
	}
	r := page.Request{}
	texts := set.Texts(&r)
	var want []string
	for _, k := range kinds {
		want = append(want, "kind."+k)
	}
	for _, k := range auditKinds {
		want = append(want, "did."+k)
	}
	for _, list := range [][]struct{ has, key string }{advices, deliveries} {
		for _, a := range list {
			want = append(want, a.key)
		}
	}
	for s := range maps.Keys(states) {
		want = append(want, "status."+s)
	}
	for _, key := range want {
		if !texts.Has(key) {
			t.Errorf("there is no text %q", key)
		}
	}
}

func TestOptions(t *testing.T) {
	if err := Register(Options{}); err == nil {
		t.Error("pages of nothing are registered")
	}
}
