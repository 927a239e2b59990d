// Package kit is what an author begins with: the SDK as it was when hearth was
// built, and a plugin that compiles. It owns how both are packed into the binary
// and laid out in a plugin's directory. It must not know how plugins are built
// or run.
//
// The archive, dist/sdk.zip, is three modules, so that a plugin needs no network
// and no module cache:
//
//	README.md        what this is
//	hearth/          the module of the SDK: its packages, without their tests
//	msgp/, fwd/      the msgp runtime and what it needs
//
// In a plugin's directory it lies in sdk/, and go.mod has a replace for each of
// the modules: plain go build, go test, go mod tidy and editors find them there,
// and an author who adds a library fetches that library alone. A vendor
// directory would have to be made anew then, out of a network that need not have
// this SDK. Directories have no sums, so there is no go.sum to go stale.
package kit

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Archive is the name of the archive among what is built in.
const Archive = "sdk.zip"

// Dir is where the SDK lies in a plugin's directory.
const Dir = "sdk"

// ErrNone says that this hearth was built without its SDK.
var ErrNone = errors.New("this hearth was built without its SDK; `make build` builds it in")

// module is one of the modules of the archive.
type module struct {
	dir  string // in the archive
	path string
	keep func(name string) bool // of the files in its own directory, slash-separated
}

// modules are all that a plugin needs, the SDK first.
var modules = [...]module{
	{"hearth", "github.com/hearthbot/hearth", func(name string) bool {
		return name == "LICENSE" || strings.HasPrefix(name, "sdk/") && (isCode(name) || strings.HasSuffix(name, ".md"))
	}},
	{"msgp", "github.com/tinylib/msgp", func(name string) bool {
		return name == "LICENSE" || path.Dir(name) == "msgp" && isCode(name)
	}},
	{"fwd", "github.com/philhofer/fwd", func(name string) bool {
		return name == "LICENSE.md" || !strings.Contains(name, "/") && isCode(name)
	}},
}

func isCode(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !strings.Contains(name, "testdata/")
}

// Source is where a module's files are read when the archive is packed.
type Source struct {
	Dir     string // the module's own
	Version string // "v1.6.5"; of the SDK ""
}

// Files are all files of the archive. sources has one entry for each module, by
// its path.
func Files(sources map[string]Source, goVersion string) (map[string][]byte, error) {
	files := map[string][]byte{"README.md": []byte(readme)}
	for i, m := range modules {
		from, ok := sources[m.path]
		if !ok {
			return nil, fmt.Errorf("no source for %s", m.path)
		}
		n := len(files)
		err := filepath.WalkDir(from.Dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(from.Dir, name)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			if d.IsDir() {
				// The SDK's module has much else in it, which need not be walked.
				if i == 0 && rel != "." && rel != "sdk" && !strings.HasPrefix(rel, "sdk/") {
					return fs.SkipDir
				}
				return nil
			}
			if !m.keep(rel) {
				return nil
			}
			data, err := os.ReadFile(name)
			files[m.dir+"/"+rel] = data
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(files) == n {
			return nil, fmt.Errorf("%s has nothing of %s", from.Dir, m.path)
		}
		files[m.dir+"/go.mod"] = goMod(m.path, goVersion, sources, modules[i+1:], false)
	}
	return files, nil
}

// goMod is a go.mod that needs the modules. Those of the archive need what
// stands behind them and leave out what only their tests and tools do; with
// local, they are replaced by what lies in [Dir].
func goMod(path, goVersion string, sources map[string]Source, needs []module, local bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "module %s\n\ngo %s\n", path, goVersion)
	var indirect []string // sorted, as go mod tidy has them
	for i, n := range needs {
		version := cmp.Or(sources[n.path].Version, "v0.0.0")
		if i == 0 {
			fmt.Fprintf(&b, "\nrequire %s %s\n", n.path, version)
		} else {
			indirect = append(indirect, fmt.Sprintf("\t%s %s // indirect\n", n.path, version))
		}
	}
	if slices.Sort(indirect); len(indirect) == 1 {
		fmt.Fprintf(&b, "\nrequire %s", indirect[0][1:])
	} else if len(indirect) > 1 {
		fmt.Fprintf(&b, "\nrequire (\n%s)\n", strings.Join(indirect, ""))
	}
	if local {
		fmt.Fprintf(&b, "\n// They came with hearth; see %s/README.md.\nreplace (\n", Dir)
		var lines []string
		for _, n := range needs {
			lines = append(lines, fmt.Sprintf("\t%s => ./%s/%s\n", n.path, Dir, n.dir))
		}
		slices.Sort(lines)
		fmt.Fprintf(&b, "%s)\n", strings.Join(lines, ""))
	}
	return b.Bytes()
}

const readme = `# The SDK, as it came with hearth

    hearth/   github.com/hearthbot/hearth: the packages sdk, sdk/abi, sdk/sdktest, without their tests
    msgp/     github.com/tinylib/msgp: the runtime of the codecs, without its generator
    fwd/      github.com/philhofer/fwd: what msgp reads and writes with

The go.mod beside this directory has a replace for each, so that nothing is fetched. Keep the directory with the
plugin, and do not change it: ` + "`hearth plugin sdk`" + ` puts that of a newer hearth in its place.

hearth/sdk/README.md is the guide, ` + "`go doc github.com/hearthbot/hearth/sdk`" + ` the reference. Each module's licence
lies in its directory.
`

// epoch is when every file of the archive was written: the first time that a zip
// can say.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Write packs files so that the same files are the same bytes.
func Write(w io.Writer, files map[string][]byte) error {
	z := zip.NewWriter(w)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: epoch})
		if err != nil {
			return err
		}
		if _, err := f.Write(files[name]); err != nil {
			return err
		}
	}
	return z.Close()
}

// Open reads the archive among what is built in.
func Open(dist fs.FS) (*zip.Reader, error) {
	raw, err := fs.ReadFile(dist, Archive)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, fmt.Errorf("read the SDK that is built in: %w", err)
	}
	return z, nil
}

// Unpack writes the SDK into a plugin's directory, in the place of one that is
// there.
func Unpack(sdk fs.FS, dir string) error {
	to := filepath.Join(dir, Dir)
	if err := replaceable(to); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(dir, ".sdk-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := os.CopyFS(fresh, sdk); err != nil {
		return fmt.Errorf("unpack the SDK: %w", err)
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Rename(fresh, to)
}

// replaceable is nil if nothing is there, or an SDK.
func replaceable(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(dir, modules[0].dir, "go.mod"))
	if err != nil || !bytes.HasPrefix(mod, []byte("module "+modules[0].path+"\n")) {
		return fmt.Errorf("%s is not the SDK; it is left as it is", dir)
	}
	return nil
}
