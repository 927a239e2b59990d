package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/plugins/digest/cluster"
	"github.com/hearthbot/hearth/plugins/digest/text"
	"github.com/hearthbot/hearth/plugins/digest/view"
	"github.com/hearthbot/hearth/sdk"
)

type request = sdk.View[Config]

// manages says whether a view is for a manager.
func manages(v *request) bool { return v.Role() == "manager" || v.Role() == "admin" }

// viewer is what whoever asks may see.
func viewer(v *request) sight {
	if manages(v) {
		return everything
	}
	return from(v.Config, v.Param("place"))
}

// limit is how many entries a page has.
func limit(v *request) int {
	n, err := strconv.Atoi(v.Param("limit"))
	if err != nil || n < 1 {
		return view.MaxPage
	}
	return min(n, view.MaxPage)
}

// page cuts out of all the entries behind one, by the key of each, and says which
// is the last if there are others behind it.
func page[T any](all []T, after string, n int, key func(T) string) ([]T, string) {
	if after != "" {
		if i := slices.IndexFunc(all, func(t T) bool { return key(t) == after }); i >= 0 {
			all = all[i+1:]
		} else {
			all = nil
		}
	}
	if len(all) <= n {
		return all, ""
	}
	return all[:n], key(all[n-1])
}

// visible are all topics that may be seen. Hidden ones are among them: their rows
// say so.
func visible(v *request, sees sight) (all []glimpse) {
	for _, t := range shared.Index.Topics() {
		if g, ok := glance(shared, t, sees, v.Config); ok {
			all = append(all, g)
		}
	}
	return all
}

// fresh is how long a question waits for an answer before nobody expects one.
const fresh = 7 * 24 * time.Hour

// waiting are the topics that may be seen, were asked about within fresh, and have
// no answer, the newest first. Of as many as a page has at most it is looked up
// whether a maintainer wrote one, or hid them.
func waiting(v *request, sees sight) (all []glimpse) {
	open := shared.Waiting(v.Now().Add(-fresh).Unix())
	for _, t := range shared.Index.Topics() {
		if !open[t.ID] {
			continue
		}
		if g, ok := glance(shared, t, sees, v.Config); ok {
			all = append(all, g)
		}
	}
	order(all, "")
	n := 0
	return slices.DeleteFunc(all, func(g glimpse) bool {
		if n++; n > view.MaxPage {
			return false
		}
		row := topics.Get(v, topicKey(g.ID))
		return row.Hidden || answerIn(shared, g.ID, &row, everything) != nil
	})
}

func glimpseKey(g glimpse) string { return itoa(int(g.ID)) }

// viewKnowledge lists topics.
func viewKnowledge(v *request) error {
	sees := viewer(v)
	var all []glimpse
	switch q := strings.TrimSpace(v.Param("q")); {
	case q != "":
		all = search(shared, text.Clip(q, 300), sees, v.Config)
	case v.Param("order") == "waiting":
		all = waiting(v, sees)
	default:
		all = visible(v, sees)
		order(all, v.Param("order"))
	}
	out := view.Knowledge{Topics: []view.Topic{}, Total: len(all)}
	for _, g := range all {
		out.Asked += int(g.Asked)
	}
	list, next := page(all, v.Param("after"), limit(v), glimpseKey)
	out.Next = next
	for _, g := range list {
		row := topics.Get(v, topicKey(g.ID))
		if row.Hidden && !manages(v) {
			out.Total--
			continue
		}
		out.Topics = append(out.Topics, full(v.Config, shared, g, &row, sees))
	}
	return v.JSON(out)
}

// viewTopic is one topic with its wordings.
func viewTopic(v *request) error {
	sees := viewer(v)
	t, ok := shared.Index.Lookup(number(v.Param("id")))
	g, seen := glance(shared, t, sees, v.Config)
	if !ok || !seen {
		return none(v, "there is no such topic")
	}
	row := topics.Get(v, topicKey(g.ID))
	if row.Hidden && !manages(v) {
		return none(v, "there is no such topic")
	}
	out := full(v.Config, shared, g, &row, sees)
	wordings(v, &out, g, sees)
	return v.JSON(out)
}

func none(v *request, why string) error {
	v.Status(404)
	return v.JSON(map[string]string{"error": why})
}

// wordings adds a topic's questions, those that were asked most first.
func wordings(v *request, out *view.Topic, g glimpse, sees sight) {
	for _, item := range g.Items {
		e := shared.Entry(item)
		if e.Title == "" || !sees(e.From) {
			continue
		}
		asked, _ := shared.Index.Of(item)
		q := view.Question{Item: item, Text: e.Title, Asked: asked}
		for i := len(e.Sources) - 1; i >= 0; i-- {
			if s := e.Sources[i]; sees(s.Place) {
				q.Source = view.Source{Place: s.Place, Channel: nameOf(s.Place), Message: s.Message, Thread: s.Message, URL: v.Config.link(s.Place, s.Message, ""), At: s.At * 1000}
				break
			}
		}
		out.Questions = append(out.Questions, q)
	}
	slices.SortFunc(out.Questions, func(a, b view.Question) int {
		return cmp.Or(cmp.Compare(b.Asked, a.Asked), cmp.Compare(b.Source.At, a.Source.At), cmp.Compare(a.Item, b.Item))
	})
	out.Questions = out.Questions[:min(len(out.Questions), view.MaxPage)]
}

// maxAsked is how many bytes of a question are looked at.
const maxAsked = 4 << 10

// viewAnswers is the known question nearest to another, and its answer.
func viewAnswers(v *request) error {
	q := strings.TrimSpace(text.Clip(v.Param("q"), maxAsked))
	if q == "" {
		v.Status(400)
		return v.JSON(map[string]string{"error": "q is the question, and there is none"})
	}
	out := view.Answers{Query: q, Needed: cluster.Sure}
	sees := viewer(v)
	m, row, ok := known(v, shared, q, sees)
	t, there := shared.Index.Lookup(m.Topic)
	g, seen := glance(shared, t, sees, v.Config)
	if m.Item == 0 || !there || !seen || row.Hidden && !manages(v) {
		return v.JSON(out)
	}
	out.Found, out.Score = ok, m.Score
	if title, place := shared.Title(m.Item); title != "" && sees(place) {
		out.Question = title
	}
	topic := full(v.Config, shared, g, &row, sees)
	out.Topic = &topic
	return v.JSON(out)
}

// viewQueue is what a maintainer should look at: suggestions that wait, answers
// that did not help, questions that are asked again and again without one, and
// answers that nobody confirmed.
func viewQueue(v *request) error {
	if !manages(v) {
		v.Status(403)
		return v.JSON(map[string]string{"error": "the queue is for managers"})
	}
	n := limit(v)
	out := view.Queue{Items: []view.Item{}}
	after := v.Param("after")
	waiting, _ := suggestions.Scan(v, sdk.Range{Limit: 200, Relaxed: true})
	all := visible(v, everything)
	order(all, "asked")
	all = slices.DeleteFunc(all, func(g glimpse) bool { return g.Asked < 2 })
	out.Total = len(waiting) + len(all)
	if after == "" {
		for _, e := range waiting[:min(len(waiting), n)] {
			s := e.Value
			t, ok := shared.Index.Lookup(s.Topic)
			g, seen := glance(shared, t, everything, v.Config)
			if !ok || !seen {
				continue
			}
			row := topics.Get(v, topicKey(g.ID))
			out.Items = append(out.Items, view.Item{Kind: "suggested", Topic: full(v.Config, shared, g, &row, everything), Suggestion: e.Key, Question: s.Title,
				Source: view.Source{Place: s.Place, Channel: nameOf(s.Place), Message: s.ID, Thread: s.ID, URL: v.Config.link(s.Place, s.ID, ""), At: s.At * 1000}})
		}
	}
	list, next := page(all, after, min(n, view.MaxPage), glimpseKey)
	out.Next = next
	for _, g := range list {
		row := topics.Get(v, topicKey(g.ID))
		kind := ""
		switch a := answerIn(shared, g.ID, &row, everything); {
		case row.Hidden:
		case row.Unhelped > row.Helped:
			kind = "unhelpful"
		case a == nil:
			kind = "unanswered"
		case row.sure() < minSure:
			kind = "unsure"
		}
		if kind != "" {
			out.Items = append(out.Items, view.Item{Kind: kind, Topic: full(v.Config, shared, g, &row, everything)})
		}
	}
	return v.JSON(out)
}

// viewExport is everything that may be seen, by number.
func viewExport(v *request) error {
	sees := viewer(v)
	all := visible(v, sees)
	out := view.Knowledge{Topics: []view.Topic{}, Total: len(all)}
	// By number, as the topic of the page before may have become a part of another.
	after := number(v.Param("after"))
	all = slices.DeleteFunc(all, func(g glimpse) bool { return g.ID <= after })
	list, next := page(all, "", 30, glimpseKey)
	out.Next = next
	for _, g := range list {
		row := topics.Get(v, topicKey(g.ID))
		if row.Hidden && !manages(v) {
			continue
		}
		t := full(v.Config, shared, g, &row, sees)
		wordings(v, &t, g, sees)
		out.Topics = append(out.Topics, t)
		out.Asked += t.Asked
	}
	return v.JSON(out)
}

// name is what others call an edition: day:2026-11-26, or week: and its first day.
func (e edition) name(key string) string {
	day, kind, _ := strings.Cut(key, ".")
	if kind == "week" {
		day = clock(e.From).Format(time.DateOnly)
	}
	return kind + ":" + day
}

// viewEditions lists digests that were posted, newest first, as they are now.
func viewEditions(v *request) error {
	sees := viewer(v)
	out := view.Editions{Editions: []view.Edition{}}
	list, more := editions.Scan(v, sdk.Range{After: v.Param("after"), Reverse: true, Limit: min(limit(v), 4)})
	for _, e := range list {
		ed := view.Edition{Key: e.Value.name(e.Key), From: e.Value.From * 1000, To: e.Value.To * 1000, Posted: e.Value.Posted * 1000, Rows: []view.Row{}}
		rows, _ := settled(shared, e.Value.Rows, e.Value.Questions)
		for _, r := range rows {
			t, _ := shared.Index.Lookup(r.Topic)
			g, ok := glance(shared, t, sees, v.Config)
			if !ok || len(ed.Rows) == v.Config.Length {
				continue
			}
			row := topics.Get(v, topicKey(g.ID))
			if row.Hidden {
				continue
			}
			line := view.Row{Topic: g.ID, Title: g.title, Asked: r.N}
			if a := answerIn(shared, g.ID, &row, sees); a != nil {
				line.Answer = answered(v.Config, &row, a)
			}
			ed.Rows = append(ed.Rows, line)
			ed.Questions += r.N
		}
		if len(ed.Rows) > 0 {
			out.Editions = append(out.Editions, ed)
		}
		out.Next = e.Key
	}
	if !more {
		out.Next = ""
	}
	return v.JSON(out)
}
