package page

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const adminToken = "an-admin-token-of-some-length"

// house is a frame with a few pages, and a browser for each role.
type house struct {
	t       *testing.T
	mux     *http.ServeMux
	frame   *Frame
	access  *access.Keeper
	cookies map[access.Role]string
}

func newHouse(t *testing.T, o Options, register func(f *Frame, s *Set)) *house {
	t.Helper()
	m := new(store.Mem)
	t.Cleanup(func() { _ = m.Close() })
	now := func() time.Time { return time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC) }
	if o.Now != nil {
		now = o.Now
	}
	o.Now = now
	o.Access = access.New(access.Options{Store: m, Audit: audit.New(m, now), Admin: func() string { return adminToken }, Now: now})
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.NewSet(files, Words{"hi": {"Hi %s", "你好 %s"}, "gone": {"Gone", "没了"}})
	if err != nil {
		t.Fatal(err)
	}
	f.Parts()
	if register != nil {
		register(f, s)
	}
	h := &house{t: t, mux: http.NewServeMux(), frame: f, access: o.Access, cookies: map[access.Role]string{}}
	for _, r := range f.Routes() {
		h.mux.Handle(r.Method+" "+r.Pattern, r.Handler)
	}
	for _, role := range access.Roles {
		cookie, _, err := o.Access.SignInAs(t.Context(), access.Person{ID: "test/" + string(role), Name: "<" + string(role) + ">", Role: role}, access.Client{})
		if err != nil {
			t.Fatal(err)
		}
		h.cookies[role] = cookie
	}
	return h
}

// ask asks as a role; headers are "Name: value".
func (h *house) ask(role access.Role, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Accept-Language", "en")
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c := h.cookies[role]; c != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: c})
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.mux.ServeHTTP(w, r)
	return w
}

// TestRoles tries every route as everybody: none lets in whom its role does not
// cover, and none is done from another site.
func TestRoles(t *testing.T) {
	done := map[string]int{}
	h := newHouse(t, Options{}, func(f *Frame, s *Set) {
		for _, need := range append([]access.Role{Everybody}, access.Roles...) {
			count := func(w http.ResponseWriter, r *Request) error {
				done[string(need)+" by "+string(r.Person.Role)]++
				return s.Show(w, r, 200, "told", &told{Text: "inside"})
			}
			f.Get("/x"+string(need), need, count)
			f.Post("/x"+string(need), need, count)
		}
	})
	for _, need := range append([]access.Role{Everybody}, access.Roles...) {
		for _, role := range append([]access.Role{Everybody}, access.Roles...) {
			for _, method := range []string{"GET", "POST"} {
				want := 200
				switch {
				case need == Everybody || role.Covers(need):
				case role != Everybody:
					want = 403
				case method == "GET":
					want = 303
				default:
					want = 401
				}
				name := method + " for " + string(need) + " by " + string(role)
				w := h.ask(role, method, "/x"+string(need), "")
				if w.Code != want || (want == 200) != strings.Contains(w.Body.String(), "inside") {
					t.Errorf("%s: %d, want %d: %s", name, w.Code, want, w.Body)
				}
				if want == 303 && w.Header().Get("Location") != "/login?next=%2Fx"+string(need) {
					t.Errorf("%s leads to %s", name, w.Header().Get("Location"))
				}
				if want == 403 && !strings.Contains(w.Body.String(), "This needs the role "+string(need)) {
					t.Errorf("%s says %s", name, w.Body)
				}
			}
			if need != Everybody && role == Everybody { // what htmx asks for stands within a page
				for _, method := range []string{"GET", "POST"} {
					w := h.ask(role, method, "/x"+string(need), "", "HX-Request: true", "HX-Current-URL: http://example.com/x?a=1&b=2")
					if w.Code != 401 || strings.Contains(w.Body.String(), "<html") || !strings.Contains(w.Body.String(), `href="/login?next=%2Fx%3Fa%3D1%26b%3D2"`) {
						t.Errorf("a part for %s: %d %s", need, w.Code, w.Body)
					}
				}
			}
			for _, header := range []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"} {
				before := len(done)
				if w := h.ask(role, "POST", "/x"+string(need), "", header); w.Code != 403 || len(done) != before {
					t.Errorf("for %s by %s with %s: %d", need, role, header, w.Code)
				}
			}
		}
	}
	for _, r := range h.frame.Routes() {
		if r.Need == Everybody && !strings.HasPrefix(r.Pattern, "/log") && r.Pattern != "/look" && !strings.HasPrefix(r.Pattern, "/assets/") && r.Pattern != "/x" {
			t.Errorf("%s %s is for everybody", r.Method, r.Pattern)
		}
	}
}

func TestHeaders(t *testing.T) {
	h := newHouse(t, Options{}, nil)
	for _, path := range []string{"/login", "/admin/parts", "/login/once?key=x"} {
		w := h.ask(access.Admin, "GET", path, "")
		if path == "/login" {
			w = h.ask(Everybody, "GET", path, "")
		}
		if csp := w.Header().Get("Content-Security-Policy"); w.Code != 200 || csp != policy || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %d %s", path, w.Code, csp)
		}
		body := w.Body.String()
		for _, not := range []string{"style=\"", "onclick", "<script>", "https://", "javascript:"} {
			if strings.Contains(body, not) {
				t.Errorf("%s has %s", path, not)
			}
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Language") != "en" {
			t.Errorf("%s: %v", path, w.Header())
		}
	}
}

func TestErrors(t *testing.T) {
	var what error
	h := newHouse(t, Options{}, func(f *Frame, s *Set) {
		f.Get("/x", access.Viewer, func(w http.ResponseWriter, r *Request) error {
			if what != nil {
				return what
			}
			return s.Sorry(410, "/back", "gone")
		})
	})
	for _, c := range []struct {
		err  error
		code int
		want string
	}{
		{nil, 410, "Gone"}, {Sorry(418, "error.form"), 418, "could not be read"}, {chat.ErrBusy, 503, "starting or stopping"}, {errors.New("the disk <b>"), 500, "its log says why"},
	} {
		what = c.err
		w := h.ask(access.Viewer, "GET", "/x", "")
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "the disk") || !strings.Contains(w.Body.String(), "<!doctype html>") {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
		w = h.ask(access.Viewer, "GET", "/x", "", "HX-Request: true")
		if w.Code != c.code || strings.Contains(w.Body.String(), "<html") {
			t.Errorf("%v in a part: %d %s", c.err, w.Code, w.Body)
		}
	}
	what = chat.ErrBusy // what did not work just now may work now
	if w := h.ask(access.Viewer, "GET", "/x?q=a%26b", ""); !strings.Contains(w.Body.String(), `href="/x?q=a%26b">Load it again`) {
		t.Errorf("%s", w.Body)
	}
	what = nil
	if w := h.ask(access.Viewer, "GET", "/x", "", "Accept-Language: zh"); !strings.Contains(w.Body.String(), "没了") || !strings.Contains(w.Body.String(), `href="/back"`) {
		t.Errorf("%s", w.Body)
	}
}

func TestLook(t *testing.T) {
	h := newHouse(t, Options{Locale: func() string { return "zh-CN" }}, nil)
	w := h.ask(Everybody, "POST", "/look", "theme=dark&back=/admin/parts%3Fx%3D1")
	if w.Code != 303 || w.Header().Get("Location") != "/admin/parts?x=1" || !strings.Contains(w.Header().Get("Set-Cookie"), "hearth_theme=dark") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := h.ask(Everybody, "POST", "/look", "theme=%22%3E&back=//evil.example"); w.Header().Get("Location") != "/" || !strings.Contains(w.Header().Get("Set-Cookie"), "hearth_theme=;") {
		t.Errorf("%v", w.Header())
	}
	w = h.ask(access.Admin, "GET", "/admin/parts?lang=zh-CN&q=%22%3E", "", "Cookie: hearth_theme=dark; "+sessionCookie+"="+h.cookies[access.Admin])
	body := w.Body.String()
	if !strings.Contains(body, `<html lang="zh-CN" data-theme="dark">`) || !strings.Contains(body, `<bdi>&lt;admin&gt;</bdi>`) || strings.Contains(body, `"">`) {
		t.Errorf("%s", body)
	}
	for accept, want := range map[string]string{"": "zh-CN", "fr": "zh-CN", "zh-TW": "zh-CN", "en-GB, zh": "en"} {
		w := h.ask(Everybody, "GET", "/login", "", "Accept-Language: "+accept)
		if got := w.Header().Get("Content-Language"); got != want {
			t.Errorf("%q gets %s, want %s", accept, got, want)
		}
	}
}

// TestOnce shows that looking at a sign-in link uses nothing up, and that it
// works once.
func TestOnce(t *testing.T) {
	h := newHouse(t, Options{}, nil)
	secret, err := h.access.Link(t.Context(), audit.Host, "first start", access.Admin)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w := h.ask(Everybody, "GET", "/login/once?"+Query("key", secret, "next", "/setup"), "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), `value="`+secret+`"`) || w.Header().Get("Set-Cookie") != "" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	w := h.ask(Everybody, "POST", "/login/once", Query("key", secret, "next", "/setup"))
	if w.Code != 303 || w.Header().Get("Location") != "/setup" || !strings.HasPrefix(w.Header().Get("Set-Cookie"), sessionCookie+"=") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	if w := h.ask(Everybody, "POST", "/login/once", Query("key", secret)); w.Code != 403 || !strings.Contains(w.Body.String(), "does not work any more") {
		t.Errorf("a second time: %d %s", w.Code, w.Body)
	}
}

// TestFixation shows that a session that somebody else has put into a browser
// is not the one it has after signing in, and is none any more.
func TestFixation(t *testing.T) {
	h := newHouse(t, Options{}, nil)
	planted := h.cookies[access.Viewer]
	w := h.ask(access.Viewer, "POST", "/login", Query("token", adminToken))
	c := w.Result().Cookies()[0]
	if w.Code != 303 || c.Name != sessionCookie || c.Value == planted || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
		t.Fatalf("%d %+v", w.Code, c)
	}
	if _, err := h.access.Session(t.Context(), planted); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("the planted session goes on: %v", err)
	}
}

// TestHostCookie shows that over https no cookie of a neighbouring site is taken
// for ours.
func TestHostCookie(t *testing.T) {
	h := newHouse(t, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, nil) // of httptest's requests
	w := h.ask(Everybody, "POST", "/login", Query("token", adminToken), "X-Forwarded-Proto: https")
	c := w.Result().Cookies()[0]
	if c.Name != "__Host-"+sessionCookie || !c.Secure || c.Path != "/" || c.Domain != "" {
		t.Errorf("%+v", c)
	}
	if w := h.ask(access.Admin, "GET", "/admin/parts", "", "X-Forwarded-Proto: https"); w.Code != 303 {
		t.Errorf("a cookie without the name is taken: %d", w.Code)
	}
	if w := h.ask(Everybody, "GET", "/admin/parts", "", "X-Forwarded-Proto: https", "Cookie: __Host-"+sessionCookie+"="+c.Value); w.Code != 200 {
		t.Errorf("signed in by https: %d", w.Code)
	}
}

func TestHostileForms(t *testing.T) {
	h := newHouse(t, Options{}, nil)
	for name, body := range map[string]string{"1 MB": "token=" + strings.Repeat("x", 1<<20), "no form": "%zz", "NUL": "token=%00", "bidi": "token=" + url.QueryEscape("\u202e"), "HTML": "token=" + url.QueryEscape("<script>")} {
		w := h.ask(Everybody, "POST", "/login", body)
		if w.Code < 400 || w.Code >= 500 || strings.Contains(w.Body.String(), "<script>") {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestAssets(t *testing.T) {
	h := newHouse(t, Options{}, nil)
	total := 0
	for name := range h.frame.assets.files {
		w := h.ask(Everybody, "GET", h.frame.assets.Base()+name, "", "Accept-Encoding: gzip")
		if w.Code != 200 || w.Header().Get("Content-Encoding") != "gzip" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
		total += w.Body.Len()
	}
	if most := 300_000; total == 0 || total > most {
		t.Errorf("the pages' own files have %d bytes compressed, at most %d", total, most)
	}
	t.Logf("figure: the pages' own files have %d bytes compressed", total)
	for _, path := range []string{"/assets/x/nothing.js", "/assets/x/..%2fpage.go", "/assets/x/README", "/assets/x/SHA256SUMS"} {
		if w := h.ask(Everybody, "GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestVendored holds the files of others to what they were when they were looked
// at.
func TestVendored(t *testing.T) {
	sums, err := fs.ReadFile(files, "assets/vendor/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(sums)) {
		want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		b, err := fs.ReadFile(files, "assets/vendor/"+name)
		if got := sha256.Sum256(b); err != nil || hex.EncodeToString(got[:]) != want {
			t.Errorf("%s: %x, %v, want %s; fetch it with .ci/vendor", name, got, err, want)
		}
		n++
	}
	all, err := fs.Glob(files, "assets/vendor/*.js")
	if err != nil || len(all) != n || n == 0 {
		t.Errorf("%d files, %d sums, %v", len(all), n, err)
	}
}

func TestWords(t *testing.T) {
	for _, w := range []Words{{"a": {"x", ""}}, {"a": {"", "x"}}, {"a": {"%d", "%s"}}, {"a": {"%d of %d", "%d"}}} {
		if err := w.check(); err == nil {
			t.Errorf("%v is taken", w)
		}
	}
	l := Texts{"zh-CN", []Words{{"a": {"one %d", "一 %d"}}, {"a": {"x", "x"}, "b": {"two", "二"}}}}
	if got := l.Say("a", 1) + l.Say("b") + l.Say("c") + l.Flip().Say("a", 2); got != "一 1二cone 2" {
		t.Errorf("%q", got)
	}
}

func TestDiff(t *testing.T) {
	show := func(before, after string) string {
		var b strings.Builder
		for _, l := range Diff(before, after) {
			b.WriteString(l.Op + ":")
			for _, s := range l.Text {
				b.WriteString(s.Text)
			}
			b.WriteString(" ")
		}
		return strings.TrimSpace(b.String())
	}
	for _, c := range [][3]string{
		{"a\nb", "a\nc", "same:a del:b ins:c"}, {"", "x", "ins:x"}, {"x", "", "del:x"}, {"a", "a", ""}, {"", "", ""}, {"a\r\nb", "a\nb", ""}, {"a", "a\n", ""}, {"a", "\u202e", `del:a ins:\u202e`},
	} {
		if got := show(c[0], c[1]); got != c[2] {
			t.Errorf("%q → %q: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// A plugin that does not make a page in time, or fails, is named on a page in the
// frame, in the reader's language, that says what to do.
func TestUnanswered(t *testing.T) {
	h := newHouse(t, Options{}, func(f *Frame, s *Set) {
		for path, slow := range map[string]bool{"/slow": true, "/broken": false} {
			f.Get(path, access.Viewer, func(http.ResponseWriter, *Request) error {
				return fmt.Errorf("the tasks: %w", &Unanswered{Plugin: "tasks", Slow: slow, Err: fmt.Errorf("query: %w", context.DeadlineExceeded)})
			})
		}
		f.Get("/admin/plugins/{name}", access.Manager, func(w http.ResponseWriter, r *Request) error { return nil })
	})
	for _, tc := range []struct {
		role             access.Role
		path, lang, says string
		status           int
		look             bool
	}{
		{access.Manager, "/slow?q=1", "en", "The plugin tasks makes this page, and did not do so in time.", 503, true},
		{access.Viewer, "/slow", "zh-CN", "插件 tasks 生成，但它没有及时完成", 503, false},
		{access.Manager, "/broken", "en", "failed at it. Nothing was changed.", 502, true},
		{access.Viewer, "/broken", "zh-CN", "但它出错了", 502, false},
	} {
		w := h.ask(tc.role, "GET", tc.path, "", "Accept-Language: "+tc.lang)
		body := w.Body.String()
		if w.Code != tc.status || !strings.Contains(body, tc.says) || !strings.Contains(body, `class="bar"`) || !strings.Contains(body, `href="`+tc.path+`"`) ||
			strings.Contains(body, `href="/admin/plugins/tasks"`) != tc.look {
			t.Errorf("%s as %s: %d %s", tc.path, tc.role, w.Code, body)
		}
	}
}

// TestOtherLanguageOfAnID: the same page in the other language is that of the same
// id, one with a slash too.
func TestOtherLanguageOfAnID(t *testing.T) {
	h := newHouse(t, Options{}, func(f *Frame, s *Set) {
		f.Get("/x/{id}", access.Viewer, func(w http.ResponseWriter, r *Request) error {
			return s.Show(w, r, 200, "told", &told{Text: "inside"})
		})
	})
	w := h.ask(access.Viewer, "GET", "/x/a%2Fb%25?q=1", "")
	if body := w.Body.String(); !strings.Contains(body, `href="/x/a%2Fb%25?lang=zh-CN&amp;q=1"`) {
		t.Errorf("%d, it leads elsewhere: %s", w.Code, body)
	}
}
