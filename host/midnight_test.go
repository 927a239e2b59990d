package host

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store/bolt"
)

// The child of TestKilledAtMidnight: an engine with the digest plugin whose clock
// its parent moves.
const (
	nightDir = "HEARTH_TEST_NIGHT_DIR"
	nightAt  = "HEARTH_TEST_NIGHT_AT" // Unix milliseconds
)

// handClock stands still until it is moved.
type handClock struct {
	mu    sync.Mutex
	now   time.Time
	calls map[*handCall]bool
}

type handCall struct {
	at time.Time
	f  func()
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &handCall{c.now.Add(d), f}
	c.calls[k] = true
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		was := c.calls[k]
		delete(c.calls, k)
		return was
	}
}

func (c *handClock) move(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
	for k := range c.calls {
		if !k.at.After(to) {
			delete(c.calls, k)
			go k.f()
		}
	}
}

// nightly is a platform in another process that can be asked what it has.
type nightly struct{ remote }

func (a nightly) Deliver(ctx context.Context, d *chat.Delivery) (chat.Receipt, error) {
	if d.Op != chat.OpSend {
		return chat.Receipt{Conversation: d.Conversation}, nil
	}
	return a.remote.Deliver(ctx, &chat.Delivery{ID: d.ID, Conversation: d.Conversation,
		Content: abi.Content{Blocks: []abi.Block{{Text: d.Content.Blocks[0].Heading + d.Content.Blocks[0].Text}}}})
}

func (a nightly) Find(ctx context.Context, d *chat.Delivery, _ time.Time) (r chat.Receipt, ok bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"?id="+url.QueryEscape(d.ID), nil)
	if err != nil {
		return r, false, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return r, false, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return chat.Receipt{Conversation: d.Conversation, Messages: []string{d.ID}}, string(b) == "yes", err
}

func nightChild(dir string) error {
	ctx := context.Background()
	at, err := strconv.ParseInt(os.Getenv(nightAt), 10, 64)
	if err != nil {
		return err
	}
	s, err := bolt.Open(ctx, filepath.Join(dir, "data"), bolt.Options{})
	if err != nil {
		return err
	}
	w, err := wasm.New(wasm.Options{CacheDir: verifytest.Plugins()})
	if err != nil {
		return err
	}
	clock := &handClock{now: time.UnixMilli(at), calls: map[*handCall]bool{}}
	e, err := New(ctx, Options{Store: s, Wasm: w, Clock: clock})
	if err != nil {
		return err
	}
	code, err := os.ReadFile(os.Getenv(crashPlugin))
	if err != nil {
		return err
	}
	if _, err := e.Install(ctx, code, PluginOptions{GrantAll: true, Config: []byte(`{"post": ["fake:c"], "answers": "off"}`)}); err != nil {
		return err
	}
	if err := e.Attach(ctx, nightly{remote{os.Getenv(crashParent)}}); err != nil {
		return err
	}
	go e.Run(ctx, time.Minute)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/move":
			to, _ := strconv.ParseInt(r.URL.Query().Get("to"), 10, 64)
			clock.move(time.UnixMilli(to))
			return
		case "/idle":
			if resting, _, err := e.Resting(r.Context()); err == nil && resting && e.platform("fake").lanes.length() == 0 {
				fmt.Fprint(w, 0)
			}
			return
		}
		var ev abi.Event
		err := json.NewDecoder(r.Body).Decode(&ev)
		if err == nil {
			ev.Time = clock.Now().UnixMilli()
			_, err = e.Accept(r.Context(), chat.Incoming{Event: ev})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}))
	fmt.Println(srv.URL)
	select {}
}

// TestKilledAtMidnight has questions asked before midnight, night after night, and
// kills the engine with SIGKILL around it: before, while questions are put
// together, while the digest is written and sent, and after. Each night has one
// digest: never two, never none.
func TestKilledAtMidnight(t *testing.T) {
	if raced {
		t.Skip("skipped under the race detector: each of its processes would compile the digest's module for minutes; TestKilled has the engine's part of it")
	}
	nights := 12
	if testing.Short() {
		nights = 3
	}
	dir := t.TempDir()
	plugin := filepath.Join(dir, "digest.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", plugin, "../plugins/digest")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if b, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	var mu sync.Mutex
	posted, arrived := map[string]string{}, map[string]int{} // title by delivery, deliveries by title
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if id := r.URL.Query().Get("id"); r.Method == http.MethodGet {
			if posted[id] != "" {
				fmt.Fprint(w, "yes")
			}
			return
		}
		b, _ := io.ReadAll(r.Body)
		id, title, _ := strings.Cut(string(b), " ")
		posted[id] = title
		arrived[title]++
	}))
	defer vendor.Close()
	count := func(title string) int { mu.Lock(); defer mu.Unlock(); return arrived[title] }

	now := time.Date(2026, 3, 1, 23, 57, 0, 0, time.UTC)
	var child *childProcess
	start := func() {
		t.Setenv(nightDir, dir)
		t.Setenv(nightAt, fmt.Sprint(now.UnixMilli()))
		child = startChild(t, "", vendor.URL, plugin)
	}
	move := func(to time.Time) {
		now = to
		resp, err := http.Get(fmt.Sprintf("%s/move?to=%d", child.url, to.UnixMilli()))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	rng := rand.New(rand.NewPCG(7, 9))
	before, after := 0, 0
	var took time.Duration // from midnight to the digest, when nobody kills
	start()
	for night := range nights {
		day, title := now.Format(time.DateOnly), "Asked on "+now.Format(time.DateOnly)
		for i := range 6 {
			ev := abi.Event{ID: fmt.Sprintf("%s-%d", day, i), Source: "fake", Kind: abi.MessagePosted, Conversation: abi.Conversation{ID: "fake:c", Kind: abi.Channel, Name: "c"},
				Member: abi.Member{ID: fmt.Sprint("fake:m", i), Name: "M"}, Message: &abi.Message{ID: fmt.Sprintf("%s-%d", day, i),
					Text: []string{"How do I write to a nil map in Go?", "how can I stop a goroutine from the outside?", "怎么安装 Go？"}[i%3]}}
			body, _ := json.Marshal(ev)
			if !post(child.url, body) {
				t.Fatal("the engine takes nothing")
			}
		}
		midnight := now.Truncate(24 * time.Hour).Add(24 * time.Hour)
		switch {
		case night == 0: // how long it takes
			move(midnight.Add(-time.Minute))
			child.drain(t)
			move(midnight)
			begun := time.Now()
			child.drain(t)
			took = time.Since(begun)
		case night%3 == 1: // while questions are put together, and again when that goes on at midnight
			move(midnight.Add(-time.Minute))
			fallthrough
		default:
			for range 1 + rng.IntN(3) {
				if now = midnight; night%3 != 1 {
					move(midnight)
				}
				time.Sleep(time.Duration(rng.Int64N(int64(took) + 1)))
				if count(title) == 0 {
					before++
				} else {
					after++
				}
				child.kill()
				start()
				move(midnight.Add(time.Second))
			}
			child.drain(t)
		}
		move(midnight.Add(2 * time.Hour)) // and not another one by the hour
		child.drain(t)
		if count(title) == 0 {
			t.Errorf("night %d: there is no digest for %s", night, day)
		}
		move(midnight.Add(24*time.Hour - 3*time.Minute))
		child.drain(t)
	}
	child.kill()
	t.Logf("%d kills before a digest arrived, %d after; %d digests", before, after, len(arrived))
	if before == 0 {
		t.Error("no kill came before a digest: it proved nothing")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(arrived) != nights {
		t.Errorf("%d nights have digests called %v", nights, arrived)
	}
	for title, n := range arrived {
		if n != 1 {
			t.Errorf("%q was posted %d times", title, n)
		}
	}
}
