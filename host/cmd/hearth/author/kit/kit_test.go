package kit

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// root is hearth's module.
const root = "../../../../.."

// packed is the archive, as the tree would have it.
func packed(t *testing.T) fs.FS {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to list modules with")
	}
	files, err := Pack(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Write(&b, files); err != nil {
		t.Fatal(err)
	}
	z, err := Open(fstest.MapFS{Archive: {Data: b.Bytes()}})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestArchiveIsTheTree holds the archive that is built in to the sources it was
// made of.
func TestArchiveIsTheTree(t *testing.T) {
	z, err := Open(os.DirFS("../../dist"))
	if errors.Is(err, ErrNone) && os.Getenv("HEARTH_CI") == "" {
		t.Skip("the SDK is not packed: make wasm")
	}
	if err != nil {
		t.Fatal(err)
	}
	want, err := Pack(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range z.File {
		have[f.Name] = true
		data, err := fs.ReadFile(z, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if w, ok := want[f.Name]; !ok || !bytes.Equal(data, w) {
			t.Errorf("%s is not as in the tree: make wasm", f.Name)
		}
	}
	for name := range want {
		if !have[name] {
			t.Errorf("%s is missing: make wasm", name)
		}
	}
}

func TestArchiveIsTheSameBytes(t *testing.T) {
	files := map[string][]byte{"b": []byte("2"), "a": []byte("1"), "c/d": nil}
	var first, again bytes.Buffer
	if err := errors.Join(Write(&first, files), Write(&again, maps.Clone(files))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("packed twice it is not the same")
	}
}

// TestNewPluginCompilesOffline: with nothing but Go, and with plain commands.
func TestNewPluginCompilesOffline(t *testing.T) {
	sdk := packed(t)
	dir := filepath.Join(t.TempDir(), "my-plugin")
	if err := New(sdk, dir, "my-plugin"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sdk/hearth/LICENSE", "sdk/msgp/LICENSE", "sdk/fwd/LICENSE.md", "README.md", ".gitignore", "testdata/greeting.txtar"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"vet", "./..."},
		{"test", "./..."},
		{"build", "-o", os.DevNull, "."},
		{"mod", "tidy"},
		{"mod", "verify"},
	} {
		run(t, dir, args...)
	}
	tidy, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !bytes.Equal(mod, tidy) {
		t.Errorf("go mod tidy makes of go.mod\n%s\n%v, it was\n%s", tidy, err, mod)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.sum")); err == nil {
		t.Error("go mod tidy wrote a go.sum: something is fetched")
	}
	if list := run(t, dir, "list", "./..."); list != "my-plugin\n" {
		t.Errorf("the packages of the plugin are %q", list)
	}
	text, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if err != nil || !strings.Contains(string(text), `sdk.New[Config]("my-plugin"`) || !strings.Contains(string(text), `OnCommand("myplugin"`) {
		t.Errorf("main.go: %v\n%s", err, text)
	}
}

// run runs go as it would with no network and nothing fetched before.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off", "GOMODCACHE="+filepath.Join(dir, "..", "none"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestNewRefuses(t *testing.T) {
	sdk := packed(t)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dir, name, want string }{
		{filepath.Join(t.TempDir(), "x"), "Hello", "lower-case"},
		{filepath.Join(t.TempDir(), "x"), "", "lower-case"},
		{filepath.Join(t.TempDir(), "x"), "../up", "lower-case"},
		{filepath.Join(t.TempDir(), "x"), strings.Repeat("a", 33), "lower-case"},
		{full, "hello", "is not empty"},
		{filepath.Join(full, "mine"), "hello", "not a directory"},
	} {
		err := New(sdk, c.dir, c.name)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%s, %s): %v, want %q", c.dir, c.name, err, c.want)
		}
	}
	dir := filepath.Join(t.TempDir(), "x")
	if err := New(fstest.MapFS{}, dir, "hello"); err == nil {
		t.Error("a plugin was made without an SDK")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was begun was left: %v", err)
	}
}

func TestUnpackReplacesOnlyAnSDK(t *testing.T) {
	sdk := packed(t)
	dir := t.TempDir()
	for range 2 {
		if err := Unpack(sdk, dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, Dir, "stale"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := Unpack(sdk, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, Dir, "stale")); err == nil {
		t.Error("what was there before is still there")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	other := t.TempDir()
	if err := os.Mkdir(filepath.Join(other, Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Unpack(sdk, other); err == nil || !strings.Contains(err.Error(), "is not the SDK") {
		t.Errorf("a directory of the author's own: %v", err)
	}
}

func TestOpenWithout(t *testing.T) {
	if _, err := Open(fstest.MapFS{}); !errors.Is(err, ErrNone) {
		t.Errorf("%v, want ErrNone", err)
	}
	if _, err := Open(fstest.MapFS{Archive: {Data: []byte("no zip")}}); err == nil {
		t.Error("what is no zip was opened")
	}
}

// TestNoTestsInTheArchive and nothing that is not needed: an author reads it.
func TestNoTestsInTheArchive(t *testing.T) {
	var names []string
	err := fs.WalkDir(packed(t), ".", func(name string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(names, func(n string) bool { return strings.HasSuffix(n, "_test.go") || strings.Contains(n, "testdata") }); i >= 0 {
		t.Errorf("it has %s", names[i])
	}
}
