package chattest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

func testEdit(t *testing.T, s *Stage) {
	if !s.Adapter.Features().Edit {
		t.Skip("the platform cannot edit")
	}
	sent := s.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: text("before")})
	edit := chat.Delivery{Op: chat.OpEdit, Conversation: sent.Conversation, Messages: sent.Messages, Content: text("after")}
	r := s.deliver(t, edit)
	if len(r.Messages) != 1 || r.Messages[0] != sent.Messages[0] {
		t.Errorf("receipt %+v", r)
	}
	if p := s.post(t, sent.Messages[0]); p.Text != "after" {
		t.Errorf("there stands %+v", p)
	}
	s.deliver(t, edit) // again is no harm
}

func testEditLength(t *testing.T, s *Stage) {
	if !s.Adapter.Features().Edit || !s.Adapter.Features().Delete {
		t.Skip("the platform cannot edit and delete")
	}
	short := s.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: text("short")})
	before := len(s.Posts())
	grown := s.deliver(t, chat.Delivery{Op: chat.OpEdit, Conversation: short.Conversation, Messages: short.Messages, Content: long()})
	if grown.Messages[0] != short.Messages[0] {
		t.Errorf("the first message became another: %v, was %v", grown.Messages, short.Messages)
	}
	if n := len(s.Posts()) - before; n != len(grown.Messages)-1 {
		t.Errorf("%d messages were added for %d parts", n, len(grown.Messages))
	}
	shrunk := s.deliver(t, chat.Delivery{Op: chat.OpEdit, Conversation: short.Conversation, Messages: grown.Messages, Content: text("short again")})
	if len(shrunk.Messages) != 1 || len(s.Posts()) != before {
		t.Errorf("receipt %v; %d messages stand there, want %d", shrunk.Messages, len(s.Posts()), before)
	}
}

func testDelete(t *testing.T, s *Stage) {
	if !s.Adapter.Features().Delete {
		t.Skip("the platform cannot delete")
	}
	sent := s.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: text("soon gone")})
	del := chat.Delivery{Op: chat.OpDelete, Conversation: sent.Conversation, Messages: sent.Messages}
	s.deliver(t, del)
	for _, p := range s.Posts() {
		if p.ID == sent.Messages[0] {
			t.Errorf("there still stands %+v", p)
		}
	}
	s.deliver(t, del) // what is gone is as good as deleted
}

func testReact(t *testing.T, s *Stage) {
	if !s.Adapter.Features().React {
		t.Skip("the platform has no reactions")
	}
	d := chat.Delivery{Op: chat.OpReact, Conversation: s.Channel, Messages: []string{s.Say("look")}, Reaction: "wave"}
	s.deliver(t, d)
	s.deliver(t, d) // it has it already
}

// testRepeat holds the adapter to its word that a repeated delivery is carried
// out once.
func testRepeat(t *testing.T, s *Stage) {
	if !s.Adapter.Features().Idempotent {
		t.Skip("the platform carries out what is repeated")
	}
	d := chat.Delivery{ID: deliveryID(), Op: chat.OpSend, Conversation: s.Channel, Content: text("once")}
	first := s.deliver(t, d)
	d.Attempt = 2
	again := s.deliver(t, d)
	if fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("receipts %+v, %+v", first, again)
	}
	n := 0
	for _, p := range s.Posts() {
		if p.Text == "once" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("it stands there %d times", n)
	}
}

func testEmpty(t *testing.T, s *Stage) {
	for _, c := range []abi.Content{{}, text(""), text(" \n\x00"), {Blocks: []abi.Block{{}}}} {
		if e := s.fails(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: c}); e.Retry || e.Hold || e.Unknown {
			t.Errorf("a message that shows nothing: %+v", e)
		}
	}
}

func testWrongIDs(t *testing.T, s *Stage) {
	for _, d := range []chat.Delivery{
		{Op: chat.OpSend, Conversation: "other:C1", Content: text("x")},
		{Op: chat.OpSend, Conversation: "C1", Content: text("x")},
		{Op: chat.OpSend, Content: text("x")},
		{Op: chat.OpSend, Member: "other:U1", Content: text("x")},
		{Op: chat.OpEdit, Conversation: s.Channel, Content: text("x")},
		{Op: chat.OpDelete, Conversation: s.Channel},
		{Op: "dance", Conversation: s.Channel},
	} {
		if e := s.fails(t, d); e.Retry || e.Hold {
			t.Errorf("%+v: %+v", d, e)
		}
	}
}

func (s *Stage) fault(t *testing.T, f Fault) {
	t.Helper()
	do := s.Faults[f]
	if do == nil {
		t.Skipf("the stand-in knows no fault %q", f)
	}
	do()
}

func testLimited(t *testing.T, s *Stage) {
	s.fault(t, Limited)
	e := s.fails(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: text("too fast")})
	if !e.Retry || e.After <= 0 || e.Unknown || e.Hold {
		t.Errorf("too fast: %+v", e)
	}
}

func testUnknown(t *testing.T, s *Stage) {
	t.Run("broken", func(t *testing.T) {
		s.fault(t, Broken)
		if e := s.fails(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: text("x")}); !e.Retry || !e.Unknown || e.Hold {
			t.Errorf("a server error: %+v", e)
		}
	})
	t.Run("lost", func(t *testing.T) {
		s.fault(t, Lost)
		since := time.Now()
		d := chat.Delivery{ID: deliveryID(), Op: chat.OpSend, Conversation: s.Channel, Content: text("it did arrive")}
		if e := s.fails(t, d); !e.Retry || !e.Unknown || e.Hold {
			t.Errorf("a lost answer: %+v", e)
		}
		f, ok := s.Adapter.(chat.Finder)
		if !ok {
			t.Skip("the platform cannot be asked")
		}
		r, found, err := f.Find(t.Context(), &d, since)
		if err != nil || !found || len(r.Messages) != 1 {
			t.Fatalf("find: %+v, %v, %v", r, found, err)
		}
		if p := s.post(t, r.Messages[0]); p.Text != "it did arrive" {
			t.Errorf("found %+v", p)
		}
		other := d
		other.ID = deliveryID()
		if _, found, err := f.Find(t.Context(), &other, since); found || err != nil {
			t.Errorf("one that was never sent was found: %v, %v", found, err)
		}
	})
}

func testLocked(t *testing.T, s *Stage) {
	s.fault(t, Locked)
	if e := s.fails(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: text("x")}); !e.Hold || e.Unknown {
		t.Errorf("a bot that is not known: %+v", e)
	}
}

func testNowhere(t *testing.T, s *Stage) {
	if s.Gone == "" {
		t.Skip("the stand-in has every conversation")
	}
	if e := s.fails(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Gone, Content: text("x")}); e.Retry || e.Hold || e.Advice == "" {
		t.Errorf("to a conversation that does not exist: %+v", e)
	}
}

func testCancelled(t *testing.T, s *Stage) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.Adapter.Deliver(ctx, &chat.Delivery{ID: deliveryID(), Op: chat.OpSend, Conversation: s.Channel, Content: text("x"), Attempt: 1})
	var de *chat.DeliveryError
	if !errors.As(err, &de) || !de.Retry {
		t.Errorf("got %v", err)
	}
}

func testConcurrent(t *testing.T, s *Stage) {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			d := chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: text(fmt.Sprint("at once ", i))}
			if i%2 == 0 && s.Adapter.Features().DM {
				d.Conversation, d.Member = "", s.Member
			}
			if _, err := s.try(d); err != nil {
				t.Errorf("delivery %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	n := 0
	for _, p := range s.Posts() {
		if strings.HasPrefix(p.Text, "at once ") {
			n++
		}
	}
	if n != 16 {
		t.Errorf("%d messages stand there, want 16", n)
	}
}
