package slack_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/sdk/abi"
)

var commands = []abi.CommandDef{
	{Name: "help", Help: abi.Localized{{Locale: "en", Text: "What I can do"}, {Locale: "zh-CN", Text: "我会做什么"}}},
	{Name: "run", Help: abi.Localized{{Locale: "en", Text: "Run the Go you give me"}}, Args: abi.Localized{{Locale: "en", Text: "[code]"}}},
	{Name: "secret", Hidden: true},
	{Name: "a-command-with-a-name-of-31-char"},
}

// greeter is like plugins/welcome, whose real manifest the scripts of hearth
// hold against a golden one; tutor needs all that there is.
var (
	greeter = abi.Manifest{Name: "greeter", Events: []abi.Kind{abi.MemberJoined, abi.MessagePosted, abi.CommandInvoked}, Commands: commands[:1],
		Needs: []abi.Need{{Cap: abi.CapDM}, {Cap: abi.CapSend}}}
	tutor = abi.Manifest{Name: "tutor", Events: []abi.Kind{abi.ReactionAdded, abi.HomeOpened, abi.CommandInvoked}, Commands: commands[1:],
		Needs: []abi.Need{{Cap: abi.CapReact}}}
)

// app is what a manifest asks for.
type app struct {
	Display struct {
		Long string `json:"long_description"`
	} `json:"display_information"`
	OAuth struct {
		Scopes struct{ Bot []string } `json:"scopes"`
	} `json:"oauth_config"`
	Settings struct {
		Events struct {
			URL string   `json:"request_url"`
			Bot []string `json:"bot_events"`
		} `json:"event_subscriptions"`
	} `json:"settings"`
	Features struct {
		Commands []struct{ Command, URL, Description string } `json:"slash_commands"`
	} `json:"features"`
}

func manifest(t *testing.T, plugins ...abi.Manifest) (text []byte, m app) {
	t.Helper()
	text, err := slack.Manifest(plugins, "https://bot.example.org/", slack.ManifestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return text, m
}

func TestManifest(t *testing.T) {
	for name, plugins := range map[string][]abi.Manifest{"greeter": {greeter}, "both": {tutor, greeter}, "none": nil} {
		got, m := manifest(t, plugins...)
		file := "testdata/manifest/" + name + ".json"
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || string(got) != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s (%v)", name, got, want, err)
		}
		if n := len(m.Display.Long); n < 174 || n > 4000 {
			t.Errorf("a long description of %d", n)
		}
		// Every permission it asks for, Check misses if it is not there; and it is
		// well with those alone.
		w := newWorld(t, func(_ *chattest.SlackOptions, o *slack.Options) { o.Plugins = func() []abi.Manifest { return plugins } })
		w.SetScopes([]string{"nothing"})
		if h := w.a.Check(t.Context()); h.OK || h.Code != "missing_scope" || fmt.Sprint(h.Missing) != fmt.Sprint(m.OAuth.Scopes.Bot) {
			t.Errorf("%s: %+v, asked for %v", name, h, m.OAuth.Scopes.Bot)
		}
		w.SetScopes(m.OAuth.Scopes.Bot)
		if h := w.a.Check(t.Context()); !h.OK || len(h.Missing) > 0 {
			t.Errorf("%s: with all it asked for: %+v", name, h)
		}
	}
	// The addresses it names are those that are served.
	_, m := manifest(t, greeter)
	w := newWorld(t)
	for _, addr := range []string{m.Settings.Events.URL, m.Features.Commands[0].URL} {
		path := strings.TrimPrefix(addr, "https://bot.example.org")
		if _, pattern := w.mux.Handler(httptest.NewRequest("POST", path, nil)); pattern == "" {
			t.Errorf("%s is not served", addr)
		}
	}
}

// eventScopes are the permissions without which Slack sends no such event, as
// its documentation has them.
var eventScopes = map[string]string{
	"app_home_opened": "", "app_mention": "app_mentions:read", "app_uninstalled": "", "channel_created": "channels:read", "channel_rename": "channels:read",
	"member_joined_channel": "channels:read groups:read", "member_left_channel": "channels:read groups:read", "message.channels": "channels:history",
	"message.groups": "groups:history", "message.im": "im:history", "reaction_added": "reactions:read", "reaction_removed": "reactions:read",
	"team_join": "users:read", "tokens_revoked": "", "user_change": "users:read",
}

// TestManifestFits: whatever a plugin wants, the app has the permissions for the
// events it subscribes to; and it has none for what no plugin does.
func TestManifestFits(t *testing.T) {
	_, least := manifest(t)
	for _, tc := range []struct {
		plugin abi.Manifest
		scopes string // beside those that are always there
		events string
	}{
		{abi.Manifest{Events: []abi.Kind{abi.MemberJoined, abi.MemberLeft, abi.TimerFired}}, "", ""},
		{abi.Manifest{Events: []abi.Kind{abi.MessagePosted}}, "app_mentions:read", "app_mention message.channels message.groups message.im"},
		{abi.Manifest{Events: []abi.Kind{abi.MessageEdited}}, "app_mentions:read", "app_mention message.channels message.groups message.im"},
		{abi.Manifest{Events: []abi.Kind{abi.ReactionAdded}}, "reactions:read", "reaction_added reaction_removed"},
		{abi.Manifest{Events: []abi.Kind{abi.HomeOpened}}, "", "app_home_opened"},
		{abi.Manifest{Events: []abi.Kind{abi.CommandInvoked}, Commands: commands[:1]}, "app_mentions:read commands", "app_mention message.im"},
		{abi.Manifest{Events: []abi.Kind{abi.CommandInvoked}, Commands: commands[2:3]}, "app_mentions:read", "app_mention message.im"}, // hidden
		{abi.Manifest{Needs: []abi.Need{{Cap: abi.CapReact}}}, "reactions:write", ""},
		{abi.Manifest{Needs: []abi.Need{{Cap: abi.CapDM}}}, "im:write", ""},
		{abi.Manifest{Needs: []abi.Need{{Cap: abi.CapSend}}}, "im:write", ""},
		{abi.Manifest{Needs: []abi.Need{{Cap: abi.CapTimers}, {Cap: abi.CapHTTP, Param: "go.dev"}, {Cap: abi.CapVerify}}}, "", ""},
	} {
		_, m := manifest(t, tc.plugin)
		if got := more(m.OAuth.Scopes.Bot, least.OAuth.Scopes.Bot); got != tc.scopes {
			t.Errorf("%v %v: permissions [%s], want [%s]", tc.plugin.Events, tc.plugin.Needs, got, tc.scopes)
		}
		if got := more(m.Settings.Events.Bot, least.Settings.Events.Bot); got != tc.events {
			t.Errorf("%v %v: events [%s], want [%s]", tc.plugin.Events, tc.plugin.Needs, got, tc.events)
		}
		for _, e := range m.Settings.Events.Bot {
			needed, known := eventScopes[e]
			for s := range strings.FieldsSeq(needed) {
				if !slices.Contains(m.OAuth.Scopes.Bot, s) {
					t.Errorf("%v: %s without %s", tc.plugin.Events, e, s)
				}
			}
			if !known {
				t.Errorf("%s is no event of Slack's", e)
			}
		}
	}
}

// more lists what only a has.
func more(a, b []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) }), " ")
}

func TestManifestNotes(t *testing.T) {
	got := strings.Join(slack.ManifestNotes([]abi.Manifest{greeter, tutor}), "\n")
	for _, want := range []string{"/help is not to be had", "/hearth-help", `@hearth a-command-with-a-name-of-31-char`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not said in\n%s", want, got)
		}
	}
	if strings.Contains(got, "secret") || strings.Contains(got, "run") {
		t.Errorf("too much is said:\n%s", got)
	}
	var many []abi.CommandDef
	for i := range 52 {
		many = append(many, abi.CommandDef{Name: fmt.Sprint("c", i)})
	}
	if n := len(slack.ManifestNotes([]abi.Manifest{{Commands: many}})); n != 2 {
		t.Errorf("%d notes about 52 commands", n)
	}
}

func TestManifestSocket(t *testing.T) {
	got, err := slack.Manifest([]abi.Manifest{greeter, tutor}, "", slack.ManifestOptions{Socket: true, AppName: strings.Repeat("n", 50), Locale: "zh-CN"})
	if err != nil || !strings.Contains(string(got), `"socket_mode_enabled": true`) || strings.Contains(string(got), "request_url") || !strings.Contains(string(got), "我会做什么") {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := slack.Manifest([]abi.Manifest{greeter}, "http://bot.example.org", slack.ManifestOptions{}); err == nil || !strings.Contains(err.Error(), "public_url") {
		t.Errorf("an address that Slack cannot call: %v", err)
	}
}
