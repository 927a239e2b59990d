// Package author is the loop of those who write plugins: it compiles a plugin's
// directory, tests it natively and in its sandbox, measures it, and has it loaded
// again whenever it is saved. It owns how the go command is called and what a
// plugin is played. It must not know flags, a terminal, or how a hearth that
// runs is reached.
//
//	directory ── go test ──► tapes ──┬─► Test    the sandbox answers as go test did?
//	    │                            └─► Bench   what does each event cost?
//	    └─────── go build ─► code ───┴─► Run     into a hearth, at every save
//
// What an author begins with is package kit's.
package author

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// ErrNoGo says that there is no go command.
var ErrNoGo = errors.New("there is no go command: plugins are compiled with Go 1.26 or newer, from https://go.dev/dl")

// Project is the directory of a plugin: a Go package, in whatever module.
type Project struct {
	Dir string // as it was given
}

// Open finds the plugin's directory.
func Open(dir string) (*Project, error) {
	if dir == "" {
		dir = "."
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no directory %s; `hearth plugin new NAME` makes one", dir)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is no directory; name that of a plugin", dir)
	}
	sources, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("there is no Go in %s; go to a plugin's directory, or make one with `hearth plugin new NAME`", dir)
	}
	if _, err := exec.LookPath("go"); err != nil {
		return nil, ErrNoGo
	}
	return &Project{Dir: dir}, nil
}

// GoError says that a go command failed, and what it printed.
type GoError struct {
	What   string // "go build"
	Output string // as it was, with files and lines; it ends with a line's end
	Err    error
}

func (e *GoError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("%s: %v", e.What, e.Err)
	}
	return e.What + " failed:\n" + strings.TrimSuffix(e.Output, "\n")
}

func (e *GoError) Unwrap() error { return e.Err }

// Built is a plugin's module.
type Built struct {
	Code     []byte        `json:"-"`
	Size     int           `json:"bytes"`
	SHA256   string        `json:"sha256"`
	Name     string        `json:"name"`
	Version  string        `json:"version"`
	Manifest abi.Manifest  `json:"-"`
	Took     time.Duration `json:"-"`
}

// Build compiles the plugin as it is made for a hearth: the same source makes
// the same bytes, wherever it lies. What the compiler says is a *GoError.
func (p *Project) Build(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "hearth-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "plugin.wasm")
	cmd := p.command(ctx, "build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w", "-o", file, ".")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &GoError{"go build", said.String(), err}
	}
	return os.ReadFile(file)
}

// command is a go command in the plugin's directory.
func (p *Project) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = p.Dir
	// It is asked to end first, so that it takes its own children along.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Describe compiles code for the sandbox and asks it what it is: whatever is no
// plugin for this hearth is found here. The plugin that it returns is to be
// closed.
func Describe(ctx context.Context, engine *wasm.Engine, code []byte) (*wasm.Plugin, Built, error) {
	begun := time.Now()
	compiled, err := engine.Compile(ctx, code, wasm.Limits{})
	if err != nil {
		return nil, Built{}, err
	}
	sum := sha256.Sum256(code)
	b := Built{Code: code, Size: len(code), SHA256: hex.EncodeToString(sum[:])}
	if _, err := b.Manifest.UnmarshalMsg(compiled.Manifest()); err != nil {
		_ = compiled.Close(ctx) // nothing was called
		return nil, Built{}, fmt.Errorf("its manifest cannot be read: %w", err)
	}
	b.Name, b.Version = b.Manifest.Name, b.Manifest.Version
	b.Took = time.Since(begun)
	return compiled, b, nil
}
