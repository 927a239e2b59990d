package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/plugins/digest/view"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest"
)

const inTheOpen = `{"public": ["*"], "answers": "off", "post": ["test:news"]}`

// manageOn has a manager do something on a page, and the lane carry it out.
func manageOn(b *sdktest.Bot, config string, props ...string) {
	ev := abi.Event{Kind: abi.PluginEvent, Custom: &abi.Custom{Name: "hearth/knowledge", Props: []abi.Annotation{{Name: "by", Value: "Mia"}}}}
	for i := 0; i < len(props); i += 2 {
		ev.Custom.Props = append(ev.Custom.Props, abi.Annotation{Name: props[i], Value: props[i+1]})
	}
	b.Do(ev)
	b.Advance(time.Minute)
	b.Configure(config)
}

// changed edits or deletes a message.
func changed(b *sdktest.Bot, kind abi.Kind, name, id, was, is string) {
	b.Do(abi.Event{Kind: kind, Conversation: channel("#general"), Member: who(name), Message: &abi.Message{ID: id, Text: is, OldText: was}})
}

// TestOldMessageIsNoAnswer: who corrects what they said long ago says nothing to
// the question that somebody has just asked.
func TestOldMessageIsNoAnswer(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: inTheOpen})
	say(b, "bob", "#general", "", "old", "Release 1.2 is out, make a map of it.")
	b.Advance(48 * time.Hour)
	say(b, "ann", "#general", "", "q", "How do I write to a nil map in Go?")
	changed(b, abi.MessageEdited, "bob", "old", "Release 1.2 is out, make a map of it.", "Release 1.3 is out, make a map of it.")
	if row := string(b.Row("c/reply/test:general%20old")); row != "" {
		t.Errorf("it is kept as an answer to %s", row)
	}
}

// TestHiddenIsHidden: what a manager has hidden no command shows to members.
func TestHiddenIsHidden(t *testing.T) {
	const config = `{"public": ["*"], "answers": "off", "maintainers": ["test:mo"]}`
	b := sdktest.New(t, sdktest.Options{Config: config})
	say(b, "eve", "#general", "", "q", "How do I hack the wifi of my neighbour?")
	say(b, "eve", "#general", "", "q2", "How do I write to a nil map in Go?")
	b.Advance(time.Minute)
	b.Configure(config)
	topic := ""
	for _, x := range ask[view.Knowledge](t, b, "/knowledge", "manager").Topics {
		if strings.Contains(x.Title, "hack") {
			topic = itoa(int(x.ID))
		}
	}
	manageOn(b, config, "op", "hide", "topic", topic)
	for _, line := range []string{"/digest topic " + topic, "/digest topic how do I hack the wifi of my neighbour?", "/digest topic hack", "/digest topic do"} {
		b.Member("ann").Runs("#general", line)
		said := fmt.Sprintf("%+v", b.Effects().Out[0].Send.Content)
		if _, named, _ := strings.Cut(said, line[len("/digest topic "):]); strings.Contains(said, "Heading:How do I hack") || strings.Contains(named, "hack") {
			t.Errorf("%s shows %s", line, said)
		}
		b.Member("mo").Runs("#general", line)
		if said := fmt.Sprintf("%+v", b.Effects().Out[0].Send.Content); !strings.Contains(said, "neighbour") {
			t.Errorf("%s shows a maintainer %s", line, said)
		}
	}
}

// TestLongAnswerIsShown: of a paragraph that has not all room its beginning is
// shown.
func TestLongAnswerIsShown(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: inTheOpen})
	say(b, "eve", "#general", "", "q", "怎么向 nil map 写入数据？")
	b.Advance(time.Minute)
	b.Configure(inTheOpen)
	manageOn(b, inTheOpen, "op", "answer", "topic", "1", "text", strings.Repeat("先用内建函数创建再写入。", 83))
	b.Member("ann").Runs("#general", "/digest topic 1")
	if said := fmt.Sprintf("%+v", b.Effects().Out[0].Send.Content); strings.Count(said, "先用内建函数") < 70 {
		t.Errorf("it shows %s", said)
	}
}

// told is what the digests tell of.
func told(t *testing.T, b *sdktest.Bot) (all []string) {
	t.Helper()
	for _, x := range ask[view.Editions](t, b, "/editions", "manager").Editions {
		all = append(all, fmt.Sprint(x.Key, "=", x.Questions))
	}
	return all
}

// midnight lets a day pass, and the digest of it be posted.
func midnight(b *sdktest.Bot, config string) {
	b.Advance(24 * time.Hour)
	b.Schedule("hour")
	b.Advance(time.Minute)
	b.Configure(config)
}

// TestDeletedIsNotCounted: a question that is deleted is in no digest that comes,
// also if its topic has become a part of another since.
func TestDeletedIsNotCounted(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: inTheOpen})
	say(b, "ann", "#general", "", "q1", "How do I write to a nil map in Go?")
	midnight(b, inTheOpen)
	say(b, "bob", "#general", "", "q2", "Why is the build of my module so slow?")
	b.Advance(time.Minute)
	b.Configure(inTheOpen)
	manageOn(b, inTheOpen, "op", "merge", "topic", "1", "with", "2")
	changed(b, abi.MessageDeleted, "bob", "q2", "", "")
	b.Advance(time.Minute)
	b.Configure(inTheOpen)
	midnight(b, inTheOpen)
	if got := fmt.Sprint(told(t, b)); got != "[day:2024-06-03=1]" {
		t.Errorf("the question of the second day was deleted, and the digests tell of %s", got)
	}
}

// TestDeletedQuestionTakesNoAnswer: what is said after a question that was deleted
// belongs to the one before.
func TestDeletedQuestionTakesNoAnswer(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: inTheOpen})
	say(b, "ann", "#general", "", "q1", "How do I write to a nil map in Go?")
	say(b, "bob", "#general", "", "q2", "Why is the build of my module so slow?")
	changed(b, abi.MessageDeleted, "bob", "q2", "", "")
	say(b, "eve", "#general", "", "a", "Make it first, writing to a nil map panics.")
	if row := string(b.Row("c/reply/test:general%20a")); row == "" {
		t.Error("the answer is kept nowhere")
	}
}

// TestThanksToTheTwelfth: who is thanked by name is who was meant.
func TestThanksToTheTwelfth(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: inTheOpen})
	say(b, "ann", "#general", "", "q", "How do I write to a nil map in Go?")
	for i := 1; i <= 12; i++ {
		say(b, fmt.Sprintf("p%d", i), "#general", "q", fmt.Sprintf("r%d", i), fmt.Sprintf("My idea number %d is this.", i))
	}
	say(b, "p1", "#general", "q", "last", "Good luck.")
	say(b, "ann", "#general", "q", "thanks", "Thanks <@test:p12>, that works now!")
	b.Advance(time.Minute)
	b.Configure(inTheOpen)
	all := ask[view.Knowledge](t, b, "/knowledge", "manager").Topics
	if a := all[0].Answer; a == nil || a.Source.Message != "r12" {
		t.Errorf("the answer is %+v", a)
	}
}

// TestNoQuestionAnyMore: a question that its author has turned into something else
// is none, until it asks again.
func TestNoQuestionAnyMore(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: inTheOpen})
	titles := func() (all []string) {
		b.Advance(time.Minute)
		b.Configure(inTheOpen)
		for _, x := range ask[view.Knowledge](t, b, "/knowledge", "manager").Topics {
			all = append(all, x.Title)
		}
		return all
	}
	const question = "怎么向 nil map 写入数据？"
	say(b, "mei", "#general", "", "q", question)
	changed(b, abi.MessageEdited, "mei", "q", question, "没事了，已经好了。")
	if got := titles(); len(got) != 0 {
		t.Errorf("it is known as %q", got)
	}
	changed(b, abi.MessageEdited, "mei", "q", "没事了，已经好了。", question)
	if got := titles(); len(got) != 1 || got[0] != question {
		t.Errorf("it is known as %q", got)
	}
}

// TestWideSpace: a command's words may have an ideographic space between them.
func TestWideSpace(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: inTheOpen})
	say(b, "mei", "#general", "", "q", "怎么向 nil map 写入数据？")
	b.Advance(time.Minute)
	b.Configure(inTheOpen)
	b.Member("mei").Runs("#general", "/digest 话题\u3000nil map")
	if said := fmt.Sprintf("%+v", b.Effects().Out[0].Send.Content); !strings.Contains(said, "怎么向 nil map") {
		t.Errorf("it says %s", said)
	}
}

// TestExportGoesOn: an export goes on behind a topic that became a part of another
// between two of its pages.
func TestExportGoesOn(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: inTheOpen})
	for i, q := range []string{"How do I write to a nil map in Go?", "Why is the build of my module so slow?", "How do I stop a goroutine from outside?"} {
		say(b, "ann", "#general", "", fmt.Sprint("q", i), q)
		b.Advance(time.Minute)
		b.Configure(inTheOpen)
	}
	manageOn(b, inTheOpen, "op", "merge", "topic", "1", "with", "2")
	if e := ask[view.Knowledge](t, b, "/export", "manager", "after", "2"); len(e.Topics) != 1 || e.Topics[0].ID != 3 {
		t.Errorf("behind the second there are %+v", e.Topics)
	}
}

// TestAnotherHour: what is asked between the old hour of the digest and a new one is
// in the next digest.
func TestAnotherHour(t *testing.T) {
	const nine, six = `{"public": ["*"], "answers": "off", "hour": 9}`, `{"public": ["*"], "answers": "off", "hour": 18}`
	b := sdktest.New(t, sdktest.Options{Config: nine})
	b.Advance(30 * time.Minute)
	say(b, "ann", "#general", "", "q1", "How do I write to a nil map in Go?")
	midnight(b, nine) // half past nine on the fourth
	b.Configure(six)
	say(b, "bob", "#general", "", "q2", "Why is the build of my module so slow?")
	b.Advance(time.Minute)
	b.Advance(9 * time.Hour)
	midnight(b, six)
	if got := fmt.Sprint(told(t, b)); got != "[day:2024-06-04=1 day:2024-06-03=1]" {
		t.Errorf("two questions were asked, and the digests tell of %s", got)
	}
}
