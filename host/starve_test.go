package host

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// TestLaw6APlatformCannotAskForEver: what a platform asks to wait is heeded, but
// an answer of years, be it a mistake, neither keeps a message beyond its time nor
// closes a conversation to those behind it.
func TestLaw6APlatformCannotAskForEver(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		teller(b)
		asked := false
		b.platform.fail = func(*chat.Delivery) error {
			if asked {
				return nil
			}
			asked = true
			return &chat.DeliveryError{Code: "ratelimited", Retry: true, After: 300 * 24 * time.Hour}
		}
		b.start()
		b.accept(b.command("help"), chat.Accepted) // e1
		later(time.Minute)
		b.accept(b.event(abi.MemberJoined), chat.Accepted) // e2, behind it
		later(30 * time.Minute)
		wantTexts(t, b.platform)
		later(time.Hour)
		wantTexts(t, b.platform, "send @fake:ada e1", "send @fake:ada e2")
	})
}

// TestWhatWaitsExpiresInTime: a message whose time is over while it waits to be
// tried again makes room then, and not when the wait is over.
func TestWhatWaitsExpiresInTime(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Policy: Policy{Expiry: 10 * time.Minute}})
		teller(b)
		asked := false
		b.platform.fail = func(*chat.Delivery) error {
			if asked {
				return nil
			}
			asked = true
			return &chat.DeliveryError{Code: "ratelimited", Retry: true, After: 50 * time.Minute}
		}
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted) // e1: unasked
		later(time.Minute)
		b.accept(b.command("help"), chat.Accepted) // e2, behind it
		later(5 * time.Minute)
		if s := b.status("e1"); s != "waiting" {
			t.Errorf("after six minutes of ten the message is %s", s)
		}
		later(6 * time.Minute)
		if s := b.status("e1"); s != statusExpired {
			t.Errorf("after twelve minutes of ten the message is %s, want expired", s)
		}
		wantTexts(t, b.platform, "send @fake:ada e2")
	})
}

// TestMessagesOfHostileAges: ages beyond what a clock can count are as good as none.
func TestMessagesOfHostileAges(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Content: text1("hello"),
				Expires: math.MaxInt64, After: math.MaxInt64}}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Hour)
		wantTexts(t, b.platform, "send fake:general hello")
	})
}

// TestLaw6APluginAtRestOrBrokenStopsNobodyElse has so much wait for one plugin
// that no more would be taken in, were it everybody's.
func TestLaw6APluginAtRestOrBrokenStopsNobodyElse(t *testing.T) {
	for name, stop := range map[string]func(b *bot){
		"at rest": func(b *bot) { b.rest(context.Background(), "bad") },
		"broken":  func(*bot) {},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				b := newBot(t, Options{MaxBacklog: 40})
				b.plugin(abi.Manifest{Name: "bad", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
					if c.Event.Kind == abi.TimerFired {
						return abi.Effects{}, wasm.ErrTrap
					}
					var ef abi.Effects
					for i := range 60 {
						ef.Out = append(ef.Out, abi.Effect{Timer: &abi.Timer{Name: "t", Key: string(rune('A' + i)), Due: c.Now + time.Hour.Milliseconds()}})
					}
					return ef, nil
				})
				handled := 0
				b.plugin(abi.Manifest{Name: "good", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
					handled++
					return abi.Effects{}, nil
				})
				b.start()
				b.accept(b.event(abi.MemberJoined), chat.Accepted)
				later(time.Minute)
				stop(b)
				later(time.Hour)
				if n := b.Engine.plugin("bad").lanes.length(); n < 40 {
					t.Fatalf("only %d events wait", n)
				}
				for range 5 {
					b.accept(b.event(abi.MessagePosted), chat.Accepted)
				}
				later(time.Second)
				if handled != 5 {
					t.Errorf("%d of 5 events of another plugin were handled", handled)
				}
			})
		})
	}
}
