package slack

import (
	"github.com/hearthbot/hearth/host/chat"
	"github.com/slack-go/slack"
)

// richText renders a text as one block.
func richText(d chat.Doc) *slack.RichTextBlock {
	out := slack.NewRichTextBlock("")
	for i := range d {
		n := &d[i]
		switch n.Kind {
		case chat.Fence:
			out.Elements = append(out.Elements, &slack.RichTextPreformatted{
				Type:     slack.RTEPreformatted,
				Elements: []slack.RichTextSectionElement{slack.NewRichTextSectionTextElement(orSpace(n.Code), nil)},
			})
		case chat.Bullets, chat.Numbers:
			out.Elements = append(out.Elements, list(n))
		case chat.Quote:
			out.Elements = append(out.Elements, &slack.RichTextQuote{Type: slack.RTEQuote, Elements: lines(n.Lines, false)})
		default:
			// Paragraphs stand apart by an empty line, which Slack does not put.
			apart := i+1 < len(d) && d[i+1].Kind == chat.Paragraph
			out.Elements = append(out.Elements, slack.NewRichTextSection(lines(n.Lines, apart)...))
		}
	}
	return out
}

func list(n *chat.Node) *slack.RichTextList {
	l := slack.NewRichTextList(slack.RTEListBullet, 0)
	if n.Kind == chat.Numbers {
		l.Style = slack.RTEListOrdered
		l.Offset = max(0, n.First-1)
	}
	for i := range n.Lines {
		l.Elements = append(l.Elements, slack.NewRichTextSection(lines(n.Lines[i:i+1], false)...))
	}
	return l
}

// lines renders lines one below the other; they are never without an element.
func lines(in []chat.Line, apart bool) []slack.RichTextSectionElement {
	var out []slack.RichTextSectionElement
	for i, l := range in {
		if i > 0 {
			out = newline(out, "\n")
		}
		for j := range l {
			out = append(out, span(&l[j]))
		}
	}
	if apart {
		out = newline(out, "\n\n")
	}
	if len(out) == 0 {
		out = append(out, slack.NewRichTextSectionTextElement(" ", nil))
	}
	return out
}

// newline puts s to the last element if that is unstyled text, else after it.
func newline(out []slack.RichTextSectionElement, s string) []slack.RichTextSectionElement {
	if n := len(out); n > 0 {
		if t, ok := out[n-1].(*slack.RichTextSectionTextElement); ok && t.Style == nil {
			t.Text += s
			return out
		}
	}
	return append(out, slack.NewRichTextSectionTextElement(s, nil))
}

func span(sp *chat.Span) slack.RichTextSectionElement {
	st := style(sp.Style)
	if id, ok := mentionable(sp.Member, memberLetters); ok {
		return slack.NewRichTextSectionUserElement(id, st)
	}
	if id, ok := mentionable(sp.Conversation, channelLetters); ok {
		return slack.NewRichTextSectionChannelElement(id, st)
	}
	switch {
	case sp.Member != "" || sp.Conversation != "": // of another platform, or nobody's: there is nothing to mention
		return slack.NewRichTextSectionTextElement(chat.Texter{}.Line(chat.Line{*sp}), st)
	case sp.URL != "" && sp.URL == sp.Text:
		return slack.NewRichTextSectionLinkElement(sp.URL, "", st)
	case sp.URL != "":
		return slack.NewRichTextSectionLinkElement(sp.URL, sp.Text, st)
	}
	return slack.NewRichTextSectionTextElement(orSpace(sp.Text), st)
}

func style(s chat.Style) *slack.RichTextSectionTextStyle {
	if s == 0 {
		return nil
	}
	return &slack.RichTextSectionTextStyle{
		Bold: s&chat.Bold != 0, Italic: s&chat.Italic != 0, Strike: s&chat.Struck != 0, Code: s&chat.Mono != 0,
	}
}

// orSpace is s, or a space: Slack refuses an empty text.
func orSpace(s string) string {
	if s == "" {
		return " "
	}
	return s
}
