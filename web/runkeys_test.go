package web

import (
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
)

// TestRunByKeyboard writes a program, runs it, formats it and goes to another
// example without a mouse.
func TestRunByKeyboard(t *testing.T) {
	browser := tabtest.Start(t)
	s, _ := server(t, Options{Run: &RunOptions{Shares: &shelf{}}, Verifier: answers(VerifyResult{Verdict: "compile_error",
		Diagnostics: []Diagnostic{{Severity: "error", File: "main.go", Line: 3, Column: 1, Message: "something is amiss"}}}, nil)})
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	tab := tabtest.New(t, browser, h.URL)
	tab.Look(1280, 800, false)
	tab.Run("open /run", chromedp.Navigate(h.URL+"/run?lang=en"))
	ready := func() { t.Helper(); tab.Until("document.body.dataset.ready === 'yes'") }
	at := func(sel string) {
		t.Helper()
		tab.Until("document.activeElement.matches('" + sel + "')")
		tab.Seen(sel)
	}
	ready()

	// Past the examples in one step, and into the program.
	tab.Press(kb.Tab)
	at(".skip")
	tab.Press(kb.Enter)
	at("#code")
	tab.Press("// mine")
	tab.Until("document.querySelector('#code').value.startsWith('// mine')")
	tab.Press(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierCtrl))
	tab.UntilText("#shown", "something is amiss")
	at("#code")

	// Tab writes in the program; behind Escape it leaves it.
	tab.Press(kb.Escape)
	tab.Press(kb.Tab)
	at("#run")
	tab.Press(" ")
	tab.UntilText("#shown", "something is amiss")
	at("#run")
	tab.TabTo("#shown .found a")
	tab.Keep("run-keyboard-en-1280-light")
	tab.Press(kb.Enter)
	at("#code")
	tab.Press(kb.Escape)
	tab.TabTo("#share")
	tab.Press(kb.Enter)
	at("#link")

	tab.TabBack("#code")
	tab.Press(kb.Escape)
	tab.TabBack(".side li:nth-child(2) a")
	tab.Press(kb.Enter)
	tab.Until("location.search.includes('example=')")
	ready()
	tab.TabTo("#mine button") // what was written is still there
	tab.Press(kb.Enter)
	tab.Until("document.querySelector('#code').value.startsWith('// mine')")
	tab.Seen("where one goes back to the own program")
}
