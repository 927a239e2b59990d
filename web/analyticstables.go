package web

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Table is figures in rows, as programs for tables read them: a row says what it is
// about by itself. What is not known is empty.
type Table struct {
	Head []string
	Rows [][]string
}

// Report is an answer that says what it counts, and can be had as a table.
type Report interface {
	Table() Table
	about() string
	scope() *Scope
}

func (s *Scope) scope() *Scope { return s }

// Tell has a report say what it counts.
func Tell(r Report) { r.scope().Counts = r.about() }

// WriteCSV writes a table. A cell that a spreadsheet would take for a formula is
// kept from being one.
func WriteCSV(w io.Writer, t Table) error {
	c := csv.NewWriter(w)
	if err := c.Write(t.Head); err != nil {
		return err
	}
	for _, row := range t.Rows {
		for i, cell := range row {
			if formula(cell) {
				row[i] = "'" + cell
			}
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// formula says whether a spreadsheet may take a cell for one: the wide signs too.
func formula(cell string) bool {
	s := strings.TrimLeft(cell, " \u00a0\u3000")
	return s != "" && (strings.ContainsAny(s[:1], "=+-@\t\r\n") || strings.HasPrefix(s, "＝") || strings.HasPrefix(s, "＋") || strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠"))
}

func number(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func fraction(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', 6, 64)
}

func (p Part) cells() []string {
	return []string{strconv.Itoa(p.N), number(p.Active), fraction(p.Share)}
}

func (s *Scope) who() string {
	if len(s.Segments) == 0 {
		return "on all platforms"
	}
	return "on " + strings.Join(s.Segments, ", ")
}

func (a *ActiveDays) about() string {
	return fmt.Sprintf("members %s, each once a figure, with an event of these kinds on the local day (weekly, monthly: on one of the 7 or 30 days that end with it): %s; bots are not counted",
		a.who(), strings.Join(a.Kinds, ", "))
}

// Table has a row a day.
func (a *ActiveDays) Table() Table {
	t := Table{Head: []string{"day", "daily", "weekly", "monthly", "over"}}
	for _, d := range a.Days {
		t.Rows = append(t.Rows, []string{d.Day, number(d.Daily), number(d.Weekly), number(d.Monthly), strconv.FormatBool(d.Over)})
	}
	return t
}

func (r *Retention) about() string {
	what := map[string]string{"on_day": "active in the " + r.Unit + " that is so many behind the one of the join",
		"or_after": "active in the " + r.Unit + " that is so many behind the one of the join, or in a later one",
		"rolling":  "active in the 24 hours that begin so many times 24 hours after the moment of the join"}[r.Definition]
	return fmt.Sprintf("of the members %s who joined in a %s, those who were %s; blank until that has passed for all of them; bots are not counted", r.who(), r.Unit, what)
}

// Table has a row for each cohort and age; the cohort "all" is the mean, each
// cohort by its size.
func (r *Retention) Table() Table {
	t := Table{Head: []string{"cohort", "first_day", "unit", "definition", "age", "n", "active", "share"}}
	add := func(name, first string, ages []Part) {
		for age, p := range ages {
			t.Rows = append(t.Rows, append([]string{name, first, r.Unit, r.Definition, strconv.Itoa(age)}, p.cells()...))
		}
	}
	for _, c := range r.Cohorts {
		add(c.Name, c.First, c.Ages)
	}
	add("all", r.From, r.Mean)
	return t
}

func (f *Funnel) about() string {
	return fmt.Sprintf("members %s who joined from %s to %s, by how far they came within %s of their join, each step after all before it; who still has time is in progress, not lost; bots are not counted",
		f.who(), f.From, f.To, lasting(time.Duration(f.Window*float64(time.Hour))))
}

// Table has a row a step.
func (f *Funnel) Table() Table {
	t := Table{Head: []string{"step", "by", "reached", "of_joined", "rate", "in_progress", "lost", "median_seconds", "drop_off"}}
	for _, s := range f.Steps {
		t.Rows = append(t.Rows, []string{s.Name, strings.Join(s.By, " "), strconv.Itoa(s.Reached), fraction(s.OfJoined), fraction(s.Rate),
			strconv.Itoa(s.InProgress), strconv.Itoa(s.Lost), fraction(s.Median), strconv.FormatBool(s.DropOff)})
	}
	return t
}

// DropOff is the funnel's heat map: who was lost before each step, by the hour.
type DropOff struct{ *Funnel }

func (d DropOff) about() string {
	return "of " + d.Funnel.about() + "; those who were lost before a step, by the local hour at which they came to the step before"
}

// Table has a row for each step and hour.
func (d DropOff) Table() Table {
	t := Table{Head: []string{"step", "hour", "lost"}}
	for _, s := range d.Steps {
		for hour, n := range s.LostAt {
			t.Rows = append(t.Rows, []string{s.Name, strconv.Itoa(hour), strconv.Itoa(n)})
		}
	}
	return t
}

func (f *FirstMinutes) about() string {
	return fmt.Sprintf("members %s who joined from %s to %s, by what they did in which minute after their join, each once a cell; bots are not counted", f.who(), f.From, f.To)
}

// Table has a row for each action and minute.
func (f *FirstMinutes) Table() Table {
	t := Table{Head: []string{"action", "minute", "n", "active", "share"}}
	for _, a := range f.Actions {
		for i, n := range a.Minutes {
			t.Rows = append(t.Rows, append([]string{a.Name, strconv.Itoa(i + 1)}, PartOf(f.N, n, true).cells()...))
		}
	}
	return t
}

func (p *PullRequests) about() string {
	return fmt.Sprintf("of the members %s who joined from %s to %s, those whose first pull request was opened, or merged, within so many days of the join; over those for whom that has passed, and who had none before; only members whose GitHub name is linked can have one; bots are not counted",
		p.who(), p.From, p.To)
}

// Table has a row for each kind and time, and for each day of a join.
func (p *PullRequests) Table() Table {
	t := Table{Head: []string{"joined", "what", "within_days", "n", "active", "share", "before"}}
	for _, x := range []struct {
		what string
		list []RequestWithin
	}{{"opened", p.Opened}, {"merged", p.Merged}} {
		for _, w := range x.list {
			t.Rows = append(t.Rows, append(append([]string{"all", x.what, strconv.Itoa(w.Days)}, w.cells()...), strconv.Itoa(w.Before)))
		}
	}
	for _, d := range p.Days {
		t.Rows = append(t.Rows, append(append([]string{d.Day, "opened", strconv.Itoa(p.Within)}, d.cells()...), ""))
	}
	return t
}

func (p *Paths) about() string {
	return fmt.Sprintf("members %s who joined from %s to %s, by their first four actions in the first five minutes, repetitions of one kind taken together; bots are not counted", p.who(), p.From, p.To)
}

// Table has a row a link.
func (p *Paths) Table() Table {
	t := Table{Head: []string{"depth", "from", "to", "members"}}
	for _, l := range p.Links {
		t.Rows = append(t.Rows, []string{strconv.Itoa(l.Depth), l.From, l.To, strconv.Itoa(l.N)})
	}
	return t
}

func (s *Standing) about() string {
	return fmt.Sprintf("members %s who joined from %s to %s, and whose last step of the funnel is %s", s.who(), s.From, s.To, s.Step)
}

// Table has a row a member.
func (s *Standing) Table() Table {
	t := Table{Head: []string{"id", "name", "joined", "step", "lost"}}
	for _, m := range s.Members {
		joined := ""
		if m.Joined != nil {
			joined = m.Joined.UTC().Format(time.RFC3339)
		}
		t.Rows = append(t.Rows, []string{m.ID, m.Name, joined, s.Step, strconv.FormatBool(m.Lost)})
	}
	return t
}

// lasting is a time in whole days if it is that, else in hours.
func lasting(d time.Duration) string {
	if days := int(d / (24 * time.Hour)); days > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", days)
	}
	return fmt.Sprintf("%g hours", d.Hours())
}
