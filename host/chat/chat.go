// Package chat is what hearth knows of chat platforms in general: how a
// message is addressed, handed over and acknowledged ([Delivery], [Receipt],
// [DeliveryError]), and what an adapter for one platform has to be ([Adapter]).
// One package below it per vendor is the sole importer of that vendor's
// library; chattest stands in for the vendors and holds the suite that every
// adapter passes.
//
// It owns the neutral message model's rendering: parsing the small Markdown of
// [abi.Content], splitting what is too long, and leaving out in good order what
// a platform cannot show. It must not know plugins, stores or the engine.
//
//	platform ──► adapter ── Incoming ──► Sink (the engine) : durable, then acknowledged
//	platform ◄── adapter ◄── Delivery ── engine's outbox   : attempt before, receipt after
package chat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Sink takes what adapters bring in; the engine is one. It is safe for
// concurrent use.
type Sink interface {
	// Accept makes the event durable and returns before it is handled. Only
	// after a nil error may the adapter acknowledge it to the platform. An event
	// that was accepted before (same Source and ID, within seven days) is Duplicate.
	// ErrBusy asks the platform to deliver again later; ErrRefused says it never
	// will be accepted.
	Accept(ctx context.Context, in Incoming) (Outcome, error)

	// Form returns the form behind a token, for platforms that open it on a
	// click. ErrGone says there is none (any more).
	Form(ctx context.Context, token string) (abi.Form, error)

	// Commands lists what members can ask for at present, sorted by name.
	Commands() []abi.CommandDef
}

// Incoming is an event as an adapter hands it over.
type Incoming struct {
	Event abi.Event

	// Token is the Button.Token or Form.Token that was pressed or filled in; the
	// sink finds by it whose it is, and fills in Event.Click or Event.Form
	// (of which the adapter sets the Values only) and Event.Note.
	Token string
}

// Outcome says what became of an Incoming.
type Outcome int

// The outcomes of Accept.
const (
	Accepted  Outcome = iota
	Duplicate         // it had been accepted before; nothing new was done
	Used              // the button or form may be used once, and was
	Gone              // there is no such button or form (any more)
	Unwanted          // no plugin wants it; nothing was stored
)

var (
	// ErrBusy says that too much is waiting; the platform should deliver again.
	ErrBusy = errors.New("chat: too many events are waiting")

	// ErrRefused says that the event is beyond a bound or malformed.
	ErrRefused = errors.New("chat: event refused")

	// ErrGone says that a token leads nowhere (any more).
	ErrGone = errors.New("chat: no such button or form")
)

// Adapter speaks for one platform. It is safe for concurrent use.
type Adapter interface {
	// Name is the platform's, and the prefix of its ids: "slack".
	Name() string

	// Features says what the platform can show and bear.
	Features() Features

	// Deliver carries out d and returns the receipt. A failure is a
	// *DeliveryError; the receipt beside it names the parts that did arrive, and
	// they come back in the next attempt's Delivery.Parts.
	Deliver(ctx context.Context, d *Delivery) (Receipt, error)

	// Check asks the platform whether hearth may do there what it wants to.
	Check(ctx context.Context) Health
}

// Finder is an Adapter that can ask its platform whether a delivery of unknown
// outcome arrived.
type Finder interface {
	// Find looks for d, whose attempt began at since; ok says that it is there.
	Find(ctx context.Context, d *Delivery, since time.Time) (r Receipt, ok bool, err error)
}

// Profiler is an Adapter that can look up a member whose events name an id only.
type Profiler interface {
	Profile(ctx context.Context, memberID string) (abi.Member, error)
}

// Forgetter is an Adapter that keeps something of members, in rows of its own or
// in memory.
type Forgetter interface {
	// Marks are what the platform's ids of other things are made of for this
	// member: ids of their events, of their conversation with the bot. By them
	// rows that are theirs are found. They are long enough to mean nobody else.
	Marks(memberID string) []string

	// Forget erases all that the adapter keeps of a member and returns how much of
	// what kind that was. To somebody who is known no more it does nothing, so it
	// can be called again; who comes by that id afterwards is somebody new.
	Forget(ctx context.Context, memberID string) (map[string]int, error)
}

// Retracter is an Adapter that takes back messages of the bot's at once, by the
// platform's ids: what somebody who is forgotten caused it to say to all. One that
// is gone is no error.
type Retracter interface {
	Retract(ctx context.Context, conversation string, messages []string) error
}

// Exporter is an Adapter that keeps rows of members' own, and can hand them out.
type Exporter interface {
	// Export yields all that the adapter keeps of a member, by kind; the values are
	// marshalled to JSON objects. An error of yield ends it and is returned.
	Export(ctx context.Context, memberID string, yield func(kind string, v any) error) error
}

// Runner is an Adapter with work of its own, such as a connection it keeps
// open; Run returns when ctx ends.
type Runner interface {
	Run(ctx context.Context) error
}

// Server is an Adapter whose platform calls it over HTTP. Routes maps paths (a
// trailing slash takes all below it) to handlers; they read raw bodies, and
// bound them.
type Server interface {
	Routes() map[string]http.Handler
}

// Features is what a platform can do. The engine plans by DM, React and the
// budget, and tells plugins who cannot be written to; what a platform cannot
// show its adapter leaves out in good order ([Degrade]).
type Features struct {
	DM         bool // the bot may write to a member first
	Ephemeral  bool // messages that one member sees
	Edit       bool
	Delete     bool
	React      bool
	Threads    bool
	Idempotent bool // a delivery repeated with the same ID is carried out once

	// Budget: the engine sends no faster.
	PerConversation time.Duration // least time between two messages in one conversation
	PerSecond       float64       // messages a second altogether; 0 for no bound
}

// Op is what a delivery does.
type Op string

// The kinds of delivery.
const (
	OpSend   Op = "send"
	OpEdit   Op = "edit"
	OpDelete Op = "delete"
	OpReact  Op = "react"
)

// Delivery is one act on the platform. Ids in it have the platform's prefix.
type Delivery struct {
	ID           string      // the same in every attempt, unique for ever
	Op           Op          //
	Conversation string      // "" with Member: their direct messages
	Member       string      // addressee of a direct or ephemeral message
	Thread       string      // message to hang it under
	Ephemeral    bool        //
	Mention      bool        // a direct message that had to become a public one: say whom it is for
	Messages     []string    // OpEdit, OpDelete, OpReact: the platform's ids of the message and its further parts
	Content      abi.Content // OpSend, OpEdit
	Reaction     string      // OpReact: short name without colons
	Locale       string      // of the addressee, for what the adapter adds itself
	Attempt      int         // 1 for the first
	Parts        []string    // OpSend, OpEdit: message ids of the parts that earlier attempts delivered
}

// Receipt is the platform's word that a delivery arrived.
type Receipt struct {
	Conversation string   // where it went, with prefix: of a direct message the conversation's own id
	Messages     []string // the platform's ids, one for each part it was split into
}

// DeliveryError says why a delivery failed and what follows from that.
type DeliveryError struct {
	Code    string        // the platform's own: "channel_not_found"
	Retry   bool          // it may succeed later; otherwise it never will
	After   time.Duration // with Retry: not before; 0 leaves it to the engine's backoff
	Hold    bool          // nothing will be delivered on this platform until a person acts: its queue waits
	Unknown bool          // it may have arrived
	NoDM    bool          // this member cannot be written to directly
	Advice  string        // what a person can do, in plain English; no secret in it
	Err     error         // the cause, if there is more to say
}

func (e *DeliveryError) Error() string {
	s := "chat: delivery failed"
	if e.Code != "" {
		s += ": " + e.Code
	}
	if e.Err != nil {
		s += fmt.Sprintf(": %v", e.Err)
	}
	if e.Advice != "" {
		s += " (" + e.Advice + ")"
	}
	return s
}

func (e *DeliveryError) Unwrap() error { return e.Err }

// Health is what a platform says of hearth's access to it.
type Health struct {
	OK      bool
	Account string   // who hearth is there: "hearth in Gophers (T024BE7LD)"
	Missing []string // scopes or permissions it lacks
	Hidden  []string // what the platform does not show it, for honest numbers
	Code    string   // the platform's error, "" if OK
	Advice  string   // what to do, "" if OK
}
