package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hearthbot/hearth/host/audit"
)

// MaxPlugin is how many bytes a plugin's file may have.
const MaxPlugin = 32 << 20

// Plugins is the life of the plugins: what there is of each, how its versions
// come and go, and what each may do. It is safe for concurrent use. What is not
// there is [ErrNotFound]; what is refused a *[PluginError]. Every change is on
// record when it returns. Hashes are whole, in lower case.
type Plugins interface {
	// Plugins lists all that are known, by name: also those that nothing runs of.
	Plugins(ctx context.Context) ([]Plugin, error)
	Plugin(ctx context.Context, name string) (Plugin, error)

	// Versions lists what is kept of a plugin, the newest upload first.
	Versions(ctx context.Context, name string) ([]PluginVersion, error)

	// Upload takes a version in and tests it. Nothing that runs is touched; the
	// same code again is no error.
	Upload(ctx context.Context, who audit.Who, up PluginUpload) (PluginVersion, error)

	// Grant permits a plugin all of these, and nothing else, at once.
	Grant(ctx context.Context, who audit.Who, name string, all []Grant, why string) error

	// Config is what can be set of a plugin and what holds. Configure changes the
	// fields that are named; null takes one back to its default. It returns what
	// that changes, and with preview does no more. Its errors are those of
	// [Settings].
	Config(ctx context.Context, name string) (PluginConfig, error)
	Configure(ctx context.Context, who audit.Who, name string, fields map[string]json.RawMessage, why string, preview bool) ([]SettingDifference, error)

	// Promote makes a version live; Rollback the one that was before.
	Promote(ctx context.Context, who audit.Who, name, sha string, o PluginPromotion) (PluginVersion, error)
	Rollback(ctx context.Context, who audit.Who, name, why string) (PluginVersion, error)

	// BeginRollout gives a version to a part of the events. EndRollout takes it
	// back, or with promote makes it live.
	BeginRollout(ctx context.Context, who audit.Who, name string, spec RolloutSpec, why string) error
	EndRollout(ctx context.Context, who audit.Who, name string, promote bool, why string) error
	Rollout(ctx context.Context, name string) (Rollout, error)

	// Shadow runs a version beside the live one, without its effects; "" ends that.
	Shadow(ctx context.Context, who audit.Who, name, sha, why string) error
	ShadowReport(ctx context.Context, name string) (ShadowReport, error)

	Disable(ctx context.Context, who audit.Who, name, why string) error
	Enable(ctx context.Context, who audit.Who, name, why string) error

	// Remove deletes a version, or with sha "" the plugin and all its versions.
	// What runs is not deleted: it is disabled or replaced before.
	Remove(ctx context.Context, who audit.Who, name, sha, why string) error

	// State lists rows that the plugin keeps, a page at a time.
	State(ctx context.Context, name string, f StateFilter) (StatePage, error)

	// Logs returns what the plugin logs from now on, as Host.Follow does events.
	Logs(ctx context.Context, name string) (<-chan PluginLog, error)
}

// PluginUpload is code on its way in.
type PluginUpload struct {
	Code      []byte // the upload's own from here on
	Signature []byte // as minisign writes it; nil without
	Why       string
}

// PluginVersion is one version of a plugin.
type PluginVersion struct {
	Name         string    `json:"name"`
	Version      string    `json:"version" doc:"as its manifest has it"`
	SHA256       string    `json:"sha256" doc:"of its code, hex"`
	Status       string    `json:"status" enum:"staged,live,previous,rollout,shadow" doc:"staged: tested, and nothing runs it; live; previous: was live, and a rollback may make it so; rollout: some events go to it; shadow: runs beside the live one without effects"`
	Size         int64     `json:"size" doc:"bytes"`
	Uploaded     time.Time `json:"uploaded"`
	By           string    `json:"by" doc:"who uploaded it"`
	Why          string    `json:"why,omitempty"`
	Bundled      bool      `json:"bundled,omitempty" doc:"it came with hearth"`
	Signature    string    `json:"signature" doc:"none; good and the key; or what is wrong with it"`
	SelfTest     string    `json:"self_test" doc:"what came of it"`
	StateVersion int       `json:"state_version" doc:"of the rows it keeps: where it differs from the live version's, they are migrated"`
	About        Words     `json:"about,omitempty" doc:"by language"`
	Events       []string  `json:"events" doc:"kinds it wants" nullable:"false"`
	Commands     []string  `json:"commands" nullable:"false"`
	Grants       []Grant   `json:"grants" doc:"what it asks for" nullable:"false"`
	Missing      []Grant   `json:"missing_grants" doc:"of those, what it may not do: it is not made live before that is granted" nullable:"false"`
}

// PluginConfig is what can be set of a plugin.
type PluginConfig struct {
	Schema json.RawMessage            `json:"schema,omitempty" doc:"JSON Schema (2020-12)"`
	Config map[string]json.RawMessage `json:"config" doc:"what holds, defaults among it; secrets are not shown"`
}

// PluginPromotion says how a version is made live.
type PluginPromotion struct {
	Why   string      `json:"why,omitempty" maxLength:"500"`
	Grant bool        `json:"grant,omitempty" doc:"grant what it asks for with it"`
	Gate  *PluginGate `json:"gate,omitempty" doc:"replay events first, and go on only if it keeps to the bound"`
}

// PluginGate is a test that a version has to pass before it is made live.
type PluginGate struct {
	Last      int `json:"last,omitempty" minimum:"0" maximum:"10000" doc:"how many events of the journal; 0 means 1,000"`
	P95MS     int `json:"p95_ms,omitempty" minimum:"0" maximum:"60000" doc:"milliseconds under which 95 of 100 events have to be handled; 0 means 200"`
	LatencyMS int `json:"latency_ms,omitempty" minimum:"0" maximum:"10000" doc:"by which each of the plugin's reads is answered late"`
	FailEvery int `json:"fail_every,omitempty" minimum:"0" doc:"each so many-th read fails; 0 means none"`
}

// RolloutSpec says which events a new version gets, and when that ends.
type RolloutSpec struct {
	SHA256       string         `json:"sha256" minLength:"8" maxLength:"64" doc:"of the version"`
	Share        float64        `json:"share,omitempty" minimum:"0" maximum:"100" doc:"percent of the members; each is always on the same side"`
	Labels       []RolloutLabel `json:"labels,omitempty" maxItems:"16" nullable:"true" doc:"shares of those for whom an expression is true; the first that is decides"`
	Channels     []string       `json:"channels,omitempty" maxItems:"100" nullable:"true" doc:"conversations where all go to the new version"`
	Guardrails   Guardrails     `json:"guardrails,omitempty"`
	WindowS      int            `json:"window_s,omitempty" minimum:"0" maximum:"86400" doc:"seconds over which the guardrails measure; 0 means 300"`
	MinEvents    int            `json:"min_events,omitempty" minimum:"0" maximum:"100000000" doc:"before which no guardrail breaks"`
	AfterEvents  int            `json:"promote_after_events,omitempty" minimum:"0" maximum:"100000000" doc:"made live by itself after so many; 0 means never"`
	AfterMinutes int            `json:"promote_after_minutes,omitempty" minimum:"0" maximum:"129600" doc:"made live by itself after so long; 0 means never"`
}

// RolloutLabel is the share of those for whom an expression is true.
type RolloutLabel struct {
	When   string  `json:"when" maxLength:"500" doc:"such as vip-tier==gold"`
	Weight float64 `json:"weight" minimum:"0" maximum:"100" doc:"percent of them that get the new version"`
}

// Guardrails are the bounds of a rollout: where one breaks, it is taken back.
type Guardrails struct {
	ErrorRate Guardrail `json:"error_rate,omitempty" doc:"part of the events that fail, 0 to 1"`
	P95MS     Guardrail `json:"p95_ms,omitempty" doc:"milliseconds in which 95 of 100 events are handled"`
	Fuel      Guardrail `json:"fuel,omitempty" doc:"instructions an event, about"`
	Refused   Guardrail `json:"refused,omitempty" doc:"part of the events of which an effect was refused, 0 to 1"`
	Delivery  Guardrail `json:"delivery_failures,omitempty" doc:"part of the messages that were not delivered, 0 to 1"`
	Messages  Guardrail `json:"messages,omitempty" doc:"messages an event"`
}

// Guardrail is a bound. The zero Guardrail is the engine's own.
type Guardrail struct {
	Most  float64 `json:"most,omitempty" minimum:"0" doc:"at most this; 0: not bounded so"`
	Times float64 `json:"times,omitempty" minimum:"0" doc:"at most so many times what the live version has at the same time; 0: not bounded so"`
}

// Rollout is a gradual release and how it goes.
type Rollout struct {
	Spec  RolloutSpec    `json:"spec"`
	Began time.Time      `json:"began"`
	By    string         `json:"by,omitempty"`
	Live  RolloutArm     `json:"live" doc:"the version that was live before, in the window"`
	New   RolloutArm     `json:"new" doc:"the new version, in the window"`
	Bars  []GuardrailBar `json:"guardrails" nullable:"false"`
	Ended string         `json:"ended,omitempty" enum:"promoted,rolled_back,stopped" doc:"it is over, and how"`
	Why   string         `json:"why,omitempty" doc:"it ended so"`
}

// RolloutArm is how one of the two versions does.
type RolloutArm struct {
	SHA256  string  `json:"sha256"`
	Version string  `json:"version"`
	Share   float64 `json:"share" doc:"percent of the events that it got"`
	Events  int     `json:"events" doc:"that it handled in the window"`
	Failed  int     `json:"failed" doc:"of them, that failed"`
}

// GuardrailBar is a guardrail and how near it is.
type GuardrailBar struct {
	Name  string  `json:"name" enum:"error_rate,p95_ms,fuel,refused,delivery_failures,messages"`
	Now   float64 `json:"now" doc:"what the new version has"`
	Live  float64 `json:"live" doc:"what the live version has"`
	Most  float64 `json:"most" doc:"where it breaks"`
	Known bool    `json:"known" doc:"whether there are events enough to say"`
}

// ShadowReport is what a version on silent trial would have done otherwise.
type ShadowReport struct {
	SHA256  string          `json:"sha256" doc:"\"\": there is none"`
	Version string          `json:"version"`
	Began   time.Time       `json:"began"`
	Events  int             `json:"events" doc:"that both handled"`
	Same    int             `json:"same"`
	Changed int             `json:"changed"`
	Inexact int             `json:"inexact" doc:"that could not be compared"`
	Failed  int             `json:"failed" doc:"at which the version on trial failed and the live one did not"`
	Dropped int             `json:"dropped" doc:"that were not tried, because too many waited"`
	Kinds   map[string]int  `json:"kinds" doc:"differences by kind"`
	List    []ShadowedEvent `json:"list" doc:"the newest that differ" nullable:"false"`
}

// ShadowedEvent is one event of which the two versions made something else.
type ShadowedEvent struct {
	Number      string   `json:"number"`
	Kind        string   `json:"kind"`
	Differences []string `json:"differences" doc:"a line each" nullable:"false"`
}

// Migration is how far a plugin's rows are on their way to another state version.
type Migration struct {
	From  int `json:"from" doc:"state version that its rows have"`
	To    int `json:"to" doc:"state version that they will have"`
	Done  int `json:"done" doc:"rows that were migrated"`
	Total int `json:"total" doc:"rows that there are, about"`
}

// Health is how a plugin has done in the last hour, by the minute. It is in
// memory: it begins anew with the process.
type Health struct {
	Since   time.Time `json:"since" doc:"what was counted before is not known"`
	Events  int       `json:"events" doc:"attempts to handle one"`
	Failed  int       `json:"failed" doc:"attempts that failed"`
	Minutes []Minute  `json:"minutes" doc:"the oldest first" nullable:"false"`
}

// Minute is what was counted in a minute.
type Minute struct {
	Events int `json:"events" doc:"attempts of that minute to handle one"`
	Failed int `json:"failed" doc:"of them, that failed"`
}

// StateFilter chooses rows of a plugin.
type StateFilter struct {
	Prefix string `query:"prefix" maxLength:"512" doc:"what their keys begin with, as the plugin writes them"`
	After  string `query:"after" maxLength:"1024" doc:"only keys behind this one: next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

// StatePage is a part of a plugin's rows.
type StatePage struct {
	Rows []StateRow `json:"rows" nullable:"false"`
	Next string     `json:"next,omitempty" doc:"where to go on; not there at the end"`
}

// StateRow is a row that a plugin keeps.
type StateRow struct {
	Scope string `json:"scope,omitempty" doc:"whose it is: a member's or a conversation's id; not there: the community's"`
	Key   string `json:"key" doc:"as the plugin writes it"`
	Size  int    `json:"size" doc:"bytes of the value as it is stored"`
	Value string `json:"value" doc:"as JSON: its beginning, 4 KiB at most"`
	Cut   bool   `json:"cut,omitempty" doc:"there is more of it"`
}

// PluginLog is what a plugin logged while it handled an event.
type PluginLog struct {
	At      time.Time `json:"at"`
	Version string    `json:"version" doc:"sha256 of its code"`
	Event   string    `json:"event" doc:"number of the event"`
	Kind    string    `json:"kind" doc:"of the event"`
	Error   string    `json:"error,omitempty" doc:"why nothing of it was committed"`
	Lines   []string  `json:"lines" nullable:"false"`
}

// PluginError says why something was not done about a plugin, and what is to be
// done. Nothing was changed.
type PluginError struct {
	Code    string // one of the codes below
	Err     error  // one clear line
	Missing []Grant
}

// Codes of a PluginError.
const (
	PluginTooLarge  = "too_large"
	PluginInvalid   = "invalid"        // it is no plugin, or its manifest is not acceptable
	PluginSignature = "signature"      // it is not signed as it has to be
	PluginSelfTest  = "self_test"      // it fails events that nobody fails
	PluginMissing   = "missing_grants" // it asks for what is not granted
	PluginState     = "state_version"  // its rows cannot be migrated
	PluginGated     = "gate"           // it did not pass the gate
	PluginChanging  = "changing"       // another change of it is under way
	PluginInUse     = "in_use"         // what runs is not deleted
	PluginNoWay     = "no_way_back"    // there is nothing to roll back to
	PluginSpec      = "spec"           // the rollout is not well described
)

func (e *PluginError) Error() string { return fmt.Sprintf("%s: %v", e.Code, e.Err) }

func (e *PluginError) Unwrap() error { return e.Err }

// ErrPluginTooLarge is what is said of code that has more than MaxPlugin bytes.
func ErrPluginTooLarge() error {
	return &PluginError{Code: PluginTooLarge, Err: fmt.Errorf("a plugin has at most %d MiB; go build -ldflags=-s leaves out what only debuggers need", MaxPlugin>>20)}
}

// ReadPlugin reads code whole, up to MaxPlugin bytes; more are a *[PluginError].
func ReadPlugin(r io.Reader) ([]byte, error) {
	code, err := io.ReadAll(io.LimitReader(r, MaxPlugin+1))
	switch {
	case len(code) > MaxPlugin || tooLarge(err):
		return nil, ErrPluginTooLarge()
	case err != nil:
		return nil, err
	}
	return code, nil
}

// StatusOf is how a PluginError's code is answered.
func StatusOf(code string) int {
	switch code {
	case PluginTooLarge:
		return http.StatusRequestEntityTooLarge
	case PluginMissing, PluginState, PluginGated, PluginChanging, PluginInUse, PluginNoWay:
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}
