package walk

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
)

// What people say who mean no good, or whose message is longer than any table.
const (
	evilQuestion = "How do I **close** a [channel](javascript:alert(1)) | twice | <img src=x onerror=alert(1)> @everyone <!channel> `x` \u202egnp.exe?"
	evilAnswer   = "Use a sync.Once | or | this <script>alert(1)</script> @here <!everyone> **bold** [x](http://evil.example) \u202eabc\u2066"
	longQuestion = "Why is the build of my module so slow when I run it in the pipeline, "
)

// TestPostedDigest has questions asked in the web chat, with nothing in them that
// could not be there, and the digest of them posted there and at Slack: the table
// stands, and what was said is only said. What is deleted goes from it.
func TestPostedDigest(t *testing.T) {
	stand := chattest.NewSlack(chattest.SlackOptions{SigningSecret: signingSecret})
	t.Cleanup(stand.Close)
	stand.AddChannel(chattest.SlackChannel{ID: "C1", Name: "general"})
	browser := tabtest.Start(t)
	h := openCommunityOf(t, digest(t), func(c *config.Config) {
		c.Webchat.Channels = []string{"help"}
		c.Slack = config.Slack{SigningSecret: config.NewSecret(signingSecret), BotToken: config.NewSecret(stand.Options().BotToken), APIURL: stand.APIURL()}
	})
	tab := tabtest.New(t, browser, h.url)
	tab.Look(1280, 900, false)
	tab.ComeIn("Eva", "en")

	// Of a day that ends in an hour nothing is due; when it ended before, it is.
	hour := time.Now().UTC().Hour()
	set := func(hour int) {
		in := map[string]any{"config": map[string]any{"post": []string{"webchat:help", "slack:C1"}, "hour": hour, "answers": "off"}}
		if code, body := h.api(access.Admin, "POST", "/api/v1/plugins/digest/config", in); code != http.StatusOK {
			t.Fatalf("setting up: %d %s", code, body)
		}
	}
	set((hour + 1) % 24)
	ann, bob, cho := h.comeIn("Ann"), h.comeIn("Bob"), h.comeIn("Cho")
	q1 := ann.says("help", "", evilQuestion)
	r1 := bob.says("help", q1, evilAnswer)
	ann.says("help", q1, "thanks, that works")
	cho.says("help", "", longQuestion+strings.Repeat("and I have tried everything, ", 60)+"so what can I do?")
	cho.says("help", "", "怎么把 []byte 转成 string？")
	manager := h.browse(access.Manager)
	eventually(t, "the lane has put them together", 2*time.Minute, func() bool {
		_, body := manager.send("GET", "/knowledge", nil)
		return strings.Contains(body, "sync.Once") && strings.Contains(body, "so slow when I run") && strings.Contains(body, "byte")
	})
	set(hour)
	cho.says("help", "", "How do I stop a goroutine?") // the lane wakes

	// The answer is asked of the list of topics, which has it when the digest is drawn.
	var posted chattest.SlackMessage
	eventually(t, "the digest at Slack", 2*time.Minute, func() bool {
		for _, m := range stand.Messages("C1") {
			if strings.Contains(string(blocksText(m))+m.Text, "Asked on") {
				posted = m
				return true
			}
		}
		return false
	})
	payload, err := json.MarshalIndent(posted, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "..", "..", "artifacts", "digest-slack.json"), append(payload, '\n'), 0o600); err != nil {
		t.Error(err)
	}
	// In the text Slack reads markup; in rich text a text is what it is, and what
	// calls somebody or leads somewhere is an element of another type.
	said := string(blocksText(posted)) + posted.Text
	for _, bad := range []string{"<!", "<script", "<img", "<http", "\u202e", "\u2066"} {
		if strings.Contains(posted.Text, bad) {
			t.Errorf("in the text at Slack stands %q", bad)
		}
	}
	for _, bad := range []string{`"type": "broadcast"`, `"type": "user"`, `"type": "usergroup"`, `evil.example"`, `"url": "javascript`, "\u202e", "\u2066"} {
		if bytes.Contains(payload, []byte(bad)) {
			t.Errorf("in the payload for Slack stands %q", bad)
		}
	}
	for _, good := range []string{"sync.Once", "Why is the build of my module so slow", "…", "怎么把", "Not answered yet"} {
		if !strings.Contains(said, good) {
			t.Errorf("at Slack is missing %q", good)
		}
	}

	tab.Go("?c=help")
	tab.UntilText("#list", "Asked on")
	tab.UntilText("#list table", "sync.Once")
	if n := tabtest.Eval[int](tab, `document.querySelectorAll("#list table img, #list table script, #list table b, #list table a[href^='javascript']").length`); n > 0 {
		t.Errorf("%d elements of what members said are in the table", n)
	}
	tab.Fits("the digest")
	tab.Keep("digest-webchat-en-1280-light")
	phone := tabtest.New(t, browser, h.url)
	phone.Look(320, 740, true)
	phone.ComeIn("王伟", "zh-CN")
	phone.Go("?c=help")
	phone.UntilText("#list table", "sync.Once")
	phone.Fits("the digest on a phone")
	phone.Keep("digest-webchat-zh-CN-320-dark")

	// The answer is deleted: no table says it any more.
	if code, body := bob.send("POST", "/chat/delete", map[string][]string{"c": {"help"}, "m": {r1}}); code >= 400 {
		t.Fatalf("deleting: %d %s", code, body)
	}
	eventually(t, "the answer goes from what stands at Slack", 2*time.Minute, func() bool {
		for _, m := range stand.Messages("C1") {
			if b := blocksText(m); bytes.Contains(b, []byte("Asked on")) {
				return !bytes.Contains(b, []byte("sync.Once"))
			}
		}
		return false
	})
	tab.Go("?c=help")
	tab.UntilText("#list", "Asked on")
	tab.Until(`![...document.querySelectorAll("#list table")].some((t) => t.textContent.includes("sync.Once"))`)
}
