package walk

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
)

// TestWatching is a bad hour of a manager's: an event fails while they look, they
// see why, run it again once its cause is gone, pause everything and say why; and
// all of that is on record.
func TestWatching(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	plugins(t)
	dir := t.TempDir()
	for _, file := range []string{filepath.Join(built.path, "welcome.wasm"), filepath.Join(built.path, "tasks.wasm"), filepath.Join(built.extra, "grumpy.wasm")} {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), code, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := openCommunityOf(t, dir, func(c *config.Config) {
		c.Retries.Delays = []time.Duration{}
		c.Community.TimeZone = time.FixedZone("Asia/Shanghai", 8*3600)
	})
	m := tabtest.New(t, browser, h.url)
	m.Look(1440, 1000, false)
	at := func(path string) {
		t.Helper()
		m.Run("open "+path, chromedp.Navigate(h.url+path))
		m.Until("document.readyState === 'complete'")
	}
	keep := func(name string) {
		t.Helper()
		m.Rest()
		m.Fits(name)
		if found := search(m, axe); found != "" {
			t.Errorf("%s has barriers:\n%s", name, found)
		}
		m.Keep("watch-" + name)
	}
	m.Run("sign in", chromedp.Navigate(h.url+"/login?lang=en"), chromedp.SetValue(chromedp.CSS("#token"), h.tokens[access.Admin]), chromedp.Click(chromedp.CSS("main .primary")))
	m.Until("location.pathname === '/'")
	m.UntilText(".steps .now", "Somebody joins")
	m.UntilText(".tile", "–")
	keep("today-begin-en")

	// What happens stands in the list as it happens.
	at("/admin/events")
	ada := tabtest.New(t, browser, h.url)
	ada.Look(1280, 800, false)
	ada.ComeIn("Ada", "en")
	m.UntilText("#rows tr", "Joined")
	ada.Write("#main", "/order")
	m.UntilText("#rows .bad", "failed")
	m.UntilText("#rows tr", "Ada")
	keep("events-en")

	at("/")
	m.UntilText(".needs", "1 event failed")
	m.Until("[...document.querySelectorAll('.tile')].some(e => e.textContent.includes('Newcomers') && e.querySelector('b').textContent === '1')")
	keep("today-en")
	m.Click(".needs a")
	m.UntilText(".failures", "the oven is cold")
	keep("failed-en")

	// It fails again, as long as its cause is there.
	m.Click(".failures .btn")
	m.UntilText(".done", "It runs again")
	ada.Write("#main", "/mend")
	again := func() bool {
		at("/admin/events?tab=failed")
		return tabtest.Eval[bool](m, "!!document.querySelector('.failures .btn')")
	}
	for end := time.Now().Add(tabtest.Patience); !again(); {
		if time.Now().After(end) {
			t.Fatal("what was run again has not failed again")
		}
	}
	m.Click(".failures h2 a")
	m.UntilText("h1", "Command")
	m.UntilText(".way.broad", "grumpy")
	keep("event-failed-en")
	m.Click("article .primary")
	m.UntilText(".done", "It runs again")
	event := tabtest.Eval[string](m, "location.pathname")
	settled := func() bool {
		at(event)
		return tabtest.Eval[bool](m, "!!document.querySelector('.way.broad .good') && document.querySelector('.sent .badge.good') !== null")
	}
	for end := time.Now().Add(tabtest.Patience); !settled(); {
		if time.Now().After(end) {
			t.Fatal("the event is not done though it was run again")
		}
	}
	ada.UntilText("#list", "is in the oven")
	m.UntilText(".bubble strong", "bread")
	m.UntilText(".bubble li", "flour")
	m.UntilText(".code", "an order of Ada")
	keep("event-en")
	m.Look(1440, 2200, false)
	keep("event-whole-en")
	m.Look(1440, 1000, false)

	// Pause, with a reason that others read.
	at("/admin/platforms")
	m.UntilText("h2", "Web chat")
	keep("platforms-en")
	m.Click(".sure summary")
	m.Run("say why", chromedp.SendKeys(chromedp.CSS("#why"), "the oven burns"))
	m.Click(".sure form .danger")
	m.UntilText(".wait", "the oven burns")
	ada.Write("#main", "/order")
	waits := func() bool {
		at("/admin/platforms")
		return tabtest.Eval[bool](m, "document.body.textContent.includes('1 message waits')")
	}
	for end := time.Now().Add(tabtest.Patience); !waits(); {
		if time.Now().After(end) {
			t.Fatal("nothing waits though all is paused")
		}
	}
	keep("paused-en")

	at("/admin/audit")
	m.UntilText(".changes", "the oven burns")
	m.UntilText(".changes", "ran a failed event again")
	keep("audit-en")
	admin := h.browse(access.Admin)
	if code, body := admin.send("GET", "/admin/audit/export.csv?did=host", nil); code != 200 || !strings.Contains(body, "host.pause,host,,,the oven burns") {
		t.Errorf("the export: %d %s", code, body)
	}
	if code, body := admin.send("GET", "/admin/audit/export.jsonl", nil); code != 200 || strings.Count(body, `"did":"event.retry"`) != 2 {
		t.Errorf("the export: %d %s", code, body)
	}

	m.Look(320, 740, true)
	for name, path := range map[string]string{"today": "/", "events": "/admin/events", "failed": "/admin/events?tab=failed", "event": event, "platforms": "/admin/platforms", "audit": "/admin/audit"} {
		query := "?"
		if strings.Contains(path, "?") {
			query = "&"
		}
		at(path + query + "lang=zh-CN")
		keep(name + "-zh-CN")
	}
	m.Look(1440, 1000, false)
	at("/admin/platforms?lang=en")
	m.Click("form[action='/admin/platforms/resume'] .primary")
	m.UntilText(".done", "Resumed")
	m.Click("form[action='/admin/platforms/webchat/check'] .btn")
	m.UntilText(".done", "Asked just now")

	// Who may only look is offered nothing else, and refused it.
	v := h.browse(access.Viewer)
	if _, body := v.send("GET", "/admin/platforms", nil); strings.Contains(body, "<form method=\"post\" action=\"/admin") {
		t.Error("a viewer is offered to pause")
	}
	if code, _ := v.send("POST", "/admin/platforms/pause", url.Values{"why": {"x"}}); code != 403 {
		t.Errorf("a viewer pauses: %d", code)
	}
	if code, _ := v.send("GET", "/admin/audit", nil); code != 403 {
		t.Errorf("a viewer reads the record: %d", code)
	}
	if c, err := app.ReadToken(h.data); err != nil || strings.Contains(tabtest.Eval[string](m, "document.documentElement.outerHTML"), c) {
		t.Error("a page tells the token, or it cannot be read: ", err)
	}
}
