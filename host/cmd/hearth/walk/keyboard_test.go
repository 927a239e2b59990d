package walk

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/web"
)

// stage brings a version in, and permits what it asks for.
func (h *community) stage(file string) (v web.PluginVersion) {
	h.t.Helper()
	code, err := os.Open(file)
	if err != nil {
		h.t.Fatal(err)
	}
	defer code.Close()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+"/api/v1/plugins", code)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/wasm")
	r.Header.Set("Authorization", "Bearer "+h.tokens[access.Admin])
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || resp.StatusCode != http.StatusCreated || json.Unmarshal(text, &v) != nil {
		h.t.Fatalf("the upload is answered %d %s %v", resp.StatusCode, text, err)
	}
	if code, body := h.api(access.Admin, "POST", "/api/v1/plugins/"+v.Name+"/grants", map[string]any{"all_of": v.SHA256}); code != http.StatusOK {
		h.t.Fatalf("the permissions are answered %d %s", code, body)
	}
	return v
}

// TestByKeyboard has a manager sign in, change a text and take it back, make a
// version live and roll it back, and a newcomer chat, without a mouse: by Tab,
// Enter, Space, the arrows and Escape. At each stop the focus is to be seen, and
// nothing that changes on a page takes it away.
func TestByKeyboard(t *testing.T) {
	browser := tabtest.Start(t)
	h := openCommunity(t, func(c *config.Config) {
		c.Plugins["welcome"] = config.Plugin{Enabled: true, Config: json.RawMessage(`{"crowd": 30}`)}
	})
	one, two := h.stage(oracle(t, "1.0.0")), h.stage(oracle(t, "2.0.0"))
	if code, body := h.api(access.Admin, "POST", "/api/v1/plugins/oracle/versions/"+one.SHA256+"/promote", map[string]any{}); code != http.StatusOK {
		t.Fatalf("the first version is answered %d %s", code, body)
	}

	t.Run("a manager", func(t *testing.T) {
		m := &manager{tabtest.New(t, browser, h.url), t, h.url}
		m.Look(1440, 900, false)
		loaded := func(path string) {
			t.Helper()
			m.Until(fmt.Sprintf("location.pathname === %q && document.readyState === 'complete'", path))
		}
		stays := func(sel string) {
			t.Helper()
			m.Rest()
			if !tabtest.Eval[bool](m.Tab, fmt.Sprintf("document.activeElement.matches(%q)", sel)) {
				t.Errorf("%s has lost the focus to %s", sel, tabtest.Eval[string](m.Tab, "document.activeElement.outerHTML.slice(0, 160)"))
			}
		}
		m.open("/login?lang=en")
		m.Seen("the token")
		m.Press(h.tokens[access.Admin])
		m.Press(kb.Enter)
		loaded("/")

		// Past the menu in one step.
		m.Press(kb.Tab)
		stays(".skip")
		m.Seen("the way past the menu")
		m.Keep("keyboard-skip-en-1440-light")
		m.Press(kb.Enter)
		m.Press(kb.Tab)
		stays("main *")

		// A sheet opens, closes by Escape, and gives the focus back.
		m.TabBack(".drop > summary")
		m.Press(kb.Enter)
		m.Until("!!document.querySelector('.drop[open]')")
		m.Press(kb.Tab)
		stays(".drop[open] .sheet *")
		m.Press(kb.Escape)
		m.Until("!document.querySelector('.drop[open]')")
		stays(".drop > summary")

		// A text, and back.
		m.TabTo(`.menu a[href="/messages"]`)
		m.Keep("keyboard-menu-en-1440-light")
		m.Press(kb.Enter)
		loaded("/messages")
		m.TabTo("#q")
		m.Press("fine place")
		m.Until("document.querySelectorAll('#texts tbody tr').length < 5")
		stays("#q")
		m.TabTo(`#texts a[href="/messages/welcome/hello"]`)
		m.Press(kb.Enter)
		loaded("/messages/welcome/hello")
		m.TabTo("#text-en")
		m.Press("{nme} ")
		m.UntilText("#preview-en .problems", "{nme} is no placeholder")
		stays("#text-en")
		for range "{nme} " {
			m.Press(kb.Backspace)
		}
		m.Press("Ahoy! ")
		m.UntilText("#preview-en .bubble", "Ahoy!")
		stays("#text-en")
		m.Press(kb.Tab) // the picture of it is new, and the way on is not
		m.Seen("behind the text")
		m.TabTo("form[data-keep] .primary")
		m.Press(kb.Enter)
		m.UntilText(".done", "Saved.")
		loaded("/messages/welcome/hello")
		m.TabTo("#history ~ ol form button")
		m.Press(" ")
		m.UntilText(".done", "It is as it was before.")
		loaded("/messages/welcome/hello")

		// A version, and back.
		m.TabTo(`.menu a[href="/admin/plugins"]`)
		m.Press(kb.Enter)
		loaded("/admin/plugins")
		m.TabTo(`main a[href="/admin/plugins/oracle"]`)
		m.Press(kb.Enter)
		loaded("/admin/plugins/oracle")
		m.TabTo(fmt.Sprintf(`section[aria-labelledby=versions] a[href*=%q]`, two.SHA256[:12]))
		m.Press(kb.Enter)
		m.Until("location.pathname.includes('/versions/') && document.readyState === 'complete'")
		m.TabTo("section[aria-labelledby=live] .primary")
		m.Press(" ")
		m.UntilText(".done", "is live")
		loaded("/admin/plugins/oracle")
		const back = "details.sure > summary.btn:not(.danger)"
		m.TabTo(back)
		m.Press(kb.Enter)
		m.TabTo("#rb-why")
		m.Keep("keyboard-rollback-en-1440-light")
		m.Press("too sure")
		m.Press(kb.Escape)
		m.Until("!document.querySelector('details.sure[open]')")
		stays(back)
		m.Press(" ")
		m.TabTo("details.sure[open] .btn.danger")
		m.Press(kb.Enter)
		m.UntilText(".done", "Rolled back")
		h.onRecord("oracle", []string{"plugin.rollback too sure", "plugin.promote", "plugin.promote", "plugin.grant", "plugin.stage", "plugin.grant", "plugin.stage"})
	})

	t.Run("a newcomer", func(t *testing.T) {
		b := tabtest.New(t, browser, h.url)
		b.Look(1280, 800, true)
		b.Run("open the chat", chromedp.Navigate(h.url+"/chat?lang=zh-CN"))
		b.Until("document.readyState === 'complete'")
		b.Seen("the name")
		b.Press("Ada")
		b.Press(kb.Enter)
		b.Live()
		b.UntilText("#list", "Ada，欢迎来到")
		const composer = "#main [data-composer] textarea"
		at := func(sel string) {
			t.Helper()
			b.Until(fmt.Sprintf("document.activeElement.matches(%q)", sel))
			b.Seen(sel)
		}
		at(composer)

		// A form of the bot's, and a button.
		b.TabBack(".ask select")
		b.Keep("keyboard-form-zh-CN-1280-dark")
		b.Press(kb.ArrowDown)
		b.Until("document.querySelector('.ask select').value !== ''")
		b.TabTo(".ask input:not([type=hidden])")
		b.Press("octocat")
		b.TabTo(".ask .primary")
		b.Press(kb.Enter)
		b.UntilText("#list", "github.com/octocat")
		b.Until("!document.querySelector('#list .ask')")
		b.Rest()
		b.Seen("where the form was")
		b.TabTo("#list .buttons .btn")
		b.Press(" ")
		b.UntilText("#list", "我能做这些")
		b.Rest()
		b.Seen("the button, when it was used")

		// A message, a reaction to it, and second thoughts.
		b.TabTo(composer)
		b.Press("hello")
		b.Press(kb.Enter)
		b.UntilText("#list .msg", "hello")
		at(composer)
		const mine = "#list .msg:has([data-edit-link]) .more > summary"
		b.TabBack(mine)
		b.Press(kb.Enter)
		b.Until("!!document.querySelector('.more[open]')")
		b.Press(kb.Tab)
		at(".more[open] .sheet *")
		b.Keep("keyboard-more-zh-CN-1280-dark")
		b.Press(kb.Escape)
		b.Until("!document.querySelector('.more[open]')")
		at(mine)
		b.Press(kb.Enter)
		b.TabTo(".more[open] .pick")
		b.Press(" ")
		b.Until("!!document.querySelector('#list .chip.mine')")
		b.Rest()
		b.Seen("where the reaction was chosen")
		b.TabTo(composer)
		b.Press(kb.ArrowUp)
		at(".editor textarea")
		b.Press(kb.Escape)
		b.Until("!document.querySelector('.editor')")
		b.Seen("where the message was edited")

		// Past the list in one step, and to another conversation.
		b.TabBack(".skip")
		b.Press(kb.Enter)
		b.Press(kb.Tab)
		at("#main *")
		b.TabBack(`#nav a[href*="c=general"]`)
		b.Press(kb.Enter)
		b.Until("document.body.dataset.conv === 'general'")
		at(composer)
	})
}
