package host

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

func TestResting(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		message, timer := make(chan struct{}), make(chan struct{}) // closed: the event is done
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted, abi.TimerFired}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.TimerFired {
				<-timer
				return abi.Effects{}, nil
			}
			<-message
			return abi.Effects{Out: []abi.Effect{say("fake:general", "hello"), {Timer: &abi.Timer{Name: "t", Due: c.Now + time.Hour.Milliseconds()}}}}, nil
		})
		resting := func(want bool, due time.Duration) {
			t.Helper()
			got, next, err := b.Resting(t.Context())
			if err != nil || got != want || next.IsZero() != (due == 0) || due != 0 && time.Until(next).Round(time.Second) != due {
				t.Fatalf("Resting = %v, %v (in %v), %v, want %v, in %v", got, next, time.Until(next), err, want, due)
			}
		}
		resting(false, 0) // it does not run yet
		b.start()
		resting(true, 0)

		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		synctest.Wait()
		resting(false, 0) // the plugin is at work
		close(message)
		synctest.Wait()
		resting(true, time.Hour)
		wantTexts(t, b.platform, "send fake:general hello")

		later(time.Hour - time.Second)
		resting(true, time.Second)
		later(time.Second)
		resting(false, 0) // the timer's event is
		close(timer)
		synctest.Wait()
		resting(true, 0)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := b.Resting(ctx); err == nil {
			t.Error("Resting reads on although its context has ended")
		}
	})
}
