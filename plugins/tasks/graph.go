package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
)

// state is how a task stands for a member.
type state string

// The states of a task.
const (
	isDone    state = "done"
	isCurrent state = "current"
	isSkipped state = "skipped"
	isAhead   state = "ahead"
)

func (p *progress) state(t *pack.Task) state {
	switch {
	case !p.Done[t.ID].IsZero():
		return isDone
	case t.ID == p.Task:
		return isCurrent
	case slices.Contains(p.Skipped, t.ID):
		return isSkipped
	}
	return isAhead
}

// marks stand for the states in messages and in the picture, which does not
// leave them to colour alone.
var marks = map[state]string{isDone: "✅", isCurrent: "▶️", isSkipped: "⏭️", isAhead: "▫️"}

// Measures of the picture, in pixels.
const (
	graphWidth = 420
	lineHeight = 30
	stageGap   = 44
	axis       = 28 // where the dots are
	labels     = 52 // where the words begin
	maxLabel   = 44 // characters
)

// style colours the picture by the page's variables, else by the reader's light
// or dark mode.
const style = `.path{font:14px/1.4 system-ui,sans-serif;--ink:var(--path-ink,#1f2328);--soft:var(--path-soft,#6e7781);--line:var(--path-line,#d0d7de);--done:var(--path-done,#1a7f37);--now:var(--path-now,#bc4c00)}` +
	`@media(prefers-color-scheme:dark){.path{--ink:var(--path-ink,#e6edf3);--soft:var(--path-soft,#8b949e);--line:var(--path-line,#444c56);--done:var(--path-done,#3fb950);--now:var(--path-now,#f0883e)}}` +
	`.path text{fill:var(--ink)}.path .stage{font-weight:600}.path .ahead text,.path .skipped text{fill:var(--soft)}` +
	`.path line{stroke:var(--line);stroke-width:2}.path circle{fill:none;stroke:var(--line);stroke-width:2}` +
	`.path .done circle{fill:var(--done);stroke:var(--done)}.path .current circle{stroke:var(--now);stroke-width:4}.path .skipped circle{stroke-dasharray:3 3}` +
	`.path .tick{fill:none;stroke:#fff;stroke-width:2}`

// graph draws the path: a line with a dot for each task, under its stage.
func graph(p *progress, locale, title, desc string) string {
	height := 16
	for _, s := range learning.Stages {
		height += stageGap + lineHeight*len(s.Tasks)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="path" role="img" aria-labelledby="path-title path-desc" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d">`, graphWidth, height)
	fmt.Fprintf(&b, `<title id="path-title">%s</title><desc id="path-desc">%s</desc><style>%s</style>`, xmlText(title), xmlText(desc), style)
	y := 0
	for _, s := range learning.Stages {
		y += stageGap
		fmt.Fprintf(&b, `<text class="stage" x="%d" y="%d">%s</text>`, axis-10, y-12, xmlText(short(s.Title.In(locale))))
		for i, t := range s.Tasks {
			at := y + lineHeight/2
			if i > 0 {
				fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%[1]d" y2="%[3]d"/>`, axis, at-lineHeight+8, at-8)
			}
			st := p.state(t)
			fmt.Fprintf(&b, `<g class="%s"><title>%s %d. %s</title><circle cx="%d" cy="%d" r="8"/>`, st, marks[st], t.Number, xmlText(t.Title.In(locale)), axis, at)
			if st == isDone {
				fmt.Fprintf(&b, `<path class="tick" d="M%d %dl3 3 5-6"/>`, axis-4, at)
			}
			fmt.Fprintf(&b, `<text x="%d" y="%d">%d. %s</text></g>`, labels, at+5, t.Number, xmlText(short(t.Title.In(locale))))
			y += lineHeight
		}
	}
	b.WriteString(`</svg>`)
	return b.String()
}

// short is a label that has room.
func short(s string) string {
	if r := []rune(s); len(r) > maxLabel {
		return string(r[:maxLabel-1]) + "…"
	}
	return s
}

// xmlText is s where XML expects text or the value of an attribute.
func xmlText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return xmlEscapes.Replace(s)
}

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")
