package page

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Words are texts by key, in English and in Chinese.
type Words map[string][2]string

// verb is a place in a text that is filled in.
var verb = regexp.MustCompile(`%[-+# 0]*[0-9.]*[a-zA-Z]`)

// check says which text is not there in both languages, with the same places to
// fill in.
func (w Words) check() error {
	for _, key := range slices.Sorted(maps.Keys(w)) {
		t := w[key]
		if t[0] == "" || t[1] == "" || !slices.Equal(verb.FindAllString(t[0], -1), verb.FindAllString(t[1], -1)) {
			return fmt.Errorf("the text %q is %q in English and %q in Chinese", key, t[0], t[1])
		}
	}
	return nil
}

// Texts are the texts of some pages in one language. The zero Texts has none.
type Texts struct {
	lang  string
	words []Words // the first that has a key says it
}

// String is the language as HTML has it: "en" or "zh-CN".
func (l Texts) String() string { return l.lang }

// Other is the language one can change to.
func (l Texts) Other() string {
	if l.lang == "zh-CN" {
		return "en"
	}
	return "zh-CN"
}

// Flip are the same texts in the other language.
func (l Texts) Flip() Texts { return Texts{l.Other(), l.words} }

// Say is the text of key, formatted as fmt does, and key itself where there is
// none.
func (l Texts) Say(key string, args ...any) string {
	for _, w := range l.words {
		t, ok := w[key]
		if !ok {
			continue
		}
		s := t[0]
		if l.lang == "zh-CN" {
			s = t[1]
		}
		if len(args) == 0 {
			return s
		}
		return fmt.Sprintf(s, args...)
	}
	return key
}

// Has says whether there is such a text.
func (l Texts) Has(key string) bool {
	for _, w := range l.words {
		if _, ok := w[key]; ok {
			return true
		}
	}
	return false
}

// Spans is the text of key, with code where it has backquotes.
func (l Texts) Spans(key string, args ...any) []Span { return Quoted(l.Say(key, args...)) }

// With are the texts and some values together, for a template that needs them all.
func (l Texts) With(v ...any) []any { return append([]any{l}, v...) }

// In is a text that is there by language, in this one if it can be.
func (l Texts) In(t map[string]string) string {
	if s := t[l.lang]; s != "" {
		return s
	}
	return t["en"]
}

// Count says how many of something there are: key.one or key.many.
func (l Texts) Count(key string, n int) string {
	if n == 1 {
		return l.Say(key+".one", n)
	}
	return l.Say(key+".many", n)
}
