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

	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/host/verify/toolchain"
)

// tools are the compiler and the linker, ready to run, and what they find below
// /std.
type tools struct {
	shop   workshop
	config []byte // an importcfg of the standard library and the watch package
	watch  []byte // archive of the watch package
}

// workshop is where the tools run: in the sandbox, or as children of this
// process.
type workshop interface {
	bench() (bench, error)
	close() error
}

// bench is one submission's place in a workshop. What it calls /w/ is its own.
type bench interface {
	path(string) string // what the tools call the paths in a text
	write(name string, data []byte) error
	read(name string) ([]byte, bool)
	run(ctx context.Context, tool string, args []string) error // a *buildError if the tool refused
	close()
}

// prepare makes the tools ready in a workshop.
func prepare(ctx context.Context, o *Options, t *toolchain.Toolchain, step func(string)) (_ *tools, err error) {
	var ts tools
	if o.Native {
		ts.shop, err = openNative(ctx, o, t, step)
	} else {
		ts.shop, err = openSandbox(ctx, o.Engine, t, o.Logger, step)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ts.close())
		}
	}()
	step("library")
	ts.config = importConfig(t)
	b, err := ts.newBuild(ctx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := b.compile(watchPath, "/w/watch.a", []source.File{{Name: "watch.go", Text: watchSource}}); err != nil {
		return nil, fmt.Errorf("prepare the watch package: %w", err)
	}
	ts.watch, _ = b.read("watch.a")
	ts.config = fmt.Appendf(ts.config, "packagefile %s=/w/watch.a\n", watchPath)
	return &ts, nil
}

// importConfig says where the packages of a toolchain are.
func importConfig(t *toolchain.Toolchain) []byte {
	var config bytes.Buffer
	for _, pkg := range slices.Sorted(maps.Keys(t.Archives())) {
		fmt.Fprintf(&config, "packagefile %s=/std/%s.a\n", pkg, pkg)
	}
	return config.Bytes()
}

func (ts *tools) close() error { return ts.shop.close() }

// build is one submission's way to a module.
type build struct {
	bench
	ctx    context.Context
	config []byte
}

// newBuild takes a place in the workshop. Close it.
func (ts *tools) newBuild(ctx context.Context) (*build, error) {
	place, err := ts.shop.bench()
	if err != nil {
		return nil, err
	}
	b := &build{bench: place, ctx: ctx, config: ts.config}
	if ts.watch != nil {
		if err := b.write("watch.a", ts.watch); err != nil {
			place.close()
			return nil, err
		}
	}
	return b, nil
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
	args, err := b.compileArgs(path, out, files)
	if err != nil {
		return err
	}
	return b.run(b.ctx, toolchain.Compile, args)
}

// compileArgs puts into place what the compiler reads, and says how it is called.
func (b *build) compileArgs(path, out string, files []source.File) ([]string, error) {
	if err := b.write("importcfg", []byte(b.path(string(b.config)))); err != nil {
		return nil, err
	}
	src := b.path("/w/src/")
	args := []string{"-o", b.path(out), "-p", path, "-complete", "-pack", "-c=1", "-dwarf=false", "-lang=go1.26", "-buildid=",
		"-trimpath", strings.TrimSuffix(src, "/") + "=>", "-importcfg", b.path("/w/importcfg")}
	for _, f := range files {
		if err := b.write("src/"+f.Name, []byte(f.Text)); err != nil {
			return nil, err
		}
		args = append(args, src+f.Name)
	}
	return args, nil
}

// link makes a module of the main package's archive.
func (b *build) link(main string) ([]byte, error) {
	if err := b.run(b.ctx, toolchain.Link, b.linkArgs(main)); err != nil {
		return nil, err
	}
	x, ok := b.read("x.wasm")
	if !ok {
		return nil, errors.New("link: it left no program")
	}
	return x, nil
}

func (b *build) linkArgs(main string) []string {
	return []string{"-o", b.path("/w/x.wasm"), "-importcfg", b.path("/w/importcfg"), "-buildmode=exe", "-buildid=", "-checklinkname=0", "-s", "-w", b.path(main)}
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
