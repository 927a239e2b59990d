// Command swap is the plugin of the engine's tests of swaps. It is built in
// several versions, which write down that it was they who handled an event.
package main

import (
	"errors"
	"hash/fnv"

	"github.com/hearthbot/hearth/sdk"
)

// Set by the linker.
var (
	version = "1.0.0"
	broken  = "" // where it fails: warm or test; or how its events go wrong: trap, slow, greedy or chatty
)

var (
	handled = sdk.CommunityMap[string]("handled") // by event, a version for each time
	total   = sdk.CommunityCounter("total")
)

var _ = sdk.New[struct{}]("swap", version, sdk.CanSend("answer"), sdk.CanState(64, "a row an event")).
	OnMessage(handle).
	OnEvent("hearth.test", func(*sdk.Ctx[struct{}]) error {
		if broken == "test" {
			panic("this version fails its self-test")
		}
		return nil
	}).
	Warm(func(*sdk.View[struct{}]) error {
		if broken == "warm" {
			return errors.New("this version cannot be warmed")
		}
		return nil
	})

func handle(c *sdk.Ctx[struct{}]) error {
	handled.Set(c, c.Event.ID, handled.Get(c, c.Event.ID)+version+" ")
	total.Add(c, 1)
	c.Reply(sdk.Markup(c.Event.ID + " by " + version))
	switch broken {
	case "trap":
		if oneOf(20, c.Event.ID) {
			panic("this version does not like " + c.Event.ID)
		}
	case "slow":
		work(slowness)
	case "greedy":
		if oneOf(4, c.Event.ID) {
			c.DM("psst") // for which it has no permission
		}
	case "chatty":
		for range 9 {
			c.Reply(sdk.Markup(c.Event.ID + " by " + version))
		}
	}
	return nil
}

// oneOf says yes of one of n texts.
func oneOf(n uint32, text string) bool {
	h := fnv.New32a()
	h.Write([]byte(text))
	return h.Sum32()%n == 0
}

// slowness is so much work that it takes tens of milliseconds.
const slowness = 5_000_000

var sink uint32

func work(n int) {
	for i := range uint32(n) {
		sink = sink*1664525 + i
	}
}

func main() {}
