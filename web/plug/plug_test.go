package plug

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page/pagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

var (
	liveSHA = strings.Repeat("a", 64)
	nextSHA = strings.Repeat("b", 64)
	oldSHA  = strings.Repeat("c", 64)
)

// nursery is plugins in memory: it takes down what it is told.
type nursery struct {
	mu       sync.Mutex
	err      error
	asked    []string
	plugin   web.Plugin
	versions []web.PluginVersion
	shadow   web.ShadowReport
	upload   web.PluginUpload
	logs     chan web.PluginLog
	rows     web.StatePage
}

func newNursery() *nursery {
	dm, send := web.Grant{Name: "dm", Reason: "greet newcomers", ReasonIn: web.Words{"en": "greet newcomers", "zh-CN": "迎接新成员"}, Granted: true}, web.Grant{Name: "send", Reason: "welcome in #general"}
	h := web.Grant{Name: "http", Param: "go.dev", Reason: "ask for the newest <version>"}
	v := web.Plugin{Name: "welcome", Version: "1.0.0", SHA256: liveSHA, Status: "live", About: "Greets", AboutIn: web.Words{"en": "Greets", "zh-CN": "欢迎新人"}, Grants: []web.Grant{dm, send}, Allowed: []web.Grant{dm},
		Previous: oldSHA, Newest: nextSHA, Health: &web.Health{Since: noon, Events: 1204, Failed: 3, Minutes: []web.Minute{{Events: 1200}, {Events: 4, Failed: 3}}}, Waiting: 2, Failures: 1}
	return &nursery{plugin: v, logs: make(chan web.PluginLog), versions: []web.PluginVersion{
		{Name: "welcome", Version: "1.1.0", SHA256: nextSHA, Status: "staged", Size: 3 << 20, Uploaded: noon, By: "Ada <b>", Why: "asks for versions", Signature: "none", SelfTest: "passed", StateVersion: 1,
			Commands: []string{"hello", "version"}, Events: []string{"member.joined"}, Grants: []web.Grant{{Name: "dm", Reason: "greet newcomers"}, h}, Missing: []web.Grant{h}},
		{Name: "welcome", Version: "1.0.0", SHA256: liveSHA, Status: "live", Bundled: true, Uploaded: noon, StateVersion: 1, Commands: []string{"hello"}, Events: []string{"member.joined", "message.posted"}, Grants: []web.Grant{dm, send}, Missing: []web.Grant{send}},
		{Name: "welcome", Version: "0.9.0", SHA256: oldSHA, Status: "previous", Uploaded: noon, StateVersion: 1},
	}}
}

func (n *nursery) note(who audit.Who, format string, a ...any) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, fmt.Sprintf(format, a...)+" by "+who.Role+" via "+who.Via)
	return n.err
}

func (n *nursery) Plugins(context.Context) ([]web.Plugin, error) {
	return []web.Plugin{n.plugin, {Name: "tasks", Status: "held back"}, {Name: "old", Status: "disabled"}, {Name: "new", Status: "staged"}, {Name: "tries", Status: "probing"}}, nil
}
func (n *nursery) Plugin(_ context.Context, name string) (web.Plugin, error) {
	if name != "welcome" {
		return web.Plugin{}, fmt.Errorf("%w: plugin %q", web.ErrNotFound, name)
	}
	return n.plugin, nil
}
func (n *nursery) Versions(context.Context, string) ([]web.PluginVersion, error) {
	return slices.Clone(n.versions), nil
}
func (n *nursery) Upload(_ context.Context, who audit.Who, up web.PluginUpload) (web.PluginVersion, error) {
	n.upload = up
	return n.versions[0], n.note(who, "upload %d bytes, %q", len(up.Code), up.Why)
}
func (n *nursery) Grant(_ context.Context, who audit.Who, name string, all []web.Grant, why string) error {
	var list []string
	for _, g := range all {
		list = append(list, strings.TrimSpace(g.Name+" "+g.Param))
	}
	return n.note(who, "grant %s %q, %q", name, list, why)
}
func (n *nursery) Config(context.Context, string) (web.PluginConfig, error) {
	return web.PluginConfig{}, nil
}
func (n *nursery) Configure(context.Context, audit.Who, string, map[string]json.RawMessage, string, bool) ([]web.SettingDifference, error) {
	return nil, nil
}
func (n *nursery) Promote(_ context.Context, who audit.Who, name, sha string, o web.PluginPromotion) (web.PluginVersion, error) {
	gate := ""
	if o.Gate != nil {
		gate = fmt.Sprintf(" gated %+v", *o.Gate)
	}
	return n.versions[0], n.note(who, "promote %s %.4s, %q%s", name, sha, o.Why, gate)
}
func (n *nursery) Rollback(_ context.Context, who audit.Who, name, why string) (web.PluginVersion, error) {
	return n.versions[1], n.note(who, "roll back %s, %q", name, why)
}
func (n *nursery) BeginRollout(_ context.Context, who audit.Who, name string, s web.RolloutSpec, why string) error {
	return n.note(who, "rollout of %s %+v, %q", name, s, why)
}
func (n *nursery) EndRollout(_ context.Context, who audit.Who, name string, promote bool, why string) error {
	return n.note(who, "end the rollout of %s, promote %v, %q", name, promote, why)
}
func (n *nursery) Rollout(context.Context, string) (web.Rollout, error) { return web.Rollout{}, nil }
func (n *nursery) Shadow(_ context.Context, who audit.Who, name, sha, why string) error {
	return n.note(who, "shadow %s %.4s, %q", name, sha, why)
}
func (n *nursery) ShadowReport(context.Context, string) (web.ShadowReport, error) {
	return n.shadow, nil
}
func (n *nursery) Disable(_ context.Context, who audit.Who, name, why string) error {
	return n.note(who, "disable %s, %q", name, why)
}
func (n *nursery) Enable(_ context.Context, who audit.Who, name, why string) error {
	return n.note(who, "enable %s, %q", name, why)
}
func (n *nursery) Remove(_ context.Context, who audit.Who, name, sha, why string) error {
	return n.note(who, "remove %s %.4s, %q", name, sha, why)
}
func (n *nursery) State(_ context.Context, name string, f web.StateFilter) (web.StatePage, error) {
	return n.rows, n.note(audit.Who{}, "state %s %+v", name, f)
}
func (n *nursery) Logs(ctx context.Context, _ string) (<-chan web.PluginLog, error) {
	out := make(chan web.PluginLog)
	go func() {
		defer close(out)
		for {
			select {
			case l := <-n.logs:
				out <- l
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, n.err
}

// house is the pages with a nursery behind them.
type house struct {
	*pagetest.House
	t *testing.T
	n *nursery
}

func open(t *testing.T, change func(*Options)) *house {
	t.Helper()
	h := &house{pagetest.New(t, func() time.Time { return noon }), t, newNursery()}
	o := Options{Frame: h.Frame, Plugins: h.n, Now: func() time.Time { return noon }}
	if change != nil {
		change(&o)
	}
	if err := Register(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Frame.Close)
	return h
}

// get is a page in English.
func (h *house) get(role access.Role, path string) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept-Language", "en")
	return h.Do(role, r)
}

// post sends a form, and what it made the plugins do.
func (h *house) post(role access.Role, path string, form url.Values) (*httptest.ResponseRecorder, string) {
	h.t.Helper()
	h.n.asked = nil
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Language", "en")
	return h.Do(role, r), strings.Join(h.n.asked, "; ")
}

func contains(t *testing.T, what, body string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(body, s) {
			t.Errorf("%s has no %q:\n%s", what, s, body)
		}
	}
}

func lacks(t *testing.T, what, body string, not ...string) {
	t.Helper()
	for _, s := range not {
		if strings.Contains(body, s) {
			t.Errorf("%s has %q:\n%s", what, s, body)
		}
	}
}

func TestList(t *testing.T) {
	h := open(t, nil)
	body := h.get(access.Admin, base).Body.String()
	contains(t, "the list", body, `href="/admin/plugins/welcome"`, "1.0.0", "aaaaaaaaaaaa", "1,204 events, 3 failed", "held back", "switched off", "not live yet", "trying again",
		versionPath("welcome", nextSHA), "A new version of welcome", "/admin/plugins/_upload", `<path class="failed"`, "1204 events, of which 3 failed; at most 1200 in a minute")
	lacks(t, "the list for a viewer", h.get(access.Viewer, base).Body.String(), "_upload")
	r := httptest.NewRequest("GET", base, nil)
	r.Header.Set("Accept-Language", "zh-CN")
	contains(t, "the list in Chinese", h.Do(access.Viewer, r).Body.String(), "欢迎新人", "运行中", "已暂缓")
}

func TestOne(t *testing.T) {
	h := open(t, nil)
	h.n.plugin.Rollout = &web.Rollout{Spec: web.RolloutSpec{SHA256: nextSHA, Share: 5, Labels: []web.RolloutLabel{{When: "vip-tier==gold", Weight: 100}}, AfterEvents: 10000}, Began: noon, By: "Ada",
		Live: web.RolloutArm{SHA256: liveSHA, Version: "1.0.0", Share: 95, Events: 1900, Failed: 1}, New: web.RolloutArm{SHA256: nextSHA, Version: "1.1.0", Share: 5, Events: 100, Failed: 4},
		Bars: []web.GuardrailBar{{Name: "error_rate", Now: 0.04, Live: 0.0005, Most: 0.05, Known: true}, {Name: "p95_ms", Now: 31, Live: 9, Most: 30, Known: true}, {Name: "messages", Most: 3}}}
	h.n.plugin.Shadow = oldSHA
	h.n.shadow = web.ShadowReport{SHA256: oldSHA, Version: "0.9.0", Began: noon, Events: 50, Same: 48, Changed: 2, List: []web.ShadowedEvent{{Number: "0000000000000007", Kind: "member.joined", Differences: []string{"message appears: <Hi>"}}}}
	h.n.plugin.Migration = &web.Migration{From: 1, To: 2, Done: 1200, Total: 100000}
	body := h.get(access.Admin, onePath("welcome")).Body.String()
	contains(t, "the page", body, "Greets", "1,204 events, 3 failed", "1,200 of about 100,000 rows", "vip-tier==gold: 100 %", "5 % of the members", "live by itself after 10,000 events",
		"4 % of at most 5 %", "31 ms of at most 30 ms", "too few events yet; at most 3", `<li class="wait">`, `<li class="bad">`, `<li class="plain">`, "message appears: &lt;Hi&gt;",
		`value="dm " checked`, `value="send "> `, "1 permission that it asks for", "Roll back to 0.9.0", "Ada &lt;b&gt;", "came with hearth", "/admin/plugins/welcome/state")
	body = h.get(access.Viewer, onePath("welcome")).Body.String()
	lacks(t, "the page of a viewer", body, "<form method=\"post\" action=\"/admin", "/state")
	contains(t, "the page of a viewer", body, "greet newcomers", "not granted")
	r := httptest.NewRequest("GET", onePath("welcome"), nil)
	r.Header.Set("Accept-Language", "zh-CN")
	body = h.Do(access.Viewer, r).Body.String()
	contains(t, "the page in Chinese", body, "迎接新成员", "welcome in #general") // of which the plugin says no more
	lacks(t, "the page in Chinese", body, "greet newcomers")
	h.n.plugin.Status = "disabled"
	contains(t, "the page of a disabled plugin", h.get(access.Admin, onePath("welcome")).Body.String(), "/enable", "/delete", "It is switched off")
	h.n.plugin.Status = "held back"
	contains(t, "the page of a plugin that is held back", h.get(access.Admin, onePath("welcome")).Body.String(), "held back for a moment")
	if w := h.get(access.Viewer, onePath("nobody")); w.Code != http.StatusNotFound {
		t.Errorf("a plugin that is not there is answered %d", w.Code)
	}
}

func TestVersion(t *testing.T) {
	h := open(t, func(o *Options) { o.Replay = noReplay })
	at := versionPath("welcome", nextSHA)
	body := h.get(access.Admin, at).Body.String()
	contains(t, "the version", body, "welcome 1.1.0", nextSHA, "3.0 MiB", "asks for versions", "<ins>/version</ins>", "<span>/hello</span>", "<del>Message</del>", `<tr class="ins">`, `<tr class="del">`, "Ask websites", "go.dev",
		"ask for the newest &lt;version&gt;", "1 permission has to be granted", at+"/grants", at+"/replay", "First grant the permissions", "Grant permissions")
	lacks(t, "the version", body, at+"/promote", at+"/rollout")
	h.n.versions[0].Missing = nil
	body = h.get(access.Admin, at).Body.String()
	contains(t, "the version", body, at+"/promote", at+"/rollout", at+"/shadow", at+"/delete", "Make 1.1.0 live", `name="error_rate.most"`, "Share of the members (%)")
	lacks(t, "the version", body, "%!")
	lacks(t, "the version of a viewer", h.get(access.Viewer, at).Body.String(), `method="post" action="/admin`)
	h.n.versions[0].StateVersion = 2
	contains(t, "a version with another state", h.get(access.Admin, at).Body.String(), "from state version 1 to 2", "which these do not")
	contains(t, "the live version", h.get(access.Admin, versionPath("welcome", liveSHA)).Body.String(), "came with hearth")
	if w := h.get(access.Viewer, versionPath("welcome", strings.Repeat("d", 64))); w.Code != http.StatusNotFound {
		t.Errorf("a version that is not there is answered %d", w.Code)
	}
}

func noReplay(context.Context, audit.Who, string, string, int, func(int, int)) (*replay.Report, error) {
	return nil, errors.New("nothing to replay")
}

func TestForms(t *testing.T) {
	h := open(t, nil)
	one, version := onePath("welcome"), versionPath("welcome", nextSHA)
	guarded := url.Values{"share": {"5"}, "labels": {"vip-tier==gold 100\r\n\r\nregion == \"shanghai\" 30%"}, "channels": {"slack:C1\nslack:C2"}, "window": {"60"}, "min": {"7"}, "after_events": {"1,000"}, "after_minutes": {""},
		"error_rate.most": {"5"}, "messages.times": {"1.5"}, "why": {"w"}}
	for _, c := range []struct {
		path        string
		form        url.Values
		to, did     string
		status      int
		code, words string
	}{
		{one + "/rollback", url.Values{"why": {" it was worse "}}, one + "?done=rolledback", `roll back welcome, "it was worse" by admin via page`, 303, "", ""},
		{one + "/disable", nil, one + "?done=disabled", `disable welcome, "" by admin via page`, 303, "", ""},
		{one + "/enable", nil, one + "?done=enabled", `enable welcome, "" by admin via page`, 303, "", ""},
		{one + "/grants", url.Values{"grant": {"send ", "root "}}, one + "?done=granted", `grant welcome ["send"], "" by admin via page`, 303, "", ""},
		{one + "/grants", nil, one + "?done=granted", `grant welcome [], "" by admin via page`, 303, "", ""},
		{version + "/grants", url.Values{"grant": {"http go.dev"}}, version + "?done=granted", `grant welcome ["dm" "http go.dev"], "" by admin via page`, 303, "", ""},
		{one + "/delete", url.Values{"name": {"welcom"}}, "", "", 422, "", "type its name"},
		{one + "/delete", url.Values{"name": {"welcome"}, "why": {"w"}}, base + "?done=deleted", `remove welcome , "w" by admin via page`, 303, "", ""},
		{one + "/delete", url.Values{"name": {"welcome"}}, "", `remove welcome , "" by admin via page`, 409, web.PluginInUse, "It runs"},
		{one + "/rollout/end", url.Values{"promote": {"1"}}, one + "?done=rollout.back", `end the rollout of welcome, promote true, "" by admin via page`, 303, "", ""},
		{one + "/rollout/end", nil, one + "?done=rollout.back", `end the rollout of welcome, promote false, "" by admin via page`, 303, "", ""},
		{one + "/shadow/end", nil, one + "?done=shadow.end", `shadow welcome , "" by admin via page`, 303, "", ""},
		{version + "/shadow", nil, one + "?done=shadow", `shadow welcome bbbb, "" by admin via page`, 303, "", ""},
		{version + "/promote", url.Values{"why": {"w"}}, one + "?done=promoted", `promote welcome bbbb, "w" by admin via page`, 303, "", ""},
		{version + "/promote", url.Values{"gate": {"1"}, "last": {"100"}, "p95": {"50"}, "latency": {"5"}, "fail": {""}}, one + "?done=promoted", `promote welcome bbbb, "" gated {Last:100 P95MS:50 LatencyMS:5 FailEvery:0} by admin via page`, 303, "", ""},
		{version + "/promote", url.Values{"gate": {"1"}, "last": {"many"}}, "", "", 422, "", "many&#34; is no whole number"},
		{version + "/promote", nil, "", `promote welcome bbbb, "" by admin via page`, 409, web.PluginGated, "It did not pass the test"},
		{version + "/promote", nil, "", `promote welcome bbbb, "" by admin via page`, 409, web.PluginMissing, "Ask websites"},
		{version + "/rollout", guarded, one + "?done=rollout", `rollout of welcome {SHA256:` + nextSHA + ` Share:5 Labels:[{When:vip-tier==gold Weight:100} {When:region == "shanghai" Weight:30}] Channels:[slack:C1 slack:C2] ` +
			`Guardrails:{ErrorRate:{Most:0.05 Times:0} P95MS:{Most:0 Times:0} Fuel:{Most:0 Times:0} Refused:{Most:0 Times:0} Delivery:{Most:0 Times:0} Messages:{Most:0 Times:1.5}} WindowS:60 MinEvents:7 AfterEvents:1000 AfterMinutes:0}, "w" by admin via page`, 303, "", ""},
		{version + "/rollout", url.Values{"share": {"101"}, "labels": {"a b"}}, "", "", 422, "", "101&#34; is no number from 0 to 100"},
		{version + "/rollout", url.Values{"share": {"1"}, "labels": {"gold"}}, "", "", 422, "", "has no share behind it"},
		{version + "/rollout", url.Values{"share": {"NaN"}}, "", "", 422, "", "NaN"},
		{version + "/delete", nil, one + "?done=version.deleted", `remove welcome bbbb, "" by admin via page`, 303, "", ""},
		{onePath("nobody") + "/grants", nil, "", "", 404, "", "no such plugin"},
		{versionPath("welcome", strings.Repeat("d", 64)) + "/grants", nil, "", "", 404, "", "no such version"},
	} {
		h.n.err = nil
		if c.code != "" {
			h.n.err = &web.PluginError{Code: c.code, Err: errors.New("one clear line"), Missing: []web.Grant{{Name: "http", Param: "go.dev"}}}
		}
		w, did := h.post(access.Admin, c.path, c.form)
		if w.Code != c.status || w.Header().Get("Location") != c.to || did != c.did || !strings.Contains(w.Body.String(), c.words) {
			t.Errorf("%s with %v is answered %d to %q and did %s, want %d to %q and %s:\n%s", c.path, c.form, w.Code, w.Header().Get("Location"), did, c.status, c.to, c.did, w.Body)
		}
		if w, did := h.post(access.Manager, c.path, c.form); w.Code != http.StatusForbidden || did != "" {
			t.Errorf("%s of a manager is answered %d and did %s", c.path, w.Code, did)
		}
		if w := h.get(access.Viewer, c.path); w.Code != http.StatusSeeOther {
			t.Errorf("%s loaded again is answered %d", c.path, w.Code)
		}
	}
	// What was typed stands there again.
	h.n.err = nil
	guarded.Set("share", "many")
	h.n.versions[0].Missing = nil
	w, _ := h.post(access.Admin, version+"/rollout", guarded)
	if w.Code != 422 {
		t.Errorf("a share that is no number is answered %d", w.Code)
	}
	contains(t, "the form", w.Body.String(), `value="many"`, "vip-tier==gold 100", `name="messages.times" value="1.5"`, "<details class=\"fold\" open>")
}

// file makes the form of an upload.
func file(t *testing.T, code, signature, why string) (string, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, f := range []struct{ name, file, text string }{{"why", "", why}, {"code", "p.wasm", code}, {"signature", "p.wasm.minisig", signature}} {
		w, err := m.CreateFormField(f.name)
		if f.file != "" {
			w, err = m.CreateFormFile(f.name, f.file)
		}
		if err == nil {
			_, err = w.Write([]byte(f.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), &b
}

func TestUpload(t *testing.T) {
	h := open(t, nil)
	at := base + "/_upload"
	contains(t, "the form", h.get(access.Admin, at).Body.String(), `enctype="multipart/form-data"`, "At most 32 MiB")
	send := func(code, signature string) *httptest.ResponseRecorder {
		kind, body := file(t, code, signature, "faster")
		r := httptest.NewRequest("POST", at, body)
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Accept-Language", "en")
		return h.Do(access.Admin, r)
	}
	if w := send("\x00asm", ""); w.Code != http.StatusSeeOther || w.Header().Get("Location") != versionPath("welcome", nextSHA)+"?done=staged" ||
		string(h.n.upload.Code) != "\x00asm" || h.n.upload.Signature != nil || h.n.upload.Why != "faster" {
		t.Errorf("an upload is answered %d to %s, and is %+v", w.Code, w.Header().Get("Location"), h.n.upload)
	}
	if send("\x00asm", "untrusted comment"); string(h.n.upload.Signature) != "untrusted comment" {
		t.Errorf("the signature is %q", h.n.upload.Signature)
	}
	h.n.asked = nil
	if w := send("", ""); w.Code != http.StatusUnprocessableEntity || h.n.asked != nil || !strings.Contains(w.Body.String(), "Choose the plugin") || !strings.Contains(w.Body.String(), `value="faster"`) {
		t.Errorf("a form without a file is answered %d and did %v: %s", w.Code, h.n.asked, w.Body)
	}
	for _, more := range []int{1, 1 << 20, 8 << 20} {
		if w := send(strings.Repeat("x", web.MaxPlugin+more), ""); w.Code != http.StatusRequestEntityTooLarge || h.n.asked != nil {
			t.Errorf("%d bytes too much are answered %d and did %v", more, w.Code, h.n.asked)
		}
	}
	h.n.err = &web.PluginError{Code: web.PluginSelfTest, Err: errors.New("it says <no>")}
	w := send("x", "")
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a plugin that fails is answered %d", w.Code)
	}
	contains(t, "the answer", w.Body.String(), "It fails its self-test", "it says &lt;no&gt;")
	if w, _ := h.post(access.Admin, at, url.Values{"code": {"x"}}); w.Code != http.StatusBadRequest {
		t.Errorf("a form without parts is answered %d", w.Code)
	}
}

func TestReplay(t *testing.T) {
	step := make(chan *replay.Report)
	h := open(t, func(o *Options) {
		o.Replay = func(_ context.Context, who audit.Who, name, sha string, last int, progress func(int, int)) (*replay.Report, error) {
			progress(1, 4)
			rep := <-step
			if rep == nil {
				return nil, errors.New("the journal is gone")
			}
			return rep, nil
		}
	})
	at := versionPath("welcome", nextSHA) + "/replay"
	contains(t, "the page without a replay", h.get(access.Admin, at).Body.String(), "No replay yet")
	if w, _ := h.post(access.Admin, at, url.Values{"last": {"10001"}}); w.Code != 422 {
		t.Errorf("too many events are answered %d", w.Code)
	}
	if w, _ := h.post(access.Admin, at, url.Values{"last": {"100"}}); w.Code != http.StatusSeeOther || w.Header().Get("Location") != at {
		t.Errorf("a replay is answered %d to %s", w.Code, w.Header().Get("Location"))
	}
	if w, _ := h.post(access.Admin, at, nil); w.Code != http.StatusConflict {
		t.Errorf("a second replay is answered %d", w.Code)
	}
	until(t, func() bool {
		return strings.Contains(h.get(access.Admin, at).Body.String(), "1 of 4 events")
	})
	contains(t, "the page of a replay under way", h.get(access.Admin, at).Body.String(), `hx-get="`+at, "Load again", `width="25"`)
	var list []replay.Change
	for i := range 60 {
		list = append(list, replay.Change{Number: fmt.Sprintf("%016x", i), Kind: "member.joined", MemberName: "Ada", Time: noon, Differences: []replay.Difference{{What: replay.Message, How: replay.Changes, Name: "hello to @<ada>", Before: "Hi Ada\nsame", After: "Hello <Ada>\nsame"}}})
	}
	list[59].Error, list[58].Inexact, list[58].Missed = "it broke", true, []string{"greeted/*"}
	step <- &replay.Report{Events: 100, Same: 40, Changed: 59, Inexact: 1, Failed: 1, Broken: 1, ConfigChanged: 3, Skipped: 2, Omitted: 4, StateVersion: 2, StateBefore: 1,
		Before: replay.Cost{Fuel: 100_000_000, P95MS: 1}, After: replay.Cost{Fuel: 150_000_000, P95MS: 0.5}, Sums: []replay.Sum{{What: replay.Message, How: replay.Changes, Count: 60, Events: 59}}, Changes: list}
	until(t, func() bool {
		return strings.Contains(h.get(access.Admin, at).Body.String(), "60 events come out otherwise")
	})
	body := h.get(access.Admin, at).Body.String()
	contains(t, "the replay", body, "1,000,000", "1,500,000", "&#43;50 %", "−50 %", "<b>59</b>", "Message: changes", "hello to @&lt;ada&gt;", `<li class="del">Hi Ada</li>`, `<li class="ins">Hello &lt;Ada&gt;</li>`, "it broke", "fails now", "greeted/*",
		"3 of them were recorded", "2 more could not be run", "4 more are counted", "1 of 3", "state version 1, the version wants 2", "<code>000000000000003b</code>")
	lacks(t, "the replay", body, "<code>0000000000000000</code>")
	last := h.get(access.Admin, at+"?page=2").Body.String()
	contains(t, "the last page", last, "<code>0000000000000000</code>", "3 of 3")
	for _, page := range []string{"-1", "99", "x"} {
		if w := h.get(access.Admin, at+"?page="+page); w.Code != 200 {
			t.Errorf("page %s is answered %d", page, w.Code)
		}
	}
	r := httptest.NewRequest("GET", at, nil)
	r.Header.Set("HX-Request", "true")
	lacks(t, "a part", h.Do(access.Admin, r).Body.String(), "<html")
	contains(t, "the version's page", h.get(access.Admin, versionPath("welcome", nextSHA)).Body.String(), "60 events come out otherwise", "Events replayed")
	h.post(access.Admin, at, nil)
	step <- nil
	until(t, func() bool { return strings.Contains(h.get(access.Admin, at).Body.String(), "the journal is gone") })
	if w := h.get(access.Manager, at); w.Code != http.StatusForbidden {
		t.Errorf("a manager's look at a replay is answered %d", w.Code)
	}
}

// until waits for what another goroutine does.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-t.Context().Done():
			t.Fatal("it never came")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestLogs(t *testing.T) {
	h := open(t, func(o *Options) {
		o.Recent = func(context.Context, string) ([]web.PluginLog, error) {
			return []web.PluginLog{{At: noon, Event: "0000000000000007", Kind: "member.joined", Version: liveSHA, Lines: append([]string{"hello <there>"}, make([]string, 50)...), Error: "it broke"}}, nil
		}
	})
	at := onePath("welcome") + "/logs"
	contains(t, "the log", h.get(access.Viewer, at).Body.String(), "hello &lt;there&gt;", "11 more lines", "it broke", `hx-sse:connect="`+at+`/live"`, "/admin/events/0000000000000007")
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(h.Handler())
	defer s.Close()
	r, err := http.NewRequestWithContext(ctx, "GET", s.URL+at+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(h.Cookie(access.Viewer))
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer cancel()
	h.n.logs <- web.PluginLog{At: noon.Add(time.Second), Event: "0000000000000008", Kind: "member.left", Lines: []string{"bye"}}
	var got strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(got.String(), "bye") {
		n, err := resp.Body.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("the stream ended with %v after %s", err, &got)
		}
	}
	if w := h.get(access.Viewer, onePath("nobody")+"/logs"); w.Code != 404 {
		t.Errorf("the log of nobody is answered %d", w.Code)
	}
}

func TestRows(t *testing.T) {
	h := open(t, nil)
	at := onePath("welcome") + "/state"
	contains(t, "the page", h.get(access.Manager, at).Body.String(), "There is nothing")
	h.n.rows = web.StatePage{Rows: []web.StateRow{{Scope: "slack:U1", Key: "greeted", Size: 9000, Value: "<yes>", Cut: true}}, Next: "greeted\x00"}
	h.n.asked = nil
	contains(t, "the page", h.get(access.Manager, at+"?prefix=gr&after=a").Body.String(), "slack:U1", "greeted", "&lt;yes&gt;", " …", "8 KiB", "after=greeted%00&amp;prefix=gr", `href="?prefix=gr"`)
	if want := `state welcome {Prefix:gr After:a Limit:50} by  via `; h.n.asked[0] != want {
		t.Errorf("asked %s, want %s", h.n.asked[0], want)
	}
	if w := h.get(access.Viewer, at); w.Code != http.StatusForbidden {
		t.Errorf("a viewer's look at the rows is answered %d", w.Code)
	}
}

// TestWords finds a text for all that a report and a guardrail may be about.
func TestWords(t *testing.T) {
	for _, w := range replay.Whats() {
		if _, ok := words["what."+string(w)]; !ok {
			t.Errorf("there is no text for %s", w)
		}
	}
	for _, g := range guards {
		if _, ok := words["guard."+g]; !ok {
			t.Errorf("there is no text for %s", g)
		}
	}
}
