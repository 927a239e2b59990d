package sdk

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
)

// within runs do as a handler of a join, and returns its effects.
func within(t *testing.T, rows rowsHost, do func(*Ctx[struct{}])) abi.Effects {
	t.Helper()
	p := New[struct{}]("within", "1.0.0").OnJoin(func(c *Ctx[struct{}]) error { do(c); return nil })
	return p.p.Handle(join("web:1", "Ann", ""), rows)
}

func TestStateKeys(t *testing.T) {
	e := within(t, rowsHost{}, func(c *Ctx[struct{}]) {
		PerMember[string]("a").Set(c, "1")
		PerMember[string]("a").Of("web:2/x %").Set(c, "2")
		PerConversation[int]("b").Set(c, 3)
		PerCommunity[bool]("c").Set(c, true)
		MemberMap[int]("d").Set(c, "k/1", 4)
		CommunityMap[int]("e").Set(c, "小", 5)
		CommunityCounter("f").Add(c, 6)
		CommunityCounter("f").Add(c, 1)
		PerMember[string]("a").Set(c, "again")
		PerCommunity[bool]("c").Delete(c)
	})
	if e.Error != "" {
		t.Fatal(e.Error)
	}
	if err := e.Check(); err != nil {
		t.Error(err)
	}
	var got []string
	for _, w := range e.Writes {
		got = append(got, fmt.Sprintf("%s %x %v", w.Key, w.Value, w.Delete))
	}
	for _, a := range e.Adds {
		got = append(got, fmt.Sprintf("%s %+d", a.Key, a.Delta))
	}
	want := []string{"m/web:1/a a5616761696e false", "m/web:2%2fx%20%25/a a132 false", "v/web:general/b 03 false", "c/c  true",
		"m/web:1/d/k%2f1 04 false", "c/e/小 05 false", "c/f +7"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestReadsSeeOwnWrites(t *testing.T) {
	v, n := PerMember[string]("v"), MemberCounter("n")
	raw, _ := Encode("before")
	rows := rowsHost{"m/web:1/v": raw, "m/web:1/n": binary.BigEndian.AppendUint64(nil, 40)}
	e := within(t, rows, func(c *Ctx[struct{}]) {
		say := func(what string, ok bool) {
			if !ok {
				t.Errorf("not so: %s", what)
			}
		}
		say("a row is read", v.Get(c) == "before")
		v.Set(c, "now")
		say("a write is seen", v.Get(c) == "now")
		v.Delete(c)
		_, ok := v.Lookup(c)
		say("a deletion is seen", !ok && v.Get(c) == "")
		say("a counter is read", n.Get(c) == 40)
		n.Add(c, 2)
		say("an addition is seen", n.Get(c) == 42)
		say("nothing there is zero", n.Of("web:9").Get(c) == 0)
		say("the first time", c.Once("x"))
		say("the second time", !c.Once("x"))
	})
	if e.Error != "" {
		t.Error(e.Error)
	}
}

// TestScanIsAMap compares scans over rows and own writes with a sorted map.
func TestScanIsAMap(t *testing.T) {
	m := CommunityMap[int]("m")
	key := rapid.StringMatching(`[a-c/ %]{1,3}`)
	rapid.Check(t, func(t *rapid.T) {
		rows, model := rowsHost{"c/mm": []byte{1}, "c/m": []byte{2}}, map[string]int{}
		for _, k := range rapid.SliceOfN(key, 0, 12).Draw(t, "rows") {
			raw, _ := Encode(len(model))
			rows["c/m/"+abi.KeySegment(k)] = raw
			model[k] = len(model)
		}
		// Encode gave the value of the moment: take it from the rows.
		for k := range model {
			model[k], _ = Decode[int](rows["c/m/"+abi.KeySegment(k)])
		}
		p := New[struct{}]("scan", "1.0.0").OnJoin(func(c *Ctx[struct{}]) error {
			for _, k := range rapid.SliceOfN(key, 0, 12).Draw(t, "writes") {
				if rapid.Bool().Draw(t, "delete") {
					m.Delete(c, k)
					delete(model, k)
				} else {
					m.Set(c, k, 100+len(k))
					model[k] = 100 + len(k)
				}
			}
			order := slices.SortedFunc(maps.Keys(model), func(a, b string) int { return strings.Compare(abi.KeySegment(a), abi.KeySegment(b)) })
			rg := Range{Limit: rapid.IntRange(0, 5).Draw(t, "limit"), Reverse: rapid.Bool().Draw(t, "reverse"), Prefix: rapid.StringMatching(`[a-c/]?`).Draw(t, "prefix")}
			if rg.Reverse {
				slices.Reverse(order)
			}
			var want []string
			for _, k := range order {
				if strings.HasPrefix(k, rg.Prefix) {
					want = append(want, k)
				}
			}
			var got []string
			for more := true; more; {
				var page []Entry[int]
				page, more = m.Scan(c, rg)
				if rg.Limit > 0 && len(page) > rg.Limit {
					t.Fatalf("%d entries, at most %d were asked for", len(page), rg.Limit)
				}
				if more && len(page) == 0 {
					t.Fatal("an empty page with more behind it")
				}
				for _, e := range page {
					if e.Value != model[e.Key] {
						t.Fatalf("%q is %d, want %d", e.Key, e.Value, model[e.Key])
					}
					got = append(got, e.Key)
					rg.After = e.Key
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			n := 0
			for range m.All(c) {
				n++
			}
			if n != len(model) {
				t.Fatalf("All has %d entries, want %d", n, len(model))
			}
			return nil
		})
		if e := p.p.Handle(join("web:1", "Ann", ""), rows); e.Error != "" {
			t.Fatal(e.Error)
		}
	})
}

func TestSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		e := abi.KeySegment(s)
		if got := unsegment(e); got != s {
			t.Fatalf("%q became %q became %q", s, e, got)
		}
		if strings.Contains(e, "/") || (e != "" && abi.CheckKey("c/"+e) != nil && len(e) < 200) {
			t.Fatalf("%q is no segment: %v", e, abi.CheckKey("c/"+e))
		}
	})
}

func TestMisuseOfStateEndsTheInvocation(t *testing.T) {
	for _, c := range []struct {
		name string
		use  func(*Ctx[struct{}])
		want string
	}{
		{"another type", func(c *Ctx[struct{}]) { PerMember[int]("s").Get(c) }, "was it written by a version with another type?"},
		{"an empty key", func(c *Ctx[struct{}]) { MemberMap[int]("m").Get(c, "") }, `state "m": the key is empty`},
		{"a long value", func(c *Ctx[struct{}]) { PerMember[string]("l").Set(c, strings.Repeat("x", abi.MaxValue+1)) }, "at most 65536"},
		{"a long key", func(c *Ctx[struct{}]) { MemberMap[int]("m").Set(c, strings.Repeat("k", 300), 1) }, "at most 256"},
		{"a large scan", func(c *Ctx[struct{}]) { MemberMap[int]("m").Scan(c, Range{Limit: 100}) }, "at most 48"},
		{"no counter", func(c *Ctx[struct{}]) { MemberCounter("s").Get(c) }, "no counter"},
		{"a long note", func(c *Ctx[struct{}]) { Note(strings.Repeat("x", abi.MaxNote)) }, "note: 4099 bytes, at most 4096"},
		{"an odd pair", func(c *Ctx[struct{}]) { c.Track("x", strings.Fields("a")...) }, "one has no other"},
	} {
		raw, _ := Encode("text")
		e := within(t, rowsHost{"m/web:1/s": raw}, c.use)
		if !strings.Contains(e.Error, c.want) {
			t.Errorf("%s: %q, want %q", c.name, e.Error, c.want)
		}
	}
	p := New[struct{}]("nobody", "1.0.0").OnSchedule("tick", "0 9 * * *", FireEach, func(c *Ctx[struct{}]) error {
		PerMember[int]("x").Get(c)
		return nil
	})
	e := p.p.Handle(&abi.Call{Event: abi.Event{Kind: abi.TimerFired, Timer: &abi.TimerData{Name: "tick"}}}, rowsHost{})
	if !strings.Contains(e.Error, `state "x" is kept for each member and this event has none`) {
		t.Errorf("nobody's: %q", e.Error)
	}
}
