package slack_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/sdk/abi"
)

// TestHostileRequests: each is turned away with one line, nothing is stored, no
// secret is logged.
func TestHostileRequests(t *testing.T) {
	secret := "a signing secret"
	good := []byte(`{"type":"event_callback","event_id":"Ev1","event":{"type":"team_join","user":{"id":"U1"}}}`)
	sign := func(r *http.Request, at time.Time, body []byte) {
		r.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(at.Unix(), 10))
		r.Header.Set("X-Slack-Signature", chattest.SignSlack(secret, at, body))
	}
	now := newClock().Now()
	big := bytes.Repeat([]byte("x"), 1<<20+1)
	for _, c := range []struct {
		name   string
		path   string
		body   []byte
		change func(r *http.Request)
		status int
		reason string
	}{
		{"right", "events", good, nil, 200, ""},
		{"just in time", "events", good, func(r *http.Request) { sign(r, now.Add(-5*time.Minute), good) }, 200, ""},
		{"just not too early", "events", good, func(r *http.Request) { sign(r, now.Add(5*time.Minute), good) }, 200, ""},
		{"wrong secret", "events", good, func(r *http.Request) {
			r.Header.Set("X-Slack-Signature", chattest.SignSlack("another", now, good))
		}, 401, "signature"},
		{"other body", "events", append([]byte(" "), good...), func(r *http.Request) { sign(r, now, good) }, 401, "signature"},
		{"no signature", "events", good, func(r *http.Request) { r.Header.Del("X-Slack-Signature") }, 401, "not signed"},
		{"no timestamp", "events", good, func(r *http.Request) { r.Header.Del("X-Slack-Request-Timestamp") }, 401, "not signed"},
		{"signature cut short", "events", good, func(r *http.Request) { r.Header.Set("X-Slack-Signature", "v0=") }, 401, "signature"},
		{"another version", "events", good, func(r *http.Request) {
			r.Header.Set("X-Slack-Signature", "v1"+strings.TrimPrefix(r.Header.Get("X-Slack-Signature"), "v0"))
		}, 401, "signature"},
		{"upper case", "events", good, func(r *http.Request) {
			r.Header.Set("X-Slack-Signature", "v0="+strings.ToUpper(strings.TrimPrefix(r.Header.Get("X-Slack-Signature"), "v0=")))
		}, 401, "signature"},
		{"stale", "events", good, func(r *http.Request) { sign(r, now.Add(-5*time.Minute-time.Second), good) }, 401, "timestamp"},
		{"from the future", "events", good, func(r *http.Request) { sign(r, now.Add(5*time.Minute+time.Second), good) }, 401, "timestamp"},
		{"no number for a time", "events", good, func(r *http.Request) {
			r.Header.Set("X-Slack-Request-Timestamp", "soon")
		}, 401, "signature"},
		{"too large, and says so", "events", big, nil, 413, "1 MiB"},
		{"too large, and does not say", "events", big, func(r *http.Request) { r.ContentLength = -1 }, 413, "1 MiB"},
		{"no JSON", "events", []byte("payload=1"), nil, 400, "JSON"},
		{"empty", "events", nil, nil, 400, "JSON"},
		{"JSON of another kind", "events", []byte(`[1,2]`), nil, 400, "JSON"},
		{"no type", "events", []byte(`{}`), nil, 400, "JSON"},
		{"deep JSON", "events", []byte(strings.Repeat("[", 100000)), nil, 400, "JSON"},
		{"command of nobody", "commands", []byte("command=/run&text=x"), nil, 400, "payload"},
		{"command that is no form", "commands", []byte("%zz=%"), nil, 400, "payload"},
		{"interaction without payload", "interactions", []byte("x=1"), nil, 400, "payload"},
		{"interaction that is no JSON", "interactions", []byte("payload=%7B"), nil, 400, "JSON"},
		{"looked at", "events", good, func(r *http.Request) { r.Method = http.MethodGet }, 405, "posts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.Request("", "/slack/"+c.path, c.body)
			if c.change != nil {
				c.change(r)
			}
			rec := httptest.NewRecorder()
			w.mux.ServeHTTP(rec, r)
			line := strings.TrimSuffix(rec.Body.String(), "\n")
			if rec.Code != c.status || !strings.Contains(line, c.reason) || strings.Contains(line, "\n") || len(line) > 200 {
				t.Errorf("status %d %q, want %d about %q", rec.Code, line, c.status, c.reason)
			}
			if n := len(w.sink.Got()); (n == 1) != (c.status == 200) {
				t.Errorf("%d events", n)
			}
			if c.status != 200 && w.a.Stats().Refused != 1 {
				t.Errorf("stats %+v", w.a.Stats())
			}
			if log := w.logs.String(); strings.Contains(log, secret) || strings.Contains(log, "xoxb-") || strings.Contains(log, r.Header.Get("X-Slack-Signature")) && c.status == 401 && r.Header.Get("X-Slack-Signature") != "" {
				t.Errorf("a secret was logged: %s", log)
			}
		})
	}
}

// A join that is signed and delivered five times at once, and again ten minutes
// later, is one event.
func TestDeliveredAgain(t *testing.T) {
	w := newWorld(t)
	body := w.ChannelJoin("EvJOIN", "U0ANN", "C0GENERAL")
	srv := httptest.NewServer(w.mux)
	defer srv.Close()
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if status, text, err := w.Post(srv.Client(), srv.URL, "/slack/events", body); status != 200 || err != nil {
				t.Errorf("status %d %q, %v", status, text, err)
			}
		})
	}
	wg.Wait()
	w.clock.Add(10 * time.Minute)
	r := w.Request(srv.URL, "/slack/events", body)
	r.Header.Set("X-Slack-Retry-Num", "2")
	r.Header.Set("X-Slack-Retry-Reason", "http_timeout")
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	st := w.a.Stats()
	if got := w.sink.Got(); len(got) != 1 || resp.StatusCode != 200 || st.Duplicates != 5 || st.Retries != 1 {
		t.Errorf("%d events, status %d, stats %+v", len(got), resp.StatusCode, st)
	}
	if n := len(w.Calls("users.info")); n != 1 {
		t.Errorf("the member was looked up %d times", n)
	}
}

// One post that mentions hearth comes twice, under two event_ids, in either
// order.
func TestMentionIsOneEvent(t *testing.T) {
	for _, order := range [][2]string{{"message", "app_mention"}, {"app_mention", "message"}} {
		w := newWorld(t)
		for i, kind := range order {
			inner := map[string]any{"type": kind, "user": "U0ANN", "channel": "C0GENERAL", "text": "<@U0HEARTH> hi", "ts": "1772355599.000001"}
			if rec := w.send("events", w.Event(fmt.Sprint("Ev", i), inner)); rec.Code != 200 {
				t.Fatal(rec.Code)
			}
		}
		if got := w.sink.Got(); len(got) != 1 || !got[0].Event.Addressed {
			t.Errorf("%v: %d events", order, len(got))
		}
	}
}

// What the sink has not made durable is not acknowledged.
func TestBusy(t *testing.T) {
	for _, fault := range []error{chat.ErrBusy, errors.New("disk full at /secret/path")} {
		w := newWorld(t).people()
		w.sink.Decide = func(chat.Incoming) (chat.Outcome, error) { return 0, fault }
		msg, _ := w.Say("U0ANN", "C0GENERAL", "hello")
		for path, body := range map[string][]byte{
			"events":       msg,
			"commands":     w.Command("U0ANN", "C0GENERAL", "/run", ""),
			"interactions": []byte(`payload={"type":"block_actions","trigger_id":"1","user":{"id":"U0ANN"},"actions":[{"action_id":"hearth.button.0","value":"t"}]}`),
		} {
			rec := w.send(path, body)
			if rec.Code != 503 || rec.Header().Get("Retry-After") == "" || strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("%s: status %d %q", path, rec.Code, rec.Body)
			}
		}
		if st := w.a.Stats(); st.Busy != 3 || st.Accepted != 0 {
			t.Errorf("stats %+v", st)
		}
	}
}

// What would be refused again is acknowledged, and a member is told.
func TestRefused(t *testing.T) {
	w := newWorld(t).people()
	w.sink.Decide = func(chat.Incoming) (chat.Outcome, error) { return 0, fmt.Errorf("%w: too much", chat.ErrRefused) }
	msg, _ := w.Say("U0ANN", "C0GENERAL", "hello")
	if rec := w.send("events", msg); rec.Code != 200 {
		t.Errorf("event: status %d", rec.Code)
	}
	if rec := w.send("commands", w.Command("U0ANN", "C0GENERAL", "/run", "")); rec.Code != 200 || !strings.Contains(rec.Body.String(), "shorter") {
		t.Errorf("command: status %d %q", rec.Code, rec.Body)
	}
}

// Slack's API being away does not keep events out.
func TestLookupFails(t *testing.T) {
	w := newWorld(t)
	w.Fail("", 100, chattest.Failure{Refuse: true})
	rec := w.send("events", w.ChannelJoin("", "U0ANN", "C0GENERAL"))
	if got := w.sink.Got(); rec.Code != 200 || len(got) != 1 || got[0].Event.Member != (abi.Member{ID: "slack:U0ANN"}) {
		t.Errorf("status %d, events %+v", rec.Code, got)
	}
}

// A server at api_url that says yes to everything and tells nothing is not
// believed: nobody gets an empty id.
func TestEmptyAnswers(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"ok":true}`)) }))
	defer srv.Close()
	w := newWorld(t)
	a, err := slack.New(slack.Options{Sink: w.sink, BotToken: "xoxb-x", SigningSecret: "a signing secret", APIURL: srv.URL, Clock: w.clock.Now, Client: srv.Client()})
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	a.Routes()["/slack/events"].ServeHTTP(rec, w.Request("", "/slack/events", w.ChannelJoin("", "U0ANN", "C0GENERAL")))
	if got := w.sink.Got(); rec.Code != 200 || len(got) != 1 || got[0].Event.Member != (abi.Member{ID: "slack:U0ANN"}) {
		t.Errorf("status %d, events %+v", rec.Code, got)
	}
	for _, d := range []chat.Delivery{{Op: chat.OpSend, Conversation: "slack:C1", Content: text("x")}, {Op: chat.OpSend, Member: "slack:U1", Content: text("x")}} {
		var e *chat.DeliveryError
		if _, err := a.Deliver(t.Context(), &d); !errors.As(err, &e) || !e.Retry {
			t.Errorf("%+v: %v", d, err)
		}
	}
	if h := a.Check(t.Context()); h.OK || h.Advice == "" {
		t.Errorf("health %+v", h)
	}
}

// Slack withholding events, and taking hearth's access away, is noted.
func TestSlackSays(t *testing.T) {
	w := newWorld(t)
	w.send("events", []byte(`{"type":"app_rate_limited","team_id":"T0TEAM","minute_rate_limited":1772355600}`))
	w.send("events", w.Event("", map[string]any{"type": "tokens_revoked", "tokens": map[string]any{"bot": []string{"U0HEARTH"}}}))
	if st := w.a.Stats(); st.RateLimited != 1 || len(w.sink.Got()) != 0 {
		t.Errorf("stats %+v, %d events", st, len(w.sink.Got()))
	}
	for _, want := range []string{"withholds", "install it in the workspace again"} {
		if !strings.Contains(w.logs.String(), want) {
			t.Errorf("%q is not in the log: %s", want, w.logs)
		}
	}
}

func TestNew(t *testing.T) {
	sink := &chattest.Sink{}
	for _, c := range []struct {
		o    slack.Options
		want string
	}{
		{slack.Options{}, "no sink"},
		{slack.Options{Sink: sink}, "bot_token is missing"},
		{slack.Options{Sink: sink, BotToken: "xapp-1"}, "another kind"},
		{slack.Options{Sink: sink, BotToken: "xoxb-1"}, "signing_secret is missing"},
		{slack.Options{Sink: sink, BotToken: "xoxb-1", AppToken: "xoxb-2"}, "app_token is a token of another kind"},
		{slack.Options{Sink: sink, BotToken: "xoxb-1", SigningSecret: "s", APIURL: "slack.com"}, "no http address"},
	} {
		if _, err := slack.New(c.o); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "xoxb-1") {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	a, err := slack.New(slack.Options{Sink: sink, BotToken: "xoxb-1", AppToken: "xapp-1"})
	if err != nil || a.Routes() != nil {
		t.Errorf("without a signing secret paths are served: %v, %v", a.Routes(), err)
	}
}
