package measure

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/store"
)

// Query says of whom and of when something is asked.
type Query struct {
	Segments []string // platforms; nil for all
	From, To Day      // cohorts, or days, both included
}

// Segments are the parts of the community that have counters. It takes a step for
// each.
func Segments(ctx context.Context, snap store.Snapshot) ([]string, error) {
	var list []string
	span := store.Prefix(counters.Prefix())
	span.Limit = 1
	for {
		name := ""
		for row, err := range snap.Scan(ctx, span) {
			if err != nil {
				return nil, fmt.Errorf("measure: %w", err)
			}
			name = strings.Clone(row.Key.Segments()[1])
		}
		if name == "" {
			return list, nil
		}
		list = append(list, name)
		span.From = counters.Join(name) + "0" // behind all of that name: '0' sorts after '/'
	}
}

// scan calls f with every counter of a family whose day is asked for: with what
// its key has behind the day.
func (q Query) scan(ctx context.Context, snap store.Snapshot, f func(d Day, rest []string, n int) error, family ...string) error {
	segments := q.Segments
	if segments == nil {
		var err error
		if segments, err = Segments(ctx, snap); err != nil {
			return err
		}
	}
	for _, s := range segments {
		base := counters.Join(s).Join(family...)
		at := strings.Count(string(base), "/") + 1
		last, d := "", Day(0) // rows of one day lie side by side
		for row, err := range snap.Scan(ctx, store.Range{From: base.Join(q.From.String()), To: base.Join((q.To + 1).String())}) {
			if err != nil {
				return fmt.Errorf("measure: %w", err)
			}
			n, err := store.Counter(row)
			if err != nil {
				return fmt.Errorf("measure: %w", err)
			}
			names := row.Key.Segments()
			if names[at] != last {
				if d, err = ParseDay(names[at]); err != nil {
					return fmt.Errorf("measure: row %s: %w", row.Key, err)
				}
				last = names[at]
			}
			if err := f(d, names[at+1:], int(n)); err != nil {
				return fmt.Errorf("measure: row %s: %w", row.Key, err)
			}
		}
	}
	return nil
}

// numbers reads the numbers at the end of a key.
func numbers(rest []string, to ...*int) error {
	if len(rest) != len(to) {
		return fmt.Errorf("%d names behind the day, not %d", len(rest), len(to))
	}
	for i, s := range rest {
		n, err := strconv.Atoi(s)
		if err != nil {
			return err
		}
		*to[i] = n
	}
	return nil
}
