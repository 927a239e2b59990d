package cluster

import (
	"math"

	"github.com/hearthbot/hearth/plugins/digest/text"
)

// Sure is the score from which a question may be answered as the known one was,
// by a machine, and Likely the one from which a maintainer may be asked whether it
// is: chosen on the development answers, and measured on others (README.md).
const (
	Sure   = 0.85
	Likely = 0.3
)

// Of the nearest items so many are compared word by word, if they are near at all and
// not much farther than the nearest. To compare two more would let one in fifty more
// be answered, and costs as much as all else that a question takes.
const (
	maxCompared = 2
	farther     = 0.6
	nearAtAll   = 0.14
)

// Known is the known question that most likely asks the same as another, asked, of
// which a is the analysis and which is not added. It compares their words: wording
// is how an item was worded, "" if that is gone. Nearest says then how near it is. It
// reports false if none has anything in common with it.
func (x *Index) Known(a text.Analysis, asked string, wording func(item uint32) string) (Match, bool) {
	nearest, ok := x.Nearest(a)
	if !ok {
		return nearest, false
	}
	best, worded := nearest, false
	compared := x.compared()
	if len(compared) == 0 {
		return nearest, true // as most questions are new
	}
	gist := x.said(a.Script, text.Gist(asked))
	for _, c := range compared {
		it := &x.items[c.slot]
		w := wording(it.id)
		if w == "" {
			continue
		}
		p := pairOf(gist, x.said(it.script, text.Gist(w)))
		like := p.shares()
		score := like.score()
		if score >= Likely || like.same() { // what is still to come can only speak against it
			p.against(&like)
			score = like.score()
		}
		if it.id == nearest.Item && like.same() {
			// Of a few words, all the same, the regression is not sure, as it saw few such.
			score = max(score, nearest.Score)
		}
		if !worded || score > best.Score {
			best = Match{Item: it.id, Topic: it.topic, Cosine: c.cos, Score: score, like: like}
			worded = true
		}
	}
	return best, true
}

// spoken is a word of a gist with what it says among the questions that are known: the
// more of them have it, the less.
type spoken struct {
	text.Word
	says  float32
	named float32 // where another could stand in its place
}

// said is a gist in the script of its question.
func (x *Index) said(s text.Script, gist []text.Word) []spoken {
	l := x.ready(s)
	words := make([]spoken, len(gist))
	for i, w := range gist {
		rare := float32(1)
		if d := l.df[w.Term]; d > 0 && w.Weight > 0 {
			rare -= log1p(d) / l.plain
		}
		words[i] = spoken{w, w.Weight * rare, w.Weight * rare}
		if w.Light() {
			words[i].named = 0.75
		}
	}
	return words
}

// compared are the items, of those last found near, that are compared word by word.
func (x *Index) compared() []candidate {
	near := x.s.best[:min(len(x.s.best), maxCompared)]
	for i, c := range near {
		if c.cos < max(nearAtAll, farther*near[0].cos) {
			return near[:i]
		}
	}
	return near
}

// likeness is what two questions have in common, word by word.
type likeness struct {
	known, asked float32 // of what either says, the share that the other says too
	shared       float32 // how much that is
	other        float32 // what either says in the place of what the other says there
	undone       float32 // words that turn the question into its opposite, in only one of them
	turned       bool    // what comes from where it goes in the other
}

// same says whether either says all that the other does, and nothing against it.
func (l *likeness) same() bool {
	return l.known == 1 && l.asked == 1 && l.undone == 0 && !l.turned
}

// weights turn a likeness into a score: a logistic regression over logits.
type weights [6]float64

// sure was fitted on the development answers by TestChooseSure, which prints it.
var sure = weights{-7.43, 3.23, 3.23, 3.53, -2.07, -0.75}

// logits are what weights weigh.
func (l *likeness) logits() weights {
	return weights{1, float64(l.known), float64(l.asked), math.Log(1 + float64(l.shared)), float64(l.other), float64(l.undone)}
}

// Where what two questions are about is turned round it stays doubtful whether they
// are the same, whatever else speaks for it.
const turnedRound = 0.5

func (l *likeness) score() float64 {
	z := 0.0
	for i, v := range l.logits() {
		z += sure[i] * v
	}
	score := 1 / (1 + math.Exp(-z))
	if l.turned {
		return min(score, turnedRound)
	}
	return score
}

// pair is a question beside a known one.
type pair struct {
	asked, known []spoken
	same         [text.MaxGist]uint64 // of each word of asked, which of known are the same
	said         [2]uint64            // of either, which words of weight the other has
}

func pairOf(asked, known []spoken) *pair {
	p := &pair{asked: asked, known: known}
	for i := range asked {
		a := &asked[i]
		for k := range known {
			if b := &known[k]; a.Text == b.Text || a.Latin && b.Latin && a.Weight > 0 && b.Weight > 0 && misspelt(a.Text, b.Text) {
				p.same[i] |= 1 << k
			}
		}
		if a.Weight > 0 && p.same[i] != 0 {
			p.said[0] |= 1 << i
			p.said[1] |= p.same[i]
		}
	}
	return p
}

// shares is what speaks for it that both ask the same.
func (p *pair) shares() (l likeness) {
	all, both := weighed(p.asked, p.said[0])
	itsAll, itsBoth := weighed(p.known, p.said[1])
	if both > 0 && itsBoth > 0 {
		l.asked, l.known, l.shared = both/all, itsBoth/itsAll, itsBoth
	}
	return l
}

// weighed is what words say, and what of it those say that are in.
func weighed(words []spoken, in uint64) (all, both float32) {
	for i := range words {
		all += words[i].says
		if in>>i&1 == 1 {
			both += words[i].says
		}
	}
	return all, both
}

// against adds what speaks against it.
func (p *pair) against(l *likeness) {
	l.other = p.instead()
	l.undone = undone(p.asked, p.known) + undone(p.known, p.asked)
	l.turned = turned(p.asked, p.known)
}

// undone is how many words turn a question into its opposite that others lack.
func undone(words, others []spoken) (n float32) {
	for i := range words {
		if words[i].Undoes && !has(others, words[i].Text) && !has(words[:i], words[i].Text) {
			n++
		}
	}
	return n
}

func has(words []spoken, s string) bool {
	for i := range words {
		if words[i].Text == s {
			return true
		}
	}
	return false
}

// maxMisspelt is how long words are that are compared letter by letter.
const maxMisspelt = 24

// misspelt says whether one word is the other but for a letter, or for two in a
// long word; two letters that changed places are one. Who misspells a word knows its
// first letter.
func misspelt(a, b string) bool {
	if a[0] != b[0] || min(len(a), len(b)) < 4 || max(len(a), len(b)) > maxMisspelt {
		return false
	}
	most := 1
	if max(len(a), len(b)) >= 8 {
		most = 2
	}
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return false
	}
	var rows [3][maxMisspelt + 1]int
	last2, last, row := &rows[0], &rows[1], &rows[2]
	for k := range len(b) + 1 {
		last[k] = k
	}
	for i := range len(a) {
		row[0] = i + 1
		for k := range len(b) {
			d := last[k]
			if a[i] != b[k] {
				d++
			}
			d = min(d, last[k+1]+1, row[k]+1)
			if i > 0 && k > 0 && a[i] == b[k-1] && a[i-1] == b[k] {
				d = min(d, last2[k-1]+1)
			}
			row[k+1] = d
		}
		last2, last, row = last, row, last2
	}
	return last[len(b)] <= most
}

// filled is what a filler counts where two questions are laid beside each other.
const filled = 0.05

// instead is how much is said in one place of both questions that is not the same:
// to install docker instead of go. Both are laid beside each other so that most is
// the same; where that leaves a gap in both, beside words that are the same, the
// lesser of what is said in either gap counts, and the greatest of these.
func (p *pair) instead() float32 {
	asked, known := p.asked, p.known
	var best [text.MaxGist + 1][text.MaxGist + 1]float32 // of what is left from here on
	for i := len(asked) - 1; i >= 0; i-- {
		for k := len(known) - 1; k >= 0; k-- {
			b := max(best[i+1][k], best[i][k+1])
			if p.same[i]>>k&1 == 1 {
				b = max(b, best[i+1][k+1]+max(asked[i].says, filled))
			}
			best[i][k] = b
		}
	}
	most, here, there := float32(0), float32(0), float32(0)
	left := false
	gap := func(right bool) {
		switch least := min(here, there); {
		case left && right:
			most = max(most, least)
		case left || right:
			most = max(most, 0.7*least)
		}
		here, there = 0, 0
	}
	i, k := 0, 0
	for i < len(asked) || k < len(known) {
		switch {
		case i < len(asked) && k < len(known) && p.same[i]>>k&1 == 1 && best[i][k] == best[i+1][k+1]+max(asked[i].says, filled):
			gap(true)
			left = true
			i++
			k++
		case k == len(known) || i < len(asked) && best[i+1][k] >= best[i][k+1]:
			if p.said[0]>>i&1 == 0 {
				here += asked[i].named
			}
			i++
		default:
			if p.said[1]>>k&1 == 0 {
				there += known[k].named
			}
			k++
		}
	}
	gap(false)
	return most
}

// turned says whether what stands before a word that leads somewhere stands behind
// it in the other question: Word to PDF, PDF to Word.
func turned(asked, known []spoken) bool {
	for i := range asked {
		if !asked[i].Leads {
			continue
		}
		for k := range known {
			if known[k].Leads && crossed(asked[:i], asked[i+1:], known[:k], known[k+1:]) {
				return true
			}
		}
	}
	return false
}

// crossed says whether a word before is behind, and the other way round, and none
// is where it was.
func crossed(before, behind, its, itsBehind []spoken) bool {
	return shares(before, itsBehind) && shares(behind, its) && !shares(before, its) && !shares(behind, itsBehind)
}

func shares(a, b []spoken) bool {
	for i := range a {
		if a[i].Weight > 0 && !a[i].Leads && has(b, a[i].Text) {
			return true
		}
	}
	return false
}
