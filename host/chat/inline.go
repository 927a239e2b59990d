package chat

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxURL is the length in bytes of the longest address that becomes a link.
const maxURL = 2000

// parseLine finds the marks within one line. A style ends with its line at the
// latest; one that is not ended stands as the characters that were written.
func parseLine(s string) Line {
	return (&lineParser{s: s, noTick: len(s), badEnd: -1}).run().spans()
}

// A piece is text with what is known of it while the line is being read: a
// mark is a piece of its own until its partner is found.
type piece struct {
	span Span
	mark string // "*", "**" or "~~" while unmatched
}

type lineParser struct {
	s      string
	i      int
	from   int // start of the text not yet in pieces
	pieces []piece
	open   [3]int // 1 + index into pieces of the open mark of each style, 0 for none

	label   bool // it is the text of a link: styles count, links and mentions do not
	noTick  int  // no "`" that could close begins at or behind it
	bracket int  // where the last look for "]" ended
	badEnd  int  // the "]" behind which no address was found
}

var marks = [3]struct {
	mark  string
	style Style
}{{"**", Bold}, {"*", Italic}, {"~~", Struck}}

func (p *lineParser) run() *lineParser {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case '\\':
			if p.i+1 < len(p.s) && asciiPunct(p.s[p.i+1]) {
				p.flush(p.i)
				p.from = p.i + 1
				p.i += 2
				continue
			}
		case '`':
			if p.code() {
				continue
			}
		case '<':
			if p.mention() {
				continue
			}
		case '[':
			if p.link() {
				continue
			}
		case '*', '~':
			if p.emphasis() {
				continue
			}
		case 'h':
			if p.bare() {
				continue
			}
		}
		p.i++
	}
	p.flush(len(p.s))
	return p
}

// flush makes a piece of the text before i.
func (p *lineParser) flush(i int) {
	if i > p.from {
		p.pieces = append(p.pieces, piece{span: Span{Text: p.s[p.from:i]}})
	}
	p.from = i
}

// put adds a span that stands for s[p.i:end].
func (p *lineParser) put(sp Span, end int) {
	p.flush(p.i)
	p.pieces = append(p.pieces, piece{span: sp})
	p.i, p.from = end, end
}

func (p *lineParser) code() bool {
	rest := p.s[p.i+1:]
	if p.i >= p.noTick {
		return false
	}
	n := strings.IndexByte(rest, '`')
	if n < 0 {
		p.noTick = p.i
		return false
	}
	if n == 0 { // several in a row open nothing
		for p.i < len(p.s) && p.s[p.i] == '`' {
			p.i++
		}
		return true
	}
	p.put(Span{Style: Mono, Text: rest[:n]}, p.i+1+n+1)
	return true
}

func (p *lineParser) mention() bool {
	rest := p.s[p.i+1:]
	if p.label || rest == "" || rest[0] != '@' && rest[0] != '#' {
		return false
	}
	n := 1
	for n < len(rest) && n <= 128 && idByte(rest[n]) {
		n++
	}
	if n == len(rest) || rest[n] != '>' {
		return false
	}
	id := rest[1:n]
	if colon := strings.IndexByte(id, ':'); colon < 1 || colon == len(id)-1 {
		return false
	}
	sp := Span{Member: id}
	if rest[0] == '#' {
		sp = Span{Conversation: id}
	}
	p.put(sp, p.i+1+n+1)
	return true
}

func idByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte(":._-+=/$@", c) >= 0
}

// link takes "[text](https://…)". The look for the end of the text is kept, so
// that a line full of brackets costs no more than one that has none.
func (p *lineParser) link() bool {
	if p.label {
		return false
	}
	if p.bracket <= p.i {
		p.bracket = p.i + 1
		for p.bracket < len(p.s) && p.s[p.bracket] != ']' {
			if p.s[p.bracket] == '\\' {
				p.bracket++
			}
			p.bracket++
		}
	}
	end := p.bracket
	if end >= len(p.s) || end == p.badEnd {
		return false
	}
	addr, n, ok := address(p.s[end+1:])
	if !ok {
		p.badEnd = end
		return false
	}
	inner := (&lineParser{s: p.s[p.i+1 : end], label: true, noTick: end, badEnd: -1}).run().spans()
	if len(inner) == 0 {
		return false
	}
	p.flush(p.i)
	for _, sp := range inner {
		sp.URL = addr
		p.pieces = append(p.pieces, piece{span: sp})
	}
	p.i = end + 1 + n
	p.from = p.i
	return true
}

// bare takes an address that stands in the text as it is. What ends a sentence
// or a style does not belong to it.
func (p *lineParser) bare() bool {
	rest := p.s[p.i:]
	if p.label || !strings.HasPrefix(rest, "https://") && !strings.HasPrefix(rest, "http://") {
		return false
	}
	if r, _ := utf8.DecodeLastRuneInString(p.s[:p.i]); p.i > 0 && r < utf8.RuneSelf && wordRune(r) {
		return false
	}
	n := strings.IndexFunc(rest, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("<>\"`*|\\^{}", r) })
	if n < 0 {
		n = len(rest)
	}
	n = min(n, maxURL)
	if k := strings.Index(rest[:n], "~~"); k >= 0 {
		n = k
	}
	spare := strings.Count(rest[:n], ")") - strings.Count(rest[:n], "(")
	for n > 0 && strings.IndexByte(".,;:!?'()[]", rest[n-1]) >= 0 {
		switch rest[n-1] {
		case ')':
			spare--
		case '(':
			spare++
		}
		if rest[n-1] == ')' && spare < 0 {
			break // it closes one within the address
		}
		n--
	}
	addr, ok := WebURL(rest[:n])
	if !ok {
		p.i += max(1, n) // do not look into it again
		return true
	}
	p.put(Span{Text: addr, URL: addr}, p.i+n)
	return true
}

// address takes "(https://…)" from the start of s; n is its length with the
// brackets.
func address(s string) (addr string, n int, ok bool) {
	if s == "" || s[0] != '(' {
		return "", 0, false
	}
	s = s[1:]
	if len(s) > maxURL+1 {
		s = s[:maxURL+1]
	}
	if n = closing(s); n < 0 {
		return "", 0, false
	}
	addr, ok = WebURL(s[:n])
	return addr, n + 2, ok
}

// closing is the index of the ")" that ends an address; pairs within it belong
// to it. It is -1 if there is none.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth == 0 {
				return i
			}
			depth--
		case ' ', '\t':
			return -1
		}
	}
	return -1
}

// WebURL returns the address in its written form if it is an absolute https or
// http one that a reader may safely be sent to: no user name in it, nothing
// hidden, at most 2,000 bytes.
func WebURL(s string) (string, bool) {
	if len(s) > maxURL || Clean(s) != s || strings.ContainsAny(s, " \t\n<>|\"`\\") {
		return "", false
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return "", false
	}
	return s, true
}

// emphasis takes a mark that opens or closes a style.
func (p *lineParser) emphasis() bool {
	rest := p.s[p.i:]
	k := 0
	for k < len(marks) && !strings.HasPrefix(rest, marks[k].mark) {
		k++
	}
	if k == len(marks) {
		return false
	}
	m := marks[k].mark
	// "***" closes what was opened last first: "**bold *both***".
	if k == 0 && strings.HasPrefix(rest, "***") && p.open[1] > p.open[0] {
		k, m = 1, "*"
	}
	end := p.i + len(m)
	var before, after byte = ' ', ' '
	if p.i > 0 {
		before = p.s[p.i-1]
	}
	if end < len(p.s) {
		after = p.s[end]
	}
	if o := p.open[k]; o > 0 && before != ' ' {
		p.flush(p.i)
		p.match(k, o-1)
		p.i, p.from = end, end
		return true
	}
	if p.open[k] > 0 || after == ' ' {
		p.i = end // a mark that stands alone is text
		return true
	}
	p.flush(p.i)
	p.pieces = append(p.pieces, piece{mark: m, span: Span{Text: m}})
	p.open[k] = len(p.pieces)
	p.i, p.from = end, end
	return true
}

// match styles the pieces behind the opening mark, which disappears; marks
// opened behind it and not closed stay text.
func (p *lineParser) match(k, o int) {
	for i := o + 1; i < len(p.pieces); i++ {
		p.pieces[i].span.Style |= marks[k].style
	}
	p.pieces[o] = piece{}
	p.open[k] = 0
	for j := range p.open {
		if p.open[j] > o+1 {
			p.open[j] = 0
		}
	}
}

// spans joins the pieces of one look and makes their texts harmless.
func (p *lineParser) spans() Line {
	var out Line
	var text []string
	for i := 0; i < len(p.pieces); {
		sp := p.pieces[i].span
		text = append(text[:0], sp.Text)
		for i++; i < len(p.pieces); i++ {
			next := &p.pieces[i].span
			if next.Text == "" && !next.atom() {
				continue // a mark that found its partner
			}
			if sp.atom() || next.atom() || next.Style != sp.Style || sp.Style&Mono != 0 {
				break
			}
			text = append(text, next.Text)
		}
		sp.Text = strings.Join(text, "")
		if sp.Style&Mono != 0 {
			sp.Text = CleanCode(sp.Text)
		} else if sp.Text != sp.URL {
			sp.Text = Tame(sp.Text)
		}
		if sp.Text != "" || sp.Member != "" || sp.Conversation != "" {
			out = append(out, sp)
		}
	}
	return out
}

func asciiPunct(c byte) bool {
	return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z')
}
