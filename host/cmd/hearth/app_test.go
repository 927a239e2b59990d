package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/web"
)

// logText is a log that a test can look into while it is written.
type logText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestApp starts a hearth twice in this process: the second time its plugins
// are compiled already, and that is the figure it prints. Nothing of either is
// left when it has stopped.
func TestApp(t *testing.T) {
	files := os.DirFS(builtPlugins(t))
	before := goleak.IgnoreCurrent()
	dir := t.TempDir()
	var logs logText
	for start := range 2 {
		c := config.Default()
		c.Server.Listen, c.Server.Data = "127.0.0.1:0", dir
		ready := make(chan app.Ready, 1)
		a, err := app.New(t.Context(), app.Options{Config: c, Plugins: files, Version: "v0", GrantAll: true, Logger: slog.New(slog.NewTextHandler(&logs, nil)),
			Ready: func(r app.Ready) { ready <- r }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		select {
		case r := <-ready:
			t.Logf("start %d: ready after %s with %s", start+1, r.Took.Round(time.Millisecond), strings.Join(r.Plugins, ", "))
			visit(t, r, start)
		case err := <-ended:
			t.Fatal("it ended: ", err)
		}
		begun := time.Now()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		t.Logf("stop %d: took %s", start+1, time.Since(begun).Round(time.Millisecond))
	}
	if token, err := app.ReadToken(dir); err != nil || strings.Contains(logs.String(), token) {
		t.Errorf("the log shows the admin token (%v)", err)
	}
	if strings.Contains(logs.String(), "level=ERROR") {
		t.Errorf("something went wrong:\n%s", logs.String())
	}
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}

// visit follows the events, and joins until it has seen itself.
func visit(t *testing.T, r app.Ready, start int) {
	t.Helper()
	token, err := app.ReadToken(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	c := &client.Client{URL: r.URL, Token: token}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen, done := errors.New("seen"), make(chan error, 1)
	go func() {
		done <- c.Follow(ctx, web.EventFilter{Kind: "member.joined", Plugin: "welcome"}, func(e web.Event) error {
			if e.MemberName == "" || e.Error != "" || e.Messages == 0 {
				return fmt.Errorf("not what was to come: %+v", e)
			}
			return seen
		})
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		// Each visitor has a browser of their own.
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Jar: jar}).PostForm(r.URL+"/chat/join", url.Values{"name": {fmt.Sprintf("Ada %d-%d", start, i)}, "locale": {"en"}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		select {
		case err := <-done:
			if !errors.Is(err, seen) {
				t.Fatal(err)
			}
			return
		case <-tick.C:
		}
	}
}
