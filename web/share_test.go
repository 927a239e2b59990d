package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// shelf keeps shares in memory.
type shelf struct {
	mu   sync.Mutex
	all  map[string]Share
	full bool
	err  error
}

func (s *shelf) Put(_ context.Context, id string, x Share) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return ErrSharesFull
	}
	if s.all == nil {
		s.all = map[string]Share{}
	}
	s.all[id] = x
	return s.err
}

func (s *shelf) Get(_ context.Context, id string) (Share, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.all[id]
	if !ok {
		return x, fmt.Errorf("%w: a shared program", ErrNotFound)
	}
	return x, s.err
}

func (s *shelf) Delete(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, id)
	return s.err
}

func TestShare(t *testing.T) {
	keep := &shelf{}
	var log bytes.Buffer
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s, _ := server(t, Options{Run: &RunOptions{Shares: keep, PublicURL: "https://gophers.example"},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), Clock: func() time.Time { return now },
		Verifier: &runner{VerifyStatus{Ready: true}, func(context.Context, Submission, Submitter) (VerifyResult, error) {
			t.Error("it was run")
			return VerifyResult{}, nil
		}}})
	w := openIt(s, "POST", "/run/share", fill("code", "// </textarea><script>alert(1)</script>\n", "stdin", "in\n", "args", `"a b`), formType, "Accept: application/json")
	var a scriptAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
		t.Fatal(w.Code, w.Body, err)
	}
	m := regexp.MustCompile(`https://gophers\.example(/run/s/([\w-]{22}))"`).FindStringSubmatch(a.HTML)
	if m == nil || !strings.Contains(a.HTML, "1 February 2026") {
		t.Fatalf("there is no link with its end in %s", a.HTML)
	}
	w = openIt(s, "GET", m[1]+"?lang=zh-CN", "")
	for _, want := range []string{"// &lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;", "2026年2月1日", "按“运行”才会运行", ">\nin\n</textarea>", `value="&#34;a b"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("there is no %s", want)
		}
	}
	if w.Code != 200 || strings.Contains(w.Body.String(), "<script>alert") || w.Header().Get("X-Robots-Tag") != "noindex" {
		t.Errorf("%d %s", w.Code, w.Header())
	}

	// Without script the link stands in the page.
	if w := openIt(s, "POST", "/run/share", fill("code", hi), formType); w.Code != 200 || !strings.Contains(w.Body.String(), "https://gophers.example/run/s/") {
		t.Errorf("%d", w.Code)
	}
	// An admin takes it away, and nobody else.
	if w := openIt(s, "DELETE", m[1], ""); w.Code != 401 {
		t.Errorf("anybody deletes: %d", w.Code)
	}
	if w := do(s, "DELETE", m[1], ""); w.Code != 204 {
		t.Errorf("an admin does not delete: %d %s", w.Code, w.Body)
	}
	if w := openIt(s, "GET", m[1], ""); w.Code != 404 {
		t.Errorf("deleted, it answers %d", w.Code)
	}
	// Who reads the log does not learn the link, nor the program.
	if strings.Contains(log.String(), m[2]) || strings.Contains(log.String(), "alert") || !strings.Contains(log.String(), "/run/share") {
		t.Errorf("the log:\n%s", &log)
	}
	for name, tc := range map[string]struct {
		form   string
		shelf  *shelf
		status int
	}{
		"too large": {fill("code", strings.Repeat("a", 60<<10), "stdin", strings.Repeat("b", 5<<10)), &shelf{}, 413},
		"empty":     {fill(), &shelf{}, 422},
		"full":      {fill("code", "a"), &shelf{full: true}, 503},
		"broken":    {fill("code", "a"), &shelf{err: errors.New("secret")}, 500},
	} {
		s, _ := server(t, Options{Run: &RunOptions{Shares: tc.shelf}})
		w := openIt(s, "POST", "/run/share", tc.form, formType, "Accept: application/json")
		if w.Code != tc.status || !strings.Contains(w.Body.String(), `"sorry"`) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	bare, _ := server(t, Options{Run: &RunOptions{}})
	if w := openIt(bare, "POST", "/run/share", fill("code", hi), formType); w.Code != 405 && w.Code != 404 {
		t.Errorf("without a shelf: %d", w.Code)
	}
}

// One address shares so much, and others are not hindered.
func TestShareRate(t *testing.T) {
	keep := &shelf{}
	now := time.Unix(0, 0)
	s, _ := server(t, Options{Run: &RunOptions{Shares: keep}, Clock: func() time.Time { return now }})
	post := func(from string) int {
		r := httptest.NewRequest("POST", "/run/share", strings.NewReader(fill("code", hi)))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	for range shareRate.Burst {
		if code := post("192.0.2.1:1"); code != 200 {
			t.Fatal(code)
		}
	}
	if code := post("192.0.2.1:2"); code != 429 {
		t.Errorf("one too many: %d", code)
	}
	if code := post("192.0.2.2:1"); code != 200 {
		t.Errorf("another address: %d", code)
	}
	now = now.Add(time.Minute)
	if code := post("192.0.2.1:1"); code != 200 {
		t.Errorf("a minute later: %d", code)
	}
}
