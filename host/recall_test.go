package host

import (
	"fmt"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// TestTimersKnowSilence has a plugin that hears of joins alone set timers: with each
// it is told when the member last did something that it did not hear of, and
// whether they said stop since.
func TestTimersKnowSilence(t *testing.T) {
	in(t, func(t *testing.T) {
		var rec record
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.TimerFired {
				m := c.Event.Member
				ago := "never"
				if m.ActiveAt != 0 {
					ago = (time.Duration(c.Now-m.ActiveAt) * time.Millisecond).Round(time.Minute).String()
				}
				rec.add(fmt.Sprintf("%s active %s ago, stopped %v", c.Event.Timer.Name, ago, m.Stopped))
				return abi.Effects{}, nil
			}
			if c.Event.Member.ActiveAt != 0 {
				rec.add("a join knows of activity")
			}
			var e abi.Effects
			for i := range 4 {
				due := c.Now + (time.Duration(i+1) * 10 * time.Hour).Milliseconds()
				e.Out = append(e.Out, abi.Effect{Timer: &abi.Timer{Name: fmt.Sprint(i), Due: due}})
			}
			return e, nil
		})
		b.plugin(abi.Manifest{Name: "q", Events: []abi.Kind{abi.ReactionAdded}, Needs: []abi.Need{{Cap: abi.CapMembers, Reason: "stop"}}},
			func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				return abi.Effects{Out: []abi.Effect{{Profile: &abi.Profile{Stop: true}}}}, nil
			})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(15 * time.Hour)
		b.accept(b.event(abi.MessagePosted), chat.Accepted) // which no plugin wants, and is measured
		later(10 * time.Hour)
		stop := b.event(abi.ReactionAdded)
		stop.Reaction, stop.Message = &abi.Reaction{Name: "zipper_mouth_face"}, &abi.Message{ID: "m1"}
		b.accept(stop, chat.Accepted)
		later(20 * time.Hour)
		want := []string{"0 active never ago, stopped false", "1 active 5h0m0s ago, stopped false", "2 active 5h0m0s ago, stopped true", "3 active 15h0m0s ago, stopped true"}
		if got := rec.all(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("fired %q, want %q", got, want)
		}
	})
}
