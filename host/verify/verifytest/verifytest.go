// Package verifytest has the tests of all packages use one compiler: the pack
// that `make toolchain` made, and its machine code, which takes half a minute to
// make, from one directory of the machine's; and so the machine code of plugins.
// It owns that directory. It must not know what is tested.
//
//	<temp>/hearth-verify-test-<uid>/compiled    a compile cache, as package wasm has it
//	<temp>/hearth-verify-test-<uid>/plugins     another, of the plugins that tests build
//	<temp>/hearth-verify-test-<uid>/toolchain   packs, as package toolchain unpacks them
//	<temp>/hearth-verify-test-<uid>/go….tar.zst a pack, where `make toolchain` was not run
package verifytest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
