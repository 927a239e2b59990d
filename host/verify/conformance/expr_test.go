package conformance

import (
	"fmt"
	"strconv"
	"strings"
)

// generator makes one program.
type generator struct {
	choices
	ids     int
	scope   []variable
	structs []*typ
	funcs   []*function
	result  *typ // of the function that is made
	depth   int  // statements around the one that is made
	loops   int  // loops among them that it may leave
	inner   int  // functions around it
}

func (g *generator) name(prefix string) (string, int) {
	g.ids++
	return prefix + strconv.Itoa(g.ids), g.ids
}

func (g *generator) declare(t *typ) variable {
	name, id := g.name("v")
	return variable{id, name, t}
}

// visible are the variables of a type.
func (g *generator) visible(t *typ) (out []variable) {
	for _, v := range g.scope {
		if v.typ == t {
			out = append(out, v)
		}
	}
	return out
}

func (v variable) expr() expr {
	return expr{v.name, false, func(f *frame) any { return copied(f.at(v.id).v) }}
}

func literal(text string, v any) expr { return expr{text, true, func(*frame) any { return v }} }

func (g *generator) basic() *typ { return pick(&g.choices, tInt, tString, tBool, tFloat, tByte) }

func (g *generator) anyType() *typ {
	types := append([]*typ{tInt, tInt, tString, tBool, tFloat, tByte, tInts, tWords, tCounts, tShape, tPtr, tFunc}, g.structs...)
	return types[g.n(len(types))]
}

var words = []string{"", "a", "go", "hearth", "世界", "tab\there", "x=%d"}

// opaque keeps the compiler from computing a constant.
func opaque(e expr) expr {
	if !e.constant {
		return e
	}
	return expr{"id(" + e.text + ")", false, e.eval}
}

// expr makes an expression of a type that calls none of the program's functions:
// in which order those and what they change would be read is not laid down.
func (g *generator) expr(t *typ, depth int) expr {
	vars := g.visible(t)
	if len(vars) > 0 && g.n(3) > 0 {
		return vars[g.n(len(vars))].expr()
	}
	if depth <= 0 {
		return g.leaf(t)
	}
	switch t.kind {
	case kindInt:
		return g.int(depth - 1)
	case kindString:
		return g.string(depth - 1)
	case kindBool:
		return g.bool(depth - 1)
	case kindFloat:
		return g.float(depth - 1)
	case kindByte:
		return g.byte(depth - 1)
	}
	return g.leaf(t)
}

// leaf makes a literal.
func (g *generator) leaf(t *typ) expr {
	switch t.kind {
	case kindInt:
		n := pick(&g.choices, 0, 1, 2, 3, 7, 10, 100, -1, -5, 4096)
		return literal(strconv.Itoa(n), n)
	case kindString:
		w := pick(&g.choices, words...)
		return literal(strconv.Quote(w), w)
	case kindBool:
		b := g.n(2) == 1
		return literal(strconv.FormatBool(b), b)
	case kindFloat:
		x := float64(g.n(64)-16) / 4
		return literal(fmt.Sprintf("float64(%v)", x), x)
	case kindByte:
		b := uint8(g.n(256))
		return literal(fmt.Sprintf("uint8(%d)", b), b)
	case kindSlice:
		return g.list(t.text, g.n(5), t.elem, func(vs []any) any { return vs })
	case kindMap:
		if g.n(16) == 1 {
			return expr{"map[string]int(nil)", false, func(*frame) any { return map[any]any(nil) }}
		}
		k, v := g.leaf(tString), g.expr(tInt, 1)
		return expr{"map[string]int{" + k.text + ": " + v.text + "}", false, func(f *frame) any { return map[any]any{k.eval(f): v.eval(f)} }}
	case kindStruct:
		return g.structLit(t)
	case kindShape:
		return g.structLit(g.structs[g.n(len(g.structs))])
	case kindPointer:
		if vars := g.visible(tInt); len(vars) > 0 && g.n(16) > 0 {
			v := vars[g.n(len(vars))]
			return expr{"&" + v.name, false, func(f *frame) any { return f.at(v.id) }}
		}
		return expr{"(*int)(nil)", false, func(*frame) any { return (*cell)(nil) }}
	}
	return g.funcLit()
}

func (g *generator) structLit(t *typ) expr {
	var texts []string
	var es []expr
	for _, field := range t.fields {
		e := g.expr(field.typ, 1)
		es, texts = append(es, e), append(texts, e.text)
	}
	return expr{t.text + "{" + strings.Join(texts, ", ") + "}", false, func(f *frame) any { return record{t, all(f, es)} }}
}

func all(f *frame, es []expr) []any {
	out := make([]any, len(es))
	for i, e := range es {
		out[i] = e.eval(f)
	}
	return out
}

func (g *generator) list(text string, n int, elem *typ, made func([]any) any) expr {
	es := make([]expr, n)
	texts := make([]string, n)
	for i := range es {
		es[i] = g.expr(elem, 1)
		texts[i] = es[i].text
	}
	return expr{text + "{" + strings.Join(texts, ", ") + "}", false, func(f *frame) any { return made(all(f, es)) }}
}

// funcLit makes a closure over all that is in scope.
func (g *generator) funcLit() expr {
	if g.inner >= 2 {
		return expr{"double", false, func(*frame) any { return &closure{param: variable{id: -1}, body: doubling} }}
	}
	p := g.declare(tInt)
	body := g.body([]variable{p}, tInt)
	return expr{"func(" + p.name + " int) int {\n" + body.text + "}", false, func(f *frame) any { return &closure{p, body, f} }}
}

// doubling is the body of the prelude's double.
var doubling = stmt{"", func(f *frame) flow { f.call.result = f.at(-1).v.(int) * 2; return returning }}

func (g *generator) pair(t *typ, depth int) (a, b expr) {
	a, b = g.expr(t, depth), g.expr(t, depth)
	if a.constant && b.constant {
		a = opaque(a)
	}
	return a, b
}

func join(a expr, op string, b expr, eval func(a, b any) any) expr {
	return expr{"(" + a.text + " " + op + " " + b.text + ")", false, func(f *frame) any {
		x := a.eval(f) // first, whatever it panics with
		return eval(x, b.eval(f))
	}}
}

func apply(format string, a expr, eval func(a any) any) expr {
	return expr{fmt.Sprintf(format, a.text), false, func(f *frame) any { return eval(a.eval(f)) }}
}

func (g *generator) int(depth int) expr {
	a, b := g.pair(tInt, depth)
	switch g.n(15) {
	case 0:
		return join(a, "+", b, func(a, b any) any { return a.(int) + b.(int) })
	case 1:
		return join(a, "-", b, func(a, b any) any { return a.(int) - b.(int) })
	case 2:
		return join(a, "*", b, func(a, b any) any { return a.(int) * b.(int) })
	case 3:
		return join(a, "/", g.divisor(b), func(a, b any) any { return a.(int) / b.(int) })
	case 4:
		return join(a, "%", g.divisor(b), func(a, b any) any { return a.(int) % b.(int) })
	case 5:
		return join(a, "^", b, func(a, b any) any { return a.(int) ^ b.(int) })
	case 6:
		return join(a, "&^", b, func(a, b any) any { return a.(int) &^ b.(int) })
	case 7:
		return join(opaque(a), "<<", g.byte(depth-1).masked(), func(a, b any) any { return a.(int) << b.(uint8) })
	case 8:
		return join(opaque(a), ">>", g.byte(depth-1).masked(), func(a, b any) any { return a.(int) >> b.(uint8) })
	case 9:
		return apply("len(%s)", opaque(g.expr(tString, depth)), func(a any) any { return len(a.(string)) })
	case 10:
		return apply("len(%s)", g.expr(tInts, depth), func(a any) any { return len(a.([]any)) })
	case 11:
		return g.element(g.expr(tInts, depth), opaque(a), 0)
	case 12:
		m, k := g.expr(tCounts, depth), g.expr(tString, depth)
		return expr{m.text + "[" + k.text + "]", false, func(f *frame) any {
			if v, ok := m.eval(f).(map[any]any)[k.eval(f)]; ok {
				return v
			}
			return 0
		}}
	case 13:
		if len(g.structs) == 0 {
			return a
		}
		return apply("Shape(%s).Area()", g.expr(tShape, depth), area)
	}
	return apply("int(%s)", opaque(g.expr(tByte, depth)), func(a any) any { return int(a.(uint8)) })
}

// masked is a distance to shift by.
func (e expr) masked() expr {
	return apply("(%s & 63)", opaque(e), func(a any) any { return a.(uint8) & 63 })
}

func area(v any) any {
	r := v.(record)
	f := &frame{vars: map[int]*cell{}}
	for i, field := range r.of.fields {
		f.vars[field.id] = &cell{r.fields[i]}
	}
	return r.of.area.eval(f)
}

func (g *generator) string(depth int) expr {
	a, b := g.pair(tString, depth)
	switch g.n(6) {
	case 0, 1:
		return join(a, "+", b, func(a, b any) any {
			s := a.(string) + b.(string)
			if len(s) > maxOutput {
				panic(endless{})
			}
			return s
		})
	case 2:
		return apply("strings.ToUpper(%s)", a, func(a any) any { return strings.ToUpper(a.(string)) })
	case 3:
		return apply("fmt.Sprint(%s)", g.expr(g.basic(), depth), func(a any) any { return fmt.Sprint(a) })
	case 4:
		return g.element(g.expr(tWords, depth), opaque(g.expr(tInt, 0)), "")
	}
	if g.n(16) > 0 {
		return apply("strings.TrimSpace(%s)", a, func(a any) any { return strings.TrimSpace(a.(string)) })
	}
	s, i := opaque(a), opaque(g.expr(tInt, 0))
	return expr{s.text + "[" + i.text + ":]", false, func(f *frame) any { v := s.eval(f).(string); return v[i.eval(f).(int):] }}
}

func (g *generator) bool(depth int) expr {
	switch g.n(6) {
	case 0:
		a, b := g.pair(tInt, depth)
		return join(a, "<", b, func(a, b any) any { return a.(int) < b.(int) })
	case 1:
		a, b := g.pair(tInt, depth)
		return join(a, "==", b, func(a, b any) any { return a == b })
	case 2:
		a, b := g.pair(tString, depth)
		return join(a, ">=", b, func(a, b any) any { return a.(string) >= b.(string) })
	case 3:
		a, b := g.pair(tFloat, depth)
		return join(a, "<=", b, func(a, b any) any { return a.(float64) <= b.(float64) })
	case 4:
		return apply("!%s", opaque(g.expr(tBool, depth)), func(a any) any { return !a.(bool) })
	}
	a, b := g.pair(tBool, depth)
	if g.n(2) == 0 {
		return expr{"(" + a.text + " && " + b.text + ")", false, func(f *frame) any { return a.eval(f).(bool) && b.eval(f).(bool) }}
	}
	return expr{"(" + a.text + " || " + b.text + ")", false, func(f *frame) any { return a.eval(f).(bool) || b.eval(f).(bool) }}
}

func (g *generator) float(depth int) expr {
	a, b := g.pair(tFloat, depth)
	switch g.n(5) {
	case 0:
		return join(a, "+", b, func(a, b any) any { return a.(float64) + b.(float64) })
	case 1:
		return join(a, "-", b, func(a, b any) any { return a.(float64) - b.(float64) })
	case 2:
		return join(a, "*", b, func(a, b any) any { return a.(float64) * b.(float64) })
	case 3:
		return join(a, "/", opaque(b), func(a, b any) any { return a.(float64) / b.(float64) })
	}
	return apply("float64(%s)", opaque(g.expr(tInt, depth)), func(a any) any { return float64(a.(int)) })
}

func (g *generator) byte(depth int) expr {
	if depth <= 0 {
		return g.leaf(tByte)
	}
	a, b := g.pair(tByte, depth)
	switch g.n(4) {
	case 0:
		return join(a, "+", b, func(a, b any) any { return a.(uint8) + b.(uint8) })
	case 1:
		return join(a, "*", b, func(a, b any) any { return a.(uint8) * b.(uint8) })
	case 2:
		return apply("uint8(%s)", opaque(g.expr(tInt, depth)), func(a any) any { return uint8(a.(int)) })
	}
	s, i := opaque(g.expr(tString, depth)), opaque(g.expr(tInt, 0))
	if g.n(16) > 0 {
		s = apply("(%s + \"0123456789\")", s, func(a any) any { return a.(string) + "0123456789" })
		i = apply("(%s & 7)", i, func(a any) any { return a.(int) & 7 })
	}
	return expr{s.text + "[" + i.text + "]", false, func(f *frame) any { v := s.eval(f).(string); return v[i.eval(f).(int)] }}
}

// divisor is seldom 0.
func (g *generator) divisor(e expr) expr {
	if g.n(24) == 0 {
		return opaque(e)
	}
	return apply("(%s | 1)", opaque(e), func(a any) any { return a.(int) | 1 })
}

// element is an element of a slice, which mostly is there or asked for first.
func (g *generator) element(s, i expr, zero any) expr {
	if g.n(24) == 0 {
		return expr{s.text + "[" + i.text + "]", false, func(f *frame) any { v := s.eval(f).([]any); return v[i.eval(f).(int)] }}
	}
	return expr{"at(" + s.text + ", " + i.text + ")", false, func(f *frame) any {
		v, k := s.eval(f).([]any), i.eval(f).(int)
		if k < 0 || k >= len(v) {
			return zero
		}
		return v[k]
	}}
}
