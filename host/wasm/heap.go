package wasm

import "sync"

// heap is the linear memory of one run of a command: it grows from nothing, at
// one address, and holds only zeros when it is taken.
type heap struct {
	space space // what host functions see of it: as much as the guest has
	all   []byte
	most  int // how far the guest has grown it
}

// Reallocate implements experimental.LinearMemory.
func (h *heap) Reallocate(size uint64) []byte {
	if size > uint64(len(h.all)) {
		return nil
	}
	h.most = max(h.most, int(size))
	h.space.buf = h.all[:size:size]
	return h.space.buf
}

// Free implements experimental.LinearMemory; heaps.put does what is to be done.
func (h *heap) Free() {}

// maxKept is how much memory a heap keeps for the next run. Clearing is ten
// times as fast as having the system find new pages, but idle memory is lost to
// everybody else.
const maxKept = 192 << 20

// heaps keeps the memory of runs that have ended for those to come. It is safe
// for concurrent use.
type heaps struct {
	size int64
	huge bool

	mu     sync.Mutex
	idle   []*heap
	closed bool
}

func newHeaps(size int64, huge bool) *heaps { return &heaps{size: size, huge: huge} }

func (p *heaps) take() (*heap, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		h := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return h, nil
	}
	p.mu.Unlock()
	all, err := reserve(int(p.size), p.huge)
	if err != nil {
		return nil, err
	}
	return &heap{all: all}, nil
}

func (p *heaps) put(h *heap) {
	keep := h.most <= maxKept
	if keep {
		clear(h.all[:h.most])
	}
	h.most, h.space.buf = 0, nil
	p.mu.Lock()
	keep = keep && !p.closed
	if keep {
		p.idle = append(p.idle, h)
	}
	p.mu.Unlock()
	if !keep {
		release(h.all)
	}
}

// drop gives the memory of a run back to the system.
func (p *heaps) drop(h *heap) { release(h.all) }

func (p *heaps) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, h := range idle {
		release(h.all)
	}
}
