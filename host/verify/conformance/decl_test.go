package conformance

import (
	"fmt"
	"strconv"
	"strings"
)

func (g *generator) structType() (text string) {
	t := &typ{kind: kindStruct, text: "S" + strconv.Itoa(len(g.structs))}
	var fields strings.Builder
	for i := range 1 + g.n(4) {
		_, id := g.name("f")
		v := variable{id, "r.F" + strconv.Itoa(i), g.basic()}
		t.fields = append(t.fields, v)
		fmt.Fprintf(&fields, "\tF%d %s\n", i, v.typ.text)
	}
	g.scope = t.fields
	t.area = g.int(1)
	g.scope = nil
	g.structs = append(g.structs, t)
	return fmt.Sprintf("type %s struct {\n%s}\n\nfunc (r %s) Area() int { return %s }\n\n", t.text, fields.String(), t.text, t.area.text)
}

func (g *generator) function() (text string) {
	fn := &function{name: "f" + strconv.Itoa(len(g.funcs)), result: g.anyType()}
	var params []string
	for range g.n(4) {
		v := g.declare(g.anyType())
		fn.params = append(fn.params, v)
		params = append(params, v.name+" "+v.typ.text)
	}
	recovers := ""
	if g.n(2) == 0 {
		e := g.leaf(fn.result)
		fn.rescues = &e
		recovers = "defer func() {\nif r := recover(); r != nil {\nfmt.Println(\"recovered:\", r)\nresult = " + e.text + "\n}\n}()\n"
	}
	g.scope = nil
	fn.body = g.body(fn.params, fn.result)
	g.funcs = append(g.funcs, fn)
	return fmt.Sprintf("func %s(%s) (result %s) {\n%s%s}\n\n", fn.name, strings.Join(params, ", "), fn.result.text, recovers, fn.body.text)
}
