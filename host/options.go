package host

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Options say how an engine works. Only Store is required (and Wasm, to install
// plugins); every other zero value is a sound default. What Tuning has too may
// be changed later, by [Engine.Reconfigure].
type Options struct {
	Store     store.Store
	Wasm      *wasm.Engine
	Clock     Clock                 // the machine's
	Logger    *slog.Logger          // discards
	Metrics   prometheus.Registerer // a registry of the engine's own
	Community Community
	Measure   Measure
	Policy    Policy
	Retries   Retries
	Journal   Journal
	Keep      Keep

	DeadLetters DeadLetters

	// Sandboxes is how many events one plugin handles at once; 0 means the number
	// of processors, at least two.
	Sandboxes int

	// MaxBacklog is how many events may wait before Accept refuses more with
	// ErrBusy; 0 means 100,000. MaxOutbox bounds likewise the messages that wait
	// for one platform, and MaxTimers the timers of one plugin.
	MaxBacklog, MaxOutbox, MaxTimers int

	// Views is how many bytes of answers to queries are kept, to be given again as
	// long as they hold; 0 means none. See package views.
	Views uint64

	// Secret returns a secret that a plugin may put into the headers of its
	// requests as ${secret:NAME}; nil means there are none.
	Secret func(plugin, name string) (string, bool)

	// Verifier carries out the plugins' Verify actions; nil means that they are
	// told there is none.
	Verifier Verifier

	// House has hearth's own commands: /privacy, /mydata, /forget, /link and /hearth,
	// and the managers' weekly report. See package house.
	House bool

	// HouseTexts are managers' own wordings in the place of the house's.
	HouseTexts []abi.TextDef

	// Outside is what members have elsewhere, for the house's command /link; nil
	// means that nothing is connected.
	Outside Outside

	// Signatures say whose plugins come in by Stage; the zero value lets in what
	// is not signed, and nothing that is signed wrongly.
	Signatures registry.Policy

	// Settings returns what is set of a plugin, for a version that is to run: its
	// config and its texts. nil means that a version has what the one that runs has.
	Settings func(m *abi.Manifest) (PluginOptions, error)

	// Live is told of a version that has become live by a change, once it is; nil
	// is not. It may take its time.
	Live func(ctx context.Context, m *abi.Manifest)

	// HTTP carries out the plugins' HTTP actions; nil means a client that
	// connects to public addresses only.
	HTTP *http.Client
}

// Community is whom the bot serves.
type Community struct {
	Name     string
	Locale   string         // BCP 47; "" means en
	TimeZone *time.Location // nil means UTC
	Managers []string       // ids of members who may look after the bot in chat, and get its report
}

// Policy is what no plugin gets round. It holds for messages that nobody asked
// for; an answer to a member's own act goes out always.
type Policy struct {
	// QuietFrom and QuietTo are hours of the member's own day, 0–23, between
	// which no direct message is sent; it waits, and expires if it must. Equal
	// means never.
	QuietFrom, QuietTo int

	// DailyCap is how many direct messages a member gets in a day of their own,
	// of all plugins together; 0 means 5, negative no bound.
	DailyCap int

	// Expiry is after how long a message is not sent any more; 0 means a day.
	Expiry time.Duration
}

// Retries say how often failed work is tried again.
type Retries struct {
	// Delays are the pauses between attempts; after the last the work is given
	// up. nil means 1, 2, 4, 8 and 15 seconds, 1 and 5 minutes.
	Delays []time.Duration

	// Hold is how long failing work may hold up what waits behind it in its
	// lane, 0 means 30 seconds. Then it is parked: tried on its own.
	Hold time.Duration

	// Breaker is after how many failing events in a row a plugin is held back,
	// 0 means 5; Pause is for how long, 0 means 30 seconds. One event then
	// probes whether it works again.
	Breaker int
	Pause   time.Duration

	// Deliveries is how often a message is tried; 0 means 12.
	Deliveries int
}

// Journal bounds the evidence that is kept of what happened.
type Journal struct {
	MaxRows int           // 0 means 1,000,000
	MaxAge  time.Duration // 0 means 30 days
}

// DeadLetters bounds the failed events that are kept for a person to look at;
// the oldest go first.
type DeadLetters struct {
	MaxRows int           // of one plugin; 0 means 10,000
	MaxAge  time.Duration // since the event was given up; 0 means 30 days
}

func (o Options) withDefaults() Options {
	def(&o.Clock, Clock(wall{}))
	def(&o.Logger, slog.New(slog.DiscardHandler))
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	def(&o.DeadLetters.MaxRows, 10_000)
	def(&o.DeadLetters.MaxAge, 30*24*time.Hour)
	def(&o.Sandboxes, defaultSandboxes())
	if o.HTTP == nil {
		o.HTTP = publicClient()
	}
	return o
}

// def sets *p to d if it is zero.
func def[T comparable](p *T, d T) {
	var zero T
	if *p == zero {
		*p = d
	}
}
