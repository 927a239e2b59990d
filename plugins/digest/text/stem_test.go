package text

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kljensen/snowball/english"
)

// The stem of every word is what package snowball says.
func TestStem(t *testing.T) {
	parts := []string{"gener", "commun", "arsen", "y", "a", "e", "o", "u", "i", "l", "s", "t", "b", "d", "w", "x", "ck", "ll", "tt", "str", "é", "ß", "я",
		"ied", "ies", "us", "ss", "sses", "eedly", "ingly", "edly", "ing", "eed", "ed", "at", "bl", "iz", "ement"}
	for _, all := range [][]ending{longEndings, longerEndings, residualEndings} {
		for _, e := range all {
			parts = append(parts, e.is)
		}
	}
	compare := func(w string) {
		if w = strings.ToLower(w); len(w) > maxWord || strings.ContainsAny(w, "'’") {
			return
		}
		if got, want := stem(w), english.Stem(w, true); got != want {
			t.Fatalf("%q: %q, want %q", w, got, want)
		}
	}
	for w := range irregular {
		compare(w)
		compare(w + "s")
	}
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			for _, p := range parts {
				compare(string([]rune{a, b}) + p)
				compare(string(a) + p + string(b))
				compare(p + string([]rune{a, b}))
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			if r.IntN(2) == 0 {
				b.WriteByte(byte('a' + r.IntN(26)))
			} else {
				b.WriteString(parts[r.IntN(len(parts))])
			}
		}
		compare(b.String())
	}
}

// Words are what Analyse finds, less the pieces of words.
func TestWords(t *testing.T) {
	for _, s := range []string{
		"How do I cancel a context early in main.go:12:5 of getHTTPClient?", "请问 goroutine 泄漏怎么排查，有工具吗？", "", "the of and",
		strings.Repeat("many different words in one long text, ", 4) + "panic: nil map",
	} {
		whole := map[uint32]Term{}
		for _, x := range Analyse(s).Terms {
			whole[x.ID] = x
		}
		for _, x := range Words(s) {
			if whole[x.ID] != x {
				t.Errorf("%q: %v of Words is %v of Analyse", s, x, whole[x.ID])
			}
			delete(whole, x.ID)
		}
		for _, x := range whole {
			if x.Weight > gramWeight*6/5 || x.Common {
				t.Errorf("%q: Words has not %v", s, x)
			}
		}
	}
}
