package host

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/rollout"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// TestTrialsOfModules runs a rollout and a silent trial of real modules: they get
// the config that the live version gets, are taken up again at the next start,
// and the candidate is made live with the image that it has.
func TestTrialsOfModules(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it compiles real plugins, which takes minutes under the race detector")
	}
	code, err := os.ReadFile(buildPlugin(t, "tuned"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := wasm.New(wasm.Options{CacheDir: verifytest.Plugins()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(context.Background())
	config := PluginOptions{}
	s := new(store.Mem)
	run := func() (*Engine, *fakePlatform, func()) {
		e, err := New(t.Context(), Options{Store: s, Wasm: w, Settings: func(*abi.Manifest) (PluginOptions, error) { return config, nil }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Restore(t.Context(), Start{}); err != nil {
			t.Fatal(err)
		}
		p := newFakePlatform("fake")
		if err := e.Attach(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx, time.Minute) }()
		return e, p, func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	n := 0
	says := func(e *Engine, p *fakePlatform, word string) {
		t.Helper()
		n++
		ev := abi.Event{ID: fmt.Sprint("e", n), Source: "fake", Kind: abi.MessagePosted, Conversation: abi.Conversation{ID: "fake:general"},
			Member: abi.Member{ID: "fake:ada", Name: "Ada"}, Message: &abi.Message{ID: "m", Text: "hi"}}
		before := len(p.texts())
		if out, err := e.Accept(t.Context(), chat.Incoming{Event: ev}); err != nil || out != chat.Accepted {
			t.Fatalf("Accept = %v, %v", out, err)
		}
		settled(t, e, "fake")
		if got := p.texts(); len(got) != before+1 || !strings.Contains(got[before], word) {
			t.Fatalf("answered %q, want %q", got[before:], word)
		}
	}
	// tried waits until the silent trial has seen so many events.
	tried := func(e *Engine, want int) ShadowReport {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			r, err := e.ShadowReport("tuned")
			if err != nil || time.Now().After(end) {
				t.Fatalf("%+v, %v", r, err)
			}
			if r.Events >= want {
				return r
			}
		}
	}

	e, p, stop := run()
	var shas []string
	for _, c := range [][]byte{code, otherwise(code), otherwise(code)} {
		v, err := e.Stage(t.Context(), Upload{Code: c, Who: anna})
		if err != nil {
			t.Fatal(err)
		}
		shas = append(shas, v.SHA256)
	}
	if _, err := e.Promote(t.Context(), anna, "tuned", shas[0], "", PromoteOptions{Grant: true}); err != nil {
		t.Fatal(err)
	}
	if err := e.Rollout(t.Context(), anna, "tuned", rollout.Spec{SHA256: shas[1], Channels: []string{"fake:general"}}, ""); err != nil {
		t.Fatal(err)
	}
	says(e, p, "first")
	if r, err := e.RolloutState("tuned"); err != nil || r.Candidate.Events != 1 || r.Candidate.Window.P95 <= 0 || r.Candidate.Window.Fuel <= 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	config.Config = []byte(`{"word": "second"}`)
	if err := e.Configure(t.Context(), "tuned", config); err != nil {
		t.Fatal(err)
	}
	says(e, p, "second") // the candidate, with the live version's config
	if r, err := e.RolloutState("tuned"); err != nil || r.Candidate.Events != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	stop()

	e, p, stop = run()
	says(e, p, "second")
	if r, err := e.RolloutState("tuned"); err != nil || r.Candidate.SHA256 != shas[1] || r.Candidate.Events != 1 {
		t.Fatalf("after a restart %+v, %v", r, err)
	}
	if err := e.EndRollout(t.Context(), anna, "tuned", true, ""); err != nil {
		t.Fatal(err)
	}
	if live := e.Plugins()[0].SHA256; live != shas[1] {
		t.Fatalf("live is %.12s", live)
	}
	if err := e.Shadow(t.Context(), anna, "tuned", shas[2], ""); err != nil {
		t.Fatal(err)
	}
	says(e, p, "second")
	if r := tried(e, 1); r.Same != 1 || r.Fuel <= 0 || r.Fuel != r.LiveFuel {
		t.Fatalf("%+v", r)
	}
	stop()

	e, p, stop = run()
	defer stop()
	says(e, p, "second")
	if r := tried(e, 1); r.SHA256 != shas[2] || r.Same != 1 {
		t.Fatalf("after a restart %+v", r)
	}
	if _, err := e.Promote(t.Context(), anna, "tuned", shas[2], "", PromoteOptions{}); err != nil {
		t.Fatal(err)
	}
	says(e, p, "second")
	if r, err := e.ShadowReport("tuned"); err != nil || r.SHA256 != "" {
		t.Errorf("%+v, %v", r, err)
	}
}
