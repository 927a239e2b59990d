package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean takes out of a text what a reader does not see but a terminal or a
// renderer obeys: NUL and other control characters, ANSI escape sequences,
// bidirectional overrides, byte order marks. Line ends become "\n", bytes that
// are no UTF-8 become U+FFFD. A clean text is returned as it is, unallocated.
//
// Everything that is shown goes through Clean or CleanCode; no adapter does it
// on its own.
func Clean(s string) string { return clean(s, false) }

// CleanCode is Clean for source code, where a hidden direction change is a
// means to deceive the reader and is made visible: "\u202e".
func CleanCode(s string) string { return clean(s, true) }

func clean(s string, code bool) string {
	i := firstUnclean(s)
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:i])
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			b.WriteRune(utf8.RuneError)
		case !unseen(r):
			b.WriteString(s[i : i+n])
		case r == 0x1b:
			n = escapeLen(s[i:])
		case r == '\r':
			// "\r\n" leaves its "\n" to the next turn; a lone "\r" ends a line too.
			if i+1 == len(s) || s[i+1] != '\n' {
				b.WriteByte('\n')
			}
		case r == '\u2028' || r == '\u2029' || r == 0x85:
			b.WriteByte('\n')
		case code && bidi(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += n
	}
	return b.String()
}

// firstUnclean is the index of the first rune that clean changes, or len(s).
func firstUnclean(s string) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n <= 1 || unseen(r) {
			return i
		}
		i += n
	}
	return len(s)
}

func unseen(r rune) bool {
	switch {
	case r < ' ':
		return r != '\n' && r != '\t'
	case r >= 0x7f && r < 0xa0, bidi(r):
		return true
	}
	return r == '\u2028' || r == '\u2029' || r == '\ufeff' || r >= '\ufff9' && r <= '\ufffb'
}

func bidi(r rune) bool { return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' }

// escapeLen is the length of the ANSI sequence that s begins with: CSI
// (ESC [ … final), OSC (ESC ] … BEL or ESC \), else the ESC alone.
func escapeLen(s string) int {
	if len(s) < 2 {
		return 1
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s) && i < 64; i++ {
			if c := s[i]; c >= 0x40 && c <= 0x7e {
				return i + 1
			} else if c < 0x20 || c > 0x7e {
				break
			}
		}
	case ']':
		for i := 2; i < len(s) && i < 1024 && s[i] != '\n'; i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1b {
				if i+1 < len(s) && s[i+1] == '\\' {
					return i + 2
				}
				break
			}
		}
	}
	return 1
}

// broadcasts are the names by which platforms call everybody.
var broadcasts = []string{"everyone", "channel", "here", "all", "group", "所有人", "全体成员"}

// Tame is Clean, and also takes from "@everyone" and its like their power to
// call anybody, by a zero-width space behind the "@". A mention that is meant
// is written <@member id>.
func Tame(s string) string {
	s = Clean(s)
	at := strings.IndexByte(s, '@')
	if at < 0 {
		return s
	}
	var b strings.Builder
	from := 0
	for at >= 0 {
		if calls(s, at) {
			b.WriteString(s[from : at+1])
			b.WriteRune('\u200b')
			from = at + 1
		}
		next := strings.IndexByte(s[at+1:], '@')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	if from == 0 {
		return s
	}
	b.WriteString(s[from:])
	return b.String()
}

// calls says whether the "@" at s[at] begins a call to everybody.
func calls(s string, at int) bool {
	if r, _ := utf8.DecodeLastRuneInString(s[:at]); at > 0 && r < utf8.RuneSelf && wordRune(r) {
		return false // an address: me@all.example
	}
	rest := s[at+1:]
	for _, w := range broadcasts {
		if len(rest) < len(w) || !strings.EqualFold(rest[:len(w)], w) {
			continue
		}
		r, _ := utf8.DecodeRuneInString(rest[len(w):])
		if len(rest) == len(w) || w[0] >= utf8.RuneSelf || r >= utf8.RuneSelf || !wordRune(r) {
			return true
		}
	}
	return false
}

func wordRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// Units is the length of s in UTF-16 code units, which is what chat platforms
// count as characters.
func Units(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// Cut shortens s to at most max UTF-16 units, ending in "…" if anything was
// cut off, and never in the middle of a character.
func Cut(s string, max int) string {
	if len(s) <= max || Units(s) <= max {
		return s
	}
	if max < 1 {
		return ""
	}
	return strings.TrimRightFunc(s[:whole(s, prefix(s, max-1))], unicode.IsSpace) + "…"
}

// prefix is the length in bytes of the longest prefix of s within max units.
func prefix(s string, max int) int {
	n := 0
	for i, r := range s {
		n++
		if r > 0xffff {
			n++
		}
		if n > max {
			return i
		}
	}
	return len(s)
}

// whole moves a cut at s[:i] back, by at most a few runes, to where it does not
// part a letter from its accents or an emoji from its modifiers.
func whole(s string, i int) int {
	at := i
	for range 12 {
		if at <= 0 || at >= len(s) {
			break
		}
		next, _ := utf8.DecodeRuneInString(s[at:])
		prev, n := utf8.DecodeLastRuneInString(s[:at])
		if !joins(next) && prev != '\u200d' {
			return at
		}
		at -= n
	}
	return i
}

// joins says whether r belongs to the rune before it.
func joins(r rune) bool {
	return r == '\u200d' || r >= 0xfe00 && r <= 0xfe0f || r >= 0x1f3fb && r <= 0x1f3ff || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r)
}
