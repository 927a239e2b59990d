package toolchain

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func goroot(tb testing.TB) string {
	tb.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// The overlay fits the Go that this is tested with, and leaves Go files.
func TestOverlay(t *testing.T) {
	root, dir := goroot(t), t.TempDir()
	for _, tool := range []string{Compile, Link, runtimeOnly} {
		path, err := overlay(tool, root, dir)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Replace map[string]string }
		if err := json.Unmarshal(b, &list); err != nil || len(list.Replace) == 0 {
			t.Fatalf("%s: %v", b, err)
		}
		for of, by := range list.Replace {
			if _, err := parser.ParseFile(token.NewFileSet(), by, nil, parser.SkipObjectResolution); err != nil {
				t.Errorf("in place of %s: %v", of, err)
			}
			if _, err := os.Stat(filepath.Dir(of)); err != nil {
				t.Errorf("%v: Go has no such package", err)
			}
		}
	}
}

// Of another Go it says which line it misses.
func TestOverlayOfAnotherGo(t *testing.T) {
	root := t.TempDir()
	for _, c := range slices.Concat(changed[Link], changed[Compile], changedRuntime) {
		path := filepath.Join(root, "src", "cmd", c.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("package new\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := overlay(Link, root, t.TempDir())
	var other *errOverlay
	if !errors.As(err, &other) || other.n != 0 || !strings.HasPrefix(other.file, "link/internal/") {
		t.Errorf("%v", err)
	}
}

// Where a tool cannot be built with its overlay it is built without, and the
// pack says why.
func TestPlainTools(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its go command is a shell script")
	}
	dir := t.TempDir()
	script := `#!/bin/sh
case "$1 $2" in
"env GOVERSION") echo go1.99.1 ;;
"env GOROOT") echo ` + goroot(t) + ` ;;
build*)
	case "$*" in *-overlay*cmd/link*) echo "undefined: tomorrow" >&2; exit 1 ;; esac
	while [ "$1" != -o ]; do shift; done
	echo code >"$2" ;;
list*)
	echo archive >"` + dir + `/x.a"
	case "$*" in *" std") echo "fmt=` + dir + `/x.a" ;; *) echo "` + dir + `/x.a" ;; esac ;;
esac
`
	cmd := filepath.Join(dir, "go")
	if err := os.WriteFile(cmd, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pack")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var said []string
	if err := Build(t.Context(), BuildOptions{Go: cmd, Progress: func(s string) { said = append(said, s) }}, f); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Version() != "go1.99.1" || c.Plain(Compile) != "" || !strings.Contains(c.Plain(Link), "undefined: tomorrow") {
		t.Errorf("%s, plain: %q, %q", c.Version(), c.Plain(Compile), c.Plain(Link))
	}
	if !slices.ContainsFunc(said, func(s string) bool {
		return strings.Contains(s, "cmd/link") && strings.Contains(s, "undefined: tomorrow")
	}) {
		t.Errorf("it said %q", said)
	}
}
