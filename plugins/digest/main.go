// Digest notices what a community asks again and again: it keeps the best answer
// with its source, posts a digest at midnight, and answers who asks next.
//
// It owns which messages are questions and what belongs to them, which of them
// ask the same, their best answers, and what is posted of it all; how texts are
// compared is package cluster's, how an answer is chosen package best's, where
// questions stand package book's, and what pages are told package view's.
//
// # How it works
//
//	message ─► thread row, and a line of what is pending      collect.go
//	   └─────► the answer, if the question is known           answer.go
//	timer ──► the lane: the only writer of all below          lane.go
//	            pending ─► book: items and topics              absorb.go, shelf.go
//	            threads that changed ─► best answers           review.go
//	            midnight ─► a digest; what changed ─► edited   publish.go
//	command, button, page ─► a line of what is pending        command.go, manage.go
//	queries ◄── the book of the image, and topics' rows       views.go
//
// # Rows
//
// Of the community:
//
//	thread/PLACE ID     a question and what was said under it
//	reply/PLACE ID      the question that a message stands under
//	pending/PLACE N     what the lane has yet to do: 16 lines a row
//	ix/, ix0/ … ix10/   the book: its head and segments, in pieces of a row's size; warm
//	ixd/                what changed since, in the same pieces; warm
//	places              names of conversations, and whether they are open; warm
//	topic/ID            best answer, who chose it, how often it helped and did not
//	day/DATE            what was asked on a day, by topic
//	published           up to when digests were posted
//	edition/KEY         a digest that was posted: a change of its topics edits it
//	suggest/KEY         an answer that waits for a maintainer
//	lane                how far the lane is
//
// Of a conversation, open: its latest questions; pushed: how many lines it has had
// pending. Of a member, in/PLACE ID: the
// threads that they are in, by which they are forgotten.
package main

import (
	"embed"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

//go:embed messages
var messages embed.FS

// Config is what admins and managers set.
type Config struct {
	Channels    []string          `help:"names or ids of the channels to listen to; none: every channel that the bot is in"`
	Public      []string          `help:"names or ids of channels whose questions may stand on the public page, in its feed, and in answers given elsewhere; \"*\" for every open channel"`
	Post        []string          `max:"8" help:"ids of the channels where digests are posted, such as slack:C024BE91L; none: digests are on the page alone"`
	Hour        int               `default:"0" min:"0" max:"23" help:"hour of the day, in the community's time zone, at which the digest is posted"`
	Length      int               `default:"10" min:"1" max:"20" help:"how many topics a digest has at most"`
	Weekly      string            `default:"off" enum:"off,monday,tuesday,wednesday,thursday,friday,saturday,sunday" help:"day on which a digest of the last seven days is posted as well"`
	Answers     string            `default:"suggest" enum:"off,suggest,on" help:"whether a question that is known is answered at once: never, after a maintainer said yes, or always"`
	Maintainers []string          `help:"ids of members whose word counts more, who are asked before an answer is given, and who may join and split topics"`
	Review      string            `help:"id of the channel where answers are suggested to maintainers; none: each of them is asked in private"`
	Language    string            `help:"language of digests, such as zh-CN; none: the community's"`
	Links       map[string]string `help:"form of a link to a message, by platform, such as https://gophers.slack.com/archives/{channel}/p{digits}; it may name {channel}, {message}, {thread} and {digits}"`
}

type ctx = sdk.Ctx[Config]

var _ = sdk.New[Config]("digest", "1.0.0",
	sdk.Texts(messages),
	sdk.CanSend("post digests, and answer questions that were answered before"),
	sdk.CanDM("suggest answers to maintainers"),
	sdk.CanTimers("put questions together, and post at midnight"),
	sdk.CanMembers("tidy up what points to threads that are gone"),
	sdk.CanState(256, "keep questions, their answers, and the index by which they are found")).
	Warm(takeIn, warmed()...).
	OnMessage(alert(posted)).
	OnEvent(abi.MessageEdited, alert(edited)).
	OnEvent(abi.MessageDeleted, alert(deleted)).
	OnReaction(alert(reacted)).
	OnForget(alert(forgotten)).
	OnTimer("lane", alert(lane)).
	OnContinue(alert(goOn)).
	OnSchedule("hour", "0 * * * *", sdk.FireOnce, alert(hour)).
	OnCommand("digest", alert(command)).
	OnButton("helped", alert(helped)).
	OnButton("unhelped", alert(unhelped)).
	OnButton("approve", alert(approve)).
	OnButton("dismiss", alert(dismiss)).
	OnButton("topic", alert(pressedTopic)).
	OnButton("split", alert(pressedSplit)).
	OnButton("rename", alert(askName)).
	OnButton("merge", alert(askOther)).
	OnForm("rename", alert(renamed)).
	OnForm("merge", alert(merged)).
	OnPluginEvent("hearth/knowledge", alert(managed)).
	Query("/knowledge", viewKnowledge).
	Query("/topic", viewTopic).
	Query("/answers", viewAnswers).
	Query("/queue", viewQueue).
	Query("/export", viewExport).
	Query("/editions", viewEditions)

// listens says whether what is said in a conversation is collected.
func (g *Config) listens(v abi.Conversation) bool {
	if v.ID == "" || v.Kind == abi.Direct || len(v.ID) > maxID {
		return false
	}
	if len(g.Channels) == 0 {
		return true
	}
	return named(g.Channels, v.ID, v.Name)
}

// named says whether a list of names and ids has a conversation.
func named(list []string, id, name string) bool {
	for _, s := range list {
		if s = strings.TrimPrefix(s, "#"); s != "" && (s == name || s == id || s == abi.LocalID(id)) {
			return true
		}
	}
	return false
}

// maintains says whether a member is a maintainer.
func (g *Config) maintains(member string) bool {
	return member != "" && slices.Contains(g.Maintainers, member)
}

// language is that of digests and of what is said to all.
func language(c *ctx) string {
	if c.Config.Language != "" {
		return c.Config.Language
	}
	return c.Community().Locale
}

// link leads to a message, "" where there is no form of a link for its platform.
func (g *Config) link(place, message, thread string) string {
	platform, channel := abi.Platform(place), abi.LocalID(place)
	form := g.Links[platform]
	if form == "" && platform == "telegram" && strings.HasPrefix(channel, "-100") {
		form, channel = "https://t.me/c/{channel}/{message}", channel[len("-100"):]
	}
	if !strings.HasPrefix(form, "https://") || message == "" {
		return ""
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, message)
	return strings.NewReplacer("{channel}", escaped(channel), "{message}", escaped(message), "{thread}", escaped(thread), "{digits}", digits).Replace(form)
}

// escaped has nothing in it that means something in an address.
func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			const digits = "0123456789ABCDEF"
			b.WriteString("%" + digits[c>>4:c>>4+1] + digits[c&15:c&15+1])
		}
	}
	return b.String()
}

func main() {}
