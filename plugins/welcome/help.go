package main

import (
	"strings"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// help lists every command of every enabled plugin, in the asker's language.
func help(c *ctx) error {
	var list strings.Builder
	for _, d := range c.Commands() {
		if d.Hidden {
			continue
		}
		usage := strings.TrimSpace(d.Name + " " + d.Args.In(c.Locale()))
		list.WriteString("- " + string(c.T("help.command", usage, d.Help.In(c.Locale()))) + "\n")
	}
	c.Reply(c.T("help.title")).
		Text(sdk.Markup(strings.TrimSuffix(list.String(), "\n"))).
		Context(c.T("help.how"))
	return nil
}

// stop has the host keep from the member what they did not ask for, whichever
// plugin says it; and no channel is told that they came, or goes on saying so.
func stop(c *ctx) error {
	if !quiet.Get(c) {
		c.Track("member.muted")
	}
	quiet.Set(c, true)
	takeBack(c, "")
	c.Profile(abi.Profile{Stop: true})
	c.Reply(c.T("stopped"))
	return nil
}

func resume(c *ctx) error {
	quiet.Delete(c)
	c.Profile(abi.Profile{Resume: true})
	c.Reply(c.T("resumed", c.Name()))
	return nil
}

// buttons are under every greeting that stands in a channel.
func buttons(c *ctx, m *sdk.Message, locale string) *sdk.Message {
	return m.
		Button(c.TIn(locale, "start"), "start", sdk.Primary, sdk.AnyTimes).
		Button(c.TIn(locale, "help"), "help", sdk.AnyTimes)
}
