// Package slack is hearth on Slack: it verifies and normalises what Slack sends
// (over HTTP, or over a socket that hearth opens), and carries out deliveries
// through Slack's Web API. It is the sole importer of slack-go/slack. It must
// not know plugins, stores or the engine; it keeps nothing that a restart may
// not lose.
//
//	POST /slack/events ───────┐ verify     parse            ┌─► chat.Sink.Accept ─► 200
//	POST /slack/commands ─────┤ raw body ─► abi.Event ──────┤
//	POST /slack/interactions ─┘                             └─► chat.Sink.Form ─► views.open
//	wss  Socket Mode ───────────────────── the same, acknowledged by envelope
//
//	Delivery ─► chat.Split ─► Block Kit ─► chat.postMessage … ─► Receipt
//
// # One act of a member is one event
//
// Slack repeats what is not acknowledged in time, and tells of one post that
// mentions the bot twice: as message and as app_mention, with different
// event_ids. The id of an event is therefore made of what happened:
//
//	post/<channel>/<ts>     a message, however it is told of
//	act/<trigger>/<n>       a pressed button
//	view/<view>             a form sent
//	command/<trigger>       a slash command
//	<event_id>              everything else
//
// # Ids
//
// Members, conversations: "slack:" and Slack's id. Messages: Slack's ts, unique
// in its conversation.
//
// # What hearth writes carries its name
//
// Every message has the delivery's id in its metadata (event type
// hearth_delivery), so that [Adapter.Find] can ask Slack whether a message whose
// outcome is unknown did arrive.
package slack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/slack-go/slack"
)

// Name is the platform's name, the prefix of its ids and the Source of its
// events.
const Name = "slack"

// Options configure an Adapter.
type Options struct {
	// SigningSecret proves that a request comes from Slack. Without one, no path
	// is served and AppToken is required.
	SigningSecret string

	BotToken string // xoxb-…; required
	AppToken string // xapp-…, with the scope connections:write: Run connects by Socket Mode

	APIURL string    // of the Web API, with or without a trailing slash; "" is Slack's
	Sink   chat.Sink // required
	Locale string    // what the adapter itself says to whose language it does not know; "" is "en"

	// Plugins are the enabled ones, as they are now. Check holds the permissions
	// they need against those there are; nil is for none, and hearth's own alone.
	Plugins func() []abi.Manifest

	Clock  func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil discards
	Client *http.Client     // for the Web API; nil is one of the adapter's own
}

// Adapter is hearth on one Slack workspace. It is safe for concurrent use.
type Adapter struct {
	secret []byte
	app    string // the app-level token; "" for none
	locale string
	sink   chat.Sink
	now    func() time.Time
	log    *slog.Logger
	http   *http.Client
	api    *slack.Client
	dir    *directory
	gate   *gate
	hooks  *hooks
	stats  counters

	plugins func() []abi.Manifest
	dialled atomic.Pointer[dialled] // nil while Run opens no sockets
}

var (
	_ chat.Adapter  = (*Adapter)(nil)
	_ chat.Finder   = (*Adapter)(nil)
	_ chat.Profiler = (*Adapter)(nil)
	_ chat.Server   = (*Adapter)(nil)

	_ chat.Forgetter = (*Adapter)(nil)
	_ chat.Runner    = (*Adapter)(nil)
)

// New makes an adapter. It asks Slack nothing: a token that is wrong shows in
// [Adapter.Check] and in the errors of deliveries.
func New(o Options) (*Adapter, error) {
	switch {
	case o.Sink == nil:
		return nil, errors.New("slack: no sink for the events")
	case o.BotToken == "":
		return nil, errors.New("slack: bot_token is missing: it is on the app's page under OAuth & Permissions and begins with xoxb-")
	case strings.HasPrefix(o.BotToken, "xapp-") || strings.HasPrefix(o.BotToken, "xoxp-"):
		return nil, errors.New("slack: bot_token is a token of another kind: the bot's begins with xoxb-")
	case o.AppToken != "" && !strings.HasPrefix(o.AppToken, "xapp-"):
		return nil, errors.New("slack: app_token is a token of another kind: it is on the app's page under Basic Information, App-Level Tokens, and begins with xapp-")
	case o.SigningSecret == "" && o.AppToken == "":
		return nil, errors.New("slack: signing_secret is missing: it is on the app's page under Basic Information (or set app_token to use Socket Mode)")
	}
	url := o.APIURL
	if url == "" {
		url = slack.APIURL
	}
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return nil, fmt.Errorf("slack: api_url %q is no http address", url)
	}
	a := &Adapter{
		secret: []byte(o.SigningSecret),
		app:    o.AppToken,
		locale: o.Locale,
		sink:   o.Sink,
		now:    o.Clock,
		log:    o.Logger,
		http:   o.Client,

		plugins: o.Plugins,
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.locale == "" {
		a.locale = "en"
	}
	if a.http == nil {
		a.http = newClient()
	}
	if a.plugins == nil {
		a.plugins = func() []abi.Manifest { return nil }
	}
	a.gate, a.hooks = newGate(a.now), newHooks(a.now)
	a.api = slack.New(o.BotToken,
		slack.OptionAPIURL(strings.TrimSuffix(url, "/")+"/"),
		slack.OptionAppLevelToken(o.AppToken),
		slack.OptionHTTPClient(&boundedClient{a.http}))
	a.dir = newDirectory(a)
	return a, nil
}

// Name is "slack".
func (a *Adapter) Name() string { return Name }

// Features says what Slack can do. A delivery repeated is posted twice; Find
// tells before that.
func (a *Adapter) Features() chat.Features {
	return chat.Features{
		DM: true, Ephemeral: true, Edit: true, Delete: true, React: true, Threads: true,
		PerConversation: time.Second,
		PerSecond:       10, // Slack names no figure for a workspace ("several hundred a minute")
	}
}

// Stats counts what has happened since the adapter was made.
type Stats struct {
	Received    uint64 // requests and envelopes whose sender was verified
	Accepted    uint64 // events the sink took
	Duplicates  uint64 // events it had already
	Ignored     uint64 // what is no event to hearth: bots, edits that change nothing, its own doings
	Refused     uint64 // requests turned away: signature, time, size, form
	Busy        uint64 // events that Slack was asked to deliver again
	Retries     uint64 // deliveries that Slack said were repeated
	RateLimited uint64 // app_rate_limited: Slack withheld events
	Throttled   uint64 // calls that Slack answered with 429
	Sockets     uint64 // sockets opened
}

type counters struct {
	received, accepted, duplicates, ignored, refused, busy, retries, limited, throttled, sockets atomic.Uint64
}

// Stats returns the counts so far.
func (a *Adapter) Stats() Stats {
	c := &a.stats
	return Stats{c.received.Load(), c.accepted.Load(), c.duplicates.Load(), c.ignored.Load(), c.refused.Load(),
		c.busy.Load(), c.retries.Load(), c.limited.Load(), c.throttled.Load(), c.sockets.Load()}
}

// accept hands an event to the sink and counts what became of it.
func (a *Adapter) accept(ctx context.Context, in chat.Incoming) (chat.Outcome, error) {
	out, err := a.sink.Accept(ctx, in)
	switch {
	case err == nil && out == chat.Duplicate:
		a.stats.duplicates.Add(1)
	case err == nil && out == chat.Accepted:
		a.stats.accepted.Add(1)
	case err == nil:
		a.stats.ignored.Add(1)
	case errors.Is(err, chat.ErrRefused):
		a.stats.refused.Add(1)
		a.log.WarnContext(ctx, "slack: event refused", "event", in.Event.ID, "kind", in.Event.Kind, "error", err)
	default:
		a.stats.busy.Add(1)
		if !errors.Is(err, chat.ErrBusy) {
			a.log.ErrorContext(ctx, "slack: event not accepted; Slack will deliver it again", "event", in.Event.ID, "error", err)
		}
	}
	return out, err
}
