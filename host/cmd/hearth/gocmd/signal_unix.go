//go:build unix

package gocmd

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// forwarded are the signals that go gets too. One that a terminal sends reaches
// both; go takes no notice of the second.
var forwarded = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

// quiet are the signals by which a Go program ends without a word of its own.
var quiet = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL, syscall.SIGPIPE}

// dieLike ends this process by the signal that ended another, or returns the exit
// code that shells have for it.
func dieLike(s *os.ProcessState) int {
	status, ok := s.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return 1
	}
	sig := status.Signal()
	if slices.Contains(quiet, sig) {
		signal.Reset(sig)
		if syscall.Kill(os.Getpid(), sig) == nil {
			select {} // it comes at once
		}
	}
	return 128 + int(sig)
}
