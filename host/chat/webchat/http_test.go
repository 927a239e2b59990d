package webchat

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

func TestFromAnotherSite(t *testing.T) {
	p := open(t, Options{PublicURL: "https://chat.example.org"})
	ada := p.member("Ada")
	cookies := func(req *http.Request) {
		v, _ := p.a.cookie.seal([]seat{{ID: ada.id}})
		req.Header.Set("Cookie", cookieName+"="+v)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range []struct {
		name   string
		header [2]string
		status int
	}{
		{"the page itself", [2]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"another site", [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a neighbouring host", [2]string{"Sec-Fetch-Site", "same-site"}, 403},
		{"an old browser, another site", [2]string{"Origin", "https://evil.example"}, 403},
		{"an old browser, the page itself", [2]string{"Origin", p.srv.URL}, 200},
		{"behind a proxy", [2]string{"Origin", "https://chat.example.org"}, 200},
		{"nobody's", [2]string{"Origin", "null"}, 403},
	} {
		for _, path := range []string{"send", "read", "join", "depart2"} {
			req, _ := http.NewRequest("POST", p.srv.URL+"/chat/"+path, strings.NewReader("c=general&text=x&m=x"))
			cookies(req)
			req.Header.Set(c.header[0], c.header[1])
			res := p.browser().do(req)
			if (res.status == 403) != (c.status == 403) {
				t.Errorf("%s: %s: %d %s", c.name, path, res.status, res.Say)
			}
		}
	}
	// Nothing that changes anything answers to GET.
	for _, path := range []string{"send", "edit", "delete", "react", "press", "read", "channel", "enter", "leave", "dm", "me", "depart", "join"} {
		if res := ada.get(path); res.status != http.StatusMethodNotAllowed && res.status != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, res.status)
		}
	}
}

func TestHeaders(t *testing.T) {
	p := open(t, Options{})
	ada := p.member("Ada")
	page := ada.page("")
	policy := page.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		mustContain(t, policy, want)
	}
	mustNotContain(t, policy, "unsafe")
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store"} {
		if got := page.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	// The page keeps to its policy: nothing inline, nothing from elsewhere.
	for _, bad := range []*regexp.Regexp{
		regexp.MustCompile(`<style`), regexp.MustCompile(`\sstyle=`), regexp.MustCompile(`\son[a-z]+=`), regexp.MustCompile(`<script[^>]*>[^<]`),
		regexp.MustCompile(`(src|href)="(https?:)?//[^"]*\.(js|css|svg|woff2?)"`),
	} {
		if m := bad.FindString(page.body); m != "" {
			t.Errorf("the page has %q", m)
		}
	}
	// What it needs is there, for ever, in its right type.
	assets := regexp.MustCompile(`(?:src|href)="(/chat/assets/[^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(assets) < 4 {
		t.Fatalf("the page names %d assets", len(assets))
	}
	for _, m := range assets {
		res := ada.get(strings.TrimPrefix(m[1], "/chat/"))
		if res.status != 200 || !strings.Contains(res.header.Get("Cache-Control"), "immutable") || res.body == "" {
			t.Errorf("%s: %d %v", m[1], res.status, res.header)
		}
	}
	for _, path := range []string{"assets/x/app.js", assetBase[len("/chat/"):] + "..%2fpage.html", assetBase[len("/chat/"):]} {
		if res := ada.get(path); res.status != 404 {
			t.Errorf("%s: %d", path, res.status)
		}
	}
	if res := ada.get("nothing"); res.status != 404 {
		t.Errorf("an unknown path: %d", res.status)
	}
}

// Without script every act is a form that leads back to the page.
func TestWithoutScript(t *testing.T) {
	p := open(t, Options{})
	ada := p.member("Ada")
	send := func(path string, form url.Values) result {
		req, _ := http.NewRequest("POST", ada.url(path), strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return ada.do(withAccept(req, "text/html"))
	}
	page := send("send", url.Values{"c": {general}, "text": {"typed"}})
	mustContain(t, page.body, "typed")
	id := p.sink.last(t, abi.MessagePosted).Message.ID
	mustContain(t, ada.page("edit="+id).body, `aria-label="Edit your message">typed</textarea>`)
	mustContain(t, send("edit", url.Values{"c": {general}, "m": {id}, "text": {"retyped"}}).body, "retyped")
	m := p.deliver(chat.Delivery{Conversation: GeneralID, Content: abi.Content{Blocks: []abi.Block{{Buttons: []abi.Button{{Label: "Go", Token: "tok"}}}}}}).Messages[0]
	mustContain(t, send("press", url.Values{"c": {general}, "m": {m}, "token": {"tok"}}).body, "Got it.")
	mustContain(t, send("me", url.Values{"name": {"Ada"}, "locale": {"zh-CN"}}).body, "已保存。")
	sorry := send("send", url.Values{"c": {general}, "text": {"/frobnicate"}})
	if sorry.status != 422 {
		t.Errorf("an unknown command: %d", sorry.status)
	}
	mustContain(t, sorry.body, "没有 /frobnicate 这个命令")
	gone := ada.page("c=nowhere")
	if gone.status != 404 {
		t.Errorf("nowhere: %d", gone.status)
	}
	mustContain(t, gone.body, "回到聊天")
	if res := p.browser().page("c=general"); res.status != 200 {
		t.Errorf("a stranger: %d", res.status)
	}
}

func TestLimits(t *testing.T) {
	clock := newWatch()
	limits := wide
	limits.Posts, limits.Joins, limits.Files = Rate{1, 3}, Rate{1, 2}, 1000
	p := open(t, Options{Limits: limits, Clock: clock.now})
	ada, bob := p.member("Ada"), p.member("Bob")
	for i := range 5 {
		res := ada.post("send", url.Values{"c": {general}, "text": {"x"}})
		if (i < 3) != (res.status == 200) || i >= 3 && (res.status != 429 || res.header.Get("Retry-After") != "1") {
			t.Errorf("post %d: %d, again after %q", i, res.status, res.header.Get("Retry-After"))
		}
	}
	bob.say(general, "my own measure")
	clock.advance(2 * time.Second)
	ada.say(general, "again")
	clock.advance(time.Minute)
	for i := range 3 {
		res := p.browser().post("join", url.Values{"name": {"New " + string(rune('A'+i))}, "locale": {"zh-CN"}})
		if (i < 2) != (res.status == 200) {
			t.Errorf("join %d: %d %s", i, res.status, res.Say)
		}
	}
	ada.sendFiles(general, "", map[string][]byte{"a": make([]byte, 900)})
	if res := ada.sendFiles(general, "", map[string][]byte{"b": make([]byte, 200)}); res.status != 507 {
		t.Errorf("no room: %d %s", res.status, res.Say)
	}
}

func TestCompletion(t *testing.T) {
	p := open(t, Options{Channels: []string{"go-help", "gophers", "闲聊"}})
	wei := p.member("王伟", "zh-CN")
	p.member("Helen")
	for q, want := range map[string]string{
		"/":     `"insert":"/digest"`,
		"/he":   `{"insert":"/help","label":"/help","args":"[主题]","help":"hearth 能做什么"}`,
		"/zz":   `{"hints":[]}`,
		"/hid":  `{"hints":[]}`,
		"@he":   `"insert":"@hearth"`,
		"@HEL":  `"insert":"@Helen"`,
		"@王":    `"insert":"@王伟"`,
		"#go":   `"insert":"#gophers"`,
		"#闲":    `"insert":"#闲聊"`,
		"":      `{"hints":[]}`,
		"x":     `{"hints":[]}`,
		"/\x00": `{"hints":[]}`,
	} {
		mustContain(t, wei.get("complete?q="+url.QueryEscape(q)).body, want)
	}
}

// Neither secrets nor what members write get into the log.
func TestNothingPrivateIsLogged(t *testing.T) {
	var log bytes.Buffer
	p := still(t, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	ada := p.member("Ada")
	p.sink.setDecide(func(chat.Incoming) (chat.Outcome, error) { return 0, chat.ErrBusy })
	ada.say(general, "my private words")
	p.sink.setDecide(func(chat.Incoming) (chat.Outcome, error) { return 0, chat.ErrRefused })
	ada.say(general, "my private words")
	if err := p.st.Close(); err != nil {
		t.Fatal(err)
	}
	ada.post("send", url.Values{"c": {general}, "text": {"my private words"}})
	v, _ := p.a.cookie.seal([]seat{{ID: ada.id}})
	if log.Len() == 0 {
		t.Fatal("nothing was logged")
	}
	for _, bad := range []string{"private words", string(secret), v[:20]} {
		mustNotContain(t, log.String(), bad)
	}
}
