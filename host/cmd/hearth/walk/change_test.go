package walk

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
)

// manager is somebody who is signed in, with a browser.
type manager struct {
	*tabtest.Tab
	t   *testing.T
	url string
}

// manage signs somebody in as a role.
func (h *community) manage(tab *tabtest.Tab, role access.Role, lang string) *manager {
	h.t.Helper()
	m := &manager{tab, h.t, h.url}
	m.open("/login?lang=" + lang)
	m.set("token", h.tokens[role])
	m.Click("main .primary")
	m.Until("location.pathname === '/'")
	return m
}

// open loads a page.
func (m *manager) open(path string) {
	m.t.Helper()
	m.Run("open "+path, chromedp.Navigate(m.url+path))
	m.Until("document.readyState === 'complete'")
}

// set fills in a field, and the page hears of it as when somebody types.
func (m *manager) set(id, text string) {
	m.t.Helper()
	m.Until("document.readyState === 'complete'") // before that the page's scripts do not listen
	tabtest.Eval[bool](m.Tab, fmt.Sprintf(`(() => { const f = document.getElementById(%q); f.value = %q; f.dispatchEvent(new Event("input", {bubbles: true})); return true })()`, id, text))
}

// clean says that the page fits its window, and that nothing on it is a barrier.
func (m *manager) clean(where, axe string) {
	m.t.Helper()
	m.Rest()
	m.Fits(where)
	if found := search(m.Tab, axe); found != "" {
		m.t.Errorf("%s has barriers:\n%s", where, found)
	}
	if bare := tabtest.Eval[string](m.Tab, bareKeys); bare != "" {
		m.t.Errorf("%s says %s", where, bare)
	}
}

// TestChange is a manager's afternoon: they write the welcome anew in two
// languages while they watch what becomes of it, try it out on themselves, and
// the next newcomer is greeted so, without a restart; they undo it, and the one
// after that gets the old text. Two of them meet at one text. An admin sets the
// community's name, exports all of it and imports it again.
func TestChange(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	h := openCommunity(t, func(c *config.Config) { // everybody is greeted by themselves
		c.Plugins["welcome"] = config.Plugin{Enabled: true, Config: json.RawMessage(`{"crowd": 30}`)}
	})
	newcomer := func(name, lang, text string) *tabtest.Tab {
		t.Helper()
		tab := tabtest.New(t, browser, h.url)
		tab.Look(1280, 800, false)
		tab.ComeIn(name, lang)
		tab.UntilText("#list", text)
		return tab
	}
	tab := tabtest.New(t, browser, h.url)
	tab.Look(1440, 1000, false)
	m := h.manage(tab, access.Manager, "en")
	m.open("/messages")
	m.clean("the list of texts", "") // TestPages looks for barriers
	m.Keep("messages-list-en")
	m.set("q", "fine place")
	m.Until("document.querySelectorAll('#texts tbody tr').length < 5")
	m.Until("[...document.querySelectorAll('#texts a code')].some(c => c.textContent === 'hello')")
	m.Click(`#texts a[href="/messages/welcome/hello"]`)
	m.UntilText("h1", "hello")

	// What is wrong is said at once, with its place.
	m.set("text-en", "Hi {nme}, we are glad you are here!")
	m.UntilText("#preview-en .problems", "{nme} is no placeholder of this text. It has {name}, {community}, {path}.")
	m.Keep("messages-problem-en")
	m.clean("a text with a problem", axe)

	const en, zh = "Hi **{name}**, pull up a chair at {community}!\n\n- [Where to begin]({path})\n- or just say hello", "**{name}**，快来{community}烤烤火！[从这里开始]({path})。"
	m.set("text-en", en)
	m.UntilText("#preview-en .bubble", "Hi Ada, pull up a chair at Gophers!")
	m.Until("document.querySelector('#preview-en .bubble strong').textContent === 'Ada'")
	m.set("text-zh-CN", zh)
	m.UntilText("#preview-zh-CN .bubble", "快来Gophers烤烤火")
	m.clean("a text that is being written", axe)
	m.Keep("messages-edit-en")

	// On oneself, before it is saved.
	me := newcomer("Maria", "en", "Good to have you at")
	id := "webchat:" + tabtest.Eval[string](me, "document.body.dataset.me")
	id = strings.Replace(id, "webchat:webchat:", "webchat:", 1)
	m.set("member", id)
	m.Click(`button[formaction="/messages/welcome/hello/try?in=en"]`)
	m.UntilText("#tried", "Sent to "+id)
	me.UntilText("#list", "Hi Ada, pull up a chair at Gophers!")
	me.UntilText("#list", "is trying out this text")
	newcomer("Nora", "en", "Good to have you at") // nothing was saved by that

	m.set("why", "warmer")
	m.Click("form[data-keep] .primary")
	m.UntilText(".done", "Saved.")
	m.UntilText("#history ~ ol", "warmer")
	m.clean("a text with a history", axe)
	m.Keep("messages-saved-en")
	newcomer("Olga", "en", "pull up a chair at Gophers").Keep("messages-greeted-en")
	newcomer("小林", "zh-CN", "快来Gophers烤烤火").Keep("messages-greeted-zh-CN")

	// Two at once: the second sees what the first did, and loses nothing.
	other := h.manage(tabtest.New(t, browser, h.url), access.Admin, "zh-CN")
	other.Look(320, 740, true)
	other.open("/messages/welcome/hello")
	m.open("/messages/welcome/hello")
	m.set("text-en", "Welcome aboard, {name}!")
	m.Click("form[data-keep] .primary")
	m.UntilText(".done", "Saved.")
	other.set("text-en", "Come in, {name}!")
	other.set("text-zh-CN", "请进，{name}！")
	other.Click("form[data-keep] .primary")
	other.UntilText("[role=alert]", "先改了一步")
	other.UntilText("[role=alert] .diff .del", "Welcome aboard, {name}!")
	other.UntilText("[role=alert] .diff .ins", "Come in, {name}!")
	if got := tabtest.Eval[string](other.Tab, "document.getElementById('text-en').value + document.getElementById('text-zh-CN').value"); got != "Come in, {name}!请进，{name}！" {
		t.Errorf("what was typed is lost: %q", got)
	}
	other.clean("two at one text", axe)
	other.Keep("messages-conflict-zh-CN")
	tabtest.Eval[bool](other.Tab, "(document.querySelector('[role=alert]').scrollIntoView(), true)")
	other.Keep("messages-conflict-2-zh-CN")
	other.Click(`[role=alert] button[name="theirs"]`)
	other.Until("document.getElementById('text-en').value === 'Welcome aboard, {name}!' && document.getElementById('text-zh-CN').value === '请进，{name}！'")
	other.Click("form[data-keep] .primary")
	other.UntilText(".done", "已保存")
	newcomer("小陈", "zh-CN", "请进，小陈！")
	other.open("/messages")
	other.clean("the list of texts in Chinese", "")
	other.Keep("messages-list-zh-CN")

	// All the way back: the last change of the English text is undone, then all of it.
	m.open("/messages/welcome/hello")
	m.Click(`#history ~ ol form:has([name="in"][value="en"]) button`)
	m.UntilText(".done", "It is as it was before.")
	newcomer("Pia", "en", "pull up a chair at Gophers")
	m.Click(`button[form="own-en"]`)
	m.UntilText(".done", "own text is back")
	newcomer("Quinn", "en", "Good to have you at Gophers")

	// The settings.
	other.open("/admin/settings")
	other.clean("the settings in Chinese", "")
	other.Keep("settings-zh-CN")
	other.open("/admin/settings/community")
	other.clean("a group of settings in Chinese", axe)
	other.Keep("settings-community-zh-CN")
	m.open("/admin/settings")
	m.clean("the settings of a manager", "")
	m.Keep("settings-en")
	m.open("/admin/settings/slack")
	m.UntilText(".note", "You may look")
	m.clean("settings that a manager may only see", axe)
	m.Keep("settings-slack-manager-en")
	m.open("/admin/settings/community")
	m.set("f-community.locale", "no language")
	m.set("f-community.time_zone", "Asia/Shanghai")
	m.Click("form[data-keep] .primary")
	m.Until("document.getElementById('wrong-community.locale').textContent !== '' && document.getElementById('f-community.time_zone').value === 'Asia/Shanghai'")
	m.clean("a setting that cannot be", axe)
	m.Keep("settings-problem-en")
	m.set("f-community.locale", "zh-CN")
	m.Click("form[data-keep] .primary")
	m.UntilText(".done", "Saved.")
	m.clean("a group of settings", axe)
	m.Keep("settings-community-en")
	m.open("/admin/settings/community/community.locale")
	m.clean("the history of a setting", axe)
	m.Keep("settings-history-en")
	m.Click(".changes button")
	m.UntilText(".done", "It is as it was before.")

	root := h.manage(tabtest.New(t, browser, h.url), access.Admin, "en")
	root.Look(1440, 1000, false)
	root.open("/admin/settings/slack")
	root.clean("the secrets", axe)
	root.Click(".secret summary")
	root.Keep("settings-slack-en")
	root.open("/admin/settings/server")
	root.set("f-server.grace", "20s")
	root.Click("form[data-keep] .primary")
	root.UntilText(".done", "after the next start")
	root.UntilText(".wait h2", "Needs a restart")
	root.clean("what waits for a restart", axe)
	root.Keep("settings-server-en")
	code, doc := h.browse(access.Admin).send("GET", "/admin/settings/_export", nil)
	if code != http.StatusOK || !strings.Contains(doc, "Asia/Shanghai") || !strings.Contains(doc, "20s") {
		t.Errorf("the export: %d %s", code, doc)
	}
	root.open("/admin/settings/_import")
	upload := func(text string) {
		t.Helper()
		tabtest.Eval[bool](root.Tab, fmt.Sprintf(`(() => {
			const bytes = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0)), dt = new DataTransfer()
			dt.items.add(new File([bytes], "hearth.toml", { type: "application/toml" }))
			document.querySelector("#file").files = dt.files
			return true
		})()`, base64.StdEncoding.EncodeToString([]byte(text))))
		root.Click(`form[enctype] .btn`)
	}
	upload(doc)
	root.UntilText(".card", "all is as the file says already")
	upload("[community]\nnam = \"x\"\n")
	root.UntilText(".problems", "nam")
	root.clean("a file that cannot be imported", axe)
	root.Keep("settings-import-broken-en")
	upload(strings.Replace(doc, "Asia/Shanghai", "Europe/Berlin", 1))
	root.UntilText(".diff .ins", "Europe/Berlin")
	root.clean("an import", axe)
	root.Keep("settings-import-en")
	root.Click(`form[action="/admin/settings/_import/apply"] .primary`)
	root.UntilText(".done", "Imported.")
	root.UntilText("#settings", "Europe/Berlin")
	root.clean("all settings", "")
	root.Keep("settings-admin-en")
}
