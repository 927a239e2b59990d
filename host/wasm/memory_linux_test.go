//go:build !hearth_portable

package wasm

import "testing"

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
