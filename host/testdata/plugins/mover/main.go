// Command mover is the plugin of the engine's tests of migrations. It is built
// with state version 1, which keeps a member's points as a number, and with 2,
// which keeps them with the member's name and knows both ways.
package main

import (
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/sdk"
)

// Set by the linker.
var state = "1"

// points is what state version 2 keeps of a member.
type points struct {
	N    int
	Name string
}

var (
	pointsOld = sdk.PerMember[int]("points")
	pointsNew = sdk.PerMember[points]("points")
	handled   = sdk.CommunityMap[string]("handled") // by event, the state version that handled it
	total     = sdk.CommunityCounter("total")
	totalNew  = sdk.CommunityCounter("sum")
)

var _ = declare()

func declare() *sdk.Plugin[struct{}] {
	p := sdk.New[struct{}]("mover", state+".0.0", sdk.CanState(256, "a row an event"))
	if state == "1" {
		return p.OnMessage(func(c *sdk.Ctx[struct{}]) error {
			note(c)
			pointsOld.Set(c, pointsOld.Get(c)+1)
			total.Add(c, 1)
			return nil
		})
	}
	return p.State(2).OnMessage(func(c *sdk.Ctx[struct{}]) error {
		note(c)
		v := pointsNew.Get(c)
		v.N, v.Name = v.N+1, name(c.Member.ID)
		pointsNew.Set(c, v)
		totalNew.Add(c, 1)
		return nil
	}).Migrate(1, 2, func(m *sdk.Migration) error {
		if n, ok := pointsOld.From(m); ok {
			pointsNew.Into(m, points{N: n, Name: name(strings.Split(m.Key(), "/")[1])})
		}
		if n, ok := total.From(m); ok {
			totalNew.Into(m, n)
		}
		return nil
	}).Migrate(2, 1, func(m *sdk.Migration) error {
		if v, ok := pointsNew.From(m); ok {
			pointsOld.Into(m, v.N)
		}
		if n, ok := totalNew.From(m); ok {
			total.Into(m, n)
		}
		return nil
	})
}

// note writes down who handled an event.
func note(c *sdk.Ctx[struct{}]) {
	handled.Set(c, c.Event.ID, handled.Get(c, c.Event.ID)+state)
}

func name(id string) string { return fmt.Sprint("member ", id) }

func main() {}
