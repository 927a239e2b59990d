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
	Limits    Limits
	Webchat   Webchat
	Slack     Slack
	Plugins   map[string]Plugin

	lines map[string]int // where a table or key stands in File
}

// Server is [server]: where hearth listens, and keeps what it keeps.
type Server struct {
	Listen    string        // HOST:PORT
	Data      string        // directory
	PublicURL string        // how browsers and platforms reach it, without a slash at the end; "" if only from Listen
	Grace     time.Duration // for what is under way when hearth is stopped
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
	Config  json.RawMessage // the table without "enabled"; nil if nothing else is in it. It may hold secrets
}

// Default is what holds where nothing is set: the web chat on this machine.
func Default() *Config {
	return &Config{
		Server:    Server{Listen: "127.0.0.1:8080", Data: "data", Grace: 10 * time.Second},
		Log:       Log{Level: slog.LevelInfo, Format: "auto"},
		Community: Community{Name: "hearth", TimeZone: time.UTC, Locale: "en"},
		Policy:    Policy{DailyCap: 5, Expiry: 24 * time.Hour},
		Journal:   Journal{MaxRows: 1_000_000, MaxAge: 30 * 24 * time.Hour},
		Limits:    Limits{Backlog: 100_000, Outbox: 100_000, Timers: 100_000},
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

// Where says where a table ("slack") or key ("slack.bot_token") is set, as
// FILE:LINE; "" if it is not.
func (c *Config) Where(name string) string {
	if line, ok := c.lines[name]; ok {
		return fmt.Sprintf("%s:%d", c.File, line)
	}
	return ""
}

// keys lists all that can be set, each with what takes its value.
func (c *Config) keys() []key {
	return []key{
		{"server.listen", address(&c.Server.Listen)},
		{"server.data", text(&c.Server.Data, 1, 4096)},
		{"server.public_url", origin(&c.Server.PublicURL)},
		{"server.grace", duration(&c.Server.Grace, 0, 10*time.Minute)},
		{"log.level", level(&c.Log.Level)},
		{"log.format", choice(&c.Log.Format, "auto", "text", "json")},
		{"community.name", text(&c.Community.Name, 1, 80)},
		{"community.time_zone", timeZone(&c.Community.TimeZone)},
		{"community.locale", locale(&c.Community.Locale)},
		{"policy.quiet_hours", hours(&c.Policy.QuietFrom, &c.Policy.QuietTo)},
		{"policy.daily_cap", dailyCap(&c.Policy.DailyCap)},
		{"policy.expiry", duration(&c.Policy.Expiry, time.Minute, 30*24*time.Hour)},
		{"journal.max_rows", number(&c.Journal.MaxRows, 1000, 100_000_000)},
		{"journal.max_age", duration(&c.Journal.MaxAge, time.Hour, 3650*24*time.Hour)},
		{"limits.sandboxes", number(&c.Limits.Sandboxes, 0, 256)},
		{"limits.backlog", number(&c.Limits.Backlog, 1, 10_000_000)},
		{"limits.outbox", number(&c.Limits.Outbox, 1, 10_000_000)},
		{"limits.timers", number(&c.Limits.Timers, 1, 10_000_000)},
		{"webchat.enabled", boolean(&c.Webchat.Enabled)},
		{"webchat.secret", secret(&c.Webchat.Secret, 16)},
		{"webchat.channels", texts(&c.Webchat.Channels)},
		{"slack.signing_secret", secret(&c.Slack.SigningSecret, 0)},
		{"slack.bot_token", secret(&c.Slack.BotToken, 0)},
		{"slack.app_token", secret(&c.Slack.AppToken, 0)},
		{"slack.api_url", httpURL(&c.Slack.APIURL)},
	}
}
