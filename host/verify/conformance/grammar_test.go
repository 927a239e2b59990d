package conformance

import (
	"bytes"
	"fmt"
	"strings"
)

// choices are what a generator decides by. When they are used up every choice is
// 0, by which it soon comes to an end.
type choices struct {
	bytes []byte
}

// n is a choice of n, at most 256.
func (c *choices) n(n int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(b) % n
}

func pick[T any](c *choices, of ...T) T { return of[c.n(len(of))] }

// The grammar makes programs whose types fit and that say what they will do:
// each piece is its text and a function that does in Go what the text says, so
// that running the pieces predicts the output. Values are Go's own (int,
// float64, uint8, bool, string), []any for slices, map[any]any, record for
// structs, *cell for pointers and *closure for functions, with which Go's own
// run-time panics and fmt say and print the same as in the program.

// A typ is a type of the programs.
type typ struct {
	kind   typeKind
	text   string
	elem   *typ       // of slices and maps
	fields []variable // of structs, as their method sees them: r.F0, r.F1, …
	area   expr       // of structs: what their method returns
}

type typeKind int

const (
	kindInt typeKind = iota
	kindString
	kindBool
	kindFloat
	kindByte
	kindSlice
	kindMap // from string
	kindStruct
	kindShape // an interface that all structs satisfy
	kindPointer
	kindFunc
)

var (
	tInt    = &typ{kind: kindInt, text: "int"}
	tString = &typ{kind: kindString, text: "string"}
	tBool   = &typ{kind: kindBool, text: "bool"}
	tFloat  = &typ{kind: kindFloat, text: "float64"}
	tByte   = &typ{kind: kindByte, text: "uint8"}
	tInts   = &typ{kind: kindSlice, text: "[]int", elem: tInt}
	tWords  = &typ{kind: kindSlice, text: "[]string", elem: tString}
	tCounts = &typ{kind: kindMap, text: "map[string]int", elem: tInt}
	tShape  = &typ{kind: kindShape, text: "Shape"}
	tPtr    = &typ{kind: kindPointer, text: "*int"}
	tFunc   = &typ{kind: kindFunc, text: "func(int) int"}
)

// record is a struct's value.
type record struct {
	of     *typ
	fields []any
}

func (r record) String() string {
	words := make([]string, len(r.fields))
	for i, f := range r.fields {
		words[i] = fmt.Sprint(f)
	}
	return "{" + strings.Join(words, " ") + "}"
}

// copied is a value as it is assigned: structs are copied.
func copied(v any) any {
	if r, ok := v.(record); ok {
		return record{r.of, append([]any(nil), r.fields...)}
	}
	return v
}

// A cell is a variable while the program runs.
type cell struct{ v any }

// A frame has the variables of a call or a turn of a loop.
type frame struct {
	vars   map[int]*cell
	parent *frame
	call   *call
}

// call is one call of a function.
type call struct {
	m        *machine
	result   any
	deferred []func()
}

func (f *frame) inner() *frame { return &frame{map[int]*cell{}, f, f.call} }

func (f *frame) at(id int) *cell {
	for ; f != nil; f = f.parent {
		if c := f.vars[id]; c != nil {
			return c
		}
	}
	panic(fmt.Sprintf("the grammar used variable %d outside its scope", id))
}

// A machine runs a program's pieces.
type machine struct {
	out   bytes.Buffer
	steps int
}

const (
	maxSteps  = 50_000
	maxOutput = 16 << 10
)

// What no recover of the program's sees.
type (
	endless struct{} // more steps or output than are worth a prediction
	fatal   struct{} // a panic in another goroutine
)

func (m *machine) step() {
	if m.steps++; m.steps > maxSteps || m.out.Len() > maxOutput {
		panic(endless{})
	}
}

func beyond(r any) bool {
	switch r.(type) {
	case endless, fatal:
		return true
	}
	return false
}

// expr is an expression. A constant one is so for the compiler, which computes
// it and complains of what overflows.
type expr struct {
	text     string
	constant bool
	eval     func(*frame) any
}

// stmt is a statement, or several.
type stmt struct {
	text string
	exec func(*frame) flow
}

// flow is how a statement ended.
type flow int

const (
	onward flow = iota
	breaking
	continuing
	returning
)

// variable is one in scope.
type variable struct {
	id   int
	name string
	typ  *typ
}

// function is one that the program declares.
type function struct {
	name    string
	params  []variable
	result  *typ
	body    stmt
	rescues *expr // what it returns after a panic, nil if it does not recover
}

// closure is a function's value.
type closure struct {
	param variable
	body  stmt
	scope *frame
}

func (m *machine) call(f *function, args []any) (result any) {
	m.step()
	fr := &frame{map[int]*cell{}, nil, &call{m: m}}
	for i, p := range f.params {
		fr.vars[p.id] = &cell{args[i]}
	}
	if f.rescues != nil {
		defer func() {
			r := recover()
			if beyond(r) {
				panic(r)
			}
			if r != nil {
				fmt.Fprintln(&m.out, "recovered:", r)
				result = f.rescues.eval(fr)
			}
		}()
	}
	return m.run(fr, f.body)
}

func (c *closure) call(m *machine, arg any) any {
	m.step()
	fr := &frame{map[int]*cell{c.param.id: {arg}}, c.scope, &call{m: m}}
	return m.run(fr, c.body)
}

// run runs a function's body and what it defers.
func (m *machine) run(f *frame, body stmt) any {
	defer func() {
		if r := recover(); r != nil {
			if !beyond(r) {
				m.unwind(f.call)
			}
			panic(r)
		}
	}()
	body.exec(f)
	result := f.call.result
	m.unwind(f.call)
	return result
}

func (m *machine) unwind(c *call) {
	for len(c.deferred) > 0 {
		last := c.deferred[len(c.deferred)-1]
		c.deferred = c.deferred[:len(c.deferred)-1]
		last()
	}
}
