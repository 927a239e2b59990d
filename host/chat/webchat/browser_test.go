package webchat

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/sdk/abi"
)

// host is a sink that behaves as hearth with a few plugins would.
type host struct {
	*recorder
	place *place
}

func (h *host) Accept(ctx context.Context, in chat.Incoming) (chat.Outcome, error) {
	out, err := h.recorder.Accept(ctx, in)
	if err != nil || out != chat.Accepted {
		return out, err
	}
	e := in.Event
	zh := e.Member.Locale == "zh-CN"
	n := 0
	say := func(d chat.Delivery, c abi.Content) {
		n++
		d.ID, d.Op, d.Content = fmt.Sprintf("%s/%d", e.ID, n), chat.OpSend, c
		if _, err := h.place.a.Deliver(ctx, &d); err != nil {
			h.place.t.Errorf("deliver: %v", err)
		}
	}
	switch {
	case e.Kind == abi.MemberJoined && e.Conversation.ID == GeneralID:
		say(chat.Delivery{Member: e.Member.ID}, greeting(e.Member.Name, e.ID, zh))
		say(chat.Delivery{Conversation: GeneralID}, plainText(pickText(zh,
			"Welcome, <@"+e.Member.ID+">! Pull up a chair. I have written to you.",
			"欢迎，<@"+e.Member.ID+">！来坐坐吧，我给你发了私信。")))
	case e.Kind == abi.CommandInvoked && e.Command.Name == "help":
		say(chat.Delivery{Conversation: e.Conversation.ID, Member: e.Member.ID, Ephemeral: true}, abi.Content{Blocks: []abi.Block{
			{Heading: pickText(zh, "What I can do", "我能做什么")},
			{Fields: []abi.Field{{Label: "/digest", Value: pickText(zh, "Today's questions in short", "今天的问题摘要")}, {Label: "/task", Value: pickText(zh, "A small task in **Go**", "一个 **Go** 小任务")}}}}})
	case e.Kind == abi.FormSubmitted:
		say(chat.Delivery{Member: e.Member.ID}, plainText(pickText(zh, "Thank you! I will remember **"+e.Form.Value("handle")+"**.", "谢谢！我会记住 **"+e.Form.Value("handle")+"**。")))
	case e.Kind == abi.MessagePosted && strings.Contains(e.Message.Text, "func main"):
		say(chat.Delivery{Conversation: e.Conversation.ID, Thread: e.Message.ID}, verdict(zh))
	}
	return out, nil
}

func pickText(zh bool, en, cn string) string {
	if zh {
		return cn
	}
	return en
}

func greeting(name, id string, zh bool) abi.Content {
	return abi.Content{Blocks: []abi.Block{
		{Heading: pickText(zh, "Hello "+name+", good to have you here", name+"，很高兴你来了")},
		{Text: pickText(zh, "I am **hearth**. I keep the fire going and help newcomers find their feet. Your first steps:\n1. Take the [Go tour](https://go.dev/tour/)\n2. Say hello in <#webchat:general>\n3. Try `/task` when you like",
			"我是 **hearth**，在这里添柴，也帮新来的朋友找到路。先走这几步：\n1. 看看 [Go 语言之旅](https://go.dev/tour/)\n2. 在 <#webchat:general> 打个招呼\n3. 想练手就试试 `/task`")},
		{Buttons: []abi.Button{{Label: pickText(zh, "Give me a task", "来个任务"), Token: "task-" + id, Style: "primary"}, {Label: pickText(zh, "Not now", "以后再说"), Token: "later-" + id}, {Label: "go.dev", URL: "https://go.dev/"}}},
		{Form: &abi.Form{Name: "github", Title: pickText(zh, "Tell me a little about you", "说说你自己"), Submit: pickText(zh, "Save", "保存"), Token: "form-" + id, Inputs: []abi.Input{
			{Name: "handle", Label: pickText(zh, "Your GitHub name", "你的 GitHub 用户名"), Hint: pickText(zh, "So that your first pull request is noticed.", "这样你的第一个 PR 就会被看到。"), Max: 39},
			{Name: "aim", Label: pickText(zh, "What brings you here", "你为什么来"), Options: []abi.Option{{Value: "learn", Label: pickText(zh, "Learning Go", "学 Go")}, {Value: "work", Label: pickText(zh, "Go at work", "工作中用 Go")}}, Optional: true}}}},
		{Context: pickText(zh, "Say *stop* and I write no more.", "说 *停* 我就不再打扰。")},
	}}
}

func verdict(zh bool) abi.Content {
	return abi.Content{Blocks: []abi.Block{
		{Text: pickText(zh, "It runs. ✅ **accepted**", "跑通了。✅ **通过**")},
		{Code: "Hello, 世界\n"},
		{Table: &abi.Table{Header: []string{pickText(zh, "Test", "测试"), pickText(zh, "Result", "结果"), "ms"}, Rows: [][]string{{"TestHello", "ok", "3"}, {"TestUnicode", "ok", "4"}}}},
		{Context: pickText(zh, "Go 1.26 · 1.2 M fuel · 4 ms", "Go 1.26 · 燃料 120 万 · 4 毫秒")},
	}}
}

// TestBrowser is two members in two tabs of a real browser.
func TestBrowser(t *testing.T) {
	ctx := tabtest.Start(t)
	h := &host{recorder: newRecorder()}
	p := open(t, Options{Sink: h, Community: "Gophers 炉边", Channels: []string{"go-help", "闲聊"}, Limits: wide})
	p.sink, h.place = h.recorder, p

	ada, wei := tabtest.New(t, ctx, p.srv.URL), tabtest.New(t, ctx, p.srv.URL)
	ada.Look(1280, 800, false)
	ada.Run("open the way in", chromedp.Navigate(p.srv.URL+"/chat"))
	ada.Keep("webchat-join-en-1280-light")
	ada.ComeIn("Ada", "en")
	ada.Go("?c=general")
	wei.Look(320, 640, true)
	wei.Run("open the way in", chromedp.Navigate(p.srv.URL+"/chat?lang=zh-CN"))
	wei.Keep("webchat-join-zh-320-dark")
	wei.Fits("the way in")
	wei.ComeIn("王伟", "zh-CN")
	wei.Go("?c=general")

	// Each sees the other, live.
	wei.UntilText("#list", "我给你发了私信")
	ada.UntilText("#list", "王伟")
	ada.Write("#main", "Hello **everyone**! Is there a good place to ask about `context`?")
	wei.UntilText("#list strong", "everyone")
	wei.Write("#main", "大家好！#go-help 里可以问，@Ada 试试 @hearth")
	ada.UntilText("#list .mention.me", "@Ada")
	ada.Write("#main", "```go\nfunc main() {\n\tfmt.Println(\"Hello, 世界\")\n}\n```")
	ada.UntilText("#list .replies", "1 reply")

	// A thread beside the channel.
	ada.Click("#list .replies a")
	ada.UntilText("#replies", "accepted")
	ada.Write("#thread", "That was quick!")
	ada.UntilText("#list .replies", "2 replies")
	wei.UntilText("#list .replies", "2 条回复")
	ada.Keep("webchat-thread-en-1280-light")
	ada.Click("#thread [data-close]")
	ada.Until("document.querySelector('#thread').hidden")

	// Chinese is written without spaces: a name is offered right behind it.
	ada.Run("type a name", chromedp.SendKeys(chromedp.CSS("#main textarea"), "谢谢@he"))
	ada.UntilText("#main .hints li", "@hearth")
	ada.Run("choose it", chromedp.SendKeys(chromedp.CSS("#main textarea"), "\t"))
	ada.Until("document.querySelector('#main textarea').value === '谢谢@hearth '")
	tabtest.Eval[bool](ada, "(() => { const t = document.querySelector('#main textarea'); t.value = ''; return t.dispatchEvent(new Event('input', {bubbles: true})) })()")

	// Slash commands: completion, an answer for one pair of eyes.
	ada.Run("type a slash", chromedp.SendKeys(chromedp.CSS("#main textarea"), "/"))
	ada.UntilText("#main .hints li", "/help")
	ada.Keep("webchat-commands-en-1280-light")
	if s := tabtest.Eval[string](ada, "document.querySelector('#main .hints').textContent"); strings.Contains(s, "hidden") {
		t.Errorf("a hidden command is offered: %s", s)
	}
	ada.Run("choose help", chromedp.SendKeys(chromedp.CSS("#main textarea"), "he\t"))
	ada.Until("document.querySelector('#main textarea').value === '/help '")
	ada.Run("send", chromedp.SendKeys(chromedp.CSS("#main textarea"), "\r"))
	ada.UntilText("#list .msg.only", "What I can do")
	ada.Fits("general")
	ada.Keep("webchat-general-en-1280-light")
	ada.Look(1280, 800, true)
	ada.Keep("webchat-general-en-1280-dark")
	if tabtest.Eval[bool](wei, "document.body.textContent.includes('What I can do')") {
		t.Error("an ephemeral message is seen by another member")
	}

	// The bot's direct message: buttons and a form, on a phone.
	wei.Keep("webchat-general-zh-320-dark")
	wei.Fits("general on a phone")
	wei.Click(".menu")
	wei.Until("document.querySelector('#nav').classList.contains('open')")
	wei.Until("getComputedStyle(document.querySelector('#nav')).visibility === 'visible'")
	wei.Keep("webchat-list-zh-320-dark")
	wei.Click("#nav [data-place^='dm.']")
	wei.UntilText("#list .heading", "很高兴你来了")
	wei.Fits("direct messages on a phone")
	wei.Keep("webchat-dm-zh-320-dark")
	wei.Click(".buttons .btn.primary")
	wei.Until("document.querySelector('.buttons .btn.primary.used')")
	if e := h.wait(t, abi.ButtonClicked, 1)[0]; e.Member.Name != "王伟" {
		t.Errorf("the click is %q's", e.Member.Name)
	}
	wei.Run("fill in", chromedp.SendKeys(chromedp.CSS(".ask input:not([type=hidden])"), "weiwang"), chromedp.Click(chromedp.CSS(".ask .primary")))
	wei.UntilText("#list", "我会记住 weiwang")
	wei.Look(320, 640, false)
	wei.Keep("webchat-dm-zh-320-light")
	if f := h.wait(t, abi.FormSubmitted, 1)[0].Form; f.Value("handle") != "weiwang" || f.Value("aim") != "" {
		t.Errorf("the form has %+v", f.Values)
	}

	// Ada on the wide screen: the same direct message, then her own settings.
	ada.Click("#nav [data-place^='dm.']")
	ada.UntilText("#list .heading", "good to have you")
	ada.Keep("webchat-dm-en-1280-dark")
	ada.Look(1280, 800, false)
	ada.Keep("webchat-dm-en-1280-light")
	ada.Click("#nav [href*='show=channels']")
	ada.UntilText("#main h1", "Channels")
	ada.Keep("webchat-channels-en-1280-light")
	ada.Run("start a channel", chromedp.SendKeys(chromedp.CSS("#ch-name"), "tea time"), chromedp.Click(chromedp.CSS(".panel .primary")))
	ada.UntilText("#main h1", "tea-time")
	ada.Click("#nav .me")
	ada.UntilText("#main h1", "You")
	ada.Keep("webchat-me-en-1280-light")

	// Reactions, edits and deletions, seen by both.
	ada.Click("#nav [data-place='general']")
	ada.UntilText("#main h1", "general")
	wei.Look(320, 640, true)
	wei.Click(".menu")
	wei.Click("#nav [data-place='general']")
	wei.UntilText("#main h1", "general")
	first := tabtest.Eval[string](wei, "[...document.querySelectorAll('#list > .msg:not(.joined)')].find(m => m.textContent.includes('everyone')).dataset.m")
	wei.Click(`[data-m="` + first + `"] summary`)
	wei.Keep("webchat-sheet-zh-320-dark")
	wei.Click(`[data-m="` + first + `"] .pick[value=runner]`)
	ada.Until(`document.querySelector('[data-m="` + first + `"] .chip')?.textContent.includes('🏃')`)
	if e := h.wait(t, abi.ReactionAdded, 1)[0]; e.Reaction.Name != "runner" {
		t.Errorf("the reaction is %q", e.Reaction.Name)
	}
	ada.Until(`document.querySelector('[data-m="` + first + `"] .chip')`)
	ada.Run("edit", chromedp.Evaluate[chromedp.Void](`document.querySelector('[data-m="`+first+`"] [data-edit-link]').click()`))
	ada.Until(`document.querySelector('[data-m="` + first + `"] .editor textarea')`)
	ada.Run("edit", chromedp.SendKeys(chromedp.CSS(`[data-m="`+first+`"] .editor textarea`), " Thanks!\r"))
	wei.UntilText(`[data-m="`+first+`"]`, "Thanks!")
	wei.UntilText(`[data-m="`+first+`"] .edited`, "已编辑")
	ada.Keep("webchat-reactions-en-1280-light")

	// Something new while Ada is elsewhere is marked in her list.
	ada.Click("#nav [data-place^='dm.']")
	ada.UntilText("#list .heading", "good to have you")
	wei.Write("#main", "还有人吗？")
	ada.Until("document.querySelector(\"#nav [data-place='general'] [data-count]\").textContent === '1'")
	ada.Until("document.title.startsWith('(1)')")
	ada.Click("#nav [data-place='general']")
	ada.UntilText("#list .unread", "New")
	ada.Keep("webchat-unread-en-1280-light")

	// A file, chosen by hand; a thread on the phone.
	program := filepath.Join(t.TempDir(), "hello.go")
	if err := os.WriteFile(program, []byte("package main\n\nfunc main() { println(\"hi\") }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ada.Run("attach", chromedp.SetUploadFiles(chromedp.CSS("#main [type=file]"), []string{program}))
	ada.UntilText("#main [data-chosen]", "hello.go")
	ada.Write("#main", "Here is the file.")
	wei.UntilText("#list .file", "hello.go")
	if f := h.last(t, abi.MessagePosted).Message.Files; len(f) != 1 || !strings.Contains(f[0].Body, "println") {
		t.Errorf("the event has the files %+v", f)
	}
	wei.Keep("webchat-file-zh-320-dark")
	wei.Click("#list .replies a")
	wei.UntilText("#replies", "That was quick!")
	wei.Fits("a thread on the phone")
	wei.Keep("webchat-thread-zh-320-dark")
	wei.Write("#thread", "厉害！")
	ada.UntilText("#list .replies", "3 replies")
	wei.Click("#thread [data-close]")

	// Two members between themselves; the one who is written to is told.
	ada.Click("#nav [href*='show=people']")
	ada.UntilText("#main h1", "People")
	ada.Click(".rows form .btn")
	ada.UntilText("#main h1", "王伟")
	ada.Write("#main", "A word between us.")
	wei.Until("document.querySelectorAll('#nav [data-place^=\"dm.\"]').length === 2")
	wei.Until("document.querySelector('.menu .dot:not([hidden])')")
	if n := len(h.events(abi.MessagePosted)); h.events(abi.MessagePosted)[n-1].Message.Text == "A word between us." {
		t.Error("the bot hears what two members say between themselves")
	}

	// The page with a keyboard alone, and with a choice of colours that stays.
	ada.Run("choose dark", chromedp.Click(chromedp.CSS("[data-theme-toggle]")))
	ada.Run("load anew", chromedp.Navigate(p.srv.URL+"/chat"))
	ada.Until("document.documentElement.dataset.theme === 'dark' && document.body.dataset.live === 'yes'")
	ada.Keep("webchat-toggled-en-1280-dark")
}
