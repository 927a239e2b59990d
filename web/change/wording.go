package change

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/web/page"
)

// A wording is written as plugins' texts are: {name} is a placeholder,
// {n|task|tasks} a word for one and one for any other number, and a brace that
// is one is written twice.

// piece is a part of a wording: text, or a placeholder with its forms.
type piece struct {
	text  string
	param string
	forms []string
}

// fault is a place in a wording that cannot stay.
type fault struct {
	from, to int // bytes of the wording
	key      string
	args     []any
}

const mostFaults = 5 // that are told at once

// takeApart reads a wording, which may name params.
func takeApart(text string, params []string) ([]piece, []fault) {
	var out []piece
	var faults []fault
	var plain strings.Builder
	for i := 0; i < len(text); {
		c := text[i]
		if c != '{' && c != '}' {
			plain.WriteByte(c)
			i++
			continue
		}
		if i+1 < len(text) && text[i+1] == c {
			plain.WriteByte(c)
			i += 2
			continue
		}
		end := strings.IndexByte(text[i:], '}')
		if c == '}' || end < 0 {
			key := "fault.open"
			if c == '}' {
				key = "fault.close"
			}
			faults = append(faults, fault{i, i + 1, key, nil})
			plain.WriteByte(c)
			i++
			continue
		}
		inside := text[i+1 : i+end]
		forms := strings.Split(inside, "|")
		f := fault{from: i, to: i + end + 1}
		switch {
		case !slices.Contains(params, forms[0]) && len(params) == 0:
			f.key, f.args = "fault.none", []any{short(inside)}
		case !slices.Contains(params, forms[0]):
			f.key, f.args = "fault.unknown", []any{short(inside), "{" + strings.Join(params, "}, {") + "}"}
		case len(forms) != 1 && len(forms) != 3:
			f.key, f.args = "fault.forms", []any{short(inside), forms[0]}
		}
		if f.key != "" {
			faults = append(faults, f)
			plain.WriteString(text[i : i+end+1])
		} else {
			out = append(out, piece{text: plain.String()}, piece{param: forms[0], forms: forms[1:]})
			plain.Reset()
		}
		i += end + 1
	}
	return append(out, piece{text: plain.String()}), faults
}

// short is what somebody wrote, cut for a message.
func short(s string) string {
	r := []rune(page.Printable(s))
	if len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return string(r)
}

// check finds all that is wrong with a wording.
func check(text string, params []string) []fault {
	_, faults := takeApart(text, params)
	faults = append(faults, unseen(text)...)
	slices.SortStableFunc(faults, func(a, b fault) int { return a.from - b.from })
	if n := utf8.RuneCountInString(text); n > maxText {
		faults = append([]fault{{-1, -1, "fault.long", []any{n, maxText}}}, faults...)
	}
	return faults[:min(len(faults), mostFaults)]
}

// unseen finds the characters that no chat shows and some obey.
func unseen(text string) []fault {
	var faults []fault
	for i := 0; i < len(text) && len(faults) < mostFaults; {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch c := text[i : i+n]; {
		case r == utf8.RuneError && n <= 1:
			faults = append(faults, fault{i, i + n, "fault.utf8", nil})
		case r != '\r' && chat.Clean(c) != c:
			faults = append(faults, fault{i, i + n, "fault.unseen", []any{codePoint(r)}})
		}
		i += n
	}
	return faults
}

func codePoint(r rune) string {
	s := strings.ToUpper(strconv.FormatInt(int64(r), 16))
	return "U+" + strings.Repeat("0", max(0, 4-len(s))) + s
}

// problem is a fault as a page shows it: what it is, and where.
type problem struct {
	Text                 string
	Line, Column         int    // 0 if it is the whole text's
	Before, Wrong, After string // of the line, what is not seen written out
	Caret                string // stands below, under what is wrong
}

// aroundFault is how many characters of its line are shown on either side of a
// fault.
const aroundFault = 24

// problems are the faults of a text in the reader's language.
func problems(l page.Texts, text string, faults []fault) []problem {
	var out []problem
	for _, f := range faults {
		p := problem{Text: l.Say(f.key, f.args...)}
		if f.from >= 0 {
			p.place(text, f)
		}
		out = append(out, p)
	}
	return out
}

func (p *problem) place(text string, f fault) {
	start := strings.LastIndexByte(text[:f.from], '\n') + 1
	end := len(text)
	if i := strings.IndexByte(text[f.from:], '\n'); i >= 0 {
		end = f.from + i
	}
	p.Line = strings.Count(text[:start], "\n") + 1
	p.Column = utf8.RuneCountInString(text[start:f.from]) + 1
	before := []rune(page.Printable(text[start:f.from]))
	if len(before) > aroundFault {
		before = append([]rune("…"), before[len(before)-aroundFault:]...)
	}
	wrong := []rune(page.Printable(text[f.from:min(f.to, end)]))
	if len(wrong) > aroundFault {
		wrong = append(wrong[:aroundFault], '…')
	}
	after := []rune(page.Printable(text[min(f.to, end):end]))
	if len(after) > aroundFault {
		after = append(after[:aroundFault], '…')
	}
	p.Before, p.Wrong, p.After = string(before), string(wrong), string(after)
	var caret strings.Builder
	for _, r := range before { // as wide as what stands above
		switch k := width.LookupRune(r).Kind(); {
		case r == '\t':
			caret.WriteRune('\t')
		case unicode.Is(unicode.Mn, r):
		case k == width.EastAsianWide || k == width.EastAsianFullwidth:
			caret.WriteRune('\u3000')
		default:
			caret.WriteRune(' ')
		}
	}
	caret.WriteString(strings.Repeat("^", max(1, len(wrong))))
	p.Caret = caret.String()
}
