package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
)

// moverPoints is what the plugin mover keeps of a member in state version 2.
type moverPoints struct {
	N    int
	Name string
}

// TestMigrationInTheSandbox brings the rows of a real module in a real store to
// another state version and back, under a stream of events, and says how fast
// that is, how long events were held, and what memory it took. With HEARTH_LONG
// they are 100,000.
func TestMigrationInTheSandbox(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it compiles real plugins, which takes minutes under the race detector")
	}
	rows, pause := 10_000, 4*time.Millisecond
	if os.Getenv("HEARTH_LONG") != "" {
		rows = 100_000
	}
	codes := map[int][]byte{}
	for state := 1; state <= 2; state++ {
		code, err := os.ReadFile(buildPlugin(t, "mover", fmt.Sprint("-X main.state=", state)))
		if err != nil {
			t.Fatal(err)
		}
		codes[state] = code
	}
	dir := t.TempDir()
	s, err := bolt.Open(t.Context(), filepath.Join(dir, "data"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := wasm.New(wasm.Options{CacheDir: verifytest.Plugins()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(context.Background())
	e, err := New(t.Context(), Options{Store: s, Wasm: w})
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < rows; {
		b := new(store.Batch)
		for ; n < rows && len(b.Writes()) < store.MaxOps; n++ {
			v, err := sdk.Encode(n)
			if err != nil {
				t.Fatal(err)
			}
			b.Put(stateKey("mover", fmt.Sprintf("m/old:%06d/points", n)), v)
		}
		if _, err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	install := func(state int) {
		t.Helper()
		if _, err := e.Install(t.Context(), codes[state], PluginOptions{GrantAll: true}); err != nil {
			t.Fatal(err)
		}
	}
	install(1)
	p := newFakePlatform("fake")
	if err := e.Attach(t.Context(), p); err != nil {
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

	stop, stopped := make(chan struct{}), make(chan struct{})
	var sent atomic.Int64
	go func() {
		defer close(stopped)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			n := sent.Load()
			ev := abi.Event{ID: fmt.Sprint("e", n), Source: "fake", Kind: abi.MessagePosted, Conversation: abi.Conversation{ID: fmt.Sprint("fake:c", n%8)},
				Member: abi.Member{ID: fmt.Sprint("new:", n%20), Name: "N"}, Message: &abi.Message{ID: "m", Text: "hi"}}
			if out, err := e.Accept(t.Context(), chat.Incoming{Event: ev}); err != nil || out != chat.Accepted {
				if t.Context().Err() == nil {
					t.Errorf("Accept = %v, %v", out, err)
				}
				return
			}
			sent.Add(1)
		}
	}()
	b := &bot{Engine: e, t: t, store: s}
	flow := func() {
		t.Helper()
		goal := sent.Load() + 20
		for end := time.Now().Add(time.Minute); sent.Load() < goal; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("events are not taken any more")
			}
		}
	}
	flow()
	// The largest heap while it runs, against the one before.
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, to := range []int{2, 1} {
		before := heap()
		var most atomic.Uint64
		watching, watched := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watched)
			for {
				select {
				case <-watching:
					return
				case <-time.After(200 * time.Millisecond):
				}
				// What compiling takes is another matter.
				if m, ok := e.Migration("mover"); ok && m.Ended.IsZero() {
					most.Store(max(most.Load(), heap()))
				}
			}
		}()
		began := time.Now()
		install(to)
		took := time.Since(began)
		close(watching)
		<-watched
		m, ok := e.Migration("mover")
		if !ok || m.Phase != MigrationDone || m.To != to || m.Rows < int64(rows) {
			t.Fatalf("%+v, %v", m, ok)
		}
		t.Logf("figure: %d rows of a real module to state version %d in %v (%.0f rows/s, beside an event every %v); events were held for %v at most, in %d tries; heap %d MiB before, %d MiB at most",
			m.Rows, to, took.Round(time.Millisecond), float64(m.Rows)/m.Ended.Sub(m.Began).Seconds(), pause, m.Held.Round(100*time.Microsecond), m.Holds,
			before>>20, most.Load()>>20)
		if grown := int64(most.Load()) - int64(before); grown > 64<<20 {
			t.Errorf("the heap grew by %d MiB: the rows are held in memory", grown>>20)
		}
		flow()
	}
	install(2)
	flow()
	close(stop)
	<-stopped
	settled(t, e, "fake")
	for end := time.Now().Add(2 * time.Minute); b.spacesOf("mover") > 1; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the old spaces are not erased")
		}
	}
	if f, err := e.Failures(t.Context()); err != nil || len(f) > 0 {
		t.Fatalf("failed events: %+v, %v", f, err)
	}
	at := e.plugin("mover").space.Load().name
	if n := b.counter(at, "c/sum"); n != sent.Load() {
		t.Errorf("%d events are counted of %d", n, sent.Load())
	}
	by := map[string]string{}
	olds, news := 0, 0
	for _, r := range b.rows(kState.Join(at)) {
		_, own := cutState(r.Key)
		switch {
		case strings.HasPrefix(own, "c/handled/"):
			who, err := sdk.Decode[string](r.Value)
			if err != nil {
				t.Fatalf("row %s: %v", r.Key, err)
			}
			by[strings.TrimPrefix(own, "c/handled/")] = who
		case strings.HasPrefix(own, "m/"):
			v, err := sdk.Decode[moverPoints](r.Value)
			if err != nil {
				t.Fatalf("row %s: %v", r.Key, err)
			}
			id := strings.Split(own, "/")[1]
			if v.Name != "member "+id {
				t.Fatalf("row %s is %+v", r.Key, v)
			}
			if n := 0; strings.HasPrefix(id, "old:") {
				if fmt.Sscanf(id, "old:%d", &n); n != v.N {
					t.Fatalf("row %s stands at %d", r.Key, v.N)
				}
				olds++
			} else {
				news += v.N
			}
		}
	}
	if olds != rows || news != int(sent.Load()) {
		t.Errorf("%d rows of %d are there; members have %d points of %d", olds, rows, news, sent.Load())
	}
	versions := map[string]int{}
	for n := range sent.Load() {
		versions[by[fmt.Sprint("e", n)]]++
	}
	if versions["1"]+versions["2"] != int(sent.Load()) || versions["1"] == 0 || versions["2"] == 0 {
		t.Errorf("%d events were handled by %v", sent.Load(), versions)
	}
}
