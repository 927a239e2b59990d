package host

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/rollout"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// tallier counts each message in a row of its version and answers it; what it
// does beside that other says, at most by panicking.
func tallier(version string, other func(c *abi.Call, ef *abi.Effects) error) (abi.Manifest, handler) {
	m := abi.Manifest{Name: "tallier", Version: version, Events: []abi.Kind{abi.MessagePosted},
		Needs: []abi.Need{{Cap: abi.CapSend, Reason: "to answer"}, {Cap: abi.CapState, Param: "64", Reason: "a row an event"}}}
	return m, func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
		ef := abi.Effects{
			Writes: []abi.Write{{Key: "c/by/" + abi.KeySegment(c.Event.ID), Value: []byte(version)}},
			Adds:   []abi.Add{{Key: "c/total", Delta: 1}},
			Out:    []abi.Effect{say(c.Event.Conversation.ID, c.Event.ID+" by "+version)},
		}
		if other != nil {
			if err := other(c, &ef); err != nil {
				return ef, err
			}
		}
		return ef, nil
	}
}

// crowd posts n messages of n members, each of a conversation of their own.
func (b *bot) crowd(n int) {
	b.t.Helper()
	for range n {
		ev := b.event(abi.MessagePosted)
		ev.Member = abi.Member{ID: fmt.Sprint("fake:u", b.n), Name: "U"}
		ev.Conversation = abi.Conversation{ID: fmt.Sprint("fake:c", b.n), Kind: abi.Channel}
		b.accept(ev, chat.Accepted)
	}
}

// handled says which version handled each event, and fails the test where one
// was handled twice or answered otherwise.
func (b *bot) handled() map[string]string {
	b.t.Helper()
	by := map[string]string{}
	for _, r := range b.rows(stateKey("tallier", "c/by")) {
		by[splitKey(r.Key, 1)[0]] = string(r.Value)
	}
	if n := b.counter("tallier", "c/total"); int(n) != len(by) {
		b.t.Errorf("%d events were counted and %d written down", n, len(by))
	}
	return by
}

func count(by map[string]string) map[string]int {
	n := map[string]int{}
	for _, v := range by {
		n[v]++
	}
	return n
}

func (b *bot) rollout(spec rollout.Spec) {
	b.t.Helper()
	if err := b.Rollout(b.t.Context(), anna, "tallier", spec, "to see"); err != nil {
		b.t.Fatal(err)
	}
}

func TestARolloutSharesWorkOut(t *testing.T) {
	in(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		b := newBot(t, Options{Metrics: reg})
		b.start()
		one, two := b.stage(tallier("1.0.0", nil)), b.stage(tallier("2.0.0", nil))
		b.promote("tallier", one)
		b.rollout(rollout.Spec{SHA256: two, Share: 30, Labels: []rollout.Label{{When: "vip-tier==gold", Weight: 100}}, Channels: []string{"fake:c7"}})
		if got, want := b.states("tallier"), "2.0.0 rollout, 1.0.0 live"; got != want {
			t.Errorf("versions: %s, want %s", got, want)
		}
		b.crowd(400)
		later(time.Minute)
		first := b.handled()
		if n := count(first)["2.0.0"]; len(first) != 400 || n < 80 || n > 160 || first["e7"] != "2.0.0" {
			t.Errorf("of %d events the new version has handled %d, and e7 was handled by %s", len(first), n, first["e7"])
		}
		s, err := b.RolloutState("tallier")
		if err != nil || s.Ended != "" || s.By != "Anna" || s.Candidate.Events+s.Live.Events != 400 || s.Candidate.Share < 20 || s.Candidate.Share > 40 || len(s.Guardrails) != 6 {
			t.Errorf("%+v, %v", s, err)
		}
		f := figures(t, reg)
		for series, want := range map[string]float64{
			"hearth_plugin_version plugin=tallier role=live sha256=" + one[:12] + " version=1.0.0":    1,
			"hearth_plugin_version plugin=tallier role=rollout sha256=" + two[:12] + " version=2.0.0": 1,
			"hearth_rollout_events_total arm=new plugin=tallier result=ok":                            float64(s.Candidate.Events),
			"hearth_rollout_share_ratio plugin=tallier":                                               s.Candidate.Share / 100,
			"hearth_rollout_guardrail_ratio guardrail=error_rate plugin=tallier":                      0,
		} {
			if got, there := f[series]; !there || got != want {
				t.Errorf("%s is %v, want %v", series, got, want)
			}
		}
		// The same members again, from elsewhere: each stays with their version.
		for i := 1; i <= 400; i++ {
			ev := b.event(abi.MessagePosted)
			ev.Member, ev.Conversation = abi.Member{ID: fmt.Sprint("fake:u", i), Name: "U"}, abi.Conversation{ID: "fake:lobby"}
			b.accept(ev, chat.Accepted)
		}
		// A larger share takes nobody back.
		later(time.Minute)
		b.rollout(rollout.Spec{SHA256: two, Share: 60})
		for i := 1; i <= 400; i++ {
			ev := b.event(abi.MessagePosted)
			ev.Member, ev.Conversation = abi.Member{ID: fmt.Sprint("fake:u", i), Name: "U"}, abi.Conversation{ID: "fake:lobby"}
			b.accept(ev, chat.Accepted)
		}
		later(time.Minute)
		all := b.handled()
		for i := 1; i <= 400; i++ {
			was, again, more := all[fmt.Sprint("e", i)], all[fmt.Sprint("e", 400+i)], all[fmt.Sprint("e", 800+i)]
			if i != 7 && (was != again || was == "2.0.0" && more != "2.0.0") {
				t.Fatalf("u%d went to %s, then %s, and with a larger share %s", i, was, again, more)
			}
		}
		if err := b.EndRollout(t.Context(), anna, "tallier", false, "enough"); err != nil {
			t.Fatal(err)
		}
		b.crowd(100)
		later(time.Minute)
		if n := count(b.handled()); n["1.0.0"]-count(all)["1.0.0"] != 100 {
			t.Errorf("after the end the live version handled %d of 100", n["1.0.0"]-count(all)["1.0.0"])
		}
		if s, err := b.RolloutState("tallier"); err != nil || s.Ended != EndedStopped || s.Reason != "enough" || s.Candidate.Version != "2.0.0" {
			t.Errorf("%+v, %v", s, err)
		}
		if got, want := b.states("tallier"), "2.0.0 staged, 1.0.0 live"; got != want {
			t.Errorf("versions: %s, want %s", got, want)
		}
		if h := b.history("tallier"); !strings.HasPrefix(h[len(h)-1], "rollout.end by Anna: 2.0.0") || !strings.Contains(h[len(h)-2], "for 60 % of the members") {
			t.Errorf("the record ends with %q", h[len(h)-2:])
		}
	})
}

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

// TestARetryIsNoOtherVersions: the version at which an event failed has it again,
// while it runs, and another one after that.
func TestARetryIsNoOtherVersions(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		var tries record
		fails := func(version string) func(*abi.Call, *abi.Effects) error {
			return func(c *abi.Call, ef *abi.Effects) error {
				tries.add(version)
				if version == "2.0.0" || len(tries.all()) == 1 {
					ef.Error = "not now"
				}
				return nil
			}
		}
		one, two := b.stage(tallier("1.0.0", fails("1.0.0"))), b.stage(tallier("2.0.0", fails("2.0.0")))
		b.promote("tallier", one)
		b.crowd(1) // fails at the hands of 1.0.0 …
		later(100 * time.Millisecond)
		b.rollout(rollout.Spec{SHA256: two, Share: 100, MinEvents: 1000})
		later(2 * time.Second) // … and is tried again by it, though all is the new version's now
		if got := strings.Join(tries.all(), " "); got != "1.0.0 1.0.0" {
			t.Errorf("the versions that tried are %s", got)
		}
		tries.clear()
		tries.add("-")
		b.crowd(1)
		later(4 * time.Second)
		if got := strings.Join(tries.all(), " "); got != "- 2.0.0 2.0.0 2.0.0" {
			t.Errorf("the versions that tried are %s", got)
		}
		if err := b.EndRollout(t.Context(), anna, "tallier", false, ""); err != nil {
			t.Fatal(err)
		}
		later(time.Minute)
		if got := strings.Join(tries.all(), " "); got != "- 2.0.0 2.0.0 2.0.0 1.0.0" {
			t.Errorf("the versions that tried are %s", got)
		}
		if by := b.handled(); len(by) != 2 || by["e1"] != "1.0.0" || by["e2"] != "1.0.0" {
			t.Errorf("handled: %v", by)
		}
	})
}

func TestWhatIsNotRolledOut(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		other := func(version string, change func(m *abi.Manifest)) string {
			m, h := tallier(version, nil)
			change(&m)
			return b.stage(m, h)
		}
		one, two, three := b.stage(tallier("1.0.0", nil)), b.stage(tallier("2.0.0", nil)), b.stage(tallier("3.0.0", nil))
		begin := func(sha string) error {
			return b.Rollout(t.Context(), anna, "tallier", rollout.Spec{SHA256: sha, Share: 50}, "")
		}
		if err := begin(two); !errors.Is(err, ErrUnknown) {
			t.Errorf("beside nothing: %v", err)
		}
		b.promote("tallier", one)
		for _, c := range []struct {
			name, sha string
			want      error
		}{
			{"the live one", one, ErrInUse},
			{"one that is not there", strings.Repeat("0", 64), ErrUnknown},
			{"another state version", other("4.0.0", func(m *abi.Manifest) { m.StateVersion = 2 }), ErrStateVersion},
			{"one that asks for more", other("5.0.0", func(m *abi.Manifest) { m.Needs = append(m.Needs, abi.Need{Cap: abi.CapDM, Reason: "r"}) }), ErrMissingGrants},
			{"a middleware", other("6.0.0", func(m *abi.Manifest) { m.Middleware = true }), rollout.ErrSpec},
		} {
			if err := begin(c.sha); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
			if err := b.Shadow(t.Context(), anna, "tallier", c.sha, ""); !errors.Is(err, c.want) {
				t.Errorf("%s on trial: %v", c.name, err)
			}
		}
		if err := b.Rollout(t.Context(), anna, "tallier", rollout.Spec{SHA256: two, Share: 500}, ""); !errors.Is(err, rollout.ErrSpec) {
			t.Errorf("five times all: %v", err)
		}
		if err := b.EndRollout(t.Context(), anna, "tallier", true, ""); !errors.Is(err, ErrUnknown) {
			t.Errorf("ending none: %v", err)
		}
		if _, err := b.RolloutState("tallier"); !errors.Is(err, ErrUnknown) {
			t.Errorf("the state of none: %v", err)
		}
		if _, err := b.RolloutState("nobody"); !errors.Is(err, ErrUnknown) {
			t.Errorf("the state of nobody's: %v", err)
		}
		if err := begin(two); err != nil {
			t.Fatal(err)
		}
		if err := begin(three); !errors.Is(err, ErrInUse) {
			t.Errorf("another one: %v", err)
		}
		if err := b.Shadow(t.Context(), anna, "tallier", two, ""); !errors.Is(err, ErrInUse) {
			t.Errorf("a trial of what is rolled out: %v", err)
		}
		if err := b.Remove(t.Context(), anna, "tallier", two, ""); !errors.Is(err, ErrInUse) {
			t.Errorf("removing what is rolled out: %v", err)
		}
		// Another version is made live, or the plugin disabled: the rollout ends.
		b.promote("tallier", three)
		if s, err := b.RolloutState("tallier"); err != nil || s.Ended != EndedStopped {
			t.Errorf("%+v, %v", s, err)
		}
		if err := begin(two); err != nil {
			t.Fatal(err)
		}
		if err := b.Disable(t.Context(), anna, "tallier", ""); err != nil {
			t.Fatal(err)
		}
		if s, err := b.RolloutState("tallier"); err != nil || s.Ended != EndedStopped {
			t.Errorf("%+v, %v", s, err)
		}
		if got, want := b.states("tallier"), "6.0.0 staged, 5.0.0 staged, 4.0.0 staged, 3.0.0 live, 2.0.0 staged, 1.0.0 previous"; got != want {
			t.Errorf("versions: %s, want %s", got, want)
		}
		if err := b.EndRollout(t.Context(), anna, "tallier", false, ""); !errors.Is(err, ErrUnknown) {
			t.Errorf("ending one that has ended: %v", err)
		}
	})
}

// TestARolloutIsPromotedByHand makes the candidate live while it runs.
func TestARolloutIsPromotedByHand(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		one, two := b.stage(tallier("1.0.0", nil)), b.stage(tallier("2.0.0", nil))
		b.promote("tallier", one)
		b.rollout(rollout.Spec{SHA256: two, Share: 50})
		b.crowd(50)
		if err := b.EndRollout(t.Context(), anna, "tallier", true, "it is good"); err != nil {
			t.Fatal(err)
		}
		b.crowd(50)
		later(time.Minute)
		if by := b.handled(); len(by) != 100 || by["e100"] != "2.0.0" {
			t.Errorf("handled %v", count(by))
		}
		if s, err := b.RolloutState("tallier"); err != nil || s.Ended != EndedPromoted || s.Reason != "it is good" {
			t.Errorf("%+v, %v", s, err)
		}
		if _, err := b.Rollback(t.Context(), anna, "tallier", ""); err != nil {
			t.Error(err)
		}
		if got, want := b.states("tallier"), "2.0.0 staged, 1.0.0 live"; got != want {
			t.Errorf("versions: %s, want %s", got, want)
		}
	})
}

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

// TestChangesInAnyOrderLoseNothing does whatever can be done to a plugin, in an
// order that chance makes up, under a stream of events: each is handled once, by
// one version, and what runs is what the registry says.
func TestChangesInAnyOrderLoseNothing(t *testing.T) {
	for seed := range uint64(12) {
		in(t, func(t *testing.T) {
			b := newBot(t, Options{})
			b.start()
			r := rand.New(rand.NewPCG(seed, 5))
			var shas []string
			for n := range 3 {
				n := uint64(n)
				shas = append(shas, b.stage(tallier(fmt.Sprint(n+1, ".0.0"), func(c *abi.Call, ef *abi.Effects) error {
					if n > 0 && c.Seed%8 == n { // it may fail, and be taken back
						ef.Error = "not mine"
					}
					return nil
				})))
			}
			b.promote("tallier", shas[0])
			sent := 0
			done := map[string]int{}
			for range 60 {
				k := r.IntN(40)
				b.crowd(k)
				sent += k
				sha, op, err := shas[r.IntN(3)], "", error(nil)
				switch r.IntN(9) {
				case 0:
					op = "promote"
					_, err = b.Promote(t.Context(), anna, "tallier", sha, "", PromoteOptions{})
				case 1:
					op = "rollback"
					_, err = b.Rollback(t.Context(), anna, "tallier", "")
				case 2, 3, 4:
					op = "rollout"
					err = b.Rollout(t.Context(), anna, "tallier", rollout.Spec{SHA256: sha, Share: 100 * r.Float64(), Window: time.Minute}, "")
				case 5:
					op = "end"
					err = b.EndRollout(t.Context(), anna, "tallier", r.IntN(2) == 0, "")
				case 6:
					op = "shadow"
					err = b.Shadow(t.Context(), anna, "tallier", sha, "")
				case 7:
					op = "silence"
					err = b.Shadow(t.Context(), anna, "tallier", "", "")
				case 8:
					op = "grant"
					m, _ := tallier("", nil)
					err = b.Grant(t.Context(), anna, "tallier", m.Needs[r.IntN(2):], "")
				}
				if err == nil {
					done[op]++
				} else if !slices.ContainsFunc([]error{ErrUnknown, ErrInUse, ErrNothingBefore, ErrMissingGrants}, func(k error) bool { return errors.Is(err, k) }) {
					t.Errorf("%s: %v", op, err)
				}
				later(time.Duration(r.IntN(3000)) * time.Millisecond)
			}
			m, _ := tallier("", nil)
			if err := b.Grant(t.Context(), anna, "tallier", m.Needs, ""); err != nil {
				t.Fatal(err)
			}
			b.promote("tallier", shas[0])
			later(time.Hour)
			for _, f := range must(b.Failures(t.Context())) { // for want of a permission
				if err := b.Retry(t.Context(), f.Number, f.Plugin); err != nil {
					t.Error(err)
				}
			}
			later(time.Hour)
			if by := b.handled(); len(by) != sent {
				t.Errorf("seed %d: %d events of %d were handled", seed, len(by), sent)
			}
			if n := len(b.platform.texts()); n != sent {
				t.Errorf("seed %d: %d answers to %d events", seed, n, sent)
			}
			l := b.Engine.plugin("tallier").lineup()
			for _, v := range must(b.Versions(t.Context(), "tallier")) {
				runs := map[string]*version{StatusLive: l.live, StatusRollout: l.candidate, StatusShadow: l.shadow}[v.Status]
				if v.Status != StatusStaged && v.Status != StatusPrevious && (runs == nil || runs.sha != v.SHA256) {
					t.Errorf("seed %d: %s is %s, and does not run so", seed, v.Version, v.Status)
				}
			}
			t.Logf("seed %d: %d events; done %v", seed, sent, done)
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
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
		b.crowd(2 * maxShown)
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
