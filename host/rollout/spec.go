// Package rollout decides who gets a new version of a plugin, and whether it
// may go on. It owns what a gradual release is described by ([Spec]), how work
// is shared out ([Rule]), what is measured of both versions ([Guard]) and what
// follows from that ([Decide]). It must not know how a version runs, how any of
// it is stored, or who has to hear of it: a Spec is a value with JSON tags, and a
// Verdict is one too.
//
//	event ─► Rule.Candidate ─► live or candidate ─► Guard.Add ─┐ of the last Window
//	                                                           ▼
//	               keep on, promote, or roll back ◄── Decide(live, candidate)
//
// Everything in it is a function of its arguments; there is no clock, no
// goroutine and no randomness. A Guard is the one thing that changes.
package rollout

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// Spec describes a gradual release. An event goes to the new version if it comes
// from one of Channels; else the first of Labels that is true of it decides with
// its weight; else Share does.
type Spec struct {
	SHA256   string   `json:"sha256"`             // of the new version's code, hex
	Share    float64  `json:"share,omitempty"`    // percent of the members
	Labels   []Label  `json:"labels,omitempty"`   // at most MaxLabels
	Channels []string `json:"channels,omitempty"` // ids of conversations, at most MaxChannels

	Guardrails Guardrails    `json:"guardrails,omitzero"`
	Window     time.Duration `json:"window,omitempty"`     // over which is measured; 0 means DefaultWindow; a second to a day
	MinEvents  int           `json:"min_events,omitempty"` // of the new version in the window before anything is concluded; 0 means DefaultMinEvents

	PromoteAfter PromoteAfter `json:"promote_after,omitzero"`
}

// Label is a share of those for whom an expression is true. See [Rule] for what
// an expression may say.
type Label struct {
	When   string  `json:"when"`   // at most MaxExpression bytes
	Weight float64 `json:"weight"` // percent of them
}

// PromoteAfter says when a release that goes well is made live by itself: after
// so many events of the new version, or so long, whichever comes first. Zero
// values never do.
type PromoteAfter struct {
	Events   int           `json:"events,omitempty"`
	Duration time.Duration `json:"duration,omitempty"`
}

// Guardrails are what the new version has to keep within. A zero Bound is the
// default; a bound that no version breaks switches a guardrail off.
type Guardrails struct {
	ErrorRate        Bound `json:"error_rate,omitzero"`        // part of the events that failed, 0 to 1
	P95              Bound `json:"p95_ms,omitzero"`            // milliseconds in the sandbox within which 95 of 100 events are
	Fuel             Bound `json:"fuel,omitzero"`              // of an event, on average
	Refused          Bound `json:"refused,omitzero"`           // part of the events of which an effect was refused, 0 to 1
	DeliveryFailures Bound `json:"delivery_failures,omitzero"` // part of the messages that were not delivered, 0 to 1
	Messages         Bound `json:"messages,omitzero"`          // of an event, on average
}

// Bound is up to where a figure may go: what is above either of the two is too
// much.
type Bound struct {
	Most  float64 `json:"most,omitempty"`  // 0: not bounded so
	Times float64 `json:"times,omitempty"` // that of the live version in the same window; 0: not bounded so
}

// Bounds of a Spec.
const (
	MaxLabels     = 16
	MaxChannels   = 100
	MaxExpression = 500 // bytes
	MaxWindow     = 24 * time.Hour
	MinWindow     = time.Second
	MaxEvents     = 100_000_000         // of MinEvents and of PromoteAfter
	MaxAfter      = 90 * 24 * time.Hour // of PromoteAfter
)

// What a Spec leaves open.
const (
	DefaultWindow    = 5 * time.Minute
	DefaultMinEvents = 20
)

// ErrSpec is wrapped by every error about a Spec that cannot be carried out.
var ErrSpec = errors.New("rollout: the release is not described well")

func bad(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrSpec, fmt.Sprintf(format, a...))
}

// Defaults are the guardrails of a Spec that says nothing of them: nothing is
// held against the new version that the live one does as well.
func Defaults() Guardrails {
	return Guardrails{
		ErrorRate:        Bound{Most: 0.02, Times: 2},
		P95:              Bound{Most: 200, Times: 3},
		Fuel:             Bound{Times: 3},
		Refused:          Bound{Most: 0.01},
		DeliveryFailures: Bound{Most: 0.1, Times: 3},
		Messages:         Bound{Times: 3},
	}
}

// WithDefaults is s with what it leaves open filled in.
func (s Spec) WithDefaults() Spec {
	if s.Window == 0 {
		s.Window = DefaultWindow
	}
	if s.MinEvents == 0 {
		s.MinEvents = DefaultMinEvents
	}
	d := Defaults()
	for i, b := range s.Guardrails.list() {
		if *b == (Bound{}) {
			*b = *d.list()[i]
		}
	}
	return s
}

// check says what is wrong with s but for its expressions.
func (s *Spec) check() error {
	switch {
	case !percent(s.Share):
		return bad("share is %v; it is a percentage from 0 to 100", s.Share)
	case len(s.Labels) > MaxLabels:
		return bad("%d labels, at most %d", len(s.Labels), MaxLabels)
	case len(s.Channels) > MaxChannels:
		return bad("%d channels, at most %d", len(s.Channels), MaxChannels)
	case s.Window != 0 && (s.Window < MinWindow || s.Window > MaxWindow):
		return bad("a window of %v; it is from %v to %v", s.Window, MinWindow, MaxWindow)
	case s.MinEvents < 0 || s.MinEvents > MaxEvents:
		return bad("min_events is %d; it is from 0 to %d", s.MinEvents, MaxEvents)
	case s.PromoteAfter.Events < 0 || s.PromoteAfter.Events > MaxEvents || s.PromoteAfter.Duration < 0 || s.PromoteAfter.Duration > MaxAfter:
		return bad("promote_after is %d events or %v; they are from 0 to %d, and to %v", s.PromoteAfter.Events, s.PromoteAfter.Duration, MaxEvents, MaxAfter)
	}
	for i, l := range s.Labels {
		switch {
		case !percent(l.Weight):
			return bad("label %d: weight is %v; it is a percentage from 0 to 100", i+1, l.Weight)
		case strings.TrimSpace(l.When) == "":
			return bad("label %d says not when: give an expression such as vip-tier==gold", i+1)
		case len(l.When) > MaxExpression || !utf8.ValidString(l.When):
			return bad("label %d: an expression is a text of at most %d bytes, this has %d", i+1, MaxExpression, len(l.When))
		}
	}
	for i, c := range s.Channels {
		if platform, id, ok := strings.Cut(c, ":"); !ok || platform == "" || id == "" || len(c) > 256 || !utf8.ValidString(c) {
			return bad("channel %d is %.40q; it is a conversation's id such as slack:C024BE91L", i+1, c)
		}
	}
	for i, b := range s.Guardrails.list() {
		if !(b.Most >= 0 && b.Times >= 0) || math.IsInf(b.Most, 0) || math.IsInf(b.Times, 0) {
			return bad("guardrail %s: most is %v and times is %v; both are numbers from 0 on", Names()[i], b.Most, b.Times)
		}
	}
	return nil
}

func percent(p float64) bool { return p >= 0 && p <= 100 } // NaN is neither
