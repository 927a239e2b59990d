package sdktest

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/internal/guest"
	"github.com/hearthbot/hearth/sdk/sdktest/tape"
)

var update = flag.Bool("update", false, "rewrite the transcripts with what the plugins did")

// Options say what a plugin finds around it. The zero value is an English
// community on a platform that can do everything.
type Options struct {
	Plugin   string           // by name, if the test program declares several
	Config   string           // JSON; what it leaves out has its default
	Name     string           // of the community; "" is "Gophers"
	Locale   string           // of the community; "" is "en"
	TimeZone string           // of the community; "" is "UTC"
	Start    time.Time        // zero is Monday, 3 June 2024, 09:00 UTC
	NoDM     bool             // the platform lets no bot write to a member first
	Texts    []abi.TextDef    // wordings of managers
	Commands []abi.CommandDef // of the other plugins
	Seed     uint64           // of the randomness
}

// Bot is a plugin and the community around it. Its methods are for one
// goroutine, and fail the test when the plugin does what the host would refuse.
// A program has one copy of a plugin, which the newest Bot has configured: tests
// with Bots of one plugin are not parallel.
type Bot struct {
	t        testing.TB
	o        Options
	guest    guest.Guest
	manifest abi.Manifest
	now      time.Time

	rows    map[string][]byte
	members map[string]*Member
	posts   []*Post
	timers  []abi.Timer
	actions []pending
	events  int
	last    []step

	cassette
}

// pending is an action that has no result yet, and what asked for it.
type pending struct {
	abi.Action
	conversation abi.Conversation
	member       string
}

// step is an event that was handled, and what came of it.
type step struct {
	event   abi.Event
	effects abi.Effects
	notes   []string // one for each effect: what became of it beyond the effect itself
}

// New returns a community with the plugin that the test program declares.
func New(t testing.TB, o Options) *Bot {
	t.Helper()
	return bot(t, o, "")
}

// bot is New for a transcript in a file, or for none.
func bot(t testing.TB, o Options, file string) *Bot {
	t.Helper()
	o.Name, o.Locale, o.TimeZone = cmp.Or(o.Name, "Gophers"), cmp.Or(o.Locale, "en"), cmp.Or(o.TimeZone, "UTC")
	if o.Start.IsZero() {
		o.Start = time.Date(2024, 6, 3, 9, 0, 0, 0, time.UTC)
	}
	b := &Bot{t: t, o: o, guest: find(t, o.Plugin), now: o.Start, rows: map[string][]byte{}, members: map[string]*Member{}}
	m, err := b.guest.Describe()
	if err != nil {
		t.Fatalf("describe: %v", err)
	}
	b.manifest = m
	b.record(file)
	b.Configure(o.Config)
	return b
}

func find(t testing.TB, name string) guest.Guest {
	t.Helper()
	var names []string
	for _, g := range guest.Declared() {
		if name == "" && len(guest.Declared()) == 1 || g.Name() == name {
			return g
		}
		names = append(names, g.Name())
	}
	t.Fatalf("no plugin %q: this program declares [%s]", name, strings.Join(names, " "))
	return nil
}

// Configure changes the plugin's config, as an admin would.
func (b *Bot) Configure(config string) {
	b.t.Helper()
	b.o.Config = config
	setup := abi.Setup{Config: []byte(config), Locale: b.o.Locale, TimeZone: b.o.TimeZone, Name: b.o.Name, Texts: b.o.Texts}
	for _, c := range b.manifest.Commands {
		c.Plugin = b.manifest.Name
		setup.Commands = append(setup.Commands, c)
	}
	setup.Commands = append(setup.Commands, b.o.Commands...)
	slices.SortFunc(setup.Commands, func(x, y abi.CommandDef) int { return cmp.Compare(x.Name, y.Name) })
	for key, value := range b.rows {
		if slices.ContainsFunc(b.manifest.Warm, func(p string) bool { return strings.HasPrefix(key, p) }) {
			setup.Rows = append(setup.Rows, abi.Pair{Key: key, Value: value})
		}
	}
	slices.SortFunc(setup.Rows, func(x, y abi.Pair) int { return cmp.Compare(x.Key, y.Key) })
	b.keepSetup(&setup)
	if err := b.guest.Warm(&setup, &reads{b: b}); err != nil {
		b.t.Fatalf("warm: %v", err)
	}
}

// Now is the community's time.
func (b *Bot) Now() time.Time { return b.now }

// Manifest is what the plugin says of itself.
func (b *Bot) Manifest() abi.Manifest { return b.manifest }

// Effects are what the last event had, without those of the timers that fired
// with it.
func (b *Bot) Effects() abi.Effects {
	if len(b.last) == 0 {
		return abi.Effects{}
	}
	return b.last[len(b.last)-1].effects
}

// Row is a row of the plugin's state, nil if there is none; sdk.Decode reads it.
func (b *Bot) Row(key string) []byte { return b.rows[key] }

// Query asks the plugin for a view. Params are names and values in turn.
func (b *Bot) Query(path, role string, params ...string) abi.View {
	q := abi.Query{Path: path, Role: role, Locale: b.o.Locale, Now: b.now.UnixMilli()}
	for i := 0; i+1 < len(params); i += 2 {
		q.Params = append(q.Params, abi.Annotation{Name: params[i], Value: params[i+1]})
	}
	v := b.guest.Query(&q, &reads{b: b})
	b.keepQuery(&q, &v)
	return v
}

// Do has the plugin handle an event, of which ID, Source and Time may be left
// out, and then what follows from it at once. An error of the handler fails the
// test; see [Bot.Try].
func (b *Bot) Do(ev abi.Event) {
	b.t.Helper()
	if err := b.Try(ev); err != nil {
		b.t.Fatalf("%s: %v", ev.Kind, err)
	}
}

// Try is Do that returns the error, of which nothing is left but that.
func (b *Bot) Try(ev abi.Event) error {
	b.events++
	ev.ID, ev.Source = cmp.Or(ev.ID, fmt.Sprint(b.events)), cmp.Or(ev.Source, "test")
	if ev.Time == 0 {
		ev.Time = b.now.UnixMilli()
	}
	if m := b.members[ev.Member.ID]; m != nil && ev.Groups == nil {
		ev.Groups = m.groups
	}
	if !b.wants(&ev) {
		b.last = append(b.last, step{event: ev})
		return nil
	}
	call := abi.Call{Event: ev, Now: b.now.UnixMilli(), Seed: b.o.Seed + uint64(b.events)}
	effects, err := b.handle(&call)
	if err != nil {
		b.last = append(b.last, step{event: ev, effects: abi.Effects{Error: err.Error()}})
		return err
	}
	return b.commit(&ev, effects)
}

// handle calls the plugin twice, the event going through the wire's bytes as it
// does on the way into a sandbox, and compares what comes back.
func (b *Bot) handle(call *abi.Call) (abi.Effects, error) {
	wire, err := call.MarshalMsg(nil)
	if err != nil {
		return abi.Effects{}, err
	}
	if len(wire) > abi.MaxInput {
		return abi.Effects{}, fmt.Errorf("the call has %d bytes, at most %d", len(wire), abi.MaxInput)
	}
	var first []byte
	for again := range 2 {
		var c abi.Call
		if _, err := c.UnmarshalMsg(wire); err != nil {
			return abi.Effects{}, err
		}
		e := b.guest.Handle(&c, &reads{b: b, quiet: again > 0})
		out, err := e.MarshalMsg(nil)
		switch {
		case err != nil:
			return abi.Effects{}, err
		case again == 0:
			first = out
		case !bytes.Equal(first, out):
			return abi.Effects{}, fmt.Errorf("the handler is not deterministic: run again on the same event and rows it had other effects")
		}
	}
	if len(first) > abi.MaxOutput {
		return abi.Effects{}, fmt.Errorf("the effects have %d bytes, at most %d", len(first), abi.MaxOutput)
	}
	b.keep(tape.Step{Call: wire, Effects: first})
	var e abi.Effects
	if _, err := e.UnmarshalMsg(first); err != nil {
		return abi.Effects{}, fmt.Errorf("decode effects: %w", err)
	}
	if e.Error != "" {
		return abi.Effects{}, fmt.Errorf("the handler failed: %s", e.Error)
	}
	if err := e.Check(); err != nil {
		return abi.Effects{}, fmt.Errorf("the host would refuse this: %w", err)
	}
	return e, b.granted(&call.Event, &e)
}

// wants says whether the host would hand the plugin the event.
func (b *Bot) wants(ev *abi.Event) bool {
	m := &b.manifest
	if !slices.Contains(m.Events, ev.Kind) {
		return false
	}
	switch ev.Kind {
	case abi.CommandInvoked:
		return slices.ContainsFunc(m.Commands, func(c abi.CommandDef) bool { return c.Name == ev.Command.Name })
	case abi.PluginEvent:
		return slices.Contains(m.Listens, ev.Custom.Name)
	case abi.MessagePosted:
		if ev.Addressed || !m.Addressed && len(m.Keywords) == 0 {
			return true
		}
		text := strings.ToLower(ev.Message.Text)
		return slices.ContainsFunc(m.Keywords, func(w string) bool { return strings.Contains(text, strings.ToLower(w)) })
	}
	return true
}

// Advance moves the clock. Timers fire on the way, each at its time; messages
// that delete themselves do.
func (b *Bot) Advance(d time.Duration) {
	b.t.Helper()
	end := b.now.Add(d)
	for {
		i := b.nextTimer(end)
		if i < 0 {
			break
		}
		t := b.timers[i]
		b.timers = slices.Delete(b.timers, i, i+1)
		if due := time.UnixMilli(t.Due).UTC(); due.After(b.now) {
			b.now = due
		}
		b.vanish()
		b.Do(b.fired(t))
	}
	b.now = end
	b.vanish()
}

// nextTimer is the index of the first timer that is due by end; -1 for none.
func (b *Bot) nextTimer(end time.Time) int {
	next := -1
	for i, t := range b.timers {
		if t.Due <= end.UnixMilli() && (next < 0 || t.Due < b.timers[next].Due) {
			next = i
		}
	}
	return next
}

func (b *Bot) fired(t abi.Timer) abi.Event {
	who := b.profile(t.Member.ID)
	if who.ID != "" {
		who.ActiveAt = b.member(who.ID).active
	}
	return abi.Event{Source: "timer", Kind: abi.TimerFired, Time: t.Due, Conversation: b.conversation(t.Conversation),
		Member: who, Note: t.Note, Timer: &abi.TimerData{Name: t.Name, Key: t.Key, Due: t.Due}}
}

// Schedule fires a schedule of the manifest, now.
func (b *Bot) Schedule(name string) {
	b.t.Helper()
	if !slices.ContainsFunc(b.manifest.Schedules, func(s abi.Schedule) bool { return s.Name == name }) {
		b.t.Fatalf("the plugin has no schedule %q", name)
	}
	b.Do(abi.Event{Source: "timer", Kind: abi.TimerFired, Timer: &abi.TimerData{Name: name, Due: b.now.UnixMilli()}})
}

// Result answers the oldest action of that name that has no answer yet.
func (b *Bot) Result(r abi.Result) {
	b.t.Helper()
	i := b.oldest(r.Name)
	a := b.actions[i]
	b.actions = slices.Delete(b.actions, i, i+1)
	b.Do(b.result(&a, r))
}

// Queued says that the oldest verification of that name that has no answer yet
// waits at a position for its turn. Its answer is still to come.
func (b *Bot) Queued(name string, position int) {
	b.t.Helper()
	a := b.actions[b.oldest(name)]
	b.Do(b.result(&a, abi.Result{Name: name, Body: fmt.Appendf(nil, `{"queue_position":%d}`, position)}))
}

func (b *Bot) oldest(name string) int {
	b.t.Helper()
	i := slices.IndexFunc(b.actions, func(a pending) bool { return a.Name == name })
	if i < 0 {
		b.t.Fatalf("no action %q waits for a result", name)
	}
	return i
}

func (b *Bot) result(a *pending, r abi.Result) abi.Event {
	kind := abi.HTTPResponded
	if a.Verify != nil {
		kind = abi.VerifyFinished
	}
	return abi.Event{Source: "action", Kind: kind, Result: &r, Note: a.Note, Conversation: a.conversation, Member: b.profile(a.member)}
}
