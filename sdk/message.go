package sdk

import (
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Message is a message that will be sent, or put in the place of one, when the
// handler has returned. Its methods add to it and return it. Blocks appear in
// the order in which they are added.
type Message struct {
	i    *Invocation
	body *abi.Content
	send *abi.Send // nil for an edit

	blocks  []abi.Block  // space for the first of them
	buttons []abi.Button // space for a row of them
}

// DM sends a direct message to the event's member.
func (i *Invocation) DM(text Markup) *Message { return i.DMTo(i.Member.ID, text) }

// DMTo sends a direct message to a member.
func (i *Invocation) DMTo(memberID string, text Markup) *Message {
	return i.send(abi.Target{Member: memberID}, text)
}

// Say posts in a conversation.
func (i *Invocation) Say(conversationID string, text Markup) *Message {
	return i.send(abi.Target{Conversation: conversationID}, text)
}

// Reply answers where the event happened, and as publicly: in its thread if it
// has one; for the member's eyes only if what they did nobody else saw, a press
// of a button or a slash command; in a direct message if it happened nowhere.
func (i *Invocation) Reply(text Markup) *Message {
	ev := i.Event
	switch {
	case ev.Conversation.ID == "":
		return i.DM(text)
	case ev.Conversation.Kind != abi.Direct && (ev.Private || ev.Click != nil || ev.Form != nil):
		return i.Ephemeral(text)
	}
	return i.send(abi.Target{Conversation: ev.Conversation.ID, Thread: i.thread()}, text)
}

// Ephemeral says something where the event happened, in its thread if it has
// one, that only its member sees.
func (i *Invocation) Ephemeral(text Markup) *Message {
	return i.send(abi.Target{Conversation: i.Event.Conversation.ID, Member: i.Member.ID, Thread: i.thread(), Ephemeral: true}, text)
}

// thread is the one the event happened in, "" if it did in none.
func (i *Invocation) thread() string {
	if m := i.Event.Message; m != nil {
		return m.Thread
	}
	return ""
}

// Edit replaces a message that the plugin sent under key, to the event's member
// or in its conversation.
func (i *Invocation) Edit(key string, text Markup) *Message {
	return i.EditIn(i.Event.Conversation.ID, key, text)
}

// EditIn is Edit for a message in a conversation other than the event's.
func (i *Invocation) EditIn(conversationID, key string, text Markup) *Message {
	e := &abi.Edit{Ref: abi.Ref{Key: key, Member: i.Member.ID, Conversation: conversationID}}
	i.out = append(i.out, abi.Effect{Edit: e})
	m := &Message{i: i, body: &e.Content}
	return m.Text(text)
}

// Delete deletes a message that the plugin sent under key, to the event's
// member or in its conversation.
func (i *Invocation) Delete(key string) { i.DeleteIn(i.Event.Conversation.ID, key) }

// DeleteIn is Delete for a message in a conversation other than the event's.
func (i *Invocation) DeleteIn(conversationID, key string) {
	i.out = append(i.out, abi.Effect{Delete: &abi.Delete{Ref: abi.Ref{Key: key, Member: i.Member.ID, Conversation: conversationID}}})
}

func (i *Invocation) send(to abi.Target, text Markup) *Message {
	l := i.newLetter()
	s, m := &l.send, &l.message
	s.To = to
	i.out = append(i.out, abi.Effect{Send: s})
	*m = Message{i: i, body: &s.Content, send: s, blocks: l.blocks[:0], buttons: l.buttons[:0]}
	return m.Text(text)
}

// Or gives a direct message a second way: in this conversation, with a mention,
// where the platform has no direct messages from bots.
func (m *Message) Or(conversationID string) *Message {
	if m.send != nil {
		m.send.To.Conversation = conversationID
	}
	return m
}

// Thread hangs the message under another, by the platform's id of that.
func (m *Message) Thread(messageID string) *Message {
	if m.send != nil {
		m.send.To.Thread = messageID
	}
	return m
}

// Key names the message, so that it can be edited and deleted later. A key is
// unique among the plugin's messages to the same member or conversation.
func (m *Message) Key(key string) *Message {
	if m.send != nil {
		m.send.Key = key
	}
	return m
}

// Expires drops the message if it cannot be sent within d; without it, one that
// nobody asked for expires after a day.
func (m *Message) Expires(d time.Duration) *Message {
	if m.send != nil {
		m.send.Expires = d.Milliseconds()
	}
	return m
}

// DeletesAfter has the message delete itself when it has stood for d; 0 means
// never.
func (m *Message) DeletesAfter(d time.Duration) *Message {
	if m.send != nil {
		m.send.After = d.Milliseconds()
	}
	return m
}

func (m *Message) block(b abi.Block) *Message {
	if m.body.Blocks == nil {
		m.body.Blocks = m.blocks
	}
	m.body.Blocks = append(m.body.Blocks, b)
	return m
}

// last is the last block if it is such a one, else a new one.
func (m *Message) last(is func(*abi.Block) bool) *abi.Block {
	if n := len(m.body.Blocks); n > 0 && is(&m.body.Blocks[n-1]) {
		return &m.body.Blocks[n-1]
	}
	m.block(abi.Block{})
	return &m.body.Blocks[len(m.body.Blocks)-1]
}

// Text adds a paragraph; an empty one adds nothing.
func (m *Message) Text(text Markup) *Message {
	if text == "" {
		return m
	}
	return m.block(abi.Block{Text: string(text)})
}

// Heading adds a heading, which shows no markup.
func (m *Message) Heading(text Markup) *Message { return m.block(abi.Block{Heading: text.plain()}) }

// Context adds small print.
func (m *Message) Context(text Markup) *Message { return m.block(abi.Block{Context: string(text)}) }

// Code adds code, verbatim; language is "go", or "" for none.
func (m *Message) Code(language, source string) *Message {
	return m.block(abi.Block{Code: source, Lang: language})
}

// Divider adds a line across.
func (m *Message) Divider() *Message { return m.block(abi.Block{Divider: true}) }

// Field adds a short label and its value; fields that follow each other stand
// side by side where there is room.
func (m *Message) Field(label, value Markup) *Message {
	b := m.last(func(b *abi.Block) bool { return b.Fields != nil })
	b.Fields = append(b.Fields, abi.Field{Label: label.plain(), Value: string(value)})
	return m
}

// Table adds a table's header; [Message.Row] fills it.
func (m *Message) Table(header ...Markup) *Message {
	return m.block(abi.Block{Table: &abi.Table{Header: cells(header)}})
}

// Row adds a row, of as many cells as the header has, to the table before it.
func (m *Message) Row(row ...Markup) *Message {
	b := m.last(func(b *abi.Block) bool { return b.Table != nil })
	if b.Table == nil || len(row) != len(b.Table.Header) {
		panic(mistakef("a row of %d cells has no table of as many columns before it", len(row)))
	}
	b.Table.Rows = append(b.Table.Rows, cells(row))
	return m
}

func cells(ms []Markup) []string {
	s := make([]string, len(ms))
	for i, m := range ms {
		s[i] = string(m)
	}
	return s
}

// ButtonOption says something of a button.
type ButtonOption func(*abi.Button)

// Primary makes a button the one to press.
func Primary(b *abi.Button) { b.Style = "primary" }

// Danger warns of what a button does.
func Danger(b *abi.Button) { b.Style = "danger" }

// AnyTimes lets a button be pressed again and again. By default each member can
// press it once.
func AnyTimes(b *abi.Button) { b.Often = abi.AnyTimes }

// OnceForAll lets only the first member who presses a button have pressed it.
func OnceForAll(b *abi.Button) { b.Often = abi.OnceForAll }

// ButtonValue is what [Invocation.Pressed] returns when the button is pressed.
func ButtonValue(v string) ButtonOption { return func(b *abi.Button) { b.Value = v } }

// ButtonNote comes back with the press, for [NoteOf]; no platform ever has it.
// It is what [Note] makes.
func ButtonNote(n []byte) ButtonOption { return func(b *abi.Button) { b.Note = n } }

// Button adds a button; pressing it is an event for [Plugin.OnButton]. Buttons
// that follow each other stand in one row.
func (m *Message) Button(label Markup, action string, options ...ButtonOption) *Message {
	button := m.button()
	button.Label, button.Action = label.plain(), action
	for _, o := range options {
		o(button)
	}
	return m
}

// LinkButton adds a button that opens an https address.
func (m *Message) LinkButton(label Markup, url string) *Message {
	button := m.button()
	button.Label, button.URL = label.plain(), url
	return m
}

// button adds an empty button.
func (m *Message) button() *abi.Button {
	b := m.last(func(b *abi.Block) bool { return b.Buttons != nil })
	if b.Buttons == nil {
		b.Buttons, m.buttons = m.buttons, nil
	}
	b.Buttons = append(b.Buttons, abi.Button{})
	return &b.Buttons[len(b.Buttons)-1]
}
