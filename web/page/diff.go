package page

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// DiffLine is a line that went ("del"), came ("ins") or stayed ("same").
type DiffLine struct {
	Op   string
	Text []Span
}

const (
	maxDiff = 64 << 10 // bytes of each side
	around  = 3        // lines that are shown around a difference
)

// Diff are the lines in which two texts differ, with some around them; nil if
// they do not. Sides beyond 64 KiB are cut.
func Diff(before, after string) []DiffLine {
	side := func(s string) string {
		s = strings.ReplaceAll(s[:min(len(s), maxDiff)], "\r\n", "\n")
		if s != "" && !strings.HasSuffix(s, "\n") {
			s += "\n" // whether the last line ends is nobody's concern
		}
		return s
	}
	before, after = side(before), side(after)
	u, err := udiff.ToUnifiedDiff("", "", before, udiff.Lines(before, after), around)
	if err != nil { // of edits that are not of before, which ours are
		return nil
	}
	var out []DiffLine
	for _, h := range u.Hunks {
		for _, l := range h.Lines {
			op := "same"
			switch l.Kind {
			case udiff.Delete:
				op = "del"
			case udiff.Insert:
				op = "ins"
			}
			out = append(out, DiffLine{op, Visible(strings.TrimSuffix(l.Content, "\n"))})
		}
	}
	return out
}
