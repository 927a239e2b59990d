// Package best chooses the answer of a thread: which of its messages answers
// the question that it began with, and how sure that is. It owns that order of
// evidence and nothing else: it must not know a platform, a store, or what the
// question is alike to. It keeps no state.
//
// What counts, the strongest first:
//
//  1. accepted: the asker or a maintainer marked it (✅);
//  2. thanked: the asker thanked for it, or said that it works;
//  3. liked: others reacted well to it, more than reacted badly;
//  4. maintainer: a maintainer wrote it;
//  5. overlap: it speaks of what was asked.
//
// Of two with the same evidence, the weaker kinds decide, then the earlier one.
package best

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/plugins/digest/text"
)

// Message is one of a thread.
type Message struct {
	ID         string
	Author     string
	Maintainer bool   // the author is one
	Bot        bool   // the author is no person: never an answer
	Text       string // as posted
	ReplyTo    string // ID of the message it quotes or answers, "" without
	Reactions  []Reaction
}

// Reaction is one person's.
type Reaction struct {
	Name       string // the platform's name, or the emoji itself
	By         string
	Maintainer bool
}

// Why is the strongest evidence for an answer.
type Why string

// The kinds of evidence, the strongest first.
const (
	Accepted   Why = "accepted"
	Thanked    Why = "thanked"
	Liked      Why = "liked"
	Maintainer Why = "maintainer"
	Overlap    Why = "overlap"
)

// Answer is the message that was chosen.
type Answer struct {
	ID, Author string
	Why        Why
	Confidence float64 // from 0 to 1; below 0.5 it had better be shown to nobody
}

// MaxThread is how many messages of a thread are looked at, the first ones.
const MaxThread = 500

// minOverlap is the share of what was asked about that an answer without other
// evidence has to speak of.
const minOverlap = 0.15

// Choose chooses the answer to a question among the messages that came after it,
// in their order; false if none looks like one. It takes time in proportion to
// the thread's length.
func Choose(question Message, thread []Message) (Answer, bool) {
	thread = thread[:min(len(thread), MaxThread)]
	about := weights(question.Text)
	all := make([]evidence, 0, len(thread)) // candidates, those who ask back among them
	for i := range thread {
		m := &thread[i]
		if m.Author == question.Author {
			credit(all, m)
		}
		e := evidence{m: m, order: i}
		e.react(question.Author)
		if m.Bot || m.ID == question.ID || strings.TrimSpace(m.Text) == "" {
			continue
		}
		if m.Author == question.Author && !e.accepted {
			continue // what the asker adds is no answer, unless it was marked
		}
		e.overlap = about.share(m.Text)
		all = append(all, e)
	}
	// Whether a message asks back is dear to know, and in most threads of no account:
	// nothing speaks for any of theirs.
	if !slices.ContainsFunc(all, func(e evidence) bool { why, _ := e.verdict(); return why != "" }) {
		return Answer{}, false
	}
	slices.SortStableFunc(all, stronger)
	first := answering(all, 0)
	if first < 0 {
		return Answer{}, false
	}
	e := &all[first]
	why, sure := e.verdict()
	if why == "" {
		return Answer{}, false
	}
	if slices.ContainsFunc(all[first+1:], func(o evidence) bool { return even(e, &o) }) {
		if next := answering(all, first+1); next >= 0 && even(e, &all[next]) {
			sure -= 0.1 // another has as much in its favour
		}
	}
	return Answer{ID: e.m.ID, Author: e.m.Author, Why: why, Confidence: min(max(sure, 0.05), 0.99)}, true
}

// answering is the first candidate from one on that does not ask back, -1 if all do.
func answering(all []evidence, from int) int {
	for i := from; i < len(all); i++ {
		if !all[i].asks() {
			return i
		}
	}
	return -1
}

// evidence is what speaks for a message.
type evidence struct {
	m        *Message
	order    int
	accepted bool
	byAsker  bool
	thanked  int // 2: in answer to it; 1: after it
	likes    int // people, less those who disliked it
	overlap  float64

	asked    bool // asksBack is known
	asksBack bool
}

// asks says whether it asks back, and so answers nothing.
func (e *evidence) asks() bool {
	if !e.asked {
		e.asked, e.asksBack = true, !e.accepted && text.Recognise(e.m.Text) == text.Question
	}
	return e.asksBack
}

// react counts reactions.
func (e *evidence) react(asker string) {
	feeling := map[string]int{} // one a person
	for _, r := range e.m.Reactions {
		name := strings.Trim(strings.ToLower(r.Name), ":")
		name, _, _ = strings.Cut(name, "::") // with a tone of skin
		name = strings.TrimRight(name, "\ufe0f")
		switch {
		case accepting[name] && r.By == asker:
			e.accepted, e.byAsker = true, true
		case accepting[name] && r.Maintainer && r.By != e.m.Author:
			e.accepted = true
		}
		switch {
		case r.By == e.m.Author:
		case disliking[name]:
			feeling[r.By] = -1
		case (liking[name] || accepting[name]) && feeling[r.By] == 0:
			feeling[r.By] = 1
		}
	}
	for _, f := range feeling {
		e.likes += f
	}
}

// credit finds what the asker thanks for: the message they answer, else the last
// of the one they name, else the last before.
func credit(all []evidence, m *Message) {
	if len(all) == 0 || !Thanks(m.Text) {
		return
	}
	for i := len(all) - 1; i >= 0 && m.ReplyTo != ""; i-- {
		if all[i].m.ID == m.ReplyTo && !all[i].asks() {
			all[i].thanked = 2
			return
		}
	}
	for i := len(all) - 1; i >= 0; i-- {
		if a := all[i].m.Author; a != "" && strings.Contains(m.Text, "@"+a) && !all[i].asks() {
			all[i].thanked = 2
			return
		}
	}
	for i := len(all) - 1; i >= 0; i-- {
		if e := &all[i]; !e.asks() {
			e.thanked = max(e.thanked, 1)
			return
		}
	}
}

// stronger orders evidence.
func stronger(a, b evidence) int {
	return cmp.Or(
		-cmp.Compare(truth(a.accepted), truth(b.accepted)),
		-cmp.Compare(truth(a.byAsker), truth(b.byAsker)),
		-cmp.Compare(a.thanked, b.thanked),
		-cmp.Compare(max(a.likes, 0), max(b.likes, 0)),
		cmp.Compare(truth(a.likes < 0), truth(b.likes < 0)),
		-cmp.Compare(truth(a.m.Maintainer), truth(b.m.Maintainer)),
		-cmp.Compare(a.overlap, b.overlap),
		cmp.Compare(a.order, b.order),
	)
}

// even says whether two have the same kind of evidence to the same degree.
func even(a, b *evidence) bool {
	wa, sa := a.verdict()
	wb, sb := b.verdict()
	return wa == wb && sa-sb < 0.05
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// verdict is the strongest kind of evidence, "" if there is none that suffices,
// and how sure it makes: each kind has its place, and the weaker ones add to it.
func (e *evidence) verdict() (Why, float64) {
	more := 0.0
	if e.m.Maintainer {
		more += 0.03
	}
	more += 0.05 * min(e.overlap, 1)
	if e.likes > 0 {
		more += 0.02 * float64(min(e.likes, 3))
	}
	if e.likes < 0 {
		more -= 0.15 * float64(min(-e.likes, 3))
	}
	switch {
	case e.accepted && e.byAsker:
		return Accepted, 0.92 + more/2
	case e.accepted:
		return Accepted, 0.88 + more/2
	case e.thanked == 2:
		return Thanked, 0.80 + more
	case e.thanked == 1:
		return Thanked, 0.68 + more
	case e.likes > 0:
		return Liked, 0.50 + 0.06*float64(min(e.likes, 4)) + more
	case e.m.Maintainer:
		return Maintainer, 0.45 + 0.3*e.overlap + more
	case e.overlap >= minOverlap && e.likes == 0:
		return Overlap, 0.20 + 0.4*e.overlap
	}
	return "", 0
}

// What reactions say, by Slack's names, DingTalk's and the emoji themselves.
var (
	accepting = set("white_check_mark heavy_check_mark ballot_box_with_check ✅ ✔ ☑ accepted solved 已采纳 已解决")
	liking    = set("+1 thumbsup heart hearts tada 100 fire clap raised_hands pray rocket star bulb ok_hand muscle 👍 ❤ 🎉 💯 🔥 👏 🙌 🙏 🚀 ⭐ 💡 👌 💪 赞 点赞 感谢")
	disliking = set("-1 thumbsdown x no_entry negative_squared_cross_mark 👎 ❌ ⛔ 踩")
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

var (
	thanks = regexp.MustCompile(`\b(?:thanks?|thank you|thx|tysm|ty|cheers|works now|it works|that works|worked|working now|that (?:was|did) it|did the trick|solved|fixed|perfect|makes sense|got it)\b|谢谢|感谢|多谢|谢啦|谢了|解决了|搞定|可以了|好了|成功了|明白了|懂了|原来如此`)
	not    = regexp.MustCompile(`in advance|\b(?:but|still|not|doesn['’]?t|didn['’]?t|isn['’]?t|no luck|same error|won['’]?t|except|however)\b|\b(?:hasn['’]?t|haven['’]?t|wasn['’]?t|never) (?:\w+ ){0,3}(?:work|works|worked|fixed|solved)\b|提前|先谢|还是|但是|但|不过|可是|没有(?:解决|搞定|成功)|没成功|不行|不对|没用|没解决|没搞定|不好|未解决`)
)

// Thanks says whether the asker's words mean that they were helped.
func Thanks(s string) bool {
	s = text.Normalise(s)
	return len(s) < 600 && thanks.MatchString(s) && !not.MatchString(s)
}

// topic is what a question is about: its terms, less those that any has.
type topic struct {
	terms []text.Term
	sum   float64
}

func weights(s string) topic {
	var t topic
	for _, x := range text.Words(s) {
		if !x.Common && x.Weight >= 32 {
			t.terms = append(t.terms, x)
			t.sum += float64(x.Weight)
		}
	}
	return t
}

// share is how much of it a text speaks of.
func (t topic) share(s string) float64 {
	if t.sum == 0 {
		return 0
	}
	terms := text.Words(s)
	sum, i := 0.0, 0
	for _, x := range t.terms {
		for i < len(terms) && terms[i].ID < x.ID {
			i++
		}
		if i < len(terms) && terms[i].ID == x.ID {
			sum += float64(x.Weight)
		}
	}
	return sum / t.sum
}
