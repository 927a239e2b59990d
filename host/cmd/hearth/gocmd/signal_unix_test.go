//go:build unix

package gocmd

import (
	"bufio"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMain is hearth, where the environment says so.
func TestMain(m *testing.M) {
	if os.Getenv("GOCMD_AS_HEARTH") != "" {
		c := Command{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
		os.Exit(c.Run())
	}
	os.Exit(m.Run())
}

// TestSignals sends hearth signals while a go runs that says which ones it got.
func TestSignals(t *testing.T) {
	dir := t.TempDir()
	const script = `#!/bin/sh
if [ "$1" = deaf ]; then echo up; exec sleep 600; fi
trap 'echo INT; exit 5' INT
trap 'echo TERM; exit 6' TERM
trap 'echo HUP; exit 7' HUP
trap 'echo USR1; exit 8' USR1
echo up
while :; do sleep 0.05; done
`
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		arg  string
		sig  syscall.Signal
		code int            // of the exit
		dies syscall.Signal // by which hearth ends, if that is not 0
		says string
	}{
		{"run", syscall.SIGINT, 5, 0, "INT"},
		{"run", syscall.SIGTERM, 6, 0, "TERM"},
		{"run", syscall.SIGHUP, 7, 0, "HUP"},
		{"run", syscall.SIGUSR1, 8, 0, "USR1"},
		{"deaf", syscall.SIGTERM, -1, syscall.SIGTERM, ""},
		{"deaf", syscall.SIGINT, -1, syscall.SIGINT, ""},
	} {
		t.Run(c.arg+" "+c.sig.String(), func(t *testing.T) {
			if signal.Ignored(c.sig) {
				t.Skipf("skipped: the signal %v is ignored here, as under nohup, and by all that a test starts", c.sig)
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], c.arg)
			cmd.Env = append(os.Environ(), "GOCMD_AS_HEARTH=1", "PATH="+dir+":"+os.Getenv("PATH"))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			if !lines.Scan() || lines.Text() != "up" {
				t.Fatalf("it says %q first", lines.Text())
			}
			if err := cmd.Process.Signal(c.sig); err != nil {
				t.Fatal(err)
			}
			var said []string
			for lines.Scan() {
				said = append(said, lines.Text())
			}
			_ = cmd.Wait() // how it ended is what counts
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if cmd.ProcessState.ExitCode() != c.code || c.dies != 0 && (!status.Signaled() || status.Signal() != c.dies) || strings.Join(said, " ") != c.says {
				t.Errorf("it ended with %v and said %q", cmd.ProcessState, said)
			}
		})
	}
}
