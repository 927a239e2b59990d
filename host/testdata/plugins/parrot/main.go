// Command parrot is the plugin of the engine's tests of replays: it reads rows,
// by key and by scan, counts, and answers. It is built in several versions, which
// do something else about some messages.
package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk"
)

// Set by the linker.
var (
	version = "1.0.0"
	greeted = "Hello" // what messages with an "a" are answered with
	curious = ""      // if set, reads a row that no version before it has read
)

// Config is there to be changed.
type Config struct {
	Suffix string `default:"!" help:"end of each answer"`
}

var (
	last  = sdk.PerMember[string]("last")
	words = sdk.CommunityMap[int]("word")
	total = sdk.CommunityCounter("total")
	moods = sdk.PerMember[string]("mood")
)

var _ = sdk.New[Config]("parrot", version, sdk.CanSend("answer"), sdk.CanTimers("remember"), sdk.CanState(64, "a row a word")).
	OnMessage(answer).
	OnTimer("remember", func(*sdk.Ctx[Config]) error { return nil })

func answer(c *sdk.Ctx[Config]) error {
	text := c.Text()
	before := last.Get(c)
	last.Set(c, text)
	word, _, _ := strings.Cut(text, " ")
	alike, more := words.Scan(c, sdk.Range{Prefix: word[:1], Limit: 3})
	words.Set(c, word, words.Get(c, word)+1)
	total.Add(c, 1)
	hello := "Hi"
	if strings.Contains(text, "a") {
		hello = greeted
	}
	if curious != "" && strings.Contains(text, "z") {
		hello += moods.Get(c)
	}
	c.After(time.Hour, "remember")
	c.Reply(sdk.Markup(fmt.Sprintf("%s, %s: after %q you say %q, like %d others (more: %v), and I think of %d%s",
		hello, c.Name(), before, text, len(alike), more, c.Rand().IntN(1000), c.Config.Suffix)))
	return nil
}

func main() {}
