// Command counter is the plugin of the engine's own tests: it counts each
// message in rows and counters and answers it, so that a lost or doubled effect
// shows.
package main

import (
	"github.com/hearthbot/hearth/sdk"
)

var (
	perMember = sdk.PerMember[string]("messages") // a stroke a message; read and written: doubles if one is handled twice
	total     = sdk.CommunityCounter("total")     // added to unread
)

// tracks has each message be tracked under this name; the linker sets it.
var tracks string

// handled lives in memory: in a pristine sandbox it is 0 at the start of every
// event.
var handled int

var _ = sdk.New[struct{}]("counter", "1.0.0",
	sdk.CanSend("answer"), sdk.CanState(64, "a row a member")).
	OnMessage(count)

func count(c *sdk.Ctx[struct{}]) error {
	handled++
	if handled != 1 {
		c.Warn("memory of another event: handled is %d", handled)
	}
	perMember.Set(c, perMember.Get(c)+"|")
	total.Add(c, 1)
	if tracks != "" {
		c.Track(tracks)
	}
	c.Reply(sdk.Markup(c.Event.ID))
	return nil
}

func main() {}
