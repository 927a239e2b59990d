// Package text takes the questions of a community apart: what is one, and what
// it is made of. It owns how a text is normalised, the terms it has, and what
// counts as a question, in English and in Chinese.
//
// A text is looked at in NFKC and lower case. Names, links and emoji of a
// platform are taken out, as is code between fences but for the lines that tell
// an error. Terms are
//
//   - English words, stemmed, and two of them with at most two between them, in
//     either order: what is asked is more often in two words than in one;
//   - the runs of three letters in a word, for what is misspelt;
//   - code and error tokens (context.WithTimeout, go.mod, E0308), whole, and the
//     words in them;
//   - Chinese characters, and two that stand together.
//
// A term is a hash, so that no dictionary need be kept. It must not know how
// often a term was seen, nor what is alike: that is package cluster's. It keeps
// no state, is safe for concurrent use, and takes time in proportion to the
// first MaxText bytes.
package text

import "golang.org/x/text/unicode/norm"

// MaxText is how many bytes of a message are looked at; what is behind is not.
const MaxText = 8 << 10

// MaxTerms is how many terms a text has at most: words before pairs before
// pieces.
const MaxTerms = 128

// Space is how many different terms there can be: an ID is less. That two of a
// text share one is seldom.
const Space = 1 << 18

// Term is a word or a piece of one, by what it hashes to.
type Term struct {
	ID     uint32
	Weight uint8 // what it counts before it is known how rare it is, in 64ths; at least 1
	Common bool  // a word that a question has whatever it is about
}

// Script is the writing of a text: how alike texts have to be differs between them.
type Script uint8

// The scripts that are told apart. What is neither is treated as Latin.
const (
	Latin Script = iota
	Han
	Scripts // how many there are
)

func (s Script) String() string {
	if s == Han {
		return "han"
	}
	return "latin"
}

// Analysis is a text taken apart.
type Analysis struct {
	Terms  []Term // by ID, each once, at most MaxTerms
	Script Script
}

// Analyse takes a text apart. Equal texts have equal analyses.
func Analyse(s string) Analysis {
	a := analyser{words: make([]Term, 0, 32), pairs: make([]Term, 0, 32), grams: make([]Term, 0, 64)}
	a.text(errorsOnly(compose(s)))
	return a.done()
}

// Words are those of Analyse's terms that are no pieces of words: what a text
// speaks of, at less than half of the cost.
func Words(s string) []Term {
	a := analyser{bare: true}
	a.text(errorsOnly(compose(s)))
	return a.done().Terms
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// compose is the beginning of s as valid UTF-8 in NFKC, which may be longer: one
// Arabic ligature has 18 letters.
func compose(s string) string {
	if len(s) <= MaxText && ascii(s) {
		return s // it is composed
	}
	return valid(norm.NFKC.String(valid(s)))
}
