// Standup asks channels every working day what is planned, takes "done" for an
// answer, and counts.
//
// Its rows: of the community, channels/ID (a channel that is asked) and asked
// (when they were last); of a
// channel, done (how often something was); of a member, done and thanks (what
// they did, and how often others put an emoji to it).
package main

import (
	"embed"
	"strconv"
	"time"

	"github.com/hearthbot/hearth/sdk"
)

//go:embed messages
var messages embed.FS

// Config is what admins and managers set.
type Config struct {
	Stands time.Duration `default:"12h" min:"1h" max:"7d" help:"how long a question stands before it deletes itself"`
}

type ctx = sdk.Ctx[Config]

var _ = sdk.New[Config]("standup", "1.0.0",
	sdk.Texts(messages),
	sdk.CanSend("ask channels that want it"),
	sdk.CanDM("tell who is curious"),
	sdk.CanReact("cheer what is done"),
	sdk.CanTimers("ask at nine o'clock")).
	OnCommand("standup", join).
	OnCommand("stats", stats, sdk.Hidden).
	OnSchedule("morning", "0 9 * * 1-5", sdk.FireOnce, ask).
	OnContinue(ask).
	OnMessage(done, "done", "完成").
	OnReaction(thanked)

var (
	channels = sdk.CommunityMap[bool]("channels")
	asked    = sdk.PerCommunity[time.Time]("asked") // one writer a day: nothing conflicts
	inAll    = sdk.ConversationCounter("done")
	mine     = sdk.MemberCounter("done")
	thanks   = sdk.MemberCounter("thanks")
)

// join has this channel be asked, or no longer.
func join(c *ctx) error {
	here := c.Event.Conversation.ID
	if channels.Get(c, here) {
		channels.Delete(c, here)
		c.Reply(c.T("left"))
		return nil
	}
	channels.Set(c, here, true)
	c.Reply(c.T("joined"))
	return nil
}

// questions are texts of the catalogue, for variety.
var questions = []string{"question.plan", "question.first"}

// perEvent is how many channels one event asks: it may have 64 effects.
const perEvent = 20

// ask asks a page of the channels, and leaves the others to an event of its own.
func ask(c *ctx) error {
	question := questions[c.Rand().IntN(len(questions))] // the same when it is repeated
	list, more := channels.Scan(c, sdk.Range{After: sdk.NoteOf[string](c), Limit: perEvent})
	for _, e := range list {
		c.Say(e.Key, c.TIn(c.Community().Locale, question)).Key("question").DeletesAfter(c.Config.Stands)
	}
	asked.Set(c, c.Now())
	if more {
		c.Continue(sdk.Note(list[len(list)-1].Key))
	}
	return nil
}

// done counts without reading: counters never conflict, however many write.
func done(c *ctx) error {
	mine.Add(c, 1)
	inAll.Add(c, 1)
	c.React("tada")
	return nil
}

// thanked counts for who put the emoji, whom the event is about.
func thanked(c *ctx) error {
	thanks.Add(c, 1)
	return nil
}

func number(n int64) sdk.Markup { return sdk.Markup(strconv.FormatInt(n, 10)) }

func stats(c *ctx) error {
	m := c.Reply(c.T("stats")).
		Table(c.T("stats.who"), c.T("stats.n")).
		Row(c.T("stats.mine"), number(mine.Get(c))).
		Row(c.T("stats.channel"), number(inAll.Get(c))).
		Field(c.T("stats.thanks"), number(thanks.Get(c)))
	if last, ok := asked.Lookup(c); ok {
		m.Context(c.T("stats.asked", last.Format(time.DateOnly)))
	}
	return nil
}

func main() {}
