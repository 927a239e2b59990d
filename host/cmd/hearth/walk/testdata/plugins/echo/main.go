// Command echo is a plugin for tests: it says what it hears, so that every kind
// of event from a platform ends in a message there.
package main

import (
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

type ctx = sdk.Ctx[struct{}]

var _ = sdk.New[struct{}]("echo", "0.1.0", sdk.CanSend("say what it hears")).
	OnMessage(func(c *ctx) error {
		c.Say(c.Event.Conversation.ID, "heard: "+sdk.Escape(c.Event.Message.Text)).Button("Again", "again", sdk.AnyTimes)
		return nil
	}).
	OnEvent(abi.MessageEdited, func(c *ctx) error {
		c.Say(c.Event.Conversation.ID, sdk.Escape(c.Event.Message.OldText)+" became: "+sdk.Escape(c.Event.Message.Text))
		return nil
	}).
	OnButton("again", func(c *ctx) error {
		c.Reply("pressed by " + c.Name())
		return nil
	}).
	OnCommand("webhook-collect", func(c *ctx) error {
		c.Reply("collected")
		return nil
	}, sdk.Help("collect", "收集"))

func main() {}
