package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/plugins/digest/best"
	"github.com/hearthbot/hearth/plugins/digest/book"
	"github.com/hearthbot/hearth/plugins/digest/text"
	"github.com/hearthbot/hearth/sdk"
)

// Bounds of what is kept of a topic.
const (
	maxAnswer  = 3000 // bytes of its text
	maxGiven   = 8    // places where its answer stands
	maxSources = 8    // threads that are looked at for its best answer
)

// Why an answer is the best, beside what package best says.
const (
	whyChosen  = "chosen"  // a maintainer chose that message
	whyWritten = "written" // a maintainer wrote it
)

// topicRow is what is known of a topic beside its questions.
type topicRow struct {
	Answer   *answerRow `json:"a,omitempty"`
	Hidden   bool       `json:"hidden,omitempty"`
	Helped   int        `json:"yes,omitempty"`
	Unhelped int        `json:"no,omitempty"`
	Given    []stands   `json:"given,omitempty"` // the newest last
}

// stands is where the bot gave an answer, and under which key.
type stands struct {
	Place string `json:"p"`
	Key   string `json:"k"`
}

// answerRow is an answer and where it was said.
type answerRow struct {
	Text       string  `json:"t"`
	Author     string  `json:"by,omitempty"` // name
	Why        string  `json:"why"`
	By         string  `json:"who,omitempty"` // name of the maintainer who chose it
	Confidence float64 `json:"c"`
	Updated    int64   `json:"u"` // Unix seconds
	Place      string  `json:"p,omitempty"`
	Thread     string  `json:"th,omitempty"`
	Message    string  `json:"m,omitempty"`
	At         int64   `json:"at,omitempty"`
	URL        string  `json:"url,omitempty"` // as the maintainer gave it
}

// byHand says whether a maintainer decided on it.
func (a *answerRow) byHand() bool { return a != nil && (a.Why == whyChosen || a.Why == whyWritten) }

// from says whether it was said in a thread.
func (a *answerRow) from(place, thread string) bool {
	return a != nil && a.Place == place && a.Thread == thread
}

var topics = sdk.CommunityMap[topicRow]("topic")

func topicKey(id uint32) string { return fmt.Sprintf("%010d", id) }

// choose is the best answer of a thread, nil if none looks like one.
func choose(g *Config, t *thread, place, root string) *answerRow {
	asker := person{}
	if len(t.People) > 0 {
		asker = t.People[0]
	}
	name := func(by int) string { return strconv.Itoa(by) + ">" } // as a mention ends: @1 begins @12, and a version
	who := func(by int) person {
		if by < 0 || by >= len(t.People) {
			return person{}
		}
		return t.People[by]
	}
	all := make([]best.Message, len(t.Replies))
	for i, r := range t.Replies {
		all[i] = best.Message{ID: r.ID, Author: name(r.By), Maintainer: g.maintains(who(r.By).ID), Text: r.Text}
		for _, e := range r.Reacts {
			all[i].Reactions = append(all[i].Reactions, best.Reaction{Name: e.Name, By: name(e.By), Maintainer: g.maintains(who(e.By).ID)})
		}
	}
	got, ok := best.Choose(best.Message{ID: root, Author: name(0), Maintainer: g.maintains(asker.ID), Text: t.Text}, all)
	if !ok {
		return nil
	}
	a := answerFrom(t, slices.IndexFunc(t.Replies, func(r reply) bool { return r.ID == got.ID }), place, root)
	a.Why, a.Confidence = string(got.Why), got.Confidence
	return a
}

// answerFrom makes an answer of a message of a thread.
func answerFrom(t *thread, i int, place, root string) *answerRow {
	r := t.Replies[i]
	a := &answerRow{Text: text.Clip(t.shown(r.Text), maxAnswer), Place: place, Thread: root, Message: r.ID, At: r.At}
	if r.By >= 0 && r.By < len(t.People) {
		a.Author = t.People[r.By].Name
	}
	return a
}

// review looks at threads and topics that wait for it, as many as the step has
// room for.
func review(c *ctx, l *laneRow, b *book.Book) {
	n := 0
	for ; n < len(l.Review) && l.reads <= maxReads-maxSources-4 && l.writes < maxWrites-4 && l.effects < 40; n++ {
		what := l.Review[n]
		if rest, ok := strings.CutPrefix(what, "#"); ok {
			from, to, joined := strings.Cut(rest, " ")
			id, _ := strconv.ParseUint(from, 10, 32)
			if joined {
				into, _ := strconv.ParseUint(to, 10, 32)
				l.reads += join2(c, l, b, uint32(id), uint32(into))
			} else {
				l.reads += again(c, l, b, b.Index.Current(uint32(id)))
			}
			continue
		}
		if !reviewThread(c, l, b, what) {
			break // in the next step
		}
	}
	l.Review = behind(l.Review, n)
	keep(c, l, b, b.Delta())
}

// reviewThread takes in what changed in a thread; false if it has so much text that
// the step should have less behind it.
func reviewThread(c *ctx, l *laneRow, b *book.Book, key string) bool {
	place, root := cutKey(key)
	topic, known := b.Topic(place, root)
	if !known {
		return true
	}
	t, there := threads.Lookup(c, key)
	l.reads++
	if !there {
		return true
	}
	size := len(t.Text)
	for _, r := range t.Replies {
		size += len(r.Text)
	}
	if l.texts > 0 && l.texts+size > maxTexts {
		return false
	}
	l.texts += size
	a := choose(c.Config, &t, place, root)
	if a == nil && !b.HasAnswer(place, root) {
		return true // it had none, and has none
	}
	l.reads++
	row := topics.Get(c, topicKey(topic))
	old := row.Answer
	chosen := old.byHand() && old.from(place, root) && old.Why == whyChosen
	b.Answered(place, root, a != nil || chosen)
	switch {
	case chosen:
		// It follows its message, and goes with it.
		i := slices.IndexFunc(t.Replies, func(r reply) bool { return r.ID == old.Message })
		if i < 0 || t.Replies[i].By < 0 {
			l.reads += again(c, l, b, topic)
			return true
		}
		now := answerFrom(&t, i, place, root)
		now.Why, now.By, now.Confidence = old.Why, old.By, old.Confidence
		a = now
	case old.byHand():
		return true
	case old.from(place, root) && (a == nil || a.Confidence < old.Confidence):
		l.reads += again(c, l, b, topic)
		return true
	case a == nil, old != nil && !old.from(place, root) && a.Confidence <= old.Confidence && stillThere(b, old, topic):
		return true
	}
	set(c, l, topic, row, a)
	return true
}

// set has an answer be a topic's.
func set(c *ctx, l *laneRow, topic uint32, row topicRow, a *answerRow) {
	old := row.Answer
	if a != nil && old != nil {
		was := *a
		if was.Updated = old.Updated; was == *old {
			return
		}
	}
	if a == nil && old == nil {
		return
	}
	if a != nil {
		a.Updated = c.Now().Unix()
	}
	if old != nil && (a == nil || a.Message != old.Message || a.Text != old.Text) {
		row.Helped, row.Unhelped = 0, 0 // that was said of another
		for _, s := range row.Given {
			if len(s.Key) > 0 && (a == nil || a.Message != old.Message) {
				c.DeleteIn(s.Place, s.Key) // it is no answer any more, or its author wants it gone
				l.effects++
			}
		}
		if a == nil || a.Message != old.Message {
			row.Given = nil
		}
	}
	row.Answer = a
	topics.Set(c, topicKey(topic), row)
	l.writes++
	l.touch(topic)
}

// again looks for a topic's best answer in all the threads that are known to have
// one, and returns how many rows it read.
func again(c *ctx, l *laneRow, b *book.Book, topic uint32) (reads int) {
	top, ok := b.Index.Lookup(topic)
	row, had := topics.Lookup(c, topicKey(topic))
	if !ok {
		if had {
			for _, s := range row.Given {
				c.DeleteIn(s.Place, s.Key)
				l.effects++
			}
			topics.Delete(c, topicKey(topic))
			l.writes++
		}
		l.touch(topic)
		return 1
	}
	if row.Answer.byHand() && (row.Answer.Why == whyWritten || stillSaid(c, row.Answer)) {
		return 2
	}
	var from []book.Source
	for _, item := range top.Items {
		for _, s := range b.Entry(item).Sources {
			if s.Has {
				from = append(from, s)
			}
		}
	}
	slices.SortFunc(from, func(a, b book.Source) int {
		return cmp.Or(cmp.Compare(b.At, a.At), strings.Compare(a.Message, b.Message))
	})
	var bestOf *answerRow
	for _, s := range from[:min(len(from), maxSources)] {
		reads++
		if t, ok := threads.Lookup(c, at(s.Place, s.Message)); ok {
			if a := choose(c.Config, &t, s.Place, s.Message); a != nil && (bestOf == nil || a.Confidence > bestOf.Confidence) {
				bestOf = a
			}
		}
	}
	set(c, l, topic, row, bestOf)
	return reads + 2
}

// stillSaid says whether a chosen message is still there.
func stillSaid(c *ctx, a *answerRow) bool {
	t, ok := threads.Lookup(c, at(a.Place, a.Thread))
	return ok && slices.ContainsFunc(t.Replies, func(r reply) bool { return r.ID == a.Message && r.By >= 0 })
}

// stillThere says whether an answer is one of the topic's: its thread has not
// come to belong to another.
func stillThere(b *book.Book, a *answerRow, topic uint32) bool {
	if a == nil || a.Why == whyWritten {
		return a != nil
	}
	now, ok := b.Topic(a.Place, a.Thread)
	return !ok || now == topic || a.Why == whyChosen
}

// join2 brings what was known of a topic to the one that it has become a part of.
func join2(c *ctx, l *laneRow, b *book.Book, from, into uint32) int {
	into = b.Index.Current(into)
	old, ok := topics.Lookup(c, topicKey(from))
	if !ok || from == into {
		return 1
	}
	row := topics.Get(c, topicKey(into))
	better := row.Answer == nil || old.Answer != nil && !row.Answer.byHand() && (old.Answer.byHand() || old.Answer.Confidence > row.Answer.Confidence)
	if better && old.Answer != nil {
		row.Answer, row.Helped, row.Unhelped = old.Answer, old.Helped, old.Unhelped
	}
	row.Given = append(row.Given, old.Given...)
	row.Given = row.Given[max(0, len(row.Given)-maxGiven):]
	row.Hidden = row.Hidden || old.Hidden
	topics.Delete(c, topicKey(from))
	topics.Set(c, topicKey(into), row)
	l.writes += 2
	l.touch(into)
	return 2
}

// sure is how sure an answer is, after what members said of it.
func (r *topicRow) sure() float64 {
	if r.Answer == nil {
		return 0
	}
	return min(max(r.Answer.Confidence+0.03*float64(min(r.Helped, 3))-0.2*float64(r.Unhelped), 0.01), 0.99)
}
