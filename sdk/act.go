package sdk

import (
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Note makes a note of v, as [Encode] does: what comes back, as it was, with the
// event that a timer, an action, a button or a form leads to.
func Note[T any](v T) []byte {
	n, err := Encode(v)
	if err != nil {
		panic(mistakef("note: %v", err))
	}
	if len(n) > abi.MaxNote {
		panic(mistakef("note: %d bytes, at most %d", len(n), abi.MaxNote))
	}
	return n
}

// NoteOf reads the event's note; the zero T if it has none.
func NoteOf[T any](w Writer) T {
	n := w.writer().Event.Note
	if len(n) == 0 {
		var zero T
		return zero
	}
	v, err := Decode[T](n)
	if err != nil {
		panic(mistakef("note: %v", err))
	}
	return v
}

// Timer is a timer that will be set when the handler has returned.
type Timer struct{ t *abi.Timer }

// After has the handler of [Plugin.OnTimer] run when d has passed, with the
// event's member and conversation. There is one timer of a name for each member
// in a conversation (see [Timer.Key]); setting it again moves it, in the same
// event too.
func (i *Invocation) After(d time.Duration, name string) Timer {
	return i.At(i.Now().Add(d), name)
}

// At is After with the time at which the timer fires; what is past fires at once.
func (i *Invocation) At(due time.Time, name string) Timer {
	t := &abi.Timer{Name: name, Key: i.Member.ID, Due: due.UnixMilli()}
	i.out = append(i.out, abi.Effect{Timer: t})
	return Timer{t}
}

// Key tells timers of one name in one conversation apart. Without it, it is the
// id of the event's member; with "" there is one for the whole conversation.
func (t Timer) Key(key string) Timer {
	t.t.Key = key
	return t
}

// Note comes back with the timer, for [NoteOf]; it is what [Note] makes.
func (t Timer) Note(n []byte) Timer {
	t.t.Note = n
	return t
}

// In has the timer belong to a conversation other than the event's.
func (t Timer) In(conversationID string) Timer {
	t.t.Conversation = conversationID
	return t
}

// For has the timer belong to a member other than the event's.
func (t Timer) For(m abi.Member) Timer {
	t.t.Member = m
	t.t.Key = m.ID
	return t
}

// Cancellation is a timer that will be taken back.
type Cancellation struct{ c *abi.Cancel }

// Cancel takes back the timer of that name that belongs to the event's member
// and conversation. If it is not set nothing happens.
func (i *Invocation) Cancel(name string) Cancellation {
	c := &abi.Cancel{Name: name, Key: i.Member.ID}
	i.out = append(i.out, abi.Effect{Cancel: c})
	return Cancellation{c}
}

// Key is the key that the timer was set with.
func (c Cancellation) Key(key string) Cancellation {
	c.c.Key = key
	return c
}

// In is the conversation that the timer belongs to.
func (c Cancellation) In(conversationID string) Cancellation {
	c.c.Conversation = conversationID
	return c
}

// Action is something slow that the host will do; its result is an event for
// [Plugin.OnResult].
type Action struct{ a *abi.Action }

// HTTP has the host send a request to a host that [CanHTTP] names. Secrets are
// written ${secret:NAME} in header values, and filled in by the host.
func (i *Invocation) HTTP(name string, r abi.HTTP) Action {
	return i.action(&abi.Action{Name: name, HTTP: &r})
}

// Verify has the host compile and run Go source.
func (i *Invocation) Verify(name string, v abi.Verify) Action {
	return i.action(&abi.Action{Name: name, Verify: &v})
}

func (i *Invocation) action(a *abi.Action) Action {
	i.out = append(i.out, abi.Effect{Action: a})
	return Action{a}
}

// Key is the plugin's name for the action, by which [Invocation.Abort] finds it.
// One of the same name and key in this conversation that has not ended yet is
// stopped, and its result does not come.
func (a Action) Key(key string) Action {
	a.a.Key = key
	return a
}

// Abort stops the action of that name and key that was asked for in the event's
// conversation; its result does not come. If it has ended nothing happens.
func (i *Invocation) Abort(name, key string) {
	i.out = append(i.out, abi.Effect{Abort: &abi.Abort{Name: name, Key: key}})
}

// Note comes back with the result, for [NoteOf]; it is what [Note] makes.
func (a Action) Note(n []byte) Action {
	a.a.Note = n
	return a
}

// React puts an emoji, by its short name without colons, to the event's message.
func (i *Invocation) React(name string) {
	if m := i.Event.Message; m != nil {
		i.out = append(i.out, abi.Effect{React: &abi.React{Conversation: i.Event.Conversation.ID, Message: m.ID, Name: name}})
	}
}

// Track counts something the event's member did, for funnels and experiments;
// props are names and values in turn.
func (i *Invocation) Track(name string, props ...string) {
	i.out = append(i.out, abi.Effect{Track: &abi.Track{Name: name, Props: pairs(props)}})
}

// Emit sends the plugins that listen to it a plugin.event; props are names and
// values in turn. It is to be declared with [Emits].
func (i *Invocation) Emit(name string, props ...string) {
	i.out = append(i.out, abi.Effect{Emit: &abi.Emit{Name: name, Props: pairs(props)}})
}

// Annotate says something of the event to the plugins behind a middleware, which
// find it by Event.Annotation.
func (i *Invocation) Annotate(name, value string) {
	i.groups = append(i.groups, abi.Annotation{Name: name, Value: value})
}

// Assign is Annotate for an experiment and the variation of it that the event's
// member gets: plugins that ask for it by [Invocation.Group] and send the member
// a message bring them into the results.
func (i *Invocation) Assign(experiment, variation string) {
	i.groups = append(i.groups, abi.Annotation{Name: experiment, Value: variation, Counted: true})
}

// Profile changes what the directory of members says of the event's member; an
// empty field is left as it is.
func (i *Invocation) Profile(p abi.Profile) {
	i.out = append(i.out, abi.Effect{Profile: &p})
}

// Continue has [Plugin.OnContinue] go on after this invocation, in the same
// order of events, with cursor as its note.
func (i *Invocation) Continue(cursor []byte) {
	i.out = append(i.out, abi.Effect{Continue: &abi.Continue{Cursor: cursor}})
}

func pairs(props []string) []abi.Annotation {
	if len(props)%2 != 0 {
		panic(mistakef("%d names and values: one has no other", len(props)))
	}
	var as []abi.Annotation
	for j := 0; j < len(props); j += 2 {
		as = append(as, abi.Annotation{Name: props[j], Value: props[j+1]})
	}
	return as
}
