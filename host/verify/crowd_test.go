package verify

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/verify/queue"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store/bolt"
)

// Goals of TestCrowd.
const (
	crowd     = 64
	crowdCalm = 250 * time.Millisecond // p99 of a chat event's way from the platform and back

	// crowdMemory is how many bytes each worker may add to what a verifier at rest
	// takes: as many as a tool's memory may have. A program's memory is there twice,
	// interpreted and compiled, with what compiling to machine code takes, and as
	// much again that Go's heap has free; some 300 MiB have been seen.
	crowdMemory = toolMemory * 64 << 10
)

// Sixty-four submit at once, two at a time are compiled and run, and half of them
// mean ill. Each has its verdict; memory stays below a ceiling; and who chats
// meanwhile is answered as if nothing was. How long that takes on a machine that
// is busy with other things is measured with loops of the host's own in the place
// of the verifier, before and after.
func TestCrowd(t *testing.T) {
	v0 := newVerifier(t)
	v, err := New(Options{Engine: v0.o.Engine, Workers: 2, Wall: time.Minute, Fuel: 2_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	v.state.Store(v0.state.Load()) // shares what the other has prepared, so it is not closed
	if _, err := v.Verify(t.Context(), program("func main() { println(`warm`) }")); err != nil {
		t.Fatal(err)
	}
	room := newRoom(t)
	beside := func(spin int, during func()) []time.Duration {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range spin {
			go func() {
				for ctx.Err() == nil {
				}
			}()
		}
		return room.chat(during)
	}
	rest := func() { time.Sleep(5 * time.Second) }
	alone := beside(v.o.Workers, rest)

	debug.FreeOSMemory()
	before := residentMemory(t)
	peak, stop := watchMemory(t)
	begun := time.Now()
	took := room.chat(func() { throng(t, v) })
	all := time.Since(begun)
	stop()
	alone = append(alone, beside(v.o.Workers, rest)...)
	slices.Sort(alone)

	at := func(d []time.Duration, percent int) time.Duration {
		return d[len(d)*percent/100].Round(100 * time.Microsecond)
	}
	p99 := func(d []time.Duration) time.Duration { return at(d, 99) }
	t.Logf("figure: %d submissions at once, half of them hostile, by %d workers: %.1f s in all; meanwhile %d chat events: p50 %v, p99 %v, goal %v (beside %d loops of the host's own: p50 %v, p99 %v of %d)",
		crowd, v.o.Workers, all.Seconds(), len(took), at(took, 50), p99(took), crowdCalm, v.o.Workers, at(alone, 50), p99(alone), len(alone))
	if p99(took) > crowdCalm+3*p99(alone) {
		t.Errorf("chat events: p99 %v, the goal is %v, and beside loops of the host's own it is %v", p99(took), crowdCalm, p99(alone))
	}
	if before > 0 {
		most := before + int64(v.o.Workers)*crowdMemory
		t.Logf("figure: resident memory %d MiB at rest, %d MiB at most with %d submissions; ceiling %d MiB", before>>20, peak.Load()>>20, crowd, most>>20)
		if peak.Load() > most {
			t.Errorf("%d MiB of memory, the ceiling is %d", peak.Load()>>20, most>>20)
		}
	}
}

// throng has all submit at once, and holds each verdict to what it must be.
func throng(t *testing.T, v *Verifier) {
	type case_ struct {
		name string
		s    Submission
		want []Verdict
	}
	var all []case_
	for _, h := range hostile {
		if !slices.Contains(h.want, Rejected) { // what is refused at once is no burden
			all = append(all, case_{h.name, h.s, append(slices.Clip(h.want), TimeLimit)}) // there is less fuel here
		}
	}
	for i := 0; len(all) < crowd/2; i++ {
		note := fmt.Sprintf("\n// %d\n", i) // no two are equal
		all = append(all, []case_{
			{"spin", program("func main() { for {} }" + note), just(TimeLimit)},
			{"flood", program(`import "fmt"; func main() { for { fmt.Println("flood") } }` + note), just(OutputLimit)},
			{"hog", program("func main() { var s [][]byte; for { s = append(s, make([]byte, 1<<20)) } }" + note), []Verdict{MemoryLimit, TimeLimit}},
			{"recursion", program("func f(n int) int { return 1 + f(n+1) }\nfunc main() { println(f(0)) }" + note), []Verdict{RuntimeError, TimeLimit}},
		}[i%4])
	}
	all = all[:crowd/2]
	for i := len(all); i < crowd; i++ {
		all = append(all, []case_{
			{"hello", program(fmt.Sprintf(`import "fmt"; func main() { fmt.Println("hello", %d) }`, i)), just(Accepted)},
			{"goroutines", program(fmt.Sprintf(`import ("fmt"; "sync"); func main() { var wg sync.WaitGroup; for i := range %d { wg.Go(func() { fmt.Println(i) }) }; wg.Wait() }`, i)), just(Accepted)},
			{"tested", tested(fmt.Sprintf("func Add(a, b int) int { return a + b }\nfunc main() { println(%d) }", i), "func TestAdd(t *testing.T) { if Add(1, 2) != 3 { t.Fail() } }"), just(Accepted)},
			{"mistaken", program(fmt.Sprintf("func main() { x%d := 1 }", i)), just(CompileError)},
		}[i%4])
	}
	var wg sync.WaitGroup
	for i := range all {
		c := &all[i*37%crowd] // one of those, one of these
		c.s.By = queue.Who{Source: "chat", Member: strconv.Itoa(i)}
		wg.Go(func() {
			r, err := v.Verify(t.Context(), c.s)
			if err != nil || !slices.Contains(c.want, r.Verdict) {
				t.Errorf("%s: %s, %v, want %v\n%.1000s", c.name, r.Verdict, err, c.want, said(&r))
			}
		})
	}
	wg.Wait()
	v.running.Wait()
}

// room is a chat with the welcome plugin in it.
type room struct {
	t      *testing.T
	engine *host.Engine
	n      int

	mu      sync.Mutex
	waiting map[string]chan time.Time // by member, until the answer is delivered
}

func newRoom(t *testing.T) *room {
	t.Helper()
	file := filepath.Join(t.TempDir(), "welcome.wasm")
	build := exec.Command("go", "build", "-trimpath", "-buildmode=c-shared", "-o", file, "../../plugins/welcome")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the welcome plugin: %v\n%s", err, out)
	}
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := bolt.Open(t.Context(), t.TempDir(), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := host.New(t.Context(), host.Options{Store: s, Wasm: engine})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Install(t.Context(), code, host.PluginOptions{GrantAll: true}); err != nil {
		t.Fatal(err)
	}
	r := &room{t: t, engine: e, waiting: map[string]chan time.Time{}}
	if err := e.Attach(t.Context(), r); err != nil {
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
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// chat has somebody ask for help every 20 ms while during goes on, and returns
// how long each waited for the answer, sorted.
func (r *room) chat(during func()) []time.Duration {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	done := make(chan struct{})
	go func() {
		defer close(done)
		during()
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for going := true; going; {
		select {
		case <-done:
			going = false
		case <-tick.C:
		}
		r.n++
		n := r.n
		wg.Go(func() {
			d, err := r.ask(n)
			if err != nil {
				r.t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, d)
		})
	}
	wg.Wait()
	slices.Sort(took)
	return took
}

// ask has member n, who is new, ask for help.
func (r *room) ask(n int) (time.Duration, error) {
	id := strconv.Itoa(n)
	answer := make(chan time.Time, 1)
	r.mu.Lock()
	r.waiting["room:"+id] = answer
	r.mu.Unlock()
	begun := time.Now()
	_, err := r.engine.Accept(r.t.Context(), chat.Incoming{Event: abi.Event{ID: id, Source: "room", Kind: abi.CommandInvoked, Time: begun.UnixMilli(),
		Conversation: abi.Conversation{ID: "room:dm-" + id, Kind: abi.Direct}, Member: abi.Member{ID: "room:" + id, Name: "Ann"}, Command: &abi.Command{Name: "help"}}})
	if err != nil {
		return 0, err
	}
	select {
	case at := <-answer:
		return at.Sub(begun), nil
	case <-time.After(2 * time.Minute):
		return 0, fmt.Errorf("member %d has had no answer for two minutes", n)
	}
}

func (r *room) Name() string { return "room" }

func (r *room) Features() chat.Features { return chat.Features{DM: true, Edit: true, Delete: true} }

func (r *room) Check(context.Context) chat.Health { return chat.Health{OK: true} }

func (r *room) Deliver(_ context.Context, d *chat.Delivery) (chat.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.waiting[d.Member]; c != nil {
		c <- time.Now()
		delete(r.waiting, d.Member)
	}
	return chat.Receipt{Conversation: "room:dm-" + abi.LocalID(d.Member), Messages: []string{d.ID}}, nil
}

// residentMemory is 0 on systems that do not tell it.
func residentMemory(t *testing.T) int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Log("memory is not measured on this system")
		return 0
	}
	fields := bytes.Fields(b)
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// watchMemory looks at resident memory every 20 ms until stop is called.
func watchMemory(t *testing.T) (peak *atomic.Int64, stop func()) {
	peak = new(atomic.Int64)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), residentMemory(t)))
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	}()
	return peak, func() { close(quit); <-done }
}
