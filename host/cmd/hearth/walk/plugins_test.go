package walk

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/web"
)

// oracle builds a version of the plugin of that name, and returns its file. It is
// compiled already: a browser does not wait for that where the machine is busy.
func oracle(t *testing.T, version string) string {
	t.Helper()
	_, cache := plugins(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "oracle.wasm")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-X main.version="+version, "-o", file, "./testdata/plugins/oracle")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build oracle %s: %v\n%s", version, err, out)
	}
	if _, err := app.Manifests(t.Context(), os.DirFS(dir), config.Default(), cache); err != nil {
		t.Fatal(err)
	}
	return file
}

// upload brings a version in on the page, and is then on that of the version.
func (m *manager) upload(file, why string) {
	m.t.Helper()
	m.open("/admin/plugins/_upload")
	m.Run("choose the file", chromedp.SetUploadFiles(chromedp.CSS("#u-code"), []string{file}))
	m.set("u-why", why)
	m.Click("main form .primary")
	m.Until("location.pathname.includes('/versions/')")
	m.Until("document.readyState === 'complete'")
}

// grant permits what the version asks for.
func (m *manager) grant() {
	m.t.Helper()
	m.Click("section[aria-labelledby=permissions] .primary")
	m.UntilText(".done", "permissions are changed")
	m.Until("document.readyState === 'complete' && document.querySelector('section[aria-labelledby=live] .primary') !== null")
}

// TestPluginLife is an admin's afternoon: a plugin comes in, is permitted what it
// asks for, made live, and answers in the web chat; its new version says what more
// it wants and what it would do otherwise, is made live, and is rolled back.
func TestPluginLife(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	one, two := oracle(t, "1.0.0"), oracle(t, "2.0.0")
	h := openCommunity(t, nil)
	tab := tabtest.New(t, browser, h.url)
	tab.Look(1440, 1000, false)
	m := h.manage(tab, access.Admin, "en")
	look := func(name string) { // as it is, and as it is read in Shanghai on a phone at night
		t.Helper()
		m.clean(name, axe)
		m.Keep("plugin-" + name + "-en-1440-light")
		at := tabtest.Eval[string](m.Tab, "location.pathname")
		m.Look(320, 740, true)
		m.open(at + "?lang=zh-CN")
		m.clean(name+" in Chinese", axe)
		m.Keep("plugin-" + name + "-zh-CN-320-dark")
		m.Look(1440, 1000, false)
		m.open(at + "?lang=en")
	}

	m.open("/admin/plugins")
	look("list")
	m.open("/admin/plugins/_upload")
	look("upload")
	m.upload(one, "the first")
	m.UntilText("main", "Uploaded and tested")
	m.grant()
	look("first")
	m.Click("section[aria-labelledby=live] .primary")
	m.Until("location.pathname === '/admin/plugins/oracle'")
	m.UntilText(".done", "is live")
	look("one")

	ada := tabtest.New(t, browser, h.url)
	ada.Look(1280, 800, false)
	ada.ComeIn("Ada", "en")
	ada.Write("#main", "/ask")
	ada.UntilText("#list", "Ask me again later")

	m.upload(two, "it knows")
	m.UntilText("main", "go.dev")
	m.UntilText("main", "2 permissions have to be granted")
	look("second")
	m.grant()
	m.Click("section[aria-labelledby=replay] form .btn")
	m.Until("location.pathname.endsWith('/replay')")
	m.UntilText("#replay-body", "1 event comes out otherwise")
	m.UntilText("#replay-body", "The answer is 42")
	look("replay")
	m.Click("main form a.btn")
	m.Until("location.pathname.includes('/versions/') && !location.pathname.endsWith('/replay')")
	m.UntilText("main", "Events replayed")
	look("ready")
	m.Click("section[aria-labelledby=live] .primary")
	m.Until("location.pathname === '/admin/plugins/oracle'")
	m.UntilText(".done", "is live")
	ada.Write("#main", "/ask")
	ada.UntilText("#list", "The answer is 42")
	look("live")

	m.open("/admin/plugins/oracle/logs")
	m.UntilText("#rows", "asked")
	look("logs")
	m.open("/admin/plugins/oracle/state")
	m.UntilText("main table", "asked")
	look("state")

	m.open("/admin/plugins/oracle")
	m.Click("details.sure > summary.btn:not(.danger)")
	m.Until("document.querySelector('#rb-why').checkVisibility()")
	m.set("rb-why", "too sure of itself")
	m.Keep("plugin-rollback-en-1440-light")
	m.Click("details.sure[open] .btn.danger")
	m.UntilText(".done", "Rolled back")
	ada.Write("#main", "/ask")
	ada.Until("document.querySelector('#list').textContent.split('Ask me again later').length === 3")
	h.onRecord("oracle", []string{"plugin.rollback too sure of itself", "plugin.promote", "plugin.grant", "plugin.stage it knows", "plugin.promote", "plugin.grant", "plugin.stage the first"})
}

// onRecord says that this was done to a plugin, the newest first.
func (h *community) onRecord(plugin string, want []string) {
	h.t.Helper()
	v := h.browse(access.Admin)
	_, body := v.send("GET", "/admin/audit/export.jsonl?on=plugin/"+plugin, nil)
	var got []string
	for line := range strings.Lines(body) {
		var e struct{ Did, Why string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			h.t.Fatalf("the record is %s: %v", line, err)
		}
		got = append(got, strings.TrimSpace(e.Did+" "+e.Why))
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		h.t.Errorf("on record is %q, want %q", got, want)
	}
}

// TestPluginsByAPI is the same life over the API, as a script would have it.
func TestPluginsByAPI(t *testing.T) {
	h := openCommunity(t, nil)
	code, err := os.ReadFile(oracle(t, "2.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(role access.Role, method, path string, body []byte, want int, into any) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, h.url+"/api/v1/plugins"+path, strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if path == "" || strings.HasPrefix(path, "?") {
			r.Header.Set("Content-Type", "application/wasm")
		}
		r.Header.Set("Authorization", "Bearer "+h.tokens[role])
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil || resp.StatusCode != want {
			t.Fatalf("%s %s as %s is answered %d, want %d: %s %v", method, path, role, resp.StatusCode, want, text, err)
		}
		if into != nil {
			if err := json.Unmarshal(text, into); err != nil {
				t.Fatalf("%s %s is answered %s: %v", method, path, text, err)
			}
		}
		return string(text)
	}
	ask(access.Manager, "POST", "", code, http.StatusForbidden, nil)
	for _, bad := range []string{"no wasm at all", "\x00asm\x01\x00\x00\x00", string(code[:len(code)/2])} {
		var p web.PluginProblem
		ask(access.Admin, "POST", "", []byte(bad), http.StatusUnprocessableEntity, &p)
		if p.Code != web.PluginInvalid || strings.Contains(p.Detail, "\n") || p.Detail == "" {
			t.Errorf("%.20q is answered %+v", bad, p)
		}
	}
	var v web.PluginVersion
	ask(access.Admin, "POST", "?why=a%20script", code, http.StatusCreated, &v)
	if v.Name != "oracle" || v.Status != "staged" || len(v.Missing) != 4 || v.Why != "a script" {
		t.Fatalf("the upload is %+v", v)
	}
	at := "/oracle/versions/" + v.SHA256[:12]
	var p web.PluginProblem
	ask(access.Admin, "POST", at+"/promote", nil, http.StatusConflict, &p)
	if p.Code != web.PluginMissing || len(p.Missing) != 4 {
		t.Errorf("a version that asks for more is answered %+v", p)
	}
	ask(access.Manager, "POST", at+"/promote", nil, http.StatusForbidden, nil)
	ask(access.Admin, "POST", "/oracle/grants", fmt.Appendf(nil, `{"all_of":%q}`, v.SHA256), http.StatusOK, nil)
	ask(access.Admin, "POST", at+"/promote", []byte(`{"why":"go"}`), http.StatusOK, &v)
	if v.Status != "live" || len(v.Missing) != 0 {
		t.Errorf("the live version is %+v", v)
	}
	var plugin web.Plugin
	ask(access.Viewer, "GET", "/oracle", nil, http.StatusOK, &plugin)
	if plugin.Status != "live" || plugin.SHA256 != v.SHA256 || plugin.Since != nil && plugin.Since.IsZero() {
		t.Errorf("the plugin is %+v", plugin)
	}
	ask(access.Admin, "POST", "/oracle/rollback", nil, http.StatusConflict, &p)
	if p.Code != web.PluginNoWay {
		t.Errorf("a rollback to nothing is answered %+v", p)
	}
	ask(access.Admin, "DELETE", at, nil, http.StatusConflict, &p)
	if p.Code != web.PluginInUse {
		t.Errorf("the deletion of what runs is answered %+v", p)
	}
	if got := ask(access.Manager, "POST", "/oracle/config?preview=true", []byte(`{"config":{"sign":"!"}}`), http.StatusOK, nil); !strings.Contains(got, `"after":"!"`) {
		t.Errorf("the preview is %s", got)
	}
	for _, bad := range []string{`{"config":{"sign":7}}`, `{"config":{"enabled":false}}`, `{"config":{"nothing":1}}`} {
		ask(access.Manager, "POST", "/oracle/config", []byte(bad), http.StatusUnprocessableEntity, nil)
	}
	ask(access.Manager, "POST", "/oracle/config", []byte(`{"config":{"sign":"!"},"why":"louder"}`), http.StatusOK, nil)
	var c web.PluginConfig
	ask(access.Manager, "GET", "/oracle/config", nil, http.StatusOK, &c)
	if string(c.Config["sign"]) != `"!"` || len(c.Schema) == 0 {
		t.Errorf("the config is %s with the schema %s", c.Config, c.Schema)
	}
	ask(access.Admin, "POST", "/oracle/rollout", fmt.Appendf(nil, `{"sha256":%q,"share":5,"labels":[{"when":"gold ==","weight":1}]}`, v.SHA256), http.StatusUnprocessableEntity, nil)

	// Beside the live version: to some of the members, and silently.
	other, err := os.ReadFile(oracle(t, "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	var w web.PluginVersion
	ask(access.Admin, "POST", "", other, http.StatusCreated, &w)
	var ro web.Rollout
	ask(access.Admin, "POST", "/oracle/rollout?why=some", fmt.Appendf(nil, `{"sha256":%q,"share":50,"labels":[{"when":"vip-tier==gold","weight":100}],"promote_after_events":1000}`, w.SHA256[:8]), http.StatusOK, &ro)
	if ro.Spec.SHA256 != w.SHA256 || ro.New.SHA256 != w.SHA256 || ro.Live.SHA256 != v.SHA256 || len(ro.Bars) != 6 || ro.Ended != "" {
		t.Errorf("the rollout is %+v", ro)
	}
	b := h.browse(access.Admin)
	if _, body := b.send("GET", "/admin/plugins/oracle", nil); !strings.Contains(body, "Guardrails") || !strings.Contains(body, "vip-tier==gold: 100 %") || !strings.Contains(body, "after 1,000 events") {
		t.Errorf("the page of a rollout is %s", body)
	}
	plugin = web.Plugin{}
	ask(access.Admin, "DELETE", "/oracle/rollout?why=enough", nil, http.StatusOK, &plugin)
	if plugin.Rollout != nil {
		t.Errorf("after the rollout the plugin is %+v", plugin)
	}
	ask(access.Admin, "POST", "/oracle/shadow", fmt.Appendf(nil, `{"sha256":%q}`, w.SHA256), http.StatusOK, &plugin)
	if plugin.Shadow != w.SHA256 {
		t.Errorf("the plugin with a version on trial is %+v", plugin)
	}
	var sh web.ShadowReport
	ask(access.Viewer, "GET", "/oracle/shadow", nil, http.StatusOK, &sh)
	if _, body := b.send("GET", "/admin/plugins/oracle", nil); sh.SHA256 != w.SHA256 || !strings.Contains(body, "End the trial") {
		t.Errorf("the trial is %+v, and its page %s", sh, body)
	}
	ask(access.Admin, "POST", "/oracle/shadow", []byte(`{"sha256":""}`), http.StatusOK, nil)
	ask(access.Admin, "DELETE", "/oracle/versions/"+w.SHA256, nil, http.StatusOK, nil)

	ask(access.Admin, "POST", "/oracle/disable", nil, http.StatusOK, &plugin)
	if plugin.Status != "disabled" {
		t.Errorf("the plugin is %+v", plugin)
	}
	ask(access.Admin, "POST", "/oracle/enable", nil, http.StatusOK, &plugin)
	if plugin.Status != "live" {
		t.Errorf("the plugin is %+v", plugin)
	}
	ask(access.Admin, "POST", "/oracle/disable", nil, http.StatusOK, nil)
	ask(access.Admin, "DELETE", "/oracle?why=enough", nil, http.StatusOK, nil)
	ask(access.Viewer, "GET", "/oracle", nil, http.StatusNotFound, nil)
}
