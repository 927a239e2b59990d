package chat

import (
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Can says which blocks a platform shows. What it cannot show is said in text.
type Can struct {
	Headings bool
	Fields   bool
	Buttons  bool // that answer; a button with an address needs no more than a link
	Forms    bool
	Context  bool
	Tables   bool
	Dividers bool
}

// Degrade turns what a platform cannot show into text of the same meaning:
// headings and labels become bold, small print italic, tables code, buttons
// with an address links. A button or form that cannot be pressed there is named
// and said to be so, in the language of locale, rather than left out.
func Degrade(blocks []Block, can Can, locale string) []Block {
	out := make([]Block, 0, len(blocks))
	for _, b := range blocks {
		switch {
		case b.Kind == HeadingBlock && !can.Headings:
			b = textBlock(Line{{Style: Bold, Text: b.Text}})
		case b.Kind == FieldsBlock && !can.Fields:
			b = fieldsText(b.Fields)
		case b.Kind == ButtonsBlock && !can.Buttons:
			b = buttonsText(b.Buttons, locale)
		case b.Kind == FormBlock && !can.Forms:
			b = textBlock(Line{{Style: Bold, Text: FormLabel(b.Form)}, {Text: " — " + noPress.In(locale)}})
		case b.Kind == ContextBlock && !can.Context:
			b = Block{Kind: TextBlock, Doc: restyle(b.Doc, Italic)}
		case b.Kind == TableBlock && !can.Tables:
			b = Block{Kind: TextBlock, Doc: CodeDoc(TableText(b.Table), "")}
		case b.Kind == DividerBlock && !can.Dividers:
			b = textBlock(Line{{Text: "———"}})
		}
		out = append(out, b)
	}
	return out
}

var noPress = abi.Localized{
	{Locale: "en", Text: "this cannot be pressed here"},
	{Locale: "zh-CN", Text: "这里无法点击"},
}

func textBlock(lines ...Line) Block {
	return Block{Kind: TextBlock, Doc: Doc{{Lines: lines}}}
}

func fieldsText(fields []Field) Block {
	var d Doc
	for _, f := range fields {
		label := Line{{Style: Bold, Text: f.Label + ":"}}
		if len(f.Value) == 1 && f.Value[0].Kind == Paragraph && len(f.Value[0].Lines) == 1 {
			line := append(append(label, Span{Text: " "}), f.Value[0].Lines[0]...)
			if n := len(d); n > 0 && d[n-1].Kind == Paragraph {
				d[n-1].Lines = append(d[n-1].Lines, line)
			} else {
				d = append(d, Node{Lines: []Line{line}})
			}
			continue
		}
		d = append(append(d, Node{Lines: []Line{label}}), f.Value...)
	}
	return Block{Kind: TextBlock, Doc: d}
}

func buttonsText(buttons []abi.Button, locale string) Block {
	var lines []Line
	var dead []string
	for _, b := range buttons {
		if b.URL != "" {
			lines = append(lines, Line{{Text: b.Label, URL: b.URL}})
		} else {
			dead = append(dead, "["+b.Label+"]")
		}
	}
	if len(dead) > 0 {
		lines = append(lines, Line{{Text: strings.Join(dead, " ") + " — " + noPress.In(locale)}})
	}
	return textBlock(lines...)
}

// restyle returns d with style added to all its text.
func restyle(d Doc, style Style) Doc {
	out := make(Doc, len(d))
	for i, n := range d {
		lines := make([]Line, len(n.Lines))
		for k, l := range n.Lines {
			lines[k] = append(Line(nil), l...)
			for j := range lines[k] {
				if !lines[k][j].atom() || lines[k][j].URL != "" {
					lines[k][j].Style |= style
				}
			}
		}
		n.Lines = lines
		out[i] = n
	}
	return out
}

// Address puts a mention of member before a content: for a direct message that
// had to become a public one.
func Address(c abi.Content, member string) abi.Content {
	blocks := make([]abi.Block, 0, len(c.Blocks)+1)
	mention := "<@" + member + ">"
	if len(c.Blocks) > 0 && c.Blocks[0].Text != "" {
		if d := Parse(c.Blocks[0].Text); len(d) > 0 && d[0].Kind == Paragraph {
			blocks = append(blocks, abi.Block{Text: mention + " " + strings.TrimLeft(c.Blocks[0].Text, " \n")})
			return abi.Content{Blocks: append(blocks, c.Blocks[1:]...)}
		}
	}
	blocks = append(blocks, abi.Block{Text: mention})
	return abi.Content{Blocks: append(blocks, c.Blocks...)}
}
