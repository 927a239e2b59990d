package sdk

import "strings"

// Markup is text in the small Markdown of abi.Content: what members are shown.
// Converting a string, Markup(s), says that s is trusted; [Escape] makes one
// harmless.
type Markup string

// Escape is s as it stands: nothing in it is markup.
func Escape(s string) Markup {
	b, rest := escape(nil, s)
	if len(b) == 0 && len(rest) == len(s) {
		return Markup(s)
	}
	return Markup(append(b, rest...))
}

// Mention names a member, by id, so that they notice.
func Mention(memberID string) Markup { return Markup("<@" + memberID + ">") }

// Channel names a conversation, by id, and leads to it.
func Channel(conversationID string) Markup { return Markup("<#" + conversationID + ">") }

// Link is a label that leads to an https address.
func Link(label Markup, url string) Markup {
	return Markup(string(appendURL([]byte("["+label+"]("), url)) + ")")
}

// plain is m where no markup is: in headings, labels and buttons, which show
// what they are given. It takes the escapes out.
func (m Markup) plain() string {
	s := string(m)
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && punctuation(s[i+1]) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

func punctuation(c byte) bool {
	return c > ' ' && c < 0x7f && !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z')
}

// appendText appends s with what would be markup escaped: what marks anywhere,
// and what marks a list at the beginning of a line, as s may stand at one.
func appendText(b []byte, s string) []byte {
	b, rest := escape(b, s)
	return append(b, rest...)
}

// escape appends s up to rest, which is as it should be.
func escape(b []byte, s string) (_ []byte, rest string) {
	done := 0                    // of s
	start, digits := true, false // only spaces stand before it in the line; and then digits
	for i := 0; i < len(s); i++ {
		if !start && !digits {
			for i < len(s) && !special[s[i]] {
				i++
			}
			if i == len(s) {
				break
			}
		}
		c := s[i]
		mark := false
		switch c {
		case '\\', '*', '~', '`', '[', ']', '<', '>':
			mark = true
		case '-', '+', '#':
			mark = start
		case '.', ')':
			mark = digits && (i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\n')
		case '\r', 0:
			b = append(b, s[done:i]...)
			done = i + 1
			continue
		}
		if mark {
			b = append(append(b, s[done:i]...), '\\')
			done = i
		}
		digits = (start || digits) && '0' <= c && c <= '9'
		start = c == '\n' || start && (c == ' ' || c == '\t')
	}
	return b, s[done:]
}

// special are the bytes that matter to escape inside a line.
var special = func() (is [256]bool) {
	for _, c := range []byte("\\*~`[]<>\n\r\x00") {
		is[c] = true
	}
	return is
}()

// appendCode appends s as the inside of a code span, where a backslash is
// itself.
func appendCode(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '`':
			b = append(b, '\'')
		case '\n', '\r':
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return b
}

// appendURL appends s as the address of a link.
func appendURL(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '(', ')', '<', '>', '\\':
			b = append(b, '\\', c)
		case ' ', '\n', '\r', '\t':
			b = append(b, "%20"...)
		default:
			b = append(b, c)
		}
	}
	return b
}
