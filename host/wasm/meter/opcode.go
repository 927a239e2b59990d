package meter

// The opcodes the meter has to know by name.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opTailCall     = 0x12
	opTailIndirect = 0x13
	opSelectT      = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI64LtS       = 0x53
	opI32GtU       = 0x4b
	opI64Sub       = 0x7d
	opI64ShrU      = 0x88
	opI64ExtendU   = 0xad
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opVec          = 0xfd
)

// The 0xfc opcodes from here on are bulk operations.
const (
	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17
)

// Value types and the empty block type.
const (
	typeI32, typeI64, typeF32, typeF64 = 0x7f, 0x7e, 0x7d, 0x7c
	typeV128, typeFuncref, typeExtern  = 0x7b, 0x70, 0x6f
	typeFunc, typeEmpty                = 0x60, 0x40
)

func valueTypeName(t byte) string {
	switch t {
	case typeI32:
		return "i32"
	case typeI64:
		return "i64"
	case typeF32:
		return "f32"
	case typeF64:
		return "f64"
	case typeV128:
		return "v128"
	case typeFuncref:
		return "funcref"
	case typeExtern:
		return "externref"
	}
	return ""
}

// valueType reads a value type of WebAssembly 2.0.
func (r *reader) valueType() byte {
	at := r.p
	t := r.byte()
	if valueTypeName(t) == "" {
		r.fail(ErrUnsupported, at, "value type %#x", t)
	}
	return t
}

func (r *reader) refType() byte {
	at := r.p
	t := r.byte()
	if t != typeFuncref && t != typeExtern {
		r.fail(ErrUnsupported, at, "reference type %#x", t)
	}
	return t
}

// imm skips the immediates of an opcode that the meter leaves as it is.
func (r *reader) imm(op byte) {
	switch {
	case op >= 0x45 && op <= 0xc4, // comparisons, arithmetic, conversions
		op <= 0x01, op == opElse, op == opEnd, op == opReturn,
		op == 0x1a, op == 0x1b, op == 0xd1: // drop, select, ref.is_null
	case op >= opLocalGet && op <= opTableSet, op == opBr, op == opBrIf, op == opCall, op == opTailCall, op == opRefFunc:
		r.u32()
	case op >= 0x28 && op <= 0x3e:
		r.memarg()
	case op == opI32Const:
		r.signed(32)
	case op == opI64Const:
		r.signed(64)
	case op == opBlock, op == opLoop, op == opIf:
		r.signed(33)
	case op == opBrTable:
		for range r.upto(r.count(1)) {
			r.u32()
		}
		r.u32()
	case op == opCallIndirect, op == opTailIndirect:
		r.u32()
		r.u32()
	case op == opSelectT:
		if at := r.p; r.byte() != 1 {
			r.fail(ErrMalformed, at, "select names other than one type")
		}
		r.valueType()
	case op == opMemorySize, op == opMemoryGrow:
		r.zero()
	case op == opF32Const:
		r.take(4)
	case op == opF64Const:
		r.take(8)
	case op == opRefNull:
		r.refType()
	case op == opMisc:
		r.misc()
	case op == opVec:
		r.vec()
	case op == 0xfe:
		r.fail(ErrUnsupported, r.p-1, "atomic instruction: hearth runs a guest on one thread")
	default:
		r.fail(ErrUnsupported, r.p-1, "opcode %#02x", op)
	}
}

// memarg reads alignment and offset. Alignments above 16 bytes exist nowhere;
// bit 6 would announce a memory index, which wazero does not read.
func (r *reader) memarg() {
	if at := r.p; r.u32() > 4 {
		r.fail(ErrMalformed, at, "alignment")
	}
	r.u32()
}

// misc reads a 0xfc opcode with its immediates and returns it.
func (r *reader) misc() uint32 {
	at := r.p
	op := r.u32()
	switch {
	case op < miscMemoryInit: // saturating truncation
	case op == miscMemoryInit:
		r.u32()
		r.zero()
	case op == miscMemoryCopy:
		r.zero()
		r.zero()
	case op == miscMemoryFill:
		r.zero()
	case op == miscTableInit, op == miscTableCopy:
		r.u32()
		r.u32()
	case op <= miscTableFill:
		r.u32()
	default:
		r.fail(ErrUnsupported, at-1, "opcode 0xfc %d", op)
	}
	return op
}

// vec reads a 0xfd opcode with its immediates. wazero takes the opcode for one
// byte and the second byte of those above 127 for a nop, which it is (0x01) in
// the one encoding accepted here.
func (r *reader) vec() {
	at := r.p
	op := r.byte()
	switch {
	case op <= 11, op == 92, op == 93: // loads and stores
		r.memarg()
	case op == 12, op == 13: // v128.const, i8x16.shuffle
		r.take(16)
	case op >= 21 && op <= 34: // lane accesses
		r.byte()
	case op >= 84 && op <= 91: // loads and stores of one lane
		r.memarg()
		r.byte()
	case op >= 128:
		if c := r.byte(); c != 1 {
			r.fail(ErrUnsupported, at-1, "opcode 0xfd %#02x %#02x", op, c)
		}
	}
}
