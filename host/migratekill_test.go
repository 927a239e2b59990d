package host

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	"github.com/hearthbot/hearth/store/bolt"
)

// The child of TestKilledDuringMigration: an engine with a real store whose
// plugin goes from one state version to the other and back, again and again,
// under a stream of events. It says on its standard output what it is at.
const vaultDir = "HEARTH_TEST_VAULT_DIR"

const vaultRows = 2000

// vault is a plugin that counts events in c/sum/PLACE, and writes a row again
// that they name. Row ID is
//
//	1   c/n/ID with ID
//	2   c/n/ID with "=" before it and an empty c/also/ID if ID is even, else c/at/ID with ID
func vault(state int) mover {
	return mover{
		handler: func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			var ef abi.Effects
			if c.Event.Message == nil {
				return ef, nil
			}
			ef.Adds = []abi.Add{{Key: "c/sum/" + abi.KeySegment(c.Event.Conversation.ID), Delta: 1}, {Key: "c/sum/all", Delta: 1}}
			n, _ := strconv.Atoi(c.Event.Message.Text)
			for _, r := range vaultRow(state, n) {
				ef.Writes = append(ef.Writes, abi.Write{Key: r.Key, Value: r.Value})
			}
			return ef, nil
		},
		migrate: rowwise(func(m *abi.Migration, r abi.Pair) ([]abi.Pair, error) {
			_, rest, _ := strings.Cut(r.Key, "/")
			what, id, _ := strings.Cut(rest, "/")
			n, _ := strconv.Atoi(id)
			switch {
			case what == "sum":
				return []abi.Pair{r}, nil
			case what == "also":
				return nil, nil
			}
			return vaultRow(m.To, n), nil
		}),
	}
}

func vaultRow(state, n int) []abi.Pair {
	id := strconv.Itoa(n)
	switch {
	case state == 1:
		return []abi.Pair{{Key: "c/n/" + id, Value: []byte(id)}}
	case n%2 == 0:
		return []abi.Pair{{Key: "c/n/" + id, Value: []byte("=" + id)}, {Key: "c/also/" + id, Value: []byte{}}}
	}
	return []abi.Pair{{Key: "c/at/" + id, Value: []byte(id)}}
}

func vaultManifest(state int) abi.Manifest {
	m := abi.Manifest{ABI: abi.Version, Name: "vault", Version: fmt.Sprint(state, ".0.0"), StateVersion: state, Events: []abi.Kind{abi.MessagePosted}}
	if state == 2 {
		m.Migrates = []abi.Step{{From: 1, To: 2}, {From: 2, To: 1}}
	}
	return m
}

func vaultChild(dir string) error {
	ctx := context.Background()
	s, err := bolt.Open(ctx, filepath.Join(dir, "data"), bolt.Options{})
	if err != nil {
		return err
	}
	e, err := vaultEngine(ctx, s)
	if err != nil {
		return err
	}
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	shas, err := vaultVersions(ctx, e)
	if err != nil {
		return err
	}
	live, err := vaultWhole(ctx, e)
	if err != nil {
		return err
	}
	e.changes.step = func(step string) { say("at %s", step) }
	go e.Run(ctx, time.Minute)
	for e.running() == nil {
		time.Sleep(time.Millisecond)
	}
	say("live %d", live)
	in := bufio.NewScanner(os.Stdin) // where the events go on
	in.Scan()
	n, err := strconv.Atoi(in.Text())
	if err != nil {
		return err
	}
	go func() {
		for ; ; n++ {
			ev := abi.Event{ID: fmt.Sprint("e", n), Source: "fake", Kind: abi.MessagePosted, Time: 1, Conversation: abi.Conversation{ID: fmt.Sprint("fake:c", n%8)},
				Member: abi.Member{ID: "fake:ada", Name: "Ada"}, Message: &abi.Message{ID: "m", Text: fmt.Sprint(n * 7 % vaultRows)}}
			if _, err := e.Accept(ctx, chat.Incoming{Event: ev}); err != nil {
				say("failed: %v", err)
				return
			}
			say("acked %d", n)
			time.Sleep(time.Millisecond)
		}
	}()
	for {
		if live == 1 {
			_, err = e.Promote(ctx, anna, "vault", shas[2], "test", PromoteOptions{Grant: true})
		} else {
			_, err = e.Rollback(ctx, anna, "vault", "test")
		}
		if err != nil {
			return err
		}
		live = 3 - live
	}
}

// vaultEngine is an engine that knows the vault's versions.
func vaultEngine(ctx context.Context, s store.Store) (*Engine, error) {
	e, err := New(ctx, Options{Store: s})
	if err != nil {
		return nil, err
	}
	e.changes.guest = func(_ *registry.Version, m *abi.Manifest) guest { return vault(m.State()) }
	return e, nil
}

// vaultVersions are the SHA-256 of the vault's versions, by state version. The
// first time it stages them, makes the first one live and writes its rows.
func vaultVersions(ctx context.Context, e *Engine) (map[int]string, error) {
	shas := map[int]string{}
	fresh := false
	for state := 1; state <= 2; state++ {
		m := vaultManifest(state)
		raw, err := m.MarshalMsg(nil)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(raw)
		sha := hex.EncodeToString(sum[:])
		shas[state] = sha
		if _, err := e.Version(ctx, "vault", sha); err == nil {
			continue
		}
		fresh = true
		v := &registry.Version{Name: m.Name, SHA256: sha, Version: m.Version, StateVersion: state, Manifest: raw, Size: int64(len(raw)), By: audit.Host}
		if err := e.putVersion(ctx, v, raw, nil); err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
	}
	if fresh {
		for n := 0; n < vaultRows; {
			b := new(store.Batch)
			for ; n < vaultRows && len(b.Writes()) < store.MaxOps; n++ {
				r := vaultRow(1, n)[0]
				b.Put(stateKey("vault", r.Key), r.Value)
			}
			if _, err := e.store.Commit(ctx, b); err != nil {
				return nil, err
			}
		}
		_, err := e.Promote(ctx, anna, "vault", shas[1], "test", PromoteOptions{Grant: true})
		return shas, err
	}
	return shas, vaultRestore(ctx, e)
}

// vaultRestore is Restore, but that it compiles nothing.
func vaultRestore(ctx context.Context, e *Engine) error {
	r := &restoring{e: e, start: &Start{}}
	if err := r.look(ctx); err != nil {
		return err
	}
	n := r.list[0]
	if n.err != nil {
		return n.err
	}
	m := vaultManifest(n.version.StateVersion)
	return r.again(ctx, n, &version{manifest: m, sha: n.version.SHA256, guest: vault(m.State())})
}

// vaultWhole looks at every row, and returns the state version that is live.
func vaultWhole(ctx context.Context, e *Engine) (int, error) {
	p := e.plugin("vault")
	v := e.liveOf(p)
	if v == nil {
		return 0, errors.New("no version is live")
	}
	state, at := v.manifest.State(), p.space.Load()
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	s, _, err := spaceOf(ctx, snap, "vault")
	if err != nil {
		return 0, err
	}
	if s.State != state || at.state != state || at.name != s.Space {
		return 0, fmt.Errorf("version %d is live and the rows are of %d: %+v", state, at.state, s)
	}
	want := map[string]string{}
	for n := range vaultRows {
		for _, r := range vaultRow(state, n) {
			want[r.Key] = string(r.Value)
		}
	}
	got := map[string]string{}
	for row, err := range snap.Scan(ctx, store.Prefix(kState.Join(s.Space).Prefix())) {
		if err != nil {
			return 0, err
		}
		if _, own := cutState(row.Key); !strings.HasPrefix(own, "c/sum/") {
			got[own] = string(row.Value)
		}
	}
	if !maps.Equal(got, want) {
		return 0, fmt.Errorf("%s has %d rows, want %d", s.Space, len(got), len(want))
	}
	return state, nil
}

// TestKilledDuringMigration kills an engine with SIGKILL again and again while a
// plugin's rows go from one state version to the other and back. Whenever it
// starts again one of the two versions is live, with every row in its form; and
// in the end every event that was acknowledged has had its effect once.
func TestKilledDuringMigration(t *testing.T) {
	kills := 20
	if testing.Short() {
		kills = 6
	}
	dir := t.TempDir()
	steps := []string{"migrate: begun", "migrate: copied", "migrate: held", "live: committed", "live: swapped", ""}
	rng := rand.New(rand.NewPCG(1, 2))
	acked, swaps := -1, 0
	lives := map[string]int{}
	for i := range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), vaultDir+"="+dir)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killed := func() {
			cmd.Process.Kill()
			cmd.Wait()
		}
		step, waits := steps[i%len(steps)], time.Duration(rng.IntN(30))*time.Millisecond
		met, over := false, make(chan struct{})
		time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		lines := bufio.NewScanner(out)
		for !met && lines.Scan() {
			line := lines.Text()
			switch word, rest, _ := strings.Cut(line, " "); word {
			case "live":
				lives[rest]++
				if step == "" {
					met = true // whenever that is
					waits *= 10
				}
				fmt.Fprintln(in, acked+1)
			case "acked":
				acked, _ = strconv.Atoi(rest)
			case "at":
				if rest == "live: committed" {
					swaps++
				}
				met = rest == step
			default:
				killed()
				t.Fatalf("start %d: %s", i, line)
			}
		}
		go func() {
			defer close(over)
			for lines.Scan() { // what it says before it is killed
				if n, is := strings.CutPrefix(lines.Text(), "acked "); is {
					acked, _ = strconv.Atoi(n)
				} else if strings.HasPrefix(lines.Text(), "failed") {
					t.Error(lines.Text())
				}
			}
			io.Copy(io.Discard, out)
		}()
		if !met {
			killed()
			t.Fatalf("start %d ended before %q", i, step)
		}
		time.Sleep(waits)
		cmd.Process.Kill()
		<-over
		cmd.Wait()
	}

	s, err := bolt.Open(t.Context(), filepath.Join(dir, "data"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e, err := vaultEngine(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := vaultRestore(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx, time.Minute) }()
	b := &bot{Engine: e, t: t, store: s}
	for end := time.Now().Add(time.Minute); e.backlog() > 0 || len(b.rows(kMoved)) > 0 || b.spacesOf("vault") > 1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the engine does not come to rest")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	// What was live at the end may have been closed, but its rows are there.
	space := e.plugin("vault").space.Load().name
	if n := b.counter(space, "c/sum/all"); n < int64(acked+1) || n > int64(acked+2) {
		t.Errorf("%d events are counted, %d were acknowledged", n, acked+1)
	}
	sum := int64(0)
	for c := range 8 {
		sum += b.counter(space, "c/sum/"+abi.KeySegment(fmt.Sprint("fake:c", c)))
	}
	if all := b.counter(space, "c/sum/all"); sum != all {
		t.Errorf("the counters of places stand at %d together, that of all at %d", sum, all)
	}
	if swaps == 0 || len(lives) < 2 {
		t.Errorf("%d swaps, and it started with %v: it proved nothing", swaps, lives)
	}
	t.Logf("figure: %d kills during migrations of %d rows, %d swaps between them; it started with state version 1 %d times and with 2 %d times; %d events, each once",
		kills, vaultRows, swaps, lives["1"], lives["2"], acked+1)
}

// spacesOf counts the spaces in which a plugin has rows.
func (b *bot) spacesOf(plugin string) int {
	seen := map[string]bool{}
	for _, r := range b.rows(kState) {
		if at, _ := cutState(r.Key); pluginOf(at) == plugin {
			seen[at] = true
		}
	}
	return len(seen)
}
