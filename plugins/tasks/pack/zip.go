//go:build !wasip1

package pack

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// Bounds of a zip, beside those of the pack in it.
const (
	maxZip     = 4 << 20
	maxEntries = 2000
)

// LoadZip is Load of what OpenZip opens.
func LoadZip(r io.ReaderAt, size int64) (*Pack, error) {
	fsys, err := OpenZip(r, size)
	if err != nil {
		return nil, err
	}
	return Load(fsys)
}

// OpenZip opens a pack in a zip, in which it may be a folder. Nothing is
// unpacked to a disk; what the zip says of sizes is held against the bounds
// first, and what is read afterwards, by Load and Read.
//
// A plugin has no use for it, nor for the packages it takes with it.
func OpenZip(r io.ReaderAt, size int64) (fs.FS, error) {
	if size > maxZip {
		return nil, fmt.Errorf("the zip has %d KiB, at most %d", size>>10, maxZip>>10)
	}
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("this is no zip: %w", err)
	}
	if len(z.File) > maxEntries {
		return nil, fmt.Errorf("the zip has %d entries, at most %d", len(z.File), maxEntries)
	}
	total, root, found := uint64(0), ".", false
	for _, f := range z.File {
		if total += f.UncompressedSize64; f.UncompressedSize64 > MaxBytes || total > maxZip {
			return nil, fmt.Errorf("%.80q makes the zip more than %d KiB when it is unpacked", f.Name, maxZip>>10)
		}
		if !fs.ValidPath(path.Clean(f.Name)) {
			return nil, fmt.Errorf("%.80q is a path out of the zip", f.Name)
		}
		if dir, file := path.Split(f.Name); file == "path.txt" && (!found || len(dir) < len(root)) {
			root, found = path.Clean(dir), true
		}
	}
	fsys, err := fs.Sub(z, root)
	if err != nil {
		return nil, fmt.Errorf("the folder %.80q of the zip cannot be read: %w", root, err)
	}
	return fsys, nil
}

// WriteZip writes the files of a pack as a zip, in the order of their paths.
func WriteZip(w io.Writer, files map[string]string) error {
	z := zip.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := z.Create(name)
		if err != nil {
			return fmt.Errorf("write %s into a zip: %w", name, err)
		}
		if _, err := io.WriteString(f, files[name]); err != nil {
			return fmt.Errorf("write %s into a zip: %w", name, err)
		}
	}
	return z.Close()
}
