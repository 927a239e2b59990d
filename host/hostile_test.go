package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tinylib/msgp/msgp"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// wire is a guest that always returns the same bytes.
type wire []byte

func (w wire) Call(context.Context, wasm.Call) (wasm.Result, error) {
	return wasm.Result{Output: append([]byte(nil), w...), Fuel: 1}, nil
}
func (w wire) Close() error { return nil }

func TestEffectsThatGrowWhenEncodedEndInTheDeadLetters(t *testing.T) {
	in(t, func(t *testing.T) {
		// 240 KiB of empty fields on the wire: each is one byte, and seven when the
		// host writes it down.
		out := msgp.AppendMapHeader(nil, 1)
		out = msgp.AppendString(out, "o")
		out = msgp.AppendArrayHeader(out, 4)
		for range 4 {
			out = msgp.AppendMapHeader(out, 1)
			out = msgp.AppendString(out, "send")
			out = msgp.AppendMapHeader(out, 1)
			out = msgp.AppendString(out, "c")
			out = msgp.AppendMapHeader(out, 1)
			out = msgp.AppendString(out, "b")
			out = msgp.AppendArrayHeader(out, 230)
			for range 230 {
				out = msgp.AppendMapHeader(out, 1)
				out = msgp.AppendString(out, "f")
				out = msgp.AppendArrayHeader(out, 256)
				for range 256 {
					out = msgp.AppendMapHeader(out, 0)
				}
			}
		}
		if len(out) > abi.MaxOutput {
			t.Fatalf("the wire has %d bytes", len(out))
		}
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		m := abi.Manifest{ABI: abi.Version, Name: "p", Version: "1", Events: []abi.Kind{abi.MessagePosted}}
		if err := b.install(t.Context(), &version{manifest: m, sha: "p", guest: wire(out)}, true); err != nil {
			t.Fatal(err)
		}
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(5 * time.Second)
		if f, err := b.Failures(t.Context()); err != nil || len(f) != 1 {
			t.Errorf("Failures = %d, %v, want one: the event is tried for ever", len(f), err)
		}
	})
}

func TestOnePluginsTimerStopsNoOthers(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		b.plugin(abi.Manifest{Name: "bad", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{{Timer: &abi.Timer{Name: "t", Due: c.Now + 1000, Member: abi.Member{ID: strings.Repeat("x", 2000)}}}}}, nil
		})
		b.plugin(abi.Manifest{Name: "good", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.TimerFired {
				return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Timer: &abi.Timer{Name: "t", Due: c.Now + 2000}}}}, nil
		})
		b.start()
		join := b.event(abi.MemberJoined)
		join.Conversation = abi.Conversation{} // to the community, no channel
		b.accept(join, chat.Accepted)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Hour)
		if n := b.counter("good", "c/n"); n != 1 {
			t.Errorf("the good plugin's timer fired %d times within an hour, want once", n)
		}
	})
}

// panics says with what handling the first waiting row ended, "" if it did not.
func (b *bot) panics(plugin string) (what string) {
	defer func() {
		if r := recover(); r != nil {
			what = fmt.Sprint(r)
		}
	}()
	s := splitKey(b.rows(kWork)[0].Key, 3)
	seq, err := store.ParseSeq(s[0])
	if err != nil {
		b.t.Fatal(err)
	}
	b.Engine.handle(b.Engine.plugin(plugin), s[2], seq)
	return ""
}

func TestNamesThatAreNoTextPanicNothing(t *testing.T) {
	t.Run("tracked", func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{{Track: &abi.Track{Name: "\xff"}}}}, nil
		})
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		if what := b.panics("p"); what != "" {
			t.Errorf("the host panics: %s", what)
		}
	})
	t.Run("version", func(t *testing.T) {
		m := abi.Manifest{ABI: abi.Version, Name: "p", Version: "\xff", Events: []abi.Kind{abi.MessagePosted}}
		if checkManifest(&m) != nil {
			return // refused: well
		}
		b := newBot(t, Options{})
		b.plugin(m, func(*abi.Call, wasm.Host) (abi.Effects, error) { return abi.Effects{}, nil })
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		if what := b.panics("p"); what != "" {
			t.Errorf("the host panics before it commits, and again after every start: %s", what)
		}
	})
	t.Run("source", func(t *testing.T) {
		b := newBot(t, Options{})
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("the host panics: %v", r)
			}
		}()
		e := b.event(abi.MessagePosted)
		e.Source = "\xff"
		if _, err := b.Accept(t.Context(), chat.Incoming{Event: e}); err == nil {
			t.Error("a source that is no text was accepted")
		}
	})
}

func TestContinueIsOneLink(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		n := 0
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			if n++; n > 100 {
				return abi.Effects{}, nil // a real one would not end
			}
			return abi.Effects{Out: []abi.Effect{{Continue: &abi.Continue{}}, {Continue: &abi.Continue{}}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		if n > 1 {
			t.Errorf("one event became %d: an invocation may continue itself twice, and twice, …", n)
		}
	})
}

func TestCountersCountAgainstTheQuota(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		n := 0
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			n++
			var ef abi.Effects
			for i := range abi.MaxAdds {
				ef.Adds = append(ef.Adds, abi.Add{Key: fmt.Sprintf("c/%d-%d-%s", n, i, strings.Repeat("x", 200)), Delta: 1})
			}
			return ef, nil
		})
		b.start()
		for range 400 {
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
		}
		later(time.Hour)
		size := 0
		for _, r := range b.rows(kState) {
			size += len(r.Key) + len(r.Value)
		}
		if size > freeState+freeState/8 {
			t.Errorf("the plugin holds %d bytes of rows, its quota is %d", size, freeState)
		}
	})
}

func TestAnotherMembersRowsNeedTheGrant(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}, Needs: []abi.Need{}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Writes: []abi.Write{{Key: "m/fake:bob/x", Value: []byte("1")}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		if rows := b.rows(kState); len(rows) > 0 {
			t.Errorf("%s was written without the capability %q, which is for other members' rows", rows[0].Key, abi.CapMembers)
		}
	})
}

func TestABrokenPluginLeavesRoomForTheOthers(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{MaxBacklog: 50})
		b.plugin(abi.Manifest{Name: "bad", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Error: "broken"}, nil
		})
		b.plugin(abi.Manifest{Name: "good", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, nil
		})
		b.start()
		refused := 0
		for range 100 {
			if _, err := b.Accept(t.Context(), chat.Incoming{Event: b.event(abi.MessagePosted)}); err != nil {
				refused++
			}
			later(time.Second)
		}
		if refused > 0 {
			t.Errorf("%d of 100 events were refused to everybody because one plugin fails", refused)
		}
	})
}

func TestKindsThatOnlyTheHostMakesAreRefusedFromOutside(t *testing.T) {
	b := newBot(t, Options{})
	for _, k := range []abi.Kind{abi.TimerFired, abi.VerifyFinished, abi.HTTPResponded, abi.PluginEvent, abi.Continued, abi.SelfTest} {
		b.plugin(abi.Manifest{Name: "p", Version: string(k), Events: []abi.Kind{k}, Listens: []string{"x/y"}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{}, nil
		})
		e := b.event(k)
		e.Custom = &abi.Custom{Name: "x/y"}
		if out, err := b.Accept(t.Context(), chat.Incoming{Event: e}); err == nil {
			t.Errorf("%s from outside: %v", k, out)
		}
	}
}

func TestTrackedNamesAreFewSeries(t *testing.T) {
	in(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		b := newBot(t, Options{Metrics: reg})
		n := 0
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			var ef abi.Effects
			for range 50 {
				n++
				ef.Out = append(ef.Out, abi.Effect{Track: &abi.Track{Name: fmt.Sprint("by member ", n)}})
			}
			return ef, nil
		})
		b.start()
		for range 40 {
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
		}
		later(time.Minute)
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if got := len(f.GetMetric()); got > 500 {
				t.Errorf("%s has %d series, one for each name a plugin thought up", f.GetName(), got)
			}
		}
	})
}

func TestABigEventOfManyPluginsIsTakenOrRefusedForGood(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		for i := range 8 {
			b.plugin(abi.Manifest{Name: fmt.Sprint("p", i), Events: []abi.Kind{abi.MessagePosted}}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
				return abi.Effects{}, nil
			})
		}
		b.start()
		e := b.event(abi.MessagePosted)
		e.Message.Text = strings.Repeat("x", 200<<10)
		if _, err := b.Accept(t.Context(), chat.Incoming{Event: e}); err != nil && !errors.Is(err, chat.ErrRefused) {
			t.Errorf("Accept = %v: the platform delivers it again and again", err)
		}
	})
}
