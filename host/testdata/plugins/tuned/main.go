// Command tuned is the plugin of the engine's tests of changes while it runs: it
// answers with all that can be changed, so that an answer by halves would show.
package main

import (
	"embed"
	"errors"

	"github.com/hearthbot/hearth/sdk"
)

//go:embed messages
var messages embed.FS

// Config is what the tests change.
type Config struct {
	Word   string `default:"first" max:"20" help:"what it says"`
	Broken bool   `help:"it cannot be warmed"`
}

var total = sdk.CommunityCounter("total")

var _ = sdk.New[Config]("tuned", "1.0.0", sdk.Texts(messages), sdk.CanSend("answer")).
	OnMessage(answer).
	Warm(func(v *sdk.View[Config]) error {
		if v.Config.Broken {
			return errors.New("this config cannot be warmed")
		}
		return nil
	})

func answer(c *sdk.Ctx[Config]) error {
	total.Add(c, 1)
	c.Reply(c.T("answer", c.Config.Word, c.Community().Name))
	return nil
}

func main() {}
