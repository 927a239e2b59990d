package measure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/store"
)

// Where the rows lie, for whoever goes over all of a kind.
const (
	Counters = counters
	Lists    = standing // of who stands where
)

// Off is a counter that is not what the rows say.
type Off struct {
	Key       store.Key
	Is, Ought int64
}

// Verified is what a comparison of counters and rows came to.
type Verified struct {
	Rows     int   // members
	Counters int   // that the rows make
	Off      []Off // those that differ, by key
}

// Verify compares all counters with what they ought to be by the rows. What is owed
// counts as carried out, and what other definitions count is left alone. As counters
// only ever change by sums, whoever adds Ought-Is to each in any later batch has put
// it right, whatever happened in between. seen, if it is not nil, is told of rows
// as they are read. It takes memory for each counter; see [Model.Rebuild].
func (m *Model) Verify(ctx context.Context, snap store.Snapshot, seen func(rows int)) (Verified, error) {
	var v Verified
	off := map[store.Key]*Off{}
	at := func(k store.Key) *Off {
		o := off[k]
		if o == nil {
			o = &Off{Key: store.Key(strings.Clone(string(k)))}
			off[o.Key] = o
		}
		return o
	}
	for stored, err := range snap.Scan(ctx, Rows()) {
		if err != nil {
			return v, fmt.Errorf("measure: %w", err)
		}
		r, err := ReadRow(stored)
		if err != nil {
			return v, err
		}
		names := stored.Key.Segments()
		for _, a := range m.Worth(names[len(names)-1], &r) {
			at(a.Key).Ought += a.Delta
		}
		if v.Rows++; seen != nil {
			seen(v.Rows)
		}
	}
	for _, o := range off {
		if o.Ought != 0 {
			v.Counters++
		}
	}
	for row, err := range snap.Scan(ctx, store.Prefix(counters.Prefix())) {
		if err != nil {
			return v, fmt.Errorf("measure: %w", err)
		}
		if m.others(row.Key) {
			continue
		}
		n, err := store.Counter(row)
		if err != nil {
			return v, fmt.Errorf("measure: %w", err)
		}
		at(row.Key).Is = n
	}
	for row, err := range snap.Scan(ctx, store.Prefix(owing.Prefix())) {
		if err != nil {
			return v, fmt.Errorf("measure: %w", err)
		}
		var o owed
		if _, err := o.UnmarshalMsg(row.Value); err != nil {
			return v, fmt.Errorf("measure: row %s: %w", row.Key, err)
		}
		for _, a := range o.Adds {
			if !m.others(store.Key(a.Key)) {
				at(store.Key(a.Key)).Is += a.Delta
			}
		}
	}
	for _, o := range off {
		if o.Is != o.Ought {
			v.Off = append(v.Off, *o)
		}
	}
	slices.SortFunc(v.Off, func(a, b Off) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return v, nil
}

// others says whether a counter is of other definitions than the model's.
func (m *Model) others(k store.Key) bool {
	names := k.Segments()
	if len(names) < 4 {
		return false
	}
	return slices.Contains(versioned, names[2]) && names[3] != m.version
}
