package screen

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"strings"

	"github.com/hearthbot/hearth/host/verify/source"
)

// A file is one Go file with its syntax.
type file struct {
	source.File
	test bool // it is one of the tests that come from elsewhere
	fset *token.FileSet
	ast  *ast.File
}

// at is a place in the file. Line directives, which are refused, do not move it.
func (f *file) at(pos token.Pos) place {
	p := f.fset.PositionFor(pos, false)
	return place{f.Name, p.Line, p.Column}
}

// parse reads the Go files, and says whether all of them are Go.
func (s *screener) parse(files, tests []source.File) bool {
	fset := token.NewFileSet()
	before := len(s.found)
	deep := false
	add := func(list []source.File, test bool) {
		for _, f := range list {
			if goFile(f.Name) {
				f := &file{File: f, test: test, fset: fset}
				deep = !s.tokens(f) || deep
				s.files = append(s.files, f)
			}
		}
	}
	add(files, false)
	add(tests, true)
	if deep {
		return false
	}
	if len(s.files) == 0 {
		s.add(place{}, "empty", "there is no Go file")
		return false
	}
	for _, f := range s.files {
		// Identifiers are resolved within the file: sizes needs to know what a name
		// means where.
		var err error
		f.ast, err = parser.ParseFile(fset, f.Name, f.Text, parser.ParseComments)
		if err == nil {
			continue
		}
		list, _ := err.(scanner.ErrorList)
		list.RemoveMultiples()
		for i, e := range list {
			if i > 0 && strings.HasSuffix(e.Msg, "found 'EOF'") {
				continue // the parser lost its way at the error before
			}
			// Offsets, unlike lines and columns, obey no line directive.
			line, column := source.Place(f.Text, e.Pos.Offset)
			s.add(place{f.Name, line, column}, "syntax", "%s", e.Msg)
		}
		if len(list) == 0 {
			s.add(place{file: f.Name}, "syntax", "%s", err)
		}
	}
	return len(s.found) == before
}

// tokens reads a file's tokens: it refuses directives, and says whether the
// file is flat enough to be parsed.
func (s *screener) tokens(f *file) bool {
	fset := token.NewFileSet()
	tf := fset.AddFile(f.Name, fset.Base(), len(f.Text))
	where := func(pos token.Pos) place {
		line, column := source.Place(f.Text, tf.Offset(pos))
		return place{f.Name, line, column}
	}
	var sc scanner.Scanner
	sc.Init(tf, []byte(f.Text), func(token.Position, string) {}, scanner.ScanComments)
	open := []int{0} // tokens since the last comma or semicolon, for each level
	depth := 0       // their sum
	for {
		pos, tok, lit := sc.Scan()
		level := len(open) - 1
		switch tok {
		case token.EOF:
			return true
		case token.COMMENT:
			if what, why := refusedDirective(lit); why != "" {
				s.add(where(pos), "directive", "%s: %s", what, why)
			}
			continue
		case token.COMMA, token.SEMICOLON:
			depth -= open[level]
			open[level] = 0
			continue
		case token.LPAREN, token.LBRACK, token.LBRACE:
			open = append(open, 0)
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if level > 0 {
				depth -= open[level]
				open = open[:level]
			}
		}
		open[len(open)-1]++
		depth++
		switch {
		case len(open)-1 > MaxNesting:
			s.add(where(pos), "nesting", "brackets are nested more than %d deep", MaxNesting)
			return false
		case depth > MaxDepth:
			s.add(where(pos), "nesting", "this expression goes on for more than %d parts: divide it", MaxDepth)
			return false
		}
	}
}

// refusedDirective says which directive a comment is that cannot be had here,
// and why; "" if it is none of them.
func refusedDirective(comment string) (what, why string) {
	text, line := strings.CutPrefix(comment, "//")
	if !line {
		text = strings.TrimPrefix(comment, "/*")
	}
	if strings.HasPrefix(text, "line ") && strings.Contains(text, ":") {
		return comment[:2] + "line", "it changes where errors are said to be"
	}
	if !line || !strings.HasPrefix(text, "go:") {
		return "", ""
	}
	name := strings.Fields(text)[0]
	switch {
	case name == "go:embed":
		why = "there are no files to embed; write the text as a constant between backquotes"
	case name == "go:linkname":
		why = "it reaches into other packages"
	case name == "go:wasmimport", name == "go:wasmexport":
		why = "a program here talks to nobody but its standard input and output"
	case strings.HasPrefix(name, "go:cgo_"):
		why = "there is no C here"
	default:
		return "", ""
	}
	return "//" + source.Cut(name, 40), why
}
