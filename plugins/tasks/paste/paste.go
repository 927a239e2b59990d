// Package paste checks what members paste back from their own machine: the
// output of a command, or a file. It owns the rules by which a text is accepted,
// and knows the mistakes that are common to all commands.
//
// Rules are JSON:
//
//	{
//	  "any":   [{"match": "REGEXP", "not": "REGEXP"}],
//	  "wrong": [{"match": "REGEXP", "en": "what to do about it", "zh-CN": "…"}]
//	}
//
// A text is accepted if one of "any" matches it, and its "not", if there is
// one, does not. If none does, the first of "wrong" that matches says why; if
// none of those does, the first of the common mistakes.
//
// Expressions are Go's (RE2), so that none takes long, with "^" and "$" at the
// ends of lines. Before, the text is tidied: fences, colours, prompts' white
// space and typographic quotes are not what a task is about.
//
// It must not know which task it is about, nor say anything but by a [Mistake]
// and the words of the rules.
package paste

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Bounds of rules, and of a text: what is behind is not looked at.
const (
	MaxText = 32 << 10

	maxRules  = 16 << 10
	maxEach   = 24 // of any, and of wrong
	maxRegexp = 1000
	maxWords  = 1000
)

// Rules say what is accepted.
type Rules struct {
	any   []alternative
	wrong []reason
}

type alternative struct{ match, not *regexp.Regexp }

type reason struct {
	match *regexp.Regexp
	words map[string]string
}

// Result is what became of a check: OK, or why not, by the words of the rules,
// else by a mistake.
type Result struct {
	OK      bool
	Words   map[string]string // by locale, "en" always among them; nil if the rules have none for it
	Mistake Mistake           // if there are no words
	Tool    string            // the command that a mistake is about: "go", "dlv"; "" if it does not matter
}

// Parse reads rules.
func Parse(text []byte) (*Rules, error) {
	if len(text) > maxRules {
		return nil, fmt.Errorf("the rules have %d KiB, at most %d", len(text)>>10, maxRules>>10)
	}
	var in struct {
		Any   []struct{ Match, Not string } `json:"any"`
		Wrong []map[string]string           `json:"wrong"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf(`the rules are no JSON of the form {"any": [{"match": "…"}], "wrong": [{"match": "…", "en": "…"}]}: %w`, err)
	}
	if len(in.Any) == 0 {
		return nil, errors.New(`"any" is empty, so nothing is accepted; add {"match": "…"}`)
	}
	if len(in.Any) > maxEach || len(in.Wrong) > maxEach {
		return nil, fmt.Errorf("there are more than %d rules of a sort", maxEach)
	}
	r := &Rules{}
	for i, a := range in.Any {
		match, err := compile(a.Match)
		if err != nil {
			return nil, fmt.Errorf("any %d: match: %w", i+1, err)
		}
		alt := alternative{match: match}
		if a.Not != "" {
			if alt.not, err = compile(a.Not); err != nil {
				return nil, fmt.Errorf("any %d: not: %w", i+1, err)
			}
		}
		r.any = append(r.any, alt)
	}
	for i, w := range in.Wrong {
		match, err := compile(w["match"])
		if err != nil {
			return nil, fmt.Errorf("wrong %d: match: %w", i+1, err)
		}
		delete(w, "match")
		if strings.TrimSpace(w["en"]) == "" {
			return nil, fmt.Errorf(`wrong %d: it does not say what to do; add "en": "…"`, i+1)
		}
		for locale, words := range w {
			if len(words) > maxWords {
				return nil, fmt.Errorf("wrong %d: %.20s has %d bytes, at most %d", i+1, locale, len(words), maxWords)
			}
		}
		r.wrong = append(r.wrong, reason{match: match, words: w})
	}
	return r, nil
}

func compile(expr string) (*regexp.Regexp, error) {
	switch {
	case expr == "":
		return nil, errors.New("it is empty")
	case len(expr) > maxRegexp:
		return nil, fmt.Errorf("the expression has %d bytes, at most %d", len(expr), maxRegexp)
	}
	re, err := regexp.Compile("(?m)" + expr)
	if err != nil {
		return nil, fmt.Errorf("%w; expressions are written as for Go's package regexp", err)
	}
	return re, nil
}

// Check says whether a text is accepted, else what is wrong with it.
func (r *Rules) Check(text string) Result {
	text = Tidy(text)
	if text == "" {
		return Result{Mistake: Empty}
	}
	for _, a := range r.any {
		if a.match.MatchString(text) && (a.not == nil || !a.not.MatchString(text)) {
			return Result{OK: true}
		}
	}
	for _, w := range r.wrong {
		if w.match.MatchString(text) {
			return Result{Words: w.words}
		}
	}
	mistake, tool := common(text)
	return Result{Mistake: mistake, Tool: tool}
}
