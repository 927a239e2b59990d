package webchat

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/sdk/abi"
)

// within is a condition: what sel selects is in sight, in a list of messages or
// below the window's edge.
func within(sel, box string) string {
	return fmt.Sprintf("((m, s) => m.height > 0 && m.top >= s.top - 1 && m.bottom <= s.bottom + 1)(document.querySelector(%q).getBoundingClientRect(), document.querySelector(%q).getBoundingClientRect())", sel, box)
}

func msg(id string) string { return `#list [data-m="` + id + `"]` }

// TestComingAndGoing joins, leaves, is renamed, and comes in as somebody else.
func TestComingAndGoing(t *testing.T) {
	p := open(t, Options{Channels: []string{"go-help"}})
	chromium := tabtest.Start(t)
	ada := tabtest.New(t, chromium, p.srv.URL)
	ada.Look(1280, 800, false)
	ada.ComeIn("Ada", "en")
	bob := p.member("Bob")

	// From the preview of a channel straight into it.
	ada.Go("?show=channels")
	ada.Click(".rows a[href*='go-help']")
	ada.UntilText(".outside", "You are looking at #go-help")
	ada.Click(".outside .btn")
	ada.Until("document.querySelector('#main [data-composer]') && !document.querySelector('.outside')")
	ada.UntilText("#list", "joined")
	ada.Write("#main", "here I am")

	// Who leaves while the page is open cannot be written to any more.
	u, _ := url.Parse(bob.post("dm", url.Values{"with": {tabtest.Eval[string](ada, "document.body.dataset.me")}}).Go)
	conv := u.Query().Get("c")
	bob.say(conv, "bye")
	ada.Click(`#nav [data-place="` + conv + `"]`)
	ada.UntilText("#list", "bye")
	bob.post("depart", nil)
	ada.UntilText(".outside", "Bob has left the community")
	ada.Keep("webchat-gone-en-1280-light")

	// What was saved is said, in the language it was saved in.
	ada.Click("#nav .me")
	ada.UntilText("#main h1", "You")
	ada.Run("choose Chinese", chromedp.Click(chromedp.CSS(`[name=locale][value="zh-CN"]`)), chromedp.Click(chromedp.CSS(".panel .primary")))
	ada.UntilText("#main h1", "你")
	ada.Live()
	ada.Told("已保存")
	ada.Keep("webchat-saved-zh-1280-light")

	// Somebody else in the same browser: the way is on every page.
	ada.Go("?c=general")
	if href := tabtest.Eval[string](ada, "document.querySelector('.self a[target]').getAttribute('href')"); href != "/chat?new=1" {
		t.Errorf("it leads to %s", href)
	}
	second := ada.Beside()
	second.Look(320, 640, true)
	second.Run("follow it", chromedp.Navigate(p.srv.URL+"/chat?new=1"))
	second.Keep("webchat-another-zh-320-dark")
	second.Fits("the way in for one more")
	second.ComeInHere("Eve", "zh-CN")
	second.UntilText("#nav .me", "Eve")
	ada.Run("load anew", chromedp.Reload())
	ada.Live()
	ada.UntilText("#nav .me", "Ada")
}

// TestNewestInSight has things grow under somebody who reads the newest, and
// under somebody who reads what is older.
func TestNewestInSight(t *testing.T) {
	p := open(t, Options{})
	ada := tabtest.New(t, tabtest.Start(t), p.srv.URL)
	ada.Look(1440, 700, false)
	ada.ComeIn("Ada", "en")
	bob := p.member("Bob")
	var ids []string
	for i := range 40 {
		ids = append(ids, bob.say(general, fmt.Sprintf("%d: %s", i, strings.Repeat("a long line that wraps when it has less room. ", 1+i%5))))
	}
	reply := func(rootID, text string) {
		t.Helper()
		if res := bob.post("send", url.Values{"c": {general}, "t": {rootID}, "text": {text}, "nonce": {newNonce()}}); res.status != 200 {
			t.Fatalf("reply: %d %s", res.status, res.Say)
		}
	}
	newest := ids[len(ids)-1]
	ada.Go("?c=general")
	ada.Run("to the bottom", chromedp.Evaluate[chromedp.Void]("document.querySelector('#scroll').scrollTop = 1e6"))
	ada.Until(within(msg(newest), "#scroll"))
	reply(newest, "a reply")
	ada.UntilText(msg(newest)+" .replies", "1 reply")
	ada.Until(within(msg(newest), "#scroll"))

	// A picture has its room before it comes.
	var drawn bytes.Buffer
	if err := png.Encode(&drawn, image.NewGray(image.Rect(0, 0, 800, 600))); err != nil {
		t.Fatal(err)
	}
	pic := bob.sendFiles(general, "look", map[string][]byte{"x.png": drawn.Bytes()}).ID
	ada.Until(fmt.Sprintf("document.querySelector(%q)?.complete", msg(pic)+" img"))
	if h := tabtest.Eval[float64](ada, fmt.Sprintf("document.querySelector(%q).getBoundingClientRect().height", msg(pic)+" img")); h < 260 || h > 292 {
		t.Errorf("a picture of 800 × 600 is %v px high", h)
	}
	last := bob.say(general, "and a word after it")
	ada.Until(within(msg(last), "#scroll"))

	// A thread that opens beside moves nothing away that is being read.
	mid := ids[20]
	reply(mid, "about this")
	ada.Until(fmt.Sprintf("document.querySelector(%q)", msg(mid)+" .replies"))
	ada.Run("go back", chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).scrollIntoView({ block: 'center' })", msg(mid))))
	first := "[...document.querySelectorAll('#list > .msg')].find((m) => m.getBoundingClientRect().bottom > document.querySelector('#scroll').getBoundingClientRect().top)"
	ada.Run("note", chromedp.Evaluate[chromedp.Void](fmt.Sprintf("window.seen = %s; window.at = seen.getBoundingClientRect().top", first)))
	moved := func(when string) {
		t.Helper()
		ada.Until("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => r(true))))")
		if d := tabtest.Eval[float64](ada, "Math.abs(seen.getBoundingClientRect().top - at)"); d > 3 {
			t.Errorf("%s, what was read moved by %v px", when, d)
		}
	}
	ada.Click(msg(mid) + " .replies a")
	ada.UntilText("#replies", "about this")
	moved("when the thread opens")
	ada.Keep("webchat-thread-en-1440-light")
	ada.Click("#thread [data-close]")
	ada.Until("document.querySelector('#thread').hidden")
	moved("when it closes")

	// Being mentioned in a thread while elsewhere.
	ada.Click("#nav [data-place^='dm.']")
	ada.UntilText("#main h1", "hearth")
	reply(last, "not for you")
	ada.Until("document.querySelector('#nav [data-place=general]').classList.contains('fresh')")
	reply(last, "@Ada, this is for you")
	ada.Until("document.querySelector('#nav [data-place=general] [data-badge]:not([hidden]) [data-count]').textContent === '1'")
	ada.Click("#nav [data-place='general']")
	ada.UntilText(msg(last)+" .called", "you are mentioned")
	ada.Keep("webchat-called-en-1440-light")
	ada.Click(msg(last) + " .replies a")
	ada.UntilText("#replies", "this is for you")
	ada.Until(fmt.Sprintf("!document.querySelector(%q)", msg(last)+" .called"))
}

// TestLostConnection loses the server, not the network.
func TestLostConnection(t *testing.T) {
	p := open(t, Options{})
	var down atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			panic(http.ErrAbortHandler)
		}
		p.srv.Config.Handler.ServeHTTP(w, r)
	}))
	defer front.Close()
	defer front.CloseClientConnections()
	ada := tabtest.New(t, tabtest.Start(t), front.URL)
	ada.Look(320, 640, false)
	ada.ComeIn("Ada", "en")
	down.Store(true)
	front.CloseClientConnections()
	ada.UntilText("#lost > span:not([hidden])", "Connection lost")
	ada.Run("write", chromedp.SendKeys(chromedp.CSS("#main textarea"), "hello?"), chromedp.Click(chromedp.CSS("#main .send")))
	ada.Told("The server cannot be reached")
	ada.Until("document.querySelector('#lost > span').checkVisibility() && document.querySelector('#main textarea').value === 'hello?'")
	if tabtest.Eval[bool](ada, "[...document.querySelectorAll('.here')].some((e) => e.checkVisibility())") {
		t.Error("the bot is said to be here")
	}
	ada.Keep("webchat-lost-en-320-light")
	down.Store(false)
	ada.Until("document.querySelector('#lost > span').hidden")
	ada.Click("#main .send")
	ada.UntilText("#list", "hello?")
}

// TestTooLong pastes more than a message may have.
func TestTooLong(t *testing.T) {
	p := open(t, Options{})
	ada := tabtest.New(t, tabtest.Start(t), p.srv.URL)
	ada.Look(1280, 800, true)
	ada.ComeIn("Ada", "en")
	ada.Go("?c=general")
	paste := func(sel, text string) {
		t.Helper()
		ada.Run("focus", chromedp.Focus(chromedp.CSS(sel)))
		if _, err := chromedp.Call(ada.Ctx(), input.InsertText, input.InsertTextParams{Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	const box = "#main [data-composer] textarea"
	paste(box, strings.Repeat("0123456\n", 2048)+"seven 7")
	ada.UntilText("#main [data-over]", "Too long by 7 characters")
	ada.Keep("webchat-toolong-en-1280-dark")
	ada.Run("send", chromedp.Click(chromedp.CSS("#main .send")))
	ada.Click("[data-over] .btn")
	ada.UntilText("[data-chosen]", "message.txt")
	ada.Until(fmt.Sprintf("document.querySelector(%q).value === '' && document.querySelector('#main [data-over]').hidden", box))
	ada.Click("#main .send")
	ada.UntilText("#list .file", "message.txt")
	if f := p.sink.last(t, abi.MessagePosted).Message.Files; len(f) != 1 || f[0].Size != 16<<10+7 {
		t.Errorf("the file is %+v", f)
	}

	ada.Write("#main", "short")
	id := p.sink.last(t, abi.MessagePosted).Message.ID
	ada.Run("edit", chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).click()", msg(id)+" [data-edit-link]")))
	ada.Until(fmt.Sprintf("document.querySelector(%q)", msg(id)+" .editor textarea"))
	paste(msg(id)+" .editor textarea", strings.Repeat("字", 16<<10/3-1))
	ada.UntilText(msg(id)+" [data-over]", "Too long by 1 characters")
}

// TestSmallThings looks closely.
func TestSmallThings(t *testing.T) {
	p := open(t, Options{})
	ada := tabtest.New(t, tabtest.Start(t), p.srv.URL)
	ada.Look(320, 640, false)
	ada.ComeIn("Ada", "en")
	p.member("Maximiliane von und zu Hohenfels")
	p.member("🔥🔥")
	ada.Go("?c=general")
	ada.Until("document.querySelectorAll('#list .notice').length === 3")
	if h := tabtest.Eval[float64](ada, "Math.max(...[...document.querySelectorAll('.notice time')].map((e) => e.getBoundingClientRect().height))"); h > 30 {
		t.Errorf("the time of a notice is %v px high: it breaks", h)
	}
	ada.Look(1280, 800, false)

	// One of two that stand together has been changed.
	ada.Write("#main", "one, with `code` in it")
	ada.Write("#main", "two")
	id := p.sink.wait(t, abi.MessagePosted, 2)[1].Message.ID
	ada.Run("edit", chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).click()", msg(id)+" [data-edit-link]")))
	ada.Until(fmt.Sprintf("document.querySelector(%q)", msg(id)+" .editor textarea"))
	ada.Run("edit", chromedp.SendKeys(chromedp.CSS(msg(id)+" .editor textarea"), " and a half\r"))
	ada.UntilText(msg(id)+".cont .edited", "edited")
	if tabtest.Eval[bool](ada, fmt.Sprintf("((e) => e.offsetWidth < 20 || getComputedStyle(e.parentElement).clipPath !== 'none')(document.querySelector(%q))", msg(id)+" .edited")) {
		t.Error("nobody sees that it was edited")
	}

	// A sheet closes when its line has been chosen.
	ada.Run("open it", chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).click()", msg(id)+" summary")))
	ada.Until(fmt.Sprintf("document.querySelector(%q).checkVisibility()", msg(id)+" .sheet .line[data-nav]"))
	ada.Click(msg(id) + " .sheet .line[data-nav]")
	ada.Until("!document.querySelector('#thread').hidden && !document.querySelector('.more[open]')")

	ada.Run("point at it", chromedp.Evaluate[chromedp.Void]("document.querySelector('#thread [data-close]').click()"))
	ada.Until("document.querySelector('#thread').hidden")
	colour := tabtest.Eval[[]string](ada, "((r) => ['--code', '--hover', '--paper'].map((v) => r.getPropertyValue(v)))(getComputedStyle(document.documentElement))")
	if colour[0] == colour[1] || colour[0] == colour[2] {
		t.Errorf("code is the colour of what it stands on: %v", colour)
	}
	at := tabtest.Eval[[]float64](ada, "(({ x, y, width, height }) => [x + width / 2, y + height / 2])(document.querySelector('#list .text code').getBoundingClientRect())")
	if _, err := chromedp.Call(ada.Ctx(), input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: at[0], Y: at[1]}); err != nil {
		t.Fatal(err)
	}
	ada.Keep("webchat-small-en-1280-light")
	ada.Look(1280, 800, true)
	ada.Keep("webchat-small-en-1280-dark")
	ada.Look(320, 640, false)
	ada.Fits("small things")
	ada.Keep("webchat-small-en-320-light")
}

// TestPageWithoutScript is the page in a browser that runs no script.
func TestPageWithoutScript(t *testing.T) {
	p := open(t, Options{})
	ada := tabtest.New(t, tabtest.Start(t), p.srv.URL)
	ada.Look(1280, 700, false)
	ada.ComeIn("Ada", "en")
	ada.Go("?c=general")
	for i := range 30 {
		ada.Write("#main", fmt.Sprintf("line %d", i))
	}
	id := p.sink.wait(t, abi.MessagePosted, 30)[15].Message.ID
	last := p.sink.last(t, abi.MessagePosted).Message.ID
	if _, err := chromedp.Call(ada.Ctx(), emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	is := func(cond string) bool { t.Helper(); return tabtest.Eval[bool](ada, cond) }
	to := func(query string) {
		t.Helper()
		ada.Run("go to "+query, chromedp.Navigate(p.srv.URL+"/chat"+query))
	}
	to("?c=general")
	href := tabtest.Eval[string](ada, fmt.Sprintf("document.querySelector(%q).getAttribute('href')", msg(id)+" [data-edit-link]"))
	to(strings.TrimPrefix(href, "/chat"))
	if !is(within(msg(id)+" .editor", "#scroll")) {
		t.Error("what is to be edited is out of sight")
	}
	ada.Keep("webchat-noscript-en-1280-light")
	to("?c=general#m-" + last)
	ada.Run("open the sheet", chromedp.Click(chromedp.CSS(msg(last)+" summary")))
	if !is(within(msg(last)+" .sheet", "#scroll")) {
		t.Error("the sheet is cut off")
	}
	ada.Keep("webchat-noscript-sheet-en-1280-light")
	if is("getComputedStyle(document.querySelector('[data-theme-toggle]')).visibility === 'visible'") {
		t.Error("a button is there that does nothing")
	}
}
