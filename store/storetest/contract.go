package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/store"
)

func testChecks(t *testing.T, b Backend) {
	s := b.open(t)
	first := commit(t, s, put("a", "1"), put("p/1", "x"))
	second := commit(t, s, put("p/3", "y"))
	if first == 0 || second <= first {
		t.Fatalf("revisions %d, %d: want them to rise from 1", first, second)
	}
	p := store.Prefix("p/")

	for _, test := range []struct {
		name  string
		check func(*store.Batch)
		holds bool
	}{
		{"unchanged", check("a", first), true},
		{"changed", check("p/3", first), false},
		{"absent", check("b", 0), true},
		{"absent, but it is there", check("a", 0), false},
		{"there, but it is absent", check("b", first), false},
		{"revision to come", check("a", second+1), false},
		{"range unchanged", checkRange(p, second), true},
		{"range changed", checkRange(p, first), false},
		{"part of the range unchanged", checkRange(store.Range{From: "p/1", To: "p/3"}, first), true},
		{"range without rows", checkRange(store.Prefix("q/"), 0), true},
		{"range without end", checkRange(store.Range{From: "p/2"}, first), false},
		{"range of all", checkRange(store.Range{}, second), true},
		{"range of all, changed", checkRange(store.Range{}, first), false},
		{"range turned round", checkRange(store.Range{From: "z", To: "a"}, 0), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := dump(t, s, store.Range{})
			if test.holds {
				commit(t, s, test.check, put("written", test.name), del("written/not"))
				if got := get(t, s, "written"); string(got.Value) != test.name {
					t.Fatalf("it holds %q", got.Value)
				}
				commit(t, s, del("written"))
			} else {
				refuse(t, s, store.ErrConflict, test.check, put("written", test.name), del("a"), add("n", 1))
			}
			if after := dump(t, s, store.Range{}); after != before {
				t.Fatalf("rows were\n%sand are\n%s", before, after)
			}
		})
	}

	t.Run("one of many fails", func(t *testing.T) {
		refuse(t, s, store.ErrConflict, check("a", first), check("b", 0), check("p/3", first), put("c", ""))
	})
	t.Run("its own write is not seen", func(t *testing.T) {
		commit(t, s, check("own", 0), put("own", ""))
		refuse(t, s, store.ErrConflict, check("own", 0), put("own", ""))
	})
	t.Run("checks alone", func(t *testing.T) {
		now := snapshot(t, s)
		defer now.Close()
		if rev := commit(t, s, check("a", first)); rev != now.Rev() {
			t.Fatalf("revision %d, want the current one, %d", rev, now.Rev())
		}
		refuse(t, s, store.ErrConflict, check("a", 0))
	})
}

func testWrites(t *testing.T, b Backend) {
	s := b.open(t)
	commit(t, s, put("k", "old"), put("gone", "x"), put("empty", ""))
	rev := commit(t, s, put("k", "new"), del("gone"), del("never"), add("n", 5), add("n", -7), add("big", math.MaxInt64))
	if got := get(t, s, "k"); string(got.Value) != "new" || got.Rev != rev || got.Key != "k" {
		t.Errorf("k is %+v", got)
	}
	if got := get(t, s, "gone"); got.Exists() || got.Key != "" || got.Value != nil {
		t.Errorf("gone is %+v, want the zero Row", got)
	}
	if got := get(t, s, "empty"); !got.Exists() || len(got.Value) != 0 {
		t.Errorf("empty is %+v", got)
	}
	if n := counter(t, s, "n"); n != -2 {
		t.Errorf("n is %d, want -2", n)
	}
	if n := counter(t, s, "big"); n != math.MaxInt64 {
		t.Errorf("big is %d", n)
	}
	if n := counter(t, s, "none"); n != 0 {
		t.Errorf("a counter that is not there is %d", n)
	}
	next := commit(t, s, add("n", 1))
	if got := get(t, s, "n"); got.Rev != next {
		t.Errorf("n has revision %d, want %d", got.Rev, next)
	}
	commit(t, s, del("n"))
	commit(t, s, add("n", 3))
	if n := counter(t, s, "n"); n != 3 {
		t.Errorf("n begins anew with %d, want 3", n)
	}
	before := dump(t, s, store.Range{})
	refuse(t, s, store.ErrInvalid, put("other", "x"), add("k", 1))
	refuse(t, s, store.ErrInvalid, put("twice", "x"), put("twice", "y"))
	refuse(t, s, store.ErrInvalid, put("twice", "x"), del("twice"))
	refuse(t, s, store.ErrInvalid, add("twice", 1), put("twice", "y"))
	if after := dump(t, s, store.Range{}); after != before {
		t.Errorf("refused batches changed\n%sto\n%s", before, after)
	}
	if rev := commit(t, s); rev != get(t, s, "n").Rev {
		t.Errorf("an empty batch is at revision %d", rev)
	}

	// A batch and what it holds are the caller's again after Commit.
	v := []byte("mine")
	reused := batch(func(b *store.Batch) { b.Put("v", v) })
	if _, err := s.Commit(t.Context(), reused); err != nil {
		t.Fatal(err)
	}
	copy(v, "YOUR")
	reused.Reset()
	reused.Put("w", v)
	if _, err := s.Commit(t.Context(), reused); err != nil {
		t.Fatal(err)
	}
	if v, w := get(t, s, "v"), get(t, s, "w"); string(v.Value) != "mine" || string(w.Value) != "YOUR" {
		t.Errorf("v is %q, w is %q", v.Value, w.Value)
	}
}

func testBounds(t *testing.T, b Backend) {
	s := b.open(t)
	many := func(n int, f func(*store.Batch, store.Key)) func(*store.Batch) {
		return func(b *store.Batch) {
			for i := range n {
				f(b, store.Join("many", store.Seq(uint64(i))))
			}
		}
	}
	puts := func(b *store.Batch, k store.Key) { b.Put(k, nil) }
	checks := func(b *store.Batch, k store.Key) { b.Check(k, 0) }
	long := store.Key(strings.Repeat("k", store.MaxKey))
	big := strings.Repeat("v", store.MaxValue)
	rest := strings.Repeat("r", store.MaxBatch-store.MaxValue-2)

	commit(t, s, put(long, "v"))
	if got := get(t, s, long); string(got.Value) != "v" {
		t.Errorf("the longest key holds %q", got.Value)
	}
	commit(t, s, put("a", big), put("b", rest))
	if got := get(t, s, "a"); string(got.Value) != big {
		t.Errorf("the largest value has %d bytes when read", len(got.Value))
	}
	commit(t, s, many(store.MaxOps, puts))
	commit(t, s, func(b *store.Batch) {
		for i := range store.MaxChecks {
			b.Check(store.Join("none", fmt.Sprint(i)), 0)
		}
		b.Put("checked", nil)
	})

	before := dump(t, s, store.Range{})
	refuse(t, s, store.ErrTooLarge, put(long+"k", "v"))
	refuse(t, s, store.ErrTooLarge, check(long+"k", 0))
	refuse(t, s, store.ErrTooLarge, checkRange(store.Range{To: long + "k"}, 0))
	refuse(t, s, store.ErrTooLarge, put("a", big+"v"))
	refuse(t, s, store.ErrTooLarge, put("a", big), put("b", rest+"r"))
	refuse(t, s, store.ErrTooLarge, many(store.MaxOps+1, puts))
	refuse(t, s, store.ErrTooLarge, many(store.MaxChecks+1, checks))
	refuse(t, s, store.ErrInvalid, put("", "v"))
	refuse(t, s, store.ErrInvalid, del(""))
	refuse(t, s, store.ErrInvalid, add("", 1))
	refuse(t, s, store.ErrInvalid, check("", 0))
	if after := dump(t, s, store.Range{}); after != before {
		t.Error("refused batches changed rows")
	}

	snap := snapshot(t, s)
	defer snap.Close()
	if _, err := snap.Get(t.Context(), ""); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("get the empty key: %v", err)
	}
	if _, err := snap.Get(t.Context(), long+"k"); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("get a key beyond bounds: %v", err)
	}
}

func testScans(t *testing.T, b Backend) {
	s := b.open(t)
	if got := dump(t, s, store.Range{Reverse: true}); got != "" {
		t.Fatalf("a new store has\n%s", got)
	}
	keys := []store.Key{"\x00", "a", "a/", "a/1", "a/2", "a0", "b", "b\x00", "b\xff", "b\xff\xff", "c", "\xff", "\xff\xff"}
	for _, i := range []int{4, 0, 12, 3, 7, 1, 9, 2, 11, 5, 8, 6, 10} {
		commit(t, s, put(keys[i], string(keys[i])))
	}
	for _, test := range []struct {
		r    store.Range
		want []store.Key
	}{
		{store.Range{}, keys},
		{store.Prefix("a/"), keys[2:5]},
		{store.Prefix("b"), keys[6:10]},
		{store.Prefix("b\xff"), keys[8:10]},
		{store.Prefix("\xff"), keys[11:]},
		{store.Prefix(""), keys},
		{store.Range{From: "a/1", To: "b"}, keys[3:6]},
		{store.Range{From: "a/11", To: "a/2"}, nil},
		{store.Range{From: "c"}, keys[10:]},
		{store.Range{To: "a"}, keys[:1]},
		{store.Range{From: "b", To: "a"}, nil},
		{store.Range{From: "b", To: "b"}, nil},
		{store.Range{From: "\xff\xff\xff"}, nil},
	} {
		for _, reverse := range []bool{false, true} {
			for _, limit := range []int{0, 1, 2, 100} {
				r := test.r
				r.Reverse, r.Limit = reverse, limit
				var want bytes.Buffer
				for n := range test.want {
					if limit > 0 && n == limit {
						break
					}
					if reverse {
						n = len(test.want) - 1 - n
					}
					fmt.Fprintf(&want, "%q\n", test.want[n])
				}
				snap := snapshot(t, s)
				var got bytes.Buffer
				for row, err := range snap.Scan(t.Context(), r) {
					if err != nil {
						t.Fatalf("scan %+v: %v", r, err)
					}
					if string(row.Key) != string(row.Value) || !row.Exists() {
						t.Errorf("scan %+v: row %+v", r, row)
					}
					fmt.Fprintf(&got, "%q\n", row.Key)
				}
				snap.Close()
				if got.String() != want.String() {
					t.Errorf("scan %+v gave\n%swant\n%s", r, &got, &want)
				}
			}
		}
	}

	t.Run("stopped early", func(t *testing.T) {
		snap := snapshot(t, s)
		defer snap.Close()
		for range snap.Scan(t.Context(), store.Range{}) {
			break
		}
	})
	t.Run("one within another", func(t *testing.T) {
		snap := snapshot(t, s)
		defer snap.Close()
		n := 0
		for outer := range snap.Scan(t.Context(), store.Range{}) {
			for inner := range snap.Scan(t.Context(), store.Range{From: outer.Key, Limit: 1}) {
				if inner.Key != outer.Key {
					t.Errorf("%q within %q", inner.Key, outer.Key)
				}
				if row, err := snap.Get(t.Context(), outer.Key); err != nil || row.Key != outer.Key {
					t.Errorf("get %q: %+v, %v", outer.Key, row, err)
				}
				n++
			}
		}
		if n != len(keys) {
			t.Errorf("%d rows, want %d", n, len(keys))
		}
	})
}
