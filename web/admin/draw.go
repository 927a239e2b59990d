package admin

import (
	"fmt"
	"unicode"

	"github.com/hearthbot/hearth/web/page"
)

// drawing is a way as a picture: boxes and what joins them, in the units of its
// view box.
type drawing struct {
	ID    string // of its title, unique on the page
	Class string
	W, H  int
	Title string
	Tell  string
	Heads []label
	Lines []string // paths
	Boxes []box
}

type label struct {
	X, Y int
	Text string
}

type box struct {
	X, Y, W, H int
	State      string
	Title, Sub string
	TextX      int
	TitleY     int
	SubY       int
	MarkX      int
	MarkY      int
}

// Measures of the wide picture, where columns stand beside each other.
const (
	boxW, boxH = 196, 46
	gapX, gapY = 32, 12
	headH      = 26
)

// wide draws the way from left to right.
func (n *node) wide(t page.Texts) drawing {
	d := drawing{ID: "way-wide", Class: "way broad", Title: t.Say("way"), Tell: n.tell()}
	far, y := 0, headH
	var place func(n *node) int // the middle of its box
	place = func(n *node) int {
		far = max(far, n.col)
		if len(n.kids) == 0 {
			mid := y + boxH/2
			y += boxH + gapY
			d.put(n, n.col*(boxW+gapX), mid-boxH/2, boxW, boxH)
			return mid
		}
		mids := make([]int, len(n.kids))
		for i, k := range n.kids {
			mids[i] = place(k)
		}
		mid := (mids[0] + mids[len(mids)-1]) / 2
		d.put(n, n.col*(boxW+gapX), mid-boxH/2, boxW, boxH)
		from := n.col*(boxW+gapX) + boxW
		for i, k := range n.kids {
			to := k.col * (boxW + gapX)
			d.Lines = append(d.Lines, fmt.Sprintf("M%d %dC%d %d %d %d %d %d", from, mid, to-gapX/2, mid, to-gapX/2, mids[i], to, mids[i]))
		}
		return mid
	}
	place(n)
	d.W, d.H = (far+1)*(boxW+gapX)-gapX+2, y-gapY+2
	for c := range far + 1 {
		d.Heads = append(d.Heads, label{c*(boxW+gapX) + 2, 14, t.Say([columns]string{"way.event", "way.plugins", "way.effects", "way.attempts", "way.receipts"}[c])})
	}
	return d
}

// Measures of the narrow picture, where each station is a line.
const (
	lineW, lineH = 340, 42
	indent       = 16
)

// narrow draws the way from top to bottom.
func (n *node) narrow(t page.Texts) drawing {
	d := drawing{ID: "way-narrow", Class: "way slim", Title: t.Say("way"), Tell: n.tell(), W: lineW + 2}
	y := 0
	var place func(n *node, depth int) int
	place = func(n *node, depth int) int {
		x, mid := depth*indent, y+lineH/2
		d.put(n, x, y, lineW-x, lineH)
		y += lineH + 8
		for _, k := range n.kids {
			to := place(k, depth+1)
			d.Lines = append(d.Lines, fmt.Sprintf("M%d %dV%dH%d", x+indent/2, mid+lineH/2, to, x+indent))
		}
		return mid
	}
	place(n, 0)
	d.H = y - 6
	return d
}

func (d *drawing) put(n *node, x, y, w, h int) {
	room := w - 38
	b := box{X: x + 1, Y: y + 1, W: w, H: h, State: n.state, Title: fit(n.title, room, 8.4), Sub: fit(n.sub, room, 7),
		TextX: x + 33, TitleY: y + h/2 - 3, SubY: y + h/2 + 13, MarkX: x + 17, MarkY: y + h/2 + 1}
	if n.sub == "" {
		b.TitleY = y + h/2 + 5
	}
	d.Boxes = append(d.Boxes, b)
}

// fit cuts a text to so many units, by a letter's width; Chinese characters are
// nearly twice as wide.
func fit(s string, room int, letter float64) string {
	width := 0.0
	cut := -1 // where it is cut, if it must be
	for i, r := range s {
		w := letter
		if unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || r >= 0xff00 || r >= 0x3000 && r < 0x3040 {
			w = letter * 1.75
		}
		if width+letter <= float64(room) {
			cut = i
		}
		if width += w; width > float64(room) {
			return s[:max(cut, 0)] + "…"
		}
	}
	return s
}
