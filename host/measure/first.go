package measure

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/hearthbot/hearth/store"
)

// pathLength is how many actions of a path are kept.
const pathLength = 4

// Minutes is a member's first five minutes: in which of them they did what.
type Minutes [Actions][FirstMinutes]bool

// FirstMinutesOf are a member's own; false if their join was not seen.
func FirstMinutesOf(r *Row) (m Minutes, ok bool) {
	if r.Joined == 0 {
		return m, false
	}
	for _, a := range r.Early {
		if n := (a.At - r.Joined) / time.Minute.Milliseconds(); a.At >= r.Joined && n < FirstMinutes && a.Action.known() {
			m[a.Action-Message][n] = true
		}
	}
	return m, true
}

// PathOf are a member's first actions in their first five minutes, in their order,
// repetitions of one kind taken together; at most four. Of two at one millisecond
// the one that comes first in the list of actions comes first.
func PathOf(r *Row) []Action {
	var path []Action
	for _, a := range r.Early {
		if a.At < r.Joined || a.At >= r.Joined+earlySpan.Milliseconds() || !a.Action.known() || len(path) > 0 && path[len(path)-1] == a.Action {
			continue
		}
		if path = append(path, a.Action); len(path) == pathLength {
			break
		}
	}
	return path
}

func tallyFirst(r *Row, day Day, count func(cell, int64)) {
	m, _ := FirstMinutesOf(r)
	for a := range m {
		for n, did := range m[a] {
			if did {
				count(cell{family: famFirst, day: day, a: a, b: n}, 1)
			}
		}
	}
	letters := []byte{'-'} // joined: each path begins with it, so an empty one is there too
	for _, a := range PathOf(r) {
		letters = append(letters, a.letter())
	}
	count(cell{family: famPath, day: day, x: string(letters)}, 1)
}

// Heat is how many members of a cohort did what in which minute after their join.
type Heat struct {
	N     int // members of the cohort
	Cells [Actions][FirstMinutes]int
}

// Heat reads the first five minutes of the members who joined on the days of q.
// Those who joined a moment ago are among them: five minutes are soon over.
func (m *Model) Heat(ctx context.Context, snap store.Snapshot, q Query) (Heat, error) {
	var h Heat
	if err := q.scan(ctx, snap, func(_ Day, _ []string, n int) error { h.N += n; return nil }, famJoined, Days.letter()); err != nil {
		return h, err
	}
	err := q.scan(ctx, snap, func(_ Day, rest []string, n int) error {
		a, minute := 0, 0
		if err := numbers(rest, &a, &minute); err != nil {
			return err
		}
		if a >= 0 && a < Actions && minute >= 0 && minute < FirstMinutes {
			h.Cells[a][minute] += n
		}
		return nil
	}, famFirst)
	return h, err
}

// Link is how many members went from one action to the next.
type Link struct {
	Depth    int    // 0 from the join
	From, To Action // From is NoAction for the join, To for nothing more
	N        int
}

// Paths reads the first-action paths of the members who joined on the days of q,
// as the links of a Sankey chart, by depth, largest first. What goes into an action
// comes out of it, into the next or into nothing more, up to the fourth.
func (m *Model) Paths(ctx context.Context, snap store.Snapshot, q Query) ([]Link, error) {
	counts := map[string]int{}
	if err := q.scan(ctx, snap, func(_ Day, rest []string, n int) error {
		if len(rest) == 1 {
			counts[rest[0]] += n
		}
		return nil
	}, famPath); err != nil {
		return nil, err
	}
	return sankey(counts), nil
}

// sankey makes links of paths as tallyFirst writes them.
func sankey(paths map[string]int) []Link {
	type step struct {
		depth    int
		from, to Action
	}
	sums := map[step]int{}
	for path, n := range paths {
		if path == "" || path[0] != '-' {
			continue
		}
		from := NoAction
		for i := 1; i < len(path); i++ {
			to := actionOf(path[i])
			sums[step{i - 1, from, to}] += n
			from = to
		}
		if len(path) <= pathLength {
			sums[step{len(path) - 1, from, NoAction}] += n
		}
	}
	var links []Link
	for s, n := range sums {
		if n != 0 {
			links = append(links, Link{s.depth, s.from, s.to, n})
		}
	}
	slices.SortFunc(links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.Depth, b.Depth), cmp.Compare(b.N, a.N), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return links
}
