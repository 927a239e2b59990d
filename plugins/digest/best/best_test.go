package best

import "testing"

// q is a question, and by makes a message that answers it.
var q = Message{ID: "q", Author: "ann", Text: "How do I cancel a context when the client disconnects?"}

func by(id, author, text string, more ...func(*Message)) Message {
	m := Message{ID: id, Author: author, Text: text}
	for _, f := range more {
		f(&m)
	}
	return m
}

func reacted(name, who string) func(*Message) {
	return func(m *Message) {
		m.Reactions = append(m.Reactions, Reaction{Name: name, By: who, Maintainer: who == "max"})
	}
}

func maintains(m *Message) { m.Maintainer = true }

func to(id string) func(*Message) { return func(m *Message) { m.ReplyTo = id } }

func TestChoose(t *testing.T) {
	on := "use r.Context(), it is cancelled when the client disconnects"
	for _, c := range []struct {
		name   string
		thread []Message
		id     string
		why    Why
		least  float64
	}{
		{"nothing", nil, "", "", 0},
		{"the asker's mark beats all", []Message{
			by("1", "bob", on, maintains, reacted("+1", "cid"), reacted("+1", "dan")),
			by("2", "eve", "just poll it", reacted("white_check_mark", "ann")),
		}, "2", Accepted, 0.9},
		{"a maintainer's mark", []Message{by("1", "bob", "just poll it"), by("2", "eve", on, reacted("✅", "max"))}, "2", Accepted, 0.88},
		{"a mark of one's own is none", []Message{by("1", "max", "hello there", reacted("white_check_mark", "max")), by("2", "bob", on)}, "2", Overlap, 0.2},
		{"anybody's mark is a like", []Message{by("1", "bob", on, reacted("white_check_mark", "cid")), by("2", "eve", on)}, "1", Liked, 0.5},
		{"thanks to the last before", []Message{
			by("1", "bob", on, reacted("+1", "cid")), by("2", "eve", "set a deadline"), by("3", "ann", "thanks, that works!"),
		}, "2", Thanked, 0.6},
		{"thanks in answer to one", []Message{
			by("1", "bob", on), by("2", "eve", "set a deadline"), by("3", "ann", "谢谢，解决了", to("1")),
		}, "1", Thanked, 0.8},
		{"thanks by name", []Message{by("1", "bob", on), by("2", "eve", "set a deadline"), by("3", "ann", "thanks @bob")}, "1", Thanked, 0.8},
		{"thanks that are none", []Message{
			by("1", "bob", on), by("2", "eve", "set a deadline"), by("3", "ann", "thanks, but it still hangs"), by("4", "ann", "thanks in advance"), by("5", "ann", "谢谢，但还是不行"),
		}, "1", Overlap, 0.2},
		{"likes count people", []Message{
			by("1", "bob", on, reacted("+1", "cid"), reacted("heart", "cid"), reacted("tada", "bob")),
			by("2", "eve", "context it is", reacted("thumbsup::skin-tone-3", "cid"), reacted("👍", "dan")),
		}, "2", Liked, 0.5},
		{"dislikes speak against", []Message{
			by("1", "bob", on, reacted("-1", "cid"), reacted("+1", "dan"), reacted("thumbsdown", "eve")), by("2", "eve", "use the request's context of the client"),
		}, "2", Overlap, 0.2},
		{"a maintainer's", []Message{by("1", "bob", on), by("2", "max", "look at the request", maintains)}, "2", Maintainer, 0.45},
		{"who asks back does not answer", []Message{by("1", "max", "which version of Go do you use?", maintains), by("2", "bob", on)}, "2", Overlap, 0.2},
		{"bots, blanks and the asker do not answer", []Message{
			{ID: "1", Author: "bot", Bot: true, Text: on}, by("2", "bob", "  "), by("3", "ann", "the client disconnects and the context stays"),
		}, "", "", 0},
		{"the asker's own, if marked", []Message{by("1", "bob", "no idea"), by("2", "ann", "it was the proxy", reacted("white_check_mark", "ann"))}, "2", Accepted, 0.9},
		{"small talk is no answer", []Message{by("1", "bob", "good luck with that"), by("2", "eve", "same here")}, "", "", 0},
		{"the earlier of two alike", []Message{by("1", "bob", on), by("2", "eve", on)}, "1", Overlap, 0.2},
	} {
		a, ok := Choose(q, c.thread)
		if ok != (c.id != "") || a.ID != c.id || a.Why != c.why || a.Confidence < c.least || a.Confidence > 0.99 {
			t.Errorf("%s: %+v, %v; want %s, %s, at least %v", c.name, a, ok, c.id, c.why, c.least)
		}
	}
}

// TestOrder holds stronger evidence to making surer.
func TestOrder(t *testing.T) {
	last := 1.0
	for _, c := range [][]Message{
		{by("1", "bob", "so it is", reacted("✅", "ann"))},
		{by("1", "bob", "so it is", reacted("✅", "max"))},
		{by("1", "bob", "so it is"), by("2", "ann", "thanks", to("1"))},
		{by("1", "bob", "so it is"), by("2", "ann", "thanks")},
		{by("1", "bob", "so it is", reacted("+1", "cid"))},
		{by("1", "bob", "so it is", maintains)},
		{by("1", "bob", "the client disconnects")},
	} {
		a, ok := Choose(q, c)
		if !ok || a.Confidence >= last {
			t.Errorf("%s makes as sure as what is stronger: %v after %v", a.Why, a.Confidence, last)
		}
		last = a.Confidence
	}
	// Two of the same kind make either less sure.
	one, _ := Choose(q, []Message{by("1", "max", "so it is", maintains)})
	two, _ := Choose(q, []Message{by("1", "max", "so it is", maintains), by("2", "mia", "or so", maintains)})
	if two.Confidence >= one.Confidence {
		t.Errorf("two answers: %v, one: %v", two.Confidence, one.Confidence)
	}
}

func FuzzChoose(f *testing.F) {
	f.Add("how?", "like this", "thanks", "+1")
	f.Fuzz(func(t *testing.T, question, answer, reply, reaction string) {
		a, ok := Choose(Message{ID: "q", Author: "a", Text: question},
			[]Message{by("1", "b", answer, reacted(reaction, "c")), by("2", "a", reply, to("1")), by("3", "c", question)})
		if ok && (a.Confidence <= 0 || a.Confidence > 1 || a.Why == "" || a.ID == "") {
			t.Errorf("%+v", a)
		}
	})
}

func BenchmarkChoose(b *testing.B) {
	thread := make([]Message, 30)
	for i := range thread {
		thread[i] = by(string(rune('A'+i)), "bob", "use r.Context(), it is cancelled when the client disconnects", reacted("+1", "cid"))
	}
	for b.Loop() {
		Choose(q, thread)
	}
}
