package wasm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

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

// abandoned is how old an unfinished file must be to be nobody's.
const abandoned = time.Hour

// purgeCache removes the oldest files until the cache is no larger than size,
// and those that were never finished. Another process may do so at the same time.
func purgeCache(dir string, size int64) error {
	type entry struct {
		path string
		size int64
		time time.Time
	}
	var all []entry
	total := int64(0)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				all = append(all, entry{path, info.Size(), info.ModTime()})
				total += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b entry) int { return a.time.Compare(b.time) })
	for _, e := range all {
		unfinished := filepath.Ext(e.path) == ".tmp" && time.Since(e.time) > abandoned
		if total <= size && !unfinished {
			continue
		}
		if err := os.Remove(e.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		total -= e.size
	}
	return nil
}
