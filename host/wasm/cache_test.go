package wasm

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestCacheDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing on Windows")
	}
	dir := filepath.Join(t.TempDir(), "a", "cache")
	mode := func() os.FileMode {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	open := func() error {
		e, err := New(Options{CacheDir: dir})
		if err == nil {
			err = e.Close(t.Context())
		}
		return err
	}
	if err := open(); err != nil || mode() != 0o700 {
		t.Errorf("a new directory: %v, mode %v", err, mode())
	}
	chmod(t, dir, 0o755)
	if err := open(); err != nil || mode() != 0o700 {
		t.Errorf("one that others can read: %v, mode %v", err, mode())
	}
	chmod(t, dir, 0o770)
	if err := open(); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("one that others can write: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{CacheDir: link}); err == nil {
		t.Error("a symbolic link is taken")
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestCachePurge(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for n, name := range []string{"old", "middle", "new"} {
		entry := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(entry, "wazero"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(entry, "wazero", "code"), make([]byte, 400), 0o600); err != nil {
			t.Fatal(err)
		}
		used := now.Add(time.Duration(n-3) * time.Hour)
		if err := os.Chtimes(entry, used, used); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		size int64
		want string
	}{{1200, "middle new old"}, {1199, "middle new"}, {500, "new"}, {0, ""}} {
		if err := purgeCache(dir, tt.size); err != nil {
			t.Fatal(err)
		}
		names, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, n := range names {
			left = append(left, n.Name())
		}
		if got := strings.Join(left, " "); got != tt.want {
			t.Errorf("within %d bytes: %s, want %s", tt.size, got, tt.want)
		}
	}
}

// A cache that is damaged, wherever, is compiled anew and whole again.
func TestCacheDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	code := plugin(i64 + "\x00").module()
	e := newEngine(t, Options{CacheDir: dir})
	compile := func() (name string, content []byte) {
		t.Helper()
		p, err := e.Compile(t.Context(), code, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		names, err := filepath.Glob(filepath.Join(dir, "*", "wazero*", "*"))
		if err != nil || len(names) != 1 {
			t.Fatalf("the cache holds %v, %v", names, err)
		}
		if content, err = os.ReadFile(names[0]); err != nil {
			t.Fatal(err)
		}
		return names[0], content
	}
	name, whole := compile()
	stamp := func() time.Time {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	before := stamp()
	if compile(); !stamp().Equal(before) {
		t.Error("a whole cache was not used")
	}
	damaged := [][]byte{nil, whole[:len(whole)/2], append([]byte("rubbish"), whole...)}
	for n := range whole {
		b := bytes.Clone(whole)
		b[n] ^= 0x40
		if n%7 == 0 {
			damaged = append(damaged, b)
		}
	}
	for _, b := range damaged {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, again := compile(); !bytes.Equal(again, whole) {
			t.Error("the cache is still damaged")
		}
	}
	if err := os.Remove(filepath.Join(filepath.Dir(filepath.Dir(name)), sumName)); err != nil {
		t.Fatal(err)
	}
	compile()
}

// A cache that cannot be written costs time only.
func TestCacheUnwritable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	e := newEngine(t, Options{CacheDir: dir})
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Compile(t.Context(), plugin(i64+"\x00").module(), Limits{}); err != nil {
		t.Error(err)
	}
}
