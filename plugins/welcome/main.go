package main

import (
	"embed"
	"time"

	"github.com/hearthbot/hearth/sdk"
)

//go:embed messages
var messages embed.FS

type Config struct {
	Path string `default:"https://go.dev/tour/" help:"learning path link"`
}

var _ = sdk.New[Config]("welcome", "1.0.0",
	sdk.Texts(messages),
	sdk.CanDM("greet newcomers in private"),
	sdk.CanSend("greet newcomers in the channel where a direct message is not possible")).
	OnJoin(greet)

func greet(c *sdk.Ctx[Config]) error {
	if c.Member.Bot || c.Member.Guest || !c.Once("greeted") {
		return nil
	}
	c.DM(c.T("hello", c.Name(), c.Config.Path)).Or(c.Event.Conversation.ID).Key("hello").Expires(24 * time.Hour)
	return nil
}

func main() {}
