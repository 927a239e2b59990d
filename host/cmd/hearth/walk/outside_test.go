package walk

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/web"
)

const hookSecret = "the secret of a webhook"

// deliver sends what GitHub tells of a pull request, and returns what hearth answers.
func (h *community) deliver(secret, action string, p chattest.PullData) (int, string) {
	h.t.Helper()
	payload, err := json.Marshal(map[string]any{"action": action, "number": p.Number, "pull_request": chattest.GitHubPull("gophers/demo", &p), "repository": chattest.GitHubRepo("gophers/demo")})
	if err != nil {
		h.t.Fatal(err)
	}
	r := chattest.GitHubRequest(secret, "pull_request", fmt.Sprint("d", p.Number, action), payload)
	r.URL, _ = url.Parse(h.url + "/github/webhook")
	r.RequestURI = ""
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// detail is what is known of a member.
func (h *community) detail(id string) web.MemberDetail {
	h.t.Helper()
	code, body := h.api(access.Manager, "GET", "/api/v1/members/"+url.PathEscape(id), nil)
	var m web.MemberDetail
	if err := json.Unmarshal([]byte(body), &m); err != nil || code != 200 {
		h.t.Fatalf("%d %s %v", code, body, err)
	}
	return m
}

// TestOutside goes the way from a member's chat to their pull request and their own
// go command, and back to the page about them.
func TestOutside(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	now := time.Now().UTC().Truncate(time.Second)
	gh := &chattest.GitHub{Token: "of-github", Repos: map[string][]chattest.PullData{"gophers/demo": {
		{Number: 1, Login: "Ada-L", Title: "First", Created: now.Add(-48 * time.Hour), Merged: now.Add(-47 * time.Hour)},
		{Number: 2, Login: "stranger", Title: "Other", Created: now.Add(-40 * time.Hour)},
		{Number: 3, Login: "robot", Bot: true, Title: "Bump", Created: now.Add(-30 * time.Hour)},
	}}}
	gh.SetUser(chattest.UserData{Login: "Ada-L", Bio: "I like tea."})
	server := gh.Serve()
	defer server.Close()
	h := openCommunity(t, func(c *config.Config) {
		c.GitHub = config.GitHub{WebhookSecret: config.NewSecret(hookSecret), Token: config.NewSecret("of-github"), APIURL: server.URL}
		c.Analytics.Events = map[string]string{"shop.paid": "first_task"}
	})
	ada := comeIn(t, h.url, "Ada", "en")
	own, id := "dm."+ada.id, "webchat:"+ada.id

	// Before it is confirmed a pull request is nobody's.
	if code, body := h.deliver("another", "opened", chattest.PullData{Number: 4, Login: "ada-l", Title: "New", Created: now}); code != 401 {
		t.Errorf("signed by somebody else: %d %s", code, body)
	}
	if code, body := h.deliver(hookSecret, "opened", chattest.PullData{Number: 5, Login: "ada-l", Title: "New", Created: now}); code != 200 {
		t.Errorf("delivered: %d %s", code, body)
	}
	ada.says(own, "/link github @ada-l")
	code := regexp.MustCompile(`hearth-[a-z2-9]{5}-[a-z2-9]{5}`).FindString(ada.sees(own, "Is that you?", "I have done it"))
	ada.presses(own, "I have done it")
	ada.sees(own, "I do not see the code at")
	if m := h.detail(id); m.Linked != "" || m.Journey == nil || len(m.Journey.Done) > 0 {
		t.Errorf("before it is confirmed: %+v", m)
	}
	gh.SetUser(chattest.UserData{Login: "Ada-L", Bio: "I like tea. " + code})
	ada.presses(own, "I have done it")
	ada.sees(own, "is linked with you")
	if m := h.detail(id); m.Linked != "ada-l" {
		t.Errorf("linked is %q", m.Linked)
	}
	if code, body := h.deliver(hookSecret, "opened", chattest.PullData{Number: 6, Login: "Ada-L", Title: "Mine", Created: now}); code != 200 || !strings.Contains(body, "taken in") {
		t.Errorf("delivered: %d %s", code, body)
	}

	// What was before comes by the back-fill, once.
	c := client.Client{URL: h.url, Token: h.tokens[access.Admin]}
	pages := 0
	got, err := c.Backfill(t.Context(), "gophers/demo", func(web.BackfillProgress) { pages++ })
	if err != nil || got.Pulls != 3 || got.Discarded != 1 || got.Opened < 1 || got.Merged != 1 {
		t.Errorf("back-fill: %+v, %v", got, err)
	}
	again, err := c.Backfill(t.Context(), "gophers/demo", nil)
	if err != nil || again.Merged != 0 || again.Known < 2 {
		t.Errorf("back-fill once more: %+v, %v", again, err)
	}
	if _, err := c.Backfill(t.Context(), "gophers/nothing", nil); err == nil || !strings.Contains(err.Error(), "no such repository") {
		t.Errorf("a repository that is not there: %v", err)
	}

	// Her own machine tells what she did, and nobody else's.
	ada.says(own, "/link go")
	m := regexp.MustCompile(`hearth go login (\S+) ([a-z2-9-]{17})`).FindStringSubmatch(ada.sees(own, "hearth go login"))
	if m == nil {
		t.Fatal("she is told no code")
	}
	mine, err := (&client.Client{URL: h.url}).SignInMember(t.Context(), m[2])
	if err != nil || mine.Member != id {
		t.Fatalf("signing in: %+v, %v", mine, err)
	}
	herself := client.Client{URL: h.url, Token: mine.Token}
	for _, want := range []string{"accepted", "duplicate"} {
		x, err := herself.Track(t.Context(), web.Track{Name: "go_run_first_time", Props: map[string]any{"go": "go1.26.0", "os": "linux"}})
		if err != nil || x.Outcome != want {
			t.Errorf("told: %+v, %v; want %s", x, err, want)
		}
	}
	if _, err := herself.Track(t.Context(), web.Track{Member: "webchat:other", Name: "x"}); err == nil {
		t.Error("her token tells something of another")
	}
	if _, err := herself.Status(t.Context()); err == nil {
		t.Error("her token looks at hearth")
	}
	// A shop's event is a step of the funnel, as the config has it.
	if code, body := h.api(access.Admin, "POST", "/api/v1/events", map[string]any{"specversion": "1.0", "id": "1", "source": "https://shop.example.org", "type": "shop.paid", "subject": id}); code != 202 || !strings.Contains(body, "accepted") {
		t.Errorf("the shop's event: %d %s", code, body)
	}
	until(t, func() string {
		j := h.detail(id).Journey
		at := map[string]*time.Time{}
		for _, s := range j.Steps {
			at[s.Name] = s.At
		}
		var done []string
		for _, d := range j.Done {
			done = append(done, d.Name)
		}
		all := strings.Join(done, " ")
		if at["joined"] == nil || at["first_task"] == nil || at["first_pr"] == nil || all != "go_run_first_time pr.opened pr.merged" {
			return fmt.Sprintf("%v %s", at, all)
		}
		if !at["first_pr"].Equal(now.Add(-48 * time.Hour)) {
			return "the first pull request of the back-fill, and it is " + at["first_pr"].String()
		}
		return ""
	})

	// The page about her, and an admin's word on it.
	b := tabtest.New(t, browser, h.url)
	b.Look(1440, 1000, false)
	b.Run("sign in", chromedp.Navigate(h.url+"/login?lang=en"), chromedp.SetValue(chromedp.CSS("#token"), h.tokens[access.Admin]), chromedp.Click(chromedp.CSS("main .primary")))
	b.Until("location.pathname === '/'")
	for _, look := range []struct {
		lang  string
		width int64
		dark  bool
		says  string
	}{{"en", 1440, false, "How far they are"}, {"zh-CN", 320, true, "最初五分钟"}} {
		b.Look(look.width, 1000, look.dark)
		where := fmt.Sprintf("in %s at %d px", look.lang, look.width)
		b.Run("open "+where, chromedp.Navigate(h.url+"/members/"+url.PathEscape(id)+"?lang="+look.lang))
		b.Until("document.readyState === 'complete'")
		b.Rest()
		b.Fits(where)
		b.Until(fmt.Sprintf("document.body.innerText.includes(%q)", look.says))
		if bare := tabtest.Eval[string](b, bareKeys); bare != "" {
			t.Errorf("%s it says %s", where, bare)
		}
		if found := search(b, axe); found != "" {
			t.Errorf("%s it has barriers:\n%s", where, found)
		}
		b.Keep(fmt.Sprintf("member-%s-%d", look.lang, look.width))
		b.Run("look further", chromedp.Evaluate[chromedp.Void](`document.querySelector("#first").scrollIntoView()`))
		b.Keep(fmt.Sprintf("member-first-%s-%d", look.lang, look.width))
		b.Run("look at the end", chromedp.Evaluate[chromedp.Void](`document.querySelector("#github").scrollIntoView()`))
		b.Keep(fmt.Sprintf("member-github-%s-%d", look.lang, look.width))
	}
	b.Look(1440, 1000, false)
	b.Run("unlink", chromedp.Navigate(h.url+"/members/"+url.PathEscape(id)+"?lang=en"), chromedp.Click(chromedp.CSS(`button[name="off"]`)))
	b.Until("document.body.innerText.includes('No account is linked any more')")
	b.Run("link", chromedp.SetValue(chromedp.CSS("#handle"), "ada--l"), chromedp.Click(chromedp.CSS(`form[action$="/github"] .btn`)))
	b.Until("document.body.innerText.includes('GitHub has no such names')")
	b.Run("link", chromedp.SetValue(chromedp.CSS("#handle"), "ada-l"), chromedp.SetValue(chromedp.CSS("#github-why"), "she showed me"), chromedp.Click(chromedp.CSS(`form[action$="/github"] .btn`)))
	b.Until("document.body.innerText.includes('The account is linked')")
	if m := h.detail(id); m.Linked != "ada-l" {
		t.Errorf("linked is %q", m.Linked)
	}

	// Forgotten, nothing of all that is left.
	if code, body := h.api(access.Admin, "DELETE", "/api/v1/members/"+url.PathEscape(id), nil); code != 200 {
		t.Fatalf("forgetting: %d %s", code, body)
	}
	if _, err := herself.Track(t.Context(), web.Track{Name: "x"}); err == nil {
		t.Error("her token is good after she was forgotten")
	}
	if code, body := h.deliver(hookSecret, "closed", chattest.PullData{Number: 7, Login: "ada-l", Title: "Late", Created: now, Merged: now}); code != 200 || strings.Contains(body, "taken in before") {
		t.Errorf("delivered: %d %s", code, body)
	}
}
