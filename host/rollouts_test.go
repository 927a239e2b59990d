package host

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/rollout"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
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
			// To make live what is live changes nothing, and ends no rollout: what failed
			// would go to the candidate again that failed at it.
			if err := b.EndRollout(t.Context(), anna, "tallier", false, ""); err != nil && !errors.Is(err, ErrUnknown) {
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
