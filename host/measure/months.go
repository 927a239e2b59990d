package measure

import (
	"context"
	"math"
	"time"

	"github.com/hearthbot/hearth/store"
)

// Journey is how the members who joined in one month have come through the funnel
// so far.
type Journey struct {
	Month string // "202603"
	Steps []JourneyStep
}

// JourneyStep is a step of the funnel.
type JourneyStep struct {
	Name      string
	Entered   int // came to the step before in time; joined, of the first
	Completed int // came to this one in time

	// Took is by upper bound in seconds how many of Completed took so long from their
	// join to the step or less, and Sum how long all of them did, right to 5 %.
	Took map[float64]uint64
	Sum  time.Duration
}

// TookBounds are the bounds of JourneyStep.Took: powers of two, from a minute to
// the funnel's usual window.
var TookBounds = []float64{1 << 6, 1 << 8, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 21}

// Journeys reads the months of joins that q has days of, the oldest first: all of
// each, and zeros where nobody joined.
func (m *Model) Journeys(ctx context.Context, snap store.Snapshot, q Query) ([]Journey, error) {
	first, last := Months.Index(q.From), Months.Index(q.To)
	q.From, q.To = Months.First(first), Months.Last(last)
	list := make([]Journey, max(0, last-first+1))
	for i := range list {
		list[i].Month = Months.First(first + i).utc().Format("200601")
		for _, s := range m.funnel {
			step := JourneyStep{Name: s.Name, Took: map[float64]uint64{}}
			for _, b := range TookBounds {
				step.Took[b] = 0
			}
			list[i].Steps = append(list[i].Steps, step)
		}
	}
	if err := q.scan(ctx, snap, func(d Day, rest []string, n int) error {
		step, hour := 0, 0
		if err := numbers(rest, &step, &hour); err != nil || step < 0 || step >= len(m.funnel) {
			return err
		}
		j := &list[Months.Index(d)-first]
		for i := range step + 1 {
			j.Steps[i].Completed += n
		}
		return nil
	}, famStand, m.version); err != nil {
		return nil, err
	}
	err := q.scan(ctx, snap, func(d Day, rest []string, n int) error {
		step, b := 0, 0
		if err := numbers(rest, &step, &b); err != nil || step < 0 || step >= len(m.funnel) {
			return err
		}
		s := &list[Months.Index(d)-first].Steps[step]
		s.Sum += time.Duration(float64(n) * math.Exp2((float64(b)+0.5)/perDoubling) * float64(time.Second))
		for _, bound := range TookBounds {
			if float64(b) < perDoubling*math.Log2(bound) {
				s.Took[bound] += uint64(n)
			}
		}
		return nil
	}, famTook, m.version)
	for i := range list {
		steps := list[i].Steps
		for k := range steps {
			steps[k].Entered = steps[max(0, k-1)].Completed
		}
		// At the join all who join are there, at once.
		for _, b := range TookBounds {
			steps[0].Took[b] = uint64(max(0, steps[0].Completed))
		}
	}
	return list, err
}
