package screen

import (
	"go/ast"
	"math"
)

// A grower is a declaration by which a type parameter becomes part of a larger
// type: a function from T to Pair[T, T], a field of type func(T, T).
type grower struct {
	name  string  // what has to be mentioned to use it
	bits  float64 // log2 of how often the parameter is in the larger type
	nodes float64 // what else is in it

	// direct says that the larger type can be used the same way again at once: it
	// is the result of a function that infers its parameters, or an instance of one
	// of the package's types with more than bare parameters for arguments. Any
	// other grows again only by the call of a generic function.
	direct bool
}

// A growth is how large types may become that nobody wrote down.
//
// The type checker writes out the full name of every instance, and inference
// needs no name for the next: twenty-four calls w(x) in a row, of a function
// from T to Pair[T, T], make one of 2^24 parts. What is counted is how often
// each grower is mentioned, as if each mention grew what all the others made.
type growth struct{ bits, nodes, uses float64 }

// work is how much the type checker may have to do to name what has grown from
// types of that size.
func (g growth) work(tree uint64) float64 {
	parts := float64(tree) + g.nodes
	return parts * math.Exp2(g.bits) * (parts + g.bits) * g.uses
}

func (z *sizer) growth(files []*file) growth {
	uses := map[string]int{}
	var growers []grower
	calls := 0
	var generic []string // functions, whose type parameters are inferred
	for _, f := range files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				uses[n.Name]++
			case *ast.TypeSpec:
				growers = append(growers, z.typeGrowers(n)...)
			case *ast.FuncDecl:
				growers = append(growers, z.funcGrowers(n)...)
				if n.Type.TypeParams != nil {
					generic = append(generic, n.Name.Name)
				}
			}
			return true
		})
	}
	for _, name := range generic {
		calls += uses[name] - 1 // the declaration mentions it too
	}
	var direct, other, most growth
	for _, g := range growers {
		n := float64(max(uses[g.name]-1, 1))
		sum := &other
		if g.direct {
			sum = &direct
		}
		sum.bits += n * g.bits
		sum.nodes += n * g.nodes
		sum.uses += n
		most.bits, most.nodes = max(most.bits, g.bits), max(most.nodes, g.nodes)
	}
	n := float64(calls)
	return growth{
		bits:  direct.bits + min(other.bits, n*most.bits),
		nodes: direct.nodes + min(other.nodes, n*most.nodes),
		uses:  direct.uses + min(other.uses, n),
	}
}

// funcGrowers is what a generic function or a method of a generic type grows:
// its results, and its constraints, from which types are inferred.
func (z *sizer) funcGrowers(fn *ast.FuncDecl) []grower {
	ps := parameters(fn.Type.TypeParams)
	if fn.Recv != nil {
		for _, r := range fn.Recv.List {
			t := r.Type
			if star, ok := t.(*ast.StarExpr); ok {
				t = star.X
			}
			_, args := instantiation(t)
			for _, a := range args {
				if id, ok := a.(*ast.Ident); ok {
					ps = append(ps, id)
				}
			}
		}
	}
	return z.grow(fn.Name.Name, ps, fn.Type.TypeParams != nil, fn.Type.TypeParams, fn.Type.Results)
}

// typeGrowers is what a generic type grows, by each of its fields.
func (z *sizer) typeGrowers(t *ast.TypeSpec) []grower {
	if t.TypeParams == nil {
		return nil
	}
	ps := parameters(t.TypeParams)
	name := t.Name.Name
	out := z.grow(name, ps, false, t.TypeParams)
	var fields *ast.FieldList
	switch u := t.Type.(type) {
	case *ast.StructType:
		fields = u.Fields
	case *ast.InterfaceType:
		fields = u.Methods
	default:
		fields = &ast.FieldList{List: []*ast.Field{{Type: u}}}
	}
	for _, f := range fields.List {
		by := []*ast.Ident{t.Name} // an embedded field has no name of its own
		if len(f.Names) > 0 {
			by = f.Names
		}
		for _, id := range by {
			out = append(out, z.grow(id.Name, ps, false, &ast.FieldList{List: []*ast.Field{f}})...)
		}
	}
	return out
}

func parameters(list *ast.FieldList) (out []*ast.Ident) {
	if list == nil {
		return nil
	}
	for _, f := range list.List {
		out = append(out, f.Names...)
	}
	return out
}

// grow is the grower that the types in lists make, if they do.
func (z *sizer) grow(name string, ps []*ast.Ident, direct bool, lists ...*ast.FieldList) []grower {
	g := grower{name: name, direct: direct}
	rest := params[uint64]{}
	for _, p := range ps {
		rest[meaning(p)] = 0
	}
	for _, list := range lists {
		if list == nil || len(ps) == 0 {
			continue
		}
		for _, f := range list.List {
			var most uint64
			for _, p := range ps {
				rest[meaning(p)] = 1
				most = max(most, z.tree(f.Type, rest, 0))
				rest[meaning(p)] = 0
			}
			if most == 0 {
				continue
			}
			g.bits = max(g.bits, math.Log2(float64(most)))
			g.nodes = max(g.nodes, float64(z.tree(f.Type, rest, 1)))
			g.direct = g.direct || z.nests(f.Type, rest)
		}
	}
	if g.bits == 0 && g.nodes == 0 {
		return nil
	}
	return []grower{g}
}

// nests says whether e has an instance of one of the package's generic types in
// it, with an argument that is more than a bare parameter but has one in it.
func (z *sizer) nests(e ast.Expr, ps params[uint64]) bool {
	one := params[uint64]{}
	for p := range ps {
		one[p] = 1
	}
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		x, ok := n.(ast.Expr)
		if !ok || found {
			return !found
		}
		base, args := instantiation(x)
		if base == nil || z.declaration(base) == nil {
			return true
		}
		for _, a := range args {
			if _, bare := a.(*ast.Ident); !bare && z.tree(a, one, 0) > 0 {
				found = true
			}
		}
		return !found
	})
	return found
}
