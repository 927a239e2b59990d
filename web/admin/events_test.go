package admin

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

func TestEvents(t *testing.T) {
	h := newHouse(t)
	dropped := 7
	h.host.status = web.Status{Failed: 2, Dropped: &dropped, Plugins: []web.Plugin{{Name: "welcome"}, {Name: "tasks"}}}
	h.want(access.Viewer, "/admin/events", 200, "Nothing has happened yet", "2 events failed and wait", "hx-sse:connect", `<option>welcome</option>`)
	h.want(access.Viewer, "/admin/events?lang=zh-CN", 200, "还没有事件", "有 2 个失败的事件")
	h.host.asked = nil
	h.host.page = Page{Next: one, Events: []web.Event{
		{Number: two, Plugin: "welcome", Kind: "member.joined", Member: "slack:U1", MemberName: "<Ada>", Place: "general", Handled: noon, Messages: 1},
		{Number: one, Plugin: "tasks", Kind: "command.invoked", Member: "slack:U2", Direct: true, What: "/task \u202e<b>", Error: "boom", Attempt: 3, Handled: noon}}}
	h.want(access.Viewer, "/admin/events?plugin=tasks&member=slack:U1&channel=slack:C1&kind=member.joined&only=failed&live=off", 200,
		"&lt;Ada&gt;", "1 message", "failed, attempt 3", "direct message", `\u202e`, "!<b>", "!\u202e", "!hx-sse:connect", `selected>tasks`, "checked", "before="+one, "Show all")
	h.told(`browse {Plugin:tasks Member:slack:U1 Conversation:slack:C1 Kind:member.joined Failed:true After: Limit:50} below ""`)
	h.host.page.Looked, h.host.page.Back = true, noon.Add(-time.Hour)
	h.want(access.Viewer, "/admin/events?before="+two, 200, "Looked back to", "10,000 rows", "Look further back", "To the newest", "!hx-sse:connect")
	for _, bad := range []string{"x", "../..", two + "0", strings.Repeat("a", 4000), "%00"} {
		h.want(access.Viewer, "/admin/events?before="+bad, 400)
		h.want(access.Viewer, "/admin/events?tab=failed&after="+bad, 400)
	}
	h.want(access.Viewer, "/admin/events?member="+strings.Repeat("x", 5000)+"&plugin=%ff%fe&kind=%00", 200)
}

func TestFailures(t *testing.T) {
	h := newHouse(t)
	h.want(access.Viewer, "/admin/events?tab=failed", 200, "Nothing failed")
	for i := range 60 {
		h.host.failures = append(h.host.failures, web.Failure{Number: fmt.Sprintf("%016x", i+1), Plugin: "tasks", Kind: "command.invoked", What: "/task",
			Error: "wasm: handle: out of fuel", Attempts: 8, At: noon})
	}
	h.host.failures[0].Attempts, h.host.failures[0].Error = 0, "the plugin was failing, and too many events were waiting for it already"
	h.want(access.Manager, "/admin/events?tab=failed", 200, "out of fuel", "computed too long", "never tried", "tried 8 times", "Run again", "after=0000000000000032")
	h.want(access.Viewer, "/admin/events?tab=failed", 200, "!Run again<", "Ask a manager")
	h.want(access.Manager, "/admin/events?tab=failed&after=0000000000000032", 200, "000000000000003c", "!0000000000000032/retry", "To the first")
	h.want(access.Manager, "/admin/events?tab=failed&lang=zh-CN", 200, "算得太久", "重新运行")

	number := h.host.failures[5].Number
	h.post(access.Manager, "/admin/events/"+number+"/retry", "plugin=tasks&back=list", 303, "/admin/events?tab=failed&done=retried")
	h.post(access.Manager, "/admin/events/"+number+"/retry", "plugin=tasks", 303, "/admin/events/"+number+"?done=retried")
	h.told("<manager> runs "+number+" for tasks", "<manager> runs "+number+" for tasks")
	h.want(access.Manager, "/admin/events?tab=failed&done=retried", 200, "It runs again now", `role="status"`)
	h.post(access.Manager, "/admin/events/"+number+"/retry", "plugin=other", 404, "")
	h.post(access.Manager, "/admin/events/"+number+"/retry", "", 400, "")
	h.post(access.Manager, "/admin/events/x/retry", "plugin=tasks", 400, "")
	h.post(access.Manager, "/admin/events/"+number+"/retry", "plugin="+strings.Repeat("x", 10_000), 413, "")
	h.post(access.Viewer, "/admin/events/"+number+"/retry", "plugin=tasks", 403, "")
	h.told()
}

// TestLive follows the list over a real connection: the later attempt takes the
// place of the one before.
func TestLive(t *testing.T) {
	h := newHouse(t)
	h.host.page = Page{Events: []web.Event{{Number: one, Plugin: "tasks", Kind: "command.invoked", MemberName: "Ada", Handled: noon}}}
	server := httptest.NewServer(h.Handler())
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/admin/events/live?member=slack:U1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "en")
	r.AddCookie(h.Cookie(access.Viewer))
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	message := func() string {
		t.Helper()
		var b strings.Builder
		for lines.Scan() {
			if lines.Text() == "" && strings.Contains(b.String(), "data:") {
				return b.String()
			}
			b.WriteString(lines.Text() + "\n")
		}
		t.Fatal("the stream ended: ", lines.Err())
		return ""
	}
	if s := message(); strings.Count(s, "<tr") != 1 || !strings.Contains(s, "Ada") {
		t.Errorf("first comes the list as it is, not %s", s)
	}
	h.host.handled <- web.Event{Number: two, Plugin: "welcome", Kind: "member.joined", MemberName: "Bob", Error: "boom", Attempt: 1, Handled: noon}
	s := message()
	if strings.Count(s, "<tr") != 2 || strings.Index(s, "Bob") > strings.Index(s, "Ada") || !strings.Contains(s, "failed, attempt 1") {
		t.Errorf("then the new one is above it, not %s", s)
	}
	h.host.handled <- web.Event{Number: two, Plugin: "welcome", Kind: "member.joined", MemberName: "Bob", Attempt: 2, Handled: noon}
	if s = message(); strings.Count(s, "<tr") != 2 || strings.Contains(s, "failed") {
		t.Errorf("then it is done, not %s", s)
	}
	h.Frame.Close()
	for lines.Scan() {
	}
}

func TestMerge(t *testing.T) {
	var rows []web.Event
	for i := range 3 * perPage {
		rows = merge(rows, web.Event{Number: fmt.Sprintf("%016x", (i*37)%150), Plugin: "p"})
	}
	if len(rows) != perPage {
		t.Fatalf("%d rows", len(rows))
	}
	for i := range rows {
		if want := fmt.Sprintf("%016x", 149-i); rows[i].Number != want {
			t.Fatalf("row %d is %s, want %s", i, rows[i].Number, want)
		}
	}
}

// TestWhoLooksAtMembers shows that a link leads nobody to a page that they may
// not see.
func TestWhoLooksAtMembers(t *testing.T) {
	h := newHouse(t)
	h.Frame.Get("/members/{id}", access.Manager, func(http.ResponseWriter, *page.Request) error { return nil })
	h.host.page = Page{Events: []web.Event{{Number: one, Plugin: "welcome", Kind: "member.joined", Member: "slack:U1", MemberName: "Ada"}}}
	h.want(access.Viewer, "/admin/events", 200, "Ada", `!href="/members/`)
	h.want(access.Manager, "/admin/events", 200, `href="/members/slack:U1"`)
}
