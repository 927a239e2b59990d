package webchat

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// postForm is what a member sends.
type postForm struct {
	conv   string
	thread string // id of a message to answer, "" for none
	text   string
	files  []upload
	nonce  string
}

// post makes a message or a command of what a member sends. The id is that of
// the message.
func (a *Adapter) post(ctx context.Context, member string, p postForm) (id messageID, out chat.Outcome, err error) {
	text := strings.TrimRight(strings.TrimLeft(p.text, "\n"), " \t\n")
	if text == "" && len(p.files) == 0 {
		return id, 0, fail(422, "post.empty")
	}
	slash, rest := "", text
	switch {
	case strings.HasPrefix(text, "//"):
		if !strings.Contains(text, "\n") { // else it is code that begins with a comment
			rest = text[1:]
		}
	case strings.HasPrefix(text, "/") && len(p.files) == 0:
		slash, rest = text, ""
	}
	var cmd *abi.Command
	if slash != "" {
		if cmd = command(a.sink, slash[1:]); cmd == nil {
			name, _, _ := strings.Cut(slash, " ")
			return id, 0, fail(422, "command.unknown", chat.Cut(name, 40))
		}
	}
	if err := a.keepParts(ctx, p.files); err != nil {
		return id, 0, err
	}
	out, err = a.do(ctx, func(t *tx) error {
		done, first, err := t.once(member, p.nonce)
		if err != nil {
			return err
		}
		if !first {
			id, _ = parseID(slices.Concat(done.Msgs, []string{""})[0])
			return nil
		}
		d := draft{conv: p.conv, member: member, text: rest, files: p.files, cmd: cmd}
		if cmd != nil {
			d.text, d.private = slash, true
		}
		if p.thread != "" {
			var ok bool
			if d.under, ok = parseID(p.thread); !ok {
				return errNotFound
			}
		}
		if id, err = t.write(d); err != nil {
			return err
		}
		return t.did(member, p.nonce, doneRow{Conv: p.conv, Msgs: []string{id.String()}})
	})
	return id, out, err
}

// draft is a member's message on its way into the rows.
type draft struct {
	conv, member, text string
	under              messageID // zero outside threads
	files              []upload
	cmd                *abi.Command
	private            bool // a slash command's line
}

func (t *tx) write(d draft) (messageID, error) {
	conv := d.conv
	m, err := t.present(d.member)
	if err != nil {
		return messageID{}, err
	}
	c, err := t.place(d.conv, d.member)
	if err != nil {
		return messageID{}, err
	}
	if c.Kind == kindChannel {
		if in, err := t.belongs(d.member, d.conv); err != nil {
			return messageID{}, err
		} else if !in {
			return messageID{}, fail(403, "post.join", c.Name)
		}
	}
	if d.under.root != "" {
		r, err := t.message(d.conv, messageID{root: d.under.root})
		if err != nil {
			return messageID{}, err
		}
		if r.Only != "" || r.Kind != "" {
			return messageID{}, fail(409, "thread.none")
		}
		if n, err := t.counter(repliesKey(d.conv, d.under.root)); err != nil {
			return messageID{}, err
		} else if n >= maxReplies {
			return messageID{}, fail(409, "thread.full")
		}
	}
	text, mentions, err := t.link(d.text)
	if err != nil {
		return messageID{}, err
	}
	if len(text) > maxText+maxText/4 { // ids are longer than names
		return messageID{}, fail(413, "post.long", maxText>>10)
	}
	id, err := t.freshID(d.conv, d.under.root)
	if err != nil {
		return id, err
	}
	files, err := t.attach(d, id)
	if err != nil {
		return id, err
	}
	row := messageRow{Author: d.member, Text: text, Time: t.now.UnixMilli(), Files: files}
	if d.private {
		row.Kind, row.Only = kindEcho, d.member
	}
	if err := t.addMessage(d.conv, id, row); err != nil {
		return id, err
	}
	t.b.Put(readKey(d.member, d.conv), []byte(cmp.Or(id.own, id.root)))
	if c.Kind == kindPair {
		// The other one sees that there is something to read.
		for _, who := range c.Members {
			if in, err := t.belongs(who, d.conv); err != nil {
				return id, err
			} else if !in {
				if err := t.reachable(who); err != nil {
					return id, err
				}
				t.belong(d.conv, who)
			}
			if err := t.announce(logRow{What: logPlaces, Only: who}); err != nil {
				return id, err
			}
		}
		if d.cmd == nil {
			return id, nil
		}
		// The bot is not there to answer: it does so in its own conversation.
		d.conv, c = botConv(d.member), convRow{Kind: kindBot}
	}
	e := abi.Event{Kind: abi.MessagePosted, Conversation: c.event(d.conv), Member: m.event(d.member),
		Message: &abi.Message{ID: id.String(), Text: text, Thread: d.under.root, Mentions: mentions, Files: t.eventFiles(row.Files, d.files)},
		Command: d.cmd, Private: d.private,
	}
	e.Addressed = c.Kind == kindBot || slices.Contains(mentions, BotID)
	if d.cmd == nil {
		e.Command = addressedCommand(t.a.sink, text)
		if e.Command == nil && c.Kind == kindBot && len(files) == 0 {
			e.Command = plainCommand(t.a.sink, text)
		}
	}
	if d.conv != conv {
		e.Message = nil // it stands where the bot cannot see it
	}
	if e.Command != nil {
		e.Kind = abi.CommandInvoked
	}
	return id, t.hand(e)
}

// addMessage writes a new message and what follows from there being one.
func (t *tx) addMessage(conv string, id messageID, row messageRow) error {
	if err := t.put(messageKey(conv, id), row); err != nil {
		return err
	}
	if row.Only == "" {
		t.b.Put(actKey(conv), []byte(id.String()))
		if id.reply() {
			t.b.Add(repliesKey(conv, id.root), 1)
			if err := t.call(conv, id, &row); err != nil {
				return err
			}
		}
	}
	return t.announce(logRow{What: logPosted, Conv: conv, Msg: id.String(), Only: row.Only})
}

// mine reads a message that member wants to change, and depends on it.
func (t *tx) mine(conv, member, msg string) (convRow, messageID, messageRow, error) {
	c, id, row, err := t.seen(conv, member, msg)
	if err == nil && (row.Author != member || row.Kind == kindJoined) {
		err = fail(403, "message.others")
	}
	return c, id, row, err
}

// seen reads a message that member can see, and depends on it.
func (t *tx) seen(conv, member, msg string) (c convRow, id messageID, row messageRow, err error) {
	id, ok := parseID(msg)
	if !ok {
		return c, id, row, errNotFound
	}
	if c, err = t.place(conv, member); err != nil {
		return c, id, row, err
	}
	if err = must(t.own(messageKey(conv, id), &row)); err != nil {
		return c, id, row, err
	}
	if !row.visible(member) || row.Deleted {
		err = errNotFound
	}
	return c, id, row, err
}

// edit replaces the text of a member's own message.
func (a *Adapter) edit(ctx context.Context, member, conv, msg, text string) error {
	text = strings.TrimRight(strings.TrimLeft(text, "\n"), " \t\n")
	_, err := a.do(ctx, func(t *tx) error {
		c, id, row, err := t.mine(conv, member, msg)
		if err != nil {
			return err
		}
		if row.Kind == kindEcho {
			return fail(409, "message.echo")
		}
		if text == "" && len(row.Files) == 0 {
			return fail(422, "post.empty")
		}
		m, err := t.present(member)
		if err != nil {
			return err
		}
		text, mentions, err := t.link(text)
		if err != nil {
			return err
		}
		if len(text) > maxText+maxText/4 {
			return fail(413, "post.long", maxText>>10)
		}
		old := row.Text
		if old == text {
			return nil
		}
		row.Text, row.Edited = text, t.now.UnixMilli()
		if err := t.put(messageKey(conv, id), row); err != nil {
			return err
		}
		if err := t.announce(logRow{What: logChanged, Conv: conv, Msg: msg, Only: row.Only}); err != nil || !c.heard() {
			return err
		}
		return t.hand(abi.Event{Kind: abi.MessageEdited, Conversation: c.event(conv), Member: m.event(member),
			Message:   &abi.Message{ID: msg, Text: text, OldText: old, Thread: threadOf(id), Mentions: mentions, Files: t.eventFiles(row.Files, nil)},
			Addressed: c.Kind == kindBot || slices.Contains(mentions, BotID)})
	})
	return err
}

func threadOf(id messageID) string {
	if id.reply() {
		return id.root
	}
	return ""
}

// remove deletes a member's own message, or takes one that only they see out of
// their sight.
func (a *Adapter) remove(ctx context.Context, member, conv, msg string) error {
	_, err := a.do(ctx, func(t *tx) error {
		c, id, row, err := t.seen(conv, member, msg)
		if err != nil {
			return err
		}
		if row.Only == member {
			return t.erase(conv, id, row)
		}
		if row.Author != member || row.Kind == kindJoined {
			return fail(403, "message.others")
		}
		m, err := t.present(member)
		if err != nil {
			return err
		}
		if err := t.erase(conv, id, row); err != nil || !c.heard() {
			return err
		}
		return t.hand(abi.Event{Kind: abi.MessageDeleted, Conversation: c.event(conv), Member: m.event(member),
			Message: &abi.Message{ID: msg, Text: row.Text, Thread: threadOf(id)}})
	})
	return err
}

// erase takes a message out of the rows; a root with replies leaves a mark.
func (t *tx) erase(conv string, id messageID, row messageRow) error {
	k := messageKey(conv, id)
	for _, f := range row.Files {
		t.dropFile(f)
	}
	rec := logRow{What: logGone, Conv: conv, Msg: id.String(), Only: row.Only}
	replies := int64(0)
	switch {
	case id.reply() && row.Only == "":
		t.b.Add(repliesKey(conv, id.root), -1)
		if err := t.uncall(conv, id, &row); err != nil {
			return err
		}
	case !id.reply():
		var err error
		if replies, err = t.counter(repliesKey(conv, id.root)); err != nil {
			return err
		}
	}
	if replies > 0 {
		rec.What = logChanged
		if err := t.put(k, messageRow{Author: row.Author, Time: row.Time, Deleted: true}); err != nil {
			return err
		}
	} else {
		t.b.Delete(k)
	}
	return t.announce(rec)
}

// react puts a member's reaction to a message, or takes it away.
func (a *Adapter) react(ctx context.Context, member, conv, msg, name string) error {
	if _, ok := emoji[name]; !ok {
		return fail(422, "react.unknown")
	}
	_, err := a.do(ctx, func(t *tx) error {
		c, id, row, err := t.seen(conv, member, msg)
		if err != nil {
			return err
		}
		if row.Kind == kindEcho {
			return errNotFound
		}
		m, err := t.present(member)
		if err != nil {
			return err
		}
		on := !row.reacted(name, member)
		if !row.setReaction(name, member, on) {
			return fail(409, "react.many")
		}
		if err := t.put(messageKey(conv, id), row); err != nil {
			return err
		}
		if err := t.announce(logRow{What: logChanged, Conv: conv, Msg: msg, Only: row.Only}); err != nil || !c.heard() {
			return err
		}
		return t.hand(abi.Event{Kind: abi.ReactionAdded, Conversation: c.event(conv), Member: m.event(member),
			Message:  &abi.Message{ID: msg, Text: row.Text, Thread: threadOf(id), Author: globalID(row.Author)},
			Reaction: &abi.Reaction{Name: name, Removed: !on}, Private: row.Only != ""})
	})
	return err
}

func (m *messageRow) reacted(name, member string) bool {
	for _, r := range m.Reactions {
		if r.Name == name {
			return slices.Contains(r.Members, member)
		}
	}
	return false
}

// setReaction says whether there was room for it.
func (m *messageRow) setReaction(name, member string, on bool) bool {
	i := slices.IndexFunc(m.Reactions, func(r reactionsRow) bool { return r.Name == name })
	switch {
	case i < 0 && !on:
		return true
	case i < 0 && len(m.Reactions) >= maxReacts:
		return false
	case i < 0:
		m.Reactions = append(m.Reactions, reactionsRow{Name: name, Members: []string{member}})
		return true
	}
	r := &m.Reactions[i]
	k := slices.Index(r.Members, member)
	switch {
	case on && k >= 0 || !on && k < 0:
	case on && len(r.Members) >= maxReactors:
		return false
	case on:
		r.Members = append(r.Members, member)
	default:
		if r.Members = slices.Delete(r.Members, k, k+1); len(r.Members) == 0 {
			m.Reactions = slices.Delete(m.Reactions, i, i+1)
		}
	}
	return true
}
