package native

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// prisoners are tools that do what they must not be able to do.
func prisoners(t *testing.T, change func(*Options)) *Job {
	t.Helper()
	home := t.TempDir()
	for _, tool := range []string{"compile", "link"} {
		build := exec.Command("go", "build", "-o", filepath.Join(home, tool), "./testdata/prisoner")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	goCmd := filepath.Join(home, "go")
	if err := os.WriteFile(goCmd, fmt.Appendf(nil, "#!/bin/sh\necho go1.0\necho %s\n", home), 0o700); err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: filepath.Join(t.TempDir(), "native"), GoCmd: goCmd, Version: "go1.0",
		Archives: map[string][]byte{"a/b": []byte("archive")}, Env: []string{"GOOS=wasip1"}}
	if change != nil {
		change(&o)
	}
	tools, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if lacks := tools.Lacks(); lacks != "" {
		t.Skip("children are not kept from ", lacks)
	}
	j, err := tools.Job()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func TestAChildSeesNothingOfTheMachine(t *testing.T) {
	t.Setenv("HEARTH_SECRET_OF_THE_TEST", "hunter2")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	j := prisoners(t, nil)
	if err := j.Write("src/main.go", []byte("mine")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
		ok   bool
	}{
		{[]string{"read", j.Path("/w/src/main.go")}, "mine", true},
		{[]string{"read", j.Path("/std/a/b.a")}, "archive", true},
		{[]string{"read", "/etc/passwd"}, "no such file", false},
		{[]string{"read", "/proc/self/environ"}, "no such file", false},
		{[]string{"read", "../../../../etc/passwd"}, "no such file", false},
		{[]string{"list", "/"}, "bin\nstd\nw1\n", true},
		{[]string{"dial", listener.Addr().String()}, "unreachable", false},
		{[]string{"env"}, "PWD=/\nTMPDIR=/w1\nGOOS=wasip1\n", true},
		{[]string{"parent"}, "0\n", true}, // the first process of its namespace
	} {
		out, err := j.Run(t.Context(), "compile", tt.args)
		var refused *exec.ExitError
		if tt.ok != (err == nil) || err != nil && !errors.As(err, &refused) || !strings.Contains(string(out), tt.want) {
			t.Errorf("%v: %q, %v; want %q", tt.args, out, err, tt.want)
		}
	}
}

func TestAChildIsBounded(t *testing.T) {
	// On a machine that is busy the time is up before the memory is.
	j := prisoners(t, func(o *Options) { o.Memory, o.File, o.Time = 256<<20, 4<<20, 2*time.Minute })
	hasty := prisoners(t, func(o *Options) { o.Time = 5 * time.Second })
	if out, err := j.Run(t.Context(), "compile", []string{"memory"}); !errors.Is(err, ErrMemory) {
		t.Errorf("4 GiB of memory: %v, want ErrMemory\n%.600s", err, out)
	}
	for _, way := range []string{"spin", "sleep"} {
		start := time.Now()
		if _, err := hasty.Run(t.Context(), "link", []string{way}); !errors.Is(err, ErrTime) {
			t.Errorf("%s: %v, want ErrTime", way, err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: it was stopped after %v", way, took)
		}
	}
	if out, err := j.Run(t.Context(), "compile", []string{"write", j.Path("/w/big")}); err == nil {
		t.Errorf("64 MiB were written: %q", out)
	}
	if b, err := j.Read("big"); err != nil || len(b) > 4<<20 {
		t.Errorf("a file of %d bytes is left, %v; at most 4 MiB may be", len(b), err)
	}
	if out, err := j.Run(t.Context(), "compile", []string{"flood"}); err != nil || len(out) != maxOutput {
		t.Errorf("a flood of output: %d bytes, %v; want the first %d", len(out), err, maxOutput)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("nobody waits")
	time.AfterFunc(50*time.Millisecond, func() { cancel(gone) })
	if _, err := j.Run(ctx, "compile", []string{"sleep"}); !errors.Is(err, gone) {
		t.Errorf("a cancelled run: %v, want why it was", err)
	}
}

func TestOpenSaysWhatDoesNotFit(t *testing.T) {
	if _, err := Open(t.Context(), Options{Dir: t.TempDir(), Version: "go1.2.3"}); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "go1.2.3") {
		t.Errorf("another version: %v, want ErrVersion", err)
	}
	if _, err := Open(t.Context(), Options{Dir: t.TempDir(), GoCmd: filepath.Join(t.TempDir(), "go")}); err == nil || !strings.Contains(err.Error(), "no Go installation") {
		t.Errorf("no installation: %v", err)
	}
}

func TestAJobKeepsToItsDirectory(t *testing.T) {
	j := prisoners(t, nil)
	for _, name := range []string{"../out", "/etc/passwd", "", "a/../../b"} {
		if err := j.Write(name, nil); err == nil {
			t.Errorf("Write(%q) wrote", name)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(j.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the job's directory: %v", err)
	}
}
