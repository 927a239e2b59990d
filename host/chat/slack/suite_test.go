package slack_test

import (
	"bytes"
	"html"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/slack"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is an adapter before a stand-in, with what it logs.
type world struct {
	*chattest.Slack
	clock *clock
	sink  *chattest.Sink
	a     *slack.Adapter
	mux   *http.ServeMux
	logs  *bytes.Buffer // once nothing runs any more; logged before
	mu    *sync.Mutex
}

func newWorld(t testing.TB, change ...func(*chattest.SlackOptions, *slack.Options)) *world {
	t.Helper()
	w := &world{clock: newClock(), sink: &chattest.Sink{}, logs: &bytes.Buffer{}, mu: new(sync.Mutex)}
	so := chattest.SlackOptions{Clock: w.clock.Now}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}
	o := slack.Options{
		SigningSecret: "a signing secret", BotToken: "xoxb-hearth", Sink: w.sink, Clock: w.clock.Now, Client: client,
		Logger: slog.New(slog.NewTextHandler(lockedWriter{w.mu, w.logs}, nil)),
	}
	for _, f := range change {
		f(&so, &o)
	}
	w.Slack = chattest.NewSlack(so)
	o.APIURL = w.APIURL()
	a, err := slack.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.a = a
	w.mux = http.NewServeMux()
	for path, h := range a.Routes() {
		w.mux.Handle(path, h)
	}
	t.Cleanup(func() {
		w.Slack.Close()
		client.CloseIdleConnections()
	})
	return w
}

// logged is what was logged so far.
func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.String()
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func TestAdapter(t *testing.T) {
	chattest.Adapter(t, func(t *testing.T) *chattest.Stage {
		w := newWorld(t, func(so *chattest.SlackOptions, o *slack.Options) { so.Clock, o.Clock = nil, nil })
		w.AddUser(chattest.SlackUser{ID: "U0BOT", Name: "other", Bot: true})
		fail := func(f chattest.Failure) func() { return func() { w.Fail("chat.postMessage", 1, f) } }
		return &chattest.Stage{
			Adapter: w.a,
			Channel: "slack:C0GENERAL",
			Member:  "slack:U0ANN",
			Gone:    "slack:C0NOWHERE",
			Closed:  "slack:U0BOT",
			Say: func(text string) string {
				_, ts := w.Say("U0ANN", "C0GENERAL", text)
				return ts
			},
			Posts: func() (out []chattest.Post) {
				for _, m := range w.Messages("") {
					p := chattest.Post{ID: m.TS, Conversation: "slack:" + m.Channel, Thread: m.ThreadTS, Text: html.UnescapeString(m.Text)}
					if m.To != "" {
						p.To = "slack:" + m.To
					}
					out = append(out, p)
				}
				return out
			},
			Faults: map[chattest.Fault]func(){
				chattest.Limited: fail(chattest.Failure{Status: 429, RetryAfter: 3}),
				chattest.Broken:  fail(chattest.Failure{Status: 502}),
				chattest.Lost:    fail(chattest.Failure{Drop: true}),
				chattest.Locked:  fail(chattest.Failure{Code: "token_revoked"}),
			},
		}
	})
}
