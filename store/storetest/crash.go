package storetest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/hearthbot/hearth/store"
)

// crashDir names, in the environment of a child, the directory it works in.
const crashDir = "HEARTH_STORETEST_CRASH"

// crashCompact, if it is set there, has the child compact all the time.
const crashCompact = "HEARTH_STORETEST_COMPACT"

// Main is the TestMain of a package that calls Crash: it is the test, or the
// child that the test kills.
func Main(m *testing.M, b Backend) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := crashChild(b, dir, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// What a child does, in eight goroutines, until it is killed. Step n of worker
// w is one batch:
//
//	check  head/w   as step n-1 left it
//	put    head/w   n
//	put    log/w/n  some bytes that follow from w and n
//	put    twin/w/n the same bytes
//	delete log/w/n-keep, twin/w/n-keep
//	add    steps +1, plus +n, minus -n
//
// When it is committed the child says so: "w n revision".
const (
	crashWorkers = 8
	crashKeep    = 40
)

func crashKeys(w int, n uint64) (head, log, twin store.Key) {
	who := fmt.Sprint(w)
	return store.Join("head", who), store.Join("log", who, store.Seq(n)), store.Join("twin", who, store.Seq(n))
}

func crashBytes(w int, n uint64) []byte {
	rng := rand.New(rand.NewPCG(uint64(w), n))
	size := rng.IntN(600)
	if rng.IntN(20) == 0 {
		size += 20_000 // over several pages
	}
	return append(noise(size), store.Seq(n)...)
}

func crashChild(b Backend, dir string, said io.Writer) error {
	ctx := context.Background()
	s, err := b.Open(ctx, dir)
	if err != nil {
		return err
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed = make(chan error, crashWorkers+1)
	)
	if os.Getenv(crashCompact) != "" {
		c, ok := s.(store.Compacter)
		if !ok {
			return errors.New("the store is no Compacter")
		}
		wg.Go(func() {
			for {
				if err := c.Compact(ctx); err != nil {
					failed <- fmt.Errorf("compact: %w", err)
					return
				}
			}
		})
	}
	for w := range crashWorkers {
		wg.Go(func() {
			for {
				n, rev, err := crashStep(ctx, s, w)
				if err != nil {
					failed <- fmt.Errorf("worker %d: %w", w, err)
					return
				}
				mu.Lock()
				// One write: what the parent reads of a killed child are whole lines.
				_, err = fmt.Fprintf(said, "%d %d %d\n", w, n, rev)
				mu.Unlock()
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	return <-failed // it is killed before
}

func crashStep(ctx context.Context, s store.Store, w int) (n uint64, rev store.Rev, err error) {
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer snap.Close()
	head, _, _ := crashKeys(w, 0)
	row, err := snap.Get(ctx, head)
	if err != nil {
		return 0, 0, err
	}
	if row.Exists() {
		n = binary.BigEndian.Uint64(row.Value)
	}
	n++
	_, log, twin := crashKeys(w, n)
	b := new(store.Batch)
	b.Check(head, row.Rev)
	b.Put(head, binary.BigEndian.AppendUint64(nil, n))
	b.Put(log, crashBytes(w, n))
	b.Put(twin, crashBytes(w, n))
	if n > crashKeep {
		_, log, twin := crashKeys(w, n-crashKeep)
		b.Delete(log)
		b.Delete(twin)
	}
	b.Add("steps", 1)
	b.Add("plus", int64(n))
	b.Add("minus", -int64(n))
	rev, err = s.Commit(ctx, b)
	return n, rev, err
}

// Crash kills a process that commits, again and again, and looks each time at
// what it leaves: every batch that was answered is there whole, every other one
// is there whole or not at all, the counters are exact, and no revision is
// given twice. The test's package has Main for its TestMain.
func Crash(t *testing.T, b Backend) { crash(t, b) }

// CrashCompacting is Crash of a [store.Compacter] that is compacted all the
// while, so that it is killed at every point of that too.
func CrashCompacting(t *testing.T, b Backend) { crash(t, b, crashCompact+"=1") }

func crash(t *testing.T, b Backend, env ...string) {
	t.Helper()
	kills := 25
	if testing.Short() {
		kills = 6
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
	var (
		answered [crashWorkers]step
		rev      store.Rev
		total    int
	)
	for i := range kills {
		// The others are in the middle of a commit when one has been answered.
		n := crashOnce(t, dir, 1+rng.IntN(250), &answered, env...)
		total += n
		for _, a := range answered {
			rev = max(rev, a.rev)
		}
		rev = crashCheck(t, b, dir, &answered, rev)
		if t.Failed() {
			t.Fatalf("after kill %d", i+1)
		}
	}
	t.Logf("%d kills, %d commits answered, revision %d", kills, total, rev)
}

type step struct {
	n   uint64
	rev store.Rev
}

// crashOnce starts a child, kills it when it has said enough, and notes all it
// has said.
func crashOnce(t *testing.T, dir string, enough int, answered *[crashWorkers]step, env ...string) (said int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(append(os.Environ(), crashDir+"="+dir), env...)
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	// What it said before it died is in the pipe still: it counts.
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var (
			w int
			s step
		)
		if _, err := fmt.Sscan(lines.Text(), &w, &s.n, &s.rev); err != nil {
			t.Fatalf("the child said %q: %v", lines.Text(), err)
		}
		answered[w] = s
		if said++; said == enough {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); said < enough {
		t.Fatalf("the child ended by itself: %v\n%s", err, stderr.String())
	}
	return said
}

// crashCheck looks at what a killed child left, and notes in answered what it
// finds: a batch that was committed as the child died, unheard, stays from then
// on, and the next child may die before it has answered its own first.
func crashCheck(t *testing.T, b Backend, dir string, answered *[crashWorkers]step, least store.Rev) store.Rev {
	t.Helper()
	s, err := b.Open(t.Context(), dir)
	if err != nil {
		t.Fatalf("open after a kill: %v", err)
	}
	defer s.Close()
	snap := snapshot(t, s)
	defer snap.Close()
	if snap.Rev() < least {
		t.Errorf("revision %d, when %d has been given", snap.Rev(), least)
	}
	var steps, sum int64
	for w := range crashWorkers {
		head, _, _ := crashKeys(w, 0)
		row, err := snap.Get(t.Context(), head)
		if err != nil {
			t.Fatal(err)
		}
		var n uint64
		if row.Exists() {
			n = binary.BigEndian.Uint64(row.Value)
		}
		a := answered[w]
		if n < a.n || n > a.n+1 {
			t.Errorf("worker %d is at step %d, and was answered %d", w, n, a.n)
		}
		if n == a.n && row.Rev != a.rev {
			t.Errorf("worker %d has step %d at revision %d, and was answered %d", w, n, row.Rev, a.rev)
		}
		answered[w] = step{n, row.Rev}
		steps += int64(n)
		sum += int64(n * (n + 1) / 2)
		crashCheckLog(t, snap, w, n, row.Rev)
	}
	for k, want := range map[store.Key]int64{"steps": steps, "plus": sum, "minus": -sum} {
		row, err := snap.Get(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := store.Counter(row); err != nil || n != want {
			t.Errorf("counter %q is %d, %v; want %d", k, n, err, want)
		}
	}
	return snap.Rev()
}

// crashCheckLog looks at the steps of w that are kept, the last of which is n.
func crashCheckLog(t *testing.T, snap store.Snapshot, w int, n uint64, rev store.Rev) {
	t.Helper()
	_, first, twin := crashKeys(w, 0)
	logs, err := rows(snap, store.Prefix(first[:len(first)-16]))
	if err != nil {
		t.Fatal(err)
	}
	twins, err := rows(snap, store.Prefix(twin[:len(twin)-16]))
	if err != nil {
		t.Fatal(err)
	}
	if want := min(n, crashKeep); uint64(len(logs)) != want || uint64(len(twins)) != want {
		t.Errorf("worker %d has %d and %d rows at step %d, want %d", w, len(logs), len(twins), n, want)
		return
	}
	for i, row := range logs {
		at := n - uint64(len(logs)-1-i)
		_, log, twin := crashKeys(w, at)
		if row.Key != log || twins[i].Key != twin {
			t.Errorf("worker %d has %q and %q for step %d", w, row.Key, twins[i].Key, at)
		}
		if want := string(crashBytes(w, at)); string(row.Value) != want || string(twins[i].Value) != want {
			t.Errorf("worker %d has other bytes for step %d", w, at)
		}
		if row.Rev != twins[i].Rev || at == n && row.Rev != rev {
			t.Errorf("worker %d has step %d at revisions %d and %d, and its head at %d", w, at, row.Rev, twins[i].Rev, rev)
		}
	}
}
