package meter

func (w *rewriter) dataCountSection(bool) {
	w.sec = appendU(w.sec, w.r.u32())
}

func (w *rewriter) dataSection(present bool) {
	r := &w.r
	n := w.count(present, 2, maxSegments, 0)
	for range r.upto(n) {
		from := r.p
		f := r.u32()
		if f > 2 {
			r.fail(ErrMalformed, from, "data segment of form %d", f)
		}
		if f == 2 {
			r.u32() // memory
		}
		w.copyFrom(from)
		if f != 1 {
			w.expr()
		}
		from = r.p
		r.take(r.u32())
		w.copyFrom(from)
	}
}

func (w *rewriter) elementSection(present bool) {
	r := &w.r
	n := w.count(present, 2, maxSegments, 0)
	for range r.upto(n) {
		from := r.p
		f := r.u32()
		if f > 7 {
			r.fail(ErrMalformed, from, "element segment of form %d", f)
		}
		if f&1 == 0 {
			if f&2 != 0 {
				r.u32() // table
			}
			w.copyFrom(from)
			w.expr()
			from = r.p
		}
		if f&3 != 0 {
			if f&4 != 0 {
				r.refType()
			} else {
				r.zero() // funcref
			}
		}
		entries := r.count(1)
		w.copyFrom(from)
		for range r.upto(entries) {
			if f&4 != 0 {
				w.expr()
			} else {
				w.sec = appendU(w.sec, w.funcAfter(w.funcIndex()))
			}
		}
	}
}

// expr copies a constant expression.
func (w *rewriter) expr() {
	r := &w.r
	for r.err == nil {
		from := r.p
		switch op := r.byte(); op {
		case opEnd:
			w.sec = append(w.sec, op)
			return
		case opRefFunc:
			w.sec = append(w.sec, op)
			w.sec = appendU(w.sec, w.funcAfter(w.funcIndex()))
			continue
		case opGlobalGet:
			w.globalIndex()
		case opI32Const, opI64Const, opF32Const, opF64Const, opRefNull:
			r.imm(op)
		case opVec:
			if r.byte() != 12 {
				r.fail(ErrMalformed, from, "opcode in a constant expression")
			}
			r.take(16)
		default:
			r.fail(ErrUnsupported, from, "opcode %#02x in a constant expression", op)
		}
		w.copyFrom(from)
	}
}

// nameSection keeps the names of the module and of its functions, which make a
// guest's stack trace readable.
func (w *rewriter) nameSection() {
	r := &w.r
	for r.more() {
		id := r.byte()
		outer := r.enter(r.u32())
		if id > 1 {
			r.p = r.end
			r.leave(outer)
			continue
		}
		var sub []byte
		if id == 0 {
			sub = appendName(sub, r.name())
		} else {
			n := r.count(2)
			sub = appendU(make([]byte, 0, r.end-r.p+int(n)), n)
			for range r.upto(n) {
				sub = appendU(sub, w.funcAfter(r.u32()))
				sub = appendName(sub, r.name())
			}
		}
		r.leave(outer)
		w.sec = append(w.sec, id)
		w.sec = appendU(w.sec, uint32(len(sub)))
		w.sec = append(w.sec, sub...)
	}
}
