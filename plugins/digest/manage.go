package main

import (
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/plugins/digest/text"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Topics are joined, split and named by maintainers: in chat by command, button
// and form, on pages by the host's event. Whatever it was, it becomes a line for
// the lane.

// managed takes in what a manager did on a page.
func managed(c *ctx) error {
	p := map[string]string{}
	for _, a := range c.Event.Custom.Props {
		p[a.Name] = a.Value
	}
	l := line{Op: p["op"], By: text.Clip(p["by"], 80), Topic: number(p["topic"]), With: number(p["with"]), Text: text.Clip(p["name"]+p["text"], maxAnswer),
		URL: text.Clip(p["url"], 500), Place: text.Clip(p["place"], maxID), Message: text.Clip(p["message"], maxID)}
	for s := range strings.SplitSeq(p["items"], ",") {
		if n := number(s); n != 0 && len(l.Items) < 100 {
			l.Items = append(l.Items, n)
		}
	}
	switch l.Op {
	case "approve", "dismiss":
		decide(c, p["suggestion"], l.By, l.Op == "approve")
	case "merge", "split", "rename", "answer", "choose", "hide", "show":
		hurry(c, l)
	default:
		c.Warn("a page asks for %.40q, which is nothing that can be done", l.Op)
	}
	return nil
}

func number(s string) uint32 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(s), "#"), 10, 32)
	return uint32(n)
}

func itoa(n int) string { return strconv.Itoa(n) }

// may says whether the event's member may change topics, and tells them if not.
func may(c *ctx) bool {
	if c.Config.maintains(c.Member.ID) {
		return true
	}
	c.Reply(c.T("only.maintainers"))
	return false
}

// do has the lane carry out what a maintainer said, soon.
func do(c *ctx, l line) {
	l.By = text.Clip(c.Member.Name, 80)
	hurry(c, l)
}

// pressedSplit takes a wording out of its topic.
func pressedSplit(c *ctx) error {
	if !may(c) {
		return nil
	}
	topic, item, _ := strings.Cut(c.Pressed(), ".")
	do(c, line{Op: "split", Topic: number(topic), Items: []uint32{number(item)}})
	c.Ephemeral(c.T("done.split", itoa(int(number(topic)))))
	return nil
}

// askName asks a maintainer for a topic's name.
func askName(c *ctx) error {
	t, ok := shared.Index.Lookup(number(c.Pressed()))
	if !may(c) || !ok {
		return nil
	}
	g, _ := glance(shared, t, looking(c), c.Config)
	c.Ephemeral("").Form("rename", c.T("rename.title"), sdk.Line("name", c.T("rename.name")).Starting(line1(g.title, 80)).Max(80)).
		Submit(c.T("rename.do")).FormOften(abi.AnyTimes).FormNote(sdk.Note(given{Topic: t.ID}))
	return nil
}

// askOther asks a maintainer with what a topic is to be joined.
func askOther(c *ctx) error {
	if !may(c) {
		return nil
	}
	c.Ephemeral("").Form("merge", c.T("merge.title"), sdk.Line("with", c.T("merge.with")).Max(12)).
		Submit(c.T("merge.do")).FormOften(abi.AnyTimes).FormNote(sdk.Note(given{Topic: number(c.Pressed())}))
	return nil
}

// renamed names a topic.
func renamed(c *ctx) error {
	if !may(c) {
		return nil
	}
	topic := sdk.NoteOf[given](c).Topic
	do(c, line{Op: "rename", Topic: topic, Text: text.Clip(c.Field("name"), 200)})
	c.Ephemeral(c.T("done.rename", itoa(int(topic))))
	return nil
}

// merged joins a topic with another.
func merged(c *ctx) error {
	if !may(c) {
		return nil
	}
	topic, with := sdk.NoteOf[given](c).Topic, number(c.Field("with"))
	if _, ok := shared.Index.Lookup(with); !ok {
		c.Ephemeral(c.T("no.topic", c.Field("with")))
		return nil
	}
	do(c, line{Op: "merge", Topic: topic, With: with})
	c.Ephemeral(c.T("done.merge", itoa(int(topic))))
	return nil
}
