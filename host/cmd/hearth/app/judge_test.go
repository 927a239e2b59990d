package app

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
)

// [verify] says the verifier's own defaults, so that what the file leaves out and
// what `hearth verify` does are the same.
func TestVerifyOptionsAreTheDefaults(t *testing.T) {
	c := config.Default().Verify
	got := verifyOptions(&c, nil, "", nil)
	for what, ok := range map[string]bool{
		"fuel": got.Fuel == 40_000_000_000, "wall": got.Wall == 8*time.Second, "memory": got.Memory == 64<<20, "output": got.Output == 64<<10,
		"sleep": got.Sleep == 24*time.Hour, "queue": got.Queue == 256, "cache": got.Cache == 32<<20, "workers": got.Workers == 0, "share": got.Share == 0,
	} {
		if !ok {
			t.Errorf("the default of %s is none of the verifier's: %+v", what, got)
		}
	}
	if got.Every != 3*time.Second || got.Burst != 20 {
		t.Errorf("a member may submit every %v, %d at once", got.Every, got.Burst)
	}
}

func TestBeforeTheCompilerIsReady(t *testing.T) {
	e, err := wasm.New(wasm.Options{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(t.Context())
	v, err := NewVerifier(t.Context(), verify.Options{Engine: e, Logger: NewLogger(t.Output(), 0, true)}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := web.Submission{Files: map[string]string{"main.go": "package main\nfunc main() {}"}}
	if _, err := (forWeb{v}).Verify(t.Context(), in, web.Submitter{}); !errors.Is(err, web.ErrNotPrepared) {
		t.Error(err)
	}
	in.Task = "nope"
	if _, err := (forWeb{v}).Verify(t.Context(), in, web.Submitter{}); !errors.Is(err, web.ErrUnknownTask) || !strings.Contains(err.Error(), `"nope"; there are`) {
		t.Error(err)
	}
	if _, err := (forChat{v}).Verify(t.Context(), host.Verification{Verify: &abi.Verify{}}); !errors.Is(err, host.ErrVerifierNotReady) {
		t.Error(err)
	}
	if st := (forWeb{v}).VerifyStatus(); st.Ready || st.Step != "waiting" {
		t.Errorf("%+v", st)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if _, err := (forWeb{v}).Verify(t.Context(), web.Submission{}, web.Submitter{}); err == nil || errors.Is(err, web.ErrNotPrepared) {
		t.Errorf("closed: %v", err)
	}
}

// Every task that code answers can be asked for, with its hidden tests; the
// others say what they are.
func TestSetTask(t *testing.T) {
	p, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range p.Tasks {
		s := verify.Submission{Stdin: "mine"}
		err := SetTask(&s, task.ID)
		switch {
		case task.Kind == pack.Paste:
			if !errors.Is(err, web.ErrUnknownTask) || !strings.Contains(err.Error(), "what a tool prints") {
				t.Errorf("%s: %v", task.ID, err)
			}
		case err != nil || len(s.Tests) != len(task.Tests) || s.Want != task.Want || s.Stdin != "mine":
			t.Errorf("%s: %v, %+v", task.ID, err, s)
		}
	}
}

func TestResultForTheAPI(t *testing.T) {
	r := verify.Result{Verdict: verify.WrongAnswer, ExitCode: 1, Stdout: "o", Stderr: "e", Truncated: true, Fuel: 1, PeakMemory: 2, DurationMS: 3, VirtualMS: 4,
		GoVersion: "go1", Cached: true, Diagnostics: []source.Diagnostic{{Severity: source.Error, File: "f", Line: 1, Column: 2, Code: "c", Message: "m", Excerpt: "x", Hint: "h"}},
		Tests: []verify.Test{{Name: "T", Passed: true, Output: "p"}}}
	got := string(mustJSON(t, forAPI(&r)))
	if want := string(mustJSON(t, r)); got != want {
		t.Errorf("over the API\n%s\non the command line\n%s", got, want)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
