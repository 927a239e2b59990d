package toolchain

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// entry is a file of a pack that a test makes.
type entry struct{ name, text string }

var whole = []entry{{"VERSION", "go1.99.2\npack 3\nplain link another Go\n"}, {"compile.wasm", "C"}, {"link.wasm", "L"}, {"std/fmt.a", "FMT"}, {"std/encoding/json.a", "JSON"}}

func pack(tb testing.TB, entries []entry) []byte {
	tb.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		tb.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.text))}); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func write(tb testing.TB, content []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "go1.99.2"+Extension)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	path, dir := write(t, pack(t, whole)), t.TempDir()
	for range 2 { // unpacked, then found unpacked
		c, err := Open(path, dir)
		if err != nil {
			t.Fatal(err)
		}
		if c.Plain(Link) != "another Go" || c.Plain(Compile) != "" {
			t.Errorf("plain: %q, %q", c.Plain(Link), c.Plain(Compile))
		}
		code, err := c.Tool(Compile)
		if err != nil || string(code) != "C" || c.Version() != "go1.99.2" {
			t.Errorf("%q, %v, version %q", code, err, c.Version())
		}
		if a := c.Archives(); len(a) != 2 || string(a["fmt"]) != "FMT" || string(a["encoding/json"]) != "JSON" {
			t.Errorf("%q", a)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if homes, err := os.ReadDir(dir); err != nil || len(homes) != 1 {
		t.Errorf("%v, %v: one directory was to be left", homes, err)
	}
}

// A pack that is not whole says so, and leaves nothing that looks whole.
func TestOpenRefuses(t *testing.T) {
	good := pack(t, whole)
	for _, tt := range []struct {
		name string
		pack []byte
		says string
	}{
		{"no zstd", []byte("PK\x03\x04"), "magic"},
		{"cut", good[:len(good)-9], "unexpected EOF"},
		{"a tool is missing", pack(t, append(whole[:2:2], whole[3:]...)), "lacks"},
		{"another layout", pack(t, append([]entry{{"VERSION", "go1.26.8\n"}}, whole[1:]...)), "make toolchain"},
		{"a runtime for another linker", pack(t, append(whole[:4:4], entry{"runtime.a", "R"})), "do not belong together"},
		{"no archives", pack(t, whole[:3]), "lacks"},
		{"a path out of the directory", pack(t, append(whole[:4:4], entry{"std/../../x.a", "X"})), "does not belong"},
		{"another file", pack(t, append(whole[:4:4], entry{"evil.sh", "X"})), `"evil.sh" does not belong`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			c, err := Open(write(t, tt.pack), dir)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, %v: want an error that says %q", c, err, tt.says)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%v was left", left)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "nothing"), t.TempDir()); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

// What was damaged since it was unpacked is unpacked again.
func TestOpenRepairs(t *testing.T) {
	path, dir := write(t, pack(t, whole)), t.TempDir()
	c, err := Open(path, dir)
	if err != nil {
		t.Fatal(err)
	}
	home := c.dir
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"std.bin", "index.json"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Open(path, dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if string(c.Archives()["fmt"]) != "FMT" {
			t.Errorf("%s was not repaired", name)
		}
		if err := os.WriteFile(filepath.Join(home, "link.wasm"), []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Tool(Link); err == nil {
			t.Error("a damaged tool was given out")
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	if _, err := Find(dir, filepath.Join(dir, "nowhere")); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	for _, v := range []string{"go1.26.8", "go1.26.10", "go1.9.7"} {
		if err := os.WriteFile(filepath.Join(dir, v+Extension), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := Find(dir); err != nil || filepath.Base(p) != "go1.26.10"+Extension {
		t.Errorf("%s, %v", p, err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack(f, whole))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		home := filepath.Join(t.TempDir(), "home")
		if err := unpack(bytes.NewReader(b), home); err != nil {
			return
		}
		c, err := openDir(home)
		if err != nil {
			t.Fatalf("what was unpacked cannot be opened: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
