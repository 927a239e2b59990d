package source

import (
	"fmt"
	"go/scanner"
	"go/token"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
)

// Bounds on a submission.
const (
	MaxSize  = 64 << 10 // bytes of all files together; the Go Playground's share has the same
	MaxFiles = 20       // as on the Go Playground
	MaxName  = 200      // bytes of a file's name
	MaxDepth = 20       // elements of a file's name

	// DefaultName is what a file is called that came without a name.
	DefaultName = "main.go"
)

// A ParseError says why a text is no submission. Its code is one of
// "source/size", "source/count", "source/name", "source/utf8", "source/nul" and
// "source/empty". A place without a file is one in the whole text as it came.
type ParseError struct{ Diagnostic }

func (e *ParseError) Error() string {
	where := e.File
	if e.Line > 0 {
		if where == "" {
			where = "line "
		} else {
			where += ":"
		}
		where += fmt.Sprint(e.Line)
		if e.Column > 0 {
			where += fmt.Sprintf(":%d", e.Column)
		}
	}
	if where == "" {
		return e.Message
	}
	return where + ": " + e.Message
}

func refuse(code, format string, args ...any) *ParseError {
	return &ParseError{Diagnostic{Severity: Error, Code: "source/" + code, Message: fmt.Sprintf(format, args...)}}
}

// Parse divides a text into the files of a submission. A text without markers
// is one file, called name ([DefaultName] if that is empty). In one with lines
// such as
//
//	-- stack/stack.go --
//
// a file follows each of them, as in golang.org/x/tools/txtar; what stands
// before the first is the file called name, unless it is only comments.
//
// The files are in the order of the text and hold to what [Check] demands. The
// error is a [*ParseError].
func Parse(name, text string) ([]File, error) {
	if name == "" {
		name = DefaultName
	}
	if len(text) > MaxSize {
		return nil, tooLarge(len(text))
	}
	a := txtar.Parse([]byte(text))
	if len(a.Files) == 0 {
		files := []File{{Name: name, Text: text}}
		return files, Check(files)
	}
	var files []File
	var lines []int // of each file's marker, 0 for the file without one
	line := 1
	if head := string(a.Comment); !onlyComments(head) {
		files, lines = append(files, File{Name: name, Text: head}), append(lines, 0)
	}
	line += strings.Count(string(a.Comment), "\n")
	for _, f := range a.Files {
		files, lines = append(files, File{Name: f.Name, Text: string(f.Data)}), append(lines, line)
		line += 1 + strings.Count(string(f.Data), "\n")
	}
	if i, err := check(files); err != nil {
		if i >= 0 && err.File == "" {
			err.Line = lines[i]
		}
		return nil, err
	}
	return files, nil
}

// onlyComments says whether s is nothing but Go comments and white space.
func onlyComments(s string) bool {
	fset := token.NewFileSet()
	var sc scanner.Scanner
	sc.Init(fset.AddFile("", fset.Base(), len(s)), []byte(s), nil, 0)
	_, tok, _ := sc.Scan()
	return tok == token.EOF
}

// Check says whether files can be a submission: how many and how large they
// are, that names stay below the root and are told apart on every system, and
// that texts are UTF-8 without NUL. The error is a [*ParseError], about the
// first thing that is wrong.
func Check(files []File) error {
	if _, err := check(files); err != nil {
		return err
	}
	return nil
}

// check also returns the index of the file the error is about, or -1.
func check(files []File) (int, *ParseError) {
	if len(files) > MaxFiles {
		return -1, refuse("count", "%d files are more than %d", len(files), MaxFiles)
	}
	size, blank := 0, true
	seen := map[string]string{}
	for i, f := range files {
		size += len(f.Text)
		blank = blank && strings.TrimSpace(f.Text) == ""
		if err := checkName(f.Name); err != nil {
			return i, err
		}
		folded := strings.ToLower(f.Name)
		if other, ok := seen[folded]; ok {
			if other == f.Name {
				return i, refuse("name", "there are two files called %s", f.Name)
			}
			return i, refuse("name", "%s and %s differ in upper and lower case only", other, f.Name)
		}
		seen[folded] = f.Name
	}
	if size > MaxSize {
		return -1, tooLarge(size)
	}
	if blank {
		return -1, refuse("empty", "there is no code")
	}
	for i, f := range files {
		if err := checkText(f); err != nil {
			return i, err
		}
	}
	return -1, nil
}

func tooLarge(size int) *ParseError {
	return refuse("size", "%d bytes are more than %d KiB", size, MaxSize>>10)
}

func checkName(name string) *ParseError {
	bad := func(why string) *ParseError { return refuse("name", "file name %q: %s", Cut(name, 60), why) }
	switch {
	case name == "":
		return bad("it is empty")
	case len(name) > MaxName:
		return bad(fmt.Sprintf("it has more than %d bytes", MaxName))
	case !utf8.ValidString(name):
		return bad("it is not UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return bad("it has a character that cannot be seen")
	case strings.Contains(name, `\`):
		return bad("directories are divided by /")
	case strings.Contains(name, ":"):
		return bad("it has a colon")
	case strings.HasPrefix(name, "/"):
		return bad("it must not begin with /")
	}
	elems := strings.Split(name, "/")
	if len(elems) > MaxDepth {
		return bad(fmt.Sprintf("it is more than %d directories deep", MaxDepth))
	}
	for _, e := range elems {
		switch {
		case e == "":
			return bad("it has an empty element")
		case e == "." || e == "..":
			return bad(". and .. are no names here")
		}
	}
	return nil
}

func checkText(f File) *ParseError {
	code, what, at := "utf8", "a byte that is not UTF-8", invalid(f.Text)
	if nul := strings.IndexByte(f.Text, 0); nul >= 0 && (at < 0 || nul < at) {
		code, what, at = "nul", "a NUL byte", nul
	}
	if at < 0 {
		return nil
	}
	err := refuse(code, "%s", what)
	err.File = f.Name
	err.Line, err.Column = Place(f.Text, at)
	return err
}

// invalid is the offset of the first byte of s that is not UTF-8, or -1.
func invalid(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return -1
}

// Place is the line and the column, in bytes, of an offset in text; both count
// from 1.
func Place(text string, offset int) (line, column int) {
	before := text[:min(max(offset, 0), len(text))]
	return 1 + strings.Count(before, "\n"), len(before) - strings.LastIndexByte(before, '\n')
}

// Cut shortens s to at most max bytes (at least 3), ending in "…" if anything
// was cut off, and never within a character.
func Cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	end := max - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
