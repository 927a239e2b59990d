package host

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/rollout"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// TestGuardrails rolls out versions that are bad in one way each: all are taken
// back unasked, within their window, and no event is lost by it or handled twice.
func TestGuardrails(t *testing.T) {
	one := func(c *abi.Call) bool { return c.Seed%20 == 0 }
	for _, c := range []struct {
		name, which string
		other       func(c *abi.Call, ef *abi.Effects) error
	}{
		{"it traps on one of twenty events", rollout.ErrorRate, func(c *abi.Call, _ *abi.Effects) error {
			if one(c) {
				return fmt.Errorf("%w: index out of range", wasm.ErrTrap)
			}
			return nil
		}},
		{"it says that it fails", rollout.ErrorRate, func(_ *abi.Call, ef *abi.Effects) error { ef.Error = "no"; return nil }},
		{"it writes what it may not", rollout.Refused, func(c *abi.Call, ef *abi.Effects) error {
			if one(c) {
				ef.Writes = append(ef.Writes, abi.Write{Key: "m/fake%3Aboss/x"})
			}
			return nil
		}},
		{"it sends ten times as much", rollout.Messages, func(c *abi.Call, ef *abi.Effects) error {
			for range 9 {
				ef.Out = append(ef.Out, ef.Out[0])
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				b := newBot(t, Options{House: true, Community: Community{Managers: []string{"fake:boss"}}})
				b.start()
				b.boss()
				good, bad := b.stage(tallier("1.0.0", nil)), b.stage(tallier("2.0.0", c.other))
				b.promote("tallier", good)
				began := b.clock.Now()
				const window = 30 * time.Second
				b.rollout(rollout.Spec{SHA256: bad, Share: 20, Window: window})
				sent := 0
				for s, _ := b.RolloutState("tallier"); s.Ended == "" && b.clock.Now().Sub(began) < window; s, _ = b.RolloutState("tallier") {
					b.crowd(100)
					sent += 100
					later(100 * time.Millisecond)
				}
				s, err := b.RolloutState("tallier")
				if err != nil || s.Ended != EndedRolledBack || s.Which != c.which || s.Reason == "" || s.Candidate.SHA256 != bad {
					t.Fatalf("after %v %+v, %v", window, s, err)
				}
				t.Logf("figure: taken back after %v and %d of its events, with %d of the live version's: %s", s.At.Sub(began), s.Candidate.Events, s.Live.Events, s.Reason)
				if got, want := b.states("tallier"), "2.0.0 staged, 1.0.0 live"; got != want {
					t.Errorf("versions: %s, want %s", got, want)
				}
				b.crowd(100)
				later(10 * time.Minute) // what failed is tried again, by the version that is left
				by := b.handled()
				if len(by) != sent+100 {
					t.Errorf("%d events of %d were handled", len(by), sent+100)
				}
				if f, err := b.Failures(t.Context()); err != nil || len(f) > 0 {
					t.Errorf("%d events were given up, %v", len(f), err)
				}
				answers := map[string]int{}
				for _, text := range b.platform.texts() {
					for id, v := range by {
						if strings.HasSuffix(text, " "+id+" by "+v) {
							answers[id]++
						}
					}
				}
				for id, v := range by {
					if n := answers[id]; n != 1 && !(n == 10 && v == "2.0.0" && c.which == rollout.Messages) {
						t.Errorf("event %s, handled by %s, was answered %d times", id, v, n)
					}
				}
				list, err := b.audit.List(t.Context(), audit.Filter{On: pluginObject("tallier"), Limit: 1})
				if err != nil || len(list) != 1 || list[0].Did != "plugin.rollout.end" || list[0].Who != audit.Host || list[0].Why != s.Reason || list[0].After != EndedRolledBack {
					t.Errorf("the record ends with %+v, %v", list, err)
				}
				if !slices.ContainsFunc(b.platform.sent(), func(d chat.Delivery) bool {
					return d.Member == "fake:boss" && strings.Contains(chat.PlainText(d.Content), "Version 2.0.0 of tallier did not do well")
				}) {
					t.Error("the manager was not told")
				}
			})
		})
	}
}

// revive does for a plugin of Go functions what Restore does for modules.
func (b *bot) revive(name string) {
	b.t.Helper()
	snap, err := b.store.Snapshot(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer snap.Close()
	row, err := registry.PluginOf(b.t.Context(), snap, name)
	if err != nil {
		b.t.Fatal(err)
	}
	version, err := registry.VersionOf(b.t.Context(), snap, name, row.Live)
	if err != nil {
		b.t.Fatal(err)
	}
	p, err := b.newPlugin(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	v, err := b.ready(b.t.Context(), p, &version)
	if err == nil {
		v.grants, err = b.loadGrants(b.t.Context(), &v.manifest, false)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.settle(b.t.Context(), p, v, b.enter(p, v))
	b.restoreTrials(b.t.Context(), p, &row)
}

// spoil has the registry say that a version is rolled out by a rule that nobody
// can read.
func spoil(sha string) func(*registry.Plugin, *store.Batch) error {
	return func(r *registry.Plugin, _ *store.Batch) error {
		r.Rollout, r.RolloutOf = []byte("{"), sha
		return nil
	}
}

// boss is a manager who has been seen.
func (b *bot) boss() {
	b.t.Helper()
	ev := b.event(abi.MessagePosted)
	ev.Member = abi.Member{ID: "fake:boss", Name: "Boss"}
	if _, err := b.Accept(b.t.Context(), chat.Incoming{Event: ev}); err != nil {
		b.t.Fatal(err)
	}
	later(0)
}

// TestDeliveriesAreAGuardrail rolls out a version whose messages nobody takes.
func TestDeliveriesAreAGuardrail(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.platform.fail = func(d *chat.Delivery) error {
			if strings.Contains(chat.PlainText(d.Content), "2.0.0") {
				return &chat.DeliveryError{Code: "too_rude", Err: errors.New("not here")}
			}
			return nil
		}
		b.start()
		one, two := b.stage(tallier("1.0.0", nil)), b.stage(tallier("2.0.0", nil))
		b.promote("tallier", one)
		b.rollout(rollout.Spec{SHA256: two, Share: 50, Window: time.Minute})
		for range 10 {
			b.crowd(20)
			later(time.Second)
		}
		later(10 * time.Second)
		if s, err := b.RolloutState("tallier"); err != nil || s.Ended != EndedRolledBack || s.Which != rollout.DeliveryFailures {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestARolloutThatGoesWellPromotesItself(t *testing.T) {
	for name, after := range map[string]rollout.PromoteAfter{"after events": {Events: 60}, "after a time": {Duration: 10 * time.Minute}} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				b := newBot(t, Options{})
				b.start()
				one, two := b.stage(tallier("1.0.0", nil)), b.stage(tallier("2.0.0", nil))
				b.promote("tallier", one)
				b.rollout(rollout.Spec{SHA256: two, Share: 50, PromoteAfter: after})
				for range 30 {
					b.crowd(10)
					later(30 * time.Second)
				}
				s, err := b.RolloutState("tallier")
				if err != nil || s.Ended != EndedPromoted || s.Reason == "" || s.Live.Version != "1.0.0" {
					t.Errorf("%+v, %v", s, err)
				}
				t.Log(s.Reason)
				if got, want := b.states("tallier"), "2.0.0 live, 1.0.0 previous"; got != want {
					t.Errorf("versions: %s, want %s", got, want)
				}
				if by := b.handled(); len(by) != 300 || by["e300"] != "2.0.0" {
					t.Errorf("%d events were handled, and the last by %s", len(by), by["e300"])
				}
				h := b.history("tallier")
				if last := h[len(h)-1]; last != "promote by hearth: "+versionText("1.0.0", one)+" → "+versionText("2.0.0", two) {
					t.Errorf("the record ends with %q", last)
				}
			})
		})
	}
}
