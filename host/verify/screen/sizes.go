package screen

import (
	"fmt"
	"go/ast"
	"go/token"
	"math"
)

// A sizer computes, from the syntax alone, how large types and constants would
// be if everything in them were counted out. Names are resolved by the parser
// within a file, else among the package's declarations; what comes from other
// packages counts as one. All arithmetic saturates.
type sizer struct {
	types  map[string]*ast.TypeSpec // of the package, for names the parser left open
	consts map[string]*constant

	values  map[string]extent // of instances, by declaration and the extents of arguments
	trees   map[string]uint64
	active  map[*ast.TypeSpec]bool // being computed: a type that contains itself is an error anyway
	ids     map[*ast.TypeSpec]string
	spec    map[*ast.ValueSpec][]*constant
	lengths map[ast.Expr]uint64
}

// sizes checks the sizes of all types and constants.
func (s *screener) sizes() {
	z := newSizer(s.files)
	var tree uint64 // the largest type that is written down
	for _, f := range s.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			x, t := z.size(n)
			tree = max(tree, t)
			return !s.tooLarge(f, n, x, t)
		})
	}
	if at, total := s.constants(z); total > MaxConstant {
		s.add(at, "size", "constant strings have more than %d MiB together", MaxConstant>>20)
	}
	if !s.large && z.growth(s.files).work(tree) > MaxGrowth {
		s.add(place{}, "size", "generic types may grow too large: each call can make a larger type than the one before")
	}
}

// size is the extent and the tree of what n declares or denotes, if that can be
// larger than it looks.
func (z *sizer) size(n ast.Node) (x extent, tree uint64) {
	switch n := n.(type) {
	case *ast.TypeSpec:
		return z.instance(n, nil), z.treeOf(n, nil, 1)
	case *ast.ArrayType:
		if n.Len != nil {
			return z.value(n, nil), 0
		}
	case *ast.StructType, *ast.InterfaceType:
		return z.value(n.(ast.Expr), nil), 0
	case *ast.IndexExpr, *ast.IndexListExpr:
		if base, _ := instantiation(n.(ast.Expr)); base != nil && z.declaration(base) != nil {
			return z.value(n.(ast.Expr), nil), z.tree(n.(ast.Expr), nil, 1)
		}
	case *ast.CompositeLit:
		if a, ok := n.Type.(*ast.ArrayType); ok && len(n.Elts) > 0 {
			return z.value(a.Elt, nil).times(z.literalLen(n)), 0
		}
	}
	return extent{}, 0
}

// tooLarge reports the first type that is: what it is part of is larger still.
func (s *screener) tooLarge(f *file, n ast.Node, x extent, tree uint64) bool {
	why := ""
	switch {
	case s.large:
		return true
	case x.leaves > MaxLeaves:
		why = fmt.Sprintf("has more than %d fields, all structs in it counted out", MaxLeaves)
	case x.bytes > MaxBytes:
		why = fmt.Sprintf("is larger than the %d MiB of memory a program has here", MaxBytes>>20)
	case tree > MaxTree:
		why = fmt.Sprintf("is made of more than %d parts, all names in it counted out", MaxTree)
	default:
		return false
	}
	s.large = true
	s.add(f.at(n.Pos()), "size", "this type %s", why)
	return true
}

// An extent is what a value takes: fields, and bytes.
type extent struct{ leaves, bytes uint64 }

func (x extent) plus(y extent) extent {
	return extent{add(x.leaves, y.leaves), add(x.bytes, y.bytes)}
}

// times is an array of n of x. Its elements are alike, so they do not count as
// fields.
func (x extent) times(n uint64) extent { return extent{add(x.leaves, 1), mul(x.bytes, n)} }

func add(a, b uint64) uint64 {
	if a+b < a {
		return math.MaxUint64
	}
	return a + b
}

func mul(a, b uint64) uint64 {
	if a != 0 && b > math.MaxUint64/a {
		return math.MaxUint64
	}
	return a * b
}

// word is anything that is one value however large what it refers to is.
var word = extent{1, 8}

// basic are the predeclared types that are no word.
var basic = map[string]uint64{"bool": 1, "int8": 1, "uint8": 1, "byte": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "rune": 4,
	"float32": 4, "string": 16, "error": 16, "any": 16, "complex128": 16}

// params are the extents or weights of type parameters, by the meaning of their
// names.
type params[T any] map[any]T

// meaning is what a type parameter's name stands for, the same where it is
// declared and where it is used: the parser's object, or the name itself for
// those of a receiver, for which the parser makes none.
func meaning(id *ast.Ident) any {
	if id.Obj == nil {
		return id.Name
	}
	return id.Obj
}

func newSizer(files []*file) *sizer {
	z := &sizer{types: map[string]*ast.TypeSpec{}, consts: map[string]*constant{}, values: map[string]extent{}, trees: map[string]uint64{},
		active: map[*ast.TypeSpec]bool{}, ids: map[*ast.TypeSpec]string{}, spec: map[*ast.ValueSpec][]*constant{}, lengths: map[ast.Expr]uint64{}}
	for _, f := range files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if g, ok := n.(*ast.GenDecl); ok && g.Tok == token.CONST {
				z.declareConsts(g)
			}
			return true
		})
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					z.types[spec.Name.Name] = spec
				case *ast.ValueSpec:
					for i, c := range z.spec[spec] {
						z.consts[spec.Names[i].Name] = c
					}
				}
			}
		}
	}
	return z
}

// declaration is what declares the type that id names, nil if that is not known.
func (z *sizer) declaration(id *ast.Ident) *ast.TypeSpec {
	if id.Obj == nil {
		return z.types[id.Name]
	}
	t, _ := id.Obj.Decl.(*ast.TypeSpec)
	return t
}

// instantiation divides G[A, B] into G and its arguments.
func instantiation(e ast.Expr) (base *ast.Ident, args []ast.Expr) {
	switch e := e.(type) {
	case *ast.IndexExpr:
		base, _ = e.X.(*ast.Ident)
		return base, []ast.Expr{e.Index}
	case *ast.IndexListExpr:
		base, _ = e.X.(*ast.Ident)
		return base, e.Indices
	}
	return nil, nil
}
