package app

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestToken(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadToken(dir); !errors.Is(err, ErrNoToken) {
		t.Errorf("none: %v", err)
	}
	seen := map[string]bool{}
	for range 3 {
		made, err := ResetToken(dir)
		if err != nil {
			t.Fatal(err)
		}
		read, err := ReadToken(dir)
		if err != nil || read != made || len(made) < MinToken || seen[made] {
			t.Errorf("made %q, read %q, %v", made, read, err)
		}
		seen[made] = true
	}
	info, err := os.Stat(TokenPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := os.WriteFile(TokenPath(dir), []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadToken(dir); !errors.Is(err, ErrNoToken) {
		t.Errorf("an empty file: %v", err)
	}
	// What cannot be put in place leaves nothing behind.
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "taken", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeSecret(filepath.Join(dir, "taken"), "s"); err == nil {
		t.Error("a directory was replaced by a secret")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "taken.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKeptSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), secretFile)
	first, err := keptSecret(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := keptSecret(path)
	if err != nil || again != first || len(first) < MinToken {
		t.Errorf("%q, then %q, %v", first, again, err)
	}
}

func TestLocalURL(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", ":8080": "http://127.0.0.1:8080", "0.0.0.0:80": "http://127.0.0.1:80",
		"[::]:80": "http://127.0.0.1:80", "[::1]:80": "http://[::1]:80", "localhost:80": "http://localhost:80", "odd": "http://odd",
	} {
		if got := LocalURL(in); got != want {
			t.Errorf("LocalURL(%q) = %q, want %q", in, got, want)
		}
	}
}
