package host

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// broken installs plugins that can handle nothing.
func (b *bot) broken(names ...string) {
	for _, name := range names {
		b.plugin(abi.Manifest{Name: name, Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Error: "broken"}, nil
		})
	}
}

// wantFailed fails unless the status has so many failed events, and so many
// that were deleted unseen, and the rows say the same.
func (b *bot) wantFailed(waiting, dropped int) {
	b.t.Helper()
	s, err := b.Status(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if s.Failed != waiting || s.Dropped != dropped || len(b.rows(kDead)) != waiting {
		b.t.Errorf("the status has %d failed events and %d deleted, the store %d; want %d and %d", s.Failed, s.Dropped, len(b.rows(kDead)), waiting, dropped)
	}
}

func TestLaw6FailedEventsAreBoundedInNumber(t *testing.T) {
	in(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		log, said := newLog()
		o := Options{Store: new(store.Mem), Metrics: reg, Logger: log, DeadLetters: DeadLetters{MaxRows: 10}, Retries: Retries{Delays: []time.Duration{}, Breaker: 1000}}
		b := newBot(t, o)
		b.broken("bad", "worse")
		b.start()
		for i := range 25 {
			e := b.event(abi.MessagePosted)
			e.Conversation.ID = fmt.Sprint("fake:", i) // all at once
			b.accept(e, chat.Accepted)
		}
		later(time.Second)
		b.accept(b.event(abi.MessagePosted), chat.Accepted) // what came past the bound at once goes with the next
		later(time.Second)
		b.wantFailed(20, 32)
		f, err := b.FailedEvents(t.Context(), FailureFilter{Plugin: "bad", Limit: 1000})
		if err != nil || len(f) != 10 || f[0].Event.ID != "e17" || f[9].Event.ID != "e26" {
			t.Errorf("of the plugin remain %+v, %v, want the newest ten", f, err)
		}
		if n := figures(t, reg)["hearth_dead_letters_deleted_total plugin=bad why=full"]; n != 16 {
			t.Errorf("%v deleted on the figures, want 16", n)
		}
		later(2 * time.Hour)
		if lines := said.lines("deleted"); len(lines) != 1 || !strings.Contains(lines[0], "bad:16") || !strings.Contains(lines[0], "worse:16") {
			t.Errorf("the log says %q, want one line of both plugins", lines)
		}
		b.halt()

		o.Metrics, o.DeadLetters.MaxRows = nil, 4 // lowered: the sweep at the start deletes
		again := newBot(t, o)
		again.broken("bad", "worse")
		again.wantFailed(20, 32)
		again.start()
		again.wantFailed(8, 44)
	})
}

func TestLaw6APluginThatFailsFillsNoDisk(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{MaxBacklog: 20, DeadLetters: DeadLetters{MaxRows: 7}})
		b.broken("bad")
		b.start()
		const n = 200
		for range n {
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
			later(time.Millisecond)
		}
		// What is more than its share goes to the failed events at once, the oldest first.
		waiting := len(b.rows(kWork))
		if waiting > 10 {
			t.Errorf("%d events wait for it", waiting)
		}
		b.wantFailed(7, n-waiting-7)
		f, err := b.Failures(t.Context())
		if err != nil || f[6].Event.ID != fmt.Sprint("e", n) || f[6].Attempts != 0 || !strings.Contains(f[6].Error, "too many events were waiting") {
			t.Errorf("the newest is %+v, %v", f, err)
		}
	})
}

func TestLaw6FailedEventsAge(t *testing.T) {
	const day = 24 * time.Hour
	in(t, func(t *testing.T) {
		log, said := newLog()
		b := newBot(t, Options{Logger: log, Retries: Retries{Delays: []time.Duration{}}})
		b.broken("bad")
		b.start()
		for range 3 {
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
		}
		later(20 * day)
		f, err := b.Failures(t.Context())
		if err != nil || len(f) != 3 {
			t.Fatalf("Failures = %v, %v", f, err)
		}
		// A person looked at one, and in vain: from then on it waits anew.
		if err := b.Retry(t.Context(), f[1].Number, "bad"); err != nil {
			t.Fatal(err)
		}
		later(10*day - time.Hour)
		b.wantFailed(3, 0)
		later(3 * time.Hour)
		b.wantFailed(1, 2)
		if lines := said.lines("deleted", "bad:2"); len(lines) != 1 {
			t.Errorf("the log says %q, want one line", lines)
		}
		later(20 * day)
		b.wantFailed(0, 3)
		if err := b.Retry(t.Context(), f[1].Number, "bad"); err == nil {
			t.Error("an event that is gone could be tried again")
		}
	})
}

func TestFailedEventsComeInPages(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		b.broken("a", "b", "c")
		b.start()
		const n = 7
		for range n {
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
		}
		later(time.Hour)
		for _, f := range []FailureFilter{{Limit: 1}, {Limit: 2}, {Limit: 3}, {Limit: 5}, {Limit: 1000}, {}, {Plugin: "b", Limit: 2}, {Plugin: "nobody"}} {
			want, pages := map[string]bool{}, 0
			for i := range n {
				for _, p := range []string{"a", "b", "c"} {
					if f.Plugin == "" || f.Plugin == p {
						want[fmt.Sprint("e", i+1, " ", p)] = true
					}
				}
			}
			for ; pages < 100; pages++ {
				page, err := b.FailedEvents(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					break
				}
				if f.Limit > 0 && len(page) > f.Limit+2 {
					t.Errorf("%+v: a page of %d", f, len(page))
				}
				for _, x := range page {
					key := x.Event.ID + " " + x.Plugin
					if !want[key] {
						t.Errorf("%+v: %s twice, or not asked for", f, key)
					}
					delete(want, key)
				}
				f.After = page[len(page)-1].Number
			}
			if len(want) > 0 {
				t.Errorf("%+v: %v missing after %d pages", f, want, pages)
			}
		}
	})
}

// watched is a store that notes what is scanned.
type watched struct {
	store.Store
	mu    sync.Mutex
	scans []string
}

type watchedSnapshot struct {
	store.Snapshot
	w *watched
}

func (w *watched) Snapshot(ctx context.Context) (store.Snapshot, error) {
	s, err := w.Store.Snapshot(ctx)
	return watchedSnapshot{s, w}, err
}

func (s watchedSnapshot) Scan(ctx context.Context, r store.Range) iter.Seq2[store.Row, error] {
	rows := 0
	return func(yield func(store.Row, error) bool) {
		defer func() {
			s.w.mu.Lock()
			defer s.w.mu.Unlock()
			s.w.scans = append(s.w.scans, fmt.Sprintf("%s: %d rows", r.From, rows))
		}()
		for row, err := range s.Snapshot.Scan(ctx, r) {
			rows++
			if !yield(row, err) {
				return
			}
		}
	}
}

// TestLookingCostsNothing sees that neither the status nor the figures read the
// rows that wait.
func TestLookingCostsNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		w := &watched{Store: new(store.Mem)}
		b := newBot(t, Options{Store: w, Metrics: reg, Retries: Retries{Delays: []time.Duration{}, Breaker: 1000}})
		b.broken("bad")
		b.plugin(abi.Manifest{Name: "good", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{say("fake:general", "hi"), {Timer: &abi.Timer{Name: "t", Key: c.Event.ID, Due: c.Now + time.Hour.Milliseconds()}}}}, nil
		})
		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.start()
		for range 50 {
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
		}
		later(10 * time.Minute)
		w.mu.Lock()
		w.scans = nil
		w.mu.Unlock()
		s, err := b.Status(t.Context())
		if err != nil || s.Failed != 50 || s.Platforms[0].Waiting != 50 {
			t.Fatalf("Status = %+v, %v", s, err)
		}
		if f := figures(t, reg); f["hearth_queue_depth name=bad queue=failed"] != 50 || f["hearth_queue_depth name=good queue=timers"] != 50 {
			t.Errorf("figures %v", f)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		// The community's own figures read counters, of which a day has a few.
		w.scans = slices.DeleteFunc(w.scans, func(s string) bool {
			return strings.HasPrefix(s, "measure/") && (strings.HasSuffix(s, " 0 rows") || strings.HasSuffix(s, " 1 rows"))
		})
		if got := fmt.Sprint(w.scans); got != "[dropped/: 0 rows timer/: 1 rows]" {
			t.Errorf("scanned %s", got)
		}
	})
}
