package abi

//msgp:limit arrays:256 maps:256

import "strings"

// Kind says what happened.
type Kind string

// The kinds of event. A plugin subscribes to those it wants.
const (
	MemberJoined    Kind = "member.joined"
	MemberLeft      Kind = "member.left"
	MemberForgotten Kind = "member.forgotten" // all that is kept of Member is about to be erased
	MessagePosted   Kind = "message.posted"
	MessageEdited   Kind = "message.edited"
	MessageDeleted  Kind = "message.deleted"
	CommandInvoked  Kind = "command.invoked"
	ButtonClicked   Kind = "button.clicked"
	FormSubmitted   Kind = "form.submitted"
	ReactionAdded   Kind = "reaction.added"
	LinkClicked     Kind = "link.clicked"
	FileShared      Kind = "file.shared"
	HomeOpened      Kind = "home.opened"
	TimerFired      Kind = "timer.fired"
	VerifyFinished  Kind = "verify.finished"
	HTTPResponded   Kind = "http.responded"
	HostAnswered    Kind = "host.answered" // the result of an Action.Host
	PluginEvent     Kind = "plugin.event"
	PROpened        Kind = "pr.opened"
	PRMerged        Kind = "pr.merged"
	CustomTracked   Kind = "custom.tracked"
	Continued       Kind = "hearth.continued" // what Continue sends a plugin
	SelfTest        Kind = "hearth.test"      // a version's self-test before it is made live
)

// Kinds lists every kind, in the order above.
func Kinds() []Kind {
	return []Kind{MemberJoined, MemberLeft, MemberForgotten, MessagePosted, MessageEdited, MessageDeleted, CommandInvoked, ButtonClicked,
		FormSubmitted, ReactionAdded, LinkClicked, FileShared, HomeOpened, TimerFired, VerifyFinished, HTTPResponded, HostAnswered,
		PluginEvent, PROpened, PRMerged, CustomTracked, Continued, SelfTest}
}

// Event is something that happened, in a form that no platform shows through.
// Which of the pointers are set follows from Kind.
type Event struct {
	ID           string       `msg:"id"`                           // unique within Source: the key of "handled once"
	Source       string       `msg:"src"`                          // "slack", "webchat", "timer", "plugin/tasks", a CloudEvents source
	Kind         Kind         `msg:"kind"`                         //
	Time         int64        `msg:"time"`                         // when it happened, Unix milliseconds, by the platform's clock
	Conversation Conversation `msg:"conv,omitempty"`               // where; zero for what happens nowhere
	Member       Member       `msg:"member,omitempty"`             // who did it, or whom it is about
	Message      *Message     `msg:"message,omitempty"`            // message.*, reaction.added, file.shared, and a command's own message
	Command      *Command     `msg:"command,omitempty"`            // command.invoked
	Click        *Click       `msg:"click,omitempty"`              // button.clicked, link.clicked
	Form         *FormData    `msg:"form,omitempty"`               // form.submitted
	Reaction     *Reaction    `msg:"reaction,omitempty"`           // reaction.added
	Timer        *TimerData   `msg:"timer,omitempty"`              // timer.fired
	Result       *Result      `msg:"result,omitempty"`             // verify.finished, http.responded, host.answered
	Custom       *Custom      `msg:"custom,omitempty"`             // plugin.event, custom.tracked, pr.*
	Note         []byte       `msg:"note,omitempty,limit=1048576"` // what the plugin attached to the timer, action, button or form
	Groups       []Annotation `msg:"groups,omitempty"`             // what middleware said of the event, sorted by name
	Cause        string       `msg:"cause,omitempty"`              // Source "/" ID of the event this one follows from
	Depth        int          `msg:"depth,omitempty"`              // links from the event that came from outside, at most MaxDepth
	Addressed    bool         `msg:"addressed,omitempty"`          // a message that mentions the bot or is a direct message to it
	Private      bool         `msg:"private,omitempty"`            // only Member can see it (a slash command's own line, an ephemeral click)
}

// Annotation is one name and value that middleware attached to an event.
type Annotation struct {
	Name    string `msg:"n"`
	Value   string `msg:"v"`
	Counted bool   `msg:"x,omitempty"` // of Groups: a variation of an experiment; who is shown it is in the results
}

// Annotation returns what middleware said under name, "" if nothing.
func (e *Event) Annotation(name string) string {
	for i := range e.Groups {
		if e.Groups[i].Name == name {
			return e.Groups[i].Value
		}
	}
	return ""
}

// ConversationKind says what sort of place a conversation is.
type ConversationKind string

// The kinds of conversation.
const (
	Channel ConversationKind = "channel" // open to the community, or a part of it
	Direct  ConversationKind = "dm"      // between one member and the bot
	Group   ConversationKind = "group"   // a private group that the bot is in
)

// Conversation is a place where messages are posted.
type Conversation struct {
	ID   string           `msg:"id"`             // "slack:C024BE91L": the platform, a colon, the platform's own id
	Kind ConversationKind `msg:"kind,omitempty"` // "" if not known
	Name string           `msg:"name,omitempty"` // without "#"; "" if not known
}

// Member is a person, as far as the event tells.
type Member struct {
	ID       string `msg:"id"`               // "slack:U2147483697", stable; "" for nobody
	Name     string `msg:"name,omitempty"`   // what they want to be called; "" if not known
	Locale   string `msg:"locale,omitempty"` // BCP 47, "" for the community's
	TimeZone string `msg:"tz,omitempty"`     // IANA, "" for the community's
	Bot      bool   `msg:"bot,omitempty"`    //
	Guest    bool   `msg:"guest,omitempty"`  // restricted to some channels
	NoDM     bool   `msg:"nodm,omitempty"`   // the bot cannot write to them directly, at least not before they do
	JoinedAt int64  `msg:"joined,omitempty"` // Unix milliseconds of the first join hearth saw, 0 if it saw none
	Stopped  bool   `msg:"stop,omitempty"`   // they want nothing that they did not ask for; the host holds it back
	ActiveAt int64  `msg:"active,omitempty"` // timer.fired: Unix milliseconds of the last thing they did, by what counts as activity; 0 if not known
}

// Platform is the platform of an id such as "slack:U1": "slack".
func Platform(id string) string {
	p, _, ok := strings.Cut(id, ":")
	if !ok {
		return ""
	}
	return p
}

// LocalID is the platform's own part of an id such as "slack:U1": "U1".
func LocalID(id string) string {
	_, l, _ := strings.Cut(id, ":")
	return l
}

// Message is what a member posted.
type Message struct {
	ID       string   `msg:"id"`                 // the platform's id of the message, unique in its conversation
	Text     string   `msg:"text"`               // as posted; mentions as <@member id>, channels as <#conversation id>
	Thread   string   `msg:"thread,omitempty"`   // id of the message that the thread hangs on, "" outside threads
	Author   string   `msg:"author,omitempty"`   // member id of the author, if that is not the event's member
	Mentions []string `msg:"mentions,omitempty"` // member ids
	Files    []File   `msg:"files,omitempty"`    //
	OldText  string   `msg:"old,omitempty"`      // message.edited: what stood there before, if the platform says
}

// File is something attached to a message. Body is there if it is text that
// the platform handed over at once (at most MaxValue bytes).
type File struct {
	Name string `msg:"name"`
	Type string `msg:"type,omitempty"` // media type, "" if not known
	Size int64  `msg:"size,omitempty"` // bytes
	URL  string `msg:"url,omitempty"`
	Body string `msg:"body,omitempty"`
}

// Command is a slash command, or "@bot NAME …".
type Command struct {
	Name string `msg:"name"`           // as the manifest has it: "help"
	Args string `msg:"args,omitempty"` // what stands behind it, trimmed
}

// Click is a press of a button or a followed link.
type Click struct {
	Action  string `msg:"action"`            // the button's Action
	Value   string `msg:"value,omitempty"`   // the button's Value, or the link's address
	Message string `msg:"message,omitempty"` // key of the message it stands in, if the plugin gave it one
}

// FormData is a form that was filled in.
type FormData struct {
	Name    string  `msg:"name"`
	Message string  `msg:"message,omitempty"` // key of the message it stood in
	Values  []Value `msg:"values"`
}

// Value is one filled-in field.
type Value struct {
	Name  string `msg:"n"`
	Value string `msg:"v"`
}

// Value returns what was filled in under name, "" if nothing.
func (f *FormData) Value(name string) string {
	for i := range f.Values {
		if f.Values[i].Name == name {
			return f.Values[i].Value
		}
	}
	return ""
}

// Reaction is an emoji put to Event.Message.
type Reaction struct {
	Name    string `msg:"name"`              // short name without colons: "runner"
	Removed bool   `msg:"removed,omitempty"` //
}

// TimerData says which timer fired.
type TimerData struct {
	Name string `msg:"name"`
	Key  string `msg:"key,omitempty"`  // the timer's key; "" for a schedule
	Due  int64  `msg:"due"`            // when it was due, Unix milliseconds: Event.Time may be later
	Late bool   `msg:"late,omitempty"` // the host was down when it was due
}

// Result is what became of an action.
type Result struct {
	Name   string `msg:"name"`                         // the action's name
	Status int    `msg:"status,omitempty"`             // HTTP status; 0 if there was no answer
	Body   []byte `msg:"body,omitempty,limit=1048576"` // the response body, or the verdict as JSON
	Error  string `msg:"error,omitempty"`              // why there is no result
	Code   string `msg:"code,omitempty"`               // the same as a word that stays, where there is one for it
	Wait   int64  `msg:"wait,omitempty"`               // milliseconds after which it may be asked for again, if that is known
}

// Codes of a Result. Verify gives all of them.
const (
	TooFast  = "too_fast"  // the member has asked for more than their share; Wait says until when
	Full     = "full"      // too many wait, of all or of this community
	NotReady = "not_ready" // it is being prepared, and that takes longer than it was waited for
	Off      = "off"       // this hearth does not do it
)

// Custom is an event by name, from another plugin or from outside.
type Custom struct {
	Name  string       `msg:"name"`
	Props []Annotation `msg:"props,omitempty"`              // sorted by name
	Data  []byte       `msg:"data,omitempty,limit=1048576"` // as the sender gave it
}

// Call is the input of one invocation.
type Call struct {
	Event Event  `msg:"event"`
	Now   int64  `msg:"now"`  // Unix milliseconds; the only clock a plugin has
	Seed  uint64 `msg:"seed"` // of the invocation's randomness; the same when it is run again
}
