package members

import (
	"context"
	"fmt"
	"iter"

	"github.com/hearthbot/hearth/store"
)

// Entry is a member of the directory.
type Entry struct {
	ID string
	Profile
}

// Scan yields the directory behind an id in the order of ids; from its beginning
// if that is "". An error ends it.
func Scan(ctx context.Context, snap store.Snapshot, after string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r := store.Prefix(store.Key("member").Prefix())
		if after != "" {
			r.From = Key(after) + "\x00"
		}
		for row, err := range snap.Scan(ctx, r) {
			var e Entry
			if err == nil {
				_, err = e.Profile.UnmarshalMsg(row.Value)
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("members: reading the directory: %w", err))
				return
			}
			name := row.Key.Segments()
			if e.ID = name[len(name)-1]; !yield(e, nil) {
				return
			}
		}
	}
}
