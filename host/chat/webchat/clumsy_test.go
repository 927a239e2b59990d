package webchat

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/sdk/abi"
)

// texts that mean ill, or are merely odd.
var odd = []string{
	"<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'><svg onload=window.pwned=1>",
	"[click](javascript:window.pwned=1) ![x](x\"onerror=\"window.pwned=1) <https://evil.example/\"onmouseover=\"window.pwned=1>",
	"annexe\u202Etxt.exe \u2066and\u2069 what follows \u200fא\u200e",
	"שלום עולם, مرحبا بالعالم, and back",
	strings.Repeat("W", 3000),
	strings.Repeat("👩‍👩‍👧‍👦🏳️‍🌈", 200),
	"z" + strings.Repeat("\u0335\u0322\u0347", 300) + "algo",
	strings.Repeat("> ", 200) + "deep",
	"```\n" + strings.Repeat("x", 2000) + "\n```",
	"| a | b |\n|---|---|\n| " + strings.Repeat("y", 500) + " | z |",
	"{{.U}} ${7*7} \\u003cb\\u003e &lt;b&gt; %s",
}

// TestOddTexts shows them on a phone, with names as long and odd as there may be.
func TestOddTexts(t *testing.T) {
	p := open(t, Options{})
	browser := tabtest.Start(t)
	tab := tabtest.New(t, browser, p.srv.URL)
	tab.Look(320, 640, false)

	tab.Run("come in as a script", chromedp.Navigate(p.srv.URL+"/chat"), chromedp.SendKeys(chromedp.CSS("#name"), "<script>"), chromedp.Click(chromedp.CSS("form .primary")))
	tab.UntilText("#name-problem", "Please use letters")
	if got := tabtest.Eval[string](tab, "document.querySelector('#name').value"); got != "<script>" {
		t.Errorf("what was typed for a name is now %q", got)
	}

	long := strings.Repeat("W", maxName)
	tab.ComeIn(long, "en")
	tab.Go("?c=general")
	for _, name := range []string{strings.Repeat("鑫", maxName), "مريم \u202Eevil", "👩‍👩‍👧‍👦 Zoë"} {
		b := p.browser()
		b.join(name, "zh-CN")
		for _, text := range odd {
			b.say(general, text)
		}
	}
	tab.UntilText("#list", "%s")
	tab.Fits("odd texts")
	tab.Keep("webchat-odd-320-light")
	for _, text := range odd {
		tab.Run("write", chromedp.SetValue(chromedp.CSS("#main textarea"), text), chromedp.Click(chromedp.CSS("#main .send")))
		tab.Until("document.querySelector('#main textarea').value === ''")
	}
	for _, query := range []string{"?c=general", "?show=people", "?show=channels", "?show=me"} {
		tab.Go(query)
		tab.Fits(query)
		if tabtest.Eval[bool](tab, "window.pwned === 1 || document.querySelector('main script, main [onerror], main [onload], main [href^=javascript]') !== null") {
			t.Fatalf("%s: what a member wrote is carried out", query)
		}
		if tabtest.Eval[bool](tab, `/[\u202a-\u202e\u2066-\u2069]/.test(document.body.textContent)`) {
			t.Errorf("%s: a member's text turns the page's direction", query)
		}
	}
	tab.Keep("webchat-odd-me-320-light")
	tab.Go("?show=people")
	tab.Keep("webchat-odd-people-320-light")
	tab.Look(1280, 800, true)
	tab.Go("?c=general")
	tab.Fits("odd texts at a desk")
	tab.Keep("webchat-odd-1280-dark")
}

// TestClumsyHands loads anew in the middle of it, goes back, loses the network.
func TestClumsyHands(t *testing.T) {
	p := open(t, Options{Channels: []string{"go-help"}})
	chromium := tabtest.Start(t)
	ada := tabtest.New(t, chromium, p.srv.URL)
	ada.Look(1280, 800, false)
	ada.ComeIn("Ada", "en")
	bob := p.member("Bob")
	const box = "#main [data-composer] textarea"
	typed := func(want, when string) {
		t.Helper()
		ada.Until(fmt.Sprintf("document.querySelector(%q)", box))
		if got := tabtest.Eval[string](ada, fmt.Sprintf("document.querySelector(%q).value", box)); got != want {
			t.Errorf("%s, what was typed is %q, want %q", when, got, want)
		}
	}
	posted := func(text string) (n int) {
		for _, e := range p.sink.events(abi.MessagePosted) {
			if e.Message.Text == text {
				n++
			}
		}
		return n
	}

	// What is half written is there after loading anew, in its own conversation.
	ada.Go("?c=general")
	ada.Run("write", chromedp.SendKeys(chromedp.CSS(box), "half a thought"))
	ada.Run("load anew", chromedp.Reload())
	ada.Live()
	typed("half a thought", "after loading anew")
	ada.Click("#nav [data-place^='dm.']")
	ada.UntilText("#main h1", "hearth")
	typed("", "elsewhere")
	ada.Run("back", chromedp.NavigateBack())
	ada.UntilText("#main h1", "general")
	typed("half a thought", "after going back")

	// Loading anew in the middle of sending posts it once, however often it is sent.
	ada.Run("send and load anew", chromedp.Evaluate[chromedp.Void](`{ window.before = true; document.querySelector("#main [data-composer]").requestSubmit(); location.reload() }`))
	ada.Until("!window.before") // the page that was there answers until the new one comes
	ada.Live()
	if tabtest.Eval[string](ada, fmt.Sprintf("document.querySelector(%q).value", box)) != "" {
		ada.Run("send again", chromedp.SendKeys(chromedp.CSS(box), "\r"))
		ada.Until(fmt.Sprintf("document.querySelector(%q).value === ''", box))
	}
	ada.UntilText("#list", "half a thought")
	if n := posted("half a thought"); n != 1 {
		t.Errorf("it was posted %d times", n)
	}

	// Writing on while the first is on its way loses neither.
	ada.Run("hold", chromedp.Evaluate[chromedp.Void](`{ const real = fetch; window.fetch = async (u, o) => {
		if (String(u).includes("/send")) await new Promise((ok) => { window.letGo = ok; });
		return real(u, o);
	} }`))
	ada.Run("write on", chromedp.SendKeys(chromedp.CSS(box), "first\r"))
	ada.Until("window.letGo")
	ada.Run("write on", chromedp.SendKeys(chromedp.CSS(box), "second"), chromedp.Evaluate[chromedp.Void]("window.letGo()"))
	ada.UntilText("#list", "first")
	ada.Until("!document.querySelector('[aria-busy]')")
	typed("second", "after the first was sent")
	ada.Run("load anew", chromedp.Reload())
	ada.Live()
	ada.Run("clear", chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).value = ''", box)))

	// Without a network nothing is lost, and what was missed comes after.
	offline := func(is bool) {
		t.Helper()
		rule := &network.Conditions{Offline: is, DownloadThroughput: -1, UploadThroughput: -1}
		if _, err := chromedp.Call(ada.Ctx(), network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{rule}}); err != nil {
			t.Fatal(err)
		}
	}
	offline(true)
	ada.Run("write", chromedp.SendKeys(chromedp.CSS(box), "into the void\r"))
	ada.Told("cannot be reached")
	typed("into the void", "without a network")
	ada.Click("#nav [data-place^='dm.']")
	ada.Told("cannot be reached")
	typed("into the void", "after going nowhere")
	bob.say(general, "meanwhile")
	offline(false)
	ada.Run("send again", chromedp.Focus(chromedp.CSS(box)), chromedp.SendKeys(chromedp.CSS(box), "\r"))
	ada.UntilText("#list", "into the void")
	ada.UntilText("#list", "meanwhile")
	if n := posted("into the void"); n != 1 {
		t.Errorf("it was posted %d times", n)
	}

	// Another member in another tab of the same browser: each stays who they are.
	second := ada.Beside()
	second.Look(1280, 800, false)
	second.Run("come in", chromedp.Navigate(p.srv.URL+"/chat?new=1"), chromedp.SendKeys(chromedp.CSS("#name"), "Eve"), chromedp.Click(chromedp.CSS("form .primary")))
	second.Live()
	ada.Write("#main", "this is Ada")
	ada.Click("#nav [data-place^='dm.']")
	ada.UntilText("#main h1", "hearth")
	ada.Write("#main", "this is still Ada")
	second.Go("?c=general&as=" + tabtest.Eval[string](second, "document.body.dataset.me"))
	second.Write("#main", "this is Eve")
	for _, e := range p.sink.events(abi.MessagePosted) {
		if who, ok := strings.CutPrefix(e.Message.Text, "this is "); ok && strings.TrimPrefix(who, "still ") != e.Member.Name {
			t.Errorf("%q is said by %s", e.Message.Text, e.Member.Name)
		}
	}
	ada.Run("load anew", chromedp.Reload())
	ada.Live()
	ada.UntilText("#nav .me", "Ada")
}

// TestManyTabs opens more tabs than a browser has connections to one server.
func TestManyTabs(t *testing.T) {
	p := open(t, Options{})
	ada := tabtest.New(t, tabtest.Start(t), p.srv.URL)
	ada.Look(1280, 800, false)
	ada.ComeIn("Ada", "en")
	for range 9 {
		tab := ada.Beside()
		if _, err := chromedp.Call(tab.Ctx(), page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })"}); err != nil {
			t.Fatal(err)
		}
		tab.Go("?c=general")
	}
	ada.Go("?c=general")
	ada.Write("#main", "still here")
	ada.UntilText("#list", "still here")
}
