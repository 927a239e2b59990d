package walk

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
)

// TestNewcomer joins the web chat as somebody new, in either language: the
// welcome stands there, its questions can be answered, and help is a press away.
func TestNewcomer(t *testing.T) {
	browser := tabtest.Start(t)
	url := serve(t, nil)
	for _, tc := range []struct {
		locale, name, welcome, thanks, joined, help string
		width, height                               int64
		dark                                        bool
	}{
		{"en", "Ada", "Welcome, Ada! Good to have you", "Thank you, Ada!", "joined", "This is what I can do", 1280, 800, false},
		{"zh-CN", "王伟", "王伟，欢迎来到", "谢谢你，王伟", "来了", "我能做这些", 320, 640, false},
		{"en", "Grace", "Welcome, Grace! Good to have you", "Thank you, Grace!", "joined", "This is what I can do", 320, 640, true},
		{"zh-CN", "李娜", "李娜，欢迎来到", "谢谢你，李娜", "来了", "我能做这些", 1280, 800, true},
	} {
		look := "-light"
		if tc.dark {
			look = "-dark"
		}
		size := "-1280"
		if tc.width < 600 {
			size = "-320"
		}
		ok := t.Run(tc.locale+size+look, func(t *testing.T) {
			tab := tabtest.New(t, browser, url)
			tab.Look(tc.width, tc.height, tc.dark)
			keep := func(what string) {
				t.Helper()
				tab.Rest()
				tab.Fits(what)
				tab.Keep("newcomer-" + what + "-" + tc.locale + size + look)
			}

			tab.ComeIn(tc.name, tc.locale)
			tab.UntilText("#list", tc.welcome)
			// All of the greeting can be read without a move of the hand.
			tab.Until(`(({top}, bar) => top >= bar.bottom)(document.querySelector("#list .msg .text").getBoundingClientRect(), document.querySelector("#main .bar").getBoundingClientRect())`)
			keep("greeted")

			tab.Run("answer the questions", chromedp.SetValue(chromedp.CSS(".ask select"), "learn"),
				chromedp.SendKeys(chromedp.CSS(".ask input:not([type=hidden])"), "octocat"), chromedp.Click(chromedp.CSS(".ask .primary")))
			tab.UntilText("#list", tc.thanks)
			tab.UntilText("#list", "github.com/octocat")
			tab.Until("!document.querySelector('#list .ask')") // they are asked once
			keep("thanked")

			tab.Click("#list .buttons .btn")
			tab.UntilText("#list", tc.help)
			tab.UntilText("#list code", "stop")
			keep("helped")

			tab.Go("?c=general")
			tab.UntilText("#list .joined", tc.joined)
			keep("general")
		})
		if !ok {
			return // the others would wait as long, to say the same
		}
	}
}

// quiet is how long a browser takes from a pressed button to the text of a page
// that says one word, on a machine of two cores that does nothing else.
const quiet = 60 * time.Millisecond

// TestWelcomeWithinASecond has newcomers press the button that lets them in, and
// holds the middle one of the times until the welcome stands there against a
// second. Where the machine is busy the second is longer: by as much as a page
// that says one word takes longer than on a quiet machine, opened in turns with
// the joins.
func TestWelcomeWithinASecond(t *testing.T) {
	browser := tabtest.Start(t)
	url := serve(t, func(c *config.Config) { // so many at once would share one
		c.Plugins["welcome"] = config.Plugin{Enabled: true, Config: []byte(`{"crowd": 30}`)}
	})
	word := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		body := `<form method="post"><button>go</button></form>`
		if r.URL.Path == "/" {
			body = `<p>welcome</p>`
		}
		_, _ = w.Write([]byte("<!doctype html><html lang=en><title>one word</title>" + body))
	}))
	defer word.Close()

	var welcomes, words []time.Duration
	for i := range 7 {
		tab := tabtest.New(t, browser, word.URL)
		tab.Run("open the page of one word", chromedp.Navigate(word.URL+"/way-in"))
		words = append(words, shown(t, tab, "p", "welcome", func() { tab.Click("button") }))

		tab, name := tabtest.New(t, browser, url), fmt.Sprintf("Ada%d", i)
		welcomes = append(welcomes, shown(t, tab, "#list", "Welcome, "+name+"!", func() { tab.ComeIn(name, "en") }))
	}
	slices.Sort(welcomes)
	slices.Sort(words)
	welcome, one := welcomes[len(welcomes)/2], words[len(words)/2]
	busy := max(1, float64(one)/float64(quiet))
	bound := time.Duration(float64(time.Second) * busy)
	t.Logf("the welcome stood there %v after the button was pressed (all: %v); a page of one word took %v, so the bound is %v",
		welcome, welcomes, one, bound.Round(time.Millisecond))
	if welcome > bound {
		t.Errorf("the welcome took %v, more than %v", welcome, bound)
	}
}

// shown does what leads to another page, and returns how long it took from
// there until an element that sel selects had the text: by the browser's clock,
// which begins when it asks for the page, redirects and all.
func shown(t *testing.T, tab *tabtest.Tab, sel, text string, do func()) time.Duration {
	t.Helper()
	watch := fmt.Sprintf(`{
		const look = () => {
			if (!window.shownAt && [...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))) window.shownAt = performance.now()
		}
		new MutationObserver(look).observe(document, {subtree: true, childList: true, characterData: true})
		look()
	}`, sel, text)
	if _, err := chromedp.Call(tab.Ctx(), page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch}); err != nil {
		t.Fatal(err)
	}
	do()
	tab.Until("window.shownAt > 0")
	return time.Duration(tabtest.Eval[float64](tab, "window.shownAt") * float64(time.Millisecond)).Round(time.Millisecond)
}
