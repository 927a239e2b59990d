package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/rollout"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store/bolt"
)

// load is an engine with real sandboxes, on a real file, under a stream of
// events, each of a member and in a conversation of its own.
type load struct {
	*Engine
	t        *testing.T
	platform *fakePlatform

	sent  atomic.Int64 // events accepted
	begun sync.Map     // event id → when it was due
	mu    sync.Mutex
	took  []time.Duration // from when an event was due to its commit
}

// loaded skips the test where it would take minutes. cache is a compile cache.
func loaded(t *testing.T, cache string) *load {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped with -short: it compiles real plugins, which takes minutes under the race detector")
	}
	w, err := wasm.New(wasm.Options{CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	s, err := bolt.Open(t.Context(), t.TempDir(), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(t.Context(), Options{Store: s, Wasm: w, Keep: Keep{Versions: 3}})
	if err != nil {
		t.Fatal(err)
	}
	l := &load{Engine: e, t: t, platform: newFakePlatform("fake")}
	e.onCommit = func(id string) {
		if at, ok := l.begun.LoadAndDelete(id); ok {
			l.mu.Lock()
			l.took = append(l.took, time.Since(at.(time.Time)))
			l.mu.Unlock()
		}
	}
	if err := e.Attach(t.Context(), l.platform); err != nil {
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
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// upload stages code and returns its SHA-256.
func (l *load) upload(code []byte) string {
	l.t.Helper()
	v, err := l.Stage(l.t.Context(), Upload{Code: code, Who: anna, Why: "test"})
	if err != nil {
		l.t.Fatal(err)
	}
	return v.SHA256
}

func (l *load) promote(sha string) {
	l.t.Helper()
	if _, err := l.Promote(l.t.Context(), anna, "swap", sha, "test", PromoteOptions{Grant: true}); err != nil {
		l.t.Fatal(err)
	}
}

// swapCode is the test plugin, built with some flags of the linker.
func swapCode(t *testing.T, linked ...string) []byte {
	t.Helper()
	code, err := os.ReadFile(buildPlugin(t, "swap", linked...))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// otherwise is a module that does the same and is another: it has a section more.
func otherwise(code []byte) []byte {
	name := rand.Text()
	section := append([]byte{byte(len(name))}, name...)
	return append(slices.Clone(code), append([]byte{0, byte(len(section))}, section...)...)
}

// stream posts events at a rate until stop is closed. Each is posted when it is
// due, whatever became of those before it.
func (l *load) stream(rate int, stop <-chan struct{}) {
	var posts sync.WaitGroup
	defer posts.Wait()
	places := make(chan struct{}, 512)
	gap := time.Second / time.Duration(rate)
	for due := time.Now(); ; due = due.Add(gap) {
		if wait := time.Until(due); wait > 0 {
			select {
			case <-stop:
				return
			case <-time.After(wait):
			}
		}
		select {
		case <-stop:
			return
		case places <- struct{}{}:
		}
		n := l.sent.Add(1)
		id := fmt.Sprint("e", n)
		l.begun.Store(id, due)
		posts.Go(func() {
			defer func() { <-places }()
			ev := abi.Event{ID: id, Source: "fake", Kind: abi.MessagePosted, Conversation: abi.Conversation{ID: fmt.Sprint("fake:c", n)},
				Member: abi.Member{ID: fmt.Sprint("fake:u", n), Name: "U"}, Message: &abi.Message{ID: "m", Text: "hi"}}
			for {
				out, err := l.Accept(context.Background(), chat.Incoming{Event: ev})
				if errors.Is(err, chat.ErrBusy) {
					time.Sleep(10 * time.Millisecond) // as a platform would
					continue
				}
				if err != nil || out != chat.Accepted {
					l.t.Errorf("Accept(%s) = %v, %v", id, out, err)
				}
				return
			}
		})
	}
}

// during streams events while f runs, and returns how long each of them took.
func (l *load) during(rate int, f func()) []time.Duration {
	l.t.Helper()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		l.stream(rate, stop)
	}()
	f()
	close(stop)
	<-stopped
	l.rest()
	l.mu.Lock()
	defer l.mu.Unlock()
	took := l.took
	l.took = nil
	return took
}

// rest waits until nothing waits any more.
func (l *load) rest() {
	l.t.Helper()
	for end := time.Now().Add(3 * time.Minute); l.backlog()+l.Engine.platform("fake").lanes.length() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("%d events and %d messages still wait", l.backlog(), l.Engine.platform("fake").lanes.length())
		}
	}
}

// verify holds every event to having been handled once, by one version, which
// answered it as often as answers says, and returns how many each handled.
func (l *load) verify(answers func(version string) int) map[string]int {
	l.t.Helper()
	b := &bot{Engine: l.Engine, t: l.t, store: l.store}
	by, version := map[string]int{}, map[string]string{}
	for _, r := range b.rows(stateKey("swap", "c/handled")) {
		s := r.Key.Segments()
		text, _, err := msgp.ReadStringBytes(r.Value) // as the SDK encodes it
		if err != nil {
			l.t.Fatal(err)
		}
		words := strings.Fields(text)
		if len(words) != 1 {
			l.t.Errorf("event %s was handled by %q, want by one version once", s[len(s)-1], words)
			continue
		}
		version[s[len(s)-1]] = words[0]
		by[words[0]]++
	}
	sent := int(l.sent.Load())
	if n := int(b.counter("swap", "c/total")); n != sent || len(version) != sent {
		l.t.Errorf("%d events were sent, %d handled and %d counted", sent, len(version), n)
	}
	said := map[string]int{}
	for _, text := range l.platform.texts() {
		said[text]++
	}
	for i := 1; i <= sent; i++ {
		id := fmt.Sprint("e", i)
		text := fmt.Sprintf("send fake:c%d %s by %s", i, id, version[id])
		if n := said[text]; n != answers(version[id]) {
			l.t.Errorf("event %s, handled by %q, was answered %d times", id, version[id], n)
		}
		delete(said, text)
	}
	if len(said) > 0 {
		l.t.Errorf("%d answers by a version that did not handle the event", len(said))
	}
	if f, err := l.Failures(l.t.Context()); err != nil || len(f) > 0 {
		l.t.Errorf("%d events were given up, %v", len(f), err)
	}
	return by
}

// quantile is the one of durations than which a part q is no larger.
func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(list))
	return s[min(int(q*float64(len(s))), len(s)-1)].Round(10 * time.Microsecond)
}

// TestSwapsUnderLoad swaps two versions a hundred times, at a thousand events a
// second, while the same process compiles one upload after the other. No event is
// lost or handled twice; what a swap costs is printed.
func TestSwapsUnderLoad(t *testing.T) {
	const rate, swaps = 1000, 100
	l := loaded(t, filepath.Join(t.TempDir(), "cache")) // what is swapped is compiled under the load
	code := swapCode(t, "-X main.version=1.0.0")
	one, two := l.upload(code), l.upload(swapCode(t, "-X main.version=2.0.0"))
	l.promote(two)
	l.promote(one) // both have their images now

	const quiet = 4 * time.Second
	alone := l.during(rate, func() { time.Sleep(quiet) })

	// uploads compiles one after the other until it is told to end.
	uploads := func(until <-chan struct{}) (n int) {
		for {
			select {
			case <-until:
				return n
			default:
			}
			v, err := l.Stage(t.Context(), Upload{Code: otherwise(code), Who: anna, Why: "test"})
			if err != nil {
				t.Error(err)
				return n
			}
			if err := l.Remove(t.Context(), anna, "swap", v.SHA256, "test"); err != nil && !errors.Is(err, ErrChanging) {
				t.Error(err)
				return n
			}
			n++
		}
	}
	beside := func(f func()) (compiled int) {
		until, over := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(over)
			compiled = uploads(until)
		}()
		f()
		close(until)
		<-over
		return compiled
	}
	var compiled int
	compiling := l.during(rate, func() { compiled = beside(func() { time.Sleep(quiet) }) })

	var pauses []time.Duration // of the change of the pointer, with the routing table made anew
	var at time.Time
	l.changes.step = func(step string) {
		switch step {
		case "live: committed":
			at = time.Now()
		case "live: swapped":
			pauses = append(pauses, time.Since(at))
		}
	}
	var whole []time.Duration
	swap := func(times int) {
		tick := time.NewTicker(60 * time.Millisecond)
		defer tick.Stop()
		for n := range times {
			to := two
			if n%2 == 1 {
				to = one
			}
			for began := time.Now(); ; time.Sleep(time.Millisecond) {
				_, err := l.Promote(t.Context(), anna, "swap", to, "test", PromoteOptions{})
				if err == nil {
					whole = append(whole, time.Since(began))
					break
				}
				if !errors.Is(err, ErrChanging) { // an upload is being removed
					t.Errorf("swap %d: %v", n, err)
					return
				}
			}
			<-tick.C
		}
	}
	swapping := l.during(rate, func() { swap(swaps / 2) })
	pauses, whole = nil, nil
	begun := time.Now()
	before := l.sent.Load()
	both := l.during(rate, func() { compiled += beside(func() { swap(swaps) }) })
	span := time.Since(begun)
	sent := l.sent.Load() - before
	by := l.verify(func(string) int { return 1 })
	if len(pauses) != swaps || by["1.0.0"] == 0 || by["2.0.0"] == 0 {
		t.Errorf("%d swaps; handled %v", len(pauses), by)
	}
	t.Logf("figure: %d swaps between two versions at %.0f events/s, beside %d uploads that were compiled: %d events, none lost, none doubled, by version %v",
		len(pauses), float64(sent)/span.Seconds(), compiled, l.sent.Load(), by)
	added := func(with, without []time.Duration) time.Duration {
		return max(quantile(with, 0.99)-quantile(without, 0.99), 0)
	}
	t.Logf("figure: an event's way, from when it was due to its commit, p50 and p99: at rest %v, %v; with swaps %v, %v; beside uploads %v, %v; with swaps beside uploads %v, %v: at p99 swaps add %v, and beside uploads %v; goal below 50 ms",
		quantile(alone, 0.5), quantile(alone, 0.99), quantile(swapping, 0.5), quantile(swapping, 0.99),
		quantile(compiling, 0.5), quantile(compiling, 0.99), quantile(both, 0.5), quantile(both, 0.99), added(swapping, alone), added(both, compiling))
	t.Logf("figure: the change of the pointer, routing made anew: p50 %v, p99 %v, at most %v, goal below 1 ms; a swap from call to answer p50 %v, p99 %v",
		quantile(pauses, 0.5), quantile(pauses, 0.99), quantile(pauses, 1), quantile(whole, 0.5), quantile(whole, 0.99))
}

// TestGuardrailsUnderLoad rolls out versions that are bad in one way each, in real
// sandboxes and under load: each is taken back unasked, within its window, by the
// guardrail that it breaks, and no event is lost or handled twice by it.
func TestGuardrailsUnderLoad(t *testing.T) {
	const rate, window = 300, time.Minute
	for _, c := range []struct{ name, broken, which string }{
		{"it traps on 5 % of its events", "trap", rollout.ErrorRate},
		{"it is slow", "slow", rollout.P95},
		{"it writes to whom it may not", "greedy", rollout.Refused},
		{"it sends ten times as much", "chatty", rollout.Messages},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := loaded(t, verifytest.Plugins())
			good, bad := l.upload(swapCode(t, "-X main.version=1.0.0")), l.upload(swapCode(t, "-X main.version=2.0.0", "-X main.broken="+c.broken))
			l.promote(good)
			spec := rollout.Spec{SHA256: bad, Share: 15, Window: window}
			spec.Guardrails.Fuel.Times = 1e9 // else it is what a slow version is caught by first
			var s RolloutState
			l.during(rate, func() {
				time.Sleep(time.Second)
				if err := l.Rollout(t.Context(), anna, "swap", spec, "test"); err != nil {
					t.Error(err)
					return
				}
				for end := time.Now().Add(window); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
					var err error
					if s, err = l.RolloutState("swap"); err != nil || s.Ended != "" {
						break
					}
				}
			})
			if s.Ended != EndedRolledBack || s.Which != c.which {
				t.Fatalf("within %v: %+v", window, s)
			}
			by := l.verify(func(version string) int {
				if version == "2.0.0" && c.broken == "chatty" {
					return 10
				}
				return 1
			})
			t.Logf("figure: %s: rolled back after %.1f s of a window of %v, after %d of its events beside %d of the live version's: %s; %d events in all, none lost, none doubled, by version %v",
				c.name, s.At.Sub(s.Began).Seconds(), window, s.Candidate.Events, s.Live.Events, s.Reason, l.sent.Load(), by)
			if v := l.lineup("swap"); v != "1.0.0 alone" {
				t.Errorf("what runs is %s", v)
			}
		})
	}
}

// lineup names what runs.
func (l *load) lineup(name string) string {
	is := l.Engine.plugin(name).lineup()
	if is.live != nil && len(is.all()) == 1 && is.trial == nil {
		return is.live.manifest.Version + " alone"
	}
	return fmt.Sprintf("%d versions", len(is.all()))
}
