package webchat

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/sdk/abi"
)

// TestFormsAndChanges has messages change under the hands of a member who is
// filling in and pressing what is in them.
func TestFormsAndChanges(t *testing.T) {
	p := open(t, Options{})
	ada := tabtest.New(t, tabtest.Start(t), p.srv.URL)
	ada.Look(1280, 800, false)
	ada.ComeIn("Ada", "en")
	me := p.sink.wait(t, abi.MemberJoined, 1)[0].Member.ID

	n := 0
	// mark returns when the page has heard of all that was delivered before.
	mark := func() {
		n++
		p.deliver(chat.Delivery{Member: me, Content: plainText(fmt.Sprintf("mark %d", n))})
		ada.UntilText("#list", fmt.Sprintf("mark %d", n))
	}
	asked := func(id string) chat.Receipt {
		r := p.deliver(chat.Delivery{Member: me, Content: abi.Content{Blocks: []abi.Block{
			{Text: "Who are you?"},
			{Form: &abi.Form{Name: "about", Token: "form-" + id, Often: abi.AnyTimes, Inputs: []abi.Input{
				{Name: "aim", Label: "Aim", Options: []abi.Option{{Value: "learn", Label: "Learn"}, {Value: "meet", Label: "Meet"}}, Value: "learn", Optional: true},
				{Name: "github", Label: "GitHub", Optional: true}}}},
			{Buttons: []abi.Button{{Label: "Later", Token: "later-" + id}}}}}})
		mark()
		return r
	}
	change := func(r chat.Receipt, c abi.Content) {
		p.deliver(chat.Delivery{Op: chat.OpEdit, Conversation: r.Conversation, Messages: r.Messages, Content: c})
	}
	in := func(r chat.Receipt, sel string) string { return `[data-m="` + r.Messages[0] + `"] ` + sel }
	has := func(sel string) bool {
		return tabtest.Eval[bool](ada, fmt.Sprintf("document.querySelector(%q) !== null", sel))
	}

	run := func(name string, f func(t *testing.T)) {
		whole := ada
		t.Run(name, func(t *testing.T) {
			ada = whole.For(t)
			f(t)
		})
		ada = whole
	}
	run("the answer comes after the change", func(t *testing.T) {
		r := asked("late")
		// Answers to presses are held until the test lets them go.
		ada.Run("hold answers", chromedp.Evaluate[chromedp.Void](`{ const real = fetch; window.fetch = async (u, o) => {
			const res = await real(u, o);
			if (!String(u).includes("/press")) return res;
			await new Promise((ok) => { window.letGo = ok; });
			window.fetch = real;
			const got = await res.json();
			res.json = async () => { setTimeout(() => { window.dealtWith = true; }); return got; };
			return res;
		} }`))
		ada.Run("fill in", chromedp.SendKeys(chromedp.CSS(in(r, "[name='f.github']")), "octocat"), chromedp.Click(chromedp.CSS(in(r, ".primary"))))
		ada.Until("window.letGo")
		change(r, plainText("Thank you, octocat!"))
		mark()
		ada.Run("let the answer come", chromedp.Evaluate[chromedp.Void](`window.letGo()`))
		ada.Until("window.dealtWith")
		ada.UntilText(in(r, ""), "Thank you, octocat!")
		if has(in(r, ".ask")) {
			t.Error("the form stands again, in place of the thanks")
		}
	})

	run("while it is being filled in", func(t *testing.T) {
		r := asked("typing")
		ada.Run("write", chromedp.SendKeys(chromedp.CSS(in(r, "[name='f.github']")), "octo"))
		change(r, plainText("That is settled."))
		mark()
		ada.Run("write on", chromedp.SendKeys(chromedp.CSS(in(r, "[name='f.github']")), "cat"))
		if got := tabtest.Eval[string](ada, fmt.Sprintf("document.querySelector(%q).value", in(r, "[name='f.github']"))); got != "octocat" {
			t.Errorf("of octocat, %q is there", got)
		}
		// What waits is looked at soon after each key, and still waits.
		if tabtest.Eval[bool](ada, "new Promise((done) => setTimeout(() => done(true), 120))"); !has(in(r, ".ask")) {
			t.Error("the form is gone from under the hands")
		}
		ada.Run("turn away", chromedp.Focus(chromedp.CSS("#main [data-composer] textarea")))
		ada.UntilText(in(r, ""), "That is settled.")
	})

	run("between press and release", func(t *testing.T) {
		r := asked("slow")
		before := len(p.sink.events(abi.ButtonClicked))
		box := tabtest.Eval[[]float64](ada, fmt.Sprintf("(({x, y, width, height}) => [x + width / 2, y + height / 2])(document.querySelector(%q).getBoundingClientRect())", in(r, ".buttons .btn")))
		mouse := func(kind input.DispatchMouseEventType) {
			if _, err := chromedp.Call(ada.Ctx(), input.DispatchMouseEvent, input.DispatchMouseEventParams{
				Type: kind, X: box[0], Y: box[1], Button: input.MouseButtonLeft, ClickCount: 1}); err != nil {
				t.Fatal(err)
			}
		}
		mouse(input.DispatchMouseEventTypeMousePressed)
		p.deliver(chat.Delivery{Op: chat.OpReact, Conversation: r.Conversation, Messages: r.Messages, Reaction: "tada"})
		ada.Until("document.querySelector('#list')") // the page still answers
		p.deliver(chat.Delivery{Conversation: GeneralID, Content: plainText("a mark elsewhere")})
		ada.Until("document.querySelector(\"#nav [data-place='general'] [data-count]\").textContent === '1'")
		mouse(input.DispatchMouseEventTypeMouseReleased)
		p.sink.wait(t, abi.ButtonClicked, before+1)
		ada.Until(fmt.Sprintf("document.querySelector(%q)", in(r, ".chip")))
	})

	run("what is half filled in is there after a walk", func(t *testing.T) {
		r := asked("walk")
		ada.Run("fill in", chromedp.SetValue(chromedp.CSS(in(r, "select")), ""), chromedp.SendKeys(chromedp.CSS(in(r, "[name='f.github']")), "octocat"))
		ada.Run("turn away", chromedp.Focus(chromedp.CSS("#main [data-composer] textarea")))
		p.deliver(chat.Delivery{Op: chat.OpReact, Conversation: r.Conversation, Messages: r.Messages, Reaction: "tada"})
		ada.Until(fmt.Sprintf("document.querySelector(%q)", in(r, ".chip")))
		kept := func(when string) {
			t.Helper()
			got := tabtest.Eval[[]string](ada, fmt.Sprintf("[...document.querySelectorAll(%q)].map(e => e.value)", in(r, "[name^='f.']")))
			if len(got) != 2 || got[0] != "" || got[1] != "octocat" {
				t.Errorf("%s, the form has %q", when, got)
			}
		}
		kept("after a change")
		ada.Click("#nav [data-place='general']")
		ada.UntilText("#main h1", "general")
		ada.Run("back", chromedp.NavigateBack())
		ada.UntilText("#main h1", "hearth")
		kept("after a walk")
	})

	run("the answer is shown", func(t *testing.T) {
		r := asked("far")
		for i := range 30 {
			p.deliver(chat.Delivery{Member: me, Content: plainText(fmt.Sprintf("line %d", i))})
		}
		mark()
		before := len(p.sink.events(abi.FormSubmitted))
		field := in(r, "[name='f.github']")
		ada.Run("fill in", chromedp.SendKeys(chromedp.CSS(field), "octo cat\r"))
		ada.Told("Sent.")
		p.sink.wait(t, abi.FormSubmitted, before+1)
		no := p.deliver(chat.Delivery{Member: me, Content: plainText("octo cat is no name on GitHub.")})
		ada.Until(fmt.Sprintf("((m, s) => m.top >= s.top && m.bottom <= s.bottom)(document.querySelector(%q).getBoundingClientRect(), document.querySelector('#scroll').getBoundingClientRect())", in(no, "")))
		if !tabtest.Eval[bool](ada, fmt.Sprintf("document.activeElement === document.querySelector(%q)", field)) {
			t.Error("who pressed Enter in the field is not in it any more")
		}
	})
}
