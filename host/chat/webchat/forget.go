package webchat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Forgetting a member goes over all rows of the web chat and looks for their id,
// which is of 80 random bits and so means nobody else:
//
//	their profile, name, memberships, marks      deleted
//	their conversations with the bot or another  deleted, of both sides
//	what they wrote in channels                  deleted; a root with replies leaves a mark of nobody's
//	their reactions, mentions of them            taken out of others' messages
//	files of theirs                              deleted, with their bytes

const (
	forgetScan = 10_000 // rows looked at from one snapshot
	forgetStep = 50     // writes after which a batch takes no more: a message may be as many, with files and answers
	unnamed    = "@…"   // what a mention of somebody who is forgotten becomes
)

// Marks is the member's own id: it stands in those of their events, and of their
// conversations.
func (a *Adapter) Marks(memberID string) []string {
	if id := localID(memberID); id != "" && id != bot {
		return []string{id}
	}
	return nil
}

// Forget erases all that the web chat keeps of a member, and returns how many
// posts, files and other rows that were. Their open pages go to the way in.
func (a *Adapter) Forget(ctx context.Context, memberID string) (map[string]int, error) {
	id := localID(memberID)
	if id == "" || id == bot {
		return nil, nil
	}
	a.gone.add(id, a.now())
	a.rates.drop(id)
	n := make(map[string]int)
	// First the member: from then on nothing of theirs is written.
	if _, err := a.change(ctx, func(t *tx) error {
		var m memberRow
		rev, err := t.own(memberKey(id), &m)
		if err != nil || rev == 0 {
			return err
		}
		t.b.Delete(memberKey(id))
		if owner, err := t.text(nameKey(fold(m.Name))); err != nil {
			return err
		} else if owner == id {
			t.b.Delete(nameKey(fold(m.Name)))
		}
		n["profile"] = 1
		return t.announce(logRow{What: logPlaces})
	}); err != nil {
		return nil, fmt.Errorf("webchat: forget a member: %w", err)
	}
	// Replies before what they reply to: a root that has none left goes whole.
	for _, prefix := range []store.Key{root.Join("reply").Prefix(), root.Prefix()} {
		if err := a.forgetBelow(ctx, prefix, id, n); err != nil {
			return n, fmt.Errorf("webchat: forget a member: %w", err)
		}
	}
	return n, nil
}

// forgetBelow goes over the rows below prefix, and adds to n what was erased.
func (a *Adapter) forgetBelow(ctx context.Context, prefix store.Key, id string, n map[string]int) error {
	for r := store.Prefix(prefix); r.From != ""; {
		keys, next, err := a.naming(ctx, id, r)
		if err != nil {
			return err
		}
		for len(keys) > 0 {
			counts, done := make(map[string]int), 0
			if _, err := a.change(ctx, func(t *tx) error {
				clear(counts)
				for done = 0; done < len(keys) && len(t.b.Writes()) < forgetStep; done++ {
					if err := t.forget(keys[done], id, counts); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
			keys = keys[done:]
			for kind, k := range counts {
				n[kind] += k
			}
		}
		r.From = next
	}
	return nil
}

// naming lists the first rows of a range that have id in them, and says where to
// go on; "" at the end.
func (a *Adapter) naming(ctx context.Context, id string, r store.Range) (keys []store.Key, next store.Key, err error) {
	r.Limit = forgetScan
	err = a.read(ctx, func(v *view) error {
		n := 0
		for row, err := range v.snap.Scan(ctx, r) {
			if err != nil {
				return err
			}
			n++
			next = row.Key + "\x00"
			names, err := rowNames(row, id)
			if err != nil {
				return err
			}
			if names {
				keys = append(keys, store.Key(strings.Clone(string(row.Key))))
			}
		}
		if n < forgetScan {
			next = ""
		}
		return nil
	})
	return keys, next, err
}

// rowNames says whether a row has id in it. What the bot said is MessagePack
// within JSON, and so in base64.
func rowNames(row store.Row, id string) (bool, error) {
	if strings.Contains(string(row.Key), id) || bytes.Contains(row.Value, []byte(id)) {
		return true, nil
	}
	if !bytes.Contains(row.Value, []byte(`"content":`)) {
		return false, nil
	}
	var m messageRow
	if err := decode(row, &m); err != nil {
		return false, err
	}
	return bytes.Contains(m.Content, []byte(id)), nil
}

// forget adds to the batch what becomes of a row that names the member.
func (t *tx) forget(k store.Key, id string, n map[string]int) error {
	row, err := t.snap.Get(t.ctx, k)
	if err != nil || !row.Exists() {
		return err
	}
	s := k.Segments()
	switch what := s[1]; {
	case what == "msg" || what == "reply":
		return t.forgetIn(row, s, id, n)
	case what == "file":
		var f fileRow
		if err := decode(row, &f); err != nil {
			return err
		}
		t.discard(fileRef{ID: s[2], Size: f.Size}, f.Parts)
		n["files"]++
		return nil
	case what == "conv" && !strings.Contains(string(k), id):
		var c convRow
		if err := decode(row, &c); err != nil {
			return err
		}
		t.b.Check(k, row.Rev)
		if c.By == id {
			c.By = ""
		}
		return t.put(k, c)
	}
	t.b.Check(k, row.Rev)
	t.b.Delete(k)
	n["marks"]++
	return nil
}

// forgetIn deletes a message that is the member's, or in a conversation of
// theirs; of another's it takes them out.
func (t *tx) forgetIn(row store.Row, s []string, id string, n map[string]int) error {
	var m messageRow
	if err := decode(row, &m); err != nil {
		return err
	}
	conv, mid := s[2], messageID{root: s[3]}
	if s[1] == "reply" {
		mid.own = s[4]
	}
	t.b.Check(row.Key, row.Rev)
	if !strings.Contains(conv, id) && m.Author != id && m.Only != id {
		return t.takeOut(row.Key, conv, mid, &m, id)
	}
	for _, f := range m.Files {
		var r fileRow
		if rev, err := t.get(fileKey(f.ID), &r); err != nil {
			return err
		} else if rev != 0 {
			t.discard(f, r.Parts)
			n["files"]++
		}
	}
	m.Files = nil
	n["posts"]++
	if strings.Contains(conv, id) || m.Only == id {
		t.b.Delete(row.Key)
		return nil // nobody else sees it, or the conversation goes as a whole
	}
	if !mid.reply() {
		left, err := t.unsay(conv, mid, n)
		if err != nil {
			return err
		}
		if left == 0 {
			t.b.Delete(row.Key)
			return t.announce(logRow{What: logGone, Conv: conv, Msg: mid.String()})
		}
	}
	m.Author = "" // what is left of a root with replies is nobody's
	return t.erase(conv, mid, m)
}

// unsay deletes what the bot answered below a root that goes: it says again what
// stands there. It returns how many replies are left. What is more than a batch
// can hold goes with the next look.
func (t *tx) unsay(conv string, rootID messageID, n map[string]int) (left int64, err error) {
	if left, err = t.counter(repliesKey(conv, rootID.root)); err != nil || left <= 0 {
		return 0, err
	}
	r := store.Prefix(root.Join("reply", conv, rootID.root).Prefix())
	deleted := 0
	for row, err := range t.snap.Scan(t.ctx, r) {
		if err != nil {
			return left, err
		}
		var m messageRow
		if err := decode(row, &m); err != nil {
			return left, err
		}
		if m.Author != bot {
			continue
		}
		if deleted++; deleted > mostUnsaid {
			return left, nil
		}
		t.b.Check(row.Key, row.Rev)
		if err := t.erase(conv, messageID{rootID.root, last(row.Key)}, m); err != nil {
			return left, err
		}
		if m.Only == "" {
			left--
		}
		n["posts"]++
	}
	return left, nil
}

const mostUnsaid = 8

// Retract deletes messages of the bot's.
func (a *Adapter) Retract(ctx context.Context, conversation string, messages []string) error {
	conv := localID(conversation)
	_, err := a.change(ctx, func(t *tx) error {
		for _, s := range messages {
			id, ok := parseID(s)
			if !ok {
				continue
			}
			var m messageRow
			if rev, err := t.own(messageKey(conv, id), &m); err != nil {
				return err
			} else if rev == 0 || m.Author != bot || m.Deleted {
				continue
			}
			if err := t.erase(conv, id, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("webchat: take back messages: %w", err)
	}
	return nil
}

// takeOut takes the member out of another's message.
func (t *tx) takeOut(k store.Key, conv string, mid messageID, m *messageRow, id string) error {
	for i := 0; i < len(m.Reactions); {
		r := &m.Reactions[i]
		r.Members = slices.DeleteFunc(r.Members, func(who string) bool { return who == id })
		if len(r.Members) == 0 {
			m.Reactions = slices.Delete(m.Reactions, i, i+1)
			continue
		}
		i++
	}
	hide := func(s string) string { return strings.ReplaceAll(s, "<@"+globalID(id)+">", unnamed) }
	m.Text = hide(m.Text)
	if len(m.Content) > 0 {
		c, err := m.content()
		if err != nil {
			return err
		}
		for i := range c.Blocks {
			b := &c.Blocks[i]
			b.Text, b.Context = hide(b.Text), hide(b.Context)
			for j := range b.Fields {
				b.Fields[j].Value = hide(b.Fields[j].Value)
			}
			for _, cells := range tableOf(b) {
				for j := range cells {
					cells[j] = hide(cells[j])
				}
			}
		}
		if m.Content, err = packContent(c); err != nil {
			return err
		}
	}
	v, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if strings.Contains(string(v), id) || strings.Contains(string(m.Content), id) {
		return t.erase(conv, mid, *m) // it says so elsewhere: a name cannot be taken out of any text
	}
	t.b.Put(k, v)
	return t.announce(logRow{What: logChanged, Conv: conv, Msg: mid.String(), Only: m.Only})
}

func tableOf(b *abi.Block) [][]string {
	if b.Table == nil {
		return nil
	}
	return append([][]string{b.Table.Header}, b.Table.Rows...)
}

// discard deletes a file and its bytes, at once.
func (t *tx) discard(f fileRef, parts int) {
	if slices.ContainsFunc(t.b.Writes(), func(w store.Write) bool { return w.Key == fileKey(f.ID) }) {
		return // with its message
	}
	t.dropFile(f)
	for n := range parts {
		t.b.Delete(blobKey(f.ID, n))
	}
}
