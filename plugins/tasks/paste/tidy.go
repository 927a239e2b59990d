package paste

import (
	"regexp"
	"strings"
)

var (
	colours = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")
	plain   = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u00a0", " ", "\u3000", " ", "\u200b", "", "\ufeff", "",
		"“", `"`, "”", `"`, "‘", "'", "’", "'")
)

// Tidy is the text that rules see: at most [MaxText] bytes of it, without
// fences, terminal colours and white space around it, its quotes as they were
// typed.
func Tidy(text string) string {
	if len(text) > MaxText {
		text = strings.ToValidUTF8(text[:MaxText], "")
	}
	text = colours.ReplaceAllString(plain.Replace(text), "")
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		switch bare := strings.TrimSpace(line); {
		case fence(bare):
			continue
		case strings.HasPrefix(bare, "```"):
			line = strings.TrimPrefix(bare, "```") // all on one line
			line = strings.TrimSuffix(line, "```")
		case strings.HasSuffix(bare, "```"):
			line = strings.TrimSuffix(bare, "```")
		}
		b.WriteString(strings.TrimRight(line, " \t"))
		b.WriteByte('\n')
	}
	text = strings.TrimSpace(b.String())
	if one := strings.Trim(text, "`"); len(one) <= len(text)-2 && !strings.Contains(text, "\n") {
		text = strings.TrimSpace(one) // an inline span
	}
	return text
}

// fence says whether a line is a fence, with a language or none, and nothing
// else.
func fence(line string) bool {
	for _, mark := range []string{"```", "~~~"} {
		if rest, ok := strings.CutPrefix(line, mark); ok {
			return len(rest) <= 12 && !strings.ContainsAny(rest, " \t:`")
		}
	}
	return false
}
