package chat

import (
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Texter renders blocks as text. Its zero value renders plain text without any
// mark; a platform with a small markup of its own sets what differs.
type Texter struct {
	Escape  func(string) string // of literal text and code; nil leaves it as it is
	Span    func(Span) string   // a whole span, not yet escaped; nil is Plain's way
	Mention func(Span) string   // of a member or conversation; nil is "@U1", "#C1"
}

// PlainText is a content as text without marks, for notifications and logs.
func PlainText(c abi.Content) string { return Texter{}.Blocks(Blocks(c)) }

func (t Texter) esc(s string) string {
	if t.Escape == nil {
		return s
	}
	return t.Escape(s)
}

// Blocks renders blocks one below the other.
func (t Texter) Blocks(blocks []Block) string {
	var parts []string
	for i := range blocks {
		if s := t.block(&blocks[i]); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

func (t Texter) block(b *Block) string {
	switch b.Kind {
	case TextBlock, ContextBlock:
		return t.Doc(b.Doc)
	case HeadingBlock:
		return t.esc(b.Text)
	case FieldsBlock:
		lines := make([]string, len(b.Fields))
		for i, f := range b.Fields {
			lines[i] = t.esc(f.Label) + ": " + t.Doc(f.Value)
		}
		return strings.Join(lines, "\n")
	case ButtonsBlock:
		labels := make([]string, len(b.Buttons))
		for i, bt := range b.Buttons {
			labels[i] = "[" + t.esc(bt.Label) + "]"
			if bt.URL != "" {
				labels[i] += " " + t.esc(bt.URL)
			}
		}
		return strings.Join(labels, "  ")
	case FormBlock:
		return "[" + t.esc(FormLabel(b.Form)) + "]"
	case TableBlock:
		return t.esc(TableText(b.Table))
	case DividerBlock:
		return "———"
	}
	return ""
}

// FormLabel is what stands on the button that opens f.
func FormLabel(f *abi.Form) string {
	switch {
	case f.Title != "":
		return f.Title
	case f.Submit != "":
		return f.Submit
	}
	return "…"
}

// Doc renders a text, its parts one below the other.
func (t Texter) Doc(d Doc) string {
	var b strings.Builder
	for i := range d {
		n := &d[i]
		if i > 0 {
			b.WriteByte('\n')
		}
		if n.Kind == Fence {
			b.WriteString(t.esc(n.Code))
			continue
		}
		for k, l := range n.Lines {
			if k > 0 {
				b.WriteByte('\n')
			}
			switch n.Kind {
			case Quote:
				b.WriteString(t.esc("> "))
			case Bullets:
				b.WriteString("• ")
			case Numbers:
				b.WriteString(strconv.Itoa(n.First+k) + ". ")
			}
			b.WriteString(t.Line(l))
		}
	}
	return b.String()
}

// Line renders one line.
func (t Texter) Line(l Line) string {
	if len(l) == 1 && t.Span == nil && !l[0].atom() {
		return t.esc(l[0].Text)
	}
	var b strings.Builder
	for i := range l {
		sp := l[i]
		switch {
		case sp.Member != "" || sp.Conversation != "":
			b.WriteString(t.mention(sp))
		case t.Span != nil:
			b.WriteString(t.Span(sp))
		case sp.URL != "":
			b.WriteString(t.esc(sp.Text))
			// The address stands once, behind the last span of its link.
			if (i+1 == len(l) || l[i+1].URL != sp.URL) && sp.Text != sp.URL {
				b.WriteString(" (" + t.esc(sp.URL) + ")")
			}
		default:
			b.WriteString(t.esc(sp.Text))
		}
	}
	return b.String()
}

func (t Texter) mention(sp Span) string {
	switch {
	case t.Mention != nil:
		return t.Mention(sp)
	case sp.Member != "":
		return t.esc("@" + abi.LocalID(sp.Member))
	}
	return t.esc("#" + abi.LocalID(sp.Conversation))
}
