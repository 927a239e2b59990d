// Nudges writes to newcomers who fall silent: rarely, kindly, in private, and
// never again once they are back.
//
// It owns when somebody is silent, how often they are written to, and the words.
// It must not know what they do: when a member last did something the host says
// with each timer, and what else waits for them other plugins bring to mind
// themselves. From what those send it keeps its distance (see [reminded]).
//
// Its rows: of a member, silence (what they were sent, and whether they are to be
// left alone).
package main

import (
	"embed"
	"strconv"
	"time"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

//go:embed messages
var messages embed.FS

// Config is what admins and managers set; the texts "config.NAME" say what each
// setting is for.
type Config struct {
	After time.Duration `default:"26h" min:"1h" max:"3d"`
	Apart time.Duration `default:"18h" min:"1h" max:"3d"`
	Often string        `default:"medium" enum:"high,medium,low,none"`
}

type ctx = sdk.Ctx[Config]

var _ = sdk.New[Config]("nudges", "1.0.0",
	sdk.Texts(messages),
	sdk.CanDM("write to newcomers who fall silent"),
	sdk.CanTimers("notice that somebody fell silent")).
	OnJoin(joined).
	OnLeave(left).
	OnTimer("silent", silent).
	OnEvent(abi.CustomTracked, reminded).
	OnButton("step", step).
	OnButton("later", later).
	Query("/member", viewMember)

// firstDays are when newcomers decide whether they stay; nobody is written to
// behind them.
const firstDays = 72 * time.Hour

// most is how often the members of a group are written to.
var most = map[string]int{"high": 3, "medium": 2, "low": 1, "none": 0}

// silence is what a newcomer was sent.
type silence struct {
	Place    string    `json:"place"`    // conversation of the timer
	Sent     int       `json:"sent"`     // words
	Most     int       `json:"most"`     // as many as that; set with the first, so that it stays the same
	Last     time.Time `json:"last"`     // when the last one was sent
	Reminded time.Time `json:"reminded"` // when another plugin last reminded them of something
	Next     time.Time `json:"next"`     // when it means to again, if it does
	Away     bool      `json:"away"`     // they left
	Over     bool      `json:"over"`     // they are to be left alone
}

var silences = sdk.PerMember[silence]("silence")

// joined has somebody look, after a while, whether a newcomer is still there.
func joined(c *ctx) error {
	s, known := silences.Lookup(c)
	switch {
	case c.Member.Bot || c.Member.Guest || c.Member.Stopped || c.Config.Often == "none" && c.Event.Annotation(frequency) == "":
		return nil
	case known && !s.Away || s.Over, !c.Now().Before(end(c)):
		return nil
	}
	s.Away, s.Place = false, c.Event.Conversation.ID
	s.wait(c, s.due(c))
	return nil
}

// end is when a newcomer is none any more.
func end(c *ctx) time.Time { return time.UnixMilli(c.Member.JoinedAt).UTC().Add(firstDays) }

// due is when the next word may be said, as things stand.
func (s *silence) due(c *ctx) time.Time {
	due := time.UnixMilli(max(c.Member.JoinedAt, c.Member.ActiveAt)).UTC().Add(c.Config.After)
	for _, t := range [...]time.Time{s.Last, s.Reminded} {
		if t = t.Add(c.Config.Apart); t.After(due) {
			due = t
		}
	}
	if !s.Next.Before(due) && s.Next.Sub(due) < c.Config.Apart {
		due = s.Next.Add(c.Config.Apart)
	}
	return due
}

// wait has the timer fire when the next word is due; there is none if that is
// behind the first days.
func (s *silence) wait(c *ctx, due time.Time) {
	if s.Over = due.After(end(c)); !s.Over {
		c.At(due, "silent").In(s.Place)
	}
	silences.Set(c, *s)
}

// frequency is the experiment that says how often.
const frequency = "reminder-frequency"

// silent writes to the member if they are silent. The group of an experiment only
// says how often: the first word comes to each group at the same time and in the
// same words, so that those who were sent it can be compared.
func silent(c *ctx) error {
	s, ok := silences.Lookup(c)
	if !ok || s.Over || s.Away {
		return nil
	}
	due := s.due(c)
	switch {
	case c.Member.Stopped || c.Member.Bot || c.Member.Guest,
		s.Sent > 0 && c.Member.ActiveAt > s.Last.UnixMilli(): // they are back
		s.Over = true
		silences.Set(c, s)
		return nil
	case c.Member.NoDM: // in a channel, everybody would read that they are silent
		due = c.Now().Add(c.Config.Apart)
	}
	if due.After(c.Now()) {
		s.wait(c, due)
		return nil
	}
	if s.Sent == 0 {
		n, ok := most[c.Group(frequency)]
		if !ok {
			n = most[c.Config.Often]
		}
		if s.Most = n; n == 0 {
			s.Over = true
			silences.Set(c, s)
			return nil
		}
	}
	s.Sent, s.Last = s.Sent+1, c.Now()
	c.DM(c.T("nudge."+strconv.Itoa(s.Sent), c.Name())).
		Expires(12*time.Hour).
		Button(c.T("button.step"), "step", sdk.Primary, sdk.AnyTimes).
		Button(c.T("button.later"), "later", sdk.AnyTimes)
	c.Track("nudge.sent", "n", strconv.Itoa(s.Sent))
	if s.Sent >= s.Most {
		s.Over = true
		silences.Set(c, s)
		return nil
	}
	s.wait(c, s.due(c))
	return nil
}

// reminded keeps a distance from what plugin tasks brings to mind: it says when it
// did, and when it means to again.
func reminded(c *ctx) error {
	if c.Event.Custom.Name != "task.reminded" {
		return nil
	}
	s, ok := silences.Lookup(c)
	if !ok || s.Over {
		return nil
	}
	s.Reminded, s.Next = c.Now(), time.Time{}
	for _, p := range c.Event.Custom.Props {
		if next, err := time.Parse(time.RFC3339, p.Value); p.Name == "next" && err == nil {
			s.Next = next.UTC()
		}
	}
	silences.Set(c, s)
	return nil
}

// left has nobody be written to who is gone.
func left(c *ctx) error {
	s, ok := silences.Lookup(c)
	here := c.Event.Conversation.ID
	if !ok || here != "" && here != s.Place { // one channel of several
		return nil
	}
	c.Cancel("silent").In(s.Place)
	s.Away = true
	silences.Set(c, s)
	return nil
}

// step answers who would like something to do.
func step(c *ctx) error {
	m := c.Reply(c.T("step", c.Name()))
	for _, d := range c.Commands() {
		if d.Name == "go-start" || d.Name == "help" {
			m.Text(c.T("step.command", d.Name, d.Help.In(c.Locale())))
		}
	}
	m.Text(c.T("step.ask"))
	return nil
}

// later leaves alone who would rather be.
func later(c *ctx) error {
	s := silences.Get(c)
	s.Over = true
	silences.Set(c, s)
	c.Reply(c.T("later"))
	return nil
}

// viewMember is what the plugin knows of a member, in a few words.
func viewMember(v *sdk.View[Config]) error {
	id := v.Param("member")
	if id == "" {
		v.Status(400)
		v.Markdown("")
		return nil
	}
	if s := silences.Of(id).Get(v); s.Sent > 0 {
		v.Markdown("- " + v.T("member.sent", s.Sent, s.Last.UTC().Format("2006-01-02 15:04 UTC")))
	}
	return nil
}

func main() {}
