package host

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

func TestFollowersHearEveryAttempt(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		tries := 0
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted, abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.MemberJoined {
				return abi.Effects{}, nil
			}
			if tries++; tries == 1 {
				return abi.Effects{Error: "not yet"}, nil
			}
			return abi.Effects{}, nil
		})
		b.start()
		ctx, cancel := context.WithCancel(t.Context())
		follow := b.Follow(ctx, EventFilter{Kind: abi.MessagePosted})
		var heard record
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for h, err := range follow {
				heard.add(fmt.Sprintf("%s attempt %d: %q %v", h.Event.Kind, h.Attempt, h.Error, err))
			}
		}()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		cancel()
		<-ended
		want := `[message.posted attempt 1: "not yet" <nil> message.posted attempt 2: "" <nil>]`
		if got := fmt.Sprint(heard.all()); got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
		if n := b.followers.n.Load(); n != 0 {
			t.Errorf("%d followers remain", n)
		}
	})
}

func TestASlowFollowerHoldsNobodyUp(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, nil
		})
		b.start()
		follow := b.Follow(t.Context(), EventFilter{})
		const n = maxBehind + 10
		for range n {
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
		}
		later(time.Minute)
		synctest.Wait()
		if got := b.counter("p", "c/n"); got != n {
			t.Errorf("%d of %d events were handled beside a follower that does not read", got, n)
		}
		heard := 0
		var last error
		for _, err := range follow {
			if err != nil {
				last = err
			} else {
				heard++
			}
		}
		if heard != maxBehind || !errors.Is(last, ErrBehind) {
			t.Errorf("heard %d and %v, want %d and ErrBehind", heard, last, maxBehind)
		}
	})
}
