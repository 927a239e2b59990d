package host

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/rollout"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// overtaken is a store in which others are faster: once, the first batch that
// writes a row with a prefix is refused, as its rows have changed.
type overtaken struct {
	store.Store
	prefix atomic.Pointer[string] // nil: nobody is
}

func (o *overtaken) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	if p := o.prefix.Load(); p != nil {
		for _, w := range b.Writes() {
			if strings.HasPrefix(string(w.Key), *p) && o.prefix.CompareAndSwap(p, nil) {
				return 0, store.ErrConflict
			}
		}
	}
	return o.Store.Commit(ctx, b)
}

func (o *overtaken) once(prefix string) { o.prefix.Store(&prefix) }

// knowing is a fakePlatform that can be asked who somebody is.
type knowing struct{ *fakePlatform }

func (knowing) Profile(_ context.Context, id string) (abi.Member, error) {
	return abi.Member{ID: id, Name: "Ada Lovelace"}, nil
}

// TestANameIsKeptThoughTheMemberActs: something else about a member is written
// down at the moment their name is.
func TestANameIsKeptThoughTheMemberActs(t *testing.T) {
	in(t, func(t *testing.T) {
		s := &overtaken{Store: new(store.Mem)}
		b := newBot(t, Options{Store: s})
		var rec record
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			rec.add(c.Event.Member.Name)
			return abi.Effects{}, nil
		})
		if err := b.Attach(t.Context(), knowing{b.platform}); err != nil {
			t.Fatal(err)
		}
		b.start()
		s.once("member/")
		for range 2 {
			ev := b.event(abi.MessagePosted)
			ev.Member.Name = ""
			b.accept(ev, chat.Accepted)
			later(time.Second)
		}
		if got := strings.Join(rec.all(), ", "); got != "Ada Lovelace, Ada Lovelace" {
			t.Errorf("the plugin heard of %q: one conflict, and the member is nameless for an hour", got)
		}
	})
}

// TestASchedulesNeighbourIsSetAllTheSame: one schedule fires while a version comes
// that has more of them.
func TestASchedulesNeighbourIsSetAllTheSame(t *testing.T) {
	in(t, func(t *testing.T) {
		s := &overtaken{Store: new(store.Mem)}
		b := newBot(t, Options{Store: s})
		var rec record
		h := func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			rec.add(c.Event.Timer.Name)
			return abi.Effects{}, nil
		}
		b.start()
		m := abi.Manifest{Name: "p", Schedules: []abi.Schedule{{Name: "early", Cron: "0 8 * * *"}, {Name: "late", Cron: "0 9 * * *"}}}
		b.plugin(m, h)
		v := b.Engine.plugin("p").version()
		for _, r := range append(b.rows(kTimer), b.rows(kTimerRef)...) { // as if it had come just now
			batch := new(store.Batch)
			batch.Delete(r.Key)
			if _, err := s.Commit(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		s.once("timer")
		b.settle(t.Context(), b.Engine.plugin("p"), v, &nobody)
		later(12 * time.Hour)
		if got := strings.Join(rec.all(), ", "); got != "early, late" {
			t.Errorf("fired: %q, want both schedules", got)
		}
	})
}

// interposed calls a function once, behind a snapshot that was taken.
type interposed struct {
	store.Store
	left atomic.Int64 // so many snapshots come before; negative: never
	f    func()
}

func (s *interposed) Snapshot(ctx context.Context) (store.Snapshot, error) {
	snap, err := s.Store.Snapshot(ctx)
	if s.left.Add(-1) == 0 {
		s.f()
	}
	return snap, err
}

// TestWhatComesWhileAPluginComesBack: an event for a plugin is taken in at each of
// the moments in which the plugin is being made known again.
func TestWhatComesWhileAPluginComesBack(t *testing.T) {
	for n := range int64(8) {
		in(t, func(t *testing.T) {
			s := &interposed{Store: new(store.Mem)}
			b := newBot(t, Options{Store: s})
			b.start()
			s.f = func() {
				seq := b.nextSeq()
				w := workRow{Event: abi.Event{ID: "e", Source: "timer", Kind: abi.TimerFired, Timer: &abi.TimerData{Name: "t"}}, Seq: seq}
				batch := new(store.Batch)
				pushes, err := stage(batch, &w, nil, []string{"p"})
				if err == nil {
					_, err = s.Commit(t.Context(), batch)
				}
				if err != nil {
					t.Error(err)
				}
				for _, p := range pushes {
					b.pushWork(p.plugin, p.lane, p.seq)
				}
			}
			s.left.Store(n + 1)
			handled := 0
			b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
				handled++
				return abi.Effects{}, nil
			})
			reached := s.left.Load() <= 0
			later(time.Minute)
			if reached && handled != 1 {
				t.Errorf("an event that came behind snapshot %d was handled %d times", n+1, handled)
			}
		})
	}
}

// TestARolloutsEndHasItsOwnReason: a promotion that came to nothing, as the plugin
// was being changed, is not why the rollout ended a while later.
func TestARolloutsEndHasItsOwnReason(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		one, two := b.stage(tallier("1.0.0", nil)), b.stage(tallier("2.0.0", nil))
		b.promote("tallier", one)
		b.rollout(rollout.Spec{SHA256: two, Share: 30})
		end, err := b.changes.begin("tallier")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.EndRollout(t.Context(), anna, "tallier", true, "it went well"); !errors.Is(err, ErrChanging) {
			t.Fatalf("promoted while the plugin was being changed: %v", err)
		}
		end()
		if err := b.Disable(t.Context(), anna, "tallier", "for the night"); err != nil {
			t.Fatal(err)
		}
		if s, err := b.RolloutState("tallier"); err != nil || s.Ended != EndedStopped || s.Reason != "" {
			t.Errorf("the rollout is %s because of %q, %v", s.Ended, s.Reason, err)
		}
	})
}
