package chat

import (
	"strconv"
	"strings"
)

// Doc is a text of the small Markdown ([abi.Content] says which), taken apart.
type Doc []Node

// NodeKind says what a Node is.
type NodeKind uint8

// The kinds of Node.
const (
	Paragraph NodeKind = iota // Lines are its lines
	Quote                     // Lines are the quoted lines
	Bullets                   // Lines are the items
	Numbers                   // Lines are the items, counted from First
	Fence                     // Code, in the language Lang
)

// Node is one paragraph, quote, list or piece of code.
type Node struct {
	Kind  NodeKind
	Lines []Line
	First int    // of Numbers
	Code  string // of Fence, without a last line end
	Lang  string // of Fence, "" if not named
}

// Line is one line, or one item of a list.
type Line []Span

// Style is how a span looks; styles add up.
type Style uint8

// The styles.
const (
	Bold Style = 1 << iota
	Italic
	Struck
	Mono
)

// Span is a stretch of text in one style. With URL it is a link, with Member
// or Conversation a mention of it, which has no Text.
type Span struct {
	Style        Style
	Text         string
	URL          string // https:// or http://
	Member       string // id with the platform's prefix
	Conversation string // id with the platform's prefix
}

// atom says whether s may not be cut in two.
func (s *Span) atom() bool { return s.URL != "" || s.Member != "" || s.Conversation != "" }

// MaxSource is the length in bytes of the longest text Parse looks for marks
// in; what is longer is one paragraph and means what it says.
const MaxSource = 64 << 10

// Parse takes a text apart. There is no malformed text: what is no mark stands
// for itself; an address that stands in the text is a link to itself. The texts of the result are clean ([Clean]) and call nobody
// ([Tame]). It takes time linear in the length of src.
func Parse(src string) Doc {
	if len(src) > MaxSource {
		return Literal(src)
	}
	p := docParser{rest: src}
	for p.next() {
		switch {
		case p.fence():
		case strings.TrimSpace(p.line) == "":
			p.open = false
		case p.quote(), p.item():
		default:
			if l := parseLine(p.line); len(l) > 0 {
				p.add(Paragraph, l)
			} else {
				p.open = false // nothing of it can be seen
			}
		}
	}
	return p.doc
}

// Literal makes a Doc of a text without marks: each character is itself.
func Literal(s string) Doc {
	var n Node
	for line := range strings.SplitSeq(Tame(s), "\n") {
		var l Line
		if line != "" {
			l = Line{{Text: line}}
		}
		n.Lines = append(n.Lines, l)
	}
	return Doc{n}
}

// CodeDoc makes a Doc of a piece of code.
func CodeDoc(code, lang string) Doc {
	return Doc{{Kind: Fence, Code: strings.TrimRight(CleanCode(code), "\n"), Lang: langName(lang)}}
}

type docParser struct {
	rest string
	done bool
	line string
	doc  Doc
	open bool // the last node goes on with a line of its kind
}

// next takes a line off rest, without its end.
func (p *docParser) next() bool {
	if p.done {
		return false
	}
	line, rest, more := strings.Cut(p.rest, "\n")
	p.line, p.rest, p.done = strings.TrimSuffix(line, "\r"), rest, !more
	return true
}

// add puts a line to the last node if that is open and of kind, else to a new one.
func (p *docParser) add(kind NodeKind, l Line) {
	if n := len(p.doc); p.open && n > 0 && p.doc[n-1].Kind == kind {
		p.doc[n-1].Lines = append(p.doc[n-1].Lines, l)
		return
	}
	p.doc = append(p.doc, Node{Kind: kind, Lines: []Line{l}})
	p.open = true
}

const fenceMark = "```"

// fence takes a fenced block if the line opens one. One that is not closed ends
// with the text.
func (p *docParser) fence() bool {
	after, ok := strings.CutPrefix(strings.TrimLeft(p.line, " "), fenceMark)
	if !ok || strings.Contains(after, "`") {
		return false
	}
	lang := langName(strings.TrimSpace(after))
	var code strings.Builder
	for p.next() {
		if t := strings.TrimSpace(p.line); strings.HasPrefix(t, fenceMark) && strings.Trim(t, "`") == "" {
			break
		}
		code.WriteString(p.line)
		code.WriteByte('\n')
	}
	n := CodeDoc(code.String(), lang)
	p.doc = append(p.doc, n...)
	p.open = false
	return true
}

// langName is s if it can name a language, else "".
func langName(s string) string {
	if len(s) > 32 {
		return ""
	}
	for _, r := range s {
		if r >= 0x80 || !wordRune(r) && !strings.ContainsRune("+#.-", r) {
			return ""
		}
	}
	return s
}

func (p *docParser) quote() bool {
	after, ok := strings.CutPrefix(p.line, ">")
	if !ok || after != "" && after[0] != ' ' {
		return false
	}
	p.add(Quote, parseLine(strings.TrimPrefix(after, " ")))
	return true
}

// item takes an item of a list, or an indented line that goes on with one.
func (p *docParser) item() bool {
	if after, ok := strings.CutPrefix(p.line, "- "); ok {
		p.add(Bullets, parseLine(strings.TrimSpace(after)))
		return true
	}
	if first, after, ok := cutNumber(p.line); ok {
		n := len(p.doc)
		p.add(Numbers, parseLine(after))
		if len(p.doc) > n {
			p.doc[n].First = first
		}
		return true
	}
	n := len(p.doc)
	if p.open && n > 0 && (p.doc[n-1].Kind == Bullets || p.doc[n-1].Kind == Numbers) && strings.HasPrefix(p.line, "  ") {
		lines := p.doc[n-1].Lines
		lines[len(lines)-1] = append(append(lines[len(lines)-1], Span{Text: "\n"}), parseLine(strings.TrimSpace(p.line))...)
		return true
	}
	return false
}

// cutNumber takes "12. " off line.
func cutNumber(line string) (n int, after string, ok bool) {
	digits, after, ok := strings.Cut(line, ". ")
	if !ok || digits == "" || len(digits) > 6 {
		return 0, "", false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, "", false
		}
	}
	n, _ = strconv.Atoi(digits)
	return n, strings.TrimSpace(after), true
}
