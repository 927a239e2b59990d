// Command writer is the plugin of the engine's benchmarks: two reads, three
// writes and one message an event.
package main

import (
	"strings"

	"github.com/hearthbot/hearth/sdk"
)

var (
	seen    = sdk.PerMember[string]("seen")
	profile = sdk.PerMember[string]("profile")
	history = sdk.PerMember[string]("history")

	filler = strings.Repeat("x", 280)
)

var _ = sdk.New[struct{}]("writer", "1.0.0",
	sdk.CanSend("answer"), sdk.CanState(1024, "three rows a member")).
	OnMessage(write)

func write(c *sdk.Ctx[struct{}]) error {
	_, _ = seen.Get(c), profile.Get(c)
	seen.Set(c, c.Event.ID+filler)
	profile.Set(c, c.Member.Name+filler)
	history.Set(c, c.Text()+filler)
	c.Reply("thank you")
	return nil
}

func main() {}
