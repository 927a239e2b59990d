package store_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/store"
)

func TestJoin(t *testing.T) {
	for _, test := range []struct {
		segments []string
		want     store.Key
	}{
		{[]string{"work", "welcome", "C1"}, "work/welcome/C1"},
		{[]string{"a/b", "50%", "x y"}, "a%2fb/50%25/x%20y"},
		{[]string{"a-b.c_d:e", "阿敏"}, "a-b.c_d:e/阿敏"},
		{[]string{"", "x", ""}, "/x/"},
		{[]string{"\x00\x7f"}, "%00%7f"},
	} {
		if got := store.Join(test.segments...); got != test.want {
			t.Errorf("Join(%q) = %q, want %q", test.segments, got, test.want)
		}
		if got := test.want.Segments(); !slices.Equal(got, test.segments) {
			t.Errorf("%q.Segments() = %q, want %q", test.want, got, test.segments)
		}
	}
	if got := store.Key("a").Join("b/c", "d"); got != "a/b%2fc/d" {
		t.Errorf("Key.Join = %q", got)
	}
}

func TestJoinProperties(t *testing.T) {
	segments := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.StringMatching(`[a/%\x00]{0,4}`)), 1, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := segments.Draw(t, "a"), segments.Draw(t, "b")
		x, y := store.Join(a...), store.Join(b...)
		if got := x.Segments(); !slices.Equal(got, a) {
			t.Fatalf("Join(%q).Segments() = %q", a, got)
		}
		if (x == y) != slices.Equal(a, b) {
			t.Fatalf("Join(%q) = %q, Join(%q) = %q", a, x, b, y)
		}
		// What lies below x is what begins with its segments, and nothing else.
		below := len(b) > len(a) && slices.Equal(b[:len(a)], a)
		if got := store.Prefix(x.Prefix()).Contains(y); got != below {
			t.Fatalf("%q below %q: %v", y, x, got)
		}
	})
}

func TestPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := store.Key(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 0xfe, 0xff}), 0, 3).Draw(t, "p"))
		k := store.Key(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 0xfe, 0xff}), 0, 5).Draw(t, "k"))
		if got, want := store.Prefix(p).Contains(k), strings.HasPrefix(string(k), string(p)); got != want {
			t.Fatalf("Prefix(%q).Contains(%q) = %v", p, k, got)
		}
	})
}

func TestSeq(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 9, 10, 15, 16, math.MaxUint64}))
		a, b := numbers.Draw(t, "a"), numbers.Draw(t, "b")
		if n, err := store.ParseSeq(store.Seq(a)); n != a || err != nil {
			t.Fatalf("ParseSeq(Seq(%d)) = %d, %v", a, n, err)
		}
		if (store.Seq(a) < store.Seq(b)) != (a < b) {
			t.Fatalf("%s and %s are not in the order of %d and %d", store.Seq(a), store.Seq(b), a, b)
		}
	})
	for _, bad := range []string{"", "0", "000000000000000g", "000000000000000F", "00000000000000000"} {
		if n, err := store.ParseSeq(bad); err == nil {
			t.Errorf("ParseSeq(%q) = %d", bad, n)
		}
	}
}

func TestBatchReset(t *testing.T) {
	var b store.Batch
	b.Check("a", 1)
	b.Put("b", []byte("c"))
	b.Add("n", 1)
	if got := b.Size(); got != 1+2+9 {
		t.Errorf("size %d", got)
	}
	b.Reset()
	if len(b.Checks()) != 0 || len(b.Writes()) != 0 || b.Size() != 0 || b.Validate() != nil {
		t.Errorf("after Reset: %+v", b)
	}
}
