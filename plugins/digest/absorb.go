package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // days begin where the community is

	"github.com/hearthbot/hearth/plugins/digest/book"
	"github.com/hearthbot/hearth/plugins/digest/text"
	"github.com/hearthbot/hearth/sdk"
)

// maxDay is how many topics of a day are told apart.
const maxDay = 2500

var days = sdk.CommunityMap[dayRow]("day")

// absorb takes in what is pending, at most that many lines, and reports whether
// there was anything. Nothing is written before it is known that all of it fits.
func absorb(c *ctx, l *laneRow, b *book.Book, next *goingOn, most int) bool {
	w := &work{c: c, l: l, b: b, days: map[string]dayRow{}}
	var after []func()
	taken, last := 0, ""
	for going := true; going && w.scanned < maxChunks; {
		var chunks []sdk.Entry[lines]
		chunks, going = pending.Scan(c, sdk.Range{After: last, Limit: someChunks})
		w.scanned += len(chunks)
		for _, chunk := range chunks {
			if w.rows > 0 && (taken >= most || !w.more() || w.scanned+len(l.Review) >= someReviews) {
				going = false
				break
			}
			last = chunk.Key
			place, _ := cutKey(chunk.Key)
			all, n := chunk.Value.all(), 0
			for n < len(all) && taken < most && w.more() {
				w.line(place, &all[n])
				n++
				taken++
			}
			w.rows++
			rest := all[n:]
			after = append(after, func() {
				if len(rest) == 0 {
					pending.Delete(c, chunk.Key)
				} else {
					pending.Set(c, chunk.Key, linesOf(rest))
				}
			})
		}
	}
	if w.scanned == 0 {
		return false
	}
	w.flush()
	for _, r := range b.Index.Redirected() {
		l.look(fmt.Sprintf("#%d %d", r[0], r[1]))
		l.touch(r[1])
	}
	for _, item := range slices.Compact(slices.Sorted(slices.Values(b.Index.Moved()))) {
		for _, s := range b.Entry(item).Sources {
			if s.Has {
				l.look(at(s.Place, s.Message))
			}
		}
	}
	w.titles()
	d := b.Delta()
	if len(d) > maxDelta && taken > 1 {
		// Nothing of this was written, and the book will be as it was.
		*l = progress.Get(c)
		next.Most = max(1, min(most, taken)/2)
		return true
	}
	l.dropped(b.Dropped())
	l.reads, l.writes = l.reads+w.scanned+w.reads, l.writes+w.rows+len(w.days)+len(w.then)
	keep(c, l, b, d)
	for _, f := range after {
		f()
	}
	for _, key := range slices.Sorted(maps.Keys(w.days)) {
		days.Set(c, key, w.days[key])
	}
	for _, f := range w.then {
		f()
	}
	return true
}

// work is a step of taking in.
type work struct {
	c       *ctx
	l       *laneRow
	b       *book.Book
	reads   int
	scanned int // rows of what is pending,
	rows    int // and those of them that were taken in
	days    map[string]dayRow
	told    string // the first day whose digest was not posted; "" if that was not looked up
	add     []book.Question
	bare    []uint32 // items that have lost their titles
	then    []func() // what is written if all fits
}

// more says whether the step has room for another line.
func (w *work) more() bool {
	return w.reads < 18 && w.rows+len(w.then) < 36 && w.b.Index.Work()-w.l.worked < maxWork && !w.l.full()
}

// line takes in one line of a conversation.
func (w *work) line(place string, p *line) {
	if len(w.add) >= maxBatch {
		w.flush()
	}
	switch p.Op {
	case opAsk:
		w.add = append(w.add, book.Question{Source: book.Source{Place: place, Message: p.ID, At: p.At}, Title: p.Title, Analysis: p.analysis()})
	case opEdit:
		w.flush()
		w.forget(place, p.ID)
		w.add = append(w.add, book.Question{Source: book.Source{Place: place, Message: p.ID, At: p.At}, Title: p.Title, Analysis: p.analysis()})
		w.l.look(at(place, p.ID))
	case opForget:
		w.flush()
		w.forget(place, p.ID)
	case opChanged:
		w.l.look(at(place, p.ID))
	default:
		w.flush()
		w.manage(p)
	}
}

// flush puts what was asked into the book.
func (w *work) flush() {
	if len(w.add) == 0 {
		return
	}
	for i, item := range w.b.Add(w.add...) {
		if topic, ok := w.b.Index.Topic(item); ok {
			w.count(w.add[i].At, topic, 1)
		}
	}
	w.add = w.add[:0]
}

// forget takes a question out of the book.
func (w *work) forget(place, id string) {
	topic, _ := w.b.Topic(place, id)
	item, _ := w.b.Item(place, id)
	for _, s := range w.b.Entry(item).Sources {
		if s.Place == place && s.Message == id {
			w.count(s.At, topic, -1)
		}
	}
	if item, ok := w.b.Forget(place, id); ok {
		w.bare = append(w.bare, item)
		w.l.touch(topic)
		w.l.look(fmt.Sprintf("#%d", topic))
	}
}

// titles gives items titles again whose own are forgotten.
func (w *work) titles() {
	for _, item := range w.bare {
		e := w.b.Entry(item)
		for i := len(e.Sources) - 1; i >= 0 && e.Title == "" && w.reads < 60; i-- {
			s := e.Sources[i]
			w.reads++
			if t, ok := threads.Lookup(w.c, at(s.Place, s.Message)); ok {
				w.b.Retitle(item, title(t.Text), s.Place)
				break
			}
		}
	}
}

// count counts a question to its day, or to the one that is under way if that
// day's digest has been posted.
func (w *work) count(at int64, topic uint32, n int) {
	now := w.c.Now()
	t := time.Unix(at, 0)
	if start := dayStart(w.c, now); n > 0 && (t.Before(start) || t.After(now)) && t.Before(published.Get(w.c).upTo()) {
		t = now
	}
	key := dayOf(w.c, t)
	if n > 0 { // where the hour became a later one, its day may have been posted by the old
		if w.told == "" {
			w.told = published.Get(w.c).upTo().Format(time.DateOnly)
		}
		key = max(key, w.told)
	}
	d, ok := w.days[key]
	if !ok {
		w.reads++
		d = days.Get(w.c, key)
		d.Topics = slices.Grow(d.Topics, maxBatch) // once, not for each
	}
	i, found := slices.BinarySearchFunc(d.Topics, topic, func(a asked1, t uint32) int { return cmp.Compare(a.Topic, t) })
	if !found && n < 0 { // it was counted to a topic that has become a part of this one
		if k := slices.IndexFunc(d.Topics, func(a asked1) bool { return w.b.Index.Current(a.Topic) == topic }); k >= 0 {
			i, found = k, true
		}
	}
	switch {
	case found:
		if d.Topics[i].N += n; d.Topics[i].N <= 0 {
			d.Topics = slices.Delete(d.Topics, i, i+1)
		}
	case n < 0:
	case len(d.Topics) >= maxDay:
		d.More += n
	default:
		d.Topics = slices.Insert(d.Topics, i, asked1{topic, n})
	}
	w.days[key] = d
}

// cutKey is at's reverse.
func cutKey(key string) (place, id string) {
	place, id, _ = strings.Cut(key, " ")
	return place, id
}

// manage carries out what a maintainer does, and takes in what members say of
// answers.
func (w *work) manage(p *line) {
	x := w.b.Index
	topic := x.Current(p.Topic)
	top, known := x.Lookup(topic)
	if !known && p.Op != opGiven {
		w.c.Warn("%s: there is no topic %d any more", p.Op, p.Topic)
		return
	}
	row := func(change func(t *topicRow)) {
		w.reads++
		w.then = append(w.then, func() {
			t := topics.Get(w.c, topicKey(topic))
			change(&t)
			topics.Set(w.c, topicKey(topic), t)
		})
	}
	var err error
	switch p.Op {
	case opHelped:
		row(func(t *topicRow) { t.Helped++ })
	case opNot:
		row(func(t *topicRow) { t.Unhelped++ })
	case opGiven:
		row(func(t *topicRow) {
			t.Given = append(t.Given, stands{p.Place, p.Message})
			t.Given = t.Given[max(0, len(t.Given)-maxGiven):]
		})
	case "merge":
		if err = x.Merge(topic, p.With); err == nil {
			w.l.look(fmt.Sprintf("#%d", topic))
		}
	case "split":
		items := slices.DeleteFunc(slices.Clone(p.Items), func(i uint32) bool { return !slices.Contains(top.Items, i) })
		if len(items) == len(top.Items) || len(items) == 0 {
			w.c.Warn("split: topic %d would be left without a question", topic)
			return
		}
		var to uint32
		if to, err = x.Split(items...); err == nil {
			w.l.look(fmt.Sprintf("#%d", topic))
			w.l.look(fmt.Sprintf("#%d", to))
			w.l.touch(to)
		}
	case "rename":
		err = x.Rename(topic, strings.Join(strings.Fields(text.Clip(p.Text, 200)), " "))
	case "answer":
		row(func(t *topicRow) {
			if strings.TrimSpace(p.Text) == "" {
				t.Answer = nil
				return
			}
			t.Answer = &answerRow{Text: text.Clip(p.Text, maxAnswer), URL: p.URL, By: p.By, Why: whyWritten, Confidence: 0.97, Updated: w.c.Now().Unix()}
			t.Helped, t.Unhelped = 0, 0
		})
		if strings.TrimSpace(p.Text) == "" {
			w.l.look(fmt.Sprintf("#%d", topic))
		}
	case "choose":
		w.reads++
		root, ok := replies.Lookup(w.c, at(p.Place, p.Message))
		if t, there := threads.Lookup(w.c, at(p.Place, root)); ok && there {
			if i := slices.IndexFunc(t.Replies, func(r reply) bool { return r.ID == p.Message }); i >= 0 {
				a := answerFrom(&t, i, p.Place, root)
				a.Why, a.By, a.Confidence = whyChosen, p.By, 0.97
				w.b.Answered(p.Place, root, true)
				row(func(t *topicRow) { t.Answer, t.Helped, t.Unhelped = a, 0, 0 })
			}
		}
	case "hide", "show":
		row(func(t *topicRow) { t.Hidden = p.Op == "hide" })
	}
	if err != nil {
		w.c.Warn("%s topic %d: %v", p.Op, topic, err)
	}
	if p.Op != opGiven {
		w.l.touch(topic)
	}
}
