package page

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
)

// TestStream follows a stream over a real connection until each of the things
// happens that end one.
func TestStream(t *testing.T) {
	updates := make(chan string)
	ended := make(chan error, 1)
	h := newHouse(t, Options{}, func(f *Frame, _ *Set) {
		f.Get("/live", access.Viewer, func(w http.ResponseWriter, r *Request) error {
			return r.Stream(w, func(ctx context.Context) (<-chan string, error) {
				context.AfterFunc(ctx, func() { ended <- ctx.Err() })
				return updates, nil
			})
		})
		f.Get("/none", access.Viewer, func(w http.ResponseWriter, r *Request) error {
			return r.Stream(w, func(context.Context) (<-chan string, error) { return nil, Sorry(http.StatusConflict, "error.retry") })
		})
	})
	server := httptest.NewUnstartedServer(h.mux)
	server.Config.WriteTimeout = 50 * time.Millisecond // which each write moves on
	server.Start()
	defer server.Close()
	ask := func(ctx context.Context, path string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: h.cookies[access.Viewer]})
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	follow := func(ctx context.Context) *bufio.Reader {
		t.Helper()
		resp := ask(ctx, "/live")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("answers %d, %v", resp.StatusCode, resp.Header)
		}
		return bufio.NewReader(resp.Body)
	}
	read := func(b *bufio.Reader, want string) {
		t.Helper()
		for {
			line, err := b.ReadString('\n')
			if strings.TrimSpace(line) == want {
				return
			}
			if err != nil {
				t.Fatalf("%q has not come: %v", want, err)
			}
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	b := follow(ctx)
	updates <- "<p>one</p>\n<p>\r\ntwo</p>"
	read(b, "data: <p>one</p>")
	read(b, "data: <p>")
	read(b, "data: two</p>")
	read(b, "")
	leave() // the browser goes
	<-ended

	h.frame.beat = time.Millisecond
	b = follow(t.Context())
	for begun := time.Now(); time.Since(begun) < 4*server.Config.WriteTimeout; {
		read(b, ": still here")
	}
	if err := h.access.SignOut(t.Context(), h.cookies[access.Viewer]); err != nil {
		t.Fatal(err)
	}
	read(b, "event: ended") // who is signed out sees no more
	<-ended
	var err error
	if h.cookies[access.Viewer], _, err = h.access.SignInAs(t.Context(), access.Person{ID: "test/viewer", Name: "viewer", Role: access.Viewer}, access.Client{}); err != nil {
		t.Fatal(err)
	}

	b = follow(t.Context())
	h.frame.Close()
	h.frame.Close()
	<-ended
	if _, err := b.ReadString('x'); err == nil {
		t.Error("something comes though the frame is closed")
	}
	if resp := ask(t.Context(), "/none"); resp.StatusCode != http.StatusConflict {
		t.Errorf("a stream that does not begin answers %d", resp.StatusCode)
	}
	h.frame.streams.Store(maxStreams)
	if resp := ask(t.Context(), "/live"); resp.StatusCode != http.StatusServiceUnavailable || h.frame.streams.Load() != maxStreams {
		t.Errorf("one too many answers %d", resp.StatusCode)
	}
}
