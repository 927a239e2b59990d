package meter

import "fmt"

const sectionCode = 10

// Shell is a metered module without its code: every function traps at once, and
// all else is as it is in module. Whoever has the machine code of a module needs
// no more of it than that, and has not to read, check and keep the rest.
func Shell(module []byte) ([]byte, error) {
	r := reader{b: module, p: min(len(magic), len(module)), end: len(module), section: "module", fn: -1}
	out := append(make([]byte, 0, len(module)/2), module[:r.p]...)
	for r.more() {
		at := r.p
		id := r.byte()
		outer := r.enter(r.u32())
		if id == sectionCode {
			n := r.count(1)
			out = append(out, sectionCode)
			body := appendU(nil, n)
			for range n {
				body = append(body, 3, 0, opUnreachable, opEnd) // its length, no locals
			}
			out = append(appendU(out, uint32(len(body))), body...)
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
