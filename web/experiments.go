package web

import (
	"context"
	"errors"
	"time"

	"github.com/hearthbot/hearth/host/audit"
)

// Experiments is what the community tries on its newcomers, and what came of it.
// It is safe for concurrent use.
type Experiments interface {
	// Experiments are all that there are, with those that stand ready as examples.
	// ErrNoExperiments says that there are none, and cannot be.
	Experiments(ctx context.Context) (ExperimentList, error)

	// Experiment is one with its history; ErrNotFound if there is none of that key.
	Experiment(ctx context.Context, key string) (ExperimentDetail, error)

	// Results are what became of the members who were shown its variations, by one
	// metric.
	Results(ctx context.Context, key string, q ResultsQuery) (ExperimentResults, error)

	// SetExperiment makes, changes or removes one. When it returns members meet it
	// so. A *ExperimentError says what is wrong with it, or who was faster.
	SetExperiment(ctx context.Context, who audit.Who, c ExperimentChange) (Experiment, error)

	// Assign is which variations a member has or would have, by the experiments'
	// keys; ErrNotFound if nobody has that id.
	Assign(ctx context.Context, member string) (map[string]string, error)

	// Needs says what it takes to find an effect.
	Needs(ctx context.Context, q NeedsQuery) (ExperimentNeeds, error)
}

// ErrNoExperiments says that nothing can be tried: the plugin is not there.
var ErrNoExperiments = errors.New("there are no experiments: the plugin experiments is not installed")

// States of an experiment.
const (
	TrialDraft   = "draft"
	TrialRunning = "running"
	TrialStopped = "stopped"
	TrialSettled = "settled" // all whom it is for get the winner
)

// Experiment says who gets which variation, and what decides whether it was any
// good.
type Experiment struct {
	Key        string               `json:"key" doc:"by which plugins ask for it" minLength:"1" maxLength:"64" pattern:"^[a-z][a-z0-9]*(-[a-z0-9]+)*$" patternDescription:"small letters, digits and single hyphens, beginning with a letter"`
	Name       Words                `json:"name,omitempty" doc:"by language"`
	About      Words                `json:"about,omitempty" doc:"by language"`
	Status     string               `json:"status,omitempty" enum:"draft,running,stopped,settled" doc:"not there: draft; settled: all whom it is for get the winner, and nobody is counted"`
	Winner     string               `json:"winner,omitempty" doc:"of a settled one" maxLength:"64"`
	Variations []ExperimentArm      `json:"variations" doc:"the first is the control" minItems:"2" maxItems:"16" nullable:"false"`
	Coverage   float64              `json:"coverage" doc:"share of members that are in it, before the first step of ramp" minimum:"0" maximum:"1" default:"1" required:"false"`
	Ramp       []ExperimentStep     `json:"ramp,omitempty" doc:"changes of coverage at set times, in their order" maxItems:"100"`
	Start      *time.Time           `json:"start,omitempty" doc:"nobody gets a variation before"`
	Stop       *time.Time           `json:"stop,omitempty" doc:"nor from then on"`
	Target     string               `json:"target,omitempty" doc:"which members: an expression over their attributes; not there: all" maxLength:"2000"`
	Metrics    []string             `json:"metrics,omitempty" doc:"what it is judged by, the main one first" maxItems:"16"`
	Guardrails []ExperimentGuard    `json:"guardrails,omitempty" doc:"harm that stops it by itself" maxItems:"16"`
	Namespace  *ExperimentNamespace `json:"namespace,omitempty" doc:"experiments with different parts of one namespace share no member"`
	Holdout    *ExperimentHoldout   `json:"holdout,omitempty" doc:"members whom no experiment with a holdout of that name touches"`
	Forced     map[string]string    `json:"forced,omitempty" doc:"testers: a variation by the member's id; they do not count"`

	// What follows is the host's to say.
	Seed    string     `json:"seed,omitempty" doc:"what is hashed with the member's id; not there: key" maxLength:"64"`
	Version int        `json:"hash_version,omitempty" doc:"not there: 2" minimum:"0" maximum:"2"`
	Began   *time.Time `json:"began,omitempty" doc:"when it first ran"`
	Ended   *time.Time `json:"ended,omitempty" doc:"when it last stopped running"`
	Reason  string     `json:"reason,omitempty" doc:"why: manager, or guardrail: and the metric's name" maxLength:"100"`
	Base    string     `json:"base,omitempty" doc:"tells this state from others; a change names the one it was made of" maxLength:"64"`
}

// ExperimentArm is a variation.
type ExperimentArm struct {
	Name   string  `json:"name" minLength:"1" maxLength:"64"`
	Weight float64 `json:"weight" doc:"share of those who are in the experiment; the weights sum to 1" minimum:"0" maximum:"1"`
}

// ExperimentStep is a coverage from a time on.
type ExperimentStep struct {
	At       time.Time `json:"at"`
	Coverage float64   `json:"coverage" minimum:"0" maximum:"1"`
}

// ExperimentGuard is harm that stops an experiment: a metric that may rise by so
// much and no more.
type ExperimentGuard struct {
	Metric string  `json:"metric" maxLength:"64"`
	Margin float64 `json:"margin" doc:"how much its share may be above the control's: 0.01 is one member in a hundred" minimum:"0" maximum:"1"`
	Fewer  bool    `json:"fewer,omitempty" doc:"it is of something good: fewer are worse"`
}

// ExperimentNamespace is a part of a division of all members.
type ExperimentNamespace struct {
	ID    string  `json:"id" maxLength:"64"`
	Start float64 `json:"start" minimum:"0" maximum:"1"`
	End   float64 `json:"end" minimum:"0" maximum:"1"`
}

// ExperimentHoldout is a share of all members who are left alone.
type ExperimentHoldout struct {
	Name  string  `json:"name" maxLength:"64"`
	Share float64 `json:"share" minimum:"0" maximum:"1"`
}

// Started says whether members may have been given variations.
func (e *Experiment) Started() bool {
	return e.Began != nil || e.Status != "" && e.Status != TrialDraft
}

// CoverageAt is the share of members that are in it at a time.
func (e *Experiment) CoverageAt(now time.Time) float64 {
	c := e.Coverage
	for _, s := range e.Ramp {
		if now.Before(s.At) {
			break
		}
		c = s.Coverage
	}
	return c
}

// ExperimentList is the answer to GET /api/v1/experiments.
type ExperimentList struct {
	Experiments []ExperimentSummary `json:"experiments" nullable:"false"`
	Examples    []Experiment        `json:"examples" doc:"ready ones that the bundled plugins obey and that are not among the experiments" nullable:"false"`
	Independent []ExperimentPair    `json:"independence" doc:"of each two that run: whether being in one says anything of the other" nullable:"false"`
	Metrics     []ExperimentMetric  `json:"metrics" doc:"that there are" nullable:"false"`
	Attributes  []ExperimentAttr    `json:"attributes" doc:"what target may ask of a member" nullable:"false"`
	Zone        string              `json:"time_zone" doc:"the community's"`
}

// ExperimentSummary is an experiment in a list.
type ExperimentSummary struct {
	Experiment
	Shown  int                `json:"shown" doc:"members who were shown a variation, and no other"`
	Change *ExperimentChanged `json:"last_change,omitempty"`
}

// ExperimentDetail is an experiment and how it became so.
type ExperimentDetail struct {
	Experiment
	History []ExperimentChanged `json:"history" doc:"the newest first; a few of them" nullable:"false"`
}

// ExperimentChanged is a change on record.
type ExperimentChanged struct {
	At  time.Time `json:"at"`
	By  string    `json:"by"`
	Did string    `json:"did" doc:"such as experiment.start"`
	Why string    `json:"why,omitempty"`
	Own bool      `json:"own,omitempty" doc:"hearth itself did, as a guardrail said"`
}

// ExperimentMetric is what an experiment can be judged by.
type ExperimentMetric struct {
	Name    string   `json:"name"`
	Day     int      `json:"day,omitempty" doc:"active on the local day so many behind the one on which the variation was shown"`
	By      []string `json:"by,omitempty" doc:"or the first of these events after that"`
	WithinS int      `json:"within_s,omitempty" doc:"in so many seconds"`
}

// Span is the time after which it is known of a member.
func (m *ExperimentMetric) Span() time.Duration {
	if m.Day > 0 {
		return time.Duration(m.Day+1) * 24 * time.Hour
	}
	return time.Duration(m.WithinS) * time.Second
}

// ExperimentAttr is an attribute of a member.
type ExperimentAttr struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	About   Words  `json:"about,omitempty"`
	Example string `json:"example,omitempty" doc:"a target"`
}

// ExperimentPair is the χ² test of two experiments.
type ExperimentPair struct {
	A       string          `json:"a"`
	B       string          `json:"b"`
	P       *float64        `json:"p,omitempty" doc:"not there: too few members for an answer"`
	Alarm   bool            `json:"alarm,omitempty" doc:"p < 0.001: they are not independent"`
	Missing *ExperimentMiss `json:"missing,omitempty"`
}

// ExperimentMiss says how much is there and how much an answer needs.
type ExperimentMiss struct {
	Have int    `json:"have"`
	Need int    `json:"need"`
	What string `json:"what"`
}

// ResultsQuery says which results.
type ResultsQuery struct {
	Metric   string  `query:"metric" maxLength:"64" doc:"not there: the experiment's main one"`
	Platform string  `query:"platform" maxLength:"64" doc:"members of that platform alone; not there: all"`
	Effect   float64 `query:"effect" minimum:"0" maximum:"1" doc:"the smallest difference of the shares that matters, for days_needed; 0: 0.05"`
}

// ExperimentResults are what became of members by one metric.
type ExperimentResults struct {
	Key       string             `json:"key"`
	Metric    ExperimentMetric   `json:"metric"`
	Effect    float64            `json:"effect" doc:"the difference that days_needed is about"`
	Counted   time.Time          `json:"counted" doc:"when"`
	Since     string             `json:"since,omitempty" doc:"the first local day on which a variation was shown, as 2026-03-01; not there: none was"`
	Arms      []ExperimentResult `json:"variations" nullable:"false"`
	Against   []ExperimentDiff   `json:"comparisons" doc:"of each other variation with the control" nullable:"false"`
	Several   int                `json:"several" doc:"members who were shown more than one variation; they are in no figure"`
	PerDay    float64            `json:"per_day" doc:"members shown a variation a day, over the last seven days, or since it began"`
	Ratio     ExperimentRatio    `json:"sample_ratio" doc:"whether members were divided by the weights"`
	Guards    []GuardResult      `json:"guardrails" nullable:"false"`
	Platforms []string           `json:"platforms" doc:"that have members" nullable:"false"`
	Hidden    []Hidden           `json:"hidden" doc:"what platforms do not show, so that it is not in the figures" nullable:"false"`
	Counting  bool               `json:"counting,omitempty" doc:"members are being counted by new definitions: until that is over the figures are too low"`
}

// ExperimentResult is a variation by itself.
type ExperimentResult struct {
	Name    string   `json:"name"`
	Control bool     `json:"control,omitempty"`
	Shown   int      `json:"shown" doc:"members who were shown it, and no other"`
	N       int      `json:"n" doc:"of them, those whose time for the metric has passed; they alone count"`
	Met     int      `json:"met" doc:"of these, those who met it"`
	Rate    *float64 `json:"rate,omitempty" doc:"met of n; not there without a member"`
	Low     float64  `json:"low" doc:"of rate's 95 % interval (Wilson)"`
	High    float64  `json:"high"`
	MedianS *float64 `json:"median_s,omitempty" doc:"median time from being shown to meeting the metric, of those who met it, right to 5 %"`
}

// ExperimentDiff is a variation beside the control.
type ExperimentDiff struct {
	Name    string          `json:"name"`
	Verdict string          `json:"verdict" enum:"not_enough,open,better,worse,void" doc:"by the always-valid interval; void: members were not divided by the weights"`
	Missing *ExperimentMiss `json:"missing,omitempty" doc:"for not_enough: then nothing but verdict and needed says anything"`

	Difference  float64 `json:"difference" doc:"of the rates, variation less control"`
	Low         float64 `json:"low" doc:"of its 95 % interval (Newcombe), for one look"`
	High        float64 `json:"high"`
	ChanceToWin float64 `json:"chance_to_win" doc:"probability that the variation's rate is the higher one (Bayes, uniform prior)"`
	AlwaysLow   float64 `json:"always_low" doc:"of the always-valid 95 % interval, which may be looked at as often as one likes"`
	AlwaysHigh  float64 `json:"always_high"`
	P           float64 `json:"p" doc:"always-valid"`

	Smallest   *float64 `json:"smallest_effect,omitempty" doc:"the smallest rise above the control's rate that so many members would find, in 8 of 10 cases; not there: none"`
	DaysNeeded *int     `json:"days_needed,omitempty" doc:"until a rise of effect would be found, at per_day; not there: never, or not within ten years"`
}

// ExperimentRatio is the check of the sample ratio (SRM, χ²).
type ExperimentRatio struct {
	P       *float64        `json:"p,omitempty" doc:"not there: too few members"`
	Alarm   bool            `json:"alarm,omitempty" doc:"p < 0.001: something loses or adds members, and no result is to be believed"`
	Missing *ExperimentMiss `json:"missing,omitempty"`
}

// GuardResult is where a guardrail of a variation stands.
type GuardResult struct {
	Metric     string          `json:"metric"`
	Variation  string          `json:"variation"`
	Margin     float64         `json:"margin"`
	Harm       float64         `json:"harm" doc:"how much worse than the control"`
	Low        float64         `json:"low" doc:"of harm's always-valid interval"`
	High       float64         `json:"high"`
	N          int             `json:"n" doc:"members of the variation whose time has passed"`
	Met        int             `json:"met" doc:"of them, those of whom it is true"`
	ControlN   int             `json:"control_n"`
	ControlMet int             `json:"control_met"`
	Broken     bool            `json:"broken" doc:"the whole interval lies beyond the margin: the experiment is stopped"`
	Missing    *ExperimentMiss `json:"missing,omitempty" doc:"not known yet"`
}

// ExperimentChange makes Want of the experiment Key.
type ExperimentChange struct {
	Key  string
	Want *Experiment // nil removes it
	Base string      // of the state that it was made of; "" makes a new one
	Why  string
}

// Codes of an ExperimentError.
const (
	TrialExists  = "exists"  // there is one of that key
	TrialFaster  = "base"    // somebody has changed it meanwhile; Now is how
	TrialInvalid = "invalid" // Faults say why
	TrialFixed   = "fixed"   // cannot be changed any more once members have been shown it
)

// ExperimentError says why an experiment was not changed.
type ExperimentError struct {
	Code   string
	Faults []ExperimentFault
	Now    *Experiment // for TrialFaster; nil: it was removed
	Err    error
}

func (e *ExperimentError) Error() string { return e.Err.Error() }
func (e *ExperimentError) Unwrap() error { return e.Err }

// ExperimentFault is one thing that is wrong.
type ExperimentFault struct {
	Field string `json:"field" doc:"its path in the definition: weights, ramp[1].coverage, …; empty: the whole"`
	Text  string `json:"text"`
	In    Words  `json:"-"` // by language; nil: Text alone
}

// NeedsQuery asks what it takes to find an effect.
type NeedsQuery struct {
	Key    string  `query:"key" maxLength:"64" doc:"of an experiment: what is not said is taken from it"`
	Metric string  `query:"metric" maxLength:"64" doc:"whose rate is the base; not there: day7"`
	Base   float64 `query:"base" minimum:"0" maximum:"1" doc:"rate without a change; 0: the community's own, as far as it is known"`
	Effect float64 `query:"effect" minimum:"0" maximum:"1" doc:"the smallest rise that matters; 0: 0.05"`
	PerDay float64 `query:"per_day" minimum:"0" doc:"newcomers a day; 0: the community's own"`
	Arms   int     `query:"arms" minimum:"0" maximum:"16" doc:"variations; 0: 2"`
	Share  float64 `query:"coverage" minimum:"0" maximum:"1" doc:"share of newcomers who are in it; 0: all"`
}

// ExperimentNeeds is what it takes to find an effect.
type ExperimentNeeds struct {
	Base   *float64 `json:"base,omitempty" doc:"the rate it was worked out for; not there: nobody knows it, say one"`
	BaseN  int      `json:"base_n,omitempty" doc:"members of whom the community's own rate is; 0: it was said"`
	Effect float64  `json:"effect"`
	PerDay float64  `json:"per_day"`
	Arms   int      `json:"arms"`
	PerArm int      `json:"members_per_variation,omitempty" doc:"to find the effect in 8 of 10 cases, looking as often as one likes"`
	Days   *int     `json:"days,omitempty" doc:"until then, with the time after which the metric is known; not there: never, or not within ten years"`
	Once   int      `json:"members_for_one_look,omitempty" doc:"members per variation if one looks once, at the end"`
}
