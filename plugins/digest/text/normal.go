package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Normalise is s in the form in which texts are compared: NFKC, lower case,
// without names, links and emoji of a platform, each run of white space one
// blank. A cache may take texts with equal results for the same question. It
// takes the first MaxText bytes, and what is no UTF-8 becomes U+FFFD.
func Normalise(s string) string {
	s = strings.ToLower(compose(s))
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for i := 0; i < len(s); {
		if n := markup(s[i:]); n > 0 {
			i += n
			blank = true
			continue
		}
		if c := s[i]; c > ' ' && c < 0x7f {
			if blank && b.Len() > 0 {
				b.WriteByte(' ')
			}
			blank = false
			b.WriteByte(c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			blank = true
			continue
		case unicode.Is(unicode.Cf, r):
			continue // of no width: marks of direction, joiners
		case blank && b.Len() > 0:
			b.WriteByte(' ')
		}
		blank = false
		b.WriteRune(r)
	}
	return b.String()
}

// Clip is the beginning of s, at most n bytes of valid UTF-8 and cut between
// characters. What is no UTF-8 is left out.
func Clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// valid is the beginning of s, cut between runes, as valid UTF-8.
func valid(s string) string {
	if len(s) > MaxText {
		n := MaxText
		for n > MaxText-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// markup is how many bytes at the beginning of s are no words of their author:
// a mention, a link or an emoji's name. 0 if there is none.
func markup(s string) int {
	switch s[0] {
	case '<':
		// Slack writes <@U1>, <#C1|name>, <!here> and <https://…|title>.
		if len(s) > 2 && (strings.IndexByte("@#!", s[1]) >= 0 || strings.HasPrefix(s[1:], "http") || strings.HasPrefix(s[1:], "mailto:")) {
			if end := strings.IndexByte(s[:min(len(s), 2048)], '>'); end > 0 && strings.IndexByte(s[:end], '\n') < 0 {
				return end + 1
			}
		}
	case '@':
		return mention(s)
	case ':':
		return emoji(s)
	case 'h', 'H':
		if n := len("https://"); len(s) > n && (strings.EqualFold(s[:n], "https://") || strings.EqualFold(s[:n-1], "http://")) {
			return linkEnd(s)
		}
	}
	return 0
}

// mention is the length of @name and the blanks behind it. A name in Chinese
// ends at a blank as well; without one nobody can tell where it does.
func mention(s string) int {
	for i, r := range s[1:] {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '_', r == '-', r == '.':
			if i > 60 {
				return 0
			}
		case i == 0, r == '/':
			return 0 // an @ alone, or a package of npm
		default:
			return i + 1
		}
	}
	if len(s) == 1 || len(s) > 60 {
		return 0
	}
	return len(s)
}

// emoji is the length of :name:.
func emoji(s string) int {
	for i := 1; i < len(s) && i < 40; i++ {
		c := s[i] | 0x20
		switch {
		case s[i] == ':':
			if i < 3 {
				return 0
			}
			return i + 1
		case c >= 'a' && c <= 'z':
		case i > 1 && (s[i] >= '0' && s[i] <= '9' || s[i] == '_' || s[i] == '-' || s[i] == '+'):
		default:
			return 0
		}
	}
	return 0
}

// linkEnd is where a link ends: at white space, a bracket, or a letter that does
// not stand in links, as Chinese goes on without a blank.
func linkEnd(s string) int {
	for i, r := range s {
		if r <= ' ' || r >= 0x80 || strings.ContainsRune("<>\"'`|)]},", r) {
			return i
		}
	}
	return len(s)
}

// errorsOnly is s with, of what stands between fences, only the lines that tell
// an error: a program says little of what is asked about it.
func errorsOnly(s string) string {
	if !strings.Contains(s, "```") && !strings.Contains(s, "~~~") {
		return s
	}
	var b strings.Builder
	fence := ""
	for line := range strings.Lines(s) {
		mark := ""
		for _, m := range []string{"```", "~~~"} {
			if strings.Contains(line, m) && (fence == "" || fence == m) {
				mark = m
			}
		}
		switch {
		case mark == "":
			if fence == "" || ErrorLine(line) {
				b.WriteString(line)
			}
		case strings.Count(line, mark) > 1:
			b.WriteString(strings.ReplaceAll(line, mark, " ")) // ```x``` within a line
		case fence == "":
			before, _, _ := strings.Cut(line, mark)
			b.WriteString(before + "\n")
			fence = mark
		default:
			_, after, _ := strings.Cut(line, mark)
			b.WriteString(after)
			fence = ""
		}
	}
	return b.String()
}
