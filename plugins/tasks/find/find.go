// Package find owns where Go code is found in what somebody posts in a chat:
// between fences, in a txtar archive, in attached files, or as the whole of the
// message. What somebody quotes is never code to run, nor is a difference
// between two versions.
//
// It must not know Go's grammar: code that is found may well be wrong, and is
// passed on as it was written, typographic quotes included. It keeps no state,
// and takes time in proportion to the text's length.
package find

import (
	"slices"
	"strings"
)

// Bounds of what is looked at.
const (
	MaxText  = 256 << 10 // of a message and its attachments: a longer one is not looked at
	MaxCode  = 64 << 10  // of all files that are found
	MaxFiles = 20

	maxBlocks = 32
)

// File is a file by its name: one of the code's, or one that was attached.
type File struct{ Name, Text string }

// How says where code was found.
type How string

// Where code is found.
const (
	Fenced   How = "fenced"   // between fences
	Archive  How = "archive"  // in a txtar archive, fenced or not
	Heredoc  How = "heredoc"  // in shell lines: cat > main.go <<EOF
	Attached How = "attached" // in files
	Whole    How = "whole"    // the message is code
)

// Why says why there is no code.
type Why string

// Why there is no code to run.
const (
	None    Why = "none"   // nothing looks like it
	Quoted  Why = "quoted" // all that there is was said by somebody else
	Diff    Why = "diff"   // it is a difference between two versions
	NotGo   Why = "not_go" // it is code, of another language or of a terminal
	TooLong Why = "too_long"
)

// Found is the code of a message, or why there is none.
type Found struct {
	Files []File // at least one, unless Why says why not
	How   How
	Why   Why

	// More says that there was other code, which was left out: of several whole
	// programs the last one counts.
	More bool
}

// Find finds the code of a message and of the files that are attached to it.
func Find(text string, attached ...File) Found { return find(text, attached, false) }

// Asked is Find for text that stands behind a command which takes code: what
// is no fence and no program is taken for code all the same, unless it is
// quoted.
func Asked(text string, attached ...File) Found { return find(text, attached, true) }

func find(text string, attached []File, asked bool) Found {
	size := len(text)
	for _, f := range attached {
		size += len(f.Text)
	}
	if size > MaxText {
		return Found{Why: TooLong}
	}
	f, why := inFiles(attached)
	if why == "" {
		return f.bounded()
	}
	m := read(strings.ReplaceAll(text, "\r\n", "\n"))
	if f, why = m.find(asked); why == "" {
		return f.bounded()
	}
	return Found{Why: why}
}

// bounded is f, unless it is too much to run.
func (f Found) bounded() Found {
	size := 0
	for _, file := range f.Files {
		size += len(file.Text)
	}
	if size > MaxCode || len(f.Files) > MaxFiles {
		return Found{Why: TooLong}
	}
	return f
}

// inFiles takes attached files: Go files by their name, and what else is a text
// that reads like Go or like an archive.
func inFiles(attached []File) (Found, Why) {
	var files []File
	for _, a := range attached {
		a.Text = strings.ReplaceAll(a.Text, "\r\n", "\n")
		name := fileName(a.Name)
		switch {
		case a.Text == "" || isDiff(a.Text):
		case strings.HasSuffix(name, ".go"):
			files = add(files, File{name, a.Text})
		case isArchive(a.Text):
			if f, ok := archive(a.Text); ok {
				return f, ""
			}
		case hasPackage(a.Text):
			files = add(files, File{"", a.Text})
		}
	}
	if len(files) == 0 {
		return Found{}, None
	}
	return Found{Files: named(files, ""), How: Attached}, ""
}

// find looks where code may be in a message that was taken apart.
func (m *message) find(asked bool) (Found, Why) {
	var (
		code  []block
		other Why
	)
	for _, b := range m.blocks {
		if isArchive(b.text) {
			if f, ok := archive(b.text); ok {
				return f, ""
			}
		}
		if file, ok := heredoc(b.text); ok {
			return Found{Files: []File{file}, How: Heredoc}, ""
		}
		switch b.verdict() {
		case "":
			code = append(code, b)
		case Diff:
			other = Diff
		case NotGo:
			if other == "" {
				other = NotGo
			}
		}
	}
	if len(code) > 0 {
		return choose(code, m.runs), ""
	}
	rest := m.rest
	if isArchive(rest) {
		if f, ok := archive(rest); ok {
			return f, ""
		}
	}
	if file, ok := heredoc(rest); ok {
		return Found{Files: []File{file}, How: Heredoc}, ""
	}
	switch text := whole(rest); {
	case isDiff(rest):
		return Found{}, Diff
	case text != "":
		return Found{Files: named([]File{{"", text}}, m.runs), How: Whole}, ""
	case other != "":
		return Found{}, other
	case asked && strings.TrimSpace(rest) != "":
		return Found{Files: []File{{"main.go", strings.Trim(strings.TrimSpace(rest), "`")}}, How: Whole}, ""
	case m.quoted:
		return Found{}, Quoted
	}
	return Found{}, None
}

// choose makes files of blocks of Go. Blocks that belong to one package are its
// files; of several programs the last one counts; pieces without a package
// clause, where there is nothing else.
func choose(blocks []block, runs string) Found {
	var whole, pieces []block
	for _, b := range blocks {
		if hasPackage(b.text) {
			whole = append(whole, b)
		} else {
			pieces = append(pieces, b)
		}
	}
	if len(whole) == 0 {
		b := pieces[len(pieces)-1]
		return Found{Files: named([]File{{b.name, b.text}}, runs), How: Fenced, More: len(pieces) > 1}
	}
	// From the last one back: what is of its package, and no second program, nor
	// an older wording of the same file, is part of it.
	last := whole[len(whole)-1]
	files := []File{{last.name, last.text}}
	main := hasMain(last.text)
	more := false
	for _, b := range slices.Backward(whole[:len(whole)-1]) {
		taken := b.name != "" && slices.ContainsFunc(files, func(f File) bool { return f.Name == b.name })
		apart := strings.Contains(b.name, "/") && !taken // a package of its own, by its folder
		if !apart && (taken || packageOf(b.text) != packageOf(last.text) || main && hasMain(b.text)) {
			more = true
			continue
		}
		main = main || hasMain(b.text)
		files = append(files, File{b.name, b.text})
	}
	slices.Reverse(files)
	return Found{Files: named(files, runs), How: Fenced, More: more}
}

// add adds a file, or puts it in the place of one of its name.
func add(files []File, f File) []File {
	for i := range files {
		if f.Name != "" && files[i].Name == f.Name {
			files[i] = f
			return files
		}
	}
	return append(files, f)
}
