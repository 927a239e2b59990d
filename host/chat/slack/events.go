package slack

import (
	"context"
	"strings"
	"unicode"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// maxFiles is how many files of one message are told of.
const maxFiles = 20

// incoming turns what Slack tells into an event; ok is false for what is none
// to hearth.
func (a *Adapter) incoming(ctx context.Context, env *envelope) (in chat.Incoming, ok bool) {
	a.dir.learnSelf(env)
	ev := &in.Event
	e := &env.Event
	*ev = abi.Event{ID: env.EventID, Source: Name, Time: millis(e.EventTS)}
	if ev.Time == 0 {
		ev.Time = env.EventTime * 1000
	}
	switch e.Type {
	case "message", "app_mention":
		ok = a.message(ctx, env, ev)
	case "team_join":
		ok = a.teamJoin(e, ev)
	case "member_joined_channel":
		ok = a.channelJoin(ctx, e, ev)
	case "member_left_channel":
		ev.Kind = abi.MemberLeft
		ev.Conversation = a.conversation(e.Channel.ID, e.ChannelType)
		ev.Member = abi.Member{ID: Name + ":" + e.User.ID}
		ok = isID(e.User.ID) && isID(e.Channel.ID) && e.User.ID != a.dir.self(ctx).user
	case "user_change":
		ok = a.userChange(e, ev)
	case "reaction_added", "reaction_removed":
		ok = a.reaction(ctx, e, ev)
	case "app_home_opened":
		ev.Kind = abi.HomeOpened
		ev.Member = abi.Member{ID: Name + ":" + e.User.ID}
		ev.Private = true
		if isID(e.Channel.ID) {
			ev.Conversation = abi.Conversation{ID: Name + ":" + e.Channel.ID, Kind: abi.Direct}
		}
		ok = isID(e.User.ID)
	case "channel_created", "channel_rename":
		if c := e.Channel; isID(c.ID) {
			a.dir.channels.put(c.ID, channel{name: c.Name, kind: abi.Channel, created: c.Created})
		}
	case "tokens_revoked", "app_uninstalled":
		if e.Type == "app_uninstalled" || len(e.Tokens.Bot) > 0 {
			a.log.ErrorContext(ctx, "slack: the app's access was taken away; install it in the workspace again", "event", e.Type)
		}
	}
	return in, ok && ev.ID != ""
}

// conversation names a channel as far as it is known.
func (a *Adapter) conversation(id, channelType string) abi.Conversation {
	c := abi.Conversation{ID: Name + ":" + id}
	if known, ok := a.dir.channels.get(id); ok {
		c.Name, c.Kind = known.name, known.kind
	}
	switch channelType {
	case "im":
		c.Kind = abi.Direct
	case "mpim", "group", "G":
		c.Kind = abi.Group
	case "channel", "C":
		c.Kind = abi.Channel
	case "":
		if c.Kind == "" && strings.HasPrefix(id, "D") {
			c.Kind = abi.Direct
		}
	}
	return c
}

// named is a channel of which Slack gave the name along, or instead of that what
// kind of conversation it is.
func (a *Adapter) named(id, name string) abi.Conversation {
	switch {
	case name == "directmessage":
		return a.conversation(id, "im")
	case name == "privategroup":
		return a.conversation(id, "group")
	case strings.HasPrefix(name, "mpdm-"):
		return a.conversation(id, "mpim")
	}
	c := a.conversation(id, "")
	if name != "" && c.Kind != abi.Direct {
		c.Name = name
	}
	return c
}

func (a *Adapter) teamJoin(e *innerEvent, ev *abi.Event) bool {
	u := e.User.Full
	if u == nil || !isID(u.ID) {
		return false
	}
	a.dir.learn(u)
	ev.Kind = abi.MemberJoined
	ev.Member = u.member()
	return !u.bot()
}

// channelJoin is somebody coming to a channel. Slack names an id only, so what
// they are is looked up; if Slack does not say in time, the event goes on
// without it.
func (a *Adapter) channelJoin(ctx context.Context, e *innerEvent, ev *abi.Event) bool {
	ctx, cancel := context.WithTimeout(ctx, lookupTime) // for all that is looked up
	defer cancel()
	id := e.User.ID
	if !isID(id) || !isID(e.Channel.ID) || id == slackbot || id == a.dir.self(ctx).user {
		return false
	}
	ev.Kind = abi.MemberJoined
	ev.Member = abi.Member{ID: Name + ":" + id}
	u, err := a.dir.member(ctx, id)
	switch {
	case err == nil && u.bot():
		return false
	case err == nil:
		ev.Member = u.member()
	default:
		a.log.InfoContext(ctx, "slack: a member who joined could not be looked up", "member", id, "error", err)
	}
	if a.dir.beingCreated(ctx, e.Channel.ID, ev.Time) {
		return false
	}
	ev.Conversation = a.conversation(e.Channel.ID, e.ChannelType)
	return true
}

// userChange is of interest where an account was deactivated.
func (a *Adapter) userChange(e *innerEvent, ev *abi.Event) bool {
	u := e.User.Full
	if u == nil || !isID(u.ID) {
		return false
	}
	before, known := a.dir.members.get(u.ID)
	a.dir.learn(u)
	if !u.Deleted || u.bot() || known && before.Deleted {
		return false
	}
	a.dir.dms.drop(u.ID)
	ev.Kind = abi.MemberLeft
	ev.Member = u.member()
	return true
}

func (a *Adapter) reaction(ctx context.Context, e *innerEvent, ev *abi.Event) bool {
	if e.Item.Type != "message" || !isID(e.User.ID) || !isID(e.Item.Channel) || !isTS(e.Item.TS) || e.User.ID == a.dir.self(ctx).user {
		return false
	}
	name, _, _ := strings.Cut(e.Reaction, "::") // without skin tone
	ev.Kind = abi.ReactionAdded
	ev.Reaction = &abi.Reaction{Name: name, Removed: e.Type == "reaction_removed"}
	ev.Member = abi.Member{ID: Name + ":" + e.User.ID}
	ev.Conversation = a.conversation(e.Item.Channel, "")
	ev.Message = &abi.Message{ID: e.Item.TS}
	if isID(e.ItemUser) && e.ItemUser != e.User.ID {
		ev.Message.Author = Name + ":" + e.ItemUser
	}
	return name != ""
}

// message is a post, an edit or a deletion.
func (a *Adapter) message(ctx context.Context, env *envelope, ev *abi.Event) bool {
	e := &env.Event
	if !isID(e.Channel.ID) {
		return false
	}
	ev.Conversation = a.conversation(e.Channel.ID, e.ChannelType)
	ev.Private = false
	switch e.Subtype {
	case "", "file_share", "thread_broadcast", "me_message":
		return a.posted(ctx, env, ev)
	case "message_changed":
		return a.edited(ctx, e, ev)
	case "message_deleted":
		return a.deleted(ctx, e.Previous, e.Deleted, ev)
	}
	return false // joins, topics, bots, huddles: told of in other ways or by no member
}

func (a *Adapter) posted(ctx context.Context, env *envelope, ev *abi.Event) bool {
	e := &env.Event
	me := a.dir.self(ctx).user
	if !isTS(e.TS) || a.notPerson(e.User.ID, e.BotID, me) {
		return false
	}
	ev.ID = "post/" + e.Channel.ID + "/" + e.TS
	ev.Kind = abi.MessagePosted
	if t := millis(e.TS); t > 0 {
		ev.Time = t
	}
	ev.Member = abi.Member{ID: Name + ":" + e.User.ID, Guest: e.UserTeam != "" && env.TeamID != "" && e.UserTeam != env.TeamID}
	m := e.message.neutral(e.TS)
	ev.Message = m
	ev.Addressed = ev.Conversation.Kind == abi.Direct || e.Type == "app_mention" || contains(m.Mentions, Name+":"+me)
	if name, args, ok := a.spoken(m.Text, me); ok {
		ev.Kind = abi.CommandInvoked
		ev.Command = &abi.Command{Name: name, Args: args}
	}
	return true
}

func (a *Adapter) notPerson(user, bot, me string) bool {
	return bot != "" || !isID(user) || user == slackbot || user == me
}

// neutral is a message in hearth's form. A reply's thread is told, a thread's
// first message is in none.
func (m *message) neutral(ts string) *abi.Message {
	out := &abi.Message{ID: ts}
	out.Text, out.Mentions = fromSlack(m.Text)
	if isTS(m.ThreadTS) && m.ThreadTS != ts {
		out.Thread = m.ThreadTS
	}
	for _, f := range m.Files[:min(len(m.Files), maxFiles)] {
		out.Files = append(out.Files, f.neutral())
	}
	return out
}

// neutral is a file in hearth's form, with its text if Slack sent all of it.
func (f *file) neutral() abi.File {
	out := abi.File{Name: f.Name, Type: f.Mimetype, Size: f.Size, URL: f.URL}
	if out.Name == "" {
		out.Name = f.Title
	}
	whole := !f.Truncated && f.LinesMore == 0 && int64(len(f.Preview)) >= f.Size
	if f.Preview != "" && whole && len(f.Preview) <= abi.MaxValue {
		out.Body = f.Preview
	}
	return out
}

// spoken takes "@hearth NAME args" apart, where NAME is a command there is.
func (a *Adapter) spoken(text, me string) (name, args string, ok bool) {
	if me == "" {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(strings.TrimLeft(text, " \n\t"), "<@"+Name+":"+me+">")
	if !ok {
		return "", "", false
	}
	rest = strings.TrimSpace(strings.TrimLeftFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(":,，：", r) }))
	word := rest
	if i := strings.IndexFunc(rest, unicode.IsSpace); i >= 0 {
		word = rest[:i]
	}
	name, ok = commandName(strings.ToLower(word), a.sink.Commands())
	return name, strings.TrimSpace(rest[len(word):]), ok
}

func (a *Adapter) edited(ctx context.Context, e *innerEvent, ev *abi.Event) bool {
	now, was := e.Current, e.Previous
	if now == nil {
		return false
	}
	if now.Subtype == "tombstone" { // the first message of a thread was deleted; the thread stays
		return a.deleted(ctx, was, now.TS, ev)
	}
	ts := now.TS
	if ts == "" && was != nil {
		ts = was.TS
	}
	if !isTS(ts) || a.notPerson(now.User.ID, now.BotID, a.dir.self(ctx).user) {
		return false
	}
	ev.Kind = abi.MessageEdited
	ev.Message = now.message.neutral(ts)
	ev.Member = abi.Member{ID: Name + ":" + now.User.ID}
	if by := now.Edited.User; isID(by) && by != now.User.ID {
		ev.Member.ID, ev.Message.Author = Name+":"+by, Name+":"+now.User.ID
	}
	ev.Addressed = ev.Conversation.Kind == abi.Direct || contains(ev.Message.Mentions, Name+":"+a.dir.self(ctx).user)
	if was != nil {
		ev.Message.OldText, _ = fromSlack(was.Text)
		if ev.Message.OldText == ev.Message.Text && len(was.Files) == len(now.Files) {
			return false // Slack has added a preview, or a reply was counted
		}
	}
	return true
}

func (a *Adapter) deleted(ctx context.Context, was *nested, ts string, ev *abi.Event) bool {
	if was == nil {
		return false
	}
	if ts == "" {
		ts = was.TS
	}
	if !isTS(ts) || a.notPerson(was.User.ID, was.BotID, a.dir.self(ctx).user) {
		return false
	}
	ev.Kind = abi.MessageDeleted
	ev.Member = abi.Member{ID: Name + ":" + was.User.ID}
	ev.Message = &abi.Message{ID: ts}
	if isTS(was.ThreadTS) && was.ThreadTS != ts {
		ev.Message.Thread = was.ThreadTS
	}
	return true
}
