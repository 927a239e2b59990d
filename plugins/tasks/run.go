package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/plugins/tasks/find"
	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/plugins/tasks/paste"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// ticket is the note of a verification.
type ticket struct {
	Run   string `json:"run"`   // what it is called among those that are running, and in its answer's key
	Task  string `json:"task"`  // "" for code that answers none
	Alone bool   `json:"alone"` // what was asked nobody else saw, nor will they the answer
}

// snippet is code that a member posted.
type snippet struct {
	Message string     `json:"message"`
	Files   []abi.File `json:"files"`
}

var (
	running = sdk.MemberMap[string]("running") // task by message, or by event where there is none
	code    = sdk.PerMember[snippet]("code")
)

// Code is remembered for a while, so that it can be run by a word or a reaction.
const (
	remembered  = time.Hour
	maxSnippet  = 16 << 10
	maxLastName = 48
)

// spoken handles what is said to the bot: an answer to the task in the member's
// own conversation, else code to run.
func spoken(c *ctx) error {
	if waiting.Get(c) {
		waiting.Delete(c)
		if p := path.Get(c); p.Began.IsZero() {
			begin(c, &p, c.Reply(c.T("first", c.Name())))
			return nil
		}
	}
	f := find.Find(c.Text(), attached(c)...)
	p, t := answering(c)
	if t != nil && t.Kind == pack.Paste {
		if r := t.Accept.Check(c.Text()); r.OK || f.Why != "" && meant(c.Text(), r) {
			checkPaste(c, &p, t, r)
			return nil
		}
		t = nil // Go is no answer to it, but can be run
	}
	if f.Why == "" {
		submit(c, f, t)
	}
	return nil
}

// meant says whether a message to the bot is meant as the answer to a paste
// task, and is no small talk.
func meant(text string, r paste.Result) bool {
	small := r.Mistake == paste.Other || r.Mistake == paste.Empty
	return !small || strings.Contains(strings.TrimSpace(text), "\n") || strings.Contains(text, "```")
}

// posted handles code that is not said to the bot: the answer to a task in a
// thread where tasks are shown; anything else is remembered, should its author
// want it run.
func posted(c *ctx) error {
	if c.Event.Addressed {
		return nil // spoken
	}
	f := find.Find(c.Text(), attached(c)...)
	if f.Why != "" {
		return nil
	}
	if _, t := answering(c); t != nil && t.Kind != pack.Paste && c.Event.Message.Thread != "" {
		submit(c, f, t)
		return nil
	}
	s := snippet{Message: c.Event.Message.ID}
	size := 0
	for _, file := range f.Files {
		size += len(file.Text)
		s.Files = append(s.Files, abi.File{Name: file.Name, Body: file.Text})
	}
	if size <= maxSnippet {
		code.Set(c, s)
		c.After(remembered, "forget").Note(sdk.Note(s.Message))
	}
	return nil
}

// forget forgets code, unless there is newer code.
func forget(c *ctx) error {
	if s, ok := code.Lookup(c); ok && s.Message == sdk.NoteOf[string](c) {
		code.Delete(c)
	}
	return nil
}

// answering is the task that the member's code is taken as an answer to where
// the event happened: in their own conversation with the bot, or where their
// tasks are shown. It is nil elsewhere.
func answering(c *ctx) (progress, *pack.Task) {
	p := path.Get(c)
	if here := c.Event.Conversation; here.Kind == abi.Direct || here.ID != "" && here.ID == p.Place {
		return p, p.current()
	}
	return p, nil
}

// run runs what stands behind the command, in its message's files, or what the
// member posted last.
func run(c *ctx) error {
	f := find.Asked(c.Args(), attached(c)...)
	if f.Why == find.None {
		if s, ok := code.Lookup(c); ok {
			f = find.Found{Files: s.files()}
		}
	}
	if f.Why != "" {
		c.Reply(c.T("no_code." + string(f.Why)))
		return nil
	}
	_, t := answering(c)
	if t != nil && t.Kind == pack.Paste {
		t = nil
	}
	submit(c, f, t)
	return nil
}

// reacted runs a message's code when its author puts a runner to it.
func reacted(c *ctx) error {
	r, m := c.Event.Reaction, c.Event.Message
	if r.Removed || !strings.Contains(r.Name, "runn") || m.Author != "" && m.Author != c.Member.ID {
		return nil
	}
	f := find.Find(m.Text, attached(c)...)
	if s, ok := code.Lookup(c); f.Why != "" && ok && s.Message == m.ID {
		f = find.Found{Files: s.files()}
	}
	if _, busy := running.Lookup(c, ticketName(c)); f.Why != "" || busy {
		return nil
	}
	submit(c, f, nil)
	return nil
}

func (s *snippet) files() []find.File {
	var files []find.File
	for _, f := range s.Files {
		files = append(files, find.File{Name: f.Name, Text: f.Body})
	}
	return files
}

// attached are the texts that hang on the event's message.
func attached(c *ctx) []find.File {
	if c.Event.Message == nil {
		return nil
	}
	var files []find.File
	for _, f := range c.Event.Message.Files {
		files = append(files, find.File{Name: f.Name, Text: f.Body})
	}
	return files
}

// answered checks what was filled into a card's form.
func answered(c *ctx) error {
	t := learning.Task(sdk.NoteOf[attempt](c).Task)
	if t == nil {
		c.Reply(c.T("task.gone")).Button(c.T("button.task"), "task", sdk.AnyTimes)
		return nil
	}
	text := c.Field("code")
	if t.Kind == pack.Paste {
		p := path.Get(c)
		checkPaste(c, &p, t, t.Accept.Check(text))
		return nil
	}
	f := find.Asked(text)
	if f.Why != "" {
		c.Reply(c.T("no_code." + string(f.Why)))
		return nil
	}
	submit(c, f, t)
	return nil
}

// checkPaste says what is wrong with a paste, or passes the task.
func checkPaste(c *ctx, p *progress, t *pack.Task, r paste.Result) {
	if r.OK {
		reply(c, c.T("passed.paste"))
		pass(c, p, t)
	} else {
		p.fail(c, t, "paste", reply(c, wrong(c, r)))
	}
	path.Set(c, *p)
}

// wrong says what is wrong with a paste.
func wrong(c *ctx, r paste.Result) sdk.Markup {
	switch {
	case r.Words != nil:
		return sdk.Markup(pack.Text(r.Words).In(c.Locale()))
	case r.Mistake == paste.NotInstalled:
		return c.T("paste.not_installed", cmp.Or(r.Tool, "go"))
	}
	return c.T("paste." + string(r.Mistake))
}

// submit has code run: for a task, or with t nil to see what it does. An answer
// stands at once and is edited when the verdict is there; but one that the
// member alone will see is sent then, as not every platform can edit those.
func submit(c *ctx, found find.Found, t *pack.Task) {
	v, note := abi.Verify{}, ticket{Run: ticketName(c), Alone: alone(c)}
	for _, f := range found.Files {
		v.Files = append(v.Files, abi.SourceFile{Name: f.Name, Text: f.Text})
	}
	if t != nil {
		v.Files = complete(v.Files, t)
		for _, f := range t.Tests {
			v.Tests = append(v.Tests, abi.SourceFile(f))
		}
		v.Task, v.Stdin, note.Task = t.ID, t.Stdin, t.ID
	}
	running.Set(c, note.Run, note.Task)
	text := c.T("running")
	if found.More {
		text = c.T("running.last")
	}
	if !note.Alone {
		reply(c, text).Key(answerKey(note.Run))
	} else if found.More {
		c.Reply(text)
	}
	c.Verify("check", v).Key(note.Run).Note(sdk.Note(note))
}

// complete gives a lone file the name that the task has for it, one that is
// called like a hidden test another, and adds the task's files that the member
// did not change.
func complete(files []abi.SourceFile, t *pack.Task) []abi.SourceFile {
	for i := range files {
		if slices.ContainsFunc(t.Tests, func(h pack.File) bool { return h.Name == files[i].Name }) {
			files[i].Name = "own_" + files[i].Name
		}
	}
	if len(t.Starter) == 1 && len(files) == 1 {
		files[0].Name = t.Starter[0].Name
		return files
	}
	known := func(f abi.SourceFile) bool {
		return slices.ContainsFunc(t.Starter, func(s pack.File) bool { return s.Name == f.Name })
	}
	if !slices.ContainsFunc(files, known) {
		return files
	}
	for _, s := range t.Starter {
		if !slices.ContainsFunc(files, func(f abi.SourceFile) bool { return f.Name == s.Name }) {
			files = append(files, abi.SourceFile(s))
		}
	}
	return files
}

// ticketName tells what is running apart: the message, or the event where there
// is none.
func ticketName(c *ctx) string {
	name := c.Event.ID
	if m := c.Event.Message; m != nil && m.ID != "" {
		name = m.ID
	}
	return name[max(0, len(name)-maxLastName):]
}

func answerKey(run string) string { return "run:" + run }

// alone says whether the event is something that its member alone saw, in a
// conversation with others.
func alone(c *ctx) bool {
	ev := c.Event
	return ev.Conversation.ID != "" && ev.Conversation.Kind != abi.Direct && (ev.Private || ev.Click != nil || ev.Form != nil)
}

// reply answers below the message that the event is about, so that a channel
// stays easy to read.
func reply(c *ctx, text sdk.Markup) *sdk.Message {
	m := c.Reply(text)
	if ev := c.Event; ev.Message != nil && ev.Message.Thread == "" && !ev.Private && ev.Conversation.Kind != abi.Direct {
		m.Thread(ev.Message.ID)
	}
	return m
}

// deleted stops what comes of a message that is gone.
func deleted(c *ctx) error {
	if s, ok := code.Lookup(c); ok && s.Message == c.Event.Message.ID {
		code.Delete(c)
	}
	run := ticketName(c)
	if _, ok := running.Lookup(c, run); ok {
		running.Delete(c, run)
		c.Abort("check", run)
		c.Delete(answerKey(run))
	}
	return nil
}
