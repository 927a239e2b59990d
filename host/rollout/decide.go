package rollout

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The guardrails, by name. That of the first that is broken is given as the
// reason, so what says most of a version comes first: one that fails is also
// slow, one that sends ten messages also takes more fuel.
const (
	ErrorRate        = "error_rate"
	Refused          = "refused"
	DeliveryFailures = "delivery_failures"
	Messages         = "messages"
	P95              = "p95_ms"
	Fuel             = "fuel"
)

// Names lists the guardrails, in that order.
func Names() []string { return []string{ErrorRate, Refused, DeliveryFailures, Messages, P95, Fuel} }

// list are the bounds in the order of Names.
func (g *Guardrails) list() []*Bound {
	return []*Bound{&g.ErrorRate, &g.Refused, &g.DeliveryFailures, &g.Messages, &g.P95, &g.Fuel}
}

// floors are what is nothing to speak of, in the order of Names: up to there a
// figure may be many times that of a live version that does next to nothing.
var floors = []float64{0.01, 0.005, 0.05, 0.05, 5, 100_000}

// sure is how many standard errors something has to be beyond a line to be
// beyond it: by chance it is once in a thousand windows.
const sure = 3

// Bar is a guardrail, and how near to it the new version is.
type Bar struct {
	Name   string
	Now    float64 // what the new version has
	Live   float64 // what the live version has
	Most   float64 // where it breaks; 0 if there is nothing to compare with yet
	Known  bool    // whether there are events enough to say
	Broken bool    // Now is beyond Most, and not by chance
}

// Do is what is to become of a release.
type Do string

// What may become of it.
const (
	Keep     Do = "keep"
	Promote  Do = "promote"
	RollBack Do = "roll_back"
)

// Verdict is what follows from the figures.
type Verdict struct {
	Do    Do
	Which string // the guardrail that broke; "" unless Do is RollBack
	Why   string // in a line of English; "" for Keep
	Bars  []Bar  // in the order of Names
}

// Progress is how far a release has come.
type Progress struct {
	Events int           // of the new version, in all
	Age    time.Duration // since it began
}

// Decide says what is to become of a release whose arms have those figures. A
// guardrail breaks when the new version's figure is beyond its bound by more
// than chance explains: few events suffice where all of them fail, and hundreds
// are needed to tell three percent from two. So a version is not taken back for
// an unlucky minute, however often Decide is asked.
func Decide(s *Spec, live, candidate *Figures, p Progress) Verdict {
	spec := s.WithDefaults()
	v := Verdict{Do: Keep}
	near := false
	var broken []string
	for i, b := range spec.Guardrails.list() {
		bar := judge(Names()[i], *b, floors[i], spec.MinEvents, live, candidate)
		v.Bars = append(v.Bars, bar)
		near = near || bar.Known && bar.Now > bar.Most
		if bar.Broken {
			if v.Do = RollBack; v.Which == "" {
				v.Which = bar.Name
			}
			broken = append(broken, bar.why(candidate))
		}
	}
	after := spec.PromoteAfter
	switch {
	case v.Do == RollBack:
		v.Why = strings.Join(broken, "; ")
	case near || p.Events < spec.MinEvents:
	case after.Events > 0 && p.Events >= after.Events:
		v.Do, v.Why = Promote, fmt.Sprintf("%d events went well", p.Events)
	case after.Duration > 0 && p.Age >= after.Duration:
		v.Do, v.Why = Promote, fmt.Sprintf("it went well for %v, with %d events", p.Age.Round(time.Second), p.Events)
	}
	return v
}

// judge holds one figure against its bound.
func judge(name string, b Bound, floor float64, enough int, live, candidate *Figures) Bar {
	bar := Bar{Name: name, Now: candidate.value(name), Live: live.value(name)}
	line := math.Inf(1)
	if b.Most > 0 {
		line = b.Most
	}
	if b.Times > 0 && live.size(name) >= enough {
		line = min(line, max(b.Times*live.most(name), floor))
	}
	if math.IsInf(line, 0) {
		return bar
	}
	bar.Most, bar.Known = line, candidate.size(name) >= enough
	bar.Broken = bar.Known && candidate.beyond(name, line)
	return bar
}

// value is a figure by the name of its guardrail.
func (f *Figures) value(name string) float64 {
	switch name {
	case P95:
		return float64(f.P95.Microseconds()) / 1000
	case Fuel:
		return f.Fuel
	case Messages:
		return f.Sent
	}
	k, n := f.part(name)
	if n == 0 {
		return 0
	}
	return float64(k) / float64(n)
}

// part is of how many how many are bad.
func (f *Figures) part(name string) (k, n int) {
	switch name {
	case ErrorRate:
		return f.Failed, f.Events
	case Refused:
		return f.Refused, f.Events
	}
	return f.Undelivered, f.Messages
}

// size is on how many a figure rests.
func (f *Figures) size(name string) int {
	if name == DeliveryFailures {
		return f.Messages
	}
	return f.Events
}

// most is what a figure may really be, for all that is known.
func (f *Figures) most(name string) float64 {
	switch name {
	case P95:
		return f.value(P95)
	case Fuel:
		return f.Fuel + sure*f.counts.fuel.doubt()
	case Messages:
		return f.Sent + sure*f.counts.messages.doubt()
	}
	_, high := wilson(f.part(name))
	return high
}

// beyond says whether a figure really is above a line.
func (f *Figures) beyond(name string, line float64) bool {
	switch name {
	case P95: // it is if more than one of twenty takes longer
		low, _ := wilson(f.counts.took.above(time.Duration(line*float64(time.Millisecond))), f.Events)
		return low > 0.05
	case Fuel:
		return f.Fuel-sure*f.counts.fuel.doubt() > line
	case Messages:
		return f.Sent-sure*f.counts.messages.doubt() > line
	}
	low, _ := wilson(f.part(name))
	return low > line
}

// wilson is Wilson's interval of a proportion that was found to be k of n (E. B.
// Wilson, Probable Inference, JASA 22, 1927): right for few and for none, too.
func wilson(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z2 = sure * sure
	p, size := float64(k)/float64(n), float64(n)
	middle := (p + z2/(2*size)) / (1 + z2/size)
	half := sure / (1 + z2/size) * math.Sqrt(p*(1-p)/size+z2/(4*size*size))
	return max(middle-half, 0), min(middle+half, 1)
}

// why says how a bar was broken.
func (b *Bar) why(f *Figures) string {
	k, n := f.part(b.Name)
	switch b.Name {
	case ErrorRate:
		return fmt.Sprintf("%s of %d events failed, at most %s may (live: %s)", rate(k, n), n, percentage(b.Most), percentage(b.Live))
	case Refused:
		return fmt.Sprintf("effects of %s of %d events were refused, at most %s may be (live: %s)", rate(k, n), n, percentage(b.Most), percentage(b.Live))
	case DeliveryFailures:
		return fmt.Sprintf("%s of %d messages were not delivered, at most %s may not (live: %s)", rate(k, n), n, percentage(b.Most), percentage(b.Live))
	case Messages:
		return fmt.Sprintf("it sends %s messages an event, at most %s may be (live: %s)", number(b.Now), number(b.Most), number(b.Live))
	case P95:
		return fmt.Sprintf("95 of 100 events take up to %s ms, at most %s ms may be (live: %s ms)", number(b.Now), number(b.Most), number(b.Live))
	}
	return fmt.Sprintf("an event takes %s units of fuel, at most %s may be (live: %s)", number(b.Now), number(b.Most), number(b.Live))
}

func rate(k, n int) string { return percentage(float64(k) / float64(max(n, 1))) }

func percentage(p float64) string { return number(p*100) + " %" }

// number is x with three digits that count.
func number(x float64) string {
	if x >= 1000 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}
