package host

import (
	"errors"
	"os"
	"testing"

	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// TestInstalledTogether: what cannot be installed holds up no other, and plugins
// that come together know each other's commands from the first image on.
func TestInstalledTogether(t *testing.T) {
	w, err := wasm.New(wasm.Options{CacheDir: verifytest.Plugins()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(t.Context())
	e, err := New(t.Context(), Options{Store: new(store.Mem), Wasm: w})
	if err != nil {
		t.Fatal(err)
	}
	list := []Installation{{Code: []byte("no module")}}
	for _, name := range []string{"counter", "writer"} {
		code, err := os.ReadFile(buildPlugin(t, name))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Installation{Code: code, Options: PluginOptions{GrantAll: true}})
	}
	done := e.InstallAll(t.Context(), list)
	if len(done) != 3 || !errors.Is(done[0].Err, wasm.ErrABI) || done[1].Err != nil || done[2].Err != nil {
		t.Fatalf("InstallAll = %+v, want an error of the first only", done)
	}
	if done[1].Name != "counter" || done[2].Name != "writer" {
		t.Errorf("installed %s and %s", done[1].Name, done[2].Name)
	}
	images := map[string]*version{}
	for _, name := range []string{"counter", "writer"} {
		images[name] = e.plugin(name).version()
	}
	e.refresh(t.Context())
	for name, v := range images {
		if e.plugin(name).version() != v {
			t.Errorf("the image of %s was taken again, and nothing had changed", name)
		}
	}
}

// TestSetupKnowsWhatComesWithIt: the image is told of the commands that will be
// live with it, and of none that goes.
func TestSetupKnowsWhatComesWithIt(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		command := func(plugin string, names ...string) abi.Manifest {
			m := abi.Manifest{ABI: abi.Version, Name: plugin, Version: "1"}
			for _, n := range names {
				m.Commands = append(m.Commands, abi.CommandDef{Name: n, Help: abi.Localized{{Locale: "en", Text: n}}})
			}
			return m
		}
		b.plugin(command("old", "stays", "goes"), nil)
		b.plugin(command("other", "theirs"), nil)
		own, old := command("new", "mine"), command("old", "stays", "comes")
		raw, err := b.setup(t.Context(), &own, PluginOptions{}, []abi.Manifest{own, old})
		if err != nil {
			t.Fatal(err)
		}
		var s abi.Setup
		if _, err := s.UnmarshalMsg(raw); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range s.Commands {
			got += c.Plugin + "/" + c.Name + " "
		}
		if want := "old/comes new/mine old/stays other/theirs "; got != want {
			t.Errorf("the image is told of %q, want %q", got, want)
		}
	})
}
