package screen

import (
	"fmt"
	"go/ast"
)

// value is the extent of a value of type e: structs, arrays and what interfaces
// embed are counted out, behind aliases and defined types too, but nothing that
// is only referred to.
func (z *sizer) value(e ast.Expr, env params[extent]) extent {
	switch e := e.(type) {
	case *ast.Ident:
		if x, ok := env[meaning(e)]; ok {
			return x
		}
		if t := z.declaration(e); t != nil {
			return z.instance(t, nil)
		}
		if e.Obj == nil && basic[e.Name] > 0 {
			return extent{1, basic[e.Name]}
		}
	case *ast.ParenExpr:
		return z.value(e.X, env)
	case *ast.ArrayType:
		if e.Len == nil {
			return extent{1, 24}
		}
		return z.value(e.Elt, env).times(z.arrayLen(e.Len))
	case *ast.StructType:
		x := extent{1, 0}
		for _, f := range e.Fields.List {
			one := z.value(f.Type, env)
			for range max(len(f.Names), 1) {
				x = x.plus(one)
			}
		}
		return x
	case *ast.InterfaceType:
		// What is embedded is counted out as fields are: the type checker walks
		// through it the same way.
		x := extent{1, 16}
		for _, f := range e.Methods.List {
			if len(f.Names) == 0 {
				x.leaves = add(x.leaves, z.value(f.Type, env).leaves)
			}
		}
		return x
	case *ast.UnaryExpr: // ~T in a constraint
		return z.value(e.X, env)
	case *ast.BinaryExpr: // A | B in one
		return z.value(e.X, env).plus(z.value(e.Y, env))
	case *ast.IndexExpr, *ast.IndexListExpr:
		base, args := instantiation(e)
		xs := make([]extent, len(args))
		sum := word
		for i, a := range args {
			xs[i] = z.value(a, env)
			sum = sum.plus(xs[i])
		}
		if base != nil {
			if t := z.declaration(base); t != nil {
				return z.instance(t, xs)
			}
		}
		return sum // a generic type from elsewhere holds each argument about once
	}
	return word
}

// instance is the extent of a declared type with these arguments; parameters
// without an argument count as a word.
func (z *sizer) instance(t *ast.TypeSpec, args []extent) extent {
	key := fmt.Sprint(z.id(t), args)
	if x, ok := z.values[key]; ok {
		return x
	}
	if z.active[t] {
		return word
	}
	z.active[t] = true
	x := z.value(t.Type, bind(t.TypeParams, args))
	delete(z.active, t)
	z.values[key] = x
	return x
}

func (z *sizer) id(t *ast.TypeSpec) string {
	if z.ids[t] == "" {
		z.ids[t] = fmt.Sprint(len(z.ids))
	}
	return z.ids[t]
}

func bind[T any](list *ast.FieldList, args []T) params[T] {
	if list == nil || len(args) == 0 {
		return nil
	}
	env := params[T]{}
	for _, f := range list.List {
		for _, name := range f.Names {
			if len(args) > 0 {
				env[meaning(name)], args = args[0], args[1:]
			}
		}
	}
	return env
}

// tree is the number of nodes of the type e as it is written when aliases and
// their arguments are counted out; defined types count with their arguments
// alone. Each node counts node, each type parameter what env says, else node.
func (z *sizer) tree(e ast.Expr, env params[uint64], node uint64) uint64 {
	switch e := e.(type) {
	case *ast.Ident:
		if n, ok := env[meaning(e)]; ok {
			return n
		}
		if t := z.declaration(e); t != nil {
			return z.treeOf(t, nil, node)
		}
		return node
	case *ast.ParenExpr:
		return z.tree(e.X, env, node)
	case *ast.StarExpr:
		return add(node, z.tree(e.X, env, node))
	case *ast.UnaryExpr: // ~T in a constraint
		return add(node, z.tree(e.X, env, node))
	case *ast.BinaryExpr: // A | B in one
		return add(z.tree(e.X, env, node), z.tree(e.Y, env, node))
	case *ast.ArrayType:
		return add(node, z.tree(e.Elt, env, node))
	case *ast.ChanType:
		return add(node, z.tree(e.Value, env, node))
	case *ast.Ellipsis:
		return add(node, z.tree(e.Elt, env, node))
	case *ast.MapType:
		return add(node, add(z.tree(e.Key, env, node), z.tree(e.Value, env, node)))
	case *ast.FuncType:
		return add(node, add(z.fields(e.Params, env, node), z.fields(e.Results, env, node)))
	case *ast.StructType:
		return add(node, z.fields(e.Fields, env, node))
	case *ast.InterfaceType:
		return add(node, z.fields(e.Methods, env, node))
	case *ast.IndexExpr, *ast.IndexListExpr:
		base, args := instantiation(e)
		sizes := make([]uint64, len(args))
		sum := node
		for i, a := range args {
			sizes[i] = z.tree(a, env, node)
			sum = add(sum, sizes[i])
		}
		if base != nil {
			if t := z.declaration(base); t != nil && t.Assign.IsValid() {
				return z.treeOf(t, sizes, node)
			}
		}
		return sum
	}
	return node
}

func (z *sizer) fields(list *ast.FieldList, env params[uint64], node uint64) uint64 {
	if list == nil {
		return 0
	}
	var sum uint64
	for _, f := range list.List {
		one := z.tree(f.Type, env, node)
		sum = add(sum, mul(one, uint64(max(len(f.Names), 1))))
	}
	return sum
}

// treeOf is the tree of a declared type's name: of an alias, what it stands for.
func (z *sizer) treeOf(t *ast.TypeSpec, args []uint64, node uint64) uint64 {
	if !t.Assign.IsValid() {
		return node
	}
	key := fmt.Sprint(z.id(t), args, node)
	if n, ok := z.trees[key]; ok {
		return n
	}
	if z.active[t] {
		return node
	}
	z.active[t] = true
	n := z.tree(t.Type, bind(t.TypeParams, args), node)
	delete(z.active, t)
	z.trees[key] = n
	return n
}
