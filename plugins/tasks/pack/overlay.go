package pack

import (
	"io/fs"
	"strings"
	"time"
)

// Overlay is a file system with files over it, by their path. Without one they
// are alone. It is for Load: of the files on top it lists nothing.
type Overlay struct {
	fs.FS
	Files map[string]string
}

// Open opens the file that lies on top.
func (o Overlay) Open(name string) (fs.File, error) {
	if text, ok := o.Files[name]; ok {
		return &memFile{name: name, Reader: strings.NewReader(text)}, nil
	}
	if o.FS == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.FS.Open(name)
}

// memFile is an open file, and what is known of it.
type memFile struct {
	name string
	*strings.Reader
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memFile) Close() error               { return nil }
func (f *memFile) Name() string               { return f.name }
func (f *memFile) Mode() fs.FileMode          { return 0o444 }
func (f *memFile) ModTime() time.Time         { return time.Time{} }
func (f *memFile) IsDir() bool                { return false }
func (f *memFile) Sys() any                   { return nil }
