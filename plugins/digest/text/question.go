package text

import (
	"strings"
	"unicode"
)

// Kind is what a message is to a digest.
type Kind uint8

// The kinds of messages.
const (
	Other    Kind = iota // a statement, an answer, chatter
	Question             // something is asked, with or without a question mark
	Error                // an error message, pasted alone or with a few words
)

func (k Kind) String() string { return [...]string{"other", "question", "error"}[k] }

// Recognise says what a message is. It goes by phrases that ask and by those that
// answer and report, in English and Chinese; what it cannot tell is Other, so that
// few statements get into a digest.
func Recognise(s string) Kind {
	s = errorsOnly(compose(s))
	var rest strings.Builder
	errs, lines := 0, 0
	for line := range strings.Lines(s) {
		switch {
		case strings.TrimSpace(line) == "":
		case ErrorLine(line):
			errs++
			lines++
			if !errorBegin(line) {
				rest.WriteString(line) // somebody may ask about an error that they quote
			}
		default:
			lines++
			rest.WriteString(line)
		}
	}
	words := Normalise(rest.String())
	switch {
	case asking(words):
		return Question
	case errs > 0 && (errs*4 >= lines || lines-errs <= 3) && !solved(words) && hasContent(s):
		return Error
	}
	return Other
}

// hasContent says whether there is anything that a question could be about.
func hasContent(s string) bool {
	a := analyser{look: true}
	a.text(s)
	return a.found
}

// asking says whether any sentence of a normalised text asks something.
func asking(s string) bool {
	for _, sentence := range sentences(s) {
		asks := false
		if strings.HasSuffix(sentence, "?") {
			asks = !tags[strings.Trim(sentence, "? ")]
		} else {
			asks = enAsking(sentence) || zhAsking(sentence)
		}
		if asks && hasContent(sentence) {
			return true
		}
	}
	return false
}

// solved says whether a text reports that its trouble is over.
func solved(s string) bool {
	return containsAny(s, "解决了", "已解决", "搞定", "弄好了") || enSolved.in(clauses(s))
}

// sentences cuts a normalised text (in which ？ has become ?) at the ends of its
// sentences. A dot or a question mark within a word or an address ends none.
func sentences(s string) (out []string) {
	start := 0
	cut := func(end int) {
		if one := strings.TrimSpace(s[start:end]); one != "" {
			out = append(out, one)
		}
		start = end
	}
	for i, r := range s {
		next := byte(' ')
		if end := i + len(string(r)); end < len(s) {
			next = s[end]
		}
		switch r {
		case '。', '!', ';':
			cut(i + len(string(r)))
		case '?':
			if next|0x20 < 'a' || next|0x20 > 'z' {
				cut(i + 1)
			}
		case '.':
			if next == ' ' {
				cut(i + 1)
			}
		}
	}
	cut(len(s))
	return out
}

// clauses are the words of a sentence in Latin letters, without apostrophes; an
// empty one stands where something else than a blank was, as a clause may begin
// behind it.
func clauses(s string) []string {
	words := make([]string, 0, 32)
	for i := 0; i < len(s); {
		end := i
		for end < len(s) && (s[end] >= 'a' && s[end] <= 'z' || s[end] >= '0' && s[end] <= '9' || s[end] == '\'') {
			end++
		}
		if end == i {
			if s[i] != ' ' && (len(words) == 0 || words[len(words)-1] != "") {
				words = append(words, "")
			}
			i++
			continue
		}
		words = append(words, strings.ReplaceAll(s[i:end], "'", ""))
		i = end
	}
	return words
}

func enAsking(s string) bool {
	words := clauses(strings.ReplaceAll(s, "’", "'"))
	return (enAsks.in(words)) && !enTells.in(words)
}

func zhAsking(s string) bool {
	if strings.IndexFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) }) < 0 || containsAny(s, zhTells...) {
		return false
	}
	s = strings.TrimRight(s, " ,.~。!")
	for _, end := range zhEnds {
		if strings.HasSuffix(s, end) || strings.Contains(s, end+" ") || strings.Contains(s, end+",") {
			return true
		}
	}
	return containsAny(s, zhAsks...)
}

func containsAny(s string, any ...string) bool {
	for _, a := range any {
		if strings.Contains(s, a) {
			return true
		}
	}
	return false
}

// phrases are sequences of words, by their first.
type phrases map[string][]phrase

type phrase struct {
	begins bool       // it stands only where a clause begins
	words  [][]string // each one of several; "*" is any one word, "**" up to four
}

// parse reads phrases, a line each: words with blanks between them, alternatives
// with strokes; "^" before those that begin a clause.
func parse(lines string) phrases {
	all := phrases{}
	for line := range strings.Lines(lines) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		p := phrase{begins: fields[0] == "^"}
		if p.begins {
			fields = fields[1:]
		}
		for _, f := range fields {
			p.words = append(p.words, strings.Split(f, "|"))
		}
		for _, first := range p.words[0] {
			all[first] = append(all[first], p)
		}
	}
	return all
}

// in says whether any phrase is in words.
func (ps phrases) in(words []string) bool {
	for i, w := range words {
		for _, p := range ps[w] {
			if (!p.begins || i == 0 || words[i-1] == "" || leads[words[i-1]]) && fits(p.words[1:], words[i+1:]) {
				return true
			}
		}
	}
	return false
}

func fits(want [][]string, words []string) bool {
	if len(want) == 0 {
		return true
	}
	if want[0][0] == "**" {
		for skip := range min(5, len(words)+1) {
			if fits(want[1:], words[skip:]) {
				return true
			}
		}
		return false
	}
	if len(words) == 0 || words[0] == "" {
		return false
	}
	for _, w := range want[0] {
		if w == words[0] || w == "*" {
			return fits(want[1:], words[1:])
		}
	}
	return false
}
