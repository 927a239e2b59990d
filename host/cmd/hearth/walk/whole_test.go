package walk

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/verify/verifytest"
)

// all is the directory of every bundled plugin, made once; TestMain takes it away.
var all struct {
	once sync.Once
	dir  string
	err  error
}

// whole is a directory with every plugin that hearth brings along, compiled into
// the cache that all tests begin with.
func whole(t *testing.T) string {
	t.Helper()
	_, cache := plugins(t)
	all.once.Do(func() {
		dir := filepath.Join(built.extra, "whole") // goes with it
		if all.err = os.Mkdir(dir, 0o755); all.err != nil {
			return
		}
		mains, err := filepath.Glob("../../../../plugins/*/main.go")
		if err != nil || len(mains) < 5 {
			all.err = fmt.Errorf("%d plugins are there: %v", len(mains), err)
			return
		}
		for _, main := range mains {
			of := filepath.Dir(main)
			if all.err = verifytest.Build(filepath.Join(dir, filepath.Base(of)+".wasm"), of); all.err != nil {
				return
			}
		}
		_, all.err = app.Manifests(context.Background(), os.DirFS(dir), config.Default(), cache)
		all.dir = dir
	})
	if all.err != nil {
		t.Fatal(all.err)
	}
	return all.dir
}

// openWhole starts a community with every plugin, in which something of all that
// pages show has happened: members of some weeks, an experiment that runs, questions
// with and without an answer, and a digest of them (see populate).
func openWhole(t *testing.T, public bool) *community {
	t.Helper()
	h := openCommunityOf(t, whole(t), func(c *config.Config) {
		c.Knowledge.Public = public
		c.Webchat.Channels = []string{"help"}
		c.Plugins["welcome"] = config.Plugin{Enabled: true, Config: json.RawMessage(`{"crowd": 30}`)}
		remember(t, c.Server.Data, 120, 28)
	})
	h.begin("bot-script", `{"key":"bot-script","name":{"en":"What the welcome says","zh-CN":"欢迎话术"},"about":{"en":"Is it too long?","zh-CN":"是不是太长？"},
		"metrics":["day7","first_task","replied"],"guardrails":[{"metric":"left","margin":0.02},{"metric":"muted","margin":0.02}],
		"variations":[{"name":"baseline","weight":0.4},{"name":"v2","weight":0.3},{"name":"v3","weight":0.3}]}`)
	if code, body := h.api(access.Manager, "PUT", "/api/v1/experiments/task-pacing", json.RawMessage(`{"key":"task-pacing","name":{"en":"How fast tasks follow each other","zh-CN":"任务节奏"},"metrics":["first_task"],"variations":[{"name":"normal","weight":0.5},{"name":"fast","weight":0.5}]}`)); code != http.StatusOK {
		t.Fatalf("a draft is answered %d %s", code, body)
	}
	return h
}

// asked has members ask, and a digest be posted of what they asked.
func (h *community) asked() {
	h.t.Helper()
	hour := time.Now().UTC().Hour()
	set := func(hour int) { // of a day that ends in an hour nothing is due; when it ended before, it is
		in := map[string]any{"config": map[string]any{"public": []string{"help"}, "post": []string{"webchat:help"}, "hour": hour, "answers": "off"}}
		if code, body := h.api(access.Admin, "POST", "/api/v1/plugins/digest/config", in); code != http.StatusOK {
			h.t.Fatalf("setting up the digest: %d %s", code, body)
		}
	}
	set((hour + 1) % 24)
	ann, bob, cho := h.comeIn("Ann"), h.comeIn("Bob"), h.comeIn("Cho")
	q := ann.says("help", "", "How do I write to a nil map in Go?")
	bob.says("help", q, "Make it first, with `m := make(map[string]int)`: writing to a nil map panics.")
	ann.says("help", q, "thanks, that works!")
	q = cho.says("help", "", "怎么把 []byte 转成 string？")
	bob.says("help", q, "用 `string(b)` 转换就可以，会复制一份。")
	for range 2 {
		cho.says("help", "", "Why is the build of my module so slow in the pipeline?")
	}
	v := h.browse(access.Manager)
	eventually(h.t, "the questions are put together", 2*time.Minute, func() bool {
		_, body := v.send("GET", "/knowledge", nil)
		return strings.Contains(body, "Bob") && strings.Contains(body, "so slow") && strings.Contains(body, "byte")
	})
	set(hour)
	cho.says("help", "", "How do I stop a goroutine?") // the lane wakes
	eventually(h.t, "a digest is posted", 2*time.Minute, func() bool {
		_, body := v.send("GET", "/knowledge/digests", nil)
		return strings.Contains(body, "nil map")
	})
}

// populate has members come in, ask for their task and ask each other, and returns
// the paths of one page of each kind that there is then.
func (h *community) populate(browser context.Context) []string {
	h.t.Helper()
	for name, locale := range map[string]string{"Ada": "en", "小林": "zh-CN"} {
		b := tabtest.New(h.t, browser, h.url)
		b.Look(1280, 800, false)
		b.ComeIn(name, locale)
		b.Write("#main", "/task")
	}
	h.asked()
	v := h.browse(access.Admin)
	out := []string{"/", "/funnel/joined", "/members", "/messages", "/tasks", "/tasks/_path", "/tasks/_new?id=Not+a+name", "/tasks/hello-json?new=1", "/setup?step=community", "/setup?step=platform", "/setup?step=slack", "/setup?step=done",
		"/experiments", "/experiments/_new?example=bot-script", "/experiments/bot-script", "/experiments/bot-script/edit", "/experiments/task-pacing",
		"/knowledge", "/knowledge?order=asked", "/knowledge?q=nothing+like+it", "/knowledge/digests", "/knowledge/queue",
		"/admin/events", "/admin/events?tab=failed", "/admin/platforms", "/admin/audit", "/admin/settings", "/admin/settings/_import", "/admin/tokens", "/admin/parts", "/admin/plugins", "/admin/plugins/_upload"}
	for list, links := range map[string][]string{
		"/members": {`/members/[^"/]+`}, "/messages": {`/messages/[a-z]+/[a-z.]+`}, "/tasks": {`/tasks/[a-z][a-z-]+`}, "/knowledge": {`/knowledge/[0-9]+`},
		"/admin/events": {`/admin/events/[0-9a-f]{16}`}, "/admin/settings": {`/admin/settings/[a-z]+`}, "/admin/settings/community": {`/admin/settings/[a-z]+/[a-z_.]+`},
		"/admin/plugins": {`/admin/plugins/[a-z]+`}, "/admin/plugins/welcome": {`/admin/plugins/welcome/versions/[0-9a-f]+`, `/admin/plugins/welcome/logs`, `/admin/plugins/welcome/state`},
	} {
		_, body := v.send("GET", list, nil)
		for _, link := range links {
			m := regexp.MustCompile(`href="(` + link + `)"`).FindStringSubmatch(body)
			if m == nil {
				h.t.Errorf("%s leads to no %s", list, link)
				continue
			}
			path := html.UnescapeString(m[1])
			if out = append(out, path); strings.Contains(path, "/versions/") {
				out = append(out, path+"/replay")
			}
		}
	}
	slices.Sort(out)
	return out
}

// pressedTwice has a button be pressed twice, as some do with every button: what it
// does is done once.
func (h *community) pressedTwice(browser context.Context) {
	h.t.Helper()
	m := h.manage(tabtest.New(h.t, browser, h.url), access.Admin, "en")
	m.open("/admin/tokens")
	m.set("name", "Twice")
	tabtest.Eval[bool](m.Tab, `(() => { const b = document.querySelector('form[action="/admin/tokens"] .primary'); b.click(); setTimeout(() => b.click(), 30); return true })()`)
	m.UntilText("main", "This is the token for")
	_, body := h.browse(access.Admin).send("GET", "/admin/tokens", nil)
	if n := strings.Count(body, "<b><bdi>Twice</bdi></b>"); n != 1 {
		h.t.Errorf("a button that is pressed twice makes %d tokens: %s", n, body)
	}
}

// Files, streams, and what leads elsewhere, which are no pages.
var noPage = regexp.MustCompile(`^/assets/|^/numbers/|/\{file\}$|/export(\.csv|\.jsonl)?$|/_export$|_pack\.zip$|/feed\.xml$|/live$|/state$|^/log(in|out)`)

// missed are the pages that none of the paths leads to.
func (h *community) missed(paths []string) (out []string) {
	seen := map[string]bool{}
	for _, path := range paths {
		seen[h.route(path).Pattern] = true
	}
	v := h.browse(access.Admin)
	for _, r := range h.routes {
		if r.Method != http.MethodGet || seen[r.Pattern] || noPage.MatchString(r.Pattern) {
			continue
		}
		path := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(r.Pattern, "0000000000000001")
		if code, _ := v.send("GET", path, url.Values(nil)); code < 300 || code > 399 {
			out = append(out, r.Pattern)
		}
	}
	return out
}
