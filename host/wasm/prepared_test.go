package wasm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

var preparedLimits = Limits{Fuel: 2_000_000_000, Wall: time.Hour, Memory: 5 << 10, Output: 64 << 10, Sleep: time.Hour}

// newPrepared is the guest prepared, with an image of the word.
func newPrepared(tb testing.TB, o Options, interpret bool) *Command {
	tb.Helper()
	c, err := newEngine(tb, o).Command(tb.Context(), buildGuest(tb, "prepared"), CommandOptions{Limits: preparedLimits, Interpret: interpret,
		Trusted: !interpret, HugePages: true, Prepared: preparation(map[string][]byte{"std/word.txt": []byte("early")})})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

func preparation(files map[string][]byte) *Preparation {
	return &Preparation{Prepare: "prepare", Run: "run", First: Run{Args: []string{"prepared", "bird"}, Files: NewFiles(NewTree(files), 0)}}
}

// Each run begins with the image, whatever the one before it did and however it
// ended, and is the same each time.
func TestPrepared(t *testing.T) {
	const pristine = "early bird 1 133693440 "
	acts := []struct {
		args string
		want error
		exit int
	}{
		{"none", nil, 0}, {"exit 0", nil, 0}, {"exit 7", nil, 7}, {"panic", ErrTrap, 0}, {"much", nil, 0}, {"clean", nil, 0},
		{"hog", ErrMemory, 0}, {"clean", nil, 0}, {"spin", ErrFuel, 0}, {"write x", nil, 0}, {"none", nil, 0},
	}
	for name, o := range map[string]Options{"asking": {}, "comparing": {tracking: trackCompare}} {
		t.Run(name, func(t *testing.T) {
			c := newPrepared(t, o, false)
			seen := map[string]string{}
			for round := range 2 {
				for _, act := range acts {
					files := NewFiles(nil, 1<<10)
					files.Write("w/in", nil)
					out, err := c.Run(t.Context(), Run{Args: append([]string{"prepared"}, strings.Fields(act.args)...), Files: files})
					if act.want == nil && err != nil || !errors.Is(err, act.want) {
						t.Fatalf("%s: %v, want %v\n%s", act.args, err, act.want, out.Stderr)
					}
					want := pristine + strings.ReplaceAll(act.args, " ", "|") + " 0\n"
					if string(out.Stdout) != want || out.ExitCode != act.exit {
						t.Errorf("%s: %q, exit code %d; want %q", act.args, out.Stdout, out.ExitCode, want)
					}
					out.Took = 0
					if is, ok := seen[act.args]; !ok {
						seen[act.args] = fmt.Sprint(out)
					} else if is != fmt.Sprint(out) {
						t.Errorf("round %d, %s:\n%.300v\nand before\n%.300s", round, act.args, out, is)
					}
					if b, ok := files.Read("w/out"); act.args == "write x" && (!ok || string(b) != "x") {
						t.Errorf("wrote %q, %v", b, ok)
					}
				}
			}
		})
	}
}

// Runs at once are as many instances, and none sees another.
func TestPreparedRunsApart(t *testing.T) {
	c := newPrepared(t, Options{}, false)
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			for range 4 {
				out, err := c.Run(t.Context(), Run{Args: []string{"prepared", "none", fmt.Sprint(n)}})
				if want := fmt.Sprintf("early bird 1 133693440 none|%d 0\n", n); err != nil || string(out.Stdout) != want {
					t.Errorf("%q, %v", out.Stdout, err)
				}
			}
		})
	}
	group.Wait()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("nobody waits any more"))
	if _, err := c.Run(ctx, Run{Args: []string{"prepared", "spin"}}); err == nil || !strings.Contains(err.Error(), "nobody waits any more") {
		t.Errorf("cancelled: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Run(t.Context(), Run{}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestPreparedInterpreted(t *testing.T) {
	c := newPrepared(t, Options{}, true)
	for range 2 {
		out, err := c.Run(t.Context(), Run{Args: []string{"prepared", "none"}})
		if err != nil || string(out.Stdout) != "early bird 1 133693440 none 0\n" {
			t.Errorf("%q, %v", out.Stdout, err)
		}
	}
}

func TestNotPrepared(t *testing.T) {
	e := newEngine(t, Options{})
	code := buildGuest(t, "prepared")
	for _, tt := range []struct {
		name string
		how  *Preparation
		want error
		says string
	}{
		{"fails", preparation(nil), ErrExit, "nothing to prepare with"},
		{"no such export", &Preparation{Prepare: "prepare", Run: "ride"}, ErrABI, "ride"},
		{"a program", nil, ErrABI, "_start"},
	} {
		c, err := e.Command(t.Context(), code, CommandOptions{Limits: preparedLimits, Interpret: true, Prepared: tt.how})
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, %v; want %v that says %q", tt.name, c, err, tt.want, tt.says)
		}
	}
}
