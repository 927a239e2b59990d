package walk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/web/page"
)

// community is a whole hearth with the pages, a few members who did something,
// and a token for each role.
type community struct {
	t      *testing.T
	url    string
	data   string
	routes []page.Route
	tokens map[access.Role]string
}

// openCommunity starts one.
func openCommunity(t *testing.T, change func(*config.Config)) *community {
	t.Helper()
	plugins(t)
	return openCommunityOf(t, built.path, change)
}

// openCommunityOf is openCommunity with the plugins of a directory.
func openCommunityOf(t *testing.T, dir string, change func(*config.Config)) *community {
	t.Helper()
	c := config.Default()
	c.Server.Data = t.TempDir()
	c.Community.Name = "Gophers"
	if change != nil {
		change(c)
	}
	h := &community{t: t, data: c.Server.Data, tokens: map[access.Role]string{}}
	var a *app.App
	a, h.url = serveApp(t, app.Options{Config: c, Plugins: os.DirFS(dir)})
	h.routes = a.Routes()
	admin, err := app.ReadToken(c.Server.Data)
	if err != nil {
		t.Fatal(err)
	}
	h.tokens[access.Admin] = admin
	b := h.browse(access.Admin)
	for _, role := range []access.Role{access.Viewer, access.Manager} {
		_, body := b.send("POST", "/admin/tokens", url.Values{"name": {"the " + string(role)}, "role": {string(role)}})
		m := regexp.MustCompile(`<code id="secret">([^<]+)</code>`).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("no token is made: %s", body)
		}
		h.tokens[role] = m[1]
	}
	return h
}

// visitor is an HTTP client that is signed in as a role; "" is not.
type visitor struct {
	*community
	client *http.Client
}

func (h *community) browse(role access.Role) *visitor {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	v := &visitor{h, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if role != "" {
		if code, body := v.send("POST", "/login", url.Values{"token": {h.tokens[role]}}); code != http.StatusSeeOther {
			h.t.Fatalf("signing in as %s: %d %s", role, code, body)
		}
	}
	return v
}

func (v *visitor) send(method, path string, form url.Values) (int, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "en")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp.StatusCode, "" // it does not end
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		v.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// api asks by a token, with JSON.
func (h *community) api(role access.Role, method, path string, in any) (int, string) {
	h.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if e, ok := in.(map[string]any); ok && e["specversion"] != nil {
		r.Header.Set("Content-Type", "application/cloudevents+json")
	}
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+h.tokens[role])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(out)
}

// TestEveryRouteByEveryRole tries all pages, forms and operations as everybody:
// who may not is refused, and who may is not.
func TestEveryRouteByEveryRole(t *testing.T) {
	h := openWhole(t, false)
	roles := append([]access.Role{page.Everybody}, access.Roles...)
	fill := regexp.MustCompile(`\{[a-z]+\}`)
	n := 0
	for _, role := range roles {
		v := h.browse(role)
		for _, route := range h.routes {
			if route.Pattern == "/logout" || route.Pattern == "/" || strings.HasPrefix(route.Pattern, "/login") {
				continue
			}
			n++
			path := fill.ReplaceAllString(route.Pattern, "0000000000000001")
			code, _ := v.send(route.Method, path, url.Values{"x": {"y"}})
			may := route.Need == page.Everybody || role.Covers(route.Need)
			refused := code == http.StatusForbidden || code == http.StatusUnauthorized || role == page.Everybody && code == http.StatusSeeOther
			if may && route.Need != page.Everybody && (refused || code >= 500) || !may && !refused {
				t.Errorf("%s %s, which needs %q, answers %q with %d", route.Method, path, route.Need, role, code)
			}
		}
	}
	var doc struct {
		Paths map[string]map[string]struct{ Security []map[string][]access.Role }
	}
	_, body := h.api("", "GET", "/api/openapi.json", nil)
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	for _, role := range roles {
		for path, ops := range doc.Paths {
			for method, op := range ops {
				if strings.HasPrefix(path, "/api/v1/track/login") {
					continue // that is for members: see TestOutside
				}
				if len(op.Security) == 0 || len(op.Security[0]["token"]) != 1 {
					t.Errorf("%s %s says no role", method, path)
					continue
				}
				n++
				need := op.Security[0]["token"][0]
				if role.Covers(need) {
					continue // that it works is shown elsewhere; here it would follow events for ever
				}
				code, _ := h.api(role, strings.ToUpper(method), fill.ReplaceAllString(path, "0000000000000001"), map[string]any{})
				if code != http.StatusForbidden && code != http.StatusUnauthorized {
					t.Errorf("%s %s, which needs %s, answers %q with %d", method, path, need, role, code)
				}
			}
		}
	}
	t.Logf("figure: %d requests to %d routes of pages and %d paths of the API, as nobody, viewer, manager and admin", n, len(h.routes), len(doc.Paths))
}

// barriers is axe-core, "" where it was not fetched.
func barriers(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../../../bin/axe/axe.min.js")
	if err != nil {
		if os.Getenv("HEARTH_CI") != "" {
			t.Fatal("axe-core is not in bin/axe, and HEARTH_CI asks for it: .ci/axe fetches it")
		}
		t.Log("axe-core is not there: the pages are not searched for barriers; `make axe` fetches it")
		return ""
	}
	return string(b)
}

// search is what axe-core finds on the page as it is.
func search(b *tabtest.Tab, axe string) string {
	if axe == "" {
		return ""
	}
	// The page's own policy keeps scripts out; the test's come in by the debugger: now,
	// and into what this tab opens later, which costs a tenth of that.
	if !tabtest.Eval[bool](b, "typeof axe === 'object'") {
		tabtest.Eval[bool](b, "(() => {"+axe+"; return true })()")
		b.Begin(axe)
	}
	return tabtest.Eval[string](b, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => v.id + ": " + v.help + " — " + v.nodes.slice(0, 3).map(n => n.target.join(" ")).join(", ")).join("\n"))`)
}

// look is how a page is looked at.
type look struct {
	lang  string
	width int64
	dark  bool
}

func (l look) on(b *tabtest.Tab) {
	b.Look(l.width, map[bool]int64{true: 740, false: 1000}[l.width == 320], l.dark)
}

func (l look) shade() string { return map[bool]string{true: "dark", false: "light"}[l.dark] }

// TestPages walks every page as each role, in both languages, light and dark,
// wide and narrow.
func TestPages(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	h := openWhole(t, true)
	paths := h.populate(browser)
	if missed := h.missed(paths); len(missed) > 0 {
		t.Errorf("pages that are not looked at: %q", missed)
	}
	searched, visits, searches := map[string]bool{}, 0, 0
	for _, role := range []access.Role{access.Admin, access.Manager, access.Viewer} {
		b := tabtest.New(t, browser, h.url)
		b.Look(1440, 1000, false)
		b.Run("sign in", chromedp.Navigate(h.url+"/login?lang=en"), chromedp.SetValue(chromedp.CSS("#token"), h.tokens[role]), chromedp.Click(chromedp.CSS("main .primary")))
		b.Until("location.pathname === '/'")
		for _, looks := range [][]look{{{"en", 320, true}, {"en", 1440, false}}, {{"zh-CN", 320, false}, {"zh-CN", 1440, true}}} { // every pair of language, width and colours is among them
			if role != access.Admin { // who sees all that the others do
				looks = slices.DeleteFunc(looks, func(l look) bool { return l.dark })
			}
			for _, path := range paths {
				if !role.Covers(h.need(path)) {
					continue
				}
				for i, look := range looks {
					where := fmt.Sprintf("%s as %s in %s at %d px, dark %v", path, role, look.lang, look.width, look.dark)
					visits++
					look.on(b)
					// What scripts measure or draw they do when the page comes: the menu of a
					// narrow window, which comes first, and charts.
					if i == 0 || tabtest.Eval[bool](b, "document.querySelector('canvas') !== null") {
						query := "?"
						if strings.Contains(path, "?") {
							query = "&"
						}
						b.Run("open "+where, chromedp.Navigate(h.url+path+query+"lang="+look.lang))
						b.Until("document.readyState === 'complete'")
					}
					b.Rest()
					b.Fits(where)
					if lang := tabtest.Eval[string](b, "document.documentElement.lang"); lang != look.lang {
						t.Errorf("%s is in %s", where, lang)
					}
					if bare := tabtest.Eval[string](b, bareKeys); bare != "" {
						t.Errorf("%s says %s", where, bare)
					}
					if path == "/admin/settings" && look.lang == "zh-CN" {
						if english := tabtest.Eval[string](b, inEnglish); english != "" {
							t.Errorf("%s says in English: %s", where, english)
						}
					}
					// Who may less sees much that has been searched already in this look.
					anew := false
					for _, part := range tabtest.Eval[[]string](b, bones) {
						if part := fmt.Sprint(look, part); !searched[part] {
							searched[part], anew = true, true
						}
					}
					if anew {
						searches++
						if found := search(b, axe); found != "" {
							t.Errorf("%s has barriers:\n%s", where, found)
						}
					}
					if role == access.Admin {
						b.Keep(fmt.Sprintf("pages-%s-%s-%d-%s", shotName(path), look.lang, look.width, look.shade()))
					}
				}
			}
		}
	}
	t.Logf("figure: %d pages seen %d times, and searched for barriers in each of %d forms", len(paths), visits, searches)
}

// TestPagesForEverybody looks at what there is for who is not signed in, and signs
// in with a heavy hand.
func TestPagesForEverybody(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	h := openWhole(t, true)
	h.asked()
	b := tabtest.New(t, browser, h.url)
	for _, path := range []string{"/", "/login", "/login/once?key=x", "/chat", "/knowledge", "/knowledge/digests", "/nothing-here"} {
		for _, look := range []look{{"en", 1440, false}, {"zh-CN", 320, true}} {
			where := fmt.Sprintf("%s for everybody in %s at %d px", path, look.lang, look.width)
			b.Look(look.width, 740, look.dark)
			b.Run("choose the language", chromedp.Navigate(h.url+"/?lang="+look.lang))
			if path == "/chat" { // as the front page leads there
				b.Run("open "+where, chromedp.Click(chromedp.CSS(`a[href^="/chat"]`)))
				b.Until("location.pathname === '/chat'")
			} else {
				b.Run("open "+where, chromedp.Navigate(h.url+path))
			}
			b.Until("document.readyState === 'complete'")
			b.Fits(where)
			if lang := tabtest.Eval[string](b, "document.documentElement.lang"); lang != look.lang {
				t.Errorf("%s is in %s", where, lang)
			}
			if found := search(b, axe); found != "" {
				t.Errorf("%s has barriers:\n%s", where, found)
			}
			b.Keep(fmt.Sprintf("everybody-%s-%s-%d", shotName(path), look.lang, look.width))
		}
	}
	h.pressedTwice(browser)
}

// shotName is what the picture of a page is called: one that has a name of its own
// by the pattern of its route.
func shotName(path string) string {
	name := regexp.MustCompile(`/members/.+`).ReplaceAllString(path, "/members/one")
	name = regexp.MustCompile(`/knowledge/[0-9]+`).ReplaceAllString(name, "/knowledge/one")
	name = regexp.MustCompile(`/[0-9a-f]{16,64}`).ReplaceAllString(name, "/one")
	name = strings.Trim(regexp.MustCompile(`[^a-z_.]+`).ReplaceAllString(name, "-"), "-")
	if name == "" {
		return "today"
	}
	return name
}

// bones are what a page is about and the frame around that, as far as barriers
// depend on them: without numbers, one-time values and where the frame's links lead.
const bones = `(() => { const page = document.documentElement.cloneNode(true), main = page.querySelector("main")
	const bare = (s) => s.replace(/>[^<]+/g, (s) => s.replace(/[0-9]+/g, "0")).replace(/[0-9a-zA-Z_-]{24,}/g, "")
	main.remove()
	for (const e of page.querySelectorAll("body [href]")) e.setAttribute("href", "")
	for (const e of page.querySelectorAll("body [name=back]")) e.setAttribute("value", "")
	return [bare(page.querySelector("head").outerHTML + main.outerHTML), bare(page.querySelector("body").outerHTML)] })()`

// bareKeys are the keys of texts that a page shows because there is no such text.
const bareKeys = `(() => { const found = [], w = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (w.nextNode()) { const n = w.currentNode; if (!n.parentElement.closest("code, pre, textarea, .plain, time, bdi, svg, .said") && /^[a-z]+(\.[a-z_]+)+$/.test(n.data.trim())) found.push(n.data.trim()) }
	return found.join(", ") })()`

// inEnglish is what the page about the settings says of them in English.
const inEnglish = `[...document.querySelectorAll("main h2, main td:first-child small")].map((e) => e.textContent.trim())
	.filter((s) => s && !/\p{Script=Han}/u.test(s) && !/^(Slack|GitHub|Telegram)$/.test(s)).join("; ")`

// need is the role that the route of a path needs.
func (h *community) need(path string) access.Role {
	h.t.Helper()
	return h.route(path).Need
}

// route is the one that leads to a page at a path.
func (h *community) route(path string) (best page.Route) {
	h.t.Helper()
	path, _, _ = strings.Cut(path, "?")
	want := strings.Split(path, "/")
	fixed := -1
	for _, r := range h.routes {
		have := strings.Split(r.Pattern, "/")
		if r.Method != http.MethodGet || len(have) != len(want) {
			continue
		}
		same, n := true, 0
		for i := range have {
			if have[i] == want[i] {
				n++
			} else if !strings.HasPrefix(have[i], "{") {
				same = false
			}
		}
		if same && n > fixed {
			best, fixed = r, n
		}
	}
	if fixed < 0 {
		h.t.Fatalf("there is no route to %s", path)
	}
	return best
}
