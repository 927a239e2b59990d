package sdk

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/internal/guest"
)

// Ctx is what a handler works with: the event, the plugin's config, and
// everything that can be done about it. It is valid until the handler returns,
// and for one goroutine.
type Ctx[C any] struct {
	*Invocation
	Config *C // shared by all events of an image: read only
}

// Invocation is the part of a [Ctx] that does not depend on the config's type,
// for code that several plugins share.
type Invocation struct {
	Base
	Event  *abi.Event
	Member abi.Member // the event's: who did it, or whom it is about

	writes []abi.Write
	adds   []abi.Add
	out    []abi.Effect
	groups []abi.Annotation
	shown  []abi.Annotation // experiments asked for by Group

	ctx    any      // the handlers', a *Ctx of the plugin's config
	rows   *overlay // Base.host
	letter *letter  // of the first message
}

// View is what a query works with, and Warm, which has no Request: it reads and
// answers, and changes nothing.
type View[C any] struct {
	*Base
	*Request
	Config *C
}

// Base is what handlers, queries and Warm have in common.
type Base struct {
	p      *plugin
	host   guest.Host
	now    int64
	seed   uint64
	rand   *rand.Rand
	locale string // of T
	member string // of PerMember state
	place  string // of PerConversation state
	named  namedRow
}

// Community is what is known of the community a plugin works for.
type Community struct {
	Name     string
	Locale   string // BCP 47
	TimeZone string // IANA
}

// Reader is what state is read through: a [Ctx] or a [View].
type Reader interface{ reader() *Base }

// Writer is what state is written through: a [Ctx].
type Writer interface {
	Reader
	writer() *Invocation
}

func (b *Base) reader() *Base             { return b }
func (i *Invocation) writer() *Invocation { return i }

// Now is the time of the invocation, the only clock there is; the same when it
// is repeated. It is in UTC.
func (b *Base) Now() time.Time { return time.UnixMilli(b.now).UTC() }

// Rand is the invocation's randomness, seeded by the host: the same when it is
// repeated. Package math/rand's own functions give the same in every event.
func (b *Base) Rand() *rand.Rand {
	if b.rand == nil {
		b.rand = rand.New(rand.NewPCG(b.seed, b.seed^0x9e3779b97f4a7c15))
	}
	return b.rand
}

// Community says whom the plugin works for.
func (b *Base) Community() Community { return b.p.community }

// Commands lists the commands of every enabled plugin, sorted by name.
func (b *Base) Commands() []abi.CommandDef { return b.p.commands }

// Log writes a line of at most abi.MaxLog bytes to the host's log, at level
// info. It is no place for what members said.
func (b *Base) Log(format string, args ...any) { b.logAt(abi.LogInfo, format, args...) }

// Warn is Log at level warn.
func (b *Base) Warn(format string, args ...any) { b.logAt(abi.LogWarn, format, args...) }

func (b *Base) logAt(level int, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if len(line) > abi.MaxLog {
		line = line[:abi.MaxLog]
	}
	b.host.Log(level, line)
}

// Args is what stands behind a command, trimmed; "" for other events.
func (i *Invocation) Args() string {
	if i.Event.Command == nil {
		return ""
	}
	return i.Event.Command.Args
}

// Text is the text of the message the event is about; "" for other events.
func (i *Invocation) Text() string {
	if i.Event.Message == nil {
		return ""
	}
	return i.Event.Message.Text
}

// Field is what the member filled in under an input's name; "" if nothing.
func (i *Invocation) Field(name string) string {
	if i.Event.Form == nil {
		return ""
	}
	return i.Event.Form.Value(name)
}

// Pressed is the value of the button that was pressed; "" for other events.
func (i *Invocation) Pressed() string {
	if i.Event.Click == nil {
		return ""
	}
	return i.Event.Click.Value
}

// Name is what to call the event's member: their name, or a mention where it is
// not known.
func (i *Invocation) Name() Markup {
	if i.Member.Name == "" && i.Member.ID != "" {
		return Mention(i.Member.ID)
	}
	return Escape(i.Member.Name)
}

// Once reports true the first time it is asked about name for the event's
// member (for nobody, the community), and false ever after.
func (i *Invocation) Once(name string) bool {
	owner := ofMember
	if i.member == "" {
		owner = ofCommunity
	}
	done := rowsOf(owner, "once."+name)
	key := done.key(&i.Base, "")
	if _, ok := lookup[int64](&i.Base, key); ok {
		return false
	}
	store(i, key, i.now)
	return true
}

// mistake is a panic by which the SDK ends an invocation that cannot go on: a
// failed read, or a use that is a mistake in the plugin.
type mistake string

func mistakef(format string, args ...any) mistake { return mistake(fmt.Sprintf(format, args...)) }
