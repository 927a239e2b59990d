package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/plugins/digest/book"
	"github.com/hearthbot/hearth/sdk"
)

// A digest is of all days that ended since the last one, so that after downtime
// there is one for what was missed. Posting it, and that it was, is one commit of
// the lane: a crash before it posts it later, one after it posts nothing more.

// publishedRow is up to when digests were posted, in Unix seconds.
type publishedRow struct {
	To   int64 `json:"to"`
	Week int64 `json:"week,omitempty"`
}

func (p publishedRow) upTo() time.Time { return clock(p.To) }

// edition is a digest that was posted.
type edition struct {
	From      int64    `json:"from"` // Unix seconds
	To        int64    `json:"to"`
	Posted    int64    `json:"posted"`
	Questions int      `json:"n"`
	Rows      []asked1 `json:"rows"`
	Places    []string `json:"places,omitempty"` // where it stands, under its key
	Shown     uint64   `json:"shown,omitempty"`  // hash of what stands there
}

var (
	published = sdk.PerCommunity[publishedRow]("published")
	editions  = sdk.CommunityMap[edition]("edition")
)

// How long days and editions are kept; an edition follows its topics for a week,
// one of a week for two.
const (
	keptDays  = 62
	missed    = 7 // days that one digest makes up for at most
	follows   = 8 * 24 * time.Hour
	followsWk = 15 * 24 * time.Hour
)

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// weekEnd is the last time at which a week's digest was due; zero if none is.
func weekEnd(c *ctx) time.Time {
	want := slices.Index(weekdays, c.Config.Weekly)
	if want < 0 {
		return time.Time{}
	}
	end := dayStart(c, c.Now())
	back := (int(end.Weekday()) - want + 7) % 7
	return daysOn(c, end, -back)
}

// due says whether a day or a week has ended whose digest was not posted.
func due(c *ctx) bool {
	p := published.Get(c)
	if dayStart(c, c.Now()).After(p.upTo()) {
		return true
	}
	w := weekEnd(c)
	return !w.IsZero() && w.Unix() > p.Week
}

// publish posts what is due.
func publish(c *ctx, b *book.Book) {
	p := published.Get(c)
	end := dayStart(c, c.Now())
	if end.After(p.upTo()) {
		from := daysOn(c, end, -missed)
		if p.To > 0 && p.upTo().After(from) {
			from = p.upTo()
		}
		p.To = end.Unix()
		published.Set(c, p)
		post(c, b, "day", from, end)
		old, _ := days.Scan(c, sdk.Range{Limit: 4})
		for _, e := range old {
			if e.Key < daysOn(c, end, -keptDays).Format(time.DateOnly) {
				days.Delete(c, e.Key)
			}
		}
		return
	}
	if w := weekEnd(c); !w.IsZero() && w.Unix() > p.Week {
		first := p.Week == 0
		p.Week = w.Unix()
		published.Set(c, p)
		if !first {
			post(c, b, "week", daysOn(c, w, -7), w)
		}
	}
}

// post posts a digest of some days, if anything was asked.
func post(c *ctx, b *book.Book, kind string, from, to time.Time) {
	rows, n := gather(c, b, from, to)
	if len(rows) == 0 {
		return
	}
	e := edition{From: from.Unix(), To: to.Unix(), Posted: c.Now().Unix(), Questions: n, Rows: rows}
	key := daysOn(c, to, -1).Format(time.DateOnly) + "." + kind
	d := draw(c, b, key, &e)
	if len(d.rows) == 0 {
		return
	}
	e.Shown = d.hash()
	for _, place := range c.Config.Post {
		if place == "" {
			continue
		}
		d.put(c, c.Say(place, "").Key(editionKey(key)))
		e.Places = append(e.Places, place)
	}
	editions.Set(c, key, e)
}

func editionKey(key string) string { return "digest:" + key }

// gather counts what was asked between two beginnings of days, of the topics as
// they are now.
func gather(r interface {
	sdk.Reader
	Community() sdk.Community
}, b *book.Book, from, to time.Time) (rows []asked1, questions int) {
	counts := map[uint32]int{}
	for day := range dates(from, to) {
		d, ok := days.Lookup(r, day)
		if !ok {
			continue
		}
		questions += d.More
		for _, a := range d.Topics {
			if t, ok := b.Index.Lookup(a.Topic); ok {
				counts[t.ID] += a.N
				questions += a.N
			}
		}
	}
	for t, n := range counts {
		rows = append(rows, asked1{t, n})
	}
	slices.SortFunc(rows, func(a, b asked1) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Topic, b.Topic)) })
	return rows[:min(len(rows), 60)], questions
}

// drawing is a digest as it is to stand.
type drawing struct {
	title, intro, foot sdk.Markup
	sources            []string // links to where the answers are from: not every platform has links in a table
	header             []sdk.Markup
	rows               [][]sdk.Markup
}

func (d *drawing) hash() uint64 {
	s := string(d.title + d.intro)
	for _, r := range d.rows {
		for _, cell := range r {
			s += "\x00" + string(cell)
		}
	}
	return uint64(hashOf(s))<<32 | uint64(hashOf(s+"."))
}

func (d *drawing) put(c *ctx, m *sdk.Message) {
	m.Heading(d.title).Text(d.intro)
	if len(d.rows) > 0 {
		m.Table(d.header...)
		for _, r := range d.rows {
			m.Row(r...)
		}
	}
	if len(d.sources) > 0 {
		m.Text(sdk.Markup(strings.Join(d.sources, " · ")))
	}
	if d.foot != "" {
		m.Context(d.foot)
	}
}

// draw draws a digest.
func draw(c *ctx, b *book.Book, key string, e *edition) drawing {
	locale := language(c)
	first, last := clock(e.From).Format(time.DateOnly), lastDay(c, e)
	d := drawing{header: []sdk.Markup{c.TIn(locale, "col.topic"), c.TIn(locale, "col.asked"), c.TIn(locale, "col.answer"), c.TIn(locale, "col.updated")}}
	switch {
	case strings.HasSuffix(key, ".week"):
		d.title = c.TIn(locale, "title.week", first, last)
	case first != last && strings.HasSuffix(key, ".day") && shownFrom(c, e) < last:
		d.title = c.TIn(locale, "title.days", shownFrom(c, e), last)
	default:
		d.title = c.TIn(locale, "title.day", last)
	}
	n := 0
	for _, r := range e.Rows {
		t, ok := b.Index.Lookup(r.Topic)
		if !ok {
			continue
		}
		g, ok := glance(b, t, openly(c.Config), c.Config)
		if !ok {
			continue
		}
		row := topics.Get(c, topicKey(t.ID))
		if row.Hidden {
			continue
		}
		if n += r.N; len(d.rows) < c.Config.Length {
			d.rows = append(d.rows, d.row(c, b, locale, g, &row, r.N))
		}
		if len(d.rows) >= c.Config.Length {
			break
		}
	}
	d.intro = c.TIn(locale, "intro", e.Questions, len(d.rows))
	d.foot = c.TIn(locale, "foot")
	return d
}

// shownFrom is the first day of an edition on which anything was asked.
func shownFrom(c *ctx, e *edition) string {
	for day := range dates(clock(e.From), clock(e.To)) {
		if _, ok := days.Lookup(c, day); ok {
			return day
		}
	}
	return lastDay(c, e)
}

// lastDay is what the last day of an edition is called.
func lastDay(c *ctx, e *edition) string { return daysOn(c, clock(e.To), -1).Format(time.DateOnly) }

// row is a topic's line: what it is called, how often it was asked, what is known,
// since when.
func (d *drawing) row(c *ctx, b *book.Book, locale string, g glimpse, row *topicRow, n int) []sdk.Markup {
	what := c.TIn(locale, "unanswered")
	for _, s := range b.Entry(g.best).Sources {
		if url := c.Config.link(s.Place, s.Message, ""); url != "" && openly(c.Config)(s.Place) {
			what = c.TIn(locale, "unanswered") + " " + sdk.Link(c.TIn(locale, "source.question"), url)
		}
	}
	updated := g.last
	if a := answerIn(b, g.ID, row, openly(c.Config)); a != nil {
		what = sdk.Escape(excerpt(a.Text, 160))
		if from := source(c, c.Config, locale, a); from != "" {
			what += " — " + from
		}
		updated = max(updated, a.Updated)
		if url := a.link(c.Config); url != "" {
			d.sources = append(d.sources, string(sdk.Link(sdk.Escape(line1(g.title, 40)), url)))
		}
	}
	return []sdk.Markup{
		sdk.Escape(line1(g.title, 80)),
		sdk.Markup(itoa(n)),
		what,
		sdk.Markup(clock(updated).Format("2006-01-02 15:04")),
	}
}

// freshen has editions that stand say what is so now: it edits one of them.
func freshen(c *ctx, l *laneRow, b *book.Book) {
	if len(l.Fresh) == 0 {
		recent, _ := editions.Scan(c, sdk.Range{Limit: 12, Reverse: true})
		for _, e := range recent {
			age := c.Now().Sub(time.Unix(e.Value.Posted, 0))
			if age > followsWk || age > follows && strings.HasSuffix(e.Key, ".day") {
				continue
			}
			if slices.ContainsFunc(e.Value.Rows, func(r asked1) bool {
				return slices.Contains(l.Touched, b.Index.Current(r.Topic)) || slices.Contains(l.Touched, r.Topic)
			}) {
				l.Fresh = append(l.Fresh, e.Key)
			}
		}
		l.Touched = nil
		return
	}
	key := l.Fresh[0]
	l.Fresh = behind(l.Fresh, 1)
	e, ok := editions.Lookup(c, key)
	if !ok {
		return
	}
	e.Rows, e.Questions = settled(b, e.Rows, e.Questions)
	d := draw(c, b, key, &e)
	if now := d.hash(); now != e.Shown {
		e.Shown = now
		for _, place := range e.Places {
			if len(d.rows) == 0 {
				c.DeleteIn(place, editionKey(key)) // all that it told of is gone
				continue
			}
			d.put(c, c.EditIn(place, editionKey(key), ""))
		}
		editions.Set(c, key, e)
	}
}

// settled brings rows to the topics that there are now.
func settled(b *book.Book, rows []asked1, questions int) ([]asked1, int) {
	var now []asked1
	for _, r := range rows {
		t, ok := b.Index.Lookup(r.Topic)
		if !ok {
			questions -= r.N
			continue
		}
		if i := slices.IndexFunc(now, func(o asked1) bool { return o.Topic == t.ID }); i >= 0 {
			now[i].N += r.N
		} else {
			now = append(now, asked1{t.ID, r.N})
		}
	}
	slices.SortStableFunc(now, func(a, b asked1) int { return cmp.Compare(b.N, a.N) })
	return now, max(questions, 0)
}
