// Package webchat is hearth's own small chat in the browser, at /chat: the
// platform that is there when no account anywhere is. It is an adapter like any
// other ([chat.Adapter]); what differs is that the platform behind it is this
// package too, so it owns members, channels and messages as rows of the store.
// It must not know plugins or the engine: what members do goes to a
// [chat.Sink], what the bot says comes in by [Adapter.Deliver].
//
//	browser ── POST ──► message row + hand-off row, one batch ──► Sink ──► hand-off row deleted
//	   ▲                                    │
//	   └── server-sent events ◄── hub ◄── log rows (in the same batch) ◄── Deliver
//
// # No event is lost, none is doubled
//
// What a member does is committed together with a hand-off row, which holds the
// event until the sink has accepted it. A hand-off that is left over, after a
// crash or because the sink was busy, is accepted again by [Adapter.Run]; the
// sink knows it by its id. A delivery writes a "done" row that must not exist
// before, so a delivery carried out twice makes one message. Forms carry a
// nonce that does the same for members whose network sent something twice.
//
// # Who sees what
//
// Channels are open to every member. Direct messages are between two: a member
// and the bot, or two members, and of the latter the bot hears nothing.
// Ephemeral messages and the line of a slash command are seen by one member.
// What a member says to the bot alone, and that is a command's name, is the
// command, with a slash or without.
//
// # Rows
//
// All keys are below "webchat/". Values are JSON, of the types in rows.go,
// except where another form is named. Ids of messages are 16 hex digits in the
// order of time; a reply's is its root's, "-", and its own.
//
//	member/<id>                    memberRow
//	name/<folded name>             id of the member who has the name
//	conv/<conversation>            convRow
//	of/<member>/<conversation>     memberships: a channel joined, a direct message begun
//	in/<conversation>/<member>     the same, the other way round
//	read/<member>/<conversation>   id of the last message read
//	act/<conversation>             id of the last message posted, replies too
//	msg/<conversation>/<id>        messageRow of a root message
//	reply/<conversation>/<root>/<id>  messageRow of a reply
//	replies/<conversation>/<root>  counter of the replies that all can see
//	called/<member>/<conversation>/<root>/<id>  doneRow: a reply mentions the member, who has not opened the thread since
//	file/<id>                      fileRow
//	blob/<id>/<n>                  part n of a file, at most 512 KiB, committed before its fileRow
//	bytes                          counter of bytes in files
//	used/<member>/<token>          doneRow: a button or form the member has used; member "*": anyone has
//	done/<scope>/<id>              doneRow: a delivery carried out, a form received
//	hand/<event id>                MessagePack of the abi.Event that the sink has yet to accept
//	log/<id>                       logRow: something changed; the newest 1,024
//	floor                          revision of the newest log row that was dropped
package webchat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Name is the platform's name, the prefix of its ids, and the Source of its
// events.
const Name = "webchat"

// BotID is the member id of the bot.
const BotID = Name + ":" + bot

// GeneralID is the conversation that everybody is in. A member.joined event
// for it is somebody coming to the community; member.left, leaving it.
const GeneralID = Name + ":" + general

const (
	bot     = "hearth"
	general = "general"

	minSecret = 16
)

// Options configure an Adapter.
type Options struct {
	Store store.Store // required; the adapter keeps rows below "webchat/"
	Sink  chat.Sink   // required

	// Secret signs the cookies that say who a browser is, at least 16 bytes. With
	// another secret everybody has to come in anew.
	Secret []byte

	Community string   // its name, shown at the top; "" is "hearth"
	Locale    string   // of the community: what a browser gets that asks for neither en nor zh; "" is "en"
	Channels  []string // that exist from the start, beside #general

	// Languages keep which language was chosen in a browser, for all that the server
	// shows; nil keeps none.
	Languages Languages

	// PublicURL is how browsers reach the server, such as
	// "https://chat.example.org": with https cookies are marked Secure, and the
	// addresses of files in events are absolute.
	PublicURL string

	Limits Limits           // zero fields have defaults
	Clock  func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil discards
}

// Languages know which language somebody has chosen in their browser, there or on
// pages that are not the chat's: "en" or "zh-CN". They are safe for concurrent
// use.
type Languages interface {
	Chosen(r *http.Request) string // "" if none was
	Choose(w http.ResponseWriter, r *http.Request, language string)
}

// unkept are Languages of which nothing is kept.
type unkept struct{}

func (unkept) Chosen(*http.Request) string                       { return "" }
func (unkept) Choose(http.ResponseWriter, *http.Request, string) {}

// Adapter is the web chat. It is safe for concurrent use.
type Adapter struct {
	st        store.Store
	sink      chat.Sink
	now       func() time.Time
	log       *slog.Logger
	community string
	locale    string
	languages Languages
	base      string // PublicURL without a trailing slash
	secure    bool
	limits    Limits

	ids    idSource
	turn   sync.Mutex // held by a change that has lost too many races, see change
	cookie signer
	rates  limiters
	gone   gone
	hub    hub
	retry  chan struct{} // holds one token when a hand-off was left over
	pages  *template.Template
	mux    http.Handler
}

var (
	_ chat.Adapter  = (*Adapter)(nil)
	_ chat.Server   = (*Adapter)(nil)
	_ chat.Runner   = (*Adapter)(nil)
	_ chat.Finder   = (*Adapter)(nil)
	_ chat.Profiler = (*Adapter)(nil)

	_ chat.Forgetter = (*Adapter)(nil)
	_ chat.Exporter  = (*Adapter)(nil)
	_ chat.Retracter = (*Adapter)(nil)
)

// New returns a web chat over o.Store and makes the channels of o that do not
// exist yet. Without [Adapter.Run] pages work but are not live, and hand-offs
// left over are not taken up.
func New(o Options) (*Adapter, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("webchat: Options.Store is missing")
	case o.Sink == nil:
		return nil, errors.New("webchat: Options.Sink is missing")
	case len(o.Secret) < minSecret:
		return nil, fmt.Errorf("webchat: Options.Secret has %d bytes, at least %d are needed", len(o.Secret), minSecret)
	}
	a := &Adapter{
		st:        o.Store,
		sink:      o.Sink,
		now:       o.Clock,
		log:       o.Logger,
		community: cmp.Or(o.Community, "hearth"),
		locale:    knownLocale(o.Locale),
		languages: o.Languages,
		base:      strings.TrimRight(o.PublicURL, "/"),
		limits:    o.Limits.withDefaults(),
		cookie:    newSigner(o.Secret),
		retry:     make(chan struct{}, 1),
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.languages == nil {
		a.languages = unkept{}
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.base != "" {
		u, err := url.Parse(a.base)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("webchat: Options.PublicURL %q is no http or https address", o.PublicURL)
		}
		a.secure = u.Scheme == "https"
	}
	a.pages = parsePages()
	mux, err := a.routes()
	if err != nil {
		return nil, fmt.Errorf("webchat: %w", err)
	}
	a.mux = mux
	if err := a.foundChannels(context.Background(), o.Channels); err != nil {
		return nil, fmt.Errorf("webchat: make channels: %w", err)
	}
	return a, nil
}

// Name is "webchat".
func (a *Adapter) Name() string { return Name }

// Features says that the web chat can do everything, and a delivery twice
// without doing it twice.
func (a *Adapter) Features() chat.Features {
	return chat.Features{DM: true, Ephemeral: true, Edit: true, Delete: true, React: true, Threads: true, Idempotent: true}
}

// Routes are /chat and all below it.
func (a *Adapter) Routes() map[string]http.Handler {
	return map[string]http.Handler{"/chat": a.mux, "/chat/": a.mux}
}

// Check reads from the store: there is nobody else to ask.
func (a *Adapter) Check(ctx context.Context) chat.Health {
	h := chat.Health{OK: true, Account: bot + " in " + a.community}
	if err := a.read(ctx, func(v *view) error {
		_, err := v.conv(general)
		return err
	}); err != nil {
		h.OK, h.Code, h.Advice = false, err.Error(), "The web chat keeps its messages in hearth's own store, which cannot be read. Look at the log for the store's error."
	}
	return h
}

// Run carries changes to the browsers, hands over what was left over, and
// drops what is past keeping. It returns when ctx ends or the store is closed;
// open streams end with it.
func (a *Adapter) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { a.resumeHandoffs(ctx) })
	wg.Go(func() { a.sweepHourly(ctx) })
	err := a.follow(ctx)
	cancel()
	wg.Wait()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// Profile looks a member up; a member it does not know is an error.
func (a *Adapter) Profile(ctx context.Context, memberID string) (abi.Member, error) {
	var m abi.Member
	err := a.read(ctx, func(v *view) error {
		if memberID == BotID {
			m = abi.Member{ID: BotID, Name: bot, Bot: true}
			return nil
		}
		row, err := v.member(localID(memberID))
		if err != nil {
			return err
		}
		m = row.event(localID(memberID))
		return nil
	})
	if err != nil {
		return abi.Member{}, fmt.Errorf("webchat: profile of %q: %w", memberID, err)
	}
	return m, nil
}

// localID is the part of an id behind "webchat:", "" if it is another
// platform's.
func localID(id string) string {
	l, ok := strings.CutPrefix(id, Name+":")
	if !ok {
		return ""
	}
	return l
}

func globalID(local string) string { return Name + ":" + local }
