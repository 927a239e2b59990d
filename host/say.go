package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// sayTime is for how long what SayBy sends is worth sending: whoever asked for
// it is looking.
const sayTime = 10 * time.Minute

// SayBy writes to a member in private, at the word of somebody on a page, and
// puts that on record. It goes the way of all messages: the outbox, the
// platform's budget, its receipt; a member who said stop gets it, because it was
// asked for. The content has no buttons and no form, for no plugin would hear of
// them.
//
// It returns what had become of the message after five seconds: "sent", or
// "failed" with why, or "waiting". ErrUnknown says that there is no such member,
// or that their platform is not connected; chat.ErrBusy that too much waits.
func (e *Engine) SayBy(ctx context.Context, who audit.Who, member string, c abi.Content) (Message, error) {
	return e.say(ctx, who, abi.Target{Member: member}, c)
}

// SayIn is SayBy into a conversation, by the platform's id of it: "slack:C024BE91L".
// Whether there is one, and whether hearth may write there, the platform says.
func (e *Engine) SayIn(ctx context.Context, who audit.Who, conversation string, c abi.Content) (Message, error) {
	return e.say(ctx, who, abi.Target{Conversation: conversation}, c)
}

func (e *Engine) say(ctx context.Context, who audit.Who, to abi.Target, c abi.Content) (Message, error) {
	seq := e.nextSeq()
	if err := e.queueSaid(ctx, who, to, c, seq); err != nil {
		return Message{}, fmt.Errorf("host: writing at somebody's word: %w", err)
	}
	e.pushOut(abi.Platform(to.Member+to.Conversation), laneTo(to), seq)
	number := store.Seq(seq)
	e.awaitSent(ctx, seq)
	for _, find := range []func() ([]Message, error){
		func() ([]Message, error) { return e.Messages(ctx, number) },
		func() ([]Message, error) { return e.Waiting(ctx, number, 1) },
	} {
		if list, err := find(); err != nil || len(list) > 0 {
			return first(list), err
		}
	}
	return Message{Number: number, Status: "waiting"}, nil // its way ended between the two looks
}

func first(list []Message) Message {
	if len(list) == 0 {
		return Message{}
	}
	return list[0]
}

// queueSaid commits the outbox row, with the record of who had it written.
func (e *Engine) queueSaid(ctx context.Context, who audit.Who, to abi.Target, c abi.Content, seq uint64) error {
	if err := c.Check(); err != nil {
		return err
	}
	for _, b := range c.Blocks {
		if len(b.Buttons) > 0 || b.Form != nil {
			return errors.New("a button or a form, of which no plugin would hear")
		}
	}
	address, on := to.Conversation, "conversation/"+to.Conversation
	if to.Member != "" {
		address, on = to.Member, "member/"+to.Member
	}
	p := e.platform(abi.Platform(address))
	switch {
	case p == nil:
		return fmt.Errorf("%w: platform %q is not connected", ErrUnknown, abi.Platform(address))
	case p.lanes.length() >= e.tuned().MaxOutbox:
		return fmt.Errorf("%w: too many messages wait for %s", chat.ErrBusy, p.name)
	case to.Member != "":
		if !e.forgets.enter(to.Member) {
			return fmt.Errorf("%w: member %q", ErrUnknown, to.Member)
		}
		defer e.forgets.leave()
		if err := e.knows(ctx, to.Member); err != nil {
			return err
		}
	}
	now := e.now()
	out := outRow{ID: store.Seq(seq), Plugin: house.Name, Event: seq, Op: string(chat.OpSend), To: to, Content: c,
		Made: now, Asked: true, Expires: now + sayTime.Milliseconds()}
	row, err := out.MarshalMsg(nil)
	if err != nil {
		return err
	}
	return e.record(ctx, &audit.Entry{Who: who, Did: "message.send", On: on}, func(b *store.Batch) {
		b.Put(outKey(p.name, laneTo(to), seq), row)
	})
}

// knows is ErrUnknown for who is no member.
func (e *Engine) knows(ctx context.Context, member string) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	_, rev, err := members.Get(ctx, snap, member)
	if err == nil && rev == 0 {
		err = fmt.Errorf("%w: member %q", ErrUnknown, member)
	}
	return err
}
