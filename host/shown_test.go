package host

import (
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// assigner is a middleware that assigns everybody, in events of every kind that
// the tests have.
func (b *bot) assigner(groups ...abi.Annotation) {
	b.plugin(abi.Manifest{Name: "mw", Middleware: true, Events: []abi.Kind{abi.MessagePosted, abi.TimerFired, abi.CustomTracked}},
		func(*abi.Call, wasm.Host) (abi.Effects, error) { return abi.Effects{Groups: groups}, nil })
}

func show(member, text string, shown ...abi.Annotation) abi.Effect {
	ef := tell(member, text)
	ef.Send.Shown = shown
	return ef
}

// TestShownCountsOnceItIsSent follows a variation from the middleware through a
// timer to the message that shows it, and into the member's row: once, however
// often it is shown.
func TestShownCountsOnceItIsSent(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.assigner(abi.Annotation{Name: "pace", Value: "fast", Counted: true}, abi.Annotation{Name: "script", Value: "v2"})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted, abi.TimerFired}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.MessagePosted {
				return abi.Effects{Out: []abi.Effect{{Timer: &abi.Timer{Name: "t", Due: c.Now + time.Hour.Milliseconds()}}}}, nil
			}
			var shown []abi.Annotation
			for _, g := range c.Event.Groups {
				if g.Counted {
					shown = append(shown, abi.Annotation{Name: g.Name, Value: g.Value})
				}
			}
			return abi.Effects{Out: []abi.Effect{show(c.Event.Member.ID, "hello", shown...)}}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		if r, _, err := b.MeasuredMember(t.Context(), "fake:ada"); err != nil || len(r.Shown) != 0 {
			t.Fatalf("before anything was sent: %+v, %v", r.Shown, err)
		}
		later(2 * time.Hour)
		first, ok, err := b.MeasuredMember(t.Context(), "fake:ada")
		if err != nil || !ok || len(first.Shown) != 1 || first.Shown[0].Experiment != "pace" || first.Shown[0].Variation != "fast" || first.Shown[0].Several {
			t.Fatalf("after the message: %+v, %v", first.Shown, err)
		}
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(3 * time.Hour)
		wantTexts(t, b.platform, "send @fake:ada hello", "send @fake:ada hello")
		if r, _, _ := b.MeasuredMember(t.Context(), "fake:ada"); len(r.Shown) != 1 || r.Shown[0] != first.Shown[0] {
			t.Errorf("shown again: %+v, was %+v", r.Shown, first.Shown)
		}
	})
}

// TestWhatIsNotSentWasNotShown: a message that the member's stop withholds shows
// nobody anything.
func TestWhatIsNotSentWasNotShown(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.assigner(abi.Annotation{Name: "pace", Value: "fast", Counted: true})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.TimerFired, abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.MessagePosted {
				return abi.Effects{Out: []abi.Effect{{Timer: &abi.Timer{Name: "t", Due: c.Now + time.Hour.Milliseconds()}}}}, nil
			}
			return abi.Effects{Out: []abi.Effect{show(c.Event.Member.ID, "hello", abi.Annotation{Name: "pace", Value: "fast"})}}, nil
		})
		b.stopped("fake:ada")
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(3 * time.Hour)
		wantTexts(t, b.platform)
		if r, _, err := b.MeasuredMember(t.Context(), "fake:ada"); err != nil || len(r.Shown) != 0 {
			t.Errorf("%+v, %v", r.Shown, err)
		}
	})
}

// TestOnlyWhatWasAssignedIsShown refuses a plugin that says of a message what
// middleware did not say of its event.
func TestOnlyWhatWasAssignedIsShown(t *testing.T) {
	for name, shown := range map[string]abi.Annotation{
		"another experiment": {Name: "mood", Value: "fast"},
		"another variation":  {Name: "pace", Value: "slow"},
		"a tester's":         {Name: "script", Value: "v2"},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
				b.assigner(abi.Annotation{Name: "pace", Value: "fast", Counted: true}, abi.Annotation{Name: "script", Value: "v2"})
				b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
					return abi.Effects{Out: []abi.Effect{show(c.Event.Member.ID, "hello", shown)}}, nil
				})
				b.start()
				b.accept(b.event(abi.MessagePosted), chat.Accepted)
				later(time.Hour)
				f, err := b.Failures(t.Context())
				if err != nil || len(f) != 1 || !strings.Contains(f[0].Error, "did not assign") {
					t.Fatalf("Failures = %v, %v, want the refusal", f, err)
				}
				wantTexts(t, b.platform)
			})
		})
	}
}
