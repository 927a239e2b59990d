package conformance

import (
	"fmt"
	"slices"
	"strings"
)

const (
	maxDepth = 3 // of statements in each other
	maxTurns = 4 // of a loop
)

// block makes some statements with a scope of their own.

func (g *generator) block() stmt { return g.statements(1 + g.n(4)) }

func (g *generator) statements(n int) stmt {
	outer := len(g.scope)
	g.depth++
	out := make([]stmt, n)
	for i := range out {
		out[i] = g.stmt()
	}
	if len(g.scope) > outer {
		out = append(out, g.show(g.scope[outer:]))
	}
	g.depth--
	g.scope = g.scope[:outer]
	return sequence(out...)
}

func sequence(stmts ...stmt) stmt {
	var text strings.Builder
	for _, s := range stmts {
		text.WriteString(s.text)
	}
	return stmt{text.String(), func(f *frame) flow {
		for _, s := range stmts {
			f.call.m.step()
			if fl := s.exec(f); fl != onward {
				return fl
			}
		}
		return onward
	}}
}

// show prints variables.

func (g *generator) show(vars []variable) stmt {
	vars = slices.DeleteFunc(slices.Clone(vars), func(v variable) bool { return v.typ == tPtr || v.typ == tFunc })
	if len(vars) == 0 {
		return stmt{"", func(*frame) flow { return onward }}
	}
	names := make([]string, len(vars))
	for i, v := range vars {
		names[i] = v.name
	}
	return stmt{"fmt.Println(" + strings.Join(names, ", ") + ")\n", func(f *frame) flow {
		values := make([]any, len(vars))
		for i, v := range vars {
			values[i] = f.at(v.id).v
		}
		fmt.Fprintln(&f.call.m.out, values...)
		return onward
	}}
}

// body makes a function's body; result is nil if it returns nothing.

func (g *generator) body(params []variable, result *typ) stmt {
	return g.bodyOf(1+g.n(4), params, result)
}

func (g *generator) bodyOf(statements int, params []variable, result *typ) stmt {
	outer, saved := len(g.scope), *g
	g.scope = append(g.scope, params...)
	g.result, g.loops = result, 0
	g.inner++
	b := g.statements(statements)
	if result != nil {
		b = sequence(b, g.returns())
	}
	g.scope = g.scope[:outer]
	g.result, g.loops, g.inner = saved.result, saved.loops, saved.inner
	return b
}

func (g *generator) returns() stmt {
	e := g.expr(g.result, 2)
	return stmt{"return " + e.text + "\n", func(f *frame) flow { f.call.result = e.eval(f); return returning }}
}

func (g *generator) stmt() stmt {
	if g.depth > maxDepth {
		return g.simple()
	}
	switch g.n(16) {
	case 0, 1, 2, 3:
		return g.simple()
	case 4:
		return g.ifElse()
	case 5:
		return g.loop()
	case 6:
		return g.rangeSlice()
	case 7:
		return g.switchInt()
	case 8:
		return g.typeSwitch()
	case 9:
		return g.try()
	case 10:
		return g.goSum()
	case 11:
		return g.pipeline()
	case 12:
		return g.locked()
	case 13:
		return g.stack()
	case 14:
		if g.loops > 0 || g.result != nil || g.n(4) == 0 {
			return g.leave()
		}
	}
	return g.callFunc()
}

// simple makes a statement without others in it.

func (g *generator) simple() stmt {
	switch g.n(9) {
	case 0, 1:
		return g.newVar()
	case 2:
		return g.assign()
	case 3:
		return g.update()
	case 4:
		return g.appends()
	case 5:
		return g.setsMap()
	case 6:
		return g.setsField()
	case 7:
		return g.deferPrint()
	}
	return g.print()
}

// declares is "v := e", and the variable can be used after it.

func (g *generator) declares(t *typ, e expr, typed bool) (variable, stmt) {
	v := g.declare(t)
	g.scope = append(g.scope, v)
	text := v.name + " := " + e.text
	if typed {
		text = "var " + v.name + " " + t.text + " = " + e.text
	}
	return v, stmt{text + "\n_ = " + v.name + "\n", func(f *frame) flow {
		f.vars[v.id] = &cell{copied(e.eval(f))}
		return onward
	}}
}

func (g *generator) newVar() stmt {
	t := g.anyType()
	_, s := g.declares(t, g.expr(t, 3), true)
	return s
}

func (g *generator) assign() stmt {
	if len(g.scope) == 0 {
		return g.newVar()
	}
	v := g.scope[g.n(len(g.scope))]
	e := g.expr(v.typ, 3)
	return stmt{v.name + " = " + e.text + "\n", func(f *frame) flow { f.at(v.id).v = copied(e.eval(f)); return onward }}
}

// update changes an int, by itself or through a pointer.

func (g *generator) update() stmt {
	if ps := g.visible(tPtr); len(ps) > 0 && g.n(2) == 0 {
		p, e := ps[g.n(len(ps))], g.leaf(tInt)
		return stmt{"*" + p.name + " += " + e.text + "\n", func(f *frame) flow {
			c := f.at(p.id).v.(*cell)
			c.v = c.v.(int) + e.eval(f).(int)
			return onward
		}}
	}
	vars := g.visible(tInt)
	if len(vars) == 0 {
		return g.newVar()
	}
	v, e := vars[g.n(len(vars))], g.expr(tInt, 2)
	return stmt{v.name + " += " + e.text + "\n", func(f *frame) flow {
		add := e.eval(f).(int)
		c := f.at(v.id)
		c.v = c.v.(int) + add
		return onward
	}}
}

// appends always makes a new array: how much room the old one has is the

// compiler's affair.

func (g *generator) appends() stmt {
	t := pick(&g.choices, tInts, tWords)
	vars := g.visible(t)
	if len(vars) == 0 {
		return g.newVar()
	}
	v, e := vars[g.n(len(vars))], g.expr(t.elem, 2)
	return stmt{fmt.Sprintf("%s = append(%s[:len(%s):len(%s)], %s)\n", v.name, v.name, v.name, v.name, e.text), func(f *frame) flow {
		x := e.eval(f)
		c := f.at(v.id)
		c.v = append(slices.Clip(slices.Clone(c.v.([]any))), x)
		return onward
	}}
}

func (g *generator) setsMap() stmt {
	vars := g.visible(tCounts)
	if len(vars) == 0 {
		return g.newVar()
	}
	v, k, x := vars[g.n(len(vars))], g.leaf(tString), g.leaf(tInt)
	return stmt{v.name + "[" + k.text + "] = " + x.text + "\n", func(f *frame) flow {
		f.at(v.id).v.(map[any]any)[k.eval(f)] = x.eval(f)
		return onward
	}}
}

func (g *generator) setsField() stmt {
	t := g.structs[g.n(len(g.structs))]
	vars := g.visible(t)
	if len(vars) == 0 {
		return g.newVar()
	}
	v, i := vars[g.n(len(vars))], g.n(len(t.fields))
	e := g.expr(t.fields[i].typ, 2)
	return stmt{fmt.Sprintf("%s.F%d = %s\n", v.name, i, e.text), func(f *frame) flow {
		x := e.eval(f)
		f.at(v.id).v.(record).fields[i] = x
		return onward
	}}
}

// printable makes arguments of Println; functions and pointers have no value to

// show.

func (g *generator) printable() (text string, es []expr) {
	var texts []string
	for range 1 + g.n(3) {
		t := g.anyType()
		if t == tPtr || t == tFunc {
			t = tInt
		}
		e := g.expr(t, 3)
		es, texts = append(es, e), append(texts, e.text)
	}
	return strings.Join(texts, ", "), es
}

func (g *generator) print() stmt {
	text, es := g.printable()
	return stmt{"fmt.Println(" + text + ")\n", func(f *frame) flow {
		fmt.Fprintln(&f.call.m.out, all(f, es)...)
		return onward
	}}
}

func (g *generator) deferPrint() stmt {
	text, es := g.printable()
	return stmt{"defer fmt.Println(\"deferred\", " + text + ")\n", func(f *frame) flow {
		args := append([]any{"deferred"}, all(f, es)...)
		for i := range args {
			args[i] = copied(args[i])
		}
		f.call.deferred = append(f.call.deferred, func() { fmt.Fprintln(&f.call.m.out, args...) })
		return onward
	}}
}

// turn makes a loop's body, in which some variables are declared.

// turns runs a loop's body for each value of its variables.

// outside makes a block that can neither break nor continue a loop around it.

// try makes statements whose panic is caught and printed.

// goSum has goroutines compute something, and adds it up.

// elsewhere computes an expression in another goroutine: a panic there ends the

// program, whoever would recover here.

// pipeline has one goroutine send what another changes and a third prints.

// locked has goroutines change a variable of the program's under a lock.

// stack uses a generic type and generic functions.

// leave leaves a loop or a function, or panics, if something is so.

// callFunc calls a function that the program declares, or a closure.

// held puts an expression into a variable that nothing else sees: it is read

// when it was computed.

// structType declares a struct with a method.

// function declares a function, which may call those before it.
