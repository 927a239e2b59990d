//go:build wasip1

package sdk

import "runtime/debug"

// memoryLimit is where garbage is worth collecting after all: well below the
// 64 MiB that a plugin has by default.
const memoryLimit = 48 << 20

// There is no collection in a plugin: an event's memory is gone when it ends,
// and a collection that began while the image was made would be half done in
// every event, each allocation helping with it.
var _ = debug.SetMemoryLimit(memoryLimit) + int64(debug.SetGCPercent(-1))

// stock allocates an object of every small size, with and without pointers in
// it. The allocator takes memory for a size when it is first asked for it, at a
// hundred times the price of an object; done while the image is made, no event
// pays it.
func stock() {
	for size := 8; size <= 2<<10; size += max(8, size/8&^7) {
		stocked = append(stocked[:0], make([]byte, size), make([]*byte, size/8))
	}
}

// stocked has the compiler put objects on the heap.
var stocked []any
