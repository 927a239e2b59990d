package main

import (
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk"
)

// A crowd is those who joined a channel within the window. When there are more
// than the config allows they share one message in the channel, and what was
// said there to some of them alone goes:
//
//	1  2  3  4  5 │ 6             │ 7  8  9 …       │ the window ends
//	each by       │ together with │ will be named   │ the message is
//	themselves    │ 1 to 5        │ with the others │ edited, once
type crowd struct {
	Joined []newcomer `json:"joined,omitempty"` // at most maxNamed
	More   int        `json:"more,omitempty"`   // who joined beside them
	Shared string     `json:"shared,omitempty"` // key of the message they share; "" while there is none
	Stale  bool       `json:"stale,omitempty"`  // it does not name all of them, or somebody who left
}

type newcomer struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Private bool      `json:"private,omitempty"` // greeted in a direct message, so not again here
}

// maxNamed is how many newcomers a shared message names.
const maxNamed = 40

var crowds = sdk.PerConversation[crowd]("crowd")

// joinCrowd adds the member to those who joined a channel lately, and says
// whether they are greeted together.
func joinCrowd(c *ctx, here string) bool {
	w := crowds.Get(c)
	if w.Shared == "" {
		w.Joined = slices.DeleteFunc(w.Joined, func(n newcomer) bool { return c.Now().Sub(n.At) >= c.Config.CrowdWindow })
	}
	me, first := newcomer{ID: c.Member.ID, At: c.Now()}, false
	switch {
	case w.Shared != "":
		w.Stale = true
	case len(w.Joined) >= c.Config.Crowd:
		w.Shared, first = "crowd:"+c.Event.ID, true
	default:
		me.Private = !public(c)
	}
	if len(w.Joined) < maxNamed {
		w.Joined = append(w.Joined, me)
	} else {
		w.More++
	}
	if first {
		w.share(c, here)
	}
	if w.Shared != "" {
		standing.Set(c, here)
	}
	crowds.Set(c, w)
	return w.Shared != ""
}

// share greets together those who joined up to now.
func (w *crowd) share(c *ctx, here string) {
	for _, n := range w.Joined {
		if !n.Private && n.ID != c.Member.ID {
			c.Delete(greetingOf(n.ID))
		}
	}
	buttons(c, c.Say(here, w.welcome(c)), c.Community().Locale).
		Key(w.Shared).
		DeletesAfter(c.Config.DeleteAfter)
	c.After(c.Config.CrowdWindow, "crowd").Key("")
	c.Track("welcome.crowd")
}

// welcome is the text of the shared message, in the community's language.
func (w *crowd) welcome(c *ctx) sdk.Markup {
	var names []string
	for _, n := range w.Joined {
		if !n.Private {
			names = append(names, string(sdk.Mention(n.ID)))
		}
	}
	all := sdk.Markup(strings.Join(names, " "))
	if w.More > 0 {
		all = c.TIn("", "crowd.more", all, w.More)
	}
	return c.TIn("", "crowd", all, c.Community().Name, c.Config.pathIn(c.Event.Conversation))
}

// closeCrowd names those who came after the shared message was sent.
func closeCrowd(c *ctx) error {
	if w := crowds.Get(c); w.Stale && len(w.Joined) > 0 {
		buttons(c, c.Edit(w.Shared, w.welcome(c)), c.Community().Locale)
	}
	crowds.Delete(c)
	return nil
}

// leaveCrowd has a member who left the channel not be named any more, and says
// whether they shared a message.
func leaveCrowd(c *ctx, at string) bool {
	here := crowds.Of(at)
	w, ok := here.Lookup(c)
	if !ok {
		return false
	}
	w.Joined = slices.DeleteFunc(w.Joined, func(n newcomer) bool { return n.ID == c.Member.ID })
	w.Stale = w.Shared != ""
	here.Set(c, w)
	return w.Shared != ""
}
