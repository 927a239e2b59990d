package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthbot/hearth/host/audit"
)

// nursery is plugins in memory: it takes down what it is asked, and answers with
// err.
type nursery struct {
	err      error
	asked    []string
	code     []byte
	sign     string
	versions []PluginVersion
	logs     chan PluginLog
	hold     chan struct{} // if not nil, an upload waits for it
	held     chan struct{}
}

var (
	shaA = strings.Repeat("a", 64)
	shaB = strings.Repeat("ab", 32)
)

func newNursery() *nursery {
	return &nursery{logs: make(chan PluginLog), versions: []PluginVersion{{Name: "welcome", Version: "1.1.0", SHA256: shaB, Status: "staged", Grants: []Grant{{Name: "dm"}, {Name: "send"}}}, {Name: "welcome", Version: "1.0.0", SHA256: shaA, Status: "live"}}}
}

func (n *nursery) note(who audit.Who, format string, a ...any) error {
	n.asked = append(n.asked, fmt.Sprintf(format, a...)+" by "+who.Role+" via "+who.Via)
	return n.err
}

func (n *nursery) Plugins(context.Context) ([]Plugin, error) {
	return []Plugin{{Name: "welcome", Status: "live", SHA256: shaA, Events: []string{}, Commands: []string{}, Grants: []Grant{{Name: "timers", Granted: true}, {Name: "dm"}}}}, nil
}
func (n *nursery) Plugin(ctx context.Context, name string) (Plugin, error) {
	list, err := n.Plugins(ctx)
	if name != "welcome" {
		return Plugin{}, fmt.Errorf("%w: plugin %q", ErrNotFound, name)
	}
	return list[0], err
}
func (n *nursery) Versions(_ context.Context, name string) ([]PluginVersion, error) {
	if name != "welcome" {
		return nil, fmt.Errorf("%w: plugin %q", ErrNotFound, name)
	}
	return slices.Clone(n.versions), nil
}
func (n *nursery) Upload(_ context.Context, who audit.Who, up PluginUpload) (PluginVersion, error) {
	if n.hold != nil {
		n.held <- struct{}{}
		<-n.hold
	}
	n.code, n.sign = up.Code, string(up.Signature)
	return n.versions[0], n.note(who, "upload %d bytes, %s", len(up.Code), up.Why)
}
func (n *nursery) Grant(_ context.Context, who audit.Who, name string, all []Grant, why string) error {
	var list []string
	for _, g := range all {
		list = append(list, strings.TrimSpace(g.Name+" "+g.Param))
	}
	return n.note(who, "grant %s %v, %s", name, list, why)
}
func (n *nursery) Config(context.Context, string) (PluginConfig, error) {
	return PluginConfig{Schema: json.RawMessage(`{"type":"object"}`), Config: map[string]json.RawMessage{"path": json.RawMessage(`"x"`)}}, n.err
}
func (n *nursery) Configure(_ context.Context, who audit.Who, name string, fields map[string]json.RawMessage, why string, preview bool) ([]SettingDifference, error) {
	return []SettingDifference{{Key: "plugins." + name + ".path", After: fields["path"]}}, n.note(who, "configure %s, %s, preview %v", name, why, preview)
}
func (n *nursery) Promote(_ context.Context, who audit.Who, name, sha string, o PluginPromotion) (PluginVersion, error) {
	return n.versions[0], n.note(who, "promote %s %.8s, %s, grant %v, gate %v", name, sha, o.Why, o.Grant, o.Gate)
}
func (n *nursery) Rollback(_ context.Context, who audit.Who, name, why string) (PluginVersion, error) {
	return n.versions[1], n.note(who, "roll back %s, %s", name, why)
}
func (n *nursery) BeginRollout(_ context.Context, who audit.Who, name string, s RolloutSpec, why string) error {
	return n.note(who, "rollout %s %.8s %v %v, %s", name, s.SHA256, s.Share, s.Labels, why)
}
func (n *nursery) EndRollout(_ context.Context, who audit.Who, name string, promote bool, why string) error {
	return n.note(who, "end the rollout %s %v, %s", name, promote, why)
}
func (n *nursery) Rollout(_ context.Context, name string) (Rollout, error) {
	return Rollout{Spec: RolloutSpec{SHA256: shaB}}, n.err
}
func (n *nursery) Shadow(_ context.Context, who audit.Who, name, sha, why string) error {
	return n.note(who, "shadow %s %.8s, %s", name, sha, why)
}
func (n *nursery) ShadowReport(context.Context, string) (ShadowReport, error) {
	return ShadowReport{}, n.err
}
func (n *nursery) Disable(_ context.Context, who audit.Who, name, why string) error {
	return n.note(who, "disable %s, %s", name, why)
}
func (n *nursery) Enable(_ context.Context, who audit.Who, name, why string) error {
	return n.note(who, "enable %s, %s", name, why)
}
func (n *nursery) Remove(_ context.Context, who audit.Who, name, sha, why string) error {
	return n.note(who, "remove %s %.8s, %s", name, sha, why)
}
func (n *nursery) State(_ context.Context, name string, f StateFilter) (StatePage, error) {
	n.asked = append(n.asked, fmt.Sprintf("state %s %q %q %d", name, f.Prefix, f.After, f.Limit))
	return StatePage{Rows: []StateRow{{Key: "greeted", Size: 1, Value: "1"}}, Next: "greeted"}, n.err
}
func (n *nursery) Logs(context.Context, string) (<-chan PluginLog, error) { return n.logs, n.err }

const wasmType = "Content-Type: application/wasm"

func TestPluginsAPI(t *testing.T) {
	n := newNursery()
	s, _ := server(t, Options{Plugins: n})
	const one = "/api/v1/plugins/welcome"
	for _, c := range []struct {
		method, path, body string
		status             int
		asked, answer      string
	}{
		{"POST", "/api/v1/plugins?why=faster&signature=untrusted%20comment", "\x00asm", 201, "upload 4 bytes, faster by admin via api", `"sha256":"` + shaB},
		{"POST", "/api/v1/plugins", "", 422, "", `"code":"invalid"`},
		{"GET", "/api/v1/plugins", "", 200, "", `"name":"welcome"`},
		{"GET", one, "", 200, "", `"status":"live"`},
		{"GET", "/api/v1/plugins/nobody", "", 404, "", `nobody`},
		{"GET", one + "/versions", "", 200, "", `"missing_grants":[]`},
		{"GET", one + "/versions/abababab", "", 200, "", `"version":"1.1.0"`},
		{"GET", one + "/versions/cccccccc", "", 404, "", `cccccccc`},
		{"GET", one + "/versions/abc", "", 422, "", ``},
		{"GET", "/api/v1/plugins/nobody/versions", "", 404, "", ``},
		{"POST", one + "/versions/abababab/promote", "", 200, "promote welcome abababab, , grant false, gate <nil> by admin via api", `1.1.0`},
		{"POST", one + "/versions/" + shaB + "/promote", `{"why":"w","grant":true,"gate":{"last":7}}`, 200, "promote welcome abababab, w, grant true, gate &{7 0 0 0} by admin via api", ``},
		{"POST", one + "/versions/cccccccc/promote", "", 404, "", ``},
		{"POST", one + "/rollback", `{"why":"it was worse"}`, 200, "roll back welcome, it was worse by admin via api", `1.0.0`},
		{"POST", one + "/rollback", ``, 200, "roll back welcome,  by admin via api", ``},
		{"POST", one + "/grants", `{"grants":[{"name":"http","param":"go.dev"}],"why":"w"}`, 200, "grant welcome [http go.dev], w by admin via api", ``},
		{"POST", one + "/grants", `{"all_of":"abababab"}`, 200, "grant welcome [dm send timers],  by admin via api", ``},
		{"POST", one + "/grants", `{}`, 200, "grant welcome [],  by admin via api", ``},
		{"POST", one + "/disable", `{"why":"w"}`, 200, "disable welcome, w by admin via api", `"name":"welcome"`},
		{"POST", one + "/enable", ``, 200, "enable welcome,  by admin via api", ``},
		{"GET", one + "/rollout", "", 200, "", `"guardrails":[]`},
		{"POST", one + "/rollout?why=w", `{"sha256":"abababab","share":5,"labels":[{"when":"vip-tier==gold","weight":100}]}`, 200, "rollout welcome abababab 5 [{vip-tier==gold 100}], w by admin via api", ``},
		{"POST", one + "/rollout", `{"sha256":"abababab","share":101}`, 422, "", ``},
		{"POST", one + "/rollout", `{"sha256":"cccccccc"}`, 404, "", ``},
		{"DELETE", one + "/rollout?promote=true&why=w", "", 200, "end the rollout welcome true, w by admin via api", ``},
		{"DELETE", one + "/rollout", "", 200, "end the rollout welcome false,  by admin via api", ``},
		{"GET", one + "/shadow", "", 200, "", `"list":[]`},
		{"POST", one + "/shadow", `{"sha256":"abababab","why":"w"}`, 200, "shadow welcome abababab, w by admin via api", ``},
		{"POST", one + "/shadow", `{"sha256":""}`, 200, "shadow welcome ,  by admin via api", ``},
		{"DELETE", one + "/versions/abababab?why=w", "", 200, "remove welcome abababab, w by admin via api", shaB},
		{"DELETE", one, "", 200, "remove welcome ,  by admin via api", `"name":"welcome"`},
		{"GET", one + "/config", "", 200, "", `"schema":{"type":"object"}`},
		{"POST", one + "/config?preview=true", `{"config":{"path":"y"},"why":"w"}`, 200, "configure welcome, w, preview true by admin via api", `"after":"y"`},
		{"POST", one + "/config", `{"config":{"path":null}}`, 200, "configure welcome, , preview false by admin via api", `"preview":false`},
		{"GET", one + "/state?prefix=gr&after=a&limit=2", "", 200, `state welcome "gr" "a" 2`, `"next":"greeted"`},
		{"GET", one + "/state", "", 200, `state welcome "" "" 100`, ``},
		{"GET", one + "/state?limit=501", "", 422, "", ``},
	} {
		n.asked = nil
		header := "Content-Type: application/json"
		if c.path == "/api/v1/plugins" || strings.HasPrefix(c.path, "/api/v1/plugins?") {
			header = wasmType
		}
		w := do(s, c.method, c.path, c.body, header)
		if w.Code != c.status || strings.Join(n.asked, "; ") != c.asked || !strings.Contains(w.Body.String(), c.answer) {
			t.Errorf("%s %s %s is answered %d %s, and asked for %q, want %d and %q", c.method, c.path, c.body, w.Code, w.Body, n.asked, c.status, c.asked)
		}
	}
	if string(n.code) != "\x00asm" || n.sign != "untrusted comment" {
		t.Errorf("the code is %q, its signature %q", n.code, n.sign)
	}
}

func TestPluginErrors(t *testing.T) {
	n := newNursery()
	s, _ := server(t, Options{Plugins: n})
	for code, status := range map[string]int{PluginTooLarge: 413, PluginInvalid: 422, PluginSignature: 422, PluginSelfTest: 422, PluginSpec: 422,
		PluginMissing: 409, PluginState: 409, PluginGated: 409, PluginChanging: 409, PluginInUse: 409, PluginNoWay: 409} {
		n.err = fmt.Errorf("promote: %w", &PluginError{Code: code, Err: errors.New("one clear line"), Missing: []Grant{{Name: "http", Param: "go.dev"}}})
		w := do(s, "POST", "/api/v1/plugins/welcome/versions/abababab/promote", "")
		var p PluginProblem
		err := json.Unmarshal(w.Body.Bytes(), &p)
		if want := (PluginProblem{http.StatusText(status), status, "one clear line", code, []Grant{{Name: "http", Param: "go.dev"}}}); err != nil || w.Code != status ||
			w.Header().Get("Content-Type") != "application/problem+json" || fmt.Sprint(p) != fmt.Sprint(want) {
			t.Errorf("%s is answered %d %s (%s)", code, w.Code, w.Body, w.Header().Get("Content-Type"))
		}
	}
	n.err = errors.New("a disk on fire")
	if w := do(s, "POST", "/api/v1/plugins/welcome/rollback", ""); w.Code != 500 || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("an error of hearth's own is answered %d %s", w.Code, w.Body)
	}
	n.err = &SettingsRefused{Faults: []SettingFault{{Key: "plugins.welcome.path", Text: Words{"en": "is no address"}}}}
	if w := do(s, "POST", "/api/v1/plugins/welcome/config", `{"config":{"path":"y"}}`, "Content-Type: application/json"); w.Code != 422 || !strings.Contains(w.Body.String(), "is no address") {
		t.Errorf("a config that does not fit is answered %d %s", w.Code, w.Body)
	}
}

// TestLargeUpload holds an upload to its bound, to the byte.
func TestLargeUpload(t *testing.T) {
	n := newNursery()
	s, _ := server(t, Options{Plugins: n})
	whole := strings.Repeat("x", MaxPlugin)
	for _, c := range []struct{ more, status int }{{0, 201}, {1, 413}, {1 << 20, 413}, {2 << 20, 413}} {
		n.code = nil
		w := do(s, "POST", "/api/v1/plugins", whole+strings.Repeat("x", c.more), wasmType)
		if w.Code != c.status || (len(n.code) != 0) != (c.status == 201) {
			t.Errorf("%d bytes too much are answered %d %.200s", c.more, w.Code, w.Body)
		}
	}
}

// TestUploadsTakeTurns keeps few uploads in memory at once.
func TestUploadsTakeTurns(t *testing.T) {
	n := newNursery()
	n.hold, n.held = make(chan struct{}), make(chan struct{})
	s, _ := server(t, Options{Plugins: n})
	done := make(chan *httptest.ResponseRecorder)
	for range maxPluginUploads {
		go func() { done <- do(s, "POST", "/api/v1/plugins", "x", wasmType) }()
		<-n.held
	}
	if w := do(s, "POST", "/api/v1/plugins", "x", wasmType); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("one more upload is answered %d %s", w.Code, w.Body)
	}
	for range maxPluginUploads {
		n.hold <- struct{}{}
		if w := <-done; w.Code != 201 {
			t.Errorf("an upload is answered %d %s", w.Code, w.Body)
		}
	}
	go func() { <-n.held; n.hold <- struct{}{} }()
	if w := do(s, "POST", "/api/v1/plugins", "x", wasmType); w.Code != 201 {
		t.Errorf("the next upload is answered %d %s", w.Code, w.Body)
	}
}

func TestPluginLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNursery()
		s, _ := server(t, Options{Plugins: n})
		done := make(chan string)
		go func() { done <- do(s, "GET", "/api/v1/plugins/welcome/logs", "").Body.String() }()
		n.logs <- PluginLog{At: time.Unix(0, 0).UTC(), Version: shaA, Event: "0000000000000007", Kind: "member.joined", Lines: []string{"hello"}}
		close(n.logs)
		if got := <-done; !strings.Contains(got, `data: {"at":"1970-01-01T00:00:00Z"`) || !strings.Contains(got, `"lines":["hello"]`) {
			t.Errorf("the stream is %s", got)
		}
	})
}
