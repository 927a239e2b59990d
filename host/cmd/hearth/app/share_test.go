package app

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web"
)

// shelf is a shares with bounds that can be reached, and a clock that can be
// moved.
type shelf struct {
	*shares
	at time.Time
}

func newShelf(t testing.TB, count int, bytes int64) *shelf {
	st := new(store.Mem)
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &shelf{newShares(st, slog.New(slog.DiscardHandler)), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s.now = func() time.Time { return s.at }
	s.count, s.bytes = count, bytes
	return s
}

func (s *shelf) program(code string) web.Share {
	return web.Share{Code: code, Stdin: "in\x00", Args: "a b", Made: s.at, Expires: s.at.Add(web.ShareTime)}
}

func TestShares(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 3, 1000)
	put := func(id, code string) error { return s.Put(ctx, id, s.program(code)) }
	gone := func(id string) {
		t.Helper()
		if _, err := s.Get(ctx, id); !errors.Is(err, web.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	there := func(id string) {
		t.Helper()
		if _, err := s.Get(ctx, id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	gone("a")
	if err := put("a", "package a\n世界"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(ctx, "a"); err != nil || got != s.program("package a\n世界") {
		t.Errorf("%+v %v", got, err)
	}
	if err := put("a", "another"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the same id again: %v", err)
	}

	// Full of what is fresh, nothing more is taken; what is a day old makes room.
	for _, id := range []string{"b", "c"} {
		s.at = s.at.Add(time.Minute)
		if err := put(id, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("d", "x"); !errors.Is(err, web.ErrSharesFull) {
		t.Errorf("a fourth: %v", err)
	}
	s.at = s.at.Add(shareSafe - time.Minute)
	if err := put("d", "x"); err != nil {
		t.Errorf("a day later: %v", err)
	}
	gone("a")
	there("b")

	// So it is with bytes.
	if err := put("e", strings.Repeat("x", 2000)); !errors.Is(err, web.ErrSharesFull) {
		t.Errorf("larger than all: %v", err)
	}
	there("d")

	if err := errors.Join(s.Delete(ctx, "d"), s.Delete(ctx, "d"), s.Delete(ctx, "nosuch")); err != nil {
		t.Error(err)
	}
	gone("d")

	s.at = s.at.Add(web.ShareTime)
	gone("b") // though nothing has deleted it yet
	if err := s.expire(ctx); err != nil {
		t.Fatal(err)
	}
	if left := s.rows(t); left != 0 {
		t.Errorf("%d rows are left of what has expired", left)
	}
}

func (s *shelf) rows(t testing.TB) int {
	snap, err := s.store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	n := 0
	for _, err := range snap.Scan(t.Context(), store.Prefix(shareRoot.Prefix())) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// However people share, the bounds hold, nothing that is safe is lost, and each
// program has its two rows.
func TestSharesBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newShelf(t, 5, 300)
		fresh := map[string]time.Time{}
		for i := range rapid.IntRange(1, 40).Draw(rt, "programs") {
			s.at = s.at.Add(time.Duration(rapid.IntRange(0, 12).Draw(rt, "hours")) * time.Hour)
			id := fmt.Sprintf("p%d", i)
			p := s.program(strings.Repeat("x", rapid.IntRange(1, 200).Draw(rt, "size")))
			switch err := s.Put(t.Context(), id, p); {
			case err == nil:
				fresh[id] = s.at
			case !errors.Is(err, web.ErrSharesFull):
				rt.Fatal(err)
			}
			all, err := s.list(t.Context())
			if err != nil {
				rt.Fatal(err)
			}
			var bytes int64
			for _, k := range all {
				bytes += k.size
			}
			if len(all) > 5 || bytes > 300 || s.rows(t) != 2*len(all) {
				rt.Fatalf("%d programs of %d bytes in %d rows", len(all), bytes, s.rows(t))
			}
			for id, made := range fresh {
				if _, err := s.Get(t.Context(), id); err != nil && s.at.Sub(made) < shareSafe {
					rt.Fatalf("%s is %v old and gone: %v", id, s.at.Sub(made), err)
				}
			}
		}
	})
}
