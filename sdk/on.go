package sdk

import (
	"slices"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Handler answers one event. If it returns an error nothing of what it did
// happens, and the host tries again later.
type Handler[C any] = func(*Ctx[C]) error

// route sends events of a kind, and of a name if it has one, to a handler.
type route struct {
	kind      abi.Kind
	name      string
	addressed bool
	words     []string
	handle    func(*Invocation) error
}

// on registers h. Every route that matches an event runs, in the order of
// registration.
func (b *Plugin[C]) on(r route, h Handler[C]) *Plugin[C] {
	p := b.p
	if h == nil {
		p.fault("a handler for %s is nil", r.kind)
		return b
	}
	r.handle = func(i *Invocation) error { return h(i.ctx.(*Ctx[C])) }
	p.routes = append(p.routes, r)
	return b
}

// OnJoin handles a member's joining the community or a channel of it.
func (b *Plugin[C]) OnJoin(h Handler[C]) *Plugin[C] { return b.on(route{kind: abi.MemberJoined}, h) }

// OnLeave handles a member's leaving the community or a channel of it.
func (b *Plugin[C]) OnLeave(h Handler[C]) *Plugin[C] { return b.on(route{kind: abi.MemberLeft}, h) }

// OnForget handles a member's being forgotten: all that is kept of them is
// erased afterwards, the plugin's rows of theirs too. It is there to rewrite what
// they share with others; rows that still name them then are deleted whole.
func (b *Plugin[C]) OnForget(h Handler[C]) *Plugin[C] {
	return b.on(route{kind: abi.MemberForgotten}, h)
}

// OnMessage handles messages: all that the bot can see, or with keywords those
// that contain one of them, letters' case aside.
func (b *Plugin[C]) OnMessage(h Handler[C], keywords ...string) *Plugin[C] {
	return b.on(route{kind: abi.MessagePosted, words: keywords}, h)
}

// OnMention handles messages that mention the bot or are sent to it directly.
func (b *Plugin[C]) OnMention(h Handler[C]) *Plugin[C] {
	return b.on(route{kind: abi.MessagePosted, addressed: true}, h)
}

// CommandOption says something of a command.
type CommandOption func(*abi.CommandDef)

// Help says in one line what a command does; without it the text
// "command.NAME" of the catalogue does.
func Help(en, zhCN string) CommandOption {
	return func(d *abi.CommandDef) { d.Help = both(en, zhCN) }
}

// Args says what may stand behind a command; without it the text
// "command.NAME.args" of the catalogue does, if there is one.
func Args(en, zhCN string) CommandOption {
	return func(d *abi.CommandDef) { d.Args = both(en, zhCN) }
}

// Hidden keeps a command out of lists of commands.
func Hidden(d *abi.CommandDef) { d.Hidden = true }

// OnCommand answers a slash command, or "@bot NAME …". What follows the name is
// in [Ctx.Args].
func (b *Plugin[C]) OnCommand(name string, h Handler[C], options ...CommandOption) *Plugin[C] {
	d := abi.CommandDef{Name: name}
	for _, o := range options {
		o(&d)
	}
	b.p.manifest.Commands = append(b.p.manifest.Commands, d)
	return b.on(route{kind: abi.CommandInvoked, name: name}, h)
}

// OnButton handles presses of the plugin's buttons with this action.
func (b *Plugin[C]) OnButton(action string, h Handler[C]) *Plugin[C] {
	return b.on(route{kind: abi.ButtonClicked, name: action}, h)
}

// OnForm handles the plugin's form of this name when it is sent; its values are
// in [Ctx.Field].
func (b *Plugin[C]) OnForm(name string, h Handler[C]) *Plugin[C] {
	return b.on(route{kind: abi.FormSubmitted, name: name}, h)
}

// OnTimer handles timers of this name; see [Invocation.After].
func (b *Plugin[C]) OnTimer(name string, h Handler[C]) *Plugin[C] {
	return b.on(route{kind: abi.TimerFired, name: name}, h)
}

// Missed says what becomes of a schedule's times that fell into downtime.
type Missed int

// The zero value fires once for each missed time, at most 24.
const (
	FireEach Missed = iota // once for each
	FireOnce               // once for all of them
	FireNone               // not at all
)

// OnSchedule handles the times of a cron expression: five fields, in the
// community's time zone, as [abi.OnClocks] has it where clocks change. Name tells schedules apart and is their timer's name.
func (b *Plugin[C]) OnSchedule(name, cron string, missed Missed, h Handler[C]) *Plugin[C] {
	b.p.manifest.Schedules = append(b.p.manifest.Schedules,
		abi.Schedule{Name: name, Cron: cron, Once: missed == FireOnce, Skip: missed == FireNone})
	return b.on(route{kind: abi.TimerFired, name: name}, h)
}

// OnReaction handles reactions put to messages or taken from them.
func (b *Plugin[C]) OnReaction(h Handler[C]) *Plugin[C] {
	return b.on(route{kind: abi.ReactionAdded}, h)
}

// OnResult handles the result of the actions of this name: [Invocation.HTTP],
// [Invocation.Verify]. Of a verification that has to wait for its turn it hears
// before: its body is then {"queue_position": 3} and has no verdict.
func (b *Plugin[C]) OnResult(name string, h Handler[C]) *Plugin[C] {
	b.on(route{kind: abi.HTTPResponded, name: name}, h)
	return b.on(route{kind: abi.VerifyFinished, name: name}, h)
}

// OnPluginEvent handles what another plugin emits; name is "plugin/name".
func (b *Plugin[C]) OnPluginEvent(name string, h Handler[C]) *Plugin[C] {
	b.p.manifest.Listens = append(b.p.manifest.Listens, name)
	return b.on(route{kind: abi.PluginEvent, name: name}, h)
}

// OnContinue handles what [Invocation.Continue] left to do; the cursor is in
// Event.Note.
func (b *Plugin[C]) OnContinue(h Handler[C]) *Plugin[C] { return b.on(route{kind: abi.Continued}, h) }

// OnEvent handles every event of a kind.
func (b *Plugin[C]) OnEvent(kind abi.Kind, h Handler[C]) *Plugin[C] {
	if !slices.Contains(abi.Kinds(), kind) {
		b.p.fault("OnEvent: there is no kind of event %q", kind)
	}
	return b.on(route{kind: kind}, h)
}

// Warm has load run once for each image, when config, texts or the community's
// rows under the prefixes change; what it leaves in package variables every
// event finds. Maps and values name their prefix by their Prefix method. Only
// those rows can be read in it.
func (b *Plugin[C]) Warm(load func(*View[C]) error, prefixes ...string) *Plugin[C] {
	p := b.p
	p.manifest.Warm = append(p.manifest.Warm, prefixes...)
	p.warm = func(base *Base) error { return load(&View[C]{Base: base, Config: p.conf.(*C)}) }
	return b
}

// Query answers requests for a view under path, which begins with "/": JSON or
// Markdown, for pages and the API.
func (b *Plugin[C]) Query(path string, h func(*View[C]) error) *Plugin[C] {
	p := b.p
	p.queries = append(p.queries, view{path: path, answer: func(base *Base, q *Request) error {
		return h(&View[C]{Base: base, Config: p.conf.(*C), Request: q})
	}})
	return b
}
