package plug

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// spark is the last hour, drawn: a bar for each minute, with what failed at its
// foot.
type spark struct {
	ID, Title, Tell string
	Line            string // an SVG path of all bars
	Failed          string // and of the part of them that failed
	W, H            int
}

const (
	sparkStep   = 3 // of one minute
	sparkHeight = 28
	sparkBar    = 2
)

// newSpark draws how a plugin did. What happened in one minute is always seen,
// however much happened in another.
func newSpark(t page.Texts, name string, h *web.Health) *spark {
	most := 1
	for _, m := range h.Minutes {
		most = max(most, m.Events)
	}
	s := &spark{ID: "h-" + name, W: max(60, len(h.Minutes)) * sparkStep, H: sparkHeight, Title: t.Say("spark", name)}
	s.Tell = t.Say("spark.tell", h.Events, h.Failed, most)
	var all, failed strings.Builder
	at := (max(60, len(h.Minutes)) - len(h.Minutes)) * sparkStep
	for _, m := range h.Minutes {
		bar(&all, at, m.Events, most)
		bar(&failed, at, m.Failed, most)
		at += sparkStep
	}
	s.Line, s.Failed = all.String(), failed.String()
	return s
}

func bar(b *strings.Builder, x, n, most int) {
	if n <= 0 {
		return
	}
	height := max(2, n*(sparkHeight-1)/most)
	fmt.Fprintf(b, "M%d %dh%dv-%dh-%dz", x, sparkHeight, sparkBar, height, sparkBar)
}

// meter is how near something is to where it ends, drawn as a bar.
type meter struct {
	Label, Now, Most, Live string
	Percent                int // 0 to 100
	State                  string
	Known                  bool
}

// meters are the guardrails of a gradual release.
func meters(t page.Texts, bars []web.GuardrailBar) []meter {
	var out []meter
	for _, b := range bars {
		m := meter{Label: t.Say("guard." + b.Name), Now: figure(t, b.Name, b.Now), Most: figure(t, b.Name, b.Most), Live: figure(t, b.Name, b.Live), Known: b.Known, State: "good"}
		if b.Most > 0 {
			m.Percent = max(0, min(100, int(b.Now/b.Most*100)))
		}
		switch {
		case !b.Known:
			m.State = "plain"
		case b.Now > b.Most:
			m.State, m.Percent = "bad", 100
		case m.Percent >= 75:
			m.State = "wait"
		}
		out = append(out, m)
	}
	return out
}

// figure writes what a guardrail measures.
func figure(t page.Texts, name string, n float64) string {
	switch name {
	case "error_rate", "refused", "delivery_failures":
		return short(n*100) + " %"
	case "p95_ms":
		return short(n) + " ms"
	case "fuel":
		return thousands(int(n))
	}
	return short(n)
}

// short writes a number with three digits at most behind the point.
func short(n float64) string {
	if n >= 100 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(n, 'f', 2, 64), "0"), ".")
}
