package page

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/verify/source"
)

// Span is a part of a text. Odd ones are characters that are not seen, or that
// turn a text around, written out: \u202e.
type Span struct {
	Text      string
	Odd, Code bool
}

// mostSpans bounds how many odd spans of a text are marked as such; the others
// are written out like the rest.
const mostSpans = 1000

// Visible divides a text that came from a program into what can be read and
// what cannot. Line ends become "\n"; tabs stay.
func Visible(s string) []Span {
	var out []Span
	var plain, odd strings.Builder
	flush := func(b *strings.Builder, isOdd bool) {
		if b.Len() > 0 {
			out = append(out, Span{Text: b.String(), Odd: isOdd})
			b.Reset()
		}
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		esc := escape(r, s[i:i+n])
		i += n
		switch {
		case esc == "":
			flush(&odd, true)
			plain.WriteRune(r)
		case len(out) >= mostSpans:
			flush(&odd, true)
			plain.WriteString(esc)
		default:
			flush(&plain, false)
			odd.WriteString(esc)
		}
	}
	flush(&plain, false)
	flush(&odd, true)
	return out
}

// escape is how a character is written that is not seen; "" for others.
func escape(r rune, bytes string) string {
	switch {
	case r == '\n' || r == '\t':
		return ""
	case r == utf8.RuneError && len(bytes) <= 1:
		return fmt.Sprintf(`\x%02x`, bytes)
	case r < 0x80 && unicode.IsControl(r):
		return fmt.Sprintf(`\x%02x`, r)
	case r == '\u200d' || r == '\ufe0f':
		return "" // join what is one emoji
	case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co):
		if r > 0xffff {
			return fmt.Sprintf(`\U%08x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}
	return ""
}

// Printable is Visible as one text.
func Printable(s string) string {
	var b strings.Builder
	for _, p := range Visible(s) {
		b.WriteString(p.Text)
	}
	return b.String()
}

// Quoted divides a text of ours at its backquotes.
func Quoted(s string) []Span {
	var out []Span
	for i, part := range strings.Split(source.Cut(s, 2<<10), "`") {
		for _, p := range Visible(part) {
			p.Code = i%2 == 1
			out = append(out, p)
		}
	}
	return out
}
