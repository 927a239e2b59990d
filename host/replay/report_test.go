package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// tallied adds cases, the newest first as they are added, each a number, what was
// recorded and what comes of it now: a text that is sent, or "!" and an error.
func tallied(t *Tally, list ...[2]string) *Tally {
	does := func(s string) abi.Effects {
		if failure, ok := strings.CutPrefix(s, "!"); ok {
			return abi.Effects{Error: failure}
		}
		return effects(send("k", "@u", strings.TrimPrefix(s, "?")))
	}
	for i, c := range list {
		x := &Case{Number: fmt.Sprintf("%016x", len(list)-i), Call: abi.Call{Now: 1, Event: abi.Event{Kind: abi.MemberJoined, Member: abi.Member{ID: "u", Name: "Ada"}}},
			Recorded: "sha", Effects: does(c[0]), Fuel: 10, Took: time.Duration(i+1) * time.Millisecond}
		o := &Outcome{Effects: does(c[1]), Fuel: 11, Took: time.Duration(i+1) * 2 * time.Millisecond, Exact: !strings.HasPrefix(c[1], "?")}
		if !o.Exact {
			o.Missed = []string{"c/x"}
		}
		t.Add(x, o)
	}
	return t
}

func TestTally(t *testing.T) {
	n := NewTally(10, false)
	n.Skip()
	tallied(n, [2]string{"a", "a"}, [2]string{"a", "b"}, [2]string{"a", "?b"}, [2]string{"a", "?a"}, [2]string{"!no", "!no"}, [2]string{"!no", "a"}, [2]string{"a", "!no"}, [2]string{"!no", "!never"})
	r := n.Finish()
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"events", r.Events, 8}, {"same", r.Same, 2}, {"changed", r.Changed, 4}, {"inexact", r.Inexact, 2}, {"failed", r.Failed, 3},
		{"failed before", r.FailedBefore, 3}, {"broken", r.Broken, 1}, {"skipped", r.Skipped, 1}, {"omitted", r.Omitted, 0}, {"changes", len(r.Changes), 6},
	} {
		if c.got != c.want {
			t.Errorf("%d %s, want %d", c.got, c.what, c.want)
		}
	}
	// What an inexact event does otherwise is shown with it and not in the sum.
	want := []Sum{{Message, Changes, 1, 1}, {Message, Appears, 1, 1}, {Message, Disappears, 1, 1}, {Error, Changes, 1, 1}, {Error, Appears, 1, 1}, {Error, Disappears, 1, 1}}
	if !slices.Equal(r.Sums, want) {
		t.Errorf("sums %+v", r.Sums)
	}
	if !slices.IsSortedFunc(r.Changes, func(a, b Change) int { return strings.Compare(a.Number, b.Number) }) {
		t.Error("the changes are in no order")
	}
	if r.Before != (Cost{80, 36, 4, 8, 8}) || r.After != (Cost{88, 72, 8, 16, 16}) {
		t.Errorf("%+v, %+v", r.Before, r.After)
	}
	if !slices.Equal(r.Recorded, []Recorded{{"sha", 8}}) {
		t.Errorf("%+v", r.Recorded)
	}
	c := r.Changes[len(r.Changes)-2]
	if !c.Inexact || !slices.Equal(c.Missed, []string{"c/x"}) || len(c.Differences) != 1 || c.MemberName != "Ada" || c.Kind != "member.joined" {
		t.Errorf("%+v", c)
	}
}

func TestTallyIsBounded(t *testing.T) {
	n := NewTally(2, false)
	r := tallied(n, [2]string{"a", "b"}, [2]string{"a", "a"}, [2]string{"a", "b"}, [2]string{"a", "b"}, [2]string{"a", "b"}).Finish()
	if r.Changed != 4 || r.Omitted != 2 || len(r.Changes) != 2 || r.Changes[0].Number != "0000000000000003" || r.Changes[1].Number != "0000000000000005" {
		t.Errorf("the newest are listed: %+v", r)
	}
	n = NewTally(MaxChanges, false)
	long := [2]string{strings.Repeat("a", maxText), strings.Repeat("b", maxText)}
	r = tallied(n, slices.Repeat([][2]string{long}, MaxChanges)...).Finish()
	size := 0
	for _, c := range r.Changes {
		for _, d := range c.Differences {
			size += len(d.Before) + len(d.After)
		}
	}
	if r.Changed != MaxChanges || r.Omitted == 0 || r.Omitted+len(r.Changes) != MaxChanges || size > maxListed {
		t.Errorf("%d listed with %d bytes, %d omitted", len(r.Changes), size, r.Omitted)
	}
}

func TestTallyOfAll(t *testing.T) {
	r := tallied(NewTally(10, true), [2]string{"a", "a"}).Finish()
	if len(r.Changes) != 1 || r.Same != 1 {
		t.Errorf("%+v", r)
	}
	r = NewTally(10, false).Finish()
	b, err := json.Marshal(r)
	if err != nil || strings.Contains(string(b), "null") || r.After != (Cost{}) {
		t.Errorf("of nothing: %s, %v", b, err)
	}
}

func TestQuantile(t *testing.T) {
	var list []time.Duration
	for i := range 100 {
		list = append(list, time.Duration(i+1))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.01: 1, 0.5: 50, 0.95: 95, 0.951: 96, 1: 100} {
		if got := quantile(list, q); got != want {
			t.Errorf("%v of 1…100 is %d, want %d", q, got, want)
		}
	}
	if quantile(nil, 0.95) != 0 || quantile(list[:1], 0.95) != 1 {
		t.Error("of none and of one")
	}
}
