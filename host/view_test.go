package host

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// TestTellAndQuery: what a plugin is told of is in its image when it is asked
// the next time, and what goes wrong is said.
func TestTellAndQuery(t *testing.T) {
	w, err := wasm.New(wasm.Options{CacheDir: verifytest.Plugins()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(context.Background())
	e, err := New(t.Context(), Options{Store: new(store.Mem), Wasm: w, Views: 1 << 20, Retries: Retries{Delays: []time.Duration{time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(buildPlugin(t, "shelf"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Install(t.Context(), code, PluginOptions{GrantAll: true}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx, time.Minute) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	ask := func(role, path string) abi.View {
		t.Helper()
		v, err := e.Query(t.Context(), "shelf", abi.Query{Path: path, Role: role, Params: []abi.Annotation{{Name: "id", Value: "b"}}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tell := func(id, name, value string) error {
		return e.Tell(t.Context(), id, "shelve", []abi.Annotation{{Name: name, Value: value}})
	}
	for i, title := range []string{"Dune", "Emma", "Ulysses"} {
		if err := tell(title, "b", title); err != nil {
			t.Fatal(err)
		}
		if got, want := string(ask("manager", "/titles").Body), `{"kept":{"b":"`+title+`"},"stored":"`+title+`"}`; got != want {
			t.Errorf("after %d: %s, want %s", i, got, want)
		}
	}
	if err := tell("Emma", "b", "Persuasion"); err != nil { // an id that was there before
		t.Error(err)
	}
	if v := ask("", "/titles"); v.Status != 403 || !strings.Contains(string(v.Body), `"Ulysses"`) {
		t.Errorf("%d %s", v.Status, v.Body)
	}
	if v := ask("", "/none"); v.Status != 404 {
		t.Errorf("%d %s", v.Status, v.Body)
	}
	if err := tell("x", "b", "fire"); err == nil || !strings.Contains(err.Error(), "plugin shelf: no fire near the books") {
		t.Errorf("a plugin that fails: %v", err)
	}
	if err := e.Tell(t.Context(), "y", "nothing", nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("telling nobody: %v", err)
	}
	if _, err := e.Query(t.Context(), "none", abi.Query{Path: "/"}); !errors.Is(err, ErrUnknown) {
		t.Errorf("asking nobody: %v", err)
	}
}
