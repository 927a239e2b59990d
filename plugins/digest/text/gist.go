package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxGist is how many words of a text its gist has at most.
const MaxGist = 48

// Word is a word of a gist: a Latin word, stemmed, a Chinese one or a character, a
// number. Of words that say the same each is the first of them.
type Word struct {
	Text   string
	Weight float32 // what it says: a character half of a word; 0 for a filler
	Latin  bool    // it may be misspelt
	Undoes bool    // it turns what is asked into its opposite
	Leads  bool    // it stands between where something comes from and where it goes
	Term   uint32  // of the word as it stands: which of Analyse's terms says how rare it is
}

// What words weigh.
const (
	wordSays   = 1
	charSays   = 0.5
	numberSays = 0.4
	lightSays  = 0.33
)

// Light says whether a word goes without saying, unless another stands in its place.
func (w *Word) Light() bool { return w.Weight == lightSays }

// Gist is what a text says in its order, for comparing two texts word by word:
// Terms say what there is, but neither where nor what could be left out. Equal
// texts have equal gists. Where a program failed (main.go:12:5, addresses) is no
// word.
func Gist(s string) []Word {
	g := gist{words: make([]Word, 0, 24)}
	s = errorsOnly(compose(s))
	for i := 0; i < len(s) && len(g.words) < MaxGist; {
		if n := markup(s[i:]); n > 0 {
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		end := i + n
		switch {
		case isHan(r):
			end = i + span(s[i:], isHan)
			g.han(s[i:end])
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '%' || r == '/' || r == '.' || r == '+':
			if n := traced(s[i:]); n > 0 {
				end = i + n
				break
			}
			end += chunkEnd(s[end:])
			g.chunk(s[i:end])
		}
		i = end
	}
	return g.words[:min(len(g.words), MaxGist)]
}

type gist struct{ words []Word }

// add takes a word, of which e is what the lexicon has, if it has it.
func (g *gist) add(s string, e entry, known bool, says float32, latin bool, of Term) {
	switch {
	case !known:
		e.as = s
	case e.role&roleLight != 0:
		says = lightSays
	case e.role&roleSame != 0:
		says, latin = max(says, wordSays), false
	}
	g.words = append(g.words, Word{e.as, says, latin, e.role&roleUndoes != 0, e.role&roleLeads != 0, of.ID})
}

// filler takes a word that says nothing.
func (g *gist) filler(e entry) {
	g.words = append(g.words, Word{Text: e.as, Undoes: e.role&roleUndoes != 0, Leads: e.role&roleLeads != 0})
}

// han takes the longest words that are known, and characters else.
func (g *gist) han(s string) {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		for end := min(len(s), i+general.reach(r)); end > i+n; end-- {
			if end < len(s) && !utf8.RuneStart(s[end]) {
				continue
			}
			if _, ok := general.look(s[i:end]); ok {
				n = end - i
				break
			}
		}
		w := s[i : i+n]
		i += n
		e, ok := general.look(w)
		if e.role&roleFiller != 0 {
			g.filler(e)
			continue
		}
		two := w // characters have terms, and two that stand together
		if first := utf8.RuneLen(r); n > 2*first {
			_, second := utf8.DecodeRuneInString(w[first:])
			two = w[:first+second]
		}
		g.add(w, e, ok, charSays, false, term(kindHan, two, 0, false))
	}
}

// traced is the length of what begins a goroutine's trace, goroutine 1 [running];
// 0 if s begins with something else.
func traced(s string) int {
	rest, ok := strings.CutPrefix(s, "goroutine ")
	if !ok {
		return 0
	}
	rest = strings.TrimLeft(rest, "0123456789")
	if !strings.HasPrefix(rest, " [") {
		return 0
	}
	end := strings.IndexByte(rest[:min(len(rest), 80)], ']')
	if end < 0 {
		return 0
	}
	return len(s) - len(rest) + end + 1
}

// chunk takes what stands between blanks.
func (g *gist) chunk(s string) {
	if plain(s) {
		g.word(s) // as most are
		return
	}
	low := strings.ToLower(s)
	if strings.HasPrefix(low, "0x") || strings.HasPrefix(low, "+0x") || sourceLine(low) || len(s) > 200 {
		return
	}
	if dotted(low) {
		low = strings.TrimRight(low, ".:")
		g.add(low, entry{}, false, wordSays, true, term(kindCode, low, 0, false))
		return
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		end := i + n
		switch {
		case unicode.IsLetter(r):
			before := r
			for end < len(s) {
				r, n := utf8.DecodeRuneInString(s[end:])
				if !unicode.IsLetter(r) && r != '\'' && r != '’' || unicode.IsUpper(r) && unicode.IsLower(before) {
					break
				}
				before = r
				end += n
			}
			g.word(strings.ToLower(s[i:end]))
		case unicode.IsDigit(r):
			for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.') {
				end++
			}
			if number := strings.TrimRight(s[i:end], "."); strings.Count(number, ".") < 3 { // else an address
				g.words = append(g.words, Word{Text: number, Weight: numberSays, Term: term(kindNum, number, 0, false).ID})
			}
		case r == '%' && end < len(s) && s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z':
			end++
			g.words = append(g.words, Word{Text: low[i:end], Weight: wordSays, Term: term(kindCode, low[i:end], 0, false).ID})
		}
		i = end
	}
}

func (g *gist) word(s string) {
	if strings.IndexByte(s, '\'') >= 0 || strings.Contains(s, "’") {
		s = apostrophes.Replace(s)
	}
	e, ok := general.look(s)
	switch {
	case s == "" || len(s) > maxWord:
	case e.role&roleFiller != 0:
		g.filler(e)
	case ok:
		g.add(s, e, true, wordSays, true, term(kindWord, stem(s), 0, false))
	case len(s) == 1:
		g.words = append(g.words, Word{Text: s})
	default:
		root := stem(s)
		e, ok := general.look(root)
		if e.role&roleFiller != 0 {
			g.filler(e)
			break
		}
		g.add(root, e, ok, wordSays, true, term(kindWord, root, 0, false))
	}
}

// dotted tells a name with dots in it of which a part would be a filler: go.work,
// errors.Is. It is taken whole.
func dotted(s string) bool {
	s = strings.TrimRight(s, ".:")
	if strings.IndexByte(s, '.') <= 0 || strings.IndexByte(s, '/') >= 0 {
		return false
	}
	filler := false
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || part[0] < 'a' || part[0] > 'z' || strings.ContainsFunc(part, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_'
		}) {
			return false
		}
		filler = filler || general.entries[part].role&(roleFiller|roleLight) != 0
	}
	return filler
}

// sourceLine tells main.go:12:5.
func sourceLine(s string) bool {
	if strings.IndexByte(s, ':') < 0 {
		return false
	}
	for _, ext := range sourceFiles {
		if i := strings.Index(s, ext); i > 0 && i+len(ext) < len(s) && s[i+len(ext)] >= '0' && s[i+len(ext)] <= '9' {
			return true
		}
	}
	return false
}
