package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/slack-go/slack"
)

// Slack's bounds of a manifest.
const (
	maxAppName     = 35
	maxDisplayName = 80
	maxAbout       = 140
	maxCommandHelp = 2000
	maxUsage       = 1000
	maxCommands    = 50
)

// ManifestOptions say how the app is to look.
type ManifestOptions struct {
	AppName string // "" is "hearth"
	About   string // one line; "" is a description of hearth
	Locale  string // of the commands' help; "" is "en"
	Socket  bool   // by Socket Mode: no public address is needed
}

// Manifest is the App manifest that makes Slack match the enabled plugins, their
// commands, what they want to see and what they want to do: JSON to paste at
// api.slack.com/apps. publicURL is how Slack reaches hearth,
// "https://bot.example.org"; it may be "" with o.Socket. [ManifestNotes] says
// what is called differently on Slack.
func Manifest(plugins []abi.Manifest, publicURL string, o ManifestOptions) ([]byte, error) {
	base := strings.TrimSuffix(publicURL, "/")
	if !o.Socket {
		if _, ok := chat.WebURL(base); !ok || !strings.HasPrefix(base, "https://") {
			return nil, fmt.Errorf("slack: Slack calls https addresses only, and %q is none: set server.public_url, or use Socket Mode (slack.app_token)", publicURL)
		}
	}
	def(&o.AppName, "hearth")
	def(&o.About, "Welcomes newcomers, answers, and runs the Go they post.")
	def(&o.Locale, "en")
	address := func(path string) string {
		if o.Socket {
			return ""
		}
		return base + path
	}
	m := slack.Manifest{
		Metadata: slack.ManifestMetadata{MajorVersion: 2, MinorVersion: 1},
		Display: slack.Display{
			Name:            chat.Cut(o.AppName, maxAppName),
			Description:     chat.Cut(o.About, maxAbout),
			BackgroundColor: "#7a3b12",
			LongDescription: "hearth keeps the newcomers of a developer community: it greets them, hands them small tasks, runs the Go they post and tells them at once what happened, and turns questions that come back into a digest. It does only what the community's admins have allowed its plugins to do.",
		},
		Settings: slack.Settings{
			EventSubscriptions: &slack.EventSubscriptions{RequestUrl: address("/slack/events"), BotEvents: names(botEvents, plugins)},
			Interactivity:      &slack.Interactivity{IsEnabled: true, RequestUrl: address("/slack/interactions")},
			SocketModeEnabled:  o.Socket,
		},
		Features: slack.Features{
			AppHome: slack.AppHome{HomeTabEnabled: false, MessagesTabEnabled: true},
			BotUser: slack.BotUser{DisplayName: chat.Cut(o.AppName, maxDisplayName), AlwaysOnline: true},
		},
	}
	m.OAuthConfig.Scopes.Bot = names(botScopes, plugins)
	called, _ := slashes(all(plugins).commands())
	for _, c := range called {
		m.Features.SlashCommands = append(m.Features.SlashCommands, slack.ManifestSlashCommand{
			Command:     SlashName(c.Name),
			Description: orElse(chat.Cut(oneLine(c.Help.In(o.Locale)), maxCommandHelp), c.Name),
			UsageHint:   chat.Cut(oneLine(c.Args.In(o.Locale)), maxUsage),
			Url:         address("/slack/commands"),
			// Members and channels are to come as ids, not as what they are called now.
			ShouldEscape: true,
		})
	}
	return manifestJSON(&m)
}

// ManifestNotes says, a line each, which of the plugins' commands are called
// differently on Slack and why, and which cannot be called by a slash there.
func ManifestNotes(plugins []abi.Manifest) []string {
	_, notes := slashes(all(plugins).commands())
	return notes
}

// slashes are the commands that become slash commands, and what is to be said of
// the others and of those under another name.
func slashes(commands []abi.CommandDef) (out []abi.CommandDef, notes []string) {
	taken := map[string]string{}
	for _, c := range commands {
		if c.Hidden {
			continue
		}
		name := SlashName(c.Name)
		if note := slashNote(c.Name, name, taken[name], len(out)); note != "" {
			notes = append(notes, note)
		}
		if name == "" || taken[name] != "" || len(out) == maxCommands {
			continue
		}
		taken[name] = c.Name
		out = append(out, c)
	}
	return out, notes
}

// slashNote says what is special about the nth command on Slack, "" for nothing;
// other is the command that has its slash already.
func slashNote(name, slash, other string, n int) string {
	switch {
	case slash == "":
		return fmt.Sprintf("%s has too long a name for a slash command on Slack: members write \"@hearth %s\"", name, name)
	case other != "":
		return fmt.Sprintf("%s would be called %s on Slack, as %s is: members write \"@hearth %s\"", name, slash, other, name)
	case n == maxCommands:
		return fmt.Sprintf("%s is one slash command more than Slack allows (%d): members write \"@hearth %s\"", name, maxCommands, name)
	case slash != "/"+name:
		return fmt.Sprintf("/%s is not to be had on Slack: the command is %s there", name, slash)
	}
	return ""
}

func manifestJSON(m *slack.Manifest) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("slack: writing the manifest: %w", err)
	}
	return b.Bytes(), nil
}

func def(s *string, d string) {
	if *s == "" {
		*s = d
	}
}

func orElse(s, d string) string {
	def(&s, d)
	return s
}
