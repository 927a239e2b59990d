package meter

import (
	"fmt"
	"math"
)

const (
	sectionMemory    = 5
	sectionCode      = 10
	sectionData      = 11
	sectionDataCount = 12
)

// Shell is a metered module without its code: every function traps at once, and
// all else says what it says in module. Whoever has the machine code of a module
// needs no more of it than that, and has not to read, check and keep the rest.
//
// Go's linker begins a new data segment after eight zeros, which makes 50,000 and
// more of them; here those that are near each other are one.
func Shell(module []byte) ([]byte, error) {
	r := reader{b: module, p: min(len(magic), len(module)), end: len(module), section: "module", fn: -1}
	out := append(make([]byte, 0, len(module)/2), module[:r.p]...)
	own, counted := false, false
	for r.more() {
		at := r.p
		id := r.byte()
		outer := r.enter(r.u32())
		body, changed := []byte(nil), false
		switch id {
		case sectionMemory:
			own = true
		case sectionDataCount:
			counted = true // code may name a segment by its number
		case sectionCode:
			body, changed = trapping(r.count(1)), true
		case sectionData:
			if own && !counted {
				body, changed = joined(r) // a copy: it is read again below
			}
		}
		if changed {
			out = append(appendU(append(out, id), uint32(len(body))), body...)
		} else {
			out = append(out, module[at:r.end]...)
		}
		r.p = r.end
		r.leave(outer)
	}
	if r.err != nil {
		return nil, fmt.Errorf("meter: take the code out of a module: %w", r.err)
	}
	return out, nil
}

// trapping is a code section of n functions that trap.
func trapping(n uint32) []byte {
	body := appendU(nil, n)
	for range n {
		body = append(body, 3, 0, opUnreachable, opEnd) // its length, no locals
	}
	return body
}

// maxGap is how many zeros are written to save a segment, of which wazero makes
// some hundred bytes.
const maxGap = 64

// maxBack is how often segments may begin before the one in front of them. Each
// time all are looked at; Go's do so once.
const maxBack = 16

// joined is a data section that leaves the same memory as the one that r is at,
// if that was zeros. It says no where a segment is not written at the start, to a
// constant place.
func joined(r reader) (section []byte, ok bool) {
	type run struct{ from, to int64 }
	var runs []run // what is written, in the order of the new segments
	var data []byte
	var all []byte
	flush := func() {
		if len(runs) == 0 {
			return
		}
		all = appendS(append(all, 0, opI32Const), int64(int32(runs[len(runs)-1].from)))
		all = append(appendU(append(all, opEnd), uint32(len(data))), data...)
		data = data[:0]
	}
	// From where the last run ends up to free nothing was written.
	top, free, backs := int64(0), int64(math.MaxInt64), 0
	for range r.upto(r.count(2)) {
		if r.u32() != 0 || r.byte() != opI32Const {
			return nil, false
		}
		from := int64(uint32(r.signed(32)))
		if r.byte() != opEnd {
			return nil, false
		}
		part := r.take(r.u32())
		to := from + int64(len(part))
		if n := len(runs); n > 0 {
			last := &runs[n-1]
			if gap := from - last.to; gap >= 0 && gap <= maxGap && from <= free {
				data = append(append(data, make([]byte, gap)...), part...)
				last.to = to
				top = max(top, to)
				continue
			}
		}
		flush()
		switch {
		case from >= top:
			free = math.MaxInt64
		case backs == maxBack:
			free = -1 // nothing is joined to it
		default:
			backs++
			free = math.MaxInt64
			for _, w := range runs {
				if w.to > from {
					free = min(free, w.from)
				}
			}
		}
		runs = append(runs, run{from, to})
		data = append(data, part...)
		top = max(top, to)
	}
	flush()
	if r.err != nil {
		return nil, false
	}
	return append(appendU(nil, uint32(len(runs))), all...), true
}
