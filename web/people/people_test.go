package people_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page/pagetest"
	"github.com/hearthbot/hearth/web/people"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// directory is a web.Members in memory.
type directory struct {
	asked     web.MemberFilter
	forgotten []string
	by        audit.Who
	err       error
}

const odd = "webchat:a/b%?<i>"

func (d *directory) Members(_ context.Context, f web.MemberFilter) (web.MemberPage, error) {
	d.asked = f
	if f.Query == "nobody" {
		return web.MemberPage{}, d.err
	}
	joined := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	return web.MemberPage{Members: []web.Member{{ID: odd, Name: "<b>Ada</b>", Joined: &joined, Stopped: true}, {ID: "slack:U1", Bot: true}}, Next: "slack:U1"}, d.err
}

func (d *directory) Member(_ context.Context, id, role, locale string) (web.MemberDetail, error) {
	if id != odd {
		return web.MemberDetail{}, fmt.Errorf("%w: %s", web.ErrNotFound, id)
	}
	since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	return web.MemberDetail{Member: web.Member{ID: odd, Name: "<b>Ada</b>", GitHub: "ada\u202e"}, Since: &since,
		Events:   []web.Event{{Number: "0000000000000001", Kind: "message.posted", What: "hi <i>\u202e", Plugin: "welcome", Error: "x"}},
		Messages: []web.Message{{Plugin: "welcome", Text: "Hello <b>", Status: "sent"}},
		Plugins: []web.MemberView{{Plugin: "tasks", Type: "text/markdown", Body: "**3** of 24 <i>" + role + locale}, {Plugin: "welcome", Type: "application/json", Body: `{"greeted":true,"to":"<i>"}`},
			{Plugin: "odd", Type: "application/json", Body: `[1,"<i>"]`}}}, d.err
}

func (d *directory) Export(_ context.Context, id string, w io.Writer) error {
	_, err := io.WriteString(w, `{"kind":"profile"}`+"\n")
	return errors.Join(err, d.err)
}

func (d *directory) Forget(_ context.Context, who audit.Who, id, why string) (web.Forgotten, error) {
	d.forgotten, d.by = append(d.forgotten, id+" "+why), who
	return web.Forgotten{Erased: map[string]int{"profile": 1, "events": 12, "seen": 0, "new kind": 2}, Left: []string{"community.managers (<b>.toml:7)"}}, d.err
}

// ask asks as a role.
type ask func(role access.Role, method, path string, form url.Values) *httptest.ResponseRecorder

func open(t *testing.T) (*directory, ask) {
	t.Helper()
	h := pagetest.New(t, nil)
	d := new(directory)
	if err := people.Register(people.Options{Frame: h.Frame, Members: d}); err != nil {
		t.Fatal(err)
	}
	return d, func(role access.Role, method, path string, form url.Values) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		r.Header.Set("Accept-Language", "en")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return h.Do(role, r)
	}
}

func has(t *testing.T, w *httptest.ResponseRecorder, status int, want ...string) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("%d, want %d: %s", w.Code, status, w.Body)
	}
	for _, s := range want {
		if not, ok := strings.CutPrefix(s, "!"); ok == strings.Contains(w.Body.String(), not) {
			t.Errorf("%q: %s", s, w.Body)
		}
	}
}

func TestList(t *testing.T) {
	d, ask := open(t)
	has(t, ask(access.Manager, "GET", "/members?query=+ada+&after=a", nil), 200, "&lt;b&gt;Ada&lt;/b&gt;", "!<b>Ada", `href="`+strings.ReplaceAll(people.Path(odd), "%3F", "%3F")+`"`,
		"wants to be left alone", "2026-11-26 09:00:00 UTC", "–", "after=slack%3AU1", "query=ada", `value="ada"`, "From the beginning")
	if want := (web.MemberFilter{Query: "ada", After: "a", Limit: 50}); d.asked != want {
		t.Errorf("asked for %+v, want %+v", d.asked, want)
	}
	has(t, ask(access.Manager, "GET", "/members?query=nobody", nil), 200, "Nobody here is called that")
	has(t, ask(access.Manager, "GET", "/members?query="+strings.Repeat("x", 101), nil), 422, "too long to look for")
	has(t, ask(access.Viewer, "GET", "/members", nil), 403)
	d.err = errors.New("the disk")
	has(t, ask(access.Manager, "GET", "/members", nil), 500, "!disk")
}

func TestMember(t *testing.T) {
	_, ask := open(t)
	at := people.Path(odd)
	has(t, ask(access.Manager, "GET", at, nil), 200, "<h1><bdi>&lt;b&gt;Ada&lt;/b&gt;</bdi></h1>", "<strong>3</strong> of 24 &lt;i&gt;manageren", "<dt>greeted</dt><dd>true</dd>", "<dt>to</dt><dd>&lt;i&gt;</dd>",
		"[1,&#34;&lt;i&gt;&#34;]", "Message", `<i class="odd">\u202e</i>`, "failed", "Hello &lt;b&gt;", "looked back to 2026-11-01", "Download all of it", "!Forget this person…")
	has(t, ask(access.Admin, "GET", at, nil), 200, "Forget this person…", `action="`+at+`/forget"`)
	has(t, ask(access.Manager, "GET", "/members/nobody", nil), 404, "no such member")
	has(t, ask(access.Viewer, "GET", at, nil), 403)
}

func TestExport(t *testing.T) {
	_, ask := open(t)
	w := ask(access.Manager, "GET", people.Path(odd)+"/export", nil)
	has(t, w, 200, `{"kind":"profile"}`)
	if d := w.Header().Get("Content-Disposition"); d != `attachment; filename="member.jsonl"` {
		t.Errorf("%s", d)
	}
	has(t, ask(access.Viewer, "GET", people.Path(odd)+"/export", nil), 403)
	has(t, ask(access.Manager, "GET", "/members/nobody/export", nil), 404)
}

func TestForget(t *testing.T) {
	d, ask := open(t)
	at := people.Path(odd) + "/forget"
	has(t, ask(access.Manager, "POST", at, url.Values{"sure": {"yes"}}), 403)
	has(t, ask(access.Admin, "POST", at, url.Values{"why": {"asked by mail"}}), 422, "tick that you are sure", "<details class=\"sure\" open>")
	has(t, ask(access.Admin, "POST", at, url.Values{"sure": {"yes"}, "why": {strings.Repeat("x", 501)}}), 422, "the reason is too long")
	has(t, ask(access.Admin, "POST", at, url.Values{"sure": {"yes"}, "why": {strings.Repeat("x", 1<<20)}}), 413)
	if len(d.forgotten) != 0 {
		t.Fatalf("forgotten: %q", d.forgotten)
	}
	has(t, ask(access.Admin, "POST", at, url.Values{"sure": {"yes"}, "why": {" asked by mail "}}), 200, "handled events</dt><dd>12", "new kind</dt><dd>2", "!marks of accepted", "!Ada",
		"the id still stands in the config&#39;s file", "<code>community.managers (&lt;b&gt;.toml:7)</code>")
	if len(d.forgotten) != 1 || d.forgotten[0] != odd+" asked by mail" || d.by.Via != "page" {
		t.Errorf("forgotten: %q by %+v", d.forgotten, d.by)
	}
	d.err = context.DeadlineExceeded
	has(t, ask(access.Admin, "POST", at, url.Values{"sure": {"yes"}}), 202, "it goes on, over a restart too")
	d.err = errors.New("the disk")
	has(t, ask(access.Admin, "POST", at, url.Values{"sure": {"yes"}}), 500, "!disk")
	if w := ask(access.Admin, "GET", at, nil); w.Code != 303 {
		t.Errorf("loaded again: %d", w.Code)
	}
}
