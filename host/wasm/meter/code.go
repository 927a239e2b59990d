package meter

import "time"

func (w *rewriter) codeSection(present bool) {
	r := &w.r
	at := r.p
	n := w.count(present, 3, w.opt.MaxFunctions, 1)
	if int(n) != len(w.funcs)-int(w.imported) {
		r.fail(ErrMalformed, at, "%d bodies for %d functions", n, len(w.funcs)-int(w.imported))
		return
	}
	w.findLeaves(n)
	var body []byte
	for i := range r.upto(n) {
		r.fn = int(w.imported + i)
		at := r.p
		size := r.u32()
		if size > maxBody {
			r.fail(ErrTooLarge, at, "function of %d bytes, at most %d allowed", size, maxBody)
		}
		outer := r.enter(size)
		body = w.function(i, body[:0])
		r.leave(outer)
		w.sec = appendU(w.sec, uint32(len(body)))
		w.sec = append(w.sec, body...)
		if len(w.out)+len(w.sec) > w.opt.MaxSize {
			r.fail(ErrTooLarge, at, "metered module exceeds %d bytes", w.opt.MaxSize)
		}
	}
	r.fn = -1
	body = w.bulkFunction(body[:0])
	w.sec = appendU(w.sec, uint32(len(body)))
	w.sec = append(w.sec, body...)
}

// findLeaves looks at the beginning of every body, because a caller may come
// before its callee.
func (w *rewriter) findLeaves(n uint32) {
	r := &w.r
	from := r.p
	w.leaf = make([]uint8, n)
	for i := range r.upto(n) {
		r.fn = int(w.imported + i)
		outer := r.enter(r.u32())
		if w.leaf[i] = w.leafCost(); w.leaf[i] > 0 {
			w.res.Stats.Leaves++
		}
		r.p = r.end
		r.leave(outer)
	}
	r.fn = -1
	if r.err == nil {
		r.p = from
	}
}

// function appends the metered form of the body at the reader, which belongs
// to the i-th function the guest defines.
func (w *rewriter) function(i uint32, o []byte) []byte {
	r, c := &w.r, &w.code
	from := r.p
	t := &w.types[w.funcs[w.imported+i]]
	locals := w.localDecls() + int64(len(t.params))
	code := r.p
	w.scan(int32(len(t.results)))
	w.weigh(from, locals)
	if r.err != nil {
		return o
	}
	e := emitter{w, append(o, r.b[from:code]...)}
	if w.leaf[i] == 0 {
		e.charge(c.pos)
		e.check(-1, 0)
	}
	from = code
	for k := range c.edits {
		x := &c.edits[k]
		e.o = append(e.o, r.b[from:x.at]...)
		from = int(x.at)
		switch x.kind {
		case editFunc:
			for r.b[from] >= 0x80 {
				from++
			}
			from++
			e.o = appendU(e.o, x.arg)
		case editHeader:
			l := &c.loops[x.arg]
			e.charge(l.cost + 1)
			if l.rebr {
				e.check(0, l.cost+1)
			} else {
				e.check(-1, 0)
			}
		case editCharge:
			e.charge(int64(x.arg))
			e.check(int(x.label), 0)
		case editBulk:
			e.o = append(e.o, opCall)
			e.o = appendU(e.o, w.bulk)
		}
	}
	return append(e.o, r.b[from:r.end]...)
}

// weigh bounds what the function just scanned will cost the engine.
func (w *rewriter) weigh(at int, locals int64) {
	r, c := &w.r, &w.code
	if w.locals += locals; w.locals > sumLocals {
		r.fail(ErrTooLarge, at, "more than %d locals in all functions", sumLocals)
	}
	w.values += c.values
	if c.values > maxBody || w.values > int64(w.opt.MaxSize) {
		r.fail(ErrTooLarge, at, "too many values returned by calls and carried by branches")
	}
	locals = min(locals, c.accesses)
	w.compile += time.Duration(c.blocks*(nsBlocks*c.blocks+locals*locals) + nsNesting*c.nesting*locals*locals)
	if w.compile > w.opt.MaxCompile {
		r.fail(ErrTooLarge, at, "too many branches, locals or nested loops: compiling would take %v and more, at most %v allowed",
			w.compile.Round(time.Millisecond), w.opt.MaxCompile)
	}
}

// emitter appends instructions.
type emitter struct {
	w *rewriter
	o []byte
}

func (e *emitter) fuel(op byte) { e.o = appendU(append(e.o, op), e.w.fuel) }

// charge takes cost units of fuel.
func (e *emitter) charge(cost int64) {
	e.fuel(opGlobalGet)
	e.o = append(e.o, opI64Const)
	e.o = appendS(e.o, cost)
	e.o = append(e.o, opI64Sub)
	e.fuel(opGlobalSet)
}

// check calls refuel when fuel is below zero. With a label, the branch that
// follows (or, in a loop header, the one back to it, which charges again what
// is refunded here) is taken from there: wazero would spill every live value
// where the rare path joined the hot one.
func (e *emitter) check(label int, refund int64) {
	e.w.res.Stats.Checks++
	e.fuel(opGlobalGet)
	e.o = append(e.o, opI64Const, 0, opI64LtS, opIf, typeEmpty, opCall)
	e.o = appendU(e.o, e.w.refuel)
	if refund != 0 {
		e.charge(-refund)
	}
	if label >= 0 {
		e.o = append(e.o, opBr)
		e.o = appendU(e.o, uint32(label)+1)
	}
	e.o = append(e.o, opEnd)
}

// bulkFunction appends the function that every bulk operation passes its
// length through: func(n i32) i32 charges for a long one and returns n.
func (w *rewriter) bulkFunction(o []byte) []byte {
	e := emitter{w, append(o, 0, opLocalGet, 0, opI32Const)}
	e.o = appendS(e.o, bulkSmall)
	e.o = append(e.o, opI32GtU, opIf, typeEmpty)
	e.fuel(opGlobalGet)
	e.o = append(e.o, opLocalGet, 0, opI64ExtendU, opI64Const, bulkShift, opI64ShrU, opI64Sub)
	e.fuel(opGlobalSet)
	e.check(-1, 0)
	e.o = append(e.o, opEnd, opLocalGet, 0, opEnd)
	return e.o
}
