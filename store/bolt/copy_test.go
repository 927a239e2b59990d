package bolt

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hearthbot/hearth/store"
)

// TestCopy copies a store that nobody has open, and leaves it as it is.
func TestCopy(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	if err := Copy(t.Context(), from, to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is no store: %v", err)
	}
	if list, err := os.ReadDir(from); err != nil || len(list) != 0 {
		t.Errorf("it has made %v, %v", list, err)
	}
	s, err := Open(t.Context(), from, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := new(store.Batch)
	b.Put("a", []byte("one"))
	if _, err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := Copy(t.Context(), from, to); !errors.Is(err, store.ErrLocked) {
		t.Errorf("of a store that is open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(from, dataFile+compactSuffix)
	if err := os.WriteFile(left, []byte("of a compaction that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Copy(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("it has cleaned up: %v", err)
	}
	if err := Copy(t.Context(), from, to); !errors.Is(err, os.ErrExist) {
		t.Errorf("over another: %v", err)
	}
	c, err := Open(t.Context(), to, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	snap, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if row, err := snap.Get(t.Context(), "a"); err != nil || string(row.Value) != "one" {
		t.Errorf("the copy has %q, %v", row.Value, err)
	}
}
