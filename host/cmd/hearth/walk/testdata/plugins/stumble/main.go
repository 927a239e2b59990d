// Command stumble is a plugin for tests: it fails at what is too much for it,
// and notes for all who spoke last.
package main

import (
	"errors"
	"strings"

	"github.com/hearthbot/hearth/sdk"
)

type ctx = sdk.Ctx[struct{}]

var last = sdk.PerCommunity[string]("last")

var _ = sdk.New[struct{}]("stumble", "0.1.0").
	OnMessage(func(c *ctx) error {
		if strings.Contains(c.Event.Message.Text, "stumble") {
			return errors.New("that was too much")
		}
		last.Set(c, c.Member.ID)
		return nil
	})

func main() {}
