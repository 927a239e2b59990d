package sdktest

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hearthbot/hearth/sdk/abi"
)

// platform is the prefix of the ids in tests.
const platform = "test:"

// Member is somebody in the community. Places are "#general" for a channel,
// "dm" for the conversation with the bot, "" for the community as a whole.
type Member struct {
	b      *Bot
	who    abi.Member
	wrote  bool  // to the bot, directly
	active int64 // when they last did something, Unix milliseconds
	groups []abi.Annotation
	GitHub string
}

// Member returns the member with that short name, who is called the same with a
// capital letter until [Member.As] says otherwise.
func (b *Bot) Member(name string) *Member { return b.member(platform + name) }

func (b *Bot) member(id string) *Member {
	m := b.members[id]
	if m == nil {
		short := abi.LocalID(id)
		m = &Member{b: b, who: abi.Member{ID: id, NoDM: b.o.NoDM}}
		if first, n := utf8.DecodeRuneInString(short); n > 0 {
			m.who.Name = string(unicode.ToUpper(first)) + short[n:]
		}
		b.members[id] = m
	}
	return m
}

// profile is what events say of a member; nobody for "".
func (b *Bot) profile(id string) abi.Member {
	if id == "" {
		return abi.Member{}
	}
	return b.member(id).who
}

// conversation is what events say of a place by its id.
func (b *Bot) conversation(id string) abi.Conversation {
	switch {
	case id == "":
		return abi.Conversation{}
	case strings.HasPrefix(id, platform+"dm-"):
		return abi.Conversation{ID: id, Kind: abi.Direct}
	}
	return abi.Conversation{ID: id, Kind: abi.Channel, Name: abi.LocalID(id)}
}

// As changes what is known of the member: their ID stays.
func (m *Member) As(who abi.Member) *Member {
	who.ID, who.NoDM = m.who.ID, m.b.o.NoDM
	who.Name = cmp.Or(who.Name, m.who.Name)
	m.who = who
	return m
}

// Gets has the member get a variation of an experiment from then on, as
// middleware says it of each of their events; "" takes them out of it.
func (m *Member) Gets(experiment, variation string) *Member {
	return m.said(abi.Annotation{Name: experiment, Value: variation, Counted: true})
}

// Tests is [Member.Gets] for a tester, who is never counted.
func (m *Member) Tests(experiment, variation string) *Member {
	return m.said(abi.Annotation{Name: experiment, Value: variation})
}

func (m *Member) said(a abi.Annotation) *Member {
	m.groups = slices.DeleteFunc(slices.Clone(m.groups), func(g abi.Annotation) bool { return g.Name == a.Name })
	if a.Value != "" {
		m.groups = append(m.groups, a)
	}
	slices.SortFunc(m.groups, func(x, y abi.Annotation) int { return strings.Compare(x.Name, y.Name) })
	return m
}

func (m *Member) short() string { return abi.LocalID(m.who.ID) }

func (m *Member) learn(p *abi.Profile) {
	m.who.Locale = cmp.Or(p.Locale, m.who.Locale)
	m.who.TimeZone = cmp.Or(p.TimeZone, m.who.TimeZone)
	m.GitHub = cmp.Or(p.GitHub, m.GitHub)
	m.who.Stopped = (m.who.Stopped || p.Stop) && !p.Resume
}

// placeID is the id of a place as tests write it.
func (m *Member) placeID(where string) string {
	switch where {
	case "":
		return ""
	case "dm":
		return platform + "dm-" + m.short()
	}
	return platform + strings.TrimPrefix(where, "#")
}

// acts are the kinds of event that are a member's own acts.
var acts = []abi.Kind{abi.MessagePosted, abi.CommandInvoked, abi.ButtonClicked, abi.FormSubmitted, abi.ReactionAdded}

func (m *Member) event(kind abi.Kind, where string) abi.Event {
	if slices.Contains(acts, kind) {
		m.active = m.b.now.UnixMilli()
	}
	return abi.Event{Kind: kind, Member: m.who, Conversation: m.b.conversation(m.placeID(where))}
}

// Joins has the member join a channel, or the community.
func (m *Member) Joins(where string) {
	m.b.t.Helper()
	if m.who.JoinedAt == 0 {
		m.who.JoinedAt = m.b.now.UnixMilli()
	}
	m.b.Do(m.event(abi.MemberJoined, where))
}

// Leaves has the member leave a channel, or the community.
func (m *Member) Leaves(where string) {
	m.b.t.Helper()
	m.b.Do(m.event(abi.MemberLeft, where))
}

// Tracks has something by that name happen to the member outside the chat: a
// custom.tracked event, or pr.opened or pr.merged if that is the name. Props are
// names and values in turn.
func (m *Member) Tracks(name string, props ...string) {
	m.b.t.Helper()
	ev := m.event(abi.CustomTracked, "")
	if k := abi.Kind(name); k == abi.PROpened || k == abi.PRMerged {
		ev.Kind = k
	}
	ev.Custom = &abi.Custom{Name: name}
	for i := 0; i+1 < len(props); i += 2 {
		ev.Custom.Props = append(ev.Custom.Props, abi.Annotation{Name: props[i], Value: props[i+1]})
	}
	m.b.Do(ev)
}

// IsForgotten has the member be forgotten: the plugin is told, then its rows of
// theirs are erased. A row that still names them fails the test, as the host
// would delete it, whatever else it holds.
func (m *Member) IsForgotten() {
	m.b.t.Helper()
	m.b.Do(m.event(abi.MemberForgotten, ""))
	m.b.erase(m.who.ID)
	delete(m.b.members, m.who.ID)
}

// Says has the member post a message. In "dm", and if it begins with "@bot", it
// addresses the bot.
func (m *Member) Says(where, text string) {
	m.b.t.Helper()
	ev := m.event(abi.MessagePosted, where)
	text, mentioned := strings.CutPrefix(text, "@bot ")
	ev.Addressed = mentioned || where == "dm"
	m.wrote = m.wrote || where == "dm"
	if m.wrote {
		m.who.NoDM = false
	}
	ev.Message = &abi.Message{ID: m.b.messageID(), Text: text}
	m.b.Do(ev)
}

// Deletes has the member delete a message of theirs, by its id.
func (m *Member) Deletes(where, message string) {
	m.b.t.Helper()
	ev := m.event(abi.MessageDeleted, where)
	ev.Message = &abi.Message{ID: message}
	m.b.Do(ev)
}

// Runs has the member give a command: "help", "/help", "review 3".
func (m *Member) Runs(where, line string) {
	m.b.t.Helper()
	ev := m.event(abi.CommandInvoked, where)
	name, args, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	ev.Command = &abi.Command{Name: name, Args: strings.TrimSpace(args)}
	ev.Private = true
	m.b.Do(ev)
}

// Presses has the member press the newest button of that action or label that
// they can see, and reports what keeps them from it.
func (m *Member) Presses(button string) {
	m.b.t.Helper()
	for _, p := range m.visible() {
		for i := range p.Content.Blocks {
			for _, b := range p.Content.Blocks[i].Buttons {
				if b.Action == "" || b.Action != button && b.Label != button {
					continue
				}
				if !p.use("button "+b.Action+" "+b.Value, m, b.Often) {
					m.b.t.Fatalf("%s has pressed %q before, and it works once", m.short(), button)
				}
				ev := m.event(abi.ButtonClicked, "")
				ev.Conversation = m.where(p)
				ev.Private = p.Ephemeral
				ev.Note, ev.Click = b.Note, &abi.Click{Action: b.Action, Value: b.Value, Message: p.Key}
				m.b.Do(ev)
				return
			}
		}
	}
	m.b.t.Fatalf("%s sees no button %q", m.short(), button)
}

// Sends has the member fill in the newest form of that name that they can see.
// Values are the inputs' names and what to write there, in turn.
func (m *Member) Sends(form string, values ...string) {
	m.b.t.Helper()
	for _, p := range m.visible() {
		for i := range p.Content.Blocks {
			f := p.Content.Blocks[i].Form
			if f == nil || f.Name != form {
				continue
			}
			if !p.use("form "+form, m, f.Often) {
				m.b.t.Fatalf("%s has sent %q before, and it works once", m.short(), form)
			}
			ev := m.event(abi.FormSubmitted, "")
			ev.Conversation = m.where(p)
			ev.Private = p.Ephemeral
			ev.Note, ev.Form = f.Note, &abi.FormData{Name: form, Message: p.Key, Values: m.fill(f, values)}
			m.b.Do(ev)
			return
		}
	}
	m.b.t.Fatalf("%s sees no form %q", m.short(), form)
}

// fill answers a form's inputs, as a platform would: nothing unknown, nothing
// that is needed left out, only choices that there are.
func (m *Member) fill(f *abi.Form, values []string) (filled []abi.Value) {
	m.b.t.Helper()
	given := map[string]string{}
	for i := 0; i+1 < len(values); i += 2 {
		given[values[i]] = values[i+1]
	}
	for _, in := range f.Inputs {
		v := cmp.Or(given[in.Name], in.Value)
		delete(given, in.Name)
		if v == "" && !in.Optional {
			m.b.t.Fatalf("form %q: %q has to be filled in", f.Name, in.Name)
		}
		if v != "" && len(in.Options) > 0 && !offers(in.Options, v) {
			m.b.t.Fatalf("form %q: %q offers no %q", f.Name, in.Name, v)
		}
		filled = append(filled, abi.Value{Name: in.Name, Value: v})
	}
	for name := range given {
		m.b.t.Fatalf("form %q has no input %q", f.Name, name)
	}
	return filled
}

func offers(options []abi.Option, v string) bool {
	for _, o := range options {
		if o.Value == v {
			return true
		}
	}
	return false
}

// Reacts has the member put an emoji to a message, by the message's id.
func (m *Member) Reacts(where, emoji, message string) {
	m.b.t.Helper()
	ev := m.event(abi.ReactionAdded, where)
	ev.Reaction, ev.Message = &abi.Reaction{Name: emoji}, &abi.Message{ID: message}
	m.b.Do(ev)
}

// Sees lists the plugin's messages that stand in a place as the member sees it,
// oldest first.
func (m *Member) Sees(where string) []*Post {
	id := m.placeID(where)
	if where == "dm" {
		id = ""
	}
	var posts []*Post
	for _, p := range m.b.posts {
		if !p.gone && p.Conversation == id && (p.Member == "" || p.Mention || p.Member == m.who.ID) {
			posts = append(posts, p)
		}
	}
	return posts
}

// visible lists what the member sees anywhere, newest first.
func (m *Member) visible() []*Post {
	var posts []*Post
	for i := len(m.b.posts) - 1; i >= 0; i-- {
		if p := m.b.posts[i]; !p.gone && (p.Member == "" || p.Mention || p.Member == m.who.ID) {
			posts = append(posts, p)
		}
	}
	return posts
}

func (m *Member) where(p *Post) abi.Conversation {
	if p.Conversation == "" {
		return m.b.conversation(m.placeID("dm"))
	}
	return m.b.conversation(p.Conversation)
}

// use notes that a button or form was used, and says whether it could be.
func (p *Post) use(what string, m *Member, often abi.Often) bool {
	switch often {
	case abi.AnyTimes:
		return true
	case abi.OncePerMember:
		what += " " + m.who.ID
	}
	if p.used[what] {
		return false
	}
	if p.used == nil {
		p.used = map[string]bool{}
	}
	p.used[what] = true
	return true
}
