// Scaffold greets whoever asks it to, and counts how often.
//
// Its rows: of a member, greetings (how often they were greeted).
package main

import (
	"embed"

	"github.com/hearthbot/hearth/sdk"
)

//go:embed messages
var messages embed.FS

// Config is what admins and managers can set; a field is a setting.
type Config struct {
	Emoji string `default:"👋" help:"what a greeting ends with" max:"16"`
}

type ctx = sdk.Ctx[Config]

// A plugin may do nothing but what it asks for here and an admin grants.
var _ = sdk.New[Config]("scaffold", "0.1.0",
	sdk.Texts(messages),
	sdk.CanSend("answer in channels"),
	sdk.CanDM("answer in private")).
	OnCommand("scaffold", greet).
	OnButton("again", again)

// greetings is state: a row that each member has, which the host keeps. A
// package variable would forget, since every event finds the same memory.
var greetings = sdk.PerMember[int]("greetings")

// greet answers the command. Nothing happens before it returns nil, and then
// all of it does: the row is written and the message sent, in one commit.
func greet(c *ctx) error {
	n := greetings.Get(c) + 1
	greetings.Set(c, n)
	c.Reply(c.T("hello", c.Name(), c.Config.Emoji, n)).
		Key("hello").
		Button(c.T("again"), "again", sdk.Primary, sdk.AnyTimes)
	return nil
}

// again answers the button below the greeting.
func again(c *ctx) error { return greet(c) }

func main() {}
