// Mktoolchain packs Go's compiler, linker and standard library for the sandbox:
//
//	go run ./host/verify/toolchain/mktoolchain -o bin/toolchain
//
// It does nothing if the directory has a pack of the installed version already.
// With -with DIR, the directory of a module, what that module needs is packed
// too, in the versions of its go.mod, into a pack of its own name: members may
// import of it what [verify] imports says.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/hearthbot/hearth/host/verify/toolchain"
)

func main() {
	dir := flag.String("o", "bin/toolchain", "directory of the pack")
	goCmd := flag.String("go", "go", "go command whose toolchain is packed")
	with := flag.String("with", "", "directory of a module whose dependencies are packed too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dir, *goCmd, *with); err != nil {
		fmt.Fprintln(os.Stderr, "mktoolchain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, goCmd, with string) error {
	version, err := toolchain.Installed(ctx, goCmd)
	if err != nil {
		return err
	}
	name := version
	if with != "" {
		mod, err := os.ReadFile(filepath.Join(with, "go.mod"))
		if err != nil {
			return fmt.Errorf("-with wants the directory of a module: %w", err)
		}
		sum := sha256.Sum256(mod)
		name += "+" + hex.EncodeToString(sum[:4]) // found before one without
	}
	path := filepath.Join(dir, name+toolchain.Extension)
	if _, err := os.Stat(path); err == nil && with == "" { // a module may have changed
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "packing-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	start := time.Now()
	if err := toolchain.Build(ctx, toolchain.BuildOptions{Go: goCmd, With: with, Progress: func(what string) {
		fmt.Fprintf(os.Stderr, "toolchain: %s (%v)\n", what, time.Since(start).Round(time.Second))
	}}, f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// Whoever looks for packs sees a whole one or none.
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "toolchain: %s, %d MB, in %v\n", path, info.Size()>>20, time.Since(start).Round(time.Second))
	return nil
}
