package replay

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Read is one answer that a plugin got, as the journal has it: of a key, or of
// a scan.
type Read struct {
	Scan *abi.Scan
	Key  string     // unless Scan is set
	Rows []abi.Pair // of a key, one or none
	More bool       // of a scan: there were more than asked for
}

// Evidence is the rows of a plugin as far as an event's reads show them: a
// snapshot of what was read, in whatever order and by whatever read it is asked
// for again. It knows the rows that were answered with, and that there were no
// others where one was looked for: a scan of a part of what was scanned has its
// answer, and so has a key that lay in it. What it does not know it answers as
// if there were no row, and is not exact any more.
//
// Being a [store.Snapshot] it is read through the engine's own rules for reads.
// It serves one event, and is not safe for concurrent use.
type Evidence struct {
	base  store.Key // what a plugin's keys have before them
	rows  []store.Row
	known []store.Range // of which all rows are known, in order and apart
	more  []beyond

	missed []string
	misses int
}

// beyond is what a scan that ended at its limit shows: that there is a row
// between the last one it had and where it would have ended.
type beyond struct {
	at, end store.Key // it lies in [at, end), or going back in [end, at)
	reverse bool
}

// NewEvidence makes the snapshot of what reads show. base is what stands before
// the plugin's keys in those of the store, its separator included.
func NewEvidence(base store.Key, reads []Read) *Evidence {
	e := &Evidence{base: base}
	for i := range reads {
		r := &reads[i]
		if r.Scan == nil {
			k := base + store.Key(r.Key)
			e.known = append(e.known, store.Range{From: k, To: k + "\x00"})
			e.add(r.Rows)
			continue
		}
		span := Span(base, r.Scan)
		e.add(r.Rows)
		if r.More {
			if len(r.Rows) == 0 {
				continue // shows nothing
			}
			last := base + store.Key(r.Rows[len(r.Rows)-1].Key)
			if r.Scan.Reverse {
				e.more = append(e.more, beyond{at: last, end: span.From, reverse: true})
				span.From = last
			} else {
				e.more = append(e.more, beyond{at: last + "\x00", end: span.To})
				span.To = last + "\x00"
			}
		}
		e.known = append(e.known, span)
	}
	slices.SortFunc(e.rows, func(a, b store.Row) int { return cmp.Compare(a.Key, b.Key) })
	e.rows = slices.CompactFunc(e.rows, func(a, b store.Row) bool { return a.Key == b.Key })
	e.known = merge(e.known)
	return e
}

// Span is the range of a scan's keys, as the engine looks them up under base.
func Span(base store.Key, s *abi.Scan) store.Range {
	span := store.Prefix(base + store.Key(s.Prefix))
	if s.After != "" {
		if s.Reverse {
			span.To = min(span.To, base+store.Key(s.After))
		} else {
			span.From = max(span.From, base+store.Key(s.After)+"\x00")
		}
	}
	span.Reverse = s.Reverse
	return span
}

func (e *Evidence) add(rows []abi.Pair) {
	for _, p := range rows {
		e.rows = append(e.rows, store.Row{Key: e.base + store.Key(p.Key), Value: p.Value, Rev: 1})
	}
}

// merge joins ranges that touch. None of them is without an end.
func merge(list []store.Range) []store.Range {
	list = slices.DeleteFunc(list, func(r store.Range) bool { return r.From >= r.To })
	slices.SortFunc(list, func(a, b store.Range) int { return cmp.Compare(a.From, b.From) })
	var out []store.Range
	for _, r := range list {
		if n := len(out); n > 0 && r.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, r.To)
		} else {
			out = append(out, store.Range{From: r.From, To: r.To})
		}
	}
	return out
}

// Exact says whether everything that was read so far was known.
func (e *Evidence) Exact() bool { return e.misses == 0 }

// maxMissed is how many reads Missed names.
const maxMissed = 8

// Missed names the reads that were not known: a key, or the prefix of a scan
// with a star. Where they are many it is the first.
func (e *Evidence) Missed() []string { return e.missed }

func (e *Evidence) miss(what string) {
	e.misses++
	if what = strings.TrimPrefix(what, string(e.base)); len(e.missed) < maxMissed && !slices.Contains(e.missed, what) {
		e.missed = append(e.missed, what)
	}
}

// Rev implements store.Snapshot.
func (*Evidence) Rev() store.Rev { return 1 }

// Close implements store.Snapshot.
func (*Evidence) Close() error { return nil }

// Get implements store.Snapshot.
func (e *Evidence) Get(_ context.Context, k store.Key) (store.Row, error) {
	if i, ok := slices.BinarySearchFunc(e.rows, k, func(r store.Row, k store.Key) int { return cmp.Compare(r.Key, k) }); ok {
		return e.rows[i], nil
	}
	if !slices.ContainsFunc(e.known, func(r store.Range) bool { return r.Contains(k) }) {
		e.miss(string(k))
	}
	return store.Row{}, nil
}

// Scan implements store.Snapshot. A scan whose last row only tells that there
// are more gets one that is not there, behind all that are, if it is known that
// there are.
func (e *Evidence) Scan(_ context.Context, r store.Range) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		rows := e.within(r)
		edge, whole := e.edge(r)
		for n := 0; ; n++ {
			if r.Limit > 0 && n == r.Limit {
				return
			}
			beyondEdge := n == len(rows) || r.Reverse && rows[n].Key < edge || !r.Reverse && rows[n].Key >= edge
			if beyondEdge && !whole {
				if n == r.Limit-1 && e.goesOn(r, edge) {
					yield(store.Row{Key: edge, Rev: 1}, nil)
					return
				}
				e.miss(prefixOf(r) + "*")
				whole = true // it is said
			}
			if n == len(rows) || !yield(rows[n], nil) {
				return
			}
		}
	}
}

// within are the known rows of r, in its order.
func (e *Evidence) within(r store.Range) []store.Row {
	var out []store.Row
	for _, row := range e.rows {
		if r.Contains(row.Key) {
			out = append(out, row)
		}
	}
	if r.Reverse {
		slices.Reverse(out)
	}
	return out
}

// edge is up to where, from where r begins, all rows are known; whole says that
// this is all of r.
func (e *Evidence) edge(r store.Range) (at store.Key, whole bool) {
	if r.Reverse {
		for _, k := range e.known {
			if r.To != "" && k.From < r.To && r.To <= k.To {
				return k.From, k.From <= r.From
			}
		}
		return r.To, r.From >= r.To && r.To != ""
	}
	for _, k := range e.known {
		if k.Contains(r.From) {
			return k.To, r.To != "" && r.To <= k.To
		}
	}
	return r.From, r.To != "" && r.From >= r.To
}

// goesOn says whether r is known to have a row beyond the edge.
func (e *Evidence) goesOn(r store.Range, edge store.Key) bool {
	return slices.ContainsFunc(e.more, func(b beyond) bool {
		if b.reverse {
			// Whatever r's direction is: what counts is where the row must be.
			if !r.Reverse || b.end < r.From || edge > b.at {
				return false
			}
			return !e.any(store.Range{From: edge, To: b.at})
		}
		if r.Reverse || r.To != "" && b.end > r.To || edge < b.at {
			return false
		}
		return !e.any(store.Range{From: b.at, To: edge})
	})
}

func (e *Evidence) any(r store.Range) bool {
	return slices.ContainsFunc(e.rows, func(row store.Row) bool { return r.Contains(row.Key) })
}

// prefixOf is what a person would call a range.
func prefixOf(r store.Range) string {
	from, to := string(r.From), string(r.To)
	if to != "" {
		// A prefix ends before itself with its last byte one higher.
		if p := to[:len(to)-1] + string([]byte{to[len(to)-1] - 1}); strings.HasPrefix(from, p) {
			return p
		}
	}
	n := 0
	for n < len(from) && n < len(to) && from[n] == to[n] {
		n++
	}
	if i := strings.LastIndexByte(from[:n], '/'); i >= 0 {
		n = i + 1
	}
	return from[:n]
}
