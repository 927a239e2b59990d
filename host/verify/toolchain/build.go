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
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// BuildOptions say what a pack is made of. The zero value is ready to use.
type BuildOptions struct {
	Go string // the installation's go command; "" is the one on PATH

	// With is the directory of a module. The packages that it needs, and its own
	// but for its programs, are packed beside the standard library, in the
	// versions that its go.mod and go.sum say; "" packs no others.
	With string

	Progress func(string) // hears what is being done, in words; nil hears nothing
}

// Build makes a pack from a Go installation and writes it to w. The first time it
// takes a minute or two: the standard library is compiled.
func Build(ctx context.Context, o BuildOptions, w io.Writer) error {
	b := builder{ctx: ctx, goCmd: o.Go, progress: o.Progress}
	if b.goCmd == "" {
		b.goCmd = "go"
	}
	if b.progress == nil {
		b.progress = func(string) {}
	}
	if err := b.build(w, o.With); err != nil {
		return fmt.Errorf("toolchain: %w", err)
	}
	return nil
}

// Installed is the version of a Go installation: "go1.26.8".
func Installed(ctx context.Context, goCmd string) (string, error) {
	if goCmd == "" {
		goCmd = "go"
	}
	out, err := (&builder{ctx: ctx, goCmd: goCmd}).run(os.TempDir(), "", "env", "GOVERSION")
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
	runtime  string // the archive of the runtime that belongs to the linker
}

// run runs the go command for wasip1 in a directory, with nothing of the caller's
// settings that could change what it makes.
func (b *builder) run(dir, experiment string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(b.ctx, b.goCmd, args...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off",
		"GOEXPERIMENT="+experiment, "GOWASM=")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", b.goCmd, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

func (b *builder) build(w io.Writer, with string) error {
	version, err := Installed(b.ctx, b.goCmd)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return err
	}
	b.tar = tar.NewWriter(z)
	dir, err := os.MkdirTemp("", "toolchain")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	plain := map[string]bool{}
	about := version + "\n" + layout + "\n"
	for _, tool := range []string{Compile, Link} {
		b.progress("building cmd/" + tool + " of " + version + " for the sandbox")
		why, err := b.tool(tool, dir)
		if err != nil {
			return err
		}
		if why != nil {
			plain[tool] = true
			reason := strings.Join(strings.Fields(why.Error()), " ")
			b.progress("cmd/" + tool + " of " + version + " is built as it is, and will be slower: " + reason)
			about += plainMark + tool + " " + reason[:min(len(reason), 1<<10)] + "\n"
		}
	}
	if err := b.add("VERSION", []byte(about)); err != nil {
		return err
	}
	if !plain[Link] {
		if err := b.addFile(ownRuntime, b.runtime); err != nil {
			return err
		}
	}
	for _, tool := range []string{Compile, Link} {
		if err := b.addFile(tool+".wasm", filepath.Join(dir, tool+".wasm")); err != nil {
			return err
		}
	}
	b.progress("compiling the standard library for the sandbox")
	if err := b.library(dir, "{{.ImportPath}}={{.Export}}", "std"); err != nil {
		return err
	}
	if with != "" {
		b.progress("compiling what " + with + " needs for the sandbox")
		if err := b.library(with, `{{if not (or .Standard (eq .Name "main"))}}{{.ImportPath}}={{.Export}}{{end}}`, "-deps", "./..."); err != nil {
			return err
		}
	}
	b.progress("packing")
	return errors.Join(b.tar.Close(), z.Close())
}

// tool builds a tool below dir. plain says why it had to be built as it is,
// without the overlay.
func (b *builder) tool(tool, dir string) (plain, err error) {
	goroot, err := b.run(dir, "", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, tool+".wasm")}
	if plain = b.overlaid(tool, strings.TrimSpace(string(goroot)), dir, args); plain == nil || b.ctx.Err() != nil {
		return nil, b.ctx.Err()
	}
	_, err = b.run(dir, "", append(args, "cmd/"+tool)...)
	return plain, err
}

// overlaid builds a tool with its overlay, and the runtime that belongs to the
// linker.
func (b *builder) overlaid(tool, goroot, dir string, args []string) error {
	list, err := overlay(tool, goroot, dir)
	if err != nil {
		return err
	}
	if tool == Link {
		list, err := overlay(runtimeOnly, goroot, dir)
		if err != nil {
			return err
		}
		path, err := b.run(dir, Experiment, append(slices.Clone(listExport), "-overlay", list, "-f", "{{.Export}}", "runtime")...)
		if err != nil {
			return err
		}
		b.runtime = strings.TrimSpace(string(path))
	}
	_, err = b.run(dir, "", append(args, "-buildmode=c-shared", "-overlay", list, "cmd/"+tool)...)
	return err
}

// listExport has the go command compile packages and say where they are. No DWARF:
// nobody debugs here, and the linker would read and drop it.
var listExport = []string{"list", "-export", "-trimpath", "-gcflags=all=-dwarf=false"}

// library packs the archives of the packages that go list finds in a directory,
// each printed as its import path, = and the archive.
func (b *builder) library(dir, format string, args ...string) error {
	list, err := b.run(dir, Experiment, slices.Concat(listExport, []string{"-f", format}, args)...)
	if err != nil {
		return err
	}
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
	return nil
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
