package webchat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// scopeDelivery is the scope of "done" rows of deliveries; members' ids, the
// other scopes, are longer.
const scopeDelivery = "d"

// Deliver carries out d, once however often it is called with the same d.ID.
func (a *Adapter) Deliver(ctx context.Context, d *chat.Delivery) (chat.Receipt, error) {
	var rec chat.Receipt
	if who := localID(d.Member); who != "" && d.Op == chat.OpSend && a.gone.say(who, d.Content) {
		a.hub.part(who) // their pages go to the way in, which says it
		return rec, nil
	}
	_, err := a.change(ctx, func(t *tx) error {
		done, first, err := t.once(scopeDelivery, d.ID)
		if err != nil {
			return err
		}
		if first {
			if done, err = t.deliver(d); err != nil {
				return err
			}
			if err := t.did(scopeDelivery, d.ID, done); err != nil {
				return err
			}
		}
		rec = done.receipt()
		return nil
	})
	if err != nil {
		return chat.Receipt{}, deliveryError(err)
	}
	return rec, nil
}

// Find looks for the row that d left if it was carried out.
func (a *Adapter) Find(ctx context.Context, d *chat.Delivery, _ time.Time) (r chat.Receipt, ok bool, err error) {
	err = a.read(ctx, func(v *view) error {
		var done doneRow
		rev, err := v.get(doneKey(scopeDelivery, d.ID), &done)
		r, ok = done.receipt(), rev != 0
		return err
	})
	if err != nil {
		return chat.Receipt{}, false, fmt.Errorf("webchat: find delivery: %w", err)
	}
	return r, ok, nil
}

func (d doneRow) receipt() chat.Receipt {
	if d.Conv == "" {
		return chat.Receipt{}
	}
	return chat.Receipt{Conversation: globalID(d.Conv), Messages: d.Msgs}
}

// deliveryError says what follows from err. What the store says of a commit
// under way is honest here: a repetition is carried out once, whatever became
// of the first.
func deliveryError(err error) error {
	var d *chat.DeliveryError
	switch {
	case errors.As(err, &d):
		return d
	case errors.Is(err, store.ErrTooLarge), errors.Is(err, store.ErrInvalid):
		return &chat.DeliveryError{Code: "message_too_large", Err: err}
	}
	return &chat.DeliveryError{Code: "store", Retry: true, Err: err}
}

func never(code, advice string) error { return &chat.DeliveryError{Code: code, Advice: advice} }

func (t *tx) deliver(d *chat.Delivery) (doneRow, error) {
	conv, err := t.target(d)
	if err != nil {
		return doneRow{}, err
	}
	switch d.Op {
	case chat.OpSend:
		return t.send(conv, d)
	case chat.OpEdit, chat.OpDelete, chat.OpReact:
		return t.revise(conv, d)
	}
	return doneRow{}, never("unknown_operation", fmt.Sprintf("The web chat does not know the operation %q.", d.Op))
}

// target is the conversation that d goes to.
func (t *tx) target(d *chat.Delivery) (string, error) {
	member := localID(d.Member)
	if member != "" && d.Op == chat.OpSend {
		switch _, err := t.present(member); {
		case errors.Is(err, errNotFound):
			return "", &chat.DeliveryError{Code: "member_gone", NoDM: true, Advice: "The member has left the web chat, or never was there."}
		case err != nil:
			return "", err
		}
	}
	conv := localID(d.Conversation)
	switch {
	case d.Conversation == "" && member != "":
		conv = botConv(member)
	case conv == "":
		return "", never("channel_not_found", "The delivery names no conversation of the web chat.")
	}
	c, err := t.conv(conv)
	switch {
	case errors.Is(err, errNotFound), err == nil && !c.heard():
		return "", never("channel_not_found", "There is no such conversation in the web chat, or hearth is not in it.")
	case err != nil:
		return "", err
	}
	if d.Ephemeral && member == "" {
		return "", never("no_addressee", "A message for one member's eyes has to name the member.")
	}
	return conv, nil
}

func (t *tx) send(conv string, d *chat.Delivery) (doneRow, error) {
	c := d.Content
	if d.Mention && d.Member != "" {
		c = chat.Address(c, d.Member)
	}
	content, err := packContent(c)
	if err != nil {
		return doneRow{}, err
	}
	row := messageRow{Author: bot, Content: content, Time: t.now.UnixMilli()}
	if d.Ephemeral {
		row.Only = localID(d.Member)
	}
	rootID := ""
	if d.Thread != "" {
		id, ok := parseID(d.Thread)
		if !ok {
			return doneRow{}, never("thread_not_found", "The message to answer has no id of the web chat.")
		}
		r, err := t.message(conv, messageID{root: id.root})
		switch {
		case errors.Is(err, errNotFound):
			return doneRow{}, never("thread_not_found", "The message to answer has been deleted.")
		case err != nil:
			return doneRow{}, err
		case r.Only == "":
			rootID = id.root
		default: // an answer to what one member sees stands beside it, for them
			row.Only = r.Only
		}
	}
	id, err := t.freshID(conv, rootID)
	if err != nil {
		return doneRow{}, err
	}
	return doneRow{Conv: conv, Msgs: []string{id.String()}}, t.addMessage(conv, id, row)
}

// revise changes messages that are there.
func (t *tx) revise(conv string, d *chat.Delivery) (doneRow, error) {
	done := doneRow{Conv: conv, Msgs: d.Messages}
	if len(d.Messages) == 0 {
		return done, never("message_not_found", "The delivery names no message.")
	}
	for i, m := range d.Messages {
		id, ok := parseID(m)
		if !ok {
			return done, never("message_not_found", "The message has no id of the web chat.")
		}
		var row messageRow
		rev, err := t.own(messageKey(conv, id), &row)
		if err != nil {
			return done, err
		}
		gone := rev == 0 || row.Deleted
		switch {
		case gone && d.Op == chat.OpDelete:
			continue // as it should be
		case gone:
			return done, never("message_not_found", "The message has been deleted.")
		case d.Op != chat.OpReact && row.Author != bot:
			return done, never("not_mine", "The message is a member's; hearth changes its own only.")
		case d.Op == chat.OpDelete, d.Op == chat.OpEdit && i > 0: // what used to be a further part
			if err := t.erase(conv, id, row); err != nil {
				return done, err
			}
			continue
		case d.Op == chat.OpReact:
			if !row.setReaction(d.Reaction, bot, true) {
				return done, never("too_many_reactions", "The message has as many reactions as it can have.")
			}
		default:
			if row.Content, err = packContent(d.Content); err != nil {
				return done, err
			}
			row.Edited = t.now.UnixMilli()
		}
		if err := t.put(messageKey(conv, id), row); err != nil {
			return done, err
		}
		if err := t.announce(logRow{What: logChanged, Conv: conv, Msg: m, Only: row.Only}); err != nil {
			return done, err
		}
		if d.Op == chat.OpReact {
			break
		}
	}
	if d.Op == chat.OpEdit {
		done.Msgs = d.Messages[:1]
	}
	return done, nil
}

// packContent encodes c without what the platform must not see.
func packContent(c abi.Content) ([]byte, error) {
	if len(chat.Blocks(c)) == 0 {
		return nil, never("message_empty", "The message shows nothing: it has no text, button or form.")
	}
	if c.Msgsize() > maxContent {
		return nil, never("message_too_large", fmt.Sprintf("A message may have at most %d KiB.", maxContent>>10))
	}
	blocks := make([]abi.Block, len(c.Blocks))
	for i, b := range c.Blocks {
		buttons := append([]abi.Button(nil), b.Buttons...)
		for k := range buttons {
			buttons[k].Note = nil
			buttons[k].Action, buttons[k].Value = "", ""
		}
		if b.Buttons = buttons; b.Form != nil {
			f := *b.Form
			f.Note = nil
			b.Form = &f
		}
		blocks[i] = b
	}
	out, err := (&abi.Content{Blocks: blocks}).MarshalMsg(nil)
	if err != nil {
		return nil, fmt.Errorf("write content: %w", err)
	}
	return out, nil
}

const maxContent = 128 << 10 // bytes, four times what a plugin's texts may have

// offered finds the button or form that token stands on in c.
func offered(c abi.Content, token string) (often abi.Often, form *abi.Form, ok bool) {
	for _, b := range c.Blocks {
		for _, bt := range b.Buttons {
			if bt.Token == token {
				return bt.Often, nil, true
			}
		}
		if b.Form != nil && b.Form.Token == token {
			return b.Form.Often, b.Form, true
		}
	}
	return "", nil, false
}

// press hands a button or a form to the sink. id makes a repetition of the same
// press known as one.
func (a *Adapter) press(ctx context.Context, member, conv, msg, token, id string, answers map[string][]string) (out chat.Outcome, again bool, err error) {
	var in chat.Incoming
	var often abi.Often
	if token == "" || len(token) > maxToken {
		return 0, false, errNotFound
	}
	if err := a.read(ctx, func(v *view) error {
		m, err := v.present(member)
		if err != nil {
			return err
		}
		mid, ok := parseID(msg)
		if !ok {
			return errNotFound
		}
		c, err := v.place(conv, member)
		if err != nil {
			return err
		}
		row, err := v.message(conv, mid)
		if err != nil {
			return err
		}
		content, err := row.content()
		if err != nil {
			return err
		}
		var form *abi.Form
		if often, form, ok = offered(content, token); !ok || !row.visible(member) {
			return errNotFound
		}
		e := abi.Event{ID: member + "-" + id, Source: Name, Kind: abi.ButtonClicked, Time: a.now().UnixMilli(),
			Conversation: c.event(conv), Member: m.event(member), Private: row.Only != ""}
		if form != nil {
			e.Kind = abi.FormSubmitted
			if e.Form, err = fillIn(form, answers); err != nil {
				return err
			}
		}
		in = chat.Incoming{Event: e, Token: token}
		return nil
	}); err != nil {
		return 0, false, err
	}
	if out, err = a.sink.Accept(ctx, in); err != nil {
		return 0, false, fmt.Errorf("hand over a press: %w", err)
	}
	again = often == abi.AnyTimes
	if again || out != chat.Accepted && out != chat.Duplicate && out != chat.Used {
		return out, again, nil
	}
	who := member
	if often == abi.OnceForAll {
		who = anyone
	}
	var b store.Batch
	if err := putJSON(&b, usedKey(who, token), doneRow{Time: a.now().UnixMilli()}); err != nil {
		return out, again, err
	}
	if _, err := a.st.Commit(ctx, &b); err != nil {
		// It only greys the button; the sink knows.
		a.log.Warn("webchat: a used button will look unused", "error", err)
	}
	return out, again, nil
}

const anyone = "*"

const mostInput = 3000 // characters of an input that names no bound

// fillIn checks what was filled in against what was asked.
func fillIn(f *abi.Form, answers map[string][]string) (*abi.FormData, error) {
	d := &abi.FormData{Name: f.Name}
	for _, in := range f.Inputs {
		v, ok := "", true
		if got := answers["f."+in.Name]; len(got) > 0 {
			v, ok = posted(got[0])
		}
		most := cmp.Or(in.Max, mostInput)
		switch {
		case !ok:
			return nil, fail(422, "form.chars", in.Label)
		case v == "" && !in.Optional:
			return nil, fail(422, "form.missing", in.Label)
		case chat.Units(v) > most:
			return nil, fail(422, "form.long", in.Label, most)
		case v != "" && len(in.Options) > 0 && !offers(in.Options, v):
			return nil, fail(422, "form.choice", in.Label)
		}
		d.Values = append(d.Values, abi.Value{Name: in.Name, Value: v})
	}
	return d, nil
}

func offers(options []abi.Option, v string) bool {
	for _, o := range options {
		if o.Value == v {
			return true
		}
	}
	return false
}
