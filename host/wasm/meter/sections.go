package meter

import (
	"math"
	"strconv"
	"strings"
)

// sections lists what a module consists of, in the order the format demands.
// Those the rewriter adds something to are written even if the guest has none.
var sections = [...]struct {
	id      byte
	name    string
	always  bool
	rewrite func(w *rewriter, present bool)
}{
	{1, "type", true, (*rewriter).typeSection},
	{2, "import", true, (*rewriter).importSection},
	{3, "function", true, (*rewriter).functionSection},
	{4, "table", false, (*rewriter).tableSection},
	{5, "memory", false, (*rewriter).memorySection},
	{6, "global", true, (*rewriter).globalSection},
	{7, "export", true, (*rewriter).exportSection},
	{8, "start", false, (*rewriter).startSection},
	{9, "element", false, (*rewriter).elementSection},
	{12, "data count", false, (*rewriter).dataCountSection},
	{10, "code", true, (*rewriter).codeSection},
	{11, "data", false, (*rewriter).dataSection},
}

// count starts a section: it reads how many entries of at least size bytes the
// guest has and writes that number plus the added ones.
func (w *rewriter) count(present bool, size, most int, added uint32) uint32 {
	var n uint32
	if present {
		at := w.r.p
		if n = w.r.count(size); int64(n) > int64(most) {
			w.r.fail(ErrTooLarge, at, "%d entries, at most %d allowed", n, most)
		}
	}
	w.sec = appendU(w.sec, n+added)
	return n
}

// copyFrom copies what was read since from.
func (w *rewriter) copyFrom(from int) { w.sec = append(w.sec, w.r.b[from:w.r.p]...) }

func (w *rewriter) typeSection(present bool) {
	r := &w.r
	n := w.count(present, 3, maxTypes, 2)
	from := r.p
	for range r.upto(n) {
		at := r.p
		if c := r.byte(); c != typeFunc {
			r.fail(ErrUnsupported, at, "type form %#x", c)
		}
		w.types = append(w.types, funcType{params: w.valueTypes(), results: w.valueTypes()})
	}
	w.copyFrom(from)
	w.sec = append(w.sec, typeFunc, 0, 0)                   // refuel
	w.sec = append(w.sec, typeFunc, 1, typeI32, 1, typeI32) // bulk
}

func (w *rewriter) valueTypes() []byte {
	r := &w.r
	at := r.p
	n := r.count(1)
	if n > maxArity {
		r.fail(ErrTooLarge, at, "%d parameters or results, at most %d allowed", n, maxArity)
	}
	from := r.p
	for range r.upto(n) {
		r.valueType()
	}
	return r.b[from:r.p]
}

// typeIndex reads the index of one of the guest's own types.
func (w *rewriter) typeIndex() uint32 {
	at := w.r.p
	i := w.r.u32()
	if int64(i) >= int64(len(w.types)) {
		w.r.fail(ErrMalformed, at, "type %d of %d", i, len(w.types))
		return 0
	}
	return i
}

// funcIndex reads the index of one of the guest's own functions. funcAfter
// gives its index in the metered module, where refuel is the last import.
func (w *rewriter) funcIndex() uint32 {
	at := w.r.p
	i := w.r.u32()
	if int64(i) >= int64(len(w.funcs)) {
		w.r.fail(ErrMalformed, at, "function %d of %d", i, len(w.funcs))
		return 0
	}
	return i
}

func (w *rewriter) funcAfter(i uint32) uint32 {
	if i >= w.imported && i < math.MaxUint32 { // the name section may name what is not there
		i++
	}
	return i
}

// globalIndex reads the index of one of the guest's own globals: the one after
// the last would be the fuel.
func (w *rewriter) globalIndex() uint32 {
	at := w.r.p
	i := w.r.u32()
	if int64(i) >= int64(len(w.globals)) {
		w.r.fail(ErrMalformed, at, "global %d of %d", i, len(w.globals))
		return 0
	}
	return i
}

func (w *rewriter) addFunc(at int, typ uint32) {
	w.funcs = append(w.funcs, typ)
	if len(w.funcs) > w.opt.MaxFunctions {
		w.r.fail(ErrTooLarge, at, "more than %d functions", w.opt.MaxFunctions)
	}
}

func (w *rewriter) importSection(present bool) {
	r := &w.r
	n := w.count(present, 4, w.opt.MaxFunctions, 1)
	for range r.upto(n) {
		from := r.p
		imp := Import{Module: r.name(), Name: r.name()}
		if imp.Module == ImportModule {
			r.fail(ErrReserved, from, "imports %q from %q, which only the meter may", imp.Name, ImportModule)
		}
		at := r.p
		imp.Kind = Kind(r.byte())
		copied := false
		switch imp.Kind {
		case KindFunc:
			t := w.typeIndex()
			w.addFunc(from, t)
			if r.err == nil {
				imp.Type = w.types[t].String()
			}
		case KindTable:
			w.pristine(from, "imports a table")
			w.copyFrom(from)
			w.table()
			copied = true
		case KindMemory:
			w.pristine(from, "imports a memory")
			if w.opt.MemoryPages > 0 {
				r.fail(ErrState, from, "imports a memory, whose size cannot be fixed here")
			}
			w.memories++
			w.limits(true)
		case KindGlobal:
			if w.globalType(from).mutable {
				w.pristine(from, "imports a mutable global")
			}
		default:
			r.fail(ErrUnsupported, at, "import of kind %d", byte(imp.Kind))
		}
		if !copied {
			w.copyFrom(from)
		}
		w.res.Imports = append(w.res.Imports, imp)
	}
	w.imported = uint32(len(w.funcs))
	w.refuel = w.imported
	w.sec = appendName(w.sec, ImportModule)
	w.sec = appendName(w.sec, ImportRefuel)
	w.sec = append(w.sec, byte(KindFunc))
	w.sec = appendU(w.sec, uint32(len(w.types)))
}

// pristine refuses the module where its state must be restorable.
func (w *rewriter) pristine(at int, what string) {
	if w.opt.Pristine {
		w.r.fail(ErrState, at, "%s, which cannot be restored between calls", what)
	}
}

func (w *rewriter) functionSection(present bool) {
	r := &w.r
	n := w.count(present, 1, w.opt.MaxFunctions, 1)
	for range r.upto(n) {
		at := r.p
		t := w.typeIndex()
		w.addFunc(at, t)
		w.sec = appendU(w.sec, t)
	}
	w.sec = appendU(w.sec, uint32(len(w.types)+1))
	w.bulk = uint32(len(w.funcs) + 1)
	w.res.Stats.Functions = len(w.funcs) - int(w.imported)
}

// limits reads a size range.
func (w *rewriter) limits(memory bool) (least, most uint32, bounded bool) {
	r := &w.r
	at := r.p
	f := r.byte()
	if f > 1 {
		kind := ErrMalformed
		if memory && f <= 3 {
			kind = ErrUnsupported // shared
		}
		r.fail(kind, at, "limits of form %#x", f)
	}
	least = r.u32()
	if bounded = f == 1; bounded {
		most = r.u32()
	}
	return least, most, bounded
}

func (w *rewriter) tableSection(present bool) {
	n := w.count(present, 3, maxTables, 0)
	for range w.r.upto(n) {
		w.table()
	}
}

// table copies a table type. Tables are not part of the memory that the host
// bounds, so their size is bounded here: at start, and in what they may grow to.
func (w *rewriter) table() {
	r := &w.r
	from := r.p
	r.refType()
	w.copyFrom(from)
	from = r.p
	least, most, bounded := w.limits(false)
	if bounded && most < least {
		r.fail(ErrMalformed, from, "table minimum exceeds its maximum")
	}
	if w.entries += uint64(least); w.entries > maxTableSize {
		r.fail(ErrTooLarge, from, "tables have more than %d entries", maxTableSize)
	}
	if !bounded || most > maxTableSize {
		most = maxTableSize
	}
	w.sec = append(w.sec, 1)
	w.sec = appendU(w.sec, least)
	w.sec = appendU(w.sec, most)
}

func (w *rewriter) memorySection(present bool) {
	r := &w.r
	at := r.p
	n := w.count(present, 2, 1, 0)
	for range r.upto(n) {
		if w.memories++; w.memories > 1 {
			r.fail(ErrUnsupported, at, "more than one memory")
		}
		from := r.p
		least, most, bounded := w.limits(true)
		if least > maxPages || bounded && (most < least || most > maxPages) {
			r.fail(ErrMalformed, from, "memory limits")
		}
		w.res.MinPages = least
		pages := w.opt.MemoryPages
		switch {
		case pages == 0:
			w.copyFrom(from)
		case least > pages:
			r.fail(ErrMemory, from, "module needs %d pages of 64 KiB at start, at most %d allowed", least, pages)
		default:
			w.sec = append(w.sec, 1)
			w.sec = appendU(w.sec, pages)
			w.sec = appendU(w.sec, pages)
		}
	}
}

// globalType reads a global's type and gives it the next index.
func (w *rewriter) globalType(at int) global {
	r := &w.r
	g := global{typ: r.valueType()}
	switch p := r.p; r.byte() {
	case 0:
	case 1:
		g.mutable = true
	default:
		r.fail(ErrMalformed, p, "mutability is neither 0 nor 1")
	}
	if g.mutable {
		w.res.Globals = append(w.res.Globals, GlobalPrefix+strconv.Itoa(len(w.globals)))
		if g.typ == typeV128 || g.typ == typeFuncref || g.typ == typeExtern {
			w.pristine(at, "has a mutable global of type "+valueTypeName(g.typ))
		}
	}
	w.globals = append(w.globals, g)
	return g
}

func (w *rewriter) globalSection(present bool) {
	r := &w.r
	n := w.count(present, 5, maxGlobals, 1)
	for range r.upto(n) {
		from := r.p
		w.globalType(from)
		w.copyFrom(from)
		w.expr()
	}
	w.fuel = uint32(len(w.globals))
	w.sec = append(w.sec, typeI64, 1, opI64Const, 0, opEnd)
}

func (w *rewriter) exportSection(present bool) {
	r := &w.r
	n := w.count(present, 3, w.opt.MaxSize, uint32(len(w.res.Globals)+1))
	for range r.upto(n) {
		from := r.p
		x := Export{Name: r.name()}
		if x.Name == FuelGlobal || strings.HasPrefix(x.Name, GlobalPrefix) {
			r.fail(ErrReserved, from, "exports %q, which only the meter may", x.Name)
		}
		at := r.p
		x.Kind = Kind(r.byte())
		var i uint32
		switch x.Kind {
		case KindFunc:
			i = w.funcIndex()
			if r.err == nil {
				x.Type = w.types[w.funcs[i]].String()
			}
			i = w.funcAfter(i)
		case KindTable, KindMemory:
			i = r.u32()
		case KindGlobal:
			i = w.globalIndex()
		default:
			r.fail(ErrUnsupported, at, "export of kind %d", byte(x.Kind))
		}
		w.res.Exports = append(w.res.Exports, x)
		w.export(x.Name, x.Kind, i)
	}
	w.export(FuelGlobal, KindGlobal, w.fuel)
	k := 0
	for i, g := range w.globals {
		if g.mutable {
			w.export(w.res.Globals[k], KindGlobal, uint32(i))
			k++
		}
	}
}

func (w *rewriter) export(name string, k Kind, i uint32) {
	w.sec = appendName(w.sec, name)
	w.sec = append(w.sec, byte(k))
	w.sec = appendU(w.sec, i)
}

func (w *rewriter) startSection(bool) {
	w.sec = appendU(w.sec, w.funcAfter(w.funcIndex()))
}
