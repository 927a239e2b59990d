package chat

import "github.com/hearthbot/hearth/sdk/abi"

// Shape says what fits into one message of a platform. Bounds are in whatever
// Size counts.
type Shape struct {
	Message int  // the most a message holds; required
	Text    int  // the most one text or piece of code holds; 0 means Message
	Blocks  int  // the most blocks a message has; 0 means any number
	Fields  int  // the most fields one block has; 0 means any number
	Buttons int  // the most buttons one row has; 0 means any number
	Field   int  // the most one field holds with its label, a longer one becomes text; 0 means a quarter of Message
	Heading int  // the most runes a heading has, a longer one becomes bold text; 0 means any number
	Tables  bool // it shows tables; otherwise they become text of fixed width
	Each    int  // what each block, button and field costs beside its text; 0 means 2

	// Size measures a text. It counts at least one for each rune and does not
	// shrink as a text grows. Nil means [Size].
	Size func(Doc) int
}

// minShape is the least room for text that splitting works with.
const minShape = 60

// Split takes a content apart into messages that fit. Code is split between
// its lines and stays code in each part; lists stay whole where they can; no
// link, mention or character is cut. A heading stays with what it is over, and
// buttons with what they are under, where there is room. The result of a
// content that shows nothing is empty.
func Split(c abi.Content, s Shape) [][]Block {
	if s.Size == nil {
		s.Size = Size
	}
	if s.Each <= 0 {
		s.Each = 2
	}
	s.Message = max(s.Message, minShape+s.Each)
	if s.Text <= 0 || s.Text > s.Message-s.Each {
		s.Text = s.Message - s.Each
	}
	s.Text = max(s.Text, minShape)
	if s.Field <= 0 || s.Field > s.Message/4 {
		s.Field = s.Message / 4
	}
	var p packer
	p.shape = s
	for _, b := range Blocks(c) {
		for _, piece := range s.pieces(b) {
			p.add(piece)
		}
	}
	p.end()
	return p.parts
}

// Size is the length of a text in UTF-16 units, with the addresses of its links.
func Size(d Doc) int {
	n := 0
	for i := range d {
		if i > 0 {
			n++
		}
		n += Units(d[i].Code)
		for k, l := range d[i].Lines {
			if k > 0 {
				n++
			}
			if d[i].Kind != Paragraph {
				n += 2
			}
			for j := range l {
				n += Units(l[j].Text) + len(l[j].URL) + len(l[j].Member) + len(l[j].Conversation)
			}
		}
	}
	return n
}

// pieces cuts one block into blocks that fit into a message each.
func (s *Shape) pieces(b Block) []Block {
	switch b.Kind {
	case TextBlock, ContextBlock:
		return s.texts(b.Kind, b.Doc)
	case HeadingBlock:
		if s.Heading > 0 && Units(b.Text) > s.Heading || s.Size(Literal(b.Text)) > s.Text {
			return s.texts(TextBlock, Doc{{Lines: []Line{{{Style: Bold, Text: b.Text}}}}})
		}
	case TableBlock:
		if !s.Tables {
			return s.texts(TextBlock, CodeDoc(TableText(b.Table), ""))
		}
	case FieldsBlock:
		return s.fields(b.Fields)
	case FormBlock:
		return []Block{b}
	case ButtonsBlock:
		return chunk(b.Buttons, s.Buttons, func(bt []abi.Button) Block { return Block{Kind: ButtonsBlock, Buttons: bt} })
	}
	return []Block{b}
}

func (s *Shape) texts(kind BlockKind, d Doc) []Block {
	var out []Block
	for _, part := range SplitDoc(d, s.Text, s.Size) {
		out = append(out, Block{Kind: kind, Doc: part})
	}
	return out
}

// fields groups fields; one whose value is longer than a text is allowed to be
// becomes a text of its own, under its label in bold.
func (s *Shape) fields(in []Field) []Block {
	var out []Block
	from := 0
	flush := func(to int) {
		out = append(out, chunk(in[from:to], s.Fields, func(f []Field) Block { return Block{Kind: FieldsBlock, Fields: f} })...)
		from = to
	}
	for i, f := range in {
		if s.Size(Literal(f.Label))+s.Size(f.Value)+s.Each > min(s.Text, s.Field) {
			flush(i)
			d := append(Doc{{Lines: []Line{{{Style: Bold, Text: f.Label}}}}}, f.Value...)
			out = append(out, s.texts(TextBlock, d)...)
			from = i + 1
		}
	}
	flush(len(in))
	return out
}

func chunk[T any](in []T, n int, f func([]T) Block) []Block {
	var out []Block
	for len(in) > 0 {
		k := len(in)
		if n > 0 {
			k = min(k, n)
		}
		out = append(out, f(in[:k]))
		in = in[k:]
	}
	return out
}

// weigh says how much of a message b takes.
func (s *Shape) weigh(b *Block) int {
	n := s.Each
	switch b.Kind {
	case TextBlock, ContextBlock:
		n += s.Size(b.Doc)
	case HeadingBlock:
		n += Units(b.Text)
	case FieldsBlock:
		for _, f := range b.Fields {
			n += Units(f.Label) + s.Size(f.Value) + s.Each
		}
	case ButtonsBlock:
		for i := range b.Buttons {
			bt := &b.Buttons[i]
			n += Units(bt.Label) + len(bt.URL) + len(bt.Token) + s.Each
		}
	case FormBlock:
		n += Units(FormLabel(b.Form)) + len(b.Form.Token)
	case TableBlock:
		n += Units(TableText(b.Table))
	}
	return n
}

// packer fills messages with blocks, each of which fits into an empty one.
type packer struct {
	shape Shape
	parts [][]Block
	cur   []Block
	sizes []int
	size  int
}

func (p *packer) add(b Block) {
	w := p.shape.weigh(&b)
	if len(p.cur) > 0 && (p.size+w > p.shape.Message || p.shape.Blocks > 0 && len(p.cur) >= p.shape.Blocks) {
		p.turn(b.Kind, w)
	}
	p.cur, p.sizes, p.size = append(p.cur, b), append(p.sizes, w), p.size+w
}

// turn ends the message, taking over into the next one what belongs to the
// block of kind and weight w that comes there.
func (p *packer) turn(kind BlockKind, w int) {
	keep := len(p.cur)
	if kind == ButtonsBlock || kind == FormBlock {
		keep--
	}
	for keep > 0 && p.cur[keep-1].Kind == HeadingBlock {
		keep--
	}
	take := 0
	for _, n := range p.sizes[keep:] {
		take += n
	}
	if keep == 0 || take+w > p.shape.Message || p.shape.Blocks > 0 && len(p.cur)-keep >= p.shape.Blocks {
		keep, take = len(p.cur), 0
	}
	next := append([]Block(nil), p.cur[keep:]...)
	sizes := append([]int(nil), p.sizes[keep:]...)
	p.parts = append(p.parts, p.cur[:keep:keep])
	p.cur, p.sizes, p.size = next, sizes, take
}

func (p *packer) end() {
	if len(p.cur) > 0 {
		p.parts = append(p.parts, p.cur)
	}
}
