package slack

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/slack-go/slack"
)

// The metadata that every message of hearth's has.
const (
	metaType = "hearth_delivery"
	metaID   = "id"
	metaPart = "part"
)

// unnamed and the number of the part stand in a receipt for a message that Slack
// gave no id of: one sent by a response_url. It cannot be edited or deleted.
const unnamed = "response-"

// Deliver carries out d. What is too long becomes several messages; the receipt
// names those that arrived, and they are not sent again when they come back in
// d.Parts.
func (a *Adapter) Deliver(ctx context.Context, d *chat.Delivery) (chat.Receipt, error) {
	var r chat.Receipt
	var err error
	switch d.Op {
	case chat.OpSend:
		r, err = a.send(ctx, d)
	case chat.OpEdit:
		r, err = a.edit(ctx, d)
	case chat.OpDelete:
		r, err = a.remove(ctx, d)
	case chat.OpReact:
		r, err = a.react(ctx, d)
	default:
		err = &chat.DeliveryError{Code: "bad_op", Advice: "hearth asked for something the Slack adapter does not know: " + string(d.Op)}
	}
	if err != nil {
		return r, deliveryError(err)
	}
	return r, nil
}

// place is the channel a delivery goes to.
func (a *Adapter) place(ctx context.Context, d *chat.Delivery) (string, error) {
	if d.Conversation != "" {
		id := abi.LocalID(d.Conversation)
		if abi.Platform(d.Conversation) != Name || !isID(id) {
			return "", badID("conversation", d.Conversation)
		}
		return id, nil
	}
	member, err := a.addressee(d)
	if err != nil {
		return "", err
	}
	return a.dir.dm(ctx, member)
}

func (a *Adapter) addressee(d *chat.Delivery) (string, error) {
	id := abi.LocalID(d.Member)
	if abi.Platform(d.Member) != Name || !isID(id) {
		return "", badID("member", d.Member)
	}
	return id, nil
}

func (a *Adapter) send(ctx context.Context, d *chat.Delivery) (chat.Receipt, error) {
	c := d.Content
	if d.Mention && d.Member != "" {
		c = chat.Address(c, d.Member)
	}
	parts := render(c)
	if len(parts) == 0 {
		return chat.Receipt{}, slack.SlackErrorResponse{Err: "no_text"}
	}
	ch, err := a.place(ctx, d)
	if err != nil {
		return chat.Receipt{}, err
	}
	r := chat.Receipt{Conversation: Name + ":" + ch, Messages: slices.Clone(d.Parts[:min(len(d.Parts), len(parts))])}
	for i := len(r.Messages); i < len(parts); i++ {
		ts, err := a.post(ctx, d, ch, i, &parts[i])
		if elsewhere(err) && d.Ephemeral && i == 0 {
			// Slack can show the member nothing there: the message goes to them directly.
			return a.instead(ctx, d, parts)
		}
		if err != nil {
			return r, err
		}
		r.Messages = append(r.Messages, ts)
	}
	return r, nil
}

// elsewhere says whether err is about the bot or the member not being in the
// channel.
func elsewhere(err error) bool {
	switch code(err) {
	case "not_in_channel", "channel_not_found", "user_not_in_channel", "method_not_supported_for_channel_type":
		return true
	}
	return false
}

// instead sends an ephemeral message to the member directly.
func (a *Adapter) instead(ctx context.Context, d *chat.Delivery, parts []part) (chat.Receipt, error) {
	direct := *d
	direct.Conversation, direct.Thread, direct.Ephemeral = "", "", false
	ch, err := a.place(ctx, &direct)
	if err != nil {
		return chat.Receipt{}, err
	}
	r := chat.Receipt{Conversation: Name + ":" + ch}
	for i := range parts {
		ts, err := a.post(ctx, &direct, ch, i, &parts[i])
		if err != nil {
			return r, err
		}
		r.Messages = append(r.Messages, ts)
	}
	return r, nil
}

// post sends part i of d and returns its ts.
func (a *Adapter) post(ctx context.Context, d *chat.Delivery, ch string, i int, p *part) (string, error) {
	opts := p.options(d.ID, i)
	opts = append(opts, slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	if d.Thread != "" {
		if !isTS(d.Thread) {
			return "", badID("message", d.Thread)
		}
		opts = append(opts, slack.MsgOptionTS(d.Thread))
	}
	method := "chat.postMessage"
	if d.Ephemeral {
		member, err := a.addressee(d)
		if err != nil {
			return "", err
		}
		method = "chat.postEphemeral"
		opts = append(opts, slack.MsgOptionPostEphemeral(member))
	}
	ts, err := a.write(ctx, method, ch, ch, opts)
	if elsewhere(err) && d.Member != "" {
		if addr := a.hooks.take(hookCommand(ch, abi.LocalID(d.Member)), a.now()); addr != "" {
			id, failed := a.postBy(ctx, addr, d, i, p)
			if !usedUp(failed) {
				return id, failed
			}
		}
	}
	return ts, err
}

// postBy answers by a response_url, where hearth itself may not write.
func (a *Adapter) postBy(ctx context.Context, addr string, d *chat.Delivery, i int, p *part) (string, error) {
	m := p.webhook()
	m.ThreadTimestamp = d.Thread
	m.ResponseType = slack.ResponseTypeInChannel
	if d.Ephemeral {
		m.ResponseType = slack.ResponseTypeEphemeral
	}
	return unnamed + strconv.Itoa(i), a.respond(ctx, addr, m)
}

// usedUp says whether a response_url is not good any more.
func usedUp(err error) bool {
	var status slack.StatusCodeError
	return errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusGone)
}

// write calls one of the methods that write a message, and returns its ts.
func (a *Adapter) write(ctx context.Context, method, scope, ch string, opts []slack.MsgOption) (string, error) {
	return call(ctx, a, method, scope, func(ctx context.Context) (string, error) {
		_, ts, _, err := a.api.SendMessageContext(ctx, ch, opts...)
		if err == nil && ts == "" {
			err = errNoAnswer
		}
		return ts, err
	})
}

func (p *part) options(id string, i int) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(p.text, false),
		slack.MsgOptionBlocks(p.blocks...),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: metaType, EventPayload: map[string]any{metaID: id, metaPart: i}}),
	}
}

func (p *part) webhook() *slack.WebhookMessage {
	return &slack.WebhookMessage{Text: p.text, Blocks: &slack.Blocks{BlockSet: p.blocks}}
}

// edit replaces the messages of a delivery. Where there are more parts than
// before they follow as new messages, where there are fewer the rest go.
func (a *Adapter) edit(ctx context.Context, d *chat.Delivery) (chat.Receipt, error) {
	parts := render(d.Content)
	if len(parts) == 0 {
		return chat.Receipt{}, slack.SlackErrorResponse{Err: "no_text"}
	}
	ch, err := a.messagesOf(ctx, d)
	if err != nil {
		return chat.Receipt{}, err
	}
	r := chat.Receipt{Conversation: Name + ":" + ch, Messages: slices.Clone(d.Parts[:min(len(d.Parts), len(parts))])}
	for i := len(r.Messages); i < len(parts); i++ {
		var ts string
		if i < len(d.Messages) {
			ts, err = a.update(ctx, d, ch, i, &parts[i])
		} else {
			ts, err = a.post(ctx, d, ch, i, &parts[i])
		}
		if err != nil {
			return r, err
		}
		r.Messages = append(r.Messages, ts)
	}
	for _, ts := range d.Messages[min(len(d.Messages), len(parts)):] {
		if err := a.unpost(ctx, ch, ts); err != nil {
			return r, err
		}
	}
	return r, nil
}

// messagesOf is the channel of the messages that d is about.
func (a *Adapter) messagesOf(ctx context.Context, d *chat.Delivery) (string, error) {
	if len(d.Messages) == 0 {
		return "", badID("message", "")
	}
	for _, ts := range d.Messages {
		if !isTS(ts) {
			return "", badID("message", ts)
		}
	}
	return a.place(ctx, d)
}

func (a *Adapter) update(ctx context.Context, d *chat.Delivery, ch string, i int, p *part) (string, error) {
	ts := d.Messages[i]
	_, err := a.write(ctx, "chat.update", "", ch, append(p.options(d.ID, i), slack.MsgOptionUpdate(ts)))
	if err == nil || !notOurs(err) {
		return ts, err
	}
	// Slack knows no ephemeral message by its id; who pressed a button in it left
	// an address by which it can be replaced.
	if addr := a.hooks.take(hookMessage(ch, ts), a.now()); addr != "" {
		m := p.webhook()
		m.ReplaceOriginal = true
		return ts, a.respond(ctx, addr, m)
	}
	return "", err
}

func notOurs(err error) bool {
	switch code(err) {
	case "message_not_found", "cant_update_message", "cant_delete_message":
		return true
	}
	return false
}

func (a *Adapter) remove(ctx context.Context, d *chat.Delivery) (chat.Receipt, error) {
	ch, err := a.messagesOf(ctx, d)
	if err != nil {
		return chat.Receipt{}, err
	}
	r := chat.Receipt{Conversation: Name + ":" + ch}
	for _, ts := range d.Messages {
		if err := a.unpost(ctx, ch, ts); err != nil {
			return r, err
		}
		r.Messages = append(r.Messages, ts)
	}
	return r, nil
}

// unpost deletes a message. One that is not there is as good as deleted.
func (a *Adapter) unpost(ctx context.Context, ch, ts string) error {
	_, err := call(ctx, a, "chat.delete", "", func(ctx context.Context) (string, error) {
		_, ts, err := a.api.DeleteMessageContext(ctx, ch, ts)
		return ts, err
	})
	if err == nil || !notOurs(err) {
		return err
	}
	if addr := a.hooks.take(hookMessage(ch, ts), a.now()); addr != "" {
		return a.respond(ctx, addr, &slack.WebhookMessage{DeleteOriginal: true})
	}
	if code(err) == "message_not_found" {
		return nil
	}
	return err
}

func (a *Adapter) react(ctx context.Context, d *chat.Delivery) (chat.Receipt, error) {
	ch, err := a.messagesOf(ctx, d)
	if err != nil {
		return chat.Receipt{}, err
	}
	name := strings.Trim(d.Reaction, ":")
	_, err = call(ctx, a, "reactions.add", "", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, a.api.AddReactionContext(ctx, name, slack.NewRefToMessage(ch, d.Messages[0]))
	})
	if err != nil && code(err) != "already_reacted" {
		return chat.Receipt{}, err
	}
	return chat.Receipt{Conversation: Name + ":" + ch, Messages: d.Messages[:1]}, nil
}
