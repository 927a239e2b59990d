package web

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web/page"
)

// TestPagesStreamsEndWithTheServer shows that a page that follows something does
// not hold up a server that stops.
func TestPagesStreamsEndWithTheServer(t *testing.T) {
	o := paged(t, Options{}, page.Options{})
	ended := make(chan struct{})
	o.Pages.Get("/live", access.Viewer, func(w http.ResponseWriter, r *page.Request) error {
		return r.Stream(w, func(ctx context.Context) (<-chan string, error) {
			context.AfterFunc(ctx, func() { close(ended) })
			return nil, nil
		})
	})
	cookie, _, err := o.Access.SignInAs(t.Context(), access.Person{ID: "test", Name: "test", Role: access.Viewer}, access.Client{})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := server(t, o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l, time.Hour) }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "hearth_session", Value: cookie})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b := bufio.NewReader(resp.Body)
	if line, err := b.ReadString('\n'); err != nil || !strings.HasPrefix(line, ":") || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("it begins with %q, %v, %v", line, err, resp.Header)
	}
	stop()
	<-ended
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestFollowEndsWithItsToken: who follows events by a token is told nothing more
// soon after it was revoked.
func TestFollowEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keep := keeper(t, func() string { return token }, nil)
		s, _ := server(t, Options{Access: keep})
		boss := audit.Who{ID: "admin", Name: "admin", Role: "admin", Via: "page"}
		secret, made, err := keep.Create(t.Context(), boss, "a dashboard", access.Viewer, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		over := make(chan struct{})
		go func() {
			defer close(over)
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/events/follow", nil)
			r.Header.Set("Authorization", "Bearer "+secret)
			s.ServeHTTP(httptest.NewRecorder(), r)
		}()
		time.Sleep(10 * heartbeat) // of the test's own clock
		select {
		case <-over:
			t.Fatal("it ends by itself")
		default:
		}
		if err := keep.Revoke(t.Context(), boss, made.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * heartbeat)
		select {
		case <-over:
		default:
			t.Error("it goes on though its token is revoked")
		}
		stop()
		<-over
	})
}
