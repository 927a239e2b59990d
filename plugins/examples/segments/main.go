// Segments is a middleware: it runs before the other plugins, and says of each
// event to which segment its member belongs, for rollouts and experiments.
//
// Its rows: of a member, segment (state version 1 had a word there, 2 has since
// when, too) and seen (how often); of the community, closed/SEGMENT (those
// that nobody can choose any more).
package main

import (
	"embed"
	"time"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

//go:embed messages
var messages embed.FS

// Config is what admins and managers set.
type Config struct {
	Segments []string `default:"early,late" help:"segments of which members choose one"`
}

type ctx = sdk.Ctx[Config]

// Segment is what a member chose.
type Segment struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

var (
	oldSegment = sdk.PerMember[string]("segment") // in state version 1
	segment    = sdk.PerMember[Segment]("segment")
	seen       = sdk.MemberCounter("seen")
	closed     = sdk.CommunityMap[bool]("closed")
)

// open is made once for each image, and found by every event.
var open []string

var _ = sdk.New[Config]("segments", "2.0.0",
	sdk.Texts(messages),
	sdk.Middleware("say to which segment a member belongs"),
	sdk.CanSend("answer in channels"),
	sdk.CanDM("answer in private"),
	sdk.CanState(4, "one row a member, in large communities"),
	sdk.Example("a message", abi.Event{Kind: abi.MessagePosted, Member: abi.Member{ID: "example:1"},
		Conversation: abi.Conversation{ID: "example:c", Kind: abi.Channel}, Message: &abi.Message{ID: "1", Text: "hello"}})).
	State(2).
	Migrate(1, 2, func(m *sdk.Migration) error {
		if name, ok := oldSegment.From(m); ok {
			segment.Into(m, Segment{Name: name}) // since when is not known
		}
		return nil
	}).
	Migrate(2, 1, func(m *sdk.Migration) error {
		if s, ok := segment.From(m); ok {
			oldSegment.Into(m, s.Name)
		}
		return nil
	}).
	Warm(prepare, closed.Prefix()).
	OnMessage(annotate).
	OnCommand("segment", choose).
	OnCommand("close-segment", closeSegment, sdk.Hidden).
	OnForm("segment", chosen).
	OnPluginEvent("stars/seen", curious).
	Query("/member", show)

// prepare leaves out the segments that are closed. It runs again when the config
// or one of those rows changes.
func prepare(v *sdk.View[Config]) error {
	open = nil
	for _, name := range v.Config.Segments {
		if !closed.Get(v, name) {
			open = append(open, name)
		}
	}
	return nil
}

// annotate says it to the plugins behind this one.
func annotate(c *ctx) error {
	if s, ok := segment.Lookup(c); ok {
		c.Annotate("segment", s.Name)
	}
	return nil
}

func choose(c *ctx) error {
	if len(open) == 0 {
		c.Reply(c.T("none"))
		return nil
	}
	var choices []abi.Option
	for _, name := range open {
		choices = append(choices, sdk.Answer(name, sdk.Escape(name)))
	}
	c.Reply(c.T("choose")).Key("choose").
		Form("segment", c.T("title"), sdk.Choice("name", c.T("name"), choices...)).
		Submit(c.T("submit"))
	return nil
}

func chosen(c *ctx) error {
	segment.Set(c, Segment{Name: c.Field("name"), Since: c.Now()})
	c.Edit("choose", c.T("chosen", c.Field("name")))
	return nil
}

// closeSegment keeps a segment from those to come. That the command is hidden
// keeps it out of lists, and nobody from giving it.
//
// It changes what the image holds: it is taken anew behind this.
func closeSegment(c *ctx) error {
	closed.Set(c, c.Args(), true)
	c.Reply(c.T("closed", c.Args()))
	return nil
}

// curious hears what another plugin emits.
func curious(c *ctx) error {
	if c.Member.ID != "" {
		seen.Add(c, 1)
	}
	c.Log("somebody looked at a repository")
	return nil
}

// show is what the page of a member says.
func show(v *sdk.View[Config]) error {
	if s, ok := segment.Of(v.Param("member")).Lookup(v); ok {
		v.Markdown(v.T("member", s.Name))
	}
	return nil
}

func main() {}
