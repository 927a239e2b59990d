package webchat

import (
	"slices"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Who is mentioned in a thread may be anywhere: the reply stands below a message
// they may have read long ago. A row says that they are wanted there until they
// have opened the thread.

// call notes the members whom a reply mentions.
func (t *tx) call(conv string, id messageID, row *messageRow) error {
	who, err := row.mentions()
	if err != nil || len(who) == 0 {
		return err
	}
	if c, err := t.conv(conv); err != nil || c.Kind != kindChannel {
		return err // elsewhere everything said is for the member
	}
	for _, m := range who {
		if m == row.Author || m == bot {
			continue
		}
		in, err := t.belongs(m, conv)
		if err != nil {
			return err
		}
		if !in {
			continue
		}
		if err := t.put(calledKey(m, conv, id), doneRow{Time: row.Time}); err != nil {
			return err
		}
	}
	return nil
}

// uncall takes back what call noted of a reply that goes.
func (t *tx) uncall(conv string, id messageID, row *messageRow) error {
	who, err := row.mentions()
	for _, m := range who {
		t.b.Delete(calledKey(m, conv, id))
	}
	return err
}

const mostAnswered = 48 // rows deleted in one batch: what is left goes with the next look

// answerCalls notes that member has opened a thread.
func (t *tx) answerCalls(conv, member, rootID string) error {
	r := store.Prefix(root.Join("called", member, conv, rootID).Prefix())
	r.Limit = mostAnswered
	n := 0
	for row, err := range t.snap.Scan(t.ctx, r) {
		if err != nil {
			return err
		}
		t.b.Delete(row.Key)
		n++
	}
	if n == 0 {
		return nil
	}
	return t.announce(logRow{What: logChanged, Conv: conv, Msg: rootID, Only: member})
}

// calls are the replies of conv that mention the member, by root, of threads
// they have not opened since.
func (l *looker) calls(conv string) (map[string][]string, error) {
	if all, ok := l.called[conv]; ok {
		return all, nil
	}
	all := make(map[string][]string)
	for row, err := range l.snap.Scan(l.ctx, store.Prefix(root.Join("called", l.me.id, conv).Prefix())) {
		if err != nil {
			return nil, err
		}
		s := row.Key.Segments()
		rootID, own := s[len(s)-2], s[len(s)-1]
		all[rootID] = append(all[rootID], own)
	}
	l.called[conv] = all
	return all, nil
}

// mentions are the members whom the message mentions.
func (m *messageRow) mentions() ([]string, error) {
	texts := []string{m.Text}
	if m.Author == bot {
		c, err := m.content()
		if err != nil {
			return nil, err
		}
		texts = shownTexts(c)
	}
	var out []string
	for _, s := range texts {
		eachLink(s, func(sign byte, id string) string {
			if who := localID(id); sign == '@' && !slices.Contains(out, who) && len(out) < maxMentions {
				out = append(out, who)
			}
			return ""
		})
	}
	return out, nil
}

// shownTexts are the parts of c in which a mention is one.
func shownTexts(c abi.Content) []string {
	var out []string
	for _, b := range c.Blocks {
		out = append(out, b.Text, b.Context)
		for _, f := range b.Fields {
			out = append(out, f.Value)
		}
	}
	return out
}
