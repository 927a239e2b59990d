package host

import (
	"errors"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

var maria = audit.Who{ID: "token/1", Name: "Maria", Role: "manager", Via: "page"}

// TestSayBy writes to a member who wants nothing they did not ask for: they get
// it, with a receipt, and it is on record who had it sent.
func TestSayBy(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Policy: Policy{QuietFrom: 0, QuietTo: 23, DailyCap: 0}})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		m, err := b.SayBy(t.Context(), maria, "fake:ada", text1("How does this look?"))
		if err != nil || m.Status != "sent" || len(m.Messages) != 1 {
			t.Errorf("SayBy = %+v, %v", m, err)
		}
		wantTexts(t, b.platform, "send @fake:ada How does this look?")
		list, err := b.audit.List(t.Context(), audit.Filter{On: "member/fake:ada"})
		if err != nil || len(list) != 1 || list[0].Who != maria || list[0].Did != "message.send" || list[0].After != "" {
			t.Errorf("on record: %+v, %v", list, err)
		}
	})
}

// TestSayByWaits looks what is said while nothing is sent, and that it is not
// sent when nobody looks any more.
func TestSayByWaits(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		m, err := b.SayBy(t.Context(), maria, "fake:ada", text1("Hello?"))
		if err != nil || m.Status != "waiting" {
			t.Errorf("while nothing is sent: %+v, %v", m, err)
		}
		later(sayTime + time.Minute)
		if err := b.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		later(time.Minute)
		wantTexts(t, b.platform)
		if list, err := b.Messages(t.Context(), m.Number); err != nil || len(list) != 1 || list[0].Status != "expired" {
			t.Errorf("afterwards: %+v, %v", list, err)
		}
	})
}

func TestSayByRefuses(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{MaxOutbox: 1})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		button := abi.Content{Blocks: []abi.Block{{Buttons: []abi.Button{{Label: "Press", Action: "a"}}}}}
		for name, c := range map[string]struct {
			member  string
			content abi.Content
			want    error
		}{
			"a stranger":             {"fake:nobody", text1("hi"), ErrUnknown},
			"a platform that is not": {"slack:U1", text1("hi"), ErrUnknown},
			"nobody":                 {"", text1("hi"), ErrUnknown},
			"a button":               {"fake:ada", button, nil},
			"nothing":                {"fake:ada", abi.Content{}, nil},
		} {
			_, err := b.SayBy(t.Context(), maria, c.member, c.content)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.SayBy(t.Context(), maria, "fake:ada", text1("one")); err != nil {
			t.Error(err)
		}
		if _, err := b.SayBy(t.Context(), maria, "fake:ada", text1("two")); !errors.Is(err, chat.ErrBusy) {
			t.Errorf("too many: %v", err)
		}
		wantTexts(t, b.platform)
	})
}

// TestSayIn writes into a conversation, where the platform says whether that can
// be.
func TestSayIn(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		m, err := b.SayIn(t.Context(), maria, "fake:general", text1("Can you read this?"))
		if err != nil || m.Status != "sent" {
			t.Errorf("SayIn = %+v, %v", m, err)
		}
		wantTexts(t, b.platform, "send fake:general Can you read this?")
		if _, err := b.SayIn(t.Context(), maria, "nowhere:general", text1("Hello?")); !errors.Is(err, ErrUnknown) {
			t.Errorf("at a platform that is not connected: %v", err)
		}
		list, err := b.audit.List(t.Context(), audit.Filter{On: "conversation/fake:general"})
		if err != nil || len(list) != 1 || list[0].Who != maria {
			t.Errorf("on record: %+v, %v", list, err)
		}
	})
}
