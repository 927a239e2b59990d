package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hearthbot/hearth/host/measure/stats"
)

// Result is what a simulation comes to.
type Result struct {
	Members   int       `json:"members"`
	Days      int       `json:"days"`
	Seed      uint64    `json:"seed"`
	Begin     time.Time `json:"begin"`
	End       time.Time `json:"end"`
	Events    int       `json:"events"`    // that came in, each copy counted
	Delivered int       `json:"delivered"` // messages to members and channels

	Counts    []Count    `json:"counts"`
	Estimates []Estimate `json:"estimates"`
	Rebuilt   Rebuilt    `json:"rebuilt"`

	SHA256 string `json:"sha256"` // of every figure that hearth gave

	lines []string
}

// atEnd is the time of the figures of all members when all is over.
const atEnd = "end"

// Count is a group of figures that have to be equal.
type Count struct {
	When    string `json:"when"`    // half-time or end, with the platform if it is one's
	Figures string `json:"figures"` // what they are of
	Cells   int    `json:"cells"`
	Truth   int    `json:"truth"`  // their sum
	Hearth  int    `json:"hearth"` // by hearth
	Differ  []Diff `json:"differ"` // the first of those that are not equal
	Wrong   int    `json:"wrong"`  // how many are not
}

// Diff is a figure that is not what it should be; nil is blank.
type Diff struct {
	Cell   string `json:"cell"`
	Truth  *int   `json:"truth"`
	Hearth *int   `json:"hearth"`
}

// Estimate is a rate that is built in, and its interval from what hearth counted.
type Estimate struct {
	Of      string  `json:"of"`
	Truth   float64 `json:"truth"`
	Hearth  float64 `json:"hearth"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	N       int     `json:"n"`
	Enough  bool    `json:"enough"` // members to say it
	Inside  bool    `json:"inside"`
	Because string  `json:"because,omitempty"` // it is not known
}

// Rebuilt is what counting anew from the rows came to.
type Rebuilt struct {
	Rows     int `json:"rows"`
	Counters int `json:"counters"`
	Changed  int `json:"changed"`
}

const maxDiffs = 20

// compare adds the groups of figures of one time.
func (r *Result) compare(when string, want, got figures) {
	groups := maps.Clone(want)
	maps.Copy(groups, got)
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		c := Count{When: when, Figures: g}
		cells := maps.Clone(want[g])
		if cells == nil {
			cells = map[string]int{}
		}
		maps.Copy(cells, got[g])
		for _, cell := range slices.Sorted(maps.Keys(cells)) {
			a, known := want[g][cell]
			b, told := got[g][cell]
			c.Cells, c.Truth, c.Hearth = c.Cells+1, c.Truth+a, c.Hearth+b
			r.lines = append(r.lines, fmt.Sprintf("%s/%s/%s=%d %v", when, g, cell, b, told))
			// Where figures may be blank, that is not the same as none.
			if a == b && (known == told || !strings.HasPrefix(g, "retained")) {
				continue
			}
			if c.Wrong++; len(c.Differ) < maxDiffs {
				c.Differ = append(c.Differ, Diff{cell, number(a, known), number(b, told)})
			}
		}
		r.Counts = append(r.Counts, c)
	}
}

func number(n int, known bool) *int {
	if !known {
		return nil
	}
	return &n
}

// count is a figure of all members at the end, as hearth counted it.
func (r *Result) count(group, cell string) int {
	prefix := fmt.Sprintf("%s/%s/%s=", atEnd, group, cell)
	for _, l := range r.lines {
		if rest, ok := strings.CutPrefix(l, prefix); ok {
			n := 0
			fmt.Sscan(rest, &n)
			return n
		}
	}
	return 0
}

// estimate compares what is built in with the intervals that hearth's counts give.
func (r *Result) estimate(t *truth) {
	r.stays(t)
	for _, v := range t.variations {
		// Somebody has to do it in seven days, and most do.
		within := firstTask[v] * (1 - math.Exp(-7*24*float64(time.Hour)/float64(solveMean)))
		n, x := r.arm(v)
		r.rate("first task within 7 days, greeted by "+v, within, stats.Count{N: n, X: x})
	}
	for _, v := range t.variations[min(1, len(t.variations)):] {
		n, x := r.arm(t.variations[0])
		m, y := r.arm(v)
		e := Estimate{Of: "effect of " + v + " on the first task", Truth: firstTask[v] - firstTask[t.variations[0]], N: n + m}
		report, err := stats.Analyse([]stats.Arm{{Name: t.variations[0], Count: stats.Count{N: n, X: x}}, {Name: v, Count: stats.Count{N: m, X: y}}}, nil, nil, stats.DefaultLevel, 0)
		switch {
		case err != nil:
			e.Because = err.Error()
		case report.Comparisons[0].Missing != nil:
			e.Because = report.Comparisons[0].Missing.Error()
		default:
			c := report.Comparisons[0]
			e.Hearth, e.Low, e.High, e.Enough = c.Difference, c.Interval.Low, c.Interval.High, true
			e.Inside = !c.Interval.Excludes(e.Truth)
		}
		r.Estimates = append(r.Estimates, e)
	}
}

func (r *Result) arm(v string) (n, x int) {
	return r.count("experiment "+greeting, v+" first_task of"), r.count("experiment "+greeting, v+" first_task met")
}

// stays compares the built-in retention of day 7 with the mean of the cohorts that
// joined in each half of the time.
func (r *Result) stays(t *truth) {
	half := t.day(t.begin.AddDate(0, 0, t.s.Days/2))
	var first, second stats.Count
	for day := t.day(t.begin); day <= t.day(t.end); day++ {
		if !t.over(day+7, 0) {
			break
		}
		c := &first
		if day >= half {
			c = &second
		}
		c.N += r.count("cohorts by day", date(day))
		c.X += r.count("retained by day", date(day)+" +7")
	}
	r.rate("day-7 retention, first half", t.retained(7, false), first)
	r.rate("day-7 retention, second half", t.retained(7, true), second)
}

// retained is the built-in chance that a member of a cohort is active on a day:
// less for those who have left by then.
func (t *truth) retained(age int, second bool) float64 {
	gone := leaveRate * (1 - thriceRate) * float64(age) / 30
	return stays(age, second) * (1 - gone)
}

func (r *Result) rate(of string, truth float64, c stats.Count) {
	e := Estimate{Of: of, Truth: truth, N: c.N}
	if p, ok := c.Rate(); !ok {
		e.Because = "no member's time has passed"
	} else if i, err := stats.Wilson(c, stats.DefaultLevel); err != nil {
		e.Because = err.Error()
	} else {
		e.Hearth, e.Low, e.High, e.Enough, e.Inside = p, i.Low, i.High, true, !i.Excludes(truth)
	}
	r.Estimates = append(r.Estimates, e)
}

// Same says whether every count is what is true.
func (r *Result) Same() bool {
	return r.Rebuilt.Changed == 0 && !slices.ContainsFunc(r.Counts, func(c Count) bool { return c.Wrong > 0 })
}

func (r *Result) digest() string {
	h := sha256.New()
	for _, l := range r.lines {
		fmt.Fprintln(h, l)
	}
	fmt.Fprintln(h, r.Rebuilt)
	return hex.EncodeToString(h.Sum(nil))
}

// Print writes the result as tables: every group of figures of all members at the
// end, and what of the others differs.
func (r *Result) Print(w io.Writer) error {
	fmt.Fprintf(w, "%d members, %d days from %s, seed %d: %d events came in, %d messages were sent\n\n", r.Members, r.Days, r.Begin.Format(time.DateOnly), r.Seed, r.Events, r.Delivered)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(c Count) {
		same := "same"
		if c.Wrong > 0 {
			same = fmt.Sprintf("%d DIFFER", c.Wrong)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t\n", c.Figures, c.Cells, c.Truth, c.Hearth, same)
	}
	all := Count{}
	fmt.Fprintln(t, "counts\tfigures\ttruth\thearth\t\t")
	for when, list := range byTime(r.Counts) {
		sum := Count{Figures: "everything, " + when}
		for _, c := range list {
			if when == atEnd {
				row(c)
			}
			sum.add(c)
		}
		if when != atEnd {
			row(sum)
		}
		all.add(sum)
	}
	fmt.Fprintln(t, "\t\t\t\t\t")
	fmt.Fprintln(t, "rates\tmembers\tbuilt in\thearth\t95 % from\tto\t\t")
	for _, e := range r.Estimates {
		if !e.Enough {
			fmt.Fprintf(t, "%s\t%d\t%.1f %%\t\t\t\tnot enough\t\n", e.Of, e.N, 100*e.Truth)
			continue
		}
		inside := "inside"
		if !e.Inside {
			inside = "outside"
		}
		fmt.Fprintf(t, "%s\t%d\t%.1f %%\t%.1f %%\t%.1f %%\t%.1f %%\t%s\t\n", e.Of, e.N, 100*e.Truth, 100*e.Hearth, 100*e.Low, 100*e.High, inside)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, c := range r.Counts {
		for _, x := range c.Differ {
			fmt.Fprintf(w, "\nDIFFERS at %s: %s, %s: truth %s, hearth %s", c.When, c.Figures, x.Cell, said(x.Truth), said(x.Hearth))
		}
	}
	_, err := fmt.Fprintf(w, "\n%d figures, %d of them differ. Counted anew from %d rows: %d of %d counters differ.\nsha256 of all of hearth's figures: %s\n",
		all.Cells, all.Wrong, r.Rebuilt.Rows, r.Rebuilt.Changed, r.Rebuilt.Counters, r.SHA256)
	return err
}

func (c *Count) add(x Count) {
	c.Cells, c.Truth, c.Hearth, c.Wrong = c.Cells+x.Cells, c.Truth+x.Truth, c.Hearth+x.Hearth, c.Wrong+x.Wrong
}

func said(n *int) string {
	if n == nil {
		return "blank"
	}
	return fmt.Sprint(*n)
}

// byTime yields counts that belong together, in their order.
func byTime(list []Count) func(func(string, []Count) bool) {
	return func(yield func(string, []Count) bool) {
		for len(list) > 0 {
			n := slices.IndexFunc(list, func(c Count) bool { return c.When != list[0].When })
			if n < 0 {
				n = len(list)
			}
			if !yield(list[0].When, list[:n]) {
				return
			}
			list = list[n:]
		}
	}
}
