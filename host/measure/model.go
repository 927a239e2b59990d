package measure

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// How far retention is counted.
const (
	RollingDays = 30 // windows of 24 hours

	maxDays   = 90 // ages, by unit
	maxWeeks  = 26
	maxMonths = 12
)

// oldest is the greatest age that is counted in a unit.
func (u Unit) oldest() int { return [...]int{maxDays, maxWeeks, maxMonths}[u] }

// Config is what a community wants measured: where its days begin, what counts as
// activity, and which steps newcomers take.
type Config struct {
	Calendar Calendar

	// Active are the kinds of event that count as activity; nil for DefaultActive.
	Active []abi.Kind

	// Funnel are its steps in their order, each an event kind ("pr.opened") or a
	// tracked name ("path.first_task"); nil for DefaultFunnel. The first is
	// entered at the join, whatever it is.
	Funnel []Step
	Window time.Duration // from the join, within which a step is converted; 0 for DefaultWindow

	// Metrics are what experiments may be judged by, beside the steps of the funnel
	// behind the first: those within Window. nil for DefaultMetrics.
	Metrics []Metric

	// Generation numbers the definitions of funnel and metrics that a community had,
	// one after the other: whoever keeps the config counts it up whenever
	// Model.Version differs from that of before, for going back to an old definition
	// too.
	Generation int
}

// Step is a step of the funnel.
type Step struct {
	Name string   // in the API and on pages: "first_task"
	By   []string // event kinds and tracked names of which the first is the step
}

// DefaultWindow is how long members have for the funnel.
const DefaultWindow = 30 * 24 * time.Hour

// DefaultActive are the member's own acts.
var DefaultActive = []abi.Kind{abi.MessagePosted, abi.CommandInvoked, abi.ButtonClicked, abi.FormSubmitted, abi.ReactionAdded, abi.LinkClicked, abi.FileShared}

// DefaultFunnel goes from the join to the first pull request.
var DefaultFunnel = []Step{
	{"joined", []string{string(abi.MemberJoined)}},
	{"engaged", []string{string(abi.MessagePosted), string(abi.CommandInvoked), string(abi.ButtonClicked), string(abi.FormSubmitted)}},
	{"first_task", []string{"path.first_task"}},
	{"all_tasks", []string{"path.done"}},
	{"first_pr", []string{string(abi.PROpened)}},
}

// requests are the marks whose share within days of the join is shown.
var requests = []string{string(abi.PROpened), string(abi.PRMerged)}

// RequestDays are the days within which the first pull request is looked for.
var RequestDays = []int{7, 30, 90}

// Model measures by a Config. It is immutable, and safe for concurrent use.
type Model struct {
	calendar Calendar
	active   []abi.Kind
	funnel   []Step
	window   time.Duration
	metrics  []Metric
	marks    []string // whose first time is kept, sorted
	version  string   // of the definitions of funnel and metrics
}

// New returns the model of a config, or everything that is wrong with it.
func New(c Config) (*Model, error) {
	m := &Model{c.Calendar, c.Active, c.Funnel, cmp.Or(c.Window, DefaultWindow), c.Metrics, slices.Clone(requests), ""}
	if m.active == nil {
		m.active = DefaultActive
	}
	if m.funnel == nil {
		m.funnel = DefaultFunnel
	}
	if m.metrics == nil {
		m.metrics = DefaultMetrics
	}
	m.metrics = slices.Clone(m.metrics)
	for _, s := range m.funnel[min(1, len(m.funnel)):] {
		if !slices.ContainsFunc(m.metrics, func(x Metric) bool { return x.Name == s.Name }) && len(s.By) > 0 {
			m.metrics = append(m.metrics, Metric{Name: s.Name, By: s.By, Within: m.window})
		}
	}
	h := fnv.New32a()
	for _, s := range m.funnel {
		m.marks = append(m.marks, s.By...)
		fmt.Fprintf(h, "%q%q", s.Name, s.By)
	}
	fmt.Fprint(h, m.window)
	for _, x := range m.metrics {
		m.marks = append(m.marks, x.By...)
		fmt.Fprintf(h, "%q%d%q%d", x.Name, x.Day, x.By, x.Within)
	}
	m.version = fmt.Sprintf("%d-%08x", c.Generation, h.Sum32())
	slices.Sort(m.marks)
	m.marks = slices.Compact(m.marks)
	return m, m.check()
}

func (m *Model) check() error {
	var errs []error
	if n := len(m.funnel); n < 2 || n > 12 {
		errs = append(errs, fmt.Errorf("measure: the funnel has %d steps; it has 2 to 12", n))
	}
	names := map[string]bool{}
	for i, s := range m.funnel {
		if s.Name == "" || names[s.Name] {
			errs = append(errs, fmt.Errorf("measure: step %d of the funnel, %q: names are different and not empty", i+1, s.Name))
		}
		names[s.Name] = true
		if len(s.By) == 0 {
			errs = append(errs, fmt.Errorf("measure: step %q of the funnel lacks what makes it: an event kind or a tracked name", s.Name))
		}
	}
	if m.window < 0 || m.window > maxDays*24*time.Hour {
		errs = append(errs, fmt.Errorf("measure: the funnel's window is %v; it is at most %d days", m.window, maxDays))
	}
	names = map[string]bool{}
	for _, x := range m.metrics {
		if names[x.Name] {
			errs = append(errs, fmt.Errorf("measure: there are two metrics %q", x.Name))
		}
		names[x.Name] = true
		onDay, after := x.Day > 0, len(x.By) > 0 && x.Within > 0
		if x.Name == "" || onDay == after || x.Day < 0 || max(x.Within, time.Duration(x.Day)*24*time.Hour) > maxDays*24*time.Hour {
			errs = append(errs, fmt.Errorf("measure: metric %q is either activity on a day, or names and within how long; of at most %d days", x.Name, maxDays))
		}
	}
	if n := len(m.marks); n > maxMarks {
		errs = append(errs, fmt.Errorf("measure: funnel, pull requests and metrics have %d different names; at most %d are kept of a member", n, maxMarks))
	}
	return errors.Join(errs...)
}

// Version names the definitions of funnel and metrics: what depends on them is
// counted by it, so that what was counted by other definitions is never mixed in. A
// member's row is counted by new definitions when it next changes, or when
// [Model.Recount] comes to it; figures of the funnel and of experiments are whole
// after that, and the others are all the time.
func (m *Model) Version() string { return m.version }

// Fact is what an event tells of its member; false if it tells nothing that is
// measured. Of what follows from events, and was not done by a member, only what
// plugins track and that a member's code was run is measured.
func (m *Model) Fact(e *abi.Event, received time.Time) (Fact, bool) {
	f := Fact{At: e.Time, Received: received.UnixMilli(), Bot: e.Member.Bot}
	if e.Member.ID == "" {
		return f, false
	}
	f.Active = slices.Contains(m.active, e.Kind)
	name := string(e.Kind)
	switch e.Kind {
	case abi.MemberJoined:
		f.Join = true
	case abi.MemberLeft:
		f.Leave = e.Conversation.ID == "" // a channel is not the community
	case abi.MessagePosted:
		f.Action = Message
		switch {
		case e.Message != nil && len(e.Message.Files) > 0:
			f.Action = File
		case e.Addressed && e.Conversation.Kind != abi.Direct:
			f.Action = Mention
		}
	case abi.CommandInvoked:
		f.Action = Command
	case abi.VerifyFinished: // however the code came in: posted, by a command, in a form
		f.Action = Run
	case abi.ButtonClicked, abi.LinkClicked, abi.FormSubmitted:
		f.Action = Click
	case abi.ReactionAdded:
		f.Action = Reaction
	case abi.FileShared:
		f.Action = File
	case abi.CustomTracked:
		if e.Custom == nil {
			return f, false
		}
		name = e.Custom.Name
	}
	if _, found := slices.BinarySearch(m.marks, name); found && (e.Kind != abi.MemberLeft || f.Leave) {
		f.Marks = []string{name}
	}
	return f, f.Join || f.Leave || f.Active || f.Bot || f.Action != NoAction || len(f.Marks) > 0
}

// Segment is the part of the community that a member is of: their platform.
func Segment(member string) string {
	s, _, ok := strings.Cut(member, ":")
	if !ok {
		return "-"
	}
	return s
}
