package webchat

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// problem is something to tell a member: the status of the answer, and the key
// and arguments of the text.
type problem struct {
	status int
	key    string
	args   []any
}

func (p *problem) Error() string { return fmt.Sprintf("webchat: %s (%d)", p.key, p.status) }

func fail(status int, key string, args ...any) error { return &problem{status, key, args} }

// enter makes a member of a visitor and returns their id.
func (a *Adapter) enter(ctx context.Context, name, locale, zone string) (string, memberRow, error) {
	name, why := memberName(name)
	if why != "" {
		return "", memberRow{}, fail(422, why)
	}
	id := newMemberID()
	m := memberRow{Name: name, Locale: knownLocale(locale), Zone: knownZone(zone)}
	_, err := a.do(ctx, func(t *tx) error {
		if err := t.claimName(name, id); err != nil {
			return err
		}
		m.Joined = t.now.UnixMilli()
		t.b.Check(memberKey(id), 0)
		if err := t.put(memberKey(id), m); err != nil {
			return err
		}
		own := botConv(id)
		if err := t.put(convKey(own), convRow{Kind: kindBot, Created: m.Joined, Members: []string{id}}); err != nil {
			return err
		}
		t.belong(own, id)
		t.belong(general, id)
		t.markNow(own, id)
		t.markNow(general, id)
		c, err := t.conv(general)
		if err != nil {
			return err
		}
		if err := t.noteJoin(general, id); err != nil {
			return err
		}
		return t.hand(abi.Event{Kind: abi.MemberJoined, Conversation: c.event(general), Member: m.event(id)})
	})
	return id, m, err
}

// claimName gives name to member unless somebody else has it.
func (t *tx) claimName(name, member string) error {
	k := nameKey(fold(name))
	row, err := t.snap.Get(t.ctx, k)
	if err != nil {
		return err
	}
	if row.Exists() && string(row.Value) != member {
		return fail(409, "name.taken")
	}
	t.b.Check(k, row.Rev)
	t.b.Put(k, []byte(member))
	return nil
}

func (t *tx) belong(conv, member string) {
	t.b.Put(ofKey(member, conv), []byte("{}"))
	t.b.Put(inKey(conv, member), []byte("{}"))
}

// noteJoin puts "Ada joined" into the channel.
func (t *tx) noteJoin(conv, member string) error {
	id, err := t.freshID(conv, "")
	if err != nil {
		return err
	}
	if err := t.put(messageKey(conv, id), messageRow{Author: member, Kind: kindJoined, Time: t.now.UnixMilli()}); err != nil {
		return err
	}
	if err := t.announce(logRow{What: logPosted, Conv: conv, Msg: id.String()}); err != nil {
		return err
	}
	return t.announce(logRow{What: logPlaces, Only: member})
}

// present is the member's row if they are here.
func (v *view) present(member string) (memberRow, error) {
	m, err := v.member(member)
	if err == nil && m.Left != 0 {
		err = errNotFound
	}
	return m, err
}

// change their name, language or time zone.
func (a *Adapter) settle(ctx context.Context, member, name, locale, zone string) (memberRow, error) {
	name, why := memberName(name)
	if why != "" {
		return memberRow{}, fail(422, why)
	}
	var m memberRow
	_, err := a.change(ctx, func(t *tx) error {
		m = memberRow{}
		if err := must(t.own(memberKey(member), &m)); err != nil {
			return err
		}
		if old := fold(m.Name); old != fold(name) {
			if err := t.claimName(name, member); err != nil {
				return err
			}
			t.b.Delete(nameKey(old))
		}
		m.Name, m.Locale = name, knownLocale(locale)
		if z := knownZone(zone); z != "" {
			m.Zone = z
		}
		if err := t.put(memberKey(member), m); err != nil {
			return err
		}
		return t.announce(logRow{What: logPlaces})
	})
	return m, err
}

// depart takes a member out of the community: of every channel, and their name
// is free again. What they wrote stays.
func (a *Adapter) depart(ctx context.Context, member string) error {
	_, err := a.do(ctx, func(t *tx) error {
		var m memberRow
		if err := must(t.own(memberKey(member), &m)); err != nil || m.Left != 0 {
			return err
		}
		m.Left = t.now.UnixMilli()
		if err := t.put(memberKey(member), m); err != nil {
			return err
		}
		t.b.Delete(nameKey(fold(m.Name)))
		// A batch has room for no more; what is left is no harm without the member.
		of := store.Prefix(root.Join("of", member).Prefix())
		of.Limit = maxJoined
		for row, err := range t.snap.Scan(t.ctx, of) {
			if err != nil {
				return err
			}
			conv := last(row.Key)
			t.b.Delete(row.Key)
			t.b.Delete(inKey(conv, member))
		}
		c, err := t.conv(general)
		if err != nil {
			return err
		}
		if err := t.announce(logRow{What: logPlaces}); err != nil {
			return err
		}
		return t.hand(abi.Event{Kind: abi.MemberLeft, Conversation: c.event(general), Member: m.event(member)})
	})
	return err
}

// directory lists members who are here and whose folded name begins with
// prefix, by name, at most limit.
func (v *view) directory(prefix string, limit int) ([]person, error) {
	var out []person
	p := nameKey(fold(prefix))
	for row, err := range v.snap.Scan(v.ctx, store.Prefix(p)) {
		if err != nil {
			return nil, err
		}
		id := string(row.Value)
		m, err := v.member(id)
		if err != nil {
			return nil, err
		}
		if out = append(out, newPerson(id, m.Name)); len(out) == limit {
			break
		}
	}
	return out, nil
}

var zonePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`)

// knownZone is zone if it is one, else "".
func knownZone(zone string) string {
	if len(zone) > 64 || !zonePattern.MatchString(zone) || zone == "Local" {
		return ""
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return ""
	}
	return zone
}

// knownLocale is the one of the two languages that a BCP 47 tag asks for.
func knownLocale(tag string) string {
	if l := strings.ToLower(tag); l == "zh" || strings.HasPrefix(l, "zh-") {
		return "zh-CN"
	}
	return "en"
}
