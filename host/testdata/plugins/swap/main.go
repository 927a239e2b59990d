// Command swap is the plugin of the engine's tests of swaps. It is built in
// several versions, which write down that it was they who handled an event.
package main

import (
	"errors"

	"github.com/hearthbot/hearth/sdk"
)

// Set by the linker.
var (
	version = "1.0.0"
	broken  = "" // where it fails: warm or test
)

var (
	handled = sdk.CommunityMap[string]("handled") // by event, a version for each time
	total   = sdk.CommunityCounter("total")
)

var _ = sdk.New[struct{}]("swap", version, sdk.CanSend("answer"), sdk.CanState(64, "a row an event")).
	OnMessage(handle).
	OnEvent("hearth.test", func(*sdk.Ctx[struct{}]) error {
		if broken == "test" {
			panic("this version fails its self-test")
		}
		return nil
	}).
	Warm(func(*sdk.View[struct{}]) error {
		if broken == "warm" {
			return errors.New("this version cannot be warmed")
		}
		return nil
	})

func handle(c *sdk.Ctx[struct{}]) error {
	handled.Set(c, c.Event.ID, handled.Get(c, c.Event.ID)+version+" ")
	total.Add(c, 1)
	c.Reply(sdk.Markup(c.Event.ID + " by " + version))
	return nil
}

func main() {}
