package main

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hearthbot/hearth/plugins/digest/book"
	"github.com/hearthbot/hearth/plugins/digest/text"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// command is /digest: the day so far, the last seven days, a topic, and what
// maintainers may do with topics.
func command(c *ctx) error {
	word, rest := c.Args(), ""
	if i := strings.IndexFunc(word, unicode.IsSpace); i >= 0 { // an ideographic one too
		word, rest = word[:i], strings.TrimSpace(word[i:])
	}
	switch word = strings.ToLower(word); word {
	case "", "today", "今天":
		start := dayStart(c, c.Now())
		edit(c, c.T("title.today"), start, daysOn(c, start, 1))
	case "week", "本周":
		start := dayStart(c, c.Now())
		from, end := daysOn(c, start, -6), daysOn(c, start, 1)
		edit(c, c.T("title.week", from.Format(time.DateOnly), start.Format(time.DateOnly)), from, end)
	case "topic", "话题":
		showTopic(c, rest)
	case "merge", "split", "rename", "hide", "show":
		if may(c) {
			change(c, word, rest)
		}
	default:
		c.Reply(c.T("usage"))
	}
	return nil
}

// edit shows an edition that nobody posted.
func edit(c *ctx, title sdk.Markup, from, to time.Time) {
	rows, n := gather(c, shared, from, to)
	e := edition{From: from.Unix(), To: to.Unix(), Questions: n, Rows: rows}
	d := draw(c, shared, "", &e)
	d.title = title
	if len(d.rows) == 0 {
		c.Reply(c.T("nothing"))
		return
	}
	d.put(c, c.Reply(""))
}

// change is a maintainer's command.
func change(c *ctx, what, args string) {
	fields := strings.Fields(args)
	topic := uint32(0)
	if len(fields) > 0 {
		topic = number(fields[0])
	}
	t, ok := shared.Index.Lookup(topic)
	if !ok {
		c.Reply(c.T("no.topic", strings.Join(fields[:min(len(fields), 1)], "")))
		return
	}
	l := line{Op: what, Topic: t.ID}
	said := c.T("done."+what, itoa(int(t.ID)))
	switch what {
	case "merge":
		if len(fields) < 2 {
			c.Reply(c.T("usage"))
			return
		}
		with, ok := shared.Index.Lookup(number(fields[1]))
		if !ok || with.ID == t.ID {
			c.Reply(c.T("no.topic", fields[1]))
			return
		}
		l.With = with.ID
	case "split":
		for _, f := range fields[1:] {
			l.Items = append(l.Items, number(f))
		}
		l.Items = slices.DeleteFunc(l.Items, func(i uint32) bool { return !slices.Contains(t.Items, i) })
		if len(l.Items) == 0 || len(l.Items) == len(t.Items) {
			c.Reply(c.T("split.what", itoa(int(t.ID))))
			return
		}
	case "rename":
		l.Text = text.Clip(strings.TrimSpace(strings.TrimPrefix(args, fields[0])), 200)
	}
	do(c, l)
	c.Reply(said)
}

// showTopic shows a topic by its number, or those that some words are about.
func showTopic(c *ctx, words string) {
	if words == "" {
		c.Reply(c.T("usage"))
		return
	}
	sees := looking(c)
	hidden := func(g glimpse) bool { return hides(c, g) }
	if t, ok := shared.Index.Lookup(number(words)); ok && number(words) != 0 {
		if g, ok := glance(shared, t, sees, c.Config); ok && !hidden(g) {
			present(c, c.Reply(""), g, sees)
			return
		}
	}
	found := search(shared, words, sees, c.Config)
	found = slices.DeleteFunc(found[:min(len(found), 20)], hidden)
	switch {
	case len(found) == 0:
		c.Reply(c.T("no.topic", line1(words, 60)))
	case len(found) == 1:
		present(c, c.Reply(""), found[0], sees)
	default:
		m := c.Reply(c.T("which"))
		for _, g := range found[:min(len(found), 5)] {
			m.Button(sdk.Escape(line1(g.title, 60)), "topic", sdk.ButtonValue(itoa(int(g.ID))), sdk.AnyTimes)
		}
	}
}

// hides says whether a topic is hidden from the event's member.
func hides(c *ctx, g glimpse) bool {
	return !c.Config.maintains(c.Member.ID) && topics.Get(c, topicKey(g.ID)).Hidden
}

// looking is what the event's member may see where they are.
func looking(c *ctx) sight {
	if c.Config.maintains(c.Member.ID) && (c.Event.Private || c.Event.Conversation.Kind == abi.Direct) {
		return everything
	}
	here := c.Event.Conversation.ID
	return func(place string) bool { return place == here || openly(c.Config)(place) }
}

// pressedTopic shows the topic of a button.
func pressedTopic(c *ctx) error {
	sees := looking(c)
	t, ok := shared.Index.Lookup(number(c.Pressed()))
	if g, seen := glance(shared, t, sees, c.Config); ok && seen && !hides(c, g) {
		present(c, c.Ephemeral(""), g, sees)
	} else {
		c.Ephemeral(c.T("no.topic", c.Pressed()))
	}
	return nil
}

// present shows what is known of a topic; maintainers also what they may do.
func present(c *ctx, m *sdk.Message, g glimpse, sees sight) {
	row := topics.Get(c, topicKey(g.ID))
	m.Heading(sdk.Escape(line1(g.title, 100)))
	if a := answerIn(shared, g.ID, &row, sees); a != nil {
		quote(m, a.Text)
		if s := source(c, c.Config, c.Locale(), a); s != "" {
			m.Context(c.T("answer.from", s))
		}
	} else {
		m.Text(c.T("unanswered"))
	}
	m.Context(c.T("topic.facts", itoa(int(g.ID)), int(g.Asked), clock(g.last).Format("2006-01-02 15:04")))
	if !c.Config.maintains(c.Member.ID) {
		return
	}
	if row.Hidden {
		m.Context(c.T("topic.hidden"))
	}
	shown := 0
	for _, item := range g.Items {
		e := shared.Entry(item)
		if e.Title == "" || !sees(e.From) || shown == 6 {
			continue
		}
		shown++
		if asked, _ := shared.Index.Of(item); len(g.Items) > 1 {
			m.Text(c.T("wording", line1(e.Title, 90), asked, itoa(int(item)))).
				Button(c.T("split.off"), "split", sdk.ButtonValue(itoa(int(g.ID))+"."+itoa(int(item))), sdk.OnceForAll)
		}
	}
	m.Divider().
		Button(c.T("rename.title"), "rename", sdk.ButtonValue(itoa(int(g.ID))), sdk.AnyTimes).
		Button(c.T("merge.title"), "merge", sdk.ButtonValue(itoa(int(g.ID))), sdk.AnyTimes)
}

// search finds topics by a question like theirs, or by words of their titles.
func search(b *book.Book, words string, sees sight, g *Config) []glimpse {
	if m, ok := b.Index.Nearest(text.Analyse(words)); ok && m.Score >= 0.5 {
		if t, ok := b.Index.Lookup(m.Topic); ok {
			if found, seen := glance(b, t, sees, g); seen {
				return []glimpse{found}
			}
		}
	}
	type hit struct {
		glimpse
		n int
	}
	var hits []hit
	want := strings.Fields(strings.ToLower(words))
	for _, t := range b.Index.Topics() {
		found, seen := glance(b, t, sees, g)
		if !seen {
			continue
		}
		n, low := 0, strings.ToLower(found.title)
		for _, w := range want {
			if strings.Contains(low, w) {
				n++
			}
		}
		if n > 0 {
			hits = append(hits, hit{found, n})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(b.Asked, a.Asked), cmp.Compare(a.ID, b.ID))
	})
	var all []glimpse
	for _, h := range hits {
		all = append(all, h.glimpse)
	}
	return all
}
