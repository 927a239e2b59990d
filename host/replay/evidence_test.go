package replay

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

const base = store.Key("state/p/")

// scan reads rows as the engine does: one more than the limit, which only tells
// that there are more.
func scan(t failer, snap store.Snapshot, s abi.Scan) (rows []abi.Pair, more bool) {
	t.Helper()
	limit := s.Limit
	if limit == 0 {
		limit = abi.MaxScan
	}
	span := Span(base, &s)
	span.Limit = limit + 1
	for row, err := range snap.Scan(context.Background(), span) {
		if err != nil {
			t.Fatalf("scan: %v", err)
		}
		if len(rows) == limit {
			return rows, true
		}
		rows = append(rows, abi.Pair{Key: string(row.Key[len(base):]), Value: row.Value})
	}
	return rows, false
}

func got(rows []abi.Pair, more bool) string {
	s := ""
	for _, r := range rows {
		s += r.Key + "=" + string(r.Value) + " "
	}
	return fmt.Sprintf("%s%v", s, more)
}

func pairs(keys ...string) (out []abi.Pair) {
	for _, k := range keys {
		out = append(out, abi.Pair{Key: k, Value: []byte("v")})
	}
	return out
}

func TestEvidence(t *testing.T) {
	whole := Read{Scan: &abi.Scan{Prefix: "c/"}, Rows: pairs("c/a", "c/b", "c/d")}
	first := Read{Scan: &abi.Scan{Prefix: "c/", Limit: 2}, Rows: pairs("c/a", "c/b"), More: true}
	last := Read{Scan: &abi.Scan{Prefix: "c/", Limit: 2, Reverse: true}, Rows: pairs("c/d", "c/b"), More: true}
	next := Read{Scan: &abi.Scan{Prefix: "c/", After: "c/b"}, Rows: pairs("c/d")}
	there := Read{Key: "c/b", Rows: pairs("c/b")}
	nothing := Read{Key: "c/c"}
	for _, c := range []struct {
		name  string
		reads []Read
		key   string
		scan  *abi.Scan
		want  string
		exact bool
	}{
		{"a key again", []Read{there}, "c/b", nil, "v", true},
		{"a key that was not there", []Read{nothing}, "c/c", nil, "none", true},
		{"a key that was not asked for", []Read{there}, "c/c", nil, "none", false},
		{"a key out of a scan", []Read{whole}, "c/d", nil, "v", true},
		{"a key that a scan did not find", []Read{whole}, "c/c", nil, "none", true},
		{"a key beyond a scan's limit", []Read{first}, "c/c", nil, "none", false},
		{"a key before a scan's limit", []Read{first}, "c/aa", nil, "none", true},
		{"a key of another scope", []Read{whole}, "m/u/a", nil, "none", false},

		{"a scan again", []Read{whole}, "", &abi.Scan{Prefix: "c/"}, "c/a=v c/b=v c/d=v false", true},
		{"back", []Read{whole}, "", &abi.Scan{Prefix: "c/", Reverse: true}, "c/d=v c/b=v c/a=v false", true},
		{"a part of it", []Read{whole}, "", &abi.Scan{Prefix: "c/", Limit: 2}, "c/a=v c/b=v true", true},
		{"the last of it", []Read{whole}, "", &abi.Scan{Prefix: "c/", Limit: 1, Reverse: true}, "c/d=v true", true},
		{"what is behind", []Read{whole}, "", &abi.Scan{Prefix: "c/", After: "c/a"}, "c/b=v c/d=v false", true},
		{"what is before", []Read{whole}, "", &abi.Scan{Prefix: "c/", After: "c/d", Reverse: true}, "c/b=v c/a=v false", true},
		{"a narrower prefix", []Read{whole}, "", &abi.Scan{Prefix: "c/b"}, "c/b=v false", true},
		{"a wider prefix", []Read{{Scan: &abi.Scan{Prefix: "c/b"}, Rows: pairs("c/b")}}, "", &abi.Scan{Prefix: "c/"}, "c/b=v false", false},

		{"to its limit again", []Read{first}, "", &abi.Scan{Prefix: "c/", Limit: 2}, "c/a=v c/b=v true", true},
		{"less than its limit", []Read{first}, "", &abi.Scan{Prefix: "c/", Limit: 1}, "c/a=v true", true},
		{"more than its limit", []Read{first}, "", &abi.Scan{Prefix: "c/", Limit: 3}, "c/a=v c/b=v false", false},
		{"to its limit and on", []Read{first, next}, "", &abi.Scan{Prefix: "c/"}, "c/a=v c/b=v c/d=v false", true},
		{"on before its limit", []Read{next, first}, "", &abi.Scan{Prefix: "c/", Limit: 3}, "c/a=v c/b=v c/d=v false", true},
		{"back to its limit again", []Read{last}, "", &abi.Scan{Prefix: "c/", Limit: 2, Reverse: true}, "c/d=v c/b=v true", true},
		{"back beyond its limit", []Read{last}, "", &abi.Scan{Prefix: "c/", Reverse: true}, "c/d=v c/b=v false", false},
		{"from both ends", []Read{first, last}, "", &abi.Scan{Prefix: "c/"}, "c/a=v c/b=v c/d=v false", true},
		{"the other way round", []Read{last}, "", &abi.Scan{Prefix: "c/", Limit: 2}, "c/b=v c/d=v false", false},
		{"keys are no scan", []Read{there, nothing}, "", &abi.Scan{Prefix: "c/"}, "c/b=v false", false},
		{"nothing at all", nil, "", &abi.Scan{Prefix: "c/"}, "false", false},
		{"nothing was there", []Read{{Scan: &abi.Scan{Prefix: "c/"}}}, "", &abi.Scan{Prefix: "c/x"}, "false", true},
		{"behind all there is", []Read{whole}, "", &abi.Scan{Prefix: "c/", After: "d"}, "false", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := NewEvidence(base, c.reads)
			said := "none"
			if c.scan == nil {
				row, err := e.Get(t.Context(), base+store.Key(c.key))
				if err != nil {
					t.Fatal(err)
				}
				if row.Exists() {
					said = string(row.Value)
				}
			} else {
				said = got(scan(t, e, *c.scan))
			}
			if said != c.want || e.Exact() != c.exact || (len(e.Missed()) > 0) == c.exact {
				t.Errorf("got %q, exact %v, missed %q; want %q, %v", said, e.Exact(), e.Missed(), c.want, c.exact)
			}
		})
	}
}

func TestEvidenceNamesWhatItLacks(t *testing.T) {
	e := NewEvidence(base, nil)
	for i := range 20 {
		for range 2 {
			if _, err := e.Get(t.Context(), base+store.Key(fmt.Sprint("c/", i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if m := e.Missed(); len(m) != maxMissed || m[0] != "c/0" || m[1] != "c/1" {
		t.Errorf("missed %q", m)
	}
	e = NewEvidence(base, nil)
	scan(t, e, abi.Scan{Prefix: "m/slack:u1/", After: "m/slack:u1/x"})
	if m := e.Missed(); !slices.Equal(m, []string{"m/slack:u1/*"}) {
		t.Errorf("missed %q", m)
	}
}

// TestEvidenceIsTrue reads some rows of a store and asks for others: whatever
// evidence says to be exact is what the store would have said, and what was read
// is exact in whatever order it is read again.
func TestEvidenceIsTrue(t *testing.T) {
	key := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"c/", "c/", "m/u/"}).Draw(t, "scope") + rapid.StringOfN(rapid.SampledFrom([]rune("ab/")), 1, 3, -1).Draw(t, "rest")
	})
	anyRead := rapid.Custom(func(t *rapid.T) Read {
		if rapid.Bool().Draw(t, "key") {
			return Read{Key: key.Draw(t, "k")}
		}
		s := &abi.Scan{Prefix: rapid.SampledFrom([]string{"c/", "c/a", "c/b", "m/u/", "m/u/a"}).Draw(t, "prefix"), Limit: rapid.IntRange(0, 4).Draw(t, "limit"),
			Reverse: rapid.Bool().Draw(t, "reverse")}
		if rapid.Bool().Draw(t, "from") {
			s.After = key.Draw(t, "after")
		}
		return Read{Scan: s}
	})
	rapid.Check(t, func(t *rapid.T) {
		mem := new(store.Mem)
		b := new(store.Batch)
		for k := range rapid.MapOfN(key, rapid.Byte(), 0, 12).Draw(t, "rows") {
			b.Put(base+store.Key(k), []byte("v"))
		}
		b.Put("state/o/c/a", []byte("another's"))
		b.Put("state/q/c/a", []byte("another's"))
		if _, err := mem.Commit(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		truth, err := mem.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		answer := func(snap store.Snapshot, r Read) Read {
			if r.Scan != nil {
				r.Rows, r.More = scan(t, snap, *r.Scan)
				return r
			}
			row, err := snap.Get(context.Background(), base+store.Key(r.Key))
			if err != nil {
				t.Fatal(err)
			}
			if row.Exists() {
				r.Rows = []abi.Pair{{Key: r.Key, Value: row.Value}}
			}
			return r
		}
		var made []Read
		for _, r := range rapid.SliceOfN(anyRead, 0, 5).Draw(t, "reads") {
			made = append(made, answer(truth, r))
		}
		ask := rapid.SliceOfN(anyRead, 0, 5).Draw(t, "asked for")
		for i := range ask {
			e := NewEvidence(base, made)
			was, is := answer(truth, ask[i]), answer(e, ask[i])
			if e.Exact() && got(was.Rows, was.More) != got(is.Rows, is.More) {
				t.Fatalf("%+v %+v: it says %s, and there is %s", ask[i], ask[i].Scan, got(is.Rows, is.More), got(was.Rows, was.More))
			}
		}
		e := NewEvidence(base, made)
		slices.Reverse(made)
		for _, r := range made {
			if is := answer(e, r); got(is.Rows, is.More) != got(r.Rows, r.More) || !e.Exact() {
				t.Fatalf("%+v %+v: it was %s, and is %s (missed %q)", r, r.Scan, got(r.Rows, r.More), got(is.Rows, is.More), e.Missed())
			}
		}
	})
}
