package sdk

import "strings"

// Markup is text in the small Markdown of abi.Content: what members are shown.
// Converting a string, Markup(s), says that s is trusted; [Escape] makes one
// harmless.
type Markup string

// Escape is s as it stands: nothing in it is markup.
func Escape(s string) Markup { return Markup(appendText(nil, s)) }

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
	start, digits := true, false // only spaces stand before it in the line; and then digits
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '\\', '*', '~', '`', '[', ']', '<', '>':
			b = append(b, '\\')
		case '-', '+', '#':
			if start {
				b = append(b, '\\')
			}
		case '.', ')':
			if digits && (i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\n') {
				b = append(b, '\\')
			}
		case '\r', 0:
			continue
		}
		digits = (start || digits) && '0' <= c && c <= '9'
		start = c == '\n' || start && (c == ' ' || c == '\t')
		b = append(b, c)
	}
	return b
}

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
