package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/web"
)

// TestWhatComesBack: answers that are none, and refusals, are told apart.
func TestWhatComesBack(t *testing.T) {
	for name, c := range map[string]struct {
		code int
		body string
		is   error
		says string
	}{
		"a page":            {200, "<html>", ErrNotHearth, "cannot be read"},
		"another's 404":     {404, "404 page not found", ErrNotHearth, "answers 404"},
		"a proxy's 502":     {502, "", ErrNotHearth, "502 Bad Gateway"},
		"no token":          {401, `{"detail":"this needs the admin token"}`, ErrToken, "HEARTH_ADMIN_TOKEN"},
		"a problem":         {503, `{"title":"Service Unavailable","status":503,"detail":"too much is waiting"}`, nil, "too much is waiting"},
		"a faulty question": {422, `{"detail":"validation failed","errors":[{"message":"expected number <= 1000","location":"query.limit"}]}`, nil, "validation failed; limit: expected number <= 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer a-token" {
					t.Errorf("Authorization %q", r.Header.Get("Authorization"))
				}
				w.WriteHeader(c.code)
				w.Write([]byte(c.body))
			}))
			defer s.Close()
			cl := &Client{URL: s.URL, Token: "a-token"}
			_, err := cl.Status(t.Context())
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "a-token") {
				t.Errorf("got %v, want %v %s", err, c.is, c.says)
			}
			if c.code >= 400 {
				if err := cl.Follow(t.Context(), web.EventFilter{}, nil); err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("following: %v", err)
				}
			}
		})
	}
}

func TestFollowEnds(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("plugin"); got != "a b" {
			t.Errorf("plugin %q", got)
		}
		w.Write([]byte(": from now on\n\ndata: {\"number\":\"1\"}\n\n: still here\n\ndata: {\"number\":\"2\"}\n\n"))
	}))
	defer s.Close()
	c := &Client{URL: s.URL}
	var got []string
	err := c.Follow(t.Context(), web.EventFilter{Plugin: "a b"}, func(e web.Event) error {
		got = append(got, e.Number)
		return nil
	})
	if strings.Join(got, " ") != "1 2" || !errors.Is(err, ErrNobody) {
		t.Errorf("got %v, %v", got, err)
	}
	enough := errors.New("enough")
	if err := c.Follow(t.Context(), web.EventFilter{Plugin: "a b"}, func(web.Event) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}
