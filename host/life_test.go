package host

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
)

// The child of TestKilledWhileAPluginChanges: an engine with a real store and
// real sandboxes, which changes a plugin once and is killed over it.
const (
	lifeDir  = "HEARTH_TEST_LIFE_DIR"
	lifeDo   = "HEARTH_TEST_LIFE_DO"   // stage, promote SHA or rollback
	lifeStep = "HEARTH_TEST_LIFE_STEP" // where it says that it is there
	lifeWait = "HEARTH_TEST_LIFE_WAIT" // and whether it waits there to be killed
)

func lifeChild(dir string) error {
	ctx := context.Background()
	e, w, s, err := openLife(ctx, dir)
	if err != nil {
		return err
	}
	defer s.Close()
	defer w.Close(ctx)
	e.changes.step = func(at string) {
		if at != os.Getenv(lifeStep) {
			return
		}
		fmt.Println("at " + at)
		if os.Getenv(lifeWait) != "" {
			select {}
		}
	}
	switch do, sha, _ := strings.Cut(os.Getenv(lifeDo), " "); do {
	case "stage":
		var code []byte
		if code, err = os.ReadFile(filepath.Join(dir, "upload.wasm")); err == nil {
			_, err = e.Stage(ctx, Upload{Code: code, Who: anna})
		}
	case "promote":
		_, err = e.Promote(ctx, anna, "life", sha, "", PromoteOptions{})
	case "rollback":
		_, err = e.Rollback(ctx, anna, "life", "")
	}
	if err != nil {
		return err
	}
	fmt.Println("done")
	select {}
}

// openLife is an engine as its registry has it.
func openLife(ctx context.Context, dir string) (*Engine, *wasm.Engine, store.Store, error) {
	s, err := bolt.Open(ctx, filepath.Join(dir, "data"), bolt.Options{})
	if err != nil {
		return nil, nil, nil, err
	}
	w, err := wasm.New(wasm.Options{CacheDir: verifytest.Plugins(), Sandboxes: 1})
	if err != nil {
		return nil, nil, nil, err
	}
	e, err := New(ctx, Options{Store: s, Wasm: w, Sandboxes: 1})
	if err != nil {
		return nil, nil, nil, err
	}
	list, err := e.Restore(ctx, Start{})
	for _, i := range list {
		if err == nil {
			err = i.Err
		}
	}
	return e, w, s, err
}

// life is the data directory whose owner is killed again and again.
type life struct {
	t   *testing.T
	dir string
	n   int // events so far
}

// look opens the directory, holds it to being consistent, lets f act on it, and
// closes it again. It returns which version runs.
func (l *life) look(f func(b *bot)) (running string) {
	t := l.t
	t.Helper()
	e, w, s, err := openLife(t.Context(), l.dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &bot{Engine: e, t: t, store: s, platform: newFakePlatform("fake")}
	if err := b.Attach(t.Context(), b.platform); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx, time.Minute) }()
	if f != nil {
		f(b)
	}
	if p := b.Engine.plugin("life"); p != nil && p.version() != nil {
		running = p.version().manifest.Version
		before := b.counter("life", "c/"+running)
		l.n++
		ev := abi.Event{ID: fmt.Sprint("e", l.n, "-", time.Now().UnixNano()), Source: "fake", Kind: abi.MessagePosted, Conversation: abi.Conversation{ID: "fake:c"},
			Member: abi.Member{ID: "fake:ada", Name: "Ada"}, Message: &abi.Message{ID: "m", Text: "hi"}}
		b.accept(ev, chat.Accepted)
		settled(t, b.Engine, "fake")
		if n := b.counter("life", "c/"+running); n != before+1 {
			t.Errorf("version %s runs, and counts %d after %d", running, n, before)
		}
	}
	b.consistent()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := w.Close(context.WithoutCancel(ctx)); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return running
}

// consistent holds the registry to leading nowhere in vain, and the record of
// changes to saying what the registry says.
func (b *bot) consistent() {
	t, ctx := b.t, b.t.Context()
	t.Helper()
	if _, err := registry.Sweep(ctx, b.store); err != nil {
		t.Error(err)
	}
	snap, err := b.store.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	versions, err := registry.Versions(ctx, snap, "")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]registry.Version{}
	for _, v := range versions {
		there[v.SHA256] = v
		code, err := registry.ReadCode(ctx, snap, v.SHA256)
		if err != nil || int64(len(code)) != v.Size {
			t.Errorf("version %s has %d bytes of code of %d, %v", v.Version, len(code), v.Size, err)
		}
	}
	blobs := map[string]bool{}
	for row, err := range snap.Scan(ctx, store.Prefix("blob/")) {
		if err != nil {
			t.Fatal(err)
		}
		blobs[row.Key.Segments()[1]] = true
	}
	if len(blobs) != len(there) {
		t.Errorf("there is code of %d versions, and there are %d", len(blobs), len(there))
	}
	rows, err := registry.Plugins(ctx, snap)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range rows {
		for _, sha := range append(p.Runs(), p.Previous...) {
			if _, ok := there[sha]; !ok {
				t.Errorf("plugin %s leads to %.12s, which is not there", p.Name, sha)
			}
		}
		if live := b.Engine.plugin(p.Name); live == nil || live.version() == nil || live.version().sha != p.Live {
			t.Errorf("plugin %s does not run as %.12s, which is live", p.Name, p.Live)
		}
		list, err := b.audit.List(ctx, audit.Filter{On: pluginObject(p.Name)})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if e.Did == "plugin.promote" || e.Did == "plugin.rollback" {
				if v := there[p.Live]; e.After != versionText(v.Version, v.SHA256) {
					t.Errorf("the last thing on record is %s → %s, and %s is live", e.Did, e.After, v.Version)
				}
				break
			}
		}
	}
}

// killed runs a child that changes the plugin and kills it: at a step, or some
// time behind it. It says whether the change was reported as done before.
func (l *life) killed(do, step string, behind time.Duration) (done bool) {
	t := l.t
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), lifeDir+"="+l.dir, lifeDo+"="+do, lifeStep+"="+step)
	if behind == 0 {
		cmd.Env = append(cmd.Env, lifeWait+"=yes")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil || line != "at "+step+"\n" {
		t.Fatalf("the child did not come to %q: %q, %v\n%s", step, line, err, &stderr)
	}
	time.Sleep(behind)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(lines)
	_ = cmd.Wait() // it was killed
	return strings.Contains(string(rest), "done")
}

// padded is a version of the plugin whose code has a few chunks.
func padded(tb testing.TB, version string) []byte {
	m := countingModule("life", version)
	pad := make([]byte, 2<<20)
	for i := range pad {
		pad[i] = byte(rand.Uint32())
	}
	m.behind = section(0, append(sized([]byte("pad")), pad...))
	return m.code(tb)
}

// TestKilledWhileAPluginChanges kills hearth while a plugin is uploaded, staged,
// made live and rolled back, at each awkward step and between them: afterwards
// the registry is consistent, the version that runs is the one of before or the
// new one, what was reported as done is done, and what was begun can be done.
func TestKilledWhileAPluginChanges(t *testing.T) {
	kills := 20
	if testing.Short() {
		kills = 4
	}
	for _, c := range []struct {
		name, do string
		steps    []string
		behind   time.Duration // a step, at most
	}{
		{"upload", "stage", []string{"stage: tried"}, 40 * time.Millisecond}, // chunks are written behind it
		{"staging", "stage", []string{"stage: code", "stage: done"}, 5 * time.Millisecond},
		{"promotion", "promote", []string{"live: ready", "live: committed", "live: swapped"}, 5 * time.Millisecond},
		{"rollback", "rollback", []string{"live: ready", "live: committed", "live: swapped"}, 5 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := &life{t: t, dir: t.TempDir()}
			var shas []string
			l.look(func(b *bot) {
				for i := range 3 {
					v, err := b.Stage(t.Context(), Upload{Code: padded(t, fmt.Sprintf("%d.0.0", i+1)), Who: anna})
					if err != nil {
						t.Fatal(err)
					}
					shas = append(shas, v.SHA256)
					b.promote("life", v.SHA256)
				}
			})
			was, kept, all := "3.0.0", 0, 0
			for i := range kills {
				do, want := c.do, ""
				l.look(func(b *bot) { // what the child is to do
					live := b.Engine.plugin("life").version().sha
					switch c.do {
					case "stage":
						want = fmt.Sprintf("%d.0.0", 100+i)
						if err := os.WriteFile(filepath.Join(l.dir, "upload.wasm"), padded(t, want), 0o600); err != nil {
							t.Fatal(err)
						}
					case "promote":
						next := shas[i%len(shas)]
						if next == live {
							next = shas[(i+1)%len(shas)]
						}
						do += " " + next
						want = b.nameOf(t.Context(), "life", next)
					case "rollback":
						if i%2 == 0 {
							for _, s := range shas {
								b.promote("life", s)
							}
							live = shas[len(shas)-1]
						}
						row := b.pluginRow("life")
						want = b.nameOf(t.Context(), "life", row.Previous[0])
					}
					want, _, _ = strings.Cut(want, " ")
					was, _, _ = strings.Cut(b.nameOf(t.Context(), "life", live), " ")
				})
				var behind time.Duration
				if i%2 == 1 {
					behind = time.Duration(1 + rand.IntN(int(c.behind)))
				}
				done := l.killed(do, c.steps[i/2%len(c.steps)], behind)
				var staged bool
				running := l.look(func(b *bot) {
					list, err := b.Versions(t.Context(), "life")
					if err != nil {
						t.Fatal(err)
					}
					for _, v := range list {
						staged = staged || v.Version == want
					}
				})
				if c.do == "stage" {
					if running != was || done && !staged {
						t.Fatalf("kill %d: %s runs and %s did; staged: %v, reported: %v", i, running, was, staged, done)
					}
				} else if running != was && running != want || done && running != want {
					t.Fatalf("kill %d: %s runs; it was %s, to be %s, reported: %v", i, running, was, want, done)
				}
				all++
				if c.do == "stage" && !staged || c.do != "stage" && running == was {
					kept++
				}
			}
			t.Logf("figure: %d kills during %s: after %d all was as before, after %d the change was made; never in between", all, c.name, kept, all-kept)
		})
	}
}

// pluginRow is what is decided about a plugin.
func (b *bot) pluginRow(name string) registry.Plugin {
	b.t.Helper()
	snap, err := b.store.Snapshot(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer snap.Close()
	p, err := registry.PluginOf(b.t.Context(), snap, name)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}
