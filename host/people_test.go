package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// crowded is an engine whose directory has n members, and pages of it.
func crowded(t testing.TB, n int) *Engine {
	t.Helper()
	s := new(store.Mem)
	for at := 0; at < n; at += 100 {
		b := new(store.Batch)
		for i := at; i < min(n, at+100); i++ {
			p := members.Profile{Name: fmt.Sprintf("Member %d", i), Locale: "en", Joined: int64(i)}
			if err := members.Put(b, fmt.Sprintf("fake:%06d", i), &p, 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	e, err := New(t.Context(), Options{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMembers(t *testing.T) {
	e := crowded(t, 250)
	var all []string
	for after, pages := "", 0; ; pages++ {
		p, err := e.Members(t.Context(), MemberFilter{After: after, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range p.Members {
			all = append(all, m.ID)
		}
		if after = p.Next; after == "" {
			if pages != 2 {
				t.Errorf("%d pages, want 3", pages+1)
			}
			break
		}
	}
	if len(all) != 250 || !slices.IsSorted(all) || len(slices.Compact(all)) != 250 {
		t.Errorf("%d members, in the order %.5q", len(all), all)
	}
	for query, want := range map[string]int{"member 24": 11, "MEMBER 249": 1, "fake:00000": 10, "nobody": 0, "  member 0 ": 1} {
		if p, err := e.Members(t.Context(), MemberFilter{Query: query}); err != nil || len(p.Members) != want || p.Next != "" {
			t.Errorf("%q finds %d members, %v, want %d", query, len(p.Members), err, want)
		}
	}
}

// TestMembersOfMany holds a search that finds nothing, in a directory of a
// hundred thousand, to a few times what reading so many rows takes: it looks at
// a bounded part.
func TestMembersOfMany(t *testing.T) {
	e := crowded(t, 100_000)
	timed := func(f func()) time.Duration {
		begun := time.Now()
		f()
		return time.Since(begun)
	}
	reading := func() {
		snap, err := e.store.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		n := 0
		for _, err := range members.Scan(t.Context(), snap, "") {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == memberLook {
				break
			}
		}
	}
	var p MemberPage
	searching := func() {
		var err error
		if p, err = e.Members(t.Context(), MemberFilter{Query: "nobody at all"}); err != nil {
			t.Fatal(err)
		}
	}
	paging := func() {
		if _, err := e.Members(t.Context(), MemberFilter{After: "fake:050000"}); err != nil {
			t.Fatal(err)
		}
	}
	// Of some rounds the one that others who use the machine have disturbed least.
	var read, search, page time.Duration
	for round := range 10 {
		r, s, p := timed(reading), timed(searching), timed(paging)
		if round == 0 || float64(s)/float64(r) < float64(search)/float64(read) {
			read, search, page = r, s, p
		}
	}
	t.Logf("a page %v, a search that finds nothing %v; reading %d rows %v", page, search, memberLook, read)
	if len(p.Members) != 0 || p.Next != fmt.Sprintf("fake:%06d", memberLook-1) {
		t.Errorf("it found %d, and goes on behind %q", len(p.Members), p.Next)
	}
	if search > 10*read {
		t.Errorf("a search takes %v, more than ten times reading as many members (%v)", search, read)
	}
	if page > search {
		t.Errorf("a page takes %v, longer than a search (%v)", page, search)
	}
}

func TestMemberAndExport(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{House: true})
		gossip(b)
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		other := b.event(abi.MessagePosted)
		other.Member = abi.Member{ID: "fake:adam", Name: "Adam"}
		other.Message.Text = "for <@fake:ada>"
		b.accept(other, chat.Accepted)
		later(time.Second)
		m, err := b.Member(t.Context(), "fake:ada", "manager", "en")
		if err != nil {
			t.Fatal(err)
		}
		if m.Name != "Ada" || len(m.Events) != 1 || m.Events[0].Event.Message.Text != "hello" || len(m.Messages) != 2 || m.Seen.IsZero() || !m.Since.IsZero() {
			t.Errorf("it knows %+v", m)
		}
		if _, err := b.Member(t.Context(), "fake:nobody", "manager", "en"); err == nil {
			t.Error("it knows nobody")
		}
		var out bytes.Buffer
		if err := b.Export(context.Background(), "fake:ada", &out); err != nil {
			t.Fatal(err)
		}
		kinds := map[string]int{}
		for line := range strings.Lines(out.String()) {
			var v struct{ Kind string }
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Errorf("%v in %s", err, line)
			}
			kinds[v.Kind]++
		}
		for kind, want := range map[string]int{"profile": 1, "event": 1, "row": 1, "message": 2, "timer": 1} {
			if kinds[kind] != want {
				t.Errorf("%d lines of the kind %s, want %d:\n%s", kinds[kind], kind, want, out.String())
			}
		}
		if !strings.Contains(out.String(), `"name":"likes","value":"tea"`) || strings.Contains(out.String(), "adam") {
			t.Errorf("there is something of somebody else:\n%s", out.String())
		}
	})
}
