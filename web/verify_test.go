package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// judge is a Verifier that answers as it is told.
type judge struct {
	status VerifyStatus
	err    error
	wait   bool // until ctx ends
	got    Submission
	by     Submitter
}

func (j *judge) Verify(ctx context.Context, s Submission, by Submitter) (VerifyResult, error) {
	j.got, j.by = s, by
	if j.wait {
		<-ctx.Done()
		return VerifyResult{}, context.Cause(ctx)
	}
	return VerifyResult{Verdict: "accepted", Stdout: "hi\n"}, j.err
}

func (j *judge) VerifyStatus() VerifyStatus { return j.status }

const hello = `{"files": {"main.go": "package main"}, "stdin": "3 4\n", "args": ["-v"], "task": "sum", "locale": "zh-CN"}`

func TestVerify(t *testing.T) {
	j := &judge{}
	s, _ := server(t, Options{Verifier: j})
	w := do(s, "POST", "/api/v1/verify", hello)
	if w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields("verdict exit_code stdout stderr truncated diagnostics tests fuel peak_memory_bytes duration_ms virtual_ms go_version cached") {
		if v, ok := got[field]; !ok || v == nil {
			t.Errorf("the result's %s is %v, there: %v", field, v, ok)
		}
	}
	if len(got) != 13 {
		t.Errorf("%d fields: %v", len(got), got)
	}
	if fmt.Sprint(j.got) != fmt.Sprint(Submission{map[string]string{"main.go": "package main"}, "3 4\n", []string{"-v"}, "sum", "zh-CN"}) || j.by.Source != "api" || j.by.Who == "" {
		t.Errorf("%+v by %+v", j.got, j.by)
	}
}

func TestVerifyRefusals(t *testing.T) {
	for _, c := range []struct {
		name, body string
		err        error
		step       string
		code       int
		retry      string
		detail     string
	}{
		{"no JSON", `{"files"`, nil, "", 400, "", "no JSON"},
		{"no body", ``, nil, "", 400, "", ""},
		{"no files", `{"stdin": "x"}`, nil, "", 400, "", "files"},
		{"empty files", `{"files": {}}`, nil, "", 400, "", "body.files"},
		{"a file that is no text", `{"files": {"main.go": 3}}`, nil, "", 400, "", "expected string"},
		{"a misspelt key", `{"files": {"main.go": "x"}, "stdni": "x"}`, nil, "", 400, "", "stdni"},
		{"no such task", hello, fmt.Errorf("%w: %q", ErrUnknownTask, "sum"), "", 400, "", `no such task: \"sum\"`},
		{"too fast", hello, &TooFastError{2100 * time.Millisecond}, "", 429, "3", "taken in 3 s"},
		{"too fast by a hair", hello, &TooFastError{time.Microsecond}, "", 429, "1", "taken in 1 s"},
		{"full", hello, fmt.Errorf("verify: %w", ErrFull), "", 429, "5", "wait already"},
		{"prepared", hello, ErrNotPrepared, "link", 503, "5", "step: link"},
		{"without a pack", hello, ErrNotPrepared, "waiting", 503, "5", "make toolchain"},
		{"broken", hello, ErrNotPrepared, "failed", 503, "5", "log says why"},
		{"its own fault", hello, errors.New("s3cret"), "ready", 500, "", "hearth could not do this"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := server(t, Options{Verifier: &judge{err: c.err, status: VerifyStatus{Step: c.step}}})
			w := do(s, "POST", "/api/v1/verify", c.body)
			if w.Code != c.code || w.Header().Get("Retry-After") != c.retry || !strings.Contains(w.Body.String(), c.detail) {
				t.Errorf("%d, Retry-After %q, %s; want %d, %q, …%s…", w.Code, w.Header().Get("Retry-After"), w.Body, c.code, c.retry, c.detail)
			}
			if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
				t.Errorf("an error as %s", ct)
			}
			if strings.Contains(w.Body.String(), "s3cret") {
				t.Errorf("the client is told %s", w.Body)
			}
		})
	}
	s, _ := server(t, Options{})
	if w := do(s, "POST", "/api/v1/verify", hello); w.Code != 503 || !strings.Contains(w.Body.String(), "does not run code") {
		t.Error("without a verifier:", w.Code, w.Body)
	}
}

// A client that goes has its run stopped.
func TestVerifyEndsWithItsClient(t *testing.T) {
	j := &judge{wait: true}
	s, _ := server(t, Options{Verifier: j})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.verify(ctx, Submission{}); err == nil || !strings.Contains(err.Error(), "did not wait") {
		t.Error(err)
	}
}

// A server that closes does not wait for a verdict.
func TestVerifyEndsWithTheServer(t *testing.T) {
	s, _ := server(t, Options{Verifier: &judge{wait: true}})
	s.Close()
	if w := do(s, "POST", "/api/v1/verify", hello); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Error(w.Code, w.Body)
	}
}

// Who waits longer than there is patience is told so.
func TestVerifyPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := server(t, Options{Verifier: &judge{wait: true}})
		begun := time.Now()
		w := do(s, "POST", "/api/v1/verify", hello)
		if w.Code != 503 || !strings.Contains(w.Body.String(), "no verdict within 5m0s") || time.Since(begun) != verifyPatience {
			t.Error(time.Since(begun), w.Code, w.Body)
		}
	})
}

func TestVerifyStatus(t *testing.T) {
	s, _ := server(t, Options{Verifier: &judge{status: VerifyStatus{Ready: true, Step: "ready", GoVersion: "go1.26.8", Waiting: 3}}})
	if w := do(s, "GET", "/api/v1/verify", ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"ready":true,"step":"ready","go_version":"go1.26.8","waiting":3}` {
		t.Error(w.Code, w.Body)
	}
}
