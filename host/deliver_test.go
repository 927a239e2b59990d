package host

import (
	"context"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// mute is a platform that can be asked what arrived and never answers.
type mute struct {
	*fakePlatform
	asked *int
}

func (m mute) Find(context.Context, *chat.Delivery, time.Time) (chat.Receipt, bool, error) {
	*m.asked++
	return chat.Receipt{}, false, &chat.DeliveryError{Code: "timeout", Retry: true, Err: errLost}
}

func TestAPlatformIsNotAskedForEver(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Deliveries: 4}})
		asked := 0
		if err := b.Attach(t.Context(), mute{b.platform, &asked}); err != nil {
			t.Fatal(err)
		}
		b.platform.lose = func(*chat.Delivery) error {
			return &chat.DeliveryError{Code: "timeout", Retry: true, Unknown: true, Err: errLost}
		}
		teller(b)
		b.start()
		b.accept(b.command("help"), chat.Accepted)
		later(24 * time.Hour)
		if s := b.status("e1"); s != statusFailed || asked != 4 || len(b.platform.texts()) != 1 {
			t.Errorf("asked %d times, sent %d times, now %s; want 4, once, failed", asked, len(b.platform.texts()), s)
		}
	})
}

func TestWhatFailedCountsAgainstNoCap(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Policy: Policy{DailyCap: 1}})
		b.platform.fail = func(d *chat.Delivery) error {
			if d.Conversation == "fake:a" {
				return &chat.DeliveryError{Code: "channel_not_found"}
			}
			return nil
		}
		if err := b.Attach(t.Context(), slow{b.platform, time.Second}); err != nil {
			t.Fatal(err)
		}
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			var ef abi.Effects
			for _, conversation := range []string{"fake:a", "fake:b", "fake:c"} {
				ef.Out = append(ef.Out, abi.Effect{Send: &abi.Send{To: abi.Target{Conversation: conversation, Member: c.Event.Member.ID, Ephemeral: true}, Content: text1(conversation)}})
			}
			return ef, nil
		})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Minute)
		if n := len(b.platform.texts()); n != 1 {
			t.Errorf("%d arrived, want the one that the cap allows", n)
		}
		if p := b.Engine.platform("fake"); len(p.underWay) != 0 {
			t.Errorf("%v is reserved although nothing is under way", p.underWay)
		}
	})
}

func TestADirectConversationIsKnownFromItsFirstReceipt(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		teller(b)
		b.start()
		b.accept(b.command("help"), chat.Accepted)
		later(time.Second)
		rows := b.rows(kDirect)
		if len(rows) != 1 || rows[0].Key != kDirect.Join("fake:dm-ada") || string(rows[0].Value) != "fake:ada" {
			t.Errorf("direct conversations %v, want fake:dm-ada with fake:ada", rows)
		}
	})
}

func TestAnAttemptNobodyCanAskAboutIsOfUnknownOutcome(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Policy: Policy{Expiry: time.Minute}})
		b.platform.lose = func(*chat.Delivery) error {
			return &chat.DeliveryError{Code: "timeout", Retry: true, After: time.Hour, Unknown: true, Err: errLost}
		}
		teller(b)
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(2 * time.Hour)
		var s sentRow
		if _, err := s.UnmarshalMsg(b.rows(kSent)[0].Value); err != nil {
			t.Fatal(err)
		}
		if n := len(s.Out.Attempts); s.Status != statusExpired || n != 1 || !s.Out.Attempts[0].Unknown {
			t.Errorf("%s after %+v, want expired, and that it may have arrived", s.Status, s.Out.Attempts)
		}
	})
}

func TestOneConversationHasOnePace(t *testing.T) {
	a := newFakePlatform("fake")
	a.features.PerConversation = time.Second
	b := newBot(t, Options{})
	if err := b.Attach(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	p, now := b.Engine.platform("fake"), time.Now()
	if wait := p.pace("@fake:ada", now); wait != 0 {
		t.Fatalf("the first message waits %v", wait)
	}
	if wait := p.pace("@fake:ada"+quietLane, now); wait != time.Second {
		t.Errorf("the quiet lane waits %v for the other's pace, want 1s", wait)
	}
}
