package host

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// TestBrowse goes back through a journal page by page: every row stands on
// one page, and what two plugins did with an event stands on the same.
func TestBrowse(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		for _, name := range []string{"one", "two"} {
			b.plugin(abi.Manifest{Name: name, Events: []abi.Kind{abi.MessagePosted, abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				if name == "two" && c.Event.Message != nil && c.Event.Message.Text == "bad" {
					return abi.Effects{Error: "no"}, nil
				}
				return abi.Effects{}, nil
			})
		}
		b.start()
		for i := range 20 {
			e := b.event(abi.MessagePosted)
			e.Member = abi.Member{ID: fmt.Sprintf("fake:%d", i%4), Name: "Ann"}
			if i == 3 {
				e.Message.Text = "bad"
			}
			b.accept(e, chat.Accepted)
			later(time.Second)
		}
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Second)
		for _, c := range []struct {
			name   string
			filter EventFilter
			look   int
			rows   int
		}{
			{"all", EventFilter{Limit: 7}, browseLook, 42},
			{"a plugin's", EventFilter{Limit: 7, Plugin: "one"}, browseLook, 21},
			{"a member's", EventFilter{Limit: 3, Member: "fake:1"}, browseLook, 10},
			{"a kind's", EventFilter{Kind: abi.MemberJoined}, browseLook, 2},
			{"a place's", EventFilter{Conversation: "fake:general"}, browseLook, 42},
			{"nobody's", EventFilter{Member: "fake:x"}, browseLook, 0},
			{"what failed", EventFilter{FailedOnly: true}, browseLook, 1},
			{"what failed, by short looks", EventFilter{FailedOnly: true}, 5, 1},
			{"a member's, by the shortest looks", EventFilter{Member: "fake:2"}, 1, 10},
		} {
			var got []string
			before, pages := "", 0
			for {
				p, err := b.browse(t.Context(), c.filter, before, c.look)
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range p.Events {
					got = append(got, h.Number+" "+h.Plugin)
				}
				if pages++; p.Next == "" {
					break
				}
				if before != "" && p.Next >= before || p.Back.IsZero() || p.Looked != (len(p.Events) < cmp.Or(c.filter.Limit, 50)) {
					t.Fatalf("%s: page %d ends with %+v", c.name, pages, p)
				}
				before = p.Next
			}
			down := slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(b, a) })
			if len(got) != c.rows || !down || len(slices.Compact(slices.Clone(got))) != c.rows {
				t.Errorf("%s: %d rows on %d pages, falling %v, want %d: %q", c.name, len(got), pages, down, c.rows, got)
			}
		}
		if p, err := b.Browse(t.Context(), EventFilter{Limit: 1}, ""); err != nil || len(p.Events) != 2 {
			t.Errorf("a page of one has %d rows, %v: what two plugins did with one event stays together", len(p.Events), err)
		}
	})
}

// TestToday counts newcomers by the community's own day, each once, and says of
// plugins that are not there that nothing is known.
func TestToday(t *testing.T) {
	in(t, func(t *testing.T) {
		zone, err := time.LoadLocation("Asia/Shanghai")
		if err != nil {
			t.Fatal(err)
		}
		b := newBot(t, Options{Community: Community{TimeZone: zone}})
		b.start()
		join := func(id string, bot bool) {
			e := b.event(abi.MemberJoined)
			e.Member = abi.Member{ID: id, Name: id, Bot: bot}
			b.accept(e, chat.Accepted)
		}
		today := func(want int, ever bool) {
			t.Helper()
			d, err := b.Today(t.Context())
			if err != nil || d.Newcomers == nil || *d.Newcomers != (Count{want, ever}) || d.Greeted != nil || d.FirstTask != nil || d.Stuck != nil {
				t.Errorf("%+v (newcomers %+v), %v, want %d, and nothing of welcome and tasks", d, d.Newcomers, err, want)
			}
			if d.Began.Location() != zone || d.Began.Hour() != 0 || d.Began.After(b.clock.Now()) || b.clock.Now().Sub(d.Began) >= 24*time.Hour {
				t.Errorf("the day began %v, now is %v", d.Began, b.clock.Now())
			}
		}
		today(0, false)
		join("fake:1", false)
		join("fake:2", false)
		join("fake:robot", true)
		twice := b.event(abi.MemberJoined)
		twice.Member = abi.Member{ID: "fake:1", Name: "One"} // into a second channel
		b.accept(twice, chat.Accepted)
		today(2, true)
		b.plugin(abi.Manifest{Name: "welcome", Events: []abi.Kind{abi.MemberJoined}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{{Track: &abi.Track{Name: trackGreeted}}}}, nil
		})
		join("fake:3", false)
		later(time.Second)
		d, err := b.Today(t.Context())
		if err != nil || *d.Newcomers != (Count{3, true}) || d.Greeted == nil || *d.Greeted != (Count{1, true}) || d.Stuck != nil {
			t.Errorf("with the plugin welcome: %+v %+v, %v", d.Newcomers, d.Greeted, err)
		}
		later(time.Until(time.Date(2000, 1, 1, 23, 30, 0, 0, zone)))
		d, _ = b.Today(t.Context())
		later(time.Hour) // midnight in Shanghai, not in London
		next, err := b.Today(t.Context())
		if err != nil || !next.Began.After(d.Began) || *next.Newcomers != (Count{0, true}) {
			t.Errorf("the day after: %+v %+v, %v", next, next.Newcomers, err)
		}
	})
}

func TestTally(t *testing.T) {
	var c tally
	now := time.Unix(1_000_000, 0)
	for i := range 90 {
		at := now.Add(time.Duration(i) * time.Minute)
		c.add(at, statusSent)
		c.add(at, statusExpired)
		if i%3 == 0 {
			c.add(at, statusFailed)
		}
	}
	if sent, failed := c.hour(now.Add(89 * time.Minute)); sent != 60 || failed != 20 {
		t.Errorf("in the last hour %d were sent and %d failed, want 60 and 20", sent, failed)
	}
	if sent, failed := c.hour(now.Add(10 * time.Hour)); sent+failed != 0 {
		t.Errorf("hours later: %d %d", sent, failed)
	}
}

// TestOnRecord shows that who pauses, resumes and runs again is on record with
// the change itself, and that nothing is on record that was not done.
func TestOnRecord(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		fail := true
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			if fail {
				return abi.Effects{Error: "not yet"}, nil
			}
			return abi.Effects{}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Second)
		failed, err := b.Failures(t.Context())
		if err != nil || len(failed) != 1 {
			t.Fatalf("%+v, %v", failed, err)
		}
		anna := audit.Who{ID: "token/1", Name: "Anna", Role: "manager", Via: "page"}
		if err := b.RetryBy(t.Context(), anna, failed[0].Number, "other"); !errors.Is(err, ErrUnknown) {
			t.Errorf("of another plugin: %v", err)
		}
		fail = false
		if err := b.RetryBy(t.Context(), anna, failed[0].Number, "p"); err != nil {
			t.Fatal(err)
		}
		if err := b.RetryBy(t.Context(), anna, failed[0].Number, "p"); !errors.Is(err, ErrUnknown) {
			t.Errorf("once more: %v", err)
		}
		later(time.Second)
		if h, err := b.Event(t.Context(), failed[0].Number); err != nil || len(h) != 1 || h[0].Error != "" {
			t.Errorf("it was run again, and is %+v, %v", h, err)
		}
		if err := b.PauseBy(t.Context(), anna, "too loud"); err != nil || !b.Paused() {
			t.Fatal(err)
		}
		if err := b.ResumeBy(t.Context(), anna, ""); err != nil || b.Paused() {
			t.Fatal(err)
		}
		list, err := b.audit.List(t.Context(), audit.Filter{})
		var got []string
		for _, e := range list {
			got = append(got, e.Who.Name+" "+e.Did+" "+e.On+" "+e.Why)
		}
		want := []string{"Anna host.resume host ", "Anna host.pause host too loud", "Anna event.retry event/" + failed[0].Number + "/p "}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("on record are %q, %v, want %q", got, err, want)
		}
	})
}

// TestCheck asks a platform how it is, and the status knows.
func TestCheck(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		later(time.Second)
		first, err := b.Status(t.Context())
		if err != nil || first.Platforms[0].Checked.IsZero() || !first.Platforms[0].Health.OK {
			t.Fatalf("%+v, %v", first.Platforms, err)
		}
		b.platform.mu.Lock()
		b.platform.health = chat.Health{Code: "invalid_auth", Advice: "another token"}
		b.platform.mu.Unlock()
		later(time.Second)
		if err := b.Check(t.Context(), "fake"); err != nil {
			t.Fatal(err)
		}
		s, err := b.Status(t.Context())
		if p := s.Platforms[0]; err != nil || p.Health.OK || p.Health.Code != "invalid_auth" || !p.Checked.After(first.Platforms[0].Checked) || !p.Oldest.IsZero() {
			t.Errorf("%+v, %v", p, err)
		}
		if err := b.Check(t.Context(), "nowhere"); !errors.Is(err, ErrUnknown) {
			t.Errorf("of no platform: %v", err)
		}
	})
}
