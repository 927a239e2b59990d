package webchat

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// foundChannels makes #general and the named channels where they are missing.
func (a *Adapter) foundChannels(ctx context.Context, names []string) error {
	for _, n := range append([]string{general}, names...) {
		name, why := channelName(n)
		if why != "" {
			return fmt.Errorf("%q is no name for a channel: letters, digits, - and _, at most %d", n, maxName)
		}
		if _, err := a.change(ctx, func(t *tx) error {
			id := channelID(name)
			fresh, err := t.create(convKey(id))
			if err != nil || !fresh {
				return err
			}
			return t.put(convKey(id), convRow{Kind: kindChannel, Name: name, Created: t.now.UnixMilli()})
		}); err != nil {
			return err
		}
	}
	return nil
}

// channels lists every channel, #general first, then by name.
func (v *view) channels() ([]convRow, error) {
	var out []convRow
	for row, err := range v.snap.Scan(v.ctx, store.Prefix(root.Join("conv").Prefix())) {
		if err != nil {
			return nil, err
		}
		var c convRow
		if err := decode(row, &c); err != nil {
			return nil, err
		}
		if c.Kind == kindChannel {
			out = append(out, c)
		}
	}
	// The keys of names beyond ASCII are in the order of digests.
	slices.SortFunc(out, func(x, y convRow) int {
		switch {
		case x.Name == general:
			return -1
		case y.Name == general:
			return 1
		}
		return strings.Compare(x.Name, y.Name)
	})
	return out, nil
}

// places lists the conversations a member belongs to.
func (v *view) places(member string) ([]string, error) {
	var out []string
	for row, err := range v.snap.Scan(v.ctx, store.Prefix(root.Join("of", member).Prefix())) {
		if err != nil {
			return nil, err
		}
		out = append(out, last(row.Key))
	}
	return out, nil
}

func (v *view) belongs(member, conv string) (bool, error) { return v.has(ofKey(member, conv)) }

// room is an error if member belongs to as many conversations as they may.
func (v *view) room(member string) error {
	all, err := v.places(member)
	if err == nil && len(all) >= maxJoined {
		err = fail(409, "places.many", maxJoined)
	}
	return err
}

// reachable is an error if member cannot be written to: they have left, or
// strangers have filled their list.
func (v *view) reachable(member string) error {
	if _, err := v.present(member); err != nil {
		return fail(409, "dm.left")
	}
	all, err := v.places(member)
	if err == nil && len(all) >= 4*maxJoined {
		err = fail(409, "dm.full")
	}
	return err
}

// makeChannel makes a channel, which its maker joins.
func (a *Adapter) makeChannel(ctx context.Context, member, name, topic string) (string, error) {
	name, why := channelName(name)
	if why != "" {
		return "", fail(422, why)
	}
	topic, ok := line(topic)
	if !ok || len([]rune(topic)) > maxTopic {
		return "", fail(422, "topic.long", maxTopic)
	}
	id := channelID(name)
	_, err := a.do(ctx, func(t *tx) error {
		m, err := t.present(member)
		if err != nil {
			return err
		}
		fresh, err := t.create(convKey(id))
		switch {
		case err != nil:
			return err
		case !fresh:
			return fail(409, "channel.taken", name)
		}
		if err := t.room(member); err != nil {
			return err
		}
		all, err := t.channels()
		switch {
		case err != nil:
			return err
		case len(all) >= maxChannels:
			return fail(409, "channel.many")
		}
		c := convRow{Kind: kindChannel, Name: name, Topic: topic, By: member, Created: t.now.UnixMilli()}
		if err := t.put(convKey(id), c); err != nil {
			return err
		}
		return t.joinAs(id, member, c, m)
	})
	return id, err
}

// joinAs lets m into a channel, and says so there and to the sink.
func (t *tx) joinAs(conv, member string, c convRow, m memberRow) error {
	t.belong(conv, member)
	t.markNow(conv, member)
	if err := t.noteJoin(conv, member); err != nil {
		return err
	}
	return t.hand(abi.Event{Kind: abi.MemberJoined, Conversation: c.event(conv), Member: m.event(member)})
}

// joinChannel lets a member into a channel; one who is in it already stays.
func (a *Adapter) joinChannel(ctx context.Context, member, conv string) error {
	_, err := a.do(ctx, func(t *tx) error {
		m, err := t.present(member)
		if err != nil {
			return err
		}
		c, err := t.conv(conv)
		if err != nil {
			return err
		}
		if c.Kind != kindChannel {
			return errNotFound
		}
		fresh, err := t.create(ofKey(member, conv))
		if err != nil || !fresh {
			return err
		}
		if err := t.room(member); err != nil {
			return err
		}
		return t.joinAs(conv, member, c, m)
	})
	return err
}

// leaveChannel takes a member out of a channel, except #general: leaving that
// is leaving the community.
func (a *Adapter) leaveChannel(ctx context.Context, member, conv string) error {
	if conv == general {
		return fail(409, "channel.general")
	}
	_, err := a.do(ctx, func(t *tx) error {
		m, err := t.present(member)
		if err != nil {
			return err
		}
		c, err := t.conv(conv)
		if err != nil {
			return err
		}
		if c.Kind != kindChannel {
			return errNotFound
		}
		row, err := t.snap.Get(t.ctx, ofKey(member, conv))
		if err != nil || !row.Exists() {
			return err
		}
		t.b.Check(ofKey(member, conv), row.Rev)
		t.b.Delete(ofKey(member, conv))
		t.b.Delete(inKey(conv, member))
		if err := t.announce(logRow{What: logPlaces, Only: member}); err != nil {
			return err
		}
		return t.hand(abi.Event{Kind: abi.MemberLeft, Conversation: c.event(conv), Member: m.event(member)})
	})
	return err
}

// beginDM makes the conversation of two members, or of one with the bot, if it
// is not there yet.
func (a *Adapter) beginDM(ctx context.Context, member, with string) (string, error) {
	if with == bot {
		return botConv(member), nil
	}
	if with == member {
		return "", errNotFound
	}
	conv := pairConv(member, with)
	_, err := a.change(ctx, func(t *tx) error {
		if _, err := t.present(with); err != nil {
			return err
		}
		fresh, err := t.create(convKey(conv))
		if err != nil {
			return err
		}
		mine, err := t.belongs(member, conv)
		if err != nil || !fresh && mine {
			return err
		}
		if err := t.room(member); err != nil {
			return err
		}
		if fresh {
			pair := []string{member, with}
			slices.Sort(pair)
			if err := t.put(convKey(conv), convRow{Kind: kindPair, Created: t.now.UnixMilli(), Members: pair}); err != nil {
				return err
			}
		}
		t.belong(conv, member)
		return t.announce(logRow{What: logPlaces, Only: member})
	})
	return conv, err
}
