package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// SplitDoc takes a text apart into texts of at most most by size, which obeys
// what [Shape.Size] says. A list or quote is broken only if it alone is too
// long, a line likewise.
func SplitDoc(d Doc, most int, size func(Doc) int) []Doc {
	if size(d) <= most {
		if len(d) == 0 {
			return nil
		}
		return []Doc{d}
	}
	var parts []Doc
	var cur Doc // the end of a node that was broken: what follows may join it
	for i := 0; i < len(d) || len(cur) > 0; {
		with := func(k int) Doc { return append(cur[:len(cur):len(cur)], d[i:i+k]...) }
		k := longest(len(d)-i, func(k int) bool { return size(with(k)) <= most })
		if k > 0 || len(cur) > 0 {
			parts = append(parts, with(k))
			cur, i = nil, i+k
			continue
		}
		pieces := splitNode(d[i], most, size)
		for _, piece := range pieces[:len(pieces)-1] {
			parts = append(parts, Doc{piece})
		}
		cur, i = Doc{pieces[len(pieces)-1]}, i+1
	}
	return parts
}

// longest is the greatest k up to most for which fits holds, which holds for all
// smaller ones then; 0 if it does not for 1.
func longest(most int, fits func(k int) bool) int {
	lo, hi := 0, 1
	for hi <= most && fits(hi) {
		lo, hi = hi, 2*hi
	}
	hi = min(hi, most+1)
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; fits(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// splitNode takes a node apart into at least one.
func splitNode(n Node, most int, size func(Doc) int) []Node {
	if size(Doc{n}) <= most {
		return []Node{n}
	}
	if n.Kind == Fence {
		return splitCode(n, most, size)
	}
	var out []Node
	var cur []Line // the end of a line that was broken: what follows may join it
	for i := 0; i < len(n.Lines) || len(cur) > 0; {
		with := func(k int) Node {
			return Node{Kind: n.Kind, First: n.First + i - len(cur), Lines: append(cur[:len(cur):len(cur)], n.Lines[i:i+k]...)}
		}
		k := longest(len(n.Lines)-i, func(k int) bool { return size(Doc{with(k)}) <= most })
		if k > 0 || len(cur) > 0 {
			out = append(out, with(k))
			cur, i = nil, i+k
			continue
		}
		pieces := splitLine(n.Lines[i], most, func(l Line) int { return size(Doc{{Kind: n.Kind, Lines: []Line{l}}}) })
		for j, piece := range pieces {
			kind := n.Kind
			if j > 0 && (kind == Bullets || kind == Numbers) {
				kind = Paragraph // the item goes on; it is not a new one
			}
			if j == len(pieces)-1 && kind == n.Kind {
				cur = []Line{piece}
				break
			}
			out = append(out, Node{Kind: kind, First: n.First + i, Lines: []Line{piece}})
		}
		i++
	}
	return out
}

// splitCode cuts code between lines where a part would not get shorter than a
// quarter of what fits.
func splitCode(n Node, most int, size func(Doc) int) []Node {
	var out []Node
	code := n.Code
	for code != "" {
		k := fit(code, most, func(s string) int { return size(Doc{{Kind: Fence, Code: s, Lang: n.Lang}}) })
		if k < len(code) {
			if nl := strings.LastIndexByte(code[:k+1], '\n'); nl > k/4 {
				out = append(out, Node{Kind: Fence, Code: code[:nl], Lang: n.Lang})
				code = code[nl+1:]
				continue
			}
		}
		out = append(out, Node{Kind: Fence, Code: code[:k], Lang: n.Lang})
		code = code[k:]
	}
	return out
}

// splitLine takes a line apart into at least one.
func splitLine(l Line, most int, size func(Line) int) []Line {
	var out []Line
	var cur Line
	for _, sp := range l {
		for {
			if grown := append(cur[:len(cur):len(cur)], sp); size(grown) <= most {
				cur = grown
				break
			}
			if sp.atom() {
				if len(cur) > 0 {
					out, cur = append(out, cur), nil
					continue
				}
				cur = shorten(sp, most, size)
				break
			}
			k := fit(sp.Text, most, func(s string) int {
				head := sp
				head.Text = s
				return size(append(cur[:len(cur):len(cur)], head))
			})
			at := k
			if ws := strings.LastIndexFunc(sp.Text[:k], unicode.IsSpace); ws >= k/2 && ws > 0 {
				at = ws
			}
			head := sp
			head.Text = strings.TrimRightFunc(sp.Text[:at], unicode.IsSpace)
			// With something before it on the line, a word is rather moved than cut.
			if len(cur) > 0 && (at == k || head.Text == "") {
				out, cur = append(out, cur), nil
				continue
			}
			if head.Text != "" {
				out, cur = append(out, append(cur, head)), nil
			}
			sp.Text = strings.TrimLeftFunc(sp.Text[at:], unicode.IsSpace)
			if sp.Text == "" {
				break
			}
		}
	}
	if len(cur) > 0 || len(out) == 0 {
		out = append(out, cur)
	}
	return out
}

// shorten makes a link fit that does not fit into a message alone: its text is
// cut, and if its address is what is too long, only the text remains.
func shorten(sp Span, most int, size func(Line) int) Line {
	text := sp.Text
	for range 2 {
		bare := sp
		bare.Text = "…"
		if size(Line{bare}) <= most {
			k := fit(text, most, func(s string) int {
				sp.Text = s + "…"
				return size(Line{sp})
			})
			sp.Text = text[:k] + "…"
			return Line{sp}
		}
		sp.URL, sp.Member, sp.Conversation = "", "", ""
	}
	return Line{{Text: "…"}}
}

// fit is the length in bytes of the longest prefix of s that is within most by
// size and does not cut a character; at least one rune.
func fit(s string, most int, size func(string) int) int {
	lo, hi := 0, len(s)
	if hi > utf8.UTFMax*most {
		hi = runeStart(s, utf8.UTFMax*most) // size counts a rune as one at least
	}
	if size(s[:hi]) <= most {
		lo = hi
	}
	for hi-lo > 1 {
		mid := runeStart(s, lo+(hi-lo)/2)
		if mid <= lo {
			_, n := utf8.DecodeRuneInString(s[lo:])
			if mid = lo + n; mid >= hi {
				break
			}
		}
		if size(s[:mid]) <= most {
			lo = mid
		} else {
			hi = mid
		}
	}
	if k := whole(s, lo); k > 0 {
		return k
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// runeStart moves i back to where a rune begins.
func runeStart(s string, i int) int {
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}
