package wasm

import (
	"path"
	"slices"
	"strings"
)

// Tree is files that many runs share and none changes. It is safe for
// concurrent use.
type Tree struct {
	files map[string][]byte
	dirs  map[string]bool
}

// NewTree takes files by their names, slash-separated and relative to the root:
// "std/fmt.a". It keeps the contents, which must not change.
func NewTree(files map[string][]byte) *Tree {
	t := &Tree{files: files, dirs: map[string]bool{".": true}}
	for name := range files {
		addParents(t.dirs, name)
	}
	return t
}

func addParents(dirs map[string]bool, name string) {
	for d := path.Dir(name); !dirs[d]; d = path.Dir(d) {
		dirs[d] = true
	}
}

// Files is the file system that one run of a command finds at its root: the
// files of a Tree, which it can only read, and its own, in memory. Names are as
// in NewTree. It is for one goroutine at a time, and for one run at a time.
type Files struct {
	tree  *Tree
	own   map[string]*file
	dirs  map[string]bool
	room  int64 // bytes that may still be written
	inode uint64
}

// file is one of a run's own.
type file struct {
	data  []byte
	inode uint64
}

// NewFiles makes a file system above tree, which may be nil, that takes room
// bytes of the run's own. What Write puts there does not count.
func NewFiles(tree *Tree, room int64) *Files {
	if tree == nil {
		tree = NewTree(nil)
	}
	return &Files{tree: tree, own: map[string]*file{}, dirs: map[string]bool{".": true}, room: room}
}

// Write puts a file there before the run. It keeps data until the run changes it.
func (f *Files) Write(name string, data []byte) {
	f.create(name).data = slices.Clip(data)
}

// Read returns a file as it is now; false if there is none. Do not change it.
func (f *Files) Read(name string) ([]byte, bool) {
	if own := f.own[name]; own != nil {
		return own.data, true
	}
	data, ok := f.tree.files[name]
	return data, ok
}

func (f *Files) create(name string) *file {
	f.inode++
	n := &file{inode: f.inode}
	f.own[name] = n
	addParents(f.dirs, name)
	return n
}

func (f *Files) isDir(name string) bool { return f.dirs[name] || f.tree.dirs[name] }

// resize makes a file n bytes long; false if there is no room for that.
func (f *Files) resize(to *file, n int64) bool {
	grown := n - int64(len(to.data))
	if n < 0 || grown > f.room {
		return false
	}
	f.room -= grown
	if grown <= 0 {
		to.data = to.data[:n:n]
		return true
	}
	if n > int64(cap(to.data)) {
		to.data = slices.Grow(to.data, int(grown))
	}
	from := len(to.data)
	to.data = to.data[:n]
	clear(to.data[from:])
	return true
}

// handle is an open file or directory.
type handle struct {
	name   string
	own    *file  // nil of a directory and of a tree's file
	data   []byte // of a tree's file
	dir    bool
	write  bool
	append bool
	offset int64
}

func (h *handle) bytes() []byte {
	if h.own != nil {
		return h.own.data
	}
	return h.data
}

// cleanName is a path as a name, "." for the root. Nothing leads above the root.
func cleanName(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		return "."
	}
	return p
}

// open opens name as WASI's path_open does; errno is 0 if it could.
func (f *Files) open(name string, oflags uint32, write, atEnd bool) (h *handle, errno uint64) {
	name = cleanName(name)
	if f.isDir(name) {
		if write || oflags&(openCreate|openTruncate) != 0 {
			return nil, wasiIsDir
		}
		return &handle{name: name, dir: true}, wasiOK
	}
	own := f.own[name]
	shared, inTree := f.tree.files[name]
	switch {
	case oflags&openDirectory != 0:
		return nil, wasiNotDir
	case own != nil || inTree:
		if oflags&openCreate != 0 && oflags&openExclusive != 0 {
			return nil, wasiExist
		}
		if own == nil {
			if write || oflags&openTruncate != 0 {
				return nil, wasiReadOnly
			}
			return &handle{name: name, data: shared}, wasiOK
		}
	case oflags&openCreate == 0:
		return nil, wasiNoEntry
	case !f.isDir(path.Dir(name)):
		return nil, wasiNoEntry
	default:
		own = f.create(name)
	}
	if oflags&openTruncate != 0 {
		f.resize(own, 0)
	}
	return &handle{name: name, own: own, write: write, append: atEnd}, wasiOK
}
