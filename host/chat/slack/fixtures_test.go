package slack_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/sdk/abi"
)

// fixture reads a recorded payload, kept beside the project and not in it.
func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "fixtures", "platforms", name))
	if err != nil {
		t.Skipf("the recorded payloads are not here: %v", err)
	}
	return data
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
}

// testRecordedSignature checks a signature that Slack has published, whose
// secret, time and value stand in the list of sources.
func testRecordedSignature(t *testing.T) {
	body := fixture(t, "slack_slash_command_signed.form")
	m := regexp.MustCompile(`secret ([0-9a-z]+), ts (\d+), sig (v0=[0-9a-f]+)`).FindStringSubmatch(string(fixture(t, "SOURCES.txt")))
	if m == nil {
		t.Skip("the list of sources does not name the signature any more")
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
