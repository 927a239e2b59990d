// Package chattest stands in for chat platforms in tests: servers that speak a
// vendor's API and enforce the vendor's rules ([Slack]), a sink that records
// what adapters bring in ([Sink]), and the suite that every adapter passes
// ([Adapter]). It imports no vendor's library, so that an adapter's mistake
// about the vendor is not repeated here.
package chattest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// SlackOptions configure a stand-in for Slack. The zero value is a workspace
// with a bot of all the permissions hearth asks for.
type SlackOptions struct {
	Clock         func() time.Time // nil is time.Now
	BotToken      string           // "" is "xoxb-hearth"
	AppToken      string           // "" is "xapp-hearth"
	SigningSecret string           // "" is "a signing secret"
	BotUser       string           // "" is "U0HEARTH"
	Team          string           // "" is "T0TEAM"
	Scopes        []string         // of the bot token; nil is [AllSlackScopes]
	RateLimit     bool             // 429 beyond one message a second in a channel
}

// AllSlackScopes are the permissions that the stand-in's methods ask for.
func AllSlackScopes() []string {
	return strings.Fields("app_mentions:read channels:history channels:read chat:write commands groups:history groups:read im:history im:write reactions:read reactions:write users:read")
}

// SlackUser is an account of the workspace.
type SlackUser struct {
	ID, Name, Locale, TZ string
	Bot, Guest, Deleted  bool
}

// SlackChannel is a channel, or a direct message with the bot (ID "D…").
type SlackChannel struct {
	ID, Name string
	Created  time.Time
	Private  bool
	Archived bool
	Outside  bool     // the bot is not in it
	Members  []string // who, beside the bot, is in it
}

// SlackMessage is a message that was delivered.
type SlackMessage struct {
	Channel, TS, ThreadTS string
	User                  string // who wrote it
	To                    string // of an ephemeral message: who sees it
	Text                  string
	Blocks                []map[string]any
	Metadata              map[string]any
	Edits                 int
	Deleted               bool
	Reactions             []string
	Hook                  bool // it came by a response_url
}

// SlackCall is a call of the API.
type SlackCall struct {
	Method string
	Args   map[string]string
	Error  string // what was answered; "" is ok
}

// SlackView is a form that was opened.
type SlackView struct {
	ID, User string
	View     map[string]any
}

// Slack stands in for Slack. Make it with [NewSlack]; it is safe for concurrent
// use.
type Slack struct {
	URL string // of the server; the API is below /api/

	o   SlackOptions
	srv *httptest.Server

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	closing  chan struct{}
	users    map[string]SlackUser
	channels map[string]*SlackChannel
	msgs     []*SlackMessage
	calls    []SlackCall
	views    []SlackView
	triggers map[string]trigger
	hooks    map[string]*responseHook
	failures []*failure
	last     map[string]time.Time // channel → last message counted against the rate
	lastTS   int64
	seq      int
	limited  bool
	scopes   []string
	sockets  []*slackSocket
	tickets  map[string]bool
	acks     map[string]chan json.RawMessage
}

type trigger struct {
	user string
	at   time.Time
	used bool
}

type responseHook struct {
	channel, user, ts string
	at                time.Time
	uses              int
}

// NewSlack starts a stand-in on a local port. It has a channel C0GENERAL and a
// member U0ANN (en-US) in it. Close it when done.
func NewSlack(o SlackOptions) *Slack {
	set := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	set(&o.BotToken, "xoxb-hearth")
	set(&o.AppToken, "xapp-hearth")
	set(&o.SigningSecret, "a signing secret")
	set(&o.BotUser, "U0HEARTH")
	set(&o.Team, "T0TEAM")
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Scopes == nil {
		o.Scopes = AllSlackScopes()
	}
	s := &Slack{
		o: o, limited: o.RateLimit, scopes: o.Scopes,
		changed: make(chan struct{}), closing: make(chan struct{}),
		users: map[string]SlackUser{}, channels: map[string]*SlackChannel{}, triggers: map[string]trigger{},
		hooks: map[string]*responseHook{}, last: map[string]time.Time{}, tickets: map[string]bool{}, acks: map[string]chan json.RawMessage{},
	}
	s.AddUser(SlackUser{ID: o.BotUser, Name: "hearth", Bot: true})
	s.AddUser(SlackUser{ID: "U0ANN", Name: "Ann", Locale: "en-US", TZ: "Europe/Berlin"})
	s.AddChannel(SlackChannel{ID: "C0GENERAL", Name: "general", Created: o.Clock().Add(-365 * 24 * time.Hour), Members: []string{"U0ANN"}})
	s.srv = httptest.NewServer(s)
	s.URL = s.srv.URL
	return s
}

// Close ends the server, with it whatever hangs.
func (s *Slack) Close() {
	s.mu.Lock()
	select {
	case <-s.closing:
	default:
		close(s.closing)
	}
	sockets := s.sockets
	s.mu.Unlock()
	for _, k := range sockets {
		_ = k.conn.CloseNow()
	}
	s.srv.Close()
}

// APIURL is what an adapter takes for Slack's API.
func (s *Slack) APIURL() string { return s.URL + "/api/" }

// Options are those the stand-in runs with, defaults filled in.
func (s *Slack) Options() SlackOptions { return s.o }

// AddUser adds or replaces an account.
func (s *Slack) AddUser(u SlackUser) {
	s.update(func() { s.users[u.ID] = u })
}

// AddChannel adds or replaces a channel.
func (s *Slack) AddChannel(c SlackChannel) {
	s.update(func() { s.channels[c.ID] = &c })
}

// SetScopes changes what the bot token may do.
func (s *Slack) SetScopes(scopes []string) { s.update(func() { s.scopes = scopes }) }

// SetRateLimit switches the limit of one message a second in a channel.
func (s *Slack) SetRateLimit(on bool) { s.update(func() { s.limited = on }) }

func (s *Slack) update(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.wake()
}

// wake tells who waits in Await; the lock is held.
func (s *Slack) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Messages are the messages that stand in a channel, oldest first, ephemeral
// ones too; "" is all channels.
func (s *Slack) Messages(channel string) []SlackMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []SlackMessage
	for _, m := range s.msgs {
		if !m.Deleted && (channel == "" || m.Channel == channel) {
			out = append(out, *m)
		}
	}
	return out
}

// All are all messages that were ever delivered, as they are now.
func (s *Slack) All() []SlackMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]SlackMessage, len(s.msgs))
	for i, m := range s.msgs {
		out[i] = *m
	}
	return out
}

// Calls are the calls of a method so far; "" is of all methods.
func (s *Slack) Calls(method string) []SlackCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []SlackCall
	for _, c := range s.calls {
		if method == "" || c.Method == method {
			out = append(out, c)
		}
	}
	return out
}

// Views are the forms opened so far.
func (s *Slack) Views() []SlackView {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.views)
}

// Await returns when cond holds; it is looked at after every change. The error
// is ctx's.
func (s *Slack) Await(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("chattest: waiting for Slack: %w", ctx.Err())
		}
	}
}

// DM is the id of the direct messages with a member.
func DM(user string) string { return "D" + strings.TrimLeft(user, "UW") }

// Failure is a way for a call to fail. Exactly one field is set (RetryAfter
// goes with Status 429).
type Failure struct {
	Code       string // an error of Slack's, status 200
	Status     int    // an HTTP status with a body that is no JSON
	RetryAfter int    // seconds
	Hang       bool   // no answer until the caller gives up
	Drop       bool   // it is carried out, and then the connection is cut
	Refuse     bool   // the connection is cut, nothing is carried out
	Garbage    bool   // it is carried out, and answered with something that is no JSON
}

type failure struct {
	method string
	n      int
	Failure
}

// Fail makes the next n calls of a method fail; "" is of any method.
func (s *Slack) Fail(method string, n int, f Failure) {
	s.update(func() { s.failures = append(s.failures, &failure{method, n, f}) })
}

// failing takes a failure for a call, if there is one; the lock is held.
func (s *Slack) failing(method string) *Failure {
	for _, f := range s.failures {
		if f.n > 0 && (f.method == "" || f.method == method) {
			f.n--
			return &f.Failure
		}
	}
	return nil
}

// ts is a new message id by the clock; the lock is held.
func (s *Slack) ts() string {
	t := max(s.o.Clock().UnixMicro(), s.lastTS+1)
	s.lastTS = t
	return fmt.Sprintf("%d.%06d", t/1e6, t%1e6)
}

func (s *Slack) id(prefix string) string {
	s.seq++
	return prefix + strconv.Itoa(s.seq)
}

// slackSocket is a socket that the adapter holds.
type slackSocket struct {
	conn    *websocket.Conn
	leaving bool // Slack has announced to close it
	gone    bool
}

// ServeHTTP serves the API, the response_urls and the sockets.
func (s *Slack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/"):
		s.serveAPI(w, r, strings.TrimPrefix(r.URL.Path, "/api/"))
	case strings.HasPrefix(r.URL.Path, "/hooks/"):
		s.serveHook(w, r, strings.TrimPrefix(r.URL.Path, "/hooks/"))
	case r.URL.Path == "/socket":
		s.serveSocket(w, r)
	default:
		http.NotFound(w, r)
	}
}
