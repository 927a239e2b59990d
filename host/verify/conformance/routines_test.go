package conformance

import (
	"fmt"
	"strings"
)

func (g *generator) goSum() stmt {
	n := 1 + g.n(8)
	i := g.declare(tInt)
	g.scope = append(g.scope, i)
	e := g.expr(tInt, 3)
	g.scope = g.scope[:len(g.scope)-1]
	text := fmt.Sprintf("{\nc := make(chan int)\nfor %s := range %d {\n_ = %s\ngo func() { c <- %s }()\n}\nt := 0\nfor range %d {\nt += <-c\n}\nfmt.Println(\"sum\", t)\n}\n", i.name, n, i.name, e.text, n)
	return stmt{text, func(f *frame) flow {
		t := 0
		for k := range n {
			in := f.inner()
			in.vars[i.id] = &cell{k}
			t += elsewhere(in, e).(int)
		}
		fmt.Fprintln(&f.call.m.out, "sum", t)
		return onward
	}}
}

func elsewhere(f *frame, e expr) any {
	defer func() {
		if r := recover(); r != nil {
			if !beyond(r) {
				r = fatal{}
			}
			panic(r)
		}
	}()
	return e.eval(f)
}

func (g *generator) pipeline() stmt {
	n, a, b, room := g.n(6), g.n(10), g.n(10)-5, g.n(3)
	text := fmt.Sprintf(`{
	from, to := make(chan int), make(chan string, %d)
	go func() {
		defer close(from)
		for i := range %d {
			from <- i*%d
		}
	}()
	go func() {
		defer close(to)
		for x := range from {
			to <- fmt.Sprint(x, %d-x)
		}
	}()
	for s := range to {
		fmt.Println(s)
	}
	select {
	case s, ok := <-to:
		fmt.Println(s == "", ok)
	case <-time.After(time.Hour):
		fmt.Println("late")
	}
}
`, room, n, a, b)
	return stmt{text, func(f *frame) flow {
		for i := range n {
			f.call.m.step()
			fmt.Fprintln(&f.call.m.out, fmt.Sprint(i*a, b-i*a))
		}
		fmt.Fprintln(&f.call.m.out, true, false)
		return onward
	}}
}

func (g *generator) locked() stmt {
	vars := g.visible(tInt)
	if len(vars) == 0 {
		return g.goSum()
	}
	v, n, a := vars[g.n(len(vars))], 1+g.n(8), g.n(100)
	text := fmt.Sprintf("{\nvar mu sync.Mutex\nvar wg sync.WaitGroup\nfor i := range %d {\nwg.Go(func() {\ntime.Sleep(time.Duration(i) * time.Minute)\nmu.Lock()\ndefer mu.Unlock()\n%s += i * %d\n})\n}\nwg.Wait()\n}\n", n, v.name, a)
	return stmt{text, func(f *frame) flow {
		c := f.at(v.id)
		for i := range n {
			c.v = c.v.(int) + i*a
		}
		return onward
	}}
}

func (g *generator) stack() stmt {
	t := g.basic()
	n := 1 + g.n(3)
	es := make([]expr, n)
	name, _ := g.name("s")
	var text strings.Builder
	fmt.Fprintf(&text, "%s := &Stack[%s]{}\n", name, t.text)
	for i := range es {
		es[i] = g.expr(t, 2)
		fmt.Fprintf(&text, "%s.Push(%s)\n", name, es[i].text)
	}
	pops := g.n(5)
	fmt.Fprintf(&text, "for range %d {\nx, err := %s.Pop()\nfmt.Println(x, err, errors.Is(err, ErrEmpty))\n}\nfmt.Println(mapped(%s.items, func(x %s) string { return fmt.Sprint(\"<\", x, \">\") }))\n", pops, name, name, t.text)
	return stmt{text.String(), func(f *frame) flow {
		out := &f.call.m.out
		items := all(f, es)
		for range pops {
			if len(items) == 0 {
				fmt.Fprintln(out, zero(t), "pop: the stack is empty", true)
				continue
			}
			fmt.Fprintln(out, items[len(items)-1], nil, false)
			items = items[:len(items)-1]
		}
		shown := make([]string, len(items))
		for i, x := range items {
			shown[i] = fmt.Sprint("<", x, ">")
		}
		fmt.Fprintln(out, shown)
		return onward
	}}
}

func zero(t *typ) any {
	return map[*typ]any{tInt: 0, tString: "", tBool: false, tFloat: 0.0, tByte: uint8(0)}[t]
}
