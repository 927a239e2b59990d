package text

// stem is the stem of an English word in lower case, without apostrophes: Porter's
// second algorithm ("English" of the Snowball stemmers), to the letter as package
// kljensen/snowball has it, with which tests compare it. That one makes runes of
// each ending that it looks for, which under WebAssembly was half of what taking a
// text apart cost. A word has at most maxWord bytes.
func stem(word string) string {
	if len(word) <= 2 {
		return word
	}
	if s, ok := irregular[word]; ok {
		return s
	}
	var room [maxWord + 2]rune // it may grow by one letter
	w := stemmer{rs: room[:0]}
	for _, r := range word {
		w.rs = append(w.rs, r)
	}
	w.regions()
	w.plurals()
	w.participles()
	if n := len(w.rs); n > 2 && (w.rs[n-1] == 'y' || w.rs[n-1] == 'Y') && !vowel(w.rs[n-2]) {
		w.rs[n-1] = 'i'
	}
	w.long()
	w.longer()
	w.residual()
	w.last()
	same := len(w.rs) <= len(word)
	for i, r := range w.rs {
		if r == 'Y' {
			w.rs[i], r = 'y', 'y'
		}
		same = same && r < 0x80 && word[i] == byte(r)
	}
	if same {
		return word[:len(w.rs)] // most are: nothing new has to be made
	}
	return string(w.rs)
}

// maxWord is how many bytes a word has at most.
const maxWord = 40

// irregular are words that the rules do not fit.
var irregular = map[string]string{
	"skis": "ski", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie",
	"idly": "idl", "gently": "gentl", "ugly": "ugli", "early": "earli", "only": "onli", "singly": "singl",
	"sky": "sky", "news": "news", "howe": "howe", "atlas": "atlas", "cosmos": "cosmos", "bias": "bias", "andes": "andes",
	"inning": "inning", "innings": "inning", "outing": "outing", "outings": "outing", "canning": "canning", "cannings": "canning",
	"herring": "herring", "herrings": "herring", "earring": "earring", "earrings": "earring",
	"proceed": "proceed", "proceeds": "proceed", "proceeded": "proceed", "proceeding": "proceed",
	"exceed": "exceed", "exceeds": "exceed", "exceeded": "exceed", "exceeding": "exceed",
	"succeed": "succeed", "succeeds": "succeed", "succeeded": "succeed", "succeeding": "succeed",
}

// stemmer is a word under way. A Y that is no vowel is a capital one.
type stemmer struct {
	rs     []rune
	r1, r2 int // where the regions begin that endings have to be in
}

func vowel(r rune) bool {
	switch r {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return false
}

// regions finds those of the word, in which every y that begins it or follows a
// vowel becomes Y.
func (w *stemmer) regions() {
	for i, r := range w.rs {
		if r == 'y' && (i == 0 || vowel(w.rs[i-1])) {
			w.rs[i] = 'Y'
		}
	}
	after := func(start int) int {
		for i := start + 1; i < len(w.rs); i++ {
			if vowel(w.rs[i-1]) && !vowel(w.rs[i]) {
				return i + 1
			}
		}
		return len(w.rs)
	}
	switch {
	case w.begins("gener"), w.begins("arsen"):
		w.r1 = 5
	case w.begins("commun"):
		w.r1 = 6
	default:
		w.r1 = after(0)
	}
	w.r2 = after(w.r1)
}

func (w *stemmer) begins(s string) bool {
	if len(w.rs) < len(s) {
		return false
	}
	for i := range len(s) {
		if w.rs[i] != rune(s[i]) {
			return false
		}
	}
	return true
}

func (w *stemmer) ends(s string) bool {
	d := len(w.rs) - len(s)
	if d < 0 {
		return false
	}
	for i := len(s) - 1; i >= 0; i-- {
		if w.rs[d+i] != rune(s[i]) {
			return false
		}
	}
	return true
}

// ending is one that may become another.
type ending struct{ is, to string }

// ending is the first of some that the word ends with.
func (w *stemmer) ending(all []ending) (ending, bool) {
	for _, e := range all {
		if w.ends(e.is) {
			return e, true
		}
	}
	return ending{}, false
}

// replace has the last n letters be others.
func (w *stemmer) replace(n int, to string) {
	w.rs = w.rs[:len(w.rs)-n]
	for i := range len(to) {
		w.rs = append(w.rs, rune(to[i]))
	}
	w.r1, w.r2 = min(w.r1, len(w.rs)), min(w.r2, len(w.rs))
}

// within says whether n letters at the end are in the region that begins at r.
func (w *stemmer) within(n, r int) bool { return n <= len(w.rs)-r }

// before is the letter before the last n, 0 without any.
func (w *stemmer) before(n int) rune {
	if len(w.rs) <= n {
		return 0
	}
	return w.rs[len(w.rs)-n-1]
}

// hasVowel says whether there is one before the last n letters.
func (w *stemmer) hasVowel(n int) bool {
	for _, r := range w.rs[:max(0, len(w.rs)-n)] {
		if vowel(r) {
			return true
		}
	}
	return false
}

// short says whether the first i letters end with a short syllable.
func (w *stemmer) short(i int) bool {
	switch {
	case i == 2:
		return vowel(w.rs[0]) && !vowel(w.rs[1])
	case i < 3:
		return false
	}
	last := w.rs[i-1]
	return !vowel(last) && last != 'w' && last != 'x' && last != 'Y' && vowel(w.rs[i-2]) && !vowel(w.rs[i-3])
}

func (w *stemmer) plurals() {
	switch {
	case w.ends("sses"):
		w.replace(2, "")
	case w.ends("ied"), w.ends("ies"):
		if len(w.rs) > 4 {
			w.replace(2, "")
		} else {
			w.replace(1, "")
		}
	case w.ends("us"), w.ends("ss"):
	case w.ends("s") && w.hasVowel(2):
		w.replace(1, "")
	}
}

func (w *stemmer) participles() {
	n := 0
	switch {
	case w.ends("eedly"):
		n = 5
	case w.ends("ingly"):
		n = -5
	case w.ends("edly"):
		n = -4
	case w.ends("ing"):
		n = -3
	case w.ends("eed"):
		n = 3
	case w.ends("ed"):
		n = -2
	}
	if n > 0 && w.within(n, w.r1) {
		w.replace(n, "ee")
	}
	if n >= 0 || !w.hasVowel(-n) {
		return
	}
	r1, r2 := w.r1, w.r2
	w.replace(-n, "")
	switch last := w.before(0); {
	case w.ends("at"), w.ends("bl"), w.ends("iz"):
		w.rs = append(w.rs, 'e')
	case last == w.before(1) && (last == 'b' || last == 'd' || last == 'f' || last == 'g' || last == 'm' || last == 'n' || last == 'p' || last == 'r' || last == 't'):
		w.rs = w.rs[:len(w.rs)-1]
	case w.r1 >= len(w.rs) && w.short(len(w.rs)):
		w.rs = append(w.rs, 'e')
		w.r1, w.r2 = len(w.rs), len(w.rs)
		return
	}
	w.r1, w.r2 = min(r1, len(w.rs)), min(r2, len(w.rs))
}

var (
	longEndings = []ending{
		{"ational", "ate"}, {"fulness", "ful"}, {"iveness", "ive"}, {"ization", "ize"}, {"ousness", "ous"},
		{"biliti", "ble"}, {"lessli", "less"}, {"tional", "tion"}, {"alism", "al"}, {"aliti", "al"}, {"ation", "ate"},
		{"entli", "ent"}, {"fulli", "ful"}, {"iviti", "ive"}, {"ousli", "ous"}, {"anci", "ance"}, {"abli", "able"},
		{"alli", "al"}, {"ator", "ate"}, {"enci", "ence"}, {"izer", "ize"}, {"bli", "ble"}, {"ogi", ""}, {"li", ""},
	}
	longerEndings = []ending{
		{"ational", "ate"}, {"tional", "tion"}, {"alize", "al"}, {"icate", "ic"}, {"ative", ""},
		{"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""},
	}
	residualEndings = []ending{
		{is: "ement"}, {is: "ance"}, {is: "ence"}, {is: "able"}, {is: "ible"}, {is: "ment"},
		{is: "ent"}, {is: "ant"}, {is: "ism"}, {is: "ate"}, {is: "iti"}, {is: "ous"}, {is: "ive"},
		{is: "ize"}, {is: "ion"}, {is: "al"}, {is: "er"}, {is: "ic"},
	}
)

func (w *stemmer) long() {
	e, ok := w.ending(longEndings)
	if !ok || !w.within(len(e.is), w.r1) {
		return
	}
	switch e.is {
	case "li":
		switch w.before(2) {
		case 'c', 'd', 'e', 'g', 'h', 'k', 'm', 'n', 'r', 't':
			w.replace(2, "")
		}
	case "ogi":
		if w.before(3) == 'l' {
			w.replace(1, "")
		}
	default:
		w.replace(len(e.is), e.to)
	}
}

func (w *stemmer) longer() {
	e, ok := w.ending(longerEndings)
	if !ok || !w.within(len(e.is), w.r1) || e.is == "ative" && !w.within(5, w.r2) {
		return
	}
	w.replace(len(e.is), e.to)
}

func (w *stemmer) residual() {
	e, ok := w.ending(residualEndings)
	if !ok || !w.within(len(e.is), w.r2) || e.is == "ion" && w.before(3) != 's' && w.before(3) != 't' {
		return
	}
	w.replace(len(e.is), "")
}

func (w *stemmer) last() {
	n := len(w.rs) - 1
	switch {
	case w.r1 > n:
	case w.rs[n] == 'e':
		if w.r2 <= n || !w.short(n) {
			w.replace(1, "")
		}
	case w.r2 <= n && w.rs[n] == 'l' && w.before(1) == 'l':
		w.replace(1, "")
	}
}
