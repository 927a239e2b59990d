package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/host/verify/toolchain"
	"github.com/hearthbot/hearth/host/wasm"
)

// tools are the compiler and the linker, ready to run, and what they find below
// /std.
type tools struct {
	compile, link *wasm.Command
	tree          *wasm.Tree
	config        []byte // an importcfg of the standard library and the watch package
	watch         []byte // archive of the watch package
}

// Budgets of the tools. Hello, world takes 0.5 G units to compile and 5 G to
// link, in 25 and 70 MiB; a program of 64 KiB at the screen's bounds some ten
// times that to compile. A G takes 0.05 to 0.1 s.
const (
	compileFuel = 40_000_000_000
	linkFuel    = 60_000_000_000
	toolWall    = 30 * time.Second
	toolMemory  = 8 << 10 // pages: 512 MiB
	toolFiles   = 128 << 20
)

// The garbage collectors of the tools stay out of the way until memory is short.
var toolEnv = []string{"PWD=/w", "GOOS=wasip1", "GOARCH=wasm", "TMPDIR=/w", "GOGC=off", "GOMEMLIMIT=384MiB",
	"GOEXPERIMENT=" + toolchain.Experiment}

// prepare compiles the tools, or finds them in the engine's cache.
func prepare(ctx context.Context, e *wasm.Engine, t *toolchain.Toolchain, step func(string)) (_ *tools, err error) {
	var ts tools
	defer func() {
		if err != nil {
			err = errors.Join(err, ts.close())
		}
	}()
	for _, tool := range []struct {
		name string
		fuel int64
		to   **wasm.Command
	}{{toolchain.Compile, compileFuel, &ts.compile}, {toolchain.Link, linkFuel, &ts.link}} {
		step(tool.name)
		code, err := t.Tool(tool.name)
		if err != nil {
			return nil, err
		}
		limits := wasm.Limits{Fuel: tool.fuel, Wall: toolWall, Memory: toolMemory, Output: 1 << 20, Sleep: time.Hour}
		*tool.to, err = e.Command(ctx, code, wasm.CommandOptions{Limits: limits, Trusted: true, HugePages: true})
		if err != nil {
			return nil, fmt.Errorf("prepare %s: %w", tool.name, err)
		}
	}
	step("library")
	files := map[string][]byte{}
	var config bytes.Buffer
	archives := t.Archives()
	for _, pkg := range slices.Sorted(maps.Keys(archives)) {
		files["std/"+pkg+".a"] = archives[pkg]
		fmt.Fprintf(&config, "packagefile %s=/std/%s.a\n", pkg, pkg)
	}
	ts.tree, ts.config = wasm.NewTree(files), config.Bytes()
	b := ts.newBuild(ctx)
	if err := b.compile(watchPath, "/w/watch.a", []source.File{{Name: "watch.go", Text: watchSource}}); err != nil {
		return nil, fmt.Errorf("prepare the watch package: %w", err)
	}
	ts.watch, _ = b.files.Read("w/watch.a")
	ts.config = fmt.Appendf(ts.config, "packagefile %s=/w/watch.a\n", watchPath)
	return &ts, nil
}

func (ts *tools) close() error {
	var err error
	for _, c := range []*wasm.Command{ts.compile, ts.link} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	return err
}

// build is one submission's way to a module.
type build struct {
	tools  *tools
	ctx    context.Context
	files  *wasm.Files
	config []byte
}

func (ts *tools) newBuild(ctx context.Context) *build {
	b := &build{tools: ts, ctx: ctx, files: wasm.NewFiles(ts.tree, toolFiles), config: ts.config}
	if ts.watch != nil {
		b.files.Write("w/watch.a", ts.watch)
	}
	return b
}

// buildError is what a tool said when it refused a program.
type buildError struct {
	tool   string
	output string
	err    error // nil if the tool ended by itself
}

func (e *buildError) Error() string {
	if e.err != nil {
		return fmt.Sprintf("%s: %v", e.tool, e.err)
	}
	return fmt.Sprintf("%s: %s", e.tool, strings.TrimSpace(e.output))
}

func (e *buildError) Unwrap() error { return e.err }

// compile makes an archive of the package path. The order of files is kept, and
// is that of what the compiler says.
func (b *build) compile(path, out string, files []source.File) error {
	b.files.Write("w/importcfg", b.config)
	args := []string{"compile", "-o", out, "-p", path, "-complete", "-pack", "-c=1", "-dwarf=false", "-lang=go1.26", "-buildid=",
		"-trimpath", "/w/src=>", "-importcfg", "/w/importcfg"}
	for _, f := range files {
		b.files.Write("w/src/"+f.Name, []byte(f.Text))
		args = append(args, "/w/src/"+f.Name)
	}
	return b.run(b.tools.compile, args)
}

// link makes a module of the main package's archive.
func (b *build) link(main string) ([]byte, error) {
	args := []string{"link", "-o", "/w/x.wasm", "-importcfg", "/w/importcfg", "-buildmode=exe", "-buildid=", "-checklinkname=0", "-s", "-w", main}
	if err := b.run(b.tools.link, args); err != nil {
		return nil, err
	}
	x, ok := b.files.Read("w/x.wasm")
	if !ok {
		return nil, errors.New("link: it left no program")
	}
	return x, nil
}

func (b *build) run(tool *wasm.Command, args []string) error {
	out, err := tool.Run(b.ctx, wasm.Run{Args: args, Env: toolEnv, Files: b.files})
	if err == nil && out.ExitCode == 0 {
		return nil
	}
	return &buildError{tool: args[0], output: string(out.Stdout) + string(out.Stderr), err: err}
}

// program makes a module of a submission that is run.
func (b *build) program(s *Submission) ([]byte, error) {
	files := append(goFiles(s.Files), source.File{Name: watchFile, Text: watchImport})
	if err := b.compile("main", "/w/main.a", files); err != nil {
		return nil, err
	}
	return b.link("/w/main.a")
}

// test makes a module of a submission that is tested.
func (b *build) test(s *Submission, pkg string, tests []string) ([]byte, error) {
	if err := b.compile(taskPath, "/w/task.a", append(goFiles(s.Files), s.Tests...)); err != nil {
		return nil, err
	}
	b.config = fmt.Appendf(slices.Clip(b.config), "packagefile %s=/w/task.a\n", taskPath)
	if err := b.compile("main", "/w/main.a", []source.File{{Name: "hearth~test.go", Text: testMain(pkg, tests)}}); err != nil {
		return nil, err
	}
	return b.link("/w/main.a")
}

// goFiles are those that the compiler wants.
func goFiles(files []source.File) []source.File {
	var out []source.File
	for _, f := range files {
		if strings.HasSuffix(f.Name, ".go") {
			out = append(out, f)
		}
	}
	return out
}

// workers is how many submissions are compiled and run at once: half of the
// machine is left to events.
func workers() int { return max(1, runtime.GOMAXPROCS(0)/2) }
