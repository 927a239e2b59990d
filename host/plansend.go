package host

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

func (inv *invocation) planSend(s *abi.Send) error {
	if err := inv.mayShow(s); err != nil {
		return err
	}
	e := inv.engine
	to := s.To
	here := to.Conversation != "" && to.Conversation == inv.work.Event.Conversation.ID
	if to.Member == "" {
		// A conversation with the bot, called by its own id: its messages keep one
		// order with those that are addressed to the member, and one policy.
		member, err := inv.directWith(to.Conversation)
		if err != nil {
			return err
		}
		to.Member = member
	}
	if err := inv.maySend(to, here); err != nil {
		return err
	}
	address := to.Conversation
	if to.Member != "" {
		address = to.Member
	}
	if e.platform(abi.Platform(address)) == nil {
		inv.withhold("message to %s: platform %q is not connected", address, abi.Platform(address))
		return nil
	}

	if inv.answers() != 0 && here {
		free, err := inv.claimAnswer()
		if err != nil {
			return err
		}
		if !free {
			inv.withhold("message to %s: another plugin has answered", address)
			return nil
		}
	}

	now := inv.call.Now
	out := outRow{Plugin: inv.plugin.name, Event: inv.work.Seq, Op: string(chat.OpSend), To: to, Content: s.Content,
		Made: now, Asked: inv.askedBy(to.Member), Vanish: min(s.After, maxTimer.Milliseconds())}
	if len(s.Shown) > 0 {
		out.Seer, out.Shown = inv.work.Event.Member.ID, s.Shown
	}
	switch {
	case s.Expires > 0:
		out.Expires = now + min(s.Expires, maxTimer.Milliseconds())
	case !out.Asked:
		out.Expires = now + e.tuned().Policy.Expiry.Milliseconds()
	}
	lane := laneTo(to)
	key := s.Key
	seq := e.nextSeq()
	if key == "" && out.Vanish > 0 {
		key = "~" + store.Seq(seq) // so that the host finds it again
	}
	if err := inv.tokens(&out.Content, s.Key); err != nil {
		return err
	}
	if key != "" {
		ref := inv.refKey(to, key)
		if _, again := inv.refs[string(ref)]; again {
			return refuse("two messages with the key %q in one invocation", s.Key)
		}
		out.Ref = string(ref)
		if err := inv.putRef(ref, refRow{Lane: lane, Out: seq}); err != nil {
			return err
		}
	}
	return inv.queue(&out, abi.Platform(address), lane, seq)
}

// directWith is the member with whom a conversation is a direct one, "" if it
// is none or was not seen yet.
func (inv *invocation) directWith(conversation string) (string, error) {
	if ev := &inv.work.Event; conversation == ev.Conversation.ID && ev.Conversation.Kind == abi.Direct && ev.Member.ID != "" {
		return ev.Member.ID, nil
	}
	row, err := inv.snap.Get(inv.engine.ctx, kDirect.Join(conversation))
	if err != nil {
		return "", fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	return string(row.Value), nil
}

// laneTo is the lane in which messages to a target keep their order.
func laneTo(to abi.Target) string {
	if to.Member != "" && !to.Ephemeral {
		return directLane(to.Member)
	}
	return to.Conversation
}

// refKey is the row of a keyed message: by its member or by its conversation.
func (inv *invocation) refKey(to abi.Target, key string) store.Key {
	if to.Member != "" {
		return kRef.Join(inv.plugin.name, "m", to.Member, key)
	}
	return kRef.Join(inv.plugin.name, "v", to.Conversation, key)
}

func (inv *invocation) putRef(key store.Key, r refRow) error {
	v, err := r.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	if inv.refs == nil {
		inv.refs = map[string]refRow{}
	}
	inv.refs[string(key)] = r
	inv.batch.Put(key, v)
	return nil
}

// maySend checks the grant a target needs: dm for a direct message, send for
// what others see.
func (inv *invocation) maySend(to abi.Target, here bool) error {
	g := inv.version.grants
	direct := to.Member != "" && !to.Ephemeral
	switch {
	case direct && !g.has(abi.CapDM):
		return inv.lacks(abi.CapDM)
	case direct && to.Conversation != "" && !here && !g.has(abi.CapSend):
		return inv.lacks(abi.CapSend) // it may become a public message elsewhere
	case to.Ephemeral && !g.has(abi.CapSend) && !g.has(abi.CapDM):
		return inv.lacks(abi.CapSend)
	case !direct && !to.Ephemeral && !g.has(abi.CapSend):
		return inv.lacks(abi.CapSend)
	}
	return nil
}

// claimAnswer takes the one answer that a message gets from all plugins
// together, and says whether it was still to be had.
func (inv *invocation) claimAnswer() (bool, error) {
	key := kAnswered.Join(store.Seq(inv.answers()))
	if slices.ContainsFunc(inv.batch.Writes(), func(w store.Write) bool { return w.Key == key }) {
		return true, nil // a second message of the same answer
	}
	row, err := inv.snap.Get(inv.engine.ctx, key)
	if err != nil {
		return false, fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	if row.Exists() {
		return string(row.Value[8:]) == inv.plugin.name, nil
	}
	inv.batch.Check(key, 0)
	inv.batch.Put(key, append(stamp(inv.call.Now), inv.plugin.name...))
	return true, nil
}

func (inv *invocation) withhold(format string, a ...any) {
	inv.withheld = append(inv.withheld, fmt.Sprintf(format, a...))
	inv.engine.met.withheld.WithLabelValues(inv.plugin.name, "plan").Inc()
}

// queue writes an outbox row.
func (inv *invocation) queue(out *outRow, platform, lane string, seq uint64) error {
	if p := inv.engine.platform(platform); p != nil {
		n := p.lanes.length()
		for _, o := range inv.outs {
			if o.platform == platform {
				n++
			}
		}
		if n >= inv.engine.tuned().MaxOutbox {
			return refuse("%d messages wait for %s already", n, platform)
		}
	}
	out.ID, out.Trial = store.Seq(seq), inv.mark()
	row, err := out.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	inv.batch.Put(outKey(platform, lane, seq), row)
	inv.outs = append(inv.outs, outPush{platform, lane, seq})
	return nil
}

// tokens gives every button and form of a content the token that goes to the
// platform in place of what it stands for.
func (inv *invocation) tokens(c *abi.Content, key string) error {
	t := tokenRow{Plugin: inv.plugin.name, Key: key, Made: inv.call.Now}
	id := rand.Text()
	c.Blocks = slices.Clone(c.Blocks) // the journal keeps what the plugin returned
	for i := range c.Blocks {
		b := &c.Blocks[i]
		b.Buttons = slices.Clone(b.Buttons)
		for j := range b.Buttons {
			btn := &b.Buttons[j]
			if btn.Token = ""; btn.URL != "" {
				continue
			}
			t.Buttons = append(t.Buttons, *btn)
			btn.Token = id + ".b" + strconv.Itoa(len(t.Buttons)-1)
			btn.Note = nil
		}
		if b.Form != nil {
			f := *b.Form
			f.Token = ""
			t.Forms = append(t.Forms, f)
			f.Token, f.Note = id+".f"+strconv.Itoa(len(t.Forms)-1), nil
			b.Form = &f
		}
	}
	if len(t.Buttons)+len(t.Forms) == 0 {
		return nil
	}
	row, err := t.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	inv.batch.Put(kToken.Join(id), row)
	return nil
}

// find looks up a message by the plugin's key: among those to the member, then
// among those to the conversation.
func (inv *invocation) find(r abi.Ref) (store.Key, refRow, bool, error) {
	for _, id := range []string{r.Member, r.Conversation} {
		if len(id) > maxEventID {
			return "", refRow{}, false, refuse("an id of %d bytes, at most %d", len(id), maxEventID)
		}
	}
	for _, to := range []abi.Target{{Member: r.Member}, {Conversation: r.Conversation}} {
		if to.Member == "" && to.Conversation == "" {
			continue
		}
		key := inv.refKey(to, r.Key)
		if ref, ok := inv.refs[string(key)]; ok {
			return key, ref, true, nil
		}
		row, err := inv.snap.Get(inv.engine.ctx, key)
		if err != nil {
			return "", refRow{}, false, fmt.Errorf("%w: %v", errInfrastructure, err)
		}
		if row.Exists() {
			var ref refRow
			if _, err := ref.UnmarshalMsg(row.Value); err != nil {
				return "", refRow{}, false, fmt.Errorf("%w: row %s: %v", errInfrastructure, key, err)
			}
			return key, ref, true, nil
		}
	}
	return "", refRow{}, false, nil
}

func (inv *invocation) planEdit(ed *abi.Edit) error {
	return inv.change(chat.OpEdit, ed.Ref, ed.Content)
}

func (inv *invocation) planDelete(d *abi.Delete) error {
	return inv.change(chat.OpDelete, d.Ref, abi.Content{})
}

// change queues an edit or a deletion behind the message it is about.
func (inv *invocation) change(op chat.Op, r abi.Ref, c abi.Content) error {
	if r.Member == "" && r.Conversation != "" {
		member, err := inv.directWith(r.Conversation)
		if err != nil {
			return err
		}
		r.Member = member
	}
	key, ref, ok, err := inv.find(r)
	if err != nil {
		return err
	}
	if !ok {
		inv.withhold("%s of %q: no such message was sent", op, r.Key)
		return nil
	}
	// What was taken back may not be used on what was sent before, either.
	to := abi.Target{Member: r.Member, Conversation: r.Conversation}
	if !strings.HasPrefix(ref.Lane, "@") {
		to.Member = ""
	} else {
		to.Conversation = ""
	}
	if err := inv.maySend(to, false); err != nil {
		return err
	}
	platform := abi.Platform(strings.TrimPrefix(ref.Lane, "@"))
	if inv.engine.platform(platform) == nil {
		inv.withhold("%s of %q: platform %q is not connected", op, r.Key, platform)
		return nil
	}
	if err := inv.tokens(&c, r.Key); err != nil {
		return err
	}
	out := outRow{Plugin: inv.plugin.name, Event: inv.work.Seq, Op: string(op), Content: c, Ref: string(key), Made: inv.call.Now,
		Asked: true, To: abi.Target{Member: r.Member, Conversation: r.Conversation}, Expires: inv.call.Now + (7 * 24 * time.Hour).Milliseconds()}
	return inv.queue(&out, platform, ref.Lane, inv.engine.nextSeq())
}

func (inv *invocation) planReact(r *abi.React) error {
	if err := inv.need(abi.CapReact); err != nil {
		return err
	}
	platform := abi.Platform(r.Conversation)
	if p := inv.engine.platform(platform); p == nil || !p.adapter.Features().React {
		inv.withhold("reaction %s: platform %q cannot show it", r.Name, platform)
		return nil
	}
	out := outRow{Plugin: inv.plugin.name, Event: inv.work.Seq, Op: string(chat.OpReact), To: abi.Target{Conversation: r.Conversation},
		Reaction: r.Name, Message: r.Message, Made: inv.call.Now, Asked: true, Expires: inv.call.Now + inv.engine.tuned().Policy.Expiry.Milliseconds()}
	return inv.queue(&out, platform, r.Conversation, inv.engine.nextSeq())
}
