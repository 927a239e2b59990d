package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The laws of DESIGN that concern what is shown.

// TestLaw8SecretsAreShownNowhere sends every secret that a request can carry to
// every address, and looks for it in all that is answered and logged.
func TestLaw8SecretsAreShownNowhere(t *testing.T) {
	const (
		link   = "hunter2-of-a-link"   // signs a member in
		cookie = "hunter2-of-a-cookie" // keeps them in
		guess  = "hunter2-of-a-guess"  // may be a token with a typing error
		inside = "hunter2-of-an-error" // of what failed within
	)
	var log bytes.Buffer
	s, m := server(t, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Mounts: map[string]http.Handler{
			"/chat/":  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") }),
			"/panic/": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh dear") }),
		}})
	answers := 0
	ask := func(method, path, bearer, query string) {
		t.Helper()
		w := do(s, method, path+query, "", "Authorization: Bearer "+bearer, "Cookie: session="+cookie)
		answers++
		// What is wrong with a query is told to whoever sent it, with the query.
		for _, secret := range []string{token, cookie, guess, inside} {
			if strings.Contains(w.Body.String(), secret) || strings.Contains(fmt.Sprint(w.Header()), secret) {
				t.Errorf("%s %s answers %d with %s", method, path, w.Code, secret)
			}
		}
	}
	paths := []string{"GET /", "GET /healthz", "GET /readyz", "GET /metrics", "GET /chat/a", "GET /panic/a", "GET /nothing", "GET /debug/pprof/", "GET /debug/pprof/cmdline"}
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(do(s, "GET", "/api/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{number}", "0123456789abcdef", "{plugin}", "welcome", "{name}", "welcome")
	for path, ops := range doc.Paths {
		for method := range ops {
			if !strings.HasSuffix(path, "/follow") { // it does not end
				paths = append(paths, strings.ToUpper(method)+" "+fill.Replace(path))
			}
		}
	}
	for _, err := range []error{nil, fmt.Errorf("within")} {
		m.err = err
		for _, p := range paths {
			method, path, _ := strings.Cut(p, " ")
			for _, bearer := range []string{token, guess, ""} {
				ask(method, path, bearer, "")
				ask(method, path, bearer, "?token="+link)
			}
		}
	}
	// Why something failed is for the log alone.
	m.err = fmt.Errorf("cannot open %s", inside)
	for _, p := range paths {
		method, path, _ := strings.Cut(p, " ")
		ask(method, path, token, "")
	}
	for _, secret := range []string{token, link, cookie, guess} {
		if i := strings.Index(log.String(), secret); i >= 0 {
			t.Errorf("the log has %s: …%s", secret, log.String()[max(0, i-100):i+len(secret)])
		}
	}
	if n := strings.Count(log.String(), "msg=request"); n < answers || answers < 100 {
		t.Errorf("%d answers and %d lines in the log: too few to prove anything", answers, n)
	}
	if figures := do(s, "GET", "/metrics", "").Body.String(); strings.Contains(figures, "hunter2") || strings.Contains(figures, token) {
		t.Error("the figures have a secret")
	}
}

// TestLaw10EveryNumberSaysWhatItCounts goes through all that the API answers.
func TestLaw10EveryNumberSaysWhatItCounts(t *testing.T) {
	s, _ := server(t, Options{Answers: echo{}, Knowledge: new(shelves)})
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Type        any
					Description string
				}
			}
		}
	}
	if err := json.Unmarshal(do(s, "GET", "/api/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	numbers := 0
	for name, schema := range doc.Components.Schemas {
		if strings.HasPrefix(name, "Error") {
			continue // RFC 9457 says what its members are
		}
		for field, p := range schema.Properties {
			if kind := fmt.Sprint(p.Type); !strings.Contains(kind, "integer") && !strings.Contains(kind, "number") {
				continue
			}
			if numbers++; len(strings.Fields(p.Description)) < 2 {
				t.Errorf("%s.%s is a number, and says no more of itself than %q", name, field, p.Description)
			}
		}
	}
	if numbers < 10 {
		t.Errorf("%d numbers: the schemas were not found", numbers)
	}
}

// TestLaw10WhatIsNotKnownIsBlank sees that nothing stands in for it: not zero,
// not the first of January of the year one.
func TestLaw10WhatIsNotKnownIsBlank(t *testing.T) {
	known := 0
	for name, c := range map[string]struct {
		value any
		has   []string
		lacks []string
	}{
		"a status of a host that counts no deletions": {Status{}, []string{`"failed_events":0`}, []string{"failed_events_deleted"}},
		"one that does":                           {Status{Dropped: &known}, []string{`"failed_events_deleted":0`}, nil},
		"a platform that was never held":          {Platform{}, []string{`"waiting":0`}, []string{"held", "account", "advice"}},
		"a message under way":                     {Message{Attempts: []Attempt{{Began: time.Unix(1, 0)}}}, []string{`"began"`}, []string{`"ended"`}},
		"a status of one that has no platform":    {Status{Plugins: []Plugin{}, Platforms: []Platform{}}, []string{`"platforms":[]`}, nil},
		"an event that nothing was withheld from": {Event{}, nil, []string{"withheld", "log", "error"}},
	} {
		b, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.has {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s lacks %s: %s", name, want, b)
			}
		}
		for _, not := range c.lacks {
			if strings.Contains(string(b), not) {
				t.Errorf("%s has %s: %s", name, not, b)
			}
		}
	}

	// The host of these tests counts no deletions; the API invents none.
	reasons := []string{"plugins are being prepared"}
	s, _ := server(t, Options{NotReady: func() []string { return reasons }})
	if w := do(s, "GET", "/api/v1/status", ""); w.Code != 200 || strings.Contains(w.Body.String(), "failed_events_deleted") {
		t.Errorf("the status is %s", w.Body)
	}
	// Nor does the front page, which counts nothing: it has no number to explain,
	// ready or not.
	for range 2 {
		for _, lang := range []string{"en", "zh-CN"} {
			page := do(s, "GET", "/", "", "Accept-Language: "+lang).Body.String()
			text := regexp.MustCompile(`(?s)<style>.*?</style>|<svg.*?</svg>|<[^>]*>|h1`).ReplaceAllString(page, " ")
			if n := regexp.MustCompile(`[0-9]`).FindString(text); n != "" {
				t.Errorf("the front page in %s shows a number: %s", lang, strings.Join(strings.Fields(text), " "))
			}
		}
		reasons = nil
	}
}

func TestFailedEventsComeInPages(t *testing.T) {
	s, m := server(t, Options{})
	for query, want := range map[string]FailureFilter{
		"": {Limit: 1000},
		"?plugin=b&limit=2&after=0000000000000002": {Plugin: "b", Limit: 2, After: "0000000000000002"},
	} {
		if w := do(s, "GET", "/api/v1/dead-letters"+query, ""); w.Code != 200 || m.asked != want {
			t.Errorf("%q answers %d and asks for %+v, want %+v", query, w.Code, m.asked, want)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?after=xyz"} {
		if w := do(s, "GET", "/api/v1/dead-letters"+query, ""); w.Code != 422 {
			t.Errorf("%s answers %d", query, w.Code)
		}
	}
}
