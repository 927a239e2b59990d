package sdk

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/internal/guest"
)

// Map is many rows, each under a key of its own: of each member, of each
// conversation, or of the community. Keys are in the order of their bytes.
type Map[T any] struct{ set rowSet }

// MemberMap is a map that each member has. The host erases it with them.
func MemberMap[T any](name string) Map[T] { return mapOf[T](ofMember, name) }

// ConversationMap is a map that each conversation has.
func ConversationMap[T any](name string) Map[T] { return mapOf[T](ofConversation, name) }

// CommunityMap is a map that the community has.
func CommunityMap[T any](name string) Map[T] { return mapOf[T](ofCommunity, name) }

func mapOf[T any](o owner, name string) Map[T] {
	keep[T](name)
	return Map[T]{rowsOf(o, name)}
}

// Of is the map of another member or conversation than the event's, for which
// [CanMembers] has to be asked.
func (m Map[T]) Of(id string) Map[T] {
	m.set.id = id
	return m
}

// Lookup returns the value under key, and whether there is one.
func (m Map[T]) Lookup(r Reader, key string) (T, bool) {
	return lookup[T](r.reader(), m.set.key(r.reader(), named(m.set, key)))
}

// Get returns the value under key, the zero T if there is none.
func (m Map[T]) Get(r Reader, key string) T {
	v, _ := m.Lookup(r, key)
	return v
}

// Set writes the value under key, which is not empty.
func (m Map[T]) Set(w Writer, key string, v T) {
	store(w, m.set.key(w.reader(), named(m.set, key)), v)
}

// Delete deletes what is under key. Nothing there is no error.
func (m Map[T]) Delete(w Writer, key string) {
	w.writer().drop(m.set.key(w.reader(), named(m.set, key)))
}

// Prefix is what the keys of a community's map begin with, for [Plugin.Warm].
func (m Map[T]) Prefix() string { return m.set.prefix(nil) + "/" }

func named(s rowSet, key string) string {
	if key == "" {
		panic(mistakef("state %q: the key is empty", s.name))
	}
	return key
}

// Range says which entries of a map to read. The zero Range is its first
// abi.MaxScan entries.
type Range struct {
	Prefix  string // of the keys
	After   string // only keys behind this one; before it, if Reverse
	Limit   int    // at most abi.MaxScan, which 0 means; a relaxed scan may ask for more
	Reverse bool

	// Relaxed does not make the invocation depend on what is read: fast, and
	// for numbers that may be a moment old. At most abi.MaxRelaxed bytes.
	Relaxed bool
}

// Entry is a key and what is under it.
type Entry[T any] struct {
	Key   string
	Value T
}

// Scan reads the entries of a range; more says that there are others behind
// them. The invocation depends on every one, and on there being no others
// between, unless the range is relaxed.
func (m Map[T]) Scan(r Reader, rg Range) (entries []Entry[T], more bool) {
	b := r.reader()
	prefix := m.set.prefix(b) + "/"
	scan := abi.Scan{Prefix: prefix + abi.KeySegment(rg.Prefix), Limit: rg.Limit, Reverse: rg.Reverse, Relaxed: rg.Relaxed}
	if rg.After != "" {
		scan.After = prefix + abi.KeySegment(rg.After)
	}
	rows, err := b.host.Scan(scan)
	if err != nil {
		panic(mistakef("scan %s: %v", scan.Prefix, err))
	}
	entries = make([]Entry[T], len(rows.Rows))
	for i, row := range rows.Rows {
		entries[i] = Entry[T]{Key: unsegment(row.Key[len(prefix):]), Value: decoded[T](row.Key, row.Value)}
	}
	return entries, rows.More
}

// All reads the whole map, a scan at a time: an invocation may depend on at
// most abi.MaxReads rows, so what may grow is better read with a relaxed Scan
// or a page at a time with [Invocation.Continue].
func (m Map[T]) All(r Reader) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for rg, more := (Range{}), true; more; {
			var page []Entry[T]
			page, more = m.Scan(r, rg)
			for _, e := range page {
				if !yield(e.Key, e.Value) {
					return
				}
				rg.After = e.Key
			}
		}
	}
}

// overlay is the host's rows as the invocation has left them so far.
type overlay struct {
	host guest.Host
	i    *Invocation
}

func (o *overlay) Log(level int, line string) { o.host.Log(level, line) }

func (o *overlay) Get(key string) ([]byte, bool, error) {
	for j := range o.i.writes {
		if w := &o.i.writes[j]; w.Key == key {
			return w.Value, !w.Delete, nil
		}
	}
	value, ok, err := o.host.Get(key)
	if err != nil {
		return nil, false, err
	}
	for j := range o.i.adds {
		if a := &o.i.adds[j]; a.Key == key {
			var n int64
			if ok {
				if n, err = abi.CounterValue(value); err != nil {
					return nil, false, err
				}
			}
			return binary.BigEndian.AppendUint64(nil, uint64(n+a.Delta)), true, nil
		}
	}
	return value, ok, nil
}

// Scan puts the invocation's own writes where they belong among the host's rows.
// A page may be shorter than its limit and still have more behind it, if the
// invocation has deleted rows of it; it is never empty then.
func (o *overlay) Scan(s abi.Scan) (abi.Rows, error) {
	var own []abi.Write
	for _, w := range o.i.writes {
		if inRange(&s, w.Key) {
			own = append(own, w)
		}
	}
	limit := s.Limit
	if limit == 0 {
		limit = abi.MaxScan
	}
	if limit < 0 || limit > abi.MaxScan && !s.Relaxed {
		return abi.Rows{}, fmt.Errorf("the limit is %d, at most %d", s.Limit, abi.MaxScan)
	}
	if len(own) == 0 {
		return o.host.Scan(s)
	}
	rows, err := o.host.Scan(s)
	if err != nil {
		return abi.Rows{}, err
	}
	// Behind the last row of a page that has more, a write belongs to a later page.
	end := ""
	if rows.More && len(rows.Rows) > 0 {
		end = rows.Rows[len(rows.Rows)-1].Key
	}
	for _, w := range own {
		if end != "" && w.Key != end && (w.Key > end) != s.Reverse {
			continue
		}
		rows.Rows = slices.DeleteFunc(rows.Rows, func(p abi.Pair) bool { return p.Key == w.Key })
		if !w.Delete {
			rows.Rows = append(rows.Rows, abi.Pair{Key: w.Key, Value: w.Value})
		}
	}
	order(rows.Rows, s.Reverse)
	if len(rows.Rows) > limit {
		rows.Rows, rows.More = rows.Rows[:limit], true
	}
	if len(rows.Rows) == 0 && end != "" {
		s.After = end
		return o.Scan(s)
	}
	return rows, nil
}

func order(rows []abi.Pair, reverse bool) {
	slices.SortFunc(rows, func(a, b abi.Pair) int {
		if reverse {
			a, b = b, a
		}
		return strings.Compare(a.Key, b.Key)
	})
}

// inRange says whether a scan would come upon key.
func inRange(s *abi.Scan, key string) bool {
	return strings.HasPrefix(key, s.Prefix) && (s.After == "" || key != s.After && (key > s.After) != s.Reverse)
}

// warmRows answers reads in Warm from the rows that the host handed over.
type warmRows struct {
	rows []abi.Pair
	host guest.Host
}

func (w *warmRows) Log(level int, line string) { w.host.Log(level, line) }

func (w *warmRows) Get(key string) ([]byte, bool, error) {
	for i := range w.rows {
		if w.rows[i].Key == key {
			return w.rows[i].Value, true, nil
		}
	}
	return nil, false, nil
}

func (w *warmRows) Scan(s abi.Scan) (rows abi.Rows, err error) {
	for _, row := range w.rows {
		if inRange(&s, row.Key) {
			rows.Rows = append(rows.Rows, row)
		}
	}
	order(rows.Rows, s.Reverse)
	return rows, nil
}
