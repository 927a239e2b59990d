package sdktest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Post is a message of the plugin, as it stands on the platform.
type Post struct {
	Conversation string // id; "" for a direct message
	Member       string // whom it was sent to, or who alone sees it; "" for all
	Ephemeral    bool
	Mention      bool // a direct message that had to become a public one
	Key          string
	Thread       string
	Content      abi.Content
	Sent         time.Time

	vanishes time.Time       // zero: never
	gone     bool            // deleted
	used     map[string]bool // buttons and forms, by name and member, that were used up
}

// Text is all the message's texts, a block a line.
func (p *Post) Text() string { return strings.Join(lines(&p.Content), "\n") }

// granted says what the effects need that the manifest does not ask for.
func (b *Bot) granted(ev *abi.Event, e *abi.Effects) error {
	has := func(capability string) bool {
		return slices.ContainsFunc(b.manifest.Needs, func(n abi.Need) bool { return n.Cap == capability })
	}
	need := func(capability, what string) error {
		if has(capability) {
			return nil
		}
		return fmt.Errorf("%s needs the capability %q, which the plugin does not ask for", what, capability)
	}
	if len(e.Groups) > 0 && !b.manifest.Middleware {
		return fmt.Errorf("only middleware annotates events: declare sdk.Middleware")
	}
	timers := map[[3]string]bool{}
	once := func(name, key, conversation string) error {
		at := [3]string{name, key, cmp.Or(conversation, ev.Conversation.ID)}
		if timers[at] {
			return fmt.Errorf("the timer %q is set or cancelled twice in one invocation, which the host refuses", name)
		}
		timers[at] = true
		return nil
	}
	for i := range e.Out {
		var err error
		switch o := &e.Out[i]; {
		case o.Send != nil:
			if err := shown(ev, o.Send); err != nil {
				return err
			}
			to := o.Send.To
			direct := to.Member != "" && !to.Ephemeral || ev.Conversation.Kind == abi.Direct && to.Conversation == ev.Conversation.ID
			switch {
			case direct:
				if err = need(abi.CapDM, "a direct message"); err == nil && to.Conversation != "" && to.Conversation != ev.Conversation.ID {
					err = need(abi.CapSend, "a message that may become public")
				}
			case to.Ephemeral && has(abi.CapDM):
			default:
				err = need(abi.CapSend, "a message in a channel")
			}
		case o.React != nil:
			err = need(abi.CapReact, "a reaction")
		case o.Timer != nil:
			if err = need(abi.CapTimers, "a timer"); err == nil {
				err = once(o.Timer.Name, o.Timer.Key, o.Timer.Conversation)
			}
		case o.Cancel != nil:
			err = once(o.Cancel.Name, o.Cancel.Key, o.Cancel.Conversation)
		case o.Profile != nil:
			err = need(abi.CapMembers, "a change of a profile")
		case o.Action != nil && o.Action.Verify != nil:
			err = need(abi.CapVerify, "running code")
		case o.Action != nil && o.Action.Host != "":
			err = errors.New("what the host does itself it does for its own plugin alone")
		case o.Action != nil:
			host := hostOf(o.Action.HTTP.URL)
			if !slices.ContainsFunc(b.manifest.Needs, func(n abi.Need) bool { return n.Cap == abi.CapHTTP && strings.EqualFold(n.Param, host) }) {
				err = fmt.Errorf("a request to %q needs the capability %q for that host, which the plugin does not ask for", host, abi.CapHTTP)
			}
		case o.Emit != nil && !slices.Contains(b.manifest.Emits, o.Emit.Name):
			err = fmt.Errorf("the manifest does not say that the plugin emits %q", o.Emit.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shown says which experiment a message shows that its event does not speak of.
func shown(ev *abi.Event, s *abi.Send) error {
	for _, a := range s.Shown {
		a.Counted = true
		if !slices.Contains(ev.Groups, a) {
			return fmt.Errorf("a message shows %s of the experiment %s, which middleware did not assign", a.Value, a.Name)
		}
	}
	return nil
}

func hostOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, ":")
	return host
}

// commit carries out the effects, and then what follows from them at once.
func (b *Bot) commit(ev *abi.Event, e abi.Effects) error {
	if err := b.write(&e); err != nil {
		return err
	}
	s := step{event: *ev, effects: e, notes: make([]string, len(e.Out))}
	var follow []abi.Event
	for i := range e.Out {
		switch o := &e.Out[i]; {
		case o.Send != nil:
			s.notes[i] = b.post(ev, o.Send)
		case o.Edit != nil:
			s.notes[i] = b.change(o.Edit.Ref, func(p *Post) { p.Content, p.used = o.Edit.Content, nil })
		case o.Delete != nil:
			s.notes[i] = b.change(o.Delete.Ref, func(p *Post) { p.gone = true })
		case o.Timer != nil:
			b.setTimer(ev, *o.Timer)
		case o.Cancel != nil:
			in := cmp.Or(o.Cancel.Conversation, ev.Conversation.ID)
			b.timers = slices.DeleteFunc(b.timers, func(t abi.Timer) bool {
				return t.Name == o.Cancel.Name && t.Key == o.Cancel.Key && t.Conversation == in
			})
		case o.Action != nil:
			if o.Action.Key != "" {
				b.abort(ev, o.Action.Name, o.Action.Key)
			}
			b.actions = append(b.actions, pending{*o.Action, ev.Conversation, ev.Member.ID})
		case o.Abort != nil:
			b.abort(ev, o.Abort.Name, o.Abort.Key)
		case o.Profile != nil:
			b.member(ev.Member.ID).learn(o.Profile)
		case o.Continue != nil:
			follow = append(follow, abi.Event{Kind: abi.Continued, Note: o.Continue.Cursor, Conversation: ev.Conversation, Member: ev.Member, Depth: ev.Depth})
		case o.Track != nil && b.wants(&abi.Event{Kind: abi.CustomTracked}):
			follow = append(follow, abi.Event{Kind: abi.CustomTracked, Custom: &abi.Custom{Name: o.Track.Name, Props: o.Track.Props},
				Conversation: ev.Conversation, Member: b.profile(cmp.Or(o.Track.Member, ev.Member.ID)), Depth: ev.Depth + 1})
		}
	}
	b.last = append(b.last, s)
	for _, f := range follow {
		if f.Depth > abi.MaxDepth {
			return fmt.Errorf("the %dth event in a chain of causes, at most %d", f.Depth, abi.MaxDepth)
		}
		if err := b.Try(f); err != nil {
			return err
		}
	}
	return nil
}

// post delivers a message, as the platform and the host's policy let it, and
// says what became of it if that is not what the plugin asked for.
func (b *Bot) post(ev *abi.Event, s *abi.Send) string {
	to := s.To
	if to.Conversation == ev.Conversation.ID && ev.Conversation.Kind == abi.Direct && to.Member == "" {
		to.Member = ev.Member.ID
	}
	p := &Post{Conversation: to.Conversation, Member: to.Member, Ephemeral: to.Ephemeral, Key: s.Key, Thread: to.Thread, Content: s.Content, Sent: b.now}
	if s.After > 0 {
		p.vanishes = b.now.Add(time.Duration(s.After) * time.Millisecond)
	}
	note := ""
	if to.Member != "" && !to.Ephemeral {
		m := b.member(to.Member)
		switch {
		case m.who.Stopped && !asked(ev):
			return "withheld: " + m.short() + " said stop"
		case !b.o.NoDM || m.wrote || ev.Conversation.Kind == abi.Direct:
			p.Conversation = ""
		case to.Conversation == "":
			return "withheld: the platform has no direct messages"
		default:
			p.Mention = true
			note = "no direct messages: in " + place(to.Conversation) + ", with a mention"
		}
	}
	b.posts = append(b.posts, p)
	return note
}

// asked says whether the event is something a member did to have an answer.
func asked(ev *abi.Event) bool {
	switch ev.Kind {
	case abi.MessagePosted, abi.CommandInvoked, abi.ButtonClicked, abi.FormSubmitted, abi.HomeOpened:
		return true
	}
	return false
}

// change finds a message by its key, among those to the member, then among
// those to the conversation.
func (b *Bot) change(r abi.Ref, do func(*Post)) string {
	for _, direct := range []bool{true, false} {
		for _, p := range slices.Backward(b.posts) {
			if p.Key != r.Key || p.gone {
				continue
			}
			if direct && r.Member != "" && p.Member == r.Member || !direct && r.Conversation != "" && p.Member == "" && p.Conversation == r.Conversation {
				do(p)
				return ""
			}
		}
	}
	return "withheld: no such message stands"
}

func (b *Bot) setTimer(ev *abi.Event, t abi.Timer) {
	t.Conversation = cmp.Or(t.Conversation, ev.Conversation.ID)
	if t.Member.ID == "" {
		t.Member.ID = ev.Member.ID
	}
	same := func(o abi.Timer) bool { return o.Name == t.Name && o.Key == t.Key && o.Conversation == t.Conversation }
	b.timers = append(slices.DeleteFunc(b.timers, same), t)
}

// abort has an action's result not come.
func (b *Bot) abort(ev *abi.Event, name, key string) {
	b.actions = slices.DeleteFunc(b.actions, func(a pending) bool {
		return a.Name == name && a.Key == key && a.conversation.ID == ev.Conversation.ID
	})
}

// vanish deletes the messages whose time has come.
func (b *Bot) vanish() {
	for _, p := range b.posts {
		if !p.vanishes.IsZero() && !p.vanishes.After(b.now) {
			p.gone = true
		}
	}
}
