package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// The laws of DESIGN, each with tests that fail when it is broken.

func TestLaw1AcceptedOnlyWhenDurable(t *testing.T) {
	in(t, func(t *testing.T) {
		broken := &failingStore{Store: new(store.Mem)}
		b := newBot(t, Options{Store: broken})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, nil
		})
		e := b.event(abi.MemberJoined)
		broken.fail.Store(true)
		if out, err := b.Accept(t.Context(), chat.Incoming{Event: e}); err == nil {
			t.Fatalf("Accept = %v although nothing was stored", out)
		}
		broken.fail.Store(false)
		// The platform delivers it again, five times at once, and once more a day later.
		var accepted atomic.Int32
		for range 5 {
			go func() {
				if out, err := b.Accept(t.Context(), chat.Incoming{Event: e}); err == nil && out == chat.Accepted {
					accepted.Add(1)
				}
			}()
		}
		b.start()
		later(24 * time.Hour)
		b.accept(e, chat.Duplicate)
		later(time.Second)
		if accepted.Load() != 1 || b.counter("p", "c/n") != 1 {
			t.Errorf("accepted %d times, handled %d times, want 1 and 1", accepted.Load(), b.counter("p", "c/n"))
		}
	})
}

func TestLaw2TheSameInvocationAgain(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		var mu sync.Mutex
		var calls []abi.Call
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, *c)
			h.Get(t.Context(), "c/x")
			return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: int64(c.Seed % 7)}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Second)
		var j journalRow
		if _, err := j.UnmarshalMsg(b.rows(kJournal)[0].Value); err != nil {
			t.Fatal(err)
		}
		if j.Call.Seed != calls[0].Seed || j.Call.Now != calls[0].Now || j.Call.Event.ID != calls[0].Event.ID {
			t.Errorf("the journal has call %+v, the plugin got %+v", j.Call, calls[0])
		}
		if len(j.Reads) != 1 || j.Reads[0].Key != "c/x" || j.NoReplay {
			t.Errorf("the journal has reads %+v, want one of c/x", j.Reads)
		}
	})
}

func TestLaw3AllOrNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		refused := abi.Effect{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}}} // no content
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{
				Writes: []abi.Write{{Key: "c/x", Value: []byte("1")}},
				Adds:   []abi.Add{{Key: "c/n", Delta: 1}},
				Out:    []abi.Effect{say("fake:general", "one"), {Timer: &abi.Timer{Name: "t", Due: 1}}, refused},
			}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Hour)
		for _, k := range []store.Key{kState, kOutbox, kTimer, kTimerRef, kToken, kWork, kSent} {
			if rows := b.rows(k); len(rows) > 0 {
				t.Errorf("%d rows under %s after a refused invocation: %v", len(rows), k, rows[0].Key)
			}
		}
		wantTexts(t, b.platform)
		if f, err := b.Failures(t.Context()); err != nil || len(f) != 1 {
			t.Errorf("Failures = %v, %v, want one", f, err)
		}
	})
}

func TestLaw3ConflictsRunAgain(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Sandboxes: 8})
		// Events of many conversations count in one row, by reading and writing it.
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			v, _, err := h.Get(t.Context(), "c/n")
			if err != nil {
				return abi.Effects{}, err
			}
			return abi.Effects{Writes: []abi.Write{{Key: "c/n", Value: append(v[:len(v):len(v)], '|')}}}, nil
		})
		b.start()
		const n = 200
		for i := range n {
			e := b.event(abi.MessagePosted)
			e.Conversation.ID = fmt.Sprint("fake:", i%50)
			go b.Accept(t.Context(), chat.Incoming{Event: e})
		}
		later(time.Minute)
		if got := len(b.rows(kState)[0].Value); got != n {
			t.Errorf("the row counts %d of %d events", got, n)
		}
	})
}

func TestLaw5OrderAndUnknownOutcomes(t *testing.T) {
	lost := &chat.DeliveryError{Code: "timeout", Retry: true, Unknown: true, Err: errLost}
	for _, tc := range []struct {
		name          string
		ask, idem     bool
		wantDelivered int
		wantDuplicate bool
	}{
		{"a platform that can be asked gets it once", true, false, 1, false},
		{"one that cannot gets it again, and that is on record", false, false, 2, true},
		{"one that ignores repetitions gets it again, harmlessly", false, true, 2, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				b := newBot(t, Options{})
				once := true
				b.platform.lose = func(*chat.Delivery) error {
					if once {
						once = false
						return lost
					}
					return nil
				}
				b.platform.features.Idempotent = tc.idem
				if tc.ask {
					if err := b.Attach(t.Context(), asking{b.platform}); err != nil {
						t.Fatal(err)
					}
				}
				b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
					return abi.Effects{Out: []abi.Effect{say("fake:general", "one"), say("fake:general", "two"), say("fake:general", "three")}}, nil
				})
				b.start()
				b.accept(b.event(abi.MemberJoined), chat.Accepted)
				later(time.Minute)
				got := b.platform.texts()
				if want := tc.wantDelivered + 2; len(got) != want || got[len(got)-1] != "send fake:general three" || got[0] != "send fake:general one" {
					t.Errorf("delivered %q, want %d in order", got, want)
				}
				ms, err := b.Messages(t.Context(), store.Seq(b.firstEvent()))
				if err != nil || len(ms) != 3 {
					t.Fatalf("Messages = %v, %v, want three", ms, err)
				}
				last := ms[0].Attempts[len(ms[0].Attempts)-1]
				if !ms[0].Attempts[0].Unknown || last.Duplicate != tc.wantDuplicate {
					t.Errorf("attempts %+v, want the first unknown and duplicate %v", ms[0].Attempts, tc.wantDuplicate)
				}
			})
		})
	}
}

// firstEvent is the number of the first event in the journal.
func (b *bot) firstEvent() uint64 {
	n, err := store.ParseSeq(splitKey(b.rows(kJournal)[0].Key, 2)[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestLaw6OnePluginsFailureTouchesNoOther(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "bad", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{}, &wasm.Error{Kind: wasm.ErrTrap, Export: "handle", Message: "boom"}
		})
		b.plugin(abi.Manifest{Name: "good", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, nil
		})
		b.start()
		for i := range 20 {
			e := b.event(abi.MessagePosted)
			e.Conversation.ID = fmt.Sprint("fake:", i)
			b.accept(e, chat.Accepted)
		}
		later(time.Millisecond)
		if n := b.counter("good", "c/n"); n != 20 {
			t.Errorf("the other plugin handled %d of 20 events", n)
		}
		if s := b.Plugins()[0].Breaker; s != "open" {
			t.Errorf("breaker of the failing plugin is %s, want open", s)
		}
		later(24 * time.Hour)
		if f, _ := b.Failures(t.Context()); len(f) != 20 {
			t.Errorf("%d failed events, want 20", len(f))
		}
	})
}

func TestLaw6AFailingRowHoldsItsLaneForHalfAMinute(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		first := ""
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if first == "" {
				first = c.Event.ID
			}
			if c.Event.ID == first {
				return abi.Effects{Error: "not today"}, nil
			}
			return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(14 * time.Second)
		if n := b.counter("p", "c/n"); n != 0 {
			t.Errorf("the lane ran on before the row was parked")
		}
		later(17 * time.Second)
		if n := b.counter("p", "c/n"); n != 1 {
			t.Errorf("%d events handled after half a minute, want 1", n)
		}
		later(time.Hour)
		f, _ := b.Failures(t.Context())
		if len(f) != 1 || f[0].Attempts != 8 || f[0].Error != "not today" {
			t.Fatalf("Failures = %+v, want the first event after 8 attempts", f)
		}
		// A person looks, the cause is mended, it runs again.
		first = "mended"
		if err := b.Retry(t.Context(), f[0].Number, "p"); err != nil {
			t.Fatal(err)
		}
		later(time.Second)
		if n := b.counter("p", "c/n"); n != 2 {
			t.Errorf("%d events handled after the retry, want 2", n)
		}
	})
}

func TestLaw6AChainOfCausesEnds(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		depth := 0
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}, Emits: []string{"again"}, Listens: []string{"p/again"}},
			func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				depth = max(depth, c.Event.Depth)
				return abi.Effects{Out: []abi.Effect{{Emit: &abi.Emit{Name: "again"}}}}, nil
			})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Hour)
		if f, _ := b.Failures(t.Context()); depth != abi.MaxDepth || len(f) != 1 {
			t.Errorf("the chain went %d deep and failed %d times, want %d and once", depth, len(f), abi.MaxDepth)
		}
	})
}

func TestLaw7OnlyWhatWasGranted(t *testing.T) {
	for name, tc := range map[string]struct {
		effect abi.Effect
		groups []abi.Annotation
	}{
		"send":     {effect: say("fake:general", "hi")},
		"dm":       {effect: tell("fake:ada", "hi")},
		"react":    {effect: abi.Effect{React: &abi.React{Conversation: "fake:general", Message: "m1", Name: "wave"}}},
		"timers":   {effect: abi.Effect{Timer: &abi.Timer{Name: "t", Due: 1}}},
		"members":  {effect: abi.Effect{Profile: &abi.Profile{Stop: true}}},
		"http":     {effect: abi.Effect{Action: &abi.Action{Name: "a", HTTP: &abi.HTTP{URL: "https://example.com/"}}}},
		"verify":   {effect: abi.Effect{Action: &abi.Action{Name: "a", Verify: &abi.Verify{}}}},
		"emit":     {effect: abi.Effect{Emit: &abi.Emit{Name: "x"}}},
		"annotate": {groups: []abi.Annotation{{Name: "g", Value: "a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
				b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}, Emits: []string{"x"}, Needs: []abi.Need{}},
					func(*abi.Call, wasm.Host) (abi.Effects, error) {
						ef := abi.Effects{Groups: tc.groups}
						if tc.groups == nil {
							ef.Out = []abi.Effect{tc.effect}
						}
						return ef, nil
					})
				b.start()
				b.accept(b.event(abi.MessagePosted), chat.Accepted)
				later(time.Hour)
				f, err := b.Failures(t.Context())
				if err != nil || len(f) != 1 {
					t.Fatalf("Failures = %v, %v, want the refusal", f, err)
				}
				wantTexts(t, b.platform)
				t.Log(f[0].Error)
			})
		})
	}
}

func TestLaw9ASwapDropsAndRepeatsNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Sandboxes: 4})
		install := func(v string) {
			b.plugin(abi.Manifest{Name: "p", Version: v, Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
				time.Sleep(3 * time.Millisecond)
				return abi.Effects{Adds: []abi.Add{{Key: "c/" + v, Delta: 1}}}, nil
			})
		}
		install("v0")
		b.start()
		const n = 400
		go func() {
			for i := range n {
				e := b.event(abi.MessagePosted)
				e.Conversation.ID = fmt.Sprint("fake:", i%20)
				b.Accept(t.Context(), chat.Incoming{Event: e})
				time.Sleep(time.Millisecond)
			}
		}()
		for i := range 20 {
			time.Sleep(20 * time.Millisecond)
			install(fmt.Sprint("v", i%2+1))
		}
		later(time.Minute)
		sum := b.counter("p", "c/v0") + b.counter("p", "c/v1") + b.counter("p", "c/v2")
		if sum != n {
			t.Errorf("%d events were handled, want %d", sum, n)
		}
	})
}

// failingStore refuses commits while it is told to.
type failingStore struct {
	store.Store
	fail atomic.Bool
}

func (s *failingStore) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	if s.fail.Load() {
		return 0, errors.New("the disk is full")
	}
	return s.Store.Commit(ctx, b)
}

func TestMiddlewareAnnotatesFirst(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		for _, m := range []string{"a-mw", "b-mw"} {
			b.plugin(abi.Manifest{Name: m, Middleware: true, Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
				return abi.Effects{Groups: []abi.Annotation{{Name: m, Value: "yes"}}}, nil
			})
		}
		var got []string
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			for _, g := range c.Event.Groups {
				got = append(got, g.Name+"="+g.Value)
			}
			return abi.Effects{}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Second)
		if !slices.Equal(got, []string{"a-mw=yes", "b-mw=yes"}) {
			t.Errorf("the plugin saw groups %q", got)
		}
	})
}
