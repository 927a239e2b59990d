package groups

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// roundTrip is hearth at the other end, without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func serve(h http.HandlerFunc) *http.Client {
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		h(w, r)
		return w.Result(), r.Context().Err()
	})}
}

// through sends a request of user through the middleware, and returns what the
// service behind it saw.
func through(t *testing.T, c *Client, user string) (g Groups, served bool) {
	t.Helper()
	h := Middleware(c, func(r *http.Request) string { return r.Header.Get("User") })(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, served = From(r.Context()), true
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("User", user)
	h.ServeHTTP(httptest.NewRecorder(), r)
	return g, served
}

func TestMiddleware(t *testing.T) {
	var asked atomic.Int64
	c := &Client{URL: "https://hearth.test/", Token: "secret", Rest: -1, HTTP: serve(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != "/api/v1/experiments/assign" || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("asked for %s with %q", r.URL, r.Header.Get("Authorization"))
		}
		switch user := r.URL.Query().Get("user"); user {
		case "slack:U1&x=1":
			_, _ = w.Write([]byte(`{"user":"slack:U1","groups":{"bot-script":"v2","pace":"slow"}}`))
		case "slack:U2":
			_, _ = w.Write([]byte(`{"user":"slack:U2","groups":{}}`))
		case "broken":
			_, _ = w.Write([]byte(`{"groups":`))
		case "wrong":
			_, _ = w.Write([]byte(`{"groups":["v2"]}`))
		case "down":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})}
	var failed atomic.Int64
	c.Failed = func(user string, err error) { failed.Add(1) }
	for _, x := range []struct {
		user  string
		pace  string
		fails bool
	}{
		{"slack:U1&x=1", "slow", false},
		{"slack:U2", "", false},
		{"slack:U3", "", false}, // not known
		{"broken", "", true},
		{"wrong", "", true},
		{"down", "", true},
		{"", "", false},
		{strings.Repeat("x", 300), "", true},
	} {
		failed.Store(0)
		g, served := through(t, c, x.user)
		if !served || g.Get("pace") != x.pace || (failed.Load() == 1) != x.fails {
			t.Errorf("user %.20q: served %v with %v, %d failures", x.user, served, g, failed.Load())
		}
	}
	if asked.Load() != 6 {
		t.Errorf("hearth was asked %d times, want 6", asked.Load())
	}
	bad := &Client{URL: "://"}
	if g, served := through(t, bad, "slack:U1"); !served || g != nil {
		t.Errorf("with an address that is none: served %v with %v", served, g)
	}
}

// TestSlowAndResting has a hearth that answers late: the request waits for the
// timeout once, and then not until the rest is over.
func TestSlowAndResting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, late := 0, time.Minute
		c := &Client{URL: "https://hearth.test", HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked++
			if err := r.Context().Err(); err != nil {
				return nil, err
			}
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(late):
			}
			w := httptest.NewRecorder()
			_, _ = w.WriteString(`{"groups":{"pace":"fast"}}`)
			return w.Result(), nil
		})}}
		var last error
		c.Failed = func(_ string, err error) { last = err }
		began := time.Now()
		if g, served := through(t, c, "slack:U1"); !served || g != nil || time.Since(began) != DefaultTimeout || !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("served %v with %v after %v: %v", served, g, time.Since(began), last)
		}
		began = time.Now()
		if g, served := through(t, c, "slack:U1"); !served || g != nil || time.Since(began) != 0 || !errors.Is(last, ErrResting) || asked != 1 {
			t.Errorf("resting: served %v with %v after %v, asked %d times: %v", served, g, time.Since(began), asked, last)
		}
		time.Sleep(DefaultRest)
		late = 0
		if g, _ := through(t, c, "slack:U1"); g.Get("pace") != "fast" {
			t.Errorf("after the rest: %v", g)
		}
		// Who goes away leaves hearth awake for the others.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Groups(ctx, "slack:U1"); err == nil {
			t.Error("a request that has ended got groups")
		}
		if g, _ := through(t, c, "slack:U1"); g.Get("pace") != "fast" {
			t.Errorf("after a request that ended: %v", g)
		}
	})
}

func TestFromNothing(t *testing.T) {
	if g := From(t.Context()); g != nil || g.Get("pace") != "" {
		t.Errorf("groups from nowhere: %v", g)
	}
	if g := From(With(t.Context(), Groups{"pace": "fast"})); g.Get("pace") != "fast" {
		t.Errorf("With and From: %v", g)
	}
}
