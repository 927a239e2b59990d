package wasm

import (
	"bytes"
	"errors"
)

// chunk is how much is compared and copied at a time where the system does not
// tell which pages were written.
const chunk = 4 << 10

// longCall is how many units of fuel, some 3 ms, make a call a long one: so long
// that it does not matter how many pages are copied back after it.
const longCall = 16 << 20

var zeros [chunk]byte

// errPages says that the system's answer about written pages cannot be used.
var errPages = errors.New("wasm: the system does not tell which pages were written")

// tracking is how a sandbox finds the pages that a call has written.
type tracking int

const (
	trackAuto    tracking = iota // the first of those below that works here
	trackScan                    // ioctl PAGEMAP_SCAN: Linux 6.7 and later
	trackPagemap                 // reading /proc/self/pagemap: Linux
	trackCompare                 // comparing with the image: everywhere
)

func (t tracking) String() string {
	return [...]string{"auto", "scan", "pagemap", "compare"}[t]
}

// space is the linear memory of one sandbox: as long from the beginning as it
// may ever be, always at the same address. It is what wazero's memory allocator
// returns. Used by one goroutine at a time.
type space struct {
	buf  []byte
	from *backing // what restore goes back to
	spaceOS
}

// Reallocate implements experimental.LinearMemory. The meter fixed the memory's
// size, so it is called once.
func (s *space) Reallocate(size uint64) []byte {
	if size > uint64(len(s.buf)) {
		return nil
	}
	return s.buf[:size:size]
}

// imageLen is how much of mem an image has to keep: what follows is zero, as all
// from touched on is known to be. Whole WebAssembly pages, which every system's
// pages divide.
func imageLen(mem []byte, touched int) int {
	n := max(touched, chunk)
	for n > chunk && bytes.Equal(mem[n-chunk:n], zeros[:]) {
		n -= chunk
	}
	return min((n+wasmPage-1)&^(wasmPage-1), len(mem))
}

const wasmPage = 64 << 10

// compare copies the image over every chunk of buf that differs from it and
// clears what lies behind it.
func compare(buf, image []byte) (dirty int) {
	for o := 0; o < len(buf); o += chunk {
		want := zeros[:]
		if o < len(image) {
			want = image[o : o+chunk]
		}
		if have := buf[o : o+chunk]; !bytes.Equal(have, want) {
			copy(have, want)
			dirty++
		}
	}
	return dirty
}

// pristine says whether s holds exactly its image; tests ask.
func (s *space) pristine() bool {
	s.disturb()
	image := s.from.data
	for o := 0; o < len(s.buf); o += chunk {
		want := zeros[:]
		if o < len(image) {
			want = image[o : o+chunk]
		}
		if !bytes.Equal(s.buf[o:o+chunk], want) {
			return false
		}
	}
	return true
}
