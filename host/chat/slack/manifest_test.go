package slack_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/sdk/abi"
)

var commands = []abi.CommandDef{
	{Name: "help", Help: abi.Localized{{Locale: "en", Text: "What I can do"}, {Locale: "zh-CN", Text: "我会做什么"}}},
	{Name: "run", Help: abi.Localized{{Locale: "en", Text: "Run the Go you give me"}}, Args: abi.Localized{{Locale: "en", Text: "[code]"}}},
	{Name: "secret", Hidden: true},
	{Name: "a-command-with-a-name-of-31-char"},
}

func TestManifest(t *testing.T) {
	got, err := slack.Manifest(commands, "https://bot.example.org/", slack.ManifestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/manifest.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile("testdata/manifest.json"); err != nil || string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s (%v)", got, want, err)
	}
	var m struct {
		Display struct {
			Long string `json:"long_description"`
		} `json:"display_information"`
		OAuth struct {
			Scopes struct{ Bot []string } `json:"scopes"`
		} `json:"oauth_config"`
		Settings struct {
			Events struct {
				URL string `json:"request_url"`
			} `json:"event_subscriptions"`
		} `json:"settings"`
		Features struct {
			Commands []struct{ Command, URL, Description string } `json:"slash_commands"`
		} `json:"features"`
	}
	if err := json.Unmarshal(got, &m); err != nil {
		t.Fatal(err)
	}
	if n := len(m.Display.Long); n < 174 || n > 4000 {
		t.Errorf("a long description of %d", n)
	}
	if !slices.Contains(m.OAuth.Scopes.Bot, "chat:write") || !slices.Contains(m.OAuth.Scopes.Bot, "commands") {
		t.Errorf("scopes %v", m.OAuth.Scopes.Bot)
	}
	// The addresses it names are those that are served.
	w := newWorld(t)
	for _, addr := range []string{m.Settings.Events.URL, m.Features.Commands[0].URL} {
		path := strings.TrimPrefix(addr, "https://bot.example.org")
		if _, pattern := w.mux.Handler(httptest.NewRequest("POST", path, nil)); pattern == "" {
			t.Errorf("%s is not served", addr)
		}
	}
	// Every permission it asks for, Check misses if it is not there.
	w.SetScopes([]string{"nothing"})
	if h := w.a.Check(t.Context()); fmt.Sprint(h.Missing) != fmt.Sprint(m.OAuth.Scopes.Bot) {
		t.Errorf("missing %v, asked for %v", h.Missing, m.OAuth.Scopes.Bot)
	}
}

func TestManifestNotes(t *testing.T) {
	got := strings.Join(slack.ManifestNotes(commands), "\n")
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
	if n := len(slack.ManifestNotes(many)); n != 2 {
		t.Errorf("%d notes about 52 commands", n)
	}
}

func TestManifestSocket(t *testing.T) {
	got, err := slack.Manifest(commands, "", slack.ManifestOptions{Socket: true, AppName: strings.Repeat("n", 50), Locale: "zh-CN"})
	if err != nil || !strings.Contains(string(got), `"socket_mode_enabled": true`) || strings.Contains(string(got), "request_url") || !strings.Contains(string(got), "我会做什么") {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := slack.Manifest(commands, "http://bot.example.org", slack.ManifestOptions{}); err == nil || !strings.Contains(err.Error(), "public_url") {
		t.Errorf("an address that Slack cannot call: %v", err)
	}
}
