package slack_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/sdk/abi"
)

// fixture reads a recorded payload.
func fixture(t *testing.T, name string) []byte {
	t.Helper()
	return chattest.Recorded(t, "../../..", name)
}

// TestRecorded sends recorded payloads from HTTP request to the sink.
func TestRecorded(t *testing.T) {
	t.Run("message", func(t *testing.T) {
		w := newWorld(t)
		ev := w.one(t, "events", fixture(t, "slack_event_message_channel.json"))
		if ev.Kind != abi.MessagePosted || ev.ID != "post/C111/1596183880.004200" || ev.Message.Text != "Hello World!" || ev.Member.ID != "slack:W111" ||
			ev.Conversation != (abi.Conversation{ID: "slack:C111", Kind: abi.Channel}) || ev.Time != 1596183880004 {
			t.Errorf("got %s", compact(t, ev))
		}
	})
	t.Run("message changed", func(t *testing.T) {
		w := newWorld(t)
		ev := w.one(t, "events", fixture(t, "slack_event_message_changed.json"))
		if ev.Kind != abi.MessageEdited || ev.ID != "Ev111" || ev.Message.ID != "1665102338.901939" || ev.Message.Text != "updated message" ||
			ev.Message.OldText != "original message" || ev.Member.ID != "slack:U111" {
			t.Errorf("got %s", compact(t, ev))
		}
	})
	t.Run("member joined channel", func(t *testing.T) {
		w := newWorld(t)
		w.AddUser(chattest.SlackUser{ID: "W23456789", Name: "Newcomer"})
		w.AddChannel(chattest.SlackChannel{ID: "C111", Name: "go", Created: time.Unix(1500000000, 0)})
		ev := w.one(t, "events", fixture(t, "slack_event_member_joined_channel.json"))
		if ev.Kind != abi.MemberJoined || ev.ID != "Ev111" || ev.Member.ID != "slack:W23456789" || ev.Member.Name != "Newcomer" ||
			ev.Conversation.ID != "slack:C111" || ev.Conversation.Name != "go" {
			t.Errorf("got %s", compact(t, ev))
		}
	})
	t.Run("hearth joined channel", func(t *testing.T) {
		w := newWorld(t, func(so *chattest.SlackOptions, _ *slack.Options) { so.BotUser = "W23456789" })
		if rec := w.send("events", fixture(t, "slack_event_member_joined_channel.json")); rec.Code != 200 || len(w.sink.Got()) != 0 {
			t.Errorf("status %d, %d events", rec.Code, len(w.sink.Got()))
		}
	})
	t.Run("button", func(t *testing.T) {
		w := newWorld(t)
		body := url.Values{"payload": {string(fixture(t, "slack_interactive_block_actions.json"))}}.Encode()
		ev := w.one(t, "interactions", []byte(body))
		if ev.Kind != abi.ButtonClicked || ev.ID != "act/111.222.valid/0" || ev.Member.ID != "slack:W111" || !ev.Private ||
			ev.Conversation.ID != "slack:C111" || ev.Time != 1596530385194 {
			t.Errorf("got %s", compact(t, ev))
		}
		if in := w.sink.Got()[0]; in.Token != "click_me_123" {
			t.Errorf("token %q", in.Token)
		}
	})
	t.Run("url verification", func(t *testing.T) {
		w := newWorld(t)
		rec := w.send("events", fixture(t, "slack_url_verification.json"))
		if rec.Code != 200 || rec.Body.String() != "aljdsflaji3jj" {
			t.Errorf("status %d: %q", rec.Code, rec.Body)
		}
	})
	t.Run("signed slash command", testRecordedSignature)
	t.Run("socket, disconnect", testRecordedDisconnect)
	t.Run("socket, mention", testRecordedMention)
}

// testRecordedDisconnect plays Slack's announcement that it closes a socket: the
// next one is opened, while the old one is still read.
func testRecordedDisconnect(t *testing.T) {
	frame := fixture(t, "slack_socketmode_disconnect.json")
	w := newSocketWorld(t)
	w.pushFrame(t, frame)
	w.awaitSockets(t, 1)
	if _, open := w.Sockets(); open != 2 {
		t.Errorf("%d sockets are open, want the old one and the new one", open)
	}
	old, _ := w.Say("U0ANN", "C0GENERAL", "by the old one")
	w.push(t, "events_api", old, true)
	fresh, _ := w.Say("U0ANN", "C0GENERAL", "by the new one")
	w.push(t, "events_api", fresh, false)
	if n := len(w.sink.Got()); n != 2 {
		t.Errorf("%d events", n)
	}
}

// testRecordedMention plays an envelope with a mention of the bot. The ids in it
// were taken out by who recorded it: as it is it tells of nobody, and with ids
// in their places it is an event, once however often it comes.
func testRecordedMention(t *testing.T) {
	frame := fixture(t, "slack_socketmode_events_api.json")
	w := newSocketWorld(t)
	w.pushFrame(t, frame)
	if n := len(w.sink.Got()); n != 0 {
		t.Errorf("%d events of nobody", n)
	}
	whole := string(frame)
	for field, id := range map[string]string{"team_id": "T0TEAM", "team": "T0TEAM", "api_app_id": "A0APP", "channel": "C0GENERAL", "user": "U0ANN"} {
		whole = strings.ReplaceAll(whole, `"`+field+`": "redacted"`, `"`+field+`": "`+id+`"`)
	}
	whole = strings.ReplaceAll(whole, "U01JKSB8T7Y", "U0HEARTH")
	w.pushFrame(t, []byte(whole))
	w.pushFrame(t, []byte(strings.Replace(whole, `"retry_attempt": 0`, `"retry_attempt": 1`, 1)))
	got := w.sink.Got()
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	ev := got[0].Event
	if ev.Kind != abi.MessagePosted || ev.ID != "post/C0GENERAL/1610927831.000200" || !ev.Addressed || ev.Member.ID != "slack:U0ANN" ||
		ev.Conversation.ID != "slack:C0GENERAL" || ev.Message.Text != "<@slack:U0HEARTH> test" || ev.Time != 1610927831000 {
		t.Errorf("got %s", compact(t, ev))
	}
	if st := w.a.Stats(); st.Retries != 1 || st.Duplicates != 1 || st.Refused != 0 {
		t.Errorf("stats %+v", st)
	}
}

// pushFrame sends a frame as it stands, which is acknowledged if it has an id.
func (w *world) pushFrame(t *testing.T, frame []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := w.PushFrame(ctx, frame, false); err != nil {
		t.Fatalf("a frame was not acknowledged: %v", err)
	}
}

// testRecordedSignature checks a signature that Slack has published, whose
// secret, time and value stand in the list of sources.
func testRecordedSignature(t *testing.T) {
	body := fixture(t, "slack_slash_command_signed.form")
	m := regexp.MustCompile(`secret ([0-9a-z]+), ts (\d+), sig (v0=[0-9a-f]+)`).FindStringSubmatch(string(fixture(t, "SOURCES.txt")))
	if m == nil {
		t.Fatal("the list of sources does not name the signature any more")
	}
	sec, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(_ *chattest.SlackOptions, o *slack.Options) {
		o.SigningSecret = m[1]
		o.Clock = func() time.Time { return time.Unix(sec+60, 0) }
	})
	w.sink.Cmds = []abi.CommandDef{{Name: "webhook-collect"}}
	body = []byte(strings.TrimRight(string(body), "\n"))
	req := httptest.NewRequest(http.MethodPost, "/slack/commands", strings.NewReader(string(body)))
	req.Header.Set("X-Slack-Request-Timestamp", m[2])
	req.Header.Set("X-Slack-Signature", m[3])
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, req)
	got := w.sink.Got()
	if rec.Code != 200 || len(got) != 1 || got[0].Event.Command.Name != "webhook-collect" || got[0].Event.Member.ID != "slack:U2CERLKJA" {
		t.Fatalf("status %d %s, events %+v", rec.Code, rec.Body, got)
	}
}

// one delivers a body and returns the one event that comes of it.
func (w *world) one(t *testing.T, path string, body []byte) abi.Event {
	t.Helper()
	rec := w.send(path, body)
	got := w.sink.Got()
	if rec.Code != 200 || len(got) != 1 {
		t.Fatalf("status %d %q, %d events", rec.Code, rec.Body, len(got))
	}
	return got[0].Event
}
