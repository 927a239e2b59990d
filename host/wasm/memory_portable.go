//go:build !linux || hearth_portable

package wasm

// Where the system neither shares images nor tells which pages were written,
// memory is plain and restored by comparing.

type spaceOS struct{}

// pager has nothing to hold here.
type pager struct{ tracking tracking }

func newPager(t tracking) (*pager, error) {
	if t != trackAuto && t != trackCompare {
		return nil, errPages
	}
	return &pager{tracking: trackCompare}, nil
}

func (p *pager) close() error { return nil }

// top is from where on no page of b was ever touched; nobody knows here.
func (p *pager) top(b []byte, _ int) (top int, ok bool) { return len(b), false }

func (p *pager) newSpace(size int) (*space, error) { return &space{buf: make([]byte, size)}, nil }

// Free implements experimental.LinearMemory.
func (s *space) Free() { s.buf = nil }

// backing is the memory of an image.
type backing struct{ data []byte }

// keep copies what s holds.
func (s *space) keep() (*backing, error) {
	return &backing{data: append([]byte(nil), s.buf[:imageLen(s.buf, len(s.buf))]...)}, nil
}

func (b *backing) close() error { b.data = nil; return nil }

func (s *space) mount(b *backing) error {
	clear(s.buf[copy(s.buf, b.data):])
	s.from = b
	return nil
}

func (s *space) watch() {}

func (s *space) pause(yield func()) { yield() }

func (s *space) aside(f func()) { f() }

func (s *space) unwatch() {}
func (s *space) disturb() {}

func (s *space) restore(bool) (dirty int, err error) { return compare(s.buf, s.from.data), nil }

// reserve is n bytes of zeros.
func reserve(n int, _ bool) ([]byte, error) { return make([]byte, n), nil }

func release([]byte) {}

// discard would make b zeros that take no memory.
func discard([]byte) bool { return false }
