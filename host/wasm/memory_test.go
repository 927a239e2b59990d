package wasm

import (
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var ways = []tracking{trackScan, trackPagemap, trackCompare}

func testPager(t *testing.T, way tracking) *pager {
	p, err := newPager(way)
	if err != nil {
		t.Skipf("this system cannot restore by %v: %v", way, err)
	}
	t.Cleanup(func() { _ = p.close() })
	return p
}

// Whatever is written between restores, in whatever way the pages are found:
// afterwards the space holds the image.
func TestSpaceRestores(t *testing.T) {
	const size = 36 * wasmPage // more than maxPrivate
	for _, way := range ways {
		t.Run(way.String(), func(t *testing.T) {
			p := testPager(t, way)
			rapid.Check(t, func(t *rapid.T) {
				s, err := p.newSpace(size)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Free()
				image := rapid.IntRange(0, size).Draw(t, "image")
				for o := 0; o < image; o += 1 + image/64 {
					s.buf[o] = byte(o) | 1
				}
				b, err := s.keep()
				if err != nil {
					t.Fatal(err)
				}
				defer b.close()
				want := slices.Clone(s.buf)
				if err := s.mount(b); err != nil {
					t.Fatal(err)
				}
				for range rapid.IntRange(1, 6).Draw(t, "steps") {
					switch rapid.SampledFrom([]string{"call", "call", "call", "flood", "remount", "keep"}).Draw(t, "step") {
					case "call":
						if rapid.Bool().Draw(t, "watched") {
							s.watch()
						}
						for range rapid.IntRange(0, 10).Draw(t, "writes") {
							o := rapid.IntRange(0, size-1).Draw(t, "offset")
							n := rapid.SampledFrom([]int{1, 8, 5000, 100_000}).Draw(t, "length")
							for i := range s.buf[o:min(o+n, size)] {
								s.buf[o+i]++
							}
						}
						s.aside(func() { clear(make([]byte, 300_000)) })
						for range rapid.SampledFrom([]int{0, 1, 2, 30}).Draw(t, "pauses") {
							s.pause(runtime.Gosched)
							s.buf[rapid.IntRange(0, size-1).Draw(t, "offset")]++
						}
						_, err = s.restore(rapid.Bool().Draw(t, "long"))
					case "flood":
						s.watch()
						for o := 0; o < size; o += chunk {
							s.buf[o] ^= 0xff
						}
						_, err = s.restore(rapid.Bool().Draw(t, "long"))
					case "remount":
						s.buf[rapid.IntRange(0, size-1).Draw(t, "offset")]++
						err = s.mount(b)
					case "keep": // what is written over the image becomes the image, and it may be shorter
						s.disturb()
						o := rapid.IntRange(0, size-1).Draw(t, "offset")
						if rapid.Bool().Draw(t, "clear") {
							clear(s.buf[o:])
						} else {
							s.buf[o]++
						}
						want = slices.Clone(s.buf)
						var next *backing
						if next, err = s.keep(); err == nil {
							err = s.mount(next)
							defer next.close()
							b = next
						}
					}
					if err != nil {
						t.Fatal(err)
					}
					if !s.pristine() {
						t.Fatal("the space does not hold its image")
					}
				}
				if !slices.Equal(s.buf, want) {
					t.Fatal("the space does not hold what it held before")
				}
			})
		})
	}
}

// The automatic choice is one that works, and tells its name.
func TestPagerAuto(t *testing.T) {
	p := testPager(t, trackAuto)
	t.Logf("sandboxes are restored by %v", p.tracking)
	if p.tracking == trackAuto {
		t.Error("nothing was chosen")
	}
}

func TestImageLen(t *testing.T) {
	mem := make([]byte, 4*wasmPage)
	for _, tt := range []struct{ last, want int }{
		{-1, wasmPage}, {0, wasmPage}, {wasmPage - 1, wasmPage}, {wasmPage, 2 * wasmPage}, {4*wasmPage - 1, 4 * wasmPage},
	} {
		clear(mem)
		if tt.last >= 0 {
			mem[tt.last] = 1
		}
		if got := imageLen(mem, len(mem)); got != tt.want {
			t.Errorf("last byte at %d: %d, want %d", tt.last, got, tt.want)
		}
		touched := (tt.last + chunk) &^ (chunk - 1)
		if got := imageLen(mem, touched); got != tt.want {
			t.Errorf("last byte at %d, nothing touched from %d on: %d, want %d", tt.last, touched, got, tt.want)
		}
	}
}
