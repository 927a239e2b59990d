package host

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
)

// The child of TestKilled: an engine with a real store and a real sandbox that
// takes events over HTTP and delivers to its parent, until it is killed.
const (
	crashDir    = "HEARTH_TEST_CRASH_DIR"
	crashParent = "HEARTH_TEST_CRASH_PARENT"
	crashPlugin = "HEARTH_TEST_CRASH_PLUGIN"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashChild(dir, os.Getenv(crashParent), os.Getenv(crashPlugin)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(nightDir); dir != "" {
		if err := nightChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(vaultDir); dir != "" {
		if err := vaultChild(dir); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(lifeDir); dir != "" {
		if err := lifeChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func crashChild(dir, parent, plugin string) error {
	ctx := context.Background()
	s, err := bolt.Open(ctx, filepath.Join(dir, "data"), bolt.Options{})
	if err != nil {
		return err
	}
	w, err := wasm.New(wasm.Options{CacheDir: verifytest.Plugins()})
	if err != nil {
		return err
	}
	e, err := New(ctx, Options{Store: s, Wasm: w})
	if err != nil {
		return err
	}
	code, err := os.ReadFile(plugin)
	if err != nil {
		return err
	}
	if _, err := e.Install(ctx, code, PluginOptions{GrantAll: true}); err != nil {
		return err
	}
	if err := e.Attach(ctx, remote{parent}); err != nil {
		return err
	}
	go e.Run(ctx, time.Minute)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/idle" {
			fmt.Fprint(w, e.backlog()+e.platform("fake").lanes.length())
			return
		}
		var ev abi.Event
		err := json.NewDecoder(r.Body).Decode(&ev)
		if err == nil {
			_, err = e.Accept(r.Context(), chat.Incoming{Event: ev})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}))
	fmt.Println(srv.URL)
	select {}
}

// remote is a platform in another process.
type remote struct{ url string }

func (remote) Name() string                      { return "fake" }
func (remote) Features() chat.Features           { return chat.Features{DM: true} }
func (remote) Check(context.Context) chat.Health { return chat.Health{OK: true} }

func (r remote) Deliver(ctx context.Context, d *chat.Delivery) (chat.Receipt, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(d.ID+" "+d.Content.Blocks[0].Text))
	if err != nil {
		return chat.Receipt{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return chat.Receipt{}, &chat.DeliveryError{Code: "unreachable", Retry: true, Unknown: true, Err: err}
	}
	defer resp.Body.Close()
	return chat.Receipt{Conversation: d.Conversation, Messages: []string{d.ID}}, nil
}

// buildPlugin compiles a plugin of testdata with flags for the linker; once for
// all tests.
var builds sync.Map

func buildPlugin(tb testing.TB, name string, linked ...string) string {
	tb.Helper()
	once, _ := builds.LoadOrStore(fmt.Sprint(name, linked), sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "hearth-plugin-")
		if err != nil {
			return "", err
		}
		out := filepath.Join(dir, filepath.Base(name)+".wasm")
		cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags", strings.Join(linked, " "), "-o", out, "./testdata/plugins/"+name)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		if b, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, b)
		}
		return out, nil
	}))
	path, err := once.(func() (string, error))()
	if err != nil {
		tb.Fatal("building plugin ", name, ": ", err)
	}
	return path
}

// TestKilled runs events through an engine that is killed with SIGKILL again
// and again, and counts afterwards: what was acknowledged had its effect
// exactly once, was answered at least once, and every possible duplicate is on
// record as one. Members post until the last kill is over, and kills go on
// until one has met an attempt under way.
func TestKilled(t *testing.T) {
	events, kills := 5000, 50
	if testing.Short() {
		events, kills = 500, 5
	}
	dir, plugin := t.TempDir(), buildPlugin(t, "counter", "-X main.tracks=path.first_task")

	// The platform: it counts what arrives, by delivery, and how many answers it
	// owes at present.
	var mu sync.Mutex
	arrived, texts := map[string]int{}, map[string]int{}
	var owed atomic.Int32
	var holding sync.RWMutex // its answers wait while the test has it
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		owed.Add(1)
		defer owed.Add(-1)
		b, _ := io.ReadAll(r.Body)
		id, text, _ := strings.Cut(string(b), " ")
		mu.Lock()
		arrived[id]++
		texts[text]++
		mu.Unlock()
		holding.RLock()
		defer holding.RUnlock()
	}))
	defer vendor.Close()

	child := startChild(t, dir, vendor.URL, plugin)
	acked := map[string]bool{}
	ackedCount := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	urls := make(chan string, 1)
	urls <- child.url
	current := func() string { u := <-urls; urls <- u; return u }

	// Members post until each of their messages is acknowledged, as a platform
	// retries its deliveries.
	const members = 50
	var posting sync.WaitGroup
	var enough atomic.Bool
	var posted [members]int // by member
	begun := time.Now()
	for m := range members {
		posting.Go(func() {
			deliver := func(e abi.Event) {
				body, _ := json.Marshal(e)
				for !post(current(), body) {
					time.Sleep(5 * time.Millisecond)
				}
			}
			for i := 0; i < events/members || !enough.Load(); i++ {
				e := abi.Event{ID: fmt.Sprintf("m%d-%d", m, i), Source: "fake", Kind: abi.MessagePosted, Time: saidAt(begun, m, i).UnixMilli(),
					Conversation: abi.Conversation{ID: fmt.Sprint("fake:c", m)}, Member: abi.Member{ID: fmt.Sprint("fake:m", m), Name: "M"},
					Message: &abi.Message{ID: "x", Text: "hello"}}
				if i%joinEvery == 1 { // the first joins are late, and each later one tells of an earlier one
					j := e
					j.ID, j.Kind, j.Message, j.Conversation = "join-"+e.ID, abi.MemberJoined, nil, abi.Conversation{}
					j.Time = joinedAt(begun, i).UnixMilli()
					deliver(j)
				}
				deliver(e)
				mu.Lock()
				acked[e.ID] = true
				posted[m]++
				mu.Unlock()
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	killed, met, before := 0, 0, 0
	for ; killed < kills || met == 0 && killed < 2*kills; killed++ {
		// Wait for some progress, so that every life has work under way when it ends.
		goal := ackedCount() + 1 + rng.IntN(max(1, events/kills))
		for deadline := time.Now().Add(3 * time.Second); ackedCount() < goal && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		<-urls
		before = ackedCount()
		// Most kills come when they come. Every fifth, and all that are needed
		// beyond, comes while the platform lets hearth wait.
		hold := killed%5 == 4 || killed >= kills
		if hold {
			holding.Lock()
			for deadline := time.Now().Add(time.Second); owed.Load() == 0 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			if owed.Load() > 0 {
				met++
			}
		}
		child.kill()
		if hold {
			holding.Unlock()
		}
		child = startChild(t, dir, vendor.URL, plugin)
		urls <- child.url
	}
	for deadline := time.Now().Add(time.Minute); ackedCount() == before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	flowed := ackedCount() - before
	enough.Store(true)
	posting.Wait()
	child.drain(t)
	child.kill()
	if met == 0 {
		t.Errorf("%d kills, and none is sure to have met an attempt under way", killed)
	}
	t.Logf("%d kills, of which %d are sure to have met an attempt under way; %d events acknowledged before the last kill, %d right after it, %d in all",
		killed, met, before, flowed, len(acked))
	if before == 0 || flowed <= 0 {
		t.Error("events did not flow at the last kill: it proved nothing")
	}

	s, err := bolt.Open(t.Context(), filepath.Join(dir, "data"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := &bot{t: t, store: s}
	for m := range members {
		key := stateKey("counter", fmt.Sprintf("m/fake:m%d/messages", m))
		snap, _ := s.Snapshot(t.Context())
		row, err := snap.Get(t.Context(), key)
		if err != nil || !row.Exists() {
			t.Fatalf("row %s: %v, %v", key, row, err)
		}
		if got := bytes.Count(row.Value, []byte("|")); got != posted[m] {
			t.Errorf("member %d: the row counts %d events, %d were acknowledged", m, got, posted[m])
		}
		snap.Close()
	}
	total := b.counter("counter", "c/total")
	if total != int64(len(acked)) {
		t.Errorf("the counter stands at %d after %d acknowledged events", total, len(acked))
	}
	unanswered, repeated, recorded, cut := 0, 0, 0, 0
	for id := range acked {
		if texts[id] == 0 {
			unanswered++
		}
	}
	flagged := map[string]bool{}
	for _, r := range b.rows(kSent) {
		var row sentRow
		if _, err := row.UnmarshalMsg(r.Value); err != nil {
			t.Fatal(err)
		}
		for i, a := range row.Out.Attempts {
			if a.Unknown && a.Ended == 0 {
				cut++
			}
			if !a.Duplicate {
				continue
			}
			flagged[row.Out.ID] = true
			if before := row.Out.Attempts[i-1]; before.Ended != 0 || !before.Unknown {
				t.Errorf("message %s is called a possible duplicate although the attempt before was not under way at a kill: %+v", row.Out.ID, before)
			}
		}
	}
	for id, n := range arrived {
		if n > 1 {
			repeated++
			if flagged[id] {
				recorded++
			}
		}
	}
	t.Logf("counted %d; %d attempts were cut off by a kill; %d messages arrived more than once, %d of them on record among %d possible duplicates",
		total, cut, repeated, recorded, len(flagged))
	if unanswered > 0 || repeated != recorded {
		t.Errorf("%d acknowledged events were not answered; of %d repeated messages %d are on record", unanswered, repeated, recorded)
	}
	if cut == 0 {
		t.Errorf("no attempt is on record as cut off by one of %d kills: they met none under way", killed)
	}
	if logs := b.warnings(); logs != "" {
		t.Error(logs)
	}
	measuredAfterKills(t, s, begun, posted[:])
}

// joinEvery is after how many of their messages a member's join comes in again, as
// one that was earlier.
const joinEvery = 40

// saidAt is when a member's message was posted, by the platform's clock: on one of
// five days, in no order.
func saidAt(begun time.Time, member, i int) time.Time {
	return begun.Add(-time.Duration((i*i+member)%5*24) * time.Hour)
}

func joinedAt(begun time.Time, i int) time.Time {
	return begun.Add(-time.Duration(min(i/joinEvery, 5)) * 24 * time.Hour)
}

// measuredAfterKills holds what is measured to what was acknowledged.
func measuredAfterKills(t *testing.T, s store.Store, begun time.Time, posted []int) {
	t.Helper()
	e, err := New(t.Context(), Options{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	cohorts, days := map[measure.Day]int{}, map[measure.Day]int{}
	err = e.Measured(t.Context(), func(m *measure.Model, snap store.Snapshot, now time.Time) error {
		for member, n := range posted {
			cohorts[m.Calendar().Of(joinedAt(begun, n-1-(n-2)%joinEvery))]++ // the last that was posted
			said := map[measure.Day]bool{}
			for i := range n {
				said[m.Calendar().Of(saidAt(begun, member, i))] = true
			}
			for d := range said {
				days[d]++
			}
		}
		q := measure.Query{From: m.Calendar().Of(begun) - 30, To: m.Calendar().Of(now)}
		active, err := m.ActiveMembers(t.Context(), snap, q, now)
		if err != nil {
			return err
		}
		for _, a := range active {
			if a.Daily != days[a.Day] {
				t.Errorf("%d members were active on %v, and %d are counted", days[a.Day], a.Day, a.Daily)
			}
		}
		triangle, err := m.Retention(t.Context(), snap, q, measure.Days, measure.OnDay, 0, now)
		if err != nil {
			return err
		}
		for _, c := range triangle.Cohorts {
			if c.N != cohorts[c.First] {
				t.Errorf("%d members joined on %s, and %d are counted", cohorts[c.First], c.Name, c.N)
			}
		}
		steps, err := m.Funnel(t.Context(), snap, q, now)
		for i := range 3 { // joined, engaged, first task
			if err == nil && steps[i].Reached != len(posted) {
				t.Errorf("%d members reached %s, of %d", steps[i].Reached, steps[i].Name, len(posted))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done, err := e.RebuildAnalytics(t.Context(), audit.Who{ID: "test", Name: "test"}, nil)
	if err != nil || done.Changed != 0 || done.Rows != len(posted) {
		t.Errorf("counted anew: %+v, %v", done, err)
	}
	t.Logf("counted anew from %d rows: %d of %d counters differ", done.Rows, done.Changed, done.Counters)
}

// warnings are what the plugin logged: it found memory of another event.
func (b *bot) warnings() string {
	for _, r := range b.rows(kJournal) {
		var j journalRow
		if _, err := j.UnmarshalMsg(r.Value); err != nil {
			b.t.Fatal(err)
		}
		if len(j.Log) > 0 {
			return j.Log[0]
		}
	}
	return ""
}

func post(url string, body []byte) bool {
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

type childProcess struct {
	cmd *exec.Cmd
	url string
}

func startChild(t *testing.T, dir, parent, plugin string) *childProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashParent+"="+parent, crashPlugin+"="+plugin)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the child did not start: ", err)
	}
	return &childProcess{cmd: cmd, url: strings.TrimSpace(line)}
}

func (c *childProcess) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// drain waits until nothing is left to do.
func (c *childProcess) drain(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(c.url + "/idle")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(b) == "0" {
			return
		}
	}
	t.Fatal("the engine did not come to rest")
}
