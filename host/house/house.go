// Package house is hearth's own plugin: the commands by which members see what
// is kept of them, take it with them and have it erased, those by which managers
// look after the bot in chat, and the managers' weekly report. It is a function
// of an event, as every plugin is ([Handle]); what it cannot do by itself it asks
// the host for, which grants that to it alone. So journal, outbox, retries and
// buttons are the same for it as for the others. It must not know the engine or
// the store, and keeps no rows.
//
//	/privacy  what is kept, why and for how long
//	/mydata   ─► Action "export" ─► what is kept of the member, in a direct message
//	/forget   ─► a question ─► pressed ─► Action "forget" ─► [Farewell]
//	/link     github NAME ─► Action "link" ─► a code to show there ─► pressed ─► Action "linked" ─► its answer
//	/link     go ─► Action "code" ─► a code for `hearth go login`, in a direct message
//	/hearth   status, pause, resume ─► the action of that name ─► its answer
//	Mondays   ─► Action "report" ─► a direct message to each manager
package house

import (
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Name is the plugin's; no other may have it.
const Name = "house"

// What it asks the host for, by Action.Host. The answer's body is JSON, of the
// type beside it; an answer with an Error has none.
const (
	Forget = "forget" // erases the event's member; there is no answer
	Export = "export" // Exported
	Status = "status" // State
	Pause  = "pause"  // State
	Resume = "resume" // State
	Report = "report" // Week
	Link   = "link"   // Account; the action's note is one, with the Handle that they claim, "" to hear how they stand
	Linked = "linked" // Account: whether it shows the code
	Unlink = "unlink" // Account
	Code   = "code"   // Login
)

// Exported is all that is kept of a member.
type Exported struct {
	Lines string         `json:"lines,omitempty"` // JSON lines; "" if they have more than MaxLines bytes
	Bytes int            `json:"bytes"`           // of the lines
	Kinds map[string]int `json:"kinds"`           // how many lines of which kind
}

// MaxLines is how many bytes of an export go into a message.
const MaxLines = 12 << 10

// State is how hearth is.
type State struct {
	Paused    bool       `json:"paused"`
	Plugins   int        `json:"plugins"`
	Waiting   int        `json:"waiting"` // events and messages
	Failed    int        `json:"failed"`  // events given up, that nobody has looked at
	Platforms []Platform `json:"platforms"`
}

// Platform is how a platform is.
type Platform struct {
	Name    string `json:"name"`
	Waiting int    `json:"waiting"`          // messages
	Held    string `json:"held,omitempty"`   // the platform's code, if it refuses hearth
	Advice  string `json:"advice,omitempty"` // what to do about it
}

// Week is what happened in seven days. What cannot be known is nil.
type Week struct {
	From      string     `json:"from"`                // first day, in the community's time zone
	To        string     `json:"to"`                  // last day
	Newcomers *int       `json:"newcomers,omitempty"` // members whose first join was seen in it
	Greeted   *int       `json:"greeted,omitempty"`
	FirstTask *int       `json:"first_task,omitempty"` // members who did their first task
	Failed    int        `json:"failed"`               // events given up, that nobody has looked at
	Held      []Platform `json:"held,omitempty"`
	Readers   []Reader   `json:"readers,omitempty"`
}

// Reader is somebody who gets the report.
type Reader struct {
	Member string `json:"member"`
	Locale string `json:"locale,omitempty"`
}

// Setup is what the plugin knows beside the event.
type Setup struct {
	Community string        // its name
	Locale    string        // of the community, BCP 47
	Managers  []string      // ids of members who may look after the bot in chat
	Texts     []abi.TextDef // managers' own wordings

	// For how long is kept what is not kept for as long as the member is here.
	Journal, Seen, Tracks, Audit time.Duration
}

// Manifest is what the plugin says of itself.
func Manifest() abi.Manifest {
	m := abi.Manifest{
		ABI: abi.Version, Name: Name, Version: "1.0.0", About: localized("about"),
		Events: []abi.Kind{abi.CommandInvoked, abi.ButtonClicked, abi.HostAnswered, abi.TimerFired},
		Needs: []abi.Need{
			{Cap: abi.CapDM, Reason: "hand members what is kept of them, and managers their report"},
			{Cap: abi.CapTimers, Reason: "write the report on Mondays"},
		},
		Schedules: []abi.Schedule{{Name: "week", Cron: "0 9 * * 1", Once: true}},
		Texts:     defs(),
	}
	for _, name := range []string{"forget", "hearth", "link", "mydata", "privacy"} {
		m.Commands = append(m.Commands, abi.CommandDef{Name: name, Args: localized("command." + name + ".args"), Help: localized("command." + name)})
	}
	return m
}

// turn is the handling of one event.
type turn struct {
	s  *Setup
	ev *abi.Event
	ef abi.Effects

	now    int64
	locale string
}

// Handle answers an event. It is a function of its arguments, and safe for
// concurrent use.
func Handle(s *Setup, call *abi.Call) abi.Effects {
	t := &turn{s: s, ev: &call.Event, now: call.Now, locale: call.Event.Member.Locale}
	if t.locale == "" {
		t.locale = s.Locale
	}
	var err error
	switch ev := t.ev; {
	case ev.Kind == abi.CommandInvoked && ev.Command != nil:
		t.command(ev.Command)
	case ev.Kind == abi.ButtonClicked && ev.Click != nil:
		err = t.pressed(ev.Click.Action)
	case ev.Kind == abi.TimerFired && len(s.Managers) > 0:
		t.ask(Report)
	case ev.Kind == abi.HostAnswered && ev.Result != nil:
		err = t.answered(ev.Result)
	}
	if err != nil {
		return abi.Effects{Error: err.Error()}
	}
	return t.ef
}

func (t *turn) command(c *abi.Command) {
	switch c.Name {
	case "privacy":
		t.privacy()
	case "forget":
		t.confirm()
	case "mydata":
		t.export()
	case "link":
		t.link(c.Args)
	case "hearth":
		t.manage(c.Args)
	}
}

// ask has the host do something for the event's member.
func (t *turn) ask(what string) {
	t.ef.Out = append(t.ef.Out, abi.Effect{Action: &abi.Action{Name: what, Host: what}})
}

// reply says something that the event's member alone sees, where it happened or
// directly.
func (t *turn) reply(c abi.Content) {
	ev := t.ev
	to := abi.Target{Member: ev.Member.ID}
	if ev.Conversation.ID != "" && ev.Conversation.Kind != abi.Direct {
		to.Conversation, to.Ephemeral = ev.Conversation.ID, true
		if ev.Message != nil {
			to.Thread = ev.Message.Thread
		}
	}
	t.ef.Out = append(t.ef.Out, abi.Effect{Send: &abi.Send{To: to, Content: c}})
}

// direct writes to a member.
func (t *turn) direct(member string, c abi.Content) {
	t.ef.Out = append(t.ef.Out, abi.Effect{Send: &abi.Send{To: abi.Target{Member: member}, Content: c}})
}

// T is a text in the language of the event's member. Args are names and values
// in turn; texts among the values are escaped.
func (t *turn) T(key string, args ...any) string { return text(t.s.Texts, t.locale, key, args...) }

func (t *turn) text(key string, args ...any) abi.Block {
	return abi.Block{Text: t.T(key, args...)}
}

func content(blocks ...abi.Block) abi.Content { return abi.Content{Blocks: blocks} }
