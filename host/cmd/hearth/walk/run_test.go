package walk

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/verify/verifytest"
)

// TestRunPage comes to the page /run from the front page, as a passer-by does:
// what they write is compiled in the sandbox, and what they share is in the store.
func TestRunPage(t *testing.T) {
	browser := tabtest.Start(t)
	pack := verifytest.Pack(t)
	url := serve(t, func(c *config.Config) {
		c.Verify.Wall = time.Minute // the machine may be busy; fuel is what counts
		verifytest.Reuse(t, filepath.Join(c.Server.Data, app.CacheDir), filepath.Join(c.Server.Data, app.ToolchainDir))
	}, filepath.Dir(pack))

	tab := tabtest.New(t, browser, url)
	tab.Look(1280, 800, false)
	tab.Run("open the front page", chromedp.Navigate(url))
	tab.Click(`a[href="/run"]`)
	tab.Until("document.body.dataset.ready === 'yes'")
	axe := barriers(t)
	for _, width := range []int64{320, 1280} {
		for _, dark := range []bool{true, false} {
			tab.Look(width, 800, dark)
			if found := search(tab, axe); found != "" {
				t.Errorf("/run has barriers at %d px, dark %v:\n%s", width, dark, found)
			}
		}
	}

	// It may be sent while the compiler is still prepared, and runs then.
	tab.Run("forget to import", chromedp.Evaluate[chromedp.Void](`document.querySelector("#code").select()`),
		chromedp.SendKeys(chromedp.CSS("#code"), "package main\n\nfunc main() {\nfmt.Println(\"hi\")\n}\n"))
	tab.Run("run it", chromedp.KeyEvent("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	shown := func(sel, text string) {
		t.Helper()
		for range 6 { // patience for a compiler that is prepared for the first time
			if tabtest.Eval[bool](tab, fmt.Sprintf(`new Promise((done) => {
				const until = Date.now() + 15000, look = () => {
					const there = [...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))
					there || Date.now() > until ? done(there) : setTimeout(look, 30)
				}
				look()
			})`, sel, text)) {
				return
			}
		}
		tab.UntilText(sel, text)
	}
	shown("#shown .title", "It does not compile yet.")
	tab.UntilText("#shown .found a", "main.go:4:2")
	tab.UntilText("#shown .says", "undefined: fmt")
	tab.UntilText("#shown .excerpt", "^")
	tab.UntilText("#shown .tip code", "import")

	tab.Run("import it", chromedp.Evaluate[chromedp.Void](`document.querySelector("#code").setSelectionRange(13, 13)`),
		chromedp.SendKeys(chromedp.CSS("#code"), "\nimport \"fmt\"\n"))
	tab.Run("run it again", chromedp.KeyEvent("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	shown("#shown .title", "It works.")
	tab.UntilText("#shown .out", "hi")
	tab.Keep("run-whole-house")

	// Tab indents, and with Escape leads out.
	tab.Run("press Escape, then Tab", chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Tab))
	tab.Until(`document.activeElement.id === "run"`)

	tab.Click("#share")
	tab.Until(`document.querySelector("#link")`)
	link := tabtest.Eval[string](tab, `document.querySelector("#link").value`)
	if !strings.HasPrefix(link, url+"/run/s/") {
		t.Fatalf("the link is %s", link)
	}
	tab.Run("open the link", chromedp.Navigate(link))
	tab.Until(`document.querySelector("#code").value.includes('import "fmt"') && document.querySelector(".notice") && document.querySelector(".empty")`)
}
