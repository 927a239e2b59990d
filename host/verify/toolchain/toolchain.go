// Package toolchain is Go's compiler and linker as WebAssembly commands, with
// the standard library compiled for them: all that is needed to build a program
// on a machine without Go. It owns how they are made from a GOROOT, packed into
// one file and found again. It must not know how they are run.
//
// A pack is a zstd-compressed tar of
//
//	VERSION          "go1.26.8", the layout, and why a tool had to be built plain
//	compile.wasm     cmd/compile, built for wasip1 as a library
//	link.wasm        cmd/link
//	runtime.a        package runtime, for programs that link.wasm links
//	std/fmt.a …      an archive for each package of the standard library, and of
//	                 what else members may import
//
// Opening one unpacks it below a directory that only hearth can write to, once:
//
//	<dir>/<sha256 of the pack>/compile.wasm, link.wasm
//	<dir>/<sha256 of the pack>/std.bin      the archives, one after the other
//	<dir>/<sha256 of the pack>/index.json   where each of them is, and the sum of each file; written last
//
// The tools are not programs but libraries: they export Prepare and Run, so that
// what every run would do first is done once (overlay.go says how that comes
// about). Of a Go whose tools this package does not know they are built plain, as
// programs; [Toolchain.Plain] says so.
//
// The archives are mapped, not read, so they take memory only where they are
// used, and no more of it when several processes do.
package toolchain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The two tools of a toolchain.
const (
	Compile = "compile"
	Link    = "link"
)

// Experiment is the GOEXPERIMENT that the archives are made with and the tools
// have to be run with: with it a program can be asked which of its goroutines
// can never go on.
const Experiment = "goroutineleakprofile"

// What the tools export, both func (). Prepare takes as arguments, behind a name,
// what is read early: Link's an importcfg and import paths, Compile's nothing. Run
// takes the tool's own arguments; it returns, or exits, once in an instance.
const (
	Prepare = "hearth_prepare"
	Run     = "hearth_run"
)

// layout is the second line of VERSION. It changes with what a pack has to have.
const layout = "pack 3"

// ownRuntime is the name of the runtime of the pack's own linker.
const ownRuntime = "runtime.a"

// plainMark begins those of VERSION's lines that say why a tool is plain.
const plainMark = "plain "

// ErrNone says that there is no pack where one was looked for.
var ErrNone = errors.New("toolchain: there is no pack; `make toolchain` makes one from a Go installation")

// Toolchain is an opened pack. It is safe for concurrent use.
type Toolchain struct {
	dir   string
	index index
	std   []byte
	unmap func() error
}

// index says what is in a directory.
type index struct {
	Version  string
	Sums     map[string]string // sha256 of compile.wasm, link.wasm and std.bin, in hex
	Plain    map[string]string // why a tool is plain
	Archives []archive
	Runtime  *archive // ownRuntime; nil if the linker is plain
}

type archive struct {
	Package    string
	Start, End int64 // in std.bin
}

// Find returns the newest pack in any of dirs, by the Go version its name ends
// in; ErrNone if there is none.
func Find(dirs ...string) (string, error) {
	best := ""
	for _, d := range dirs {
		names, err := filepath.Glob(filepath.Join(d, "go*"+Extension))
		if err != nil {
			return "", fmt.Errorf("toolchain: look into %s: %w", d, err)
		}
		for _, n := range names {
			if best == "" || compareVersions(filepath.Base(n), filepath.Base(best)) > 0 {
				best = n
			}
		}
	}
	if best == "" {
		return "", ErrNone
	}
	return best, nil
}

// Extension is how a pack's name ends, behind its Go version. It has the layout,
// so that a pack of another is not found: it is made anew, and lies beside it.
const Extension = "-3.tar.zst"

// compareVersions compares names such as go1.26.8-3.tar.zst number by number.
func compareVersions(a, b string) int {
	numbers := func(s string) (n []int) {
		for _, part := range strings.Split(strings.TrimPrefix(strings.TrimSuffix(s, Extension), "go"), ".") {
			v := 0
			for _, c := range part {
				if c < '0' || c > '9' {
					break
				}
				v = v*10 + int(c-'0')
			}
			n = append(n, v)
		}
		return n
	}
	return slices.Compare(numbers(a), numbers(b))
}

// Open opens the pack in a file, unpacking it below dir unless that was done
// before. A pack or a directory that is not whole is an error that names the
// file; what was left by an interrupted Open is made again.
func Open(pack, dir string) (*Toolchain, error) {
	f, err := os.Open(pack)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w (looked for %s)", ErrNone, pack)
		}
		return nil, fmt.Errorf("toolchain: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("toolchain: read %s: %w", pack, err)
	}
	home := filepath.Join(dir, hex.EncodeToString(h.Sum(nil)))
	if t, err := openDir(home); err == nil {
		return t, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("toolchain: read %s: %w", pack, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("toolchain: %w", err)
	}
	if err := unpack(f, home); err != nil {
		return nil, fmt.Errorf("toolchain: unpack %s: %w", pack, err)
	}
	return openDir(home)
}

// openDir opens what Open has unpacked. The sums are of what was written, so a
// file that was changed or torn since is found here and not by the linker.
func openDir(home string) (*Toolchain, error) {
	b, err := os.ReadFile(filepath.Join(home, "index.json"))
	if err != nil {
		return nil, err
	}
	t := &Toolchain{dir: home}
	if err := json.Unmarshal(b, &t.index); err != nil {
		return nil, fmt.Errorf("toolchain: %s: %w", home, err)
	}
	if t.std, t.unmap, err = mapFile(filepath.Join(home, "std.bin")); err != nil {
		return nil, fmt.Errorf("toolchain: %w", err)
	}
	if sum(t.std) != t.index.Sums["std.bin"] {
		return nil, errors.Join(fmt.Errorf("toolchain: %s is not what was unpacked", filepath.Join(home, "std.bin")), t.Close())
	}
	archives := slices.Clone(t.index.Archives)
	if r := t.index.Runtime; r != nil {
		archives = append(archives, *r)
	}
	for _, a := range archives {
		if a.Start < 0 || a.End < a.Start || a.End > int64(len(t.std)) {
			return nil, errors.Join(fmt.Errorf("toolchain: %s: %s lies outside of std.bin", home, a.Package), t.Close())
		}
	}
	return t, nil
}

// Version is the Go version of the toolchain: "go1.26.8".
func (t *Toolchain) Version() string { return t.index.Version }

// Plain says why a tool, Compile or Link, is a program and not a library; "" if it
// is one.
func (t *Toolchain) Plain(tool string) string { return t.index.Plain[tool] }

// Tool reads a tool's module, Compile or Link.
func (t *Toolchain) Tool(name string) ([]byte, error) {
	path := filepath.Join(t.dir, name+".wasm")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("toolchain: %w", err)
	}
	if sum(b) != t.index.Sums[name+".wasm"] {
		return nil, fmt.Errorf("toolchain: %s is not what was unpacked", path)
	}
	return b, nil
}

// Archives are the standard library's, by import path, for the pack's own tools.
// They are valid until Close, and must not be changed.
func (t *Toolchain) Archives() map[string][]byte {
	m := t.PlainArchives()
	if a := t.index.Runtime; a != nil {
		m[a.Package] = t.archive(a)
	}
	return m
}

// PlainArchives are the same for the tools of the Go installation that the pack
// was made from.
func (t *Toolchain) PlainArchives() map[string][]byte {
	m := make(map[string][]byte, len(t.index.Archives))
	for _, a := range t.index.Archives {
		m[a.Package] = t.archive(&a)
	}
	return m
}

func (t *Toolchain) archive(a *archive) []byte { return t.std[a.Start:a.End:a.End] }

// Close gives the archives back.
func (t *Toolchain) Close() error { return t.unmap() }

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// validPackage says whether p can be an import path of the standard library.
func validPackage(p string) bool {
	return p != "" && len(p) < 200 && !strings.Contains(p, "..") && !strings.HasPrefix(p, "/") &&
		!bytes.ContainsFunc([]byte(p), func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-", r))
		})
}
