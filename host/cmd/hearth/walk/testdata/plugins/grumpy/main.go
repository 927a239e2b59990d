// Command grumpy is a plugin for tests: it fails at an order until it was
// mended, and then does a bit of everything.
package main

import (
	"errors"
	"time"

	"github.com/hearthbot/hearth/sdk"
)

type ctx = sdk.Ctx[struct{}]

var mended = sdk.PerCommunity[bool]("mended")

var _ = sdk.New[struct{}]("grumpy", "0.1.0", sdk.CanSend("answer orders"), sdk.CanDM("answer orders in private"), sdk.CanTimers("bake")).
	OnCommand("order", func(c *ctx) error {
		c.Log("an order of %s", c.Name())
		if !mended.Get(c) {
			return errors.New("the oven is cold")
		}
		c.After(time.Hour, "ready")
		c.Track("order")
		c.Reply("Your **bread** is in the oven:\n- flour\n- water").
			Field("Ready", "in `1 h`").
			Code("", "bake(bread)").
			Button("Cancel", "cancel")
		return nil
	}, sdk.Help("order bread", "订面包")).
	OnCommand("mend", func(c *ctx) error {
		mended.Set(c, true)
		return nil
	}, sdk.Help("mend the oven", "修炉子")).
	OnTimer("ready", func(*ctx) error { return nil }).
	OnButton("cancel", func(*ctx) error { return nil })

func main() {}
