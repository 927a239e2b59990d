package screen

import (
	"go/ast"
	goconst "go/constant"
	"go/token"
)

// maxBits bounds the integers that are computed with; the compiler's own bound
// is the same.
const maxBits = 512

// A constant is one declared name, its expression and place in its group.
type constant struct {
	expr   ast.Expr // nil if it has none
	iota   int
	state  int // 0 unknown, 1 being computed, 2 known
	number goconst.Value

	lengthState int
	length      uint64
}

// declareConsts notes a group of constants, with what they repeat of the ones
// before.
func (z *sizer) declareConsts(g *ast.GenDecl) {
	var values []ast.Expr
	for i, spec := range g.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		if len(v.Values) > 0 || v.Type != nil {
			values = v.Values
		}
		for k := range v.Names {
			c := &constant{iota: i}
			if k < len(values) {
				c.expr = values[k]
			}
			z.spec[v] = append(z.spec[v], c)
		}
	}
}

// constant is what a name stands for, nil if it is not known as a constant.
func (z *sizer) constant(id *ast.Ident) *constant {
	if id.Obj == nil {
		return z.consts[id.Name]
	}
	if v, ok := id.Obj.Decl.(*ast.ValueSpec); ok {
		for i, name := range v.Names {
			if name.Name == id.Name && i < len(z.spec[v]) {
				return z.spec[v][i]
			}
		}
	}
	return nil
}

// arrayLen is the length of an array, 1 if it cannot be told from the syntax.
func (z *sizer) arrayLen(e ast.Expr) uint64 {
	if n := z.number(e, 0); n != nil {
		if goconst.Sign(n) <= 0 {
			return 0
		}
		if u, ok := goconst.Uint64Val(n); ok {
			return u
		}
		return MaxBytes + 1
	}
	return 1
}

// literalLen is how many elements an array or slice literal has by its largest
// index.
func (z *sizer) literalLen(lit *ast.CompositeLit) uint64 {
	var next, most uint64
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if n := z.number(kv.Key, 0); n != nil {
				if u, ok := goconst.Uint64Val(n); ok {
					next = u
				}
			}
		}
		next = add(next, 1)
		most = max(most, next)
	}
	return most
}

// number computes an integer constant, nil if it is none that the syntax tells.
func (z *sizer) number(e ast.Expr, iota int) goconst.Value {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return z.number(e.X, iota)
	case *ast.BasicLit:
		if (e.Kind == token.INT || e.Kind == token.CHAR) && len(e.Value) < maxBits {
			return fits(goconst.MakeFromLiteral(e.Value, e.Kind, 0))
		}
	case *ast.Ident:
		c := z.constant(e)
		switch {
		case c == nil && e.Name == "iota" && e.Obj == nil:
			return goconst.MakeInt64(int64(iota))
		case c == nil || c.expr == nil || c.state == 1:
			return nil
		case c.state == 0:
			c.state = 1
			c.number = z.number(c.expr, c.iota)
			c.state = 2
		}
		return c.number
	case *ast.UnaryExpr:
		if x := z.number(e.X, iota); x != nil && (e.Op == token.SUB || e.Op == token.ADD || e.Op == token.XOR) {
			return goconst.UnaryOp(e.Op, x, 0)
		}
	case *ast.CallExpr: // a conversion, such as int(n)
		if id, ok := e.Fun.(*ast.Ident); ok && id.Obj == nil && len(e.Args) == 1 && (id.Name == "int" || id.Name == "uint" || id.Name == "int64" || id.Name == "uint64") {
			return z.number(e.Args[0], iota)
		}
	case *ast.BinaryExpr:
		return z.binary(e, iota)
	}
	return nil
}

func (z *sizer) binary(e *ast.BinaryExpr, iota int) goconst.Value {
	x, y := z.number(e.X, iota), z.number(e.Y, iota)
	if x == nil || y == nil {
		return nil
	}
	switch op := e.Op; op {
	case token.SHL, token.SHR:
		n, ok := goconst.Uint64Val(y)
		if !ok || op == token.SHL && n > maxBits {
			return nil
		}
		return fits(goconst.Shift(x, op, uint(min(n, maxBits))))
	case token.ADD, token.SUB, token.MUL, token.AND, token.OR, token.XOR, token.AND_NOT:
		return fits(goconst.BinaryOp(x, op, y))
	case token.QUO, token.REM:
		if goconst.Sign(y) == 0 {
			return nil
		}
		if op == token.QUO {
			op = token.QUO_ASSIGN // of integers
		}
		return fits(goconst.BinaryOp(x, op, y))
	}
	return nil
}

func fits(v goconst.Value) goconst.Value {
	if v.Kind() != goconst.Int || goconst.BitLen(v) > maxBits {
		return nil
	}
	return v
}

// constants is how many bytes the package's constant strings have together,
// and the place where they become too many.
func (s *screener) constants(z *sizer) (at place, total uint64) {
	for _, f := range s.files {
		inner := map[ast.Expr]bool{} // parts of expressions that are counted as a whole
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if total > MaxConstant {
				return false
			}
			switch n := n.(type) {
			case *ast.BinaryExpr:
				if n.Op != token.ADD {
					break
				}
				inner[n.X], inner[n.Y] = true, true
				if !inner[n] {
					total = add(total, z.strLen(n))
				}
			case *ast.ValueSpec:
				for _, c := range z.spec[n] {
					total = add(total, z.constLen(c))
				}
			}
			if n != nil && total > MaxConstant {
				at = f.at(n.Pos())
			}
			return true
		})
	}
	return at, total
}

// strLen is at least the length of a constant string, 0 for anything else.
func (z *sizer) strLen(e ast.Expr) uint64 {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return z.strLen(e.X)
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return uint64(len(e.Value))
		}
	case *ast.Ident:
		if c := z.constant(e); c != nil {
			return z.constLen(c)
		}
	case *ast.CallExpr: // a conversion, or min and max
		var most uint64
		for _, a := range e.Args {
			most = max(most, z.strLen(a))
		}
		return most
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return 0
		}
		n, ok := z.lengths[e]
		if !ok {
			n = add(z.strLen(e.X), z.strLen(e.Y))
			z.lengths[e] = n
		}
		return n
	}
	return 0
}

func (z *sizer) constLen(c *constant) uint64 {
	if c.lengthState == 0 {
		c.lengthState = 1 // and 0 bytes: a constant that is made of itself is an error anyway
		if c.expr != nil {
			c.length = z.strLen(c.expr)
		}
	}
	return c.length
}
