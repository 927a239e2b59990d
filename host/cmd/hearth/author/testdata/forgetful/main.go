// Forgetful does what an author should not: it keeps something in a package
// variable. Go test does not see that; the sandbox does.
package main

import (
	"time"

	"github.com/hearthbot/hearth/sdk"
)

var first sdk.Markup

var _ = sdk.New[struct{}]("forgetful", "1.0.0", sdk.About("forgets", "会忘记"), sdk.CanSend("answer"), sdk.CanDM("answer")).
	OnCommand("first", func(c *sdk.Ctx[struct{}]) error {
		if first == "" {
			first = c.Name()
		}
		c.Reply("The first was " + first)
		return nil
	}, sdk.Help("Says who was first", "谁是第一个")).
	OnCommand("spin", func(c *sdk.Ctx[struct{}]) error {
		for end := time.Now().Add(time.Millisecond); time.Now().Before(end); { // the sandbox's clock stands still
		}
		c.Reply("done")
		return nil
	}, sdk.Help("Waits", "等待")).
	Query("/first", func(v *sdk.View[struct{}]) error {
		v.Markdown("first: " + first)
		return nil
	})

func main() {}
