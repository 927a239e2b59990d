package chat

import (
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
	"golang.org/x/text/width"
)

// BlockKind says what a Block is.
type BlockKind uint8

// The kinds of Block.
const (
	TextBlock    BlockKind = iota // Doc; code is a Doc of one Fence
	HeadingBlock                  // Text
	FieldsBlock                   // Fields
	ButtonsBlock                  // Buttons
	FormBlock                     // Form
	ContextBlock                  // Doc, as small print
	TableBlock                    // Table
	DividerBlock
)

// Block is one part of a message, its texts parsed and harmless.
type Block struct {
	Kind    BlockKind
	Doc     Doc
	Text    string
	Fields  []Field
	Buttons []abi.Button
	Form    *abi.Form
	Table   *abi.Table
}

// Field is a label and its value.
type Field struct {
	Label string
	Value Doc
}

// Blocks takes a content apart. What shows nothing (an empty text, a button
// without a label) is left out. Labels and headings come back tame, addresses
// that [WebURL] refuses make their button disappear.
func Blocks(c abi.Content) []Block {
	out := make([]Block, 0, len(c.Blocks))
	for i := range c.Blocks {
		b := &c.Blocks[i]
		switch {
		case b.Text != "":
			if d := Parse(b.Text); len(d) > 0 {
				out = append(out, Block{Kind: TextBlock, Doc: d})
			}
		case b.Heading != "":
			if t := oneLine(b.Heading); t != "" {
				out = append(out, Block{Kind: HeadingBlock, Text: t})
			}
		case len(b.Fields) > 0:
			out = append(out, Block{Kind: FieldsBlock, Fields: fields(b.Fields)})
		case len(b.Buttons) > 0:
			if bt := buttons(b.Buttons); len(bt) > 0 {
				out = append(out, Block{Kind: ButtonsBlock, Buttons: bt})
			}
		case b.Form != nil:
			f := *b.Form
			f.Title, f.Submit = oneLine(f.Title), oneLine(f.Submit)
			out = append(out, Block{Kind: FormBlock, Form: &f})
		case b.Context != "":
			if d := Parse(b.Context); len(d) > 0 {
				out = append(out, Block{Kind: ContextBlock, Doc: d})
			}
		case b.Code != "":
			out = append(out, Block{Kind: TextBlock, Doc: CodeDoc(b.Code, b.Lang)})
		case b.Table != nil:
			if t := table(b.Table); t != nil {
				out = append(out, Block{Kind: TableBlock, Table: t})
			}
		case b.Divider:
			out = append(out, Block{Kind: DividerBlock})
		}
	}
	return out
}

// oneLine is s, tame and without line ends.
func oneLine(s string) string { return strings.Join(strings.Fields(Tame(s)), " ") }

func fields(in []abi.Field) []Field {
	out := make([]Field, len(in))
	for i, f := range in {
		out[i] = Field{Label: oneLine(f.Label), Value: Parse(f.Value)}
	}
	return out
}

func buttons(in []abi.Button) []abi.Button {
	out := make([]abi.Button, 0, len(in))
	for _, b := range in {
		b.Label = oneLine(b.Label)
		if b.URL != "" {
			addr, ok := WebURL(b.URL)
			if !ok {
				continue
			}
			b.URL = addr
		}
		if b.Label != "" {
			out = append(out, b)
		}
	}
	return out
}

// table is t with cells of one line, without their marks, and as many cells in a
// row as in the header; nil if it is empty.
func table(t *abi.Table) *abi.Table {
	cols := len(t.Header)
	for _, r := range t.Rows {
		cols = max(cols, len(r))
	}
	if cols == 0 {
		return nil
	}
	row := func(in []string) []string {
		out := make([]string, cols)
		for i, c := range in {
			out[i] = oneLine(Texter{}.Doc(Parse(c)))
		}
		return out
	}
	out := &abi.Table{Header: row(t.Header)}
	for _, r := range t.Rows {
		out.Rows = append(out.Rows, row(r))
	}
	return out
}

// TableText is t as lines of a fixed-width font, columns aligned; a Chinese
// character is two columns wide.
func TableText(t *abi.Table) string {
	wide := make([]int, len(t.Header))
	rows := append([][]string{t.Header}, t.Rows...)
	for _, r := range rows {
		for i := range min(len(r), len(wide)) {
			wide[i] = max(wide[i], columns(r[i]))
		}
	}
	var b strings.Builder
	for k, r := range rows {
		blank := 0 // spaces owed, written only if text follows
		for i := range min(len(r), len(wide)) {
			if r[i] != "" {
				b.WriteString(strings.Repeat(" ", blank))
				b.WriteString(r[i])
				blank = 0
			}
			blank += wide[i] - columns(r[i]) + 2
		}
		b.WriteByte('\n')
		if k == 0 {
			for i, w := range wide {
				if i > 0 {
					b.WriteString("  ")
				}
				b.WriteString(strings.Repeat("-", w))
			}
			b.WriteByte('\n')
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// columns is how many columns s takes in a fixed-width font.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch k := width.LookupRune(r).Kind(); {
		case joins(r):
		case k == width.EastAsianWide, k == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}
