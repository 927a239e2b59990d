package setup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page/pagetest"
	"github.com/hearthbot/hearth/web/setup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// board is settings in memory, with a Slack that knows one token.
type board struct {
	web.Settings
	texts  map[string]string
	base   map[string]uint64
	locked map[string]string
	state  web.SlackState
	err    error
}

func newBoard() *board {
	return &board{texts: map[string]string{}, base: map[string]uint64{}, locked: map[string]string{}}
}

var defaults = map[string]string{"community.name": "hearth", "community.time_zone": "UTC", "community.locale": "en", "webchat.enabled": "true",
	"slack.bot_token": "", "slack.app_token": "", "slack.signing_secret": ""}

func (b *board) list() []web.Setting {
	var out []web.Setting
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		text, set := b.texts[key]
		if !set {
			text = defaults[key]
		}
		s := web.Setting{Key: key, Text: text, Value: json.RawMessage(text), Set: set, Base: b.base[key], Locked: b.locked[key]}
		if strings.HasPrefix(key, "slack.") {
			s.Text, s.Value = "", nil
		}
		out = append(out, s)
	}
	return out
}

func (b *board) Change(_ context.Context, _ audit.Who, _ string, changes []web.SettingChange) error {
	if b.err != nil {
		return b.err
	}
	for _, c := range changes {
		if c.Base != b.base[c.Key] {
			return &web.SettingsConflict{}
		}
		if c.Key == "community.time_zone" && !strings.Contains(*c.Text, "/") && *c.Text != "UTC" {
			return &web.SettingsRefused{Faults: []web.SettingFault{{Key: c.Key, Text: web.Words{"en": "is no time zone", "zh-CN": "不是时区"}}}}
		}
	}
	for _, c := range changes {
		b.texts[c.Key] = *c.Text
		b.base[c.Key]++
	}
	return nil
}

func (b *board) CheckSlack(_ context.Context, field, value string) web.SlackCheck {
	if value == "xoxb-good" || value == "xapp-good" {
		return web.SlackCheck{OK: true, Account: "@hearth <b>"}
	}
	return web.SlackCheck{Missing: []string{"chat:write", "im:write"}, Advice: web.Words{"en": "reinstall the app", "zh-CN": "请重新安装应用"}}
}

func (b *board) Slack(context.Context) web.SlackState { return b.state }

func (b *board) SlackManifest(_ context.Context, socket bool) ([]byte, []string, error) {
	return fmt.Appendf(nil, `{"socket":%v,"name":"</textarea>"}`, socket), []string{"/help is Slack’s own"}, nil
}

// house serves the page to an admin.
type house struct {
	*pagetest.House
	t      *testing.T
	board  *board
	public string
	said   []string
	status string
	why    string
	off    bool
}

type settings struct{ *board }

func (s settings) Settings(context.Context) ([]web.Setting, error) { return s.list(), nil }

func open(t *testing.T) *house {
	t.Helper()
	h := &house{House: pagetest.New(t, nil), t: t, board: newBoard(), status: "sent"}
	err := setup.Register(setup.Options{Frame: h.Frame, Settings: settings{h.board},
		Status: func(context.Context) (web.Status, error) {
			return web.Status{Platforms: []web.Platform{{Name: "webchat", OK: true}}}, nil
		},
		PublicURL: func() string { return h.public },
		Say: func(_ context.Context, _ audit.Who, where, text string) (string, string, error) {
			if h.off {
				return "", "", fmt.Errorf("%w: slack", web.ErrNotFound)
			}
			h.said = append(h.said, where+" "+text)
			return h.status, h.why, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask expects a status and texts; one that begins with ! must not be there.
func (h *house) ask(method, path string, form url.Values, status int, want ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := h.Do(access.Admin, r)
	if w.Code != status {
		h.t.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	for _, s := range want {
		if not, ok := strings.CutPrefix(s, "!"); ok == strings.Contains(w.Body.String(), not) {
			h.t.Errorf("%s %s: %q: %s", method, path, s, w.Body)
		}
	}
	return w
}

func (h *house) leads(w *httptest.ResponseRecorder, to string) {
	h.t.Helper()
	if got := w.Header().Get("Location"); got != to {
		h.t.Errorf("it leads to %s, want %s", got, to)
	}
}

// TestSteps shows that the page begins where one left off.
func TestSteps(t *testing.T) {
	h := open(t)
	h.ask("GET", "/setup", nil, 200, "What is your community called?", `value="hearth"`, "!Socket Mode")
	h.leads(h.ask("POST", "/setup/community", url.Values{"community.name": {"炉边 <b>"}, "community.name.base": {"0"}, "community.time_zone": {"Asia/Shanghai"}, "community.time_zone.base": {"0"},
		"community.locale": {"zh-CN"}, "community.locale.base": {"0"}}, 303), "/setup?done=community&step=platform")
	h.ask("GET", "/setup", nil, 200, "Connect Slack", "Start with the web chat", "!What is your community called?")
	h.ask("GET", "/setup?step=community", nil, 200, "炉边 &lt;b&gt;", "Asia/Shanghai", `<option value="zh-CN" selected`)
	h.ask("GET", "/setup?step=done", nil, 200, "webchat", "works", `href="/messages"`)
	h.board.state = web.SlackState{Connected: true}
	h.ask("GET", "/setup", nil, 200, "Waiting for the first event")
	h.board.state.Events = 1
	h.ask("GET", "/setup", nil, 200, "What is next")
	h.ask("GET", "/setup?step=../../x", nil, 200)
	h.leads(h.ask("POST", "/setup/webchat", url.Values{"webchat.enabled.base": {"0"}}, 303), "/setup?done=webchat.false&step=platform")
	h.leads(h.ask("POST", "/setup/webchat", url.Values{"webchat.enabled.base": {"1"}, "on": {"yes"}}, 303), "/setup?done=webchat.true&step=done")
}

func TestCommunityRefused(t *testing.T) {
	h := open(t)
	form := url.Values{"community.name": {"Gophers"}, "community.name.base": {"0"}, "community.time_zone": {"Mars"}, "community.time_zone.base": {"0"}}
	h.ask("POST", "/setup/community", form, 422, "is no time zone", `value="Gophers"`, `value="Mars"`, `aria-invalid="true"`)
	// Somebody else was faster: what they set stands beside what was typed.
	h.board.texts["community.name"], h.board.base["community.name"] = "Rustaceans", 7
	form.Set("community.time_zone", "UTC")
	h.ask("POST", "/setup/community", form, 409, "Somebody else has changed this", `value="Gophers"`, "now: Rustaceans", `name="community.name.base" value="7"`)
	h.board.locked["community.name"] = "hearth.toml:3"
	h.ask("GET", "/setup?step=community", nil, 200, "Set by hearth.toml:3", `!name="community.name"`)
	h.ask("POST", "/setup/community", url.Values{"community.name": {strings.Repeat("x", 1<<20)}}, 413)
	h.board.err = fmt.Errorf("the disk is full")
	h.ask("POST", "/setup/community", form, 500, "!disk")
}

func TestSlack(t *testing.T) {
	h := open(t)
	h.ask("GET", "/setup?step=slack", nil, 200, "{&#34;socket&#34;:true", "&lt;/textarea&gt;", "https://api.slack.com/apps?new_app=1&amp;manifest_json=%7B", "xoxb-", "xapp-", "/help is Slack’s own", "the keys come first")
	h.ask("GET", "/setup?step=slack&way=http", nil, 200, "server.public_url", "!manifest_json")
	h.public = "https://hearth.example"
	h.ask("GET", "/setup?step=slack", nil, 200, "https://hearth.example", "Signing Secret", "!xapp-")

	// While it is typed.
	h.ask("POST", "/setup/slack/check", url.Values{"field": {"bot_token"}, "bot_token": {"xoxb-good"}}, 200, "hearth is @hearth &lt;b&gt; there", "!<html")
	h.ask("POST", "/setup/slack/check", url.Values{"field": {"bot_token"}, "bot_token": {"xoxb-bad"}}, 200, "reinstall the app", "chat:write, im:write", "!xoxb-bad")
	h.ask("POST", "/setup/slack/check", url.Values{"field": {"nothing"}, "nothing": {"x"}}, 200, "!reinstall")

	// A wrong one keeps all from being saved, and is not shown again.
	form := url.Values{"way": {"socket"}, "bot_token": {"xoxb-good"}, "app_token": {"xapp-bad"}}
	h.ask("POST", "/setup/slack", form, 422, "nothing was saved", "reinstall the app", "Slack knows it", "!xapp-bad", "!xoxb-good")
	if len(h.board.texts) != 0 {
		t.Errorf("saved: %v", h.board.texts)
	}
	h.ask("POST", "/setup/slack", url.Values{"way": {"socket"}}, 422, "Enter the keys first")
	form.Set("app_token", "xapp-good")
	h.leads(h.ask("POST", "/setup/slack", form, 303), "/setup?done=slack&step=slack&way=socket#heard")
	if h.board.texts["slack.bot_token"] != "xoxb-good" || h.board.texts["slack.app_token"] != "xapp-good" {
		t.Errorf("saved: %v", h.board.texts)
	}
	h.board.state = web.SlackState{Connected: true, Socket: true}
	h.ask("GET", "/setup/slack/state", nil, 200, "Waiting", `hx-get="/setup/slack/state"`, "!<html")
	h.board.state.Events = 3
	h.ask("GET", "/setup/slack/state", nil, 200, "everything works", "!hx-get")
	h.board.state = web.SlackState{Problem: web.Words{"en": "the token was revoked"}}
	h.ask("GET", "/setup?step=slack", nil, 200, "the token was revoked")
}

func TestSend(t *testing.T) {
	h := open(t)
	send := func(channel string, status int, want ...string) {
		t.Helper()
		h.ask("POST", "/setup/slack/test", url.Values{"channel": {channel}, "text": {"Hi\u202e!"}}, status, want...)
	}
	send("https://gophers.slack.com/archives/C024BE91L", 200, "Sent: it is in the channel now")
	send("C024BE91L", 200, "Sent")
	if want := []string{`slack:C024BE91L Hi\u202e!`, `slack:C024BE91L Hi\u202e!`}; !slices.Equal(h.said, want) {
		t.Errorf("said %q", h.said)
	}
	for _, bad := range []string{"", "#general", "https://evil.example/archives/C024BE91L", "C1", "slack:C024BE91L", "C024BE91L<script>"} {
		send(bad, 422, "neither a channel’s link nor its id", "!<script>")
	}
	h.status, h.why = "failed", "not_in_channel <b>"
	send("C024BE91L", 200, "Slack did not take it: not_in_channel &lt;b&gt;")
	h.status = "waiting"
	send("C024BE91L", 200, "It waits")
	h.off = true
	send("C024BE91L", 200, "Slack is not connected")
	h.ask("POST", "/setup/slack/test", url.Values{"channel": {"C024BE91L"}, "text": {strings.Repeat("炉", 501)}}, 422, "at most 500 characters")
}
