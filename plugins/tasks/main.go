// Tasks leads newcomers along a path of small Go tasks, runs the Go that
// members post, and says at once what came of it.
//
// It owns the path, its pace, what is shown of a verdict, and nothing of how
// code is compiled or run: that is the host's, which it asks and hears from by
// an event. The path's format is package pack's, where code stands in a message
// package find's, what is pasted from a terminal package paste's.
//
// Its rows: of a member, path (how far they are), once.* (what happened once),
// waiting (their first task will be shown where they first speak), code (what
// they posted last, for an hour) and running (what is being run for them, by
// message); of the community, pack (files laid over the built-in pack, by
// path), started.ID and passed.ID (how many members began and passed a task).
package main

import (
	"embed"
	"time"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

//go:embed messages
var messages embed.FS

// Config is what admins and managers set; the texts "config.NAME" say what each
// setting is for.
type Config struct {
	Newcomers  bool          `default:"true"`
	FirstAfter time.Duration `default:"20s" min:"0s" max:"7d"`
	Pace       string        `default:"normal" enum:"fast,normal,slow"`
	Reminders  string        `default:"medium" enum:"high,medium,low,none"`
	Announce   []string
}

type ctx = sdk.Ctx[Config]

var _ = sdk.New[Config]("tasks", "1.0.0",
	sdk.Texts(messages),
	sdk.CanDM("hand newcomers their tasks"),
	sdk.CanSend("answer where code is posted, and announce badges where config says"),
	sdk.CanTimers("show the first task after the welcome, and remind of one that waits"),
	sdk.CanVerify("run the code that members post"),
	sdk.CanState(64, "remember how far each member is")).
	Warm(loadPath, files.Prefix()).
	OnJoin(joined).
	OnLeave(left).
	OnForget(unname).
	OnMention(spoken).
	OnMessage(posted, "```", "~~~", "package main", "func ").
	OnEvent(abi.MessageDeleted, deleted).
	OnReaction(reacted).
	OnCommand("go-start", overview).
	OnCommand("run", run).
	OnCommand("task", showTask).
	OnCommand("hint", hint).
	OnCommand("skip", skip).
	OnCommand("pace", setPace).
	OnButton("task", showTask).
	OnButton("hint", hint).
	OnButton("skip", skip).
	OnButton("pace", setPace).
	OnForm("answer", answered).
	OnTimer("first", first).
	OnTimer("next", next).
	OnTimer("remind", remind).
	OnTimer("forget", forget).
	OnResult("check", judged).
	OnPluginEvent("hearth/pack", changePack).
	Query("/tasks", viewTasks).
	Query("/tests", viewTests).
	Query("/own", viewOwn).
	Query("/progress", viewProgress).
	Query("/member", viewMember).
	Query("/path.svg", viewGraph).
	Query("/problems", viewProblems)

var waiting = sdk.PerMember[bool]("waiting")

// joined has the first task follow the welcome.
func joined(c *ctx) error {
	if c.Member.Bot || c.Member.Guest {
		return nil
	}
	p := path.Get(c)
	if p.Away {
		p.Away = false
		path.Set(c, p)
	}
	if !c.Config.Newcomers || !p.Began.IsZero() {
		return nil
	}
	if c.Event.Conversation.ID == "" && c.Member.NoDM {
		waiting.Set(c, true)
		return nil
	}
	c.After(c.Config.FirstAfter, "first")
	return nil
}

// first shows a newcomer their first task, unless they were faster.
func first(c *ctx) error {
	if p := path.Get(c); p.Began.IsZero() && !p.Away {
		begin(c, &p, c.DM(c.T("first", c.Name())).Or(c.Event.Conversation.ID))
	}
	return nil
}

// left has nobody be reminded who is gone.
func left(c *ctx) error {
	p, ok := path.Lookup(c)
	here := c.Event.Conversation.ID
	if here != "" && here != p.Place && ok {
		return nil // one channel of several
	}
	c.Cancel("first")
	c.Cancel("remind")
	c.Cancel("next")
	if waiting.Get(c) {
		waiting.Delete(c)
	}
	if ok || here == "" { // their first task may wait in any channel that they joined
		p.Away = true
		path.Set(c, p)
	}
	return nil
}

func main() {}
