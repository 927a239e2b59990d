package measure

//go:generate go tool msgp -unexported -io=false -tests=false -file owed.go -o owed_gen.go

//msgp:limit arrays:65536 maps:16

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/store"
)

// A fact may change more counters than go into one batch: a join that is seen long
// after the member came, a bot that is found out. What is over is owed: it is
// written down in the same batch, and carried out afterwards, once.
//
//	owed/MEMBER/REV    owed, MessagePack; REV of the row that it changed
const (
	owing   = store.Key("owed")
	maxAdds = 64 // counters of one batch, which other writes share
)

type owed struct {
	Adds []owedAdd `msg:"a"`
}

type owedAdd struct {
	Key   string `msg:"k"`
	Delta int64  `msg:"n"`
}

// add adds changes to b, as many as there is room for, and owes the others under
// the key at.
func add(b *store.Batch, adds []Add, room int, at store.Key) error {
	now := adds[:min(len(adds), room)]
	for _, a := range now {
		b.Add(a.Key, a.Delta)
	}
	var rest owed
	for _, a := range adds[len(now):] {
		rest.Adds = append(rest.Adds, owedAdd{string(a.Key), a.Delta})
	}
	if len(rest.Adds) == 0 {
		return nil
	}
	v, err := rest.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	b.Put(at, v)
	return nil
}

// Settle carries out counters that are owed, and returns how many there were. It is
// to be called now and then by one caller at a time, and finds nothing as a rule.
func Settle(ctx context.Context, s store.Store) (int, error) {
	total := 0
	for {
		n, err := settle(ctx, s)
		total += n
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return total, fmt.Errorf("measure: settling counters: %w", err)
		}
		if n == 0 && err == nil {
			return total, nil
		}
	}
}

func settle(ctx context.Context, s store.Store) (int, error) {
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	span := store.Prefix(owing.Prefix())
	span.Limit = 1
	for row, err := range snap.Scan(ctx, span) {
		if err != nil {
			return 0, err
		}
		var o owed
		if _, err := o.UnmarshalMsg(row.Value); err != nil {
			return 0, fmt.Errorf("row %s: %w", row.Key, err)
		}
		key := store.Key(strings.Clone(string(row.Key)))
		b := new(store.Batch)
		b.Check(key, row.Rev)
		now := o.Adds[:min(len(o.Adds), maxAdds)]
		for _, a := range now {
			b.Add(store.Key(a.Key), a.Delta)
		}
		if o.Adds = o.Adds[len(now):]; len(o.Adds) == 0 {
			b.Delete(key)
		} else {
			v, err := o.MarshalMsg(nil)
			if err != nil {
				return 0, err
			}
			b.Put(key, v)
		}
		if _, err := s.Commit(ctx, b); err != nil {
			return 0, err
		}
		return len(now), nil
	}
	return 0, nil
}
