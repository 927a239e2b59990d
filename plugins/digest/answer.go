package main

import (
	"strings"

	"github.com/hearthbot/hearth/plugins/digest/book"
	"github.com/hearthbot/hearth/plugins/digest/cluster"
	"github.com/hearthbot/hearth/plugins/digest/text"
	"github.com/hearthbot/hearth/sdk"
)

// minSure is how sure an answer has to be before the bot gives it.
const minSure = 0.55

// suggestion is an answer that waits for a maintainer.
type suggestion struct {
	Place string `json:"p"`
	ID    string `json:"id"` // of the question
	Topic uint32 `json:"t"`
	Title string `json:"q"` // what is asked
	At    int64  `json:"at"`
}

var suggestions = sdk.CommunityMap[suggestion]("suggest")

// given is the note of an answer's buttons.
type given struct {
	Topic   uint32 `json:"t"`
	Place   string `json:"p"`
	Message string `json:"m"`
}

func answerKey(message string) string { return "answer:" + message }

// known is the topic that a question asks about and its answer, if both are sure
// enough to be said by a machine where may allows.
func known(r sdk.Reader, b *book.Book, q string, may sight) (m cluster.Match, row topicRow, ok bool) {
	m, found := nearest(b, text.Analyse(q), q)
	if !found {
		return m, row, false
	}
	row = topics.Get(r, topicKey(m.Topic))
	return m, row, m.Score >= cluster.Sure && tellable(b, m, &row, may)
}

// nearest is the known question that most likely asks the same as q.
func nearest(b *book.Book, a text.Analysis, q string) (cluster.Match, bool) {
	return b.Index.Known(a, q, func(item uint32) string {
		title, _ := b.Title(item)
		return title
	})
}

// tellable says whether a topic's answer is sure enough to be said by a machine
// where may allows.
func tellable(b *book.Book, m cluster.Match, row *topicRow, may sight) bool {
	return answerIn(b, m.Topic, row, may) != nil && row.sure() >= minSure
}

// answer gives a question's answer if it is known, or suggests it to maintainers.
func answer(c *ctx, t *thread, a text.Analysis) {
	if c.Config.Answers == "off" || c.Config.maintains(c.Member.ID) {
		return
	}
	place, id := c.Event.Conversation.ID, c.Event.Message.ID
	least := cluster.Likely // a maintainer sees whether it is
	if c.Config.Answers == "on" {
		least = cluster.Sure
	}
	m, found := nearest(shared, a, c.Event.Message.Text)
	if !found || m.Score < least {
		return // as most are: their topic's row is not read
	}
	row := topics.Get(c, topicKey(m.Topic))
	if !tellable(shared, m, &row, from(c.Config, place)) {
		return
	}
	t.Auto = m.Topic
	if c.Config.Answers == "on" {
		give(c, c.Locale(), place, id, m.Topic, row.Answer)
		c.Track("digest.answered")
		return
	}
	suggest(c, t, place, id, m, &row)
}

// give answers a question in its thread.
func give(c *ctx, locale, place, id string, topic uint32, a *answerRow) {
	note := sdk.Note(given{topic, place, id})
	msg := c.Say(place, c.TIn(locale, "answer")).Thread(id).Key(answerKey(id))
	quote(msg, a.Text)
	if s := source(c, c.Config, locale, a); s != "" {
		msg.Context(c.TIn(locale, "answer.from", s))
	}
	msg.Text(c.TIn(locale, "answer.helped")).
		Button(c.TIn(locale, "yes"), "helped", sdk.ButtonNote(note), sdk.Primary).
		Button(c.TIn(locale, "no"), "unhelped", sdk.ButtonNote(note))
	tell(c, manageLine, line{Op: opGiven, Topic: topic, Place: place, Message: answerKey(id)})
}

// manageLine is where lines wait that belong to no conversation.
const manageLine = "digest:manage"

// quote says again what a member said: prose as it stands, code as code.
func quote(m *sdk.Message, s string) {
	s = clean(s)
	left := 2800
	var prose, code []string
	fenced, lang := false, ""
	flush := func() {
		if p := strings.TrimSpace(strings.Join(prose, "")); p != "" {
			m.Text(sdk.Escape(p))
		}
		if p := strings.Trim(strings.Join(code, ""), "\n"); p != "" {
			m.Code(lang, p)
		}
		prose, code = nil, nil
	}
	for l := range strings.Lines(s) {
		if f := strings.TrimSpace(l); strings.HasPrefix(f, "```") {
			flush()
			fenced = !fenced
			if lang = ""; fenced && strings.HasPrefix(f, "```go") {
				lang = "go"
			}
			continue
		}
		if len(l) > left {
			l, left = text.Clip(l, left)+"…", -1
		}
		left -= len(l)
		if fenced {
			code = append(code, l)
		} else {
			prose = append(prose, l)
		}
		if left < 0 {
			break
		}
	}
	flush()
}

// suggest asks maintainers whether an answer may be given.
func suggest(c *ctx, t *thread, place, id string, m cluster.Match, row *topicRow) {
	s := suggestion{Place: place, ID: id, Topic: m.Topic, Title: title(t.Text), At: c.Now().Unix()}
	key := "s" + c.Event.ID
	ask := func(msg *sdk.Message, locale string) {
		quote(msg, row.Answer.Text)
		if from := source(c, c.Config, locale, row.Answer); from != "" {
			msg.Context(c.TIn(locale, "answer.from", from))
		}
		msg.Key(suggestKey(key)).
			Button(c.TIn(locale, "suggest.yes"), "approve", sdk.ButtonValue(key), sdk.Primary, sdk.OnceForAll).
			Button(c.TIn(locale, "suggest.no"), "dismiss", sdk.ButtonValue(key), sdk.OnceForAll)
	}
	where := sdk.Channel(place)
	if url := c.Config.link(place, id, ""); url != "" {
		where = sdk.Link("#"+sdk.Escape(nameOf(place)), url)
	}
	if c.Config.Review != "" {
		ask(c.Say(c.Config.Review, c.TIn(language(c), "suggest", where, line1(s.Title, 120))), language(c))
	} else {
		for _, who := range c.Config.Maintainers[:min(len(c.Config.Maintainers), 8)] {
			ask(c.DMTo(who, c.TIn("", "suggest", where, line1(s.Title, 120))), "")
		}
		if len(c.Config.Maintainers) == 0 {
			return
		}
	}
	suggestions.Set(c, key, s)
}

func suggestKey(key string) string { return "suggest:" + key }

// helped takes in that an answer was of use.
func helped(c *ctx) error { return said(c, opHelped, "digest.helped", "thanks.yes") }

// unhelped takes in that it was not: it counts less from now on.
func unhelped(c *ctx) error { return said(c, opNot, "digest.not_helped", "thanks.no") }

func said(c *ctx, op, track, reply string) error {
	n := sdk.NoteOf[given](c)
	if n.Topic == 0 {
		return nil
	}
	c.Track(track)
	tell(c, manageLine, line{Op: op, Topic: n.Topic})
	c.Ephemeral(c.T(reply))
	return nil
}

// approve posts an answer that was suggested.
func approve(c *ctx) error {
	decide(c, c.Pressed(), c.Member.Name, true)
	return nil
}

// dismiss has it not be posted.
func dismiss(c *ctx) error {
	decide(c, c.Pressed(), c.Member.Name, false)
	return nil
}

// decide carries out what a maintainer said of a suggestion.
func decide(c *ctx, key, by string, yes bool) {
	s, ok := suggestions.Lookup(c, key)
	if !ok {
		if c.Event.Click != nil {
			c.Ephemeral(c.T("suggest.late"))
		}
		return
	}
	suggestions.Delete(c, key)
	result := "suggest.dismissed"
	if yes {
		topic := shared.Index.Current(s.Topic)
		row := topics.Get(c, topicKey(topic))
		_, there := threads.Lookup(c, at(s.Place, s.ID))
		if a := answerIn(shared, topic, &row, from(c.Config, s.Place)); a != nil && there {
			give(c, language(c), s.Place, s.ID, topic, a)
			result = "suggest.posted"
		} else {
			result = "suggest.gone"
		}
	} else {
		tell(c, manageLine, line{Op: opNot, Topic: s.Topic})
	}
	if c.Event.Click != nil || c.Config.Review != "" {
		where := c.Config.Review
		if where == "" {
			where = c.Event.Conversation.ID
		}
		c.EditIn(where, suggestKey(key), c.TIn(language(c), result, line1(s.Title, 120), line1(by, 40)))
	}
}
