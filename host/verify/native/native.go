// Package native runs a Go installation's own compiler and linker in a child
// process that may do as little as the system lets us ask for. It is quicker than
// running them in the sandbox, and less safe: a fault in Go's compiler is then a
// fault in a process of this machine. It owns the children, what they may see and
// use, and the directories they work in. It must not know what is compiled, or
// why.
//
// Below its directory lies what the children see, and on Linux, where the kernel
// lets hearth make namespaces and util-linux is there, it is all they see:
//
//	<dir>/bin/compile, link    copies of the installation's
//	<dir>/std/fmt.a …          the standard library, compiled for wasip1
//	<dir>/w<number>/           one job's files, gone when it ends
//
// There a child has no network, no environment, no other process, no file but
// these, and bounds on processor time, memory and the size of what it writes.
// Elsewhere it has the environment and the bound on time, and [Tools.Lacks] says
// what is missing.
package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Errors of Open and Run.
var (
	ErrVersion = errors.New("native: the Go installation is of another version than the standard library that was packed")
	ErrTime    = errors.New("native: the tool took too long")
	ErrMemory  = errors.New("native: the tool wanted too much memory")
)

// Options say where the tools are and what they may use.
type Options struct {
	Dir      string            // for hearth alone; made if it is not there, and emptied
	GoCmd    string            // the installation's go command; "" is the one on PATH
	Version  string            // that it has to have, as `go env GOVERSION` prints it
	Archives map[string][]byte // the standard library, by import path
	Env      []string          // beside the little that every child is given

	Time   time.Duration // a tool's, of a clock and of processors together; 0 means 30 s
	Memory int64         // bytes; 0 means 1 GiB
	File   int64         // bytes of a file that is written; 0 means 128 MiB
}

// Tools are a compiler and a linker. They are safe for concurrent use.
type Tools struct {
	o      Options
	jail   jail
	serial atomic.Int64
}

// Open copies the installation's tools and the archives below o.Dir, and tries
// how much the system lets a child be restricted. ErrVersion says that the
// installation does not fit the archives.
func Open(ctx context.Context, o Options) (*Tools, error) {
	if o.GoCmd == "" {
		o.GoCmd = "go"
	}
	if o.Time == 0 {
		o.Time = 30 * time.Second
	}
	if o.Memory == 0 {
		o.Memory = 1 << 30
	}
	if o.File == 0 {
		o.File = 128 << 20
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("native: %w", err)
	}
	version, tools, err := installation(ctx, o.GoCmd)
	if err != nil {
		return nil, err
	}
	if version != o.Version {
		return nil, fmt.Errorf("%w: %s is %s, and the library is of %s; `make toolchain` packs the installation's", ErrVersion, o.GoCmd, version, o.Version)
	}
	if err := lay(&o, tools); err != nil {
		return nil, fmt.Errorf("native: lay out %s: %w", o.Dir, err)
	}
	t := &Tools{o: o}
	if t.jail, err = newJail(ctx, &o); err != nil {
		return nil, fmt.Errorf("native: the compiler cannot be run: %w", err)
	}
	return t, nil
}

// Lacks is what children are not kept from, in words; "" is nothing.
func (t *Tools) Lacks() string { return t.jail.lacks }

// installation asks a go command for its version and where its tools are.
func installation(ctx context.Context, goCmd string) (version, tools string, err error) {
	cmd := exec.CommandContext(ctx, goCmd, "env", "GOVERSION", "GOTOOLDIR")
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOFLAGS=", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	cmd.Dir = os.TempDir() // outside of any module
	out, err := cmd.Output()
	if err != nil {
		return "", "", fmt.Errorf("native: there is no Go installation to compile with: %s env: %w", goCmd, err)
	}
	version, tools, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	return version, tools, nil
}

// lay puts the tools and the archives where the children see them.
func lay(o *Options, tools string) error {
	if err := os.RemoveAll(o.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, "bin"), 0o700); err != nil {
		return err
	}
	for _, tool := range []string{"compile", "link"} {
		b, err := os.ReadFile(filepath.Join(tools, tool+exe))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(o.Dir, "bin", tool+exe), b, 0o500); err != nil {
			return err
		}
	}
	for pkg, archive := range o.Archives {
		path := filepath.Join(o.Dir, "std", filepath.FromSlash(pkg)+".a")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, archive, 0o400); err != nil {
			return err
		}
	}
	return nil
}

// Job is the files of one compilation. It is for one goroutine at a time.
type Job struct {
	tools *Tools
	dir   string // on the machine
	names *strings.Replacer
}

// Job makes an empty directory for a job. Close it.
func (t *Tools) Job() (*Job, error) {
	name := "w" + strconv.FormatInt(t.serial.Add(1), 10)
	j := &Job{tools: t, dir: filepath.Join(t.o.Dir, name)}
	seen := filepath.ToSlash(t.jail.root) // what the children call o.Dir
	j.names = strings.NewReplacer("/w/", seen+"/"+name+"/", "/std/", seen+"/std/")
	if err := os.Mkdir(j.dir, 0o700); err != nil {
		return nil, fmt.Errorf("native: %w", err)
	}
	return j, nil
}

// Path is what the tools call a path that begins with /w/, where the job's files
// are, or /std/, where the library is.
func (j *Job) Path(p string) string { return j.names.Replace(p) }

// Write puts a file there: "main.go" is /w/main.go to the tools.
func (j *Job) Write(name string, data []byte) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("native: %q is no name of a job's file", name)
	}
	path := filepath.Join(j.dir, filepath.FromSlash(name))
	err := os.WriteFile(path, data, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
	}
	if err != nil {
		return fmt.Errorf("native: %w", err)
	}
	return nil
}

// Read returns a file that a tool has left.
func (j *Job) Read(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(j.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("native: %w", err)
	}
	return b, nil
}

// Close removes the job's files.
func (j *Job) Close() error { return os.RemoveAll(j.dir) }

// starved is what a Go program says that is given no more memory; it may also
// just fall over.
var starved = regexp.MustCompile("out of memory|cannot allocate memory")

// maxOutput is how many bytes of what a tool prints are kept.
const maxOutput = 1 << 20

// Run runs a tool, "compile" or "link", with arguments in which paths are as Path
// makes them. It returns what the tool printed; a tool that refused is an
// *exec.ExitError, one that was stopped ErrTime or ErrMemory.
func (j *Job) Run(ctx context.Context, tool string, args []string) ([]byte, error) {
	t := j.tools
	bounded, cancel := context.WithTimeout(ctx, t.o.Time)
	defer cancel()
	cmd := t.jail.command(bounded, tool, args)
	cmd.Env = append([]string{"PWD=" + t.jail.root + "/", "TMPDIR=" + strings.TrimSuffix(j.Path("/w/"), "/")}, t.o.Env...)
	out := &bounds{left: maxOutput}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case err == nil:
		return out.b.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("native: run %s: %w", tool, context.Cause(ctx))
	case bounded.Err() != nil || stoppedForTime(err) || bytes.Contains(out.b.Bytes(), []byte("SIGXCPU")):
		return out.b.Bytes(), ErrTime
	case peak(cmd.ProcessState) > t.o.Memory/2 || starved.Match(out.b.Bytes()):
		return out.b.Bytes(), ErrMemory
	}
	return out.b.Bytes(), err
}

// bounds keeps the beginning of what is written.
type bounds struct {
	b    bytes.Buffer
	left int
}

func (w *bounds) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.b.Write(p[:n])
	w.left -= n
	return len(p), nil
}
