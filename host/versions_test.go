package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

var anna = audit.Who{ID: "token/1", Name: "Anna", Role: "admin", Via: "api"}

// staged are Go functions that stand for versions of the registry.
type staged struct {
	mu   sync.Mutex
	made map[string]handler // by SHA-256
}

var stagedIn sync.Map // *bot → *staged

// stage brings a Go function into the registry as a version that is not live,
// and returns its SHA-256. The manifest is completed as plugin does it.
func (b *bot) stage(m abi.Manifest, h handler) string {
	b.t.Helper()
	b.complete(&m)
	raw, err := m.MarshalMsg(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	all, _ := stagedIn.LoadOrStore(b, &staged{made: map[string]handler{}})
	s := all.(*staged)
	s.mu.Lock()
	code := fmt.Appendf(nil, "%s %s %d", m.Name, m.Version, len(s.made))
	sum := sha256.Sum256(code)
	sha := hex.EncodeToString(sum[:])
	s.made[sha] = h
	s.mu.Unlock()
	b.changes.guest = func(v *registry.Version, _ *abi.Manifest) guest {
		s.mu.Lock()
		defer s.mu.Unlock()
		if h := s.made[v.SHA256]; h != nil {
			return h
		}
		return nil
	}
	v := &registry.Version{Name: m.Name, SHA256: sha, Version: m.Version, StateVersion: m.State(), Manifest: raw, Size: int64(len(code)), By: anna, Why: "test"}
	if err := b.putVersion(b.t.Context(), v, code, nil); err != nil {
		b.t.Fatal(err)
	}
	return sha
}

// promote makes a version live, with what it asks for.
func (b *bot) promote(name, sha string) {
	b.t.Helper()
	if _, err := b.Promote(b.t.Context(), anna, name, sha, "test", PromoteOptions{Grant: true}); err != nil {
		b.t.Fatal(err)
	}
}

// greeter answers every message with its version.
func greeter(version string, needs ...string) (abi.Manifest, handler) {
	m := abi.Manifest{Name: "greeter", Version: version, Events: []abi.Kind{abi.MessagePosted}, Needs: []abi.Need{{Cap: abi.CapSend, Reason: "to answer"}},
		Texts: []abi.TextDef{{Key: "can.send", Text: abi.Localized{{Locale: "en", Text: "to answer"}, {Locale: "zh-CN", Text: "回答"}}}}}
	for _, c := range needs {
		m.Needs = append(m.Needs, abi.Need{Cap: c, Reason: "test"})
	}
	return m, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
		return abi.Effects{Out: []abi.Effect{say(c.Event.Conversation.ID, version)}}, nil
	}
}

// history is what was done to a plugin, the oldest first.
func (b *bot) history(name string) []string {
	b.t.Helper()
	list, err := b.audit.List(b.t.Context(), audit.Filter{On: pluginObject(name)})
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, e := range slices.Backward(list) {
		out = append(out, strings.TrimPrefix(e.Did, "plugin.")+" by "+e.Who.Name+": "+e.Before+" → "+e.After)
	}
	return out
}

// states are the versions of a plugin and what they are, the newest first.
func (b *bot) states(name string) string {
	b.t.Helper()
	list, err := b.Versions(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, v := range list {
		out = append(out, v.Version+" "+v.Status)
	}
	return strings.Join(out, ", ")
}

// TestLifeOfAVersion takes a plugin through all that can be done to it.
func TestLifeOfAVersion(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		one, two, three := b.stage(greeter("1.0.0")), b.stage(greeter("2.0.0")), b.stage(greeter("3.0.0", abi.CapDM))
		heard := 0
		says := func(want string) {
			t.Helper()
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
			later(0)
			got := b.platform.texts()
			if len(got) != heard+1 || !strings.HasSuffix(got[heard], want) {
				t.Fatalf("answers %q, want one more, %s", got[heard:], want)
			}
			heard = len(got)
		}
		b.accept(b.event(abi.MessagePosted), chat.Accepted) // she is new
		if _, err := b.Rollback(t.Context(), anna, "greeter", ""); !errors.Is(err, ErrNothingBefore) {
			t.Errorf("a roll back of what never ran: %v", err)
		}
		_, err := b.Promote(t.Context(), anna, "greeter", one, "go", PromoteOptions{})
		var missing *MissingGrants
		if !errors.As(err, &missing) || !errors.Is(err, ErrMissingGrants) || len(missing.Missing) != 1 || missing.Missing[0].Cap != abi.CapSend {
			t.Fatalf("promoting what may not do what it asks for: %v", err)
		}
		if why := missing.Reasons[0].In("zh-CN"); why != "回答" {
			t.Errorf("it asks for that to %q", why)
		}
		if err := b.Grant(t.Context(), anna, "greeter", missing.Missing, "it may"); err != nil {
			t.Fatal(err)
		}
		info, err := b.Promote(t.Context(), anna, "greeter", one, "go", PromoteOptions{})
		if err != nil || info.Status != StatusLive || info.By != anna || len(info.Missing) != 0 {
			t.Fatalf("%+v, %v", info, err)
		}
		says("1.0.0")
		b.promote("greeter", two)
		says("2.0.0")
		if _, err := b.Promote(t.Context(), anna, "greeter", three, "go", PromoteOptions{}); !errors.Is(err, ErrMissingGrants) || !strings.Contains(err.Error(), "asks for dm") {
			t.Errorf("promoting what asks for more: %v", err)
		}
		says("2.0.0")
		b.promote("greeter", three)
		says("3.0.0")
		if got, want := b.states("greeter"), "3.0.0 live, 2.0.0 previous, 1.0.0 previous"; got != want {
			t.Errorf("versions: %s, want %s", got, want)
		}
		for _, want := range []string{"2.0.0", "1.0.0"} {
			if info, err := b.Rollback(t.Context(), anna, "greeter", "it is worse"); err != nil || info.Version != want {
				t.Fatalf("rolled back to %s, %v, want %s", info.Version, err, want)
			}
			says(want)
		}
		if _, err := b.Rollback(t.Context(), anna, "greeter", ""); !errors.Is(err, ErrNothingBefore) {
			t.Errorf("a roll back too many: %v", err)
		}
		if err := b.Disable(t.Context(), anna, "greeter", "silence"); err != nil {
			t.Fatal(err)
		}
		b.accept(b.event(abi.MessagePosted), chat.Unwanted)
		later(0)
		if _, err := b.Enable(t.Context(), anna, "greeter", "speak"); err != nil {
			t.Fatal(err)
		}
		says("1.0.0")
		if err := b.Remove(t.Context(), anna, "greeter", one, ""); !errors.Is(err, ErrInUse) {
			t.Errorf("removing what runs: %v", err)
		}
		if err := b.Remove(t.Context(), anna, "greeter", three, "bad"); err != nil {
			t.Error(err)
		}
		if err := b.Remove(t.Context(), anna, "greeter", three, "bad"); !errors.Is(err, ErrUnknown) {
			t.Errorf("removing what is gone: %v", err)
		}
		if got, want := b.states("greeter"), "2.0.0 staged, 1.0.0 live"; got != want {
			t.Errorf("versions: %s, want %s", got, want)
		}
		if err := b.Remove(t.Context(), anna, "greeter", "", "enough"); !errors.Is(err, ErrInUse) {
			t.Errorf("removing a plugin that handles events: %v", err)
		}
		says("1.0.0")
		if err := b.Disable(t.Context(), anna, "greeter", "enough"); err != nil {
			t.Fatal(err)
		}
		if err := b.Remove(t.Context(), anna, "greeter", "", "enough"); err != nil {
			t.Fatal(err)
		}
		b.accept(b.event(abi.MessagePosted), chat.Unwanted)
		if _, err := b.Versions(t.Context(), "greeter"); !errors.Is(err, ErrUnknown) {
			t.Errorf("versions of what is gone: %v", err)
		}
		if n, err := registry.Sweep(t.Context(), b.store); err != nil || n != 6 {
			t.Errorf("%d rows of code swept, %v, want 6: three versions of two each", n, err)
		}
		text := func(v, sha string) string { return versionText(v, sha) }
		want := []string{
			"stage by Anna:  → " + text("1.0.0", one), "stage by Anna:  → " + text("2.0.0", two), "stage by Anna:  → " + text("3.0.0", three),
			"grant by Anna:  → send",
			"promote by Anna:  → " + text("1.0.0", one),
			"promote by Anna: " + text("1.0.0", one) + " → " + text("2.0.0", two),
			"promote by Anna: " + text("2.0.0", two) + " → " + text("3.0.0", three) + ", granted send, dm",
			"rollback by Anna: " + text("3.0.0", three) + " → " + text("2.0.0", two),
			"rollback by Anna: " + text("2.0.0", two) + " → " + text("1.0.0", one),
			"disable by Anna: " + text("1.0.0", one) + " → " + text("1.0.0", one) + ", disabled",
			"enable by Anna: " + text("1.0.0", one) + ", disabled → " + text("1.0.0", one),
			"remove by Anna: " + text("3.0.0", three) + " → ",
			"disable by Anna: " + text("1.0.0", one) + " → " + text("1.0.0", one) + ", disabled",
			"remove by Anna: " + text("1.0.0", one) + ", disabled → ",
		}
		if got := b.history("greeter"); !slices.Equal(got, want) {
			t.Errorf("the record is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestGrantHoldsAtOnce takes back a permission while the plugin runs, and gives
// it again.
func TestGrantHoldsAtOnce(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		sha := b.stage(greeter("1.0.0"))
		b.promote("greeter", sha)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(0)
		if err := b.Grant(t.Context(), anna, "greeter", nil, "no more"); err != nil {
			t.Fatal(err)
		}
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(0)
		if got := b.platform.texts(); len(got) != 1 {
			t.Errorf("answers %q after the permission was taken back", got)
		}
		if v, err := b.Version(t.Context(), "greeter", sha); err != nil || len(v.Missing) != 1 {
			t.Errorf("missing: %+v, %v", v.Missing, err)
		}
		if err := b.Grant(t.Context(), anna, "greeter", []abi.Need{{Cap: abi.CapSend}}, "after all"); err != nil {
			t.Fatal(err)
		}
		later(2 * time.Minute) // the event that failed is tried again
		if got := b.platform.texts(); len(got) != 2 {
			t.Errorf("answers %q after the permission was given again", got)
		}
		for _, bad := range []struct {
			name  string
			needs []abi.Need
			want  error
		}{{"greeter", []abi.Need{{Cap: "fly"}}, ErrManifest}, {"nobody", nil, ErrUnknown}} {
			if err := b.Grant(t.Context(), anna, bad.name, bad.needs, ""); !errors.Is(err, bad.want) {
				t.Errorf("granting %v to %s: %v, want %v", bad.needs, bad.name, err, bad.want)
			}
		}
	})
}

// TestOneChangeAtATime: a second change of a plugin does not wait, and one of
// another plugin does not mind.
func TestOneChangeAtATime(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		sha := b.stage(greeter("1.0.0"))
		m, h := greeter("1.0.0")
		m.Name = "other"
		other := b.stage(m, h)
		during := 0
		b.changes.step = func(at string) {
			if at != "live: ready" || during > 0 {
				return
			}
			during++
			if err := b.Disable(t.Context(), anna, "greeter", ""); !errors.Is(err, ErrChanging) {
				t.Errorf("a second change: %v, want ErrChanging", err)
			}
			b.promote("other", other)
		}
		b.promote("greeter", sha)
		if during != 1 {
			t.Error("nothing was tried meanwhile")
		}
	})
}

// TestOldVersionsGo stages more versions than are kept.
func TestOldVersionsGo(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Keep: Keep{Versions: 2}})
		b.start()
		b.promote("greeter", b.stage(greeter("1.0.0")))
		b.promote("greeter", b.stage(greeter("2.0.0")))
		for i := 3; i < 8; i++ {
			b.stage(greeter(fmt.Sprintf("%d.0.0", i)))
		}
		// What a roll back comes to stays, whatever came since.
		if got, want := b.states("greeter"), "7.0.0 staged, 2.0.0 live, 1.0.0 previous"; got != want {
			t.Errorf("versions: %s, want %s", got, want)
		}
		if _, err := b.Rollback(t.Context(), anna, "greeter", ""); err != nil {
			t.Error(err)
		}
	})
}

// TestAChangeIsMadeAgainAfterAConflict changes a row that a promotion relies on
// between its reading and its commit.
func TestAChangeIsMadeAgainAfterAConflict(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		sha := b.stage(greeter("1.0.0"))
		meddled := 0
		b.changes.step = func(at string) {
			if at != "live: ready" || meddled == 3 {
				return
			}
			meddled++
			batch := new(store.Batch)
			row := registry.Plugin{Name: "greeter", Rev: b.rev(store.Join("plugin", "greeter"))}
			if err := row.Put(batch); err != nil {
				t.Error(err)
			}
			if _, err := b.store.Commit(t.Context(), batch); err != nil {
				t.Error(err)
			}
		}
		b.promote("greeter", sha)
		if got := b.states("greeter"); meddled != 3 || got != "1.0.0 live" {
			t.Errorf("after %d conflicts: %s", meddled, got)
		}
	})
}

// rev is the revision of a row.
func (b *bot) rev(k store.Key) store.Rev {
	b.t.Helper()
	snap, err := b.store.Snapshot(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer snap.Close()
	row, err := snap.Get(b.t.Context(), k)
	if err != nil {
		b.t.Fatal(err)
	}
	return row.Rev
}
