package walk

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"net/http/httptest"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/store/bolt"

	"github.com/go-chi/chi/v5"
)

// built are the bundled plugins and those that only tests have, made once.
var built struct {
	once                 sync.Once
	plugins, path, extra string // path has tasks beside welcome
	err                  error
}

func TestMain(m *testing.M) {
	beApart()
	code := tabtest.Tests{M: m, Forward: true}.Run()
	for _, dir := range []string{built.plugins, built.path, built.extra} {
		if dir != "" {
			_ = os.RemoveAll(dir) // a temporary directory anyway
		}
	}
	os.Exit(code)
}

// plugins returns the directory of the built plugins and one of compiled code,
// in which theirs is, so that a start is as quick as every start but the first.
func plugins(t *testing.T) (dir, cache string) {
	t.Helper()
	b, cache := &built, verifytest.Plugins()
	b.once.Do(func() {
		for dir, name := range map[*string]string{&b.plugins: "plugins", &b.path: "path", &b.extra: "extra"} {
			if *dir, b.err = os.MkdirTemp("", "hearth-"+name+"-"); b.err != nil {
				return
			}
		}
		for file, pkg := range map[string]string{b.plugins + "/welcome.wasm": "../../../../plugins/welcome", b.extra + "/echo.wasm": "./testdata/plugins/echo", b.extra + "/stumble.wasm": "./testdata/plugins/stumble",
			b.extra + "/grumpy.wasm": "./testdata/plugins/grumpy",
			b.path + "/welcome.wasm": "../../../../plugins/welcome", b.path + "/tasks.wasm": "../../../../plugins/tasks"} {
			if b.err = verifytest.Build(file, pkg); b.err != nil {
				return
			}
		}
		_, b.err = app.Manifests(context.Background(), os.DirFS(b.path), config.Default(), cache)
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.plugins, cache
}

// serve runs a whole hearth on a free port and returns its URL. It compiles code
// if packs are where a pack of the compiler is.
func serve(t *testing.T, change func(*config.Config), packs ...string) string {
	t.Helper()
	dir, _ := plugins(t)
	c := config.Default()
	c.Server.Data = t.TempDir()
	if change != nil {
		change(c)
	}
	return serveFrom(t, app.Options{Config: c, Plugins: os.DirFS(dir), Packs: packs})
}

// serveFrom is serve with other plugins, in a data directory as it is.
func serveFrom(t *testing.T, o app.Options) string {
	t.Helper()
	_, url := serveApp(t, o)
	return url
}

// serveApp is serveFrom for who asks the app itself too.
func serveApp(t *testing.T, o app.Options) (*app.App, string) {
	t.Helper()
	ready := make(chan app.Ready, 1)
	o.GrantAll, o.Ready = true, func(r app.Ready) { ready <- r }
	if len(o.Packs) == 0 { // else verifytest.Reuse gave it what it needs
		o.Cache = verifytest.Plugins()
	}
	o.Config.Server.Listen = "127.0.0.1:0"
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case r := <-ready:
		return a, r.URL
	case err := <-ended:
		ended <- err
		t.Fatal("hearth ended: ", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("hearth was not ready within two minutes")
	}
	return nil, ""
}

// workspace is hearth at a stand-in for Slack, with a clock that can be moved.
type workspace struct {
	*chattest.Slack
	t      *testing.T
	url    string
	clock  *movable
	engine *host.Engine
	store  *bolt.Store
	logs   *lockedBuffer
}

// movable is the machine's clock, moved on by a test.
type movable struct {
	mu sync.Mutex
	by time.Duration
}

func (m *movable) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Add(m.by)
}

func (m *movable) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

func (m *movable) move(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.by += d
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const signingSecret = "8f742231b10e8888abcd99yyyzzz85a5" // of the vector in Slack's documentation

// atSlack joins the real parts at a stand-in for Slack, and beside the bundled
// plugins those in files.
func atSlack(t *testing.T, files ...string) *workspace {
	t.Helper()
	dir, cache := plugins(t)
	w := &workspace{t: t, clock: &movable{}, logs: &lockedBuffer{}}
	w.Slack = chattest.NewSlack(chattest.SlackOptions{Clock: w.clock.Now, SigningSecret: signingSecret})
	t.Cleanup(w.Slack.Close)
	log := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))

	var err error
	if w.store, err = bolt.Open(t.Context(), t.TempDir(), bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	sandbox, err := wasm.New(wasm.Options{CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	w.engine, err = host.New(t.Context(), host.Options{Store: w.store, Wasm: sandbox, Clock: w.clock, Logger: log, Community: host.Community{Name: "Gophers"}})
	if err != nil {
		t.Fatal(err)
	}
	o := w.Slack.Options()
	adapter, err := slack.New(slack.Options{SigningSecret: signingSecret, BotToken: o.BotToken, APIURL: w.Slack.APIURL(), Sink: w.engine, Clock: w.clock.Now, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append([]string{filepath.Join(dir, "welcome.wasm")}, files...) {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.engine.Install(t.Context(), code, host.PluginOptions{GrantAll: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.engine.Attach(t.Context(), adapter); err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	for path, h := range adapter.Routes() {
		router.Handle(path, h)
	}
	server := httptest.NewServer(router)
	w.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.engine.Run(ctx, 10*time.Second) }()
	t.Cleanup(func() {
		server.Close()
		cancel()
		if err := errors.Join(<-ended, sandbox.Close(context.Background()), w.store.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}
