package meter

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Names the rewriter adds; a guest that imports or exports them itself is refused.
const (
	ImportModule = "hearth_meter"
	ImportRefuel = "refuel"         // func() (): called when fuel is below zero
	FuelGlobal   = "hearth_fuel"    // exported mutable i64, 0 at start
	GlobalPrefix = "hearth_global_" // every other mutable global is exported as GlobalPrefix + its index
)

// Options bound a rewrite. The zero value meters a module and changes nothing else.
type Options struct {
	// MemoryPages fixes the memory of a module that has one: its minimum and
	// maximum both become this many pages of 64 KiB, so memory.grow returns -1
	// by itself. A module that asks for more at start is refused with ErrMemory.
	// 0 leaves the memory as it is.
	MemoryPages uint32

	// MaxFunctions bounds the functions, imported ones included; 0 means DefaultMaxFunctions.
	MaxFunctions int

	// MaxSize bounds the module in bytes, before and after; 0 means DefaultMaxSize.
	MaxSize int

	// MaxCompile bounds the time that the engine would take for what makes it
	// slower than linear: many branches or locals in one function. It is
	// estimated, so it is the same for a module on every machine; 0 means
	// DefaultMaxCompile.
	MaxCompile time.Duration

	// Pristine refuses, with ErrState, modules that keep state anywhere but in
	// their memory and in globals that hold a number of at most 64 bits: those
	// that change a table, drop a segment, have a mutable global of type v128,
	// funcref or externref, or import a memory, a table or a mutable global.
	Pristine bool
}

// Module is a metered module and what its host has to know about it.
type Module struct {
	Wasm     []byte   // the metered module; shares nothing with the input
	Globals  []string // export names of all mutable globals but the fuel
	MinPages uint32   // pages of 64 KiB that the module itself asked for at start
	Imports  []Import // in order, without the refuel function
	Exports  []Export // in order, without what the rewriter added
	Stats    Stats
}

// Kind is what an import or export is.
type Kind byte

// The kinds, numbered as in the binary format.
const (
	KindFunc Kind = iota
	KindTable
	KindMemory
	KindGlobal
)

func (k Kind) String() string {
	if k <= KindGlobal {
		return [...]string{"func", "table", "memory", "global"}[k]
	}
	return fmt.Sprintf("Kind(%d)", byte(k))
}

// Import is something a module needs from its host.
type Import struct {
	Module, Name string
	Kind         Kind
	Type         string // of a function, as "(i32 i64) -> (i32)"; else ""
}

// Export is something a module offers its host.
type Export struct {
	Name string
	Kind Kind
	Type string // of a function, as "() -> ()"; else ""
}

// Stats count what the rewriter found and did.
type Stats struct {
	Functions     int // defined by the module
	Leaves        int // of these, charged to their callers
	Loops         int
	DispatchLoops int // of these, charged on backward jumps only
	Checks        int // places where fuel is compared with zero
	In, Out       int // bytes
}

// Rewrite returns the metered form of a WebAssembly module, or an [*Error].
// It takes time and memory linear in the size of wasm, which it does not keep
// or change. It checks what metering depends on and leaves type checking to
// the engine: a module that is invalid for other reasons stays invalid.
func Rewrite(wasm []byte, o Options) (*Module, error) {
	if o.MaxSize <= 0 {
		o.MaxSize = DefaultMaxSize
	}
	if o.MaxFunctions <= 0 {
		o.MaxFunctions = DefaultMaxFunctions
	}
	if o.MaxCompile <= 0 {
		o.MaxCompile = DefaultMaxCompile
	}
	o.MaxSize = min(o.MaxSize, hardMaxSize)
	w := &rewriter{opt: o, r: reader{b: wasm, end: len(wasm), section: "module", fn: -1}}
	w.module()
	if w.r.err != nil {
		return nil, w.r.err
	}
	w.res.Stats.In, w.res.Stats.Out = len(wasm), len(w.out)
	w.res.Wasm = w.out
	return &w.res, nil
}

// funcType is a function type as far as the meter cares.
type funcType struct {
	params, results []byte
	text            string // made once, on demand: many functions share a type
}

func (t *funcType) String() string {
	if t.text == "" {
		list := func(ts []byte) string {
			names := make([]string, len(ts))
			for i, v := range ts {
				names[i] = valueTypeName(v)
			}
			return "(" + strings.Join(names, " ") + ")"
		}
		t.text = list(t.params) + " -> " + list(t.results)
	}
	return t.text
}

const magic = "\x00asm\x01\x00\x00\x00"

type span struct{ from, to int }

type rewriter struct {
	opt Options
	r   reader
	res Module
	out []byte // finished sections
	sec []byte // body of the section being written

	types    []funcType
	funcs    []uint32 // types of all functions, imported ones first
	imported uint32   // how many of them
	globals  []global
	entries  uint64 // minimum sizes of all tables
	memories uint32
	refuel   uint32 // index of the refuel function, after the guest's imports
	bulk     uint32 // index of the function that charges a bulk operation
	fuel     uint32 // index of the fuel global, after the guest's
	leaf     []uint8
	code     coder
	names    span

	// What compiling will cost the engine grows with these; see weigh.
	locals, values int64
	compile        time.Duration
}

type global struct {
	typ     byte
	mutable bool
}

func (w *rewriter) module() {
	r := &w.r
	if len(r.b) > w.opt.MaxSize {
		r.fail(ErrTooLarge, 0, "%d bytes, at most %d allowed", len(r.b), w.opt.MaxSize)
		return
	}
	if !bytes.HasPrefix(r.b, []byte(magic)) {
		r.fail(ErrMalformed, 0, "not a WebAssembly 1 binary module")
		return
	}
	r.p = len(magic)
	size := len(r.b) + len(r.b)/16 + 1024 // Go's modules grow by a fortieth
	w.out = append(make([]byte, 0, size), magic...)
	w.sec = make([]byte, 0, size)
	spans := w.split()
	for _, s := range sections {
		if r.err != nil {
			return
		}
		at, present := spans[s.id]
		if !present && !s.always {
			continue
		}
		r.section, r.p, r.end = s.name, at.from, at.to
		w.sec = w.sec[:0]
		s.rewrite(w, present)
		r.leave(at.to)
		w.emit(s.id, at.from)
	}
	if w.names.to > 0 && r.err == nil {
		r.section, r.p, r.end = "name", w.names.from, w.names.to
		w.sec = appendName(w.sec[:0], "name")
		w.nameSection()
		w.emit(0, w.names.from)
	}
}

// split finds the sections and checks that each is there once and in order.
// Custom sections other than "name" are dropped: those that say anything about
// the code (DWARF, source maps, relocations) would be wrong.
func (w *rewriter) split() map[byte]span {
	r := &w.r
	found := map[byte]span{}
	next := 0
	for r.more() {
		at := r.p
		id := r.byte()
		outer := r.enter(r.u32())
		if r.err != nil {
			break
		}
		if id == 0 {
			if r.section = "custom"; r.name() == "name" {
				if w.names.to > 0 {
					r.fail(ErrMalformed, at, "second name section")
				}
				w.names = span{r.p, r.end}
			}
			r.section = "module"
		} else {
			i := 0
			for i < len(sections) && sections[i].id != id {
				i++
			}
			switch {
			case i == len(sections):
				r.fail(ErrUnsupported, at, "section %d", id)
			case i < next:
				r.fail(ErrMalformed, at, "%s section is out of order", sections[i].name)
			}
			next = i + 1
			found[id] = span{r.p, r.end}
		}
		r.p = r.end
		r.leave(outer)
	}
	return found
}

// emit writes the section that was built in w.sec.
func (w *rewriter) emit(id byte, at int) {
	if len(w.out)+len(w.sec) > w.opt.MaxSize {
		w.r.fail(ErrTooLarge, at, "metered module exceeds %d bytes", w.opt.MaxSize)
	}
	if w.r.err != nil {
		return
	}
	w.out = append(w.out, id)
	w.out = appendU(w.out, uint32(len(w.sec)))
	w.out = append(w.out, w.sec...)
}
