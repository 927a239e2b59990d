package wasm

import (
	"encoding/binary"
	"math"
)

// Errors of WASI that only files have.
const (
	wasiExist    = 20
	wasiIsDir    = 31
	wasiNoEntry  = 44
	wasiNoSpace  = 51
	wasiNotDir   = 54
	wasiReadOnly = 69
)

const (
	openCreate    = 1 << 0
	openDirectory = 1 << 1
	openExclusive = 1 << 2
	openTruncate  = 1 << 3
	appendFlag    = 1 << 0

	typeDirectory = 3
	typeRegular   = 4

	root      = 3 // the descriptor of the one directory that is open from the beginning
	maxOpen   = 256
	maxPath   = 4 << 10
	statSize  = 64
	allRights = 1<<29 - 1
)

const fuelFile = 500 // of a call, and 1 for 8 bytes that are read or written

// wasiFiles are the functions of WASI for files. A guest without files is told
// that no such descriptor is open, which is how a plugin finds it.
func wasiFiles() []hostFunc {
	fs := []hostFunc{
		{name: "fd_close", typ: "(i32) -> (i32)", call: fdClose},
		{name: "fd_fdstat_set_flags", typ: "(i32 i32) -> (i32)", call: ifOpen},
		{name: "fd_filestat_get", typ: "(i32 i32) -> (i32)", call: fdFileStat},
		{name: "fd_filestat_set_size", typ: "(i32 i64) -> (i32)", call: fdSetSize},
		{name: "fd_pread", typ: "(i32 i32 i32 i64 i32) -> (i32)", call: fdPread},
		{name: "fd_prestat_dir_name", typ: "(i32 i32 i32) -> (i32)", call: prestatName},
		{name: "fd_prestat_get", typ: "(i32 i32) -> (i32)", call: prestat},
		{name: "fd_pwrite", typ: "(i32 i32 i32 i64 i32) -> (i32)", call: fdPwrite},
		{name: "fd_seek", typ: "(i32 i64 i32 i32) -> (i32)", call: fdSeek},
		{name: "fd_sync", typ: "(i32) -> (i32)", call: ifOpen},
		{name: "path_create_directory", typ: "(i32 i32 i32) -> (i32)", call: pathMakeDir},
		{name: "path_filestat_get", typ: "(i32 i32 i32 i32 i32) -> (i32)", call: pathStat},
		{name: "path_open", typ: "(i32 i32 i32 i32 i32 i64 i64 i32 i32) -> (i32)", call: pathOpen},
		{name: "path_remove_directory", typ: "(i32 i32 i32) -> (i32)", call: pathRemoveDir},
		{name: "path_unlink_file", typ: "(i32 i32 i32) -> (i32)", call: pathUnlink},
	}
	for i := range fs {
		fs[i].module = wasiModule
	}
	return fs
}

// process is what a command has beside any guest's: arguments, environment,
// streams and files.
type process struct {
	args, env []string
	stdin     []byte
	out       console
	files     *Files
	open      []*handle // by descriptor, from root on; nil where none is
	report    Report
}

// file is the open file or directory fd, nil if there is none.
func (g *guest) file(fd uint64) *handle {
	if g.proc == nil {
		return nil
	}
	if i := int64(uint32(fd)) - root; i >= 0 && i < int64(len(g.proc.open)) {
		return g.proc.open[i]
	}
	return nil
}

func ifOpen(g *guest, st []uint64) {
	if fd := uint32(st[0]); fd <= 2 || g.file(st[0]) != nil {
		st[0] = wasiOK
		return
	}
	st[0] = wasiBadF
}

func fdClose(g *guest, st []uint64) {
	fd := uint32(st[0])
	if g.file(st[0]) == nil {
		st[0] = wasiBadF
		return
	}
	g.proc.open[fd-root] = nil
	st[0] = wasiOK
}

func prestat(g *guest, st []uint64) {
	if uint32(st[0]) != root || g.file(root) == nil {
		st[0] = wasiBadF
		return
	}
	b, ok := g.bytes(st[1], 8)
	if ok {
		binary.LittleEndian.PutUint64(b, 1<<32) // a directory, whose name has one byte
	}
	st[0] = fault(ok)
}

func prestatName(g *guest, st []uint64) {
	if uint32(st[0]) != root || g.file(root) == nil {
		st[0] = wasiBadF
		return
	}
	b, ok := g.bytes(st[1], st[2])
	if ok && len(b) > 0 {
		b[0] = '/'
	}
	st[0] = fault(ok)
}

// path is the path that a guest passes beside a directory's descriptor.
func (g *guest) path(fd, addr, n uint64) (string, uint64) {
	g.fuel.charge(fuelFile)
	h := g.file(fd)
	switch {
	case h == nil:
		return "", wasiBadF
	case !h.dir:
		return "", wasiNotDir
	case uint32(n) > maxPath:
		return "", wasiInval
	}
	b, ok := g.bytes(addr, n)
	if !ok {
		return "", wasiFault
	}
	if h.name == "." {
		return string(b), wasiOK
	}
	return h.name + "/" + string(b), wasiOK
}

func pathOpen(g *guest, st []uint64) {
	name, errno := g.path(st[0], st[2], st[3])
	if errno != wasiOK {
		st[0] = errno
		return
	}
	h, errno := g.proc.files.open(name, uint32(st[4]), st[5]&rightWrite != 0, uint32(st[7])&appendFlag != 0)
	if errno != wasiOK {
		st[0] = errno
		return
	}
	p := g.proc
	fd := 0
	for fd < len(p.open) && p.open[fd] != nil {
		fd++
	}
	switch {
	case fd == maxOpen:
		st[0] = wasiNoSpace
		return
	case fd == len(p.open):
		p.open = append(p.open, h)
	default:
		p.open[fd] = h
	}
	st[0] = fault(g.put32(st[8], uint32(fd+root)))
}

func pathStat(g *guest, st []uint64) {
	name, errno := g.path(st[0], st[2], st[3])
	if errno != wasiOK {
		st[0] = errno
		return
	}
	h, errno := g.proc.files.open(name, 0, false, false)
	if errno != wasiOK {
		st[0] = errno
		return
	}
	st[0] = g.stat(h, st[4])
}

func pathMakeDir(g *guest, st []uint64) {
	name, errno := g.path(st[0], st[1], st[2])
	if errno == wasiOK {
		f := g.proc.files
		if name = cleanName(name); f.isDir(name) || f.own[name] != nil {
			errno = wasiExist
		} else {
			f.dirs[name] = true
			addParents(f.dirs, name)
		}
	}
	st[0] = errno
}

// pathRemoveDir removes no directory, and says what is none.
func pathRemoveDir(g *guest, st []uint64) {
	name, errno := g.path(st[0], st[1], st[2])
	if errno == wasiOK {
		h, found := g.proc.files.open(name, 0, false, false)
		switch {
		case found != wasiOK:
			errno = found
		case h.dir:
			errno = wasiNotSup
		default:
			errno = wasiNotDir
		}
	}
	st[0] = errno
}

func pathUnlink(g *guest, st []uint64) {
	name, errno := g.path(st[0], st[1], st[2])
	if errno == wasiOK {
		f := g.proc.files
		switch own := f.own[cleanName(name)]; {
		case own != nil:
			f.resize(own, 0)
			delete(f.own, cleanName(name))
		case f.tree.files[cleanName(name)] != nil:
			errno = wasiReadOnly
		default:
			errno = wasiNoEntry
		}
	}
	st[0] = errno
}

func fdFileStat(g *guest, st []uint64) {
	h := g.file(st[0])
	if h == nil {
		st[0] = wasiBadF
		return
	}
	st[0] = g.stat(h, st[1])
}

// stat writes what is known of h. Files have no times: they would be another
// run's.
func (g *guest) stat(h *handle, addr uint64) uint64 {
	b, ok := g.bytes(addr, statSize)
	if !ok {
		return wasiFault
	}
	clear(b)
	b[16] = typeRegular
	if h.dir {
		b[16] = typeDirectory
	}
	inode := uint64(1) << 40
	if h.own != nil {
		inode = h.own.inode
	}
	binary.LittleEndian.PutUint64(b[8:], inode)
	binary.LittleEndian.PutUint64(b[24:], 1)
	binary.LittleEndian.PutUint64(b[32:], uint64(len(h.bytes())))
	return wasiOK
}

func fdSetSize(g *guest, st []uint64) {
	h := g.file(st[0])
	switch {
	case h == nil || h.own == nil || !h.write:
		st[0] = wasiBadF
	case !g.proc.files.resize(h.own, int64(st[1])):
		st[0] = wasiNoSpace
	default:
		st[0] = wasiOK
	}
}

func fdSeek(g *guest, st []uint64) {
	h := g.file(st[0])
	if h == nil || h.dir {
		st[0] = wasiBadF
		return
	}
	to := int64(st[1])
	switch uint32(st[2]) {
	case 0:
	case 1:
		to += h.offset
	case 2:
		to += int64(len(h.bytes()))
	default:
		to = -1
	}
	if to < 0 {
		st[0] = wasiInval
		return
	}
	h.offset = to
	st[0] = fault(g.put64(st[3], uint64(to)))
}

func fdPread(g *guest, st []uint64) {
	h := g.file(st[0])
	if h == nil || h.dir {
		st[0] = wasiBadF
		return
	}
	_, st[0] = g.readAt(h, st[1], st[2], int64(st[3]), st[4])
}

func fdPwrite(g *guest, st []uint64) {
	h := g.file(st[0])
	if h == nil || h.own == nil || !h.write {
		st[0] = wasiBadF
		return
	}
	_, st[0] = g.writeAt(h, st[1], st[2], int64(st[3]), st[4])
}

// fileRead is fd_read of a file.
func (g *guest) fileRead(h *handle, st []uint64) {
	if h.dir {
		st[0] = wasiBadF
		return
	}
	n, errno := g.readAt(h, st[1], st[2], h.offset, st[3])
	h.offset += n
	st[0] = errno
}

// fileWrite is fd_write of a file.
func (g *guest) fileWrite(h *handle, st []uint64) {
	if h.own == nil || !h.write {
		st[0] = wasiBadF
		return
	}
	if h.append {
		h.offset = int64(len(h.own.data))
	}
	n, errno := g.writeAt(h, st[1], st[2], h.offset, st[3])
	h.offset += n
	st[0] = errno
}

// vectors calls with for each buffer of a list of count at addr, until it says
// that there is no more; result is where the sum goes.
func (g *guest) vectors(addr, count, result uint64, with func(p []byte) (n int, more bool)) (int64, uint64) {
	count = uint64(uint32(count))
	if count > maxIOVecs {
		return 0, wasiInval
	}
	vecs, ok := g.bytes(addr, count*iovecSize)
	total := int64(0)
	for more := true; ok && more && len(vecs) > 0; vecs = vecs[iovecSize:] {
		at, n := binary.LittleEndian.Uint32(vecs), binary.LittleEndian.Uint32(vecs[4:])
		var p []byte
		if p, ok = g.bytes(uint64(at), uint64(n)); !ok {
			break
		}
		g.fuel.charge(fuelFile + int64(len(p))/8)
		var k int
		k, more = with(p)
		total += int64(k)
	}
	return total, fault(ok && total <= math.MaxUint32 && g.put32(result, uint32(total)))
}

func (g *guest) readAt(h *handle, addr, count uint64, offset int64, result uint64) (int64, uint64) {
	from := h.bytes()
	if offset < 0 {
		return 0, wasiInval
	}
	from = from[min(offset, int64(len(from))):]
	return g.vectors(addr, count, result, func(p []byte) (int, bool) {
		n := copy(p, from)
		from = from[n:]
		return n, len(from) > 0
	})
}

func (g *guest) writeAt(h *handle, addr, count uint64, offset int64, result uint64) (int64, uint64) {
	if offset < 0 {
		return 0, wasiInval
	}
	full := false
	n, errno := g.vectors(addr, count, result, func(p []byte) (int, bool) {
		end := offset + int64(len(p))
		if end > int64(len(h.own.data)) && !g.proc.files.resize(h.own, end) {
			full = true
			return 0, false
		}
		offset += int64(copy(h.own.data[offset:], p))
		return len(p), true
	})
	if full {
		errno = wasiNoSpace
	}
	return n, errno
}
