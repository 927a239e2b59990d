package source

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Repair mends what chats and input methods do to Go code: quotes that curl,
// spaces that do not break, characters that cannot be seen, the wide
// punctuation of Chinese keyboards, dashes that were two hyphens. It changes
// only what stands outside comments, strings and rune literals, where none of
// these is Go, so a text that compiles comes back as it is. ("\r\n" is Go, and
// left alone.)
//
// text is one Go file. There is one note for each kind of repair, at its first
// place in text as it came; File is left to the caller.
func Repair(text string) (string, []Diagnostic) {
	i := firstOdd(text)
	if i == len(text) {
		return text, nil
	}
	m := mender{text: text}
	m.run()
	if len(m.found) == 0 {
		return text, nil
	}
	return m.out.String(), m.notes()
}

// firstOdd is the index of the first rune beyond ASCII, or len(s): only those
// are mended.
func firstOdd(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return i
		}
	}
	return len(s)
}

// A mender walks through a text once.
type mender struct {
	text  string
	pos   int
	out   strings.Builder
	found []*mended
}

// mended is one kind of repair.
type mended struct {
	kind, what string // its code's name, and how a note says it
	at         int    // offset of the first
	count      int
	pairs      []string // "（ → (", the first few
}

func (m *mender) run() {
	for m.pos < len(m.text) {
		rest := m.text[m.pos:]
		switch {
		case strings.HasPrefix(rest, "//"):
			m.keep(lineEnd(rest))
		case strings.HasPrefix(rest, "/*"):
			if end := strings.Index(rest[2:], "*/"); end >= 0 {
				m.keep(2 + end + 2)
			} else {
				m.keep(len(rest))
			}
		case rest[0] == '`':
			if end := strings.IndexByte(rest[1:], '`'); end >= 0 {
				m.keep(1 + end + 1)
			} else {
				m.keep(len(rest))
			}
		case rest[0] == '"':
			m.quoted(1, '"', "”“＂")
		case rest[0] == '\'':
			m.quoted(1, '\'', "’‘＇")
		case rest[0] < utf8.RuneSelf:
			m.keep(1)
		default:
			m.odd()
		}
	}
}

// odd takes a rune beyond ASCII outside comments and strings.
func (m *mender) odd() {
	r, n := utf8.DecodeRuneInString(m.text[m.pos:])
	switch r {
	case '“', '”', '„', '＂', '‘', '’', '＇':
		quote, closers := byte('"'), "”“＂"
		if r == '‘' || r == '’' || r == '＇' {
			quote, closers = '\'', "’‘＇"
		}
		m.replace(n, string(quote), "quotes", "quotes")
		m.quoted(0, quote, closers)
		return
	}
	if r == '\ufeff' && m.pos == 0 {
		m.keep(n) // a byte order mark at the start is Go
		return
	}
	to, kind, what := plain(r)
	if kind == "" {
		m.keep(n)
		return
	}
	m.replace(n, to, kind, what)
}

// quoted takes a string or rune literal whose opening quote is the next
// opening bytes. It ends at quote as Go says; if the line has none, or the
// opening quote was mended, at the first of closers.
func (m *mender) quoted(opening int, quote byte, closers string) {
	rest := m.text[m.pos:]
	end := lineEnd(rest)
	plainEnd, curly := -1, -1
	for i := opening; i < end; i++ {
		switch c := rest[i]; {
		case c == '\\':
			i++
		case c == quote:
			plainEnd = i
			i = end
		case c >= utf8.RuneSelf && curly < 0 && utf8.RuneStart(c):
			if r, _ := utf8.DecodeRuneInString(rest[i:]); strings.ContainsRune(closers, r) {
				curly = i
			}
		}
	}
	mendedOpening := opening == 0
	switch {
	case curly >= 0 && (plainEnd < 0 || mendedOpening):
		m.keep(curly)
		_, n := utf8.DecodeRuneInString(rest[curly:])
		m.replace(n, string(quote), "quotes", "quotes")
	case plainEnd >= 0:
		m.keep(plainEnd + 1)
	default:
		m.keep(end)
	}
}

// keep copies the next n bytes.
func (m *mender) keep(n int) {
	m.out.WriteString(m.text[m.pos : m.pos+n])
	m.pos += n
}

// replace writes to for the next n bytes.
func (m *mender) replace(n int, to, kind, what string) {
	var f *mended
	for _, x := range m.found {
		if x.kind == kind {
			f = x
		}
	}
	if f == nil {
		f = &mended{kind: kind, what: what, at: m.pos}
		m.found = append(m.found, f)
	}
	f.count++
	from := m.text[m.pos : m.pos+n]
	if kind == "space" || kind == "invisible" {
		r, _ := utf8.DecodeRuneInString(from)
		from = fmt.Sprintf("U+%04X", r)
	}
	if kind == "quotes" || kind == "punctuation" {
		from += " by " + to
	}
	if len(f.pairs) < 8 && !slices.Contains(f.pairs, from) {
		f.pairs = append(f.pairs, from)
	}
	m.out.WriteString(to)
	m.pos += n
}

func (m *mender) notes() []Diagnostic {
	var out []Diagnostic
	for _, f := range m.found {
		verb := "replaced "
		if f.kind == "invisible" {
			verb = "removed "
		}
		times := ""
		if f.count > 1 {
			times = fmt.Sprintf(", %d in all", f.count)
		}
		line, column := Place(m.text, f.at)
		out = append(out, Diagnostic{Severity: Note, Line: line, Column: column, Code: "source/" + f.kind,
			Message: verb + f.what + ": " + strings.Join(f.pairs, ", ") + times})
	}
	return out
}

// plain is what r, which stands outside comments and strings, is meant to be;
// kind is empty if that is not known.
func plain(r rune) (to, kind, what string) {
	const punctuation = "punctuation of another keyboard"
	switch {
	case r == 0xa0 || r == 0x3000 || r >= 0x2000 && r <= 0x200a || r == 0x202f || r == 0x205f || r == 0x1680:
		return " ", "space", "spaces that are not plain ones"
	case r >= 0x200b && r <= 0x200f || r == 0x2060 || r == 0xfeff || r == 0xad || r == 0x180e || r >= 0xfe00 && r <= 0xfe0f:
		return "", "invisible", "characters that cannot be seen"
	case r == 0x85 || r == 0x2028 || r == 0x2029:
		return "\n", "space", "spaces that are not plain ones"
	case r >= 0xff01 && r <= 0xff5e:
		// The wide forms of ASCII. Wide letters and digits are left: Go knows them
		// as letters and digits.
		c := byte(r - 0xfee0)
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return "", "", ""
		}
		return string(c), "punctuation", punctuation
	}
	switch r {
	case '。':
		to = "."
	case '、':
		to = ","
	case '【', '〔':
		to = "["
	case '】', '〕':
		to = "]"
	case '《', '〈', '‹':
		to = "<"
	case '》', '〉', '›':
		to = ">"
	case '…':
		to = "..."
	case '—':
		to = "--"
	case '–', '−':
		to = "-"
	default:
		return "", "", ""
	}
	return to, "punctuation", punctuation
}

func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// Bidi warns of control characters that change the direction of what is read,
// by which a text can look different from what it does (CVE-2021-42574): one
// warning for each line that has any, for the first 20.
func Bidi(f File) []Diagnostic {
	var out []Diagnostic
	n := 0
	for line := range strings.Lines(f.Text) {
		n++
		at := strings.IndexFunc(line, turns)
		if at < 0 {
			continue
		}
		r, _ := utf8.DecodeRuneInString(line[at:])
		out = append(out, Diagnostic{Severity: Warning, File: f.Name, Line: n, Column: at + 1, Code: "source/bidi",
			Message: fmt.Sprintf(`the character \u%04x changes the direction of the text, which may do something else than it seems to`, r)})
		if len(out) == 20 {
			break
		}
	}
	return out
}

func turns(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }
