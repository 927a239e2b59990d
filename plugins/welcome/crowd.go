package main

import (
	"cmp"
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
	Joined []newcomer `json:"joined"` // at most maxNamed
	More   int        `json:"more"`   // who joined beside them
	Shared string     `json:"shared"` // key of the message they share; "" while there is none
	Stale  bool       `json:"stale"`  // it does not name all of them, or somebody who left
	Path   string     `json:"path"`   // learning path link of the channel
}

type newcomer struct {
	ID      string    `json:"id"` // "" if private
	At      time.Time `json:"at"`
	Private bool      `json:"private"` // greeted in a direct message, so not again here
}

// maxNamed is how many newcomers a shared message names; remembered, how long
// somebody who leaves is taken out of it.
const (
	maxNamed   = 40
	remembered = 30 * 24 * time.Hour
)

var (
	crowds = sdk.PerConversation[crowd]("crowd")  // who joined lately
	past   = sdk.ConversationMap[crowd]("crowds") // by key of their message
)

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
		if me.Private = !public(c); me.Private {
			me.ID = "" // it is of no use, and nothing would take it out when they are forgotten
		}
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
		standing.Set(c, place{here, w.Shared})
	}
	crowds.Set(c, w)
	return w.Shared != ""
}

// share greets together those who joined up to now.
func (w *crowd) share(c *ctx, here string) {
	for _, n := range w.Joined {
		if !n.Private && n.ID != c.Member.ID {
			c.Delete(greetingOf(n.ID))
			standing.Of(n.ID).Set(c, place{here, w.Shared})
		}
	}
	w.Path = c.Config.pathIn(c.Event.Conversation)
	buttons(c, c.Say(here, w.welcome(c)), c.Community().Locale).
		Key(w.Shared).
		DeletesAfter(c.Config.DeleteAfter)
	c.After(c.Config.CrowdWindow, "crowd").Key("")
	c.Track("welcome.crowd")
}

// show has the shared message name those who are still here.
func (w *crowd) show(c *ctx, here string) {
	if w.empty() {
		c.DeleteIn(here, w.Shared)
		return
	}
	buttons(c, c.EditIn(here, w.Shared, w.welcome(c)), c.Community().Locale)
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
	return c.TIn("", "crowd", all, c.Community().Name, w.Path)
}

func (w *crowd) empty() bool {
	return w.More == 0 && !slices.ContainsFunc(w.Joined, func(n newcomer) bool { return !n.Private })
}

// closeCrowd names those who came after the shared message was sent, and
// remembers who is named.
func closeCrowd(c *ctx) error {
	w, here := crowds.Get(c), c.Event.Conversation.ID
	if w.Stale {
		w.Stale = false
		w.show(c, here)
	}
	if !w.empty() {
		past.Set(c, w.Shared, w)
		c.After(min(remembered, cmp.Or(c.Config.DeleteAfter, remembered)), "forget").Key(w.Shared)
	}
	crowds.Delete(c)
	return nil
}

// forgetCrowd forgets who is named in a message that is long past.
func forgetCrowd(c *ctx) error {
	past.Delete(c, c.Event.Timer.Key)
	return nil
}

// leaveCrowd has a member who left, or said stop, not be named any more: from
// the end of the window on, or at once if it has ended.
func leaveCrowd(c *ctx, at place) {
	left := func(n newcomer) bool { return n.ID == c.Member.ID }
	open := crowds.Of(at.In)
	if w := open.Get(c); slices.ContainsFunc(w.Joined, left) {
		w.Joined = slices.DeleteFunc(w.Joined, left)
		w.Stale = w.Shared != ""
		open.Set(c, w)
		return
	}
	closed := past.Of(at.In)
	w, ok := closed.Lookup(c, at.Key)
	if !ok {
		return
	}
	w.Joined = slices.DeleteFunc(w.Joined, left)
	if w.show(c, at.In); w.empty() {
		closed.Delete(c, at.Key)
	} else {
		closed.Set(c, at.Key, w)
	}
}
