package host

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// realEngine is an engine with a real sandbox and a plugin in it, running until
// the test ends.
func realEngine(t *testing.T, module string) (*Engine, *fakePlatform) {
	t.Helper()
	w, err := wasm.New(wasm.Options{CacheDir: verifytest.Plugins()})
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(t.Context(), Options{Store: new(store.Mem), Wasm: w})
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Install(t.Context(), code, PluginOptions{GrantAll: true}); err != nil {
		t.Fatal(err)
	}
	p := newFakePlatform("fake")
	if err := e.Attach(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx, time.Minute) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e, p
}

// settled waits until nothing waits any more.
func settled(t *testing.T, e *Engine, p string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); e.backlog()+e.platform(p).lanes.length() > 0; <-tick.C {
		if time.Now().After(end) {
			t.Fatal("the engine does not come to rest")
		}
	}
}

// TestAPluginInC runs a plugin that was written from ABI.md alone, without a
// line of Go, through the engine.
func TestAPluginInC(t *testing.T) {
	for _, tool := range []string{"clang", "wasm-ld"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("HEARTH_CI") != "" {
				t.Fatal(tool, " is missing, and HEARTH_CI asks for it")
			}
			t.Skip("no ", tool, " found: install clang and lld to see a plugin in C at work")
		}
	}
	module := filepath.Join(t.TempDir(), "greeter.wasm")
	build := exec.Command("clang", "--target=wasm32", "-Os", "-mbulk-memory", "-ffreestanding", "-nostdlib", "-Wl,--no-entry", "-o", module,
		filepath.Join("..", "sdk", "abi", "testdata", "cplugin", "plugin.c"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	e, p := realEngine(t, module)
	general := abi.Conversation{ID: "fake:general", Kind: abi.Channel}
	ada := abi.Member{ID: "fake:ada", Name: "Ada"}
	for _, ev := range []abi.Event{
		{ID: "1", Source: "fake", Kind: abi.MemberJoined, Conversation: general, Member: ada},
		{ID: "2", Source: "fake", Kind: abi.MemberJoined, Conversation: general, Member: ada},
		{ID: "3", Source: "fake", Kind: abi.CommandInvoked, Conversation: general, Member: ada, Command: &abi.Command{Name: "greeted"}},
	} {
		if out, err := e.Accept(t.Context(), chat.Incoming{Event: ev}); err != nil || out != chat.Accepted {
			t.Fatalf("Accept(%s) = %v, %v", ev.ID, out, err)
		}
		settled(t, e, "fake")
	}
	if f, err := e.Failures(t.Context()); err != nil || len(f) > 0 {
		t.Fatalf("failures: %+v, %v", f, err)
	}
	got := p.texts()
	if len(got) != 2 {
		t.Fatalf("delivered %q, want a greeting, once, and the answer", got)
	}
	t.Log(got)
}

// TestLaw4EveryInvocationStartsPristine runs a plugin that looks for what the
// event before left in memory; it logs what it finds.
func TestLaw4EveryInvocationStartsPristine(t *testing.T) {
	e, p := realEngine(t, buildPlugin(t, "counter"))
	for i := range 200 {
		ev := abi.Event{ID: string(rune('a'+i%26)) + store.Seq(uint64(i)), Source: "fake", Kind: abi.MessagePosted,
			Conversation: abi.Conversation{ID: "fake:general"}, Member: abi.Member{ID: "fake:ada", Name: "Ada"}, Message: &abi.Message{ID: "m", Text: "hi"}}
		if _, err := e.Accept(t.Context(), chat.Incoming{Event: ev}); err != nil {
			t.Fatal(err)
		}
	}
	settled(t, e, "fake")
	b := &bot{t: t, store: e.store}
	if w := b.warnings(); w != "" {
		t.Error(w)
	}
	if n := b.counter("counter", "c/total"); n != 200 || len(p.texts()) != 200 {
		t.Errorf("%d counted and %d answered of 200", n, len(p.texts()))
	}
}
