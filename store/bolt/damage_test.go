package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hearthbot/hearth/store"
)

// healthy makes a store of several levels, with free pages and values over
// several pages, and returns the bytes of its file and what is in it.
func healthy(t testing.TB) (file []byte, want string) {
	t.Helper()
	dir := t.TempDir()
	s := prepare(t, dir, Options{})
	var g group
	put := func(f func(*store.Batch)) {
		r := &request{batch: new(store.Batch), done: make(chan struct{}, 1)}
		f(r.batch)
		if err := s.commit(&g, []*request{r}); err != nil || r.err != nil {
			t.Fatal(err, r.err)
		}
	}
	for i := range 12 {
		put(func(b *store.Batch) {
			for j := range 20 {
				b.Put(store.Join("row", store.Seq(uint64(20*i+j))), []byte(strings.Repeat("x", j)))
			}
			b.Add("count", 20)
		})
	}
	put(func(b *store.Batch) { b.Put("large", []byte(strings.Repeat("y", 9000))) })
	put(func(b *store.Batch) {
		for j := range 50 {
			b.Delete(store.Join("row", store.Seq(uint64(3*j))))
		}
	})
	want, err := dump(s)
	if err != nil {
		t.Fatal(err)
	}
	file, err = os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	// What lies behind the pages in use is room to grow.
	return file[:s.view.tx.Size()], want
}

func verifyBytes(file []byte, rows bool) error {
	v := verifier{ctx: context.Background(), file: bytes.NewReader(file), size: int64(len(file)), rows: rows}
	return v.run()
}

// openBytes opens a store whose file has these bytes and reads it all, and then
// writes to it.
func openBytes(t testing.TB, file []byte, o Options) (got string, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, dataFile), file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), dir, o)
	if err != nil {
		return "", err
	}
	defer s.Close()
	if got, err = dump(s); err != nil {
		return got, err
	}
	b := new(store.Batch)
	b.Put("row/after", nil)
	b.Delete("large")
	_, err = s.Commit(t.Context(), b)
	return got, err
}

func TestTruncated(t *testing.T) {
	file, want := healthy(t)
	if err := verifyBytes(file, true); err != nil {
		t.Fatal(err)
	}
	for n := range file {
		if err := verifyBytes(file[:n], true); err == nil {
			t.Fatalf("a file cut off at byte %d of %d is taken for whole", n, len(file))
		} else if !strings.Contains(err.Error(), "page ") {
			t.Fatalf("cut off at byte %d: %q names no page", n, err)
		}
	}
	for n := 0; n < len(file); n += 1999 {
		for _, o := range []Options{{}, {VerifyLimit: -1}} {
			_, err := openBytes(t, file[:n], o)
			if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), dataFile) {
				t.Fatalf("open a file cut off at byte %d: %v", n, err)
			}
		}
	}
	if got, err := openBytes(t, file, Options{}); err != nil || got != want {
		t.Fatalf("the whole file has\n%s(%v), want\n%s", got, err, want)
	}
}

// TestFlipped flips bits. One that is not found must not matter.
func TestFlipped(t *testing.T) {
	file, want := healthy(t)
	step := 3
	if testing.Short() {
		step = 31
	}
	found, harmless := 0, 0
	for at := 0; at < len(file); at += step {
		bit := byte(1) << rand.IntN(8)
		file[at] ^= bit
		err := verifyBytes(file, true)
		// One that is not found is where nothing lies, mostly: opening every one
		// of these would take minutes.
		if err == nil && rand.IntN(200) == 0 {
			harmless++
			if got, err := openBytes(t, file, Options{}); err != nil || got != want {
				t.Fatalf("byte %d, bit %#x: not found, and there is\n%s(%v), want\n%s", at, bit, got, err, want)
			}
		}
		if err != nil {
			found++
		}
		file[at] ^= bit
	}
	t.Logf("%d found, %d tried and harmless", found, harmless)
}

// TestFlippedUnverified flips bits in a file that is too large to be read
// through, which then come out when rows are read.
func TestFlippedUnverified(t *testing.T) {
	file, want := healthy(t)
	n := 300
	if testing.Short() {
		n = 100
	}
	lost := 0
	for range n {
		at, bit := rand.IntN(len(file)), byte(1)<<rand.IntN(8)
		file[at] ^= bit
		got, err := openBytes(t, file, Options{VerifyLimit: -1})
		switch {
		case err != nil && !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrFormat):
			t.Fatalf("byte %d, bit %#x: %v", at, bit, err)
		case err == nil && !isPart(got, want):
			t.Fatalf("byte %d, bit %#x: there is\n%s, of\n%s", at, bit, got, want)
		case err == nil && got != want:
			lost++
		}
		file[at] ^= bit
	}
	t.Logf("%d of %d lost rows unseen", lost, n)
}

// isPart says whether every line of a is one of b: rows are lost at worst,
// never made up.
func isPart(a, b string) bool {
	lines := make(map[string]bool)
	for line := range strings.Lines(b) {
		lines[line] = true
	}
	for line := range strings.Lines(a) {
		if !lines[line] {
			return false
		}
	}
	return true
}

// TestTorn replaces whole pages: with nothing, with noise, with one another, and
// with what lay there before.
func TestTorn(t *testing.T) {
	file, want := healthy(t)
	size := os.Getpagesize()
	noise := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(noise)
	for id := range len(file) / size {
		page := file[id*size : (id+1)*size]
		whole := bytes.Clone(page)
		for name, other := range map[string][]byte{
			"nothing":           make([]byte, size),
			"noise":             noise,
			"the next page":     file[(id+1)%(len(file)/size)*size:][:size],
			"half of it":        append(bytes.Clone(whole[:size/2]), make([]byte, size/2)...),
			"half of it, noise": append(bytes.Clone(whole[:512]), noise[512:]...),
		} {
			copy(page, other)
			err := verifyBytes(file, true)
			if err == nil {
				// A free page, or the rest of one, where nothing lies.
				if got, err := openBytes(t, file, Options{}); err != nil || got != want {
					t.Errorf("page %d is %s: not found, and there is\n%s(%v), want\n%s", id, name, got, err, want)
				}
			}
			copy(page, whole)
		}
	}
}

// TestTruncatedInUse cuts the file off while it is open: reading what is gone
// is an error, not a crash.
func TestTruncatedInUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be truncated")
	}
	file, _ := healthy(t)
	dir := t.TempDir()
	path := filepath.Join(dir, dataFile)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := snap.Get(t.Context(), "large"); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "page ") {
		t.Errorf("get: %v", err)
	}
	for _, err := range snap.Scan(t.Context(), store.Range{}) {
		if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("scan: %v", err)
		}
	}
	b := new(store.Batch)
	b.Put("row/more", nil)
	for range 2 {
		if _, err := s.Commit(t.Context(), b); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("commit: %v", err)
		}
	}
	if err := errors.Join(snap.Close(), s.Close()); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestUnknownFormat(t *testing.T) {
	file, _ := healthy(t)
	change := func(f func(*bbolt.Tx) error) []byte {
		path := filepath.Join(t.TempDir(), "changed")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Update(f), db.Close()); err != nil {
			t.Fatal(err)
		}
		changed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	for name, changed := range map[string][]byte{
		"of a later hearth": change(func(tx *bbolt.Tx) error {
			return tx.Bucket(metaBucket).Put(formatKey, []byte("hearth store 2"))
		}),
		"with something more": change(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("more"))
			return err
		}),
		"of another program": change(func(tx *bbolt.Tx) error {
			return errors.Join(tx.DeleteBucket(metaBucket), tx.DeleteBucket(rowsBucket))
		}),
	} {
		_, err := openBytes(t, changed, Options{})
		if !errors.Is(err, store.ErrFormat) || errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), dataFile) {
			t.Errorf("a file %s: %v", name, err)
		}
	}
	for name, bad := range map[string][]byte{"empty": nil, "text": []byte(strings.Repeat("no store\n", 2000))} {
		if _, err := openBytes(t, bad, Options{}); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("a file that is %s: %v", name, err)
		}
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dir, Options{LockTimeout: 50 * time.Millisecond})
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), filepath.Join(dir, lockFile)) {
		t.Errorf("open a second time: %v", err)
	}
	// A snapshot that is open keeps the file, and the lock.
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, Options{LockTimeout: 50 * time.Millisecond}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("open while a snapshot is open: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, dir, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("open with a context that has ended: %v", err)
	}
	if err := snap.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), dir, Options{LockTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatalf("open when all is closed: %v", err)
	}
	s.Close()

	// Another program that has the file open, bbolt's own tool say.
	db, err := bbolt.Open(filepath.Join(dir, dataFile), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("open when bbolt has: %v", err)
	}
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "deep")
	// What a crash during the first start leaves.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, dataFile+".new"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		names = append(names, e.Name())
	}
	if got, want := fmt.Sprint(names), fmt.Sprint([]string{dataFile, lockFile}); got != want {
		t.Errorf("there are %s, want %s", got, want)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, dataFile, "x"), Options{}); err == nil {
		t.Error("a directory below a file is opened")
	}
}

// FuzzVerify changes a file as the fuzzer likes: reading it through never
// panics, and what it lets pass can be opened and read.
func FuzzVerify(f *testing.F) {
	file, _ := healthy(f)
	f.Add(uint32(0), []byte{})
	f.Add(uint32(16+8), []byte{0, 2, 0, 0})
	f.Add(uint32(4096+16), []byte{0xff})
	f.Add(uint32(3*4096+8), []byte{1, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		changed := bytes.Clone(file)
		copy(changed[int(at)%len(changed):], change)
		for _, rows := range []bool{true, false} {
			if verifyBytes(changed, rows) != nil {
				continue
			}
			if _, err := openBytes(t, changed, Options{}); rows && err != nil {
				t.Fatal(err)
			}
		}
	})
}
