//go:build !hearth_portable

package wasm

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
	"unsafe"
)

// holds is pristine for those pages that the system says are in memory: all others
// are the image's own, or zeros behind it. To look at them too would fault in 64 MiB,
// a quarter of a second on a virtual machine, and leave more private pages than are
// ever copied back: the restores that follow would all be of the one kind.
func (s *space) holds(tb testing.TB) bool {
	tb.Helper()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return s.pristine()
	}
	defer f.Close()
	page := os.Getpagesize()
	entries := make([]byte, len(s.buf)/page*8)
	if _, err := f.ReadAt(entries, int64(uintptr(unsafe.Pointer(&s.buf[0])))/int64(page)*8); err != nil {
		tb.Fatal(err)
	}
	image, zero := s.from.data, make([]byte, page)
	for o := 0; o < len(s.buf); o += page {
		if binary.NativeEndian.Uint64(entries[o/page*8:])&(entryPresent|entrySwapped) == 0 {
			continue
		}
		want := zero
		if o < len(image) {
			want = image[o : o+page]
		}
		if !bytes.Equal(s.buf[o:o+page], want) {
			return false
		}
	}
	return true
}

// What a long call has left private stays so for the next, and goes after a short
// one; what is more than maxHeld goes at once.
func TestHeldPages(t *testing.T) {
	const size = 2 * maxHeld
	for _, way := range ways[:2] {
		t.Run(way.String(), func(t *testing.T) {
			p := testPager(t, way)
			s, err := p.newSpace(size)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Free()
			for o := 0; o < size; o += wasmPage {
				s.buf[o] = 1
			}
			b, err := s.keep()
			if err != nil {
				t.Fatal(err)
			}
			defer b.close()
			if err := s.mount(b); err != nil {
				t.Fatal(err)
			}
			call := func(write int, long bool) int {
				s.watch()
				for o := 0; o < write; o += chunk {
					s.buf[o] ^= 0xff
				}
				if _, err := s.restore(long); err != nil {
					t.Fatal(err)
				}
				kept := s.private
				if !s.pristine() {
					t.Fatal("the space does not hold its image")
				}
				return kept
			}
			for _, tt := range []struct {
				write int
				long  bool
				want  int
			}{
				{maxPrivate / 2, false, maxPrivate / 2},
				{2 * maxPrivate, true, 2 * maxPrivate},
				{chunk, true, 2 * maxPrivate},
				{chunk, false, 0},
				{2 * maxPrivate, false, 0},
				{maxHeld + chunk, true, 0},
			} {
				if got := call(tt.write, tt.long); got != tt.want {
					t.Errorf("%d bytes written, long %v: %d are kept, want %d", tt.write, tt.long, got, tt.want)
				}
			}
		})
	}
}
