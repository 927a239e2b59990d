package webchat

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// A process that ends between the commit and the sink loses no event: the next
// one hands it over, once.
func TestCrashBeforeTheSink(t *testing.T) {
	p := still(t, Options{})
	ada := p.member("Ada")
	crash := errors.New("the process ends here")
	p.sink.setDecide(func(chat.Incoming) (chat.Outcome, error) { return 0, crash })
	var ids []string
	for i := range 5 {
		ids = append(ids, ada.say(general, fmt.Sprint("number ", i))) // the member's part has worked
	}
	if n := p.rows("hand"); n != 5 {
		t.Fatalf("%d hand-offs are kept, want 5", n)
	}

	next := open(t, Options{Store: p.st})
	got := next.sink.wait(t, abi.MessagePosted, 5)
	for i, e := range got {
		if e.Message.ID != ids[i] || e.Message.Text != fmt.Sprint("number ", i) || e.Member.Name != "Ada" {
			t.Errorf("event %d is %+v", i, e.Message)
		}
	}
	for next.rows("hand") > 0 {
		// They are deleted behind the last event; wait for the store to say so.
		for range next.st.Watch(t.Context(), root.Join("hand").Prefix()) {
			if next.rows("hand") == 0 {
				break
			}
		}
	}
	if n := len(next.sink.events(abi.MessagePosted)); n != 5 {
		t.Errorf("%d events, want 5", n)
	}
}

// A crash between the sink and the deletion of the hand-off row repeats an
// event, which the sink knows by its id.
func TestCrashBehindTheSink(t *testing.T) {
	p := still(t, Options{})
	ada := p.member("Ada")
	p.sink.setDecide(func(chat.Incoming) (chat.Outcome, error) { return 0, chat.ErrBusy })
	ada.say(general, "once")
	p.sink.setDecide(nil)
	var first abi.Event
	for range 2 {
		if left, err := p.a.handOverAll(t.Context()); left || err != nil {
			t.Fatalf("hand over: %v, %v", left, err)
		}
		all := p.sink.events(abi.MessagePosted)
		if len(all) != 1 {
			t.Fatalf("%d events", len(all))
		}
		first = all[0]
		if _, err := p.a.change(t.Context(), func(t *tx) error { // the row as it was
			b, err := first.MarshalMsg(nil)
			t.b.Put(handKey(first.ID), b)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// What a busy sink would not take goes to it later, without a restart; what it
// refuses for good is not tried for ever.
func TestBusyAndRefusing(t *testing.T) {
	p := open(t, Options{})
	ada := p.member("Ada")
	var once sync.Once
	p.sink.setDecide(func(in chat.Incoming) (chat.Outcome, error) {
		var err error
		once.Do(func() { err = chat.ErrBusy })
		return chat.Accepted, err
	})
	ada.say(general, "busy at first")
	p.sink.wait(t, abi.MessagePosted, 1)

	p.sink.setDecide(func(chat.Incoming) (chat.Outcome, error) { return 0, fmt.Errorf("too deep: %w", chat.ErrRefused) })
	ada.say(general, "never")
	p.sink.setDecide(nil)
	ada.say(general, "after it")
	p.sink.wait(t, abi.MessagePosted, 2)
	if left, err := p.a.handOverAll(t.Context()); left || err != nil || p.rows("hand") != 0 {
		t.Errorf("%d hand-offs are left: %v", p.rows("hand"), err)
	}
}
