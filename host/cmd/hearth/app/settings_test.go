package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/settings"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web"
)

var (
	annaAdmin  = audit.Who{ID: "token/1", Name: "Anna", Role: "admin", Via: "page"}
	benManager = audit.Who{ID: "token/2", Name: "Ben", Role: "manager", Via: "page"}
)

// opened is the settings of a hearth that runs, without plugins, at a stand-in
// for Slack.
func opened(t *testing.T, s *chattest.Slack) (b *board, started *App) {
	t.Helper()
	c := config.Default()
	c.Server.Data, c.Server.Listen = t.TempDir(), "127.0.0.1:0"
	if s != nil {
		c.Slack.APIURL = s.APIURL()
	}
	ready := make(chan Ready, 1)
	a, err := New(t.Context(), Options{Config: c, Plugins: fstest.MapFS{}, Ready: func(r Ready) { ready <- r }})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.settings.Change(t.Context(), annaAdmin, "", []web.SettingChange{{Key: "community.name", Value: []byte(`"early"`)}}); !errors.Is(err, chat.ErrBusy) {
		t.Errorf("a change before hearth runs: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatal("it ended: ", err)
	}
	return a.settings, a
}

func text(s string) *string { return &s }

func TestWhoMayChangeWhat(t *testing.T) {
	b, _ := opened(t, nil)
	viewer := audit.Who{Name: "Vera", Role: "viewer"}
	for _, c := range []struct {
		who audit.Who
		key string
		ok  bool
	}{
		{benManager, "community.name", true},
		{benManager, "policy.quiet_hours", true},
		{benManager, "community.managers", false},
		{benManager, "slack.bot_token", false},
		{benManager, "access.admins", false},
		{benManager, "server.public_url", false},
		{benManager, "privacy.audit", false},
		{viewer, "community.name", false},
		{audit.Who{}, "community.name", false},
		{annaAdmin, "community.name", true},
		{annaAdmin, "access.admins", true},
		{annaAdmin, "slack.api_url", false},
		{annaAdmin, "log.level", false},
	} {
		s := b.shown(b.now.Load(), c.key)
		value := map[string]string{"policy.quiet_hours": "22:00-08:00", "community.managers": "slack:U1", "server.public_url": "https://example.org", "privacy.audit": "90d",
			"slack.api_url": "https://evil.example/"}[c.key]
		if value == "" {
			value = "ann@example.org"
		}
		err := b.Change(t.Context(), c.who, "", []web.SettingChange{{Key: c.key, Text: &value, Base: s.Base}})
		var refused *web.SettingsRefused
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &refused) || refused.Faults[0].Key != c.key || refused.Faults[0].Text["zh-CN"] == refused.Faults[0].Text["en"]) {
			t.Errorf("%s by a %s: %v", c.key, c.who.Role, err)
		}
	}
}

func TestUndo(t *testing.T) {
	b, _ := opened(t, nil)
	ctx := t.Context()
	set := func(key, value string) {
		t.Helper()
		if err := b.Change(ctx, annaAdmin, "", []web.SettingChange{{Key: key, Text: &value, Base: b.shown(b.now.Load(), key).Base}}); err != nil {
			t.Fatal(err)
		}
	}
	set("community.name", "one")
	set("community.name", "two")
	set("community.name", "two") // which changes nothing, and is nobody's change
	set("slack.bot_token", "xoxb-1")
	list, err := b.History(ctx, "community.name", 0, 0)
	if err != nil || len(list) != 2 {
		t.Fatalf("the history is %+v, %v", list, err)
	}
	if err := b.Undo(ctx, benManager, "no", "community.name", list[0].Number, 1); !errors.As(err, new(*web.SettingsConflict)) {
		t.Errorf("undoing what one has not seen: %v", err)
	}
	if err := b.Undo(ctx, benManager, "no", "community.name", list[0].Number, b.shown(b.now.Load(), "community.name").Base); err != nil || b.app.conf().Community.Name != "one" {
		t.Errorf("undone it is %s, %v", b.app.conf().Community.Name, err)
	}
	secrets, err := b.History(ctx, "slack.bot_token", 0, 0)
	if err != nil || len(secrets) != 1 || !secrets[0].Secret {
		t.Fatalf("the history of a secret is %+v, %v", secrets, err)
	}
	for key, number := range map[string]uint64{"slack.bot_token": secrets[0].Number, "community.name": 1} {
		if err := b.Undo(ctx, annaAdmin, "", key, number, b.shown(b.now.Load(), key).Base); !errors.Is(err, web.ErrNotFound) {
			t.Errorf("undoing %d of %s: %v", number, key, err)
		}
	}
}

// TestHostileSettings: whatever is put into a field is kept as it is, within
// bounds, or refused.
func TestHostileSettings(t *testing.T) {
	b, _ := opened(t, nil)
	for name, value := range map[string]string{
		"HTML":        `<script>alert(1)</script>"'&`,
		"NUL":         "a\x00b",
		"bidi":        "a\u202eb",
		"a megabyte":  strings.Repeat("x", 1<<20),
		"no UTF-8":    "a\xffb",
		"expansions":  "${HOME} ${file:/etc/passwd} ${secret:kept}",
		"line breaks": "a\nb\r\nc",
	} {
		err := b.Change(t.Context(), annaAdmin, value, []web.SettingChange{{Key: "community.name", Text: &value, Base: b.shown(b.now.Load(), "community.name").Base}})
		if err != nil && len(err.Error()) > 2000 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
		doc, exportErr := b.Export(t.Context())
		if exportErr != nil {
			t.Fatalf("%s: %v", name, exportErr)
		}
		if diff, err := b.Import(t.Context(), annaAdmin, "", doc, true); err != nil || len(diff) > 0 {
			t.Errorf("%s: exported and imported: %+v, %v\n%s", name, diff, err, doc)
		}
	}
	for _, key := range []string{"plugins.../../x.y", "plugins.a\x00b.c", strings.Repeat("k", 1<<20), "plugins." + strings.Repeat("a", 30) + "." + strings.Repeat("b", 300)} {
		err := b.Change(t.Context(), annaAdmin, "", []web.SettingChange{{Key: key, Text: text("x")}})
		if !errors.As(err, new(*web.SettingsRefused)) {
			t.Errorf("the key %.40q: %v", key, err)
		}
	}
}

func TestCheckSlack(t *testing.T) {
	s := chattest.NewSlack(chattest.SlackOptions{})
	t.Cleanup(s.Close)
	b, _ := opened(t, s)
	o := s.Options()
	check := func(field, value string, ok bool, want string) {
		t.Helper()
		got := b.CheckSlack(t.Context(), field, value)
		if got.OK != ok || !strings.Contains(fmt.Sprintf("%s %s %s", got.Account, got.Missing, got.Advice["en"]), want) || !ok && (got.Advice["en"] == "" || got.Advice["zh-CN"] == got.Advice["en"]) ||
			value != "" && strings.Contains(fmt.Sprint(got), value) {
			t.Errorf("%s %s: %+v, want %q", field, value, got, want)
		}
	}
	check("bot_token", o.BotToken, true, "(T0TEAM)")
	check("bot_token", " "+o.BotToken+"\n", true, "(T0TEAM)")
	check("bot_token", "xoxb-wrong", false, "copy it anew from OAuth & Permissions")
	check("bot_token", "xapp-other", false, "the bot's begins with xoxb-")
	check("bot_token", "", false, "enter the token")
	check("app_token", o.AppToken, true, "")
	check("app_token", "xapp-wrong", false, "App-Level Tokens")
	check("app_token", o.BotToken, false, "begins with xapp-")
	check("signing_secret", "0123456789abcdef0123456789abcdef", true, "when Slack calls")
	check("signing_secret", "too short", true, "not the Client Secret")
	check("signing_secret", "", false, "Basic Information")
	check("password", "x", false, "there is no such secret")
	check("", "", false, "the bot token is needed")
	s.SetScopes(slices.DeleteFunc(chattest.AllSlackScopes(), func(s string) bool { return s == "users:read" }))
	check("bot_token", o.BotToken, false, "users:read")
	s.SetScopes(chattest.AllSlackScopes())

	if st := b.Slack(t.Context()); st.Connected || st.Problem != nil {
		t.Errorf("before it is set up: %+v", st)
	}
	if err := b.Change(t.Context(), annaAdmin, "", []web.SettingChange{{Key: "slack.app_token", Text: &o.AppToken}}); err != nil {
		t.Fatal(err)
	}
	if st := b.Slack(t.Context()); st.Connected || !st.Socket || st.Problem["zh-CN"] == "" {
		t.Errorf("with one secret: %+v", st)
	}
	if err := b.Change(t.Context(), annaAdmin, "", []web.SettingChange{{Key: "slack.bot_token", Text: &o.BotToken}}); err != nil {
		t.Fatal(err)
	}
	if st := b.Slack(t.Context()); !st.Connected || st.Problem != nil {
		t.Errorf("with both: %+v", st)
	}
	check("", "", true, "(T0TEAM)")
	if doc, _, err := b.SlackManifest(t.Context(), true); err != nil || !strings.Contains(string(doc), `"socket_mode_enabled": true`) {
		t.Errorf("the manifest is %s, %v", doc, err)
	}
	if _, _, err := b.SlackManifest(t.Context(), false); err == nil || !strings.Contains(err.Error(), "server.public_url") {
		t.Errorf("the manifest without a public address: %v", err)
	}
	s.Close()
	check("bot_token", o.BotToken, false, "check the network")
}

// TestMounts: a request goes to whoever has its path now.
func TestMounts(t *testing.T) {
	says := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) })
	}
	p := &platforms{}
	ask := func(path string) string {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != http.StatusOK {
			return fmt.Sprint(w.Code)
		}
		return w.Body.String()
	}
	p.standing.Store(&standing{routes: map[string]http.Handler{"/chat": says("chat"), "/chat/": says("below"), "/slack/events": says("slack")}})
	for path, want := range map[string]string{"/chat": "chat", "/chat/": "below", "/chat/a/b": "below", "/slack/events": "slack", "/slack/events/": "404", "/slack/": "404", "/chats": "404", "/": "404"} {
		if got := ask(path); got != want {
			t.Errorf("%s is answered %s, want %s", path, got, want)
		}
	}
	p.standing.Store(&standing{})
	if got := ask("/chat"); got != "404" {
		t.Errorf("/chat is answered %s when nothing is there", got)
	}
}

// leaving is a store whose first commit is the last that somebody waits for.
type leaving struct {
	store.Store
	leave context.CancelFunc
}

func (l *leaving) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	rev, err := l.Store.Commit(ctx, b)
	l.leave()
	return rev, err
}

// TestChangeLeftBetween: who asks for more than goes into one batch, and goes away
// when a part is stored, leaves all as it was.
func TestChangeLeftBetween(t *testing.T) {
	b, a := opened(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	b.stored = settings.New(&leaving{a.store, leave}, a.audit, settings.NewKey(t.TempDir(), ""), nil)
	list, err := b.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var changes []web.SettingChange
	for _, s := range list {
		if s.Kind == "wording" && s.Text != "" {
			changes = append(changes, web.SettingChange{Key: s.Key, Text: text(s.Text + " !")})
		}
	}
	if len(changes) <= settings.MaxChanges {
		t.Fatalf("%d changes go into one batch", len(changes))
	}
	if err := b.Change(ctx, annaAdmin, "", changes); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	left, err := settings.New(a.store, a.audit, settings.NewKey(t.TempDir(), ""), nil).All(t.Context())
	if err != nil || len(left) != 0 {
		t.Errorf("%d settings are stored, and not in use; %v", len(left), err)
	}
}
