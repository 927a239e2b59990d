package wasm

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// The wazero that is built in is the one whose reading of machine code is known.
func TestWazeroKnown(t *testing.T) {
	if want := "github.com/tetratelabs/wazero " + wazeroKnown + "\n"; !strings.Contains(string(read(t, "../../go.mod")), want) {
		t.Errorf("go.mod does not ask for %s; machine code of another wazero is read and not mapped, which costs each start half a second: see wazeroKnown", want)
	}
	if !knownWazero() {
		t.Error("this test was built with another wazero")
	}
}

// wrote is a file as wazero writes one: with that many functions, code, and what
// comes behind it.
func wrote(version string, functions int, code, tail []byte) []byte {
	b := append([]byte("WAZEVO"), byte(len(version)))
	b = append(b, version...)
	b = binary.LittleEndian.AppendUint32(b, uint32(functions))
	for n := range functions {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(len(code)))
	return append(append(b, code...), tail...)
}

// inDir is wazero's cache of files, with one file.
type inDir string

func (d inDir) Get([32]byte) (io.ReadCloser, bool, error) {
	f, err := os.Open(string(d))
	return f, err == nil, err
}

func (d inDir) Add(_ [32]byte, content io.Reader) error {
	b, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return os.WriteFile(string(d), b, 0o600)
}

func (d inDir) Delete([32]byte) error { return os.Remove(string(d)) }

// codeIn puts what wazero writes into a cache, and says where.
func codeIn(t *testing.T, content []byte) (*codeCache, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	c := &codeCache{inDir(path)}
	if err := c.Add([32]byte{}, iotest.HalfReader(bytes.NewReader(content))); err != nil {
		t.Fatal(err)
	}
	return c, path
}

// What comes out of the cache is what went in, however it is read, and the code
// in it begins with a page.
func TestCodeRoom(t *testing.T) {
	code, tail := bytes.Repeat([]byte{0xc3, 0x90, 0xcc}, 70_001), []byte("crc and tables")
	for name, tt := range map[string]struct {
		content []byte
		mapped  bool
	}{
		"one function":       {wrote(wazeroKnown, 1, code, tail), true},
		"many":               {wrote(wazeroKnown, 9_173, code, tail), true},
		"nothing behind":     {wrote(wazeroKnown, 3, code, nil), true},
		"another version":    {wrote("v1.13.0-rc.1", 9_173, code, tail), true},
		"cut in the code":    {wrote(wazeroKnown, 3, code, nil)[:100_000], false},
		"cut in the header":  {wrote(wazeroKnown, 9_173, code, nil)[:100], false},
		"of another form":    {bytes.Repeat([]byte("WAZERO"), 1000), false},
		"short":              {[]byte("WAZ"), false},
		"nothing":            {nil, false},
		"far too many":       {wrote(wazeroKnown, 3, nil, nil)[:19], false},
		"a length of all":    {append(wrote(wazeroKnown, 0, nil, nil)[:18], bytes.Repeat([]byte{0xff}, 500)...), false},
		"a code of no bytes": {wrote(wazeroKnown, 3, nil, tail), true},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := codeIn(t, tt.content)
			r, ok, err := c.Get([32]byte{})
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			defer r.Close()
			f := r.(*codeFile)
			if mapped := f.end > 0; mapped != tt.mapped || f.begin%codeAlign != 0 {
				t.Errorf("the code is to be mapped: %t, from byte %d on", mapped, f.begin)
			}
			for size := 1; size < len(tt.content); size = size*9 + 1 {
				f.seek(f.room)
				var got []byte
				for p := make([]byte, size); ; {
					n, err := f.Read(p)
					got = append(got, p[:n]...)
					if err != nil || n < size {
						break
					}
				}
				if !bytes.Equal(got, tt.content) {
					t.Fatalf("read by %d bytes it has %d bytes and not the %d that were written, or others", size, len(got), len(tt.content))
				}
			}
		})
	}
}

// A file that does not begin as one does is an error, and not read.
func TestCodeWithoutRoom(t *testing.T) {
	for _, content := range [][]byte{nil, []byte("short"), wrote(wazeroKnown, 1, []byte("code"), nil), binary.LittleEndian.AppendUint64(nil, 9),
		append(binary.LittleEndian.AppendUint64(nil, 7), "long enough"...)} {
		c, path := codeIn(t, nil)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := c.Get([32]byte{}); ok || err == nil {
			t.Errorf("%.20q is read", content)
		}
	}
}

// What wazero finds in the cache lies in the file's own pages, and stays when the
// file is gone.
func TestCodeMapped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	code := described("a manifest").module()
	if !mapsCode(t) {
		t.Skip("machine code is not mapped here: it needs Linux, and a file system from which programs may be run")
	}
	kept(t, newEngine(t, Options{CacheDir: dir}), code, dir)
	p, err := newEngine(t, Options{CacheDir: dir}).Compile(t.Context(), code, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	maps := string(read(t, "/proc/self/maps"))
	found := false
	for line := range strings.Lines(maps) {
		found = found || strings.Contains(line, dir) && strings.Contains(line, "r-xp")
	}
	if !found {
		t.Errorf("no file of %s is mapped to be run:\n%s", dir, maps)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	i, err := p.Image(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := do(t, i, "event"); got != "" {
		t.Errorf("the plugin answers %q", got)
	}
}

// mapsCode says whether a file can be mapped here in the place of memory.
func mapsCode(t *testing.T) bool {
	t.Helper()
	content := bytes.Repeat([]byte{0xc3}, 3*codeAlign)
	path := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := reserve(2*codeAlign, false)
	if err != nil {
		t.Fatal(err)
	}
	defer release(p)
	mapped, err := mapCode(p, f, codeAlign)
	if err != nil {
		t.Fatal(err)
	}
	if mapped && !bytes.Equal(p, content[:2*codeAlign]) {
		t.Error("what is mapped is not the file")
	}
	if again, err := mapCode(p, f, codeAlign+1); again || err != nil {
		t.Errorf("mapped from the middle of a page: %t, %v", again, err)
	}
	return mapped
}
