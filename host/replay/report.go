package replay

import (
	"cmp"
	"slices"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Report is what a version of a plugin does about recorded events, beside what
// was done about them then. Its JSON is the API's.
type Report struct {
	Plugin  string `json:"plugin"`
	Version string `json:"version" doc:"of what was run, as its manifest has it"`
	SHA256  string `json:"sha256" doc:"of its code, hex"`
	Live    string `json:"live,omitempty" doc:"sha256 of the version that is live; not there if none is"`

	Events  int `json:"events" doc:"that were run: same, changed and inexact together"`
	Same    int `json:"same" doc:"of which it does what was done"`
	Changed int `json:"changed" doc:"of which it does something else"`
	Inexact int `json:"inexact" doc:"of which it reads what the journal does not have: it was answered as if it were not there, so that the rest says little"`

	Failed       int `json:"failed" doc:"events that it fails at"`
	FailedBefore int `json:"failed_before" doc:"events of which the recorded attempt had failed"`
	Broken       int `json:"broken" doc:"events, none of them inexact, that it fails at and that had not failed"`
	Skipped      int `json:"skipped" doc:"events that cannot be run: they had read more than the journal keeps"`

	// What may make a difference that is not the version's.
	ConfigChanged int        `json:"config_changed" doc:"events that were recorded with other config, texts, commands or rows in the image than hold now"`
	StateVersion  int        `json:"state_version" doc:"of the rows that the version keeps"`
	StateBefore   int        `json:"state_version_before" doc:"of the rows as they are, which it is given without a migration"`
	Missing       []string   `json:"missing_grants" nullable:"false" doc:"what it asks for and was not granted; here it had it where the live version does not ask for it"`
	Recorded      []Recorded `json:"recorded" nullable:"false" doc:"by which versions the events were recorded, those with most first"`
	Ended         bool       `json:"ended_early,omitempty" doc:"the journal was looked through no further back"`

	Before Cost `json:"before" doc:"what the events took then"`
	After  Cost `json:"after" doc:"what they take now"`

	Sums    []Sum    `json:"differences" nullable:"false" doc:"by what they are about and how"`
	Changes []Change `json:"changes" nullable:"false" doc:"the events that are not the same, oldest first"`
	Omitted int      `json:"omitted" doc:"more such events, older ones, that are counted and not listed"`

	PreparedMS float64 `json:"prepared_ms" doc:"to compile the version and take its image"`
	TookMS     float64 `json:"took_ms" doc:"to run the events, by as many processors as a replay may have"`
}

// Recorded is a version that events were recorded by.
type Recorded struct {
	SHA256 string `json:"sha256"`
	Events int    `json:"events"`
}

// Cost is what events took. Times are of the sandbox; those of then were beside
// other work, so that a difference in them says less than one in fuel.
type Cost struct {
	Fuel  int64   `json:"fuel" doc:"all together, about an instruction each"`
	MS    float64 `json:"ms" doc:"all together"`
	P50MS float64 `json:"p50_ms"`
	P95MS float64 `json:"p95_ms"`
	MaxMS float64 `json:"max_ms"`
}

// Sum counts differences of one sort.
type Sum struct {
	What   What `json:"what"`
	How    How  `json:"how"`
	Count  int  `json:"count"`
	Events int  `json:"events" doc:"in which there is one"`
}

// Change is an event that is not the same.
type Change struct {
	Number       string    `json:"number" doc:"of the event, 16 hex digits"`
	Time         time.Time `json:"time" doc:"when it was handled"`
	Kind         string    `json:"kind"`
	Member       string    `json:"member,omitempty"`
	MemberName   string    `json:"member_name,omitempty"`
	Conversation string    `json:"conversation,omitempty"`

	Inexact       bool     `json:"inexact,omitempty"`
	Missed        []string `json:"missed,omitempty" doc:"some of what it reads and the journal does not have: keys, and prefixes with a star"`
	ConfigChanged bool     `json:"config_changed,omitempty"`

	ErrorBefore string `json:"error_before,omitempty" doc:"with which the recorded attempt failed"`
	Error       string `json:"error,omitempty" doc:"with which it fails"`

	FuelBefore  int64        `json:"fuel_before"`
	Fuel        int64        `json:"fuel"`
	MSBefore    float64      `json:"ms_before"`
	MS          float64      `json:"ms"`
	Differences []Difference `json:"differences" nullable:"false"`
}

// Case is an event as the journal has it.
type Case struct {
	Number   string
	Call     abi.Call
	Recorded string      // sha256 of the version that handled it
	Effects  abi.Effects // that it returned; with Error set if the attempt failed
	Fuel     int64
	Took     time.Duration

	ConfigChanged bool
}

// Outcome is what came of a case.
type Outcome struct {
	Effects abi.Effects   // with Error set if the attempt failed
	Fuel    int64         //
	Took    time.Duration // in the sandbox, waiting for its reads included
	Missed  []string
	Exact   bool // everything that was read was known
}

// Bounds of what a report lists.
const (
	MaxChanges = 1000    // events
	maxListed  = 8 << 20 // bytes of their differences
)

// Tally makes a report of outcomes. It is not safe for concurrent use; the zero
// value is not ready.
type Tally struct {
	Report  Report
	most    int
	listed  int // bytes
	sums    map[Sum]*Sum
	by      map[string]int
	before  []time.Duration
	after   []time.Duration
	whole   bool // list what is the same, too
	changes []Change
}

// NewTally begins a report, which lists at most so many events. With all it
// lists those that are the same, too.
func NewTally(most int, all bool) *Tally {
	return &Tally{most: most, whole: all, sums: map[Sum]*Sum{}, by: map[string]int{}}
}

// Add takes the outcome of a case. Cases are best added newest first: those that
// are too many to be listed are then the oldest.
func (t *Tally) Add(c *Case, o *Outcome) {
	r := &t.Report
	r.Events++
	diffs := Compare(&c.Effects, &o.Effects)
	switch {
	case !o.Exact:
		r.Inexact++
	case len(diffs) > 0:
		r.Changed++
	default:
		r.Same++
	}
	failed, before := o.Effects.Error != "", c.Effects.Error != ""
	if failed {
		r.Failed++
	}
	if before {
		r.FailedBefore++
	}
	if failed && !before && o.Exact {
		r.Broken++
	}
	if c.ConfigChanged {
		r.ConfigChanged++
	}
	t.by[c.Recorded]++
	r.Before.Fuel += c.Fuel
	r.After.Fuel += o.Fuel
	t.before, t.after = append(t.before, c.Took), append(t.after, o.Took)
	if o.Exact {
		t.sum(diffs)
	}
	if o.Exact && len(diffs) == 0 && !t.whole {
		return
	}
	size := 0
	for i := range diffs {
		size += len(diffs[i].Name) + len(diffs[i].Before) + len(diffs[i].After)
	}
	if len(t.changes) >= t.most || t.listed+size > maxListed {
		r.Omitted++
		return
	}
	t.listed += size
	ev := &c.Call.Event
	if diffs == nil {
		diffs = []Difference{}
	}
	t.changes = append(t.changes, Change{Number: c.Number, Time: time.UnixMilli(c.Call.Now).UTC(), Kind: string(ev.Kind),
		Member: ev.Member.ID, MemberName: ev.Member.Name, Conversation: ev.Conversation.ID,
		Inexact: !o.Exact, Missed: o.Missed, ConfigChanged: c.ConfigChanged, ErrorBefore: c.Effects.Error, Error: o.Effects.Error,
		FuelBefore: c.Fuel, Fuel: o.Fuel, MSBefore: millis(c.Took), MS: millis(o.Took), Differences: diffs})
}

func (t *Tally) sum(diffs []Difference) {
	in := map[Sum]bool{}
	for i := range diffs {
		k := Sum{What: diffs[i].What, How: diffs[i].How}
		s := t.sums[k]
		if s == nil {
			s = &Sum{What: k.What, How: k.How}
			t.sums[k] = s
		}
		s.Count++
		if !in[k] {
			in[k] = true
			s.Events++
		}
	}
}

// Skip counts an event that cannot be run.
func (t *Tally) Skip() { t.Report.Skipped++ }

// P95 is what 95 of 100 events took at most, to the resolution of the clock; 0
// if there were none.
func (t *Tally) P95() time.Duration { return quantile(slices.Sorted(slices.Values(t.after)), 0.95) }

// Finish returns the report. The tally must not be used after that.
func (t *Tally) Finish() *Report {
	r := &t.Report
	r.Before.times(t.before)
	r.After.times(t.after)
	r.Sums, r.Recorded = []Sum{}, []Recorded{}
	for _, s := range t.sums {
		r.Sums = append(r.Sums, *s)
	}
	rank, hows := Whats(), []How{Changes, Appears, Disappears}
	slices.SortFunc(r.Sums, func(a, b Sum) int {
		return cmp.Or(slices.Index(rank, a.What)-slices.Index(rank, b.What), slices.Index(hows, a.How)-slices.Index(hows, b.How))
	})
	for sha, n := range t.by {
		r.Recorded = append(r.Recorded, Recorded{sha, n})
	}
	slices.SortFunc(r.Recorded, func(a, b Recorded) int { return cmp.Or(b.Events-a.Events, cmp.Compare(a.SHA256, b.SHA256)) })
	slices.SortStableFunc(t.changes, func(a, b Change) int { return cmp.Compare(a.Number, b.Number) })
	if r.Changes = t.changes; r.Changes == nil {
		r.Changes = []Change{}
	}
	if r.Missing == nil {
		r.Missing = []string{}
	}
	return r
}

func (c *Cost) times(list []time.Duration) {
	slices.Sort(list)
	var all time.Duration
	for _, d := range list {
		all += d
	}
	c.MS, c.P50MS, c.P95MS, c.MaxMS = millis(all), millis(quantile(list, 0.5)), millis(quantile(list, 0.95)), millis(quantile(list, 1))
}

// quantile is the smallest of a sorted list than which a part q is no larger.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// millis is a duration to the microsecond.
func millis(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
