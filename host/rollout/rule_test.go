package rollout

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
)

func by(member string) *abi.Event {
	return &abi.Event{ID: "1", Source: "slack", Kind: abi.MessagePosted, Member: abi.Member{ID: member}, Conversation: abi.Conversation{ID: "slack:C1"}}
}

func rule(t interface {
	Helper()
	Fatal(...any)
}, id string, s Spec) *Rule {
	t.Helper()
	r, err := New(id, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWho(t *testing.T) {
	gold := []abi.Annotation{{Name: "region", Value: "shanghai"}, {Name: "vip-tier", Value: "gold"}}
	for _, c := range []struct {
		name string
		spec Spec
		ev   func(*abi.Event)
		want bool
	}{
		{"nobody at 0", Spec{}, nil, false},
		{"all at 100", Spec{Share: 100}, nil, true},
		{"a channel", Spec{Channels: []string{"slack:C2", "slack:C1"}}, nil, true},
		{"another channel", Spec{Channels: []string{"slack:C2"}}, nil, false},
		{"a label as the issue has it", Spec{Labels: []Label{{"vip-tier==gold", 100}}}, func(e *abi.Event) { e.Groups = gold }, true},
		{"a label of others", Spec{Labels: []Label{{"vip-tier==gold", 100}}}, nil, false},
		{"a label in full", Spec{Labels: []Label{{`label["vip-tier"] == "gold"`, 100}}}, func(e *abi.Event) { e.Groups = gold }, true},
		{"a quoted one with a hyphen", Spec{Labels: []Label{{`vip-tier == "gold"`, 100}}}, func(e *abi.Event) { e.Groups = gold }, true},
		{"two of them", Spec{Labels: []Label{{`vip-tier==gold && region != eu`, 100}}}, func(e *abi.Event) { e.Groups = gold }, true},
		{"the first that is true decides", Spec{Share: 100, Labels: []Label{{"region==shanghai", 0}, {"vip-tier==gold", 100}}}, func(e *abi.Event) { e.Groups = gold }, false},
		{"an attribute as a label", Spec{Labels: []Label{{"locale==zh-CN", 100}}}, func(e *abi.Event) { e.Member.Locale = "zh-CN" }, true},
		{"middleware has the last word", Spec{Labels: []Label{{"locale==en", 100}}}, func(e *abi.Event) {
			e.Member.Locale, e.Groups = "zh-CN", []abi.Annotation{{Name: "locale", Value: "en"}}
		}, true},
		{"the platform", Spec{Labels: []Label{{`platform in ["slack", "telegram"]`, 100}}}, nil, true},
		{"the platform of who is nowhere", Spec{Labels: []Label{{`platform == "slack"`, 100}}}, func(e *abi.Event) { e.Conversation = abi.Conversation{} }, true},
		{"a newcomer", Spec{Labels: []Label{{`member.joined > 1700000000000 and not member.bot`, 100}}}, func(e *abi.Event) { e.Member.JoinedAt = 1700000000001 }, true},
		{"a channel's name", Spec{Labels: []Label{{`channel_name startsWith "test-"`, 100}}}, func(e *abi.Event) { e.Conversation.Name = "test-1" }, true},
		{"a kind", Spec{Labels: []Label{{`kind == "member.joined" || len(trim(lower(member.name))) > 3`, 100}}}, func(e *abi.Event) { e.Member.Name = " ADA " }, false},
		{"a pattern", Spec{Labels: []Label{{`member.id matches "^slack:U[0-9]+$"`, 100}}}, nil, true},
		{"what cannot be worked out", Spec{Share: 100, Labels: []Label{{`1 % len(member.name) == 1`, 0}}}, nil, true},
	} {
		ev := by("slack:U1")
		if c.ev != nil {
			c.ev(ev)
		}
		if got := rule(t, "r", c.spec).Candidate(ev); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestWhatIsNoSpec(t *testing.T) {
	long := strings.Repeat("x", 501)
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Share: 100.1}, "share is 100.1"},
		{Spec{Share: -1}, "share is -1"},
		{Spec{Share: math.NaN()}, "share is NaN"},
		{Spec{Window: 1}, "a window of 1ns; it is from 1s to 24h0m0s"},
		{Spec{MinEvents: -1}, "min_events"},
		{Spec{MinEvents: MaxEvents + 1}, "min_events is 100000001; it is from 0 to 100000000"},
		{Spec{PromoteAfter: PromoteAfter{Events: -1}}, "promote_after"},
		{Spec{PromoteAfter: PromoteAfter{Duration: MaxAfter + 1}}, "and to 2160h0m0s"},
		{Spec{Channels: []string{"general"}}, `channel 1 is "general"; it is a conversation's id such as slack:C024BE91L`},
		{Spec{Channels: make([]string, 101)}, "101 channels, at most 100"},
		{Spec{Labels: make([]Label, 17)}, "17 labels, at most 16"},
		{Spec{Labels: []Label{{"a==b", 101}}}, "label 1: weight is 101"},
		{Spec{Labels: []Label{{"a==b", 1}, {" ", 1}}}, "label 2 says not when"},
		{Spec{Labels: []Label{{long, 1}}}, "label 1: an expression is a text of at most 500 bytes, this has 501"},
		{Spec{Labels: []Label{{`member.age > 3`, 1}}}, `line 1, column 8: type rollout.member has no field age`},
		{Spec{Labels: []Label{{`platform == `, 1}}}, `line 1, column 12: unexpected token EOF`},
		{Spec{Labels: []Label{{`platform == slack && (`, 1}}}, `unexpected token EOF`},
		{Spec{Labels: []Label{{`member.name`, 1}}}, `expected bool, but got string`},
		{Spec{Labels: []Label{{`1 in 1..1000000000`, 1}}}, `line 1, column 7: there are no loops and no ranges`},
		{Spec{Labels: []Label{{`all(["a"], # == "a")`, 1}}}, `no loops`},
		{Spec{Labels: []Label{{`now().Year() > 2020`, 1}}}, `now`},
		{Spec{Labels: []Label{{`true` + strings.Repeat(` && true`, 60), 1}}}, `exceeds`},
		{Spec{Labels: []Label{{`member.id matches "["`, 1}}}, `missing closing ]`},
		{Spec{Guardrails: Guardrails{Fuel: Bound{Times: -1}}}, "guardrail fuel: most is 0 and times is -1"},
		{Spec{Guardrails: Guardrails{P95: Bound{Most: math.Inf(1)}}}, "guardrail p95_ms"},
	} {
		_, err := New("r", c.spec)
		if !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v\n  %v\n  want %s", c.spec, err, c.want)
		}
	}
}

// TestAMemberStaysOnTheirSide: whatever else an event is, its member decides; and
// who is in stays in when the share grows.
func TestAMemberStaysOnTheirSide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id, member := rapid.String().Draw(t, "rollout"), rapid.StringN(1, -1, -1).Draw(t, "member")
		share := rapid.Float64Range(0, 100).Draw(t, "share")
		more := rapid.Float64Range(share, 100).Draw(t, "more")
		r := rule(t, id, Spec{Share: share})
		first := r.Candidate(by(member))
		for range 5 {
			ev := &abi.Event{ID: rapid.String().Draw(t, "id"), Kind: rapid.SampledFrom(abi.Kinds()).Draw(t, "kind"), Time: rapid.Int64().Draw(t, "time"),
				Member: abi.Member{ID: member, Name: rapid.String().Draw(t, "name")}, Conversation: abi.Conversation{ID: rapid.String().Draw(t, "conversation")}}
			if r.Candidate(ev) != first {
				t.Fatalf("at %v %+v went the other way", share, ev)
			}
			if first && !rule(t, id, Spec{Share: more}).Candidate(ev) {
				t.Fatalf("in at %v, out at %v", share, more)
			}
			ev.Member.ID = ""
			other := *ev
			other.ID, other.Kind = "another", abi.MemberJoined
			if ev.Conversation.ID != "" && r.Candidate(ev) != r.Candidate(&other) {
				t.Fatal("events that are nobody's went different ways in one conversation")
			}
		}
		if rule(t, id, Spec{}).Candidate(by(member)) || !rule(t, id, Spec{Share: 100}).Candidate(by(member)) {
			t.Fatal("a share of 0 gets some, or one of 100 not all")
		}
	})
}

// TestSharesAreShares holds the part of the members that a share is to what
// chance allows: five standard deviations of the binomial distribution, which a
// fair choice leaves once in two million.
func TestSharesAreShares(t *testing.T) {
	const n = 20_000
	for _, share := range []float64{0.5, 5, 10, 30, 50, 90} {
		for _, kind := range []string{"slack:U%d", "telegram:%08d", "%d"} {
			for _, id := range []string{"1", "2", "welcome 1f3a"} {
				r := rule(t, id, Spec{Share: share})
				in := 0
				for i := range n {
					if r.Candidate(by(fmt.Sprintf(kind, i))) {
						in++
					}
				}
				p := share / 100
				if far := math.Abs(float64(in)-n*p) / math.Sqrt(n*p*(1-p)); far > 5 {
					t.Errorf("%v %% of %s in rollout %q: %d of %d, %.1f standard deviations off", share, kind, id, in, n, far)
				}
			}
		}
	}
}

// TestTwoRolloutsChooseApart: who gets the first version early does not get
// every version early.
func TestTwoRolloutsChooseApart(t *testing.T) {
	const n = 20_000
	a, b := rule(t, "a", Spec{Share: 30}), rule(t, "b", Spec{Share: 30})
	both := 0
	for i := range n {
		if ev := by(fmt.Sprint("slack:U", i)); a.Candidate(ev) && b.Candidate(ev) {
			both++
		}
	}
	if p := 0.09; math.Abs(float64(both)-n*p) > 5*math.Sqrt(n*p*(1-p)) {
		t.Errorf("%d of %d are in both, want about 9 %%", both, n)
	}
}

// FuzzCondition feeds the compiler anything; what it takes, it can work out.
func FuzzCondition(f *testing.F) {
	for _, s := range []string{"vip-tier==gold", `label["a"] == "b" and not member.bot`, `1..3`, `member.id matches "("`, `{"a": 1}.a == 1`, `[1,2][member.joined] == 1`,
		`(("a" * 3))`, `member?.name ?? "x" == "x"`, "a==b&&c==d", `"` + "\x00" + `"==a`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := New("r", Spec{Labels: []Label{{text, 50}}})
		if err != nil {
			if !errors.Is(err, ErrSpec) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q: %q", text, err)
			}
			return
		}
		r.Candidate(by("slack:U1"))
	})
}

func BenchmarkCandidate(b *testing.B) {
	for name, s := range map[string]Spec{"share": {Share: 10}, "label": {Labels: []Label{{"vip-tier==gold", 100}, {"region==shanghai", 30}}}} {
		b.Run(name, func(b *testing.B) {
			r, err := New("r", s)
			if err != nil {
				b.Fatal(err)
			}
			ev := by("slack:U1")
			ev.Groups = []abi.Annotation{{Name: "region", Value: "shanghai"}}
			b.ReportAllocs()
			for b.Loop() {
				r.Candidate(ev)
			}
		})
	}
}
