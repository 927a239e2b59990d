package main

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/hearthbot/hearth/plugins/digest/book"
	"github.com/hearthbot/hearth/plugins/digest/cluster"
	"github.com/hearthbot/hearth/plugins/digest/text"
	"github.com/hearthbot/hearth/plugins/digest/view"
	"github.com/hearthbot/hearth/sdk"
)

// sight says whether what was asked in a conversation may be seen.
type sight func(place string) bool

// everything is what managers see.
func everything(string) bool { return true }

// openly is what a digest may show: what was asked where all can read it.
func openly(g *Config) sight {
	return func(place string) bool { return opened(place) || g.public(place) }
}

// from is what may be shown in a conversation that something else was asked in.
func from(g *Config, here string) sight {
	return func(place string) bool { return place == here && here != "" || g.public(place) }
}

// glimpse is what the book alone says of a topic.
type glimpse struct {
	cluster.Topic
	title       string
	han         bool
	first, last int64 // Unix seconds
	public      bool
	best        uint32 // the item that gives the title
}

// glance looks at a topic as far as it may be seen; false if nothing of it may.
func glance(b *book.Book, t cluster.Topic, may sight, g *Config) (glimpse, bool) {
	out := glimpse{Topic: t, title: t.Name}
	most, han, seen := -1, 0, false
	for _, item := range t.Items {
		asked, script := b.Index.Of(item)
		if script == text.Han {
			han += asked
		}
		e := b.Entry(item)
		allowed := false
		for _, s := range e.Sources {
			out.public = out.public || g.public(s.Place)
			if !may(s.Place) {
				continue
			}
			allowed = true
			if out.first == 0 || s.At < out.first {
				out.first = s.At
			}
			out.last = max(out.last, s.At)
		}
		seen = seen || allowed
		if allowed && e.Title != "" && may(e.From) && asked > most {
			most, out.best = asked, item
			if t.Name == "" {
				out.title = e.Title
			}
		}
	}
	out.han = 2*han > int(t.Asked)
	return out, seen && out.title != ""
}

// answerIn is a topic's answer as far as it may be seen.
func answerIn(b *book.Book, topic uint32, row *topicRow, may sight) *answerRow {
	a := row.Answer
	if a == nil || row.Hidden || !stillThere(b, a, topic) || a.Place != "" && !may(a.Place) {
		return nil
	}
	return a
}

// full is a topic as views show it.
func full(g *Config, b *book.Book, t glimpse, row *topicRow, may sight) view.Topic {
	out := view.Topic{ID: t.ID, Title: t.title, Named: t.Name != "", Lang: "en", Asked: int(t.Asked), First: t.first * 1000, Last: t.last * 1000,
		Updated: t.last * 1000, Public: t.public, Hidden: row.Hidden, Pinned: t.Pinned, Helped: row.Helped, Unhelped: row.Unhelped}
	if t.han {
		out.Lang = "zh"
	}
	if a := answerIn(b, t.ID, &topicRow{Answer: row.Answer}, may); a != nil {
		out.Answer = answered(g, row, a)
		out.Updated = max(out.Updated, a.Updated*1000)
	}
	return out
}

func answered(g *Config, row *topicRow, a *answerRow) *view.Answer {
	out := &view.Answer{Text: a.Text, Author: a.Author, Why: a.Why, By: a.By, Confidence: row.sure(), Updated: a.Updated * 1000}
	out.Source = view.Source{Place: a.Place, Message: a.Message, Thread: a.Thread, At: a.At * 1000, URL: a.link(g)}
	if a.Place != "" {
		out.Source.Channel = nameOf(a.Place)
	}
	return out
}

// link leads to where an answer was said.
func (a *answerRow) link(g *Config) string {
	if a.URL != "" || a.Place == "" {
		if strings.HasPrefix(a.URL, "https://") {
			return a.URL
		}
		return ""
	}
	return g.link(a.Place, a.Message, a.Thread)
}

// source says in a few words, with a link if there is one, where an answer is from.
func source(r interface {
	TIn(locale, key string, args ...any) sdk.Markup
}, g *Config, locale string, a *answerRow) sdk.Markup {
	var parts []string
	if who := a.Author; who != "" {
		parts = append(parts, string(sdk.Escape(line1(who, 40))))
	} else if a.Why == whyWritten && a.By != "" {
		parts = append(parts, string(sdk.Escape(line1(a.By, 40))))
	}
	switch url := a.link(g); {
	case url != "":
		parts = append(parts, string(sdk.Link(r.TIn(locale, "source"), url)))
	case a.Place != "":
		parts = append(parts, string(sdk.Channel(a.Place)))
	}
	return sdk.Markup(strings.Join(parts, " · "))
}

// line1 is a text on one line, of at most n letters, without what hides or turns
// others: what is left means nothing in a table but itself.
func line1(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(clean(s), unicode.IsSpace), " ")
	if r := []rune(s); len(r) > n {
		s = strings.TrimRight(string(r[:n]), " ") + "…"
	}
	return s
}

// clean takes out of a text what is not seen, and has nobody be called by it.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.Is(unicode.Cf, r) && r != '\u200d', unicode.Is(unicode.Cc, r), unicode.Is(unicode.Co, r), r == '\ufffd':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return calls.ReplaceAllString(s, "@\u2060$1") // a word joiner: it looks the same, and calls nobody
}

var calls = regexp.MustCompile(`(?i)@(everyone|channel|here|all|所有人)`)

// excerpt is the beginning of an answer on one line, without its code's fences.
func excerpt(s string, n int) string {
	var lines []string
	for l := range strings.Lines(s) {
		if !strings.HasPrefix(strings.TrimSpace(l), "```") {
			lines = append(lines, l)
		}
	}
	return line1(strings.Join(lines, " "), n)
}

// order sorts glimpses: what was asked last first, or most.
func order(all []glimpse, how string) {
	slices.SortFunc(all, func(a, b glimpse) int {
		if how == "asked" && a.Asked != b.Asked {
			return int(b.Asked) - int(a.Asked)
		}
		if a.last != b.last {
			return int(b.last - a.last)
		}
		return int(a.ID) - int(b.ID)
	})
}
