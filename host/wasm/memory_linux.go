//go:build !hearth_portable

package wasm

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// On Linux the image lies in a memfd that every sandbox maps privately:
//
//	            0            len(image)                 len(buf)
//	memfd       ├── image ───────┤
//	            ▲ MAP_PRIVATE    │
//	sandbox 1   ├──■■──────■─────┼──■─────────────────────┤   ■ written: private pages
//	sandbox 2   ├──■───■■────────┼────────────────────────┤
//	                             └ anonymous: zero until written
//
// A page that was once written stays private, so the next event that writes it
// pays no page fault: restoring copies the image over it in place. Only when a
// call has left too many of them are they all given back to the system. After a
// long call they may be many more, as another like it often follows: where none
// does, they go after the next.
//
// No page becomes private without a page fault. So where the thread's count of
// page faults has not moved during a call, the private pages are those of last
// time, and the system need not be asked: that takes longer than all the rest.
// Some kernels have no shared page of zeros: there a page becomes private when it
// is first read, so whoever reads outside a call says so (disturb).

// Bounds of the private pages that a sandbox may keep.
const (
	// maxPrivate bytes are kept after any call: copying them takes about as long as
	// the page faults of an ordinary event,
	maxPrivate = 2 << 20

	// maxHeld after a long one, until the next call has ended: copying them takes
	// less time than a long call does.
	maxHeld = 16 << 20
)

// scanRoom is how many runs of private pages the system is asked for at a time.
const scanRoom = maxPrivate / chunk

// maxPauses is how often in a call the system's count of page faults is looked at
// beside its beginning and end: a call that is stopped more often takes so long
// that finding its pages does not matter.
const maxPauses = 24

// spaceOS is Linux's part of a space.
type spaceOS struct {
	pager   *pager
	regions []region     // those that are private, and no others if faults says so
	private int          // bytes in them
	found   []scanRegion // scratch of the scan
	entries []byte       // scratch of reading the page map
	faults  int64        // of this thread, when watch was called
	pauses  int          // since watch
	watched bool         // the goroutine is locked to its thread, and only it has written
	stale   bool         // somebody touched pages that nobody counted faults of
	wary    int          // calls for which the host's own faults are counted apart
}

// maxWary is for how many calls page faults of the host's own are counted apart
// after some were: to count takes a microsecond each time, which an ordinary event
// has not to spare.
const maxWary = 64

// watch begins a call: nothing but the calling goroutine writes to s until
// restore or unwatch.
func (s *space) watch() {
	if !s.pager.counts {
		return
	}
	runtime.LockOSThread()
	s.watched, s.pauses, s.wary, s.faults = true, 0, max(0, s.wary-1), pageFaults()
}

// pause has yield run, which gives others their turn: a locked thread would make
// that dear. It touches nothing of s.
func (s *space) pause(yield func()) {
	if s.pauses++; s.watched && (s.pauses > maxPauses || pageFaults() != s.faults) {
		s.unwatch() // restore asks the system
	}
	if !s.watched {
		yield()
		return
	}
	runtime.UnlockOSThread()
	yield()
	runtime.LockOSThread()
	s.faults = pageFaults()
}

// aside has f run, which touches nothing of s: its page faults are the host's own,
// such as those of memory that it has not used before. They are told from others
// where calls have had some.
func (s *space) aside(f func()) {
	if !s.watched || s.wary == 0 {
		f()
		return
	}
	before := pageFaults()
	f()
	if n := pageFaults() - before; n != 0 {
		s.faults, s.wary = s.faults+n, maxWary
	}
}

// unwatch gives the thread free; restore will ask the system.
func (s *space) unwatch() {
	if s.watched {
		runtime.UnlockOSThread()
		s.watched = false
	}
}

// disturb says that pages are touched outside a call: the next restore asks the
// system.
func (s *space) disturb() { s.stale = true }

// unchanged says whether no page has become private since the last restore.
func (s *space) unchanged() bool {
	same := s.watched && !s.stale && pageFaults() == s.faults
	s.unwatch()
	s.stale = false
	return same
}

// pageFaults counts those of this thread, -1 if nobody knows.
func pageFaults() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) != nil {
		return -1
	}
	return int64(u.Minflt) + int64(u.Majflt)
}

func (p *pager) newSpace(size int) (*space, error) {
	buf, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("wasm: map %d bytes for a sandbox: %w", size, err)
	}
	// A huge page would be copied as one: half a megabyte times four for a byte.
	_ = unix.Madvise(buf, unix.MADV_NOHUGEPAGE)
	s := &space{buf: buf, spaceOS: spaceOS{pager: p}}
	switch p.tracking {
	case trackScan:
		s.found = make([]scanRegion, scanRoom)
	case trackPagemap:
		s.entries = make([]byte, 32<<10)
	}
	return s, nil
}

// Free implements experimental.LinearMemory. It may be called twice.
func (s *space) Free() {
	s.unwatch()
	if s.buf != nil {
		_ = unix.Munmap(s.buf)
		s.buf, s.from = nil, nil
	}
}

// backing is the memory of an image: fd is a sealed memfd, data a read-only
// mapping of it.
type backing struct {
	fd   int
	data []byte
}

// keep copies what s holds.
func (s *space) keep() (_ *backing, err error) {
	mem := s.buf
	n := imageLen(mem, s.touched())
	fd, err := unix.MemfdCreate("hearth-image", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("wasm: create a memory file for an image: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if err := unix.Ftruncate(fd, int64(n)); err != nil {
		return nil, fmt.Errorf("wasm: size an image to %d bytes: %w", n, err)
	}
	for o := 0; o < n; {
		k, err := unix.Pwrite(fd, mem[o:n], int64(o))
		if err != nil {
			return nil, fmt.Errorf("wasm: write an image: %w", err)
		}
		o += k
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fmt.Errorf("wasm: seal an image: %w", err)
	}
	data, err := unix.Mmap(fd, 0, n, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("wasm: map an image: %w", err)
	}
	return &backing{fd: fd, data: data}, nil
}

func (b *backing) close() error {
	err := unix.Munmap(b.data)
	if e := unix.Close(b.fd); err == nil {
		err = e
	}
	b.data = nil
	return err
}

// mount makes b what s holds and goes back to.
func (s *space) mount(b *backing) error {
	_, err := unix.MmapPtr(b.fd, 0, unsafe.Pointer(&s.buf[0]), uintptr(len(b.data)),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("wasm: map an image into a sandbox: %w", err)
	}
	_ = unix.Madvise(s.buf[:len(b.data)], unix.MADV_NOHUGEPAGE)
	if s.from != nil && len(s.from.data) > len(b.data) { // behind a shorter image the longer one would show
		behind := s.buf[len(b.data):len(s.from.data)]
		_, err := unix.MmapPtr(-1, 0, unsafe.Pointer(&behind[0]), uintptr(len(behind)),
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_FIXED|unix.MAP_NORESERVE)
		if err != nil {
			return fmt.Errorf("wasm: map zeros behind an image: %w", err)
		}
		_ = unix.Madvise(behind, unix.MADV_NOHUGEPAGE)
	}
	s.from, s.regions, s.private, s.stale = b, s.regions[:0], 0, false
	return s.drop(len(b.data))
}

// drop gives the private pages from o on back to the system: what is then read
// there is the image again, or zeros behind it.
func (s *space) drop(o int) error {
	if o == len(s.buf) {
		return nil
	}
	if err := unix.Madvise(s.buf[o:], unix.MADV_DONTNEED); err != nil {
		return fmt.Errorf("wasm: drop a sandbox's pages: %w", err)
	}
	return nil
}

// restore goes back to the image after a call; long says that it ran so long that
// it does not matter how many pages are copied. dirty counts the pages that restore
// had to look after.
func (s *space) restore(long bool) (dirty int, err error) {
	unchanged := s.unchanged()
	if s.pager.tracking == trackCompare {
		n := len(s.from.data)
		return compare(s.buf[:n], s.from.data), s.drop(n)
	}
	most := maxPrivate
	if long {
		most = maxHeld
	}
	all := true
	if !unchanged {
		runs, private := len(s.regions), s.private
		all, err = s.findPrivate(most)
		if all && runs == len(s.regions) && private == s.private {
			s.wary = maxWary // the faults may have been the host's
		}
	}
	dirty = s.private / os.Getpagesize()
	if err != nil || !all || s.private > most {
		s.regions, s.private = s.regions[:0], 0
		return dirty, errors.Join(err, s.drop(0))
	}
	for _, r := range s.regions {
		s.reset(r.start, r.end)
	}
	return dirty, nil
}

// reset copies the image over buf[o:e], which is private.
func (s *space) reset(o, e int) {
	if image := s.from.data; o < len(image) {
		o += copy(s.buf[o:e], image[o:])
	}
	clear(s.buf[o:e])
}

// reserve is n bytes of zeros that take memory only where they are touched.
func reserve(n int, huge bool) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("wasm: map %d bytes for a command: %w", n, err)
	}
	if huge {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	}
	return b, nil
}

func release(b []byte) { _ = unix.Munmap(b) }

// discard makes b, whole pages, zeros again that take no memory; false if the
// system does not do that.
func discard(b []byte) bool { return unix.Madvise(b, unix.MADV_DONTNEED) == nil }
