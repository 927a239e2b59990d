// Command workshop is a plugin for tests: it fails at every event called
// "work" until one called "mend" has come.
package main

import (
	"errors"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

type Config struct {
	Tool string `default:"hammer" help:"what it works with"`
}

var mended = sdk.PerCommunity[bool]("mended")

var _ = sdk.New[Config]("workshop", "0.1.0", sdk.CanSend("say whether the workshop is open")).
	OnEvent(abi.CustomTracked, work).
	OnCommand("workshop", show, sdk.Help("show the workshop", "看看工坊"))

func work(c *sdk.Ctx[Config]) error {
	switch c.Event.Custom.Name {
	case "mend":
		mended.Set(c, true)
	case "work":
		if !mended.Get(c) {
			return errors.New("the " + c.Config.Tool + " is broken")
		}
	}
	return nil
}

// sign is another one in another version, by the linker.
var sign = "the workshop is open"

func show(c *sdk.Ctx[Config]) error {
	c.Reply(sdk.Markup(sign))
	return nil
}

func main() {}
