package walk

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
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
			joined := time.Now()
			tab.UntilText("#list", tc.welcome)
			t.Logf("the welcome stood there %v after the page", time.Since(joined).Round(time.Millisecond))
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
