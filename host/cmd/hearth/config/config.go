// Package config reads hearth.toml: strictly, so that a misspelt key is an error
// with a line and a suggestion and never a setting that silently does nothing.
// It owns what can be set and the defaults; it must not know what anything
// does with it. Every key is one line of [Config.keys], and one entry of
// hearth.example.toml at the root of the repository.
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
	Verify    Verify
	Webchat   Webchat
	Slack     Slack
	Plugins   map[string]Plugin

	lines map[string]int // where a table or key stands in File
	plain []string       // secrets that stand in it themselves
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
	Locale   string // BCP 47
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

// Limits is [limits]: how much may wait, and run, at once.
type Limits struct {
	Sandboxes int // events one plugin handles at once; 0 for the number of processors
	Backlog   int // events
	Outbox    int // messages for one platform
	Timers    int // of one plugin
}

// Webchat is [webchat]: the chat at /chat.
type Webchat struct {
	Enabled  bool
	Secret   Secret   // signs the cookies; not set: one is made and kept in the data directory
	Channels []string // beside #general
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

// Plugin is [plugins.NAME].
type Plugin struct {
	Enabled bool
	Config  json.RawMessage   // the table without the other fields of this struct; nil if nothing else is in it
	Secrets map[string]Secret // what the plugin may put into the headers of its requests as ${secret:NAME}, and never sees
	Texts   map[string]Text   // by key: the community's own wordings in place of the plugin's
}

// Text is the wordings of a text by locale, as BCP 47 writes it.
type Text map[string]string

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
		Limits:  Limits{Backlog: 100_000, Outbox: 100_000, Timers: 100_000},
		Verify:  defaultVerify(),
		Webchat: Webchat{Enabled: true},
		Plugins: map[string]Plugin{},
		lines:   map[string]int{},
	}
}

// Plugin returns the table of a plugin; one that is not mentioned is enabled.
func (c *Config) Plugin(name string) Plugin {
	if p, ok := c.Plugins[name]; ok {
		return p
	}
	return Plugin{Enabled: true}
}

// Where says where a table ("slack") or key ("slack.bot_token") is set, as
// FILE:LINE; "" if it is not.
func (c *Config) Where(name string) string {
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
		{name: "server.listen", set: address(&c.Server.Listen)},
		{name: "server.data", set: text(&c.Server.Data, 1, 4096)},
		{name: "server.public_url", set: origin(&c.Server.PublicURL)},
		{name: "server.proxies", set: prefixes(&c.Server.Proxies)},
		{name: "server.grace", set: duration(&c.Server.Grace, 0, 10*time.Minute)},
		{name: "log.level", set: level(&c.Log.Level)},
		{name: "log.format", set: choice(&c.Log.Format, "auto", "text", "json")},
		{name: "community.name", set: text(&c.Community.Name, 1, 80)},
		{name: "community.time_zone", set: timeZone(&c.Community.TimeZone)},
		{name: "community.locale", set: locale(&c.Community.Locale)},
		{name: "policy.quiet_hours", set: hours(&c.Policy.QuietFrom, &c.Policy.QuietTo)},
		{name: "policy.daily_cap", set: dailyCap(&c.Policy.DailyCap)},
		{name: "policy.expiry", set: duration(&c.Policy.Expiry, time.Minute, 30*24*time.Hour)},
		{name: "journal.max_rows", set: number(&c.Journal.MaxRows, 1000, 100_000_000)},
		{name: "journal.max_age", set: duration(&c.Journal.MaxAge, time.Hour, 3650*24*time.Hour)},
		{name: "retries.delays", set: durations(&c.Retries.Delays, time.Hour)},
		{name: "retries.deliveries", set: number(&c.Retries.Deliveries, 1, 1000)},
		{name: "limits.sandboxes", set: number(&c.Limits.Sandboxes, 0, 256)},
		{name: "limits.backlog", set: number(&c.Limits.Backlog, 1, 10_000_000)},
		{name: "limits.outbox", set: number(&c.Limits.Outbox, 1, 10_000_000)},
		{name: "limits.timers", set: number(&c.Limits.Timers, 1, 10_000_000)},
		{name: "webchat.enabled", set: boolean(&c.Webchat.Enabled)},
		{name: "webchat.secret", set: secret(&c.Webchat.Secret, 16), secret: true},
		{name: "webchat.channels", set: texts(&c.Webchat.Channels)},
		{name: "slack.signing_secret", set: secret(&c.Slack.SigningSecret, 0), secret: true},
		{name: "slack.bot_token", set: secret(&c.Slack.BotToken, 0), secret: true},
		{name: "slack.app_token", set: secret(&c.Slack.AppToken, 0), secret: true},
		{name: "slack.api_url", set: httpURL(&c.Slack.APIURL)},
	}, c.Verify.keys()...)
}
