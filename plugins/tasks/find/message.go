package find

import "strings"

// message is a message taken apart.
type message struct {
	blocks []block
	rest   string // what stands outside of fences and quotes
	quoted bool   // something is quoted
	runs   string // the file that a line "go run hello.go" names
}

// block is what stands between two fences.
type block struct {
	lang string // "" if it has no tag
	name string // of its file, "" if it is not said
	text string
}

// read takes a message apart.
func read(text string) *message {
	m := &message{}
	var rest strings.Builder
	before := ""  // the last line that is not empty
	open := false // a fence in a quote
	for text != "" {
		line, after, _ := strings.Cut(text, "\n")
		if quoted, all := quote(line); quoted {
			m.quoted = true
			if strings.Count(line, "```")%2 == 1 {
				open = !open
			}
			if text = after; all {
				break // ">>>" quotes all that follows
			}
			if next, _ := quote(firstLine(text)); open && !next {
				text, open = behindQuote(text), false
			}
			continue
		}
		at, mark := opening(line)
		if at < 0 || len(m.blocks) == maxBlocks {
			rest.WriteString(line)
			rest.WriteByte('\n')
			if strings.TrimSpace(line) != "" {
				before = line
			}
			if name := goRun(line); name != "" {
				m.runs = name
			}
			text = after
			continue
		}
		if lead := line[:at]; strings.TrimSpace(lead) != "" {
			before = lead
			rest.WriteString(lead)
			rest.WriteByte('\n')
		}
		b, tail := fenced(text[at:], mark)
		if b.name == "" {
			b.name = nameIn(before)
		}
		if b.name == "" {
			b.name = nameAbove(b.text)
		}
		if name := goRun(strings.TrimPrefix(firstLine(b.text), "$ ")); name != "" {
			m.runs = name
		}
		m.blocks = append(m.blocks, b)
		before, text = "", tail
	}
	m.rest = rest.String()
	return m
}

// quote says whether a line is quoted, and whether all that follows it is. A
// platform may have left ">" as an entity.
func quote(line string) (quoted, all bool) {
	line = strings.ReplaceAll(strings.TrimLeft(line, " \t"), "&gt;", ">")
	return strings.HasPrefix(line, ">"), strings.HasPrefix(line, ">>>")
}

// behindQuote is what follows a quoted block of which only the first line is
// marked as quoted, as Slack does. A fence that opens right there is a new one.
func behindQuote(text string) string {
	if at, _ := opening(firstLine(text)); at >= 0 && strings.TrimSpace(firstLine(text)[:at]) == "" {
		return text
	}
	_, rest, _ := strings.Cut(text, "```")
	return rest
}

// opening finds where a fence opens in a line, and its marks; -1 if none does.
// Tildes open one at the beginning of a line only.
func opening(line string) (at int, mark string) {
	if i := strings.Index(line, "```"); i >= 0 {
		return i, run(line[i:], '`')
	}
	if bare := strings.TrimLeft(line, " \t"); strings.HasPrefix(bare, "~~~") {
		return len(line) - len(bare), run(bare, '~')
	}
	return -1, ""
}

// run is the run of c that s begins with.
func run(s string, c byte) string {
	n := 0
	for n < len(s) && s[n] == c {
		n++
	}
	return s[:n]
}

// fenced reads the block that text begins with, and returns what follows it. A
// fence that nothing closes goes to the end.
func fenced(text, mark string) (b block, rest string) {
	body := text[len(mark):]
	line, after, more := strings.Cut(body, "\n")
	if more {
		if lang, name, ok := tag(line); ok {
			b.lang, b.name, body = lang, name, after
		}
	}
	end, next := closing(body, mark, more)
	b.text = body[:end]
	if !strings.HasSuffix(b.text, "\n") && b.text != "" {
		b.text += "\n"
	}
	return b, body[next:]
}

// closing finds where a block ends, and where the text goes on. It is closed by
// marks that end a line; if there are none such, by the first.
func closing(body, mark string, lines bool) (end, next int) {
	first := -1
	for at := 0; ; {
		i := strings.Index(body[at:], mark)
		if i < 0 {
			break
		}
		i += at
		n := i + len(run(body[i:], mark[0]))
		if first < 0 {
			first = i
		}
		line, _, _ := strings.Cut(body[n:], "\n")
		if strings.TrimSpace(line) == "" || !lines {
			return i, n
		}
		at = n
	}
	if first >= 0 {
		return first, first + len(mark)
	}
	return len(body), len(body)
}

// tag reads what stands behind an opening fence: a language, a file's name, or
// both. What is neither is code already.
func tag(line string) (lang, name string, ok bool) {
	words := strings.Fields(line)
	if len(words) > 3 {
		return "", "", false
	}
	for i, w := range words {
		w = strings.Trim(w, "{}[](),;\"'")
		for _, p := range []string{"title=", "file=", "filename=", "name="} {
			w = strings.TrimPrefix(w, p)
		}
		w = strings.Trim(w, "\"'")
		l, n, both := strings.Cut(w, ":")
		switch {
		case fileName(w) != "":
			name = fileName(w)
		case both && fileName(n) != "":
			lang, name = strings.ToLower(l), fileName(n)
		case i == 0 && isWord(w) && (len(words) == 1 || languages[strings.ToLower(w)]):
			lang = strings.ToLower(w)
		default:
			return "", "", false
		}
	}
	return lang, name, true
}

func isWord(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if !('a' <= c && c <= 'z' || '0' <= s[i] && s[i] <= '9' || strings.IndexByte("+#.-_", s[i]) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= 20
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
