package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/wasm/meter"
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

// kept compiles code with a cache in dir that holds nothing else, and returns the
// files of its entry by the names that they have in it.
func kept(t *testing.T, e *Engine, code []byte, dir string) map[string]string {
	t.Helper()
	p, err := e.Compile(t.Context(), code, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if string(p.Manifest()) != "a manifest" {
		t.Errorf("the manifest is %q", p.Manifest())
	}
	i, err := p.Image(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := do(t, i, "event"); got != "" {
		t.Errorf("the plugin answers %q", got)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("the cache holds %v, %v", entries, err)
	}
	files := map[string]string{}
	err = filepath.WalkDir(entries[0], func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name := strings.TrimPrefix(path, entries[0]+"/")
			if dir, _, ok := strings.Cut(name, "/"); ok {
				name = dir
			}
			files[name] = path
		}
		return err
	})
	if err != nil || len(files) != 4 {
		t.Fatalf("an entry holds %v, %v", files, err)
	}
	return files
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An entry that is damaged, wherever, is made anew and whole again.
func TestCacheDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	code := described("a manifest").module()
	e := newEngine(t, Options{CacheDir: dir})
	files := kept(t, e, code, dir)
	whole := map[string][]byte{}
	for name, path := range files {
		whole[name] = read(t, path)
	}
	written := func(name string) time.Time {
		info, err := os.Stat(files[name])
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	before := written(sumName)
	if kept(t, e, code, dir); !written(sumName).Equal(before) {
		t.Error("a whole entry was not used")
	}
	for name, b := range whole {
		damaged := [][]byte{nil, b[:len(b)/2], append([]byte("rubbish"), b...)}
		for n := 0; n < len(b); n += max(1, len(b)/40) {
			c := bytes.Clone(b)
			c[n] ^= 0x40
			damaged = append(damaged, c)
		}
		for _, c := range damaged {
			if err := os.WriteFile(files[name], c, 0o600); err != nil {
				t.Fatal(err)
			}
			kept(t, e, code, dir)
			if !bytes.Equal(read(t, files[name]), b) {
				t.Errorf("%s is still damaged", name)
			}
		}
		if err := os.Remove(files[name]); err != nil {
			t.Fatal(err)
		}
		if kept(t, e, code, dir); !bytes.Equal(read(t, files[name]), b) {
			t.Errorf("%s was removed and is not as it was", name)
		}
	}
}

// Machine code that wazero does not find, as it was made for another processor or
// by another wazero, is made anew: what is kept beside it is never compiled, for
// it does nothing but trap.
func TestCacheOfAnother(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	code := described("a manifest").module()
	e := newEngine(t, Options{CacheDir: dir})
	files := kept(t, e, code, dir)
	for name, path := range files {
		if !strings.HasPrefix(name, "wazero-") {
			continue
		}
		for _, to := range []string{filepath.Join(filepath.Dir(path), strings.Repeat("0", 64)), filepath.Join(filepath.Dir(filepath.Dir(path)), "wazero-v0.0.0", filepath.Base(path))} {
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path, to); err != nil {
				t.Fatal(err)
			}
			entry := filepath.Dir(files[sumName])
			sum, err := sumFiles(entry)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[sumName], sum, 0o600); err != nil {
				t.Fatal(err)
			}
			if again := kept(t, e, code, dir); again[name] != path {
				t.Errorf("the machine code lies in %s, and not in %s", again[name], path)
			}
		}
	}
}

// An entry is of one code, under one set of bounds, metered one way.
func TestCacheEntryNames(t *testing.T) {
	code := described("a manifest").module()
	names := map[string]string{}
	add := func(what string, change func(p *program, s *source)) {
		p := &program{sha: sha256.Sum256(code), limits: DefaultLimits()}
		s := &source{bounds: meter.Options{MemoryPages: 1024, Pristine: true}, plugin: true}
		change(p, s)
		name := newEntry("dir", p, s).name
		if other, ok := names[name]; ok {
			t.Errorf("%s has the entry of %s", what, other)
		}
		names[name] = what
	}
	add("itself", func(*program, *source) {})
	add("another code", func(p *program, _ *source) { p.sha[31] ^= 1 })
	add("another memory", func(_ *program, s *source) { s.bounds.MemoryPages++ })
	add("what may keep state", func(_ *program, s *source) { s.bounds.Pristine = false })
	add("other fuel", func(p *program, _ *source) { p.limits.Fuel++ })
	add("a command", func(_ *program, s *source) { s.plugin = false })
}

// What a process left that ended while it compiled does not stay for ever.
func TestCacheDrafts(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{draftName + "old": 2 * maxDraft, draftName + "young": 0, "entry": 2 * maxDraft} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := purgeCache(dir, 1<<20); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if want := []string{filepath.Join(dir, "entry"), filepath.Join(dir, draftName+"young")}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left are %v, %v, want %v", left, err, want)
	}
}

// Two engines that fill one cache at once do not see what the other has not
// finished.
func TestCacheShared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	code := described("a manifest").module()
	var wg sync.WaitGroup
	for range 4 {
		e := newEngine(t, Options{CacheDir: dir})
		wg.Go(func() {
			p, err := e.Compile(context.Background(), code, Limits{})
			if err != nil || string(p.Manifest()) != "a manifest" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	kept(t, newEngine(t, Options{CacheDir: dir}), code, dir)
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
