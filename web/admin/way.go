package admin

import (
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/web/page"
)

// Columns of an event's way, from what arrived to the platform's word.
const (
	colEvent = iota
	colPlugin
	colEffect
	colAttempt
	colReceipt
	columns
)

// node is a station of the way.
type node struct {
	col        int
	state      string // good, bad, wait, plain
	title, sub string
	kids       []*node
}

func (n *node) add(k *node) *node {
	n.kids = append(n.kids, k)
	return k
}

// Bounds of what is drawn. All of it is told below the picture.
const (
	drawnPlugins  = 12
	drawnEffects  = 12 // of one plugin
	drawnAttempts = 4  // of one message
)

// newWay is the way that the details of a page tell.
func newWay(t page.Texts, v *eventView, came time.Time) *node {
	root := &node{col: colEvent, state: "good", title: v.Title1, sub: v.Event.Source + " · " + came.Format("15:04:05") + " UTC"}
	for i := range v.Handled {
		h := &v.Handled[i]
		if i == drawnPlugins {
			root.add(&node{col: colPlugin, state: "plain", title: t.Say("way.more", len(v.Handled)-i)})
			break
		}
		n := root.add(&node{col: colPlugin, state: h.State, title: h.Plugin, sub: h.Says})
		if h.Event != nil {
			n.sub = h.Says + " · " + h.Took
			if h.Event.Attempt > 1 {
				n.sub = h.Says + " · " + t.Say("way.attempt", h.Event.Attempt)
			}
		}
		drawn := 0
		for k := range h.Messages {
			if drawn++; drawn > drawnEffects {
				break
			}
			drawMessage(t, n, &h.Messages[k], came)
		}
		for k := range h.Effects {
			if drawn++; drawn > drawnEffects {
				break
			}
			e := &h.Effects[k]
			n.add(&node{col: colEffect, state: "plain", title: e.Name, sub: plain(e.Text)})
		}
		if rest := len(h.Messages) + len(h.Effects) - drawnEffects; rest > 0 {
			n.add(&node{col: colEffect, state: "plain", title: t.Say("way.more", rest)})
		}
		if h.Event != nil && h.Event.Error == "" && h.Event.Writes > 0 {
			n.add(&node{col: colEffect, state: "plain", title: t.Count("way.rows", h.Event.Writes)})
		}
	}
	return root
}

func drawMessage(t page.Texts, n *node, m *messageView, came time.Time) {
	k := n.add(&node{col: colEffect, state: m.State, title: m.Title, sub: plain(m.To)})
	last := k
	for i := range m.Attempts {
		if len(m.Attempts) > drawnAttempts && i > 0 && i < len(m.Attempts)-drawnAttempts+2 {
			if i == 1 {
				k.add(&node{col: colAttempt, state: "plain", title: t.Say("way.more", len(m.Attempts)-drawnAttempts+1)})
			}
			continue
		}
		a := &m.Attempts[i]
		last = k.add(&node{col: colAttempt, state: a.State, title: t.Say("way.try", i+1), sub: a.Says + " · " + after(m.Message.Attempts[i].Began, came)})
	}
	r := &node{col: colReceipt, state: m.State, title: m.Says}
	switch {
	case !m.Message.Ended.IsZero():
		r.sub = after(m.Message.Ended, came)
	case m.Status == "waiting":
		r.sub = t.Say("way.yet")
	}
	last.add(r)
}

// after is how long after the event came something was.
func after(at, came time.Time) string {
	d := at.Sub(came)
	switch {
	case d < 0:
		d = 0
	case d >= time.Minute:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(100 * time.Millisecond)
	default:
		d = d.Round(time.Millisecond)
	}
	return "+" + d.String()
}

// plain is a text that is drawn.
func plain(spans []page.Span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
	}
	return b.String()
}

// tell is the way in words, for who does not see the picture.
func (n *node) tell() string {
	var b strings.Builder
	var walk func(n *node)
	walk = func(n *node) {
		fmt.Fprintf(&b, "%s", n.title)
		if n.sub != "" {
			fmt.Fprintf(&b, ": %s", n.sub)
		}
		b.WriteString(". ")
		for _, k := range n.kids {
			walk(k)
		}
	}
	walk(n)
	return strings.TrimSpace(b.String())
}
