package webchat

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// chromium starts a real browser, or skips the test where there is none. In CI
// there has to be one.
func chromium(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped with -short: it starts a real browser")
	}
	bin := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			bin = p
			break
		}
	}
	if bin == "" {
		if os.Getenv("HEARTH_CI") != "" {
			t.Fatal("no Chromium found, and HEARTH_CI asks for one")
		}
		t.Skip("no Chromium found: install chromium to see the pages tested in a real browser")
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(bin), chromedp.UserDataDir(t.TempDir())}
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars", "mute-audio"} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	// A mouse that hovers, as at a desk; tabs that emulate a phone have none.
	opts = append(opts, chromedp.Flag("blink-settings", "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return ctx
}

// tab is a page in the browser, with cookies of its own.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string
}

func newTab(t *testing.T, browser context.Context, url string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, url: url}
	b.run("open a tab")
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			// What the page's own scripts or its policy complain about is a fault.
			if s := m.String(); m.IsException() || strings.Contains(s, "Content Security Policy") {
				t.Errorf("the browser says: %s", s)
			}
		}
	}()
	return b
}

const patience = 20 * time.Second

func (b *tab) run(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx := b.ctx
	if len(steps) > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(b.ctx, patience)
		defer cancel()
	}
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func eval[T any](b *tab, expr string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expr))
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", expr, err)
	}
	return v
}

// until waits for a condition in the page.
func (b *tab) until(cond string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	wait := fmt.Sprintf("new Promise(done => { const look = () => { try { if (%s) return done(true) } catch {} setTimeout(look, 15) }; look() })", cond)
	for {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise))
		if err == nil {
			return
		}
		// Going to another page ends what waits on this one: wait there.
		if ctx.Err() != nil || !strings.Contains(err.Error(), "navigated") && !strings.Contains(err.Error(), "context") {
			b.keep("failed")
			b.t.Fatalf("waited for %s: %v", cond, err)
		}
	}
}

func (b *tab) untilText(sel, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))", sel, text))
}

// keep writes a picture of the page to artifacts/ at the root of the repository.
func (b *tab) keep(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Errorf("take a picture of %s: %v", name, err)
		return
	}
	dir := filepath.Join("..", "..", "..", "artifacts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "webchat-"+name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// look sets the size of the window and the system's colours.
func (b *tab) look(width, height int64, dark bool) {
	b.t.Helper()
	scheme, touch := "light", []chromedp.EmulateViewportOption{}
	if dark {
		scheme = "dark"
	}
	if width < 600 {
		touch = append(touch, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulateScale(2))
	}
	b.run("set the window", chromedp.EmulateViewport(width, height, touch...))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if err != nil {
		b.t.Fatalf("set the colours: %v", err)
	}
	b.until(fmt.Sprintf("innerWidth === %d || screen.width === %[1]d", width))
}

// fits says that nothing is wider than the window.
func (b *tab) fits(where string) {
	b.t.Helper()
	if over := eval[int](b, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
		b.t.Errorf("%s: the page is %d px wider than the window", where, over)
	}
}

// comeIn joins as name.
func (b *tab) comeIn(name, locale string) {
	b.t.Helper()
	b.run("open the way in", chromedp.Navigate(b.url+"/chat"))
	b.run("choose a language", chromedp.Click(chromedp.CSS(`[name=locale][value="`+locale+`"]`)))
	b.run("come in", chromedp.SendKeys(chromedp.CSS("#name"), name), chromedp.Click(chromedp.CSS("form .primary")))
	b.until("document.body.dataset.ready === 'yes' && document.body.dataset.live === 'yes'")
}

// write types into a composer and sends.
func (b *tab) write(where, text string) {
	b.t.Helper()
	sel := chromedp.CSS(where + " [data-composer] textarea")
	b.run("write "+text, chromedp.SetValue(sel, text), chromedp.SendKeys(sel, "\r"))
	b.until(fmt.Sprintf("document.querySelector(%q).value === ''", where+" [data-composer] textarea"))
}

func (b *tab) click(sel string) {
	b.t.Helper()
	b.run("click "+sel, chromedp.Click(chromedp.CSS(sel)))
}

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
	ctx := chromium(t)
	h := &host{recorder: newRecorder()}
	p := open(t, Options{Sink: h, Community: "Gophers 炉边", Channels: []string{"go-help", "闲聊"}, Limits: wide})
	p.sink, h.place = h.recorder, p

	ada, wei := newTab(t, ctx, p.srv.URL), newTab(t, ctx, p.srv.URL)
	ada.look(1280, 800, false)
	ada.run("open the way in", chromedp.Navigate(ada.url+"/chat"))
	ada.keep("join-en-1280-light")
	ada.comeIn("Ada", "en")
	wei.look(320, 640, true)
	wei.run("open the way in", chromedp.Navigate(wei.url+"/chat?lang=zh-CN"))
	wei.keep("join-zh-320-dark")
	wei.fits("the way in")
	wei.comeIn("王伟", "zh-CN")

	// Each sees the other, live.
	wei.untilText("#list", "我给你发了私信")
	ada.untilText("#list", "王伟")
	ada.write("#main", "Hello **everyone**! Is there a good place to ask about `context`?")
	wei.untilText("#list strong", "everyone")
	wei.write("#main", "大家好！#go-help 里可以问，@Ada 试试 @hearth")
	ada.untilText("#list .mention.me", "@Ada")
	ada.write("#main", "```go\nfunc main() {\n\tfmt.Println(\"Hello, 世界\")\n}\n```")
	ada.untilText("#list .replies", "1 reply")

	// A thread beside the channel.
	ada.click("#list .replies a")
	ada.untilText("#replies", "accepted")
	ada.write("#thread", "That was quick!")
	ada.untilText("#list .replies", "2 replies")
	wei.untilText("#list .replies", "2 条回复")
	ada.keep("thread-en-1280-light")
	ada.click("#thread [data-close]")
	ada.until("document.querySelector('#thread').hidden")

	// Slash commands: completion, an answer for one pair of eyes.
	ada.run("type a slash", chromedp.SendKeys(chromedp.CSS("#main textarea"), "/"))
	ada.untilText("#main .hints li", "/help")
	ada.keep("commands-en-1280-light")
	if s := eval[string](ada, "document.querySelector('#main .hints').textContent"); strings.Contains(s, "hidden") {
		t.Errorf("a hidden command is offered: %s", s)
	}
	ada.run("choose help", chromedp.SendKeys(chromedp.CSS("#main textarea"), "he\t"))
	ada.until("document.querySelector('#main textarea').value === '/help '")
	ada.run("send", chromedp.SendKeys(chromedp.CSS("#main textarea"), "\r"))
	ada.untilText("#list .msg.only", "What I can do")
	ada.fits("general")
	ada.keep("general-en-1280-light")
	ada.look(1280, 800, true)
	ada.keep("general-en-1280-dark")
	if eval[bool](wei, "document.body.textContent.includes('What I can do')") {
		t.Error("an ephemeral message is seen by another member")
	}

	// The bot's direct message: buttons and a form, on a phone.
	wei.keep("general-zh-320-dark")
	wei.fits("general on a phone")
	wei.click(".menu")
	wei.until("document.querySelector('#nav').classList.contains('open')")
	wei.until("getComputedStyle(document.querySelector('#nav')).visibility === 'visible'")
	wei.keep("list-zh-320-dark")
	wei.click("#nav [data-place^='dm.']")
	wei.untilText("#list .heading", "很高兴你来了")
	wei.fits("direct messages on a phone")
	wei.keep("dm-zh-320-dark")
	wei.click(".buttons .btn.primary")
	wei.until("document.querySelector('.buttons .btn.primary.used')")
	if e := h.wait(t, abi.ButtonClicked, 1)[0]; e.Member.Name != "王伟" {
		t.Errorf("the click is %q's", e.Member.Name)
	}
	wei.run("fill in", chromedp.SendKeys(chromedp.CSS(".ask input:not([type=hidden])"), "weiwang"), chromedp.Click(chromedp.CSS(".ask .primary")))
	wei.untilText("#list", "我会记住 weiwang")
	wei.look(320, 640, false)
	wei.keep("dm-zh-320-light")
	if f := h.wait(t, abi.FormSubmitted, 1)[0].Form; f.Value("handle") != "weiwang" || f.Value("aim") != "" {
		t.Errorf("the form has %+v", f.Values)
	}

	// Ada on the wide screen: the same direct message, then her own settings.
	ada.click("#nav [data-place^='dm.']")
	ada.untilText("#list .heading", "good to have you")
	ada.keep("dm-en-1280-dark")
	ada.look(1280, 800, false)
	ada.keep("dm-en-1280-light")
	ada.click("#nav [href*='show=channels']")
	ada.untilText("#main h1", "Channels")
	ada.keep("channels-en-1280-light")
	ada.run("start a channel", chromedp.SendKeys(chromedp.CSS("#ch-name"), "tea time"), chromedp.Click(chromedp.CSS(".panel .primary")))
	ada.untilText("#main h1", "tea-time")
	ada.click("#nav .me")
	ada.untilText("#main h1", "You")
	ada.keep("me-en-1280-light")

	// Reactions, edits and deletions, seen by both.
	ada.click("#nav [data-place='general']")
	ada.untilText("#main h1", "general")
	wei.look(320, 640, true)
	wei.click(".menu")
	wei.click("#nav [data-place='general']")
	wei.untilText("#main h1", "general")
	first := eval[string](wei, "[...document.querySelectorAll('#list > .msg:not(.joined)')].find(m => m.textContent.includes('everyone')).dataset.m")
	wei.click(`[data-m="` + first + `"] summary`)
	wei.keep("sheet-zh-320-dark")
	wei.click(`[data-m="` + first + `"] .pick[value=runner]`)
	ada.until(`document.querySelector('[data-m="` + first + `"] .chip')?.textContent.includes('🏃')`)
	if e := h.wait(t, abi.ReactionAdded, 1)[0]; e.Reaction.Name != "runner" {
		t.Errorf("the reaction is %q", e.Reaction.Name)
	}
	ada.until(`document.querySelector('[data-m="` + first + `"] .chip')`)
	ada.run("edit", chromedp.Evaluate[chromedp.Void](`document.querySelector('[data-m="`+first+`"] [data-edit-link]').click()`))
	ada.until(`document.querySelector('[data-m="` + first + `"] .editor textarea')`)
	ada.run("edit", chromedp.SendKeys(chromedp.CSS(`[data-m="`+first+`"] .editor textarea`), " Thanks!\r"))
	wei.untilText(`[data-m="`+first+`"]`, "Thanks!")
	wei.untilText(`[data-m="`+first+`"] .edited`, "已编辑")
	ada.keep("reactions-en-1280-light")

	// Something new while Ada is elsewhere is marked in her list.
	ada.click("#nav [data-place^='dm.']")
	ada.untilText("#list .heading", "good to have you")
	wei.write("#main", "还有人吗？")
	ada.until("document.querySelector(\"#nav [data-place='general'] [data-count]\").textContent === '1'")
	ada.until("document.title.startsWith('(1)')")
	ada.click("#nav [data-place='general']")
	ada.untilText("#list .unread", "New")
	ada.keep("unread-en-1280-light")

	// A file, chosen by hand; a thread on the phone.
	program := filepath.Join(t.TempDir(), "hello.go")
	if err := os.WriteFile(program, []byte("package main\n\nfunc main() { println(\"hi\") }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ada.run("attach", chromedp.SetUploadFiles(chromedp.CSS("#main [type=file]"), []string{program}))
	ada.untilText("#main [data-chosen]", "hello.go")
	ada.write("#main", "Here is the file.")
	wei.untilText("#list .file", "hello.go")
	if f := h.last(t, abi.MessagePosted).Message.Files; len(f) != 1 || !strings.Contains(f[0].Body, "println") {
		t.Errorf("the event has the files %+v", f)
	}
	wei.keep("file-zh-320-dark")
	wei.click("#list .replies a")
	wei.untilText("#replies", "That was quick!")
	wei.fits("a thread on the phone")
	wei.keep("thread-zh-320-dark")
	wei.write("#thread", "厉害！")
	ada.untilText("#list .replies", "3 replies")
	wei.click("#thread [data-close]")

	// Two members between themselves; the one who is written to is told.
	ada.click("#nav [href*='show=people']")
	ada.untilText("#main h1", "People")
	ada.click(".rows form .btn")
	ada.untilText("#main h1", "王伟")
	ada.write("#main", "A word between us.")
	wei.until("document.querySelectorAll('#nav [data-place^=\"dm.\"]').length === 2")
	wei.until("document.querySelector('.menu .dot:not([hidden])')")
	if n := len(h.events(abi.MessagePosted)); h.events(abi.MessagePosted)[n-1].Message.Text == "A word between us." {
		t.Error("the bot hears what two members say between themselves")
	}

	// The page with a keyboard alone, and with a choice of colours that stays.
	ada.run("choose dark", chromedp.Click(chromedp.CSS("[data-theme-toggle]")))
	ada.run("load anew", chromedp.Navigate(ada.url+"/chat"))
	ada.until("document.documentElement.dataset.theme === 'dark' && document.body.dataset.live === 'yes'")
	ada.keep("toggled-en-1280-dark")
}
