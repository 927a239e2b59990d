package walk

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
)

// TestSetup is an admin's first quarter of an hour, by clicking alone: the link
// of the terminal, whom hearth serves, a wrong key and a right one, permissions
// that are missing, nobody heard yet and then somebody, a test, and a newcomer
// who is greeted.
func TestSetup(t *testing.T) {
	browser := tabtest.Start(t)
	d := openDesk(t)
	d.begin("")
	axe := barriers(t)
	m := tabtest.New(t, browser, d.URL)
	m.Look(1280, 1000, false)
	seen := func(name string) {
		t.Helper()
		m.Until("document.readyState === 'complete'")
		m.Rest()
		m.Fits(name)
		if found := search(m, axe); found != "" {
			t.Errorf("%s has barriers:\n%s", name, found)
		}
		m.Keep("setup-" + name)
	}
	typed := func(id, text string) {
		t.Helper()
		m.Until("document.readyState === 'complete'") // before that the page's scripts do not listen
		tabtest.Eval[bool](m, fmt.Sprintf("(() => { document.getElementById(%q).value = ''; return true })()", id))
		m.Run("type into "+id, chromedp.SendKeys(chromedp.CSS("#"+id), text+"\t"))
	}

	m.Run("open the link of the terminal", chromedp.Navigate(d.link+"&lang=en"))
	m.UntilText("h1", "Come in")
	seen("1-link")
	m.Click("main .primary")
	m.Until("location.pathname === '/setup'") // nobody has been here yet
	m.UntilText("h2", "Your community")
	typed("name", "Gophers of Shanghai")
	typed("zone", "Asia/Shanghai")
	seen("2-community")
	m.Click("main .primary")
	m.UntilText("h2", "Slack")
	seen("3-platform")
	m.Click("#slack ~ p a")
	m.UntilText("h2", "1. Create the app")
	if doc := tabtest.Eval[string](m, "document.getElementById('doc').value"); !strings.Contains(doc, `"socket_mode_enabled": true`) && !strings.Contains(doc, `"socket_mode_enabled":true`) {
		t.Errorf("the manifest is %s", doc)
	}
	if link := tabtest.Eval[string](m, "document.querySelector('#manifest ~ p a').href"); !strings.HasPrefix(link, "https://api.slack.com/apps?new_app=1") {
		t.Errorf("the app is made at %s", link)
	}
	m.UntilText("#heard-state", "the keys come first")

	// A token of another kind, one that Slack does not know, one that may not do
	// all, each told while it is entered.
	typed("bot_token", "xoxp-somebody")
	m.UntilText("#bot_token-check .wrong", "the bot's begins with xoxb-")
	typed("bot_token", "xoxb-mistyped")
	m.UntilText("#bot_token-check .wrong", "copy it anew")
	seen("4-wrong")
	d.slack.SetScopes(strings.Fields("chat:write users:read"))
	typed("bot_token", d.slack.Options().BotToken)
	m.UntilText("#bot_token-check .wrong", "im:write")
	seen("5-scopes")
	d.slack.SetScopes(chattest.AllSlackScopes())
	typed("bot_token", d.slack.Options().BotToken)
	m.UntilText("#bot_token-check .good", "Slack knows it")
	typed("app_token", "xapp-mistyped")
	m.UntilText("#app_token-check .wrong", "")
	m.Click("#secrets ~ form .primary")
	m.UntilText(".sorry", "nothing was saved")
	if d.setting("slack.bot_token").Set {
		t.Error("a token is kept though the other is wrong")
	}
	typed("bot_token", d.slack.Options().BotToken)
	typed("app_token", "xapp-hearth")
	m.UntilText("#app_token-check .good", "Slack knows it")
	m.Click("#secrets ~ form .primary")
	m.UntilText(".done", "connected to Slack")

	// Nobody was heard yet, and it is said what to do; then somebody writes.
	m.UntilText("#heard-state", "Waiting for the first event")
	m.UntilText("#heard-state", "Socket Mode and Event Subscriptions")
	seen("6-waiting")
	d.slack.AddChannel(chattest.SlackChannel{ID: "C024BE91L", Name: "general"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := d.slack.Await(ctx, func() bool { fresh, _ := d.slack.Sockets(); return fresh > 0 }); err != nil {
		t.Fatalf("hearth opens no socket: %v; logs:\n%s", err, d.logs)
	}
	d.slack.AddUser(chattest.SlackUser{ID: "U1", Name: "Ada", Locale: "en-US"})
	body, _ := d.slack.Say("U1", "C024BE91L", "Is anybody here?")
	if _, err := d.slack.Push(ctx, "events_api", body, false); err != nil {
		t.Fatal(err)
	}
	m.UntilText("#heard-state .good", "everything works")
	seen("7-heard")

	// A test into a channel.
	typed("channel", "#general")
	m.Click("#test ~ form .btn")
	m.UntilText(".sorry", "neither a channel’s link nor its id")
	typed("channel", "https://gophers.slack.com/archives/C024BE91L")
	m.Click("#test ~ form .btn")
	m.UntilText(".done", "Sent: it is in the channel now.")
	if got := d.slack.Messages("C024BE91L"); len(got) == 0 || !strings.Contains(got[len(got)-1].Text+string(blocksText(got[len(got)-1])), "Hello from hearth!") {
		t.Errorf("the channel has %+v", got)
	}
	m.Run("go on", chromedp.Navigate(d.URL+"/setup?step=done"))
	m.UntilText("dd", "works")
	seen("8-done")

	// And a newcomer is greeted.
	ben := chattest.SlackUser{ID: "U2", Name: "Ben", Locale: "en-US"}
	d.slack.AddUser(ben)
	if _, err := d.slack.Push(ctx, "events_api", d.slack.TeamJoin("EvBen", ben), false); err != nil {
		t.Fatal(err)
	}
	said := ""
	if err := d.slack.Await(ctx, func() bool {
		for _, x := range d.slack.Messages(chattest.DM("U2")) {
			said = string(blocksText(x))
		}
		return said != ""
	}); err != nil || !strings.Contains(said, "Ben") {
		t.Fatalf("the newcomer is told %q, %v; logs:\n%s", said, err, d.logs)
	}
	if c := d.setting("community.name"); c.Text != "Gophers of Shanghai" || c.Author == "" {
		t.Errorf("the community is %+v", c)
	}

	// The same page in Chinese, on a phone.
	m.Look(320, 740, true)
	for i, step := range []string{"community", "platform", "slack", "done"} {
		m.Run("open "+step, chromedp.Navigate(d.URL+"/setup?lang=zh-CN&step="+step))
		m.UntilText("h1", "设置向导")
		seen(fmt.Sprintf("zh-%d-%s", i+1, step))
	}
}

// TestNoWayBack is Slack that is to call hearth, which it cannot reach: it says
// what to do.
func TestNoWayBack(t *testing.T) {
	browser := tabtest.Start(t)
	d := openDesk(t)
	d.begin("[server]\npublic_url = \"https://hearth.example\"")
	at := app.ReadURL(d.data) // the browser's machine has no such name
	m := tabtest.New(t, browser, at)
	m.Look(1280, 1000, false)
	m.Run("sign in", chromedp.Navigate(at+"/login?lang=en"), chromedp.SetValue(chromedp.CSS("#token"), d.Token), chromedp.Click(chromedp.CSS("main .primary")))
	m.Until("location.pathname === '/'")
	m.Run("open the set-up", chromedp.Navigate(at+"/setup?step=slack"))
	m.UntilText("#way ~ p", "https://hearth.example")
	// What a check says moves the button, so it is waited for before the press.
	for id, secret := range map[string]string{"bot_token": d.slack.Options().BotToken, "signing_secret": signingSecret} {
		m.Run("enter a key", chromedp.SendKeys(chromedp.CSS("#"+id), secret+"\t"))
		m.UntilText("#"+id+"-check .good", "Slack knows it")
	}
	m.Click("#secrets ~ form .primary")
	m.UntilText("#heard-state", "Waiting for the first event")
	m.UntilText("#heard-state", "Slack has to reach https://hearth.example from the internet")
	m.UntilText("#heard-state", "let hearth call Slack instead")
}
