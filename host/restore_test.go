package host

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// begun is an engine that is made anew with the same rows, as after a restart.
type begun struct {
	*bot
	list []Installed
	err  error
}

// starts makes engines on the same rows, one after the other.
func starts(t *testing.T) func(s Start) begun {
	w, err := wasm.New(wasm.Options{CacheDir: verifytest.Plugins()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(context.Background()) })
	rows := new(store.Mem)
	return func(s Start) begun {
		b := newBot(t, Options{Store: rows, Wasm: w})
		list, err := b.Restore(t.Context(), s)
		return begun{b, list, err}
	}
}

// runs is what runs, "name version" each.
func (b begun) runs() string {
	var out []string
	for _, p := range b.Plugins() {
		out = append(out, p.Name+" "+p.Version)
	}
	return strings.Join(out, ", ")
}

func bundle(t *testing.T, name, version string, needs ...abi.Need) Bundle {
	m := countingModule(name, version)
	m.manifest.Needs = needs
	return bundleOf(name, m.code(t))
}

func bundleOf(name string, code []byte) Bundle {
	return Bundle{Name: name, SHA256: sha256.Sum256(code), Code: given(code)}
}

// TestBundled goes through the life of plugins that come with hearth: they are
// there from the first start on, an upgraded hearth upgrades them, what somebody
// decided stays decided, and what asks for more waits.
func TestBundled(t *testing.T) {
	start := starts(t)
	grants := func(list ...Bundle) Start { return Start{Bundled: list, GrantAll: true} }
	step := func(what string, b begun, runs, states string) {
		t.Helper()
		if b.err != nil {
			t.Fatalf("%s: %v", what, b.err)
		}
		if got := b.runs(); got != runs {
			t.Errorf("%s: %s runs, want %s; %+v", what, got, runs, b.list)
		}
		if got := b.states("a"); got != states {
			t.Errorf("%s: versions %s, want %s", what, got, states)
		}
		b.consistentRows()
	}
	dm, send := abi.Need{Cap: abi.CapDM, Reason: "x"}, abi.Need{Cap: abi.CapSend, Reason: "x"}
	a1, b1 := bundle(t, "a", "1.0.0", dm), bundle(t, "b", "1.0.0")
	first := start(grants(a1, b1))
	step("the first start", first, "a 1.0.0, b 1.0.0", "1.0.0 live")
	if missing := first.Plugins()[0].Missing; len(missing) != 0 {
		t.Errorf("it lacks %v", missing)
	}
	rows := first.registryRows()
	step("the second", start(grants(a1, b1)), "a 1.0.0, b 1.0.0", "1.0.0 live")
	if now := start(grants(a1, b1)).registryRows(); now != rows {
		t.Errorf("a start that changed nothing wrote rows:\n%swere\n%s", now, rows)
	}
	step("without its files", start(Start{}), "a 1.0.0, b 1.0.0", "1.0.0 live")

	a2 := bundle(t, "a", "2.0.0", dm)
	second := start(grants(a2, b1))
	step("an upgraded hearth", second, "a 2.0.0, b 1.0.0", "2.0.0 live, 1.0.0 previous")
	if h := second.history("a"); len(h) != 4 || !strings.HasPrefix(h[3], "promote by hearth: 1.0.0") {
		t.Errorf("on record is %q", h)
	}
	if _, err := second.Rollback(t.Context(), anna, "a", "the old one was better"); err != nil {
		t.Fatal(err)
	}
	step("rolled back", start(grants(a2, b1)), "a 1.0.0, b 1.0.0", "2.0.0 staged, 1.0.0 live")

	more := bundle(t, "a", "3.0.0", dm, send)
	third := start(grants(more, b1))
	step("an upgrade that asks for more", third, "a 1.0.0, b 1.0.0", "3.0.0 staged, 2.0.0 staged, 1.0.0 live")
	if err := third.Grant(t.Context(), anna, "a", []abi.Need{dm, send}, ""); err != nil {
		t.Fatal(err)
	}
	step("that was granted", start(grants(more, b1)), "a 3.0.0, b 1.0.0", "3.0.0 live, 2.0.0 staged, 1.0.0 previous")

	own := start(grants(more, b1))
	v, err := own.Stage(t.Context(), Upload{Code: countingModule("a", "9.0.0").code(t), Who: anna})
	if err != nil {
		t.Fatal(err)
	}
	own.promote("a", v.SHA256)
	a4 := bundle(t, "a", "4.0.0", dm)
	step("beside one of the house's own", start(grants(a4, b1)), "a 9.0.0, b 1.0.0", "4.0.0 staged, 9.0.0 live, 3.0.0 previous, 2.0.0 staged, 1.0.0 previous")

	if err := start(grants(a4, b1)).Disable(t.Context(), anna, "a", ""); err != nil {
		t.Fatal(err)
	}
	step("disabled", start(grants(a4, b1)), "b 1.0.0", "4.0.0 staged, 9.0.0 live, 3.0.0 previous, 2.0.0 staged, 1.0.0 previous")
	if err := start(grants(a4, b1)).Remove(t.Context(), anna, "a", "", ""); err != nil {
		t.Fatal(err)
	}
	step("removed", start(grants(a4, b1)), "b 1.0.0", "4.0.0 staged")
	again := start(grants(a4, b1))
	list, err := again.Versions(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Promote(t.Context(), anna, "a", list[0].SHA256, "", PromoteOptions{}); !errors.Is(err, ErrMissingGrants) {
		t.Errorf("what was removed comes again with its permissions: %v", err)
	}
}

// TestBundledThatFails: a bundled version that is broken keeps nothing from
// running, nor does one that is left out.
func TestBundledThatFails(t *testing.T) {
	start := starts(t)
	good, other := bundle(t, "a", "1.0.0"), bundle(t, "b", "1.0.0")
	first := start(Start{Bundled: []Bundle{good, other, bundleOf("c", []byte("rubbish")), bundleOf("d", countingModule("e", "1.0.0").code(t))}})
	if first.err != nil || first.runs() != "a 1.0.0, b 1.0.0" || len(first.list) != 4 {
		t.Fatalf("%s runs, %v, %+v", first.runs(), first.err, first.list)
	}
	for i, want := range []error{nil, nil, wasm.ErrABI, ErrManifest} {
		if got := first.list[i]; !errors.Is(got.Err, want) || (got.Err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", got.Name, got.Err, want)
		}
	}
	broken := countingModule("a", "2.0.0")
	broken.handle = wasmTrap
	for what, code := range map[string][]byte{"fails": broken.code(t), "is no module": []byte("rubbish")} {
		b := start(Start{Bundled: []Bundle{bundleOf("a", code), other}})
		if b.err != nil || b.runs() != "a 1.0.0, b 1.0.0" || b.states("a") != "1.0.0 live" {
			t.Errorf("an upgrade that %s: %s runs, %s, %v", what, b.runs(), b.states("a"), b.err)
		}
	}
	skipped := start(Start{Bundled: []Bundle{good, other}, Skip: func(name string) bool { return name == "a" }})
	if skipped.err != nil || skipped.runs() != "b 1.0.0" || len(skipped.list) != 1 {
		t.Errorf("with one left out: %s runs, %v", skipped.runs(), skipped.err)
	}
	stop := errors.New("the config is wrong")
	var told []string
	refused := start(Start{Bundled: []Bundle{good, other}, Known: func(_ context.Context, list []abi.Manifest) error {
		for _, m := range list {
			told = append(told, m.Name)
		}
		return stop
	}})
	if !errors.Is(refused.err, stop) || refused.runs() != "" || !slices.Equal(told, []string{"a", "b"}) {
		t.Errorf("told of %v: %v, %s runs", told, refused.err, refused.runs())
	}
}

// consistentRows is consistent for an engine that does not run.
func (b *bot) consistentRows() {
	b.t.Helper()
	list, err := b.audit.List(b.t.Context(), audit.Filter{})
	if err != nil || len(list) == 0 {
		b.t.Fatalf("%d entries on record, %v", len(list), err)
	}
	if n, err := b.sweepCode(b.t.Context()); err != nil {
		b.t.Errorf("%d rows swept, %v", n, err)
	}
	versions, err := b.Versions(b.t.Context(), "")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, v := range versions {
		if _, _, err := b.codeOf(b.t.Context(), v.SHA256); err != nil {
			b.t.Errorf("%s %s: %v", v.Name, v.Version, err)
		}
	}
}

// TestRollbackIsReady: the version that was live last needs no compiling and no
// new image, unless what is set has changed since.
func TestRollbackIsReady(t *testing.T) {
	start := starts(t)
	b := start(Start{Bundled: []Bundle{bundle(t, "a", "1.0.0")}, GrantAll: true})
	was := b.Engine.plugin("a").version()
	v, err := b.Stage(t.Context(), Upload{Code: countingModule("a", "2.0.0").code(t), Who: anna})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	b.promote("a", v.SHA256)
	promoted := time.Since(begun)
	begun = time.Now()
	if _, err := b.Rollback(t.Context(), anna, "a", ""); err != nil {
		t.Fatal(err)
	}
	t.Logf("figure: made live in %v, rolled back in %v", promoted.Round(time.Microsecond), time.Since(begun).Round(time.Microsecond))
	if now := b.Engine.plugin("a").version(); now != was {
		t.Error("the version that was live is another one in memory")
	}
	b.promote("a", v.SHA256)
	if err := b.Reconfigure(t.Context(), Tuning{Community: Community{Name: "another"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Rollback(t.Context(), anna, "a", ""); err != nil {
		t.Fatal(err)
	}
	now := b.Engine.plugin("a").version()
	setup, err := b.setup(t.Context(), &now.manifest, now.options, nil)
	if err != nil || now.config != digest(setup) {
		t.Errorf("it runs with an image of what was set before, %v", err)
	}
}

// TestExamplesAreTried: an example that fails keeps a version out, and what was
// tried stands in the registry.
func TestExamplesAreTried(t *testing.T) {
	in(t, func(t *testing.T) {
		m := abi.Manifest{Examples: []abi.Example{{Name: "a greeting", Event: abi.Event{Kind: abi.MemberJoined}}, {Name: "a question", Event: abi.Event{Kind: abi.MessagePosted}}}}
		var seen []string
		h := handler(func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			seen = append(seen, fmt.Sprint(c.Event.Kind, c.Event.ID))
			if c.Event.Kind == abi.MessagePosted {
				return abi.Effects{Error: "no answer"}, nil
			}
			return abi.Effects{}, nil
		})
		_, err := tryExamples(t.Context(), h, &m, time.Now())
		if !errors.Is(err, ErrSelfTest) || !strings.Contains(err.Error(), `example "a question": no answer`) {
			t.Error(err)
		}
		m.Examples = m.Examples[:1]
		got, err := tryExamples(t.Context(), h, &m, time.Now())
		if err != nil || !strings.HasPrefix(got, "passed; examples of its own: 1, in") {
			t.Errorf("%q, %v", got, err)
		}
		if want := []string{"member.joinedexample-1", "message.postedexample-2", "member.joinedexample-1"}; !slices.Equal(seen, want) {
			t.Errorf("tried %q, want %q", seen, want)
		}
	})
}
