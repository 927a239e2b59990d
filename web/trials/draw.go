package trials

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// forest is the differences from the control, drawn one below the other on one
// axis that has no difference in its middle.
type forest struct {
	Tell   string
	Edge   string // what the axis ends at
	Bands  []band
	Middle int
}

// band is one difference with its two intervals, in units of the drawing.
type band struct {
	Name, Tell                   string
	Low, Width, NarrowLow, Thick int // always-valid; for one look
	At                           int
	State                        string
}

const forestWidth = 400

// edges are where the axis may end.
var edges = []float64{0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1}

// newForest draws what can be compared; nil if nothing can.
func newForest(t page.Texts, control string, list []web.ExperimentDiff) *forest {
	most := 0.0
	for i := range list {
		if d := &list[i]; d.Missing == nil {
			most = max(most, math.Abs(d.AlwaysLow), math.Abs(d.AlwaysHigh), math.Abs(d.Low), math.Abs(d.High))
		}
	}
	if most == 0 {
		return nil
	}
	edge := 1.0
	for _, e := range edges {
		if most <= e {
			edge = e
			break
		}
	}
	at := func(x float64) int { return int(math.Round((x/edge + 1) / 2 * forestWidth)) }
	f := &forest{Edge: points(edge), Middle: forestWidth / 2, Tell: t.Say("forest.tell", control)}
	for i := range list {
		d := &list[i]
		if d.Missing != nil {
			continue
		}
		b := band{Name: d.Name, Low: at(d.AlwaysLow), NarrowLow: at(d.Low), At: at(d.Difference), State: "open"}
		b.Width, b.Thick = max(2, at(d.AlwaysHigh)-b.Low), max(2, at(d.High)-b.NarrowLow)
		b.Tell = t.Say("forest.one", d.Name, signed(d.Difference), signed(d.AlwaysLow), signed(d.AlwaysHigh))
		if d.Verdict == "better" || d.Verdict == "worse" {
			b.State = d.Verdict
		}
		f.Bands = append(f.Bands, b)
	}
	return f
}

// unit is that of shares, which stays with its number.
const unit = "\u00a0%"

// percent writes a share that somebody has set: "42.5 %".
func percent(x float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(x*100, 'f', 1, 64), ".0") + unit
}

// rate writes a share that was measured, with one digit behind the point.
func rate(x float64) string { return strconv.FormatFloat(x*100, 'f', 1, 64) + unit }

// points writes a difference of shares, in percentage points, without a unit.
func points(x float64) string { return short(x * 100) }

// signed writes a difference of shares in percentage points with its sign, and a
// digit behind the point.
func signed(x float64) string {
	s := strconv.FormatFloat(x*100, 'f', 1, 64)
	switch {
	case s == "0.0" || s == "-0.0":
		return "0.0"
	case x > 0:
		return "+" + s
	}
	return "−" + strings.TrimPrefix(s, "-")
}

// probability writes a p-value.
func probability(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return strconv.FormatFloat(p, 'f', 3, 64)
}

// short writes a number with two digits at most behind the point.
func short(n float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(n, 'f', 2, 64), "0"), ".")
}

// thousands writes a number so that it can be read.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// lasting writes a time in the largest unit of which it has two.
func lasting(t page.Texts, d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return t.Say("span.days", short1(d.Hours()/24))
	case d >= 100*time.Minute:
		return t.Say("span.hours", short1(d.Hours()))
	case d >= 2*time.Minute:
		return t.Say("span.minutes", short1(d.Minutes()))
	}
	return t.Say("span.seconds", fmt.Sprint(int(math.Round(d.Seconds()))))
}

func short1(n float64) string {
	if n >= 10 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0")
}
