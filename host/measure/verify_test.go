package measure

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/store"
)

// take folds facts of a member into a store, with so much room in each batch.
func take(t *testing.T, s *store.Mem, m *Model, member string, room int, facts ...*Fact) (owes bool) {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	row, err := snap.Get(t.Context(), Key(member))
	if err != nil {
		t.Fatal(err)
	}
	b := new(store.Batch)
	_, _, owes, err = m.FoldAll(b, member, row, room, facts...)
	if err == nil {
		_, err = s.Commit(t.Context(), b)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b.Writes()); n > max(room, 0)+4 {
		t.Errorf("%d writes where there is room for %d counters and four", n, room)
	}
	return owes
}

func verify(t *testing.T, s *store.Mem, m *Model) Verified {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	v, err := m.Verify(t.Context(), snap, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func factAt(at time.Time, f Fact) *Fact {
	f.At, f.Received = at.UnixMilli(), at.UnixMilli()
	return &f
}

// TestRoomOfABatch folds where hardly anything else fits: what is over is owed,
// counts as counted, and is carried out.
func TestRoomOfABatch(t *testing.T) {
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []int{-3, 0, 1, 5, 100} {
		s := new(store.Mem)
		owes := take(t, s, m, "slack:U1", room,
			factAt(noon, Fact{Join: true, Marks: []string{"member.joined"}}), factAt(noon.Add(time.Minute), Fact{Active: true, Action: Message, Marks: []string{"message.posted"}}),
			factAt(noon.Add(time.Hour), Fact{Shown: &Shown{Experiment: "a", Variation: "x"}}), factAt(noon.Add(time.Hour), Fact{Shown: &Shown{Experiment: "b", Variation: "y"}}))
		if owes != (room < 20) {
			t.Errorf("room for %d: owes %v", room, owes)
		}
		before := verify(t, s, m)
		if len(before.Off) > 0 || before.Rows != 1 || before.Counters < 15 {
			t.Errorf("room for %d: %+v", room, before)
		}
		n, err := Settle(t.Context(), s)
		if err != nil || (n > 0) != owes {
			t.Errorf("room for %d: settled %d, %v", room, n, err)
		}
		if after := verify(t, s, m); len(after.Off) > 0 || after.Counters != before.Counters {
			t.Errorf("room for %d: settled %+v", room, after)
		}
	}
}

// TestVerifyFindsWhatIsOff breaks counters, and leaves alone what others count.
func TestVerifyFindsWhatIsOff(t *testing.T) {
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := new(store.Mem)
	take(t, s, m, "slack:U1", 64, factAt(noon, Fact{Join: true, Marks: []string{"member.joined"}}))
	b := new(store.Batch)
	joined := Counters.Join("slack", famJoined, "d", m.calendar.Of(noon).String())
	none := Counters.Join("slack", famGone, "1999-01-01")
	b.Add(joined, 2)
	b.Add(none, -1)
	b.Add(Counters.Join("slack", famStand, "0-other", "1999-01-01", "0", "0"), 7)
	if _, err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(verify(t, s, m).Off); got != fmt.Sprintf("[{%s -1 0} {%s 3 1}]", none, joined) {
		t.Errorf("off are %s", got)
	}
}

func TestForgottenRowsAreOnNoList(t *testing.T) {
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := new(store.Mem)
	take(t, s, m, "slack:U1", 64, factAt(noon, Fact{Join: true, Marks: []string{"member.joined"}}))
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	row, err := snap.Get(t.Context(), Key("slack:U1"))
	if err != nil {
		t.Fatal(err)
	}
	b := new(store.Batch)
	if err := m.Forget(b, "slack:U1", "abc", row); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if !Nameless("slack:~abc") || Nameless("slack:U1") {
		t.Error("who is nameless cannot be told")
	}
	// Not by new definitions either.
	other, err := New(Config{Generation: 2})
	if err != nil {
		t.Fatal(err)
	}
	after, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if row, err = after.Get(t.Context(), Key("slack:~abc")); err != nil {
		t.Fatal(err)
	}
	b = new(store.Batch)
	if counted, err := other.Recount(b, "slack:~abc", row); err != nil || !counted {
		t.Fatalf("counted anew: %v, %v", counted, err)
	}
	if _, err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	last, err := s.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	for row, err := range last.Scan(t.Context(), store.Range{}) {
		if err != nil || strings.HasPrefix(string(row.Key), string(Lists)) || strings.Contains(string(row.Key), "U1") {
			t.Errorf("%s, %v", row.Key, err)
		}
	}
	if v := verify(t, s, other); len(v.Off) > 0 || v.Rows != 1 {
		t.Errorf("%+v", v)
	}
}

func TestJourneys(t *testing.T) {
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := new(store.Mem)
	for i, member := range []string{"slack:U1", "slack:U2", "web:3"} {
		join := noon.AddDate(0, i/2, 0) // the third in the next month
		facts := []*Fact{factAt(join, Fact{Join: true, Marks: []string{"member.joined"}})}
		if i != 1 {
			facts = append(facts, factAt(join.Add(100*time.Second), Fact{Marks: []string{"message.posted"}}))
		}
		if i == 0 {
			facts = append(facts, factAt(join.Add(3*time.Hour), Fact{Marks: []string{"path.first_task"}}))
		}
		take(t, s, m, member, 64, facts...)
	}
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	first := m.calendar.Of(noon)
	list, err := m.Journeys(t.Context(), snap, Query{From: Months.First(Months.Index(first) - 1), To: m.calendar.Of(noon.AddDate(0, 1, 0))})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range list {
		for _, st := range j.Steps {
			got = append(got, fmt.Sprintf("%s %s %d/%d", j.Month, st.Name, st.Completed, st.Entered))
		}
	}
	month := func(n int) string { return noon.AddDate(0, n, 0).Format("200601") }
	var want []string
	for i, counts := range [][]int{{0, 0, 0, 0, 0}, {2, 1, 1, 0, 0}, {1, 1, 0, 0, 0}} {
		for k, step := range m.funnel {
			want = append(want, fmt.Sprintf("%s %s %d/%d", month(i-1), step.Name, counts[k], counts[max(0, k-1)]))
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	engaged := list[1].Steps[1]
	if engaged.Took[64] != 0 || engaged.Took[256] != 1 || engaged.Took[1<<21] != 1 || engaged.Sum < 95*time.Second || engaged.Sum > 105*time.Second {
		t.Errorf("to the first message %+v", engaged)
	}
	if joined := list[1].Steps[0]; joined.Took[64] != 2 || joined.Sum != 0 {
		t.Errorf("to the join %+v", joined)
	}
	task := list[1].Steps[2]
	for i := 1; i < len(TookBounds); i++ {
		if task.Took[TookBounds[i]] < task.Took[TookBounds[i-1]] {
			t.Errorf("buckets are not cumulative: %v", task.Took)
		}
	}
}
