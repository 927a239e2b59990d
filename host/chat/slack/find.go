package slack

import (
	"context"
	"errors"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/slack-go/slack"
)

const (
	findPage  = 100
	findPages = 5

	// slackDrift is how far Slack's time may be behind ours.
	slackDrift = 2 * time.Minute
)

// Find looks whether d arrived, by the id that its messages carry. Of a message
// in several parts it returns those that stand there from the first on, and ok
// only if all do. A repeated edit, deletion or reaction changes nothing, so
// those are never found; an ephemeral message Slack does not show even to its
// sender: errors.ErrUnsupported. Other errors are *chat.DeliveryError.
func (a *Adapter) Find(ctx context.Context, d *chat.Delivery, since time.Time) (r chat.Receipt, ok bool, err error) {
	if d.Op != chat.OpSend {
		return r, false, nil
	}
	if d.Ephemeral {
		return r, false, errors.ErrUnsupported
	}
	c := d.Content
	if d.Mention && d.Member != "" {
		c = chat.Address(c, d.Member)
	}
	want := len(render(c))
	ch, err := a.place(ctx, d)
	if err != nil {
		return r, false, deliveryError(err)
	}
	found := map[int]string{}
	for i, ts := range d.Parts {
		found[i] = ts
	}
	if err := a.search(ctx, d, ch, since, found, want); err != nil {
		return r, false, deliveryError(err)
	}
	r.Conversation = Name + ":" + ch
	for i := range want {
		ts, there := found[i]
		if !there {
			return r, false, nil
		}
		r.Messages = append(r.Messages, ts)
	}
	return r, want > 0, nil
}

// search fills found with the parts of d that stand in the channel, until it has
// want of them or has looked far enough.
func (a *Adapter) search(ctx context.Context, d *chat.Delivery, ch string, since time.Time, found map[int]string, want int) error {
	oldest := slackTime(since.Add(-slackDrift))
	cursor := ""
	for range findPages {
		msgs, next, err := a.page(ctx, ch, d.Thread, oldest, cursor)
		if err != nil {
			return err
		}
		for i := range msgs {
			m := &msgs[i].Metadata
			if m.EventType != metaType || m.EventPayload[metaID] != d.ID {
				continue
			}
			if n, ok := m.EventPayload[metaPart].(float64); ok && n >= 0 && n < float64(want) {
				found[int(n)] = msgs[i].Timestamp
			}
		}
		if len(found) >= want || next == "" {
			return nil
		}
		cursor = next
	}
	return nil
}

// page reads some of a channel, or of a thread in it.
func (a *Adapter) page(ctx context.Context, ch, thread, oldest, cursor string) (msgs []slack.Message, next string, err error) {
	type answer struct {
		msgs []slack.Message
		next string
	}
	method := "conversations.history"
	ask := func(ctx context.Context) (answer, error) {
		h, err := a.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
			ChannelID: ch, Oldest: oldest, Cursor: cursor, Limit: findPage, Inclusive: true, IncludeAllMetadata: true,
		})
		if err != nil {
			return answer{}, err
		}
		return answer{h.Messages, h.ResponseMetaData.NextCursor}, nil
	}
	if thread != "" {
		method = "conversations.replies"
		ask = func(ctx context.Context) (answer, error) {
			msgs, _, next, err := a.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
				ChannelID: ch, Timestamp: thread, Oldest: oldest, Cursor: cursor, Limit: findPage, Inclusive: true, IncludeAllMetadata: true,
			})
			return answer{msgs, next}, err
		}
	}
	got, err := call(ctx, a, method, "", ask)
	return got.msgs, got.next, err
}
