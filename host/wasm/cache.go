package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/wasm/meter"
	"github.com/hearthbot/hearth/sdk/abi"
)

// The compile cache has a directory for each program, named by a hash of all that
// decides what becomes of its code:
//
//	<dir>/<name>/shell         the metered module without its code; see meter.Shell
//	<dir>/<name>/facts         what hearth knows of the module, in JSON
//	<dir>/<name>/wazero-…/<key>   machine code, written by wazero; see machinecode.go
//	<dir>/<name>/sum           sha256 of the files above, but for the machine code itself
//	<dir>/new-…                an entry that is being made
//
// wazero looks for machine code under a hash of the module that it is given, of
// its own version and of what the processor can do. Here that module is the
// shell, a third of the whole: so a start reads neither plugin code nor checks it
// again, and does not keep it.
//
// wazero checks the code it reads with a CRC-32, but not where functions begin in
// it: a flipped bit there is a jump to anywhere in this process. So an entry that
// does not fit its sum is made again. Both are against damage. Against somebody who
// can write here there is nothing but the directory's mode: they could write the
// sum as well.

const (
	sumName   = "sum"
	shellName = "shell"
	factsName = "facts"
	draftName = "new-"
)

// cacheForm is the form of an entry. Raise it with that, and with what a plugin
// can learn of the host while it describes itself.
const cacheForm = 4

// entry is the directory of a program in the compile cache, which may not be there.
type entry struct{ dir, name string }

// newEntry names the entry by the code, by what the meter makes of it and by what
// it may take to describe itself. wazero's part is in the names below it.
func newEntry(dir string, p *program, s *source) entry {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "hearth %d, abi %d, meter %s, %s/%s\ncode %x, plugin %t\n%+v\n%+v\n",
		cacheForm, abi.Version, meter.Version(), runtime.GOOS, runtime.GOARCH, p.sha, s.plugin, s.bounds, p.limits)
	return entry{dir, hex.EncodeToString(h.Sum(nil))}
}

func (e entry) path() string { return filepath.Join(e.dir, e.name) }

// open reads an entry that is whole.
func (e entry) open() (about *facts, shell []byte, err error) {
	path := e.path()
	want, err := os.ReadFile(filepath.Join(path, sumName))
	if err != nil {
		return nil, nil, err
	}
	have, err := sumFiles(path)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(have, want) {
		return nil, nil, fmt.Errorf("wasm: %s in the compile cache is damaged", e.name)
	}
	text, err := os.ReadFile(filepath.Join(path, factsName))
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return nil, nil, fmt.Errorf("wasm: %s in the compile cache: %w", e.name, err)
	}
	if shell, err = os.ReadFile(filepath.Join(path, shellName)); err != nil {
		return nil, nil, err
	}
	now := time.Now()
	return about, shell, os.Chtimes(path, now, now) // what is used goes last
}

// machine makes a machine of module with the machine code that the entry has.
func (e entry) machine(ctx context.Context, p *program, module []byte) (machine, error) {
	return cachedMachine(ctx, p.config(), module, e.path())
}

// draft begins an entry. It becomes one as a whole, so that two processes with
// one cache do not see half of what the other does.
func (e entry) draft() (*draft, error) {
	dir, err := os.MkdirTemp(e.dir, draftName)
	return &draft{e, dir}, err
}

// draft is an entry that is being made.
type draft struct {
	entry entry
	dir   string
}

// discard removes what has not become an entry.
func (d *draft) discard() { _ = os.RemoveAll(d.dir) } // else it is purged

// machine compiles a module, and has wazero write the machine code into d.
func (d *draft) machine(ctx context.Context, p *program, module []byte) (machine, error) {
	return cachedMachine(ctx, p.config(), module, d.dir)
}

// keep makes an entry of d, which has the machine code of module.
func (d *draft) keep(ctx context.Context, p *program, module []byte) error {
	shell, err := meter.Shell(module)
	if err != nil {
		return err
	}
	if err := d.rename(ctx, p, shell); err != nil {
		return err
	}
	about, err := json.Marshal(p.about)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{shellName: shell, factsName: about} {
		if err := os.WriteFile(filepath.Join(d.dir, name), text, 0o600); err != nil {
			return err
		}
	}
	sum, err := sumFiles(d.dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, sumName), sum, 0o600); err != nil {
		return err
	}
	if err := os.RemoveAll(d.entry.path()); err != nil {
		return err
	}
	err = os.Rename(d.dir, d.entry.path())
	if err != nil {
		if _, _, e := d.entry.open(); e == nil {
			return nil // another process was faster
		}
	}
	return err
}

// rename puts the machine code where wazero will look for that of the shell. How
// wazero names it is wazero's affair: it is had compile the shell, which is
// nothing but traps, and that is replaced.
func (d *draft) rename(ctx context.Context, p *program, shell []byte) error {
	code, err := d.code(d.dir)
	if err != nil {
		return err
	}
	traps := filepath.Join(d.dir, "traps")
	m, err := cachedMachine(ctx, p.config(), shell, traps)
	if err != nil {
		return err
	}
	if err := m.close(); err != nil {
		return err
	}
	place, err := d.code(traps)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(traps); err != nil {
		return err
	}
	to, err := filepath.Rel(traps, place)
	if err != nil {
		return err
	}
	return os.Rename(code, filepath.Join(d.dir, to))
}

// code is the one file that wazero has written below dir.
func (d *draft) code(dir string) (string, error) {
	list, err := filepath.Glob(filepath.Join(dir, "wazero-*", "*"))
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("wasm: there are %d files of machine code, and not one", len(list))
	}
	if err != nil {
		return "", err
	}
	return list[0], nil
}

// openCache makes dir, or checks that nobody else can put code there.
func openCache(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("wasm: make the compile cache: %w", err)
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("wasm: look at the compile cache: %w", err)
	case !info.IsDir():
		return fmt.Errorf("wasm: the compile cache %s is no directory", dir)
	case runtime.GOOS == "windows": // modes say nothing there
		return nil
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("wasm: others can write to the compile cache %s (mode %v), and so run code here: remove it and start again", dir, info.Mode().Perm())
	case info.Mode().Perm() != 0o700:
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("wasm: close the compile cache to others: %w", err)
		}
	}
	return nil
}

// sumFiles hashes the names and contents of what is in an entry, but the sum and
// what wazero sees to: machine code, all of which would have to be read for it.
func sumFiles(entry string) ([]byte, error) {
	h := sha256.New()
	err := filepath.WalkDir(entry, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == sumName {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, _ = fmt.Fprintf(h, "%q\n", d.Name())
		if filepath.Dir(path) == entry {
			_, err = io.Copy(h, f)
			return err
		}
		return sumCode(h, f)
	})
	return h.Sum(nil), err
}

// maxDraft is how long an entry may take to be made: what is older was left by a
// process that ended meanwhile.
const maxDraft = time.Hour

// purgeCache removes the entries that were not used for longest until the cache
// is no larger than size, and those that were never finished.
func purgeCache(dir string, size int64) error {
	type used struct {
		path string
		size int64
		at   time.Time
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var entries []used
	total := int64(0)
	for _, n := range names {
		info, err := n.Info()
		if err != nil {
			continue // it is gone
		}
		e := used{path: filepath.Join(dir, n.Name()), at: info.ModTime()}
		if strings.HasPrefix(n.Name(), draftName) && time.Since(e.at) > maxDraft {
			if err := os.RemoveAll(e.path); err != nil {
				return err
			}
			continue
		}
		if err := filepath.WalkDir(e.path, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if info, err := d.Info(); err == nil {
					e.size += info.Size()
				}
			}
			return nil
		}); err != nil {
			return err
		}
		entries = append(entries, e)
		total += e.size
	}
	slices.SortFunc(entries, func(a, b used) int { return a.at.Compare(b.at) })
	for _, e := range entries {
		if total <= size {
			break
		}
		if err := os.RemoveAll(e.path); err != nil {
			return err
		}
		total -= e.size
	}
	return nil
}
