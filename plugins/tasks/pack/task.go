package pack

import (
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// task reads all that a task has.
func (l *loader) task(t *Task) {
	name := t.ID + "/task.md"
	text, ok := l.read(name)
	if !ok {
		l.wrong(name, 0, "there is none; write it, or take %s out of path.txt", t.ID)
		return
	}
	d := doc{l: l, file: name, lines: strings.Split(text, "\n")}
	d.front(t)
	d.body(t, "en")
	for _, locale := range Locales[1:] {
		name := t.ID + "/task." + locale + ".md"
		if text, ok := l.read(name); ok {
			d := doc{l: l, file: name, lines: strings.Split(text, "\n")}
			d.body(t, locale)
		}
	}
	l.code(t)
}

// doc is a task.md that is being read.
type doc struct {
	l     *loader
	file  string
	lines []string
	at    int // index of the next line
}

func (d *doc) wrong(line int, format string, args ...any) { d.l.wrong(d.file, line, format, args...) }

// front reads the front matter.
func (d *doc) front(t *Task) {
	if len(d.lines) == 0 || strings.TrimSpace(d.lines[0]) != "---" {
		d.wrong(1, "it does not begin with its front matter; write a line ---, then kind, minutes and tool, then a line ---")
		return
	}
	t.Minutes = 5
	for d.at = 1; ; d.at++ {
		if d.at >= len(d.lines) {
			d.wrong(1, "the front matter does not end; close it with a line ---")
			return
		}
		line, n := strings.TrimSpace(d.lines[d.at]), d.at+1
		if line == "---" {
			d.at++
			break
		}
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok {
			d.wrong(n, "%.60q is no setting; write it as name: value", line)
			continue
		}
		switch strings.TrimSpace(key) {
		case "kind":
			if t.Kind = Kind(value); t.Kind != Program && t.Kind != Test && t.Kind != Paste {
				d.wrong(n, "there is no kind %.40q; it is program, test or paste", value)
			}
		case "minutes":
			m, err := strconv.Atoi(value)
			if t.Minutes = m; err != nil || m < 1 || m > 600 {
				d.wrong(n, "%.40q is no number of minutes from 1 to 600", value)
			}
		case "tool":
			if t.Tool = value; len(value) > 60 || strings.Contains(value, "`") {
				d.wrong(n, "the tool is longer than 60 bytes, or has a backquote in it")
			}
		case "stdin":
			t.Stdin = value + "\n"
			if strings.HasPrefix(value, `"`) {
				s, err := strconv.Unquote(value)
				if t.Stdin = s; err != nil {
					d.wrong(n, "stdin %.40q is no quoted text as Go writes it", value)
				}
			}
		default:
			d.wrong(n, "there is no setting %.40q; there are kind, minutes, tool and stdin", key)
		}
	}
	if t.Kind == "" {
		d.wrong(1, "the front matter does not say the kind; add kind: program, test or paste")
	}
}

// body reads title, text and hints in one language.
func (d *doc) body(t *Task, locale string) {
	title, section := "", 0 // section 0 is the text, then come the hints
	var parts [4][]string
	fence := ""
	for ; d.at < len(d.lines); d.at++ {
		line, n := d.lines[d.at], d.at+1
		if mark := fenceOf(line); mark != "" && (fence == "" || mark == fence) {
			if fence == "" {
				fence = mark
			} else {
				fence = ""
			}
		}
		switch level, head := heading(line); {
		case fence != "" || level == 0:
			if title == "" && strings.TrimSpace(line) != "" {
				d.wrong(n, "it does not begin with its title; write # and the title before this")
				return
			}
			parts[section] = append(parts[section], line)
		case level == 1 && title == "":
			if title = head; utf8.RuneCountInString(title) > maxTitle {
				d.wrong(n, "the title has more than %d characters", maxTitle)
			}
		case level == 2 && section < 3 && isHint(head, section+1):
			section++
		default:
			d.wrong(n, "the heading %.60q has no place here; there are # title, then ## Hint 1, ## Hint 2 and ## Hint 3", head)
		}
	}
	switch {
	case title == "":
		d.wrong(0, "there is no title; begin with a line # and the title")
	case fence != "":
		d.wrong(0, "a code block does not end; close it with %s", fence)
	case section < 3:
		d.wrong(0, "there are %d hints, not three; add ## Hint %d", section, section+1)
	}
	t.Title[locale] = title
	for i, lines := range parts {
		text := strings.TrimSpace(strings.Join(lines, "\n"))
		what, most, into := "the text", maxText, t.Text
		if i > 0 {
			what, most, into = "hint "+strconv.Itoa(i), maxHint, t.Hints[i-1]
		}
		switch {
		case text == "" && i <= section:
			d.wrong(0, "%s is empty; write it", what)
		case len(text) > most:
			d.wrong(0, "%s has %d bytes, at most %d; say it shorter", what, len(text), most)
		}
		into[locale] = text
	}
}

// fenceOf is the marks of a line that opens or closes code, "" for others.
func fenceOf(line string) string {
	line = strings.TrimSpace(line)
	for _, mark := range []string{"```", "~~~"} {
		if strings.HasPrefix(line, mark) {
			return mark
		}
	}
	return ""
}

// heading takes a heading apart; level 0 is none.
func heading(line string) (level int, text string) {
	rest := strings.TrimLeft(line, "#")
	level = len(line) - len(rest)
	if level == 0 || level > 6 || !strings.HasPrefix(rest, " ") {
		return 0, ""
	}
	return level, strings.TrimSpace(rest)
}

// isHint says whether a heading is the nth hint's: "Hint 1", "提示 1".
func isHint(head string, n int) bool {
	for _, word := range []string{"Hint", "hint", "提示"} {
		if rest, ok := strings.CutPrefix(head, word); ok && strings.TrimSpace(rest) == strconv.Itoa(n) {
			return true
		}
	}
	return false
}

// goodName says whether a file of a submission may be called so.
func goodName(name string) bool {
	if name == "" || len(name) > 100 || path.Clean(name) != name || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '\\' || r == ':' || r >= 0x7f })
}
