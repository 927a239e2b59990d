package slack_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/sdk/abi"
)

// TestErrors is what follows from what Slack answers.
func TestErrors(t *testing.T) {
	type class struct{ retry, hold, unknown, noDM bool }
	hold, gone, again, lost := class{hold: true}, class{}, class{retry: true}, class{retry: true, unknown: true}
	for _, c := range []struct {
		f      chattest.Failure
		want   class
		advice string
	}{
		{chattest.Failure{Code: "invalid_auth"}, hold, "bot token"},
		{chattest.Failure{Code: "account_inactive"}, hold, "install"},
		{chattest.Failure{Code: "token_revoked"}, hold, "install"},
		{chattest.Failure{Code: "missing_scope"}, hold, "hearth slack manifest"},
		{chattest.Failure{Code: "channel_not_found"}, gone, "/invite"},
		{chattest.Failure{Code: "is_archived"}, gone, "archived"},
		{chattest.Failure{Code: "not_in_channel"}, gone, "/invite"},
		{chattest.Failure{Code: "restricted_action"}, gone, "post"},
		{chattest.Failure{Code: "something_new"}, gone, ""},
		{chattest.Failure{Code: "ratelimited"}, again, ""},
		{chattest.Failure{Status: 429, RetryAfter: 30}, again, ""},
		{chattest.Failure{Status: 429}, again, ""},
		{chattest.Failure{Code: "user_disabled"}, class{noDM: true}, ""},
		{chattest.Failure{Code: "cannot_dm_bot"}, class{noDM: true}, ""},
		{chattest.Failure{Code: "internal_error"}, lost, ""},
		{chattest.Failure{Status: 500}, lost, ""},
		{chattest.Failure{Status: 503}, lost, ""},
		{chattest.Failure{Status: 404}, gone, "api_url"},
		{chattest.Failure{Drop: true}, lost, ""},
		{chattest.Failure{Refuse: true}, lost, ""},
		{chattest.Failure{Garbage: true}, lost, ""},
		{chattest.Failure{Hang: true}, lost, ""},
	} {
		t.Run(fmt.Sprintf("%+v", c.f), func(t *testing.T) {
			w := newWorld(t)
			w.Fail("chat.postMessage", 1, c.f)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.f.Hang { // the engine's patience ends once the call has got there
				go func() {
					_ = w.Await(ctx, func() bool { return len(w.Calls("chat.postMessage")) == 1 })
					cancel()
				}()
			}
			_, err := w.a.Deliver(ctx, &chat.Delivery{ID: "d", Op: chat.OpSend, Conversation: "slack:C0GENERAL", Content: text("x"), Attempt: 1})
			var e *chat.DeliveryError
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if got := (class{e.Retry, e.Hold, e.Unknown, e.NoDM}); got != c.want || !strings.Contains(e.Advice, c.advice) {
				t.Errorf("got %+v %q, want %+v about %q", got, e.Advice, c.want, c.advice)
			}
			if c.f.RetryAfter > 0 && e.After != time.Duration(c.f.RetryAfter)*time.Second {
				t.Errorf("after %v", e.After)
			}
			if strings.Contains(err.Error(), "xoxb-") {
				t.Errorf("the token is in the error: %v", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	w.Close()
	_, err := w.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: "slack:C0GENERAL", Content: text("x")})
	var e *chat.DeliveryError
	if !errors.As(err, &e) || !e.Retry || e.Unknown {
		t.Errorf("got %+v", err)
	}
	if h := w.a.Check(t.Context()); h.OK || h.Advice == "" {
		t.Errorf("health %+v", h)
	}
}

// A deadline that had passed before the call has sent nothing.
func TestCancelledBefore(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.a.Deliver(ctx, &chat.Delivery{ID: "d", Op: chat.OpSend, Conversation: "slack:C0GENERAL", Content: text("x"), Attempt: 1})
	var e *chat.DeliveryError
	if !errors.As(err, &e) || !e.Retry || e.Unknown || len(w.Calls("")) != 0 {
		t.Errorf("got %+v", err)
	}
}

func TestMissingScope(t *testing.T) {
	w := newWorld(t)
	w.SetScopes([]string{"users:read", "commands"})
	_, err := w.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: "slack:C0GENERAL", Content: text("x")})
	var e *chat.DeliveryError
	if !errors.As(err, &e) || !e.Hold || !strings.Contains(e.Advice, "chat:write") {
		t.Errorf("got %+v", err)
	}
	h := w.a.Check(t.Context())
	if h.OK || h.Code != "missing_scope" || !strings.Contains(fmt.Sprint(h.Missing), "chat:write") || strings.Contains(fmt.Sprint(h.Missing), "users:read") {
		t.Errorf("health %+v", h)
	}
}

// After a 429 nothing is sent to that channel before its time; the others go
// on, until a second channel is told the same.
func TestThrottled(t *testing.T) {
	w := newWorld(t, func(so *chattest.SlackOptions, _ *slack.Options) { so.RateLimit = true })
	for _, id := range []string{"C1", "C2", "C3"} {
		w.AddChannel(chattest.SlackChannel{ID: id, Members: []string{"U0ANN"}})
	}
	send := func(ch string) *chat.DeliveryError {
		_, err := w.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: "slack:" + ch, Content: text("x")})
		var e *chat.DeliveryError
		errors.As(err, &e)
		return e
	}
	limited := func(e *chat.DeliveryError) bool { return e != nil && e.Retry && e.After > 0 && !e.Unknown }
	if e := send("C1"); e != nil {
		t.Fatal(e)
	}
	if e := send("C1"); !limited(e) {
		t.Fatalf("got %v", e)
	}
	calls := len(w.Calls("chat.postMessage"))
	if e := send("C1"); !limited(e) || len(w.Calls("chat.postMessage")) != calls {
		t.Errorf("Slack was asked in vain: %v", e)
	}
	if e := send("C2"); e != nil {
		t.Errorf("another channel is held up: %v", e)
	}
	if e := send("C2"); !limited(e) {
		t.Fatalf("got %v", e)
	}
	if e := send("C3"); !limited(e) {
		t.Errorf("two channels are throttled, the method is not: %v", e)
	}
	w.clock.Add(1100 * time.Millisecond)
	for _, ch := range []string{"C1", "C2", "C3"} {
		if e := send(ch); e != nil {
			t.Errorf("%s: %v", ch, e)
		}
	}
	if n := len(w.Messages("")); n != 5 {
		t.Errorf("%d messages", n)
	}
}

// A 429 that asks for years closes neither the channel nor the method for longer
// than Slack's limits last.
func TestThrottledForYears(t *testing.T) {
	w := newWorld(t)
	w.Fail("chat.postMessage", 1, chattest.Failure{Status: 429, RetryAfter: 400 * 24 * 3600})
	d := chat.Delivery{Op: chat.OpSend, Conversation: "slack:C0GENERAL", Content: text("x")}
	for range 2 { // Slack's answer, and what is told without asking again
		_, err := w.deliver(t, d)
		var e *chat.DeliveryError
		if !errors.As(err, &e) || !e.Retry || e.After <= 0 || e.After > time.Hour {
			t.Errorf("got %+v", e)
		}
	}
	w.clock.Add(time.Hour)
	if _, err := w.deliver(t, d); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// A direct message is opened once for a member.
func TestDirectMessagesAreCached(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.must(t, chat.Delivery{Op: chat.OpSend, Member: "slack:U0ANN", Content: text("x")})
	}
	if n := len(w.Calls("conversations.open")); n != 1 {
		t.Errorf("opened %d times", n)
	}
}

// Of a long message that broke off, Find tells which parts arrived.
func TestFindParts(t *testing.T) {
	w := newWorld(t)
	since := w.clock.Now()
	d := chat.Delivery{ID: "d-long", Op: chat.OpSend, Conversation: "slack:C0GENERAL", Attempt: 1,
		Content: abi.Content{Blocks: []abi.Block{{Code: strings.Repeat("x := compute(x)\n", 1500)}}}}
	w.Fail("chat.postMessage", 1, chattest.Failure{Drop: true})
	if _, err := w.a.Deliver(t.Context(), &d); err == nil {
		t.Fatal("no error")
	}
	// Meanwhile others talk, more than one page of it.
	for range 150 {
		w.Say("U0ANN", "C0GENERAL", "chatter")
	}
	r, ok, err := w.a.Find(t.Context(), &d, since)
	if err != nil || ok || len(r.Messages) != 1 {
		t.Fatalf("find: %+v %v %v", r, ok, err)
	}
	d.Attempt, d.Parts = 2, r.Messages
	whole := w.must(t, d)
	r, ok, err = w.a.Find(t.Context(), &d, since)
	if err != nil || !ok || fmt.Sprint(r) != fmt.Sprint(whole) {
		t.Errorf("find: %+v %v %v, sent %+v", r, ok, err, whole)
	}
	d.ID, d.Parts, d.Ephemeral = "other", nil, true
	if _, _, err := w.a.Find(t.Context(), &d, since); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an ephemeral message: %v", err)
	}
	d.Ephemeral = false
	w.SetScopes([]string{"chat:write"})
	var e *chat.DeliveryError
	if _, _, err := w.a.Find(t.Context(), &d, since); !errors.As(err, &e) || e.Code != "missing_scope" {
		t.Errorf("without the scope: %v", err)
	}
}

// An answer in a thread is found there.
func TestFindInThread(t *testing.T) {
	w := newWorld(t)
	_, root := w.Say("U0ANN", "C0GENERAL", "question")
	d := chat.Delivery{ID: "d-thread", Op: chat.OpSend, Conversation: "slack:C0GENERAL", Thread: root, Content: text("answer"), Attempt: 1}
	r := w.must(t, d)
	got, ok, err := w.a.Find(t.Context(), &d, w.clock.Now())
	if err != nil || !ok || got.Messages[0] != r.Messages[0] {
		t.Errorf("find: %+v %v %v", got, ok, err)
	}
}

func TestProfile(t *testing.T) {
	w := newWorld(t)
	w.AddUser(chattest.SlackUser{ID: "U0GUEST", Name: "Guest", Guest: true, TZ: "Asia/Shanghai", Locale: "zh-CN"})
	m, err := w.a.Profile(t.Context(), "slack:U0GUEST")
	if want := (abi.Member{ID: "slack:U0GUEST", Name: "Guest", Guest: true, TimeZone: "Asia/Shanghai", Locale: "zh-CN"}); err != nil || m != want {
		t.Errorf("got %+v, %v", m, err)
	}
	for _, id := range []string{"slack:U0NOBODY", "telegram:1", "slack:", "slack:../x"} {
		var e *chat.DeliveryError
		if _, err := w.a.Profile(t.Context(), id); !errors.As(err, &e) {
			t.Errorf("%s: %v", id, err)
		}
	}
}
