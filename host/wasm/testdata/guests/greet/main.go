// Command greet is what message is, written as an author writes a plugin: it
// reads two rows, writes one and sends one message.
package main

import "github.com/hearthbot/hearth/sdk"

// Config is the plugin's.
type Config struct {
	Help bool `default:"true" help:"put a help button under the greeting"`
}

var (
	greeted = sdk.PerMember[int]("greeted")
	path    = sdk.PerCommunity[string]("path")
)

var _ = sdk.New[Config]("greet", "1.0.0", sdk.CanDM("to greet newcomers")).OnJoin(greet)

func greet(c *sdk.Ctx[Config]) error {
	greeted.Set(c, greeted.Get(c)+1)
	m := c.DM("Welcome, " + c.Name() + "! Begin here: " + sdk.Escape(path.Get(c))).Key("hello")
	if c.Config.Help {
		m.Button("Help", "help")
	}
	return nil
}

func main() {}
