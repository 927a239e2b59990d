//go:build !hearth_portable

package wasm

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pager finds the private pages of this process. It is safe for concurrent use.
type pager struct {
	tracking tracking
	counts   bool     // the system counts each thread's page faults
	file     *os.File // /proc/self/pagemap; nil when comparing
}

// newPager takes the way that is asked for, or the best that is seen to work:
// kernels, containers and emulators differ in what they offer and in what they
// only claim to.
func newPager(t tracking) (*pager, error) {
	ways := []tracking{t}
	if t == trackAuto {
		ways = []tracking{trackScan, trackPagemap, trackCompare}
	}
	var err error
	for _, way := range ways {
		p := &pager{tracking: way}
		if way != trackCompare {
			if p.file, err = os.Open("/proc/self/pagemap"); err != nil {
				continue
			}
		}
		if err = p.probe(); err == nil {
			return p, nil
		}
		_ = p.close()
	}
	return nil, fmt.Errorf("wasm: restore sandboxes by %v: %w", t, err)
}

func (p *pager) close() error {
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}

// probe restores a small sandbox: pages of the image and behind it, written,
// only read, and not touched at all.
func (p *pager) probe() error {
	const pages = 4
	s, err := p.newSpace(2 * pages * wasmPage)
	if err != nil {
		return err
	}
	defer s.Free()
	for i := range pages {
		s.buf[i*wasmPage] = byte(i + 1)
	}
	b, err := s.keep()
	if err != nil {
		return err
	}
	defer b.close()
	if len(b.data) != pages*wasmPage {
		return errPages
	}
	if err := s.mount(b); err != nil {
		return err
	}
	for round := range 3 {
		runtime.LockOSThread()
		before := pageFaults()
		s.buf[round*wasmPage]++
		s.buf[(pages+round)*wasmPage]++
		after := pageFaults()
		runtime.UnlockOSThread()
		if round == 0 { // later ones find pages that are private already
			p.counts = p.tracking != trackCompare && before >= 0 && after >= before+2
		}
		// One page of the image and two behind it are only read.
		sum := s.buf[3*wasmPage] + s.buf[6*wasmPage] + s.buf[7*wasmPage]
		s.buf[wasmPage/2] = sum
		dirty, err := s.restore(false)
		if err != nil {
			return err
		}
		// The image's own pages must not count when they are only read: they would
		// for ever after be copied. Nor do zeros, but where the kernel has no
		// shared page of them, and every page that is read is a new one.
		if p.tracking == trackScan && round == 0 && os.Getpagesize() == chunk && dirty != 3 && dirty != 3+2 {
			return fmt.Errorf("%w: %d pages instead of 3", errPages, dirty)
		}
		if !s.pristine() {
			return errPages
		}
	}
	return nil
}

// findPrivate puts the private pages into regions; false says that they are more
// than most bytes, and regions has those up to there.
func (s *space) findPrivate(most int) (all bool, err error) {
	s.regions, s.private = s.regions[:0], 0
	if s.pager.tracking == trackScan {
		return s.scan(most)
	}
	return s.readMap(most)
}

// touched is from where on no page of s was ever touched, so that all is zero
// there. Reading 64 MiB to find that out would fault in every page of it: a
// quarter of a second on a virtual machine.
func (s *space) touched() int {
	image := 0 // what is not private below is the image's
	if s.from != nil {
		image = len(s.from.data)
	}
	n, _ := s.pager.top(s.buf, image)
	return n
}

// top is from where on no page of b was ever touched, or from if none was behind
// that. If the system does not tell, ok is false, and top is at least as much.
func (p *pager) top(b []byte, from int) (top int, ok bool) {
	if p.file == nil {
		return len(b), false
	}
	page := os.Getpagesize()
	first := int64(uintptr(unsafe.Pointer(&b[0]))) / int64(page) * 8
	entries := make([]byte, 32<<10)
	for end := len(b); end > from; {
		n := min(len(entries)/8, (end-from)/page)
		start := end - n*page
		if got, _ := p.file.ReadAt(entries[:n*8], first+int64(start/page)*8); got < n*8 {
			return end, false // it takes longer then
		}
		for i := n - 1; i >= 0; i-- {
			if binary.NativeEndian.Uint64(entries[i*8:])&(entryPresent|entrySwapped) != 0 {
				return start + (i+1)*page, true
			}
		}
		end = start
	}
	return from, true
}

// region is a run of pages, from start up to end in buf.
type region struct{ start, end int }

// scanArg is struct pm_scan_arg of linux/fs.h.
type scanArg struct {
	size, flags, start, end, walkEnd, vec, vecLen, maxPages uint64
	inverted, mask, anyOf, returned                         uint64
}

// scanRegion is struct page_region.
type scanRegion struct{ start, end, categories uint64 }

const (
	pagemapScan = 0xc0606610 // _IOWR('f', 16, struct pm_scan_arg)

	isFile    = 1 << 2
	isPresent = 1 << 3
	isSwapped = 1 << 4
	isZero    = 1 << 5 // the kernel's one page of zeros: read, never written
)

// scan asks the kernel for the private pages: present or swapped out, and
// neither the image's own nor the zero page.
func (s *space) scan(most int) (all bool, err error) {
	base := uint64(uintptr(unsafe.Pointer(&s.buf[0])))
	found := s.found
	arg := scanArg{
		size: uint64(unsafe.Sizeof(scanArg{})), start: base, end: base + uint64(len(s.buf)),
		vec: uint64(uintptr(unsafe.Pointer(&found[0]))), vecLen: uint64(len(found)),
		inverted: isFile | isZero, mask: isFile | isZero, anyOf: isPresent | isSwapped,
		returned: isPresent,
	}
	for arg.start < arg.end {
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, s.pager.file.Fd(), pagemapScan, uintptr(unsafe.Pointer(&arg)))
		runtime.KeepAlive(found)
		if errno != 0 {
			return false, fmt.Errorf("wasm: scan a sandbox's pages: %w", errno)
		}
		for _, r := range found[:n] {
			if !s.add(int(r.start-base), int(r.end-base), most) {
				return false, nil
			}
		}
		if arg.walkEnd <= arg.start {
			return false, fmt.Errorf("%w: the walk stands still", errPages)
		}
		arg.start = arg.walkEnd
	}
	return true, nil
}

// add notes that buf[o:e], behind all that is known, is private; false if that is
// more than most bytes with all the others.
func (s *space) add(o, e, most int) bool {
	if n := len(s.regions); n > 0 && s.regions[n-1].end == o {
		s.regions[n-1].end = e
	} else {
		s.regions = append(s.regions, region{o, e})
	}
	s.private += e - o
	return s.private <= most
}

const (
	entryPresent = 1 << 63
	entrySwapped = 1 << 62
	entryFile    = 1 << 61 // the image's own
)

// readMap reads the page map, 8 bytes for each page. It cannot tell the zero
// page from a written one, and takes that for one.
func (s *space) readMap(most int) (all bool, err error) {
	page := os.Getpagesize()
	entry := int64(uintptr(unsafe.Pointer(&s.buf[0]))) / int64(page) * 8
	for o := 0; o < len(s.buf); {
		want := min(len(s.entries), (len(s.buf)-o)/page*8)
		n, err := s.pager.file.ReadAt(s.entries[:want], entry+int64(o/page)*8)
		if n < want {
			return false, fmt.Errorf("wasm: read the page map of a sandbox: %w", err)
		}
		for i := 0; i < n; i, o = i+8, o+page {
			e := binary.NativeEndian.Uint64(s.entries[i:])
			if e&(entryPresent|entrySwapped) != 0 && e&entryFile == 0 && !s.add(o, o+page, most) {
				return false, nil
			}
		}
	}
	return true, nil
}
