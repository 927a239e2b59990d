package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
)

// drawer is settings in memory: it takes down what it is asked, and answers with
// err.
type drawer struct {
	err  error
	who  audit.Who
	why  string
	got  []SettingChange
	doc  string
	dry  bool
	page [2]uint64
}

var nameNow = Setting{Key: "community.name", Kind: "text", Value: json.RawMessage(`"炉边"`), Default: json.RawMessage(`"hearth"`), Text: "炉边", Set: true, When: "now",
	Help: Words{"en": "name", "zh-CN": "名字"}, Base: 7, Author: "Ben"}

func (s *drawer) Settings(context.Context) ([]Setting, error) { return []Setting{nameNow}, s.err }

func (s *drawer) Change(_ context.Context, who audit.Who, why string, changes []SettingChange) error {
	s.who, s.why, s.got = who, why, changes
	return s.err
}

func (s *drawer) History(_ context.Context, key string, before uint64, limit int) ([]SettingVersion, error) {
	s.page = [2]uint64{before, uint64(limit)}
	return []SettingVersion{{Number: 3, At: time.Unix(0, 0).UTC(), Author: "Ben", Via: "page", Why: key, After: json.RawMessage(`"炉边"`)}}, s.err
}

func (s *drawer) Undo(context.Context, audit.Who, string, string, uint64, uint64) error { return s.err }
func (s *drawer) Export(context.Context) ([]byte, error) {
	return []byte("[community]\nname = \"炉边\"\n"), s.err
}

func (s *drawer) Import(_ context.Context, who audit.Who, why string, document []byte, dry bool) ([]SettingDifference, error) {
	s.who, s.why, s.doc, s.dry = who, why, string(document), dry
	return []SettingDifference{{Key: "slack.bot_token", Secret: true}}, s.err
}

func (s *drawer) CheckSlack(context.Context, string, string) SlackCheck { return SlackCheck{} }
func (s *drawer) Slack(context.Context) SlackState                      { return SlackState{} }
func (s *drawer) SlackManifest(context.Context, bool) ([]byte, []string, error) {
	return nil, nil, s.err
}

func TestSettingsAPI(t *testing.T) {
	held := &drawer{}
	s, _ := server(t, Options{Settings: held})
	var list SettingList
	if err := json.Unmarshal(do(s, "GET", "/api/v1/settings", "").Body.Bytes(), &list); err != nil || len(list.Settings) != 1 || fmt.Sprint(list.Settings[0]) != fmt.Sprint(nameNow) {
		t.Errorf("the settings are %+v, %v", list, err)
	}
	w := do(s, "PUT", "/api/v1/settings", `{"why": "we voted", "changes": [{"key": "community.name", "text": "Ofen", "base": 7}, {"key": "policy.daily_cap", "value": 3, "base": 0}, {"key": "policy.expiry", "base": 9}]}`,
		"Content-Type: application/json")
	if w.Code != http.StatusNoContent || w.Body.Len() != 0 {
		t.Fatalf("a change is answered %d %s", w.Code, w.Body)
	}
	if g := held.got; len(g) != 3 || *g[0].Text != "Ofen" || g[0].Base != 7 || string(g[1].Value) != "3" || g[2].Value != nil || g[2].Text != nil || held.why != "we voted" ||
		held.who.Role != "admin" || held.who.Via != "api" {
		t.Errorf("it came as %+v, %q, by %+v", g, held.why, held.who)
	}
	var history SettingHistory
	if err := json.Unmarshal(do(s, "GET", "/api/v1/settings/plugins.welcome.texts.help.title.zh-CN/history?before=9&limit=5", "").Body.Bytes(), &history); err != nil ||
		len(history.Versions) != 1 || history.Versions[0].Why != "plugins.welcome.texts.help.title.zh-CN" || held.page != [2]uint64{9, 5} {
		t.Errorf("the history is %+v, %v, asked as %v", history, err, held.page)
	}
	w = do(s, "GET", "/api/v1/config", "")
	if w.Header().Get("Content-Type") != "application/toml" || w.Body.String() != "[community]\nname = \"炉边\"\n" {
		t.Errorf("the config is %q of %s", w.Body, w.Header().Get("Content-Type"))
	}
	for _, dry := range []bool{true, false} {
		w = do(s, "POST", fmt.Sprintf("/api/v1/config?dry_run=%t&why=moved", dry), "[community]\n", "Content-Type: application/toml")
		want := fmt.Sprintf(`{"changes":[{"key":"slack.bot_token","secret":true}],"applied":%t}`, !dry)
		if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want || held.doc != "[community]\n" || held.dry != dry || held.why != "moved" {
			t.Errorf("an import is answered %d %s, want %s; it came as %+v", w.Code, w.Body, want, held)
		}
	}
	for name, c := range map[string]struct{ method, path, body string }{
		"no changes":         {"PUT", "/api/v1/settings", `{"changes": []}`},
		"no JSON":            {"PUT", "/api/v1/settings", `{`},
		"no key":             {"PUT", "/api/v1/settings", `{"changes": [{"base": 1}]}`},
		"a negative base":    {"PUT", "/api/v1/settings", `{"changes": [{"key": "a", "base": -1}]}`},
		"a field too many":   {"PUT", "/api/v1/settings", `{"changes": [{"key": "a", "base": 1, "force": true}]}`},
		"too much at once":   {"POST", "/api/v1/config", strings.Repeat("#", maxDocument+1)},
		"a parameter it has": {"POST", "/api/v1/config?dryrun=true", "#"},
	} {
		if w := do(s, c.method, c.path, c.body); w.Code/100 != 4 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestSettingsProblems(t *testing.T) {
	held := &drawer{}
	s, _ := server(t, Options{Settings: held})
	fault := []SettingFault{{"policy.daily_cap", Words{"en": "is 0", "zh-CN": "是 0"}}}
	for _, c := range []struct {
		err    error
		status int
		detail string
		more   func(p *SettingsProblem) bool
	}{
		{&SettingsConflict{[]Setting{nameNow, {Key: "policy.expiry"}}}, http.StatusConflict, "somebody was faster, and nothing was changed: community.name was set by Ben; policy.expiry is back to its default",
			func(p *SettingsProblem) bool {
				return len(p.Now) == 2 && p.Now[0].Text == "炉边" && p.Now[0].Base == 7
			}},
		{fmt.Errorf("wrapped: %w", &SettingsRefused{fault}), http.StatusUnprocessableEntity, "the settings are not acceptable: policy.daily_cap: is 0",
			func(p *SettingsProblem) bool { return len(p.Faults) == 1 && p.Faults[0].Text["zh-CN"] == "是 0" }},
		{&SettingsFailed{fault}, http.StatusUnprocessableEntity, "hearth cannot work with these settings, and has taken them back: policy.daily_cap: is 0",
			func(p *SettingsProblem) bool { return len(p.Faults) == 1 }},
		{fmt.Errorf("x: %w", ErrNotFound), http.StatusNotFound, "", nil},
		{errors.New("a disk on fire"), http.StatusInternalServerError, "hearth could not do this; its log says why", nil},
	} {
		held.err = c.err
		for _, ask := range [][2]string{{"PUT /api/v1/settings", `{"changes": [{"key": "a", "base": 1}]}`}, {"POST /api/v1/config", "#"}} {
			method, path, _ := strings.Cut(ask[0], " ")
			w := do(s, method, path, ask[1])
			var p SettingsProblem
			err := json.Unmarshal(w.Body.Bytes(), &p)
			if err != nil || w.Code != c.status || p.Status != c.status || c.detail != "" && p.Detail != c.detail || c.more != nil && !c.more(&p) ||
				w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s for %v: %d %s %v", ask[0], c.err, w.Code, w.Body, err)
			}
		}
	}
}

// TestSettingsRoles: viewers see no settings; managers see and ask for changes,
// which of them they may is the settings' to say; documents are the admins'.
func TestSettingsRoles(t *testing.T) {
	k := keeper(t, func() string { return token }, nil)
	held := &drawer{}
	s, _ := server(t, Options{Settings: held, Access: k})
	for role, may := range map[access.Role]int{access.Viewer: 0, access.Manager: 3, access.Admin: 5} {
		secret, _, err := k.Create(t.Context(), audit.Host, "a "+string(role), role, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for i, ask := range [][2]string{{"GET /api/v1/settings", ""}, {"GET /api/v1/settings/community.name/history", ""}, {"PUT /api/v1/settings", `{"changes": [{"key": "a", "base": 1}]}`},
			{"GET /api/v1/config", ""}, {"POST /api/v1/config?dry_run=true", "#"}} {
			method, path, _ := strings.Cut(ask[0], " ")
			w := do(s, method, path, ask[1], "Authorization: Bearer "+secret)
			if (w.Code == http.StatusForbidden) != (i >= may) || w.Code/100 != 2 && w.Code != http.StatusForbidden {
				t.Errorf("%s by a %s: %d %s", ask[0], role, w.Code, w.Body)
			}
		}
		if may == 3 && held.who.Role != "manager" {
			t.Errorf("a manager comes as %+v", held.who)
		}
	}
}
