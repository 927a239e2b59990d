package meter

import "math"

// frame is an open block of the function being scanned.
type frame struct {
	kind  frameKind
	loop  int32 // innermost loop charged at its header, -1 for none: it pays for what happens here
	carry int32 // how many values a branch here carries
	depth int32 // how many loops are around what happens here
}

type frameKind uint8

const (
	frameBlock    frameKind = iota // block, if, or the function itself
	frameLoop                      // charged at its header
	frameDispatch                  // Go's dispatch loop, charged on backward jumps to it
	frameCase                      // one of the blocks that begin a dispatch loop
)

// edit is a place where the emitter departs from the original code.
type edit struct {
	at    uint32 // offset in the original file
	arg   uint32 // see the kinds
	label int32  // editCharge: branch to take after a refuel, or -1
	kind  editKind
}

type editKind uint8

const (
	editFunc   editKind = iota // replace the function index here by arg
	editHeader                 // charge loop number arg, at its header
	editCharge                 // charge arg
	editBulk                   // charge the length on top of the stack
)

// loop is a loop charged at its header.
type loop struct {
	cost int64
	rebr bool // has no parameters, so that a refuel can branch back to it
}

// dispatch is the dispatch loop that is open, of which there is at most one.
type dispatch struct {
	open  bool
	state uint32   // local that selects the case
	table []uint32 // its br_table, the default last
	cases uint32   // number of blocks
	start int64    // position of the header
	ends  []int64  // positions of the ends of the blocks closed so far, innermost first
}

// coder holds what scanning a function finds; it is reused from one to the next.
type coder struct {
	frames []frame
	edits  []edit
	loops  []loop
	d      dispatch

	// pos is the cost of all instructions so far that no loop header pays for:
	// the position in the function by which jumps are forward or backward.
	pos int64

	// What compiling the function will cost the engine grows with these.
	blocks   int64 // basic blocks, about
	nesting  int64 // sum of the depths of all loops
	accesses int64 // of locals
	values   int64 // returned by calls and carried by branches
}

// localDecls reads the declarations and returns how many locals there are.
func (w *rewriter) localDecls() int64 {
	r := &w.r
	at := r.p
	var n int64
	for range r.upto(r.count(2)) {
		n += int64(r.u32())
		r.valueType()
	}
	if n > maxLocals {
		r.fail(ErrTooLarge, at, "%d locals, at most %d allowed", n, maxLocals)
	}
	return n
}

// leafCost tells what it costs to run the function at the reader, if that is
// bounded by maxLeaf because it has no loop and calls nothing; else 0.
func (w *rewriter) leafCost() uint8 {
	r := &w.r
	w.localDecls()
	cost := 0
	for r.more() {
		op := r.byte()
		switch op {
		case opLoop, opCall, opCallIndirect, opTailCall, opTailIndirect, opMemoryGrow:
			return 0
		case opMisc:
			if r.misc() >= miscMemoryInit {
				return 0
			}
		default:
			r.imm(op)
		}
		if cost++; cost > maxLeaf {
			return 0
		}
	}
	return uint8(cost)
}

// costOf is what the caller of function i pays for what happens in there.
func (w *rewriter) costOf(i uint32) int64 {
	if i < w.imported {
		return callCost
	}
	return int64(w.leaf[i-w.imported])
}

// scan reads the instructions of a function up to its end and notes the edits.
func (w *rewriter) scan(results int32) {
	r, c := &w.r, &w.code
	c.frames = append(c.frames[:0], frame{loop: -1, carry: results})
	c.edits, c.loops, c.d.open = c.edits[:0], c.loops[:0], false
	c.pos, c.blocks, c.nesting, c.accesses, c.values = 0, 0, 0, 0, 0
	var (
		constant    int64  // of the last i32.const
		target      uint32 // of the last local.set
		afterConst  bool   // the last instruction was i32.const
		afterAssign bool   // the last two were i32.const, local.set
	)
	for r.err == nil {
		at := r.p
		op := r.byte()
		cost := int64(1)
		top := c.frames[len(c.frames)-1]
		isConst, isAssign := false, false
		switch op {
		case opBlock, opIf:
			c.blocks += 2
			t := w.blockType()
			c.values += int64(t.params + t.results)
			c.frames = append(c.frames, frame{frameBlock, top.loop, t.results, top.depth})
		case opLoop:
			w.loop(top)
		case opEnd:
			c.frames = c.frames[:len(c.frames)-1]
			switch top.kind {
			case frameCase:
				c.d.ends = append(c.d.ends, c.pos+1)
			case frameDispatch:
				c.d.open = false
			}
			if len(c.frames) == 0 {
				c.pos++
				return
			}
		case opBr, opBrIf:
			c.blocks++
			label := r.u32()
			if w.label(at, label) == frameDispatch {
				known := op == opBr && afterAssign && target == c.d.state
				if back := c.d.jump(c.pos+1, known, constant); back > 0 {
					if op == opBrIf {
						label = math.MaxUint32 // the condition is on the stack
					}
					c.charge(at, back, int32(label))
				}
			}
		case opBrTable:
			hit := false
			n := r.count(1) + 1
			c.blocks += int64(n)
			for range r.upto(n) {
				hit = w.label(at, r.u32()) == frameDispatch || hit
			}
			if hit {
				c.charge(at, c.d.jump(c.pos+1, false, 0), -1)
			}
		case opCall, opTailCall:
			i := w.callee()
			if r.err == nil {
				cost += w.costOf(i)
				c.values += int64(len(w.types[w.funcs[i]].results))
			}
		case opRefFunc:
			w.callee()
		case opCallIndirect, opTailIndirect:
			t := w.typeIndex()
			r.u32()
			cost += callCost
			if r.err == nil {
				c.values += int64(len(w.types[t].results))
			}
		case opGlobalGet, opGlobalSet:
			w.globalIndex()
		case opI32Const:
			constant, isConst = r.signed(32), true
		case opLocalGet, opLocalTee:
			c.accesses++
			r.u32()
		case opLocalSet:
			c.accesses++
			target, isAssign = r.u32(), afterConst
		case opTableSet:
			w.pristine(at, "changes a table")
			r.imm(op)
		case opMemoryGrow:
			r.imm(op)
			cost += growCost
		case opMisc:
			cost += w.bulkOp(at)
		default:
			r.imm(op)
		}
		afterConst, afterAssign = isConst, isAssign
		if top.loop >= 0 {
			c.loops[top.loop].cost += cost
		} else {
			c.pos += cost
		}
	}
}

// arity is how many values go into a block and come out of it.
type arity struct{ params, results int32 }

func (w *rewriter) blockType() arity {
	r := &w.r
	at := r.p
	switch t := r.signed(33); {
	case t >= int64(len(w.types)):
		r.fail(ErrMalformed, at, "type %d of %d", t, len(w.types))
	case t >= 0:
		return arity{int32(len(w.types[t].params)), int32(len(w.types[t].results))}
	case r.p-at != 1 || t != typeEmpty-0x80 && valueTypeName(byte(t+0x80)) == "":
		r.fail(ErrUnsupported, at, "block type")
	case t != typeEmpty-0x80:
		return arity{0, 1}
	}
	return arity{}
}

// label returns the kind of frame that a branch goes to.
func (w *rewriter) label(at int, label uint32) frameKind {
	n := len(w.code.frames)
	if int64(label) >= int64(n) {
		w.r.fail(ErrMalformed, at, "branch to label %d of %d", label, n)
		return frameBlock
	}
	f := w.code.frames[n-1-int(label)]
	w.code.values += int64(f.carry)
	return f.kind
}

// callee reads a function index that has to be rewritten.
func (w *rewriter) callee() uint32 {
	at := w.r.p
	i := w.funcIndex()
	if i >= w.imported {
		w.code.edits = append(w.code.edits, edit{at: uint32(at), arg: w.funcAfter(i), kind: editFunc})
	}
	return i
}

func (c *coder) charge(at int, cost int64, label int32) {
	c.blocks += 2
	c.edits = append(c.edits, edit{at: uint32(at), arg: uint32(cost), label: label, kind: editCharge})
}

// bulkOp reads a 0xfc instruction, whose opcode is at at, and returns its extra cost.
func (w *rewriter) bulkOp(at int) int64 {
	switch w.r.misc() {
	case miscMemoryInit, miscMemoryCopy, miscMemoryFill:
	case miscTableInit, miscTableCopy, miscTableGrow, miscTableFill:
		w.pristine(at, "changes a table")
	case miscDataDrop, miscElemDrop:
		w.pristine(at, "drops a segment")
		return bulkCost
	default:
		return 0
	}
	w.code.edits = append(w.code.edits, edit{at: uint32(at), kind: editBulk})
	return bulkCost
}

// loop reads a loop's type, and recognises Go's dispatch loop by what follows:
//
//	loop  block … block  local.get state  br_table …
//
// in a function's outermost loop. What follows is read again by scan.
func (w *rewriter) loop(top frame) {
	r, c := &w.r, &w.code
	w.res.Stats.Loops++
	from := r.p
	t := w.blockType()
	c.values += int64(t.params + t.results)
	depth := top.depth + 1
	c.nesting += int64(depth)
	if r.err == nil && top.loop < 0 && !c.d.open && r.b[from] == typeEmpty && w.prologue() {
		w.res.Stats.DispatchLoops++
		c.d.open, c.d.start = true, c.pos+1
		c.blocks += 2 * int64(c.d.cases+1)
		c.frames = append(c.frames, frame{frameDispatch, -1, 0, depth})
		for range c.d.cases {
			r.p += 2
			c.pos++
			c.frames = append(c.frames, frame{frameCase, -1, 0, depth})
		}
		return
	}
	n := int32(len(c.loops))
	c.blocks += 4
	c.loops = append(c.loops, loop{rebr: t.params == 0})
	c.frames = append(c.frames, frame{frameLoop, n, t.params, depth})
	c.edits = append(c.edits, edit{at: uint32(r.p), arg: uint32(n), kind: editHeader})
}

// prologue looks for the rest of a dispatch loop's head, and does not move.
func (w *rewriter) prologue() bool {
	r, d := &w.r, &w.code.d
	from := r.p
	defer func() { r.p = from }()
	cases := 0
	for r.p+1 < r.end && r.b[r.p] == opBlock && r.b[r.p+1] == typeEmpty {
		r.p += 2
		cases++
	}
	if cases == 0 || !r.more() || r.byte() != opLocalGet {
		return false
	}
	d.state = r.u32()
	if !r.more() || r.byte() != opBrTable {
		return false
	}
	d.cases, d.table, d.ends = uint32(cases), d.table[:0], d.ends[:0]
	for range r.upto(r.count(1) + 1) {
		d.table = append(d.table, r.u32())
	}
	return r.err == nil
}

// jump returns what a jump from position here to the dispatch loop costs: how
// far back it leads, or 0 if it leads forward. If the state it dispatches on
// is known, so is where it leads; else it may lead back to the header.
func (d *dispatch) jump(here int64, known bool, state int64) int64 {
	if known {
		t := d.table[len(d.table)-1]
		if state >= 0 && state < int64(len(d.table)-1) {
			t = d.table[state]
		}
		switch {
		case int64(t) < int64(len(d.ends)): // that block is closed: its end lies behind
			return here - d.ends[t] + jumpCost
		case t != d.cases: // that end lies ahead, be it in the loop or around it
			return 0
		}
	}
	return here - d.start + jumpCost
}
