package toolchain

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Build makes a pack from a Go installation and writes it to w. goCmd is its go
// command, "" for the one on PATH. progress hears what is being done, in words.
// The first time it takes a minute or two: the standard library is compiled.
func Build(ctx context.Context, goCmd string, w io.Writer, progress func(string)) error {
	b := builder{ctx: ctx, goCmd: goCmd, progress: progress}
	if goCmd == "" {
		b.goCmd = "go"
	}
	if err := b.build(w); err != nil {
		return fmt.Errorf("toolchain: %w", err)
	}
	return nil
}

// Installed is the version of a Go installation: "go1.26.8".
func Installed(ctx context.Context, goCmd string) (string, error) {
	if goCmd == "" {
		goCmd = "go"
	}
	out, err := (&builder{ctx: ctx, goCmd: goCmd}).run("", "env", "GOVERSION")
	if err != nil {
		return "", fmt.Errorf("toolchain: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

type builder struct {
	ctx      context.Context
	goCmd    string
	progress func(string)
	tar      *tar.Writer
}

// run runs the go command for wasip1, with nothing of the caller's settings that
// could change what it makes.
func (b *builder) run(experiment string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(b.ctx, b.goCmd, args...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off",
		"GOEXPERIMENT="+experiment, "GOWASM=")
	cmd.Dir = os.TempDir() // outside of any module
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", b.goCmd, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

func (b *builder) build(w io.Writer) error {
	version, err := Installed(b.ctx, b.goCmd)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return err
	}
	b.tar = tar.NewWriter(z)
	if err := b.add("VERSION", []byte(version+"\n")); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "toolchain")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, tool := range []string{Compile, Link} {
		b.progress("building cmd/" + tool + " of " + version + " for the sandbox")
		out := filepath.Join(dir, tool+".wasm")
		if _, err := b.run("", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "cmd/"+tool); err != nil {
			return err
		}
		if err := b.addFile(tool+".wasm", out); err != nil {
			return err
		}
	}
	b.progress("compiling the standard library for the sandbox")
	// No DWARF: nobody debugs here, and the linker would read and drop it.
	list, err := b.run(Experiment, "list", "-export", "-trimpath", "-gcflags=all=-dwarf=false", "-f", "{{.ImportPath}}={{.Export}}", "std")
	if err != nil {
		return err
	}
	b.progress("packing")
	for s := bufio.NewScanner(bytes.NewReader(list)); s.Scan(); {
		pkg, file, _ := strings.Cut(s.Text(), "=")
		if file == "" {
			continue // unsafe
		}
		if !validPackage(pkg) {
			return fmt.Errorf("the go command lists a package %q", pkg)
		}
		if err := b.addFile("std/"+pkg+".a", file); err != nil {
			return err
		}
	}
	return errors.Join(b.tar.Close(), z.Close())
}

func (b *builder) addFile(name, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return b.add(name, data)
}

func (b *builder) add(name string, data []byte) error {
	if err := b.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := b.tar.Write(data)
	return err
}
