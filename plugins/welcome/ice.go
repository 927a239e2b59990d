package main

import (
	"strings"
	"time"
	"unicode"

	"github.com/hearthbot/hearth/plugins/welcome/ask"
	"github.com/hearthbot/hearth/sdk"
)

// The icebreaker answers a newcomer's first words, once: what they write in their
// introduction, or the first message that says more than hello and is no code,
// which is for others to run. Who names a package of the standard library that is
// much in demand (see package ask) gets a program with it, ready to run; all others
// get a gentle start.
//
// A message has one answer from all plugins together. So the icebreaker waits a
// moment: who has something to say to the message itself goes first.
//
// In the experiment of that name only those who named one are compared, as only
// for them the groups differ: "example" gets the program, every other group the
// gentle start.
const icebreaker = "icebreaker"

// iceAnswer is what answered a newcomer's first words.
type iceAnswer struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`    // example or gentle, "" while it is waited
	Package string    `json:"package"` // that they named, "" if none
	Replied bool      `json:"replied"` // they wrote something since
	Clicked bool      `json:"clicked"`
	Reused  bool      `json:"reused"` // they posted code with the package
}

var ice = sdk.PerMember[iceAnswer]("ice")

const (
	newFor    = 72 * time.Hour      // who joined longer ago is no newcomer
	iceWatch  = 14 * 24 * time.Hour // after the join, how long it is noted what became of it
	iceWait   = 10 * time.Second    // between their words and the answer
	iceGentle = "gentle"
	iceShown  = "example"
)

// breaksIce says whether the member's first words are to be answered.
func breaksIce(c *ctx) bool {
	switch m := &c.Member; {
	case m.Bot || m.Guest || m.JoinedAt == 0 || since(c) >= newFor:
		return false
	case c.Config.Icebreaker == "experiment":
		return c.Event.Annotation(icebreaker) != "" // asking for the group would put them into the results
	}
	return c.Config.Icebreaker == "always"
}

// since is how long ago the member joined.
func since(c *ctx) time.Duration { return c.Now().Sub(time.UnixMilli(c.Member.JoinedAt)) }

// hear answers a message of a newcomer's, or notes what became of the answer.
func hear(c *ctx, text string) {
	if c.Member.JoinedAt == 0 || since(c) >= iceWatch || c.Config.Icebreaker == "off" {
		return
	}
	a, answered := ice.Lookup(c)
	switch p, named := ask.Most(text); {
	case !answered && (named || says(text)) && !code(text) && !quiet.Get(c) && breaksIce(c):
		ice.Set(c, iceAnswer{Package: p.Path})
		c.After(iceWait, "ice")
		return
	case !answered || a.Kind == "":
		return
	}
	was := a
	if !a.Replied {
		a.Replied = true
		c.Track("icebreaker.replied", "kind", a.Kind, "package", a.Package)
	}
	if !a.Reused && a.Package != "" && code(text) && uses(text, a.Package) {
		a.Reused = true
		c.Track("icebreaker.reused", "kind", a.Kind, "package", a.Package)
	}
	if a != was {
		ice.Set(c, a)
	}
}

// introduced answers what a newcomer wrote in their introduction.
func introduced(c *ctx, text string) {
	if _, answered := ice.Lookup(c); !answered && strings.TrimSpace(text) != "" && !quiet.Get(c) && breaksIce(c) {
		p, _ := ask.Most(text)
		breakIce(c, p.Path)
	}
}

// iceDue answers what a newcomer wrote a moment ago.
func iceDue(c *ctx) error {
	switch a, ok := ice.Lookup(c); {
	case !ok || a.Kind != "":
	case quiet.Get(c) || !breaksIce(c):
		ice.Delete(c)
	default:
		breakIce(c, a.Package)
	}
	return nil
}

// breakIce answers who named that package, or with "" none.
func breakIce(c *ctx, named string) {
	a := iceAnswer{At: c.Now(), Kind: iceGentle, Package: named}
	source, _, runs := ask.Example(named)
	if runs && ask.Of(named).Demand >= ask.Much && (c.Config.Icebreaker == "always" || c.Group(icebreaker) == iceShown) {
		a.Kind = iceShown
	}
	here := c.Event.Conversation.ID
	if a.Kind == iceShown {
		m := c.DM(c.T("ice.example", named, c.Name())).Or(here).Code("go", source)
		if hasCommand(c, "run") {
			m.Context(c.T("ice.how"))
		}
		m.Button(c.T("ice.prints"), "ice", sdk.ButtonValue(named), sdk.AnyTimes)
	} else {
		c.DM(c.T("ice.gentle", c.Name(), path(c))).Or(here).
			Button(c.T("ice.begin"), "ice", sdk.AnyTimes)
	}
	ice.Set(c, a)
	c.Track("icebreaker.shown", "kind", a.Kind, "package", a.Package)
}

// iceClicked shows what an example prints, or where to begin.
func iceClicked(c *ctx) error {
	if a, ok := ice.Lookup(c); ok && !a.Clicked {
		a.Clicked = true
		ice.Set(c, a)
		c.Track("icebreaker.clicked", "kind", a.Kind, "package", a.Package)
	}
	if _, output, ok := ask.Example(c.Pressed()); ok {
		c.Reply(c.T("ice.printed")).Code("", output)
		return nil
	}
	return start(c)
}

func hasCommand(c *ctx, name string) bool {
	for _, d := range c.Commands() {
		if d.Name == name {
			return true
		}
	}
	return false
}

// says tells first words from a hello: four words, or eight Chinese characters.
func says(text string) bool {
	points, inWord := 0, false
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Han, r):
			points, inWord = points+1, false
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if !inWord {
				points += 2
			}
			inWord = true
		default:
			inWord = inWord && r == '\''
		}
	}
	return points >= 8
}

// code says whether a text has code in it.
func code(text string) bool {
	return strings.Contains(text, "```") || strings.Contains(text, "~~~") || strings.Contains(text, "package main") || strings.Contains(text, "func ")
}

// uses says whether a text names a package.
func uses(text, path string) bool {
	for _, p := range ask.Named(text) {
		if p.Path == path {
			return true
		}
	}
	return false
}
