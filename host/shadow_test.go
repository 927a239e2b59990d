package host

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/rollout"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// TestTrialsGoOnAfterARestart stops hearth in the middle of a rollout and a silent
// trial: both go on, with the same members on the same side.
func TestTrialsGoOnAfterARestart(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Store: new(store.Mem)})
		b.start()
		one, two, three := b.stage(tallier("1.0.0", nil)), b.stage(tallier("2.0.0", nil)), b.stage(tallier("3.0.0", nil))
		b.promote("tallier", one)
		b.rollout(rollout.Spec{SHA256: two, Share: 50, PromoteAfter: rollout.PromoteAfter{Duration: time.Hour}})
		if err := b.Shadow(t.Context(), anna, "tallier", three, "to see"); err != nil {
			t.Fatal(err)
		}
		b.crowd(100)
		later(time.Minute)
		was := b.handled()
		before, _ := b.RolloutState("tallier")
		b.halt()

		again := newBot(t, Options{Store: b.store})
		again.changes.guest = b.changes.guest
		again.revive("tallier")
		again.n = b.n
		again.start()
		s, err := again.RolloutState("tallier")
		if err != nil || s.Ended != "" || !s.Began.Equal(before.Began) || s.Candidate.SHA256 != two || s.Spec.Share != 50 {
			t.Fatalf("%+v, %v", s, err)
		}
		for i := 1; i <= 100; i++ {
			ev := again.event(abi.MessagePosted)
			ev.Member = abi.Member{ID: fmt.Sprint("fake:u", i), Name: "U"}
			again.accept(ev, chat.Accepted)
		}
		later(time.Minute)
		by := again.handled()
		for i := 1; i <= 100; i++ {
			if a, b := was[fmt.Sprint("e", i)], by[fmt.Sprint("e", 100+i)]; a != b {
				t.Errorf("u%d had %s, and %s after the restart", i, a, b)
			}
		}
		if r, err := again.ShadowReport("tallier"); err != nil || r.SHA256 != three || r.Events == 0 {
			t.Errorf("the silent trial: %+v, %v", r, err)
		}
		later(time.Hour)
		if got, want := again.states("tallier"), "3.0.0 shadow, 2.0.0 live, 1.0.0 previous"; got != want {
			t.Errorf("versions: %s, want %s", got, want)
		}
		if err := again.Shadow(t.Context(), anna, "tallier", "", ""); err != nil {
			t.Fatal(err)
		}
		again.halt()

		// What cannot be taken up again ends, and keeps nothing else from running.
		third := newBot(t, Options{Store: b.store})
		third.changes.guest = b.changes.guest
		if err := again.decide(t.Context(), audit.Entry{Did: "plugin.test"}, "tallier", spoil(three)); err != nil {
			t.Fatal(err)
		}
		third.revive("tallier")
		third.start()
		if got, want := third.states("tallier"), "3.0.0 staged, 2.0.0 live, 1.0.0 previous"; got != want {
			t.Errorf("versions: %s, want %s", got, want)
		}
	})
}

// TestASilentTrial runs a version beside the live one that does otherwise in some
// ways, and does nothing.
func TestASilentTrial(t *testing.T) {
	in(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		b := newBot(t, Options{Metrics: reg})
		b.start()
		var mu sync.Mutex
		var seeds []uint64
		saw := func(c *abi.Call) {
			mu.Lock()
			defer mu.Unlock()
			seeds = append(seeds, c.Seed)
		}
		reads := func(version string, other func(c *abi.Call, ef *abi.Effects, h wasm.Host) error) (abi.Manifest, handler) {
			m, base := tallier("1.0.0", nil)
			m.Version = version
			return m, func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
				saw(c)
				v, _, err := h.Get(t.Context(), "c/last")
				if err != nil {
					return abi.Effects{}, err
				}
				ef, _ := base(c, h)
				ef.Writes = append(ef.Writes, abi.Write{Key: "c/last", Value: append(v, '|')})
				if other != nil {
					err = other(c, &ef, h)
				}
				return ef, err
			}
		}
		n := func(c *abi.Call) (i int) { _, _ = fmt.Sscanf(c.Event.ID, "e%d", &i); return i }
		one := b.stage(reads("1.0.0", nil))
		two := b.stage(reads("2.0.0", func(c *abi.Call, ef *abi.Effects, h wasm.Host) error {
			switch n(c) % 10 {
			case 1:
				ef.Out = append(ef.Out, say("fake:general", "and more"))
			case 2:
				return fmt.Errorf("%w: unreachable", wasm.ErrTrap)
			case 3:
				_, _, err := h.Get(t.Context(), "c/else")
				return err
			}
			return nil
		}))
		b.promote("tallier", one)
		if err := b.Shadow(t.Context(), anna, "tallier", two, "to see"); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			b.crowd(1)
			later(time.Second)
		}
		r, err := b.ShadowReport("tallier")
		if err != nil || r.SHA256 != two || r.Version != "2.0.0" || r.Events != 100 || r.Same != 70 || r.Changed != 20 || r.Failed != 10 || r.Inexact != 10 || r.Dropped != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		if len(r.List) != 20 || r.List[0].Kind != "message.posted" || r.List[0].Error == "" || !strings.Contains(r.List[1].Differences[0].String(), "and more") {
			t.Errorf("%d are listed: %+v", len(r.List), r.List[:2])
		}
		if by := b.handled(); len(by) != 100 || count(by)["1.0.0"] != 100 {
			t.Errorf("handled: %v", count(by))
		}
		if texts := b.platform.texts(); len(texts) != 100 {
			t.Errorf("%d messages were sent for 100 events", len(texts))
		}
		mu.Lock()
		for i := 0; i < len(seeds); i += 2 {
			if seeds[i] != seeds[i+1] {
				t.Fatalf("event %d had the seed %d, and %d on trial", i/2, seeds[i], seeds[i+1])
			}
		}
		mu.Unlock()
		f := figures(t, reg)
		for result, want := range map[string]float64{"same": 70, "changed": 10, "failed": 10, "inexact": 10} {
			if got := f["hearth_shadow_events_total plugin=tallier result="+result]; got != want {
				t.Errorf("%s on the metrics is %v, want %v", result, got, want)
			}
		}
		if err := b.Shadow(t.Context(), anna, "tallier", "", "enough"); err != nil {
			t.Fatal(err)
		}
		b.crowd(1)
		later(time.Second)
		if r, err := b.ShadowReport("tallier"); err != nil || r.SHA256 != "" {
			t.Errorf("after the trial %+v, %v", r, err)
		}
		if err := b.Shadow(t.Context(), anna, "tallier", "", ""); !errors.Is(err, ErrUnknown) {
			t.Errorf("ending none: %v", err)
		}
		if got, want := b.states("tallier"), "2.0.0 staged, 1.0.0 live"; got != want {
			t.Errorf("versions: %s, want %s", got, want)
		}
	})
}

// TestASilentTrialThatIsSlowHoldsUpNobody blocks the version on trial: the live one
// goes on, and what is too much is dropped and counted.
func TestASilentTrialThatIsSlowHoldsUpNobody(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		gate := make(chan struct{})
		one := b.stage(tallier("1.0.0", nil))
		two := b.stage(tallier("2.0.0", func(*abi.Call, *abi.Effects) error { <-gate; return nil }))
		b.promote("tallier", one)
		if err := b.Shadow(t.Context(), anna, "tallier", two, ""); err != nil {
			t.Fatal(err)
		}
		const n = 2*maxShadowed + 10
		b.crowd(n)
		later(time.Second)
		if by := b.handled(); len(by) != n {
			t.Errorf("%d of %d events were handled beside a version on trial that hangs", len(by), n)
		}
		close(gate)
		later(time.Second)
		if r, err := b.ShadowReport("tallier"); err != nil || r.Events+r.Dropped != n || r.Dropped < maxShadowed || r.Events < maxShadowed {
			t.Errorf("%+v, %v", r, err)
		}
		if r, _ := b.ShadowReport("tallier"); len(r.List) != maxShown {
			t.Errorf("%d are listed", len(r.List))
		}
	})
}

// TestTrialsForget: nothing of a rollout or a silent trial names who is forgotten.
func TestTrialsForget(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		one, two := b.stage(tallier("1.0.0", nil)), b.stage(tallier("2.0.0", nil))
		m, h := tallier("3.0.0", nil)
		three := b.stage(m, func(c *abi.Call, w wasm.Host) (abi.Effects, error) {
			ef, err := h(c, w)
			ef.Out = append(ef.Out, tell(c.Event.Member.ID, "psst"))
			return ef, err
		})
		b.promote("tallier", one)
		if err := b.Shadow(t.Context(), anna, "tallier", three, ""); err != nil {
			t.Fatal(err)
		}
		by := anna
		by.ID, by.Name = "fake:ada", "fake:ada"
		if err := b.Rollout(t.Context(), by, "tallier", rollout.Spec{SHA256: two, Share: 10}, "fake:ada asked for it"); err != nil {
			t.Fatal(err)
		}
		b.accept(b.event(abi.MessagePosted), chat.Accepted) // by fake:ada
		b.crowd(3)
		later(time.Minute)
		if r, err := b.ShadowReport("tallier"); err != nil || len(r.List) < 3 {
			t.Fatalf("%+v, %v", r, err)
		}
		forget := func() {
			t.Helper()
			if _, err := b.forgetTrials(t.Context(), func(raw []byte) bool { return strings.Contains(string(raw), "fake:ada") }); err != nil {
				t.Fatal(err)
			}
		}
		forget()
		if s, err := b.RolloutState("tallier"); err != nil || s.Ended != "" || strings.Contains(fmt.Sprintf("%+v", s), "fake:ada") {
			t.Errorf("%+v, %v", s, err)
		}
		if r, err := b.ShadowReport("tallier"); err != nil || len(r.List) < 2 || strings.Contains(fmt.Sprintf("%+v", r), "fake:ada") {
			t.Errorf("%+v, %v", r, err)
		}
		b.crowd(maxShown + maxShown/2)
		later(time.Minute) // events of one moment may end in any order
		b.crowd(maxShown / 2)
		later(time.Minute)
		if r, err := b.ShadowReport("tallier"); err != nil || len(r.List) != maxShown || r.List[0].Number <= r.List[maxShown-1].Number {
			t.Errorf("%d are listed, %v", len(r.List), err)
		}
		// A rule that names them cannot go on.
		b.rollout(rollout.Spec{SHA256: two, Labels: []rollout.Label{{When: `member.id == "fake:ada"`, Weight: 100}}})
		forget()
		if l := b.Engine.plugin("tallier").lineup(); l.candidate != nil || l.trial != nil {
			t.Error("the rollout goes on")
		}
		forget() // the state that it ended in
		if s, err := b.RolloutState("tallier"); !errors.Is(err, ErrUnknown) {
			t.Errorf("%+v, %v", s, err)
		}
		for _, r := range b.rows("plugin") {
			if strings.Contains(string(r.Value), "fake:ada") {
				t.Errorf("row %s: %s", r.Key, r.Value)
			}
		}
	})
}
