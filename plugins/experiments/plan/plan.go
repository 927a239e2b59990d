// Package plan says what an experiment's definition is: who gets which variation
// ([github.com/hearthbot/hearth/sdk/experiment]), whom it is for, what it is
// judged by, what ends it by itself, and where it stands. It reads and writes
// definitions, says what is wrong with them in both languages and where, and makes
// those that run ready for members.
//
// It must not know an event, a row or a page: the plugin keeps definitions and
// asks it for each event, pages show and change them. What came of an experiment
// is the host's to count. It is pure, and builds for wasip1.
//
// # Form
//
// A definition is a JSON object: that of an experiment with more beside it.
//
//	{
//	  "key": "bot-script",
//	  "variations": ["baseline", "v2", "v3"],
//	  "weights": [0.4, 0.3, 0.3],
//	  "name": {"en": "Bot script", "zh-CN": "欢迎话术"},
//	  "target": "language == \"zh\" && joined_days >= 0",
//	  "metrics": ["day7", "first_task"],
//	  "guardrails": [{"metric": "left", "margin": 0.02}],
//	  "status": "running"
//	}
//
// The first variation is the control: what the others are compared with, and what
// plugins do without an experiment.
//
// # Status
//
//	draft     nobody gets a variation but testers (forced)
//	running   members get theirs, and are counted once they were shown it
//	stopped   as draft; what was found stays
//	settled   every member whom it is for gets the winner, and nobody is counted
//
// # Target
//
// An expression over what is known of a member ([Attributes]), in the language of
// github.com/expr-lang/expr without loops, at most [MaxNodes] nodes large: its
// time is bounded by its size. It keeps newcomers out only: who was given a
// variation keeps it.
package plan

import (
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/experiment"
)

// Bounds. Those of [experiment.Experiment] hold too, where they are tighter.
const (
	MaxBytes       = 16 << 10  // of a definition as [Definition.Encode] writes it
	MaxAllBytes    = 192 << 10 // of all of them together
	MaxDefinitions = 50
	MaxRunning     = 16  // at once, running and settled together
	MaxForced      = 100 // testers of one
	MaxText        = 500 // characters of a name or an about, in one language
	MaxMetrics     = 10  // of one, and as many guardrails
	MaxTarget      = 1000
	MaxNodes       = 100 // of a target's expression
)

// Status is where an experiment stands.
type Status string

// The statuses; the package comment says what they mean.
const (
	Draft   Status = "draft"
	Running Status = "running"
	Stopped Status = "stopped"
	Settled Status = "settled"
)

// Statuses lists every status, in the order above.
func Statuses() []Status { return []Status{Draft, Running, Stopped, Settled} }

// Text is a text by locale; "en" is the fallback of all.
type Text map[string]string

// In is the wording for a reader of locale: in it, else in its language, else in
// English, else in any language there is.
func (t Text) In(locale string) string {
	if s := t[locale]; s != "" {
		return s
	}
	for _, l := range Locales {
		if s := t[l]; s != "" && abi.SameLanguage(l, locale) {
			return s
		}
	}
	for _, l := range Locales {
		if s := t[l]; s != "" {
			return s
		}
	}
	return ""
}

// Locales are the languages of texts.
var Locales = []string{"en", "zh-CN"}

// Guardrail is harm that ends an experiment by itself.
type Guardrail struct {
	Metric string  `json:"metric"`          // by its name, as in Metrics: "left"
	Margin float64 `json:"margin"`          // how much its rate may rise above the control's: 0.01 is one member in a hundred
	Fewer  bool    `json:"fewer,omitempty"` // the metric is something good: how much it may fall below
}

// Definition is an experiment and all that is said of it. It is read only once it
// is compiled.
type Definition struct {
	experiment.Experiment

	Name  Text `json:"name"`
	About Text `json:"about,omitempty"`

	Target string `json:"target,omitempty"` // "" for every member

	Metrics    []string    `json:"metrics,omitempty"`    // by name, the one that decides first
	Guardrails []Guardrail `json:"guardrails,omitempty"` //

	Status Status `json:"status"`
	Winner string `json:"winner,omitempty"` // of a settled one: the variation that all get

	// Began is when it first ran and Ended when it last stopped running; Reason is
	// why, a word: "manager", or "guardrail:" and the metric's name.
	Began  time.Time `json:"began,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// Started says whether members have, or may have, been given variations.
func (d *Definition) Started() bool { return !d.Began.IsZero() || d.Status != Draft }

// Begin makes it run from now on. One that ran before goes on: its members keep
// their variations, and stay in the results.
func (d *Definition) Begin(now time.Time) {
	d.Status, d.Winner, d.Reason, d.Ended = Running, "", "", time.Time{}
	if d.Began.IsZero() {
		d.Began = now.UTC()
	}
}

// End stops it, for a reason (see Reason).
func (d *Definition) End(now time.Time, reason string) {
	d.Status, d.Winner, d.Reason, d.Ended = Stopped, "", reason, now.UTC()
}

// Settle gives everybody whom it is for the winner.
func (d *Definition) Settle(now time.Time, winner string) {
	if d.Ended.IsZero() {
		d.Ended = now.UTC()
	}
	d.Status, d.Winner = Settled, winner
	if d.Reason == "" {
		d.Reason = "manager"
	}
}
