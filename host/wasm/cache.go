package wasm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// The compile cache has a directory for each metered module, named by its hash:
//
//	<dir>/<sha256 of the module>/wazero-…/<key>   machine code, written by wazero
//	<dir>/<sha256 of the module>/sum              sha256 of the files above
//
// wazero checks the code it reads, but not where functions begin in it: a flipped
// bit there is a jump to anywhere in this process. So an entry that does not fit
// its sum is compiled again.

const sumName = "sum"

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

// cacheEntry is the directory for module, emptied if it is not whole.
func cacheEntry(dir string, module []byte) (entry string, whole bool, err error) {
	sum := sha256.Sum256(module)
	entry = filepath.Join(dir, hex.EncodeToString(sum[:]))
	want, err := os.ReadFile(filepath.Join(entry, sumName))
	if err == nil {
		var have []byte
		if have, err = sumFiles(entry); err == nil && bytes.Equal(have, want) {
			now := time.Now()
			return entry, true, os.Chtimes(entry, now, now) // what is used goes last
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	if err := os.RemoveAll(entry); err != nil {
		return "", false, err
	}
	return entry, false, os.Mkdir(entry, 0o700)
}

// sealEntry writes the sum of an entry that wazero has filled.
func sealEntry(entry string) error {
	path := filepath.Join(entry, sumName)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	sum, err := sumFiles(entry)
	if err != nil {
		return err
	}
	return os.WriteFile(path, sum, 0o600)
}

// sumFiles hashes the names and contents of what is in an entry but the sum.
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
		_, err = io.Copy(h, f)
		return err
	})
	return h.Sum(nil), err
}

// purgeCache removes the entries that were not used for longest until the cache
// is no larger than size.
func purgeCache(dir string, size int64) error {
	type entry struct {
		path string
		size int64
		used time.Time
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var entries []entry
	total := int64(0)
	for _, n := range names {
		info, err := n.Info()
		if err != nil {
			continue // it is gone
		}
		e := entry{path: filepath.Join(dir, n.Name()), used: info.ModTime()}
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
	slices.SortFunc(entries, func(a, b entry) int { return a.used.Compare(b.used) })
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
