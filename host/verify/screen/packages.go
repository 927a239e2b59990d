package screen

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// packages checks the package clauses: one package, which can be run or has
// tests.
func (s *screener) packages() {
	name, of := "", (*file)(nil)
	tested := s.tests
	for i := len(s.files) - 1; i >= 0; i-- { // what tests or the first file say is what holds
		f := s.files[i]
		tested = tested || testFile(f.Name)
		if of == nil || !of.test {
			name, of = f.ast.Name.Name, f
		}
	}
	for _, f := range s.files {
		if !built(f.Name, f.Text) {
			s.add(place{file: f.Name}, "build", "its //go:build line leaves this file out here, where the system is wasip1 and the processor wasm: take the line out")
		}
		got := f.ast.Name.Name
		at := f.at(f.ast.Name.Pos())
		switch {
		case got == name:
		case testFile(f.Name) && got == name+"_test":
			s.add(at, "package", "tests stand in the package they test: write package %s", name)
		case of.test:
			s.add(at, "package", "the task's tests are in package %s: begin the file with package %s", name, name)
		default:
			s.add(at, "package", "found packages %s (%s) and %s (%s): all files are one package", name, of.Name, got, f.Name)
		}
	}
	if tested || s.rules.Library {
		s.testMain()
		return
	}
	if name != "main" {
		s.add(of.at(of.ast.Name.Pos()), "package", "package %s is not a main package: a program begins with package main", name)
		return
	}
	s.main(of)
}

// main checks that there is something to run.
func (s *screener) main(first *file) {
	var test *ast.FuncDecl
	for _, f := range s.files {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			switch {
			case !ok || fn.Recv != nil:
			case fn.Name.Name == "main":
				return
			case test == nil && isTest(fn):
				test = fn
			}
		}
	}
	if test != nil {
		s.add(first.at(test.Pos()), "main", "function main is undeclared in the main package: to run %s as a test, its file's name must end in _test.go (write -- main_test.go -- on a line above it)", test.Name.Name)
		return
	}
	s.add(place{file: first.Name}, "main", "function main is undeclared in the main package")
}

// isTest says whether fn looks as a test does.
func isTest(fn *ast.FuncDecl) bool {
	return strings.HasPrefix(fn.Name.Name, "Test") && fn.Type.Params.NumFields() == 1
}

// testMain checks that a submission with other's tests does not run them
// itself, nor has files of the same names.
func (s *screener) testMain() {
	if !s.tests {
		return
	}
	theirs := map[string]bool{}
	for _, f := range s.files {
		if f.test {
			theirs[strings.ToLower(f.Name)] = true
		}
	}
	for _, f := range s.files {
		if f.test {
			continue
		}
		if theirs[strings.ToLower(f.Name)] {
			s.add(place{file: f.Name}, "clash", "the task brings a file of this name: rename yours")
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "TestMain" {
				s.add(f.at(fn.Name.Pos()), "clash", "the task runs its own tests: leave TestMain out")
			}
		}
	}
}

// imports checks what is imported.
func (s *screener) imports() {
	for _, f := range s.files {
		for _, im := range f.ast.Imports {
			at := f.at(im.Path.Pos())
			path, err := strconv.Unquote(im.Path.Value)
			switch {
			case err != nil || path == "":
				s.add(at, "import", "invalid import path %s", im.Path.Value)
			case path == "C":
				s.add(at, "cgo", `import "C" needs a C compiler, and there is none here: write it in Go`)
			case path == "unsafe":
				if !s.rules.Unsafe || s.tests && !f.test {
					s.add(at, "unsafe", "package unsafe cannot be used here")
				}
			case !s.rules.Imports(path):
				s.add(at, "import", "%s", whyNot(path))
			}
		}
	}
}

// declarations checks how many of them there are, and what stands in them.
func (s *screener) declarations() {
	var n counts
	for _, f := range s.files {
		for _, d := range f.ast.Decls {
			before := n.statements
			n.add(d)
			if many := n.statements - before; many > MaxStatements {
				s.add(f.at(d.Pos()), "size", "this function has %d statements, more than %d: divide it", many, MaxStatements)
			}
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body == nil {
				s.add(f.at(fn.Name.Pos()), "body", "missing function body")
			}
		}
	}
	if n.names > MaxNames {
		s.add(place{}, "size", "the package declares %d names, more than %d", n.names, MaxNames)
	}
	if n.asked*(n.methods+n.fields)*n.statements > MaxMethodWork {
		s.add(place{}, "size", "there are too many methods: interfaces have %d, types have %d", n.asked, n.methods)
	}
	if (n.initial+n.functions)*(n.variables+n.functions) > MaxInitWork {
		s.add(place{}, "size", "there are too many package variables (%d) and functions (%d) that may depend on each other", n.variables, n.functions)
	}
}

// counts are what the type checker's time depends on.
type counts struct {
	names      int // declared by the package
	statements int
	functions  int // with methods
	methods    int
	fields     int // of structs
	asked      int // methods and other elements of interfaces
	variables  int // of the package
	initial    int // those of them that are initialised by more than a literal
}

func (n *counts) add(d ast.Decl) {
	n.names += declared(d)
	switch d := d.(type) {
	case *ast.FuncDecl:
		n.functions++
		if d.Recv != nil {
			n.methods++
		}
	case *ast.GenDecl:
		if d.Tok == token.VAR {
			for _, spec := range d.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				n.variables += len(v.Names)
				for _, x := range v.Values {
					if _, literal := x.(*ast.BasicLit); !literal {
						n.initial++
					}
				}
			}
		}
	}
	ast.Inspect(d, func(node ast.Node) bool {
		switch node := node.(type) {
		case ast.Stmt:
			n.statements++
		case *ast.InterfaceType:
			n.asked += node.Methods.NumFields()
		case *ast.StructType:
			n.fields += node.Fields.NumFields()
		}
		return true
	})
}

// declared is the number of names that a declaration of the package declares.
func declared(d ast.Decl) int {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok == token.IMPORT {
		return 1
	}
	n := 0
	for _, spec := range g.Specs {
		if v, ok := spec.(*ast.ValueSpec); ok {
			n += len(v.Names)
		} else {
			n++
		}
	}
	return n
}
