package check

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/verify/source"
)

// check runs the type checker and returns its errors.
func (p *program) check(imp types.Importer) []source.Diagnostic {
	p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Scopes: map[ast.Node]*types.Scope{}, Implicits: map[ast.Node]types.Object{},
		Instances: map[*ast.Ident]types.Instance{}, FileVersions: map[*ast.File]string{}}
	var found []source.Diagnostic
	conf := types.Config{Importer: imp, Sizes: sizes(), GoVersion: GoVersion, Error: func(err error) {
		var e types.Error
		if !errors.As(err, &e) {
			e = types.Error{Fset: p.fset, Msg: err.Error()}
		}
		// What begins with a tab belongs to the error before it.
		if more, ok := strings.CutPrefix(e.Msg, "\t"); ok && len(found) > 0 {
			at := p.fset.PositionFor(e.Pos, false)
			found[len(found)-1].Message += fmt.Sprintf("\n\t%s:%d:%d: %s", at.Filename, at.Line, at.Column, source.Cut(more, maxMessage))
			return
		}
		if len(found) < 50*MaxErrors {
			found = append(found, p.diagnostic(source.Error, e.Pos, codeOf(e), e.Msg))
		}
	}}
	pkg, err := conf.Check(p.path, p.fset, p.syntax(), p.info)
	p.pkg = pkg
	if err != nil && len(found) == 0 {
		found = append(found, p.diagnostic(source.Error, token.NoPos, "", err.Error()))
	}
	return p.tidy(found)
}

func sizes() types.Sizes { return types.SizesFor("gc", "wasm") }

// maxMessage bounds a message: a type can have a long name.
const maxMessage = 1000

func (p *program) diagnostic(s source.Severity, pos token.Pos, code, message string) source.Diagnostic {
	d := source.Diagnostic{Severity: s, Code: code, Message: source.Cut(message, maxMessage)}
	if at := p.fset.PositionFor(pos, false); at.IsValid() && at.Filename != "" {
		d.File, d.Line, d.Column = at.Filename, at.Line, at.Column
	}
	return d
}

// tidy brings diagnostics in order and keeps the first ten. It drops what says
// the same again, and unused variables on a line that has another error: they
// are often unused because of it.
func (p *program) tidy(ds []source.Diagnostic) []source.Diagnostic {
	order := map[string]int{}
	for i, u := range p.asts {
		order[u.name] = i
		if u.test {
			order[u.name] += len(p.asts)
		}
	}
	slices.SortStableFunc(ds, func(a, b source.Diagnostic) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	type line struct {
		file string
		line int
	}
	wrong := map[line]bool{} // lines with an error other than an unused variable
	for _, d := range ds {
		if d.Code != "UnusedVar" {
			wrong[line{d.File, d.Line}] = true
		}
	}
	type claim struct{ file, code, message string }
	said := map[claim]bool{}
	var out []source.Diagnostic
	for _, d := range ds {
		c := claim{d.File, d.Code, d.Message}
		if said[c] || d.Code == "UnusedVar" && wrong[line{d.File, d.Line}] {
			continue
		}
		said[c] = true
		out = append(out, d)
	}
	return out[:min(len(out), MaxErrors)]
}

// codeOf is the name of a type error's code. The type checker has it in a field
// that is not exported; gopls reads it the same way.
func codeOf(e types.Error) string {
	f := reflect.ValueOf(e).FieldByName("go116code")
	if !f.IsValid() || !f.CanInt() {
		return "TypeError"
	}
	if name := codes[f.Int()]; name != "" {
		return name
	}
	return "TypeError"
}

// unsafe refuses, where there are tests from elsewhere, what gives a pointer to
// anything without importing unsafe: through reflect.NewAt a program could
// write what the tests found.
func (p *program) unsafe() (out []source.Diagnostic) {
	if !slices.ContainsFunc(p.asts, func(u *unit) bool { return u.test }) {
		return nil
	}
	for _, u := range p.asts {
		if u.test {
			continue
		}
		ast.Inspect(u.File, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				if obj := p.info.Uses[id]; obj != nil && obj.Pkg() != p.pkg && hasUnsafe(obj.Type(), 0) {
					out = append(out, p.diagnostic(source.Error, id.Pos(), "check/unsafe", id.Name+" works with unsafe pointers and cannot be used in a task"))
				}
			}
			return true
		})
	}
	return p.tidy(out)
}

// hasUnsafe says whether a value of type t takes or gives an unsafe pointer.
func hasUnsafe(t types.Type, depth int) bool {
	if t == nil || depth > 4 {
		return false
	}
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		return t.Kind() == types.UnsafePointer
	case *types.Pointer:
		return hasUnsafe(t.Elem(), depth+1)
	case *types.Slice:
		return hasUnsafe(t.Elem(), depth+1)
	case *types.Signature:
		for _, vars := range []*types.Tuple{t.Params(), t.Results()} {
			for i := range vars.Len() {
				if hasUnsafe(vars.At(i).Type(), depth+1) {
					return true
				}
			}
		}
	}
	return false
}
