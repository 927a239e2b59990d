package front

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
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

var noon = time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)

// memory is a Host that says what a test has it say.
type memory struct {
	status web.Status
	today  Today
	err    error
}

func (m *memory) Status(context.Context) (web.Status, error) { return m.status, m.err }
func (m *memory) Today(context.Context) (Today, error)       { return m.today, m.err }

func TestToday(t *testing.T) {
	zone := time.FixedZone("Asia/Shanghai", 8*3600)
	ago := func(d time.Duration) *time.Time { at := noon.Add(-d); return &at }
	well := web.Platform{Name: "slack", OK: true, Checked: ago(time.Minute)}
	live := web.Plugin{Name: "tasks", Status: "live"}
	began := time.Date(2026, 11, 26, 0, 0, 0, 0, zone)
	busy := Today{Began: began, Newcomers: &Count{12, true}, Greeted: &Count{11, true}, FirstTask: &Count{3, true}, Stuck: &Count{0, true}, Compiler: "ready"}
	for _, c := range []struct {
		name     string
		status   web.Status
		today    Today
		tokens   bool
		role     access.Role
		en, zhCN []string
	}{
		{"nothing yet", web.Status{}, Today{Began: began, Newcomers: &Count{}, Compiler: "off"}, false, access.Admin,
			[]string{"2026-11-26 in Asia/Shanghai", "5 to go", `class="now"`, "Connect a platform", `href="/admin/settings"`, "No platform is connected", "<b>0</b>", "plugin welcome is not installed", "<b>–</b>", "Make a token"},
			[]string{"还差 5 步", "没有安装 welcome 插件", "没有连接平台"}},
		{"to a viewer", web.Status{}, Today{Began: began, Newcomers: &Count{}}, false, access.Viewer, []string{"5 to go", "!Make a token", "!/admin/settings"}, []string{"还差 5 步"}},
		{"a good day", web.Status{Platforms: []web.Platform{well}, Plugins: []web.Plugin{live}}, busy, true, access.Viewer,
			[]string{"<b>12</b>", "<b>11</b>", "<b>3</b>", "<b>0</b>", "<b>–</b>", "All goes well", "!First steps", "no plugin that is installed follows questions"}, []string{"一切正常", "新人"}},
		{"questions", web.Status{Platforms: []web.Platform{well}}, Today{Began: began, Newcomers: &Count{2, true}, Questions: &Count{4, true}, Follows: true}, true, access.Manager,
			[]string{"<b>4</b>", "no answer is known yet", `href="/knowledge?order=waiting"`, `href="/members"`, "!no plugin that is installed follows"}, []string{"还没有回答"}},
		{"to a viewer, who may not see members", web.Status{Platforms: []web.Platform{well}}, Today{Began: began, Newcomers: &Count{2, true}, Questions: &Count{0, false}, Follows: true}, true, access.Viewer,
			[]string{`href="/knowledge?order=waiting"`, "!/members"}, []string{"还没有回答"}},
		{"a plugin that does not say at once", web.Status{Platforms: []web.Platform{well}}, Today{Began: began, Follows: true}, true, access.Viewer,
			[]string{"Not known yet.", "!/knowledge", "!no plugin that is installed follows"}, nil},
		{"a bad day", web.Status{Paused: true, Failed: 3, Platforms: []web.Platform{
			{Name: "slack", Held: "token_revoked", Checked: ago(0)}, {Name: "webchat", Checked: ago(0)}, {Name: "<pigeon>", OK: true, Checked: ago(0), Missing: []string{"fly"}}},
			Plugins: []web.Plugin{{Name: "tasks", Status: "held back"}, {Name: "welcome", Status: "live", Grants: []web.Grant{{Name: "dm"}, {Name: "send", Granted: true}}}}},
			Today{Began: began, Missing: []string{"rules"}, Compiler: "failed"}, true, access.Admin,
			[]string{"Slack refuses hearth", "The web chat does not let", "&lt;pigeon&gt;: hearth lacks", "rules could not be installed", "tasks is held back", "3 events failed", "hearth is paused", "welcome asks for permissions", "could not be prepared",
				`href="/admin/events?tab=failed"`, "!All goes well", "Not known yet"},
			[]string{"Slack 拒绝了炉边", "3 个失败的事件", "炉边已暂停", "编译器没有准备好"}},
		{"starting", web.Status{Platforms: []web.Platform{{Name: "slack"}}}, Today{Began: began, Starting: true, Compiler: "preparing"}, true, access.Viewer,
			[]string{"hearth is starting", "!does not let", "!is being prepared"}, []string{"正在启动"}},
		{"the compiler is not ready", web.Status{Platforms: []web.Platform{well}}, Today{Began: began, Compiler: "preparing"}, true, access.Viewer, []string{"is being prepared"}, []string{"编译器正在准备"}},
		{"slow", web.Status{Platforms: []web.Platform{{Name: "slack", OK: true, Checked: ago(0), Oldest: ago(time.Hour)}}}, busy, true, access.Viewer, []string{"waited for more than five minutes"}, []string{"等了五分钟以上"}},
		{"slow because paused", web.Status{Paused: true, Platforms: []web.Platform{{Name: "slack", OK: true, Checked: ago(0), Oldest: ago(time.Hour)}}}, busy, true, access.Viewer, []string{"!waited for more than five minutes"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask := serve(t, &memory{status: c.status, today: c.today}, c.tokens)
			for lang, says := range map[string][]string{"en": c.en, "zh-CN": c.zhCN} {
				w := ask(c.role, "/?lang="+lang)
				if w.Code != http.StatusOK {
					t.Fatalf("it answers %d", w.Code)
				}
				for _, s := range says {
					if not, ok := strings.CutPrefix(s, "!"); ok == strings.Contains(w.Body.String(), not) {
						t.Errorf("in %s %q: %v\n%s", lang, s, !ok, w.Body)
					}
				}
			}
		})
	}
}

func TestWhoMay(t *testing.T) {
	m := &memory{today: Today{Began: noon}}
	ask := serve(t, m, false)
	if w := ask(page.Everybody, "/"); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/login") {
		t.Errorf("who is not signed in gets %d", w.Code)
	}
	m.err = errors.New("secret detail")
	if w := ask(access.Viewer, "/"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a host that fails: %d", w.Code)
	}
	if err := Register(Options{}); err == nil {
		t.Error("a page of nothing is registered")
	}
}

// serve is the page over a host, with a few others to lead to, and who asks for
// them as a role.
func serve(t *testing.T, m *memory, tokens bool) func(role access.Role, path string) *httptest.ResponseRecorder {
	t.Helper()
	now := func() time.Time { return noon }
	h := pagetest.New(t, now)
	if err := Register(Options{Frame: h.Frame, Host: m, Access: h.Access, Now: now}); err != nil {
		t.Fatal(err)
	}
	h.Frame.Get("/members", access.Manager, func(http.ResponseWriter, *page.Request) error { return nil })
	for _, path := range []string{"/tasks", "/knowledge", "/admin/settings", "/admin/tokens", "/admin/events", "/admin/platforms"} {
		h.Frame.Get(path, access.Viewer, func(http.ResponseWriter, *page.Request) error { return nil })
	}
	if tokens {
		if _, _, err := h.Access.Create(t.Context(), audit.Host, "Anna", access.Manager, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	return func(role access.Role, path string) *httptest.ResponseRecorder {
		return h.Do(role, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	}
}
