//go:build linux

package bolt

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hearthbot/hearth/store"
)

// TestDiskFull puts a device that is always full in the file's place. The batch
// is refused, later ones too, reads go on, and nothing that was answered is
// lost.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := new(store.Batch)
	b.Put("k", []byte("v"))
	if _, err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want, err := dump(s)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, s.path, "/dev/full")
	for range 2 {
		if _, err := s.Commit(t.Context(), b); err == nil || errors.Is(err, store.ErrCorrupt) {
			t.Errorf("commit to a full disk: %v", err)
		} else {
			t.Log(err)
		}
		if got, err := dump(s); err != nil || got != want {
			t.Errorf("there is\n%s(%v), want\n%s", got, err, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	s, err = Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := dump(s); err != nil || got != want {
		t.Errorf("opened again, there is\n%s(%v), want\n%s", got, err, want)
	}
}

// replace makes this process's open file at path another one.
func replace(t *testing.T, path, by string) {
	t.Helper()
	f, err := os.OpenFile(by, os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, e := range fds {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err != nil || to != path {
			continue
		}
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Dup3(int(f.Fd()), fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("%s is not open", path)
}
