package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

var anna = audit.Who{ID: "token/1", Name: "Anna", Role: "manager", Via: "page"}

// record is a log over a store, with a clock that the test moves.
func record(t *testing.T) (*audit.Log, store.Store, *time.Time) {
	t.Helper()
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	s := new(store.Mem)
	t.Cleanup(func() { _ = s.Close() })
	return audit.New(s, func() time.Time { return now }), s, &now
}

func add(t *testing.T, l *audit.Log, list ...audit.Entry) {
	t.Helper()
	for _, e := range list {
		if err := l.Add(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestList(t *testing.T) {
	l, _, now := record(t)
	ben := audit.Who{ID: "token/2", Name: "Ben", Role: "admin", Via: "api"}
	add(t, l,
		audit.Entry{Who: anna, Did: "setting.set", On: "setting/community.name", After: "炉边", Why: "we chose it"},
		audit.Entry{Who: ben, Did: "setting.set", On: "setting/community.name/x", After: "no history of the one above"},
		audit.Entry{Who: ben, Did: "settings", On: "other"})
	*now = now.Add(time.Hour)
	add(t, l, audit.Entry{Who: ben, Did: "setting.set", On: "setting/community.name", Before: "炉边", After: "hearth"})
	for _, c := range []struct {
		name   string
		filter audit.Filter
		want   []string
	}{
		{"all, the newest first", audit.Filter{}, []string{"hearth", "", "no history of the one above", "炉边"}},
		{"of one object", audit.Filter{On: "setting/community.name"}, []string{"hearth", "炉边"}},
		{"by one person", audit.Filter{Who: "token/1"}, []string{"炉边"}},
		{"of one kind", audit.Filter{Did: "setting"}, []string{"hearth", "no history of the one above", "炉边"}},
		{"of one object by one person", audit.Filter{On: "setting/community.name", Who: "token/1"}, []string{"炉边"}},
		{"no more than", audit.Filter{Limit: 2}, []string{"hearth", ""}},
		{"of what nobody touched", audit.Filter{On: "setting"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := l.List(t.Context(), c.filter)
			var got []string
			for _, e := range list {
				got = append(got, e.After)
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
		})
	}
	list, err := l.List(t.Context(), audit.Filter{On: "setting/community.name"})
	if err != nil {
		t.Fatal(err)
	}
	first := audit.Entry{Number: list[1].Number, At: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), Who: anna, Did: "setting.set",
		On: "setting/community.name", After: "炉边", Why: "we chose it"}
	if list[1] != first {
		t.Errorf("read %+v, wrote %+v", list[1], first)
	}
	for _, f := range []audit.Filter{{Before: list[0].Number}, {Before: list[0].Number, On: "setting/community.name"}} {
		page, err := l.List(t.Context(), f)
		if err != nil || len(page) == 0 || page[len(page)-1].Number != list[1].Number || page[0].Number >= list[0].Number {
			t.Errorf("the page before: %+v, %v", page, err)
		}
	}
}

// TestWithItsChange shows that an entry is there if its change is, and not
// otherwise.
func TestWithItsChange(t *testing.T) {
	l, s, _ := record(t)
	change := func(rev store.Rev) error {
		b := new(store.Batch)
		b.Check("thing", rev)
		b.Put("thing", []byte("x"))
		if err := l.Put(b, audit.Entry{Who: anna, Did: "thing.set", On: "thing"}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Commit(t.Context(), b)
		return err
	}
	if err := change(0); err != nil {
		t.Fatal(err)
	}
	if err := change(0); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("the second change: %v, want a conflict", err)
	}
	if list, err := l.List(t.Context(), audit.Filter{}); err != nil || len(list) != 1 {
		t.Errorf("%d entries, %v; one change was made", len(list), err)
	}
}

// TestClockSetBack shows that no entry takes the place of another, whatever the
// clock and however many write.
func TestClockSetBack(t *testing.T) {
	_, s, now := record(t)
	var all sync.WaitGroup
	for i := range 4 { // as many processes, one after the other, each with the same clock
		l := audit.New(s, func() time.Time { return *now })
		for range 8 {
			all.Go(func() {
				if err := l.Add(context.Background(), audit.Entry{Did: "thing.set", On: fmt.Sprint("thing/", i)}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	list, err := audit.New(s, nil).List(t.Context(), audit.Filter{})
	if err != nil || len(list) != 32 {
		t.Errorf("%d entries, %v, want 32", len(list), err)
	}
}

func TestSweep(t *testing.T) {
	l, s, now := record(t)
	for range 150 {
		add(t, l, audit.Entry{Did: "thing.set", On: "thing"})
	}
	*now = now.Add(365 * 24 * time.Hour)
	add(t, l, audit.Entry{Did: "thing.set", On: "thing", After: "new"})
	if n, err := l.Sweep(t.Context(), *now); err != nil || n != 150 {
		t.Errorf("%d deleted, %v, want 150", n, err)
	}
	if n, err := l.Sweep(t.Context(), *now); err != nil || n != 0 {
		t.Errorf("%d deleted again, %v", n, err)
	}
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	rows := 0
	for _, err := range snap.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if rows != 2 {
		t.Errorf("%d rows are left, want the new entry and its index", rows)
	}
}

func TestBounds(t *testing.T) {
	l, _, _ := record(t)
	for _, e := range []audit.Entry{{}, {Did: "thing.set"}, {On: "thing"}, {Did: "thing.set", On: strings.Repeat("x", 300)}} {
		if err := l.Add(t.Context(), e); !errors.Is(err, audit.ErrInvalid) {
			t.Errorf("%.20v: %v, want ErrInvalid", e, err)
		}
	}
	long := strings.Repeat("炉", audit.MaxText)
	add(t, l, audit.Entry{Did: "thing.set", On: "thing", Before: long, After: long, Why: long, Who: audit.Who{Name: long}})
	list, err := l.List(t.Context(), audit.Filter{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	e := list[0]
	if len(e.Before) > audit.MaxText || len(e.Why) > audit.MaxWhy || strings.ContainsRune(e.Before+e.Why+e.Who.Name, '\uFFFD') {
		t.Errorf("kept %d, %d and %d bytes, whole characters each: %v", len(e.Before), len(e.Why), len(e.Who.Name), !strings.ContainsRune(e.Before, '\uFFFD'))
	}
}
