package measure

import (
	"context"
	"time"

	"github.com/hearthbot/hearth/store"
)

// reached is when a member came to each step of the funnel, as far as they did
// within the window. A step is reached once it and all before it have happened, in
// whatever order; so its time is never before that of the step it follows. What
// happened before the join has happened at the join.
func (m *Model) reached(r *Row) []int64 {
	if r.Joined == 0 {
		return nil
	}
	steps := m.funnel
	times := make([]int64, 1, len(steps))
	times[0] = r.Joined
	for _, s := range steps[1:] {
		first := int64(0)
		for _, name := range s.By {
			if at := r.Mark(name); at != 0 && (first == 0 || at < first) {
				first = at
			}
		}
		at := max(first, times[len(times)-1])
		if first == 0 || at-r.Joined > m.window.Milliseconds() {
			break
		}
		times = append(times, at)
	}
	return times
}

// Standing is the number of the last step that a member reached in time, and when;
// false for who was not seen to join, or does not count.
func (m *Model) Standing(r *Row) (step int, at time.Time, ok bool) {
	times := m.reached(r)
	if len(times) == 0 || r.Out {
		return 0, time.Time{}, false
	}
	return len(times) - 1, time.UnixMilli(times[len(times)-1]), true
}

// tallyFunnel counts where a member stands, and the local hour at which they came
// there; and how long each step took, from the join.
func (m *Model) tallyFunnel(r *Row, day Day, count func(cell, int64)) {
	times := m.reached(r)
	last := len(times) - 1
	at := time.UnixMilli(times[last])
	count(cell{family: famStand, x: m.version, day: day, a: last, b: m.calendar.Hour(at)}, 1)
	for i, t := range times[1:] {
		count(cell{family: famTook, x: m.version, day: day, a: i + 1, b: bucket(time.Duration(t-r.Joined) * time.Millisecond)}, 1)
	}
}

// StandingKey is where the engine keeps a row, empty, of a member who stands at a
// step of the funnel, so that the members behind a drop-off are one scan away; ""
// for one who stands nowhere. It deletes the old one and puts the new one in the
// batch that writes the member's Row, when they differ.
//
//	standing/VERSION/STEP/DAY/SEGMENT/MEMBER    STEP is a letter, DAY that of the join
func (m *Model) StandingKey(member string, r *Row) store.Key {
	step, _, ok := m.Standing(r)
	if !ok || Nameless(member) {
		return ""
	}
	day := m.calendar.Of(time.UnixMilli(r.Joined))
	return standing.Join(m.version, string(rune('a'+step)), day.String(), Segment(member), member)
}

const standing = store.Key("standing")

// StandingOf is the version of the definitions by which a row of that list is.
func StandingOf(k store.Key) string {
	if names := k.Segments(); len(names) > 1 {
		return names[1]
	}
	return ""
}

// StandingMembers lists members who joined on the days of q and stand at a step, in
// the order of their joins by day, at most limit of them.
func (m *Model) StandingMembers(ctx context.Context, snap store.Snapshot, q Query, step, limit int) ([]string, error) {
	base := standing.Join(m.version, string(rune('a'+step)))
	var list []string
	for row, err := range snap.Scan(ctx, store.Range{From: base.Join(q.From.String()), To: base.Join((q.To + 1).String())}) {
		if err != nil {
			return nil, err
		}
		names := row.Key.Segments()
		if q.has(names[len(names)-2]) {
			if list = append(list, names[len(names)-1]); len(list) == limit {
				break
			}
		}
	}
	return list, nil
}

func (q Query) has(segment string) bool {
	if q.Segments == nil {
		return true
	}
	for _, s := range q.Segments {
		if s == segment {
			return true
		}
	}
	return false
}

// FunnelStep is a step and those who came to it.
type FunnelStep struct {
	Name    string
	Reached int // in time

	// Of those who reached the step before and not this one: who still has time, and
	// who has none left. A cohort is in progress as a whole until the window of its
	// day has passed.
	InProgress, Lost int

	// Median is the time from the join to the step, of those who reached it, right
	// to 5 %; MedianKnown is false if nobody did.
	Median      time.Duration
	MedianKnown bool

	// LostAt is by local hour of the day how many of the lost came to the step
	// before in it.
	LostAt [24]int

	// Biggest marks the step that most were lost before.
	Biggest bool
}

// Rate is the share of those who reached the step before and have no time left, or
// reached this one, that did; false if there is nobody.
func (s FunnelStep) Rate() (float64, bool) {
	if s.Reached+s.Lost == 0 {
		return 0, false
	}
	return float64(s.Reached) / float64(s.Reached+s.Lost), true
}

// Funnel reads the funnel of the members who joined on the days of q. It reads
// counters alone, and tells who is lost from who is in progress by now.
func (m *Model) Funnel(ctx context.Context, snap store.Snapshot, q Query, now time.Time) ([]FunnelStep, error) {
	steps := make([]FunnelStep, len(m.funnel))
	for i, s := range m.funnel {
		steps[i].Name = s.Name
	}
	passed := map[Day]bool{}
	if err := q.scan(ctx, snap, func(d Day, rest []string, n int) error {
		step, hour := 0, 0
		if err := numbers(rest, &step, &hour); err != nil {
			return err
		}
		if step < 0 || step >= len(steps) || hour < 0 || hour > 23 {
			return nil
		}
		for i := range step + 1 {
			steps[i].Reached += n
		}
		if step == len(steps)-1 {
			return nil
		}
		over, known := passed[d]
		if !known {
			over = m.windowOver(d, m.window, now)
			passed[d] = over
		}
		if next := &steps[step+1]; over {
			next.Lost += n
			next.LostAt[hour] += n
		} else {
			next.InProgress += n
		}
		return nil
	}, famStand, m.version); err != nil {
		return nil, err
	}
	took := make([]map[int]int, len(steps))
	if err := q.scan(ctx, snap, func(d Day, rest []string, n int) error {
		step, b := 0, 0
		if err := numbers(rest, &step, &b); err != nil || step < 0 || step >= len(steps) {
			return err
		}
		if took[step] == nil {
			took[step] = map[int]int{}
		}
		took[step][b] += n
		return nil
	}, famTook, m.version); err != nil {
		return nil, err
	}
	biggest := 0
	for i := range steps {
		steps[i].Median, steps[i].MedianKnown = quantile(took[i], 0.5)
		if steps[i].Lost > steps[biggest].Lost {
			biggest = i
		}
	}
	steps[biggest].Biggest = steps[biggest].Lost > 0
	return steps, nil
}
