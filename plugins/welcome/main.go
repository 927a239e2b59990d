// Welcome greets those who join, asks them once who they are, and shows
// everyone what the bot can do.
//
// Its rows: of a member, once.greeted (they were), waiting (they will be, where
// they first speak), standing (where their greeting stands), quiet (they said
// stop), github and aim (what they told), ice (what answered their first words);
// of a channel, crowd (who joined it lately) and crowds (who is named in a message
// they share).
package main

import (
	"cmp"
	"embed"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

//go:embed messages
var messages embed.FS

// Config is what admins and managers set; the texts "config.NAME" say what each
// setting is for.
type Config struct {
	Path        string `default:"https://go.dev/tour/"`
	Paths       map[string]string
	Where       string        `default:"direct" enum:"direct,channel"`
	DeleteAfter time.Duration `default:"0s"`
	Crowd       int           `default:"5" min:"1" max:"30"`
	CrowdWindow time.Duration `default:"1m" min:"1s" max:"1d"`
	Channels    []Channel
	Icebreaker  string `default:"experiment" enum:"off,experiment,always"`
}

// Channel is what is different in one channel.
type Channel struct {
	Channel  string       `help:"its name or id"`
	Greeting sdk.Wordings `help:"greeting by language (en, zh-CN); it may name {name}, {community} and {path}"`
	Path     string       `help:"learning path link"`
}

type ctx = sdk.Ctx[Config]

var _ = sdk.New[Config]("welcome", "1.0.0",
	sdk.Texts(messages),
	sdk.CanDM("greet newcomers in private"),
	sdk.CanSend("greet newcomers in a channel, where that is wanted or nothing else is possible"),
	sdk.CanTimers("greet those who join in a crowd together"),
	sdk.CanMembers("note what newcomers tell of themselves, and who wants silence")).
	OnJoin(greet).
	OnLeave(leave).
	OnForget(forgotten).
	OnMessage(firstWords).
	OnTimer("crowd", closeCrowd).
	OnTimer("forget", forgetCrowd).
	OnForm("about", introduce).
	OnButton("start", start).
	OnCommand("start", start).
	OnButton("help", help).
	OnCommand("help", help).
	OnCommand("stop", stop).
	OnCommand("resume", resume).
	OnButton("ice", iceClicked).
	OnTimer("ice", iceDue).
	Query("/member", viewMember)

var (
	waiting  = sdk.PerMember[bool]("waiting")
	standing = sdk.PerMember[place]("standing")
	quiet    = sdk.PerMember[bool]("quiet")
)

// place is where a greeting stands in public: a conversation, and the key of the
// message there.
type place struct {
	In  string `json:"in"`
	Key string `json:"key"`
}

func greet(c *ctx) error {
	if c.Member.Bot || c.Member.Guest || quiet.Get(c) || !c.Once("greeted") {
		return nil
	}
	switch here := c.Event.Conversation.ID; {
	case here == "" && c.Member.NoDM:
		waiting.Set(c, true)
	case here == "" || !joinCrowd(c, here):
		hello(c)
	}
	return nil
}

// firstWords greets those who could not be when they joined, and answers what
// newcomers write first.
func firstWords(c *ctx) error {
	if waiting.Get(c) {
		waiting.Delete(c)
		hello(c)
	}
	hear(c, c.Text())
	return nil
}

// hello greets the member: in private, or where they are.
func hello(c *ctx) {
	here := c.Event.Conversation
	own := c.Config.channel(here)
	if public(c) {
		text := c.TOr(own.Greeting, script(c, own), sdk.Mention(c.Member.ID), c.Community().Name, path(c))
		buttons(c, c.Say(here.ID, text), c.Locale()).
			Key(greetingOf(c.Member.ID)).
			DeletesAfter(c.Config.DeleteAfter)
		standing.Set(c, place{here.ID, greetingOf(c.Member.ID)})
	} else {
		text := c.TOr(own.Greeting, script(c, own), c.Name(), c.Community().Name, path(c))
		questions(c, c.DM(text).Or(here.ID)).
			Key("hello")
	}
	c.Track("welcome.greeted")
}

// script is the greeting that the member gets: their group's of the experiment,
// unless managers wrote one for the channel.
func script(c *ctx, own Channel) string {
	if len(own.Greeting) > 0 {
		return "hello"
	}
	switch c.Group("bot-script") {
	case "v2":
		return "hello.v2"
	case "v3":
		return "hello.v3"
	}
	return "hello"
}

// public says whether the greeting will stand in the channel.
func public(c *ctx) bool {
	here := c.Event.Conversation
	return here.ID != "" && here.Kind != abi.Direct && (c.Config.Where == "channel" || c.Member.NoDM)
}

// greetingOf is the key of a member's greeting in a channel.
func greetingOf(member string) string { return "hello:" + member }

// leave takes back what stands in a channel for somebody who left it.
func leave(c *ctx) error {
	takeBack(c, c.Event.Conversation.ID)
	return nil
}

// forgotten takes back all that stands in public for somebody who is forgotten,
// and has no shared message name them, at once. Their own rows the host erases.
func forgotten(c *ctx) error {
	at := standing.Get(c)
	takeBack(c, "")
	if at.In == "" || at.Key == greetingOf(c.Member.ID) {
		return nil
	}
	if w := crowds.Of(at.In).Get(c); w.Shared == at.Key {
		w.show(c, at.In)
	}
	return nil
}

// takeBack has the member not be greeted any more, and takes back what stands
// in public for them: in one conversation, or with "" wherever it is.
func takeBack(c *ctx, where string) {
	if where == "" && waiting.Get(c) { // who left one channel is still there
		waiting.Delete(c)
	}
	at := standing.Get(c)
	if at.In == "" || where != "" && where != at.In {
		return
	}
	if at.Key == greetingOf(c.Member.ID) {
		c.DeleteIn(at.In, at.Key)
	}
	leaveCrowd(c, at)
	standing.Delete(c)
}

// path is the link to the member's learning path: of what they are here for,
// else of where they are.
func path(c *ctx) string {
	if p := c.Config.Paths[aim.Get(c)]; p != "" {
		return p
	}
	return c.Config.pathIn(c.Event.Conversation)
}

func (g *Config) pathIn(v abi.Conversation) string { return cmp.Or(g.channel(v).Path, g.Path) }

// channel is what the config says of a conversation, nothing if it does not.
func (g *Config) channel(v abi.Conversation) Channel {
	for _, ch := range g.Channels {
		if name := strings.TrimPrefix(ch.Channel, "#"); name != "" && (name == v.Name || name == v.ID || name == abi.LocalID(v.ID)) {
			return ch
		}
	}
	return Channel{}
}

func main() {}
