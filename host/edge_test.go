package host

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// slow is a platform that takes its time.
type slow struct {
	*fakePlatform
	takes time.Duration
}

func (s slow) Deliver(ctx context.Context, d *chat.Delivery) (chat.Receipt, error) {
	time.Sleep(s.takes)
	return s.fakePlatform.Deliver(ctx, d)
}

func TestAKeyTakenAgainDuringADeliveryDoublesNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		if err := b.Attach(t.Context(), slow{b.platform, 5 * time.Second}); err != nil {
			t.Fatal(err)
		}
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Key: "k", Content: text1(c.Event.ID)}}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Second) // the platform has it, the receipt is to come
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform, "send fake:general e1", "send fake:general e2")
	})
}

func TestAMessageDeletesItselfAndNotItsSuccessor(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Key: "k", After: time.Hour.Milliseconds(), Content: text1(c.Event.ID)}}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(50 * time.Minute)
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(15 * time.Minute)
		second := "on-platform-" + b.platform.sent()[1].ID
		for _, d := range b.platform.sent() {
			if d.Op == chat.OpDelete && d.Messages[0] == second {
				t.Error("the second message was deleted after 15 minutes, by the first one's clock")
			}
		}
		later(2 * time.Hour)
		deleted := 0
		for _, d := range b.platform.sent() {
			if d.Op == chat.OpDelete {
				deleted++
			}
		}
		if deleted != 2 {
			t.Errorf("%d of 2 messages deleted themselves", deleted)
		}
	})
}

func TestAMessageDeletesItselfThoughItsSuccessorIsGone(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined, abi.MemberLeft}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.MemberLeft {
				return abi.Effects{Out: []abi.Effect{{Delete: &abi.Delete{Ref: abi.Ref{Key: "k", Conversation: "fake:general"}}}}}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Key: "k", After: time.Hour.Milliseconds(), Content: text1(c.Event.ID)}}}}, nil
		})
		b.start()
		for _, kind := range []abi.Kind{abi.MemberJoined, abi.MemberJoined, abi.MemberLeft} {
			b.accept(b.event(kind), chat.Accepted)
			later(time.Minute)
		}
		later(2 * time.Hour)
		left := map[string]bool{}
		for _, d := range b.platform.sent() {
			for _, m := range d.Messages {
				delete(left, m) // d is a deletion
			}
			if d.Op == chat.OpSend {
				left["on-platform-"+d.ID] = true
			}
		}
		if len(left) != 0 {
			t.Errorf("%v are still there: their key was used again, and that message deleted", left)
		}
	})
}

func TestABrokenMiddlewareLosesNoEvent(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "mw", Middleware: true, Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Error: "broken"}, nil
		})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(24 * time.Hour)
		if n := b.counter("p", "c/n"); n != 1 {
			t.Errorf("the plugin behind a broken middleware handled %d of 1 events", n)
		}
	})
}

func TestMiddlewareAnswersItsOwnCommand(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		b.plugin(abi.Manifest{Name: "mw", Middleware: true, Events: []abi.Kind{abi.CommandInvoked}, Commands: help("help")}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, nil
		})
		b.start()
		b.accept(b.command("help"), chat.Accepted)
		later(time.Minute)
		if n := b.counter("mw", "c/n"); n == 0 {
			t.Error("a middleware that sees commands cannot have one: its work row of the second stage is that of the first")
		}
	})
}

func TestWhatWaitedComesFirstAfterARestart(t *testing.T) {
	in(t, func(t *testing.T) {
		var rec record
		plugin := func(b *bot) {
			b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				rec.add(c.Event.ID)
				return abi.Effects{}, nil
			})
		}
		b := newBot(t, Options{})
		plugin(b)
		b.accept(b.event(abi.MessagePosted), chat.Accepted) // never run: killed
		again := newBot(t, Options{Store: b.store})
		plugin(again)
		again.n = 1
		later(time.Second)
		again.accept(again.event(abi.MessagePosted), chat.Accepted) // before Run
		again.start()
		later(time.Second)
		if got := fmt.Sprint(rec.all()); got != "[e1 e2]" {
			t.Errorf("one conversation's events were handled as %s", got)
		}
	})
}

// unreadable refuses snapshots while it is told to.
type unreadable struct {
	store.Store
	after atomic.Int64 // so many are still given out; negative: all
}

func (s *unreadable) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if n := s.after.Load(); n >= 0 {
		if n == 0 {
			return nil, errors.New("the disk is gone")
		}
		s.after.Add(-1)
	}
	return s.Store.Snapshot(ctx)
}

func TestAnInstallationThatFailedIsMadeGoodByTheNext(t *testing.T) {
	for after := range int64(4) {
		t.Run(fmt.Sprint("after snapshot ", after), func(t *testing.T) {
			in(t, func(t *testing.T) {
				s := &unreadable{Store: new(store.Mem)}
				s.after.Store(-1)
				b := newBot(t, Options{Store: s})
				b.start()
				m := abi.Manifest{ABI: abi.Version, Name: "p", Version: "1", Events: []abi.Kind{abi.MessagePosted}}
				h := handler(func(*abi.Call, wasm.Host) (abi.Effects, error) {
					return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, nil
				})
				s.after.Store(after)
				err := b.install(t.Context(), &version{manifest: m, sha: "p", guest: h}, true)
				s.after.Store(-1)
				if err != nil && b.Engine.plugin("p") != nil && b.Engine.plugin("p").version() != nil {
					t.Error("the installation failed and its version is live; Install closes it")
				}
				if err := b.install(t.Context(), &version{manifest: m, sha: "p", guest: h}, true); err != nil {
					t.Fatal(err)
				}
				b.accept(b.event(abi.MessagePosted), chat.Accepted)
				later(time.Minute)
				if n := b.counter("p", "c/n"); n != 1 {
					t.Errorf("%d of 1 events handled: the plugin's lanes were never started", n)
				}
			})
		})
	}
}

func TestRunEndsWellWhenToldToBeforeItBegan(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Run(ctx, time.Second); err != nil {
			t.Errorf("Run = %v, want nil: it was only told to end", err)
		}
	})
}

func TestAScheduleOutlivesTheAbsenceOfItsPlugin(t *testing.T) {
	in(t, func(t *testing.T) {
		var rec record
		plugin := func(b *bot) {
			b.plugin(abi.Manifest{Name: "p", Schedules: []abi.Schedule{{Name: "daily", Cron: "0 9 * * *"}}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				rec.add(time.UnixMilli(c.Event.Timer.Due).UTC().Format("Jan 2"))
				return abi.Effects{}, nil
			})
		}
		b := newBot(t, Options{})
		plugin(b)
		b.start()
		later(12 * time.Hour)
		b.halt()
		// Over the next morning the plugin could not be installed.
		without := newBot(t, Options{Store: b.store})
		without.start()
		later(24 * time.Hour)
		plugin(without)
		later(time.Minute)
		if got := fmt.Sprint(rec.all()); got != "[Jan 1 Jan 2]" {
			t.Errorf("fired on %s, want the missed morning made up for", got)
		}
	})
}

func TestAScheduleThatNeverComesIsRefused(t *testing.T) {
	m := abi.Manifest{ABI: abi.Version, Name: "p", Version: "1", Schedules: []abi.Schedule{{Name: "never", Cron: "0 0 31 2 *"}}}
	if checkManifest(&m) == nil {
		t.Error("the 31st of February is a schedule; it fires every 24 hours")
	}
}

func TestAMessageThatIsEditedStaysKnown(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined, abi.MemberLeft}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.MemberJoined {
				return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Key: "board", Content: text1("board")}}}}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Edit: &abi.Edit{Ref: abi.Ref{Key: "board", Conversation: "fake:general"}, Content: text1("new")}}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		for range 5 {
			later(30 * 24 * time.Hour)
			b.accept(b.event(abi.MemberLeft), chat.Accepted)
		}
		later(time.Minute)
		if n := len(b.platform.texts()); n != 6 {
			t.Errorf("%d deliveries, want the message and five edits: it was in use, and forgotten after 90 days", n)
		}
	})
}

func TestAHeldPlatformShowsAsHeldAfterARestart(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		teller(b)
		b.platform.health = chat.Health{Code: "invalid_auth"}
		b.platform.fail = func(*chat.Delivery) error { return &chat.DeliveryError{Code: "invalid_auth", Hold: true} }
		b.start()
		b.accept(b.command("help"), chat.Accepted)
		later(time.Minute)
		b.halt()
		reg := prometheus.NewRegistry()
		again := newBot(t, Options{Store: b.store, Metrics: reg})
		again.platform.health = b.platform.health
		teller(again)
		again.start()
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "hearth_platform_held" && f.GetMetric()[0].GetGauge().GetValue() == 1 {
				return
			}
		}
		t.Error("hearth_platform_held is not 1 although the platform is held")
	})
}

func TestBreakerIsProbedByOneEvent(t *testing.T) {
	br := newBreaker(Retries{Breaker: 1, Pause: time.Second})
	now := time.Unix(100, 0)
	br.enter(1, now) // an event that takes long
	br.fail(1, now)
	now = now.Add(2 * time.Second)
	if br.enter(2, now) != 0 {
		t.Fatal("no probe")
	}
	br.leave(1) // of the event that takes long: another version became live
	if br.enter(3, now) == 0 {
		t.Error("two events probe at once: one that is no probe took the probe back")
	}
}

func TestAnAttemptUnderWayIsLookedForBeforeItExpires(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		teller(b)
		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Second)
		b.halt()
		// As a kill leaves it: the platform was called, nobody heard the answer.
		row := b.rows(kOutbox)[0]
		var out outRow
		if _, err := out.UnmarshalMsg(row.Value); err != nil {
			t.Fatal(err)
		}
		out.Attempts = []attempt{{Began: b.now()}}
		v, err := out.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		batch := new(store.Batch)
		batch.Put(row.Key, v)
		if _, err := b.store.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		b.platform.delivered = []chat.Delivery{{ID: out.ID, Op: chat.OpSend, Member: "fake:ada", Content: text1("e1")}}
		later(48 * time.Hour)
		again := newBot(t, Options{Store: b.store})
		again.platform = b.platform
		if err := again.Attach(t.Context(), asking{b.platform}); err != nil {
			t.Fatal(err)
		}
		teller(again)
		again.start()
		if err := again.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		later(time.Minute)
		if s := again.status("e1"); s != statusSent {
			t.Errorf("a message that the platform has is %s, want sent: the platform can be asked", s)
		}
	})
}

func TestAnEditGoesToThePlatformOfItsMessage(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined, abi.MemberLeft}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.MemberJoined {
				return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Key: "k", Content: text1("hello")}}}}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Edit: &abi.Edit{Ref: abi.Ref{Key: "k", Member: "gone:ada", Conversation: "fake:general"}, Content: text1("edited")}}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Second)
		b.accept(b.event(abi.MemberLeft), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform, "send fake:general hello", "edit fake:general edited")
		if rows := b.rows(kOutbox); len(rows) > 0 {
			t.Errorf("%s waits for a platform that is not connected, and never expires", rows[0].Key)
		}
	})
}

func TestAReceiptInHandIsKeptWhenTheGraceHasEnded(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		if err := b.Attach(t.Context(), slow{b.platform, 70 * time.Second}); err != nil { // start's grace is a minute
			t.Fatal(err)
		}
		teller(b)
		b.start()
		b.accept(b.command("help"), chat.Accepted)
		later(time.Second)
		b.halt()
		if s := b.status("e1"); len(b.platform.texts()) == 1 && s != statusSent {
			t.Errorf("the platform gave its receipt before Run ended, and the message is %s: it will be sent again", s)
		}
	})
}

func TestTrackingForNobodyIsNoLink(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}, Emits: []string{"again"}, Listens: []string{"p/again"}},
			func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				if c.Event.Depth < abi.MaxDepth {
					return abi.Effects{Out: []abi.Effect{{Emit: &abi.Emit{Name: "again"}}}}, nil
				}
				return abi.Effects{Out: []abi.Effect{{Track: &abi.Track{Name: "done"}}}}, nil
			})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		if f, _ := b.Failures(t.Context()); len(f) > 0 {
			t.Errorf("an event that only counts, with no plugin to hear of it, is refused: %s", f[0].Error)
		}
	})
}

func TestNumbersOfDeliveriesAreNotGivenOutTwice(t *testing.T) {
	s := new(store.Mem)
	event, out := uint64(time.Now().Add(-time.Minute).UnixNano()), uint64(time.Now().Add(time.Hour).UnixNano())
	batch := new(store.Batch)
	batch.Put(sentKey(event, out), []byte{0x80}) // sent before the clock went back an hour
	if _, err := s.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	b := newBot(t, Options{Store: s})
	if n := b.nextSeq(); n <= out {
		t.Errorf("number %d comes before that of a delivery made already, %d; platforms that know repetitions by it would drop the new one", n, out)
	}
}
