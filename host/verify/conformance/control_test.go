package conformance

import (
	"fmt"
	"strings"
)

func (g *generator) ifElse() stmt {
	e, a, b := g.expr(tBool, 3), g.block(), g.block()
	return stmt{"if " + e.text + " {\n" + a.text + "} else {\n" + b.text + "}\n", func(f *frame) flow {
		if e.eval(f).(bool) {
			return a.exec(f)
		}
		return b.exec(f)
	}}
}

func (g *generator) turn(vars ...variable) stmt {
	outer := len(g.scope)
	g.scope = append(g.scope, vars...)
	g.loops++
	b := g.block()
	g.loops--
	g.scope = g.scope[:outer]
	return b
}

func turns(f *frame, n int, body stmt, set func(i int, in *frame)) flow {
	for i := range n {
		in := f.inner()
		set(i, in)
		if fl := body.exec(in); fl == breaking {
			break
		} else if fl == returning {
			return fl
		}
	}
	return onward
}

func (g *generator) loop() stmt {
	n := 1 + g.n(maxTurns)
	if g.n(2) == 0 {
		down, _ := g.name("n")
		b := g.turn()
		return stmt{fmt.Sprintf("for %s := %d; %s > 0; %s-- {\n%s}\n", down, n, down, down, b.text), func(f *frame) flow {
			return turns(f, n, b, func(int, *frame) {})
		}}
	}
	i := g.declare(tInt)
	b := g.turn(i)
	return stmt{fmt.Sprintf("for %s := range %d {\n_ = %s\n%s}\n", i.name, n, i.name, b.text), func(f *frame) flow {
		return turns(f, n, b, func(k int, in *frame) { in.vars[i.id] = &cell{k} })
	}}
}

func (g *generator) rangeSlice() stmt {
	t := pick(&g.choices, tInts, tWords)
	s := g.expr(t, 2)
	i, v := g.declare(tInt), g.declare(t.elem)
	b := g.turn(i, v)
	return stmt{fmt.Sprintf("for %s, %s := range %s {\n_, _ = %s, %s\n%s}\n", i.name, v.name, s.text, i.name, v.name, b.text), func(f *frame) flow {
		of := s.eval(f).([]any)
		return turns(f, len(of), b, func(k int, in *frame) { in.vars[i.id], in.vars[v.id] = &cell{k}, &cell{of[k]} })
	}}
}

func (g *generator) outside() stmt {
	loops := g.loops
	g.loops = 0
	b := g.block()
	g.loops = loops
	return b
}

func (g *generator) switchInt() stmt {
	e := opaque(g.expr(tInt, 2))
	n := g.n(4)
	cases := make([]stmt, n+1)
	var text strings.Builder
	for k := range cases {
		cases[k] = g.outside()
		if k < n {
			fmt.Fprintf(&text, "case %d:\n%s", k, cases[k].text)
		} else {
			text.WriteString("default:\n" + cases[k].text)
		}
	}
	return stmt{"switch " + e.text + " {\n" + text.String() + "}\n", func(f *frame) flow {
		k := e.eval(f).(int)
		if k < 0 || k > n {
			k = n
		}
		return cases[k].exec(f)
	}}
}

func (g *generator) typeSwitch() stmt {
	t := pick(&g.choices, g.basic(), tInts, g.structs[0])
	e := g.expr(t, 2)
	x, _ := g.name("x")
	text := fmt.Sprintf(`switch %s := any(%s).(type) {
case int, uint8:
	fmt.Println("number", %s)
case string:
	fmt.Println("string", len(%s))
case []int:
	fmt.Println("slice", len(%s))
case Shape:
	fmt.Println("shape", %s.Area())
default:
	fmt.Println("other", %s)
}
`, x, e.text, x, x, x, x, x)
	return stmt{text, func(f *frame) flow {
		out := &f.call.m.out
		switch x := e.eval(f).(type) {
		case int, uint8:
			fmt.Fprintln(out, "number", x)
		case string:
			fmt.Fprintln(out, "string", len(x))
		case []any:
			fmt.Fprintln(out, "slice", len(x))
		case record:
			fmt.Fprintln(out, "shape", area(x))
		default:
			fmt.Fprintln(out, "other", x)
		}
		return onward
	}}
}

func (g *generator) try() stmt {
	b := g.body(nil, nil)
	return stmt{"try(func() {\n" + b.text + "})\n", func(f *frame) flow {
		m := f.call.m
		m.step()
		func() {
			defer func() {
				if r := recover(); beyond(r) {
					panic(r)
				} else if r != nil {
					fmt.Fprintln(&m.out, "recovered:", r)
				}
			}()
			m.run(&frame{map[int]*cell{}, f, &call{m: m}}, b)
		}()
		return onward
	}}
}

func (g *generator) leave() stmt {
	e := g.expr(tBool, 2)
	var s stmt
	switch {
	case g.loops > 0 && g.n(3) > 0:
		s = pick(&g.choices, stmt{"break\n", func(*frame) flow { return breaking }}, stmt{"continue\n", func(*frame) flow { return continuing }})
	case g.result != nil && g.n(3) > 0:
		s = g.returns()
	default:
		x := g.expr(tString, 1)
		s = stmt{"panic(\"boom \" + " + x.text + ")\n", func(f *frame) flow { panic("boom " + x.eval(f).(string)) }}
	}
	return stmt{"if " + e.text + " {\n" + s.text + "}\n", func(f *frame) flow {
		if e.eval(f).(bool) {
			return s.exec(f)
		}
		return onward
	}}
}

func (g *generator) callFunc() stmt {
	if vars := g.visible(tFunc); len(vars) > 0 && g.n(2) == 0 || len(g.funcs) == 0 {
		e, arg := g.expr(tFunc, 1), g.expr(tInt, 2)
		callee, args := g.held(e), g.held(arg)
		_, s := g.declares(tInt, expr{callee.v.name + "(" + args.v.name + ")", false, func(f *frame) any {
			return f.at(callee.v.id).v.(*closure).call(f.call.m, f.at(args.v.id).v)
		}}, false)
		return sequence(callee.stmt, args.stmt, s)
	}
	fn := g.funcs[g.n(len(g.funcs))]
	var texts []string
	var es []expr
	for _, p := range fn.params {
		e := g.expr(p.typ, 2)
		es, texts = append(es, e), append(texts, e.text)
	}
	_, s := g.declares(fn.result, expr{fn.name + "(" + strings.Join(texts, ", ") + ")", false, func(f *frame) any {
		args := all(f, es)
		for i := range args {
			args[i] = copied(args[i])
		}
		return f.call.m.call(fn, args)
	}}, true)
	return s
}

type held struct {
	v    variable
	stmt stmt
}

func (g *generator) held(e expr) held {
	name, id := g.name("h")
	return held{variable{id: id, name: name}, stmt{name + " := " + e.text + "\n", func(f *frame) flow {
		f.vars[id] = &cell{e.eval(f)}
		return onward
	}}}
}
