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
	b, err := newBacking(s.buf)
	if err != nil {
		return err
	}
	defer b.close()
	if err := s.mount(b); err != nil {
		return err
	}
	for round := range 3 {
		sum := s.buf[wasmPage] + s.buf[5*wasmPage]
		s.buf[0], s.buf[6*wasmPage] = 0xff, sum+0xff
		dirty, err := s.restore()
		if err != nil {
			return err
		}
		if !s.pristine() {
			return errPages
		}
		// What was only read must not count: it would for ever after be copied.
		if p.tracking == trackScan && dirty != 2 {
			return fmt.Errorf("%w: %d pages instead of 2 in round %d", errPages, dirty, round)
		}
	}
	return nil
}

// scanArg is struct pm_scan_arg of linux/fs.h.
type scanArg struct {
	size, flags, start, end, walkEnd, vec, vecLen, maxPages uint64
	inverted, mask, anyOf, returned                         uint64
}

// region is struct page_region.
type region struct{ start, end, categories uint64 }

const (
	pagemapScan = 0xc0606610 // _IOWR('f', 16, struct pm_scan_arg)

	isFile    = 1 << 2
	isPresent = 1 << 3
	isSwapped = 1 << 4
	isZero    = 1 << 5 // the kernel's one page of zeros: read, never written
)

// restoreScan asks the kernel for the regions of private pages: present or
// swapped out, and neither the image's own nor the zero page.
func (s *space) restoreScan() (dirty int, err error) {
	base := uint64(uintptr(unsafe.Pointer(&s.buf[0])))
	arg := scanArg{
		size: uint64(unsafe.Sizeof(scanArg{})), start: base, end: base + uint64(len(s.buf)),
		vec: uint64(uintptr(unsafe.Pointer(&s.regions[0]))), vecLen: uint64(len(s.regions)),
		inverted: isFile | isZero, mask: isFile | isZero, anyOf: isPresent | isSwapped,
		returned: isPresent,
	}
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, s.pager.file.Fd(), pagemapScan, uintptr(unsafe.Pointer(&arg)))
	runtime.KeepAlive(s.regions)
	if errno != 0 {
		return 0, fmt.Errorf("wasm: scan a sandbox's pages: %w", errno)
	}
	bytes := uint64(0)
	for _, r := range s.regions[:n] {
		bytes += r.end - r.start
	}
	dirty = int(bytes) / os.Getpagesize()
	if bytes > maxPrivate || arg.walkEnd != arg.end {
		return dirty, s.drop(0)
	}
	for _, r := range s.regions[:n] {
		s.reset(int(r.start-base), int(r.end-base))
	}
	return dirty, nil
}

const (
	entryPresent = 1 << 63
	entrySwapped = 1 << 62
	entryFile    = 1 << 61 // the image's own
)

// restorePagemap reads the page map, 8 bytes for each page. It cannot tell the
// zero page from a written one, which costs a comparison.
func (s *space) restorePagemap() (dirty int, err error) {
	page := os.Getpagesize()
	entry := int64(uintptr(unsafe.Pointer(&s.buf[0]))) / int64(page) * 8
	private := 0
	for o := 0; o < len(s.buf); {
		want := min(len(s.entries), (len(s.buf)-o)/page*8)
		n, err := s.pager.file.ReadAt(s.entries[:want], entry+int64(o/page)*8)
		if n < want {
			return 0, fmt.Errorf("wasm: read the page map of a sandbox: %w", err)
		}
		for i := 0; i < n; i, o = i+8, o+page {
			e := binary.NativeEndian.Uint64(s.entries[i:])
			if e&(entryPresent|entrySwapped) == 0 || e&entryFile != 0 {
				continue
			}
			private += page
			image := s.from.data
			dirty += compare(s.buf[o:o+page], image[min(o, len(image)):min(o+page, len(image))])
		}
	}
	if private > maxPrivate {
		return dirty, s.drop(0)
	}
	return dirty, nil
}
