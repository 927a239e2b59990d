package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/sdk/abi"
)

// newSocketWorld runs an adapter in Socket Mode until the test ends.
func newSocketWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, func(_ *chattest.SlackOptions, o *slack.Options) { o.AppToken, o.SigningSecret = "xapp-hearth", "" }).people()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not return")
		}
	})
	w.awaitSockets(t, 1)
	return w
}

// awaitSockets waits for n sockets that have not been announced to close.
func (w *world) awaitSockets(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := w.Await(ctx, func() bool { fresh, _ := w.Sockets(); return fresh == n }); err != nil {
		t.Fatal(err)
	}
}

func (w *world) push(t *testing.T, kind string, payload []byte, old bool) json.RawMessage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ack, err := w.Push(ctx, kind, payload, old)
	if err != nil {
		t.Fatalf("%s was not acknowledged: %v", kind, err)
	}
	return ack
}

func TestSocket(t *testing.T) {
	w := newSocketWorld(t)
	w.push(t, "events_api", w.ChannelJoin("EvSOCKET", "U0ANN", "C0GENERAL"), false)
	if got := w.sink.Take(); len(got) != 1 || got[0].Event.Kind != abi.MemberJoined {
		t.Fatalf("got %+v", got)
	}
	w.push(t, "slash_commands", slashJSON(t, w.Command("U0ANN", "C0GENERAL", "/run", "x")), false)
	if got := w.sink.Take(); len(got) != 1 || got[0].Event.Command.Args != "x" {
		t.Fatalf("got %+v", got)
	}
	if ack := w.push(t, "slash_commands", slashJSON(t, w.Command("U0ANN", "C0GENERAL", "/dance", "")), false); !strings.Contains(string(ack), "hearth-help") {
		t.Errorf("acknowledged with %s", ack)
	}
	w.must(t, chat.Delivery{Op: chat.OpSend, Conversation: "slack:C0GENERAL", Content: abi.Content{Blocks: []abi.Block{{Buttons: []abi.Button{{Label: "Go", Token: "tok"}}}}}})
	w.push(t, "interactive", w.Press("U0ANN", w.Messages("C0GENERAL")[0], "Go"), false)
	if got := w.sink.Take(); len(got) != 1 || got[0].Token != "tok" {
		t.Fatalf("got %+v", got)
	}
	w.push(t, "interactive", []byte(`"no object"`), false) // acknowledged, for it would never be one
	w.push(t, "unheard_of", []byte(`{}`), false)
	if st := w.a.Stats(); st.Sockets != 1 || st.Received != 6 || st.Refused != 1 {
		t.Errorf("stats %+v", st)
	}
}

// slashJSON is a slash command as it comes over a socket.
func slashJSON(t *testing.T, form []byte) []byte {
	t.Helper()
	v, err := url.ParseQuery(string(form))
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for k := range v {
		m[k] = v.Get(k)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Before Slack closes a socket the next one is open, and what comes by the old
// one meanwhile is handled.
func TestSocketRenewed(t *testing.T) {
	w := newSocketWorld(t)
	if err := w.Announce(t.Context(), "warning"); err != nil {
		t.Fatal(err)
	}
	w.awaitSockets(t, 1)
	if _, open := w.Sockets(); open != 2 {
		t.Errorf("%d sockets open, want the old one and the new one", open)
	}
	old, _ := w.Say("U0ANN", "C0GENERAL", "by the old one")
	w.push(t, "events_api", old, true)
	fresh, _ := w.Say("U0ANN", "C0GENERAL", "by the new one")
	w.push(t, "events_api", fresh, false)
	w.CloseOld()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := w.Await(ctx, func() bool { _, open := w.Sockets(); return open == 1 }); err != nil {
		t.Fatal(err)
	}
	last, _ := w.Say("U0ANN", "C0GENERAL", "afterwards")
	w.push(t, "events_api", last, false)
	if n := len(w.sink.Got()); n != 3 {
		t.Errorf("%d events", n)
	}
	if st := w.a.Stats(); st.Sockets != 2 {
		t.Errorf("stats %+v", st)
	}
}

// What is not durable is not acknowledged; delivered again it is.
func TestSocketBusy(t *testing.T) {
	w := newSocketWorld(t)
	var mu sync.Mutex
	asked := make(chan struct{}, 1)
	busy := true
	w.sink.Decide = func(chat.Incoming) (chat.Outcome, error) {
		mu.Lock()
		defer mu.Unlock()
		if busy {
			busy = false
			asked <- struct{}{}
			return 0, chat.ErrBusy
		}
		return chat.Accepted, nil
	}
	body, _ := w.Say("U0ANN", "C0GENERAL", "hello")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		// The next envelope is acknowledged, so this one had its turn.
		if _, err := w.Push(ctx, "unheard_of", []byte(`{}`), false); err != nil {
			t.Errorf("the next envelope was not acknowledged: %v", err)
		}
		cancel()
	}()
	if _, err := w.Push(ctx, "events_api", body, false); !errors.Is(err, context.Canceled) {
		t.Errorf("it was acknowledged: %v", err)
	}
	w.push(t, "events_api", body, false)
	if n := len(w.sink.Got()); n != 1 {
		t.Errorf("%d events", n)
	}
}

// A member's act that is under way when hearth stops is finished and
// acknowledged.
func TestSocketDrains(t *testing.T) {
	w := newWorld(t, func(_ *chattest.SlackOptions, o *slack.Options) { o.AppToken = "xapp-hearth" })
	ctx, cancel := context.WithCancel(t.Context())
	started, release := make(chan struct{}), make(chan struct{})
	w.sink.Decide = func(chat.Incoming) (chat.Outcome, error) {
		close(started)
		<-release
		return chat.Accepted, nil
	}
	done := make(chan error, 1)
	go func() { done <- w.a.Run(ctx) }()
	w.awaitSockets(t, 1)
	body, _ := w.Say("U0ANN", "C0GENERAL", "at the last moment")
	acked := make(chan error, 1)
	go func() {
		wait, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		_, err := w.Push(wait, "events_api", body, false)
		acked <- err
	}()
	<-started
	cancel()
	close(release)
	if err := <-acked; err != nil {
		t.Errorf("not acknowledged: %v", err)
	}
	if err := <-done; err != nil || len(w.sink.Got()) != 1 {
		t.Errorf("Run: %v, %d events", err, len(w.sink.Got()))
	}
}

// Without an app-level token Run waits and does nothing.
func TestRunWithoutSocket(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.a.Run(ctx); err != nil || len(w.Calls("")) != 0 {
		t.Errorf("Run: %v, calls %v", err, w.Calls(""))
	}
}
