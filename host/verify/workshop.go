package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hearthbot/hearth/host/verify/native"
	"github.com/hearthbot/hearth/host/verify/toolchain"
	"github.com/hearthbot/hearth/host/wasm"
)

// Budgets of the tools. Hello, world takes 0.5 G units to compile and 2.4 G to
// link, in 25 and 65 MiB; a program of 64 KiB at the screen's bounds some ten
// times that to compile. A G takes 0.05 to 0.1 s.
const (
	compileFuel = 40_000_000_000
	linkFuel    = 60_000_000_000
	toolWall    = 30 * time.Second
	toolMemory  = 8 << 10 // pages: 512 MiB
	toolFiles   = 128 << 20
)

// The garbage collectors of the tools stay out of the way until memory is short.
var toolEnv = []string{"GOOS=wasip1", "GOARCH=wasm", "GOGC=off", "GOMEMLIMIT=384MiB", "GOEXPERIMENT=" + toolchain.Experiment}

// What they find in the sandbox. With an image, what they found when it was made.
var sandboxEnv = append([]string{"PWD=/w", "TMPDIR=/w"}, toolEnv...)

// sandbox runs the tools as WebAssembly commands, with files in memory.
type sandbox struct {
	compile, link *wasm.Command
	tree          *wasm.Tree
}

// openSandbox compiles the tools, or finds them in the engine's cache.
func openSandbox(ctx context.Context, e *wasm.Engine, t *toolchain.Toolchain, log *slog.Logger, step func(string)) (_ workshop, err error) {
	files := map[string][]byte{}
	for pkg, archive := range t.Archives() {
		files["std/"+pkg+".a"] = archive
	}
	s := &sandbox{tree: wasm.NewTree(files)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	for _, tool := range []struct {
		name string
		fuel int64
		to   **wasm.Command
	}{{toolchain.Compile, compileFuel, &s.compile}, {toolchain.Link, linkFuel, &s.link}} {
		step(tool.name)
		code, err := t.Tool(tool.name)
		if err != nil {
			return nil, err
		}
		limits := wasm.Limits{Fuel: tool.fuel, Wall: toolWall, Memory: toolMemory, Output: 1 << 20, Sleep: time.Hour}
		o := wasm.CommandOptions{Limits: limits, Trusted: true, HugePages: true}
		if plain := t.Plain(tool.name); plain != "" {
			log.Warn("a tool of this Go has no image, so that each submission takes longer", "tool", tool.name, "reason", plain)
		} else {
			o.Prepared = s.prepared(tool.name, t)
		}
		*tool.to, err = e.Command(ctx, code, o)
		if err != nil {
			return nil, fmt.Errorf("prepare %s: %w", tool.name, err)
		}
	}
	return s, nil
}

// prepared is how a tool's image is made. The linker reads the archives of what
// beginners import, and of what that needs; a package that is not among them it
// reads when a program needs it.
func (s *sandbox) prepared(tool string, t *toolchain.Toolchain) *wasm.Preparation {
	files := wasm.NewFiles(s.tree, toolFiles)
	args := []string{tool}
	if tool == toolchain.Link {
		files.Write("w/importcfg", importConfig(t))
		args = append(args, "/w/importcfg")
		for _, p := range append([]string{"runtime"}, warmed...) {
			if _, ok := t.Archives()[p]; ok {
				args = append(args, p)
			}
		}
	}
	return &wasm.Preparation{Prepare: toolchain.Prepare, Run: toolchain.Run, First: wasm.Run{Args: args, Env: sandboxEnv, Files: files}}
}

func (s *sandbox) close() error {
	var err error
	for _, c := range []*wasm.Command{s.compile, s.link} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	return err
}

func (s *sandbox) bench() (bench, error) {
	return &sandboxBench{sandbox: s, files: wasm.NewFiles(s.tree, toolFiles)}, nil
}

type sandboxBench struct {
	*sandbox
	files *wasm.Files
}

func (b *sandboxBench) path(p string) string { return p }
func (b *sandboxBench) close()               {}

func (b *sandboxBench) write(name string, data []byte) error {
	b.files.Write("w/"+name, data)
	return nil
}

func (b *sandboxBench) read(name string) ([]byte, bool) { return b.files.Read("w/" + name) }

func (b *sandboxBench) run(ctx context.Context, tool string, args []string) error {
	out, err := b.tool(ctx, tool, b.files, args)
	if err == nil && out.ExitCode == 0 {
		return nil
	}
	return &buildError{tool: tool, output: string(out.Stdout) + string(out.Stderr), err: err}
}

// tool runs a tool, with files at its root.
func (s *sandbox) tool(ctx context.Context, tool string, files *wasm.Files, args []string) (wasm.Outcome, error) {
	command := s.compile
	if tool == toolchain.Link {
		command = s.link
	}
	return command.Run(ctx, wasm.Run{Args: append([]string{tool}, args...), Env: sandboxEnv, Files: files})
}

// natives runs the tools of a Go installation as restricted children of this
// process.
type natives struct{ tools *native.Tools }

// What a child may use: it is three times as fast as the sandbox.
const (
	nativeTime   = 12 * time.Second
	nativeMemory = 1 << 30
)

func openNative(ctx context.Context, o *Options, t *toolchain.Toolchain, step func(string)) (workshop, error) {
	step(toolchain.Compile)
	tools, err := native.Open(ctx, native.Options{Dir: filepath.Join(o.Dir, "native"), Version: t.Version(), Archives: t.PlainArchives(),
		Env: toolEnv, Time: nativeTime, Memory: nativeMemory, File: toolFiles})
	if err != nil {
		return nil, err
	}
	if lacks := tools.Lacks(); lacks != "" {
		o.Logger.Warn("Go's own compiler runs outside of the sandbox, and is not kept from all that it should be", slog.String("lacks", lacks))
	}
	return natives{tools}, nil
}

func (n natives) close() error { return nil }

func (n natives) bench() (bench, error) {
	j, err := n.tools.Job()
	if err != nil {
		return nil, err
	}
	return nativeBench{j}, nil
}

type nativeBench struct{ job *native.Job }

func (b nativeBench) path(p string) string                 { return b.job.Path(p) }
func (b nativeBench) write(name string, data []byte) error { return b.job.Write(name, data) }
func (b nativeBench) close()                               { _ = b.job.Close() } // what is left is emptied at the next start

func (b nativeBench) read(name string) ([]byte, bool) {
	data, err := b.job.Read(name)
	return data, err == nil
}

func (b nativeBench) run(ctx context.Context, tool string, args []string) error {
	out, err := b.job.Run(ctx, tool, args)
	if err == nil {
		return nil
	}
	refused := &buildError{tool: tool, output: string(out), err: err}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		refused.err = nil // it ended by itself
	case errors.Is(err, native.ErrTime):
		refused.err = wasm.ErrDeadline
	case errors.Is(err, native.ErrMemory):
		refused.err = wasm.ErrMemory
	}
	return refused
}
