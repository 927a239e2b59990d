package main

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/plugins/digest/best"
	"github.com/hearthbot/hearth/plugins/digest/text"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Bounds of what is kept. A thread is within what a row may have.
const (
	maxID       = 100  // bytes of a conversation's or message's id
	maxQuestion = 3000 // bytes of text
	maxReply    = 2000
	maxReplies  = 20 // of which maxOthers are of others than the asker
	maxOthers   = 16
	maxPeople   = 20
	maxReacts   = 30 // of a reply
	maxOpen     = 16 // questions of a conversation that a message without a thread may answer
	perChunk    = 16

	nearby = 15 * time.Minute // after a question, in which a message without a thread may belong to it
	thanks = 12 * time.Hour   // in which the asker may still say that it works
)

// What a line may ask for, beside what view's changes are called.
const (
	opAsk     = "ask"     // a new question
	opEdit    = "edit"    // it says something else now
	opForget  = "forget"  // it was deleted
	opChanged = "changed" // something under it did
	opHelped  = "helped"
	opNot     = "unhelped"
	opGiven   = "given" // an answer stands in Place under key Message
)

var (
	threads = sdk.CommunityMap[thread]("thread")
	replies = sdk.CommunityMap[string]("reply")
	pending = sdk.CommunityMap[lines]("pending")
	pushed  = sdk.PerConversation[int]("pushed")
	open    = sdk.PerConversation[openRow]("open")
	in      = sdk.MemberMap[bool]("in")
)

// at is the key of a message's rows.
func at(place, id string) string { return place + " " + id }

// posted collects a message.
func posted(c *ctx) error {
	m := c.Event.Message
	if m == nil || c.Member.ID == "" || c.Member.Bot || c.Event.Private || !c.Config.listens(c.Event.Conversation) ||
		len(m.ID) > maxID || strings.TrimSpace(m.Text) == "" {
		return nil
	}
	noteName(c)
	place := c.Event.Conversation.ID
	if m.Thread != "" && m.Thread != m.ID {
		under(c, place, m.Thread)
		return nil
	}
	if text.Recognise(m.Text) != text.Other {
		asked(c, place)
		return nil
	}
	if root := belongs(c, m); root != "" {
		under(c, place, root)
	}
	return nil
}

// asked keeps a question.
func asked(c *ctx, place string) {
	m := c.Event.Message
	t := thread{Channel: text.Clip(c.Event.Conversation.Name, 80), At: c.Event.Time / 1000, People: []person{{c.Member.ID, text.Clip(c.Member.Name, 60)}}}
	t.Text = text.Clip(t.plain(m.Text), maxQuestion)
	a := text.Analyse(m.Text)
	o := open.Get(c)
	o.Last = append(o.Last, openOne{m.ID, hashOf(c.Member.ID), c.Event.Time / 1000})
	o.Last = o.Last[max(0, len(o.Last)-maxOpen):]
	answer(c, &t, a)
	threads.Set(c, at(place, m.ID), t)
	in.Set(c, at(place, m.ID), true)
	open.Set(c, o)
	tell(c, place, question(opAsk, m.ID, t.At, t.Text, a))
}

// question is the line of one.
func question(op, id string, at int64, s string, a text.Analysis) line {
	l := line{Op: op, ID: id, At: at, Title: title(s), Han: a.Script == text.Han}
	for _, t := range a.Terms {
		v := t.ID<<9 | uint32(t.Weight)
		if t.Common {
			v |= 1 << 8
		}
		l.Terms = binary.BigEndian.AppendUint32(l.Terms, v)
	}
	return l
}

// analysis is what question was given.
func (l *line) analysis() (a text.Analysis) {
	if l.Han {
		a.Script = text.Han
	}
	for b := l.Terms; len(b) >= 4; b = b[4:] {
		v := binary.BigEndian.Uint32(b)
		a.Terms = append(a.Terms, text.Term{ID: v >> 9, Common: v>>8&1 != 0, Weight: uint8(v)})
	}
	return a
}

// tell gives the lane a line of a conversation. The first of a row wakes it.
func tell(c *ctx, place string, l line) {
	if enqueue(c, place, l) {
		wake(c, c.Now().Truncate(every).Add(every))
	}
}

// hurry gives the lane a line for which somebody waits: it is woken at once.
func hurry(c *ctx, l line) {
	enqueue(c, manageLine, l)
	wake(c, c.Now())
}

// enqueue adds a line, and says whether it is the first of its row: of the others
// the lane knows.
func enqueue(c *ctx, place string, l line) (first bool) {
	n := pushed.Of(place).Get(c)
	key := chunkKey(place, n/perChunk)
	rows := pending.Get(c, key)
	more, added := rows.with(l)
	if !added {
		return false
	}
	pushed.Of(place).Set(c, n+1)
	pending.Set(c, key, more)
	return len(rows) == 0
}

// chunkKey is the key of a row of what is pending: fmt would cost as much as all
// else that a message has to do with it.
func chunkKey(place string, n int) string {
	b := append(make([]byte, 0, len(place)+8), place...)
	b = append(b, ' ')
	for digit := 1_000_000; digit > n && digit > 1; digit /= 10 {
		b = append(b, '0')
	}
	return string(strconv.AppendInt(b, int64(n), 10))
}

// belongs is the question that a message outside threads says something about, ""
// if none.
func belongs(c *ctx, m *abi.Message) string {
	last, me, now := open.Get(c).Last, hashOf(c.Member.ID), c.Event.Time/1000
	within := func(o openOne, d time.Duration) bool { return now-o.At <= int64(d.Seconds()) && now >= o.At }
	for i := len(last) - 1; i >= 0; i-- { // to whom they speak
		for _, who := range m.Mentions {
			if last[i].By == hashOf(who) && within(last[i], thanks) {
				return last[i].ID
			}
		}
	}
	for i := len(last) - 1; i >= 0; i-- { // what they asked themselves
		if last[i].By == me && within(last[i], thanks) && (within(last[i], nearby) || best.Thanks(m.Text)) {
			return last[i].ID
		}
	}
	if i := len(last) - 1; i >= 0 && last[i].By != me && within(last[i], nearby) {
		return last[i].ID
	}
	return ""
}

// under keeps what is said under a question.
func under(c *ctx, place, root string) {
	t, ok := threads.Lookup(c, at(place, root))
	if !ok {
		return
	}
	m := c.Event.Message
	by, ok := t.person(c.Member)
	others := 0
	for _, r := range t.Replies {
		if r.By != 0 {
			others++
		}
		if r.ID == m.ID {
			return
		}
	}
	if !ok || len(t.Replies) >= maxReplies || by != 0 && others >= maxOthers {
		return
	}
	t.Replies = append(t.Replies, reply{ID: m.ID, By: by, At: c.Event.Time / 1000, Text: text.Clip(t.plain(m.Text), maxReply)})
	threads.Set(c, at(place, root), t)
	replies.Set(c, at(place, m.ID), root)
	in.Set(c, at(place, root), true)
	tell(c, place, line{Op: opChanged, ID: root})
}

// edited keeps up with what a message says.
func edited(c *ctx) error {
	m := c.Event.Message
	if m == nil || !c.Config.listens(c.Event.Conversation) || len(m.ID) > maxID {
		return nil
	}
	place := c.Event.Conversation.ID
	root, isReply := replies.Lookup(c, at(place, m.ID))
	if !isReply {
		root = m.ID
	}
	t, ok := threads.Lookup(c, at(place, root))
	switch {
	case ok && isReply:
		i := slices.IndexFunc(t.Replies, func(r reply) bool { return r.ID == m.ID })
		now := text.Clip(t.plain(m.Text), maxReply)
		if i < 0 || t.Replies[i].Text == now {
			return nil
		}
		t.Replies[i].Text = now
		threads.Set(c, at(place, root), t)
		tell(c, place, line{Op: opChanged, ID: root})
	case ok:
		now := text.Clip(t.plain(m.Text), maxQuestion)
		if now == t.Text {
			return nil
		}
		t.Text = now
		threads.Set(c, at(place, root), t)
		if text.Recognise(m.Text) == text.Other { // or nothing is left of it
			tell(c, place, line{Op: opForget, ID: root})
			return nil
		}
		tell(c, place, question(opEdit, root, t.At, now, text.Analyse(m.Text)))
	case m.Thread == "" && (m.Author == "" || m.Author == c.Member.ID) && text.Recognise(m.OldText) == text.Other && text.Recognise(m.Text) != text.Other:
		return posted(c) // it has become a question
	}
	return nil
}

// deleted forgets a message.
func deleted(c *ctx) error {
	m := c.Event.Message
	if m == nil || c.Event.Conversation.ID == "" || len(m.ID) > maxID {
		return nil
	}
	place := c.Event.Conversation.ID
	if root, ok := replies.Lookup(c, at(place, m.ID)); ok {
		replies.Delete(c, at(place, m.ID))
		if t, ok := threads.Lookup(c, at(place, root)); ok {
			t.Replies = slices.DeleteFunc(t.Replies, func(r reply) bool { return r.ID == m.ID })
			threads.Set(c, at(place, root), t)
			tell(c, place, line{Op: opChanged, ID: root})
		}
		return nil
	}
	if t, ok := threads.Lookup(c, at(place, m.ID)); ok {
		if t.Auto != 0 {
			c.DeleteIn(place, answerKey(m.ID))
		}
		drop(c, place, m.ID, &t)
		o := open.Get(c)
		if i := slices.IndexFunc(o.Last, func(o openOne) bool { return o.ID == m.ID }); i >= 0 {
			o.Last = slices.Delete(slices.Clone(o.Last), i, i+1) // what is said next belongs to another
			open.Set(c, o)
		}
		tell(c, place, line{Op: opForget, ID: m.ID})
	}
	return nil
}

// drop deletes a thread and all rows that lead to it: 42 at most.
func drop(c *ctx, place, id string, t *thread) {
	for _, r := range t.Replies {
		replies.Delete(c, at(place, r.ID))
	}
	for _, p := range t.People {
		if p.ID != "" {
			in.Of(p.ID).Delete(c, at(place, id))
		}
	}
	threads.Delete(c, at(place, id))
}

// reacted keeps what people think of an answer.
func reacted(c *ctx) error {
	m, e := c.Event.Message, c.Event.Reaction
	if m == nil || e == nil || c.Member.ID == "" || c.Member.Bot || !c.Config.listens(c.Event.Conversation) || len(m.ID) > maxID {
		return nil
	}
	place := c.Event.Conversation.ID
	root, ok := replies.Lookup(c, at(place, m.ID))
	if !ok {
		return nil
	}
	t, ok := threads.Lookup(c, at(place, root))
	i := slices.IndexFunc(t.Replies, func(r reply) bool { return r.ID == m.ID })
	if !ok || i < 0 {
		return nil
	}
	by, ok := t.person(c.Member)
	if !ok {
		return nil
	}
	r, this := &t.Replies[i], react{text.Clip(e.Name, 40), by}
	j := slices.Index(r.Reacts, this)
	switch {
	case e.Removed && j >= 0:
		r.Reacts = slices.Delete(r.Reacts, j, j+1)
	case !e.Removed && j < 0 && len(r.Reacts) < maxReacts:
		r.Reacts = append(r.Reacts, this)
	default:
		return nil
	}
	threads.Set(c, at(place, root), t)
	in.Set(c, at(place, root), true)
	tell(c, place, line{Op: opChanged, ID: root})
	return nil
}

// person is the number of somebody in the thread, who is added if there is room.
func (t *thread) person(m abi.Member) (int, bool) {
	for i, p := range t.People {
		if p.ID == m.ID {
			if m.Name != "" {
				t.People[i].Name = text.Clip(m.Name, 60)
			}
			return i, true
		}
	}
	if len(t.People) >= maxPeople {
		return 0, false
	}
	t.People = append(t.People, person{m.ID, text.Clip(m.Name, 60)})
	return len(t.People) - 1, true
}

var mention = regexp.MustCompile(`<([@#])([^<>\s]{1,200})>`)

// plain has numbers in the place of the members that a text mentions, and nobody
// who is not in the thread.
func (t *thread) plain(s string) string {
	if s = strings.ToValidUTF8(s, ""); strings.IndexByte(s, '<') < 0 {
		return s
	}
	return mention.ReplaceAllStringFunc(s, func(m string) string {
		if m[1] == '#' {
			return m
		}
		id := m[2 : len(m)-1]
		for i, p := range t.People {
			if p.ID == id {
				return fmt.Sprintf("<@%d>", i)
			}
		}
		return "<@?>"
	})
}

// shown is a text of the thread with names in the place of numbers.
func (t *thread) shown(s string) string {
	if strings.IndexByte(s, '<') < 0 {
		return s
	}
	return mention.ReplaceAllStringFunc(s, func(m string) string {
		if m[1] == '#' {
			return "#" + nameOf(m[2:len(m)-1])
		}
		n := -1
		_, _ = fmt.Sscanf(m, "<@%d>", &n)
		if n >= 0 && n < len(t.People) && t.People[n].Name != "" {
			return "@" + t.People[n].Name
		}
		return "@…"
	})
}

func hashOf(s string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s))
	return h.Sum32()
}

// titleLength is how many bytes of a question its title has.
const titleLength = 100

// title is what a question is called until a maintainer names it: its first line
// that says something, without code and without anybody's name.
func title(s string) string {
	if strings.IndexByte(s, '<') >= 0 {
		s = mention.ReplaceAllString(s, "")
	}
	first, lines := "", strings.Count(strings.TrimSpace(s), "\n")
	for l := range strings.Lines(s) {
		if strings.HasPrefix(strings.TrimSpace(l), "```") {
			continue
		}
		if l = strings.Join(strings.Fields(l), " "); l == "" {
			continue
		}
		if first == "" {
			first = l
		}
		if lines == 0 || text.Recognise(l) != text.Other {
			first = l
			break
		}
	}
	if len(first) > titleLength {
		first = strings.TrimSpace(text.Clip(first, titleLength)) + "…"
	}
	return first
}
