package slack_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/slack"
)

// TestCheckAppToken: a bot token that is good does not hide an app token that
// is not.
func TestCheckAppToken(t *testing.T) {
	good := func(_ *chattest.SlackOptions, o *slack.Options) { o.AppToken = "xapp-hearth" }
	dead := func(_ *chattest.SlackOptions, o *slack.Options) { o.AppToken = "xapp-revoked" }
	for name, tc := range map[string]struct {
		change func(*chattest.SlackOptions, *slack.Options)
		fail   *chattest.Failure
		code   string // "" is well
		advice string
	}{
		"good":           {good, nil, "", ""},
		"dead":           {dead, nil, "invalid_auth", "slack.app_token is not good for a socket"},
		"of no use":      {good, &chattest.Failure{Code: "missing_scope"}, "missing_scope", "slack.app_token lacks the scope connections:write"},
		"of other kind":  {good, &chattest.Failure{Code: "not_allowed_token_type"}, "not_allowed_token_type", "begins with xapp-"},
		"out of reach":   {good, &chattest.Failure{Status: 502}, "http_502", "could not be asked"},
		"asked too much": {good, &chattest.Failure{Status: 429, RetryAfter: 30}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.change)
			if tc.fail != nil {
				w.Fail("apps.connections.open", 1, *tc.fail)
			}
			h := w.a.Check(t.Context())
			if h.OK != (tc.code == "") || h.Code != tc.code || !strings.Contains(h.Advice, tc.advice) || (h.Advice == "") != h.OK {
				t.Errorf("%+v", h)
			}
			if strings.Contains(h.Advice, "xapp-hearth") || strings.Contains(h.Advice, "xapp-revoked") || strings.Contains(h.Advice, "bot token") {
				t.Errorf("advice %q", h.Advice)
			}
		})
	}
	w := newWorld(t)
	if h := w.a.Check(t.Context()); !h.OK || len(w.Calls("apps.connections.open")) != 0 {
		t.Errorf("without an app token: %+v", h)
	}
}

// While sockets are held Check asks for none of its own, of which Slack gives
// about one a minute, and knows how it stands all the same.
func TestCheckBesideTheSocket(t *testing.T) {
	w := newSocketWorld(t)
	for w.a.Stats().Sockets == 0 { // the stand-in sees the socket before Run does
		time.Sleep(time.Millisecond)
	}
	if h := w.a.Check(t.Context()); !h.OK || len(w.Calls("apps.connections.open")) != 1 {
		t.Errorf("%+v after %d sockets asked for", h, len(w.Calls("apps.connections.open")))
	}

	w = newWorld(t, func(_ *chattest.SlackOptions, o *slack.Options) { o.AppToken = "xapp-revoked" })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- w.a.Run(ctx) }()
	var h chat.Health
	if err := w.Await(ctx, func() bool { return len(w.Calls("apps.connections.open")) > 0 }); err != nil {
		t.Fatal(err)
	}
	for h.Code == "" && ctx.Err() == nil { // until the answer is in
		h = w.a.Check(ctx)
	}
	if h.OK || h.Code != "invalid_auth" || !strings.Contains(h.Advice, "slack.app_token") {
		t.Errorf("%+v", h)
	}
	for !strings.Contains(w.logged(), "slack.app_token is not good") && ctx.Err() == nil { // Run logs it after the answer is in
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil || strings.Contains(w.logs.String(), "xapp-revoked") || !strings.Contains(w.logs.String(), "slack.app_token is not good") {
		t.Errorf("Run: %v; logs:\n%s", err, w.logs)
	}
}
