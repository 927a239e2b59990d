// Command oracle is a plugin for tests. It is built in two versions: the second
// answers otherwise, and asks for more.
package main

import "github.com/hearthbot/hearth/sdk"

var version = "1.0.0" // set by the linker

type config struct {
	Sign string `default:"—" help:"what an answer ends with"`
}

var asked = sdk.PerMember[int]("asked")

var _ = sdk.New[config]("oracle", version, options()...).
	OnCommand("ask", func(c *sdk.Ctx[config]) error {
		n := asked.Get(c) + 1
		asked.Set(c, n)
		c.Log("asked %d times", n)
		answer := "Ask me again later "
		if version != "1.0.0" {
			answer = "The answer is 42 "
		}
		c.Reply(sdk.Markup(answer + c.Config.Sign))
		return nil
	}, sdk.Help("ask the oracle", "问问先知"))

func options() []sdk.Option {
	out := []sdk.Option{sdk.About("Answers what nobody asked.", "回答没人问的问题。"), sdk.CanDM("answer who asks in private"), sdk.CanSend("answer who asks in a channel")}
	if version != "1.0.0" {
		out = append(out, sdk.CanHTTP("go.dev", "look up what is new"), sdk.CanReact("wave at who asks"))
	}
	return out
}

func main() {}
