package registry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/store"
)

func shaOf(code []byte) string {
	sum := sha256.Sum256(code)
	return hex.EncodeToString(sum[:])
}

func sha(n int) string { return shaOf(fmt.Append(nil, n)) }

func open(t testing.TB) store.Store {
	s := new(store.Mem)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func snapshot(t testing.TB, s store.Store) store.Snapshot {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = snap.Close() })
	return snap
}

func commit(t testing.TB, s store.Store, fill func(b *store.Batch) error) error {
	t.Helper()
	b := new(store.Batch)
	if err := fill(b); err != nil {
		t.Fatal(err)
	}
	_, err := s.Commit(t.Context(), b)
	return err
}

// bring puts a version of name into s.
func bring(t testing.TB, s store.Store, name string, code []byte, order uint64) registry.Version {
	t.Helper()
	c, err := registry.PutCode(t.Context(), s, shaOf(code), code)
	if err != nil {
		t.Fatal(err)
	}
	v := registry.Version{Name: name, SHA256: c.SHA256, Version: fmt.Sprint("1.0.", order), StateVersion: 2, Manifest: []byte{1, 2, 3}, Size: int64(len(code)),
		Uploaded: time.UnixMilli(1_700_000_000_000 + int64(order)).UTC(), By: audit.Who{ID: "token/1", Name: "Anna", Role: "admin", Via: "api"}, Why: "for the test",
		Bundled: true, Signature: registry.Signature{Status: registry.SignedWell, Key: "0123456789ABCDEF", Comment: "made here"}, SelfTest: "passed", Order: order}
	if err := commit(t, s, func(b *store.Batch) error { return v.Put(b, c) }); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRows(t *testing.T) {
	s := open(t)
	big := bytes.Repeat([]byte("hearth"), 300_000) // of four chunks
	a, b := bring(t, s, "welcome", big, 1), bring(t, s, "welcome", []byte("two"), 2)
	other := bring(t, s, "tasks", []byte("three"), 3)
	snap := snapshot(t, s)
	list, err := registry.Versions(t.Context(), snap, "welcome")
	if err != nil || len(list) != 2 {
		t.Fatalf("%d versions, %v", len(list), err)
	}
	for i, want := range []registry.Version{b, a} {
		want.Rev = list[i].Rev
		if !reflect.DeepEqual(list[i], want) {
			t.Errorf("read  %+v\nwrote %+v", list[i], want)
		}
	}
	if all, err := registry.Versions(t.Context(), snap, ""); err != nil || len(all) != 3 || all[0].SHA256 != other.SHA256 {
		t.Errorf("all: %d, %v", len(all), err)
	}
	if code, err := registry.ReadCode(t.Context(), snap, a.SHA256); err != nil || !bytes.Equal(code, big) {
		t.Errorf("%d bytes of code, %v", len(code), err)
	}
	p, err := registry.PluginOf(t.Context(), snap, "welcome")
	if err != nil || p.Rev != 0 || p.Name != "welcome" {
		t.Fatalf("%+v, %v", p, err)
	}
	p.Promote(a.SHA256)
	p.Rollout, p.RolloutOf, p.Shadow, p.Disabled, p.Bundled = []byte(`{"share":5}`), b.SHA256, b.SHA256, true, a.SHA256
	if err := commit(t, s, p.Put); err != nil {
		t.Fatal(err)
	}
	if err := commit(t, s, p.Put); !errors.Is(err, store.ErrConflict) {
		t.Errorf("writing what has changed since: %v", err)
	}
	got, err := registry.PluginOf(t.Context(), snapshot(t, s), "welcome")
	p.Rev = got.Rev
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("read  %+v\nwrote %+v, %v", got, p, err)
	}
	if list, err := registry.Plugins(t.Context(), snapshot(t, s)); err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], p) {
		t.Errorf("%+v, %v", list, err)
	}
	for what, err := range map[string]error{
		"a version": func() error {
			_, err := registry.VersionOf(t.Context(), snap, "welcome", other.SHA256)
			return err
		}(),
		"code": func() error { _, err := registry.ReadCode(t.Context(), snap, sha(99)); return err }(),
	} {
		if !errors.Is(err, registry.ErrUnknown) {
			t.Errorf("%s that is not there: %v", what, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := open(t)
	for _, c := range []struct {
		sha  string
		code []byte
		want error
	}{
		{sha(1), []byte("not it"), registry.ErrInvalid},
		{"../x", []byte("x"), registry.ErrInvalid},
		{sha(1), make([]byte, registry.MaxCode+1), registry.ErrTooLarge},
	} {
		if _, err := registry.PutCode(t.Context(), s, c.sha, c.code); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.sha, err, c.want)
		}
	}
	for row, err := range snapshot(t, s).Scan(t.Context(), store.Range{}) {
		t.Errorf("there is a row %s, %v", row.Key, err)
	}
	p := registry.Plugin{Name: "welcome", Live: "x"}
	if err := p.Put(new(store.Batch)); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("a row that leads nowhere: %v", err)
	}
}

// TestCodeThatIsNotWhatItWas changes a chunk behind the registry's back.
func TestCodeThatIsNotWhatItWas(t *testing.T) {
	s := open(t)
	v := bring(t, s, "welcome", []byte("sound code"), 1)
	var chunk store.Key
	for row := range snapshot(t, s).Scan(t.Context(), store.Prefix(store.Join("blob", v.SHA256).Prefix())) {
		chunk = row.Key
	}
	if err := commit(t, s, func(b *store.Batch) error { b.Put(chunk, []byte("other code")); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.ReadCode(t.Context(), snapshot(t, s), v.SHA256); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
}

func TestSweep(t *testing.T) {
	s := open(t)
	kept := bring(t, s, "welcome", bytes.Repeat([]byte("kept"), 200_000), 1)
	gone := bring(t, s, "welcome", []byte("gone"), 2)
	late := []byte("never named")
	onWay, err := registry.PutCode(t.Context(), s, shaOf(late), late)
	if err != nil {
		t.Fatal(err)
	}
	if err := commit(t, s, func(b *store.Batch) error {
		registry.Drop(b, gone)
		b.Put(store.Join("blob", sha(7), "~", "set", store.Seq(0)), []byte("of a crash"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n, err := registry.Sweep(t.Context(), s); err != nil || n != 5 {
		t.Errorf("%d rows swept, %v; want 5: two of each code, and a chunk", n, err)
	}
	if n, err := registry.Sweep(t.Context(), s); err != nil || n != 0 {
		t.Errorf("%d rows swept again, %v", n, err)
	}
	if _, err := registry.ReadCode(t.Context(), snapshot(t, s), kept.SHA256); err != nil {
		t.Error(err)
	}
	v := registry.Version{Name: "welcome", SHA256: onWay.SHA256}
	if err := commit(t, s, func(b *store.Batch) error { return v.Put(b, onWay) }); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a version whose code was swept meanwhile: %v, want a conflict", err)
	}
}

func TestForget(t *testing.T) {
	s := open(t)
	v := bring(t, s, "welcome", []byte("code"), 1)
	names := func(b []byte) bool { return bytes.Contains(b, []byte("token/1")) }
	for _, want := range []int{1, 0} {
		if n, err := registry.Forget(t.Context(), s, names); err != nil || n != want {
			t.Errorf("%d versions changed, %v, want %d", n, err, want)
		}
	}
	got, err := registry.VersionOf(t.Context(), snapshot(t, s), "welcome", v.SHA256)
	if want := (audit.Who{ID: audit.Forgotten, Name: audit.Forgotten, Role: "admin", Via: "api"}); err != nil || got.By != want || got.Why != v.Why {
		t.Errorf("brought by %+v, %v, want %+v", got.By, err, want)
	}
}

// TestPromoteAndRollBack: however it goes to and fro, what is live is not among
// what was before, nothing is there twice, and each roll back undoes.
func TestPromoteAndRollBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := registry.Plugin{Name: "p"}
		var undo []string
		for range rapid.IntRange(1, 40).Draw(t, "changes") {
			if rapid.IntRange(0, 2).Draw(t, "back") == 0 {
				was, before := p.Live, slices.Clone(p.Previous)
				switch ok := p.RollBack(); {
				case ok != (len(before) > 0):
					t.Fatalf("rolled back: %v, with %d before", ok, len(before))
				case ok && (p.Live != before[0] || slices.Contains(p.Previous, was)):
					t.Fatalf("rolled back from %.4s to %.4s, want %.4s", was, p.Live, before[0])
				}
			} else {
				was := p.Live
				p.Promote(sha(rapid.IntRange(0, 5).Draw(t, "version")))
				if was != "" && was != p.Live && p.Previous[0] != was {
					t.Fatalf("%.4s was live, and a roll back comes to %.4s", was, p.Previous[0])
				}
			}
			undo = append([]string{p.Live}, p.Previous...)
			sorted := slices.Sorted(slices.Values(undo))
			if len(slices.Compact(sorted)) != len(undo) {
				t.Fatalf("twice: %.4s", undo)
			}
		}
	})
}

// TestOld: what runs never goes, as many as asked stay, and the next roll back
// has somewhere to go.
func TestOld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, keep := rapid.IntRange(0, 12).Draw(t, "versions"), rapid.IntRange(1, 6).Draw(t, "keep")
		var all []registry.Version
		for i := range n {
			all = append(all, registry.Version{Name: "p", SHA256: sha(i), Order: uint64(i + 1)})
		}
		p := registry.Plugin{Name: "p"}
		if n > 0 {
			some := func(name string) string { return sha(rapid.IntRange(0, n-1).Draw(t, name)) }
			p.Live, p.RolloutOf = some("live"), some("rollout")
			if before := some("previous"); before != p.Live {
				p.Previous = []string{before}
			}
		}
		old := registry.Old(&p, rapid.Permutation(all).Draw(t, "order"), keep)
		gone := map[string]bool{}
		for _, v := range old {
			gone[v.SHA256] = true
		}
		runs := slices.Compact(slices.Sorted(slices.Values(p.Runs())))
		if want := max(0, n-len(runs)-keep); len(old) != want || len(gone) != want {
			t.Fatalf("%d of %d go with %d kept beside %d, want %d", len(old), n, keep, len(runs), want)
		}
		for _, s := range slices.Concat(runs, p.Previous) {
			if gone[s] {
				t.Fatalf("%.4s goes", s)
			}
		}
		for _, v := range all {
			for _, w := range old {
				if !gone[v.SHA256] && v.Order < w.Order && !slices.Contains(slices.Concat(runs, p.Previous), v.SHA256) {
					t.Fatalf("%d stays and the newer %d goes", v.Order, w.Order)
				}
			}
		}
	})
}

// FuzzRows reads rows that say anything.
func FuzzRows(f *testing.F) {
	f.Add([]byte(`{"live":"x","previous":["y"]}`), []byte(`{"version":"1","manifest":"AQ==","size":1}`))
	f.Add([]byte(`{`), []byte(`[]`))
	f.Add([]byte(nil), []byte(`{"uploaded":9223372036854775807,"order":18446744073709551615}`))
	f.Fuzz(func(t *testing.T, plugin, version []byte) {
		s := open(t)
		if err := commit(t, s, func(b *store.Batch) error {
			b.Put(store.Join("plugin", "p"), plugin)
			b.Put(store.Join("version", "p", sha(1)), version)
			b.Put(store.Join("blob", sha(1)), version)
			return nil
		}); err != nil {
			t.Skip(err)
		}
		snap := snapshot(t, s)
		if p, err := registry.PluginOf(t.Context(), snap, "p"); err == nil {
			p.Promote(sha(2))
			p.RollBack()
			p.Runs()
		} else if !errors.Is(err, registry.ErrInvalid) {
			t.Errorf("a row that says anything: %v", err)
		}
		if v, err := registry.VersionOf(t.Context(), snap, "p", sha(1)); err == nil {
			registry.Old(&registry.Plugin{}, []registry.Version{v}, 0)
		} else if !errors.Is(err, registry.ErrInvalid) {
			t.Errorf("a row that says anything: %v", err)
		}
		if _, err := registry.ReadCode(t.Context(), snap, sha(1)); err == nil {
			t.Error("code was read that nobody put")
		}
	})
}
