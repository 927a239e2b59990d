package text

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What terms count, in 64ths: near the best of a search over the development
// halves of the labelled questions (README.md).
const (
	wordWeight   = 64
	pairWeight   = 64
	gramWeight   = 28 // of a word of one piece; less of each of several
	codeWeight   = 64
	numberWeight = 24
	charWeight   = 16
	twoWeight    = 48

	window = 3 // words that pairs reach back
)

// The kinds of terms, so that equal letters of two kinds differ.
const (
	kindWord = 'w'
	kindPair = 'p'
	kindGram = 'g'
	kindCode = 'c'
	kindHan  = 'h'
	kindNum  = 'n'
)

// analyser collects terms. Pairs and pieces wait until all words are in.
type analyser struct {
	words, pairs, grams []Term

	bare  bool // without the pieces of words
	look  bool // only for a word that is not common: it ends when that is
	found bool

	han, latin int // letters of each
	recent     [window]string
}

// done is what there is, within its bound.
func (a *analyser) done() Analysis {
	terms := a.words
	for _, more := range [][]Term{a.pairs, a.grams} {
		terms = append(terms, more[:max(0, min(len(more), MaxTerms-len(terms)))]...)
	}
	terms = terms[:min(len(terms), MaxTerms)]
	// By ID, and of equal ones by where they stand: numbers are sorted in a fifth of
	// the time that terms take.
	var room [MaxTerms]uint32
	order := room[:len(terms)]
	for i, t := range terms {
		order[i] = t.ID*MaxTerms + uint32(i)
	}
	slices.Sort(order)
	out := make([]Term, 0, len(terms))
	for _, at := range order {
		t := terms[at%MaxTerms]
		if n := len(out); n > 0 && out[n-1].ID == t.ID {
			// What is said twice counts little more than what is said once.
			out[n-1].Weight = uint8(min(255, int(max(out[n-1].Weight, t.Weight))*6/5))
			out[n-1].Common = out[n-1].Common && t.Common
			continue
		}
		out = append(out, t)
	}
	r := Analysis{Terms: out}
	// A Chinese character says about as much as two letters of an English word,
	// and English names stand in Chinese questions, not the other way round.
	if a.han > 0 && a.han*4 >= a.latin {
		r.Script = Han
	}
	return r
}

// text takes words, code and characters out of s.
func (a *analyser) text(s string) {
	// What is beyond these words has no term among MaxTerms.
	for i := 0; i < len(s) && len(a.words) < 2*MaxTerms && !a.found; {
		if n := markup(s[i:]); n > 0 {
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		end := i + n
		switch {
		case isHan(r):
			end = i + span(s[i:], isHan)
			a.hanRun(s[i:end])
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			end = i + n + chunkEnd(s[i+n:])
			one := s[i:end]
			if last := one[len(one)-1] | 0x20; last < 'a' || last > 'z' {
				one = strings.TrimRight(one, "'’.:=+-*/&^%$#@~\\([{")
			}
			a.chunk(one)
		}
		i = end
	}
}

// span is how many bytes at the beginning of s are runes that are in, at least
// one rune.
func span(s string, in func(rune) bool) int {
	for i, r := range s {
		if i > 0 && !in(r) {
			return i
		}
	}
	return len(s)
}

// chunkEnd is where what goes on at the beginning of s ends.
func chunkEnd(s string) int {
	i := 0
	for i < len(s) && s[i] < 0x80 && inChunk(rune(s[i])) {
		i++
	}
	if i < len(s) && s[i] >= 0x80 {
		for j, r := range s[i:] {
			if !inChunk(r) {
				return i + j
			}
		}
		return len(s)
	}
	return i
}

// isHan tells the scripts that are written without blanks.
func isHan(r rune) bool {
	return r >= 0x3040 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// inChunk tells what a word or a piece of code goes on with.
func inChunk(r rune) bool {
	if r < 0x80 {
		switch r {
		case '`', '"', '<', '>', '|', ',', ';', '!', '?':
			return false
		}
		return r > ' '
	}
	return r == '’' || !isHan(r) && !unicode.IsSpace(r) && !unicode.IsPunct(r)
}

// hanRun takes characters that stand together.
func (a *analyser) hanRun(s string) {
	last, lastCommon := "", false
	for i, r := range s {
		c := s[i : i+utf8.RuneLen(r)]
		a.han++
		common := commonHan[c]
		a.found = a.look && (a.found || !common)
		a.words = append(a.words, term(kindHan, c, charWeight, common))
		if last != "" {
			two := last + c
			both := lastCommon && common || commonTwo[two]
			a.found = a.look && (a.found || !both)
			a.words = append(a.words, term(kindHan, two, twoWeight, both))
		}
		last, lastCommon = c, common
	}
	a.recent = [window]string{}
}

// chunk takes what stands between blanks: a word, several, a number or code.
func (a *analyser) chunk(s string) {
	if s == "" || strings.HasPrefix(s, "0x") || len(s) > 200 {
		return // addresses differ from paste to paste
	}
	a.latin += min(len(s), 12)
	if plain(s) {
		a.word(s) // as most are
		return
	}
	letters, code := 0, false
	var before rune
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			letters++
			code = code || unicode.IsUpper(r) && unicode.IsLower(before)
		case r != '\'' && r != '’' && r != '-':
			code = true // with digits, dots or the like in it
		}
		before = r
	}
	low := strings.ToLower(s)
	if letters == 0 {
		if len(low) <= 6 {
			a.found = a.look
			a.words = append(a.words, term(kindNum, low, numberWeight, false))
		}
		return
	}
	if code {
		low = strings.TrimRight(low, "0123456789:") // main.go:12:5 is main.go wherever it fails
		if len(low) > 1 {
			a.found = a.look
			a.words = append(a.words, term(kindCode, low, codeWeight, false))
		}
	}
	a.parts(s)
}

// plain says whether s is small Latin letters alone.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return true
}

// parts takes the words in s: of getHTTPClient, top-up, main.go.
func (a *analyser) parts(s string) {
	start := -1
	var before rune
	for i, r := range s {
		switch {
		case unicode.IsLetter(r):
			if start >= 0 && unicode.IsUpper(r) && unicode.IsLower(before) {
				a.word(s[start:i])
				start = -1
			}
			if start < 0 {
				start = i
			}
		case (r == '\'' || r == '’') && start >= 0:
		case start >= 0:
			a.word(s[start:i])
			start = -1
		}
		before = r
	}
	if start >= 0 {
		a.word(s[start:])
	}
}

var apostrophes = strings.NewReplacer("'", "", "’", "")

// word takes one word.
func (a *analyser) word(s string) {
	if !plain(s) {
		if s = strings.ToLower(s); strings.IndexByte(s, '\'') >= 0 || strings.Contains(s, "’") {
			s = apostrophes.Replace(s)
		}
	}
	if s == "" || len(s) > maxWord {
		return
	}
	if common[s] {
		a.words = append(a.words, term(kindWord, s, wordWeight, true))
		return
	}
	if a.look {
		a.found = true
		return
	}
	root := stem(s)
	a.words = append(a.words, term(kindWord, root, wordWeight, false))
	for _, other := range a.recent {
		if other != "" && other != root {
			first, second := other, root
			if first > second {
				first, second = second, first
			}
			a.pairs = append(a.pairs, made(hash(hash(hash(begun(kindPair), first), " "), second), pairWeight, false))
		}
	}
	copy(a.recent[1:], a.recent[:])
	a.recent[0] = root
	if len(s) >= 4 && !a.bare {
		w := uint8(float32(gramWeight) / squareRoot(len(s)-2))
		for i := 0; i+3 <= len(s); i++ {
			a.grams = append(a.grams, term(kindGram, s[i:i+3], w, false))
		}
	}
}

// squareRoot is the square root of the few pieces that a word has.
func squareRoot(n int) float32 {
	x := float32(n)
	y := (x + 1) / 2
	for range 5 {
		y = (y + x/y) / 2
	}
	return y
}

// term hashes s (FNV-1a, its bits mixed once more, as few of them are kept).
func term(kind byte, s string, weight uint8, common bool) Term {
	return made(hash(begun(kind), s), weight, common)
}

func begun(kind byte) uint32 { return (uint32(2166136261) ^ uint32(kind)) * 16777619 }

func hash(h uint32, s string) uint32 {
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

func made(h uint32, weight uint8, common bool) Term {
	h ^= h >> 15
	h *= 0x85ebca6b
	h ^= h >> 13
	return Term{ID: h % Space, Weight: weight, Common: common}
}
