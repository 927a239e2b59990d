package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/audit"
)

// Settings is everything that can be set, as pages and the API see and change
// it. It is safe for concurrent use.
type Settings interface {
	// Settings returns what can be set, hearth's own in the order of the example
	// file and then those of each plugin, with what holds now.
	Settings(ctx context.Context) ([]Setting, error)

	// Change stores values and puts them to use: all of them or none. When it
	// returns, those that work at once do. Its errors are *[SettingsConflict],
	// *[SettingsRefused], and *[SettingsFailed] if hearth could not work with what
	// was set, and works with what was set before.
	Change(ctx context.Context, who audit.Who, why string, changes []SettingChange) error

	// History returns the changes of a setting, the newest first: those with a
	// number below before (0 for all), at most limit (0 for 100).
	History(ctx context.Context, key string, before uint64, limit int) ([]SettingVersion, error)

	// Undo sets what stood there before the change of that number, as Change does.
	// ErrNotFound says that there is no such change, or that it was of a secret.
	Undo(ctx context.Context, who audit.Who, why, key string, number, base uint64) error

	// Export returns all that is stored as a config file has it, without secrets.
	Export(ctx context.Context) ([]byte, error)

	// Import makes what is stored what the document says: what it leaves out goes
	// back to its default. It returns what that changes; with dryRun it does no
	// more. Errors are those of Change.
	Import(ctx context.Context, who audit.Who, why string, document []byte, dryRun bool) ([]SettingDifference, error)

	// CheckSlack asks Slack whether a secret is good before it is stored. field is
	// "bot_token", "app_token" or "signing_secret"; "" checks what is stored. It
	// takes a few seconds at most.
	CheckSlack(ctx context.Context, field, value string) SlackCheck

	// Slack says how the connection to Slack is.
	Slack(ctx context.Context) SlackState

	// SlackManifest is the manifest of the app to make at Slack, as JSON to paste,
	// and what to know of it, a line each. Without socket Slack has to reach
	// server.public_url, and it is an error if that is not set.
	SlackManifest(ctx context.Context, socket bool) (manifest []byte, notes []string, err error)
}

// Setting is one thing that can be set.
type Setting struct {
	Key     string   `json:"key" example:"community.name"`
	Kind    string   `json:"kind" enum:"text,number,duration,size,boolean,choice,list,secret,locale,time zone,hours,address,url,wording,json"`
	Choices []string `json:"choices,omitempty" doc:"of a choice"`

	Value   json.RawMessage `json:"value,omitempty" doc:"what holds; not there of a secret"`
	Default json.RawMessage `json:"default,omitempty" doc:"what holds where nothing is set"`
	Text    string          `json:"text" doc:"value as a person writes it; a list has a line for each; empty of a secret"`
	Set     bool            `json:"set" doc:"it is set, by the file or in the store; a secret is there"`

	Locked string `json:"locked,omitempty" doc:"FILE:LINE that sets it, so that nothing else can"`
	When   string `json:"when" enum:"now,start,file" doc:"when a change works: at once, at the next start, or only in the file"`
	Why    Words  `json:"why,omitempty" doc:"it can be set in the file alone, by language"`
	Help   Words  `json:"help" doc:"what it is for, by language"`
	Admin  bool   `json:"admin" doc:"for admins, not for managers"`

	Waiting bool `json:"waiting,omitempty" doc:"what is set is not what hearth works with: it does after the next start"`

	Base    uint64     `json:"base" doc:"revision at which it is stored, which a change has to name; 0 if it is not"`
	Author  string     `json:"author,omitempty" doc:"who stored it"`
	At      *time.Time `json:"at,omitempty" doc:"when"`
	Problem Words      `json:"problem,omitempty" doc:"why what is stored is not used, by language: the default holds"`

	Plugin       string   `json:"plugin,omitempty" doc:"whose it is"`
	Placeholders []string `json:"placeholders,omitempty" doc:"that a wording may have in braces"`
}

// Words are a text by language, "en" always among them.
type Words map[string]string

// In returns the words in a language, or else in English.
func (w Words) In(locale string) string {
	if s, ok := w[locale]; ok {
		return s
	}
	if s, ok := w["zh-CN"]; ok && strings.HasPrefix(locale, "zh") {
		return s
	}
	return w["en"]
}

// SettingChange is a value that is to be stored. Without Value and Text what is
// stored is taken away: back to the default.
type SettingChange struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value,omitempty" doc:"as the setting has it; null or nothing takes the stored value away"`
	Text  *string         `json:"text,omitempty" doc:"the value as a person writes it, in place of value"`
	Base  uint64          `json:"base" doc:"revision that the setting had when it was read"`
}

// SettingVersion is one change of a setting.
type SettingVersion struct {
	Number uint64          `json:"number"`
	At     time.Time       `json:"at"`
	Author string          `json:"author"`
	Via    string          `json:"via" enum:"page,api,chat,cli,host"`
	Why    string          `json:"why,omitempty"`
	Secret bool            `json:"secret,omitempty" doc:"of a secret nobody knows what it was"`
	Before json.RawMessage `json:"before,omitempty" doc:"not there: the default"`
	After  json.RawMessage `json:"after,omitempty"`
}

// SettingDifference is what an import changes of one setting. A secret has
// neither value.
type SettingDifference struct {
	Key    string          `json:"key"`
	Secret bool            `json:"secret,omitempty"`
	Before json.RawMessage `json:"before,omitempty" doc:"not there: nothing is stored"`
	After  json.RawMessage `json:"after,omitempty" doc:"not there: what is stored is taken away"`
}

// SlackCheck is what Slack says of a secret.
type SlackCheck struct {
	OK      bool     `json:"ok"`
	Account string   `json:"account,omitempty" doc:"who hearth is on Slack"`
	Missing []string `json:"missing,omitempty" doc:"permissions that the app lacks"`
	Advice  Words    `json:"advice,omitempty" doc:"what to do, by language"`
}

// SlackState is how the connection to Slack is.
type SlackState struct {
	Connected bool   `json:"connected" doc:"all secrets that it needs are set, and it is switched on"`
	Socket    bool   `json:"socket" doc:"hearth calls Slack, by Socket Mode"`
	Events    uint64 `json:"events" doc:"requests and envelopes from Slack whose sender was verified, since it is connected: with the first the way back is proven"`
	Problem   Words  `json:"problem,omitempty" doc:"why it is not connected though secrets are set, by language"`
}

// SettingFault is what is wrong with one value.
type SettingFault struct {
	Key  string `json:"key"`
	Text Words  `json:"text"`
}

// SettingsRefused says that a change was not made because of what it says.
type SettingsRefused struct{ Faults []SettingFault }

func (e *SettingsRefused) Error() string {
	return "the settings are not acceptable: " + faults(e.Faults)
}

// SettingsFailed says that what was set could not be put to use. What was set
// before is in use again, unless Faults say otherwise.
type SettingsFailed struct{ Faults []SettingFault }

func (e *SettingsFailed) Error() string {
	return "hearth cannot work with these settings, and has taken them back: " + faults(e.Faults)
}

// SettingsConflict says that somebody has changed a setting since it was read.
// Nothing was changed.
type SettingsConflict struct{ Now []Setting } // as they are

func (e *SettingsConflict) Error() string {
	var b strings.Builder
	b.WriteString("somebody was faster, and nothing was changed:")
	for _, s := range e.Now {
		if s.Base == 0 {
			fmt.Fprintf(&b, " %s is back to its default;", s.Key)
			continue
		}
		fmt.Fprintf(&b, " %s was set by %s;", s.Key, s.Author)
	}
	return strings.TrimSuffix(b.String(), ";")
}

func faults(list []SettingFault) string {
	texts := make([]string, len(list))
	for i, f := range list {
		texts[i] = strings.TrimPrefix(f.Key+": ", ": ") + f.Text.In("en")
	}
	return strings.Join(texts, "; ")
}
