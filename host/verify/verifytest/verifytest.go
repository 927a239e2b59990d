// Package verifytest has the tests of all packages use one compiler: the pack
// that `make toolchain` made, and its machine code, which takes half a minute to
// make, from one directory of the machine's; and so the machine code of plugins.
// It owns that directory. It must not know what is tested.
//
//	<temp>/hearth-verify-test-<uid>/compiled    a compile cache, as package wasm has it
//	<temp>/hearth-verify-test-<uid>/plugins     another, of the plugins that tests build
//	<temp>/hearth-verify-test-<uid>/built       plugins, as the go command built them last
//	<temp>/hearth-verify-test-<uid>/toolchain   packs, as package toolchain unpacks them
//	<temp>/hearth-verify-test-<uid>/go….tar.zst a pack, where `make toolchain` was not run
package verifytest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/verify/toolchain"
)

// home is the directory. It is kept between runs.
func home() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("hearth-verify-test-%d", os.Getuid()))
}

// Compiled is a compile cache that all tests may use at once.
func Compiled() string { return filepath.Join(home(), "compiled") }

// Plugins is a compile cache that all tests may use at once for the plugins they
// build: to compile one takes seconds of a processor. What tests of compiling need
// compiled anew does not belong here, nor what is another module in each run.
func Plugins() string { return filepath.Join(home(), "plugins") }

// Build builds the plugin of a package, a directory, into a file, with what make
// has the linker do and more flags for it. Where the file would be as it was the
// last time, for whatever test, it is taken from there: linking takes seconds of a
// processor, and compiling the module for the sandbox more, which is why the
// commit it is built from is not noted in it.
func Build(file, pkg string, flags ...string) error {
	abs, err := filepath.Abs(pkg)
	if err != nil {
		return err
	}
	link := strings.Join(append([]string{"-s", "-w"}, flags...), " ")
	kept := filepath.Join(home(), "built", fmt.Sprintf("%s-%x.wasm", filepath.Base(abs), sha256.Sum256([]byte(abs+link))))
	last, err := os.ReadFile(kept)
	if err == nil { // the go command leaves it as it is if that is what it would make
		err = os.WriteFile(file, last, 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags="+link, "-o", file, pkg)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	built, err := os.ReadFile(file)
	if err != nil || bytes.Equal(built, last) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(kept), "build-") // other tests may build it at the same time
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when it was renamed
	_, err = f.Write(built)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), kept)
}

// Toolchain is the directory to open packs in.
func Toolchain() string { return filepath.Join(home(), "toolchain") }

// Pack is the pack that `make toolchain` made. Without one the test is skipped,
// and fails where HEARTH_CI is set.
func Pack(tb testing.TB) string {
	tb.Helper()
	pack, err := find()
	if err != nil && os.Getenv("HEARTH_CI") != "" {
		tb.Fatal("there is no pack of the compiler, and HEARTH_CI asks for one: ", err)
	}
	if err != nil {
		tb.Skip("there is no pack of the compiler: run make toolchain")
	}
	return pack
}

// PackOrMake is Pack for tests that are about nothing else: without a pack they
// make one, which takes a minute or two.
func PackOrMake(ctx context.Context) (string, error) {
	pack, err := find()
	if err == nil {
		return pack, nil
	}
	version, err := toolchain.Installed(ctx, "")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(home(), 0o700); err != nil {
		return "", err
	}
	pack = filepath.Join(home(), version+toolchain.Extension)
	if _, err := os.Stat(pack); err == nil {
		return pack, nil
	}
	f, err := os.CreateTemp(home(), "pack-") // other tests may make it at the same time
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name()) // fails when it was renamed
	err = toolchain.Build(ctx, toolchain.BuildOptions{Progress: func(s string) { fmt.Fprintln(os.Stderr, s) }}, f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return "", err
	}
	return pack, os.Rename(f.Name(), pack)
}

// find looks below the module's root.
func find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return toolchain.Find(filepath.Join(dir, "bin", "toolchain"))
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", toolchain.ErrNone
		}
		dir = up
	}
}

// Reuse gives a server's directories what has been compiled and unpacked before,
// if anything has.
func Reuse(tb testing.TB, cache, packs string) {
	tb.Helper()
	Link(tb, Compiled(), cache)
	Link(tb, Plugins(), cache)
	Link(tb, Toolchain(), packs)
}

// Link puts what is below one directory below another: links to it, which are as
// good as copies of what nobody changes. Where that cannot be, the test does
// without, and says so.
func Link(tb testing.TB, from, to string) {
	tb.Helper()
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return // nothing has been made yet
	}
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if err := os.Link(p, filepath.Join(to, rel)); err != nil && !os.IsExist(err) {
			return err
		}
		return nil
	})
	if err != nil {
		tb.Logf("%s is made anew: %v", to, err)
	}
}
