// Package config reads hearth.toml: strictly, so that a misspelt key is an error
// with a line and a suggestion and never a setting that silently does nothing.
// It owns what can be set and the defaults; it must not know what anything
// does with it. Every key is one line of [Config.keys], one of help.go, and one
// entry of hearth.example.toml at the root of the repository.
//
// What the file does not set may be stored, by people on the pages: [Config.Overlay]
// lays it under the file, [Config.Settings] shows all keys with what holds now,
// and [WriteDocument] and [ReadDocument] carry stored values from here to there.
//
// A string may hold ${NAME}, replaced by that environment variable, and
// ${file:PATH}, replaced by a file's content without its last line break; $${
// is a ${ that is meant. Paths are relative to the file's directory.
package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/hearthbot/hearth/host/registry"
)

// Config is everything that can be set. Default returns it as it is without a
// file.
type Config struct {
	File string // that was read; "" if there was none

	Server    Server
	Log       Log
	Community Community
	Policy    Policy
	Journal   Journal
	Retries   Retries
	Limits    Limits
	Access    Access
	Privacy   Privacy
	Analytics Analytics
	Verify    Verify
	Registry  Registry
	Webchat   Webchat
	Knowledge Knowledge
	Slack     Slack
	GitHub    GitHub
	Plugins   map[string]Plugin

	lines map[string]int    // where a table or key stands in File
	pins  map[string]string // what sets a key beside File: "--listen"
	plain []string          // secrets that stand in File themselves
}

// Server is [server]: where hearth listens, and keeps what it keeps.
type Server struct {
	Listen    string         // HOST:PORT
	Data      string         // directory
	PublicURL string         // how browsers and platforms reach it, without a slash at the end; "" if only from Listen
	Proxies   []netip.Prefix // that say of whom a request is, beside this machine's own
	Grace     time.Duration  // for what is under way when hearth is stopped
}

// Log is [log].
type Log struct {
	Level  slog.Level
	Format string // auto, text or json
}

// Community is [community]: whom the bot serves.
type Community struct {
	Name     string
	TimeZone *time.Location
	Locale   string   // BCP 47
	Managers []string // ids of members who may use the managers' commands in chat
}

// Policy is [policy]: what no plugin gets round.
type Policy struct {
	QuietFrom, QuietTo int // hours of a member's day; equal for never
	DailyCap           int // unasked direct messages a member gets in a day; -1 for no bound
	Expiry             time.Duration
}

// Journal is [journal]: how much is kept of what happened.
type Journal struct {
	MaxRows int
	MaxAge  time.Duration
}

// Retries is [retries]: how often what failed is tried again.
type Retries struct {
	Delays     []time.Duration // between attempts at an event
	Deliveries int             // attempts at a message
}

// Privacy is [privacy]: for how long is kept what tells of people. The journal
// has its own age.
type Privacy struct {
	Audit   time.Duration // who changed what
	Sent    time.Duration // what was sent to whom, and what became of it; 0 for as long as the journal
	Seen    time.Duration // which events came in, to know them when they come again
	Buttons time.Duration // what buttons and messages that can be changed stand for
	Track   time.Duration // counters of what plugins track, by day
}

// Access is [access]: who may come in, beside who has a token.
type Access struct {
	Session time.Duration // that a sign-in lasts

	Issuer       string // of OpenID Connect, https://…; "" is none
	ClientID     string
	ClientSecret Secret
	GroupsClaim  string // of the identity token, in which a person's groups are

	Admins, Managers, Viewers []string // e-mail addresses and groups; the highest role counts
}

// Enabled says whether people can sign in by OpenID Connect.
func (a Access) Enabled() bool { return a.Issuer != "" && a.ClientID != "" }

// Limits is [limits]: how much may wait, and run, at once.
type Limits struct {
	Sandboxes int // events one plugin handles at once; 0 for the number of processors
	Backlog   int // events
	Outbox    int // messages for one platform
	Timers    int // of one plugin
}

// Registry is [registry]: how versions of plugins come in, and how many stay.
type Registry struct {
	Signatures string   // required, warn or off
	Keys       []string // public keys of minisign that are trusted
	Keep       int      // versions of a plugin beside those that run
}

// Webchat is [webchat]: the chat at /chat.
type Webchat struct {
	Enabled  bool
	Secret   Secret   // signs the cookies; not set: one is made and kept in the data directory
	Channels []string // beside #general
}

// Knowledge is [knowledge]: the archive at /knowledge.
type Knowledge struct {
	Public bool // everybody may read what was asked in public channels, who is not signed in too
}

// Slack is [slack].
type Slack struct {
	SigningSecret Secret
	BotToken      Secret
	AppToken      Secret
	APIURL        string
}

// Enabled says whether any of Slack's secrets is set.
func (s Slack) Enabled() bool {
	return s.SigningSecret.Set() || s.BotToken.Set() || s.AppToken.Set()
}

// Complete says whether all are set that Slack cannot do without.
func (s Slack) Complete() bool {
	return s.BotToken.Set() && (s.SigningSecret.Set() || s.AppToken.Set())
}

// GitHub is [github]: where members' pull requests come from.
type GitHub struct {
	WebhookSecret Secret // of the webhook at /github/webhook; not set: there is none
	Token         Secret // for the API: what happened before, and whose account is whose
	APIURL        string
}

// Enabled says whether GitHub is connected.
func (g GitHub) Enabled() bool { return g.WebhookSecret.Set() || g.Token.Set() }

// Plugin is [plugins.NAME].
type Plugin struct {
	Enabled bool
	Config  json.RawMessage   // the table without the other fields of this struct; nil if nothing else is in it
	Secrets map[string]Secret // what the plugin may put into the headers of its requests as ${secret:NAME}, and never sees
	Texts   map[string]Text   // by key: the community's own wordings in place of the plugin's
}

// Text is the wordings of a text by locale, as BCP 47 writes it.
type Text map[string]string

const day = 24 * time.Hour

// Default is what holds where nothing is set: the web chat on this machine.
func Default() *Config {
	return &Config{
		Server:    Server{Listen: "127.0.0.1:8080", Data: "data", Grace: 10 * time.Second},
		Log:       Log{Level: slog.LevelInfo, Format: "auto"},
		Community: Community{Name: "hearth", TimeZone: time.UTC, Locale: "en"},
		Policy:    Policy{DailyCap: 5, Expiry: 24 * time.Hour},
		Journal:   Journal{MaxRows: 1_000_000, MaxAge: 30 * 24 * time.Hour},
		Retries: Retries{Delays: []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second,
			time.Minute, 5 * time.Minute}, Deliveries: 12},
		Limits:    Limits{Backlog: 100_000, Outbox: 100_000, Timers: 100_000},
		Access:    Access{Session: 12 * time.Hour, GroupsClaim: "groups"},
		Privacy:   Privacy{Audit: 365 * day, Seen: 7 * day, Buttons: 90 * day, Track: 732 * day},
		Analytics: defaultAnalytics(),
		Verify:    defaultVerify(),
		Registry:  Registry{Signatures: registry.Warn, Keep: 5},
		Webchat:   Webchat{Enabled: true},
		Plugins:   map[string]Plugin{},
		lines:     map[string]int{},
	}
}

// Plugin returns the table of a plugin; one that is not mentioned is enabled.
func (c *Config) Plugin(name string) Plugin {
	if p, ok := c.Plugins[name]; ok {
		return p
	}
	return Plugin{Enabled: true}
}

// Pin notes that something beside the file has set a key, "--listen", so that
// nothing stored takes its place. It is for whoever has loaded the config.
func (c *Config) Pin(name, by string) {
	if c.pins == nil {
		c.pins = map[string]string{}
	}
	c.pins[name] = by
}

// Where says where a table ("slack") or key ("slack.bot_token") is set, as
// FILE:LINE, or what else set it; "" if nothing has.
func (c *Config) Where(name string) string {
	if by := c.pins[name]; by != "" {
		return by
	}
	if line, ok := c.lines[name]; ok {
		return fmt.Sprintf("%s:%d", c.File, line)
	}
	return ""
}

// PlainSecrets names the secrets that stand in File itself, where whoever can
// read it reads them.
func (c *Config) PlainSecrets() []string { return c.plain }

// keys lists all that can be set, each with what takes its value.
func (c *Config) keys() []key {
	return append([]key{
		{"server.listen", Start, address(&c.Server.Listen)},
		{"server.data", File, text(&c.Server.Data, 1, 4096)},
		{"server.public_url", Start, origin(&c.Server.PublicURL)},
		{"server.proxies", Start, prefixes(&c.Server.Proxies)},
		{"server.grace", Start, duration(&c.Server.Grace, 0, 10*time.Minute)},
		{"log.level", File, level(&c.Log.Level)},
		{"log.format", File, choice(&c.Log.Format, "auto", "text", "json")},
		{"community.name", Now, text(&c.Community.Name, 1, 80)},
		{"community.time_zone", Now, timeZone(&c.Community.TimeZone)},
		{"community.locale", Now, locale(&c.Community.Locale)},
		{"community.managers", Now, memberIDs(&c.Community.Managers)},
		{"policy.quiet_hours", Now, hours(&c.Policy.QuietFrom, &c.Policy.QuietTo)},
		{"policy.daily_cap", Now, dailyCap(&c.Policy.DailyCap)},
		{"policy.expiry", Now, duration(&c.Policy.Expiry, time.Minute, 30*24*time.Hour)},
		{"journal.max_rows", Now, number(&c.Journal.MaxRows, 1000, 100_000_000)},
		{"journal.max_age", Now, duration(&c.Journal.MaxAge, time.Hour, 3650*24*time.Hour)},
		{"retries.delays", Now, durations(&c.Retries.Delays, time.Hour)},
		{"retries.deliveries", Now, number(&c.Retries.Deliveries, 1, 1000)},
		{"limits.sandboxes", Start, number(&c.Limits.Sandboxes, 0, 256)},
		{"limits.backlog", Now, number(&c.Limits.Backlog, 1, 10_000_000)},
		{"limits.outbox", Now, number(&c.Limits.Outbox, 1, 10_000_000)},
		{"limits.timers", Now, number(&c.Limits.Timers, 1, 10_000_000)},
		{"access.session", Start, duration(&c.Access.Session, 5*time.Minute, 30*day)},
		{"access.issuer", Now, httpURL(&c.Access.Issuer)},
		{"access.client_id", Now, text(&c.Access.ClientID, 0, 500)},
		{"access.client_secret", Now, secret(&c.Access.ClientSecret, 0)},
		{"access.groups_claim", Now, text(&c.Access.GroupsClaim, 1, 100)},
		{"access.admins", Now, texts(&c.Access.Admins)},
		{"access.managers", Now, texts(&c.Access.Managers)},
		{"access.viewers", Now, texts(&c.Access.Viewers)},
		{"privacy.audit", Now, duration(&c.Privacy.Audit, day, 3650*day)},
		{"privacy.sent", Now, duration(&c.Privacy.Sent, 0, 3650*day)},
		{"privacy.seen", Now, duration(&c.Privacy.Seen, day, 366*day)},
		{"privacy.buttons", Now, duration(&c.Privacy.Buttons, day, 3650*day)},
		{"privacy.track", Now, duration(&c.Privacy.Track, day, 3650*day)},
		{"webchat.enabled", Now, boolean(&c.Webchat.Enabled)},
		{"webchat.secret", Now, secret(&c.Webchat.Secret, 16)},
		{"webchat.channels", Now, texts(&c.Webchat.Channels)},
		{"knowledge.public", Now, boolean(&c.Knowledge.Public)},
		{"slack.signing_secret", Now, secret(&c.Slack.SigningSecret, 0)},
		{"slack.bot_token", Now, secret(&c.Slack.BotToken, 0)},
		{"slack.app_token", Now, secret(&c.Slack.AppToken, 0)},
		{"slack.api_url", File, httpURL(&c.Slack.APIURL)},
		{"github.webhook_secret", Now, secret(&c.GitHub.WebhookSecret, 16)},
		{"github.token", Now, secret(&c.GitHub.Token, 0)},
		{"github.api_url", File, httpURL(&c.GitHub.APIURL)},
		{"registry.signatures", File, choice(&c.Registry.Signatures, registry.Required, registry.Warn, registry.Off)},
		{"registry.keys", File, publicKeys(&c.Registry.Keys)},
		{"registry.keep", Now, number(&c.Registry.Keep, 1, 50)},
	}, append(c.Analytics.keys(), c.Verify.keys()...)...)
}
