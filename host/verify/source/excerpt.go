package source

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// window is how many cells of a long line an excerpt shows.
const window = 100

// Excerpt is the line of text, numbered from 1, and below it a caret under the
// column, in bytes from 1. With column 0 it is the line alone; for a line that
// does not exist it is empty.
//
// Tabs stay tabs in both lines, so that the caret stands right however wide a
// tab is; wide characters such as 世 count two cells. What would not be seen, or
// would turn the text around, is shown as an escape such as \u202e. Of a line
// wider than 100 cells the part around the column is shown.
func Excerpt(text string, line, column int) string {
	s, ok := nthLine(text, line)
	if !ok {
		return ""
	}
	s, offset, cutLeft, cutRight := part(s, column-1)
	cells, at := layOut(s, offset)
	from, to := around(cells, at)
	var b, pad strings.Builder
	if from > 0 || cutLeft {
		b.WriteString("…")
		pad.WriteByte(' ')
	}
	for i := from; i < to; i++ {
		b.WriteString(cells[i].text)
		switch {
		case i >= at:
		case cells[i].text == "\t":
			pad.WriteByte('\t')
		default:
			pad.WriteString(strings.Repeat(" ", cells[i].width))
		}
	}
	if to < len(cells) || cutRight {
		b.WriteString("…")
	}
	if column < 1 {
		return b.String()
	}
	return b.String() + "\n" + pad.String() + "^"
}

// Show fills in the excerpt of each diagnostic that has a place in files and no
// excerpt yet.
func Show(files []File, ds []Diagnostic) {
	for i := range ds {
		d := &ds[i]
		if d.Line < 1 || d.Excerpt != "" {
			continue
		}
		if k := slices.IndexFunc(files, func(f File) bool { return f.Name == d.File }); k >= 0 {
			d.Excerpt = Excerpt(files[k].Text, d.Line, d.Column)
		}
	}
}

func nthLine(text string, n int) (string, bool) {
	if n < 1 {
		return "", false
	}
	for ; n > 1; n-- {
		_, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return "", false
		}
		text = rest
	}
	s, _, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(s, "\r"), true
}

// part is what of a long line is near enough to an offset to be shown.
func part(s string, offset int) (near string, at int, cutLeft, cutRight bool) {
	const reach = 8 * window
	from, to := max(0, min(offset, len(s))-reach), min(len(s), max(offset, 0)+reach)
	for from > 0 && !utf8.RuneStart(s[from]) {
		from--
	}
	for to < len(s) && !utf8.RuneStart(s[to]) {
		to++
	}
	return s[from:to], offset - from, from > 0, to < len(s)
}

// A cell is a character as it is shown, and how many columns it takes.
type cell struct {
	text  string
	width int
}

// layOut divides s into cells; at is the index of the one that byte offset lies
// in, or the number of cells if it lies behind them.
func layOut(s string, offset int) (cells []cell, at int) {
	at = -1
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if at < 0 && offset < i+n {
			at = len(cells)
		}
		cells = append(cells, show(r, s[i:i+n]))
		i += n
	}
	if at < 0 {
		at = len(cells)
	}
	return cells, at
}

func show(r rune, s string) cell {
	switch {
	case r == '\t':
		return cell{s, 1}
	case r == utf8.RuneError && len(s) == 1:
		return cell{"\ufffd", 1}
	case r >= 0x80 && unicode.In(r, unicode.Mn, unicode.Me):
		return cell{s, 0}
	case unicode.IsControl(r), hidden(r):
		esc := fmt.Sprintf(`\u%04x`, r)
		return cell{esc, len(esc)}
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return cell{s, 2}
	}
	return cell{s, 1}
}

// hidden says whether r is a character that is not seen, or looks like a space
// that Go takes for one.
func hidden(r rune) bool {
	return r >= 0x80 && (unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r == 0xa0)
}

// around is the range of cells to show: all if they fit, else those around at.
func around(cells []cell, at int) (from, to int) {
	total := 0
	for _, c := range cells {
		total += c.width
	}
	if total <= window {
		return 0, len(cells)
	}
	from, to = at, at
	used := 0
	left := func(most int) {
		for from > 0 && used+cells[from-1].width <= most {
			from--
			used += cells[from].width
		}
	}
	left(window / 2)
	for to < len(cells) && used+cells[to].width <= window {
		used += cells[to].width
		to++
	}
	left(window)
	return from, to
}
