package doctor

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/sdk/abi"
)

// TestSlack asks a stand-in for Slack, with tokens that are good and that are
// not.
func TestSlack(t *testing.T) {
	s := chattest.NewSlack(chattest.SlackOptions{})
	defer s.Close()
	reacts := abi.Manifest{Name: "reacts", Needs: []abi.Need{{Cap: abi.CapReact}}}
	without := func(scope string) []string {
		return slices.DeleteFunc(chattest.AllSlackScopes(), func(s string) bool { return s == scope })
	}
	for name, tc := range map[string]struct {
		bot, app string
		scopes   []string
		plugins  []abi.Manifest
		level    Level
		text     string
		advice   string
	}{
		"all is well":            {"xoxb-hearth", "xapp-hearth", chattest.AllSlackScopes(), nil, OK, "hearth is hearth in Gophers (T0TEAM)", ""},
		"dead bot token":         {"xoxb-4711", "xapp-hearth", chattest.AllSlackScopes(), nil, Fail, "Slack says invalid_auth", "the bot token is not valid"},
		"dead app token":         {"xoxb-hearth", "xapp-4711", chattest.AllSlackScopes(), nil, Fail, "Slack says invalid_auth", "slack.app_token is not good for a socket"},
		"a scope is missing":     {"xoxb-hearth", "xapp-hearth", without("chat:write"), nil, Fail, "Slack says missing_scope", "(chat:write): update it from `hearth slack manifest`"},
		"a plugin's is missing":  {"xoxb-hearth", "xapp-hearth", without("reactions:write"), []abi.Manifest{reacts}, Fail, "Slack says missing_scope", "(reactions:write)"},
		"one that nobody needs":  {"xoxb-hearth", "xapp-hearth", without("reactions:write"), nil, OK, "hearth is hearth", ""},
		"a token of other kinds": {"xoxb-hearth", "xoxb-hearth", chattest.AllSlackScopes(), nil, Fail, "app_token is a token of another kind", "hearth.example.toml"},
	} {
		t.Run(name, func(t *testing.T) {
			s.SetScopes(tc.scopes)
			c := config.Default()
			c.Slack = config.Slack{BotToken: config.NewSecret(tc.bot), AppToken: config.NewSecret(tc.app), APIURL: s.APIURL()}
			e := &exam{c: c, enabled: tc.plugins}
			e.slack(t.Context())
			want(t, e.found, "slack", tc.level, tc.text)
			if len(e.found) != 1 || !strings.Contains(e.found[0].Advice, tc.advice) {
				t.Errorf("found %+v, want the advice %q", e.found, tc.advice)
			}
			if said := fmt.Sprint(e.found); strings.Contains(said, "4711") {
				t.Errorf("it shows a token: %s", said)
			}
		})
	}
}

// TestToolchain puts go commands of every kind on PATH, and none.
func TestToolchain(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the go commands of this test are shell scripts")
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell to write go commands for")
	}
	for name, tc := range map[string]struct {
		script string // "" for none
		level  Level
		text   string
		advice string
	}{
		"none":     {"", OK, "there is no go command; it is needed to build plugins, not to run them", ""},
		"good":     {`echo "go version go1.26.4 linux/amd64"`, OK, "go1.26.4 builds plugins", ""},
		"newer":    {`echo "go version go1.30 linux/amd64"`, OK, "go1.30 builds plugins", ""},
		"too old":  {`echo "go version go1.25.9 linux/amd64"`, Note, "is go1.25.9", "install Go 1.26 or later"},
		"unknown":  {`echo "Go, the game, 3.8"`, Note, "is no Go that is known here", "install Go 1.26 or later"},
		"does not": {`exit 3`, Note, "the go command does not work: exit status 3", "look after it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.script != "" {
				if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!"+sh+"\n"+tc.script+"\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", dir)
			e := &exam{}
			for range 20 {
				e.found = nil
				e.toolchain(t.Context())
				// Another test's child may hold the script open for writing still.
				if !strings.Contains(fmt.Sprint(e.found), "text file busy") {
					break
				}
			}
			want(t, e.found, "toolchain", tc.level, tc.text)
			if len(e.found) != 1 || !strings.Contains(e.found[0].Advice, tc.advice) {
				t.Errorf("found %+v, want the advice %q", e.found, tc.advice)
			}
		})
	}
}
