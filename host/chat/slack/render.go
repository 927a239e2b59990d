package slack

import (
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/slack-go/slack"
)

// Slack's bounds of a message. Slack refuses blocks of more than some 13,200
// characters as JSON (msg_blocks_too_long); how it counts is not told, so the
// frame of every block and span is counted too, and some room left.
const (
	maxMessage  = 12000
	maxBlocks   = 50
	maxSection  = 3000
	maxFields   = 10
	maxField    = 2000
	maxButtons  = 25
	maxLabelLen = 75
	maxHeading  = 150
)

var shape = chat.Shape{
	Message: maxMessage,
	Text:    maxSection - 100,
	Blocks:  maxBlocks - 2,
	Fields:  maxFields,
	Field:   maxField - 100,
	Buttons: maxButtons,
	Heading: maxHeading,
	Each:    130,
	Size:    size,
}

// part is one message.
type part struct {
	blocks []slack.Block
	text   string // for notifications, and for readers that show no blocks
}

// render makes messages of a content. Text becomes rich_text and not mrkdwn,
// which has no way to write a literal "*": what a member typed stands there as
// they typed it, and can be neither a mark nor a mention.
func render(c abi.Content) []part {
	var parts []part
	for _, blocks := range chat.Split(c, shape) {
		p := part{text: fallback.Blocks(blocks)}
		for i := range blocks {
			p.blocks = append(p.blocks, block(&blocks[i], len(p.blocks)))
		}
		parts = append(parts, p)
	}
	return parts
}

// fallback writes text in Slack's own markup, of which it needs no more than
// mentions: everything else is escaped.
var fallback = chat.Texter{
	Escape: escape,
	Mention: func(sp chat.Span) string {
		if id, ok := mentionable(sp.Member, memberLetters); ok {
			return "<@" + id + ">"
		}
		if id, ok := mentionable(sp.Conversation, channelLetters); ok {
			return "<#" + id + ">"
		}
		return escape(chat.Texter{}.Line(chat.Line{sp}))
	},
}

// size is about how many characters d takes as JSON.
func size(d chat.Doc) int {
	n := 0
	for i := range d {
		n += 90 + jsonUnits(d[i].Code)
		for _, l := range d[i].Lines {
			n += 50
			for j := range l {
				n += 30 + jsonUnits(l[j].Text) + jsonUnits(l[j].URL) + len(l[j].Member) + len(l[j].Conversation)
				if l[j].Style != 0 {
					n += 60
				}
			}
		}
	}
	return n
}

func jsonUnits(s string) int {
	n := chat.Units(s)
	for i := range len(s) {
		switch s[i] {
		case '"', '\\', '\n', '\t', '/':
			n++
		}
	}
	return n
}

// block renders the nth block of a message.
func block(b *chat.Block, n int) slack.Block {
	switch b.Kind {
	case chat.HeadingBlock:
		return slack.NewHeaderBlock(plain(b.Text, maxHeading))
	case chat.FieldsBlock:
		return fieldsBlock(b.Fields)
	case chat.ButtonsBlock:
		return buttonsBlock(b.Buttons, n)
	case chat.FormBlock:
		bt := slack.NewButtonBlockElement(actionForm+strconv.Itoa(n), b.Form.Token, plain(chat.FormLabel(b.Form), maxLabelLen))
		bt.Style = slack.StylePrimary
		return slack.NewActionBlock("", bt)
	case chat.ContextBlock:
		return slack.NewContextBlock("", mrkdwn("", b.Doc, maxSection))
	case chat.DividerBlock:
		return slack.NewDividerBlock()
	}
	return richText(b.Doc)
}

func buttonsBlock(buttons []abi.Button, n int) *slack.ActionBlock {
	out := slack.NewActionBlock("")
	for i, b := range buttons {
		id := strconv.Itoa(n) + "." + strconv.Itoa(i)
		bt := slack.NewButtonBlockElement(actionButton+id, b.Token, plain(b.Label, maxLabelLen))
		switch {
		case b.URL != "":
			bt.ActionID, bt.Value, bt.URL = actionLink+id, "", b.URL
		case b.Style == "primary":
			bt.Style = slack.StylePrimary
		case b.Style == "danger":
			bt.Style = slack.StyleDanger
		}
		out.Elements.ElementSet = append(out.Elements.ElementSet, bt)
	}
	return out
}

func fieldsBlock(fields []chat.Field) *slack.SectionBlock {
	out := make([]*slack.TextBlockObject, len(fields))
	for i, f := range fields {
		out[i] = mrkdwn(f.Label, f.Value, maxField)
	}
	return slack.NewSectionBlock(nil, out, nil)
}

// mrkdwn is a label and a text in the one form that fields and small print may
// have. Where the text has a character that mrkdwn would take for a mark, it is
// plain text instead: exact before pretty. It has at most max characters.
func mrkdwn(label string, d chat.Doc, max int) *slack.TextBlockObject {
	under := ""
	if label = strings.TrimSpace(label); label != "" {
		under = "\n"
	}
	if !literalMarks(label) && !docMarks(d) {
		bold := escape(label)
		if bold != "" {
			bold = "*" + bold + "*"
		}
		if s := strings.TrimSpace(bold + under + marked.Doc(d)); s != "" && chat.Units(s) <= max {
			return slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
		}
	}
	return plain(strings.TrimSpace(label+under+chat.Texter{}.Doc(d)), max)
}

// literalMarks says whether s has a character that is a mark in mrkdwn.
func literalMarks(s string) bool { return strings.ContainsAny(s, "*_~`") }

// docMarks says whether d cannot be written in mrkdwn and mean the same.
func docMarks(d chat.Doc) bool {
	for i := range d {
		if d[i].Kind == chat.Fence || d[i].Kind == chat.Quote {
			return true
		}
		for _, l := range d[i].Lines {
			for j := range l {
				if spanMarks(l, j) {
					return true
				}
			}
		}
	}
	return false
}

func spanMarks(l chat.Line, j int) bool {
	sp := &l[j]
	switch {
	case literalMarks(sp.Text), j == 0 && strings.HasPrefix(sp.Text, ">"), sp.URL != "" && strings.Contains(sp.Text, "|"):
		return true
	case sp.Style == 0:
		return false
	}
	// A mark counts only at the edge of a word.
	return strings.TrimSpace(sp.Text) != sp.Text ||
		j > 0 && !edge(l[j-1].Text, len(l[j-1].Text)-1) || j+1 < len(l) && !edge(l[j+1].Text, 0)
}

// edge says whether s[i] is a character beside which Slack sees a mark.
func edge(s string, i int) bool {
	return s != "" && strings.IndexByte(" \n\t.,;:!?()-\"'", s[i]) >= 0
}

// marked writes mrkdwn of texts in which docMarks found nothing.
var marked = chat.Texter{
	Escape:  escape,
	Mention: fallback.Mention,
	Span: func(sp chat.Span) string {
		s := escape(sp.Text)
		if sp.URL != "" {
			s = "<" + escape(sp.URL) + "|" + s + ">"
		}
		for _, m := range [...]struct {
			style chat.Style
			mark  string
		}{{chat.Mono, "`"}, {chat.Struck, "~"}, {chat.Italic, "_"}, {chat.Bold, "*"}} {
			if sp.Style&m.style != 0 {
				s = m.mark + s + m.mark
			}
		}
		return s
	},
}
