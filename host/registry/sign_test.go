package registry

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// trusting is the policy of a house that trusts one key.
func trusting(t *testing.T, public []byte) *Policy {
	t.Helper()
	k, err := ParseKey(string(public))
	if err != nil {
		t.Fatal(err)
	}
	return &Policy{How: Required, Keys: []Key{k}}
}

func TestSignedIsTaken(t *testing.T) {
	public, private, err := NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	code := []byte("\x00asm and more")
	signature, err := Sign(code, private, "", "hello 1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	p := trusting(t, public)
	if got, err := p.Check(code, signature); err != nil || got.Status != SignedWell || got.Comment != "hello 1.0.0" || got.Key != p.Keys[0].ID() {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := p.Check(append(code, 0), signature); !errors.Is(err, ErrSignature) {
		t.Errorf("changed code: %v", err)
	}
	other, _, err := NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trusting(t, other).Check(code, signature); !errors.Is(err, ErrSignature) {
		t.Errorf("another's key: %v", err)
	}
}

func TestSignRefuses(t *testing.T) {
	for _, key := range []string{"", "no key", "untrusted comment: x\nAAAA", strings.Repeat("A", 500)} {
		if _, err := Sign(nil, []byte(key), "secret-word", ""); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// TestPassword takes some seconds and a gigabyte: that is minisign's protection.
func TestPassword(t *testing.T) {
	if testing.Short() {
		t.Skip("a password takes a gigabyte of memory: not with -short")
	}
	public, private, err := NewKey("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	if !Locked(private) {
		t.Error("the key is not locked")
	}
	code := []byte("code")
	if _, err := Sign(code, private, "wrong", ""); !errors.Is(err, ErrKey) {
		t.Errorf("a wrong password: %v", err)
	}
	signature, err := Sign(code, private, "open sesame", "c")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := trusting(t, public).Check(code, signature); err != nil || got.Status != SignedWell {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestMinisignTakesIt has the program itself look at a signature, where it is
// installed.
func TestMinisignTakesIt(t *testing.T) {
	program, err := exec.LookPath("minisign")
	if err != nil && os.Getenv("HEARTH_CI") != "" {
		t.Fatal("HEARTH_CI asks for minisign: ", err)
	}
	if err != nil {
		t.Skip("minisign is not installed")
	}
	public, private, err := NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	code := []byte("code")
	signature, err := Sign(code, private, "", "c")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"k.pub": public, "f": code, "f.minisig": signature} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, "-Vm", "f", "-p", "k.pub")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
