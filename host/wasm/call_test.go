package wasm

import (
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

func TestCall(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{}, "echo a", "echo b")
	now := time.Date(2026, 3, 1, 12, 0, 0, 42, time.UTC)
	for _, tt := range []struct{ act, want string }{
		{"echo hello", "hello"},
		{"state", `calls 3, kept 0, warmed "set up"`},
		{"now", "2026-03-01T12:00:00.000000042Z"},
		{"sleep 3s", "3s"},
		{"alloc 30", ""},
		{"leak", ""},
		{"keep", ""},
		{"get none", "false "},
		{"scan \x81\xa1p\xa0", "\x81\xa1r\x90"},
		{"big 262144", strings.Repeat("\x00", abi.MaxOutput)},
		{"environment", "args [], env [], file open /etc/passwd: Bad file number, stdin 0 EOF"},
		{"state", `calls 3, kept 0, warmed "set up"`},
	} {
		c := act(tt.act)
		c.Now = now
		c.Buf = []byte("> ")
		r, err := i.Call(t.Context(), c)
		if err != nil {
			t.Fatalf("%s: %v", tt.act, err)
		}
		if got := string(r.Output); got != "> "+tt.want {
			t.Errorf("%s: got %.200q, want %.200q", tt.act, got, tt.want)
		}
		if r.Fuel <= 0 || r.Duration <= 0 || r.Dirty <= 0 {
			t.Errorf("%s: %+v", tt.act, r)
		}
	}
	r, err := i.Call(t.Context(), Call{Export: abi.ExportQuery, Input: []byte("path")})
	if err != nil || string(r.Output) != "asked path" {
		t.Errorf("query: %q, %v", r.Output, err)
	}
}

// Every way a guest can end badly has its own error, says why, and leaves the
// sandbox as it was.
func TestFailures(t *testing.T) {
	i := newImage(t, Options{Sandboxes: 1}, "acts", Limits{Fuel: 1_500_000_000}, "echo a", "echo b")
	state := do(t, i, "state")
	for _, tt := range []struct {
		act     string
		kind    error
		message string // in Error.Message
		stderr  string // in Error.Stderr
	}{
		{"panic x", ErrTrap, "panic: boom: x", "main.handle("},
		{"gopanic", ErrTrap, "panic: boom in a goroutine", "main.handle.func1()"},
		{"nil", ErrTrap, "nil pointer dereference", "main.handle("},
		{"deadlock", ErrTrap, "all goroutines are asleep - deadlock!", "select (no cases)"},
		{"exit 0", ErrExit, "with code 0", "leaving with 0"},
		{"exit 259", ErrExit, "with code 259", "leaving with 259"},
		{"oom", ErrMemory, "out of memory", "main.handle("},
		{"recurse", ErrMemory, "out of memory", "main.recurse("},
		{"loop", ErrFuel, "the limit is 1500000000", ""},
		{"loopcall", ErrFuel, "the limit is 1500000000", ""},
		{"sleep 1h", ErrSleep, "1h0m0s more, the limit is 10s", ""},
		{"big 262145", ErrOutput, "262145 bytes, the limit is 262144", ""},
		{"wild", ErrABI, "64 bytes at 0xfffffff0, does not lie in memory", ""},
		{"wildget", ErrABI, "kv_get: the key lies at 0xffffff00, outside of memory", ""},
		{"get " + strings.Repeat("k", 257), ErrABI, "a key of 257 bytes, at most 256", ""},
		{"scan nonsense", ErrABI, "not one encoded Scan", ""},
		{"scan \x82\xa1p\xa0\xa1l\x31", ErrABI, "49 rows, a checked scan has 1 to 48", ""},
	} {
		e := fails(t, i, tt.act, tt.kind)
		if !strings.Contains(e.Message, tt.message) || !strings.Contains(e.Stderr, tt.stderr) {
			t.Errorf("%.20s: message %q, stderr %q", tt.act, e.Message, e.Stderr)
		}
		if e.Fuel <= 0 || len(e.Stderr) > 5<<10 || strings.Contains(e.Message, "\n") {
			t.Errorf("%.20s: %+v", tt.act, e)
		}
		if got := do(t, i, "state"); got != state {
			t.Fatalf("after %.20s: %s, before %s", tt.act, got, state)
		}
	}
}
