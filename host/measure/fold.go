package measure

import (
	"context"
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/store"
)

// ReadRow decodes a member's stored row; the zero Row if there is none.
func ReadRow(stored store.Row) (Row, error) {
	var r Row
	if !stored.Exists() {
		return r, nil
	}
	if _, err := r.UnmarshalMsg(stored.Value); err != nil {
		return r, fmt.Errorf("measure: row %s: %w", stored.Key, err)
	}
	return r, nil
}

// Knows says whether r holds the fact already. As rows only learn, a copy of any age
// that does settles it: the stored one does too, and need not be read.
func (m *Model) Knows(r *Row, f *Fact) bool {
	c := r.clone()
	return !m.Learn(&c, f)
}

// Fold takes a fact into a member's row as it is stored (at [Key]), and adds to b
// what follows: the row, conditional on its being unchanged, the counters, and the
// list of who stands where. False says that nothing follows, and that b is as it
// was. after is the row as it then is.
//
// It adds one check, and at most 68 writes: the row, one row of the list gone and
// one new, 64 counters, and a row of what is owed if there are more ([Settle]). A
// member's first activity of a day changes about twelve counters.
func (m *Model) Fold(b *store.Batch, member string, stored store.Row, f *Fact) (after Row, changed bool, err error) {
	after, changed, _, err = m.FoldAll(b, member, stored, maxAdds, f)
	return after, changed, err
}

// FoldAll is Fold of several facts at once, for a batch that has room for so many
// counters and four rows more: what is over is owed, and owes says so.
func (m *Model) FoldAll(b *store.Batch, member string, stored store.Row, room int, facts ...*Fact) (after Row, changed, owes bool, err error) {
	after, err = ReadRow(stored)
	if err != nil {
		return after, false, false, err
	}
	for _, f := range facts {
		changed = m.Learn(&after, f) || changed
	}
	if !changed {
		return after, false, false, nil
	}
	before, err := ReadRow(stored) // rather decoded twice than copied for each fact that is known
	if err != nil {
		return after, false, false, err
	}
	after.Version = m.version
	owes, err = m.write(b, member, stored.Rev, max(0, min(room, maxAdds)), &before, &after)
	return after, true, owes, err
}

// Recount counts a member's row by the model's definitions, if it is counted by
// others: to be called for each row (under [Rows]) once they have changed. It adds to
// b what Fold does; false says that there is nothing to do.
func (m *Model) Recount(b *store.Batch, member string, stored store.Row) (bool, error) {
	before, err := ReadRow(stored)
	if err != nil || !stored.Exists() || before.Version == m.version {
		return false, err
	}
	after := before.clone()
	after.Version = m.version
	_, err = m.write(b, member, stored.Rev, maxAdds, &before, &after)
	return true, err
}

// versioned are the families whose keys begin with the version of the definitions.
var versioned = []string{famStand, famTook, famMet, famSoon}

// Stale yields the keys of what was counted by other definitions than the model's,
// at most limit of them: they may be deleted once every row is counted by it.
func (m *Model) Stale(ctx context.Context, snap store.Snapshot, limit int) ([]store.Key, error) {
	segments, err := Segments(ctx, snap)
	if err != nil {
		return nil, err
	}
	prefixes := []store.Key{standing}
	for _, s := range segments {
		for _, f := range versioned {
			prefixes = append(prefixes, counters.Join(s, f))
		}
	}
	var list []store.Key
	for _, p := range prefixes {
		current := p.Join(m.version).Prefix()
		// What lies before the current version's keys, and what behind them.
		for _, span := range []store.Range{{From: p.Prefix(), To: current}, {From: store.Prefix(current).To, To: store.Prefix(p.Prefix()).To}} {
			span.Limit = limit - len(list)
			if span.Limit <= 0 {
				return list, nil
			}
			for row, err := range snap.Scan(ctx, span) {
				if err != nil {
					return list, fmt.Errorf("measure: %w", err)
				}
				list = append(list, store.Key(strings.Clone(string(row.Key))))
			}
		}
	}
	return list, nil
}

func (m *Model) write(b *store.Batch, member string, rev store.Rev, room int, before, after *Row) (owes bool, err error) {
	v, err := after.MarshalMsg(nil)
	if err != nil {
		return false, fmt.Errorf("measure: row of %s: %w", member, err)
	}
	b.Check(Key(member), rev)
	b.Put(Key(member), v)
	adds := m.Changes(member, before, after)
	if err := add(b, adds, room, owing.Join(member, store.Seq(uint64(rev)))); err != nil {
		return false, err
	}
	was, is := m.StandingKey(member, before), m.StandingKey(member, after)
	if before.Version != m.version {
		was = "" // it stands among those of another version, which go together
	}
	if was != is {
		if was != "" {
			b.Delete(was)
		}
		if is != "" {
			b.Put(is, []byte{1})
		}
	}
	return len(adds) > room, nil
}

// Forget adds to b that a member's row lies under another name, so that nobody can
// tell whose it was, while the totals stay and can be counted anew: name is random,
// and the caller's to make up. What names them (the list of who stands where) goes,
// and they are in that list no more; the segment stays, or the totals of a platform
// would not add up. A row that other definitions count is to be counted by the
// model's first ([Model.Recount]).
func (m *Model) Forget(b *store.Batch, member, name string, stored store.Row) error {
	r, err := ReadRow(stored)
	if err != nil || !stored.Exists() {
		return err
	}
	b.Check(Key(member), stored.Rev)
	b.Delete(Key(member))
	to := Key(Segment(member) + ":" + nameless + name)
	b.Check(to, 0)
	b.Put(to, stored.Value)
	if k := m.StandingKey(member, &r); k != "" {
		b.Delete(k)
	}
	return nil
}

// nameless begins the name under which a forgotten member's row lies: no platform
// has it in an id.
const nameless = "~"

// Nameless says whether a row is that of a member who was forgotten.
func Nameless(member string) bool {
	_, name, _ := strings.Cut(member, ":")
	return strings.HasPrefix(name, nameless)
}

// Rebuild counts all counters anew from the rows: what they ought to be. It reads every row, and returns as many sums as there are counters: about
// a hundred thousand for a year of a large community.
func (m *Model) Rebuild(ctx context.Context, snap store.Snapshot) (map[store.Key]int64, error) {
	sums := map[store.Key]int64{}
	for stored, err := range snap.Scan(ctx, Rows()) {
		if err != nil {
			return nil, fmt.Errorf("measure: %w", err)
		}
		r, err := ReadRow(stored)
		if err != nil {
			return nil, err
		}
		names := stored.Key.Segments()
		for _, a := range m.Worth(names[len(names)-1], &r) {
			if sums[a.Key] += a.Delta; sums[a.Key] == 0 {
				delete(sums, a.Key)
			}
		}
	}
	return sums, nil
}
